"""Two desktops on one tree: passes in any order, at once, broken off; clocks apart; people at work on all three sides.

Every content that a person writes is written once, so a word says when it was written and over what. From that follows
what must stand in the end (what nobody overwrote or deleted), and what must not (what somebody who had seen it did).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from syncd.model import MediaObject, MediaPath
from syncd.model.plan import AddObject, Plan
from syncd.model.policy import Conflicts, InFolder, NewFiles, OnWeb, Policy
from tests.core import RULES, md5, word
from tests.core_oracle import check_no_twins, check_plan, check_settled, reported, settle
from tests.core_world import World

MORE = int(os.environ.get("SYNCD_EXAMPLES", "1"))
ROUNDS = 5
PATHS = ["a.jpg", "b.jpg", "c.jpg", "d/a.jpg", "d/b.jpg", "e/a.jpg"]
DAY = 24 * 3600

paths = st.sampled_from(PATHS)
desks = st.integers(0, 1)
which = st.integers(0, 5)
places = st.sets(st.integers(0, 8), max_size=4)
policies = st.builds(
    Policy,
    rules=st.just(RULES),
    new_files=st.sampled_from(NewFiles),
    conflicts=st.sampled_from(Conflicts),
    on_web=st.sampled_from(OnWeb),
    in_folder=st.sampled_from(InFolder),
)


@dataclass
class History:
    """What people did to each content.

    Args:
        gone: overwritten or deleted by somebody who had it before them.
        muddled: copied, put back, or handled by a syncd that forgot: such a content is in several places, or times.
        clean: whether nothing was forgotten; else what looks new may be old.
        whole: whether every action was written down. One that was not, a deletion above all, may look like somebody
            else's; then a content may end in the trash.
    """

    count: int = 0
    gone: set[str] = field(default_factory=set)
    muddled: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    clean: bool = True
    whole: bool = True

    def write(self) -> str:
        """A content that nobody wrote before."""
        self.count += 1
        content = f"w{self.count}"
        self.written.add(content)
        return content


class TwoDesktops(RuleBasedStateMachine):
    """Two folders, two states, one Gramps Web and one bucket."""

    def __init__(self) -> None:
        super().__init__()
        self.desks: list[World] = []
        self.history = History()
        self.plans: list[Plan | None] = [None, None]
        self.coming: set[str] = set()
        """Contents that objects name already, but whose bytes are still under way."""
        self.made = 0
        self.ok = True

    @initialize(
        one=policies,
        other=policies,
        mine=st.sets(paths, max_size=3),
        theirs=st.sets(paths, max_size=3),
        web=st.sets(paths, max_size=3),
        same=st.sets(paths, max_size=2),
        skew=st.sampled_from([0, 3600, -3600]),
        usual=st.booleans(),
    )
    def begin(  # noqa: PLR0917 - hypothesis names them
        self,
        one: Policy,
        other: Policy,
        mine: Collection[str],
        theirs: Collection[str],
        web: Collection[str],
        same: Collection[str],
        skew: int,
        usual: bool,
    ) -> None:
        """Two desktops with files of their own and some in common, and a tree with objects. Often all is as delivered."""
        plain = Policy(RULES)
        first, second = self.new_worlds(plain if usual else one, plain if usual else other, skew)
        second.objects, second.deleted, second.bucket = first.objects, first.deleted, first.bucket
        self.desks = [first, second]
        for path in sorted(same):
            content = self.history.write()
            self.history.muddled.add(content)
            for world in self.desks:
                world.files[path] = (content, world.inode())
        for world, names in ((first, mine), (second, theirs)):
            for path in sorted(names):
                if path not in world.files:
                    world.files[path] = (self.history.write(), world.inode())
        for path in sorted(web):
            self.web_add(path, 0)

    # --- the server, of one kind or another -----------------------------------------------------------------------

    def new_worlds(self, one: Policy, other: Policy, skew: int) -> tuple[World, World]:
        """Two worlds, which will share the server."""
        return World(one, host="desk"), World(other, host="laptop", skew=skew)

    def web_store(self, _item: MediaObject, content: str, late: int) -> None:
        """A person gives an object bytes, now or later."""
        if late == 1:
            self.coming.add(content)
        else:
            self.desks[0].bucket.add(md5(content))

    def web_path(self, _item: MediaObject | None, path: str, content: str, late: int) -> str:
        """The path of an object that a person gave bytes: their own, or the server's name for it."""
        return f"{md5(content)}.jpg" if late == 2 else path

    def arrive(self, content: str) -> None:
        """An upload that was under way arrives."""
        self.desks[0].bucket.add(md5(content))

    def named_only(self) -> set[str]:
        """Contents that a desktop gave objects as theirs, and did not send yet: none where bytes come before names."""
        return set()

    # --- people at a desktop --------------------------------------------------------------------------------------

    def _file(self, desk: int, number: int) -> str | None:
        """One of a desktop's files."""
        names = sorted(self.desks[desk].files)
        return names[number % len(names)] if names else None

    def _leave(self, desk: int, content: str) -> None:
        """A person overwrote or deleted a content that they had before them."""
        self.history.gone.add(content)

    def _put(self, desk: int, path: str, content: str, inode: int | None = None) -> None:
        """A file is written, or put, at a path; what stood there is overwritten."""
        world = self.desks[desk]
        if world.cannot_stand(MediaPath.of(path)):
            return
        if path in world.files:
            self._leave(desk, world.files[path][0])
        world.files[path] = (content, world.inode() if inode is None else inode)

    @rule(desk=desks, path=paths)
    def write(self, desk: int, path: str) -> None:
        """A person adds a file or edits one."""
        self._put(desk, path, self.history.write())

    @rule(desk=desks, number=which)
    def edit(self, desk: int, number: int) -> None:
        """A person edits a file, whatever its name."""
        path = self._file(desk, number)
        if path is not None:
            self._put(desk, path, self.history.write())

    @rule(path=paths)
    def write_on_both(self, path: str) -> None:
        """The same new file comes to both desktops at once."""
        if all(
            path not in world.files and not world.cannot_stand(MediaPath.of(path)) for world in self.desks
        ):
            content = self.history.write()
            self.history.muddled.add(content)
            for desk in (0, 1):
                self._put(desk, path, content)

    @rule(desk=desks, number=which, to=paths)
    def rename(self, desk: int, number: int, to: str) -> None:
        """A person moves a file, perhaps over another."""
        path = self._file(desk, number)
        world = self.desks[desk]
        if path is None or path == to or world.cannot_stand(MediaPath.of(to), but=path):
            return
        what = world.files.pop(path)
        if to in world.files:
            self.history.muddled.add(what[0])
        self._put(desk, to, *what)

    def _shuffle(self, desk: int, names: Collection[str]) -> None:
        """Before files change places: with one among them that is new, it is an edit to some, and a copy to others."""
        world = self.desks[desk]
        at_home = {link.path.key: link.checksum for link in world.links.values()}
        if any(at_home.get(name) != md5(world.files[name][0]) for name in names):
            self.history.muddled.update(world.files[name][0] for name in names)

    @rule(desk=desks, one=which, other=which)
    def swap(self, desk: int, one: int, other: int) -> None:
        """Two files change places."""
        files = self.desks[desk].files
        first, second = self._file(desk, one), self._file(desk, other)
        if first is not None and second is not None:
            self._shuffle(desk, {first, second})
            files[first], files[second] = files[second], files[first]

    @rule(desk=desks)
    def turn(self, desk: int) -> None:
        """All files of a desktop move on by one name."""
        files = self.desks[desk].files
        names = sorted(files)
        self._shuffle(desk, names)
        values = [files[name] for name in names]
        for name, value in zip(names, values[1:] + values[:1], strict=True):
            files[name] = value

    @rule(desk=desks, to=st.sampled_from(["d", "e", "f"]), source=st.sampled_from(["d", "e"]))
    def rename_folder(self, desk: int, source: str, to: str) -> None:
        """A person renames a folder."""
        files = self.desks[desk].files
        if not any(path.startswith(to + "/") for path in files):
            for path in [path for path in files if path.startswith(source + "/")]:
                files[to + path.removeprefix(source)] = files.pop(path)

    @rule(desk=desks, number=which, to=paths)
    def copy(self, desk: int, number: int, to: str) -> None:
        """A person copies a file."""
        path = self._file(desk, number)
        if path is not None and to != path:
            content = self.desks[desk].files[path][0]
            self.history.muddled.add(content)
            self._put(desk, to, content)

    @rule(desk=desks, number=which)
    def save_like_an_editor(self, desk: int, number: int) -> None:
        """The old file becomes `a.jpg~`, a new one takes its name."""
        path = self._file(desk, number)
        world = self.desks[desk]
        if path is not None and path + "~" not in world.files:
            world.files[path + "~"] = world.files.pop(path)
            self.history.muddled.add(world.files[path + "~"][0])
            self._put(desk, path, self.history.write())

    @rule(desk=desks, number=which)
    def delete(self, desk: int, number: int) -> None:
        """A person deletes a file."""
        path = self._file(desk, number)
        if path is not None:
            self._leave(desk, self.desks[desk].files.pop(path)[0])

    @rule(desk=desks, number=which, path=paths)
    def put_back(self, desk: int, number: int, path: str) -> None:
        """A person takes a file out of the trash."""
        world = self.desks[desk]
        if world.trash and path not in world.files and not world.cannot_stand(MediaPath.of(path)):
            content = sorted(world.trash)[number % len(world.trash)]
            self.history.muddled.add(content)
            self.history.gone.discard(content)
            self._put(desk, path, content)

    @invariant()
    def note_what_is_in_two_places(self) -> None:
        """A file that left its name to a new one (`a.jpg~` and a new `a.jpg`) is a new copy, its object the new one's."""
        for world in self.desks:
            standing = {content for content, _inode in world.files.values()}
            away = {
                handle: link
                for handle, link in world.links.items()
                if (there := world.files.get(link.path.key)) is None or md5(there[0]) != link.checksum
            }
            # Of a circle or a shift with one file edited, deleted or doubled in it nobody can tell moves from edits.
            many = Counter(md5(content) for content, _inode in world.files.values())
            if any(many[link.checksum] != 1 and link.path.key in world.files for link in away.values()):
                self.history.muddled.update({word(link.checksum) for link in away.values()} & standing)
            while edited := {
                handle: link
                for handle, link in away.items()
                if (there := world.files.get(link.path.key))
                and md5(there[0]) not in {other.checksum for other in away.values()}
            }:
                self.history.muddled.update({word(link.checksum) for link in edited.values()} & standing)
                away = {handle: link for handle, link in away.items() if handle not in edited}

    # --- people in Gramps Web -------------------------------------------------------------------------------------

    def _object(self, number: int) -> MediaObject | None:
        objects = self.desks[0].objects
        return objects[sorted(objects)[number % len(objects)]] if objects else None

    @rule(path=paths, late=st.integers(0, 3))
    def web_add(self, path: str, late: int) -> None:
        """A person adds an object in Gramps Web, under the server's name for it or their own."""
        self.made += 1
        content = self.history.write()
        named = self.web_path(None, path, content, late)
        handle = f"web{self.made}"
        self.desks[0].objects[handle] = MediaObject(handle, named, md5(content), "", self.desks[0].now)
        self.web_store(self.desks[0].objects[handle], content, late)

    @rule(number=which, late=st.integers(0, 3))
    def web_edit(self, number: int, late: int) -> None:
        """A person replaces the file of an object."""
        item = self._object(number)
        if item is not None:
            self.history.gone.add(word(item.checksum))
            content = self.history.write()
            path = self.web_path(item, item.path, content, late)
            after = replace(item, path=path, checksum=md5(content), change=self.desks[0].now)
            self.desks[0].objects[item.handle] = after
            self.web_store(after, content, late)

    @rule(number=which, path=paths)
    def web_rename(self, number: int, path: str) -> None:
        """A person gives an object another path."""
        item = self._object(number)
        if item is not None:
            self.desks[0].objects[item.handle] = replace(item, path=path, change=self.desks[0].now)

    @rule(one=which, other=which)
    def web_swap(self, one: int, other: int) -> None:
        """Two objects change names."""
        first, second = self._object(one), self._object(other)
        if first is not None and second is not None:
            for item, path in ((first, second.path), (second, first.path)):
                self.desks[0].objects[item.handle] = replace(item, path=path, change=self.desks[0].now)

    @rule(number=which)
    def web_delete(self, number: int) -> None:
        """A person deletes an object."""
        item = self._object(number)
        if item is not None:
            self.history.gone.add(word(item.checksum))
            self.desks[0].deleted[item.handle] = self.desks[0].objects.pop(item.handle)

    @precondition(lambda self: self.coming)
    @rule()
    def bytes_arrive(self) -> None:
        """All uploads that were under way arrive."""
        for content in sorted(self.coming):
            self.arrive(content)
        self.coming.clear()

    # --- syncd ----------------------------------------------------------------------------------------------------

    def _do(self, act: Callable[[], Any]) -> None:
        """Something that syncd does never loses a content."""
        before = self._contents()
        act()
        assert before <= self._contents(), "a content was lost"

    def _contents(self) -> set[str]:
        return self.desks[0].contents() | self.desks[1].contents()

    @rule(desk=desks)
    def sync(self, desk: int) -> None:
        """One pass of one desktop."""
        plan = self.desks[desk].plan()
        check_plan(plan)
        self._do(lambda: self.desks[desk].apply(plan))
        self.plans[desk] = None

    @rule(desk=desks)
    def look(self, desk: int) -> None:
        """A desktop looks and decides; until it acts, anything may happen."""
        self.plans[desk] = self.desks[desk].plan()

    @precondition(lambda self: any(self.plans))
    @rule(desk=desks, failed=places)
    def act(self, desk: int, failed: set[int]) -> None:
        """A desktop does what it decided some time ago."""
        plan = self.plans[desk]
        if plan is not None:
            self._do(lambda: self.desks[desk].apply(plan, skipped=failed))
            self.plans[desk] = None

    @rule(desk=desks, failed=places, killed=places)
    def break_off(self, desk: int, failed: set[int], killed: set[int]) -> None:
        """A pass in which some actions fail, and others are done but not written down."""
        world = self.desks[desk]
        plan = world.plan()
        if killed:
            self.history.clean = self.history.whole = False
        self._do(lambda: world.apply(plan, skipped=failed, unrecorded=killed))
        self.plans[desk] = None

    @rule(desk=desks)
    def lose_state(self, desk: int) -> None:
        """The state file is lost: first contact again."""
        world = self.desks[desk]
        world.links.clear()
        world.intents.clear()
        world.copies.clear()
        self.plans[desk] = None
        self.history.clean = False

    @rule(days=st.sampled_from([0, 2]))
    def time_passes(self, days: int) -> None:
        """An hour, or two days, go by. By then an upload that has not arrived counts as failed, its checksum as stale."""
        if days:
            late = self.coming | self.named_only()
            self.history.gone |= late
            self.history.muddled |= late
        for world in self.desks:
            world.now += 3600 + days * DAY

    # --- the end --------------------------------------------------------------------------------------------------

    @rule()
    def everything_settles(self) -> None:
        """Nobody does anything and nothing fails: both desktops come to rest, and what should stand stands."""
        self.bytes_arrive()
        plans = self._come_to_rest()
        if any(world.plan().waiting for world in self.desks):  # for an upload that nobody makes: not for ever
            self.time_passes(2)
            plans += self._come_to_rest()
            assert not [waiting for world in self.desks for waiting in world.plan().waiting]
        self.plans = [None, None]
        made = [
            action.link.handle for plan in plans for action in plan.actions if isinstance(action, AddObject)
        ]
        assert len(made) == len(set(made)), "one object was made twice"
        for world in self.desks:
            check_settled(world)
        check_no_twins(*self.desks)
        self._check_contents()

    def _come_to_rest(self) -> list[Plan]:
        """Both desktops, in turns, until neither has anything to do; what they did."""
        plans: list[Plan] = []
        for number in range(ROUNDS):
            done = [settle(world) for world in self.desks]
            plans += [plan for each in done for plan in each]
            if sum(map(len, done)) == len(done):
                event(f"{number} rounds")
                return plans
        raise AssertionError(
            f"the desktops do not come to rest: {[world.plan().actions for world in self.desks]}"
        )

    def teardown(self) -> None:
        """Every history ends at rest."""
        if self.desks:
            self.everything_settles()

    def _check_contents(self) -> None:
        """What nobody overwrote or deleted stands in both folders; what somebody did, in none."""
        known = self.history
        standing = [{content for content, _inode in world.files.values()} for world in self.desks]
        everything = self._contents()
        policies = [world.policy for world in self.desks]
        both_kept = all(policy.conflicts is Conflicts.KEEP_BOTH for policy in policies)
        for content in sorted(known.written - known.gone):
            assert content in everything, f"{content} is lost"
            if not (both_kept and known.whole):
                continue
            assert content in standing[0] | standing[1] or self._has_no_place(content), (
                f"{content} stands nowhere"
            )
            for desk, other in ((0, 1), (1, 0)):
                assert content in standing[desk] or self._may_lack(desk, other, content), (
                    f"{content} came to one only"
                )
        deletes = all(
            policy.on_web is not OnWeb.NEVER and policy.in_folder is InFolder.TRASH for policy in policies
        )
        if known.clean and deletes:
            for content in sorted(known.gone - known.muddled):
                assert content not in standing[0] | standing[1], f"{content} came back"

    def _has_no_place(self, _content: str) -> bool:
        """Whether both are told why a file cannot be brought to them: never, by the names that are used here."""
        return False

    def _may_lack(self, desk: int, other: int, content: str) -> bool:
        """Whether a desktop may lack what the other has: nobody made an object of it, or it is told why it has it not."""
        world, peer = self.desks[desk], self.desks[other]
        handles = {item.handle for item in world.objects.values() if item.digest == md5(content)}
        if not handles:
            return peer.policy.new_files is not NewFiles.ADD
        return bool(handles & reported(world))


TestTwoDesktops = TwoDesktops.TestCase
TestTwoDesktops.settings = settings(
    max_examples=250 * MORE,
    stateful_step_count=20,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
