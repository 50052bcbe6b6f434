"""A family's eventful day: every kind of change that there is, on both sides, waits for one run of syncd."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from lab.world import World, md5

MIB = 1 << 20
LARGE = 9 * MIB
"""Bytes of a file that is sent in parts, and needs more than one."""

BEFORE = (
    "album/kept.jpg",
    "alone/deleted there.jpg",
    "circle/a.jpg",
    "circle/b.jpg",
    "conflicts/conflict.jpg",
    "copied.jpg",
    "deleted here.jpg",
    "edited here.jpg",
    "edits/edited there.jpg",
    "fallen.jpg",
    "from/moved there.jpg",
    "from/stays.jpg",
    "gone/deleted there.jpg",
    "gone/stays.jpg",
    "left.jpg",
    "long gone.jpg",
    "moved here.jpg",
    "returning.jpg",
    "right.jpg",
)
"""The files of the day before; each holds `photo(its path)`.

What happens to one happens in a folder of its own: what is synced for one of them does not serve another.
"""
LONG_AGO = 1_600_000_000
"""When the files were written, in Unix seconds: nobody doubts whether they are finished."""


def photo(name: str, size: int = 3000) -> bytes:
    """The bytes of a picture that is unlike any other."""
    return (b"\xff\xd8\xff\xe0 " + f"{name} ".encode() * (size // len(name) + 1))[:size]


def write(world: World, path: str, content: bytes) -> None:
    """Put a file into the folder that has been there for long."""
    os.utime(world.write(path, content), (LONG_AGO, LONG_AGO))


def begin(world: World) -> None:
    """The files of the day before, not synced yet."""
    for path in BEFORE:
        write(world, path, photo(path))


def the_day_before(world: World) -> None:
    """In step; one file was deleted, and its object with it; another lies in the trash, and has had its time there."""
    begin(world)
    world.sync()
    (world.folder / "returning.jpg").unlink()
    world.api.delete(world.api.by_path()["long gone.jpg"]["handle"])
    world.sync()
    assert not {"returning.jpg", "long gone.jpg"} & world.catalog().keys()
    assert world.desktop.trash() == [photo("long gone.jpg")]
    with closing(sqlite3.connect(world.desktop.state_dir / "state.sqlite")) as db, db:
        db.execute("UPDATE trash SET at = ?", (LONG_AGO,))


def happen(world: World, *, large: bool = True) -> None:
    """What people do on that day, in the folder and in Gramps Web.

    Args:
        world: in step, as `the_day_before` leaves it.
        large: whether a file is among it that is sent in parts.
    """
    folder, api, objects = world.folder, world.api, world.api.by_path()
    assert world.s3 is not None

    def handle(path: str) -> str:
        return str(objects[path]["handle"])

    def arrive(content: bytes) -> str:
        assert world.s3 is not None
        return world.s3.put_content(content, "image/jpeg")

    # In the folder.
    write(world, "new here.jpg", photo("new here"))
    write(world, "new/also here.jpg", photo("also new here"))
    if large:
        write(world, "new/large.bin", photo("large", LARGE))
    write(world, "edited here.jpg", photo("edited here, anew"))
    (folder / "album" / "1912").mkdir()
    (folder / "moved here.jpg").rename(folder / "album" / "1912" / "moved.jpg")
    (folder / "deleted here.jpg").unlink()
    _swap(folder / "left.jpg", folder / "right.jpg")
    write(world, "returning.jpg", photo("returning.jpg"))
    write(world, "conflicts/conflict.jpg", photo("conflict, here"))
    write(world, "fallen.jpg", photo("fallen, edited here"))
    # In Gramps Web.
    api.create("there/new.jpg", checksum=arrive(photo("new there")))
    api.create("copies/a copy.jpg", checksum=md5(photo("copied.jpg")))
    api.edit(handle("edits/edited there.jpg"), checksum=arrive(photo("edited there, anew")))
    api.edit(handle("from/moved there.jpg"), path="to/moved.jpg")
    api.edit(handle("circle/a.jpg"), path="circle/b.jpg")
    api.edit(handle("circle/b.jpg"), path="circle/a.jpg")
    api.edit(handle("conflicts/conflict.jpg"), checksum=arrive(photo("conflict, there")))
    api.delete(handle("gone/deleted there.jpg"))
    api.delete(handle("alone/deleted there.jpg"))
    api.delete(handle("fallen.jpg"))


OTHER_DISK = "disk"
"""A folder of the media folder that is on a disk of its own."""
ON_TWO_DISKS = (
    "circle.jpg",
    "disk/arrives.jpg",
    "disk/circle.jpg",
    "disk/conflict.jpg",
    "disk/deleted.jpg",
    "disk/edited.jpg",
    "leaves.jpg",
)


def begin_on_two_disks(world: World) -> None:
    """Files on either disk, in step."""
    for path in ON_TWO_DISKS:
        write(world, path, photo(path))
    world.sync()


def happen_on_two_disks(world: World) -> None:
    """What makes bytes cross from disk to disk: `.syncd` is on one of them only."""
    api, objects = world.api, world.api.by_path()
    assert world.s3 is not None

    def change(of: str, **fields: str) -> None:
        api.edit(str(objects[of]["handle"]), **fields)

    write(world, "disk/conflict.jpg", photo("conflict, here"))
    change("disk/conflict.jpg", checksum=world.s3.put_content(photo("conflict, there"), "image/jpeg"))
    change("disk/edited.jpg", checksum=world.s3.put_content(photo("edited there, anew"), "image/jpeg"))
    change("disk/arrives.jpg", path="inner/arrives.jpg")
    change("leaves.jpg", path="disk/outer/leaves.jpg")
    change("circle.jpg", path="disk/circle.jpg")
    change("disk/circle.jpg", path="circle.jpg")
    api.delete(str(objects["disk/deleted.jpg"]["handle"]))
    api.create("disk/there/new.jpg", checksum=world.s3.put_content(photo("new there"), "image/jpeg"))


def damage(world: World) -> None:
    """Leave the state as a crash does, its log beside it, and write over its beginning."""
    state = world.desktop.state_dir / "state.sqlite"
    kept = state.with_name("kept")
    with closing(sqlite3.connect(state, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE links SET checksum = ?", ("0" * 32,))
        for suffix in ("", "-wal"):
            shutil.copy(f"{state}{suffix}", f"{kept}{suffix}")
    for suffix in ("", "-wal"):
        Path(f"{kept}{suffix}").rename(f"{state}{suffix}")
    with state.open("r+b") as file:
        file.write(b"no database")


def _swap(one: Path, other: Path) -> None:
    aside = one.with_suffix(".aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


CONTENTS = (
    *(photo(path) for path in (*BEFORE, *ON_TWO_DISKS)),
    *(
        photo(name)
        for name in (
            "new here",
            "also new here",
            "edited here, anew",
            "conflict, here",
            "fallen, edited here",
            "new there",
            "edited there, anew",
            "conflict, there",
        )
    ),
    photo("large", LARGE),
)
WHOLE = frozenset(md5(content) for content in CONTENTS)
"""The checksums of all that anybody made."""
