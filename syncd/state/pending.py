"""References of Gramps Desktop's objects to records that Gramps Web does not have yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from syncd.model.references import Attribute, Record, Reference
from syncd.state.database import Database, as_member, as_stored, as_text
from syncd.state.failures import senseless


class Pending(Database):
    """Pending references, by the handle of the media object that is to have them."""

    def pending_references(self) -> dict[str, tuple[Reference, ...]]:
        """All of them."""
        rows = self._rows(
            "SELECT handle, record, target, attribute FROM pending_references"
            " ORDER BY handle, record, target, attribute"
        )
        found: dict[str, list[Reference]] = {}
        for handle, record, target, attribute in rows:
            reference = Reference(as_member(Record, record), as_text(target), self._attribute(attribute))
            found.setdefault(handle, []).append(reference)
        return {handle: tuple(references) for handle, references in found.items()}

    def set_pending(self, references: Mapping[str, Sequence[Reference]]) -> None:
        """Say what these objects wait for, in place of what was said of them before; that may be nothing."""
        with self.batch():
            self.drop_pending(references)
            self._execute_many(
                "INSERT OR IGNORE INTO pending_references VALUES (?, ?, ?, ?)",
                (
                    (handle, one.record, as_stored(one.target), _text(one.attribute))
                    for handle, wanted in references.items()
                    for one in wanted
                ),
            )

    def drop_pending(self, handles: Iterable[str]) -> None:
        """These objects wait for nothing any more."""
        self._execute_many("DELETE FROM pending_references WHERE handle = ?", ((one,) for one in handles))

    def _attribute(self, text: str) -> Attribute | None:
        if not text:
            return None
        match self._decoded(text, list):
            case [int(number), str(word), str(value)]:
                return Attribute(number, word, value)
        raise senseless()


def _text(attribute: Attribute | None) -> str:
    return json.dumps([attribute.type, attribute.word, attribute.value]) if attribute is not None else ""
