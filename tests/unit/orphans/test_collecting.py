"""Moving, deleting and putting back, on a bucket in memory: what is done when people are faster, rights lack, keys change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syncd.bucket.quarantine import bring_back, quarantine_key
from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import Tenants
from syncd.bucket.verdicts import NOT_LET
from syncd.errors import Denied, MovedOn, StopError, Unexpected
from syncd.merge.orphans import QUARANTINE_DAYS, Standing
from syncd.model import CatalogSnapshot, Checksum, Link, MediaObject, MediaPath
from syncd.model.plan import Before, Done, HeldItem, HeldSet, HoldKind
from syncd.model.values import DAY_SECONDS
from syncd.orphans import Collected, Found, Rooms, collect, find, put_back
from syncd.orphans.needs import BEFORE, FOLDER, HELD, HISTORY, TRASH, UNDO, needs_of
from syncd.ports import Cursor, Feed, MediaLocation
from syncd.state import Binding, Deed, State, TrashEntry

TREE = "1234abcd"
PREFIX = f"family/{TREE}/"
LIVE, ONE, TWO, THREE = (Checksum(digit * 32) for digit in "0abc")
NOW = 20_000.0 * DAY_SECONDS
AGE = 30 * DAY_SECONDS


@dataclass
class Bucket:
    """Keys and their bytes, as `Upkeep` shows them; `before` is called with the name of each request."""

    keys: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    now: float = NOW
    tenants: Tenants | Exception = field(default_factory=Tenants)
    refuses: str = ""
    before: Callable[[str, str], None] = lambda _request, _key: None

    def walk(self, prefix: str) -> Iterator[StoredKey]:
        """All keys."""
        for key in sorted(self.keys):
            if key.startswith(prefix):
                yield self.stored(key)

    def stored(self, key: str) -> StoredKey:
        """One key."""
        content, at = self.keys[key]
        return StoredKey(key, len(content), content.hex(), datetime.fromtimestamp(at, UTC))

    def copy(self, source: StoredKey, target: str) -> StoredKey:
        """Copy, if it is what was listed."""
        self.before("copy", source.key)
        if source.key not in self.keys or self.stored(source.key).etag != source.etag:
            raise MovedOn("changed", "")
        self.keys[target] = (self.keys[source.key][0], self.now)
        return self.stored(target)

    def delete(self, keys: Sequence[StoredKey]) -> Mapping[str, str]:
        """Delete what still is as listed."""
        failed = {}
        for key in keys:
            self.before("delete", key.key)
            if self.refuses:
                failed[key.key] = self.refuses
            elif key.key in self.keys and self.stored(key.key).etag != key.etag:
                failed[key.key] = "it changed meanwhile"
            else:
                self.keys.pop(key.key, None)
        return failed

    def find_tenants(self, prefix: str, tree_id: str) -> Tenants:
        """What the test says."""
        assert (prefix, tree_id) == ("family/", TREE)
        if isinstance(self.tenants, Exception):
            raise self.tenants
        return self.tenants


@dataclass
class Web:
    """Media objects: handle → checksum as written."""

    objects: dict[str, str] = field(default_factory=lambda: {"live": str(LIVE)})
    complete: bool = True
    history: frozenset[Checksum] = frozenset()
    place: MediaLocation = field(default_factory=lambda: MediaLocation("bucket", PREFIX))
    asked: list[float] = field(default_factory=list)

    def list(self) -> tuple[CatalogSnapshot, Cursor]:
        """All objects."""
        found = {handle: MediaObject(handle, "x.jpg", raw) for handle, raw in self.objects.items()}
        return CatalogSnapshot(found), Cursor(1, 1.0)

    def changes(self, since: Cursor) -> Feed:
        """All objects as changes; or nothing but that there were some."""
        found = dict(self.list()[0].objects) if self.complete else {}
        return Feed(found, since, self.complete)

    def named_since(self, moment: float) -> frozenset[Checksum]:
        """What the history tells."""
        self.asked.append(moment)
        return self.history

    def location(self, handle: str) -> MediaLocation:
        """Where the media are."""
        return self.place


@dataclass
class Desk:
    """A state, a bucket and a Gramps Web."""

    state: State
    bucket: Bucket
    web: Web
    settings: Any
    prefix: str = PREFIX

    @property
    def rooms(self) -> Rooms:
        """All of it, open."""
        binding = Binding(
            TREE, "bucket", self.prefix, "f", "/m", "http://x", "t", frozenset(), first_contact=False
        )
        parts: tuple[Any, ...] = (self.settings, self.state, binding, self.web, self.bucket)
        return Rooms(*parts)

    def put(self, checksum: Checksum, *, content: bytes = b"bytes", at: float = 0) -> None:
        """Store a key, long ago."""
        self.bucket.keys[self.prefix + checksum] = (content, at)

    def look(self, now: float = NOW) -> Found:
        """Look for orphans."""
        self.bucket.now = now
        return find(self.rooms, now=now, min_age=AGE)

    def collect(self, now: float = NOW, *, only_tree: bool = False) -> Collected:
        """Look and collect."""
        return collect(self.rooms, self.look(now), now=now, only_tree=only_tree)

    def names(self) -> set[str]:
        """All keys, without the prefix."""
        return {key.removeprefix(self.prefix) for key in self.bucket.keys}


class Places:
    """Where a state would lie."""

    def __init__(self, folder: Path) -> None:
        self.state_file = folder / "own" / "state.sqlite"
        self.deletions = SimpleNamespace(trash_days=30)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose state has known three orphans for long."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    places = Places(tmp_path)
    with State.open(places.state_file) as state:
        state.bind(
            Binding(TREE, "bucket", PREFIX, "f", "/m", "http://x", "t", frozenset(), first_contact=False)
        )
        desk = Desk(state, Bucket(), Web(), places)
        desk.put(LIVE)
        for one in (ONE, TWO, THREE):
            desk.put(one)
        state.see_orphans([ONE, TWO, THREE], 0)
        yield desk


def kept(checksum: Checksum, now: float = NOW) -> str:
    """Where a key lies in quarantine, below the prefix."""
    return quarantine_key("", datetime.fromtimestamp(now, UTC).date(), checksum)


def test_orphans_move_then_go(desk: Desk) -> None:
    """First to the quarantine, a month later for good; a look between changes nothing; nothing else is touched."""
    for foreign in (
        "notes.txt",
        "A" * 32,
        f"deeper/{ONE}",
        f"{ONE}.jpg",
        "media_archives/x/" + "f" * 64 + ".zip",
    ):
        desk.bucket.keys[PREFIX + foreign] = (b"foreign", 0)
    before = desk.names()
    done = desk.collect()
    assert done.moved.keys() == {ONE, TWO, THREE}
    assert desk.names() == (before - {ONE, TWO, THREE}) | {kept(one) for one in (ONE, TWO, THREE)}
    assert {one.kept_as for one in desk.state.departures()} == {
        PREFIX + kept(one) for one in (ONE, TWO, THREE)
    }
    assert desk.collect(NOW + (QUARANTINE_DAYS - 1) * DAY_SECONDS) == Collected()
    done = desk.collect(NOW + (QUARANTINE_DAYS + 1) * DAY_SECONDS)
    assert done.deleted.keys() == {ONE, TWO, THREE}
    assert desk.names() == before - {ONE, TWO, THREE}
    assert desk.state.departures() == []


def test_the_first_look_collects_nothing(desk: Desk) -> None:
    """However old the bucket says that the bytes are: the state must have known them for as long."""
    desk.state.see_orphans([], 0)
    assert desk.collect(NOW - AGE + 1) == Collected()
    assert desk.collect(NOW) == Collected()
    assert desk.collect(NOW + 1).moved.keys() == {ONE, TWO, THREE}


def test_an_object_in_between_begins_the_time_anew(desk: Desk) -> None:
    """Also one that came and went between two looks, if a sync saw it."""
    desk.state.change_objects({"h": MediaObject("h", "a.jpg", ONE.upper())})
    desk.state.change_objects({"h": None})
    assert desk.collect().moved.keys() == {TWO, THREE}


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("request_", ["copy", "delete"])
def test_people_who_are_faster(desk: Desk, request_: str, *, complete: bool) -> None:
    """An object that appears while its key is copied, or deleted: the key is at its place afterwards."""

    def somebody_adds(request: str, key: str) -> None:
        if request == request_ and key == PREFIX + TWO:
            desk.web.objects["new"] = TWO.upper()

    desk.web.complete = complete
    desk.bucket.before = somebody_adds
    done = desk.collect()
    assert done.moved.keys() == {ONE, THREE}
    assert desk.bucket.keys[PREFIX + TWO][0] == b"bytes"
    assert done.back == ({TWO: 5} if request_ == "delete" else {})


def test_a_key_whose_copy_fails_stays(desk: Desk) -> None:
    """And is told; one that changed meanwhile stays, too, until the next time."""

    def fail(request: str, key: str) -> None:
        if request == "copy" and key == PREFIX + ONE:
            raise Unexpected("the copy has other bytes", "ask the provider")
        if request == "copy" and key == PREFIX + TWO:
            desk.bucket.keys[PREFIX + TWO] = (b"others", NOW)

    desk.bucket.before = fail
    done = desk.collect()
    assert done.moved.keys() == {THREE}
    assert {ONE, TWO} < desk.names()
    assert ["the copy has other bytes" in one.reason for one in done.problems] == [True]


def test_without_the_right_to_delete(desk: Desk) -> None:
    """One key is tried, then the command ends and names the right; no key is gone."""
    desk.bucket.refuses = f"{NOT_LET} bucket"
    with pytest.raises(Denied) as caught:
        desk.collect()
    assert "s3:DeleteObject" in caught.value.reason
    assert {ONE, TWO, THREE} < desk.names()
    assert len(desk.names()) == 5
    assert len(desk.look().orphans) == 3


def test_what_cannot_be_deleted_is_told(desk: Desk) -> None:
    """Another reason is a problem of that key."""
    desk.bucket.refuses = "its retention is not over"
    done = desk.collect()
    assert done.moved == {}
    assert len(done.problems) == 3
    assert all("retention" in one.reason and one.remedy for one in done.problems)


def test_named_again_in_the_last_moment(desk: Desk) -> None:
    """What got an object after the look goes back from the quarantine, though its time was over."""
    desk.collect()
    later = NOW + (QUARANTINE_DAYS + 1) * DAY_SECONDS
    found = desk.look(later)
    desk.web.objects["new"] = ONE
    done = collect(desk.rooms, found, now=later, only_tree=False)
    assert done.deleted.keys() == {TWO, THREE}
    assert done.back == {ONE: 5}
    assert ONE in desk.names()


def test_put_back_by_hand(desk: Desk) -> None:
    """What is chosen is at its place again and begins anew; without the right to delete its copy stays."""
    desk.collect()
    assert put_back(desk.rooms, desk.look(), lambda one: one == ONE, really=False).back == {ONE: 5}
    assert ONE not in desk.names()
    assert put_back(desk.rooms, desk.look(), lambda one: one == ONE).back == {ONE: 5}
    assert desk.names() == {LIVE, ONE, kept(TWO), kept(THREE)}
    desk.bucket.refuses = f"{NOT_LET} bucket"
    assert put_back(desk.rooms, desk.look(), lambda one: one == TWO).back == {TWO: 5}
    assert desk.names() == {LIVE, ONE, TWO, kept(TWO), kept(THREE)}
    assert [one.standing for one in desk.look().orphans] == [Standing.YOUNG] * 2


def test_bring_back_takes_the_newest(desk: Desk) -> None:
    """Of two copies; only what was asked for; what is no key of ours is left out."""
    for day, content in ((1, b"older"), (2, b"newer")):
        desk.bucket.keys[f"{PREFIX}syncd-quarantine/2026-01-0{day}/{ONE}.orphan"] = (content, 0)
    for foreign in (f"2026-13-01/{TWO}.orphan", f"2026-01-01/{THREE}", f"{TWO}.orphan"):
        desk.bucket.keys[f"{PREFIX}syncd-quarantine/{foreign}"] = (b"foreign", 0)
    del desk.bucket.keys[PREFIX + ONE]
    bucket: Any = desk.bucket
    assert bring_back(bucket, PREFIX, [ONE, Checksum("d" * 32)]) == {ONE: 5}
    assert desk.bucket.keys[PREFIX + ONE][0] == b"newer"


# --- when nothing is done -------------------------------------------------------------------------------------------


def test_a_tree_without_media_makes_no_orphans(desk: Desk) -> None:
    """Neither no object at all nor objects without checksums are believed."""
    for objects in ({}, {"h": ""}, {"h": "no checksum"}):
        desk.web.objects = objects
        with pytest.raises(StopError, match="no media object"):
            desk.look()


def test_media_that_are_elsewhere(desk: Desk) -> None:
    """The server must say that this is its bucket; a switched prefix has the words and the way out of a sync."""
    desk.web.place = MediaLocation("bucket", "family/")
    with pytest.raises(StopError, match="MEDIA_PREFIX_TREE was switched off") as caught:
        desk.look()
    assert "syncd migrate-prefix" in caught.value.remedy


@pytest.mark.parametrize(
    ("tenants", "only_tree", "allowed"),
    [
        (Tenants(), True, True),
        (Tenants(), False, False),
        (Tenants({"family/other/": 3}), True, False),
        (Tenants({}, frozenset({"other"})), True, False),
        (Denied("no", ""), True, False),
    ],
)
def test_keys_without_the_trees_prefix(
    desk: Desk, tenants: Tenants | Exception, *, only_tree: bool, allowed: bool
) -> None:
    """Only where nothing speaks for another tree, and a person says that there is none."""
    desk.prefix = "family/"
    desk.web.place = MediaLocation("bucket", "family/")
    desk.bucket = Bucket(tenants=tenants)
    for one in (LIVE, ONE, TWO, THREE):
        desk.put(one)
    if allowed:
        assert desk.collect(only_tree=only_tree).moved
    else:
        with pytest.raises(StopError) as caught:
            desk.collect(only_tree=only_tree)
        assert "MEDIA_PREFIX_TREE" in caught.value.remedy
        assert {ONE, TWO, THREE} < desk.names()


def test_a_prefix_that_only_ends_like_the_tree(desk: Desk) -> None:
    """`x1234abcd/` is not the tree's own prefix."""
    for prefix, own in ((f"{TREE}/", True), (PREFIX, True), (f"x{TREE}/", False), ("", False)):
        desk.prefix = prefix
        assert desk.rooms.has_own_prefix is own


def relied_on(state: State) -> dict[Checksum, str]:
    """Let a state rely on one key for each reason; what it relies on."""
    keys = [Checksum(f"{number:032x}") for number in range(16, 21)]
    state.add_trash(TrashEntry(MediaPath.of("a"), ".syncd/trash/a", keys[0], 1, 1.0, "deleted"))
    state.add_undo("h", "b", keys[1], "{}", 1.0)
    state.put_links([Link("l", "c", MediaPath.of("c"), keys[2])])
    item = HeldItem("delete", "d", "h2", keys[3], "")
    state.hold([HeldSet(HoldKind.REFERENCED, "why", (item,))])
    was = Deed(Done("updated", "e", "h3", TWO), Before(checksum=keys[4]))
    state.record([was], cycle="c", at=NOW)
    return dict(zip(keys, (TRASH, UNDO, FOLDER, HELD, BEFORE), strict=True))


def test_what_a_state_relies_on(desk: Desk) -> None:
    """Trash, undos, links, what waits for a decision, and what was replaced a short time ago."""
    expected = relied_on(desk.state)
    assert needs_of(desk.state, NOW) == expected
    assert BEFORE not in needs_of(desk.state, NOW + 1).values()
    for checksum in expected:
        desk.put(checksum)
    desk.state.see_orphans([*expected, ONE], 0)
    found = {one.seen.checksum: one.standing for one in desk.look().orphans if one.seen.checksum in expected}
    assert found == dict.fromkeys(expected, Standing.NEEDED)
    assert desk.collect().moved.keys() & expected.keys() == set()


def test_what_another_state_of_this_computer_relies_on(desk: Desk, tmp_path: Path) -> None:
    """Of the same tree, in a folder beside ours or at the usual place; one of another tree is not asked."""
    for number, (folder, tree) in enumerate(
        ((tmp_path / "other", TREE), (tmp_path / "home" / "syncd", TREE), (tmp_path / "third", "another"))
    ):
        with State.open(folder / "state.sqlite") as other:
            place = PREFIX if tree == TREE else "elsewhere/"
            other.bind(Binding(tree, "bucket", place, "f", "/m", "http://x", "t", frozenset()))
            checksum = (ONE, TWO, THREE)[number]
            other.add_trash(TrashEntry(MediaPath.of("a"), ".syncd/trash/a", checksum, 1, 1.0, "deleted"))
    assert desk.collect().moved.keys() == {THREE}


def test_another_state_that_cannot_be_read(desk: Desk, tmp_path: Path) -> None:
    """Nobody knows what its trash relies on: nothing is collected."""
    from syncd.errors import StateError

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "state.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StateError, match="other"):
        desk.collect()
    assert {ONE, TWO, THREE} < desk.names()


def test_what_the_history_can_bring_back(desk: Desk) -> None:
    """What an object named within the least age stays."""
    desk.web.history = frozenset({ONE})
    found = {one.seen.checksum: one.reason for one in desk.look().orphans}
    assert found == {ONE: HISTORY, TWO: "", THREE: ""}
    assert desk.web.asked == [NOW - AGE]
