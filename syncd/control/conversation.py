"""One connection of a running daemon: says who it is, reads what is wanted, asks the engine, answers.

All that is waited for is bounded, but for the work itself and for a command that the daemon stands aside for. What the engine does
runs in a thread of its own, so that the other end hears all the while that this one is alive. Whoever leaves in the middle is not
missed: the work goes on.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from syncd.control.codec import dump_error, dump_live, dump_outcome
from syncd.control.contract import Engine, Live
from syncd.control.relay import Relay
from syncd.control.wire import ANSWER_BYTES, PROTOCOL, Message, Wire, WireError, encode
from syncd.errors import LockedError, SyncdError
from syncd.logger import Logger
from syncd.model.plan import Notice, Outcome
from syncd.supervised import how_to_restart

log = Logger(__name__)

Result = TypeVar("Result")

REQUEST_BYTES = 1 << 16
"""Of the line that says what is wanted."""
FOLLOWING_BYTES = 1 << 24
"""Of a line that comes after work was done for it: the fingerprints of all that a person is told."""
REQUEST_SECONDS = 10.0
FOLLOWING_SECONDS = 120.0
SENDING_SECONDS = 10.0
ANSWERING_SECONDS = 60.0
PATIENCE_SECONDS = 10.0
"""How long a command waits until another one, for which the daemon stands aside already, has finished."""

LONGEST_PAUSE = 366 * 86_400
"""Seconds. A longer one is a mistake; `resume` ends one that has no end."""


class Errand(Generic[Result]):
    """What the engine is asked to do, in a thread of its own.

    Args:
        work: asks the engine.
        relay: finished when the work is over, if not before.
    """

    def __init__(self, work: Callable[[], Result], relay: Relay) -> None:
        self._work = work
        self._relay = relay
        self._results: list[Result] = []
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="control-errand", daemon=True)
        self._thread.start()

    def result(self) -> Result:
        """Wait for what comes of it.

        Raises:
            Exception: as the engine raised it.
        """
        self._thread.join()
        if self.failure is not None:
            raise self.failure
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except Exception as error:
            if not isinstance(error, SyncdError):
                log.exception("a defect ended what was asked for over the socket")
            self.failure = error
        except BaseException:  # the daemon's own way to break something off
            self.failure = LockedError("the daemon broke this off", "try again in a moment")
        finally:
            self._relay.finish()


class Conversation:
    """One connection, from its first line to its last.

    Args:
        wire: whose other end may be trusted with what the daemon does.
        engine: the daemon.
        hello: the daemon's first line.
        asides: held by the conversation for which the daemon stands aside.
    """

    def __init__(self, wire: Wire, engine: Engine, hello: Message, asides: threading.Lock) -> None:
        self._wire = wire
        self._engine = engine
        self._hello = hello
        self._asides = asides

    def hold(self) -> None:
        """Carry it through.

        Raises:
            WireError: the other end is broken, or left.
        """
        self._wire.send(self._hello, seconds=SENDING_SECONDS)
        request = self._wire.receive(limit=REQUEST_BYTES, seconds=REQUEST_SECONDS)
        if request is None:
            return
        try:
            self._answer(request)
        except WireError:
            raise
        except Exception as error:
            self._wire.send({"error": dump_error(error)}, seconds=SENDING_SECONDS)

    def _answer(self, request: Message) -> None:
        if request.get("protocol") != PROTOCOL:
            raise LockedError(
                "the running daemon is of another version than this syncd", how_to_restart(os.getpid())
            )
        log.debug("asked over the socket", what=str(request.get("do"))[:20])
        match request.get("do"):
            case "live":
                self._send_live(self._engine.live())
            case "sync":
                self._sync(full=request.get("full") is True)
            case "pause":
                seconds = _seconds(request.get("seconds"))
                self._send_live(self._accompanied(lambda: self._engine.pause(seconds)))
            case "resume":
                self._send_live(self._accompanied(self._engine.resume))
            case "aside":
                self._stand_aside()
            case _:
                raise LockedError(
                    "the running daemon does not know what is asked of it", how_to_restart(os.getpid())
                )

    def _send_live(self, live: Live) -> None:
        self._wire.send({"live": dump_live(live)}, seconds=SENDING_SECONDS)

    def _sync(self, *, full: bool) -> None:
        relay = Relay()
        try:
            outcome = self._accompanied(lambda: self._engine.sync(full=full, progress=relay), relay)
        except SyncdError as error:  # which the person was told before, perhaps
            self._wire.send({"error": dump_error(error)}, seconds=SENDING_SECONDS)
        else:
            self._wire.send_line(_outcome_line(outcome), seconds=ANSWERING_SECONDS)
        while (request := self._wire.receive(limit=FOLLOWING_BYTES, seconds=FOLLOWING_SECONDS)) is not None:
            self._follow(request)

    def _follow(self, request: Message) -> None:
        """After a run: what of it is new to the person who is told now."""
        match request:
            case {"do": "news", "fingerprints": list(fingerprints), "held": list(held)}:
                given = {one for one in fingerprints if isinstance(one, str)}
                numbers = {one for one in held if isinstance(one, int)}
                news, untold = self._engine.news(given, numbers)
                answer: Message = {"news": sorted(news), "untold": sorted(untold)}
            case {"do": "failure", "fingerprint": str(fingerprint)}:
                answer = {"new": self._engine.news_failure(fingerprint)}
            case _:
                raise WireError("the other end wants what nobody knows")
        self._wire.send(answer, seconds=ANSWERING_SECONDS)

    def _stand_aside(self) -> None:
        """Let the other end have state and folder until it ends the connection, however that comes about."""
        if not self._asides.acquire(timeout=PATIENCE_SECONDS):
            raise LockedError(
                "the daemon stands aside for another command that is at work on the state file",
                "wait until that has finished",
            )
        entered, left, live = Relay(), threading.Event(), self._engine.live()

        def lend() -> None:
            with self._engine.aside():
                entered.finish()
                left.wait()

        try:
            errand = Errand(lend, entered)
            try:
                self._accompany(entered)
                if errand.failure is None:
                    self._wire.send({"yours": True, "live": dump_live(live)}, seconds=SENDING_SECONDS)
                    self._wire.wait_for_end()
            finally:
                left.set()
            errand.result()
        finally:
            self._asides.release()

    def _accompanied(self, work: Callable[[], Result], relay: Relay | None = None) -> Result:
        """Have the engine do something, and tell the other end how it goes."""
        relay = Relay() if relay is None else relay
        errand = Errand(work, relay)
        self._accompany(relay)
        return errand.result()

    def _accompany(self, relay: Relay) -> None:
        """Send what a relay has, until its end.

        Raises:
            WireError: the other end left. What was begun goes on, so this is raised when that has come to its end.
        """
        try:
            while not relay.is_over:
                self._wire.send(relay.line(), seconds=SENDING_SECONDS)
                relay.wait()
        finally:
            relay.wait_for_end()


def _outcome_line(outcome: Outcome) -> bytes:
    """The line that tells an outcome; of one beyond all measure, the numbers without the list of what was done."""
    line = encode({"outcome": dump_outcome(outcome)})
    if len(line) <= ANSWER_BYTES:
        return line
    notice = Notice(
        "what was done is too long a list to be handed over here; the numbers count all of it", ""
    )
    return encode({"outcome": dump_outcome(replace(outcome, actions=(), notices=(notice, *outcome.notices)))})


def _seconds(raw: object) -> float | None:
    """For how long a pause is asked for; None: until `resume`."""
    if raw is None:
        return None
    if (
        isinstance(raw, bool)
        or not isinstance(raw, int | float)
        or not (math.isfinite(raw) and 0 < raw <= LONGEST_PAUSE)
    ):
        raise WireError("the other end wants a pause of no length")
    return float(raw)
