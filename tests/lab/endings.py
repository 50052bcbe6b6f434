"""How every scenario ends: both sides agree byte for byte, and another run has nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.gramps_web import PASSWORD
from lab.world import Desktop, Mark, Run, World, md5

KEYS = {
    "version",
    "exit_code",
    "dry_run",
    "error",
    "stop",
    "counts",
    "bytes_up",
    "bytes_down",
    "actions",
    "conflicts",
    "phases",
    "problems",
    "held",
    "seconds",
}
"""The keys of the JSON document that every command and every exit has."""


def photo(number: int, size: int = 300) -> bytes:
    """A small file that no other number has; it begins as a JPEG does."""
    return (b"\xff\xd8\xff\xe0" + f"photo {number} ".encode() * (size // 8 + 1))[:size]


def assert_settled(world: World, desktop: Desktop | None = None, *, code: int = 0) -> None:
    """Both sides agree; another run does nothing, and nothing of ours lies about.

    Args:
        world: the world, its servers healthy.
        desktop: the computer that runs; the first when left out.
        code: how that run ends: 1 where a problem stays by its nature.
    """
    if code == 0:
        world.assert_in_step(desktop)
    mark = world.mark()
    document = (desktop or world.desktop).sync(code=code)
    mark.assert_nothing_written()
    assert document["actions"] == []
    assert (desktop or world.desktop).leftovers() == []


def assert_served(world: World, *desktops: Desktop, astray: Sequence[str] = ()) -> None:
    """On a server's own disk: every object shows the bytes that its checksum names, and each desktop has them all.

    Args:
        world: the world.
        desktops: the computers whose folders are compared; the first when left out.
        astray: handles of objects whose record is not true of what the server has.
    """
    shown: list[str] = []
    for item in world.api.media():
        content = world.api.content(item["handle"])
        assert content is not None, f"Gramps Web has no file at {item['path']}"
        assert (md5(content) == item["checksum"]) == (item["handle"] not in astray), item["path"]
        shown.append(md5(content))
    for desktop in desktops or [world.desktop]:
        here = sorted(map(md5, desktop.files().values()))
        assert here == sorted(shown), f"{desktop.files().keys()} here, {sorted(world.catalog())} there"


def fresh(path: str, content: bytes) -> str:
    """The path that other bytes get on the server's disk."""
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}-{md5(content)[:8]}{dot}{suffix}"


def on_server(world: World) -> Path:
    """Where the server keeps the tree's media."""
    return world.server.media_folder / world.tree.id if world.server.many else world.server.media_folder


def step(world: World, *desktops: Desktop) -> dict[str, Any]:
    """A run of each; afterwards the server shows what it should, and all folders have it. The last run's document."""
    document: dict[str, Any] = {}
    for desktop in desktops or [world.desktop]:
        document = desktop.sync()
    assert_served(world, *desktops)
    return document


def assert_rests(world: World, *desktops: Desktop, code: int = 0) -> None:
    """Another run of each writes nothing anywhere, asks for no transfer, and leaves nothing lying about."""
    for desktop in desktops or [world.desktop]:
        mark = world.mark()
        document = desktop.sync(code=code)
        mark.assert_nothing_written()
        assert document["actions"] == []
        assert document["bytes_up"] == document["bytes_down"] == 0
        assert desktop.leftovers() == []


def lasting(mark: Mark) -> list[str]:
    """What was written since; an upload in parts that is begun and called off leaves nothing."""
    return [line for line in mark.writes() if "operation='MULTIPART'" not in line]


def synced(world: World) -> World:
    """The same world with the example's images in its folder, in step."""
    world.copy_example_images()
    world.sync()
    return world


def assert_plain(run: Run, *, secrets: Sequence[str] = ()) -> None:
    """What a person reads holds no traceback, no secret and no control code."""
    text = run.out + run.err
    assert "Traceback" not in text
    for secret in (PASSWORD, *secrets):
        assert secret not in text
    for char in text:
        assert char == "\n" or char.isprintable(), f"{char!r} in\n{text}"


def assert_document(run: Run) -> dict[str, Any]:
    """Exactly one document with the contract's keys, which says the exit code that the process had."""
    document = run.json
    assert document.keys() >= KEYS
    assert document["version"] == 1
    assert document["exit_code"] == run.code
    assert run.out.count("\n") == 1
    return document


def assert_stopped(world: World, *words: str) -> dict[str, Any]:
    """A run stops (exit code 3): nothing is done on either side, and reason and remedy are told.

    Args:
        world: the world; its server runs.
        words: what the reason says.
    """
    mark = world.mark()
    document = world.sync(code=3)
    mark.assert_nothing_written()
    stop: dict[str, Any] = document["stop"]
    assert stop is not None
    for word in words:
        assert word in stop["reason"]
    assert stop["remedy"]
    assert document["actions"] == []
    return stop


def adopt(world: World, stop: dict[str, Any]) -> None:
    """`syncd adopt --yes`, and the run after it: first contact, which deletes nothing on either side.

    Args:
        world: the world.
        stop: what was told before; it names that command.
    """
    assert "syncd adopt" in stop["remedy"]
    files, objects = world.desktop.files(), world.api.by_path()
    keys = world.s3.keys() if world.s3 else {}
    run = world.syncd("adopt", "--yes")
    assert run.code == 0, run
    document = world.sync()
    assert document["counts"]["deleted"] == document["counts"]["trashed"] == 0
    now = world.desktop.files()
    assert set(files.values()) <= set(now.values())
    assert {item["handle"] for item in objects.values()} <= {item["handle"] for item in world.api.media()}
    if world.s3:
        assert keys.keys() <= world.s3.keys().keys()
