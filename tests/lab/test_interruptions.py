"""Interrupted at any moment, by a person, a power cut or the network: the next run finishes, whole and nothing twice."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab.process import wait_until
from lab.world import World, md5
from syncd.config import load_settings
from syncd.gramps.creating import FIRST_BATCH
from syncd.model.plan import Outcome
from syncd.once import run_once
from syncd.ports import SilentProgress
from tests.lab.endings import KEYS, assert_plain, assert_settled, photo, synced

MANY = 200
"""New files on each side of the run that is killed."""
QUICKLY = 10.0
"""Seconds within which a signal ends a run, on a machine that is busy with other tests."""


def keys(world: World) -> dict[str, int]:
    """What the bucket holds of this tree."""
    assert world.s3 is not None
    return world.s3.keys()


def add_on_the_web(world: World, files: Mapping[str, bytes]) -> None:
    """Put bytes into the bucket and create their objects in one call, as another desktop would."""
    assert world.s3 is not None
    for content in files.values():
        world.s3.put_content(content, "image/jpeg")
    world.api.json(
        "POST",
        "/objects/",
        json=[
            {"_class": "Media", "path": path, "mime": "image/jpeg", "desc": path, "checksum": md5(content)}
            for path, content in files.items()
        ],
    )


def is_at_work(world: World) -> bool:
    """Whether a run holds the folder's lock."""
    lock = world.folder / ".syncd" / "lock"
    return lock.exists() and lock.stat().st_size > 0


def wait_in(process: subprocess.Popen[str], condition: Callable[[], bool], what: str) -> None:
    """Wait for a moment of a run; the run must still be under way then."""
    wait_until(lambda: process.poll() is not None or condition(), what)
    assert process.poll() is None, process.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_while_files_are_sent(world: World, number: signal.Signals, code: int) -> None:
    """Ctrl-C and a termination end a run within moments, with their own exit code; the next run finishes."""
    synced(world)
    for index in range(100):
        world.write(f"new/{index}.jpg", photo(index, 100_000))
    before = len(keys(world))
    process = world.desktop.start("--once", "--json")
    wait_in(process, lambda: len(keys(world)) > before + 3, "uploads")
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < QUICKLY
    assert process.returncode == code, (out, err)
    assert "Traceback" not in err
    assert f'"exit_code": {code}' in out
    assert world.syncd("status").code == 1
    # Whatever the run had done is told, by itself or by the next one: each object once.
    told = [*json.loads(out)["actions"], *world.sync()["actions"]]
    assert sorted(done["path"] for done in told if done["kind"] == "added") == sorted(
        f"new/{index}.jpg" for index in range(100)
    )
    assert world.syncd("status").code == 0
    assert len(world.api.media()) == 7 + 100
    assert_settled(world)


def test_a_signal_while_files_are_fetched(world: World) -> None:
    """Ctrl-C while files arrive: no file under a real name is partial, nothing lies about, the next run finishes."""
    synced(world)
    files = {f"web/{index}.bin": os.urandom(400_000) for index in range(60)}
    add_on_the_web(world, files)
    process = world.desktop.start("--once")
    wait_in(process, (world.folder / "web").exists, "fetches")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    told = re.match(r"(\d+) files? fetched; then it was broken off ", out)
    assert told is not None or not out, (out, err)
    assert_real_names_are_whole(world, files)
    world.sync()
    assert_settled(world)


def test_a_signal_while_the_server_does_not_answer(world: World) -> None:
    """Ctrl-C ends a run that waits for a server which hangs."""
    synced(world)
    world.write("new.jpg", photo(1))
    world.server.pause()
    process = world.desktop.start("--once", "--json")
    wait_in(process, lambda: is_at_work(world), "the run to begin")
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < QUICKLY
    assert process.returncode == 143, (out, err)
    world.server.resume()
    world.sync()
    assert_settled(world)


def test_a_signal_after_the_last_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is told all the same, though the run had only to tidy up."""
    synced(world)
    world.write("new.jpg", photo(1))

    def interrupted(*_rooms: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("syncd.rooms.keep_house", interrupted)
    told: list[Callable[[], Outcome]] = []
    settings = load_settings(world.config_file, {})
    with pytest.raises(KeyboardInterrupt):
        run_once(settings, full=False, dry_run=False, progress=SilentProgress(), begun=told.append)
    (so_far,) = told
    assert sorted((done.kind, done.path) for done in so_far().actions) == [
        ("added", "new.jpg"),
        ("uploaded", "new.jpg"),
    ]
    monkeypatch.undo()
    assert_settled(world)


def assert_real_names_are_whole(world: World, expected: Mapping[str, bytes]) -> None:
    """Whatever stands under a name that a person gave is what the person made."""
    for path, content in world.desktop.files().items():
        if path in expected and ".syncd-" not in path:
            assert content == expected[path], f"{path} is not whole"


@pytest.mark.timeout(240)
def test_killed_at_every_stage(world: World) -> None:
    """Killed again and again, from the first look to the last file: then one run makes it whole, nothing twice.

    At every moment each key of the bucket holds its own bytes, each object names bytes that are there, and each
    file under a real name is whole.
    """
    synced(world)
    assert world.s3 is not None
    # No run is killed with a change of objects on its way: Gramps Web would go on with it, and answer the next run's with
    # 500 (its database is locked) for half a minute. So all objects go in one batch, and their keys slowly before them.
    mine = {f"mine/{index}.bin": os.urandom(60_000) for index in range(FIRST_BATCH)}
    theirs = {f"theirs/{index}.bin": os.urandom(120_000) for index in range(MANY)}
    for path, content in mine.items():
        world.write(path, content)
    add_on_the_web(world, theirs)
    begun, log = len(keys(world)), world.server.log
    told = log.stat().st_size
    folder = world.folder / "theirs"

    def arrived() -> int:
        return len(list(folder.iterdir())) if folder.is_dir() else 0

    moments: dict[str, Callable[[], bool]] = {
        "the run to begin": lambda: is_at_work(world),
        "a first key": lambda: len(keys(world)) > begun,
        "half of the keys": lambda: len(keys(world)) > begun + len(mine) // 2,
        # Not by asking the server: it cannot commit while others read.
        "a first object": lambda: b'POST /api/objects/ HTTP/1.1" 201' in log.read_bytes()[told:],
        "a first file": lambda: arrived() > 0,
        "half of the files": lambda: arrived() > MANY // 2,
    }
    for what, moment in moments.items():
        world.configure(limit_up="500 kB" if "key" in what else None)
        process = world.desktop.start("--once", "--json")
        wait_in(process, moment, what)
        process.kill()
        process.communicate()
        assert_real_names_are_whole(world, theirs | mine)
        held = keys(world)
        assert all(item["checksum"] in held for item in world.api.media()), what
    world.s3.settled()
    world.s3.assert_sound()
    world.sync()
    assert len(world.api.media()) == 7 + len(mine) + len(theirs)
    assert world.desktop.files().items() >= {**mine, **theirs}.items()
    assert world.desktop.trash() == []
    assert_settled(world)


def test_killed_while_files_are_replaced(world: World) -> None:
    """Killed while files of the folder are replaced by newer ones of Gramps Web: every version is somewhere."""
    synced(world)
    old = {f"old/{index}.bin": os.urandom(20_000) for index in range(40)}
    for path, content in old.items():
        world.write(path, content)
    world.sync()
    assert world.s3 is not None
    new = {path: os.urandom(400_000) for path in old}
    objects = world.api.by_path()
    for path, content in new.items():
        world.api.edit(objects[path]["handle"], checksum=world.s3.put_content(content))
    world.configure(limit_down="4 MB")  # else all may be there before anybody has looked
    process = world.desktop.start("--once", "--json")
    wait_in(process, lambda: len(world.desktop.trash()) > 2, "files in the trash")
    process.kill()
    process.communicate()
    now = world.desktop.files()
    for path in old.keys() & now.keys():
        assert now[path] in (old[path], new[path]), f"{path} is not whole"
    everything = {md5(content) for content in (*now.values(), *unfinished(world), *world.desktop.trash())}
    assert {md5(content) for content in old.values()} <= everything
    world.configure(limit_down=None)
    world.sync()
    assert world.desktop.files().items() >= new.items()
    assert {md5(content) for content in world.desktop.trash()} == {md5(content) for content in old.values()}
    assert_settled(world)


def unfinished(world: World) -> list[bytes]:
    """What lies in `.syncd/tmp`: a file that was swapped out an instant ago may be there for an instant."""
    return [path.read_bytes() for path in (world.folder / ".syncd" / "tmp").iterdir()]


# --- answers that get lost --------------------------------------------------------------------------------------------


class Wire:
    """Forwards requests to Gramps Web, and drops the answers that `lose` names: the server did it, nobody is told."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.lose: Callable[[str, str], bool] = lambda _method, _path: False
        self.lost: list[str] = []
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        """Called before a request is forwarded: what others do at that very moment."""

        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                wire.before(self.command, self.path)
                assert wire.target.hostname is not None
                onward = http.client.HTTPConnection(wire.target.hostname, wire.target.port, timeout=60)
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in ("connection", "transfer-encoding", "content-length")
                }
                onward.request(self.command, self.path, body or None, headers)
                answer = onward.getresponse()
                content = answer.read()
                onward.close()
                if answer.status < 300 and wire.lose(self.command, self.path):
                    wire.lost.append(f"{self.command} {self.path}")
                    self.close_connection = True
                    return
                self.send_response_only(answer.status, answer.reason)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _forward  # noqa: N815  (http.server's names)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def wire_to(world: World) -> Iterator[Wire]:
    """A wire between the first desktop and Gramps Web; afterwards the desktop speaks with the server itself."""
    wire = Wire(world.server.url)
    Thread(target=wire.server.serve_forever, daemon=True).start()
    world.configure(gramps={"url": wire.url})
    try:
        yield wire
    finally:
        world.configure(gramps={"url": world.server.url})
        wire.server.shutdown()
        wire.server.server_close()


def lose_once(wire: Wire, method: str, path: str) -> None:
    """Drop the first answer to such a request, and no other."""
    wire.lose = lambda called, where: not wire.lost and called == method and path in where


def assert_told_or_mended(world: World) -> dict[str, Any]:
    """A run whose answer got lost finds out what became of it (0), or says that the server is gone (4)."""
    run = world.syncd("--once", "--json")
    assert run.code in (0, 4), run
    assert run.json.keys() >= KEYS
    assert_plain(run)
    return run.json


def test_a_lost_answer_to_an_addition(world: World) -> None:
    """The server added the objects, the answer got lost: they are not added again."""
    synced(world)
    for index in range(5):
        world.write(f"new {index}.jpg", photo(index))
    with wire_to(world) as wire:
        lose_once(wire, "POST", "/objects/")
        assert_told_or_mended(world)
        assert wire.lost
        world.sync()
    assert len(world.api.media()) == 7 + 5
    assert_settled(world)


def test_a_lost_answer_and_a_deletion_meanwhile(world: World) -> None:
    """Killed before the answer to an addition came; somebody deletes the object: it is not added again.

    The file goes where a file goes whose object was deleted: into the trash.
    """
    synced(world)
    world.write("new.jpg", photo(1))
    with wire_to(world) as wire:
        wire.lose = lambda _method, path: bool(wire.lost) or "/objects/" in path
        process = world.desktop.start("--once")
        wait_in(process, lambda: bool(wire.lost), "the addition")
        process.kill()
        process.communicate()
    world.api.delete(world.api.by_path()["new.jpg"]["handle"])
    world.sync()
    assert "new.jpg" not in world.catalog()
    assert world.desktop.trash() == [photo(1)]
    assert_settled(world)


def test_a_lost_answer_to_the_first_upload(empty_world: World) -> None:
    """An empty tree's first file goes through the API; when that answer gets lost, there is one object all the same."""
    world = empty_world
    world.write("first.jpg", photo(1))
    world.write("second.jpg", photo(2))
    with wire_to(world) as wire:
        lose_once(wire, "POST", "/media/")
        assert_told_or_mended(world)
        assert wire.lost
        world.sync()
    assert sorted(world.catalog()) == ["first.jpg", "second.jpg"]
    assert_settled(world)


def test_a_lost_answer_to_a_change(world: World) -> None:
    """The server changed an object, the answer got lost: no conflict is made of the desktop's own change."""
    synced(world)
    edited, *_, moved = sorted(world.folder.glob("*.jpg"))
    edited.write_bytes(photo(1))
    moved.rename(world.folder / "moved.jpg")
    with wire_to(world) as wire:
        lose_once(wire, "POST", "/transactions/")
        document = assert_told_or_mended(world)
        assert wire.lost
        assert document["conflicts"] == []
        assert world.sync()["conflicts"] == []
    assert len(world.desktop.files()) == len(world.api.media()) == 7
    assert_settled(world)


def test_a_lost_answer_to_a_deletion(world: World) -> None:
    """The server deleted an object, the answer got lost: nothing else is deleted, nothing comes back."""
    synced(world)
    world.write("mistake.jpg", photo(1))
    world.sync()
    (world.folder / "mistake.jpg").unlink()
    with wire_to(world) as wire:
        lose_once(wire, "DELETE", "/media/")
        assert_told_or_mended(world)
        world.sync()
        assert wire.lost
    assert len(world.api.media()) == 7
    assert_settled(world)


def test_killed_before_a_deletion_is_written_down(world: World) -> None:
    """Killed when the server had deleted an object: the file that is put back gets it back, as after any deletion.

    It is no object that somebody deleted in Gramps Web, whose file would go to the trash.
    """
    synced(world)
    world.write("mistake.jpg", photo(1))
    world.write("for good.jpg", photo(2))
    world.sync()
    handle = world.api.by_path()["mistake.jpg"]["handle"]
    world.api.edit(handle, desc="Grandmother, 1921")
    for name, back in (("mistake.jpg", photo(1)), ("for good.jpg", None)):
        (world.folder / name).unlink()
        with wire_to(world) as wire:
            wire.lose = lambda method, _path: method == "DELETE"
            process = world.desktop.start("--once")
            wait_in(process, partial(bool, wire.lost), "the deletion")
            process.kill()
            process.communicate()
        if back is not None:
            world.write(name, back)
        world.sync()
    item = world.api.by_path()["mistake.jpg"]
    assert (item["handle"], item["desc"]) == (handle, "Grandmother, 1921")
    assert (world.folder / "mistake.jpg").read_bytes() == photo(1)
    assert "for good.jpg" not in world.catalog()
    listed = world.syncd("trash", "list")
    assert "for good.jpg" in listed.out, listed
    (number,) = re.findall(r"\bW\d+\b", listed.out)
    assert world.syncd("trash", "restore", number).code == 0
    world.sync()
    assert (world.folder / "for good.jpg").read_bytes() == photo(2)
    assert_settled(world)


def test_killed_before_a_change_is_written_down(world: World) -> None:
    """Killed when the server had taken an edit and a move: a person who takes both back is heard.

    What Gramps Web shows by then was syncd's doing, and is no news from there.
    """
    synced(world)
    world.write("edited.jpg", photo(1))
    world.write("moved.jpg", photo(2))
    world.sync()
    world.write("edited.jpg", photo(3))
    kill_in_a_change(world)
    world.write("edited.jpg", photo(1))
    world.sync()
    (world.folder / "moved.jpg").rename(world.folder / "elsewhere.jpg")
    kill_in_a_change(world)
    (world.folder / "elsewhere.jpg").rename(world.folder / "moved.jpg")
    world.sync()
    files = world.desktop.files()
    assert (files["edited.jpg"], files["moved.jpg"]) == (photo(1), photo(2))
    assert world.desktop.trash() == []
    assert_settled(world)


def kill_in_a_change(world: World) -> None:
    """A run is killed when the server has taken its first change of an object."""
    with wire_to(world) as wire:
        wire.lose = lambda method, path: method == "POST" and "/transactions/" in path
        process = world.desktop.start("--once")
        wait_in(process, partial(bool, wire.lost), "the change")
        process.kill()
        process.communicate()


def test_every_second_answer_is_lost(world: World) -> None:
    """A wire that drops every second answer to whatever changes something: in the end all is there, once."""
    synced(world)
    for index in range(6):
        world.write(f"new {index}.jpg", photo(index))
    (world.folder / min(world.desktop.files())).rename(world.folder / "moved.jpg")
    with wire_to(world) as wire:
        seen: list[str] = []

        def lose(method: str, path: str) -> bool:
            if method == "GET" or "/token/" in path:
                return False
            seen.append(path)
            return len(seen) % 2 == 1

        wire.lose = lose
        for _ in range(3):
            assert world.syncd("--once", "--json").code in (0, 3, 4)
        assert wire.lost
    paths = [item["path"] for item in world.api.media()]
    assert len(paths) == len(set(paths))
    world.sync()
    assert len(world.api.media()) == 7 + 6
    assert_settled(world)
