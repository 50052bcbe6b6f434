"""A running daemon and the commands that reach it: runs handed over, pauses, and standing aside."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncd import doorstep
from syncd.applier.disk import Marker, MediaFolder
from syncd.cli import once, session
from syncd.control import client
from syncd.control.contract import Doing
from syncd.control.server import ControlServer
from syncd.errors import LockedError, StopError, SyncdError, Unreachable
from syncd.migration import Migration
from syncd.model import Checksum, Link, MediaPath, Problem, Stop
from syncd.model.plan import Counts, Done, HeldItem, HeldSet, HoldKind, Notice, Outcome
from syncd.ports import Phase
from syncd.state import TrashEntry
from tests.unit.cli.desk import Desk, Document
from tests.unit.cli.test_commands import BINDING, FakeWeb
from tests.unit.cli.test_process import environment, on_terminal
from tests.unit.control.fake import FakeEngine, bind, running

MD5 = Checksum("0123456789abcdef0123456789abcdef")
PROBLEM = Problem("the file cannot be read", "chmod u+r it", "a\udcff.jpg", "h1")
HELD = HeldSet(
    HoldKind.REFERENCED, "people refer to it", (HeldItem("delete", "oma.jpg", "h2", MD5, "3 people"),), 3
)
OUTCOMES = [
    Outcome(),
    Outcome(counts=Counts(uploaded=1), actions=[Done("uploaded", "ä.jpg", "h", MD5, 12, "new")], bytes_up=12),
    Outcome(problems=[PROBLEM], seconds=4.2),
    Outcome(held=[HELD], notices=[Notice("see: syncd adopt", "b.jpg", lasts=True)]),
    Outcome(stop=Stop("another tree", "run `syncd adopt`")),
    Unreachable("no answer", "check the network"),
    StopError("another tree", "run `syncd adopt`"),
    LockedError("another syncd is at work on the media folder", "wait"),
]


@pytest.fixture
def engine(desk: Desk) -> FakeEngine:
    """The engine of a daemon."""
    return FakeEngine(desk.state_file)


@pytest.fixture
def daemon(desk: Desk, engine: FakeEngine) -> Iterator[ControlServer]:
    """A daemon at work on the desk's state."""
    with running(engine, desk.state_file, config=desk.config) as found:
        yield found


def without_seconds(document: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on the clock."""
    return {**document, "seconds": 0}


# --- runs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("arguments", [("--once",), ("--once", "--json"), ("--once", "-v")])
def test_a_handed_over_run_is_told_as_ones_own(
    desk: Desk, outcome: Outcome | SyncdError, arguments: tuple[str, ...]
) -> None:
    """Report, exit code and document are the same, whoever made the run; `syncd sync` says the same."""
    desk.outcome = outcome
    own = desk.syncd(*arguments)
    engine = FakeEngine(desk.state_file, outcome=outcome)
    with running(engine, desk.state_file, config=desk.config):
        theirs = desk.syncd(*arguments)
        asked = desk.syncd("sync", *arguments[1:])
    assert engine.calls == [("sync", False), "done"] * 2
    assert len(desk.asked) == 1
    for answer in (theirs, asked):
        assert (answer.code, answer.err) == (own.code, own.err)
        if "--json" in arguments:
            assert without_seconds(answer.document) == without_seconds(own.document)
            Document.model_validate(answer.document)
        else:
            assert answer.out == own.out


def test_what_a_broken_run_had_done_is_handed_over(
    desk: Desk, daemon: ControlServer, engine: FakeEngine
) -> None:
    """As of a run of one's own: the daemon's log is somewhere else."""
    engine.outcome = Unreachable("no answer")
    engine.outcome.part = Outcome(
        actions=[Done("uploaded", "a.jpg", "h", "0" * 32, 12)], counts=Counts(uploaded=1), bytes_up=12
    )
    answer = desk.syncd("--once")
    assert answer.code == 4
    assert answer.out.startswith("1 file sent; then it was broken off")
    document = desk.syncd("--once", "--json").document
    assert (document["counts"]["uploaded"], document["bytes_up"]) == (1, 12)
    assert document["error"]["reason"] == "no answer"


def test_full_is_handed_over_too(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """With `--once` and with `sync`."""
    for arguments in (("--once", "--full"), ("sync", "--full")):
        engine.calls.clear()
        desk.syncd(*arguments)
        assert engine.calls == [("sync", True), "done"]


def test_a_dry_run_asks_no_daemon(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """It needs no lock, and stays its own."""
    desk.syncd("--once", "--dry-run")
    assert engine.calls == []
    assert desk.asked[0]["dry_run"] is True


def test_quiet_runs_tell_what_is_new_once(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """As without a daemon: problems, held sets, stops and failures once, and again when they come back."""
    (stored,) = engine.state.hold([HELD])
    engine.outcome = Outcome(problems=[PROBLEM], held=[stored])
    first = desk.syncd("--once", "-q")
    assert "the file cannot be read" in first.out
    assert "wait" in first.out
    again = desk.syncd("--once", "-q")
    assert (again.code, again.out, again.err) == (3, "", "")
    for outcome in (Unreachable("no answer", ""), Outcome(stop=Stop("another tree", ""))):
        engine.outcome = outcome
        assert desk.syncd("--once", "-q").err
        assert desk.syncd("--once", "-q").err == ""
    engine.outcome = LockedError("the media folder is another's", "")
    assert "another's" in desk.syncd("--once", "-q").err
    assert desk.syncd("--once", "-q").err == ""
    assert engine.is_aside is False
    assert "aside" not in engine.calls


def test_what_was_told_with_a_daemon_is_no_news_without(desk: Desk) -> None:
    """The state remembers it, whoever holds it."""
    engine = FakeEngine(desk.state_file, outcome=Outcome(problems=[PROBLEM]))
    with running(engine, desk.state_file, config=desk.config):
        assert desk.syncd("--once", "-q").out
    desk.outcome = Outcome(problems=[PROBLEM])
    assert desk.syncd("--once", "-q").out == ""


def test_another_configuration_is_mentioned(desk: Desk, engine: FakeEngine) -> None:
    """The daemon's counts; under -q that is not worth a mail."""
    with running(engine, desk.state_file, config=desk.home / "other.toml"):
        assert f"the configuration {desk.home / 'other.toml'}" in desk.syncd("--once").err
        assert desk.syncd("--once", "-q").err == ""
    with running(engine, desk.state_file):
        assert "no configuration file" in desk.syncd("sync").err


@pytest.mark.parametrize("command", [("sync",), ("pause",), ("resume",)])
def test_without_a_daemon_nothing_is_done(desk: Desk, command: tuple[str, ...]) -> None:
    """It is said plainly, with what to do; 3: a person has to start one."""
    answer = desk.syncd(*command)
    assert (answer.code, answer.out) == (3, "")
    assert f"no daemon is at work on the state file {desk.state_file}" in answer.err
    assert "start it here with: syncd; or for good with: syncd install-service" in answer.err
    assert ("syncd --once" in answer.err) is (command == ("sync",))
    assert desk.syncd(*command, "--json").document["error"]["reason"].startswith("no daemon")
    assert desk.asked == []
    assert not desk.state_file.exists()


def test_a_daemon_that_does_not_answer_is_not_waited_for_in_silence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person hears what is waited for, then what to do; -q says neither."""
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(session, "IMPATIENT_SECONDS", 0.05)
    desk.state_file.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        bind(listener, desk.state_file.with_name("daemon.sock"))
        listener.listen()
        answer = desk.syncd("pause")
        assert answer.code == 5
        first, *others = answer.err.splitlines()
        assert first == "syncd: waiting for the daemon to answer"
        assert f"restart the daemon: kill {os.getpid()}" in "\n".join(others)
        assert "waiting" not in desk.syncd("pause", "-q").err


def test_a_lock_without_a_daemon_is_exit_5(desk: Desk) -> None:
    """A run of `--once` holds it: as ever."""
    desk.outcome = LockedError("another syncd (process 7) is at work", "wait")
    assert desk.syncd("--once").code == 5


def test_a_daemon_that_does_not_answer_is_exit_5(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said with what to do; under -q it waits for a day, as any lock does."""

    def connect(_state_file: Path) -> None:
        raise LockedError("the daemon does not answer", "restart the daemon")

    from syncd.control import client

    monkeypatch.setattr(client, "connect", connect)
    answer = desk.syncd("--once")
    assert answer.code == 5
    assert "does not answer" in answer.err
    assert "restart the daemon" in answer.err
    assert desk.syncd("--once", "-q").err == ""
    lock = desk.state_file.with_name("state.sqlite.lock")
    lock.parent.mkdir(exist_ok=True)
    lock.touch()
    os.utime(lock, (time.time() - once.LONG_RUN - 60,) * 2)
    assert "does not answer" in desk.syncd("--once", "-q").err
    assert desk.asked == []


def test_the_bar_shows_what_the_daemon_does(desk: Desk, engine: FakeEngine) -> None:
    """On a terminal: phase, files and bytes, as of a run of one's own."""
    engine.phases = {Phase("Sending files", 40, 40_000_000): ((7, 1_000_000),)}
    engine.work = lambda: time.sleep(0.5)
    engine.outcome = Outcome(counts=Counts(uploaded=40))
    with running(engine, desk.state_file, config=desk.config):
        code, shown = on_terminal(desk.home, "raise AssertionError", "--once")
    assert code == 0
    assert "Sending files" in shown
    assert re.search(r"7/40 files", shown)
    assert "/40.0 MB" in shown
    assert "40 files sent" in shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_ends_the_looking_on(
    desk: Desk, engine: FakeEngine, number: signal.Signals, code: int
) -> None:
    """The command ends at once, and says that the daemon goes on, which it does."""
    begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert may_end.wait(20)

    engine.work = work
    program = "from syncd.cli.main import main\nmain()"
    with running(engine, desk.state_file, config=desk.config):
        process = subprocess.Popen(
            [sys.executable, "-c", program, "--once", "--json"],
            env=environment(desk.home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert begun.wait(20)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert process.returncode == code
        assert json.loads(out)["exit_code"] == code
        assert "the daemon goes on" in err
        assert "next run" not in err
        assert engine.calls == [("sync", False)]
        may_end.set()
        deadline = time.monotonic() + 20
        while "done" not in engine.calls:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_run_without_a_daemon_waits_for_no_socket(desk: Desk) -> None:
    """It imports nothing for it that takes long."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom syncd.control.client import connect\n"
        f"assert connect(Path({str(desk.state_file)!r})) is None\n"
        "slow = {'rich', 'boto3', 'httpx2', 'obstore', 'pydantic', 'structlog', 'asyncio'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(desk.home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


# --- pauses --------------------------------------------------------------------------------------------------------


def test_pause_and_resume(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """Each says how things are afterwards, to people and to scripts."""
    answer = desk.syncd("pause", "--for", "2h")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("The daemon is paused until 2026-09-21 ")
    assert "syncd resume" in desk.syncd("pause").out
    assert desk.syncd("resume").out.startswith("The daemon is in step since")
    assert engine.calls == [("pause", 7200.0), ("pause", None), "resume"]
    told = desk.syncd("pause", "--for", "1d", "--json").document["daemon"]
    assert (told["doing"], told["paused_until"]) == ("paused", "2026-09-22T14:13:20Z")
    assert desk.syncd("resume", "--json").document["daemon"]["doing"] == "idle"


@pytest.mark.parametrize("written", ["0", "0s", "soon", "-5m", "1000d", ""])
def test_a_pause_has_a_length(desk: Desk, daemon: ControlServer, engine: FakeEngine, written: str) -> None:
    """Anything else is refused in one line, and nothing happens."""
    answer = desk.syncd("pause", "--for", written)
    assert answer.code == 2
    assert "--for" in answer.err
    assert answer.err.count("\n") == 1
    assert engine.calls == []


# --- standing aside ------------------------------------------------------------------------------------------------


def hold(engine: FakeEngine) -> int:
    """Let a deletion wait in the state that the daemon holds; its number."""
    held = HeldSet(HoldKind.REFERENCED, "people refer to it", (HeldItem("delete", "oma.jpg", "h1", MD5),))
    engine.state.put_links([Link("h1", "oma.jpg", MediaPath.of("oma.jpg"), MD5)])
    (stored,) = engine.state.hold([held])
    return stored.id


def test_approve_while_a_daemon_runs(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """It stands aside for that moment, and carries it out by itself."""
    number = hold(engine)
    answer = desk.syncd("approve", str(number))
    assert (answer.code, answer.err) == (0, "")
    assert "The daemon now carries this out." in answer.out
    assert "--once" not in answer.out
    assert engine.calls[:1] == ["aside"]
    until_back(engine)
    assert [held.approved for held in engine.state.held()] == [True]


def until_back(engine: FakeEngine) -> None:
    """Wait until the daemon has its state again."""
    deadline = time.monotonic() + 20
    while engine.calls[-1] != "back":
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_looking_disturbs_no_daemon(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """Lists are read from a copy."""
    hold(engine)
    for command in (("approve",), ("restore",), ("conflicts",), ("trash",), ("status",)):
        assert desk.syncd(*command).code in (0, 3)
    assert engine.calls == []


def test_restore_while_a_daemon_runs(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """The same, with what it will do."""
    out = desk.syncd("restore", str(hold(engine))).out
    assert out == "The daemon now brings 1 file back into the media folder.\n"
    until_back(engine)
    assert [link.restore for link in engine.state.links()] == [True]


def test_a_paused_daemon_says_how_it_goes_on(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """It does not carry out now what it was told not to do now."""
    number = hold(engine)
    engine.pause(None)
    out = desk.syncd("approve", str(number)).out
    assert "The daemon is paused, and carries this out once it goes on: syncd resume" in out


def test_approve_now_hands_the_run_over(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """First the approval, then the run, both with the daemon."""
    number = hold(engine)
    engine.outcome = Outcome(counts=Counts(deleted=1))
    document = desk.syncd("approve", str(number), "--now", "--json").document
    assert document["counts"]["deleted"] == 1
    assert document["approved"] == [number]
    assert engine.calls.index("aside") < engine.calls.index(("sync", False))
    assert desk.asked == []


def test_trash_restore_while_a_daemon_runs(
    desk: Desk, daemon: ControlServer, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file comes back to the folder, an object to Gramps Web; the daemon does the rest."""
    folder = desk.media / ".syncd" / "trash"
    folder.mkdir(parents=True)
    (folder / "0").write_text("photo")
    engine.state.add_trash(TrashEntry(MediaPath.of("a.jpg"), ".syncd/trash/0", MD5, 5, 1.0, "deleted"))
    engine.state.bind(BINDING)
    engine.state.add_undo("h", "b.jpg", MD5, "[the answer]", 2.0)
    web = FakeWeb("tree1")
    monkeypatch.setattr(doorstep, "open_catalog", lambda _settings: web)
    assert "The daemon now brings it into Gramps Web." in desk.syncd("trash", "restore", "a.jpg").out
    until_back(engine)
    assert (desk.media / "a.jpg").read_text() == "photo"
    assert (
        "The daemon now fetches its file into the media folder." in desk.syncd("trash", "restore", "W1").out
    )
    until_back(engine)
    assert (engine.state.trash(), engine.state.undos()) == ([], [])


def test_adopt_while_a_daemon_runs(
    desk: Desk, daemon: ControlServer, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets go of the state and the folder, and compares everything afterwards."""
    monkeypatch.setattr(doorstep, "open_catalog", lambda _settings: FakeWeb())
    engine.state.bind(BINDING)
    MediaFolder(desk.media).write_marker(Marker("f" * 32, "elsewhere:/state.sqlite"))
    answer = desk.syncd("adopt", "--yes")
    assert answer.code == 0
    assert "Done. The daemon now compares everything from the beginning." in answer.out
    until_back(engine)
    assert engine.state.binding() is None


@pytest.mark.parametrize("dry_run", [True, False])
def test_migrate_prefix_while_a_daemon_runs(
    desk: Desk, daemon: ControlServer, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    """It stands aside, but not for a look."""
    seen = []

    def migrate(*_given: object) -> Migration:
        seen.append(engine.is_aside)
        return Migration(None, "Smith")

    monkeypatch.setattr("syncd.migration.migrate", migrate)
    assert desk.syncd("migrate-prefix", *["--dry-run"] * dry_run).code == 0
    assert seen == [not dry_run]


@pytest.mark.parametrize("arguments", [(), ("--collect", "--dry-run")])
def test_orphans_while_a_daemon_runs(
    desk: Desk, daemon: ControlServer, engine: FakeEngine, arguments: tuple[str, ...]
) -> None:
    """It stands aside for what is written down, and not for a dry run; why it stops is told as ever."""
    answer = desk.syncd("orphans", *arguments)
    assert answer.code == 3
    assert "was not synced to the end yet" in answer.err
    assert ("aside" in engine.calls) is not bool(arguments)


def test_a_daemon_that_will_not_stand_aside(desk: Desk, daemon: ControlServer, engine: FakeEngine) -> None:
    """Exit 5 with its reason; nothing is changed."""
    number = hold(engine)
    engine.aside_error = LockedError("the daemon did not come to an end in time", "try again")
    answer = desk.syncd("approve", str(number))
    assert answer.code == 5
    assert "in time" in answer.err
    assert [held.approved for held in engine.state.held()] == [False]


def test_check_says_that_a_daemon_runs(
    desk: Desk, daemon: ControlServer, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of its own; it is not disturbed. Without one there is no line."""

    def away(_settings: object) -> None:
        raise Unreachable("no answer", "check the network")

    monkeypatch.setattr(doorstep, "open_catalog", away)
    lines = desk.syncd("check").out.splitlines()
    told = [line for line in lines if line.startswith("ok       daemon: is in step since ")]
    assert [line.endswith(f"(process {os.getpid()})") for line in told] == [True]
    assert engine.calls == []
    daemon.stop()
    assert " daemon: " not in desk.syncd("check").out


def test_the_daemon_is_about_something_in_every_case(
    desk: Desk, daemon: ControlServer, engine: FakeEngine
) -> None:
    """There are words for all that it can be about."""
    for doing in Doing:
        engine.live_now = replace(engine.live_now, doing=doing)
        first = desk.syncd("status").out.splitlines()[0]
        assert first.startswith("The daemon ")
        assert "Doing" not in first
