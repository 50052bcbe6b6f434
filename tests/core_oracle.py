"""What must hold of every plan, and of every world in which all passes are done: for the machines of `tests/machine`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from syncd.model import Detached, MediaPath
from syncd.model.catalog_path import parse_catalog_path
from syncd.model.paths import handle_for
from syncd.model.plan import Plan
from syncd.model.policy import NewFiles
from tests.core import RULES, md5
from tests.core_world import World

Draw = Callable[[st.SearchStrategy[Any]], Any]
AnyWorld = TypeVar("AnyWorld", bound=World)

PASSES = 6


def check_plan(plan: Plan) -> None:
    """No plan writes one path twice, acts twice on one object, or records one link twice."""
    places = Counter(
        path.key
        for action in plan.actions
        for path in [
            getattr(action, "to", None),
            getattr(action, "aside", None),
            getattr(action, "path", None),
        ]
        if isinstance(path, MediaPath) and type(action).__name__ != "KeepLoser"
    )
    assert not [path for path, count in places.items() if count > 1], "one path, two files"
    handles = Counter(
        getattr(action, "link").handle  # noqa: B009
        for action in plan.actions
        if hasattr(action, "link") and type(action).__name__ != "Forget"
    )
    assert not [handle for handle, count in handles.items() if count > 1], "two actions on one item"


def settle(world: World) -> list[Plan]:
    """Make passes until nothing is left to do; every pass keeps all bytes.

    Objects of one path on a server's disk can be many, and each is found not to be what is there by a pass of its own.
    """
    plans: list[Plan] = []
    passes = PASSES + max(Counter(item.path for item in world.objects.values()).values(), default=0)
    for _ in range(passes):
        plan = world.plan()
        plans.append(plan)
        check_plan(plan)
        if not plan.actions:
            return plans
        before = world.contents()
        world.apply(plan)
        assert before <= world.contents(), "a content was lost"
    raise AssertionError(f"still busy after {passes} passes: {plan.actions}")


def break_off(world: AnyWorld, data: st.DataObject, act: Callable[[Draw, AnyWorld], None]) -> None:
    """Cycles in which some actions fail, with people who `act` in between; every pass keeps all bytes."""
    for _ in range(data.draw(st.integers(1, 4), label="cycles")):
        for _ in range(data.draw(st.integers(0, 3), label="acts")):
            act(data.draw, world)
        plan = world.plan()
        check_plan(plan)
        before = world.contents()
        world.apply(plan, skipped=data.draw(st.sets(st.integers(0, 12)), label="failed"))
        assert before <= world.contents(), "a content was lost"


def reported(world: World) -> set[str | None]:
    """The handles that the next pass has a problem with, or waits for."""
    plan = world.plan()
    return {problem.handle for problem in plan.problems} | {wait.handle for wait in plan.waiting}


def check_settled(world: World) -> None:
    """What a link says is true on both sides, every file has at most one object that was made for it.

    A link that sleeps, because its path is ignored now, says nothing; an ignored object and file need no link; nor
    does a file where new files get no object.
    """
    said = reported(world)
    for handle, link in world.links.items():
        item, there = world.objects.get(handle), world.files.get(link.path.key)
        if handle in said or world.is_ignored(link.path):
            continue
        if link.detached is Detached.FILE_GONE:
            assert item is not None
            continue
        if link.detached is Detached.OBJECT_GONE:
            assert item is None
            assert there is not None
            continue
        assert item is not None, "a link without an object"
        assert there is not None, "a link without a file"
        assert md5(there[0]) == link.checksum == item.checksum, "the contents differ"
        assert world.serves(item, link.checksum), "the store lacks what the object names"
    for handle, item in world.objects.items():
        target = parse_catalog_path(item.path, RULES)
        out_of_scope = item.path.startswith("https:") or (
            isinstance(target, MediaPath) and world.is_ignored(target)
        )
        assert handle in world.links or handle in said or out_of_scope, "an object that nobody sees to"
    files = {link.path.key for link in world.links.values()}
    # A move that is not followed yet: its object has a problem, of which a person is told.
    files |= {link.moved_to.key for link in world.links.values() if link.moved_to and link.handle in said}
    plan = world.plan()
    waited_for = {parse_catalog_path(wait.path, RULES) for wait in plan.waiting}
    if world.policy.found_by_path:  # a record that is not true of what Gramps Web serves: a person must look
        waited_for |= {parse_catalog_path(problem.path or "", RULES) for problem in plan.problems}
    for path, (content, _inode) in world.files.items():
        seen = path in files or MediaPath.of(path) in waited_for or world.is_ignored(MediaPath.of(path))
        if world.policy.new_files is NewFiles.ADD or path in world.copies:
            assert seen, "a file that nobody sees to"
        elif world.policy.new_files is NewFiles.UPLOAD_ONLY:
            assert seen or world.policy.found_by_path or md5(content) in world.bucket, (
                "a file that was not uploaded"
            )


def check_no_twins(*worlds: World) -> None:
    """Of the living objects that syncd made, and that nobody renamed, no two are for one file of one content.

    One that a desktop has under another name than its own (linked as it was found) does not count: a new file
    at the object's name is another file there.
    """
    strays = {
        handle
        for world in worlds
        for handle, link in world.links.items()
        if parse_catalog_path(link.named, RULES) != link.path
    }
    made = Counter(
        (item.path, item.checksum)
        for handle, item in worlds[0].objects.items()
        if handle in {handle_for("tree", MediaPath.of(item.path), number) for number in range(9)} - strays
    )
    assert not [twin for twin, count in made.items() if count > 1], "two objects for one file"
