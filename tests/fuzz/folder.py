"""What lies in the media folder and what names it: paths, the marker, notes of a crash, the list of ignored names."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from syncd.applier.disk import MediaFolder
from syncd.errors import ConfigError, FolderError, MovedOn
from syncd.ignore import IgnoreRules
from syncd.merge.survey import survey
from syncd.model import MediaObject, MediaPath, PathRules, Refusal, parse_checksum
from syncd.model.catalog_path import means_itself, parse_catalog_path, take_apart
from syncd.model.fresh import LENGTHS, digits_of, fresh_path, is_fresh_path, seems_fresh_path
from syncd.model.paths import conflict_name, free_name, is_server_name, is_text, refuse_to_write
from syncd.reconciler import reconcile
from tests.core import file, inputs, link, md5
from tests.fuzz.parser import Parser
from tests.fuzz.values import JSON_GROWTHS, as_json, as_text, damaged, text_of, texts

RULES = PathRules(
    "/home/me/Pictures", (("C:\\Users\\me", "."), ("/srv/media", "old/scans")), ("/home/me/link",)
)

paths = texts | st.lists(
    st.sampled_from(("a", "..", ".", "", "C:", "~", "ä", "Users", "me", ".syncd")), max_size=6
).flatmap(lambda parts: st.sampled_from(("/", "\\")).map(lambda slash: slash.join(parts)))


def _path(given: bytes) -> object:
    raw = text_of(given)
    found = parse_catalog_path(raw, RULES)
    if isinstance(found, Refusal):
        return found
    assert all(part not in ("", ".", "..") for part in found.text.split("/"))
    assert not found.text.startswith("/")
    assert "\0" not in found.text
    if refuse_to_write(found) is None:
        assert len(os.fsencode(found.text)) <= 3072
        for other in (conflict_name(found, "2026-11-22", "h\u00f6st", ()), free_name(found, {found.fold})):
            assert all(len(part.encode()) <= 255 for part in other.text.split("/"))
            assert refuse_to_write(other) is None, other
    means_itself(found, RULES)
    for digits in LENGTHS:
        fresh = fresh_path(found, md5("one"), digits)
        is_fresh_path(fresh, md5("one"), found)
        seems_fresh_path(fresh, found)
        digits_of(fresh, md5("one"))
    is_server_name(raw, md5("one"))
    return found


def _map(given: bytes) -> object:
    prefix, _, raw = text_of(given).partition("\n")
    found = parse_catalog_path(raw, PathRules("/home/me/Pictures", ((prefix, "."), (raw, prefix))))
    if isinstance(found, MediaPath):
        assert ".." not in found.text.split("/")
    return take_apart(prefix)


def _plan(given: bytes) -> object:
    """A tree with objects of these paths, of which some are in the folder: there is a plan, whatever they are."""
    raws = [text_of(part) for part in given.split(b"\0\0")][:12]
    objects = [
        MediaObject(
            f"h{number}", raw, ("", md5("one"), md5(str(number)), raw)[number % 4], "image/jpeg", number
        )
        for number, raw in enumerate(raws)
    ]
    here = [parse_catalog_path(raw, RULES) for raw in raws]
    there = [path for path in here if isinstance(path, MediaPath) and is_text(path.text)]
    case = inputs(
        objects=objects,
        files=[file(path.text, "one") for path in there[::2]],
        links=[link(f"h{number}", path.text, "one") for number, path in enumerate(there[::3])],
        bucket=["one"],
        rules=RULES,
    )
    survey(case)
    plan = reconcile(case)
    for action in plan.actions:
        target = (
            getattr(action, "path", None) if type(action).__name__ == "Fetch" else getattr(action, "to", None)
        )
        if isinstance(target, MediaPath):
            assert refuse_to_write(target) is None
            assert ".." not in target.text.split("/")
    return plan


@cache
def _folder() -> tuple[MediaFolder, Path]:
    root = Path(tempfile.mkdtemp(prefix="syncd-fuzz-"))
    media = root / "media"
    media.mkdir()
    (root / "outside.jpg").write_bytes(b"outside")
    folder = MediaFolder(media)
    folder.ensure_internal()
    return folder, media


def _marker(given: bytes) -> object:
    folder, media = _folder()
    (media / ".syncd" / "folder.json").write_bytes(given)
    return folder.marker()


def _note(given: bytes) -> object:
    """A note that somebody else planted: nothing outside is touched, and nothing here is lost."""
    folder, media = _folder()
    for name in ("tmp", "trash"):
        shutil.rmtree(media / ".syncd" / name)
        (media / ".syncd" / name).mkdir()
    (media / "photo.jpg").write_bytes(b"photo")
    (media / ".syncd" / "tmp" / "a.note").write_bytes(given)
    (media / ".syncd" / "tmp" / "a.aside").write_bytes(b"aside")
    folder.parked()
    try:
        return folder.recover()
    finally:
        assert (media.parent / "outside.jpg").read_bytes() == b"outside"
        assert sorted(path.name for path in media.parent.iterdir()) == ["media", "outside.jpg"]
        kept = [path.read_bytes() for path in media.rglob("*") if path.is_file() and path.suffix != ".note"]
        assert b"photo" in kept
        for path in media.iterdir():
            if path.name != ".syncd":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _ignore(given: bytes) -> object:
    _, media = _folder()
    (media / ".syncdignore").write_bytes(given)
    try:
        rules = IgnoreRules.load(media, [])
    finally:
        (media / ".syncdignore").unlink()
    for name in (
        "a.jpg",
        "a/b/c.psd",
        "ä" * 100,
        "a" * 255,
        "a/" * 500 + "a",
        "\udcff",
        "[",
        "a" * 120 + "/" + "b" * 120,
    ):
        rules.matches(MediaPath.of(name))
    return rules


def _extra(given: bytes) -> object:
    _, media = _folder()
    return IgnoreRules.load(media, [text_of(given)])


patterns = st.lists(
    st.from_regex(r"[!#/]?(\*\*/|\*|\?|a|b|\[a-z\]|\[!a\]|\[|\\|/|\.|ä| ){0,12}/?", fullmatch=True) | texts,
    max_size=4,
).map("\n".join)
STARS: dict[str, Callable[[int], bytes]] = {
    "stars": lambda size: b"*a" * (size // 2),
    "double stars": lambda size: b"**/a/" * (size // 5),
    "classes": lambda size: b"[a" * (size // 2),
    "lines": lambda size: b"*a*\n" * (size // 4),
    "questions": lambda size: b"?" * size,
    "one long": lambda size: b"a" * size,
}
notes = st.fixed_dictionaries(
    {
        "slot": st.sampled_from((".syncd/tmp/a.aside", "photo.jpg", "../outside.jpg", ".syncd/tmp/none")),
        "path": st.sampled_from(
            ("photo.jpg", "new.jpg", "../outside.jpg", "/etc/x", "a/b/c.jpg", ".syncd/tmp/x", "x\0y")
        ),
        "keep_as": st.sampled_from((None, "kept.jpg", "../kept.jpg", "photo.jpg/x")),
        "checksum": st.sampled_from((None, "0" * 32, md5("aside"))),
        "unfinished": st.just(value=False),
        "twin": st.sampled_from((None, "photo.jpg", "../outside.jpg")),
    }
)
markers = st.fixed_dictionaries({"version": st.just(1), "id": texts, "state": texts})

PARSERS = (
    Parser(
        "catalog-path",
        ("syncd.model.catalog_path", "syncd.model.paths", "syncd.model.fresh", "syncd.model.values"),
        _path,
        as_text(paths),
        (),
        {
            "steps": lambda size: b"a/" * (size // 2),
            "up": lambda size: b"../" * (size // 3),
            "slashes": lambda size: b"\\" * size,
            "percent": lambda size: b"file:///" + b"%41" * (size // 3),
            "accents": lambda size: b"a" + "\u0301".encode() * (size // 2),
            "dots": lambda size: b"." * size,
        },
    ),
    Parser(
        "path-map",
        ("syncd.model.catalog_path",),
        _map,
        as_text(st.tuples(paths, paths).map("\n".join)),
        (),
        {"both long": lambda size: b"a/" * (size // 4) + b"\n" + b"a/" * (size // 4) + b"x"},
    ),
    Parser(
        "checksum",
        ("syncd.model.values",),
        lambda given: parse_checksum(text_of(given)),
        as_text(st.from_regex(r"\s*[0-9a-fA-F]{31,33}\s*") | texts),
        (),
        {"long": lambda size: b"a" * size, "blanks": lambda size: b" " * size},
    ),
    Parser(
        "plan",
        ("syncd.model.catalog_path", "syncd.model.paths"),
        _plan,
        st.lists(as_text(paths), max_size=12).map(b"\0\0".join),
        (),
    ),
    Parser(
        "marker",
        ("syncd.applier.marker",),
        _marker,
        as_json(markers),
        (FolderError,),
        JSON_GROWTHS,
    ),
    Parser("note", ("syncd.applier.notes",), _note, as_json(notes), (FolderError, MovedOn), JSON_GROWTHS),
    Parser(
        "ignore",
        ("syncd.ignore",),
        _ignore,
        as_text(patterns) | damaged(as_text(patterns)),
        (FolderError,),
        STARS,
    ),
    Parser("ignore-setting", ("syncd.ignore",), _extra, as_text(patterns), (ConfigError,), STARS),
)
