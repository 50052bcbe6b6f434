"""Changes to media objects: added, changed, brought back, deleted.

Every call re-checks what it is about to change. Bytes come before names: what the bucket did not get (`missing`) is
not named by any object.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.applier.disk import MediaFolder
from syncd.applier.family import FamilyObjects
from syncd.applier.ledger import Ledger
from syncd.applier.rivals import Rivals
from syncd.errors import MovedOn, Refused
from syncd.gramps.mime import mime_of
from syncd.model import Checksum, FolderFile, Link, MediaObject, MediaPath, Problem
from syncd.model.paths import is_server_name
from syncd.model.plan import (
    AddObject,
    Before,
    DeleteObject,
    Done,
    Notice,
    RestoreObject,
    UpdateObject,
    Waiting,
    Why,
)
from syncd.model.policy import OnWeb
from syncd.model.values import look_for_copy
from syncd.ports import (
    AlreadyThere,
    Catalog,
    Changed,
    Made,
    NewObject,
    ObjectChange,
    Progress,
    Rejected,
)
from syncd.state import Intent

_CHANGED_MEANWHILE = "changed in Gramps Web meanwhile; the next run looks again"
BATCH = 1000
"""Objects that are added or changed before it is written down; how many travel at once is Gramps Web's pace."""


@dataclass(frozen=True, slots=True)
class NewObjects:
    """How new objects look beyond their file: `[new_objects]` of the configuration."""

    private: bool = False
    tag: str = ""


def new_object(
    file: FolderFile, handle: str, named: str, *, private: bool, tags: tuple[str, ...]
) -> NewObject:
    """How the object of a file looks when it is made."""
    return NewObject(
        handle=handle,
        path=named,
        checksum=file.checksum,
        mime=mime_of(file.path.name),
        desc=MediaPath.of(file.path.key).stem,
        private=private,
        tags=tags,
    )


class WebChanges:
    """Carries out what a plan changes in Gramps Web.

    Args:
        family: how the objects look that Gramps Desktop has.
        rivals: what others did since the plan's look at Gramps Web.
        may_strip: handles whose deletion a person approved although records refer to the object.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        rivals: Rivals,
        folder: MediaFolder,
        ledger: Ledger,
        progress: Progress,
        family: FamilyObjects,
        new_objects: NewObjects,
        on_web: OnWeb,
        may_strip: frozenset[str],
    ) -> None:
        self._catalog = catalog
        self._rivals = rivals
        self._folder = folder
        self._ledger = ledger
        self._progress = progress
        self._family = family
        self._new_objects = new_objects
        self._on_web = on_web
        self._may_strip = may_strip

    # --- add ------------------------------------------------------------------------------------------------------

    def add(self, actions: Sequence[AddObject], *, counted: bool = True) -> None:
        """Create objects, journaled first: after a crash or a lost answer none is made twice.

        What somebody else seems to have added since the look is left for the next one.

        Args:
            actions: the objects.
            counted: whether the display counts them; not while it counts files that are being sent.
        """
        if not actions:
            return
        own = [action for action in actions if not action.from_desktop]
        tags = (self._catalog.tag(self._new_objects.tag),) if own and self._new_objects.tag else ()
        new = self._family.prepare([action for action in actions if action.from_desktop])
        new |= {action.link.handle: self._new_object(action, tags) for action in own}
        ready = [action for action in actions if action.link.handle in new]
        for start in range(0, len(ready), BATCH):
            if self._ledger.fatal is None:
                self._add_batch(self._unrivalled(ready[start : start + BATCH]), new, counted=counted)

    def _unrivalled(self, actions: Sequence[AddObject]) -> Sequence[AddObject]:
        """Those that nobody else seems to have added since the plan's look; the others wait."""
        self._rivals.look()
        alone: list[AddObject] = []
        for action in actions:
            if self._rivals.has(action):
                waiting = Waiting(_CHANGED_MEANWHILE, str(action.file.path), action.link.handle)
                self._ledger.waiting.append(waiting)
            else:
                alone.append(action)
        return alone

    def _add_batch(
        self, actions: Sequence[AddObject], new: Mapping[str, NewObject], *, counted: bool
    ) -> None:
        if not actions:
            return
        state = self._ledger.state
        intents = state.begin_many(_intent(action) for action in actions)
        answers = self._catalog.create([new[action.link.handle] for action in actions])
        for action, intent, answer in zip(actions, intents, answers, strict=True):
            if isinstance(answer, Rejected):
                self._ledger.reject(action, replace(answer.problem, path=str(action.file.path)))
                self._ledger.note(intents=[intent])
            elif isinstance(answer, AlreadyThere) and not _is_same(answer.object, action):
                waiting = Waiting(_CHANGED_MEANWHILE, str(action.file.path), action.link.handle)
                self._ledger.waiting.append(waiting)
                self._ledger.note(intents=[intent])
            else:
                if isinstance(answer, Made):
                    self._family.made(action, answer)
                self._rivals.made(action.link.handle)
                self._progress.advance(files=int(counted))
                self._ledger.note(
                    _done("added", action.file, action.link.handle, action.why),
                    links=[action.link],
                    intents=[intent],
                )
                state.drop_undos([action.link.handle])  # no older object of this handle can come back now

    def _new_object(self, action: AddObject, tags: tuple[str, ...]) -> NewObject:
        return new_object(
            action.file, action.link.handle, action.link.named, private=self._new_objects.private, tags=tags
        )

    def complete(self, objects: Mapping[str, MediaObject]) -> None:
        """Add to objects of Gramps Desktop what they refer to and Gramps Web did not have before."""
        self._family.complete(objects)

    # --- change ---------------------------------------------------------------------------------------------------

    def update(self, actions: Sequence[UpdateObject]) -> None:
        """Give objects another path or checksum; every other field stays."""
        for start in range(0, len(actions), BATCH):
            if self._ledger.fatal is not None:
                return
            batch = actions[start : start + BATCH]
            intents = self._ledger.state.begin_many(_change_intent(action) for action in batch)
            links = self._ledger.state.links_of({action.expected.handle for action in batch})
            places = {link.handle: link.path for link in links}
            answers = self._catalog.update([_change(action) for action in batch])
            unchanged = [
                intent
                for action, intent, answer in zip(batch, intents, answers, strict=True)
                if not self._updated(action, intent, answer, places.get(action.expected.handle))
            ]
            self._ledger.state.finish(unchanged)

    def _updated(
        self,
        action: UpdateObject,
        intent: int,
        answer: Made | Changed | Rejected,
        place: MediaPath | None,
    ) -> bool:
        """Take an answer down; False when nothing was changed. `place`: where the file was before."""
        path, handle = str(action.file.path), action.expected.handle
        if isinstance(answer, Rejected):
            self._ledger.reject(action, replace(answer.problem, path=path, handle=handle))
            return False
        if isinstance(answer, Changed):
            self._ledger.waiting.append(Waiting(_CHANGED_MEANWHILE, path, handle))
            return False
        renamed = action.path != action.expected.path
        kind = "moved" if renamed and action.checksum == action.expected.digest else "updated"
        self._progress.advance(files=1)
        self._ledger.note(
            _done(kind, action.file, handle, action.why),
            before=_before(action, place),
            links=[action.link],
            intents=[intent],
        )
        return True

    def restore(self, action: RestoreObject) -> None:
        """Bring an object back, by the server's history if it can, else anew under its handle."""

        def work() -> None:
            if self._catalog.get(action.link.handle) is not None:
                # Somebody was faster, with content of theirs perhaps: that is to be merged, not overwritten.
                raise MovedOn(_CHANGED_MEANWHILE)
            if action.why is Why.CAME_BACK:
                # Were the object there without a link, a crash later, its file could get a second one.
                self._ledger.state.put_links([replace(action.link, restore=True)])
            item = self._bring_back(action) or self._create_again(action)
            item = self._agree(item, action)
            self._ledger.state.drop_undos([item.handle])
            # Moved before it was deleted: that is news, which the next pass carries over.
            named = action.link.named if action.path is None and action.link.named else item.path
            link = replace(action.link, named=named)
            self._progress.advance(files=1)
            self._ledger.note(_done("restored", action.file, item.handle, action.why), links=[link])

        self._ledger.attempt(action, str(action.file.path), action.link.handle, work)

    def _bring_back(self, action: RestoreObject) -> MediaObject | None:
        """The object as it was, by the server's history, else by its answer to the deletion; None if neither knows it."""
        handle = action.link.handle
        try:
            item = self._catalog.restore(handle)
            undo = self._ledger.state.undo_for(handle) if item is None else None
            if undo is not None and undo.undo:
                self._catalog.undo(undo.undo)
                item = self._catalog.get(handle)
        except Refused as error:
            if action.why is not Why.CAME_BACK:
                raise
            problem = Problem(
                f"its description and references could not be brought back in Gramps Web: {error.reason}",
                "look for them in the history of Gramps Web; the file has an object again",
                str(action.file.path),
                handle,
            )
            self._ledger.problems.append(problem)
            return None
        return item

    def _create_again(self, action: RestoreObject) -> MediaObject:
        path = action.file.path
        new = NewObject(
            handle=action.link.handle,
            path=action.path or action.link.named or path.key,
            checksum=action.file.checksum,
            mime=mime_of(path.name),
            desc=MediaPath.of(path.key).stem,
            private=self._new_objects.private,
        )
        (answer,) = self._catalog.create([new])
        if isinstance(answer, Rejected):
            raise Refused(answer.problem.reason, answer.problem.remedy)
        return answer.object

    def _agree(self, item: MediaObject, action: RestoreObject) -> MediaObject:
        """Give a restored object the folder's content, and the name that it shall have."""
        wanted = action.path
        if wanted is None and is_server_name(item.path, item.digest):
            # With other bytes nobody could tell that name from a person's any more.
            wanted = action.link.named or None
        path = wanted if wanted != item.path else None
        checksum = action.file.checksum if action.file.checksum != item.checksum else None
        if path is None and checksum is None:
            return item
        (answer,) = self._catalog.update([ObjectChange(item, path=path, checksum=checksum)])
        if isinstance(answer, Made):
            return answer.object
        if isinstance(answer, Rejected):
            raise Refused(answer.problem.reason, answer.problem.remedy)
        raise MovedOn(_CHANGED_MEANWHILE)

    # --- delete ---------------------------------------------------------------------------------------------------

    def _is_held(self, holder: FolderFile | None) -> bool:
        """Whether a path still has the other file that was moved there over the deleted one."""
        if holder is None:
            return False
        try:
            with self._folder.open_verified(holder):
                return True
        except MovedOn:
            return False

    def delete(self, action: DeleteObject, *, is_lost: bool = False) -> None:
        """Delete an object whose file is gone; a reference made this very second undoes it at once.

        `is_lost`: nobody has its bytes any more, which is told.
        """
        handle, why = action.expected.handle, Why.LOST_FILE if is_lost else action.why

        def work() -> None:
            if self._folder.holds_file(action.link.place) and not self._is_held(action.holder):
                raise MovedOn("the file is back in the folder; the next run looks again")
            spared = self._on_web is OnWeb.UNREFERENCED and handle not in self._may_strip
            if spared and any(self._catalog.references(handle).values()):
                raise MovedOn(
                    "something in Gramps Web refers to it since a moment ago; the next run holds it"
                )
            # Killed before the answer is written down, the next look must know whose deletion it was: one of ours
            # is taken back when the file comes back, one of somebody's in Gramps Web would send that file to the trash.
            # If nothing comes of it, the next look sees the object and drops the intent.
            intent = self._ledger.state.begin(
                "delete",
                path=action.link.path.text,
                handle=handle,
                checksum=action.link.checksum,
                detail={"named": action.expected.path},
            )
            answer = self._catalog.delete(action.expected)
            if isinstance(answer, Changed):
                raise MovedOn(_CHANGED_MEANWHILE)
            if spared and answer.touched:
                self._catalog.undo(answer.undo)
                raise MovedOn(
                    "something in Gramps Web refers to it since a moment ago; the deletion was undone"
                )
            self._ledger.state.add_undo(
                handle,
                action.link.path.text,
                action.link.checksum,
                answer.undo,
                time.time(),
                named=action.expected.path,
                why=why,
            )
            if is_lost:
                self._ledger.notices.append(_loss(action.link))
            self._progress.advance(files=1)
            done = Done("deleted", str(action.link.path), handle, action.link.checksum, None, why)
            before = Before(named=action.expected.path)
            self._ledger.note(done, before=before, dropped=[handle], intents=[intent])

        self._ledger.attempt(action, str(action.link.path), handle, work)


def _loss(link: Link) -> Notice:
    """What to do about a file that was deleted when nobody else had its bytes."""
    return Notice(
        "nobody here has its bytes any more, so it cannot be brought back: if it was not to go,"
        f" {look_for_copy(link.checksum)}. Put back into the media folder under its name, it"
        " gets its media object back, with all that refers to it",
        str(link.path),
        link.handle,
    )


def _intent(action: AddObject) -> Intent:
    return Intent(
        "add",
        path=action.file.path.text,
        handle=action.link.handle,
        checksum=action.file.checksum,
        detail={"named": action.link.named},
    )


def _change_intent(action: UpdateObject) -> Intent:
    """Killed before the answer is written down, the next look must know whose change it was: see `settling`."""
    link = action.link
    after = {"named": link.named, "path": action.path, "checksum": str(action.checksum)}
    return Intent("update", path=link.path.text, handle=link.handle, checksum=link.checksum, detail=after)


def _is_same(item: MediaObject, action: AddObject) -> bool:
    """Whether an object that has our handle is the one that we were to make (an earlier answer was lost)."""
    return item.digest == action.file.checksum and item.path == action.link.named


def _change(action: UpdateObject) -> ObjectChange:
    path = action.path if action.path != action.expected.path else None
    checksum: Checksum | None = action.checksum if action.checksum != action.expected.checksum else None
    return ObjectChange(action.expected, path=path, checksum=checksum)


def _before(action: UpdateObject, place: MediaPath | None) -> Before:
    """What an object named before it was changed, and where its file was."""
    was = action.expected
    return Before(
        path=place.text if place is not None and place != action.link.path else None,
        named=was.path if was.path != action.path else None,
        checksum=was.checksum if was.checksum != action.checksum else None,
    )


def _done(kind: str, file: FolderFile, handle: str, why: str) -> Done:
    return Done(kind, str(file.path), handle, file.checksum, file.size, why)
