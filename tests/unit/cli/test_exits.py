"""Every exit: its code, its words, its document."""

from __future__ import annotations

import stat
import sys

import pytest

from syncd.cli.exits import Interrupted
from syncd.config import sources
from syncd.errors import (
    ConfigError,
    Denied,
    ExitCode,
    FolderError,
    LockedError,
    StateError,
    StopError,
    SyncdError,
    Unreachable,
)
from syncd.model import Checksum, MediaPath, Problem, Stop
from syncd.model.plan import Conflict, Counts, Done, HeldItem, HeldSet, HoldKind, Outcome
from tests.unit.cli.desk import Desk, Document

MD5 = Checksum("0123456789abcdef0123456789abcdef")
PROBLEM = Problem("the file cannot be read", "chmod u+r it", "a.jpg", "h1")
ITEM = HeldItem("delete", "oma.jpg", "h2", MD5, "3 people refer to it")
HELD = HeldSet(HoldKind.REFERENCED, "people refer to it", (ITEM,), 3)
STOP = Stop("another tree", "syncd adopt")


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome(), 0),
        (Outcome(counts=Counts(waiting=2)), 0),
        (Outcome(problems=[PROBLEM]), 1),
        (Outcome(held=[HELD]), 3),
        (Outcome(held=[HELD], problems=[PROBLEM]), 3),
        (Outcome(stop=STOP), 3),
        (Outcome(stop=STOP, problems=[PROBLEM]), 3),
        (Outcome(held=[HeldSet(HoldKind.REFERENCED, "", (ITEM,), 3, approved=True)]), 0),
        (ConfigError("gramps.url: is no address", "correct it"), 2),
        (StateError("newer schema", "update"), 6),
        (LockedError("another syncd", "wait"), 5),
        (Unreachable("no answer", "check the network"), 4),
        (Denied("wrong password", "correct it"), 4),
        (StopError("another tree", "syncd adopt"), 3),
        (FolderError("the disk is full", "make room"), 3),
        (RuntimeError("boom"), 70),
        (BrokenPipeError("of a socket"), 70),
        (EOFError("of a stream"), 70),
        (Interrupted(ExitCode.INTERRUPTED), 130),
        (Interrupted(ExitCode.TERMINATED), 143),
    ],
)
def test_every_ending_has_its_code_and_one_strict_document(
    desk: Desk, outcome: Outcome | BaseException, code: int
) -> None:
    """However a run ends: the contract's code, and with --json exactly one document of the contract's shape."""
    desk.outcome = outcome
    assert desk.syncd("--once").code == code
    answer = desk.syncd("--once", "--json")
    assert answer.code == code
    document = Document.model_validate(answer.document)
    if isinstance(outcome, StopError):
        assert document.stop is not None
        assert document.stop.reason == "another tree"
        assert document.error is None
    elif isinstance(outcome, BaseException):
        assert document.error is not None
        assert document.stop is None
    if isinstance(outcome, SyncdError) and not isinstance(outcome, StopError):
        assert document.error is not None
        assert (document.error.reason, document.error.remedy) == (outcome.reason, outcome.remedy)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--full",),
        ("--dry-run",),
        ("--nonsense",),
        ("nonsense",),
        ("--once", "check"),
        ("--once", "--log-format", "xml"),
        ("approve", "seven"),
        ("approve", "7"),
        ("approve", "--now"),
        ("restore", "7"),
        ("trash", "restore", "7"),
        ("trash", "nonsense"),
        ("completion", "powershell"),
        ("--once", "--config"),
        ("--once", "--config", "/nonexistent/syncd.toml"),
    ],
)
def test_wrong_usage_is_one_plain_line_and_exit_2(desk: Desk, arguments: tuple[str, ...]) -> None:
    """A mistake on the command line: one line on standard error, nothing done, exit 2; with --json a document too."""
    answer = desk.syncd(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("syncd: ")
    assert answer.err.count("\n") == 1
    with_json = desk.syncd("--json", *arguments)
    assert Document.model_validate(with_json.document).error is not None
    assert desk.asked == []


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_with_json_still_give_one_document(desk: Desk, flag: str) -> None:
    """Even then standard output holds one document; the text goes to standard error."""
    answer = desk.syncd("--json", flag)
    assert answer.code == 0
    Document.model_validate(answer.document)
    assert "syncd" in answer.err


def test_the_document_tells_everything(desk: Desk) -> None:
    """Counts, actions, conflicts, problems and held items are in the document as the contract names them."""
    desk.outcome = Outcome(
        actions=[Done("uploaded", "ä.jpg", "h", MD5, 12, "new in the folder")],
        conflicts=[Conflict(MediaPath.of("b.jpg"), "h4", MediaPath.of("b (conflict).jpg"))],
        problems=[PROBLEM],
        held=[HELD],
        counts=Counts(uploaded=1, unchanged=1204),
        bytes_up=12,
        seconds=4.2,
    )
    document = desk.syncd("--once", "--json").document
    assert document["actions"] == [
        {
            "kind": "uploaded",
            "path": "ä.jpg",
            "handle": "h",
            "checksum": MD5,
            "size": 12,
            "why": "new in the folder",
        }
    ]
    assert document["conflicts"] == [{"path": "b.jpg", "kept_as": "b (conflict).jpg", "handle": "h4"}]
    assert document["problems"] == [
        {"path": "a.jpg", "handle": "h1", "reason": "the file cannot be read", "remedy": "chmod u+r it"}
    ]
    assert document["held"] == [
        {
            "id": 3,
            "kind": "referenced",
            "path": "oma.jpg",
            "handle": "h2",
            "reason": "people refer to it (3 people refer to it)",
        }
    ]
    assert document["counts"]["unchanged"] == 1204
    assert (document["bytes_up"], document["seconds"]) == (12, 4.2)


def test_a_dry_run_is_marked_even_when_it_fails(desk: Desk) -> None:
    """`dry_run` is true in the document whatever happened."""
    desk.outcome = Unreachable("no answer")
    assert desk.syncd("--once", "--dry-run", "--json").document["dry_run"] is True
    assert desk.asked[0]["dry_run"] is True


def test_a_name_that_is_not_text_gives_json_that_strict_readers_take(desk: Desk) -> None:
    """No lone surrogate gets into the document."""
    desk.outcome = Outcome(problems=[Problem("the name is no text", "rename it", "bad\udcff.jpg")])
    answer = desk.syncd("--once", "--json")
    assert answer.document["problems"][0]["path"] == "bad\\xff.jpg"
    assert "\\ud" not in answer.out


def test_prints_of_others_do_not_get_into_the_document(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stray print somewhere below goes to standard error."""

    def noisy(*_arguments: object, **_asked: object) -> Outcome:
        print("noise")  # noqa: T201
        return Outcome()

    monkeypatch.setattr(sys.modules["syncd.once"], "run_once", noisy)
    answer = desk.syncd("--once", "--json")
    Document.model_validate(answer.document)
    assert "noise" in answer.err


def test_a_defect_leaves_one_line_and_a_private_file_without_secrets(desk: Desk) -> None:
    """A defect shows no traceback; its details are in a file of mode 0600, without the password."""
    desk.outcome = RuntimeError("boom with hunter2-secret")
    answer = desk.syncd("--once")
    assert answer.code == 70
    assert answer.err.count("\n") == 1
    assert "Traceback" not in answer.err + answer.out
    assert "hunter2" not in answer.err + answer.out
    (crash,) = (desk.home / "state").glob("crash-*.txt")
    assert str(crash) in answer.err
    assert stat.S_IMODE(crash.stat().st_mode) == 0o600
    text = crash.read_text()
    assert "RuntimeError: boom" in text
    assert "hunter2" not in text


def test_crash_files_do_not_pile_up(desk: Desk) -> None:
    """Cron runs a defect every minute: only the last few files stay."""
    folder = desk.home / "state"
    folder.mkdir()
    for number in range(30):
        (folder / f"crash-20200101T0000{number:02}-1.txt").touch()
    desk.outcome = RuntimeError("boom")
    desk.syncd("--once")
    assert len(list(folder.glob("crash-*.txt"))) == 10


def test_a_defect_is_written_elsewhere_when_the_state_folder_is_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the state's folder cannot be written the details go to the temporary folder."""
    (desk.home / "state").write_text("a file, not a folder")
    monkeypatch.setenv("TMPDIR", str(desk.home))
    monkeypatch.setattr("tempfile.tempdir", None)
    desk.outcome = RuntimeError("boom")
    answer = desk.syncd("--once")
    assert answer.code == 70
    (crash,) = desk.home.glob("syncd-crash-*.txt")
    assert str(crash) in answer.err


def test_several_mistakes_are_a_line_each(desk: Desk) -> None:
    """Mistakes of several lines (one for each key) stay several lines and keep the remedy."""
    desk.outcome = ConfigError("gramps.url: is no address\ngramps.usrname: unknown", "correct them")
    answer = desk.syncd("--once")
    assert answer.err.splitlines() == [
        "syncd: gramps.url: is no address",
        "  gramps.usrname: unknown",
        "  correct them",
    ]


def test_who_has_no_configuration_is_shown_one_to_copy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample is printed in lines, as it would stand in the file, with what most buckets need as comments."""
    monkeypatch.delenv("SYNCD_CONFIG")
    monkeypatch.setenv("HOME", str(desk.home / "nobody"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(sources, "SYSTEM_FILE", desk.home / "none.toml")
    for arguments in (("--once",), ("conflicts",), ("adopt",), ("check",)):
        answer = desk.syncd(*arguments)
        said = answer.out + answer.err
        assert answer.code == 2
        assert "\\x0a" not in said
        for line in ('media_dir = "~/Pictures/family"', "[s3]", '# endpoint_url = "https://s3.example"'):
            assert line in [found.strip().partition(" #")[0].rstrip() for found in said.splitlines()]
        assert all(line == line.rstrip() for line in said.splitlines())


def test_a_newline_of_somebody_else_stays_on_its_line(desk: Desk) -> None:
    """A name with a line break in it is not printed as two lines."""
    desk.config.write_text('"a\\nsyncd: all is well" = 1\n')
    answer = desk.syncd("--once")
    assert answer.code == 2
    assert "syncd: all is well" not in answer.err.splitlines()
