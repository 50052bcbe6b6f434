"""A real Gramps Desktop beside syncd: family trees in a home folder, changed by Gramps itself, never by SQL.

    gramps = GrampsDesktop(world.desktop.home)          # where syncd, run by that desktop, looks for it
    tree = gramps.new_tree("Family", media_path=world.folder)
    world.write("scan.jpg", content)
    handle = tree.add_media("scan.jpg", desc="Wedding")  # as the window does it: checksum and type from the file
    note = tree.add("Note", text={"_class": "StyledText", "string": "On the back: 1921", "tags": []})
    tree.change("Media", handle, note_list=[note])
    tree.objects("Media")[handle]["checksum"]
    tree.run("answer = db.get_number_of_people()")       # anything else

Fields are those of Gramps' raw form (the column `json_data`). Each call is a process of its own (0.7 s), so that
the database is closed in between; `add_many` makes many objects in one. `new_world(server, tree.folder)` gives a
server the tree as the desktop has it, with the same handles.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.gramps_web import CURRENT, Release
from lab.process import LabError, plain_environment

_SESSION = r"""
import json, os, sys
order = json.loads(sys.stdin.readline())
from gramps.gen.db import DbTxn
from gramps.gen.db.utils import make_database
from gramps.gen import lib
from gramps.gen.lib.json_utils import data_to_object, object_to_dict
from gramps.gen.mime import get_type
from gramps.gen.utils.file import create_checksum, media_path_full

db = make_database("sqlite")
db.load(order["folder"], None)

def add(kind, fields, transaction):
    made = data_to_object({**object_to_dict(getattr(lib, kind)()), **fields})
    if kind == "Media":
        full = media_path_full(db, made.path)
        made.mime = fields.get("mime", get_type(full))
        made.checksum = fields.get("checksum", create_checksum(full))
    return getattr(db, "add_" + kind.lower())(made, transaction) or made.handle

def change(kind, handle, fields, transaction):
    found = getattr(db, f"get_{kind.lower()}_from_handle")(handle)
    getattr(db, "commit_" + kind.lower())(data_to_object({**object_to_dict(found), **fields}), transaction)

def say(answer):
    print("\n" + json.dumps({"answer": answer}), flush=True)

names = {**globals(), **order["names"], "answer": None}
exec(order["code"], names)
db.close()
say(names["answer"])
"""


@dataclass(frozen=True, slots=True)
class FamilyTree:
    """One family tree on disk; its database is open only while a call lasts."""

    folder: Path
    title: str
    home: Path
    release: Release

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "sqlite.db"

    def add_media(self, path: str | Path, **fields: Any) -> str:
        """Add a media object for a file, which has to be there, and return its handle.

        `path` is written as given: relative to the tree's media path, or absolute as Gramps does by default.
        """
        return self.add("Media", path=str(path), **fields)

    def add(self, kind: str, **fields: Any) -> str:
        """Add an object (`Media`, `Note`, `Tag`, `Person` …) and return its handle."""
        (handle,) = self.add_many(kind, [fields])
        return handle

    def add_many(self, kind: str, objects: Sequence[Mapping[str, Any]]) -> list[str]:
        """Add objects of one kind in one transaction."""
        code = """
with DbTxn("add", db) as transaction:
    answer = [add(kind, fields, transaction) for fields in objects]
"""
        handles: list[str] = self.run(code, kind=kind, objects=list(objects))
        return handles

    def change(self, kind: str, handle: str, **fields: Any) -> None:
        """Set fields of an object."""
        code = """
with DbTxn("change", db) as transaction:
    change(kind, handle, fields, transaction)
"""
        self.run(code, kind=kind, handle=handle, fields=fields)

    def remove(self, kind: str, handle: str) -> None:
        """Remove an object; references to it stay, as nobody asks for them here."""
        code = """
with DbTxn("remove", db) as transaction:
    getattr(db, "remove_" + kind.lower())(handle, transaction)
"""
        self.run(code, kind=kind, handle=handle)

    def objects(self, kind: str) -> dict[str, dict[str, Any]]:
        """All objects of a kind in raw form, by handle."""
        code = """
handles = getattr(db, f"get_{kind.lower()}_handles")()
found = {handle: object_to_dict(getattr(db, f"get_{kind.lower()}_from_handle")(handle)) for handle in handles}
answer = json.loads(json.dumps(found))
"""
        found: dict[str, dict[str, Any]] = self.run(code, kind=kind)
        return found

    def set_media_path(self, path: str | Path | None) -> None:
        """Set the base folder of relative paths, as the tree's preferences do; None is the default."""
        self.run("db.set_mediapath(path)", path=None if path is None else str(path))

    def export(self, target: Path, kind: str = "exportxml") -> Path:
        """Export the tree with Gramps' own writer: `exportxml` (Gramps XML) or `exportpkg` (with the media files)."""
        code = """
from importlib import import_module
from gramps.cli.user import User
writer = import_module("gramps.plugins.export." + kind)
write = getattr(writer, "export_data", None) or writer.writeData
assert write(db, target, User(quiet=True))
"""
        self.run(code, target=str(target), kind=kind)
        return target

    def run(self, code: str, **names: Any) -> Any:
        """Run Python in Gramps: `db` is the open tree, `lib` its classes; returns what it leaves in `answer`."""
        with self._session(code, names) as process:
            out, err = process.communicate()
            if process.returncode:
                raise LabError(f"Gramps ended with {process.returncode}\n{out}\n{err}")
        return json.loads(out.splitlines()[-1])["answer"]

    @contextmanager
    def busy(self, statement: str = "BEGIN EXCLUSIVE") -> Iterator[None]:
        """Gramps has the database locked meanwhile, by default as while it writes an import."""
        code = "db.dbapi.execute(statement); say(None); sys.stdin.read(); db.dbapi.rollback()"
        with self._session(code, {"statement": statement}) as process:
            assert process.stdout is not None
            if not any("answer" in line for line in process.stdout):
                raise LabError("Gramps did not take the lock")
            yield
            process.communicate()

    def crash(self) -> None:
        """Gramps is killed while it writes: a journal stays, without which the database is not as it was."""
        code = """
db.dbapi.execute("PRAGMA cache_size = 1")
db.dbapi.begin()
for number in range(2000):
    db.dbapi.execute("INSERT INTO name_group VALUES (?, ?)", [f"half {number}", "x" * 100])
os.kill(os.getpid(), 9)
"""
        with self._session(code, {}) as process:
            process.communicate()
        if not self.folder.joinpath("sqlite.db-journal").stat().st_size:
            raise LabError("the crash left no journal")

    @contextmanager
    def _session(self, code: str, names: Mapping[str, Any]) -> Iterator[subprocess.Popen[str]]:
        """A Gramps process that has its order; killed in the end if it still runs."""
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", self.release.python, "-c", _SESSION],
            env={
                **plain_environment(),
                "HOME": str(self.home),
                "GRAMPS_RESOURCES": str(self.release.resources),
                "PYTHONWARNINGS": "ignore",
            },
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"folder": str(self.folder), "code": code, "names": names}) + "\n")
            process.stdin.flush()
            try:
                yield process
            finally:
                process.kill()


class GrampsDesktop:
    """Gramps as a person with this home folder has it."""

    def __init__(self, home: Path, release: Release = CURRENT) -> None:
        self.home = home
        self.release = release

    @property
    def trees_folder(self) -> Path:
        """Where it keeps family trees unless told otherwise."""
        return self.home / ".local" / "share" / "gramps" / "grampsdb"

    def new_tree(
        self, title: str, media_path: str | Path | None = None, template: str | Path = "empty"
    ) -> FamilyTree:
        """A family tree that Gramps made: `empty`, the `example`, or a copy of a tree's folder."""
        source = template if isinstance(template, Path) else self.release.template(template)
        folder = self.trees_folder / uuid.uuid4().hex[:8]
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, folder)
        (folder / "name.txt").write_text(title)
        tree = FamilyTree(folder, title, self.home, self.release)
        tree.set_media_path(media_path)
        return tree

    def import_tree(self, title: str, source: Path, media_path: str | Path | None = None) -> FamilyTree:
        """A family tree of a Gramps XML file (5 s)."""
        made = self.home / f"importing-{uuid.uuid4().hex[:8]}"
        self.release.import_tree(source, made)
        try:
            return self.new_tree(title, media_path, made)
        finally:
            shutil.rmtree(made)
