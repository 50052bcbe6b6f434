"""What the scenarios have in common: how they begin, and how every one of them must end."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from lab.world import Desktop, World

Document = dict[str, Any]


def photo(name: str) -> bytes:
    """The bytes of a picture that is unlike any other."""
    return b"\xff\xd8\xff\xe0 " + name.encode()


def begin(world: World, *paths: str) -> dict[str, str]:
    """Put photos under these paths, each the one of its path, and sync; the handles of all objects, by path."""
    for path in paths:
        world.write(path, photo(path))
    world.sync()
    world.assert_in_step()
    return handles(world)


def handles(world: World) -> dict[str, str]:
    """The handle of every media object, by path."""
    return {path: item["handle"] for path, item in world.api.by_path().items()}


def ends_in_step(world: World, code: int = 0) -> None:
    """The end of a scenario: both sides and the bucket agree byte for byte, and another run does nothing."""
    world.assert_in_step()
    ends_at_rest(world, code)


def ends_at_rest(world: World, code: int = 0) -> Document:
    """The end of a scenario in which the sides rightly differ: another run does nothing; its document."""
    mark = world.mark()
    document = world.sync(code=code)
    mark.assert_nothing_written()
    assert document["actions"] == []
    return document


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, hidden or not, byte for byte; None for a folder."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def folders(desktop: Desktop) -> set[str]:
    """The folders of the media folder, syncd's own left out."""
    found = {str(path.relative_to(desktop.folder)) for path in desktop.folder.rglob("*") if path.is_dir()}
    return {path for path in found if not path.startswith(".syncd")}


def deeds(document: Document) -> list[tuple[str, str]]:
    """What a run did (or would do): kinds and paths, sorted."""
    return sorted((action["kind"], action["path"]) for action in document["actions"])


def numbers(document: Document) -> set[int]:
    """The numbers of the sets that wait for a person."""
    return {item["id"] for item in document["held"]}


def change_on_web(world: World, handle: str, content: bytes) -> None:
    """Give an object other bytes without touching its path, as another desktop does."""
    assert world.s3 is not None
    world.api.edit(handle, checksum=world.s3.put_content(content, "image/jpeg"))


def rot(desktop: Desktop, path: str, content: bytes) -> None:
    """Other bytes, of which the file system says nothing: neither size nor any time changes."""
    file = desktop.folder / path
    before = file.stat()
    assert len(content) == before.st_size
    with file.open("r+b") as target:
        target.write(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with closing(sqlite3.connect(desktop.state_dir / "state.sqlite")) as state, state:
        changed = state.execute(
            "UPDATE stamps SET ctime_ns = ? WHERE path = ?", (file.stat().st_ctime_ns, path)
        )
        assert changed.rowcount == 1


def forget_stamps(desktop: Desktop, *paths: str) -> None:
    """Leave in the stat cache what a run does that ends before a file's times can vouch for its bytes: nothing."""
    with closing(sqlite3.connect(desktop.state_dir / "state.sqlite")) as state, state:
        for path in paths:
            state.execute("DELETE FROM stamps WHERE path = ?", (path,))


def export(path: Path, media: dict[str, str], base: Path) -> Path:
    """An export with media objects of these paths and checksums, as large as nobody wants to click together."""

    def known(checksum: str) -> str:
        return f'checksum="{checksum}" ' if checksum else ""

    objects = "".join(
        f'<object handle="_h{number}" change="1700000000" id="O{number}">'
        f'<file src="{src}" mime="image/jpeg" {known(checksum)}description=""/></object>'
        for number, (src, checksum) in enumerate(media.items())
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<database xmlns="http://gramps-project.org/xml/1.7.2/">'
        f"<header><mediapath>{base}</mediapath></header><objects>{objects}</objects></database>"
    )
    return path
