"""A home folder with family trees in the form that Gramps 6.0 gives them, written by hand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SCHEMA = """
CREATE TABLE media (handle VARCHAR(50) PRIMARY KEY NOT NULL, json_data TEXT, gramps_id TEXT, path TEXT, mime TEXT,
    desc TEXT, checksum TEXT, change INTEGER, private INTEGER);
CREATE TABLE metadata (setting VARCHAR(50) PRIMARY KEY NOT NULL, json_data TEXT, value BLOB);
"""
OLD_SCHEMA = """
CREATE TABLE media (handle VARCHAR(50) PRIMARY KEY NOT NULL, blob_data BLOB, path TEXT);
CREATE TABLE metadata (setting VARCHAR(50) PRIMARY KEY NOT NULL, value BLOB);
INSERT INTO metadata VALUES ('version', x'80049506000000000000008c023138942e');
"""
MD5 = "0123456789abcdef0123456789abcdef"


def form(handle: str, path: str, **more: Any) -> dict[str, Any]:
    """A media object in Gramps' raw form, as far as it matters."""
    return {"_class": "Media", "handle": handle, "path": path, "checksum": MD5, "desc": "", **more}


@dataclass
class Person:
    """Whoever uses Gramps on this machine."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environ["HOME"] = str(self.home)
        self.media.mkdir(parents=True, exist_ok=True)

    @property
    def media(self) -> Path:
        """The media folder."""
        return self.home / "Pictures" / "family"

    @property
    def trees(self) -> Path:
        """Where Gramps keeps trees by default."""
        return self.home / ".local" / "share" / "gramps" / "grampsdb"

    def tree(
        self,
        title: str = "Smith",
        media: Sequence[tuple[str, str]] = (),
        *,
        media_path: str | None = None,
        version: object = "21",
        folder: Path | None = None,
    ) -> Path:
        """Make a tree with media objects of these (handle, path), each newer than the one before; its folder."""
        folder = folder or self.trees / f"{len(list(self.trees.glob('*'))):08x}"
        folder.mkdir(parents=True)
        (folder / "name.txt").write_text(title)
        (folder / "database.txt").write_text("sqlite")
        with closing(sqlite3.connect(folder / "sqlite.db")) as db, db:
            db.executescript(SCHEMA)
            for setting, value in (("version", version), ("media-path", media_path)):
                wrapped = json.dumps({"type": type(value).__name__, "value": value})
                db.execute("INSERT INTO metadata VALUES (?, ?, NULL)", (setting, wrapped))
            for number, (handle, path) in enumerate(media):
                raw = json.dumps(form(handle, path))
                values = (handle, raw, f"O{number:04}", path, "", "", MD5, number, 0)
                db.execute("INSERT INTO media VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        return folder


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody with a home folder."""
    return Person(tmp_path / "home")
