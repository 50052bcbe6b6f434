"""Every module that takes foreign input apart is fuzzed."""

from __future__ import annotations

from pathlib import Path

import syncd
from tests.fuzz.registry import CORPUS, NOT_FUZZED, PARSERS, reading_modules

SYNCD = Path(syncd.__file__).parent


def test_every_module_that_reads_has_a_parser() -> None:
    """A new module that reads is fuzzed, or stands among the others with a reason; the list has nothing that is gone."""
    fuzzed = {module for parser in PARSERS.values() for module in parser.modules}
    reading = set(reading_modules(SYNCD))
    assert reading - fuzzed - NOT_FUZZED.keys() == set(), "give it a parser in tests/fuzz"
    assert NOT_FUZZED.keys() - reading == set()
    assert NOT_FUZZED.keys() & fuzzed == set()
    for module in fuzzed:
        path = SYNCD.parent.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module


def test_a_module_that_reads_is_noticed(tmp_path: Path) -> None:
    """What takes something apart is found wherever it does so, and what only calls others is not."""
    room = tmp_path / "syncd" / "room"
    room.mkdir(parents=True)
    (room / "reads.py").write_text("def f(text):\n    import json\n    return [json.loads(text)]\n")
    (room / "calls.py").write_text("def f(text):\n    return text.split('a'), dict(text).items()\n")
    assert list(reading_modules(tmp_path / "syncd")) == ["syncd.room.reads"]


def test_the_corpus_is_of_parsers() -> None:
    """No finding is left out of the replay because its parser has another name by now."""
    assert {path.name for path in CORPUS.iterdir()} <= PARSERS.keys()
