"""People at a computer: what they do in its media folder. Each deed knows exactly what it replaced or took away."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from lab.soak.atomic import digest, exchange, move
from lab.soak.ledger import Ledger
from lab.soak.making import DRAFTS, Drawer, Maker, draw
from lab.world import md5

_LARGEST_KEPT = 1 << 20
"""Bytes of a file that is kept for being put back."""
SLOW_STEPS = 5
"""Pieces of a file that is written slowly."""


@dataclass
class _Slow:
    """A file that somebody is writing."""

    path: str
    file: BinaryIO
    content: bytes
    steps: int = 0


@dataclass
class People:
    """Those who use one computer.

    Args:
        who: its name.
        folder: the media folder.
        aside: a folder on the same file system, outside of it.
        ledger: where what they do is noted.
        maker: makes contents and names.
    """

    who: str
    folder: Path
    aside: Path
    ledger: Ledger
    maker: Maker
    drawer: Drawer = field(default_factory=Drawer)
    disk_is_full: bool = False
    clock_is_wrong: bool = False
    _slow: list[_Slow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.aside.mkdir(parents=True, exist_ok=True)
        self.deeds: Sequence[tuple[int, Callable[[random.Random], None]]] = (
            (14, self.add),
            (8, self.edit),
            (6, self.edit_in_place),
            (8, self.move),
            (3, self.move_over),
            (4, self.swap),
            (4, self.copy),
            (9, self.delete),
            (4, self.put_back),
            (2, self.add_folder),
            (3, self.move_folder),
            (1, self.delete_folder),
            (3, self.write_slowly),
            (2, self.take_a_shared_name),
        )

    def do(self, rng: random.Random) -> None:
        """One deed; nothing, where there is nothing to do it to, or no space."""
        deed = draw(rng, self.deeds)
        try:
            deed(rng)
        except OSError as error:  # what somebody looked at is gone, or the disk is full
            self.ledger.counts[f"{self.who}: not possible ({type(error).__name__})"] += 1

    def files(self) -> list[str]:
        """Paths of all files that nobody is writing, syncd's own left out."""
        busy = {slow.path for slow in self._slow}
        found = []
        for place, folders, names in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if name != ".syncd")
            relative = os.path.relpath(place, self.folder)
            for name in sorted(names):
                path = name if relative == "." else f"{relative}/{name}"
                if path not in busy and name != ".syncdignore" and not name.startswith(".syncd-"):
                    found.append(path)
        return found

    def _pick(self, rng: random.Random) -> str:
        files = self.files()
        if not files:
            raise FileNotFoundError
        return rng.choice(files)

    def _end(self, checksum: str, path: str) -> None:
        self.ledger.end(checksum, self.who, may_return=path.startswith(DRAFTS))

    def _lay_aside(self, content: bytes) -> Path:
        """Write a file outside of the media folder."""
        target = self.aside / f"new-{self.maker.number()}"
        try:
            target.write_bytes(content)
        except OSError:
            target.unlink(missing_ok=True)
            raise
        return target

    # --- new files ---------------------------------------------------------------------------------------

    def add(self, rng: random.Random) -> None:
        """A new file."""
        self._put(self.maker.content(rng), self.maker.path(rng), "add")

    def take_a_shared_name(self, rng: random.Random) -> None:
        """A new file under a name that people at another computer choose, too."""
        self._put(self.maker.content(rng), f"album/portrait {rng.randrange(30)}.jpg", "add shared name")

    def put_back(self, rng: random.Random) -> None:
        """A file that was deleted comes back, at a new place."""
        if self.drawer.files:
            self._put(rng.choice(self.drawer.files), self.maker.path(rng), "put back")

    def copy(self, rng: random.Random) -> None:
        """A second file of equal content."""
        content = (self.folder / self._pick(rng)).read_bytes()
        if md5(content) in self.ledger.contents:
            self._put(content, self.maker.path(rng), "copy")

    def _put(self, content: bytes, path: str, kind: str) -> None:
        """A file that appears whole, unless the name is taken."""
        temporary = self._lay_aside(content)
        checksum = self.ledger.mint(content)
        if move(temporary, self.folder / path):
            self.ledger.put(checksum, path)
            self.ledger.say(self.who, kind, path, checksum)
        temporary.unlink(missing_ok=True)

    def write_slowly(self, rng: random.Random) -> None:
        """Begin a file that is whole after some more deeds.

        While syncd's clock is wrong, and the disk's is not, syncd cannot tell that it has just been changed.
        """
        content = self.maker.content(rng)
        if len(content) < SLOW_STEPS or self.disk_is_full or self.clock_is_wrong:
            return
        path = f"slow/{self.maker.number()}.mp4"
        (self.folder / path).parent.mkdir(exist_ok=True)
        self._slow.append(_Slow(path, (self.folder / path).open("wb", buffering=0), content))

    def go_on_writing(self, *, to_the_end: bool = False) -> None:
        """The next piece of each file that is written slowly, or all that is left of it."""
        for slow in list(self._slow):
            try:
                while self._write_piece(slow) and to_the_end:
                    pass
            except OSError:  # the disk is full: nobody keeps half a film
                self._slow.remove(slow)
                slow.file.close()
                (self.folder / slow.path).unlink(missing_ok=True)

    def _write_piece(self, slow: _Slow) -> bool:
        """Whether there is more to write."""
        step = -(-len(slow.content) // SLOW_STEPS)
        piece = slow.content[slow.steps * step : (slow.steps + 1) * step]
        if slow.file.write(piece) < len(piece):
            raise OSError
        slow.steps += 1
        if slow.steps < SLOW_STEPS:
            self.ledger.partial[digest(self.folder / slow.path)] = slow.path
            return True
        slow.file.close()
        self._slow.remove(slow)
        checksum = self.ledger.mint(slow.content)
        self.ledger.put(checksum, slow.path)
        self.ledger.say(self.who, "write slowly", slow.path, checksum)
        return False

    # --- edits -------------------------------------------------------------------------------------------

    def edit(self, rng: random.Random) -> None:
        """Save a file as careful editors do: a new file takes the name."""
        path = self._pick(rng)
        content = self.maker.content(rng)
        temporary = self._lay_aside(content)
        if exchange(temporary, self.folder / path):
            old = digest(temporary)
            checksum = self.ledger.mint(content, parent=old)
            self._end(old, path)
            self.ledger.put(checksum, path)
            self.ledger.say(self.who, "edit", path, old, checksum)
        temporary.unlink(missing_ok=True)

    def edit_in_place(self, rng: random.Random) -> None:
        """Write over a file's bytes, as simple programs do."""
        path = self._pick(rng)
        content = self.maker.content(rng)
        if self.disk_is_full or not content:
            return
        with (self.folder / path).open("r+b", buffering=0) as file:
            old = md5(file.read())
            checksum = self.ledger.mint(content, parent=old)
            file.seek(0)
            file.truncate()
            file.write(content)
            inode = os.fstat(file.fileno()).st_ino
        self._end(old, path)
        self.ledger.put(checksum, path)
        try:
            is_still_there = (self.folder / path).stat().st_ino == inode
        except OSError:
            is_still_there = False
        if (
            not is_still_there
        ):  # syncd took the file away in this very moment: its bytes are wherever that went
            self.ledger.doubt("written into a file that was moved aside meanwhile", old, checksum)
        self.ledger.say(self.who, "edit in place", path, old, checksum)

    # --- names -------------------------------------------------------------------------------------------

    def move(self, rng: random.Random) -> None:
        """Rename a file."""
        path, to = self._pick(rng), self.maker.path(rng)
        if move(self.folder / path, self.folder / to):
            moved = digest(self.folder / to)
            self._note_move(moved, path, to)
            self.ledger.say(self.who, "move", f"{path} → {to}", moved)

    def _note_move(self, checksum: str, path: str, to: str) -> None:
        self.ledger.name(checksum, to, self.who)
        if DRAFTS in (path[: len(DRAFTS)], to[: len(DRAFTS)]) and checksum in self.ledger.contents:
            self.ledger.contents[checksum].may_return = True

    def move_over(self, rng: random.Random) -> None:
        """Rename a file to a name that another one has."""
        path, to = self._pick(rng), self._pick(rng)
        temporary = self.aside / f"moved-{self.maker.number()}"
        if path == to or not move(self.folder / path, temporary):
            return
        moved = digest(temporary)
        if exchange(temporary, self.folder / to):
            old = digest(temporary)
            self._end(old, to)
            self._note_move(moved, path, to)
            self.ledger.say(self.who, "move over", f"{path} → {to}", moved, old)
            temporary.unlink()
        elif not move(temporary, self.folder / path):
            self._end(moved, path)
            self.ledger.say(self.who, "delete", path, moved)
            temporary.unlink()

    def swap(self, rng: random.Random) -> None:
        """Two files change places."""
        path, to = self._pick(rng), self._pick(rng)
        if path != to and exchange(self.folder / path, self.folder / to):
            one, other = digest(self.folder / to), digest(self.folder / path)
            self._note_move(one, path, to)
            self._note_move(other, to, path)
            self.ledger.say(self.who, "swap", f"{path} ↔ {to}", one, other)

    # --- deletions ---------------------------------------------------------------------------------------

    def delete(self, rng: random.Random) -> None:
        """Delete a file; some of them are kept in a drawer."""
        path = self._pick(rng)
        gone = self.aside / f"gone-{self.maker.number()}"
        if move(self.folder / path, gone):
            old = digest(gone)
            if gone.stat().st_size < _LARGEST_KEPT and old in self.ledger.contents:
                self.drawer.lay(gone.read_bytes())
            self._end(old, path)
            self.ledger.say(self.who, "delete", path, old)
            gone.unlink()

    # --- folders -----------------------------------------------------------------------------------------

    def add_folder(self, rng: random.Random) -> None:
        """A folder with some files appears at once."""
        name = f"trip {self.maker.number()}"
        made = self.aside / name
        made.mkdir()
        contents = {
            f"{number} of {name}.jpg": self.maker.content(rng) for number in range(rng.randrange(2, 6))
        }
        try:
            for one, content in contents.items():
                (made / one).write_bytes(content)
        except OSError:
            shutil.rmtree(made)
            raise
        checksums = {one: self.ledger.mint(content) for one, content in contents.items()}
        if move(made, self.folder / name):
            for one, checksum in checksums.items():
                self.ledger.put(checksum, f"{name}/{one}")
            self.ledger.say(self.who, "add folder", name, *checksums.values())

    def _pick_folder(self, rng: random.Random) -> Path:
        found = sorted(path for path in self.folder.glob("trip *") if path.is_dir())
        if not found:
            raise FileNotFoundError
        return rng.choice(found)

    def move_folder(self, rng: random.Random) -> None:
        """Rename a folder."""
        folder = self._pick_folder(rng)
        target = self.folder / f"trip {self.maker.number()}"
        if move(folder, target):
            found = []
            for path in sorted(target.rglob("*")):
                if path.is_file():
                    found.append(digest(path))
                    self.ledger.name(found[-1], str(path.relative_to(self.folder)), self.who)
            self.ledger.say(self.who, "move folder", f"{folder.name} → {target.name}", *found)

    def delete_folder(self, rng: random.Random) -> None:
        """Delete a folder with all that is in it."""
        folder = self._pick_folder(rng)
        gone = self.aside / f"gone-{self.maker.number()}"
        if move(folder, gone):
            found = [digest(path) for path in sorted(gone.rglob("*")) if path.is_file()]
            for checksum in found:
                self._end(checksum, folder.name)
            self.ledger.say(self.who, "delete folder", folder.name, *found)
            shutil.rmtree(gone)
