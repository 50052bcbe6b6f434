"""Paths: one type, made in one place."""

from __future__ import annotations

import pytest

from syncd.model.paths import (
    MediaPath,
    conflict_name,
    free_name,
    is_server_name,
    refuse_to_write,
    split_name,
)
from tests.core import md5


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("a" * 255, False), ("a" * 256, True), ("ü" * 127, False), ("ü" * 128, True),
        ("con", True), ("Aux.jpg", True), ("com1.tar.gz", True), ("com0", False), ("console.jpg", False),
        ("a.", True), ("a ", True), ("...", True), (".hidden", False), (".syncd", True), (".SyncD/x", True),
        (".syncdignore", False), ("d/.syncd/x", True), ("/".join(["a" * 100] * 31), True),
        ("/".join(["a" * 100] * 30), False), ("a:b?*.jpg", False), ("C:a.jpg", False),
        ("d/~/a.jpg", False), ("~a.jpg", False), ("~", False), ("photo \u202egpj.exe", True), ("a\u2067b", True),
        ("a\u2028b", True), ("\u0646\u0645\u06cc\u200c\u062e\u0648.jpg", False), ("\u200eIMG 1.jpg", False),
        ("\U0001f469\u200d\U0001f467.jpg", False), ("\ufeffa.jpg", False), (" a", False),
    ],
)  # fmt: skip
def test_names_that_are_not_created(name: str, refused: bool) -> None:
    """Too long, reserved, ours, turned round; linking a file that is there asks no such question."""
    assert (refuse_to_write(MediaPath.of(name)) is not None) is refused


def test_paths_compare_by_nfc_and_keep_their_spelling() -> None:
    """One path, two spellings."""
    nfd, nfc = MediaPath.of("Mu\u0308ller"), MediaPath.of("M\u00fcller")
    assert nfd == nfc
    assert hash(nfd) == hash(nfc)
    assert nfd.text != nfc.text


@pytest.mark.parametrize(
    ("name", "parts"),
    [("a.jpg", ("a", ".jpg")), (".hidden", (".hidden", "")), ("a", ("a", "")), ("a.tar.gz", ("a.tar", ".gz")),
     ("..a", ("..a", "")), (".a.b", (".a", ".b"))],
)  # fmt: skip
def test_stem_and_extension(name: str, parts: tuple[str, str]) -> None:
    """A leading dot is no extension."""
    assert split_name(name) == parts


def test_server_names() -> None:
    """`<own checksum>.<ext>` at the top, and nothing else."""
    own = md5("one")
    assert is_server_name(f"{own}.jpg", own)
    assert is_server_name(own, own)
    assert not is_server_name(f"{md5('two')}.jpg", own)
    assert not is_server_name(f"d/{own}.jpg", own)
    assert not is_server_name(f"{own}.tar.gz", own)
    assert not is_server_name(f"{own}.jpg", None)


def test_conflict_names_count_on() -> None:
    """A counter if the name is taken, in any case of letters."""
    path, taken = MediaPath.of("d/a.jpg"), {"d/a (conflict 2026-11-22 desk).jpg"}
    assert conflict_name(path, "2026-11-22", "desk", set()).text == "d/a (conflict 2026-11-22 desk).jpg"
    assert conflict_name(path, "2026-11-22", "Desk", taken).text == "d/a (conflict 2026-11-22 Desk 2).jpg"
    taken.add("d/a (conflict 2026-11-22 desk 2).jpg")
    assert conflict_name(path, "2026-11-22", "desk", taken).text == "d/a (conflict 2026-11-22 desk 3).jpg"


@pytest.mark.parametrize(
    "name",
    ["a" * 255, "a" * 251 + ".jpg", "ü" * 127, "🎂" * 62 + ".jpg", "e\u0301" * 84, "x." + "y" * 250,
     "👩\u200d👩\u200d👧" * 14],
)  # fmt: skip
def test_conflict_names_fit_255_bytes(name: str) -> None:
    """The stem is cut at a character; an extension as long as a sentence is part of the stem."""
    found = conflict_name(MediaPath.of("d/" + name), "2026-11-22", "h" * 300, set())
    assert len(found.name.encode()) <= 255
    assert "(conflict 2026-11-22 hhh" in found.name
    assert found.parent == "d"
    assert refuse_to_write(found) is None
    start = found.name.partition(" (conflict")[0]
    assert name.startswith(start)
    assert not name[len(start) :].startswith(("\u0301", "\u200d"))


@pytest.mark.parametrize(("host", "said"), [("my host/../x", "my-host-..-x"), ("", "here"), ("...", "here")])
def test_a_host_name_makes_no_folders(host: str, said: str) -> None:
    """It is cleaned before it is part of a name."""
    assert (
        conflict_name(MediaPath.of("a"), "2026-11-22", host, set()).text == f"a (conflict 2026-11-22 {said})"
    )


def test_free_names() -> None:
    """The path itself, or numbered from 2."""
    path = MediaPath.of("A.jpg")
    assert free_name(path, set()) == path
    assert free_name(path, {"a.jpg"}).text == "A (2).jpg"
    assert free_name(path, {"a.jpg", "a (2).jpg"}).text == "A (3).jpg"
