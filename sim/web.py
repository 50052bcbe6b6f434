"""A Gramps Web in memory, spoken to over HTTP as the real one: its objects, its history, its traps.

Modelled on 3.24 as measured: objects are compared and swapped whole, many in a transaction or none; a deletion strips
references, and its answer is its undo; the history tells nothing of what a batch changed; a listing of whole forms may be
older than the history; two edits within a second look alike; a restored backup gives out the same numbers again; with media
on its own disk a file is found by its object's path alone, and nothing that is there is replaced by `uploadmissing`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2

from sim.forms import Form, new_form

RIGHTS = ("ViewPrivate", "AddObject", "EditObject", "DeleteObject")
USER = "anna"
PASSWORD = "correct horse"
BASE = "http://web.sim/api"
Change = tuple[str, str, str, Form | None, Form | None]
"""Kind (add, update, delete), class, handle, and the raw form before and after."""

KEEPS_OLD_SECONDS = 2.0
"""So long after a change an answer about media that was given before is given again: the real server notices a change
when its writer closes the tree, which was up to 1.8 s later."""


@dataclass
class Kept:
    """All that a backup of the server holds.

    Args:
        objects: media objects in the raw form, by handle.
        others: records that refer to media, in the raw form, by class and handle.
        history: transactions, oldest first.
        files: on its own disk, by path; empty where there is a bucket.
        numbers: the last number given to an object (`gramps_id`).
    """

    objects: dict[str, Form] = field(default_factory=dict)
    others: dict[tuple[str, str], Form] = field(default_factory=dict)
    history: list[Form] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    numbers: int = 0


class Web:
    """One tree of one server.

    Args:
        now: Unix seconds, by the server's clock.
        bucket: where media are, `None` for its own disk.
        prefix: of the keys in the bucket.
        keeps_old: seconds after a change within which answers that were given before it are given again.
    """

    def __init__(
        self,
        now: Callable[[], float],
        bucket: str | None,
        prefix: str = "",
        *,
        keeps_old: float = KEEPS_OLD_SECONDS,
    ) -> None:
        self.now = now
        self._keeps_old = keeps_old
        self.bucket = bucket
        self.prefix = prefix
        self.tree_id = "5f0c1d7e"
        self.rights: tuple[str, ...] = RIGHTS
        self.kept = Kept()
        self.valid: set[str] = set()
        self.quota: int | None = None
        """Bytes that its disk may hold; None: any number."""
        self._tokens = 0
        self._made = 0
        self._answers: dict[str, httpx2.Response] = {}
        self._last_change = float("-inf")
        self.knows_after_id = True

    # --- people ---------------------------------------------------------------------------------------------------

    def backup(self) -> Kept:
        """A copy of everything."""
        return copy.deepcopy(self.kept)

    def restore(self, backup: Kept) -> None:
        """Put a backup in place of everything."""
        self.kept = copy.deepcopy(backup)
        self._answers.clear()

    def media(self) -> dict[str, Form]:
        """The media objects, by handle."""
        return self.kept.objects

    def add(self, path: str, checksum: str, handle: str | None = None, *, tell: bool = True) -> str:
        """A person adds an object, or an import does (`tell` False: the history will not say what it did)."""
        self._made += 1
        handle = handle or f"w{self._made:04d}"
        form = new_form(handle, path, checksum, self._next_number(), int(self.now()))
        self._write([("add", "Media", handle, None, form)], tell=tell)
        return handle

    def change(self, handle: str, *, tell: bool = True, **fields: Any) -> None:
        """A person edits an object."""
        old = self.kept.objects[handle]
        new = {**old, **fields, "change": int(self.now())}
        self._write([("update", "Media", handle, old, new)], tell=tell)

    def delete(self, handle: str) -> list[Form]:
        """A person deletes an object, and with it every reference."""
        return self._write(list(self._deletion(handle)))

    def refer(self, person: str, handle: str) -> None:
        """A person of the tree gets a picture."""
        old = self.kept.others.get(("Person", person))
        reference = {"_class": "MediaRef", "ref": handle, "private": False}
        new = {
            "_class": "Person",
            "handle": person,
            "media_list": [*(old or {"media_list": []})["media_list"], reference],
            "change": int(self.now()),
        }
        self._write([("update" if old else "add", "Person", person, old, new)])

    def referrers(self, handle: str) -> list[str]:
        """Who refers to an object."""
        return sorted(
            person
            for (_class, person), form in self.kept.others.items()
            if any(one["ref"] == handle for one in form["media_list"])
        )

    def restart(self) -> None:
        """All logins are void."""
        self.valid.clear()

    # --- writing --------------------------------------------------------------------------------------------------

    def _deletion(self, handle: str) -> Iterator[Change]:
        for (kind, person), form in sorted(self.kept.others.items()):
            left = [one for one in form["media_list"] if one["ref"] != handle]
            if left != form["media_list"]:
                yield "update", kind, person, form, {**form, "media_list": left, "change": int(self.now())}
        yield "delete", "Media", handle, self.kept.objects[handle], None

    def _write(
        self,
        changes: list[Change],
        *,
        tell: bool = True,
        undo: bool = False,
    ) -> list[Form]:
        """Carry out a transaction, and write it into the history."""
        now = self.now()
        if not self._keeps_old or now - self._last_change > self._keeps_old:
            self._answers.clear()
        self._last_change = now
        for _kind, class_name, handle, _old, new in changes:
            place: dict[Any, Form] = cast(
                "dict[Any, Form]", self.kept.objects if class_name == "Media" else self.kept.others
            )
            key: Any = handle if class_name == "Media" else (class_name, handle)
            if new is None:
                place.pop(key, None)
            else:
                place[key] = new
        number = self.kept.history[-1]["id"] + 1 if self.kept.history else 1
        rows = [
            {
                "obj_class": class_name,
                "obj_handle": handle,
                "trans_type": ("add", "update", "delete").index(kind),
                "old_data": old,
                "new_data": new,
            }
            for kind, class_name, handle, old, new in changes
        ]
        self.kept.history.append(
            {"id": number, "timestamp": now, "undo": undo, "changes": rows if tell else []}
        )
        return [
            {"type": kind, "_class": class_name, "handle": handle, "old": old, "new": new}
            for kind, class_name, handle, old, new in changes
        ]

    def _next_number(self) -> str:
        taken = {form["gramps_id"] for form in self.kept.objects.values()}
        self.kept.numbers += 1
        while f"O{self.kept.numbers:04d}" in taken:
            self.kept.numbers += 1
        return f"O{self.kept.numbers:04d}"

    def stored(self, digest: str, body: bytes, path: str) -> None:
        """Bytes that came through the API are kept; the bucket's owner replaces this."""
        if self.bucket is None:
            self.kept.files[path] = body
        else:
            self.into_bucket(digest, body)

    into_bucket: Callable[[str, bytes], None] = staticmethod(lambda _digest, _body: None)
