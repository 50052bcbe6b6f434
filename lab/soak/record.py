"""What people did in Gramps Web as its history tells it: exact, also where an answer got lost or a request was refused half-way.

The history names who made each change. What people changed goes into the ledger; what syncd changed is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.api import Api
from lab.soak.ledger import REFERRERS, WEB, Ledger
from lab.soak.making import DRAFTS
from lab.soak.violation import Kind, Violation

_SYNCED = {"path", "checksum", "mime", "change"}
"""What syncd may change of a media object."""
_ADDED, _DELETED = 0, 2


@dataclass
class Record:
    """Reads the history from where it was read last.

    Args:
        api: a client.
        ledger: takes in what people did.
        people: the account of those who are not syncd.
    """

    api: Api
    ledger: Ledger
    people: str
    cursor: int = 0
    races: int = 0
    """Changes with which the server silently overwrote one that it did not know of."""
    _forms: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Media objects as they were last, also after their deletion."""
    _there: set[str] = field(default_factory=set)
    _own: set[str] = field(default_factory=set)
    """Objects that syncd made and nobody else changed: it may describe them."""

    def read(self) -> list[Violation]:
        """Take in what is new; what syncd did there that it must not do."""
        parameters = {"old": 1, "new": 1, "after_id": self.cursor}
        found: list[Violation] = []
        transactions = self.api.json("GET", "/transactions/history/", params=parameters)
        for one in sorted(transactions, key=lambda one: int(one["id"])):
            by = ((one.get("connection") or {}).get("user") or {}).get("name")
            for change in one["changes"]:
                if change["obj_class"] == "Media":
                    found += self._take_object(change, by_people=by == self.people)
                elif by == self.people:
                    self._take_gallery(change)
            self.cursor = int(one["id"])
        return found

    def _take_gallery(self, change: Mapping[str, Any]) -> None:
        key = (change["obj_class"], change["obj_handle"])
        if key[0] not in REFERRERS:
            return
        if change["trans_type"] == _DELETED:
            self.ledger.galleries.pop(key, None)
        else:
            self.ledger.galleries[key] = [one["ref"] for one in change["new_data"]["media_list"]]

    def _take_object(self, change: Mapping[str, Any], *, by_people: bool) -> Iterator[Violation]:
        handle, kind = change["obj_handle"], change["trans_type"]
        old, new = change["old_data"] or {}, change["new_data"] or {}
        before = self._forms.get(handle, {})
        if handle in self._there and kind != _ADDED and _fields(before) != _fields(old):
            # The server let two writers at it at once: what it says was there is not what had been written.
            self.races += 1
            self.ledger.doubt("overwritten by a race in the server", _of(before), _of(old), _of(new))
        if by_people:
            self._take_content(old, new)
            self._own.discard(handle)
        elif kind == _ADDED and (not before or before.get("gramps_id") != new.get("gramps_id")):
            # Made anew, not brought back: what was deleted while its folder was ignored counts as new.
            self._own.add(handle)
        elif kind != _DELETED and handle not in self._own and _others(old or before) != _others(new):
            yield Violation(
                Kind.FIELD,
                f"syncd changed more of the object {handle} than it may",
                f"{_others(old or before)} → {_others(new)}",
                (_of(old), _of(new)),
            )
        if new:
            self._forms[handle] = new
        (self._there.discard if kind == _DELETED else self._there.add)(handle)

    def _take_content(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        before, now = _of(old), _of(new)
        is_draft = any(form and form["path"].startswith(DRAFTS) for form in (old, new))
        if is_draft and before in self.ledger.contents:
            self.ledger.contents[before].may_return = True
        if new:
            has_moved = bool(old) and old["path"] != new["path"]
            self.ledger.name(now, new["path"], WEB if has_moved else "")
        if before == now:
            return
        self.ledger.end(before, WEB)
        if now in self.ledger.contents:
            self.ledger.put(now, new["path"])


def _of(form: Mapping[str, Any]) -> str:
    checksum: str = form.get("checksum", "")
    return checksum


def _fields(form: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in form.items() if name != "change"}


def _others(form: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in form.items() if name not in _SYNCED}
