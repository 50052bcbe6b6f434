"""On a Gramps Web that keeps media on its own disk: whatever people do and whatever fails, each object shows its own bytes.

The same as in `test_core_converges` and `test_two_desktops`, where files are found by the paths of their objects.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from syncd.model import Checksum, MediaObject, MediaPath
from syncd.model.catalog_path import parse_catalog_path
from syncd.model.plan import DeleteObject, TrashFile
from syncd.model.policy import Conflicts, InFolder, OnWeb, Policy
from tests.core import RULES, md5, word
from tests.core_disk_world import DiskWorld
from tests.core_oracle import Draw, break_off, check_settled, reported, settle
from tests.core_world import NOW, World
from tests.machine.test_two_desktops import TwoDesktops, which

MORE = int(os.environ.get("SYNCD_EXAMPLES", "1"))

PATHS = ["a.jpg", "b.jpg", "c.jpg", "d/a.jpg", "d/b.jpg", "e"]
HANDLES = ["h1", "h2", "h3", "h4"]
WORDS = ["one", "two", "three", "four", ""]
WEB_PATHS = [*PATHS, "./a.jpg", "d\\b.jpg", "../x.jpg", "/home/me/Pictures/c.jpg", "https://x.example/a.jpg"]
paths = st.sampled_from(PATHS)
words = st.sampled_from(WORDS)
web_paths = st.sampled_from(WEB_PATHS)
policies = st.builds(
    Policy,
    rules=st.just(RULES),
    conflicts=st.sampled_from(Conflicts),
    on_web=st.sampled_from(OnWeb),
    in_folder=st.sampled_from(InFolder),
    found_by_path=st.just(True),
)


@st.composite
def worlds(draw: st.DrawFn) -> DiskWorld:
    """Any folder, any objects, and a disk that has what they name, or something else, or nothing, and files of nobody."""
    world = DiskWorld(draw(policies))
    for path in sorted(draw(st.sets(paths, max_size=4))):
        world.files[path] = (draw(words), world.inode())
    for handle in sorted(draw(st.sets(st.sampled_from(HANDLES)))):
        content = draw(words)
        checksum = str(md5(content))
        checksum = draw(st.sampled_from([checksum, checksum, checksum, "", checksum.upper()]))
        item = MediaObject(
            handle, draw(web_paths), checksum, "", draw(st.sampled_from([NOW - 30 * 86400, NOW]))
        )
        world.objects[handle] = item
        if draw(st.integers(0, 3)):
            world.keep(item, content)
    for path in sorted(draw(st.sets(paths, max_size=2))):
        world.disk.setdefault(path, draw(words))
    return world


def check_served(*worlds: DiskWorld) -> None:
    """Every object that has a file here shows the bytes that its checksum names, or a person is told."""
    for world in worlds:
        said = reported(world)
        for handle in world.links.keys() & world.objects.keys() - said:
            item, link = world.objects[handle], world.links[handle]
            if link.detached is None and link.path.key in world.files and not world.is_ignored(link.path):
                content = world.served(item)
                assert content is not None, f"nothing is served for {item}"
                assert md5(content) == item.checksum, f"{content} is served for {item}"


def _someone_acts(draw: Draw, world: DiskWorld) -> None:
    """One thing that a person does, on either side."""
    file = draw(st.sampled_from(sorted(world.files))) if world.files else None
    handle = draw(st.sampled_from(sorted(world.objects))) if world.objects else None
    path, content = draw(paths), draw(words)
    acts: list[Callable[[], None]] = [
        lambda: world.files.update({path: (content, world.inode())}),
        lambda: _upload(world, content, path if draw(st.booleans()) else f"{md5(content)}.jpg"),
    ]
    if file is not None:
        other = draw(st.sampled_from(sorted(world.files)))
        acts += [
            lambda: world.files.update({path: world.files.pop(file)}),
            lambda: world.files.update({file: world.files[other], other: world.files[file]}),
            lambda: world.files.update({file: (content, world.inode())}),
            lambda: world.files.__delitem__(file),
        ]
    if handle is not None:
        item, second = world.objects[handle], world.objects[draw(st.sampled_from(sorted(world.objects)))]
        acts += [
            lambda: _replace(world, item, content),
            lambda: world.objects.update({handle: replace(item, path=draw(web_paths))}),
            lambda: _swap(world, item, second),
            lambda: world.deleted.update({handle: world.objects.pop(handle)}),
            lambda: world.objects.update(
                {handle: replace(item, checksum=draw(st.sampled_from(["", md5(content)])))}
            ),
        ]
    draw(st.sampled_from(acts))()


def _upload(world: DiskWorld, content: str, path: str) -> None:
    handle = f"new{len(world.objects) + len(world.deleted)}"
    world.objects[handle] = MediaObject(handle, path, md5(content), "", NOW - 60)
    world.keep(world.objects[handle], content)


def _replace(world: DiskWorld, item: MediaObject, content: str) -> None:
    """The web page's "replace file" names the object by its checksum."""
    checksum: Checksum = md5(content)
    after = replace(item, path=f"{checksum}.jpg", checksum=checksum, change=NOW - 60)
    world.objects[item.handle] = after
    world.keep(after, content)


def _swap(world: DiskWorld, one: MediaObject, other: MediaObject) -> None:
    world.objects[one.handle] = replace(one, path=other.path)
    world.objects[other.handle] = replace(other, path=one.path)


@settings(max_examples=200 * MORE)
@given(worlds())
def test_first_contact_is_a_union(world: DiskWorld) -> None:
    """Without links nothing is deleted, no object and no file vanishes, and what Gramps Web shows is right or reported."""
    objects, files = set(world.objects), set(world.files)
    plans = settle(world)
    assert not any(isinstance(action, DeleteObject | TrashFile) for plan in plans for action in plan.actions)
    assert objects <= set(world.objects)
    assert files <= set(world.files)
    check_settled(world)
    check_served(world)


@settings(max_examples=300 * MORE)
@given(worlds(), st.data())
def test_whatever_people_do_settles(world: DiskWorld, data: st.DataObject) -> None:
    """After edits, moves, swaps, replacements and deletions on both sides each object shows its own bytes."""
    settle(world)
    for _ in range(data.draw(st.integers(1, 3), label="cycles")):
        for _ in range(data.draw(st.integers(1, 4), label="acts")):
            _someone_acts(data.draw, world)
        settle(world)
        check_settled(world)
        check_served(world)


@settings(max_examples=300 * MORE)
@given(worlds(), st.data())
def test_failed_actions_do_no_harm(world: DiskWorld, data: st.DataObject) -> None:
    """Names whose bytes did not follow, and whatever else was broken off, are made up for."""
    break_off(world, data, _someone_acts)
    settle(world)
    check_settled(world)
    check_served(world)


class TwoDesktopsOfADiskServer(TwoDesktops):
    """Two folders, two states, and one Gramps Web with a disk."""

    desks: list[DiskWorld]  # type: ignore[assignment]

    def new_worlds(self, one: Policy, other: Policy, skew: int) -> tuple[World, World]:
        """Two worlds that share the server."""
        first = DiskWorld(replace(one, found_by_path=True), host="desk")
        second = DiskWorld(replace(other, found_by_path=True), host="laptop", skew=skew, disk=first.disk)
        return first, second

    def web_store(self, item: MediaObject, content: str, late: int) -> None:
        """A person gives an object bytes, now or later."""
        if late == 1:
            self.coming.add(content)
        elif not self.desks[0].keep(item, content):
            self.history.written.discard(content)

    def web_path(self, item: MediaObject | None, path: str, content: str, late: int) -> str:
        """A new file's path; one that replaces another is named by the server."""
        return path if item is None and late != 2 else f"{md5(content)}.jpg"

    def arrive(self, content: str) -> None:
        """An upload that was under way arrives, for each object that still wants it."""
        wanting = [item for item in self.desks[0].objects.values() if item.checksum == md5(content)]
        if not [item for item in wanting if self.desks[0].keep(item, content)]:
            self.history.written.discard(content)

    def named_only(self) -> set[str]:
        """Names come before bytes."""
        items = self.desks[0].objects.values()
        return {word(item.checksum) for item in items if self.desks[0].served(item) != word(item.checksum)}

    def _lose_sight(self, *items: MediaObject | None) -> None:
        """Objects got other paths in Gramps Web: what only their old ones had can be reached by nobody."""
        here = {content for world in self.desks for content, _inode in world.files.values()}
        lost = {word(item.checksum) for item in items if item is not None} - here
        self.history.gone |= lost
        handles = {item.handle for item in items if item is not None}
        known = [link for world in self.desks for link in world.links.values() if link.handle in handles]
        self.history.muddled |= lost | {word(link.checksum) for link in known}

    def _has_no_place(self, content: str) -> bool:
        """Both are told that the object's path cannot be used: a file has the name of its folder, say."""
        told = [{problem.handle for problem in world.plan().problems} for world in self.desks]
        handles = {item.handle for item in self.desks[0].objects.values() if item.digest == md5(content)}
        return bool(handles) and all(handles & here for here in told)

    def _may_lack(self, desk: int, other: int, content: str) -> bool:
        """Also where its owner is told that the object of that path has a record that is not true: a person must look."""
        peer = self.desks[other]
        told = {parse_catalog_path(problem.path or "", RULES) for problem in peer.plan().problems}
        here = {MediaPath.of(path) for path, (stands, _inode) in peer.files.items() if stands == content}
        return bool(here & told) or super()._may_lack(desk, other, content)

    @rule(number=which, path=st.sampled_from(PATHS))
    def web_rename(self, number: int, path: str) -> None:
        """A person gives an object another path."""
        self._lose_sight(self._object(number))
        super().web_rename(number, path)

    @rule(one=which, other=which)
    def web_swap(self, one: int, other: int) -> None:
        """Two objects change names."""
        self._lose_sight(self._object(one), self._object(other))
        super().web_swap(one, other)

    @rule()
    def everything_settles(self) -> None:
        """At rest every object that has a file somewhere shows its own bytes."""
        super().everything_settles()
        check_served(*self.desks)


TestTwoDesktopsOfADiskServer = TwoDesktopsOfADiskServer.TestCase
TestTwoDesktopsOfADiskServer.settings = settings(
    max_examples=120 * MORE,
    stateful_step_count=20,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
