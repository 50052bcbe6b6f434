"""Creating objects, many in a transaction, under handles of our choosing.

The server takes a batch whole or not at all and does not say which object it minds: what exists already is found by
asking, the rest is halved until the culprit stands alone. Sending the same handles again is always safe. It minds a
Gramps ID that another object has, too: the new object goes without, and the server gives it a free one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from syncd.errors import LostAnswer, Refused
from syncd.gramps import forms, reading
from syncd.gramps.api import Api
from syncd.gramps.feed import ADD, FeedReader
from syncd.model import MediaObject, Problem
from syncd.ports import AlreadyThere, CreateAnswer, Cursor, Made, NewObject, Rejected

FIRST_BATCH = 100
MAX_BATCH = 400
BATCH_SECONDS = 12.0
"""How long a batch should take: far below the 60 s after which proxies give up."""

MAX_LOSSES = 3
"""How often a batch whose answer is lost is sent again."""


@dataclass(slots=True)
class Pace:
    """How many objects to send at once, learnt from how long the server takes."""

    size: int = FIRST_BATCH
    most: int = MAX_BATCH

    def took(self, seconds: float, number: int) -> None:
        """Learn from a batch that was answered.

        A slow answer alone makes no batch small: what a server does once for each transaction would only be done
        more often.
        """
        fitting = int(BATCH_SECONDS * number / max(seconds, 0.001))
        self.size = max(min(self.size, FIRST_BATCH), min(self.most, 2 * self.size, fitting))

    def lost(self, number: int) -> None:
        """Learn from a batch whose answer did not come: a proxy gave up, say."""
        self.size = max(5, number // 2)


class Creator:
    """Creates media objects and tags."""

    def __init__(self, api: Api, feed: FeedReader, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api = api
        self._feed = feed
        self._sleep = sleep
        self._pace = Pace()

    def create(self, objects: Sequence[NewObject]) -> list[CreateAnswer]:
        """Create objects; answers in their order.

        Raises:
            ServerError: the server fails as a whole. What was made by then is found as `AlreadyThere` next time.
        """
        before = self._feed.newest()
        answers: list[CreateAnswer] = []
        while len(answers) < len(objects):
            batch = objects[len(answers) : len(answers) + self._pace.size]
            answers += self._send(batch, before, losses=0)
        return answers

    def _send(self, batch: Sequence[NewObject], before: Cursor | None, losses: int) -> list[CreateAnswer]:
        if not batch:
            return []
        payload = [forms.new_form(new) for new in batch]
        start = time.monotonic()
        try:
            answer = self._api.call("POST", "objects/", payload=payload, expect=(200, 201))
        except Refused as refusal:
            return self._find_culprit(batch, before, losses, refusal)
        except LostAnswer:
            self._pace.lost(len(batch))
            if losses == MAX_LOSSES:
                raise
            self._sleep(pause_after(losses))
            return self._look_what_became(batch, before, losses + 1)
        self._pace.took(time.monotonic() - start, len(batch))
        made = {
            change["handle"]: forms.media_object(change["new"])
            for change in forms.written(answer.json())
            if change["type"] == "add" and change["_class"] == "Media"
        }
        return [Made(made.get(new.handle) or _as_asked(new)) for new in batch]

    def _find_culprit(
        self, batch: Sequence[NewObject], before: Cursor | None, losses: int, refusal: Refused
    ) -> list[CreateAnswer]:
        """Nothing of a refused batch was made: find out why, and send the others."""
        there = self._existing(batch, losses)
        if there:
            rest = [new for new in batch if new.handle not in there]
            return _merged(batch, there, self._send(rest, before, losses))
        taken = self._taken_ids(batch)
        if taken:
            freed = [_without_id(new) if new.handle in taken else new for new in batch]
            answers = self._send(freed, before, losses)
            return [_told(answer, taken.get(new.handle)) for new, answer in zip(batch, answers, strict=True)]
        if len(batch) == 1:
            new = batch[0]
            problem = Problem(refusal.reason, refusal.remedy, path=new.path, handle=new.handle)
            return [Rejected(problem)]
        half = len(batch) // 2
        return [
            *self._send(batch[:half], before, losses),
            *self._send(batch[half:], before, losses),
        ]

    def _taken_ids(self, batch: Sequence[NewObject]) -> dict[str, str]:
        """The Gramps IDs of a batch that other objects have, by the handle of the object that was to have them."""
        wanted = {new.handle: _gramps_id(new) for new in batch if new.fields is not None}
        return {handle: number for handle, number in wanted.items() if number and self._is_taken(number)}

    def _is_taken(self, gramps_id: str) -> bool:
        params = {"gramps_id": gramps_id, "keys": f"handle,{self._api.fresh()}"}
        return self._api.call("GET", "media/", params=params, expect=(200, 404)).status == 200

    def _look_what_became(
        self, batch: Sequence[NewObject], before: Cursor | None, losses: int
    ) -> list[CreateAnswer]:
        """After a lost answer: what is there was made; what somebody has deleted since was made too."""
        settled = self._existing(batch, losses)
        for transaction in self._feed.since(before) or ():
            for change in transaction.changes:
                if change.kind == ADD and change.class_name == "Media" and change.new:
                    settled.setdefault(change.handle, Made(forms.media_object(change.new)))
        rest = [new for new in batch if new.handle not in settled]
        return _merged(batch, settled, self._send(rest, before, losses))

    def _existing(self, batch: Sequence[NewObject], losses: int) -> dict[str, CreateAnswer]:
        """Those of a batch that exist: made by us if an answer was lost and they are as we wanted them."""
        found: dict[str, CreateAnswer] = {}
        for new in batch:
            known = reading.get(self._api, new.handle)
            if known is not None:
                as_asked = known.path == new.path and known.digest == new.checksum
                found[new.handle] = Made(known) if losses and as_asked else AlreadyThere(known)
        return found

    def tag(self, name: str, handle: str) -> str:
        """The handle of the tag of this name; made under `handle` when there is none."""
        params = {"keys": f"handle,name,{self._api.fresh()}"}
        for _ in range(2):
            found = self._api.call("GET", "tags/", params=params).json()
            for tag in found if isinstance(found, list) else ():
                if isinstance(tag, dict) and tag.get("name") == name and isinstance(tag.get("handle"), str):
                    known: str = tag["handle"]
                    return known
            form = {"_class": "Tag", "handle": handle, "name": name, "color": "#000000000000", "priority": 0}
            try:
                self._api.call("POST", "objects/", payload=[form], expect=(200, 201))
                return handle
            except LostAnswer:
                self._sleep(pause_after(0))
                params = {"keys": f"handle,name,{self._api.fresh()}"}
        raise LostAnswer(f"the tag '{name}' could not be made in Gramps Web", "try again later")


def pause_after(losses: int) -> float:
    """Seconds to wait before looking what became of a change: another writer may be at work, or the server ill."""
    return float(0.5 * 2**losses * random.uniform(1.0, 2.0))  # noqa: S311 - spreads clients, guards nothing


def _as_asked(new: NewObject) -> MediaObject:
    return MediaObject(new.handle, new.path, new.checksum, new.mime)


def _gramps_id(new: NewObject) -> str:
    found = (new.fields or {}).get("gramps_id")
    return found if isinstance(found, str) else ""


def _without_id(new: NewObject) -> NewObject:
    """The same without its Gramps ID: the server gives it a free one."""
    return replace(
        new, fields={key: value for key, value in (new.fields or {}).items() if key != "gramps_id"}
    )


def _told(answer: CreateAnswer, taken: str | None) -> CreateAnswer:
    return replace(answer, id_taken=taken) if taken and isinstance(answer, Made) else answer


def _merged(
    batch: Sequence[NewObject], settled: dict[str, CreateAnswer], rest: Sequence[CreateAnswer]
) -> list[CreateAnswer]:
    """The settled answers and those of the rest, in the order of the batch."""
    others = iter(rest)
    return [settled[new.handle] if new.handle in settled else next(others) for new in batch]
