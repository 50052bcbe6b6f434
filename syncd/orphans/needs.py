"""What this computer still relies on in the bucket, though no object names it.

Another computer's needs cannot be seen. They are met by time: what its trash can bring back was deleted less than
its `trash_days` ago, and orphans are older than that before they go, and kept in quarantine as long again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from syncd.config import Settings
from syncd.config.sources import LARGEST_FILE, load_toml, read_small_file
from syncd.errors import StateError
from syncd.model import Checksum, parse_checksum
from syncd.model.values import DAY_SECONDS
from syncd.orphans.rooms import Rooms
from syncd.state import Binding, State

TRASH = "a file in the trash has this content"
UNDO = "what was deleted in Gramps Web can be brought back with syncd trash restore"
HELD = "its deletion waits for a decision"
FOLDER = "a file of the media folder has this content"
UNFINISHED = "a run that was interrupted still needs it"
BEFORE = "syncd undo can put it back"
HISTORY = "an object named it a short time ago, and the history of Gramps Web can bring that back"


def needed(rooms: Rooms, now: float, since: float) -> Mapping[Checksum, str]:
    """What is relied on, and by what.

    Args:
        rooms: what is open.
        now: Unix seconds.
        since: how far back the history of Gramps Web is asked, in Unix seconds.

    Raises:
        StateError: another state file of this tree on this computer cannot be read.
    """
    found = dict.fromkeys(rooms.catalog.named_since(since), HISTORY)
    undoable = now - rooms.settings.deletions.trash_days * DAY_SECONDS
    for path in other_states(rooms.settings, os.environ):
        found |= _needs_of_other(path, rooms.binding, undoable)
    return {**found, **needs_of(rooms.state, undoable)}


def needs_of(state: State, undoable: float) -> dict[Checksum, str]:
    """What one state relies on; the reason that matters most to a person wins.

    Args:
        state: the state.
        undoable: since when (Unix seconds) things can be put back.
    """
    pairs: list[tuple[str | None, str]] = []
    pairs += ((checksum, BEFORE) for checksum in state.needed_to_undo(undoable))
    pairs += ((intent.checksum, UNFINISHED) for intent in state.open_intents())
    pairs += ((link.checksum, FOLDER) for link in state.links())
    pairs += ((checksum, FOLDER) for _stamp, checksum in state.stamps().values())
    pairs += ((entry.checksum, TRASH) for entry in state.trash())
    pairs += ((undo.checksum, UNDO) for undo in state.undos())
    pairs += ((item.checksum, HELD) for held in state.held() for item in held.items)
    read = ((parse_checksum(raw or ""), why) for raw, why in pairs)
    return {checksum: why for checksum, why in read if checksum is not None}


def _needs_of_other(path: Path, binding: Binding, undoable: float) -> Mapping[Checksum, str]:
    """What another state of this computer relies on, if it is of the same tree or of the same place in the bucket."""
    try:
        with State.open(path, read_only=True) as other:
            damage = other.damage
            theirs = other.binding()
            if theirs is not None and not (
                theirs.tree_id == binding.tree_id
                or (theirs.bucket, theirs.prefix) == (binding.bucket, binding.prefix)
            ):
                return {}
            found = {
                key: f"{why} (on this computer, {path})" for key, why in needs_of(other, undoable).items()
            }
    except StateError as error:
        raise _unreadable(path) from error
    if damage:
        raise _unreadable(path)
    return found


def _unreadable(path: Path) -> StateError:
    return StateError(
        f"the state file {path} cannot be read, and its trash may need what looks like nobody's",
        "repair it with a run of syncd there, or move it away if it is not used any more",
    )


def other_states(settings: Settings, environ: Mapping[str, str]) -> list[Path]:
    """The other state files of this person on this computer, as far as they lie where they are looked for."""
    own = settings.state_file.resolve()
    places = {own.parent, own.parent.parent, *_usual_places(environ)}
    found: set[Path] = set()
    for place in places:
        for pattern in ("state.sqlite", "*/state.sqlite"):
            with suppress(OSError):
                found.update(path.resolve() for path in place.glob(pattern))
    return sorted(path for path in found if path != own and path.is_file())


def _usual_places(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where states lie by default, and where configurations beside each other put them."""
    home = Path(environ.get("HOME", "/"))
    yield Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state") / "syncd"
    for folder in (Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "syncd", Path("/etc/syncd")):
        with suppress(OSError):
            for path in folder.glob("*.toml"):
                with suppress(ValueError, RecursionError):
                    named = load_toml(read_small_file(path, LARGEST_FILE)[0]).get("state_dir")
                    if isinstance(named, str):
                        yield Path(named).expanduser()
