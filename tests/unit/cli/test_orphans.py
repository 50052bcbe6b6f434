"""`syncd orphans` before it asks any server: wrong usage, nothing synced yet, no bucket."""

from __future__ import annotations

import pytest

from syncd.state import Binding
from tests.unit.cli.desk import Desk


@pytest.mark.parametrize(
    "arguments",
    [
        ("--collect", "--restore", "--all"),
        ("a" * 32,),
        ("--restore",),
        ("--restore", "a" * 32, "--all"),
        ("--dry-run",),
        ("--collect", "--min-age", "6", "--yes"),
        ("--collect",),
        ("--restore", "--all"),
    ],
)
def test_wrong_usage(desk: Desk, arguments: tuple[str, ...]) -> None:
    """Options that do not go together, less than a week, and nobody there to be asked."""
    answer = desk.syncd("orphans", "--json", *arguments)
    assert answer.code == 2
    assert answer.document["error"]["remedy"]
    assert not desk.state_file.exists()


def test_before_the_first_sync(desk: Desk) -> None:
    """Nobody knows yet what belongs to the tree: a stop, also while the first sync is not through."""
    assert "syncd --once" in desk.syncd("orphans", "--json").document["stop"]["remedy"]
    with desk.state() as state:
        state.bind(Binding("t", "b", "", "f", str(desk.media), "http://x", "t", frozenset()))
    answer = desk.syncd("orphans", "--collect", "--yes", "--json")
    assert answer.code == 3
    assert answer.document["stop"]


def test_a_server_with_its_own_disk(desk: Desk) -> None:
    """There is no bucket to be listed, and the command says so."""
    with desk.state() as state:
        state.bind(
            Binding("t", None, "", "f", str(desk.media), "http://x", "t", frozenset(), first_contact=False)
        )
    answer = desk.syncd("orphans", "--json")
    assert answer.code == 2
    assert "own disk" in answer.document["error"]["reason"]
