"""The other end of the daemon's socket: how a command of the same user, or root's, talks to a running daemon.

Whatever the daemon is (hung, of another version, ending), a command says so in plain words and comes to its end.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from syncd import __version__
from syncd.control import places
from syncd.control.codec import load_error, load_live, load_outcome
from syncd.control.relay import BEAT_SECONDS
from syncd.control.wire import ANSWER_BYTES, PROTOCOL, Message, SilentError, Wire, WireError
from syncd.errors import LockedError, SyncdError
from syncd.model.plan import Outcome
from syncd.ports import Phase, Progress
from syncd.supervised import how_to_restart

if TYPE_CHECKING:
    from syncd.control.contract import Live

CONNECT_SECONDS = 10
SILENCE_SECONDS = 6 * BEAT_SECONDS
"""Without a line, a daemon that should send one is hung."""


class Daemon:
    """A connection to a running daemon: for one question, and what follows from it.

    Args:
        wire: connected; closed by `close`.
        hello: the daemon's first line.
    """

    def __init__(self, wire: Wire, hello: Message) -> None:
        self._wire = wire
        self.answers = True
        """False once it did not, or not so that it could be understood."""
        self.pid = _whole(hello.get("pid"))
        self.version = str(hello.get("version", "unknown"))
        config = hello.get("config")
        self.config = Path(config) if isinstance(config, str) else None

    def live(self) -> Live:
        """How things are.

        Raises:
            LockedError: it does not answer, or is of another version.
        """
        self._ask({"do": "live"})
        return self._live(self._answer())

    def pause(self, seconds: float | None) -> Live:
        """Have it do nothing by itself, for so long or until `resume`.

        Raises:
            LockedError: it does not answer, or is of another version.
        """
        self._ask({"do": "pause", "seconds": seconds})
        return self._live(self._answer())

    def resume(self) -> Live:
        """Have it go on.

        Raises:
            LockedError: it does not answer, or is of another version.
        """
        self._ask({"do": "resume"})
        return self._live(self._answer())

    def aside(self) -> Live:
        """Have it let go of state and folder until this connection is closed; how things were before.

        Raises:
            LockedError: it does not, or does not answer, or is of another version.
        """
        self._ask({"do": "aside"})
        answer = self._answer()
        if answer.get("yours") is not True:
            raise self._misunderstood()
        return self._live(answer)

    def sync(self, *, full: bool, progress: Progress) -> Outcome:
        """Hand over the job of `syncd --once`, look on, and return what came of it.

        Raises:
            LockedError: it does not answer, is of another version, or ended before it was done.
            SyncdError: as a run of one's own does.
        """
        self._ask({"do": "sync", "full": full})
        shown = _Shown(progress)
        while "outcome" not in (answer := self._answer()):
            shown.take(answer.get("progress"))
        try:
            return load_outcome(answer["outcome"])
        except WireError as error:
            raise self._misunderstood() from error

    def remember_told(
        self, fingerprints: AbstractSet[str], held: AbstractSet[int]
    ) -> tuple[AbstractSet[str], AbstractSet[int]]:
        """After `sync`: note what of it a person is being told, and return what is new; all, when it does not answer."""
        with suppress(SyncdError):
            self._ask({"do": "news", "fingerprints": sorted(fingerprints), "held": sorted(held)})
            match self._answer():
                case {"news": list(news), "untold": list(untold)}:
                    return fingerprints & {str(one) for one in news}, held & {_whole(one) for one in untold}
        return fingerprints, held

    def remember_failure(self, fingerprint: str) -> bool:
        """After `sync`: note the failure that a person is being told, and return whether it is new."""
        with suppress(SyncdError):
            self._ask({"do": "failure", "fingerprint": fingerprint})
            return self._answer().get("new") is not False
        return True

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Message) -> None:
        with suppress(WireError):  # it may have said why before it hung up
            self._wire.send({"protocol": PROTOCOL, **request}, seconds=SILENCE_SECONDS)

    def _answer(self) -> Message:
        """The next line that says more than that the daemon is alive.

        Raises:
            SyncdError: what the daemon says is an error.
            LockedError: it does not answer.
        """
        while True:
            try:
                answer = self._wire.receive(limit=ANSWER_BYTES, seconds=SILENCE_SECONDS)
            except SilentError as error:
                self._give_up()
                raise hung(self.pid) from error
            except WireError as error:
                raise self._misunderstood() from error
            if answer is None:
                self._give_up()
                raise LockedError(
                    "the daemon ended before it was done with this",
                    "what it did is recorded; try again when it is back, or without it: syncd --once",
                )
            if "error" in answer:
                raise self._error(answer["error"])
            if "beat" not in answer:
                return answer

    def _live(self, answer: Message) -> Live:
        try:
            return load_live(answer.get("live"))
        except WireError as error:
            raise self._misunderstood() from error

    def _error(self, raw: Any) -> SyncdError:
        try:
            return load_error(raw)
        except WireError:
            return self._misunderstood()

    def _give_up(self) -> None:
        self.answers = False
        self.close()

    def _misunderstood(self) -> LockedError:
        self._give_up()
        return _of_another_version(self.version, self.pid)


def connect(state_file: Path) -> Daemon | None:
    """Reach the daemon that works with a state file; None when there is none that may be trusted.

    Raises:
        LockedError: there is one, but it does not answer or is of another version.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    wire = Wire(connection)
    try:
        _reach(connection, places.link_beside(state_file))
        return Daemon(wire, _greeted(wire, _trusted(state_file)))
    except BlockingIOError as error:
        wire.close()
        raise hung(0) from error
    except OSError:
        wire.close()
        return None
    except BaseException:
        wire.close()
        raise


def _reach(connection: socket.socket, link: Path) -> None:
    # A hung daemon's queue may be full.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", CONNECT_SECONDS, 0))
    with places.address(link) as address:
        connection.connect(address)


def _greeted(wire: Wire, trusted: AbstractSet[int]) -> Message:
    """The daemon's first line. Nothing is said before it came: a link may lead anywhere."""
    if wire.peer_uid() not in trusted:
        raise ConnectionRefusedError
    try:
        hello = wire.receive(limit=ANSWER_BYTES, seconds=CONNECT_SECONDS)
    except SilentError as error:
        raise hung(wire.peer_pid()) from error
    except WireError as error:
        raise _of_another_version("unknown", wire.peer_pid()) from error
    if hello is None:
        raise ConnectionRefusedError  # it is ending
    if hello.get("protocol") != PROTOCOL:
        raise _of_another_version(str(hello.get("version", "unknown")), wire.peer_pid())
    if "error" in hello:
        try:
            raise load_error(hello["error"])
        except WireError as error:
            raise _of_another_version(str(hello.get("version", "unknown")), wire.peer_pid()) from error
    return hello


def _trusted(state_file: Path) -> AbstractSet[int]:
    """Whose daemon is believed: one's own, root's, and, so that root can ask, that of the state file's owner."""
    trusted = {0, os.geteuid()}
    with suppress(OSError):
        trusted.add(state_file.stat().st_uid)
    return trusted


class _Shown:
    """Lines about progress, told to a display as a run of one's own tells them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._number: int | None = None
        self._files = 0
        self._size = 0

    def take(self, raw: Any) -> None:
        """One line; what makes no sense is passed over."""
        match raw:
            case {"number": int(number), "name": str(name), "files": int(files), "size": int(size)}:
                if number != self._number:
                    self._number, self._files, self._size = number, 0, 0
                    all_files, all_size = raw.get("all_files"), raw.get("all_size")
                    self._progress.phase(Phase(name, _known(all_files), _known(all_size)))
                self._progress.advance(files=files - self._files, size=size - self._size)
                self._files, self._size = files, size


def hung(pid: int) -> LockedError:
    """There is a daemon, but it does not answer; its process is 0 where that is not known."""
    return LockedError("the daemon that is at work on this state file does not answer", how_to_restart(pid))


def _of_another_version(version: str, pid: int) -> LockedError:
    return LockedError(
        f"the running daemon is of another version ({version}) than this syncd ({__version__}), and the two do not "
        "understand each other",
        how_to_restart(pid),
    )


def _known(raw: Any) -> int | None:
    return raw if isinstance(raw, int) else None


def _whole(raw: Any) -> int:
    return raw if isinstance(raw, int) else 0
