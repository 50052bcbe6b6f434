"""A world as it is at one moment, kept, and made again as often as wanted: folder, state, tree, history and bucket.

A copy has a tree of its own, so any number of them live on one server. What names the tree or the folder is put right in
the state, in the folder's marker and in the server's history; everything else is what it was, byte for byte.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lab.gramps_web import GrampsWeb
from lab.world import World

_TREE = "empty"
"""What the tree's folder is called: its title begins with it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A world that was kept; nobody may have been at work.

    Args:
        base: where it is kept: `media`, `state`, and the tree.
        tree: the tree's id.
        media: where the folder was.
        state: where the state was.
        keys: what the bucket held of the tree.
    """

    base: Path
    tree: str
    media: Path
    state: Path
    keys: dict[str, bytes]

    @classmethod
    def of(cls, world: World, base: Path) -> Moment:
        """Keep the first desktop of a world, its tree and its part of the bucket."""
        desktop = world.desktop
        assert world.s3 is not None
        shutil.copytree(desktop.folder, base / "media")
        shutil.copytree(desktop.state_dir, base / "state")
        world.server.save_tree(world.tree, base / _TREE)
        return cls(base, world.tree.id, desktop.folder, desktop.state_dir, world.s3.contents())

    def again(self, server: GrampsWeb, base: Path) -> World:
        """The same world once more, below `base`; `close` it in the end."""
        world = World.on(server, base, self.base / _TREE)
        desktop = world.desktop
        assert world.s3 is not None
        for kept, now in (("media", desktop.folder), ("state", desktop.state_dir)):
            shutil.copytree(self.base / kept, now, dirs_exist_ok=True)
        for key, content in self.keys.items():
            world.s3.put(key, content, "image/jpeg")
        swap = (
            (self.tree, world.tree.id),
            (self.tree[:8], world.tree.id[:8]),
            (str(self.media), str(desktop.folder)),
            (str(self.state), str(desktop.state_dir)),
        )
        marker = desktop.folder / ".syncd" / "folder.json"
        if marker.exists():
            marker.write_text(_swapped(marker.read_text(), swap))
        _correct(desktop.state_dir / "state.sqlite", _IN_STATE, swap)
        _correct(server.trees_folder / world.tree.id / "undo.db", _IN_HISTORY, swap)
        return world


_IN_STATE = {
    "binding": ("tree_id", "prefix", "media_dir", "title"),
    "undos": ("tree_id",),
    "trash": ("tree_id",),
    "meta": ("value",),
}
_IN_HISTORY = {"connections": ("tree_id",)}
Swap = tuple[tuple[str, str], ...]


def _swapped(text: str, swap: Swap) -> str:
    for old, new in swap:
        text = text.replace(old, new)
    return text


def _correct(file: Path, columns: Mapping[str, tuple[str, ...]], swap: Swap) -> None:
    """Put ids and paths right in a database."""
    if not file.exists():
        return
    with closing(sqlite3.connect(file)) as db, db:
        for table, names in columns.items():
            for name in names:
                for old, new in swap:
                    db.execute(
                        f"UPDATE {table} SET {name} = replace({name}, ?, ?) WHERE typeof({name}) = 'text'",
                        (old, new),
                    )
