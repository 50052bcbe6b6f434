"""`syncd orphans` before it asks any server: wrong usage, nothing synced yet, no bucket."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any, cast

import pytest

from syncd.cli.conflicts import local_time
from syncd.cli.orphans import _tell
from syncd.cli.paper import Paper
from syncd.cli.session import Session
from syncd.merge.orphans import Resident, Sighting, judge, judge_quarantine
from syncd.model import Checksum
from syncd.model.values import DAY_SECONDS
from syncd.state import Binding
from tests.unit.cli.desk import Desk, write_config

S3 = 'url = "s3://photos"\nendpoint_url = "http://127.0.0.1:9"\naccess_key_id = "a"\nsecret_access_key = "b"'
NOW = 92.0 * DAY_SECONDS


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


def test_before_the_first_sync(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows yet what belongs to the tree: a stop, also while the first sync is not through."""
    monkeypatch.setattr("syncd.orphans.rooms._keeps_on_disk", lambda _settings: False)
    assert "syncd --once" in desk.syncd("orphans", "--json").document["stop"]["remedy"]
    with desk.state() as state:
        state.bind(Binding("t", "b", "", "f", str(desk.media), "http://x", "t", frozenset()))
    answer = desk.syncd("orphans", "--collect", "--yes", "--json")
    assert answer.code == 3
    assert answer.document["stop"]


def test_a_server_with_its_own_disk(desk: Desk) -> None:
    """There is no bucket to be listed, and the command says so as every stop does."""
    write_config(desk.home, s3=S3)
    with desk.state() as state:
        state.bind(
            Binding("t", None, "", "f", str(desk.media), "http://x", "t", frozenset(), first_contact=False)
        )
    answer = desk.syncd("orphans", "--json")
    assert answer.code == 3
    stop = answer.document["stop"]
    assert stop["reason"].startswith("Gramps Web keeps its media on its own disk")
    assert "[s3] out of" in stop["remedy"]
    told = desk.syncd("orphans").err.splitlines()
    assert told[0].endswith("in Gramps Web, and nothing in the bucket.")
    assert [line.split(":")[0].strip() for line in told[1:]] == ["Why", "What to do"]


def test_a_server_with_its_own_disk_that_was_never_synced(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With [s3] left in no first sync can end: it is said why, instead of sending there."""
    write_config(desk.home, s3=S3)
    monkeypatch.setattr("syncd.orphans.rooms._keeps_on_disk", lambda _settings: True)
    assert "own disk" in desk.syncd("orphans", "--json").document["stop"]["reason"]


def test_what_is_listed_off_a_terminal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time has its label, what is young its day; the quarantine tells keys, names, and what would be deleted."""
    old, young, kept, over = (Checksum(letter * 32) for letter in "abcd")
    orphans = judge(
        [Sighting(old, 5, 0, 0), Sighting(young, 4, 0, 90 * DAY_SECONDS)], frozenset(), {}, now=NOW, min_age=0
    )
    residents = [
        Resident(f"q/{one}.orphan", one, 3, since)
        for one, since in ((kept, NOW - 5), (over, NOW - 40 * DAY_SECONDS))
    ]
    quarantine = judge_quarantine(residents, frozenset(), {}, {}, now=NOW)
    with desk.state() as state:
        state.add_undo("h", "aunt.jpg", kept, "[]", 1.0)
        rooms = SimpleNamespace(prefix="p/", binding=SimpleNamespace(bucket="b"), state=state)
        found = SimpleNamespace(orphans=orphans, quarantine=quarantine)
        paper = StringIO()
        session = Session(Paper(paper, terminal=False, unicode=True), Paper(None))
        _tell(session, cast("Any", rooms), cast("Any", found), everything=True)
        said = paper.getvalue()
        assert "    stored 1970-01-01" in said
        assert "    without object at least since 1970-0" in said
        assert "    may go: yes\n" in said
        assert f"not yet, from {local_time(97 * DAY_SECONDS)} on: it was seen without" in said
        assert "`syncd orphans --collect` would now delete 1 of them for good" in said
        block = f"  {kept}\n    3 bytes\n    in quarantine since {local_time(NOW - 5)}\n    aunt.jpg\n"
        assert block in said
        assert f"  {over}\n" in said
        found.orphans = []
        _tell(session, cast("Any", rooms), cast("Any", found), everything=False)
        assert "Every media file in s3://b/p belongs to a media object." in paper.getvalue()
