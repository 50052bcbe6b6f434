"""What Gramps Desktop keeps: its databases, its settings, and its exports."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from syncd.desktop.database import UnreadableError, read_contents, read_forms
from syncd.desktop.meaning import Reader, base_folder
from syncd.desktop.places import find_installations, find_tree, list_trees
from syncd.errors import ConfigError
from syncd.model import PathRules
from syncd.upload.files import FileError, Folders
from syncd.upload.tree import tree_of_file
from tests.fuzz.parser import Parser
from tests.fuzz.values import as_json, damaged, text_of, texts
from tests.unit.desktop.family import MD5, SCHEMA, form

HEAD = '<?xml version="1.0"?><database xmlns="http://gramps-project.org/xml/1.7.1/">'


@cache
def _home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="syncd-fuzz-"))
    (home / "Pictures" / "family").mkdir(parents=True)
    return home


def _environ() -> dict[str, str]:
    return {"HOME": str(_home())}


def _tree(name: str) -> Path:
    folder = _home() / ".local" / "share" / "gramps" / "grampsdb" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "name.txt").write_text("Smith")
    (folder / "database.txt").write_text("sqlite")
    return folder


def _columns(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else json.dumps(value)


def _database(given: bytes) -> object:
    """Rows of any kind, in tables of Gramps' form."""
    try:
        rows = json.loads(given)
    except (ValueError, RecursionError):
        rows = []
    folder = _tree("rows")
    with closing(sqlite3.connect(folder / "sqlite.db")) as db, db:
        db.executescript(SCHEMA)
        for row in rows if isinstance(rows, list) else []:
            _insert(db, row)
    return _read(folder)


def _insert(db: sqlite3.Connection, row: Any) -> None:
    if not isinstance(row, list) or not row:
        return
    table, *values = row
    places = {"media": 9, "metadata": 3}.get(table if isinstance(table, str) else "")
    if places is None:
        return
    values = [_columns(value) for value in values[:places]]
    values = [
        value.encode(errors="surrogatepass") if isinstance(value, str) and not _fits(value) else value
        for value in values
    ]
    values = [None if isinstance(value, int) and abs(value) >= 1 << 63 else value for value in values]
    values += [None] * (places - len(values))
    try:
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * places)})", values)
    except sqlite3.Error:
        return


def _fits(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _file(given: bytes) -> object:
    """Any bytes instead of a database."""
    folder = _tree("bytes")
    (folder / "sqlite.db").write_bytes(given)
    return _read(folder)


def _read(folder: Path) -> object:
    contents = read_contents(folder)
    read_forms(folder, [row.handle for row in contents.media])
    for tree in list_trees(_environ()):
        base = base_folder(contents.media_path, tree)
        reader = Reader(base, _home() / "Pictures" / "family", PathRules("/x", (("C:\\", "."),)))
        assert isinstance(reader.has_base, bool)
        found = [reader.file_of(row.path) for row in contents.media]
        for path in found:
            assert path is None or ".." not in path.text.split("/")
    return contents


def _export(given: bytes) -> object:
    path = _home() / "tree.gramps"
    path.write_bytes(given)
    tree = tree_of_file(path, _environ())
    folders = Folders(_home() / "Pictures", PathRules("/x", (("C:\\", "."),)), "/home/me")
    for row in tree.media:
        folders.status(row)
        try:
            folders.open(row).close()
        except FileError:
            continue
    return tree


def _settings(given: bytes) -> object:
    """gramps.ini, user-dirs.dirs, name.txt and database.txt, all of them with this in them."""
    home = _home()
    for place in (
        home / ".config" / "gramps" / "gramps60" / "gramps.ini",
        home / ".config" / "user-dirs.dirs",
        _tree("settings") / "name.txt",
        home / ".local" / "share" / "gramps" / "grampsdb" / "settings" / "database.txt",
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(given)
    try:
        find_installations(_environ())
        for tree in list_trees(_environ()):
            try:
                read_contents(tree.folder)
            except UnreadableError:
                continue
        return find_tree(text_of(given), _environ())
    finally:
        (home / ".config" / "gramps" / "gramps60" / "gramps.ini").unlink()
        shutil.rmtree(home / ".local" / "share" / "gramps" / "grampsdb" / "settings")


@st.composite
def exports(draw: st.DrawFn) -> bytes:
    """An export with odd objects, packed or not."""
    objects = []
    for _ in range(draw(st.integers(0, 3))):
        attributes = {
            "src": draw(texts),
            "mime": draw(texts),
            "checksum": draw(st.just(MD5) | texts),
        }
        inner = " ".join(f'{name}="{_attribute(value)}"' for name, value in attributes.items())
        objects.append(
            f'<object handle="_{_attribute(draw(texts))}" change="{_attribute(draw(texts))}"><file {inner}/></object>'
        )
    base = _attribute(draw(texts))
    head = draw(
        st.sampled_from((HEAD, HEAD, HEAD, "<database>", HEAD.replace("<database", "<!DOCTYPE d><database")))
    )
    body = f"{head}<header><mediapath>{base}</mediapath></header><objects>{''.join(objects)}</objects></database>"
    packed = draw(st.booleans())
    content = body.encode(errors="replace")
    return gzip.compress(content, mtime=0) if packed else content


def _attribute(value: str) -> str:
    clean = "".join(char for char in value if char >= " " and not "\ud800" <= char <= "\udfff")
    return (
        clean.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace('"', "&quot;")
        .replace("\ufffe", "")
        .replace("\uffff", "")
    )


good_rows = st.lists(
    st.tuples(
        st.just("media"),
        texts,
        st.just(form("h1", "a.jpg")),
        texts,
        texts,
        texts,
        texts,
        st.just(MD5),
        st.integers(0, 9),
    ).map(list)
    | st.sampled_from(("version", "media-path")).map(
        lambda name: ["metadata", name, {"type": "str", "value": "21"}, None]
    ),
    max_size=4,
).map(lambda rows: [["metadata", "version", {"type": "str", "value": "21"}, None], *rows])


@cache
def _a_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        with closing(sqlite3.connect(path)) as db, db:
            db.executescript("PRAGMA page_size=512;" + SCHEMA)
            _insert(db, ["metadata", "version", {"type": "str", "value": "21"}, None])
            _insert(db, ["media", "h1", form("h1", "a.jpg"), "O1", "a.jpg", "", "", MD5, 1, 0])
        return path.read_bytes()


@st.composite
def broken_databases(draw: st.DrawFn) -> bytes:
    """A database with some bytes changed."""
    content = bytearray(_a_database())
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content) - 1))
        content[at] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.sampled_from((len(content), len(content), len(content) // 2)))])


def _xml(make: Callable[[int], str]) -> Callable[[int], bytes]:
    return lambda size: HEAD.encode() + make(size).encode()


XML_GROWTHS: dict[str, Callable[[int], bytes]] = {
    "nested": _xml(lambda size: "<a>" * (size // 3)),
    "objects": _xml(lambda size: "<objects>" + '<object handle="_x"><file src="a"/></object>' * (size // 44)),
    "attribute": _xml(lambda size: f'<a b="{"x" * size}"/>'),
    "attributes": _xml(lambda size: "<a " + " ".join(f'a{n}="x"' for n in range(size // 10)) + "/>"),
    "text": _xml(lambda size: "<header><mediapath>" + "x" * size),
    "pieces of text": _xml(lambda size: "<header><mediapath>" + "&amp;x" * (size // 6)),
    "comment": _xml(lambda size: "<!--" + "x" * size),
    "unfinished tag": _xml(lambda size: "<" + "x" * size),
    "packed": lambda size: gzip.compress(HEAD.encode() + b" " * (size * 20), mtime=0),
}
settings_texts = st.lists(
    st.sampled_from(
        (
            "[database]",
            "path='/x'",
            "path='''",
            "path=(((((",
            "path=9**9**9",
            "path=b'x'",
            "path='\\x00'",
            "%(a)s=%(b)s",
            'XDG_PICTURES_DIR="$HOME/Bilder"',
            'XDG_PICTURES_DIR="/a\\"b"',
            'XDG_PICTURES_DIR="' + "\\\\" * 30,
            "sqlite",
            "=",
            "[",
            "\0",
        )
    )
    | texts,
    max_size=5,
).map(lambda lines: "\n".join(lines).encode(errors="surrogatepass"))

PARSERS = (
    Parser(
        "desktop-rows",
        ("syncd.desktop.database", "syncd.desktop.meaning"),
        _database,
        as_json(good_rows),
        (UnreadableError,),
    ),
    Parser("desktop-file", ("syncd.desktop.database",), _file, broken_databases(), (UnreadableError,)),
    Parser(
        "desktop-export",
        ("syncd.desktop.exported", "syncd.upload.tree", "syncd.upload.files"),
        _export,
        exports() | damaged(exports()),
        (ConfigError,),
        XML_GROWTHS,
    ),
    Parser(
        "desktop-settings",
        ("syncd.desktop.places",),
        _settings,
        settings_texts,
        (),
        {
            "brackets": lambda size: b"[database]\npath=" + b"(" * size,
            "backslashes": lambda size: b'XDG_PICTURES_DIR="' + b"\\" * size,
            "sections": lambda size: b"[a]\n" * (size // 4),
            "keys": lambda size: b"[database]\n" + b"a=b\n" * (size // 4),
        },
    ),
)
