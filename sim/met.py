"""What simulations have to meet: every cell of the merge table, every guard, every fault. What none met proves nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import product

from sim.bucket import BEFALLS as BUCKET_BEFALLS
from sim.network import BEFALLS as WEB_BEFALLS
from syncd.model.plan import HoldKind
from syncd.reconciler import Inputs

FIRST_ADDS = 3
"""Objects that a first contact may add here without asking: the real 100 would make every simulation a long one."""

STOPS: Mapping[str, str] = {
    "the folder has no marker": "its marker .syncd/folder.json is missing",
    "the folder is missing": "is missing (is the drive",
    "the folder has another marker": "its marker bears another id",
    "the folder is synced by another state": "is synced by another state file",
    "the computer has another name": "was synced from a computer with the name",
    "the folder is a copy": "is a copy of",
    "the state belongs to another folder": "belongs to another media folder",
    "the folder lies in another": "lies in another media folder",
    "another folder lies in it": "lies another media folder",
    "another tree": "shows another tree",
    "the tree prefix was switched": "GRAMPSWEB_MEDIA_PREFIX_TREE was switched",
    "media are elsewhere": "Gramps Web keeps its media",
    "rights were lost": "the login lost rights",
    "the server was restored": "was restored from a backup",
    "nothing is listed": "lists no media at all",
}
"""Every stop, by the words that tell it from the others; the first that fits names it."""

SIDES = ("same", "new content", "moved", "new content and moved", "gone")
DISK_ERRORS = ((5, "EIO"), (13, "EACCES"), (28, "ENOSPC"), (30, "EROFS"))
"""Errors of the disk, which may befall any call."""

ENDINGS = ("kill", "power failure", "a run within a run", "meddling", "near look", "near look that went wide", "light run", "light run that went wide",
           "adding while sending", "state: lost", "state: damaged", "state: rolled back", "server restored", "adopt", "disk: full")  # fmt: skip


def name_of(reason: str) -> str:
    """Which stop has this reason."""
    return next((name for name, words in STOPS.items() if words in reason), f"unknown: {reason}")


def to_be_met() -> list[str]:
    """All that must be met at least once, under the names by which it is counted."""
    return [
        *(f"cell: {folder} / {web}" for folder, web in product(SIDES, SIDES)),
        *(f"stop: {name}" for name in STOPS),
        *(f"hold: {kind}" for kind in HoldKind),
        *(f"web: {what}" for what in WEB_BEFALLS),
        *(f"bucket: {what}" for what in BUCKET_BEFALLS),
        *(f"disk: {name}" for _code, name in DISK_ERRORS),
        *ENDINGS,
    ]


def missed(hits: Mapping[str, int], wanted: Collection[str] | None = None) -> list[str]:
    """What was not met."""
    return [what for what in (to_be_met() if wanted is None else wanted) if not hits.get(what)]


def cells_of(inputs: Inputs) -> list[str]:
    """Which cells of the merge table the links are in: the folder's side, then Gramps Web's."""
    by_content: Counter[str] = Counter(str(file.checksum) for file in inputs.folder.files.values())
    linked = {link.place.key for link in inputs.links}
    fresh = [key for key in inputs.folder.files if key not in linked]
    found = []
    for link in inputs.links:
        if inputs.folder.is_unknown(link.place):
            continue
        file = inputs.folder.at(link.place)
        if file is not None:
            folder = "same" if file.checksum == link.checksum else "new content"
        elif by_content[link.checksum]:
            folder = "moved"
        else:
            folder = "new content and moved" if fresh else "gone"
        item = inputs.catalog.objects.get(link.handle)
        if item is None:
            web = "gone"
        else:
            words = [] if item.digest == link.checksum else ["new content"]
            words += [] if item.path == link.named else ["moved"]
            web = " and ".join(words) or "same"
        found.append(f"{folder} / {web}")
    return found
