"""What a message tells a person to type is for the configuration that the run was given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from syncd.cli import document
from syncd.cli.hints import with_config
from syncd.errors import StopError
from syncd.model.plan import Notice, Outcome
from tests.unit.cli.desk import Desk

HINTS = (
    "run `syncd adopt`: it looks at everything anew",
    "run: syncd --once",
    "syncd trash list shows what there is",
    "  1. syncd migrate-prefix --out",
    "  syncd approve 3   goes ahead",
    "… and 3 more (syncd orphans --all)",
    "not in quarantine: x; syncd orphans shows what is",
    "mkdir a && tar -xf b && syncd upload --tree-file a/data.gramps",
    "then look again: syncd paths, and: `syncd conflicts`",
    "the next syncd --once sends what the media folder has",
    "what was deleted can be brought back with syncd trash restore",
)
NO_HINTS = (
    "another syncd holds this state file",
    "syncd: warning: no such key",
    "run syncd again",
    "see: syncd orphans --help",
    "scans/syncd check",
    "at syncd check.jpg: syncd check.jpg; syncd paths/x",
    "give the user that runs syncd the right to read",
)


@pytest.mark.parametrize("text", HINTS)
def test_a_hint_names_the_configuration(text: str) -> None:
    """Each command gets the file, quoted for a shell; without a file nothing changes."""
    assert with_config(text, None) == text
    for name, quoted in (("smith.toml", "smith.toml"), ("my trees/a'b.toml", "'my trees/a'\"'\"'b.toml'")):
        assert with_config(text, Path(name)) == text.replace("syncd ", f"syncd --config {quoted} ")


@pytest.mark.parametrize("text", NO_HINTS)
def test_other_text_stays(text: str) -> None:
    """Prose about syncd, and files that are called like a command, are left alone."""
    assert with_config(text, Path("smith.toml")) == text


def test_all_that_is_printed_names_it(desk: Desk) -> None:
    """A stop, its JSON and a report's notes say it, wherever the option was given; paths stay."""
    given = ("--config", str(desk.config))
    named = f"syncd --config {desk.config} adopt"
    desk.outcome = StopError("another tree", "if that is meant, run `syncd adopt`: all is compared anew")
    assert f"`{named}`" in desk.syncd(*given, "--once").err
    assert f"`{named}`" in desk.syncd("--once", "--json", *given).document["stop"]["remedy"]
    assert "run `syncd adopt`" in desk.syncd("--once").err
    desk.outcome = Outcome(notices=[Notice("see: syncd adopt", "syncd adopt")])
    out = desk.syncd(*given, "--once").out
    assert "  syncd adopt\n" in out
    assert f"see: {named}\n" in out
    answer = json.loads(document.render({"path": "syncd adopt", "next": ["syncd adopt"]}, desk.config))
    assert answer == {"path": "syncd adopt", "next": [named]}
