"""The history of the tree, read as a feed of changes.

It is read from its newest transaction backwards: pages that shift while new transactions arrive then repeat
something and never miss anything. Times are those at which transactions *began*; only ids tell their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from syncd.errors import Unexpected
from syncd.gramps.api import Api
from syncd.gramps.forms import LATEST, Form, media_object
from syncd.gramps.http import Answer, TooLong, announced
from syncd.model import Checksum, MediaObject
from syncd.ports import Cursor, Feed

FIRST_PAGE = 20
PAGE = 100
MAX_PAGES = 60
"""Further back than this many pages, listing everything is cheaper."""
MAX_SEARCH_PAGES = 1000
"""How far back a deletion is looked for, in pages without contents."""
MAX_LOOKED_AT = 100
"""So many objects that several transactions changed are read one by one."""

ADD, UPDATE, DELETE = 0, 1, 2
_WORD = {ADD: "add", UPDATE: "update", DELETE: "delete"}


@dataclass(frozen=True, slots=True)
class Change:
    """One record that a transaction changed, with its raw forms when asked for (None: absent, or not asked)."""

    kind: int
    class_name: str
    handle: str
    old: Form | None
    new: Form | None

    def as_written(self) -> Form:
        """The same in the form in which the answer to a write lists it."""
        word = _WORD[self.kind]
        return {
            "type": word,
            "_class": self.class_name,
            "handle": self.handle,
            "old": self.old,
            "new": self.new,
        }


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction; without `changes` it tells nothing of what it did (a batch, an import)."""

    cursor: Cursor
    changes: tuple[Change, ...]

    def deletion_of(self, handle: str) -> Change | None:
        """The deletion of this media object, if it is in here."""
        for change in self.changes:
            if change.kind == DELETE and change.class_name == "Media" and change.handle == handle:
                return change
        return None


class FeedReader:
    """Reads the history of one tree."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._knows_after_id = True

    def newest(self) -> Cursor | None:
        """The newest transaction; None in a tree without any."""
        found = self._page({"page": "1", "pagesize": "1"})
        return found[0].cursor if found else None

    def still_knows(self, cursor: Cursor) -> bool:
        """Whether this transaction is in the history, with this time.

        Asked for by time: older servers answer 500 to an id that they do not know.
        """
        around = {"after": repr(cursor.timestamp - 0.01), "before": repr(cursor.timestamp + 0.01)}
        return any(
            found.cursor.transaction == cursor.transaction
            and abs(found.cursor.timestamp - cursor.timestamp) < 1e-5
            for found in self._page({**around, "page": "1", "pagesize": "100"})
        )

    def since(self, cursor: Cursor | None, *, old: bool = False) -> list[Transaction] | None:
        """All transactions after a cursor (None: from the beginning), oldest first, with their contents.

        Returns:
            None when they are too many or too long to read.
        """
        last = cursor.transaction if cursor else 0
        found: dict[int, Transaction] = {}
        try:
            for size, number in self._page_numbers():
                page = self._newer_than(last, size, number, old=old)
                found.update((t.cursor.transaction, t) for t in page if t.cursor.transaction > last)
                if len(page) < size or any(t.cursor.transaction <= last for t in page):
                    return [found[key] for key in sorted(found)]
        except TooLong:
            pass
        return None

    @staticmethod
    def _page_numbers() -> Iterator[tuple[int, int]]:
        """A short page first: mostly it is enough."""
        yield FIRST_PAGE, 1
        for number in range(1, MAX_PAGES + 1):
            yield PAGE, number

    def _newer_than(self, last: int, size: int, number: int, *, old: bool) -> list[Transaction]:
        query = {"new": "1", "page": str(number), "pagesize": str(size), **({"old": "1"} if old else {})}
        if self._knows_after_id:
            found = self._page_or_none({**query, "after_id": str(last)})
            if found is not None:
                return found
            self._knows_after_id = False
        return self._page(query)

    def changes(self, since: Cursor, get: Callable[[str], MediaObject | None]) -> Feed:
        """The media objects that changed after a cursor, as they are now.

        Two writers' transactions may be numbered in the other order than they were carried out in; so what
        several transactions changed is read with `get`. What that does not find, and nobody deleted, is not believed to be
        gone: the feed is incomplete then.
        """
        transactions = self.since(since)
        if transactions is None:
            return Feed({}, self.newest(), complete=False)
        changed: dict[str, MediaObject | None] = {}
        added: dict[str, MediaObject] = {}
        deleted: set[str] = set()
        times: Counter[str] = Counter()
        complete = True
        for transaction in transactions:
            if not transaction.changes:
                complete = False
            media = [change for change in transaction.changes if change.class_name == "Media"]
            times.update({change.handle for change in media})
            for change in media:
                if change.kind == DELETE:
                    changed[change.handle] = None
                    deleted.add(change.handle)
                elif change.new is not None:
                    changed[change.handle] = media_object(change.new)
                    if change.kind == ADD:
                        added.setdefault(change.handle, media_object(change.new))
                else:
                    complete = False
        several = [handle for handle, number in times.items() if number > 1]
        if len(several) > MAX_LOOKED_AT:
            complete = False
        else:
            for handle in several:
                changed[handle] = get(handle)
                if changed[handle] is None and handle not in deleted:
                    del changed[handle]
                    complete = False
        return Feed(changed, transactions[-1].cursor if transactions else since, complete, added)

    def named_since(self, moment: float) -> frozenset[Checksum]:
        """The checksums that media objects had before or after any change since then (Unix seconds).

        As far as the history is readable: it ends where it gets too long, and what a batch changed it does not tell.
        """
        found: set[Checksum] = set()
        with suppress(TooLong):
            for number in range(1, MAX_PAGES + 1):
                query = {"after": repr(moment), "page": str(number), "pagesize": str(PAGE)}
                page = self._page({**query, "old": "1", "new": "1"})
                for change in (change for transaction in page for change in transaction.changes):
                    if change.class_name == "Media":
                        forms = [media_object(form) for form in (change.old, change.new) if form is not None]
                        found.update(form.digest for form in forms if form.digest is not None)
                if len(page) < PAGE:
                    break
        return frozenset(found)

    def find_deletion(self, handle: str) -> Transaction | None:
        """The newest transaction that deleted this media object, with its contents; None when none is known."""
        return self._find(lambda transaction: transaction.deletion_of(handle) is not None)

    def last_form(self, class_name: str, handle: str) -> Form | None:
        """The raw form of any record as the history last saw it; None when it is deleted or never changed."""
        change = self.last_change(class_name, handle)
        return change.new if change is not None and isinstance(change.new, dict) else None

    def last_change(self, class_name: str, handle: str) -> Change | None:
        """The newest change of any record, with its contents; None when the history knows of none."""

        def concerns(change: Change) -> bool:
            return (change.class_name, change.handle) == (class_name, handle)

        found = self._find(lambda transaction: any(map(concerns, transaction.changes)))
        return [change for change in found.changes if concerns(change)][-1] if found else None

    def _find(self, wanted: Callable[[Transaction], bool]) -> Transaction | None:
        """The newest transaction of a kind, with its contents."""
        for number in range(1, MAX_SEARCH_PAGES + 1):
            page = self._page({"page": str(number), "pagesize": str(PAGE)})
            for transaction in page:
                if wanted(transaction):
                    return self._with_contents(transaction)
            if len(page) < PAGE:
                return None
        return None

    def _with_contents(self, transaction: Transaction) -> Transaction:
        path = f"transactions/history/{transaction.cursor.transaction}"
        answer = self._api.call("GET", path, params={"old": "1", "new": "1"})
        return _transaction(answer.json())

    def _page(self, query: dict[str, str]) -> list[Transaction]:
        answer = self._api.call("GET", "transactions/history/", params={"sort": "-id", **query})
        return _transactions(answer, query)

    def _page_or_none(self, query: dict[str, str]) -> list[Transaction] | None:
        """None when the server does not know a parameter of the query."""
        answer = self._api.call(
            "GET", "transactions/history/", params={"sort": "-id", **query}, expect=(200, 422)
        )
        return None if answer.status == 422 else _transactions(answer, query)


def _transactions(answer: Answer, query: Mapping[str, str]) -> list[Transaction]:
    """The transactions of a page, none of which may be missing: what is passed over once is not seen until all is listed.

    The server counts before it reads, so a writer in between makes the page longer than announced, never shorter.
    """
    found: Any = answer.json()
    if not isinstance(found, list):
        raise _unreadable()
    size, total = int(query["pagesize"]), announced(answer.headers)
    if total is None:
        raise _incomplete("it does not say how long it is")
    if len(found) < min(size, total - (int(query["page"]) - 1) * size):
        raise _incomplete("a part is missing")
    return [_transaction(item) for item in found]


def _transaction(item: Any) -> Transaction:
    if not isinstance(item, dict) or not isinstance(item.get("changes"), list):
        raise _unreadable()
    number, timestamp = item.get("id"), item.get("timestamp")
    if not isinstance(number, int) or not isinstance(timestamp, int | float):
        raise _unreadable()
    if not (-LATEST <= number <= LATEST and -LATEST <= timestamp <= LATEST):
        raise _unreadable()
    # What Gramps' own undo took back is listed with the changes that were undone: it tells nothing of its own.
    changes = () if item.get("undo") else tuple(_change(change) for change in item["changes"])
    return Transaction(Cursor(number, float(timestamp)), changes)


def _change(item: Any) -> Change:
    if not isinstance(item, dict):
        raise _unreadable()
    kind, class_name, handle = item.get("trans_type"), item.get("obj_class"), item.get("obj_handle")
    if kind not in (ADD, UPDATE, DELETE) or not isinstance(class_name, str) or not isinstance(handle, str):
        raise _unreadable()
    old, new = item.get("old_data") or None, item.get("new_data") or None
    if class_name == "Media" and not all(form is None or isinstance(form, dict) for form in (old, new)):
        raise _unreadable()
    return Change(kind, class_name, handle, old, new)


def _incomplete(why: str) -> Unexpected:
    return Unexpected(f"the history that Gramps Web gave is not complete: {why}", "try again later")


def _unreadable() -> Unexpected:
    return Unexpected("the history that Gramps Web gave cannot be read", "update Gramps Web or syncd")
