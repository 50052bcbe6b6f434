"""A look at what changed decides as a look at everything does, or says that it cannot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from syncd.merge.neighbourhood import Neighbourhood, missing_file, unfit
from syncd.model import (
    CatalogSnapshot,
    Checksum,
    FolderFile,
    FolderSnapshot,
    Link,
    MediaObject,
    MediaPath,
    Occupant,
    parse_checksum,
)
from syncd.model.plan import Action, Plan
from syncd.reconciler import Inputs, reconcile
from tests.core import RULES, md5
from tests.core_oracle import reported, settle
from tests.core_world import World
from tests.machine.test_core_converges import MORE, _someone_acts, worlds

Files = Mapping[str, tuple[str, int]]


@dataclass
class Remembered:
    """What a state remembers, found the slow way."""

    links: Collection[Link]
    objects: Mapping[str, MediaObject]

    def links_at(self, folds: Collection[str]) -> list[Link]:
        """By path."""
        return [link for link in self.links if {link.path.fold, link.place.fold} & set(folds)]

    def links_of(self, handles: Collection[str]) -> list[Link]:
        """By handle."""
        return [link for link in self.links if link.handle in handles]

    def links_with(self, checksums: Collection[Checksum]) -> list[Link]:
        """By content."""
        return [link for link in self.links if link.checksum in checksums]

    def objects_of(self, handles: Collection[str]) -> dict[str, MediaObject]:
        """By handle."""
        return {handle: self.objects[handle] for handle in handles if handle in self.objects}

    def objects_with(self, checksums: Collection[Checksum]) -> list[MediaObject]:
        """By content."""
        return [item for item in self.objects.values() if parse_checksum(item.checksum) in checksums]


def seen(whole: FolderSnapshot, paths: Collection[MediaPath], before: Files) -> FolderSnapshot:
    """What a glance at these paths finds in a folder: they, what is above, and names that differ by case."""
    files: dict[str, FolderFile] = {}
    occupied: dict[str, Occupant] = {}
    names = {*whole.files, *whole.occupied}
    folders = {above for key in names for above in MediaPath.of(key).ancestors()}
    for path in paths:
        for key in (path.key, *path.ancestors()):
            if key in whole.files:
                files[key] = whole.files[key]
            elif key in whole.occupied:
                occupied[key] = whole.occupied[key]
            elif key in folders:
                occupied[key] = Occupant.FOLDER
            if key not in before:
                for other in (names | folders) - {key}:
                    if other.casefold() == key.casefold():
                        occupied.setdefault(other, Occupant.FOLDER if other in folders else Occupant.OTHER)
    return FolderSnapshot(files, {key: what for key, what in occupied.items() if key not in files})


def look_near(
    world: World, inputs: Inputs, before: World, linked: Collection[Link]
) -> tuple[Inputs, str | None]:
    """The inputs of a look at what changed since `before`; or why that does not do."""
    changed = {
        path for path in before.files.keys() | world.files.keys()
        if before.files.get(path) != world.files.get(path)
    }  # fmt: skip
    handles = {
        handle for handle in before.objects.keys() | world.objects.keys()
        if before.objects.get(handle) != world.objects.get(handle)
    }  # fmt: skip
    handles |= {link.handle for link in inputs.links if link not in linked}
    # Nobody tells of bytes that arrive in the bucket: the daemon looks again at what waits for some.
    arrived = world.bucket - before.bucket
    handles |= {handle for handle, item in world.objects.items() if parse_checksum(item.checksum) in arrived}
    remembered = Remembered(inputs.links, world.objects)
    unlinked = [item for handle, item in world.objects.items() if handle not in inputs.linked_handles]
    near = Neighbourhood(remembered, unlinked, "tree", RULES, used={gone.handle for gone in world.deletions})
    near.see(map(MediaPath.of, changed), handles)
    near.see_former(before.objects[handle] for handle in handles & before.objects.keys())
    while near.grow():
        near.see(
            MediaPath.of(path)
            for path, (content, _inode) in before.files.items()
            if md5(content) in near.checksums
        )
        folder = seen(inputs.folder, list(near.paths.values()), before.files)
        near.see(file.path for file in folder.files.values())
        near.see_files(folder.files)
    folder = seen(inputs.folder, list(near.paths.values()), before.files)
    if missing_file(near.links.values(), folder) is not None:
        return inputs, "a file is gone"
    return replace(
        inputs,
        links=tuple(link for link in inputs.links if link.handle in near.links),
        folder=folder,
        catalog=CatalogSnapshot(near.objects),
    ), None


def without(actions: Collection[Action], done: Collection[Action], told: set[str | None]) -> list[Action]:
    """Actions without those, not done, that concern items which had a problem."""
    kept = as_set(done)

    def had_problem(action: Action) -> bool:
        link = getattr(action, "link", None)
        handle = link.handle if link is not None else getattr(action, "handle", None)
        return handle in told

    return [action for action in actions if repr(action) in kept or not had_problem(action)]


def as_set(actions: Collection[Action]) -> set[str]:
    """Actions, in no order."""
    return {repr(action) for action in actions}


@settings(max_examples=1500 * MORE)
@given(worlds(linked=False), st.data())
def test_near_decides_as_whole(world: World, data: st.DataObject) -> None:
    """After anything that people do to a world in step, the plan for what changed is the plan for everything.

    What had a problem before may be possible by now, because some obstacle is gone: the daemon looks again at such items,
    whatever else happens.
    """
    settle(world)
    told = reported(world)
    before = replace(world, files=dict(world.files), objects=dict(world.objects), bucket=set(world.bucket))
    linked = tuple(world.links.values())
    for _ in range(data.draw(st.integers(1, 3), label="acts")):
        _someone_acts(data.draw, world)
    inputs = replace(world.inputs(), first_contact=False)
    whole = reconcile(inputs)
    part, reason = look_near(world, inputs, before, linked)
    plan = Plan() if reason else reconcile(part)
    reason = reason or unfit(plan, RULES)
    event(reason or "near")
    if reason is None:
        event(f"near with {sorted({type(action).__name__ for action in plan.actions})}")
        assert as_set(plan.actions) == as_set(without(whole.actions, plan.actions, told))
        assert not whole.conflicts


@settings(max_examples=600 * MORE)
@given(worlds(linked=False), st.data())
def test_near_ends_where_whole_ends(world: World, data: st.DataObject) -> None:
    """When a look at what changed finds nothing to do any more, a look at everything finds nothing either."""
    settle(world)
    told = reported(world)
    before = replace(world, files=dict(world.files), objects=dict(world.objects), bucket=set(world.bucket))
    linked = tuple(world.links.values())
    for _ in range(data.draw(st.integers(1, 3), label="acts")):
        _someone_acts(data.draw, world)
    for _ in range(6):
        inputs = replace(world.inputs(), first_contact=False)
        part, reason = look_near(world, inputs, before, linked)
        plan = Plan() if reason else reconcile(part)
        reason = reason or unfit(plan, RULES)
        if reason is not None:
            event(reason)
            return
        if not plan.actions:
            break
        world.apply(plan)
    event("near to the end")
    assert not plan.actions, "still busy"
    whole = reconcile(replace(world.inputs(), first_contact=False))
    assert not without(whole.actions, (), told | reported(world))
