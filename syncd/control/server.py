"""The daemon's end of the socket: listens, lets in who may be let in, and stops within a second.

The daemon runs it like this, once it holds the state's lock:

    server = ControlServer(engine, settings.state_file, os.environ, config=settings.source)
    server.start()
    …
    server.ensure()   # now and then: somebody may have emptied the runtime folder
    …
    server.stop()

Invariants:
- Only root and the user whose daemon it is are let in, by what the kernel says of the other end.
- While nobody talks to it, nothing wakes up.
- No other end, whatever it does or omits, keeps the daemon from its work or from ending.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncd import __version__
from syncd.control import places
from syncd.control.codec import dump_error
from syncd.control.contract import Engine
from syncd.control.conversation import Conversation
from syncd.control.wire import PROTOCOL, Message, Wire, WireError
from syncd.errors import LockedError
from syncd.logger import Logger

log = Logger(__name__)

MOST = 16
"""Conversations at a time."""

STOP_SECONDS = 1.0

_BACKLOG = 16
_BREATH_SECONDS = 1.0


@dataclass(slots=True)
class _Bound:
    """The socket that is listened on, and where it is."""

    listener: socket.socket
    path: Path
    identity: tuple[int, int]
    wake_reader: int
    wake_writer: int
    thread: threading.Thread | None = None

    def is_there(self) -> bool:
        """Whether the path still leads to it."""
        return _identity(self.path) == self.identity


@dataclass(slots=True)
class _Talks:
    """The conversations that are under way."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    open: dict[threading.Thread, Wire] = field(default_factory=dict)


class ControlServer:
    """Where other processes reach a daemon.

    Args:
        engine: the daemon.
        state_file: whose daemon it is; its folder exists, and its lock is held.
        environ: `RUNTIME_DIRECTORY`, `XDG_RUNTIME_DIR`.
        config: the configuration file that the daemon works with; None: there is none.
    """

    def __init__(
        self, engine: Engine, state_file: Path, environ: Mapping[str, str], *, config: Path | None = None
    ) -> None:
        self._engine = engine
        self._state_file = state_file
        self._link = places.link_beside(state_file)
        self._environ = environ
        self._hello: Message = {
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
            "config": None if config is None else str(config),
        }
        self._bound: _Bound | None = None
        self._talks = _Talks()
        self._asides = threading.Lock()
        self._stopping = False

    @property
    def path(self) -> Path | None:
        """Where the socket is; None while there is none."""
        return None if self._bound is None else self._bound.path

    def start(self) -> bool:
        """Listen. A socket that is there already is a killed daemon's, since this one holds the lock.

        Returns:
            Whether it can be talked to. Where it cannot, the log says why, and the daemon works all the same.
        """
        folder = places.find_folder(self._state_file, self._environ)
        if folder is None:
            log.warning("there is no folder for the daemon's socket: it can only be reached by signals")
            return False
        bound: _Bound | None = None
        try:
            bound = _listen(folder / places.socket_name(self._state_file))
            _lead(self._link, bound.path)
        except OSError as error:
            log.warning(
                "the daemon's socket cannot be made: it can only be reached by signals", error=str(error)
            )
            if bound is not None:
                self._unbind(bound)
            return False
        bound.thread = threading.Thread(target=self._accept, args=(bound,), name="control", daemon=True)
        bound.thread.start()
        self._bound = bound
        return True

    def ensure(self) -> bool:
        """See that the socket is still where it was made, and make it anew where it is not; whether it is there."""
        bound = self._bound
        if bound is not None and bound.is_there() and _leads_to(self._link, bound.path):
            return True
        if bound is not None:
            self._bound = None
            self._unbind(bound)
        return self.start()

    def stop(self) -> None:
        """Take the socket away and end all conversations, within a second or so."""
        self._stopping = True
        bound, self._bound = self._bound, None
        if bound is not None:
            with contextlib.suppress(OSError):
                if bound.is_there():  # and not, meanwhile, another daemon's
                    if _leads_to(self._link, bound.path):
                        self._link.unlink()
                    bound.path.unlink()
            self._unbind(bound)
        deadline = time.monotonic() + STOP_SECONDS
        for wire in self._wires():
            wire.stop_listening()
        for thread in self._threads():
            thread.join(max(0.0, deadline - time.monotonic()))
        for wire in self._wires():
            wire.cut()

    def _wires(self) -> list[Wire]:
        with self._talks.lock:
            return list(self._talks.open.values())

    def _threads(self) -> list[threading.Thread]:
        with self._talks.lock:
            return list(self._talks.open)

    def _unbind(self, bound: _Bound) -> None:
        """Stop listening; the conversations go on."""
        os.write(bound.wake_writer, b"x")
        if bound.thread is not None:
            bound.thread.join(STOP_SECONDS)
        bound.listener.close()
        os.close(bound.wake_writer)
        os.close(bound.wake_reader)

    def _accept(self, bound: _Bound) -> None:
        """Let others in, until woken up."""
        poll = select.poll()
        poll.register(bound.listener, select.POLLIN)
        poll.register(bound.wake_reader, select.POLLIN)
        while True:
            if any(number == bound.wake_reader for number, _event in poll.poll()):
                return
            try:
                connection, _address = bound.listener.accept()
            except BlockingIOError:  # who knocked has left
                continue
            except OSError as error:  # too many open files: it may get better
                log.warning("nobody can be let in at the daemon's socket", error=str(error))
                if select.select([bound.wake_reader], [], [], _BREATH_SECONDS)[0]:
                    return
                continue
            self._begin(Wire(connection))

    def _begin(self, wire: Wire) -> None:
        """Talk in a thread of its own, unless too many do."""
        with self._talks.lock:
            if not self._stopping and len(self._talks.open) < MOST:
                thread = threading.Thread(target=self._talk, args=(wire,), name="control-talk", daemon=True)
                self._talks.open[thread] = wire
                thread.start()
                return
        # Short enough for the kernel's buffer: this waits for nobody.
        busy = LockedError("too many others talk to the daemon just now", "try again in a moment")
        with contextlib.suppress(WireError):
            wire.send({**self._hello, "error": dump_error(busy)}, seconds=_BREATH_SECONDS)
        wire.close()

    def _talk(self, wire: Wire) -> None:
        try:
            uid = wire.peer_uid()
            if uid not in (0, os.geteuid()):
                log.warning("another user was turned away at the daemon's socket", uid=uid)
                return
            Conversation(wire, self._engine, self._hello, self._asides).hold()
        except WireError as error:
            log.debug("a conversation over the socket broke off", why=str(error))
        except Exception:
            log.exception("a defect ended a conversation over the socket")
        finally:
            with self._talks.lock:
                del self._talks.open[threading.current_thread()]
            wire.close()


def _listen(path: Path) -> _Bound:
    """Make a socket that only this user can open, in place of whatever has the name."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), 0o600)  # on Linux the file is made with this mode
        with places.address(path) as address:
            listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        identity = _identity(path)
        assert identity is not None
        reader, writer = os.pipe2(os.O_CLOEXEC)
    except BaseException:
        listener.close()
        raise
    return _Bound(listener, path, identity, reader, writer)


def _lead(link: Path, target: Path) -> None:
    """Let the link lead to the target, in place of where it led before."""
    new = link.with_name(f".{link.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    new.symlink_to(target)
    new.replace(link)


def _leads_to(link: Path, target: Path) -> bool:
    try:
        return link.readlink() == target
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.lstat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
