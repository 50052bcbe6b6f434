"""Media objects that Gramps Desktop has, on their way to Gramps Web: with all their fields, under their handles.

Gramps Web would take a reference to a record that it does not have, and trip over it for ever after. So it is asked
first; what it lacks is left out, remembered *before* the object is made (a crash in between loses nothing), and added
when the record is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from syncd.applier.ledger import Ledger
from syncd.errors import Refused, Unexpected
from syncd.gramps import referring
from syncd.gramps.mime import mime_of
from syncd.model import MediaObject, Problem
from syncd.model.plan import AddObject, Done, Notice, Waiting, Why
from syncd.model.references import Record, Reference
from syncd.ports import Catalog, Changed, DesktopTree, Made, NewObject, ObjectChange, Rejected, UpdateAnswer

_VANISHED = "Gramps Desktop no longer has the media object, or writes it just now; the next run looks again"
_LOOKED_AT = "references-looked-at"

Form = Mapping[str, Any]
Lacking = Mapping[Record, frozenset[str]]
References = Mapping[str, tuple[Reference, ...]]
"""By the handle of the media object that has, or is to have, them."""


class FamilyObjects:
    """Makes Gramps Desktop's media objects in Gramps Web, and completes them later.

    Args:
        catalog: Gramps Web.
        desktop: the family tree on this machine; None where none is configured (any more).
        ledger: what is done, is told, and fails.
    """

    def __init__(self, catalog: Catalog, desktop: DesktopTree | None, ledger: Ledger) -> None:
        self._catalog = catalog
        self._desktop = desktop
        self._ledger = ledger
        self._state = ledger.state

    # --- making ---------------------------------------------------------------------------------------------------

    def prepare(self, actions: Sequence[AddObject]) -> dict[str, NewObject]:
        """How the objects look, by handle; those that cannot be made now are left out and told."""
        if not actions:
            return {}
        handles = [action.link.handle for action in actions]
        forms = self._desktop.forms(handles) if self._desktop is not None else {}
        usable = {handle: form for handle, form in forms.items() if referring.is_readable(form)}
        wanted = {handle: tuple(referring.references(form)) for handle, form in usable.items()}
        lacking = self._lacking(wanted)
        self._state.set_pending({handle: _lacking_of(refs, lacking) for handle, refs in wanted.items()})
        prepared: dict[str, NewObject] = {}
        for action in actions:
            handle, path = action.link.handle, str(action.file.path)
            if handle in usable:
                prepared[handle] = _new_object(action, referring.without(usable[handle], lacking))
            elif handle in forms:
                self._ledger.reject(action, _unreadable(path, handle))
            else:
                self._ledger.waiting.append(Waiting(_VANISHED, path, handle))
        return prepared

    def made(self, action: AddObject, answer: Made) -> None:
        """Tell what a person should know of an object that was made."""
        if answer.id_taken is not None:
            text = f"its Gramps ID {answer.id_taken} belongs to another media object in Gramps Web; it got a free one there"
            self._ledger.notices.append(Notice(text, str(action.file.path), action.link.handle))

    # --- completing -----------------------------------------------------------------------------------------------

    def complete(self, objects: Mapping[str, MediaObject]) -> None:
        """Add the references that were left out to the objects whose records are there by now.

        Args:
            objects: Gramps Web's, as they were last seen.
        """
        pending = self._state.pending_references()
        if not pending:
            return
        try:
            self._complete(pending, objects)
        except (Refused, Unexpected) as error:
            self._ledger.problems.append(Problem(error.reason, error.remedy))
        self._ledger.flush()
        for handle, references in self._state.pending_references().items():
            path = objects[handle].path if handle in objects else ""
            self._ledger.waiting.append(Waiting(_waits_for(references), path, handle))

    def _complete(self, pending: References, objects: Mapping[str, MediaObject]) -> None:
        """Nothing is asked while nothing has changed in Gramps Web since everything was asked."""
        cursor = self._state.cursor()
        moment = f"{cursor.transaction} {cursor.timestamp}" if cursor else None
        if moment is not None and self._state.meta(_LOOKED_AT) == moment:
            return
        known = {handle: objects.get(handle) or self._catalog.get(handle) for handle in pending}
        self._state.drop_pending(handle for handle, item in known.items() if item is None)
        living = {handle: item for handle, item in known.items() if item is not None}
        lacking = self._lacking({handle: pending[handle] for handle in living})
        ready = {handle: refs for handle in living if (refs := _there_of(pending[handle], lacking))}
        forms, unsure = self._desktops_forms(ready)
        still = {handle: _still_wanted(ready[handle], forms[handle]) for handle in forms}
        # RACE: a record that is deleted between our question and our change is referred to though it is gone.
        changes = [
            ObjectChange(living[handle], references=references, like=forms[handle] or {})
            for handle, references in still.items()
            if references
        ]
        left = {handle: _lacking_of(pending[handle], lacking) for handle in still}
        for change, answer in zip(changes, self._catalog.update(changes), strict=True):
            if not self._completed(change, answer):
                left[change.expected.handle] = pending[change.expected.handle]
                unsure = True
        self._state.set_pending(left)
        self._state.set_meta(_LOOKED_AT, None if unsure else moment)

    def _completed(self, change: ObjectChange, answer: UpdateAnswer) -> bool:
        """Take down what became of one object; False when it is to be tried again."""
        handle = change.expected.handle
        if isinstance(answer, Rejected):
            self._ledger.problems.append(replace(answer.problem, handle=handle))
            return False
        if isinstance(answer, Changed):
            return answer.object is None
        item = answer.object
        if set(answer.left_out) < set(change.references):
            self._ledger.note(Done("updated", item.path, handle, item.checksum, None, Why.REFERENCES))
        for one in answer.left_out:
            value = one.attribute.value if one.attribute is not None else ""
            text = (
                f"in Gramps Desktop its attribute '{value}' refers to a {one.record}, but in Gramps Web it has no such "
                "attribute, or several; the reference was not added"
            )
            self._ledger.notices.append(Notice(text, item.path, handle))
        return True

    def _desktops_forms(self, ready: References) -> tuple[dict[str, Form | None], bool]:
        """The objects as Gramps Desktop has them now (None: nobody can say, as no tree is configured any more).

        Returns:
            The forms, empty for what it does not have any more, and whether some cannot be told just now (left out).
        """
        if self._desktop is None or not ready:
            return dict.fromkeys(ready), False
        found = dict(self._desktop.forms(list(ready)))
        missing = [handle for handle in ready if handle not in found]
        unsure = bool(missing)
        if missing and self._desktop.look()[0].readable:
            again = self._desktop.forms(missing)  # it was locked a moment ago, or it has them no more
            found |= {handle: again.get(handle, {}) for handle in missing}
            unsure = False
        return {
            handle: form for handle, form in found.items() if not form or referring.is_readable(form)
        }, unsure

    def _lacking(self, wanted: References) -> Lacking:
        """The records that Gramps Web does not have, of all that these refer to."""
        every = {one for references in wanted.values() for one in references}
        return {
            record: self._catalog.lacking(record, {one.target for one in every if one.record is record})
            for record in Record
        }


def _still_wanted(references: Iterable[Reference], form: Form | None) -> tuple[Reference, ...]:
    """Those that Gramps Desktop has still."""
    present = None if form is None else set(referring.references(form))
    return tuple(one for one in references if present is None or one in present)


def _lacking_of(references: Iterable[Reference], lacking: Lacking) -> tuple[Reference, ...]:
    """The references whose record is lacking."""
    return tuple(one for one in references if one.target in lacking[one.record])


def _there_of(references: Iterable[Reference], lacking: Lacking) -> tuple[Reference, ...]:
    """The references whose record is there."""
    return tuple(one for one in references if one.target not in lacking[one.record])


def _new_object(action: AddObject, form: dict[str, Any]) -> NewObject:
    """An object with the desktop's fields, and with what is true of the file now."""
    file = action.file
    return NewObject(
        handle=action.link.handle,
        path=action.link.named,
        checksum=file.checksum,
        mime=mime_of(file.path.name),
        desc=str(form.get("desc", "")),
        fields=form,
    )


def _unreadable(path: str, handle: str) -> Problem:
    return Problem(
        "the media object of this file in Gramps Desktop is damaged, so that it was not made in Gramps Web",
        "run Tools > Family Tree Repair > Check and Repair Database in Gramps",
        path,
        handle,
    )


def _waits_for(references: Iterable[Reference]) -> str:
    """What an object waits for, in words."""
    numbers = Counter(record for record, _ in {(one.record, one.target) for one in references})
    parts = [f"{number} {record}{'s' if number > 1 else ''}" for record, number in sorted(numbers.items())]
    what = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    are = "they are added when they are there" if numbers.total() > 1 else "it is added when it is there"
    return f"refers to {what} that Gramps Web does not have yet; {are}"
