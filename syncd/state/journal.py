"""What was begun and not finished."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from syncd.model import Checksum
from syncd.state.database import Database, stored_or_none, text_or_none
from syncd.state.records import Intent


class Journal(Database):
    """Intents."""

    def begin(
        self,
        kind: str,
        *,
        path: str | None = None,
        handle: str | None = None,
        checksum: Checksum | None = None,
        detail: Mapping[str, str] | None = None,
    ) -> int:
        """Write an intent down. It is on the disk when this returns, and stays until it is finished.

        Not to be called within a batch: an intent that is not on the disk protects nothing.

        Returns:
            Its id, for `finish`.
        """
        return self.begin_many([Intent(kind, path, handle, checksum, detail or {})])[0]

    def begin_many(self, intents: Iterable[Intent]) -> list[int]:
        """Write intents down in one transaction; returns their ids in the same order."""
        with self._lock:
            assert self._depth == 0, "an intent must be on the disk before the deed, so it waits for no batch"
            with self.batch():
                cursors = [
                    self._execute(
                        "INSERT INTO journal (kind, path, handle, checksum, detail) VALUES (?, ?, ?, ?, ?)",
                        (
                            intent.kind,
                            stored_or_none(intent.path),
                            intent.handle,
                            intent.checksum,
                            json.dumps(dict(intent.detail)),
                        ),
                    )
                    for intent in intents
                ]
                return [cursor.lastrowid or 0 for cursor in cursors]

    def finish(self, ids: Iterable[int]) -> None:
        """These intents were carried out, or given up. Belongs in the batch that records what became of them."""
        self._execute_many("DELETE FROM journal WHERE id = ?", ((number,) for number in ids))

    def open_intents(self) -> list[Intent]:
        """What was begun and not finished, oldest first: after a crash, all that may be half done."""
        rows = self._rows("SELECT id, kind, path, handle, checksum, detail FROM journal ORDER BY id")
        return [
            Intent(
                kind=kind,
                path=text_or_none(path),
                handle=handle,
                checksum=None if checksum is None else Checksum(checksum),
                detail=self._decoded(detail, dict),
                id=number,
            )
            for number, kind, path, handle, checksum, detail in rows
        ]
