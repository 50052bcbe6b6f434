"""Deleting an object, and bringing it back with its references.

Deleting strips the object from every record that refers to it. The answer lists all that was changed: sent back
with `undo`, it reverses the deletion as long as none of those records was changed since. Where one was, the object
and the other references still come back, each for itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from syncd.errors import LostAnswer, Refused, Unexpected
from syncd.gramps import forms, reading
from syncd.gramps.api import Api
from syncd.gramps.creating import MAX_LOSSES, pause_after
from syncd.gramps.feed import UPDATE, FeedReader, Transaction
from syncd.gramps.forms import Form
from syncd.gramps.updating import is_as
from syncd.model import MediaObject
from syncd.ports import Changed, Cursor, Deletion


class Deleter:
    """Deletes media objects and brings them back."""

    def __init__(self, api: Api, feed: FeedReader, sleep: Callable[[float], None] = time.sleep) -> None:
        self._api = api
        self._feed = feed
        self._sleep = sleep

    def delete(self, expected: MediaObject) -> Deletion | Changed:
        """Delete an object if it still is as expected."""
        before = self._feed.newest()
        lost: LostAnswer | None = None
        for attempt in range(MAX_LOSSES + 1):
            now = reading.get(self._api, expected.handle)
            if now is not None and not is_as(now, expected):
                return Changed(now)
            if lost is not None:
                deletion = self._deletion_since(before, expected.handle)
                if deletion is not None:
                    return deletion
            if now is None:
                return Changed(None)
            try:
                answer = self._api.call(
                    "DELETE", f"media/{reading.quoted(expected.handle)}", expect=(200, 404)
                )
            except LostAnswer as error:
                lost = error
                self._sleep(pause_after(attempt))  # the history is written a moment after the object
                continue
            if answer.status == 404:
                return Changed(None)
            return self._judged(expected, forms.written(answer.json()))
        raise lost or Unexpected("Gramps Web did not delete a media object", "try again later")

    def _judged(self, expected: MediaObject, written: Sequence[Form]) -> Deletion | Changed:
        """The deletion; reversed at once when what was deleted is not what was read a moment before."""
        for item in written:
            if item["type"] == "delete" and item["handle"] == expected.handle and item["old"]:
                was = forms.media_object(item["old"])
                if not is_as(was, expected):
                    self._revive(expected.handle, written)
                    return Changed(was)
        return _deletion(expected.handle, written)

    def _deletion_since(self, before: Cursor | None, handle: str) -> Deletion | None:
        """A deletion whose answer was lost, from the history."""
        for transaction in reversed(self._feed.since(before, old=True) or ()):
            if transaction.deletion_of(handle):
                return _deletion(handle, _as_written(transaction))
        return None

    def undo(self, deletion: str) -> None:
        """Reverse a deletion by its answer; nothing is done when the object is there.

        Raises:
            Refused: the server will not have it.
        """
        try:
            written = forms.written(json.loads(deletion))
        except (ValueError, RecursionError) as error:
            raise Unexpected("the record of a deletion is damaged", "restore the object by hand") from error
        for item in written:
            if item["type"] == "delete" and item["_class"] == "Media":
                self._revive(item["handle"], written)

    def restore(self, handle: str) -> MediaObject | None:
        """Bring back a deleted object by the history; None when the history does not know it."""
        now = reading.get(self._api, handle)
        if now is not None:
            return now
        transaction = self._feed.find_deletion(handle)
        deleted = transaction.deletion_of(handle) if transaction else None
        if transaction is None or deleted is None or deleted.old is None:
            return None
        # A transaction may have done more. Of that, only what took this object out of a record is reversed.
        stripped = [
            change
            for change in transaction.changes
            if change.kind == UPDATE
            and isinstance(change.old, dict)
            and isinstance(change.new, dict)
            and not forms.differing(forms.without_references(change.old, handle), change.new)
        ]
        self._revive(handle, [*(change.as_written() for change in stripped), deleted.as_written()])
        return reading.get(self._api, handle)

    def _revive(self, handle: str, written: Sequence[Form]) -> None:
        """Reverse a deletion, all at once if possible, else the object first and each reference for itself."""
        try:
            if self._reverse(written):
                return
        except Refused:
            pass
        if reading.get(self._api, handle) is None:
            for item in written:
                if item["type"] == "delete" and item["handle"] == handle and item["old"]:
                    self._add(item)
        for item in written:
            if item["type"] == "update":
                try:
                    self._reverse([item])
                except Refused:
                    self._refer_again(handle, item)

    def _reverse(self, written: Sequence[Form]) -> bool:
        """POST with `undo`; False when the answer was lost (what is missing is then done one by one)."""
        deleted = [item for item in written if item["type"] == "delete" and item["_class"] == "Media"]
        if any(self._number_is_taken(item["old"] or {}) for item in deleted):
            raise Refused("the number of the media object was given to another one", "")
        try:
            self._api.call("POST", "transactions/", params={"undo": "1"}, payload=list(written))
        except LostAnswer:
            return False
        return True

    def _add(self, item: Form) -> None:
        """Add a deleted object as it was, under a new number (`gramps_id`) if its own was given away."""
        form = dict(item["old"])
        if self._number_is_taken(form):
            form.pop("gramps_id", None)
        form.pop("thumb", None)
        try:
            self._api.call("POST", "objects/", payload=[form], expect=(200, 201))
        except (LostAnswer, Refused):
            if reading.get(self._api, item["handle"]) is None:
                raise

    def _refer_again(self, handle: str, item: Form) -> None:
        """Put the reference back into a record that was changed since; the server refuses if it has it or is gone."""
        old = item["old"] or {}
        references = [
            (place, reference)
            for place, reference in enumerate(old.get("media_list") or [])
            if forms.refers(reference, handle)
        ]
        now = self._feed.last_form(item["_class"], item["handle"])
        if not references or now is None or not isinstance(now.get("media_list"), list):
            return
        if any(forms.refers(reference, handle) for reference in now["media_list"]):
            return
        media = list(now["media_list"])
        for place, reference in references:
            media.insert(place, reference)  # the first one is the portrait
        change = {**item, "old": now, "new": {**now, "media_list": media}}
        try:
            self._api.call("POST", "transactions/", payload=[change])
        except (LostAnswer, Refused):
            return

    def _number_is_taken(self, form: Form) -> bool:
        """Whether another object bears the same number by now: the server hands out free ones again."""
        number = form.get("gramps_id")
        if not isinstance(number, str) or not number:
            return False
        params = {"gramps_id": number, "keys": f"handle,{self._api.fresh()}"}
        answer = self._api.call("GET", "media/", params=params, expect=(200, 404))
        found = answer.json() if answer.status == 200 else []
        if not isinstance(found, list):
            return False
        return any(isinstance(one, dict) and one.get("handle") != form.get("handle") for one in found)


def _deletion(handle: str, written: Sequence[Form]) -> Deletion:
    others = {(item["_class"], item["handle"]) for item in written} - {("Media", handle)}
    return Deletion(touched=len(others), undo=json.dumps(list(written), ensure_ascii=False))


def _as_written(transaction: Transaction) -> list[Form]:
    """A transaction of the history as the answer to it was; rows about references follow by themselves."""
    return [change.as_written() for change in transaction.changes if not change.class_name.isdigit()]
