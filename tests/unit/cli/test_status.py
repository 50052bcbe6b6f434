"""`syncd status`: one page on how things are, with and without a daemon."""

from __future__ import annotations

import json
import re
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncd import __version__
from syncd.cli import running as words
from syncd.control.contract import Doing, Live
from syncd.control.last import Kind, note_failure, note_interruption, note_outcome
from syncd.errors import (
    ConfigError,
    ExitCode,
    FolderError,
    LockedError,
    StateError,
    StopError,
    SyncdError,
    Unreachable,
)
from syncd.model import Checksum, Detached, Link, MediaPath, Problem
from syncd.model.plan import Conflict, Counts, HeldItem, HeldSet, HoldKind, Outcome
from syncd.state import State, TrashEntry
from tests.unit.cli.desk import Desk
from tests.unit.cli.test_commands import BINDING
from tests.unit.control.fake import LIVE, FakeEngine, bind, running

MD5 = Checksum("0123456789abcdef0123456789abcdef")
AT = 1_790_000_000.0


def problems(number: int) -> list[Problem]:
    """That many files that cannot be read."""
    return [Problem("it cannot be read", "see to its rights", f"{one}.jpg", "h") for one in range(number)]


def fill(state: State) -> None:
    """A state that has seen something."""
    state.bind(BINDING)
    state.put_links([Link(f"h{one}", "a.jpg", MediaPath.of(f"{one}.jpg"), MD5) for one in range(3)])
    state.add_trash(TrashEntry(MediaPath.of("x.jpg"), ".syncd/trash/1", MD5, 1_234_567, AT, "deleted"))
    state.set_last_full(AT)
    note_outcome(state, Outcome(counts=Counts(moved=1, unchanged=2), seconds=3.2), Kind.WALK, AT + 60)


def page(desk: Desk) -> dict[str, str]:
    """The facts of the page."""
    lines = desk.syncd("status").out.splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith(" "))


def test_before_the_first_sync(desk: Desk) -> None:
    """No daemon, nothing done: it says so, and makes nothing."""
    answer = desk.syncd("status")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0] == "No daemon is running."
    assert f"{desk.media} (not synced yet" in answer.out
    assert not desk.state_file.parent.exists()
    document = desk.syncd("status", "--json").document
    assert (document["daemon"], document["binding"], document["last"], document["links"]) == (
        None,
        None,
        None,
        0,
    )


def test_from_the_state_file_alone(desk: Desk) -> None:
    """What is synced with what, how much, and when it was looked at last."""
    with desk.state() as state:
        fill(state)
    found = page(desk)
    assert found["Media folder"].strip() == "/old/media"
    assert found["Gramps Web"].strip() == "'Smith' at https://old.example"
    assert found["Media kept in"].strip() == "the bucket s3://bucket/tree1"
    assert found["In both"].strip() == "3 files"
    assert "1 file moved; 2 unchanged (3.2 s)" in found["Last run"]
    assert found["All compared"].strip().startswith("2026-09-21 ")
    assert found["Trash"].strip() == "1 file, 1.2 MB"
    assert desk.syncd("status").code == 0


def test_what_is_on_one_side_only(desk: Desk) -> None:
    """Is not in both: what was deleted on one side, whether that waits for an answer or a run, and what was left on purpose."""
    with desk.state() as state:
        fill(state)
        more = [Link(name, name, MediaPath.of(name), MD5) for name in "klmnop"]
        state.put_links(
            [
                *more[:3],
                replace(more[3], restore=True),
                replace(more[4], detached=Detached.OBJECT_GONE),
                replace(more[5], detached=Detached.FILE_GONE),
            ]
        )
        deletions = [HeldItem(action, name, name, MD5) for action, name in (("delete", "k"), ("trash", "l"))]
        added = HeldItem("add", "m", "m", MD5)
        state.hold([HeldSet(HoldKind.REFERENCED, "people refer to them", (*deletions, added))])
    found = page(desk)
    assert found["In both"].strip() == "4 files"
    assert found["On one side"].strip() == (
        "2 files, whose deletion waits; 1 file, to be brought back by the next run; 1 file, left in the media folder on purpose;"
        " 1 file, left in Gramps Web on purpose"
    )
    document = desk.syncd("status", "--json").document
    assert document["links"] == 4
    assert document["one_sided"] == {
        "waiting": 2,
        "approved": 0,
        "returning": 1,
        "folder_only": 1,
        "web_only": 1,
    }


def test_the_document(desk: Desk) -> None:
    """The same for scripts, times in UTC, and the daemon with all that it says of itself."""
    with desk.state() as state:
        fill(state)
    live = replace(LIVE, doing=Doing.WORKING, phase="Sending files", files=3, all_files=40, next_full=AT + 60)
    engine = FakeEngine(desk.state_file, live_now=live)
    with running(engine, desk.state_file, config=desk.config):
        document = desk.syncd("status", "--json").document
    assert document["daemon"] == {
        "doing": "working",
        "since": "2026-09-21T14:13:20Z",
        "pid": LIVE.pid,
        "version": __version__,
        "started": "2026-09-21T14:13:20Z",
        "reason": "",
        "remedy": "",
        "phase": "Sending files",
        "files": 3,
        "all_files": 40,
        "size": 0,
        "all_size": None,
        "pending": 0,
        "next_check": None,
        "next_full": "2026-09-21T14:14:20Z",
        "paused_until": None,
        "watching": "",
        "folders": 0,
        "unwatched": 0,
    }
    assert document["binding"] == {
        "media_dir": "/old/media",
        "tree_id": "tree1",
        "title": "Smith",
        "server": "https://old.example",
        "bucket": "bucket",
        "prefix": "tree1/",
        "first_contact": False,
    }
    assert document["last"]["at"] == "2026-09-21T14:14:20Z"
    assert document["last"]["kind"] == "walk"
    assert document["last"]["counts"]["moved"] == 1
    assert document["last_full"] == "2026-09-21T14:13:20Z"
    assert document["trash_size"] == {"files": 1, "bytes": 1_234_567}
    assert set(document) >= {"version", "exit_code", "problems", "held", "conflicts"}


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (LIVE, "is in step since 14:13."),
        (
            replace(
                LIVE,
                doing=Doing.WORKING,
                phase="Sending files",
                files=3,
                all_files=40,
                size=12_000_000,
                all_size=1_200_000_000,
            ),
            "is at work since 14:13: Sending files, 3 of 40 files, 12.0 MB of 1.2 GB.",
        ),
        (
            replace(LIVE, doing=Doing.WORKING, phase="Looking", files=7),
            "is at work since 14:13: Looking, 7 files.",
        ),
        (replace(LIVE, doing=Doing.WORKING), "is at work since 14:13."),
        (replace(LIVE, doing=Doing.PAUSED, paused_until=AT + 7200), "is paused until 16:13."),
        (replace(LIVE, doing=Doing.PAUSED), "is paused since 14:13, until you say: syncd resume."),
        (replace(LIVE, doing=Doing.STARTING), "is starting, since 14:13."),
        (
            replace(LIVE, doing=Doing.ASIDE),
            "stands aside since 14:13: another syncd command is at work.",
        ),
        (
            replace(LIVE, doing=Doing.STOPPED),
            "is stopped since 14:13: nothing is done until a person has looked.",
        ),
        (replace(LIVE, doing=Doing.AWAY), "waits since 14:13, and tries again by itself."),
    ],
)
def test_the_first_line_says_it_all(monkeypatch: pytest.MonkeyPatch, live: Live, expected: str) -> None:
    """What the daemon is about, since when, and how far."""
    monkeypatch.setattr(time, "time", lambda: AT)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        assert f"{words.headline(live)}." == expected
        assert words.clock(AT - 86_400) == "2026-09-20 14:13"
    finally:
        monkeypatch.undo()
        time.tzset()


def told(desk: Desk, **live: Any) -> list[str]:
    """What the page says below the first line, up to the empty one."""
    with running(FakeEngine(live_now=replace(LIVE, **live)), desk.state_file):
        lines = desk.syncd("status").out.splitlines()
    return [line.strip() for line in lines[1 : lines.index("")]]


def test_why_it_waits_and_what_comes_next(desk: Desk) -> None:
    """Reason, remedy, the next try, the next comparison, what is pending, how changes are noticed."""
    lines = told(
        desk,
        doing=Doing.AWAY,
        reason="Gramps Web does\nnot answer",
        remedy="see whether it runs",
        next_check=AT + 60,
        next_full=AT + 3600,
        pending=12,
        watching="the kernel",
        folders=2105,
    )
    assert lines[:3] == [
        "Why:        Gramps Web does not answer",
        "What to do: see whether it runs",
        "12 items will be looked at soon, or once more",
    ]
    assert lines[3].startswith("It tries again at 2026-09-21 ")
    assert lines[4].startswith("Everything is compared again at ")
    assert lines[5] == "Changes in the folder are noticed by the kernel (2,105 folders)."


def test_a_paused_daemon_plans_nothing(desk: Desk) -> None:
    """What it would do is no matter then."""
    assert told(desk, doing=Doing.PAUSED, next_check=AT, next_full=AT) == []
    assert len(told(desk, next_check=AT, next_full=AT)) == 2


def test_watches_that_ran_out_are_said(desk: Desk) -> None:
    """In the watcher's own words, which have what to do; the number of folders would only confuse."""
    words = (
        "the system telling of them; 7 of 17 folders cannot be watched; raise the limit as root: sysctl x=2"
    )
    assert told(desk, watching=words, folders=10, unwatched=7) == [
        f"Changes in the folder are noticed by {words}."
    ]


def test_a_daemon_of_before_an_update(desk: Desk) -> None:
    """It goes on as it was until somebody restarts it."""
    assert told(desk, version="0.0.1") == [
        f"It is still version 0.0.1, and this is {__version__}.",
        f"Restart the daemon: kill {LIVE.pid}, and start it again",
    ]


def test_what_waits_for_a_person(desk: Desk) -> None:
    """Held sets by number, conflicts by their number, the first problems with their remedies: and how to see all."""
    copy = "b (conflict 2026-11-22 desk).jpg"
    (desk.media / copy).touch()
    with desk.state() as state:
        fill(state)
        items = tuple(HeldItem("delete", f"{one}.jpg", f"h{one}", MD5) for one in range(2))
        state.hold([HeldSet(HoldKind.REFERENCED, f"reason {one}", items) for one in range(7)])
        state.add_conflict(Conflict(MediaPath.of("b.jpg"), "h", MediaPath.of(copy)), AT)
        state.add_conflict(Conflict(MediaPath.of("c.jpg"), "i", MediaPath.of("gone.jpg")), AT)
        note_outcome(state, Outcome(problems=problems(12)), Kind.FULL, AT)
    answer = desk.syncd("status")
    assert answer.code == 3
    assert "nothing done; 14 waiting for you; 12 problems" in answer.out
    assert "number A1: 2 files: reason 0" in answer.out
    assert "reason 5" not in answer.out
    assert "2 more, and what each is about, and what you can do: syncd approve" in answer.out
    assert "1 file with two versions, to choose from: syncd conflicts" in answer.out
    assert "12 problems:" in answer.out
    assert answer.out.count("to do: see to its rights") == 5
    assert "… and 7 more (syncd --once --json lists all)" in answer.out
    document = desk.syncd("status", "--json").document
    assert len(document["held"]) == 14
    assert len(document["problems"]) == 12
    assert [one["path"] for one in document["conflicts"]] == ["b.jpg"]


def test_what_was_approved(desk: Desk) -> None:
    """Waits for nobody any more, but for a run; until then it can be taken back. The last run is told as it ended."""
    items = tuple(HeldItem("delete", f"{one}.jpg", f"h{one}", MD5) for one in range(2))
    with desk.state() as state:
        fill(state)
        kinds = (HoldKind.REFERENCED, HoldKind.FIRST_SYNC, HoldKind.REFERENCED)
        held = state.hold([HeldSet(kind, f"reason {number}", items) for number, kind in enumerate(kinds)])
        for one in held[:2]:
            state.approve(one.id)
        state.put_links([Link("h0", "0.jpg", MediaPath.of("0.jpg"), MD5)])
        note_outcome(state, Outcome(), Kind.FULL, AT)
    answer = desk.syncd("status")
    assert answer.code == 3
    told = [line.split(maxsplit=1)[1] for line in answer.out.splitlines() if line.startswith("Approved:")]
    assert told == [
        "number A1, 2 files: the next run carries it out; until then, syncd restore A1 takes it back",
        "number A2, 2 files: the next run carries it out; until then, syncd restore A2 takes it back",
    ]
    assert "number A3: 2 files: reason 2" in answer.out
    assert "nothing done; 6 waiting for you" in answer.out
    document = desk.syncd("status", "--json").document
    assert document["approved"] == [1, 2]
    assert {entry["id"] for entry in document["held"]} == {3}


def test_a_deletion_that_was_approved_waits_for_no_answer(desk: Desk) -> None:
    """It is on one side only until the next run, and not in both."""
    with desk.state() as state:
        fill(state)
        before = state.count_links()
        state.put_links([Link("z", "0.jpg", MediaPath.of("0.jpg"), MD5)])
        items = (HeldItem("delete", "0.jpg", "z", MD5),)
        (held,) = state.hold([HeldSet(HoldKind.REFERENCED, "people refer to it", items)])
        state.approve(held.id)
    document = desk.syncd("status", "--json").document
    assert (document["one_sided"]["waiting"], document["one_sided"]["approved"]) == (0, 1)
    assert document["links"] == before
    assert page(desk)["On one side"].strip() == "1 file, whose deletion you approved"


def test_a_run_that_somebody_broke_off(desk: Desk) -> None:
    """Is said to have been, and counts as a problem, until a run comes to its end."""
    with desk.state() as state:
        fill(state)
        note_interruption(state, ExitCode.INTERRUPTED)
    answer = desk.syncd("status")
    assert answer.code == 1
    assert re.search(r"Broken off: +.*: interrupted\n", answer.out)
    assert "the next run goes on from here" in answer.out
    assert desk.syncd("status", "--json").document["error"]["reason"] == "interrupted"
    with desk.state() as state:
        note_outcome(state, Outcome(), Kind.FULL, AT)
    assert desk.syncd("status").code == 0


def test_problems_alone_are_exit_1(desk: Desk) -> None:
    """As a run with problems is."""
    with desk.state() as state:
        note_outcome(state, Outcome(problems=problems(1)), Kind.FULL, AT)
    assert desk.syncd("status").code == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unreachable("why", "what"), 4),
        (StopError("why", "what"), 3),
        (FolderError("why", "what"), 3),
        (ConfigError("why", "what"), 2),
        (StateError("why", "what"), 6),
        (SyncdError("why", "what"), 1),
    ],
)
def test_why_the_last_run_did_not_come_to_its_end(desk: Desk, error: SyncdError, code: int) -> None:
    """Reason, remedy, and the code that it had: until a run comes to its end again."""
    with desk.state() as state:
        fill(state)
        note_failure(state, error, AT)
    answer = desk.syncd("status")
    assert answer.code == code
    assert "why" in page(desk)["Stopped" if isinstance(error, StopError) else "Failed"]
    assert page(desk)["What to do"].strip() == "what"
    document = desk.syncd("status", "--json").document
    key = "stop" if isinstance(error, StopError) else "error"
    assert document[key] == {"reason": "why", "remedy": "what"}
    with desk.state() as state:
        note_outcome(state, Outcome(), Kind.FULL, AT)
    assert desk.syncd("status").code == 0


@pytest.mark.parametrize(
    ("doing", "code", "key"), [(Doing.AWAY, 4, "error"), (Doing.STOPPED, 3, "stop"), (Doing.PAUSED, 0, None)]
)
def test_what_keeps_the_daemon_counts(desk: Desk, doing: Doing, code: int, key: str | None) -> None:
    """The exit code of what it waits for, and the reason once, not twice."""
    live = replace(LIVE, doing=doing, reason="why" if key else "", remedy="what" if key else "")
    engine = FakeEngine(desk.state_file, live_now=live)
    with running(engine, desk.state_file):
        if key:
            note_failure(engine.state, StopError("why", "what"), AT)
        answer = desk.syncd("status")
        document = desk.syncd("status", "--json").document
    assert answer.code == max(code, 3 if key else 0)
    if key:
        assert document[key] == {"reason": "why", "remedy": "what"}
        assert answer.out.count("why") == 1


def test_a_daemon_that_does_not_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 5, what to do, and all the rest from the state file."""

    def connect(_state_file: Path) -> None:
        raise LockedError("the daemon does not answer", "restart the daemon")

    monkeypatch.setattr("syncd.control.client.connect", connect)
    with desk.state() as state:
        fill(state)
    answer = desk.syncd("status")
    assert answer.code == 5
    assert answer.out.startswith("Not known: the daemon does not answer\n  restart the daemon\n")
    assert "3 files" in answer.out
    document = desk.syncd("status", "--json").document
    assert document["daemon"] is None
    assert document["error"] == {"reason": "the daemon does not answer", "remedy": "restart the daemon"}


def test_a_killed_daemon_is_none(desk: Desk) -> None:
    """What it left is not taken for it."""
    with desk.state() as state:
        fill(state)
    with socket.socket(socket.AF_UNIX) as killed:
        bind(killed, desk.state_file.with_name("daemon.sock"))
    assert desk.syncd("status").out.startswith("No daemon is running.")


def test_names_are_shown_as_everywhere(desk: Desk) -> None:
    """Nothing that a file is called reaches the terminal unescaped, and the document is strict."""
    odd = Problem("it cannot be read", "see to it", "a\x1b[2J\udcff.jpg", "h")
    with desk.state() as state:
        note_outcome(state, Outcome(problems=[odd]), Kind.FULL, AT)
    assert "a\\x1b[2J\\xff.jpg" in desk.syncd("status").out
    assert json.loads(desk.syncd("status", "--json").out)["problems"][0]["path"] == "a\x1b[2J\\xff.jpg"
