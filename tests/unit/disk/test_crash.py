"""The power fails at every single system call: nothing is lost, and recovery leads to before or after."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from syncd.applier import syscalls
from syncd.applier.disk import MediaFolder
from syncd.model import MediaPath
from tests.unit.disk.album import PRIMITIVES, Album, Disks, World

Seen = dict[str, bytes]
ANOTHER_DISK = "another disk"
"""The folder `a` is one, mounted inside the media folder."""

KINDS = ("modern", "no-exchange", "no-flags", "no-links", "lying", ANOTHER_DISK)
BY_LINK = ("no-flags", "lying")


class Crash(BaseException):
    """The power fails."""


class PowerCut:
    """Ends the world before or after the n-th system call: from then on nothing works."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool) -> None:
        self.left = number
        self.dead = False
        for name in PRIMITIVES:
            monkeypatch.setattr(syscalls, name, self._wrapped(getattr(syscalls, name), after=after))

    def _wrapped(self, real: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self.dead:
                raise Crash
            self.left -= 1
            self.dead = self.left <= 0
            if self.dead and not after:
                raise Crash
            result = real(*arguments)
            if self.dead:
                raise Crash
            return result

        return call


def _new(album: Album) -> None:
    with album.ready(b"new") as ready:
        album.folder.place(ready, MediaPath.of("x/y/new"))


def _new_beside(album: Album) -> None:
    with album.ready(b"new") as ready:
        album.folder.place(ready, MediaPath.of("a/new"))


def _replace(album: Album) -> None:
    with album.ready(b"new") as ready:
        album.folder.place(ready, MediaPath.of("a/old"), replaces=album.scanned("a/old"))


def _conflict(album: Album) -> None:
    with album.ready(b"new") as ready:
        album.folder.place(
            ready,
            MediaPath.of("a/old"),
            replaces=album.scanned("a/old"),
            keep_as=MediaPath.of("a/old (conflict)"),
        )


def _replace_elsewhere(album: Album) -> None:
    with album.ready(b"new") as ready:
        album.folder.place(ready, MediaPath.of("b/new"), replaces=album.scanned("a/old"))


def _move(album: Album) -> None:
    album.folder.move(album.scanned("a/old"), MediaPath.of("c/d/moved"), prune=True)


def _move_beside(album: Album) -> None:
    album.folder.move(album.scanned("b"), MediaPath.of("a/moved"))


def _trash(album: Album) -> None:
    album.folder.trash(album.scanned("a/old"), reason="gone")


def _swap(album: Album) -> None:
    with album.folder.step_aside(album.scanned("a/old")) as parked:
        album.folder.move(album.scanned("b"), MediaPath.of("a/old"))
        parked.settle(MediaPath.of("b"))


def _copy(album: Album) -> None:
    with album.folder.copy_in(album.scanned("a/old")) as ready:
        album.folder.place(ready, MediaPath.of("copy"))


def _restore(album: Album) -> None:
    album.folder.restore(".syncd/trash/2026-01-01/was", MediaPath.of("was"))


OPERATIONS = [
    _new,
    _new_beside,
    _replace,
    _conflict,
    _replace_elsewhere,
    _move,
    _move_beside,
    _trash,
    _swap,
    _copy,
    _restore,
]


def _prepared(root: Path, disks: Disks | None) -> Album:
    root.mkdir()
    album = Album(root)
    if disks is not None:
        disks.mount(root / "a")
        album.write("a/stays", b"stays")
    album.write("a/old", b"old")
    album.write(".syncd/trash/2026-01-01/was", b"was")
    album.write("b", b"other")
    album.folder.ensure_internal()
    return album


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk need not really be waited for."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__.strip("_"))
def test_the_power_fails_at_every_call(
    tmp_path: Path, operation: Callable[[Album], None], kind: str, disks: Disks
) -> None:
    """Whatever a person made is still there, by name or in the trash, and what is of ours only is cleared away."""

    def operation_prepared(root: Path) -> Album:
        album = _prepared(root, disks if kind == ANOTHER_DISK else None)
        if operation is _replace_elsewhere:
            (root / "b").unlink()
        return album

    with pytest.MonkeyPatch.context() as patch:
        World(patch).old(kind)
        before_album = operation_prepared(tmp_path / "whole")
        before = before_album.seen()
        operation(before_album)
        after = before_album.seen()
        assert before_album.tmp() == []
    originals = {b"old", b"was"} | ({b"other"} if b"other" in before.values() else set())
    for late in (False, True):
        for number in range(1, 200):
            album = operation_prepared(tmp_path / f"{number}{late}")
            with pytest.MonkeyPatch.context() as patch:
                World(patch).old(kind)
                cut = PowerCut(patch, number, after=late)
                with suppress(Crash):
                    operation(album)
                if not cut.dead:
                    break
            assert originals <= set(album.everything().values()), f"lost at call {number}"
            with pytest.MonkeyPatch.context() as patch:
                World(patch).old(kind)
                restarted = MediaFolder(album.root)
                restarted.recover()
                again = restarted.recover()
            assert again == []
            # A note of an empty folder stays: that may be a disk which is not mounted just now.
            assert [n for n in album.tmp() if not (kind == ANOTHER_DISK and n.endswith(".note"))] == []
            assert originals <= set(album.everything().values()), f"lost in recovery after call {number}"
            _is_sound(album.seen(), before, after, operation, kind)
        else:
            pytest.fail("the operation never ends")


def _is_sound(seen: Seen, before: Seen, after: Seen, operation: Callable[[Album], None], kind: str) -> None:
    """Before, after, or harmlessly in between."""
    if seen in (before, after):
        return
    if operation is _swap:
        # One of the two files has moved already, or stands beside; the next run sees both and goes on.
        # Where a move goes by hard link, one may have both names.
        assert set(seen.values()) == set(before.values())
        assert kind in BY_LINK or len(seen) == len(before)
        return
    if operation is _replace_elsewhere:
        assert seen == {**before, **after}
        return
    # Without a rename that refuses to overwrite, a hard link comes first: for an instant a file has two names.
    assert kind in BY_LINK or operation is _restore
    assert seen.items() <= {**before, **after}.items()
    assert set(seen.values()) >= set(before.values()) & set(after.values())
