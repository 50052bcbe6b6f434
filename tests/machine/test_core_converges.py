"""Whatever the start, whatever people do, whatever fails: passes converge, nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from syncd.model import Checksum, Detached, Link, MediaObject, MediaPath
from syncd.model.plan import AddObject, DeleteObject, Plan, TrashFile
from syncd.model.policy import Conflicts, InFolder, OnWeb, Policy
from tests.core import RULES, md5
from tests.core_oracle import PASSES, Draw, break_off, check_plan, check_settled, settle
from tests.core_world import NOW, World

MORE = int(os.environ.get("SYNCD_EXAMPLES", "1"))
"""How many times as many examples: `SYNCD_EXAMPLES=20` for a long hunt."""

PATHS = ["a.jpg", "b.jpg", "c.jpg", "d/a.jpg", "d/b.jpg", "A.jpg", "d"]
WEB_PATHS = [
    *PATHS,
    "./a.jpg",
    "d\\b.jpg",
    "../x.jpg",
    "/home/me/Pictures/c.jpg",
    "https://x.example/a.jpg",
    "",
]
WORDS = ["one", "two", "three", "four", ""]
HANDLES = ["h1", "h2", "h3", "h4"]
DAYS = [NOW - 30 * 86400, NOW - 60]

words = st.sampled_from(WORDS)
paths = st.sampled_from(PATHS)
web_paths = st.one_of(st.sampled_from(WEB_PATHS), words.map(lambda word: f"{md5(word)}.jpg"))
policies = st.builds(
    Policy,
    rules=st.just(RULES),
    conflicts=st.sampled_from(Conflicts),
    on_web=st.sampled_from(OnWeb),
    in_folder=st.sampled_from(InFolder),
)


def _folder(files: dict[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
    """Only what a file system can hold: no file where another needs a folder."""
    return {
        path: what for path, what in files.items() if not any(other.startswith(path + "/") for other in files)
    }


@st.composite
def objects(draw: st.DrawFn, handle: str) -> MediaObject:
    """An object with a checksum as it should be, or empty, or in capitals."""
    checksum = str(md5(draw(words)))
    checksum = draw(st.sampled_from([checksum, checksum, checksum, "", checksum.upper()]))
    return MediaObject(handle, draw(web_paths), checksum, "", draw(st.sampled_from(DAYS)))


@st.composite
def links(draw: st.DrawFn, handle: str) -> Link:
    """A link, right or wrong."""
    path = draw(paths)
    return Link(
        handle,
        draw(st.one_of(st.just(path), web_paths)),
        MediaPath.of(path),
        md5(draw(words)),
        draw(st.integers(0, 3)),
        draw(st.sampled_from([None, None, None, *Detached])),
        draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def worlds(draw: st.DrawFn, *, linked: bool) -> World:
    """Any folder, catalog and bucket; with links, or before the first contact."""
    files = draw(st.dictionaries(paths, st.tuples(words, st.integers(1, 3)), max_size=5))
    here = draw(st.sets(st.sampled_from(HANDLES)))
    known = draw(st.sets(st.sampled_from(HANDLES))) if linked else set()
    return World(
        policy=draw(policies),
        files=_folder(files),
        objects={handle: draw(objects(handle)) for handle in sorted(here)},
        bucket={md5(word) for word in draw(st.sets(words))},
        links={handle: draw(links(handle)) for handle in sorted(known)},
    )


def _someone_acts(draw: Draw, world: World) -> None:
    """One thing that a person does, on either side."""
    file = st.sampled_from(sorted(world.files)) if world.files else None
    handle = st.sampled_from(sorted(world.objects)) if world.objects else None
    acts: list[Callable[[], None]] = [lambda: _write(draw, world), lambda: _upload(draw, world)]
    if file is not None:
        acts += [
            lambda: _rename(draw, world, draw(file)),
            lambda: _unlink(world, draw(file)),
            lambda: _swap(world, draw(file), draw(file)),
        ]
    if handle is not None:
        acts += [
            lambda: _edit_object(draw, world, draw(handle)),
            lambda: _name_object(draw, world, draw(handle)),
            lambda: _swap_objects(world, draw(handle), draw(handle)),
            lambda: _delete_object(world, draw(handle)),
            lambda: _ask_back(world, draw(handle)),
        ]
    draw(st.sampled_from(acts))()


def _write(draw: Draw, world: World) -> None:
    path = draw(paths)
    files = {**world.files, path: (draw(words), world.inode())}
    if _folder(files) == files:
        world.files = files


def _rename(draw: Draw, world: World, path: str) -> None:
    to = draw(paths)
    files = {**world.files, to: world.files[path]}
    if to != path:
        del files[path]
    if _folder(files) == files:
        world.files = files


def _swap(world: World, one: str, other: str) -> None:
    world.files[one], world.files[other] = world.files[other], world.files[one]


def _unlink(world: World, path: str) -> None:
    del world.files[path]


def _upload(draw: Draw, world: World) -> None:
    handle = f"new{len(world.objects) + len(world.deleted)}"
    content = draw(words)
    world.bucket.add(md5(content))
    path = draw(st.one_of(st.just(f"{md5(content)}.jpg"), paths))
    world.objects[handle] = MediaObject(handle, path, md5(content), "", NOW - 60)


def _edit_object(draw: Draw, world: World, handle: str) -> None:
    content = draw(words)
    checksum: Checksum = md5(content)
    world.bucket.add(checksum)
    item = world.objects[handle]
    path = draw(st.sampled_from([item.path, f"{checksum}.jpg"]))
    world.objects[handle] = replace(item, path=path, checksum=checksum, change=NOW - 60)


def _name_object(draw: Draw, world: World, handle: str) -> None:
    world.objects[handle] = replace(world.objects[handle], path=draw(web_paths), change=NOW - 60)


def _swap_objects(world: World, one: str, other: str) -> None:
    first, second = world.objects[one], world.objects[other]
    world.objects[one] = replace(first, path=second.path)
    world.objects[other] = replace(second, path=first.path)


def _delete_object(world: World, handle: str) -> None:
    world.deleted[handle] = world.objects.pop(handle)


def _ask_back(world: World, handle: str) -> None:
    if handle in world.links:
        world.links[handle] = replace(world.links[handle], restore=True)


def _made(plans: list[Plan]) -> Counter[str]:
    return Counter(
        action.file.path.key for plan in plans for action in plan.actions if isinstance(action, AddObject)
    )


@settings(max_examples=400 * MORE)
@given(worlds(linked=False))
def test_first_contact_is_a_union(world: World) -> None:
    """Without links nothing is deleted, no object vanishes, and every file has exactly one object in the end."""
    objects = set(world.objects)
    paths = set(world.files)
    plans = settle(world)
    assert not any(isinstance(action, DeleteObject | TrashFile) for plan in plans for action in plan.actions)
    assert objects <= set(world.objects)
    assert paths <= set(world.files)
    assert all(count == 1 for count in _made(plans).values())
    if world.policy.conflicts is Conflicts.KEEP_BOTH:
        assert not world.trash
    check_settled(world)


@settings(max_examples=600 * MORE)
@given(worlds(linked=True))
def test_any_links_settle(world: World) -> None:
    """Even links that are wrong in every way lead to a settled world, and no content is lost on the way."""
    settle(world)
    check_settled(world)


@settings(max_examples=600 * MORE)
@given(worlds(linked=False), st.data())
def test_whatever_people_do_settles(world: World, data: st.DataObject) -> None:
    """After edits, moves, swaps and deletions on both sides both are in step again, and a further pass is quiet."""
    settle(world)
    for _ in range(data.draw(st.integers(1, 3), label="cycles")):
        for _ in range(data.draw(st.integers(1, 4), label="acts")):
            _someone_acts(data.draw, world)
        plans = settle(world)
        event(f"{len(plans) - 1} passes")
        assert all(count == 1 for count in _made(plans).values())
        check_settled(world)


@settings(max_examples=600 * MORE)
@given(worlds(linked=False), st.data())
def test_failed_actions_do_no_harm(world: World, data: st.DataObject) -> None:
    """Actions that fail, in any combination, while people go on, are made up for."""
    break_off(world, data, _someone_acts)
    settle(world)
    check_settled(world)


@settings(max_examples=400 * MORE)
@given(worlds(linked=False), st.data())
def test_what_a_held_deletion_spares_is_left_alone(world: World, data: st.DataObject) -> None:
    """While deletions wait for a person their objects are not changed, and everything else settles around them.

    A deletion may turn out to be none: a file put over another that conflicts goes aside, and its object follows.
    """
    settle(world)
    for _ in range(data.draw(st.integers(1, 4), label="acts")):
        _someone_acts(data.draw, world)
    spared: dict[str, MediaObject] = {}
    for _ in range(PASSES):
        plan = world.plan()
        check_plan(plan)
        doomed = {action.expected.handle for action in plan.actions if isinstance(action, DeleteObject)}
        spared |= {handle: world.objects[handle] for handle in doomed - set(spared)}
        rest = [action for action in plan.actions if not isinstance(action, DeleteObject)]
        if not rest:
            break
        world.apply(replace(plan, actions=rest))
    else:
        raise AssertionError(f"still busy after {PASSES} passes: {world.plan().actions}")
    assert spared.keys() <= world.objects.keys()
    assert all(world.objects[handle] == spared[handle] for handle in doomed)
    settle(world)
    check_settled(world)
