"""Cuts the power at every moment of a recorded run, and asks of every disk that may be left whether the promises hold on it.

What is asked of each disk, after syncd has put in its place what the run left in between:

- a file under a real name is whole: its bytes are something that somebody made;
- what stood in the folder stands in the folder, or lies in the trash under its own name;
- the state can be opened, is not damaged, and claims nothing that the disk does not have: links and stamps are true of the
  files, what it lists in the trash lies there, the folder bears the marker that it is bound to, and what it believes
  to be in the bucket is there;
- nothing of syncd's own lies about.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.calls import Kind
from lab.claims import TRASH, Claims, Folder
from lab.disk import Disk, Image
from lab.recording import Event
from lab.world import md5

UNKNOWN = "/recovered/"
"""Where the trash keeps what is found without a note of whose it is."""
_THROUGH_GRAMPS_WEB = "POST gramps/api/media/"
"""How the first file of an empty tree gets into the bucket; which one it is, the request does not show."""


@dataclass(frozen=True)
class Recorded:
    """A run of syncd, recorded.

    Args:
        before: the disk before it.
        events: what it did.
        keys: what the bucket held before it.
        whole: the checksums of all that anybody made.
    """

    before: Disk
    events: Sequence[Event]
    keys: frozenset[str]
    whole: frozenset[str]

    def syncs(self) -> list[Event]:
        """Every sync that syncd itself asked for; not SQLite's."""
        return [event for event in self.events if event.kind is Kind.SYNC and event.place]

    def moments(self, *, without: Collection[int] = ()) -> Iterator[tuple[Event, Disk, frozenset[str]]]:
        """After each call that changes the disk: the call, the disk, and what the bucket holds for certain.

        Args:
            without: the numbers of calls that are left out; what was before them is left out as well.
        """
        disk, keys = self.before.copy(), self.keys
        for event in self.events:
            if event.kind is Kind.RECEIVE and event.size in (0, 200, 201):
                if event.request.startswith("PUT s3/"):
                    keys |= {event.request.rpartition("/")[2]}
                elif event.request == _THROUGH_GRAMPS_WEB:
                    keys |= self.whole
            if event.number not in without and disk.apply(event) and event.number > min(without, default=0):
                yield event, disk, keys

    def after(self) -> Disk:
        """The disk after the run."""
        disk = self.before.copy()
        for event in self.events:
            disk.apply(event)
        return disk


class Judge:
    """Asks of disks whether the promises hold; each question is put once.

    Args:
        recorded: the run.
        scratch: an empty folder, in memory if possible.
    """

    def __init__(self, recorded: Recorded, scratch: Path) -> None:
        self._recorded = recorded
        self._scratch = scratch
        self._claims: dict[int, Claims | None] = {}
        self._folders: dict[int, Folder] = {}
        self._judged: dict[tuple[int, int, int], list[str]] = {}
        first, last = recorded.before.as_it_is(), recorded.after().as_it_is()
        self._before, self._after = self._folder(first), self._folder(last)
        self._claimed = self._claim(first) or Claims()
        self._had_state = self._claim(first) is not None and self._claimed.damage is None

    @property
    def disks(self) -> int:
        """How many different disks were judged."""
        return len(self._judged)

    def failures(
        self, *, without: Collection[int] = (), at_most: int = 0, every: int = 1, first: int = 0
    ) -> list[str]:
        """What is broken on any disk that the power may leave at any moment of the run.

        Args:
            every: look at one moment of so many only,
            first: and at this one first.
            without: the numbers of calls that are left out, as if syncd had not made them.
            at_most: stop after so many; 0 for never.
        """
        found: dict[str, None] = {}
        for number, (event, disk, keys) in enumerate(self._recorded.moments(without=without)):
            if number % every != first % every:
                continue
            for image in disk.images():
                for broken in self._judge(image, keys):
                    found[f"after {event.number} ({event.point or event.kind}), {image.what}: {broken}"] = (
                        None
                    )
                if at_most and len(found) >= at_most:
                    return list(found)
        return list(found)

    def _judge(self, image: Image, keys: frozenset[str]) -> list[str]:
        media = {path: content for path, content in image.files.items() if path.startswith("media")}
        state = {path: content for path, content in image.files.items() if not path.startswith("media")}
        key = (hash((frozenset(media.items()), image.folders)), hash(frozenset(state.items())), len(keys))
        if key not in self._judged:
            self._judged[key] = list(self._broken(image, keys))
        return self._judged[key]

    def _claim(self, image: Image) -> Claims | None:
        files = image.below("state")
        key = hash(frozenset(files.items()))
        if key not in self._claims:
            self._claims[key] = Claims.of(files, self._empty("state"))
        return self._claims[key]

    def _folder(self, image: Image) -> Folder:
        files = {path: content for path, content in image.files.items() if path.startswith("media")}
        folders = frozenset(path for path in image.folders if path.startswith("media"))
        key = hash((frozenset(files.items()), folders))
        if key not in self._folders:
            self._folders[key] = Folder.of(replace(image, files=files, folders=folders), self._empty("media"))
        return self._folders[key]

    def _empty(self, name: str) -> Path:
        folder = self._scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    # --- the promises ---------------------------------------------------------------------------------------------

    def _broken(self, image: Image, keys: frozenset[str]) -> Iterator[str]:
        whole = self._recorded.whole
        for path, content in image.below("media").items():
            if not path.startswith(".syncd/") and "/.syncd-" not in f"/{path}" and md5(content) not in whole:
                yield f"'{path}' is not whole"
        folder, claims = self._folder(image), self._claim(image)
        if folder.trouble:
            yield f"recovering: {folder.trouble}"
        if folder.about:
            yield f"left about: {folder.about}"
        yield from self._lost(folder, keys)
        yield from (
            f"'{name}' is in the trash, and nobody put it there" for name in folder.trash if UNKNOWN in name
        )
        if claims is None:
            if self._had_state:
                yield "the state is gone"
            return
        if claims.damage:
            if claims.damage == self._claimed.damage:
                return
            yield f"the state is damaged: {claims.damage}"
            return
        yield from self._false(claims, folder, image, keys)
        if claims.stored - keys:
            yield f"the state believes that the bucket holds {sorted(claims.stored - keys)}"

    def _lost(self, folder: Folder, keys: frozenset[str]) -> Iterator[str]:
        contents = folder.contents
        for path, checksum in self._before.files.items():
            kept = (name for name, held in folder.trash.items() if held == checksum)
            if checksum not in contents and not any(_is_of(name, path) for name in kept):
                yield f"'{path}' is neither in the folder nor in the trash under its name"
        for name, checksum in self._before.trash.items():
            if folder.trash.get(name) != checksum and not self._has_had_its_time(name, checksum, keys):
                yield f"'{name}' is gone from the trash"

    def _has_had_its_time(self, name: str, checksum: str, keys: frozenset[str]) -> bool:
        """Whether the run takes a file out of the trash for good, which it may do with what the bucket holds."""
        return name in self._before.trash and name not in self._after.trash and checksum in keys

    def _stays(self, path: str) -> bool:
        """Whether a file stands at a path before the run and after it."""
        return path in self._before.files and path in self._after.files

    def _false(self, claims: Claims, folder: Folder, image: Image, keys: frozenset[str]) -> Iterator[str]:
        if claims.bound is not None and (folder.marker is None or folder.marker.id != claims.bound.id):
            yield "the state is bound to a folder whose marker is not there"
        for handle, link in claims.links.items():
            path, _named, checksum, detached = link
            if detached or folder.files.get(path) == checksum:
                continue
            if self._claimed.links.get(handle) != link:
                yield f"a link says that '{path}' has {checksum}"
            elif self._stays(path) and path not in folder.files and checksum not in folder.contents:
                yield f"'{path}' would look deleted"
        for path, stamp in claims.stamps.items():
            content = image.files.get(f"media/{path}")
            if content is None or self._claimed.stamps.get(path) == stamp:
                continue
            if (len(content), image.inodes[f"media/{path}"]) == stamp[:2] and md5(content) != stamp[2]:
                yield f"the stamp of '{path}' says {stamp[2]}"
        for name, checksum in claims.trash.items():
            if folder.trash.get(name) != checksum and not self._has_had_its_time(name, checksum, keys):
                yield f"the state lists '{name}' in the trash"
        yield from self._twice(claims, folder)

    def _twice(self, claims: Claims, folder: Folder) -> Iterator[str]:
        """What the state says is elsewhere by now, and stands at its old name again: the next run would take it for new."""
        known = {link[0] for link in claims.links.values()}
        for path in folder.files.keys() - known - self._after.files.keys():
            before = [handle for handle, link in self._claimed.links.items() if link[0] == path]
            if any(claims.links.get(handle) != self._claimed.links[handle] for handle in before):
                yield f"'{path}' stands again where the state says that it left"


def _is_of(name: str, path: str) -> bool:
    """Whether a name in the trash is that of a file: the same, or one beside it."""
    stem, _, suffix = path.rpartition(".")
    below = name.removeprefix(TRASH).partition("/")[2]
    return below == path or (below.startswith(stem) and below.endswith(suffix))


def needed_calls(judge: Judge, recorded: Recorded) -> dict[int, list[str]]:
    """Leave out each sync of syncd, one at a time; what breaks without it, by the number of the call."""
    return {event.number: judge.failures(without={event.number}, at_most=1) for event in recorded.syncs()}


def needed_places(judge: Judge, recorded: Recorded, but: Collection[str] = ()) -> dict[str, list[str]]:
    """Leave out all syncs that one place of syncd asks for; what breaks without them, by the place.

    Args:
        judge: of this run.
        recorded: the run.
        but: places of which it is known already.
    """
    asked: dict[str, set[int]] = {}
    for event in recorded.syncs():
        if event.place not in but:
            asked.setdefault(event.place, set()).add(event.number)
    return {place: judge.failures(without=numbers, at_most=1) for place, numbers in asked.items()}
