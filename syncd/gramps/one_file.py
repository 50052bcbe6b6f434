"""Whose fault it is when a file does not get through: the file's own, or the server's as a whole.

A proxy that always cuts one file, or answers 5xx for it, must not end the run for all the others. So a transfer that
found no answer is followed by a small question to Gramps Web: is that answered, the trouble is the file's. Is it not,
the server is waited for with the usual patience, and the file is tried once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from syncd.errors import LostAnswer, Refused, Unreachable
from syncd.gramps.api import Api

T = TypeVar("T")

FILE_SECONDS = 10.0
"""How long one file is tried when no answer comes, before Gramps Web as a whole is looked at."""
SHORT_SECONDS = 0.1
"""The same after `IN_A_ROW` files that did not get through: one attempt each."""
IN_A_ROW = 3


class OneFile:
    """Carries out transfers and looks of single files. Threads may share it.

    Args:
        api: makes the API, logged in.
        closed: set when everything is to end.
    """

    def __init__(self, api: Callable[[], Api], closed: threading.Event) -> None:
        self._connect = api
        self._closed = closed
        self._failed = 0

    @property
    def patience(self) -> float:
        """Seconds for which one request for a file is to be tried."""
        return FILE_SECONDS if self._failed < IN_A_ROW else SHORT_SECONDS

    def attempt(self, work: Callable[[], T]) -> T:
        """Do something with one file.

        Raises:
            Refused: this file does not get through, though Gramps Web answers.
            Unreachable: Gramps Web does not answer.
        """
        for is_last in (False, True):
            try:
                found = work()
            except LostAnswer:
                raise
            except Unreachable as error:
                if self._closed.is_set():
                    raise
                if self._was_away() and not is_last:
                    continue
                self._failed += 1
                raise Refused(
                    f"Gramps Web answers, but this file does not get through: {error.reason}",
                    "look at the limits of the proxy before Gramps Web, at a virus scanner there, and at the server's log"
                    " and disk; the next run tries again",
                ) from error
            self._failed = 0
            return found
        raise AssertionError("the last attempt ends with a result or an exception")

    def _was_away(self) -> bool:
        """Whether Gramps Web as a whole gave no answer just now, and does again.

        Raises:
            Unreachable: it stays away.
        """
        try:
            self._ask(SHORT_SECONDS)
        except Unreachable:
            self._ask(None)
            return True
        return False

    def _ask(self, patience: float | None) -> None:
        """A question that costs the server nothing: it is put without a login, and any answer will do."""
        api = self._connect()
        api.transport.send("GET", f"{api.login.base}/metadata/", patience=patience, read_body=False)
