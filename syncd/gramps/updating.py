"""Changing path, checksum and media type of objects and adding references, and nothing else about them.

Many at a time, by compare-and-swap: the server is told what each object was, completely, and refuses all when one of
them is no longer so. The answer is checked: nothing but what was meant may differ between old and new. Where the
complete form cannot be told from what the server gives, the object is replaced in the plain form, the answer says
what that overwrote, and whatever it should not have overwritten is put back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from syncd.errors import LostAnswer, Refused, Unexpected
from syncd.gramps import forms, reading, referring
from syncd.gramps.api import Api
from syncd.gramps.creating import MAX_LOSSES, Pace, pause_after
from syncd.gramps.forms import Form
from syncd.model import MediaObject, Problem
from syncd.ports import Changed, Made, ObjectChange, Rejected, UpdateAnswer
from syncd.workers import in_order

READERS = 4
"""Objects that are read at a time."""

MAX_BATCH = 500
"""Objects that are changed in one transaction at most: half a megabyte, and proxies refuse bodies of more than one.

Fewer would cost more: after each transaction the server counts all its files anew, 3 s for 10,000.
"""

LISTED_FROM = 100
"""From so many on, objects are read by one listing of all: 1 s for 10,000, where each by itself takes 10 ms."""

MAX_RACES = 4
"""How often one object is tried again because others change it at the same time."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A change, and the object as it was read just now in both forms (`raw` None: not known)."""

    change: ObjectChange
    plain: Form
    raw: Form | None

    @property
    def handle(self) -> str:
        return self.change.expected.handle


class Updater:
    """Changes media objects."""

    def __init__(self, api: Api, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api = api
        self._sleep = sleep
        self._pace = Pace(most=MAX_BATCH)
        self._takes_message = True

    def update(self, changes: Sequence[ObjectChange]) -> list[UpdateAnswer]:
        """Change objects; answers in their order.

        Raises:
            ServerError: the server fails as a whole; what was changed by then is found so next time.
        """
        answers: list[UpdateAnswer] = []
        listed = self._listed(changes)
        while len(answers) < len(changes):
            batch = changes[len(answers) : len(answers) + self._pace.size]
            answers += self._batch(batch, losses=0, listed=listed)
        return answers

    def _listed(self, changes: Sequence[ObjectChange]) -> Mapping[str, Form]:
        """The plain forms of many objects; none where each is better read by itself."""
        if len(changes) < LISTED_FROM:
            return {}
        try:
            return reading.list_forms(self._api, {change.expected.handle for change in changes})
        except Unexpected:
            return {}  # somebody added or deleted one meanwhile, say

    def _batch(
        self, changes: Sequence[ObjectChange], losses: int, listed: Mapping[str, Form]
    ) -> list[UpdateAnswer]:
        """Read the objects of a batch and change those that are still as expected."""
        plans = self._read(changes, listed)
        together = [plan for plan in plans if isinstance(plan, _Planned) and plan.raw is not None]
        if len({plan.handle for plan in together}) < len(together):
            together = []  # the same object twice: one after the other
        answers: dict[int, UpdateAnswer] = {}
        if len(together) > 1:
            answers = self._swap(together, losses)
        found: list[UpdateAnswer] = []
        for change, plan in zip(changes, plans, strict=True):
            if not isinstance(plan, _Planned):
                found.append(plan)
            elif id(plan) in answers:
                found.append(answers[id(plan)])
            else:
                found.append(self._one(change))
        return found

    def _read(
        self, changes: Sequence[ObjectChange], listed: Mapping[str, Form]
    ) -> list[_Planned | UpdateAnswer]:
        """What to do about each change. What is listed as expected need not be read: if it is old, the swap fails."""
        plans: dict[int, _Planned | UpdateAnswer] = {}
        for number, change in enumerate(changes):
            form = listed.get(change.expected.handle)
            as_expected = form is not None and is_as(forms.media_object(form), change.expected)
            if form is not None and as_expected and changed_fields(change, form):
                plans[number] = _Planned(change, form, forms.to_raw(form))
        unread = [number for number in range(len(changes)) if number not in plans]
        if len(unread) == 1:
            plans[unread[0]] = self._plan(changes[unread[0]])
        elif unread:
            read = in_order(self._plan, (changes[number] for number in unread), threads=READERS, name="read")
            plans.update(zip(unread, read, strict=True))
        return [plans[number] for number in range(len(changes))]

    def _plan(self, change: ObjectChange) -> _Planned | UpdateAnswer:
        """What to do about one change, or the answer when there is nothing to do."""
        plain = reading.get_form(self._api, change.expected.handle)
        if plain is None:
            return Changed(None)
        now = forms.media_object(plain)
        if all(plain.get(key) == value for key, value in changed_fields(change, plain).items()):
            return _made(change, plain)  # an earlier attempt whose answer was lost
        if (now.path, now.checksum) != (change.expected.path, change.expected.checksum):
            return Changed(now)
        return _Planned(change, plain, forms.to_raw(plain))

    def _swap(self, plans: Sequence[_Planned], losses: int) -> dict[int, UpdateAnswer]:
        """Change all in one transaction; none is answered when the server refuses one of them or is silent."""
        start = time.monotonic()
        try:
            written = self._compare_and_swap([_swap(plan.change, plan.raw or {}) for plan in plans])
        except Refused:
            half = len(plans) // 2
            if half < 2:
                return {}  # one by one
            return {**self._swap(plans[:half], losses), **self._swap(plans[half:], losses)}
        except LostAnswer:
            self._pace.lost(len(plans))
            if losses == MAX_LOSSES:
                raise
            self._sleep(pause_after(losses))
            again = self._batch([plan.change for plan in plans], losses + 1, listed={})
            return {id(plan): answer for plan, answer in zip(plans, again, strict=True)}
        self._pace.took(time.monotonic() - start, len(plans))
        return {id(plan): self._checked(plan, written) for plan in plans}

    def _one(self, change: ObjectChange) -> UpdateAnswer:
        """Change a single object, however often others do."""
        last: Refused | None = None
        lost: LostAnswer | None = None
        refused: Form | None = None
        for attempt in range(MAX_RACES):
            plan = self._plan(change)
            if not isinstance(plan, _Planned):
                return plan
            try:
                if plan.raw is None or plan.raw == refused:
                    # The raw form is unknown, or refused although nobody changed the object: ours is wrong.
                    return self._replace(plan)
                return self._checked(plan, self._compare_and_swap([_swap(plan.change, plan.raw)]))
            except Refused as error:
                last, refused = error, plan.raw
            except LostAnswer as error:
                lost = error
                self._sleep(pause_after(attempt))
        if last is None and lost is not None:
            raise lost
        reason = last.reason if last is not None else "others change the object all the time"
        expected = change.expected
        return Rejected(
            Problem(reason, last.remedy if last else "try again", path=expected.path, handle=expected.handle)
        )

    def _compare_and_swap(self, swaps: Sequence[tuple[Form, Form]]) -> dict[str, Form]:
        """One transaction; the changes as the server wrote them, by handle. `swaps`: old and new, complete."""
        payload = [
            {
                "type": "update",
                "_class": "Media",
                "handle": old["handle"],
                "old": old,
                "new": new,
            }
            for old, new in swaps
        ]
        if self._takes_message:
            message = {"message": "Media files moved or edited (syncd)"}
            answer = self._api.call(
                "POST", "transactions/", params=message, payload=payload, expect=(200, 422)
            )
            if answer.status == 200:
                return {item["handle"]: item for item in forms.written(answer.json())}
            self._takes_message = False  # servers before 3.2x do not know it
        answer = self._api.call("POST", "transactions/", payload=payload)
        return {item["handle"]: item for item in forms.written(answer.json())}

    def _checked(self, plan: _Planned, written: dict[str, Form]) -> UpdateAnswer:
        """The answer for one object, after a look at what the server really did."""
        item = written.get(plan.handle)
        if item is None or not item["old"] or not item["new"]:
            now = reading.get(self._api, plan.handle)
            return Changed(now) if now is None else Made(now)
        return self._mended(plan, item["old"], item["new"])

    def _replace(self, plan: _Planned) -> UpdateAnswer:
        """PUT the plain form. RACE: what others write between reading and this is overwritten for a moment."""
        payload = {**_swap(plan.change, plan.plain)[1], "_class": "Media"}
        answer = self._api.call(
            "PUT", f"media/{reading.quoted(plan.handle)}", payload=payload, expect=(200, 404)
        )
        if answer.status == 404:
            return Changed(None)
        return self._checked(plan, {item["handle"]: item for item in forms.written(answer.json())})

    def _mended(self, plan: _Planned, old: Form, new: Form) -> UpdateAnswer:
        """Put back what was overwritten without our meaning it. `old` and `new` are the server's raw forms."""
        before = forms.media_object(old)
        expected = plan.change.expected
        if (before.path, before.checksum) != (expected.path, expected.checksum):
            return self._put_back(plan, new, old, Changed(before))
        fields = changed_fields(plan.change, old)
        wanted = {**old, **fields}
        lists = forms.differing(new, wanted) & referring.LIST_FIELDS
        if forms.differing(old, new) <= fields.keys() and not lists:
            return _made(plan.change, new)
        return self._put_back(plan, new, wanted, None)

    def _put_back(self, plan: _Planned, now: Form, wanted: Form, answer: Changed | None) -> UpdateAnswer:
        """Compare-and-swap from the form that we wrote to the one that should be."""
        # RACE: when somebody changes the object yet again at this instant, both the swap and the mending are theirs.
        try:
            written = self._compare_and_swap([(now, wanted)])
        except (Refused, LostAnswer):
            return Changed(reading.get(self._api, plan.handle))
        if answer is not None:
            return answer
        item = written.get(plan.handle)
        return _made(plan.change, item["new"] if item and item["new"] else wanted)


def changed_fields(change: ObjectChange, form: Form) -> Form:
    """The fields of a plain or raw form that a change sets, with their new values."""
    added = referring.with_references(form, change.references, change.like)
    return {**forms.renamed_fields(change), **added}


def _made(change: ObjectChange, form: Form) -> Made:
    """The object as it is after a change, and which references it does not have nevertheless."""
    left = referring.missing(form, change.references)
    return Made(forms.media_object(form), left_out=left)


def _swap(change: ObjectChange, old: Form) -> tuple[Form, Form]:
    """An object before and after a change."""
    return old, {**old, **changed_fields(change, old)}


def is_as(now: MediaObject | None, expected: MediaObject) -> bool:
    """Whether an object is what was expected: its path and its checksum."""
    return now is not None and (now.path, now.checksum) == (expected.path, expected.checksum)
