"""A storm: several computers and the web page change one tree at once, and syncd runs in any order, also at once.

Every file tells by its bytes which version of which item it is, so that at the end of a round each version's fate can
be told from what people did, whatever it is called by then:

- a version that nobody edited or deleted is there, once for each place where somebody put it;
- a version that somebody edited or deleted is nowhere: nobody's older copy comes back;
- what people called it is its name, where only one of them had a say.

`python -m tests.lab.storm --seeds 1,2 --rounds 20` weathers longer storms by hand.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.api import ApiError
from lab.clock import wrong_by
from lab.world import Desktop, World, md5
from tests.lab.endings import leftovers

BUSY = 15
"""What people do at most while syncd runs."""
NOREPLACE, EXCHANGE = 1, 2
_AT_HERE = -100
_libc = ctypes.CDLL(None, use_errno=True)


def rename(source: Path, target: Path, flags: int) -> bool:
    """`renameat2`; False when the source is gone, or the target is (not) there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return not _libc.renameat2(_AT_HERE, os.fsencode(source), _AT_HERE, os.fsencode(target), flags)


@dataclass
class Version:
    """One content, and what became of it."""

    item: int
    content: bytes
    places: set[str]
    parent: str | None = None
    edits: int = 0
    deletions: int = 0
    moves: list[str] = field(default_factory=list)
    is_new: bool = True
    """Made in this round."""
    by_two: bool = False
    """Made on two computers in this round: what one of them does to it says nothing of the other's."""


@dataclass
class Storm:
    """Computers, what people did, and what must have come of it."""

    world: World
    seed: int
    desktops: Sequence[Desktop]
    clocks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    _items: int = 0
    _names: int = 0
    _raced: set[int] = field(default_factory=set)
    """Items of which nobody knows which version the web page deleted or replaced, if any: it did so while syncd ran, and
    the server's answer names the version that it read while another writer changed the object; or it answered with 500."""
    _refused: set[str] = field(default_factory=set)
    """What the server answered with an error: it may be there or not."""
    _stuck: bool = False
    """The server answered a change with 500: see `unstick`."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.aside = Path(tempfile.mkdtemp(dir=self.world.base))

    # --- versions and names ------------------------------------------------------------------------

    def new(self, place: str, parent: str | None = None) -> bytes:
        """Bytes that nobody else has: a new item, or the next version of one."""
        if parent is None:
            self._items += 1
            item = self._items
        else:
            item = self.versions[parent].item
        serial = len(self.versions)
        text = f"seed {self.seed} item {item} version {serial} "
        content = b"\xff\xd8\xff\xe0" + text.encode() * self.rng.randrange(1, 200)
        self.versions[md5(content)] = Version(item, content, {place}, parent)
        if parent is not None:
            self.versions[parent].edits += 1
        return content

    def fresh(self) -> str:
        """A name that nobody has, in one of a few folders."""
        self._names += 1
        return f"{self.rng.choice(['', 'album/', 'album/1912/', 'scans/', 'Ünï/'])}{self._names}.jpg"

    def known(self, content: bytes) -> str:
        """The checksum of bytes that somebody made: nothing else is ever under a real name."""
        checksum = md5(content)
        assert checksum in self.versions, f"{len(content)} bytes that nobody made: {content[:60]!r}"
        return checksum

    def say(self, who: str, what: str) -> None:
        """Note a deed, for whoever must find out what went wrong."""
        self.log.append(f"{who}: {what}")

    def pick(self, desktop: Desktop) -> str | None:
        """A file of a desktop."""
        paths = [path for path in desktop.files() if not path.startswith(".")]
        return self.rng.choice(paths) if paths else None

    # --- what people do in the folder; each deed is one atomic step -----------------------------------

    def add(self, desktop: Desktop) -> None:
        """A new file, now and then under a name that another computer takes, too."""
        path = (
            f"both {self.rng.randrange(4)}-{self._items // 6}.jpg"
            if self.rng.random() < 0.3
            else self.fresh()
        )
        self.put(desktop, path, self.new(path))

    def put(self, desktop: Desktop, path: str, content: bytes) -> None:
        """Put a file into the folder in one step; where the name is taken, it is given up."""
        temporary = self.aside / "new"
        temporary.write_bytes(content)
        if rename(temporary, desktop.folder / path, NOREPLACE):
            self.say(desktop.base.name, f"add {path} {md5(content)[:6]}")
        else:
            self.versions[md5(content)].places.discard(path)

    def edit(self, desktop: Desktop) -> None:
        """Save a file as careful editors do; what it replaced is what was edited."""
        path = self.pick(desktop)
        if path is None:
            return
        temporary = self.aside / "edit"
        content = self.new(path)
        self._items -= 1
        temporary.write_bytes(content)
        if not rename(temporary, desktop.folder / path, EXCHANGE):
            del self.versions[md5(content)]
            return
        old = self.known(temporary.read_bytes())
        version = self.versions[md5(content)]
        version.parent, version.item = old, self.versions[old].item
        self.versions[old].edits += 1
        self.say(desktop.base.name, f"edit {path} {old[:6]} → {md5(content)[:6]}")

    def move(self, desktop: Desktop) -> None:
        """Rename a file."""
        path, to = self.pick(desktop), self.fresh()
        if path is None:
            return
        try:
            moved = self.known((desktop.folder / path).read_bytes())
        except FileNotFoundError:
            return
        if rename(desktop.folder / path, desktop.folder / to, NOREPLACE):
            self.versions[moved].moves.append(to)
            self.say(desktop.base.name, f"move {path} → {to} {moved[:6]}")

    def delete(self, desktop: Desktop) -> None:
        """Delete a file."""
        path = self.pick(desktop)
        gone = self.aside / "gone"
        if path is not None and rename(desktop.folder / path, gone, 0):
            old = self.known(gone.read_bytes())
            self.versions[old].deletions += 1
            self.say(desktop.base.name, f"delete {path} {old[:6]}")

    # --- what people do on the web page ------------------------------------------------------------------

    def web(self, *, quiet: bool) -> None:
        """One deed on the web page; `quiet`: nobody else is at work (that page overwrites what it did not see)."""
        deeds: list[Callable[[], None]] = [
            self.web_add,
            lambda: self.web_delete(quiet=quiet),
            self.web_replace,
        ]
        try:
            self.rng.choice([*deeds, self.web_move, self.web_move] if quiet else deeds)()
        except ApiError as error:  # a server that is busy with others' changes gives up now and then
            if error.status != 500:
                raise
            self._stuck = True

    def _object(self) -> Mapping[str, str] | None:
        objects = [item for item in self.world.api.media() if item["checksum"] in self.versions]
        return self.rng.choice(objects) if objects else None

    def web_add(self) -> None:
        """Upload a file; it gets the server's name, or one of its own."""
        path = self.fresh()
        content = self.new(path)
        try:
            if self.rng.random() < 0.5:
                self.versions[md5(content)].places = {f"{md5(content)}.jpg"}
                self.world.api.upload(content)
            else:
                assert self.world.s3 is not None
                self.world.api.create(path, checksum=self.world.s3.put_content(content, "image/jpeg"))
        except ApiError:
            self._refused.add(md5(content))
            raise
        self.say("web", f"add {md5(content)[:6]}")

    def web_delete(self, *, quiet: bool) -> None:
        """Delete an object; the answer tells what it was."""
        item = self._object()
        if item is None:
            return
        answer = self.world.api.request("DELETE", f"/media/{item['handle']}")
        if answer.status_code == 500:
            self._doubt(item["checksum"])
        for change in answer.json() if answer.status_code == 200 else ():
            if change["type"] == "delete":
                version = self.versions[change["old"]["checksum"]]
                version.deletions += 1
                if not quiet:
                    self._raced.add(version.item)
                self.say("web", f"delete {change['old']['path']} {change['old']['checksum'][:6]}")

    def web_replace(self) -> None:
        """Replace an object's file, which the server only does to the version that the page shows."""
        item = self._object()
        if item is None:
            return
        content = self.new(item["path"], item["checksum"])
        answer = self.world.api.request(
            "PUT",
            f"/media/{item['handle']}/file",
            content=content,
            headers={"Content-Type": "image/jpeg", "If-Match": f'"{item["checksum"]}"'},
        )
        if answer.status_code == 200:
            self.say("web", f"replace {item['path']} {item['checksum'][:6]} → {md5(content)[:6]}")
            return
        self.versions[item["checksum"]].edits -= 1
        if answer.status_code == 500:
            self._doubt(item["checksum"])
            self._refused.add(md5(content))
        else:
            assert answer.status_code in (404, 412), answer.text
            del self.versions[md5(content)]

    def _doubt(self, checksum: str) -> None:
        """A change of this version was answered with an error: it may have been made all the same."""
        self._raced.add(self.versions[checksum].item)
        self._stuck = True

    def web_move(self) -> None:
        """Give an object another path."""
        item = self._object()
        if item is not None:
            to = self.fresh()
            moves = self.versions[item["checksum"]].moves
            moves += [to, to]  # until the answer says so, nobody knows whether it was moved
            self.world.api.edit(item["handle"], path=to)
            moves.remove(to)
            self.say("web", f"move {item['path']} → {to} {item['checksum'][:6]}")

    # --- the same on two computers ------------------------------------------------------------------------

    def twins(self) -> None:
        """The same new file on two computers, under one name or two."""
        one, other = self.rng.sample(list(self.desktops), 2)
        path = self.fresh()
        content = self.new(path)
        self.versions[md5(content)].by_two = True
        self.put(one, path, content)
        if self.rng.random() < 0.5:
            path = self.fresh()
            self.versions[md5(content)].places.add(path)
        self.put(other, path, content)

    def same_edit(self) -> None:
        """The same edit of the same version on two computers."""
        one, other = self.rng.sample(list(self.desktops), 2)
        theirs = other.files()
        common = [path for path, content in one.files().items() if theirs.get(path) == content]
        if common:
            path = self.rng.choice(common)
            old = self.known(theirs[path])
            content = self.new(path, old)
            self.versions[md5(content)].by_two = True
            for desktop in (one, other):
                (desktop.folder / path).write_bytes(content)
                self.say(desktop.base.name, f"same edit {path} {old[:6]} → {md5(content)[:6]}")

    # --- syncd --------------------------------------------------------------------------------------------

    def start(self, desktop: Desktop) -> subprocess.Popen[str]:
        """Start a run on a computer, with its clock."""
        return desktop.start("--once", "--json", env=self.clocks.get(desktop.base.name))

    def finish(self, desktop: Desktop, process: subprocess.Popen[str]) -> bool:
        """Wait for a run; whether it had nothing to do."""
        out, err = process.communicate(timeout=180)
        self.say(desktop.base.name, f"syncd → {process.returncode} {out[:20000]}")
        crashes = [path.read_text() for path in sorted(desktop.state_dir.glob("crash-*"))]
        self._stuck = self._stuck or "HTTP status 500" in out
        gave_up = (
            process.returncode == 4 and "HTTP status 500" in out
        )  # the server could not commit while others read
        assert gave_up or process.returncode in (0, 1), "\n".join([out, err, *crashes])
        return process.returncode == 0 and '"actions": []' in out

    def sync(self, desktop: Desktop) -> bool:
        """One run, alone."""
        return self.finish(desktop, self.start(desktop))

    def sync_at_once(self, *, busy: bool) -> None:
        """All computers run together; `busy`: people go on working meanwhile."""
        runs = [(desktop, self.start(desktop)) for desktop in self.desktops]
        deeds = BUSY if busy else 0
        while deeds and any(process.poll() is None for _, process in runs):
            deeds -= 1
            self.deed(quiet=False)
            time.sleep(self.rng.random() * 0.2)
        for desktop, process in runs:
            self.finish(desktop, process)

    def unstick(self) -> None:
        """Restart a server that a failed commit left locked.

        Gramps Web on SQLite cannot commit while others read or write. After such a failure it may keep its database
        locked for minutes: every change then ends in a 500, also that of a computer which is alone by now.
        """
        if self._stuck:
            self.world.restart_server()
            self.say("server", "restarted")
            self._stuck = False

    def converge(self) -> None:
        """Runs in any order, until none has anything to do."""
        for _ in range(12):
            self.unstick()
            order = self.rng.sample(list(self.desktops), len(self.desktops))
            quiet = [self.sync(desktop) for desktop in order]
            if all(quiet):
                return
        raise AssertionError("the runs find ever more to do")

    # --- a round ------------------------------------------------------------------------------------------

    def deed(self, *, quiet: bool) -> None:
        """Somebody does something."""
        desktop = self.rng.choice(self.desktops)
        choice = self.rng.choice(["add", "edit", "edit", "move", "move", "delete", "web", "web", "both"])
        if choice == "web":
            self.web(quiet=quiet)
        elif choice == "both":
            if quiet:
                self.rng.choice([self.twins, self.same_edit])()
        else:
            {"add": self.add, "edit": self.edit, "move": self.move, "delete": self.delete}[choice](desktop)

    def round(self, deeds: int, weather: str = "") -> None:
        """People work, syncd runs: one after the other, all at once, or all but one for a long time."""
        self.log.clear()
        for _ in range(deeds):
            self.deed(quiet=True)
        weather = weather or self.rng.choice(["calm", "at once", "busy", "one is away"])
        self.say("weather", weather)
        if weather == "one is away":
            here = [desktop for desktop in self.desktops if desktop is not self.rng.choice(self.desktops)]
            for _ in range(3):
                for desktop in here or self.desktops[:1]:
                    self.sync(desktop)
                for _ in range(3):
                    self.deed(quiet=True)
        elif weather != "calm":
            self.sync_at_once(busy=weather == "busy")
        self.converge()
        self.check()

    def check(self) -> None:
        """What must be so at the end of every round; then the next begins with what there is."""
        try:
            self._check()
        except AssertionError as error:
            story = "\n".join([*(line[:6000] for line in self.log), *self._history()])
            raise AssertionError(f"{error}\nseed {self.seed}:\n{story}") from error

    def _history(self) -> list[str]:
        """What the server did to media objects, one line for each of the last changes."""
        return [
            f"{item['id']} {item['connection']['user']['name'] if item.get('connection') else ''} {item['description']}: "
            f"{change['trans_type']} {change['obj_handle'][:8]} "
            + " → ".join(
                f"{form['path']} {form['checksum'][:6]}"
                for form in (change["old_data"], change["new_data"])
                if form
            )
            for item in self.world.api.history()[-80:]
            for change in item["changes"]
            if change["obj_class"] == "Media"
        ]

    def _check(self) -> None:
        files = self.desktops[0].files()
        for desktop in self.desktops:
            self.world.assert_in_step(desktop)
            assert leftovers(desktop) == []
        assert self.world.s3 is not None
        keys = self.world.s3.keys()
        live: dict[str, list[str]] = defaultdict(list)
        for path, content in files.items():
            live[self.known(content)].append(path)
        for checksum, version in self.versions.items():
            paths, number = live.get(checksum, []), len(version.places)
            if checksum in self._refused and not paths:
                continue
            about = f"item {version.item} {checksum[:6]}, put at {sorted(version.places)}: {paths}"
            # Edited alike on two computers and moved on one before it ran: that is a new file there.
            most = number + (len(version.moves) if version.by_two else 0)
            assert len(paths) <= most, f"doubled: {about}"
            if not version.edits and not version.deletions and version.item in self._raced:
                assert paths or checksum in keys, f"lost: {about}"
            elif not version.edits and not version.deletions:
                assert number <= len(paths), f"lost: {about}"
            elif number == 1 and not version.by_two:
                assert not paths, f"came back: {about}"
            if len(paths) == number == 1 and not version.by_two and " (conflict " not in paths[0]:
                self._check_name(version, paths[0], about)
        for version in self.versions.values():
            version.places = set(live.get(md5(version.content), ()))
            version.moves.clear()
            version.by_two = version.is_new = False
            version.edits = version.deletions = 0 if version.places else 1
        self._raced.clear()
        self._refused.clear()
        assert keys.keys() >= live.keys()

    def _check_name(self, version: Version, path: str, about: str) -> None:
        """The one name that somebody gave it, or the one that it had."""
        line = [version]
        while line[-1].parent is not None:
            line.append(self.versions[line[-1].parent])
        moves = [to for one in line for to in one.moves]
        allowed = {*moves, *(place for one in line for place in one.places)}
        if any(one.is_new for one in line[1:]):  # replaced before any computer knew its name
            allowed.add(f"{md5(version.content)}.jpg")
        assert path in allowed, f"named {path}, which nobody said: {about} {moves}"
        if len(moves) == 1 and version.moves:
            assert path == moves[0], f"not moved to {moves[0]}: {about}"


def begin(world: World, seed: int, *, computers: int = 2) -> Storm:
    """A storm over an empty tree: clocks an hour apart, no limit on deletions."""
    settings = {
        "first_sync": "go",
        "deletions": {"hold_above": {"count": 10**6, "percent": 100, "always_allow": 10**6}},
    }
    world.configure(**settings)
    for number in range(1, computers):
        world.new_desktop(f"desktop{number + 1}", **settings)
    shifts = random.Random(seed).sample([0, 3600, -3600], 3)
    clocks = {
        desktop.base.name: wrong_by(shift, world.base / f"clock {shift}")
        for desktop, shift in zip(world.desktops, shifts, strict=False)
    }
    storm = Storm(world, seed, world.desktops, clocks)
    storm.add(world.desktop)
    storm.converge()  # once they have met, equal files of two names are two
    return storm


def tell(line: str) -> None:
    """A line for whoever watches."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Storms by hand, on servers of their own."""
    from lab.gramps_web import GrampsWeb
    from lab.s3 import RcloneS3

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--computers", type=int, default=2)
    options = parser.parse_args(arguments)
    failed = 0
    with tempfile.TemporaryDirectory() as place, RcloneS3(Path(place) / "s3") as s3:
        s3.new_bucket("media")
        with GrampsWeb(Path(place) / "web", s3=s3) as server:
            for seed in map(int, options.seeds.split(",")):
                world = World.on(server, Path(place) / f"world-{seed}", "empty")
                storm = begin(world, seed, computers=options.computers)
                try:
                    for number in range(options.rounds):
                        storm.round(10)
                        tell(f"seed {seed} round {number}: {len(world.desktop.files())} files")
                except Exception as error:
                    failed += 1
                    tell(f"seed {seed} FAILED: {error}")
                world.close()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
