"""What the daemon says in its log: each cycle that did something in a line, and what needs somebody once, not every time."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, fields

from syncd.errors import StopError, SyncdError
from syncd.logger import Logger
from syncd.model.numbers import NumberKind
from syncd.model.plan import Outcome
from syncd.watcher import Health

log = Logger(__name__)

_MOST_LINES = 20
"""Deeds, problems … that are told one by one; of more, the number."""

_QUIET_COUNTS = ("unchanged", "waiting")


@dataclass
class Teller:
    """Tells outcomes and failures; what was told stays told until it is over."""

    _failure: Hashable = None
    _problems: frozenset[tuple[str | None, str | None, str]] = frozenset()
    _notices: frozenset[Hashable] = frozenset()
    _is_at_rest: bool = False
    """Whether it was told that there is nothing left to do."""
    _is_unwatched: bool = False
    _held: dict[int, int] = field(default_factory=dict)
    """How many items each set had when it was told."""

    def tell(self, outcome: Outcome, *, everything: bool) -> None:
        """Tell how a cycle ended.

        Args:
            outcome: how.
            everything: it looked at everything, so that what it does not name is over.
        """
        if outcome.stop is not None:
            self.tell_part(outcome)
            self.fail(StopError(outcome.stop.reason, outcome.stop.remedy))
            return
        self.recovered()
        self._tell_deeds(outcome)
        self._tell_problems(outcome, everything=everything)
        for notice in outcome.notices:
            if (notice.path, notice.text) not in self._notices:
                log.warning(notice.text, path=notice.path or None)
        lasting = {(notice.path, notice.text) for notice in outcome.notices if notice.lasts}
        self._notices = frozenset(lasting if everything else self._notices | lasting)
        self._tell_held(outcome)

    def tell_part(self, outcome: Outcome) -> None:
        """Tell what a cycle did that did not come to its end."""
        if outcome.actions:
            self._tell_deeds(outcome, "so far, before it was broken off")

    def watched(self, health: Health) -> None:
        """Tell once when folders cannot be watched, and when they can be again."""
        if bool(health.unwatched) == self._is_unwatched:
            return
        self._is_unwatched = bool(health.unwatched)
        if health.unwatched:
            log.warning("changes are noticed late", reason=health.words, remedy=health.remedy or None)
        else:
            log.info("changes are noticed at once", reason=health.words)

    def recovered(self) -> None:
        """Tell that a failure is over, if there was one."""
        if self._failure is not None:
            self._failure = None
            log.info("it goes on")

    def fail(self, error: SyncdError) -> None:
        """Tell why a cycle came to no end, once in a row."""
        what = (type(error).__name__, error.reason if isinstance(error, StopError) else None)
        if what == self._failure:
            log.debug("still so", reason=error.reason)
            return
        self._failure, self._is_at_rest = what, False
        say = log.error if isinstance(error, StopError) else log.warning
        begin = "stopped: nothing is done" if isinstance(error, StopError) else "tries again by itself"
        say(begin, reason=error.reason, remedy=error.remedy or None)

    def _tell_deeds(self, outcome: Outcome, end: str = "in step") -> None:
        counts = {
            one.name: number
            for one in fields(outcome.counts)
            if one.name not in _QUIET_COUNTS and (number := getattr(outcome.counts, one.name))
        }
        if not counts:
            # Once somebody knows that all is well, it goes without saying; what is not well is said in other lines.
            is_news = not (self._is_at_rest or outcome.problems or outcome.held)
            say = log.info if is_news else log.debug
            say("in step", unchanged=outcome.counts.unchanged, seconds=round(outcome.seconds, 3))
            self._is_at_rest |= is_news
            return
        self._is_at_rest = True
        for done in outcome.actions[:_MOST_LINES]:
            log.info(
                done.kind, path=done.path, handle=done.handle, checksum=done.checksum, why=done.why or None
            )
        if len(outcome.actions) > _MOST_LINES:
            log.info("and others", number=len(outcome.actions) - _MOST_LINES)
        log.info(
            end,
            **counts,
            bytes_up=outcome.bytes_up or None,
            bytes_down=outcome.bytes_down or None,
            seconds=round(outcome.seconds, 3),
        )
        for conflict in outcome.conflicts:
            log.warning(
                "changed on both sides: both are kept", path=str(conflict.path), kept_as=str(conflict.kept_as)
            )

    def _tell_problems(self, outcome: Outcome, *, everything: bool) -> None:
        now = {(one.path, one.handle, one.reason): one for one in outcome.problems}
        new = [one for key, one in now.items() if key not in self._problems]
        for problem in new[:_MOST_LINES]:
            log.warning(problem.reason, path=problem.path, handle=problem.handle, remedy=problem.remedy)
        if len(new) > _MOST_LINES:
            log.warning("and other problems", number=len(new) - _MOST_LINES, remedy="see: syncd status")
        if everything:
            self._problems = frozenset(now)
        else:
            # Of what it did, the problems are over; of all that it did not look at, they are not.
            done = {(one.path, one.handle) for one in outcome.actions}
            left = {key for key in self._problems if key[:2] not in done}
            self._problems = frozenset(left | now.keys())

    def _tell_held(self, outcome: Outcome) -> None:
        waiting = {held.id: held for held in outcome.held if not held.approved}
        for number, held in waiting.items():
            if len(held.items) > self._held.get(number, 0):
                written = NumberKind.WAITING.written(number)
                log.warning(
                    "waits for you",
                    items=len(held.items),
                    reason=held.reason,
                    remedy=f"look at it with: syncd approve; then: syncd approve {written}, or: syncd restore {written}",
                )
        self._held = {number: len(held.items) for number, held in waiting.items()}
