"""What goes wrong: each fault begins, lasts a while, and is put right."""

from __future__ import annotations

import random
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lab.line import Line, Weather
from lab.process import LabError
from lab.soak.computers import Computer
from lab.soak.ledger import Ledger
from lab.soak.making import draw
from lab.world import World

End = Callable[[], object]
_BAD = [weather for weather in Weather if weather is not Weather.FAIR]
_DAY = 86_400

COMMAND_CODES = {0, 1, 3, 4, 5, 130, 143}
"""How a command may end while things go wrong: never with a defect, nor as if the configuration were wrong."""


@dataclass(frozen=True, slots=True)
class _Lasting:
    """A fault that lasts: what it is about, until when (monotonic seconds), and what puts it right."""

    about: str
    until: float
    end: End


@dataclass
class Faults:
    """Begins faults and puts them right.

    Args:
        world: the servers.
        computers: the computers; the last of several keeps its daemon, so that its memory can be watched.
        ledger: where faults are noted.
        own_servers: whether the servers are ours alone.
    """

    world: World
    computers: Sequence[Computer]
    ledger: Ledger
    own_servers: bool = True
    odd_ends: list[str] = field(default_factory=list)
    """Commands that ended as they must not."""
    _lasting: list[_Lasting] = field(default_factory=list)
    _commands: list[tuple[str, subprocess.Popen[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kinds: Sequence[tuple[int, Callable[[random.Random, float], None]]] = (
            (5, self.kill_daemon),
            (3, self.end_daemon),
            (3, self.freeze_daemon),
            (5, self.bad_line_to_web),
            (5, self.bad_line_to_bucket),
            (2, self.restart_web),
            (2, self.restart_bucket),
            (3, self.set_clock),
            (3, self.fill_disk),
            (4, self.ignore_drafts),
            (5, self.command),
            (1, self.read_settings_again),
        )

    def begin(self, rng: random.Random) -> None:
        """One more fault, for 2 to 15 seconds."""
        draw(rng, self.kinds)(rng, rng.uniform(2, 15))

    def tick(self) -> None:
        """Put right what has lasted long enough, and see how commands ended."""
        now = time.monotonic()
        for one in [one for one in self._lasting if one.until <= now]:
            self._lasting.remove(one)
            one.end()
        self._reap(seconds=0)

    def end_all(self) -> None:
        """Put everything right."""
        while self._lasting:
            self._lasting.pop().end()
        for computer in self.computers:
            if computer.daemon is None:
                computer.start()
        self._reap(seconds=180)

    def _last(self, about: str, kind: str, what: str, seconds: float, begin: Callable[[], End]) -> None:
        """Begin a fault, unless this has one already."""
        if any(one.about == about for one in self._lasting):
            return
        self.ledger.say("fault", kind, f"{what} for {seconds:.0f} s")
        self._lasting.append(_Lasting(about, time.monotonic() + seconds, begin()))

    # --- the daemon --------------------------------------------------------------------------------------

    def kill_daemon(self, rng: random.Random, seconds: float) -> None:
        """A power cut."""
        self._away(rng, seconds, politely=False)

    def end_daemon(self, rng: random.Random, seconds: float) -> None:
        """SIGTERM, as at the end of the day."""
        self._away(rng, seconds, politely=True)

    def _away(self, rng: random.Random, seconds: float, *, politely: bool) -> None:
        """The first computer has no daemon for a while; perhaps somebody runs `--once` instead."""
        computer, runs = self.computers[0], rng.random() < 0.4

        def begin() -> End:
            computer.end(politely=politely)
            if runs:
                self._run(computer, "--once", "--json")
            return again

        def again() -> None:
            self._reap(seconds=180)
            computer.start()

        kind = "daemon SIGTERM" if politely else "daemon SIGKILL"
        self._last(f"daemon of {computer.who}", kind, computer.who, seconds, begin)

    def freeze_daemon(self, rng: random.Random, seconds: float) -> None:
        """SIGSTOP, as when a laptop sleeps."""
        computer = rng.choice(self.computers)

        def begin() -> End:
            computer.send(signal.SIGSTOP)
            return lambda: computer.send(signal.SIGCONT)

        self._last(f"daemon of {computer.who}", "daemon SIGSTOP", computer.who, seconds, begin)

    def read_settings_again(self, rng: random.Random, _seconds: float) -> None:
        """SIGHUP."""
        computer = rng.choice(self.computers)
        if not any(one.about == f"daemon of {computer.who}" for one in self._lasting):
            self.ledger.say("fault", "SIGHUP", computer.who)
            computer.send(signal.SIGHUP)

    # --- servers and lines -------------------------------------------------------------------------------

    def bad_line_to_web(self, rng: random.Random, seconds: float) -> None:
        """The line to Gramps Web is bad."""
        computer = rng.choice(self.computers)
        self._bad_line(computer.web, f"Gramps Web line of {computer.who}", rng.choice(_BAD), seconds)

    def bad_line_to_bucket(self, rng: random.Random, seconds: float) -> None:
        """The line to the bucket is bad."""
        computer = rng.choice(self.computers)
        if computer.s3 is not None:
            self._bad_line(computer.s3, f"bucket line of {computer.who}", rng.choice(_BAD), seconds)

    def _bad_line(self, line: Line, about: str, weather: Weather, seconds: float) -> None:
        def begin() -> End:
            line.turn(weather)
            return lambda: line.turn(Weather.FAIR)

        self._last(about, f"line {weather}", about, seconds, begin)

    def restart_web(self, rng: random.Random, seconds: float) -> None:
        """Gramps Web is gone for a while; at times it comes back with another key, and no token is good any more."""
        server, new_key = self.world.server, rng.random() < 0.4

        def begin() -> End:
            server.stop()
            if new_key and self.own_servers:
                server.secret_key = secrets.token_hex(32)
            return server.start

        self._last("Gramps Web", "Gramps Web restarted", "", seconds / 2, begin)

    def restart_bucket(self, _rng: random.Random, seconds: float) -> None:
        """The S3 server is gone for a while."""
        if self.world.bucket is None:
            return
        server = self.world.bucket.server

        def begin() -> End:
            server.stop()
            return server.start

        self._last("the bucket", "bucket restarted", "", seconds, begin)

    # --- the computer ------------------------------------------------------------------------------------

    def set_clock(self, rng: random.Random, seconds: float) -> None:
        """The clock is wrong for a while, by seconds or by days."""
        computer, ahead = self.computers[0], rng.choice([-_DAY, -3600, -90, 90, 3600, _DAY])
        if (clock := computer.clock) is None:
            return

        def begin() -> End:
            computer.people.go_on_writing(to_the_end=True)
            computer.people.clock_is_wrong = True
            clock.set(ahead)
            return end

        def end() -> None:
            clock.set(0)
            computer.people.clock_is_wrong = False

        self._last("clock", "clock set", f"{ahead:+} s", seconds, begin)

    def fill_disk(self, _rng: random.Random, seconds: float) -> None:
        """The disk of the media folder is full for a while."""
        computer = self.computers[0]
        if (disk := computer.disk) is None:
            return

        def begin() -> End:
            disk.fill()
            computer.people.disk_is_full = True
            return end

        def end() -> None:
            disk.empty()
            computer.people.disk_is_full = False

        self._last("disk", "disk full", computer.who, seconds, begin)

    def ignore_drafts(self, rng: random.Random, seconds: float) -> None:
        """A folder is left out for a while."""
        computer = rng.choice(self.computers)
        rules = computer.desktop.folder / ".syncdignore"

        def begin() -> End:
            rules.write_text("/drafts/\n")
            return lambda: rules.unlink(missing_ok=True)

        if computer.people.disk_is_full:
            return
        self._last(f"rules of {computer.who}", "drafts ignored", computer.who, seconds * 2, begin)

    # --- commands ----------------------------------------------------------------------------------------

    def command(self, rng: random.Random, _seconds: float) -> None:
        """Somebody types a command, whatever the daemon is at."""
        computer = rng.choice(self.computers)
        arguments = rng.choice(
            [("--once", "--json"), ("--once", "--full", "--json"), ("status", "--json"), ("sync", "--json")]
        )
        self._run(computer, *arguments)

    def _run(self, computer: Computer, *arguments: str) -> None:
        if len(self._commands) < 2:
            self.ledger.say("fault", f"syncd {' '.join(arguments[:-1])}", computer.who)
            told = f"{computer.who}: syncd {' '.join(arguments)}"
            self._commands.append((told, computer.desktop.start(*arguments, env=computer.environment)))

    def _reap(self, *, seconds: float) -> None:
        """See how commands ended; wait so long for those that have not."""
        for told, process in list(self._commands):
            if not seconds and process.poll() is None:
                continue
            self._commands.remove((told, process))
            try:
                out, err = process.communicate(timeout=seconds or 10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise LabError(f"{told} does not end") from None
            if process.returncode not in COMMAND_CODES:
                self.odd_ends.append(f"{told} → {process.returncode}\n{out[-2000:]}\n{err[-4000:]}")
