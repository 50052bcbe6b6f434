"""What a person reads after a run."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from syncd.cli import report
from syncd.cli.exits import Interrupted
from syncd.errors import ExitCode, LockedError, StopError, Unreachable
from syncd.model import Checksum, MediaPath, Problem, Stop
from syncd.model.plan import (
    Conflict,
    Counts,
    Done,
    HeldItem,
    HeldSet,
    HoldKind,
    Notice,
    Outcome,
    Waiting,
    Why,
)
from tests.unit.cli.desk import Desk, Document

MD5 = Checksum("0123456789abcdef0123456789abcdef")


def held(number: int = 3, kind: HoldKind = HoldKind.REFERENCED, *actions: str) -> HeldSet:
    """A set of items with these actions."""
    items = tuple(
        HeldItem(action, f"oma{index}.jpg", f"h{index}", MD5, "3 people refer to it")
        for index, action in enumerate(actions or ("delete",))
    )
    return HeldSet(kind, "people refer to it", items, number)


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Outcome(), "nothing to do (0.0 s)"),
        (Outcome(counts=Counts(unchanged=1204), seconds=0.31), "nothing to do; 1,204 unchanged (0.3 s)"),
        (
            Outcome(counts=Counts(uploaded=3, added=3, fetched=2, moved=1, unchanged=1204), seconds=4.21),
            "3 files sent (3 new in Gramps Web), 2 fetched, 1 moved; 1,204 unchanged (4.2 s)",
        ),
        (
            Outcome(counts=Counts(uploaded=3, added=2, updated=1)),
            "3 files sent (2 new, 1 changed in Gramps Web) (0.0 s)",
        ),
        (Outcome(counts=Counts(added=2)), "2 files added to Gramps Web (0.0 s)"),
        (
            Outcome(counts=Counts(trashed=1, deleted=2, linked=7)),
            "7 files paired (the same on both sides), 1 put into the trash, 2 deleted in Gramps Web (0.0 s)",
        ),
        (
            Outcome(
                counts=Counts(waiting=1),
                held=[held()],
                problems=[Problem("why", "what"), Problem("why", "what")],
            ),
            "nothing done; 1 not finished yet; 1 waiting for you; 2 problems (0.0 s)",
        ),
        (
            Outcome(dry_run=True, counts=Counts(uploaded=3, fetched=2, moved=1)),
            "would send 3 files, fetch 2, move 1 (0.0 s)",
        ),
        (Outcome(dry_run=True, counts=Counts(unchanged=4)), "would do nothing; 4 unchanged (0.0 s)"),
        (
            Outcome(dry_run=True, held=[held(0, HoldKind.FIRST_SYNC, "add", "fetch")]),
            "would do nothing before you approve; 2 waiting for you (0.0 s)",
        ),
        (Outcome(actions=[Done("restored", "a.jpg")], counts=Counts(added=1)), "1 file brought back (0.0 s)"),
    ],
)
def test_the_summary_is_one_line_in_plain_words(outcome: Outcome, line: str) -> None:
    """What was done, what was left, how long it took."""
    assert report.summary(outcome) == line


def test_a_run_with_nothing_to_do_is_one_line(desk: Desk) -> None:
    """A cron mail of an ordinary run is one line, without control codes."""
    desk.outcome = Outcome(counts=Counts(unchanged=4))
    answer = desk.syncd("--once")
    assert (answer.out, answer.err) == ("nothing to do; 4 unchanged (0.0 s)\n", "")


def everything() -> Outcome:
    """A run that left something of every kind."""
    return Outcome(
        counts=Counts(uploaded=1, waiting=1),
        conflicts=[Conflict(MediaPath.of("b.jpg"), "h4", MediaPath.of("b (conflict).jpg"))],
        problems=[Problem("the file cannot be read", "chmod u+r it", "a.jpg", "h1")],
        held=[held(), held(4, HoldKind.FIRST_SYNC, "add", "fetch")],
        notices=[Notice("brought back: it was changed here", "c.jpg")],
        waiting=[Waiting("somebody is still sending it", "d.jpg")],
    )


def test_everything_that_needs_somebody_is_told_with_what_to_do(desk: Desk) -> None:
    """Problems, conflicts, waiting items and notices: what, why, and what to do, in words a genealogist knows."""
    desk.outcome = everything()
    answer = desk.syncd("--once")
    for text in (
        "a.jpg",
        "why: the file cannot be read",
        "to do: chmod u+r it",
        "kept as b (conflict).jpg",
        "syncd approve A3",
        "syncd restore A3",
        "3 people refer to it",
        "syncd approve A4",
        "brought back: it was changed here",
    ):
        assert text in answer.out
    assert "syncd restore A4" not in answer.out
    assert not re.search(r"catalog|handle|checksum|reconcile", answer.out, re.IGNORECASE)
    assert "\x1b" not in answer.out
    assert "  d.jpg\n    somebody is still sending it\n" in answer.out
    assert "somebody is still sending it" not in desk.syncd("--once", "-q").out


def test_long_lists_are_cut(desk: Desk) -> None:
    """Of a long list the first twenty are shown, then how many more there are and how to see them."""
    desk.outcome = Outcome(problems=[Problem("why", "what", f"{number}.jpg") for number in range(200)])
    out = desk.syncd("--once").out
    assert "19.jpg" in out
    assert "\n  20.jpg" not in out
    assert "… and 180 more (syncd --once --json lists all)" in out


def test_what_went_moved_or_came_back_is_named(desk: Desk) -> None:
    """A plain run names deletions, moves and what was brought back, with the reason; new files are named with -v."""
    desk.outcome = Outcome(
        actions=[
            Done("uploaded", "new.jpg"),
            *(Done("deleted", f"{number:02}.jpg", why="deleted in the folder") for number in range(30)),
            Done("moved", "there.jpg", why="moved in Gramps Web"),
        ]
    )
    out = desk.syncd("--once").out
    assert "Deleted in Gramps Web (deleted in the folder):\n  00.jpg\n" in out
    assert "19.jpg\n  … and 10 more (a run with -v lists all)\n" in out
    assert "Moved (moved in Gramps Web):\n" in out
    assert "syncd trash list" in out
    assert "new.jpg" not in out
    verbose = desk.syncd("--once", "-v").out
    assert "new.jpg" in verbose
    assert "29.jpg" in verbose
    assert desk.syncd("--once", "-q").out == ""


def test_what_was_replaced_is_named(desk: Desk) -> None:
    """A wrong photo saved over the right one is noticed in the report, whichever side it came from; it says what helps."""
    desk.outcome = Outcome(
        actions=[
            Done("uploaded", "here.jpg", why="changed in the folder"),
            Done("updated", "here.jpg", why="changed in the folder"),
            Done("fetched", "there.jpg", why="changed in Gramps Web"),
            Done("fetched", "new.jpg", why="new in Gramps Web"),
        ]
    )
    out = desk.syncd("--once").out
    assert "Replaced in Gramps Web (changed in the folder):\n  here.jpg\n" in out
    assert "Replaced in the media folder (changed in Gramps Web):\n  there.jpg\n" in out
    assert "syncd history tells" in out
    assert "new.jpg" not in out


def test_a_first_sync_that_waits_is_told_in_files(desk: Desk) -> None:
    """A file that is sent and added is one file with one row; ten rows are enough."""
    items = [
        HeldItem(action, f"{number:02}.jpg", f"h{number}", MD5)
        for number in range(12)
        for action in ("add", "upload")
    ]
    desk.outcome = Outcome(held=[HeldSet(HoldKind.FIRST_SYNC, "12 to send (3.0 MB)", tuple(items), 1)])
    out = desk.syncd("--once").out
    assert (
        "12 files wait for you (number A1): 12 to send (3.0 MB)\n  00.jpg\n    send and add to Gramps Web\n"
        in out
    )
    assert out.count(".jpg") == 10
    assert "… and 2 more" in out


def test_what_an_approval_does_to_a_portrait_is_said(desk: Desk) -> None:
    """Who approves the deletion of a referenced object knows that those people lose the picture."""
    desk.outcome = Outcome(held=[held()])
    out = desk.syncd("--once").out
    assert "lets it happen: the picture is taken out of the galleries of those who refer to it" in out


def test_a_dry_run_in_a_file_lists_all_and_each_file_once(desk: Desk) -> None:
    """Sending a new file and adding it is one row; where nobody scrolls, nothing is cut off."""
    desk.outcome = Outcome(
        dry_run=True,
        actions=[
            Done(kind, f"{number}.jpg", size=1000, why="new in the folder")
            for kind in ("uploaded", "added")
            for number in range(50)
        ],
    )
    out = desk.syncd("--once", "--dry-run").out
    assert out.count(".jpg\n    send and add to Gramps Web (1.0 kB): new in the folder\n") == 50
    assert out.count(".jpg") == 50
    assert "more" not in out


def test_a_dry_run_shows_the_plan(desk: Desk) -> None:
    """A dry run lists what would be done and why, and keeps to the conditional."""
    desk.outcome = Outcome(
        dry_run=True,
        counts=Counts(uploaded=1),
        actions=[Done("uploaded", "new.jpg", size=1_234_567, why="new in the folder")],
        conflicts=[Conflict(MediaPath.of("b.jpg"), "h4", None)],
        held=[held(0)],
    )
    out = desk.syncd("--once", "--dry-run").out
    assert "would send 1 file" in out
    assert "new.jpg" in out
    assert "send (1.2 MB): new in the folder" in out
    assert "would be kept" in out
    assert "A run without --dry-run gives this a number" in out


@pytest.mark.parametrize(
    "outcome", [Outcome(stop=Stop("another tree", "syncd adopt")), StopError("another tree", "syncd adopt")]
)
def test_a_stop_says_that_nothing_was_done(desk: Desk, outcome: Outcome | StopError) -> None:
    """A stop is a block of its own: nothing was done, why, what to do."""
    desk.outcome = outcome
    answer = desk.syncd("--once")
    assert answer.err.splitlines() == [
        "Stopped: nothing was done, neither in the media folder nor in Gramps Web.",
        "  Why:        another tree",
        "  What to do: syncd adopt",
    ]


SENT = Outcome(
    actions=[
        Done("uploaded", "new.jpg", "h1", "0" * 32, 12),
        Done("moved", "to/oma.jpg", "h2", None, None, "moved in the folder"),
    ],
    counts=Counts(uploaded=1, moved=1),
    bytes_up=12,
    seconds=4.2,
)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (Unreachable("no answer"), 4),
        (StopError("another tree"), 3),
        (RuntimeError("boom"), 70),
        (Interrupted(ExitCode.INTERRUPTED), 130),
        (replace(SENT, stop=Stop("another tree", "see to it")), 3),
    ],
    ids=str,
)
def test_what_was_done_before_the_end(desk: Desk, ending: Outcome | BaseException, code: int) -> None:
    """A run that comes to no end, whatever ends it, says what it did until then: in words, and in the document."""
    desk.outcome, desk.part = ending, SENT
    answer = desk.syncd("--once")
    assert answer.code == code
    assert answer.out.splitlines()[0] == "1 file sent, 1 moved; then it was broken off (4.2 s)"
    assert "to/oma.jpg" in answer.out
    assert "new.jpg" not in answer.out
    assert "nothing was done" not in answer.err
    assert answer.err
    assert "new.jpg" in desk.syncd("--once", "-v").out
    document = desk.syncd("--once", "--json").document
    Document.model_validate(document)
    assert (document["error"] or document["stop"])["reason"]
    assert (document["counts"]["uploaded"], document["bytes_up"]) == (1, 12)
    assert [done["path"] for done in document["actions"]] == ["new.jpg", "to/oma.jpg"]
    assert desk.syncd("--once", "-q").out == ""


def test_what_gramps_web_was_not_told_of(desk: Desk) -> None:
    """Of what was sent it is said how much no object names yet, and what Gramps Web gave no answer to."""
    sent = [Done("uploaded", f"{name}.jpg", name, "0" * 32, 12, Why.NEW_FILE) for name in "abc"]
    mended = Done("uploaded", "d.jpg", "d", "0" * 32, 12, Why.MISSING_BYTES)
    added = Done("added", "a.jpg", "a", "0" * 32, 12, Why.NEW_FILE)
    told = Notice("Gramps Web was told of 2 objects and gave no answer yet", "")
    desk.outcome = Unreachable("no answer")
    desk.part = Outcome(
        actions=[*sent, mended, added], counts=Counts(uploaded=4, added=1), notices=[told], seconds=4.2
    )
    out = desk.syncd("--once").out
    assert out.startswith(
        "4 files sent (1 new in Gramps Web); 2 of them not in Gramps Web yet; then it was broken off (4.2 s)\n"
    )
    assert told.text in out
    desk.part = Outcome(notices=[told], seconds=4.2)
    assert desk.syncd("--once").out.startswith("nothing done; then it was broken off (4.2 s)\n")
    assert desk.syncd("--once", "--json").document["notices"][0]["text"] == told.text
    assert desk.syncd("--once", "-q").out == ""


def test_nothing_was_done_before_the_end(desk: Desk) -> None:
    """Then nothing is said of it, and the next run's failure has nothing of the one before."""
    desk.outcome, desk.part = Unreachable("no answer"), Outcome(seconds=4.2)
    answer = desk.syncd("--once")
    assert answer.out == ""
    assert answer.err.startswith("syncd: no answer")


def test_a_conflict_before_the_end_is_told_quietly_too(desk: Desk) -> None:
    """It happens only once: the next run does not meet it any more."""
    desk.outcome = Unreachable("no answer")
    desk.part = Outcome(conflicts=[Conflict(MediaPath.of("a.jpg"), "h", MediaPath.of("a (copy).jpg"))])
    assert "a (copy).jpg" in desk.syncd("--once", "-q").out


def test_hostile_names_move_no_cursor(desk: Desk) -> None:
    """Escape sequences, line breaks, reversed text and bytes that are no text are shown escaped, everywhere."""
    name = "a\x1b[2J\r\n\u202egpj.exe\udcff\u2028[red]x[/red].jpg"
    desk.outcome = Outcome(
        conflicts=[Conflict(MediaPath.of(name), "h", MediaPath.of(name))],
        problems=[Problem(name, name, name)],
        notices=[Notice(name, name)],
    )
    shown = "a\\x1b[2J\\x0d\\x0a\\u202egpj.exe\\xff\\u2028[red]x[/red].jpg"
    answer = desk.syncd("--once")
    assert f"  {shown}\n" in answer.out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\u2028\udcff]", answer.out)
    desk.outcome = Unreachable(name, name)
    assert "syncd: a\\x1b[2J" in desk.syncd("--once").err


# --- -q -----------------------------------------------------------------------------------------------------------


def test_quiet_is_silent_when_all_is_well(desk: Desk) -> None:
    """`-q` says nothing of an ordinary run, whatever it did."""
    desk.outcome = Outcome(counts=Counts(uploaded=3, fetched=2))
    answer = desk.syncd("--once", "-q")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_quiet_tells_a_held_set_once(desk: Desk) -> None:
    """A held set is told once; the exit code goes on saying it."""
    with desk.state() as state:
        (stored,) = state.hold([held(0)])
    desk.outcome = Outcome(held=[stored])
    assert f"syncd approve A{stored.id}" in desk.syncd("--once", "-q").out
    again = desk.syncd("--once", "-q")
    assert (again.code, again.out, again.err) == (3, "", "")


def test_quiet_tells_a_problem_once_and_again_when_it_comes_back(desk: Desk) -> None:
    """A problem is told once; only what is new is told beside it; gone and back it is news."""
    one, two = Problem("why", "what", "one.jpg"), Problem("why", "what", "two.jpg")
    desk.outcome = Outcome(problems=[one])
    assert "one.jpg" in desk.syncd("--once", "-q").out
    assert desk.syncd("--once", "-q").out == ""
    desk.outcome = Outcome(problems=[one, two])
    out = desk.syncd("--once", "-q").out
    assert "two.jpg" in out
    assert "one.jpg" not in out
    desk.outcome = Outcome()
    assert desk.syncd("--once", "-q").out == ""
    desk.outcome = Outcome(problems=[one])
    assert "one.jpg" in desk.syncd("--once", "-q").out


@pytest.mark.parametrize(
    "outcome",
    [
        StopError("another tree", "syncd adopt"),
        Outcome(stop=Stop("another tree", "syncd adopt")),
        Unreachable("no answer"),
    ],
)
def test_quiet_tells_a_stop_or_an_outage_once(desk: Desk, outcome: Outcome | Exception) -> None:
    """A stop or an outage is told once, until it is over."""
    desk.outcome = outcome
    first = desk.syncd("--once", "-q")
    assert first.err
    again = desk.syncd("--once", "-q")
    assert (again.code, again.out, again.err) == (first.code, "", "")
    desk.outcome = Outcome()
    desk.syncd("--once", "-q")
    desk.outcome = outcome
    assert desk.syncd("--once", "-q").err == first.err


def test_an_outage_does_not_make_old_problems_news(desk: Desk) -> None:
    """A server that was away over night: in the morning the problems of yesterday are still told."""
    desk.outcome = problems = Outcome(problems=[Problem("why", "what", "one.jpg")])
    assert desk.syncd("--once", "-q").out
    desk.outcome = Unreachable("no answer")
    assert desk.syncd("--once", "-q").err
    desk.outcome = problems
    assert desk.syncd("--once", "-q").out == ""


def test_what_was_told_aloud_is_not_told_again_quietly(desk: Desk) -> None:
    """A person who saw it on the terminal gets no mail about it."""
    desk.outcome = Outcome(problems=[Problem("why", "what", "one.jpg")])
    assert "one.jpg" in desk.syncd("--once").out
    assert "one.jpg" in desk.syncd("--once").out
    assert desk.syncd("--once", "-q").out == ""


def test_quiet_tells_what_happens_only_once(desk: Desk) -> None:
    """A conflict is new whenever there is one."""
    desk.outcome = Outcome(
        conflicts=[Conflict(MediaPath.of("b.jpg"), "h4", MediaPath.of("b (conflict).jpg"))]
    )
    assert "b (conflict).jpg" in desk.syncd("--once", "-q").out


def test_quiet_does_not_mail_that_the_last_run_is_still_at_work(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cron starts a run while a long one is under way: no news before that one has lasted a day."""
    desk.outcome = LockedError("another syncd is at work", "wait")
    quiet = desk.syncd("--once", "-q")
    assert (quiet.code, quiet.err) == (5, "")
    assert desk.syncd("--once").err
    monkeypatch.setattr("syncd.cli.once.LONG_RUN", -1)
    assert desk.syncd("--once", "-q").err


def test_a_dry_run_makes_nothing_old(desk: Desk) -> None:
    """What a dry run told is still news to the real run, and it writes no state."""
    desk.outcome = Outcome(dry_run=True, problems=[Problem("why", "what", "one.jpg")])
    desk.syncd("--once", "--dry-run")
    assert not desk.state_file.exists()


def test_quiet_with_json_leaves_standard_error_empty(desk: Desk) -> None:
    """A script that reads the document is told nothing twice."""
    desk.outcome = everything()
    answer = desk.syncd("--once", "--json", "-q")
    assert answer.err == ""
    assert len(answer.document["problems"]) == 1


def test_quiet_tells_what_lasts_once(desk: Desk) -> None:
    """What is so in every run, as a server of an untested version, is no news until it has changed; aloud it is said."""
    desk.outcome = Outcome(notices=[Notice("its API has version 4.0.0", "", lasts=True)])
    assert "its API has version 4.0.0" in desk.syncd("--once", "-q").out
    assert desk.syncd("--once", "-q").out == ""
    assert "its API has version 4.0.0" in desk.syncd("--once").out
    assert desk.syncd("--once", "-q").out == ""
    desk.outcome = Outcome(notices=[Notice("its API has version 5.0.0", "", lasts=True)])
    assert "its API has version 5.0.0" in desk.syncd("--once", "-q").out
    desk.outcome = Outcome(notices=[Notice("its number is taken", "a.jpg")])
    for _ in range(2):
        assert "its number is taken" in desk.syncd("--once", "-q").out
