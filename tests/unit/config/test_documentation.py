"""docs/configuration.md says what the models say."""

from __future__ import annotations

import json
import re
from enum import Enum
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from syncd.config import SAMPLE, format_duration, load_settings
from syncd.config.keys import Key, all_keys
from syncd.config.sources import read_common_variables
from syncd.ignore import BUILT_IN

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def default_of(key: Key) -> str:
    """The default as it would stand in the file."""
    default = key.field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "see right" if key.path == ("state_dir",) else "**required**"
    if default is None:
        return "–"
    if key.path[0] == "daemon" and not isinstance(default, Enum):
        return f'`"{format_duration(default)}"`'
    if isinstance(default, Enum):
        default = default.value
    return f"`{json.dumps(default)}`"


def row(key: Key) -> str:
    """The key's row in the document's tables."""
    meaning = key.field.description or ""
    if key.field.examples:
        example = key.field.examples[0]
        shown = (
            "{ "
            + ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in example.items())
            + " }"
            if isinstance(example, dict)
            else json.dumps(example)
        )
        meaning += f" E.g. `{shown}`"
    return f"| `{key.written}` | `{key.variable}` | {default_of(key)} | {meaning} |"


@pytest.mark.parametrize("key", all_keys().values(), ids=lambda key: key.written)
def test_every_key_has_its_row(key: Key) -> None:
    """Name, variable, default and meaning of a key stand in the document as the model has them."""
    assert row(key) in TEXT.splitlines()


def test_no_row_is_left_of_a_key_that_is_gone() -> None:
    """The document lists no key that does not exist."""
    listed = set(re.findall(r"^\| `([a-z0-9_.]+)` \| `SYNCD_", TEXT, re.MULTILINE))
    assert listed == {key.written for key in all_keys().values()}


def test_every_key_says_what_it_means() -> None:
    """No key goes without a description."""
    assert [key.written for key in all_keys().values() if not key.field.description] == []


def test_the_full_example_loads_and_shows_every_section(tmp_path: Path) -> None:
    """The document's TOML example is a configuration as it stands."""
    blocks = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "syncd.toml"
    for block in blocks:
        secret = tmp_path / "secret"
        secret.write_text("not a real one\n")
        secret.chmod(0o600)
        file.write_text(re.sub(r'"[^"]*/(password|s3-secret)"', f'"{secret}"', block))
        settings = load_settings(file, {"HOME": str(tmp_path)})
        assert settings.warnings == ()
    assert blocks


def test_the_sample_of_the_error_message_loads(tmp_path: Path) -> None:
    """What is shown to somebody without a configuration works once the password file is there."""
    folder = tmp_path / ".config" / "syncd"
    folder.mkdir(parents=True)
    (folder / "password").write_text("a secret\n")
    (folder / "password").chmod(0o600)
    (folder / "syncd.toml").write_text(SAMPLE)
    settings = load_settings(None, {"HOME": str(tmp_path)})
    assert settings.source == folder / "syncd.toml"
    assert settings.media_dir == tmp_path / "Pictures" / "family"


def test_the_built_in_ignores_are_listed() -> None:
    """The document has every pattern that is ignored by itself, with what it is, in order, and no other."""
    table = TEXT.partition("| built in | |\n|---|---|\n")[2].partition("\n\n")[0]
    expected = [f"| `{pattern}` | {what} |".replace("\r", "\\r") for pattern, what in BUILT_IN]
    assert table.splitlines() == expected


def test_every_common_variable_is_documented() -> None:
    """Each AWS_… and GRAMPSWEB_… variable that is read is named in the document."""
    asked: list[str] = []

    class Asked(dict[str, str]):
        def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
            asked.append(name)
            return default

    read_common_variables(Asked())
    assert [name for name in asked if f"`{name}`" not in TEXT] == []
