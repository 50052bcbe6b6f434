"""docs/commands.md says what the program does: commands, options, exit codes, keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from syncd.cli.document import COUNTS, blank
from syncd.cli.exits import MEANINGS
from syncd.cli.main import COMMANDS, cli
from syncd.errors import ExitCode

TEXT = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")
CONTEXT = click.Context(cli, info_name="syncd")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command under the heading that it should have."""
    yield "syncd --once", cli
    for name in COMMANDS:
        command = cli.get_command(CONTEXT, name)
        assert command is not None
        yield heading(f"syncd {name}", command), command
        if isinstance(command, click.Group):
            for inner, part in command.commands.items():
                yield heading(f"syncd {name} {inner}", part), part


def heading(path: str, command: click.Command) -> str:
    """The command with its arguments."""
    context = click.Context(command)
    arguments = [one.make_metavar(ctx=context) for one in command.params if isinstance(one, click.Argument)]
    return " ".join([path, *arguments])


def section(title: str) -> str:
    """What stands under a heading."""
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md has no heading {title}"
    return found[1]


def documented(part: str) -> dict[str, str]:
    """The options of a section: their names and what is said of them."""
    return dict(re.findall(r"^\| (`-.*?`(?:, `-.*?`)*).*? \| (.*) \|$", part, re.MULTILINE))


def real(command: click.Command) -> dict[str, str]:
    """The same from the program."""
    return {
        ", ".join(f"`{name}`" for name in option.opts): option.help or ""
        for option in command.params
        if isinstance(option, click.Option)
    }


COMMON = documented(section("Options of every command"))


@pytest.mark.parametrize(
    ("title", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_options_are_the_real_ones(title: str, command: click.Command) -> None:
    """Each command documents all its options with their help, and none that it has not."""
    assert documented(section(f"`{title}`")) | COMMON == real(command)
    assert COMMON.items() <= real(command).items()


@pytest.mark.parametrize(
    ("title", "command"), list(commands())[1:], ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_section_begins_with_the_help(title: str, command: click.Command) -> None:
    """The first line of a command's help is the first of its section."""
    assert section(f"`{title}`").strip().startswith((command.help or "").splitlines()[0])


def test_no_command_is_documented_that_is_gone() -> None:
    """The headings are the commands."""
    assert set(re.findall(r"^##+ `(.*)`$", TEXT, re.MULTILINE)) == {title for title, _ in commands()}


def test_exit_codes_are_the_real_ones_in_their_order() -> None:
    """The table has every code of the contract, in the order in which the first wins, and no other."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", section("Exit codes"), re.MULTILINE)
    assert rows == [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]
    assert list(MEANINGS) == list(ExitCode)


def test_keys_of_the_document_are_the_real_ones() -> None:
    """The table has every key of the JSON document in its order."""
    part = section("The JSON document")
    table = part.split("Commands add keys")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(blank())
    counts = next(line for line in table.splitlines() if line.startswith("| `counts`"))
    assert tuple(re.findall(r'"(\w+)"', counts)) == COUNTS
