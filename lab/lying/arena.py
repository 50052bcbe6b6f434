"""A lying network before real servers, and the families that go through it."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.gramps_web import GrampsWeb
from lab.impatience import impatient
from lab.lying.calls import S3, WEB
from lab.lying.cases import Case
from lab.lying.families import KINDS, Family
from lab.lying.proxy import Heard, Lie, LyingNetwork
from lab.lying.verdict import Seen, come_to_rest, faults_of
from lab.world import Run
from lab.zygote import Zygote

CHAIN = 8
"""How many runs that did nothing may follow each other before a family comes to rest."""

ROUNDS_IN_VAIN = 3
"""After so many rounds in which none of the calls came that are to be lied about, they never come."""


def network_before(folder: Path, web: GrampsWeb, disk: GrampsWeb) -> LyingNetwork:
    """A network before a Gramps Web over an S3 server, that server, and a Gramps Web with a disk of its own."""
    assert web.s3 is not None
    return LyingNetwork(folder, {"web": (WEB, web.url), "disk": (WEB, disk.url), "s3": (S3, web.s3.url)})


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended: what was wrong, in words, the run through the lie, and the seconds of everything."""

    case: Case
    wrong: Sequence[str]
    run: Run
    seconds: float


@dataclass
class Arena:
    """One network, and for each kind a family that waits for the next lie; used in a `with` block.

    A run that did nothing at all leaves the changes for the next lie, up to `CHAIN` times; what a family's coming to rest
    shows is then told of the last case, and may be due to one before.

    Args:
        servers: Gramps Web by whether it keeps files on its own disk.
        network: before them.
        folder: for the families.
    """

    servers: Mapping[bool, GrampsWeb]
    network: LyingNetwork
    folder: Path
    heard: set[tuple[str, str]] = field(default_factory=set)
    """Every call that ever came."""
    _families: dict[str, Family] = field(default_factory=dict)
    _chains: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self._zygote = Zygote(self.folder / "zygote", impatient(self.folder / "impatience"))

    def __enter__(self) -> Self:
        self._zygote.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zygote.__exit__(kind, error, trace)
        for lasting in list(self._families):
            self.drop(lasting)

    _adding = threading.Lock()  # trees are added to a server one at a time

    def family(self, kind: str) -> Family:
        """A family of that kind, with changes to carry over; one that lasts is kept."""
        made = self._families.get(kind)
        if made is None:
            made = self._families[kind] = self._new(kind)
        if not self._chains[kind]:
            made.change()
        return made

    def _new(self, kind: str) -> Family:
        with self._adding:
            folder = self.folder / f"family-{next(self._numbers)}"
            made = KINDS[kind].of(self.servers[KINDS[kind].on_disk], self.network, self._zygote, folder)
        for _ in range(KINDS[kind].rounds):
            made.change()
            wrong = list(come_to_rest(made, Seen.now(made)))
            assert not wrong, wrong
            self._listen()
        return made

    def drop(self, kind: str) -> None:
        """The next case has a new family."""
        self._chains.pop(kind, None)
        if kind in self._families:
            self._families.pop(kind).world.close()

    def record(self, kind: str) -> set[tuple[str, str]]:
        """The calls of a run of such a family that nobody lies to."""
        family = self.family(kind)
        self.network.tell()
        run = family.run()
        assert run.code == 0, run
        return {(call.side, call.call) for call in self._listen()}

    def _listen(self) -> list[Heard]:
        heard = self.network.heard()
        self.heard |= {(call.side, call.call) for call in heard}
        return heard

    def go_through(self, case: Case) -> Result:
        """Run through a lie with changes on both sides, and, when it let anything through, to rest without it."""
        begin = time.monotonic()
        family = self.family(case.kind)
        before = Seen.now(family)
        self.network.tell(*case.lies)
        run = family.run()
        heard, after = self._listen(), Seen.now(family)
        wrong = list(faults_of(family, before, after, run))
        if (case.lie.call, case.lie.fault) not in {(call.call, call.fault) for call in heard}:
            wrong.append(f"the call was not made: {sorted({call.call for call in heard})}")
        self._chains[case.kind] += 1
        if wrong or before != after or run.code == 0 or self._chains[case.kind] >= CHAIN:
            wrong += come_to_rest(family, after)
            self._chains.pop(case.kind)
            if wrong or not KINDS[case.kind].lasts:
                self.drop(case.kind)
        return Result(case, wrong, run, time.monotonic() - begin)

    def gauntlet(self, kind: str, lies: Sequence[Lie]) -> Iterator[str]:
        """Run through all these lies, as many at a time as come up, until each has been told; what is wrong, in words."""
        waiting, in_vain = list(lies), 0
        while waiting:
            family = self.family(kind)
            before = Seen.now(family)
            self.network.tell(*waiting)
            run = family.run()
            heard, after = self._listen(), Seen.now(family)
            told = [lie for lie in waiting if Heard(lie.side, lie.call, lie.fault) in heard]
            wrong = [f"after {_in_words(told)}: {fault}" for fault in faults_of(family, before, after, run)]
            waiting = [lie for lie in waiting if lie not in told]
            self._chains[kind] += 1
            if wrong or not told or run.code == 0 or not waiting:
                wrong += come_to_rest(family, after)
                self._chains.pop(kind)
                in_vain = 0 if told else in_vain + 1
                if in_vain > ROUNDS_IN_VAIN:
                    wrong.append(f"never told: {_in_words(waiting)}")
            if wrong:
                yield from wrong
                return


def _in_words(lies: Sequence[Lie]) -> str:
    return ", ".join(f"{lie.fault!r} about {lie.call}" for lie in lies) or "no lie"
