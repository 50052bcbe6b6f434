"""The guard: what is too strange to do at all, and what waits for a person. Pure, like the reconciler.

`find_stop` compares what this state was bound to with what was found; a stop means that nothing whatever is done,
in either direction. `hold` takes the few items out of a plan that a person should see first and lets the rest go on.

What is held stays held, whatever happens to the limits in between, until a person approves it, or it is no longer
as it was (then there is nothing to hold).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from syncd.model.plan import (
    Action,
    AddObject,
    DeleteObject,
    Fetch,
    Guarded,
    HeldItem,
    HeldSet,
    HoldKind,
    KeepLoser,
    Plan,
    Record,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Upload,
    Why,
)
from syncd.model.policy import FirstSync, OnWeb, Policy
from syncd.model.values import Checksum, Stop

NEEDED_PERMISSIONS = frozenset({"ViewPrivate", "AddObject", "EditObject", "DeleteObject"})
"""What a two-way sync needs; the role Editor has them."""

FIRST_ADDS = 100
"""Objects that a first contact may add to Gramps Web without asking."""
FIRST_BYTES = 5 * 1000**3
"""Bytes that a first contact may move either way without asking."""
FIRST_CONFLICTS = 10
"""Conflicts that a first contact may make without asking."""

_ANEW = "it looks at everything anew and deletes nothing"
_ADOPT = f"if that is meant, run `syncd adopt`: {_ANEW}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a state file belongs to.

    Args:
        tree_id: the tree's id in Gramps Web.
        title: the tree's title, for messages.
        bucket: the bucket's name; None where the server keeps media on its own disk.
        prefix: everything before the checksum in the bucket's keys.
        folder_id: the id in the folder's marker; None when there is no marker.
        state_name: the state file that the marker names; None when there is no marker.
        permissions: of the login.
    """

    tree_id: str
    title: str
    bucket: str | None
    prefix: str
    folder_id: str | None
    state_name: str | None
    permissions: frozenset[str]


def missing_folder_stop(media_dir: object) -> Stop:
    """The stop for a media folder that was synced and is not there; `media_dir` as a person knows it."""
    return Stop(
        f"the media folder {media_dir} is missing (is the drive not mounted?)",
        "mount the drive, or correct media_dir in the configuration",
    )


def find_folder_stop(
    bound: Identity | None, folder_id: str | None, state_name: str | None, ours: str
) -> Stop | None:
    """Say why the media folder must not be touched.

    Args:
        bound: what the state is bound to; None at first contact.
        folder_id: the id in the folder's marker; None when there is no marker.
        state_name: the state file that the marker names.
        ours: the name of this state file.
    """
    if folder_id is None:
        if bound is None:
            return None
        return Stop(
            "the media folder is not the one that was synced: its marker .syncd/folder.json is missing "
            "(is the drive not mounted?)",
            f"mount the drive, or put the folder back; {_ADOPT}",
        )
    if state_name != ours:
        host, _, file = (state_name or "").partition(":")
        our_host, _, our_file = ours.partition(":")
        if bound is not None and bound.folder_id == folder_id and file == our_file:
            return Stop(
                f"the media folder was synced from a computer with the name '{host}', and this one is called '{our_host}'",
                "if it is the same computer under a new name, run `syncd adopt`: it looks at everything anew and "
                "deletes nothing; another computer needs a media folder and a state_dir of its own",
            )
        return Stop(
            f"the media folder is synced by another state file ({state_name})",
            f"use that one (state_dir), or stop it for good first; {_ADOPT}",
        )
    if bound is not None and bound.folder_id != folder_id:
        return Stop("the media folder is another one than was synced: its marker bears another id", _ADOPT)
    return None


def copied_folder_stop(old: object, new: object) -> Stop:
    """The stop for a media folder of which there are two: what is missing in one of them was not deleted."""
    return Stop(
        f"the media folder {new} is a copy of {old}, which was synced and is still there",
        f"let media_dir name {old} again; or, to go on with the copy, move {old} away or rename it",
    )


def shared_state_stop(state_file: object, bound: tuple[object, str], media_dir: object, way: str) -> Stop:
    """The stop for a state that belongs to another pair of folder and tree.

    Args:
        state_file: the state.
        bound: the folder and the title of the tree that it belongs to.
        media_dir: the folder that it should be used for now.
        way: the setting that gives that folder a state of its own.
    """
    former, title = bound
    return Stop(
        f"the state file {state_file} belongs to another media folder, {former} with the tree '{title}', "
        f"and {media_dir} does not bear its marker",
        f"for a second pair of folder and tree, {way}; if {media_dir} is that folder at a new place, see that it is "
        f"complete, or its drive mounted; if it is to take the place of {former}, run `syncd adopt`: it looks at "
        "everything anew and deletes nothing",
    )


_APART = "give each of the two a folder of its own, neither inside the other (media_dir)"


def outer_folder_stop(media_dir: object, outer: object) -> Stop:
    """The stop for a media folder in another one."""
    return Stop(
        f"the media folder {media_dir} lies in another media folder, {outer}: both would sync the same files",
        f"{_APART}; if {outer} is synced no more, delete {outer}/.syncd/folder.json",
    )


def inner_folder_stop(media_dir: object, inner: str) -> Stop:
    """The stop for a media folder with another one in it; `inner` is the other's path in it."""
    return Stop(
        f"in the media folder {media_dir} lies another media folder, {inner}: both would sync the same files",
        f"{_APART}; if {media_dir}/{inner} is synced no more, delete {media_dir}/{inner}/.syncd/folder.json",
    )


def find_server_stop(bound: Identity, found: Identity) -> Stop | None:
    """Say why nothing must be done with this server."""
    if bound.tree_id != found.tree_id:
        return Stop(
            f"this Gramps Web shows another tree ('{found.title}') than was synced ('{bound.title}')",
            f"check gramps.url and the login; {_ADOPT}",
        )
    if (bound.bucket, bound.prefix) != (found.bucket, found.prefix):
        return _moved_stop(bound, found)
    lost = sorted((bound.permissions & NEEDED_PERMISSIONS) - found.permissions)
    if lost:
        return Stop(
            f"the login lost rights it had: {', '.join(lost)}; what it cannot see would look deleted",
            "ask who runs Gramps Web to give the account the role Editor again",
        )
    return None


def _moved_stop(bound: Identity, found: Identity) -> Stop:
    """The stop for a server that keeps its media elsewhere than it did; the tree is the same."""
    what = f"Gramps Web keeps its media {_place(found)} now, but they were {_place(bound)} when it was synced"
    back = "ask who runs Gramps Web whether that was meant, and if not, to set MEDIA_BASE_DIR as it was"
    if found.bucket is None:
        return Stop(
            what, f"{back}; if it was, take [s3] out of the configuration, and run `syncd adopt`: {_ANEW}"
        )
    if bound.bucket is None:
        return Stop(
            what,
            f"{back}; if it was, add a section [s3] to the configuration, and run `syncd adopt`: {_ANEW}",
        )
    own = f"{found.tree_id}/"
    on = found.prefix == bound.prefix + own
    if found.bucket == bound.bucket and (on or bound.prefix == found.prefix + own):
        return Stop(
            f"{what}: GRAMPSWEB_MEDIA_PREFIX_TREE was switched {'on' if on else 'off'}",
            f"if that was not meant, ask who runs Gramps Web to switch it {'off' if on else 'on'} again; if it was, "
            "run `syncd migrate-prefix`: it copies the files to their new place, and syncd goes on from there; or, where "
            f"that cannot be done, run `syncd adopt`: {_ANEW}",
        )
    within = found.bucket == bound.bucket
    brought = "run `syncd migrate-prefix`, which copies the files there and goes on, or " if within else ""
    return Stop(
        what,
        f"{back}; if it was, let s3.url name the new place, and {brought}run `syncd adopt`: {_ANEW}",
    )


def find_history_stop() -> Stop:
    """The stop for a server whose history no longer holds what was seen."""
    return Stop(
        "Gramps Web was restored from a backup, or its history was reset: the last change seen is no longer there",
        f"check that the tree is as it should be; {_ADOPT}",
    )


def find_listing_stop(objects: int, links: int) -> Stop | None:
    """Say why a listing cannot be trusted."""
    if objects or not links:
        return None
    return Stop(
        f"Gramps Web lists no media at all, but {links} files were in step with it",
        f"look into Gramps Web whether the tree was emptied on purpose; {_ADOPT}",
    )


def _place(identity: Identity) -> str:
    if identity.bucket is None:
        return "on its own disk"
    return "in " + f"s3://{identity.bucket}/{identity.prefix}".removesuffix("/")


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


def hold(plan: Plan, policy: Policy, now: Circumstances) -> Guarded:
    """Take out of a plan what waits for a person.

    Returns:
        The plan without it, and every set that waits now. An approved set stays among `held` (with `approved`)
        as long as some item of it has not been done.
    """
    sieve = _Sieve(now)
    actions: Sequence[Action] = plan.actions
    if policy.first_sync is not FirstSync.GO:
        actions = _strain_first(actions, sieve, _first_contact_reason(plan, now, policy), policy)
    actions = sieve.strain(
        actions, HoldKind.REFERENCED, _referenced_items(policy, now, sieve), "people or events refer to it"
    )
    actions = sieve.strain(
        actions, HoldKind.MANY_DELETIONS, _deletions, _mass_reason(actions, sieve, policy, now)
    )
    waiting = sieve.waiting_handles()
    return Guarded(
        plan=replace(
            plan,
            actions=actions,
            conflicts=tuple(conflict for conflict in plan.conflicts if conflict.handle not in waiting),
        ),
        held=sieve.sets(),
        released=tuple(sorted(sieve.released)),
        approved_deletions=frozenset(sieve.approved_deletions),
        may_strip=frozenset(sieve.may_strip),
    )


_Items = Callable[[Action], Sequence[HeldItem]]


class _Sieve:
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
        self, actions: Iterable[Action], kind: HoldKind, items: _Items, reason: str | None
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


def _item(action: Action) -> HeldItem | None:
    """Describe an action that can be held."""
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


def _strain_first(
    actions: Sequence[Action], sieve: _Sieve, reason: str | None, policy: Policy
) -> Sequence[Action]:
    """Hold what a first contact that is too large would do.

    What prepares another action goes and waits with it, whatever was said of itself: the bytes that an object
    names, and the copy of the bytes that lose a conflict. So does what follows it: where Gramps Web keeps media on its
    own disk, bytes go to objects that were allowed to name them in an earlier pass.
    """
    main = [action for action in actions if not isinstance(action, Upload | KeepLoser)]
    passed = sieve.strain(main, HoldKind.FIRST_SYNC, _first_items, reason)
    needed = {checksum for action in passed if (checksum := _names_bytes(action)) is not None}
    changed = {action.expected.handle for action in passed if isinstance(action, UpdateObject)}
    uploads = [action for action in actions if isinstance(action, Upload)]
    losers = [action for action in actions if isinstance(action, KeepLoser)]
    due = [action for action in uploads if action.file.checksum in needed]
    kept = [action for action in losers if action.object.handle in changed]
    rest = [action for action in uploads if action.file.checksum not in needed]
    met = {action.link.handle for action in actions if isinstance(action, Record) and action.new}
    late = [action for action in rest if policy.found_by_path and action.handle not in met]
    free = sieve.strain(late, HoldKind.FIRST_SYNC, _first_items, None)
    early = [action for action in rest if action not in late]
    free += sieve.strain(early, HoldKind.FIRST_SYNC, _first_items, reason)
    lone = [action for action in losers if action.object.handle not in changed]
    sieve.strain(lone, HoldKind.FIRST_SYNC, _first_items, reason)
    return [*due, *free, *kept, *passed]


def _names_bytes(action: Action) -> Checksum | None:
    """The content that the bucket must hold before an action: who released that one released these bytes, too."""
    match action:
        case AddObject(file=file) | RestoreObject(file=file):
            return file.checksum
        case UpdateObject(checksum=checksum):
            return checksum
        case Fetch(replaces=file) if file is not None:
            return file.checksum
        case _:
            return None


def _first_items(action: Action) -> Sequence[HeldItem]:
    """What a first contact that is too large holds: every transfer and every change, but no mere link."""
    item = _item(action)
    return [item] if item is not None else []


def _deletions(action: Action) -> Sequence[HeldItem]:
    item = _item(action) if isinstance(action, DeleteObject | TrashFile) else None
    return [item] if item is not None else []


def _referenced_items(policy: Policy, now: Circumstances, sieve: _Sieve) -> _Items:
    """Deletions of objects that something refers to (or may: nobody looked), where the policy spares those."""

    def items(action: Action) -> Sequence[HeldItem]:
        if not isinstance(action, DeleteObject) or policy.on_web is not OnWeb.UNREFERENCED:
            return []
        item = _item(action)
        references = now.references.get(action.expected.handle)
        if item is None or (
            references is not None
            and not any(references.values())
            and not sieve.stands(item, HoldKind.REFERENCED)
        ):
            return []
        detail = describe_references(references) if references is not None else "not known who refers to it"
        return [replace(item, detail=detail)]

    return items


def describe_references(references: Mapping[str, int]) -> str:
    """Say who refers to an object: `2 people, 1 event`."""
    plurals = {"person": "people", "family": "families", "repository": "repositories"}
    return ", ".join(
        f"{count} {kind if count == 1 else plurals.get(kind, kind + 's')}"
        for kind, count in sorted(references.items())
        if count
    )


def _mass_reason(actions: Sequence[Action], sieve: _Sieve, policy: Policy, now: Circumstances) -> str | None:
    """Why the deletions of this plan are held, or None.

    Those that are held already count: while a mass deletion waits for a person, the rest of it, seen a cycle
    later, must not slip through below the limit.
    """
    planned = sum(
        item.handle not in sieve.approved_deletions and not sieve.is_approved(item, HoldKind.MANY_DELETIONS)
        for action in actions
        for item in _deletions(action)
    )
    planned += sum(
        now.is_out_of_scope(item)
        for held in now.standing
        if held.kind is HoldKind.MANY_DELETIONS and not held.approved
        for item in held.items
    )
    total = planned + now.recent_deletions
    limit = policy.hold_above
    share = 100 * total / now.links if now.links else 100.0
    if total > limit.count:
        most = f"the {limit.count}"
    elif total > limit.always_allow and share > limit.percent:
        most = f"the {limit.always_allow} (and {limit.percent:g} %)"
    else:
        return None
    return (
        f"{total} deletions within a day, of {now.links} files: "
        f"more than {most} that are done without asking (deletions.hold_above)"
    )


def _first_contact_reason(plan: Plan, now: Circumstances, policy: Policy) -> str | None:
    """Why the transfers of a first contact are held, or None. A copy within the folder is no transfer.

    Bytes for a server's own disk are sent a pass later than they are named, and counted where they are named.
    """
    if not now.first_contact:
        return None
    adds = sum(isinstance(action, AddObject | RestoreObject) for action in plan.actions)
    sending = Upload | AddObject | RestoreObject | UpdateObject if policy.found_by_path else Upload
    sent = [action.file.size for action in plan.actions if isinstance(action, sending)]
    fetched = [
        now.sizes.get(action.checksum, 0)
        for action in plan.actions
        if isinstance(action, Fetch | KeepLoser) and action.source is None
    ]
    conflicts = len(plan.conflicts)
    if adds <= FIRST_ADDS and max(sum(sent), sum(fetched)) <= FIRST_BYTES and conflicts <= FIRST_CONFLICTS:
        return None
    found = [
        f"{len(sent)} to send ({_size(sum(sent))})" if sent else "",
        f"{adds} to add to Gramps Web" if adds > len(sent) else "",
        f"{len(fetched)} to fetch ({_size(sum(fetched))})" if fetched else "",
        f"{conflicts} changed on both sides" if conflicts else "",
    ]
    return f"this first sync is a large one; files: {', '.join(part for part in found if part)}"


def _size(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1000**3:.1f} GB" if size >= 1000**3 else f"{size / 1000**2:.1f} MB"
