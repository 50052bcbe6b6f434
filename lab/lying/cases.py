"""Which lies befall which calls in which family: the whole matrix, and a seeded path through a part of it."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.lying.calls import S3, WEB
from lab.lying.faults import FAULTS, PASSING, befalling
from lab.lying.proxy import Lie

CALLS: Mapping[str, Sequence[tuple[str, str]]] = {
    "near": (
        (WEB, "GET metadata/"),
        (WEB, "POST token/"),
        (WEB, "POST token/refresh/"),
        (WEB, "GET transactions/history/?before"),
        (WEB, "GET transactions/history/?after_id"),
        (WEB, "GET transactions/history/{}"),
        (WEB, "GET media/{}"),
        (WEB, "GET media/{}/file"),
        (WEB, "POST objects/"),
        (WEB, "POST transactions/"),
        (WEB, "POST transactions/?undo"),
        (WEB, "DELETE media/{}"),
        (S3, "PUT key"),
        (S3, "GET key"),
        (S3, "HEAD key"),
    ),
    "full": (
        (WEB, "GET media/"),
        (WEB, "GET transactions/history/"),
        (WEB, "GET media/{}"),
        (S3, "LIST"),
        (S3, "GET upload"),  # old uploads in parts are called off once a day
    ),
    "first": (
        (WEB, "POST media/"),
        (WEB, "PUT media/{}"),
        (WEB, "GET media/{}/file"),
        (WEB, "GET media/"),
        (WEB, "POST objects/"),
        (S3, "LIST"),
    ),
    "large": (
        (S3, "POST upload"),
        (S3, "PUT part"),
        (S3, "POST parts"),
    ),
    "token": (
        (WEB, "POST token/sync/"),
        (WEB, "GET users/-/"),
    ),
    "disk": (
        (WEB, "GET media/{}/file"),
        (WEB, "HEAD media/{}/file"),
        (WEB, "PUT media/{}/file"),
        (WEB, "POST objects/"),
        (WEB, "POST transactions/"),
        (WEB, "POST transactions/?undo"),
        (WEB, "DELETE media/{}"),
    ),
    "disk full": ((WEB, "GET media/"),),
    "disk first": (
        (WEB, "POST media/"),
        (WEB, "PUT media/{}"),
    ),
}
"""By kind of family, the calls that are lied about there. A call is lied about where it has most to decide."""

COVERED = frozenset(call for calls in CALLS.values() for call in calls)

SPOKEN = {("first", "GET media/{}/file", "status 404 in its words")}
"""What a Gramps Web with a disk of its own says, word for word: nobody can tell that it is a lie."""

EXPIRED = Lie(WEB, "GET transactions/history/?before", "status 401", 1)
"""What brings a run to renew its login: its token is refused once."""
AFTER_EXPIRY = frozenset({"POST token/refresh/"})
"""The calls that a run makes only then."""


@dataclass(frozen=True, slots=True)
class Case:
    """One lie about one call in one kind of family: once, or for the whole run."""

    kind: str
    lie: Lie

    def __str__(self) -> str:
        often = "always" if self.lie.times is None else "once"
        return f"{self.kind}, {self.lie.side} {self.lie.call}, {self.lie.fault}, {often}"

    @property
    def lies(self) -> Sequence[Lie]:
        """The lie, and what it takes for its call to be made."""
        return [self.lie] if self.lie.call not in AFTER_EXPIRY else [EXPIRED, self.lie]


def matrix(only: Collection[str] = ()) -> Iterator[Case]:
    """Every case, or those whose name has all the words of `only`; words after a `^` begin it."""
    for kind, calls in CALLS.items():
        for side, call in calls:
            for fault in befalling(side, call):
                if (kind, call, fault) in SPOKEN:
                    continue
                for times in (None, 1) if fault in PASSING else (None,):
                    case = Case(kind, Lie(side, call, fault, times))
                    if all(words in f"^{case}" for words in only):
                        yield case


def uncovered(calls: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these calls, each with its side, that no case lies about."""
    return set(calls) - COVERED


def gauntlet(seed: int) -> list[Lie]:
    """Every lie once, each about a call of a family that lists everything, drawn by the seed."""
    draw = random.Random(seed)
    calls = [call for call in (*CALLS["near"], *CALLS["full"]) if call[1] not in AFTER_EXPIRY]
    found = []
    for fault, applies in FAULTS.items():
        side, name = draw.choice([call for call in calls if applies(*call)])
        found.append(Lie(side, name, fault, 1))
    draw.shuffle(found)
    return found
