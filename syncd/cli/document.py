r"""The JSON document: one shape for every command and every way to end; a command adds keys of its own.

The shape is part of the contract with scripts (`docs/commands.md`). It is ASCII, so that no locale can spoil it, and
bytes of a name that is not text stand in it as `\xNN`, because lone surrogates are refused by strict readers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.cli.hints import TEXTS, with_config
from syncd.errors import SyncdError

if TYPE_CHECKING:  # the model is not needed to say that a configuration is wrong
    from syncd.model.plan import Conflict, HeldSet, Outcome
    from syncd.model.values import Stop
    from syncd.state import KnownConflict

VERSION = 1

COUNTS = (
    "uploaded",
    "fetched",
    "copied",
    "added",
    "updated",
    "moved",
    "linked",
    "trashed",
    "deleted",
    "unchanged",
    "waiting",
)

Document = dict[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")


def blank(*, dry_run: bool = False) -> Document:
    """The document of a run of which nothing is known."""
    return {
        "version": VERSION,
        "exit_code": 0,
        "dry_run": dry_run,
        "error": None,
        "stop": None,
        "counts": dict.fromkeys(COUNTS, 0),
        "bytes_up": 0,
        "bytes_down": 0,
        "actions": [],
        "conflicts": [],
        "problems": [],
        "held": [],
        "waiting": [],
        "notices": [],
        "phases": [],
        "seconds": 0.0,
    }


def of_outcome(outcome: Outcome) -> Document:
    """The keys that an `Outcome` fills."""
    return {
        "dry_run": outcome.dry_run,
        "stop": _reason(outcome.stop) if outcome.stop else None,
        "counts": {name: getattr(outcome.counts, name) for name in COUNTS},
        "bytes_up": outcome.bytes_up,
        "bytes_down": outcome.bytes_down,
        "actions": [asdict(done) for done in outcome.actions],
        "conflicts": [of_conflict(conflict) for conflict in outcome.conflicts],
        "problems": [
            {
                "path": problem.path,
                "handle": problem.handle,
                "reason": problem.reason,
                "remedy": problem.remedy,
            }
            for problem in outcome.problems
        ],
        "held": of_held(outcome.held),
        "waiting": [
            {"path": item.path, "handle": item.handle, "reason": item.reason} for item in outcome.waiting
        ],
        "notices": [
            {"path": item.path, "handle": item.handle, "text": item.text} for item in outcome.notices
        ],
        "phases": [
            {"name": part.name, "seconds": round(part.seconds, 3), "files": part.files, "size": part.size}
            for part in outcome.phases
        ],
        "seconds": round(outcome.seconds, 3),
    }


def of_conflict(conflict: Conflict | KnownConflict) -> Document:
    """One conflict."""
    kept_as = conflict.kept_as
    return {
        "path": str(conflict.path),
        "kept_as": None if kept_as is None else str(kept_as),
        "handle": conflict.handle,
    }


def of_held(sets: Iterable[HeldSet]) -> list[Document]:
    """Held sets, one entry an item; the id is the set's."""
    return [
        {
            "id": held.id,
            "kind": str(held.kind),
            "path": item.path,
            "handle": item.handle,
            "reason": f"{held.reason} ({item.detail})" if item.detail else held.reason,
        }
        for held in sets
        if not held.approved
        for item in held.items
    ]


def of_error(reason: str, remedy: str, *, stop: bool = False) -> Document:
    """What went wrong as a whole: a stop waits for a person, an error for something else."""
    return {"stop" if stop else "error": {"reason": reason, "remedy": remedy}}


def of_exception(error: SyncdError, *, stop: bool) -> Document:
    """The same from an exception."""
    return of_error(error.reason, error.remedy, stop=stop)


def render(document: Mapping[str, Any], config: Path | None = None) -> str:
    """One line of ASCII JSON; the commands that it tells a person to run are for this configuration."""
    return json.dumps(_clean(_for_config(document, config)), ensure_ascii=True) + "\n"


def _for_config(value: Any, config: Path | None, key: str = "") -> Any:
    if isinstance(value, str):
        return with_config(value, config) if key in TEXTS else value
    if isinstance(value, Mapping):
        return {name: _for_config(entry, config, name) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_for_config(entry, config, key) for entry in value]
    return value


def _reason(stop: Stop) -> Document:
    return {"reason": stop.reason, "remedy": stop.remedy}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(_as_escape, value)
    if isinstance(value, Mapping):
        return {key: _clean(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(entry) for entry in value]
    return value


def _as_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
