"""The sieve: sorts what may be done from what waits, and remembers in which set it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from syncd.model.plan import (
    Action,
    AddObject,
    DeleteObject,
    Fetch,
    HeldItem,
    HeldSet,
    HoldKind,
    KeepLoser,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Upload,
    Why,
)
from syncd.model.values import Checksum


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the guard must know beside the plan.

    Args:
        links: how many links there are.
        recent_deletions: deletions of the last 24 hours, both directions, without approved ones.
        references: for every object that the plan deletes, how many records refer to it, by type.
        standing: the sets that are held (or approved) since earlier cycles.
        first_contact: nothing has been synced with this binding yet.
        sizes: bytes by checksum, where known.
        scope: the handles that the plan speaks of; None: of all. What is held of others stays held.
    """

    links: int
    recent_deletions: int
    references: Mapping[str, Mapping[str, int]]
    standing: Sequence[HeldSet]
    first_contact: bool
    sizes: Mapping[Checksum, int]
    scope: AbstractSet[str] | None = None

    def is_out_of_scope(self, item: HeldItem) -> bool:
        """Whether the plan says nothing of an item that is held."""
        return self.scope is not None and item.handle not in self.scope


Items = Callable[[Action], Sequence[HeldItem]]
"""What a kind of hold sees in an action; nothing: the action is none of its business."""


class Sieve:
    """Sorts actions into those that may be done and those that wait, set by set."""

    def __init__(self, now: Circumstances) -> None:
        self._standing = now.standing
        self._index = {
            (held.kind, replace(member, detail="")): held for held in now.standing for member in held.items
        }
        self._kept: dict[int, list[HeldItem]] = {
            held.id: unspoken
            for held in now.standing
            if (unspoken := [member for member in held.items if now.is_out_of_scope(member)])
        }
        self._new: dict[HoldKind, tuple[str, list[HeldItem]]] = {}
        self.released: set[int] = set()
        self.approved_deletions: set[str] = set()
        self.may_strip: set[str] = set()

    def strain(
        self, actions: Iterable[Action], kind: HoldKind, items: Items, reason: str | None
    ) -> list[Action]:
        """Hold the actions for which `items` names any; `reason` None holds only what stood already.

        An action with items in an approved set passes; one in a standing set keeps its place there.
        """
        passed: list[Action] = []
        for action in actions:
            wanted = items(action)
            if not wanted or all(self._place(item, kind, reason) for item in wanted):
                passed.append(action)
        return passed

    def _place(self, item: HeldItem, kind: HoldKind, reason: str | None) -> bool:
        """Find an item's set; True when it may be done."""
        held = self._index.get((kind, replace(item, detail="")))
        if held is not None:
            self._kept.setdefault(held.id, []).append(item)
            if held.approved:
                self.released.add(held.id)
                if item.action in ("delete", "trash"):
                    self.approved_deletions.add(item.handle)
                if kind is HoldKind.REFERENCED:
                    self.may_strip.add(item.handle)
            return held.approved
        if item.handle in self.approved_deletions and kind is HoldKind.MANY_DELETIONS:
            return True
        if reason is None:
            return True
        self._new.setdefault(kind, (reason, []))[1].append(item)
        return False

    def stands(self, item: HeldItem, kind: HoldKind) -> bool:
        """Whether a set of this kind has the item already."""
        return (kind, replace(item, detail="")) in self._index

    def is_approved(self, item: HeldItem, kind: HoldKind) -> bool:
        """Whether an approved set of this kind has the item."""
        held = self._index.get((kind, replace(item, detail="")))
        return held is not None and held.approved

    def sets(self) -> tuple[HeldSet, ...]:
        """All sets as they are now: standing ones with what is left of them, and new ones."""
        kept = [
            replace(held, items=_by_path(self._kept[held.id]))
            for held in self._standing
            if held.id in self._kept
        ]
        new = [HeldSet(kind, reason, _by_path(items)) for kind, (reason, items) in self._new.items()]
        return (*kept, *new)

    def waiting_handles(self) -> set[str]:
        """The handles of items that wait."""
        return {item.handle for held in self.sets() if not held.approved for item in held.items}


def _by_path(items: Sequence[HeldItem]) -> tuple[HeldItem, ...]:
    return tuple(sorted(items, key=lambda item: item.path))


def held_item(action: Action) -> HeldItem | None:
    """An action as an item of a held set; None for one that is never held."""
    match action:
        case DeleteObject(expected=item, link=link):
            return HeldItem("delete", link.path.text, item.handle, link.checksum)
        case TrashFile(file=file, links=links):
            return HeldItem("trash", file.path.text, min(link.handle for link in links), file.checksum)
        case AddObject(file=file, link=link):
            return HeldItem("add", file.path.text, link.handle, file.checksum)
        case Fetch(object=item, path=path, checksum=checksum, why=why):
            return HeldItem("conflict" if why is Why.CONFLICT else "fetch", path.text, item.handle, checksum)
        case UpdateObject(expected=item, file=file, checksum=checksum):
            return HeldItem("update", file.path.text, item.handle, checksum)
        case Upload(file=file, handle=handle):
            return HeldItem("upload", file.path.text, handle or "", file.checksum)
        case KeepLoser(object=item, path=path, checksum=checksum):
            return HeldItem("conflict", path.text, item.handle, checksum)
        case RestoreObject(file=file, link=link):
            return HeldItem("update", file.path.text, link.handle, file.checksum)
        case _:
            return None
