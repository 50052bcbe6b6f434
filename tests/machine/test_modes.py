"""Every mode comes to rest: all rules of the configuration, held deletions, ignore rules that come and go, duplicates.

There are three contents only, so that nearly everything is a duplicate, and names that mean one another, clash, or mean
nothing. Whatever is done on either side, passes end, a further one does nothing, and no content is lost.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from unittest import mock

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from syncd.guard import Circumstances, first_contact, hold
from syncd.model import MediaObject, MediaPath
from syncd.model.plan import DeleteObject, Fetch, Guarded, HeldSet, MoveFile, Plan, TrashFile
from syncd.model.policy import Conflicts, FirstSync, HoldAbove, InFolder, NewFiles, OnWeb, Policy
from tests.core import RULES, md5, word
from tests.core_oracle import check_plan, check_settled
from tests.core_world import World

MORE = int(os.environ.get("SYNCD_EXAMPLES", "1"))
PASSES = 8
PATHS = ["a.jpg", "b.jpg", "A.jpg", "d/a.jpg", "d/b.jpg", "e/a.jpg", "d"]
ODD = ["./a.jpg", "d\\b.jpg", "../x.jpg", "https://x.example/a.jpg", "", "a.jpg/"]
STAMPS = ["{}", "{}", "{}", "", "nonsense", "stale"]

words = st.sampled_from(["one", "two", "three"])
paths = st.sampled_from(PATHS)
which = st.integers(0, 5)
rules = st.sampled_from(["d/", "b.jpg", "e/", "a.jpg"])
policies = st.builds(
    Policy,
    rules=st.just(RULES),
    new_files=st.sampled_from(NewFiles),
    conflicts=st.sampled_from(Conflicts),
    on_web=st.sampled_from(OnWeb),
    in_folder=st.sampled_from(InFolder),
    first_sync=st.sampled_from(FirstSync),
    hold_above=st.sampled_from([HoldAbove(), HoldAbove(count=1, percent=100, always_allow=1)]),
)


class Modes(RuleBasedStateMachine):
    """One desktop behind the guard, with a person who may approve."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.standing: tuple[HeldSet, ...] = ()
        self.numbers = 0
        self.first = True
        self.referenced: set[str] = set()
        self.approved: set[str] = set()
        self.made = 0

    @initialize(
        policy=policies,
        files=st.dictionaries(paths, words, max_size=4),
        web=st.dictionaries(paths, words, max_size=4),
    )
    def begin(self, policy: Policy, files: dict[str, str], web: dict[str, str]) -> None:
        """Any mode, a folder and a tree that know nothing of each other."""
        self.world = World(policy)
        for path, content in sorted(files.items()):
            self.write(path, content)
        for path, content in sorted(web.items()):
            self.web_add(path, content, "{}")

    # --- the folder -----------------------------------------------------------------------------------------------

    def _file(self, number: int) -> str | None:
        names = sorted(self.world.files)
        return names[number % len(names)] if names else None

    @rule(path=paths, content=words)
    def write(self, path: str, content: str) -> None:
        """A person adds or edits a file."""
        if not self.world.cannot_stand(MediaPath.of(path)):
            self.world.files[path] = (content, self.world.inode())

    @rule(number=which, to=paths)
    def rename(self, number: int, to: str) -> None:
        """A person moves a file, perhaps over another, perhaps to its name in other case."""
        path = self._file(number)
        if path is not None and path != to and not self.world.cannot_stand(MediaPath.of(to), but=path):
            self.world.files[to] = self.world.files.pop(path)

    @rule(number=which, to=paths)
    def copy(self, number: int, to: str) -> None:
        """A person copies a file."""
        path = self._file(number)
        if path is not None:
            self.write(to, self.world.files[path][0])

    @rule(number=which)
    def delete(self, number: int) -> None:
        """A person deletes a file."""
        path = self._file(number)
        if path is not None:
            del self.world.files[path]

    @rule()
    def turn(self) -> None:
        """All files move on by one name."""
        names = sorted(self.world.files)
        values = [self.world.files[name] for name in names]
        self.world.files.update(zip(names, values[1:] + values[:1], strict=True))

    @rule(source=st.sampled_from(["d", "e"]), to=st.sampled_from(["d", "e", "f"]))
    def rename_folder(self, source: str, to: str) -> None:
        """A person renames a folder."""
        files = self.world.files
        if to not in files and not any(path.startswith(to + "/") for path in files):
            for path in [path for path in files if path.startswith(source + "/")]:
                files[to + path.removeprefix(source)] = files.pop(path)

    @rule(number=which, content=words)
    def save_like_an_editor(self, number: int, content: str) -> None:
        """`a` becomes `a~`, and there is a new `a`."""
        path = self._file(number)
        if path is not None:
            self.world.files[path + "~"] = self.world.files.pop(path)
            self.write(path, content)

    @rule(pattern=rules)
    def ignore(self, pattern: str) -> None:
        """A person adds an ignore rule, or takes it away again."""
        self.world.ignored = self.world.ignored ^ {pattern}

    # --- Gramps Web -----------------------------------------------------------------------------------------------

    def _object(self, number: int) -> MediaObject | None:
        objects = self.world.objects
        return objects[sorted(objects)[number % len(objects)]] if objects else None

    def _stamp(self, content: str, stamp: str) -> str:
        """A checksum as it should be, or empty, or nonsense, or of bytes that nobody ever had."""
        if stamp == "stale":
            return str(md5("lost long ago"))
        if stamp == "{}":
            self.world.bucket.add(md5(content))
        return stamp.format(md5(content))

    @rule(
        path=st.one_of(paths, st.sampled_from(ODD), words.map(lambda item: f"{md5(item)}.jpg")),
        content=words,
        stamp=st.sampled_from(STAMPS),
    )
    def web_add(self, path: str, content: str, stamp: str) -> None:
        """A person adds an object, under any name, with any checksum."""
        self.made += 1
        handle = f"web{self.made}"
        checksum = self._stamp(content, stamp)
        self.world.objects[handle] = MediaObject(handle, path, checksum, "", self.world.now - 30 * 86400)

    @rule(
        number=which,
        content=words,
        stamp=st.sampled_from(STAMPS),
        capitals=st.booleans(),
        server=st.booleans(),
    )
    def web_edit(self, number: int, content: str, stamp: str, capitals: bool, server: bool) -> None:
        """An object gets another file, or another checksum at least."""
        item = self._object(number)
        if item is not None:
            checksum = self._stamp(content, stamp)
            path = f"{md5(content)}.jpg" if server and stamp == "{}" else item.path
            checksum = checksum.upper() if capitals else checksum
            self.world.objects[item.handle] = replace(item, path=path, checksum=checksum)

    @rule(number=which, path=st.one_of(paths, st.sampled_from(ODD)))
    def web_rename(self, number: int, path: str) -> None:
        """An object gets another name."""
        item = self._object(number)
        if item is not None:
            self.world.objects[item.handle] = replace(item, path=path)

    @rule(one=which, other=which)
    def web_swap(self, one: int, other: int) -> None:
        """Two objects change names."""
        first, second = self._object(one), self._object(other)
        if first is not None and second is not None:
            self.world.objects[first.handle] = replace(first, path=second.path)
            self.world.objects[second.handle] = replace(second, path=first.path)

    @rule(number=which)
    def web_delete(self, number: int) -> None:
        """A person deletes an object."""
        item = self._object(number)
        if item is not None:
            self.world.deleted[item.handle] = self.world.objects.pop(item.handle)

    @rule(number=which)
    def refer(self, number: int) -> None:
        """Somebody's portrait: a person of the tree refers to an object, or does no longer."""
        item = self._object(number)
        if item is not None:
            self.referenced ^= {item.handle}

    @rule(number=which)
    def ask_back(self, number: int) -> None:
        """`syncd restore` of an item whose one end is gone."""
        links = self.world.links
        if links:
            handle = sorted(links)[number % len(links)]
            links[handle] = replace(links[handle], restore=True)

    # --- syncd ----------------------------------------------------------------------------------------------------

    def _guarded(self, plan: Plan) -> Guarded:
        """What the guard lets through; small limits, so that a few files are many."""
        now = Circumstances(
            links=len(self.world.links),
            recent_deletions=0,
            references={
                item.handle: {"person": int(item.handle in self.referenced)}
                for item in self.world.objects.values()
            },
            standing=self.standing,
            first_contact=self.first,
            sizes={checksum: len(word(checksum)) for checksum in self.world.bucket},
        )
        with mock.patch.multiple(first_contact, FIRST_ADDS=1, FIRST_CONFLICTS=0):
            guarded = hold(plan, self.world.policy, now)
        held = []
        for one in guarded.held:
            self.numbers += one.id == 0
            held.append(one if one.id else replace(one, id=self.numbers))
        self.standing = tuple(held)
        if not any(one.kind == "first-sync" and not one.approved for one in held):
            self.first = False
        return guarded

    def _check_actions(self, plan: Plan, guarded: Guarded) -> None:
        """Nothing is done to what is ignored; nothing that people refer to is deleted unless somebody approved."""
        for action in plan.actions:
            if isinstance(action, DeleteObject):
                assert not self.world.is_ignored(action.link.path), "deleted because it is ignored"
            touched = [action.path] if isinstance(action, Fetch) else []
            touched += [action.to, action.file.path] if isinstance(action, MoveFile) else []
            touched += [action.file.path] if isinstance(action, TrashFile) else []
            assert not any(map(self.world.is_ignored, touched)), "an ignored path is touched"
        for action in guarded.plan.actions:
            if isinstance(action, DeleteObject) and self.world.policy.on_web is OnWeb.UNREFERENCED:
                handle = action.expected.handle
                assert handle not in self.referenced or handle in self.approved, "deleted without asking"
        if self.world.policy.on_web is OnWeb.NEVER:
            assert not any(isinstance(action, DeleteObject) for action in plan.actions)
        if self.world.policy.in_folder is InFolder.NEVER:
            assert not any(isinstance(action, TrashFile) for action in plan.actions)

    def _pass(self, failed: Collection[int] = ()) -> bool:
        """One pass; whether it did anything."""
        plan = self.world.plan()
        check_plan(plan)
        guarded = self._guarded(plan)
        self._check_actions(plan, guarded)
        before = self.world.contents()
        self.world.apply(guarded.plan, skipped=failed)
        assert before <= self.world.contents(), "a content was lost"
        return bool(guarded.plan.actions)

    @rule(failed=st.sets(st.integers(0, 8), max_size=3))
    def sync(self, failed: set[int]) -> None:
        """One pass, in which some actions fail."""
        self._pass(failed)

    @rule()
    def approve(self) -> None:
        """A person approves all that waits now."""
        self.standing = tuple(replace(held, approved=True) for held in self.standing)
        self.approved = {item.handle for held in self.standing for item in held.items}

    @rule()
    def comes_to_rest(self) -> None:
        """A few passes, and there is nothing left to do; what waits for a person waits on."""
        for _ in range(PASSES):
            if not self._pass():
                break
        else:
            raise AssertionError(f"still busy after {PASSES} passes: {self.world.plan().actions}")
        waiting = self.standing
        assert not self._pass(), "a second run does something"
        assert self.standing == waiting, "what waits changed although nobody did anything"

    def teardown(self) -> None:
        """In the end all is approved, and both sides agree."""
        if not hasattr(self, "world"):
            return
        for _ in range(PASSES):
            self.comes_to_rest()
            if not any(not held.approved for held in self.standing):
                break
            self.approve()
        else:
            raise AssertionError(f"there is always something to approve: {self.standing}")
        check_settled(self.world)


TestModes = Modes.TestCase
TestModes.settings = settings(
    max_examples=250 * MORE,
    stateful_step_count=20,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
