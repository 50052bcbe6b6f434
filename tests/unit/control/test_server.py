"""Both ends of the socket: what is asked for is done, and nobody at the other end can disturb the daemon."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncd.control import client, conversation, places, relay, server, wire
from syncd.control.client import Daemon, connect
from syncd.control.contract import Doing
from syncd.control.server import ControlServer
from syncd.control.wire import PROTOCOL
from syncd.errors import LockedError, StopError, SyncdError, Unreachable
from syncd.model.plan import Counts, Done, Outcome
from syncd.ports import Phase, SilentProgress
from syncd.state import hold_lock
from tests.unit.control.fake import FakeEngine, bind, running

ROOT = Path(__file__).parents[3]


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """A state file's place."""
    return tmp_path / "state" / "state.sqlite"


@pytest.fixture
def engine(state_file: Path) -> FakeEngine:
    """A daemon's engine that holds that state."""
    return FakeEngine(state_file)


@pytest.fixture
def daemon(engine: FakeEngine, state_file: Path, tmp_path: Path) -> Iterator[ControlServer]:
    """The daemon at work."""
    with running(engine, state_file, config=tmp_path / "syncd.toml") as found:
        yield found


def reached(state_file: Path) -> Daemon:
    """A connection to the daemon that is there."""
    found = connect(state_file)
    assert found is not None
    return found


def until(condition: Callable[[], object]) -> None:
    """Wait for something that comes soon."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def raw(control: ControlServer) -> socket.socket:
    """A bare connection to the socket."""
    assert control.path is not None
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    with places.address(control.path) as given:
        connection.connect(given)
    return connection


def _heard(connection: socket.socket) -> bytes:
    """What comes next; nothing once the other end hung up, also where it did not read all that it was told."""
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def lines(connection: socket.socket) -> list[Any]:
    """All that the daemon says until it hangs up."""
    said = b""
    while piece := _heard(connection):
        said += piece
    return [json.loads(line) for line in said.splitlines()]


def control_threads() -> list[threading.Thread]:
    """Those of the socket."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("control")]


# --- what is asked for ---------------------------------------------------------------------------------------------


def test_it_says_who_it_is(daemon: ControlServer, state_file: Path, tmp_path: Path) -> None:
    """Its process, its version, the configuration that it works with."""
    with reached(state_file) as found:
        assert (found.pid, found.config) == (os.getpid(), tmp_path / "syncd.toml")
        assert found.live().doing is Doing.IDLE


def test_it_pauses_and_goes_on(daemon: ControlServer, engine: FakeEngine, state_file: Path) -> None:
    """For a while, until further notice, and no more; each answer says how things are then."""
    with reached(state_file) as found:
        assert found.pause(7200).paused_until == engine.live_now.since + 7200
    with reached(state_file) as found:
        assert found.pause(None).paused_until is None
    with reached(state_file) as found:
        assert found.resume().doing is Doing.IDLE
    assert engine.calls == [("pause", 7200.0), ("pause", None), "resume"]


def test_a_run_is_handed_over(daemon: ControlServer, engine: FakeEngine, state_file: Path) -> None:
    """Its outcome comes back as it is, and what it told of itself on the way: of the last phase all."""
    engine.outcome = Outcome(actions=(Done("moved", "a\udcff.jpg"),), counts=Counts(moved=1))
    last = Phase("Sending files", 3, 300)
    engine.phases = {Phase("Looking"): ((5, 0),), last: ((1, 100), (1, 0), (1, 200))}
    progress = Telling()
    shown = threading.Event()

    def work() -> None:  # goes on until the end of the last phase has been shown
        assert shown.wait(20)

    engine.work = work
    progress.when = (lambda: progress.done == (3, 300), shown)
    with reached(state_file) as found:
        assert found.sync(full=True, progress=progress) == engine.outcome
    assert engine.calls == [("sync", True), "done"]
    assert progress.phases[-1] == last


@dataclass
class Telling:
    """A display that knows what it shows, and says when it shows what is waited for."""

    phases: list[Phase]
    done: tuple[int, int] = (0, 0)
    when: tuple[Callable[[], bool], threading.Event] | None = None

    def __init__(self) -> None:
        self.phases = []

    def phase(self, phase: Phase) -> None:
        """A new part."""
        self.phases.append(phase)
        self.done = (0, 0)

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """On it goes."""
        self.done = (self.done[0] + files, self.done[1] + size)
        if self.when is not None and self.when[0]():
            self.when[1].set()


def test_progress_is_told_seldom(
    daemon: ControlServer, engine: FakeEngine, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand steps are not ten thousand lines."""
    engine.phases = {Phase("Sending", 10_000): ((1, 1),) * 10_000}
    connection = raw(daemon)
    connection.sendall(b'{"protocol": 1, "do": "sync"}\n')
    connection.shutdown(socket.SHUT_WR)
    said = lines(connection)
    assert "outcome" in said[-1]
    assert len(said) < 100


@pytest.mark.parametrize("error", [StopError("why", "what", begun=True), Unreachable("why", "what")])
def test_a_run_that_fails_fails_here_too(
    daemon: ControlServer, engine: FakeEngine, state_file: Path, error: SyncdError
) -> None:
    """With the same error; whether it is news is asked on the same connection."""
    engine.outcome = error
    with reached(state_file) as found:
        with pytest.raises(type(error)) as raised:
            found.sync(full=False, progress=SilentProgress())
        assert (raised.value.reason, raised.value.remedy) == ("why", "what")
        assert found.answers
        assert found.remember_failure("failure") is True
        assert found.remember_failure("failure") is False


def test_what_is_new_is_asked_on_the_same_connection(
    daemon: ControlServer, engine: FakeEngine, state_file: Path
) -> None:
    """The state, which the daemon holds, remembers what was told."""
    for expected in ({"a", "b"}, set()):
        with reached(state_file) as found:
            found.sync(full=False, progress=SilentProgress())
            assert found.remember_told({"a", "b"}, {7})[0] == expected


def test_a_defect_of_the_daemon_is_an_error_here(
    daemon: ControlServer, engine: FakeEngine, state_file: Path
) -> None:
    """It names the kind and the log; the daemon goes on."""
    engine.outcome = RuntimeError("boom")
    with reached(state_file) as found, pytest.raises(SyncdError, match="RuntimeError"):
        found.sync(full=False, progress=SilentProgress())
    with reached(state_file) as found:
        assert found.live() == engine.live_now


def test_it_stands_aside(daemon: ControlServer, engine: FakeEngine, state_file: Path) -> None:
    """Until the connection ends the state is free for whom it was lent to; then the daemon has it again."""
    lock = state_file.with_name("state.sqlite.lock")
    with pytest.raises(LockedError):
        hold_lock(lock, "it")
    with reached(state_file) as found:
        assert found.aside() == engine.live_now
        hold_lock(lock, "it").release()
        assert engine.is_aside
    until(lambda: engine.calls == ["aside", "back"])
    with pytest.raises(LockedError):
        hold_lock(lock, "it")


def test_it_stands_aside_for_one_after_the_other(
    daemon: ControlServer, engine: FakeEngine, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second waits for the first, but not for ever."""
    monkeypatch.setattr(conversation, "PATIENCE_SECONDS", 0.1)
    with reached(state_file) as first, reached(state_file) as second:
        first.aside()
        with pytest.raises(LockedError, match="another command"):
            second.aside()
    monkeypatch.setattr(conversation, "PATIENCE_SECONDS", 20)
    with reached(state_file) as first, reached(state_file) as second:
        first.aside()
        threading.Timer(0.1, first.close).start()
        second.aside()
        assert engine.is_aside


def test_a_daemon_that_cannot_stand_aside_says_so(
    daemon: ControlServer, engine: FakeEngine, state_file: Path
) -> None:
    """The error comes over; nothing is lent."""
    engine.aside_error = LockedError("it did not come to an end in time", "try again")
    with reached(state_file) as found, pytest.raises(LockedError, match="in time"):
        found.aside()
    engine.aside_error = None
    with reached(state_file) as found:
        found.aside()


def test_a_killed_command_gives_the_state_back(
    daemon: ControlServer, engine: FakeEngine, state_file: Path
) -> None:
    """Whatever way its process ends."""
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom syncd.control.client import connect\n"
        "daemon = connect(Path(sys.argv[1]))\ndaemon.aside()\nprint('mine', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(state_file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    assert engine.is_aside
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    until(lambda: engine.calls == ["aside", "back"])


# --- who may, and how it is found ----------------------------------------------------------------------------------


def test_only_its_user_can_open_it(daemon: ControlServer, state_file: Path) -> None:
    """The folder and the socket have no rights for anybody else; the link leads there."""
    assert daemon.path is not None
    assert stat.S_IMODE(daemon.path.lstat().st_mode) == 0o600
    assert stat.S_ISSOCK(daemon.path.lstat().st_mode)
    assert stat.S_IMODE(daemon.path.parent.lstat().st_mode) == 0o700
    assert state_file.with_name("daemon.sock").readlink() == daemon.path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_another_user_is_turned_away(engine: FakeEngine, state_file: Path) -> None:
    """Though the rights would let them in: not a word is said."""
    program = (
        "import os, socket, sys\nos.setgid(65534)\nos.setuid(65534)\n"
        "connection = socket.socket(socket.AF_UNIX)\nconnection.connect(sys.argv[1])\n"
        "print(connection.recv(100))"
    )
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        running(engine, state_file, {"RUNTIME_DIRECTORY": folder}) as control,
    ):
        assert control.path == Path(folder) / places.socket_name(state_file)
        for path in (control.path, control.path.parent):
            path.chmod(0o777)
        command = [sys.executable, "-c", program, str(control.path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "b''\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_another_user_s_socket_is_no_daemon(
    tmp_path: Path, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who listens there must be this user, root or the owner of the state file; nothing is said to anybody else."""
    state_file.parent.mkdir()
    state_file.touch()
    with socket.socket(socket.AF_UNIX) as listener:
        bind(listener, state_file.with_name("daemon.sock"))
        listener.listen()
        monkeypatch.setattr(wire.Wire, "peer_uid", lambda _wire: 12345)
        assert connect(state_file) is None
        peer, _ = listener.accept()
        assert peer.recv(100) == b""
        os.chown(state_file, 12345, 12345)

        def hang_up() -> None:
            listener.accept()[0].close()

        threading.Thread(target=hang_up).start()
        assert connect(state_file) is None  # believed, but it hung up


@pytest.mark.parametrize("what", ["nothing", "file", "dangling", "circle", "stale"])
def test_where_nobody_listens_there_is_no_daemon(state_file: Path, what: str) -> None:
    """A killed daemon's socket, or anything else of the name, is no error."""
    state_file.parent.mkdir()
    link = state_file.with_name("daemon.sock")
    if what == "file":
        link.touch()
    elif what == "dangling":
        link.symlink_to("/nonexistent/sock")
    elif what == "circle":
        link.symlink_to(link)
    elif what == "stale":
        with socket.socket(socket.AF_UNIX) as killed:
            bind(killed, link)
    assert connect(state_file) is None


def test_without_a_state_folder_there_is_no_daemon(tmp_path: Path) -> None:
    """A first run."""
    assert connect(tmp_path / "none" / "state.sqlite") is None


def test_a_killed_daemon_s_socket_is_replaced(engine: FakeEngine, state_file: Path) -> None:
    """Socket and link of a daemon that could not tidy up are no obstacle to the next."""
    run = state_file.parent / "run"
    run.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as killed:
        bind(killed, run / places.socket_name(state_file))
    state_file.with_name("daemon.sock").symlink_to("/nonexistent/sock")
    with running(engine, state_file):
        reached(state_file).close()


def test_a_stopped_daemon_leaves_nothing(engine: FakeEngine, state_file: Path) -> None:
    """No socket, no link, no thread."""
    with running(engine, state_file) as control:
        reached(state_file).close()
        path = control.path
    assert path is not None
    assert not os.path.lexists(path)
    assert not os.path.lexists(state_file.with_name("daemon.sock"))
    until(lambda: not control_threads())
    control.stop()  # once more is harmless


def test_it_leaves_another_s_socket_alone(engine: FakeEngine, state_file: Path) -> None:
    """A daemon that took over meanwhile keeps its own."""
    with running(engine, state_file) as first:
        engine.let_go()
        with running(FakeEngine(state_file), state_file):
            first.stop()
            reached(state_file).close()


@pytest.mark.parametrize("lost", ["socket", "link", "folder"])
def test_a_lost_socket_is_made_anew(
    daemon: ControlServer, state_file: Path, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A logout or another unit's end empties the runtime folder; conversations go on meanwhile."""
    assert daemon.path is not None
    before = reached(state_file)
    assert daemon.ensure()
    if lost != "link":
        daemon.path.unlink()
        assert connect(state_file) is None
        if lost == "folder":
            daemon.path.parent.rmdir()
    else:
        state_file.with_name("daemon.sock").unlink()
        assert connect(state_file) is None
    assert daemon.ensure()
    reached(state_file).close()
    assert before.live().doing is Doing.IDLE
    before.close()


def test_without_any_place_the_daemon_works_all_the_same(
    engine: FakeEngine, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only cannot be talked to."""
    earlier = set(control_threads())  # of a daemon before, whose other end was cut off: they are still ending
    state_file.parent.mkdir()
    monkeypatch.setattr(places, "find_folder", lambda *_given: None)
    control = ControlServer(engine, state_file, {})
    assert control.start() is False
    assert control.ensure() is False
    control.stop()
    monkeypatch.undo()
    (state_file.with_name("daemon.sock")).mkdir()  # nothing can take its place
    assert control.start() is False
    assert control.path is None
    control.stop()
    assert earlier.issuperset(control_threads())


# --- other ends that misbehave -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\n",
        b"{}\n",
        b"null\n",
        b'{"protocol": 1}\n',
        b'{"protocol": 1, "do": "explode"}\n',
        b'{"protocol": 1, "do": ["sync"]}\n',
        b'{"protocol": 1, "do": {}}\n',
        b'{"protocol": 1, "do": "pause", "seconds": -1}\n',
        b'{"protocol": 1, "do": "pause", "seconds": "x"}\n',
        b'{"protocol": 1, "do": "pause", "seconds": true}\n',
        b'{"protocol": 1, "do": "pause", "seconds": NaN}\n',
        b'{"protocol": 1, "do": "pause", "seconds": 1e300}\n',
        b'{"protocol": 1, "do": "news", "fingerprints": [], "held": []}\n',
        b'{"protocol": 1, "do": "sync"}\n{"do": "news", "fingerprints": 7, "held": null}\n',
        b'{"protocol": 1, "do": "sync"}\n{"do": "nothing"}\n',
        b'{"protocol": 1, "do": "sync"}\n' + b"x" * 100 + b"\n",
        b" " * (conversation.REQUEST_BYTES + 2),
        b"\x00\xff" * 1000 + b"\n",
    ],
)
def test_nonsense_harms_nobody(
    daemon: ControlServer, engine: FakeEngine, state_file: Path, said: bytes
) -> None:
    """The daemon hangs up, perhaps with an error, and listens to the next."""
    connection = raw(daemon)
    connection.sendall(said)
    connection.shutdown(socket.SHUT_WR)
    assert "protocol" in lines(connection)[0]
    connection.close()
    assert not any(isinstance(call, tuple) and call[0] == "pause" for call in engine.calls)
    with reached(state_file) as found:
        assert found.live() == engine.live_now


def test_odd_entries_of_news_are_passed_over(daemon: ControlServer, engine: FakeEngine) -> None:
    """Only texts are fingerprints, only numbers are numbers."""
    connection = raw(daemon)
    connection.sendall(
        b'{"protocol": 1, "do": "sync"}\n{"do": "news", "fingerprints": ["a", 1, null, []], "held": ["x", 1.5, 3]}\n'
    )
    connection.shutdown(socket.SHUT_WR)
    assert lines(connection)[-1] == {"news": ["a"], "untold": []}


def test_a_silent_end_is_hung_up_on(daemon: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who never says what they want is not waited for."""
    monkeypatch.setattr(conversation, "REQUEST_SECONDS", 0.1)
    assert len(lines(raw(daemon))) == 1


def test_an_end_that_asks_nothing_more_is_hung_up_on(
    daemon: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a run, too."""
    monkeypatch.setattr(conversation, "FOLLOWING_SECONDS", 0.1)
    connection = raw(daemon)
    connection.sendall(b'{"protocol": 1, "do": "sync"}\n')
    assert "outcome" in lines(connection)[-1]


def test_too_many_are_told_so(
    daemon: ControlServer, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than may be is told to come back; when one has left there is room again."""
    monkeypatch.setattr(server, "MOST", 2)
    others = [raw(daemon), raw(daemon)]
    for other in others:
        assert other.recv(10)
    with pytest.raises(LockedError, match="too many"):
        connect(state_file)
    others[0].close()
    until(lambda: len(daemon._talks.open) < 2)
    reached(state_file).close()
    others[1].close()


def test_who_leaves_in_the_middle_is_not_missed(
    daemon: ControlServer, engine: FakeEngine, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on to its end, whether anybody looks on or not."""
    monkeypatch.setattr(relay, "BEAT_SECONDS", 0.01)
    begun, gone = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert gone.wait(20)
        time.sleep(0.3)  # several beats, which nobody hears

    engine.work = work
    connection = raw(daemon)
    connection.sendall(b'{"protocol": 1, "do": "sync"}\n')
    assert begun.wait(20)
    connection.close()
    gone.set()
    until(lambda: engine.calls == [("sync", False), "done"])
    reached(state_file).close()


def test_who_reads_nothing_does_not_hold_up_a_run(
    daemon: ControlServer, engine: FakeEngine, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run does not wait for whoever looks on, and the answer is given up in time."""
    monkeypatch.setattr(conversation, "ANSWERING_SECONDS", 0.2)
    engine.outcome = Outcome(actions=(Done("moved", "x" * 1000),) * 2000)
    connection = raw(daemon)
    connection.sendall(b'{"protocol": 1, "do": "sync"}\n')
    until(lambda: engine.calls == [("sync", False), "done"])
    until(lambda: not daemon._talks.open)
    connection.close()


@pytest.mark.parametrize(
    "said", [b"", b'{"protocol": 1, "do": "sync"}\n', b'{"protocol": 1, "do": "aside"}\n']
)
def test_it_stops_within_a_second(engine: FakeEngine, state_file: Path, said: bytes) -> None:
    """Whoever is connected and hangs, and even while a run will not end."""
    never = threading.Event()
    engine.work = never.wait
    with running(engine, state_file) as control:
        connection = raw(control)
        connection.sendall(said)
        assert connection.recv(1, socket.MSG_PEEK)  # it was let in, and greeted
        until(lambda: not said or engine.calls)
        begun = time.monotonic()
        control.stop()
        assert time.monotonic() - begun < 2
        assert len(lines(connection)) >= 1
        never.set()
        until(lambda: not control_threads())
    assert engine.is_aside is False


def test_a_run_that_ends_with_the_daemon_is_answered(engine: FakeEngine, state_file: Path) -> None:
    """What it comes to within that second reaches whoever looks on."""
    stopping = threading.Event()
    engine.work = lambda: stopping.wait(20)
    engine.outcome = LockedError("the daemon is ending", "try again")
    with running(engine, state_file) as control, reached(state_file) as found:

        def end() -> None:
            until(lambda: engine.calls)
            control.stop()

        ending = threading.Thread(target=end)
        ending.start()
        threading.Timer(0.2, stopping.set).start()
        with pytest.raises(LockedError, match="ending"):
            found.sync(full=False, progress=SilentProgress())
        ending.join()


# --- daemons that misbehave ----------------------------------------------------------------------------------------


@pytest.fixture
def impostor(state_file: Path) -> Iterator[Callable[[bytes], None]]:
    """Lets something else answer in the daemon's place: whoever connects is told this, and kept."""
    state_file.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        bind(listener, state_file.with_name("daemon.sock"))
        listener.listen()
        kept: list[socket.socket] = []

        def answer(said: bytes) -> None:
            def serve() -> None:
                connection, _address = listener.accept()
                kept.append(connection)
                connection.sendall(said)
                if not said.endswith(b"\n"):
                    connection.shutdown(socket.SHUT_WR)

            threading.Thread(target=serve).start()

        yield answer
        for connection in kept:
            connection.close()


HELLO = b'{"protocol": 1, "version": "0.0.1", "pid": 7, "config": null}\n'


def test_a_hung_daemon_is_named(
    impostor: Callable[[bytes], None], state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says nothing at all, or nothing more: a plain message, and how to restart it."""
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(client, "SILENCE_SECONDS", 0.1)
    impostor(b"{")
    assert connect(state_file) is None  # it hung up in the middle of a word
    impostor(HELLO)
    with reached(state_file) as found:
        with pytest.raises(LockedError, match="does not answer") as raised:
            found.sync(full=False, progress=SilentProgress())
        assert raised.value.remedy == "restart the daemon: kill 7, and start it again"
        assert not found.answers
        begun = time.monotonic()
        assert found.remember_failure("x") is True
        assert found.remember_told({"a"}, {1}) == ({"a"}, {1})
        assert time.monotonic() - begun < 5


def test_a_stopped_process_is_a_hung_daemon(state_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernel still lets others in, until the queue is full: both are told in time."""
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1)
    state_file.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        bind(listener, state_file.with_name("daemon.sock"))
        listener.listen(0)  # room for one
        with pytest.raises(LockedError, match="does not answer"):
            connect(state_file)
        with pytest.raises(LockedError, match="does not answer"):
            connect(state_file)


@pytest.mark.parametrize(
    "said",
    [
        b'{"protocol": 2, "version": "9.0"}\n',
        b'{"version": "9.0"}\n',
        b"SSH-2.0-OpenSSH\n",
        b"[]\n",
    ],
)
def test_another_version_is_named(impostor: Callable[[bytes], None], state_file: Path, said: bytes) -> None:
    """Nothing is asked of it; the message says to restart the daemon."""
    impostor(said)
    with pytest.raises(LockedError, match="another version") as raised:
        connect(state_file)
    assert "restart" in raised.value.remedy


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\n",
        b'{"outcome": {"stop": 7}}\n',
        b'{"outcome": null}\n',
        b'{"error": 7}\n',
        b'{"progress": {"number": "x"}}\n{"progress": 7}\n{"error": null}\n',
    ],
)
def test_an_answer_that_makes_no_sense_is_named(
    impostor: Callable[[bytes], None], state_file: Path, said: bytes
) -> None:
    """As another version; no traceback."""
    impostor(HELLO + said)
    with reached(state_file) as found, pytest.raises(LockedError, match="another version"):
        found.sync(full=False, progress=SilentProgress())


def test_an_unknown_state_of_things_is_named(impostor: Callable[[bytes], None], state_file: Path) -> None:
    """A newer daemon may be about something that this version has no word for."""
    impostor(HELLO + b'{"live": {"doing": "dreaming", "since": 1, "pid": 1, "version": "9", "started": 1}}\n')
    with reached(state_file) as found, pytest.raises(LockedError, match="another version"):
        found.live()


def test_a_daemon_that_ends_in_the_middle_is_named(
    impostor: Callable[[bytes], None], state_file: Path
) -> None:
    """What it did is recorded, and what to do is said."""
    impostor(HELLO + b'{"beat": true}\n{"half')
    with reached(state_file) as found, pytest.raises(LockedError, match="ended before") as raised:
        found.sync(full=False, progress=SilentProgress())
    assert "syncd --once" in raised.value.remedy


def test_a_client_of_another_version_is_told(daemon: ControlServer) -> None:
    """The daemon's own words for it, in a form that any version can read."""
    connection = raw(daemon)
    connection.sendall(json.dumps({"protocol": PROTOCOL + 1, "do": "sync"}).encode() + b"\n")
    error = lines(connection)[-1]["error"]
    assert (error["class"], error["exit_code"]) == ("LockedError", 5)


def test_a_list_beyond_all_measure_is_left_out(
    daemon: ControlServer, engine: FakeEngine, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers arrive, and a notice says what does not."""
    monkeypatch.setattr(conversation, "ANSWER_BYTES", 10_000)
    engine.outcome = Outcome(actions=(Done("moved", "x" * 1000),) * 20, counts=Counts(moved=20))
    with reached(state_file) as found:
        outcome = found.sync(full=False, progress=SilentProgress())
    assert outcome.counts.moved == 20
    assert outcome.actions == ()
    assert "too long a list" in outcome.notices[0].text


def test_nothing_wakes_up_while_nobody_talks(daemon: ControlServer, state_file: Path) -> None:
    """The one thread that listens waits without a time."""
    reached(state_file).close()
    until(lambda: len(control_threads()) == 1)
    (thread,) = control_threads()
    status = Path(f"/proc/self/task/{thread.native_id}/status")

    def wakes() -> int:
        text = status.read_text()
        return sum(int(line.split()[1]) for line in text.splitlines() if "ctxt_switches" in line)

    def rests() -> bool:
        before = wakes()
        time.sleep(0.3)
        return wakes() == before

    until(rests)  # once it has gone to rest, it stays there
    assert rests()
