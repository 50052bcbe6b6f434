"""`syncd check`: each line ok, warning or failed with its remedy; one failure does not stop the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from syncd import doorstep
from syncd.adoption import owner
from syncd.applier.disk import Marker, MediaFolder
from syncd.errors import Denied, SyncdError, Unreachable, Untested
from syncd.guard import Identity, find_folder_stop, find_history_stop, find_server_stop
from syncd.model import BucketSnapshot, CatalogSnapshot, Checksum, MediaObject, Stop
from syncd.model.plan import HeldItem, HeldSet, HoldKind
from syncd.ports import Cursor, MediaLocation, ServerInfo, StoreFacts
from syncd.state import Binding
from tests.unit.cli.desk import Desk, write_config

MD5 = Checksum("0123456789abcdef0123456789abcdef")
RIGHTS = frozenset(("ViewPrivate", "AddObject", "EditObject", "DeleteObject", "EditUser"))
INFO = ServerInfo(
    "https://family.example", "tree1", "Smith", "3.24.0", "6.0.8", "anna", RIGHTS, people=2157, media=1
)
S3 = 'url = "s3://photos"\nendpoint_url = "http://127.0.0.1:9"\naccess_key_id = "a"\nsecret_access_key = "b"'
PLACE = MediaLocation("photos", "tree1/")
BOUND = Identity("tree1", "Smith", "photos", "tree1/", "f" * 32, None, RIGHTS)
STORED = BucketSnapshot({MD5: 1_500_000})


@dataclass
class World:
    """A Gramps Web and a bucket, as a test wants them."""

    info: ServerInfo | SyncdError = INFO
    objects: Mapping[str, MediaObject] = field(default_factory=lambda: {"h": MediaObject("h", "a.jpg", MD5)})
    location_: MediaLocation = PLACE
    stored: BucketSnapshot | SyncdError = STORED
    writing: SyncdError | None = None
    knows: bool = True
    closed: int = 0
    lacking: frozenset[str] = frozenset()

    def connect(self) -> ServerInfo:
        """Log in."""
        if isinstance(self.info, SyncdError):
            raise self.info
        return self.info

    def list(self) -> Any:
        """Objects for the one, keys for the other."""
        return CatalogSnapshot(self.objects), None

    def still_knows(self, _cursor: Cursor) -> bool:
        """Whether the last change that was seen is there."""
        return self.knows

    def location(self, handle: str) -> MediaLocation:
        """Where media are."""
        assert self.objects[handle].digest
        return self.location_

    def files(self, _memory: Any) -> Any:
        """The store, where there is no bucket."""
        return self

    def missing(self) -> frozenset[str]:
        """Objects without a file."""
        return self.lacking

    def close(self) -> None:
        """Count."""
        self.closed += 1


@dataclass
class Bucket:
    """The bucket of a world."""

    world: World

    def list(self) -> BucketSnapshot:
        """The keys."""
        if isinstance(self.world.stored, SyncdError):
            raise self.world.stored
        return self.world.stored

    def facts(self) -> StoreFacts:
        """Where it is."""
        return StoreFacts("photos", "tree1/", "http://127.0.0.1:9", "us-east-1")

    def probe_write(self) -> None:
        """Try."""
        if self.world.writing:
            raise self.world.writing

    def close(self) -> None:
        """Count."""
        self.world.closed += 1


@pytest.fixture
def world(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world where all is well."""
    world = World()
    write_config(desk.home, s3=S3)
    monkeypatch.setattr(doorstep, "open_catalog", lambda _settings: world)

    def open_store(settings: Any, location: MediaLocation) -> Bucket:
        if found := doorstep.compare(settings, location):
            raise found
        return Bucket(world)

    monkeypatch.setattr(doorstep, "open_store", open_store)
    return world


def checks(desk: Desk) -> dict[str, list[dict[str, str]]]:
    """The findings by name."""
    found: dict[str, list[dict[str, str]]] = {}
    for check in desk.syncd("check", "--json").document["checks"]:
        found.setdefault(check["name"], []).append(check)
    return found


def test_all_is_well(desk: Desk, world: World) -> None:
    """Everything that a person asks about is there, marked ok; exit 0; nothing was made or changed."""
    before = sorted(path.relative_to(desk.home) for path in desk.home.rglob("*"))
    answer = desk.syncd("check")
    assert answer.code == 0
    assert answer.err == ""
    lines = answer.out.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    for text in (
        str(desk.config),
        "can be read and written",
        "new; the first sync binds it",
        "for the media folder",
        "https://family.example, version 3.24.0 (Gramps 6.0.8)",
        "anna may see, add, change and delete media",
        "'Smith' (tree1)",
        "2,157 people, 1 media object",
        "the bucket s3://photos/tree1",
        "photos at http://127.0.0.1:9: 1 file, 1.5 MB",
        "can be written",
    ):
        assert text in answer.out
    assert sorted(path.relative_to(desk.home) for path in desk.home.rglob("*")) == before
    assert world.closed == 2


def test_how_the_version_stands(desk: Desk, world: World) -> None:
    """A later minor version is fine and said to be later; an untested one that was let through is a warning."""
    world.info = replace(INFO, version="3.31.0")
    (found,) = checks(desk)["Gramps Web"]
    assert found["verdict"] == "ok"
    assert "later than 3.24.0" in found["text"]
    world.info = replace(INFO, version="4.0.0", untested="this Gramps Web is newer than this syncd knows")
    (found,) = checks(desk)["Gramps Web"]
    assert found["verdict"] == "warning"
    assert "version 4.0.0 (Gramps 6.0.8): this Gramps Web is newer" in found["text"]
    assert "gramps.allow_untested_server" in found["remedy"]
    assert desk.syncd("check").code == 0
    world.info = Untested("this Gramps Web is newer than this syncd knows", "update syncd")
    assert desk.syncd("check").code == 4


def test_quiet_shows_only_what_is_wrong(desk: Desk, world: World) -> None:
    """`-q`: nothing when all is well, else only the lines that are not ok."""
    assert desk.syncd("check", "-q").out == ""
    world.writing = Denied("no right to write", "ask for it")
    assert desk.syncd("check", "-q").out.startswith("failed   the bucket: no right to write\n")


def test_a_server_that_is_down_leaves_the_other_checks(desk: Desk, world: World) -> None:
    """The bucket is looked at although Gramps Web does not answer; exit 4 and the remedy."""
    world.info = Unreachable("Gramps Web does not answer", "see whether it runs")
    answer = desk.syncd("check")
    assert answer.code == 4
    assert "failed   Gramps Web: Gramps Web does not answer\n         see whether it runs\n" in answer.out
    assert "ok       the bucket: can be written" in answer.out
    assert (
        "can be listed" in answer.out
    )  # without the server nobody knows which part of the bucket is the tree's
    assert desk.syncd("check", "--json").document["error"]["reason"] == "Gramps Web does not answer"


def test_a_bucket_that_cannot_be_listed(desk: Desk, world: World) -> None:
    """Exit 4, and Gramps Web's own lines are ok."""
    world.stored = Denied("the bucket refuses the keys", "correct them")
    found = checks(desk)
    assert found["the bucket"][0]["verdict"] == "failed"
    assert found["Gramps Web"][0]["verdict"] == "ok"
    assert desk.syncd("check").code == 4


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        ("ViewPrivate", "see private media"),
        ("AddObject", "add new files"),
        ("EditObject", "changes and moves"),
        ("DeleteObject", "carry deletions"),
    ],
)
def test_a_role_below_editor(desk: Desk, world: World, missing: str, text: str) -> None:
    """Which features a missing right takes away, and which role is needed."""
    world.info = replace(INFO, permissions=RIGHTS - {missing})
    answer = desk.syncd("check")
    assert answer.code == 4
    assert text in answer.out
    assert "Editor is the least a two-way sync needs" in answer.out


def test_a_bucket_for_a_server_with_a_disk(desk: Desk, world: World) -> None:
    """[s3] is configured, but the server keeps its media on its own disk: exit 2, and no word of that bucket."""
    world.location_ = MediaLocation(None)
    world.stored = Denied("the bucket refuses the keys", "check endpoint_url")
    answer = desk.syncd("check")
    assert answer.code == 2
    assert "on its own disk" in answer.out
    assert "take the section [s3] out" in answer.out
    assert "endpoint_url" not in answer.out


def test_no_bucket_on_either_side(desk: Desk, world: World) -> None:
    """Of a Gramps Web with media on its own disk it is told how many objects lack their file there."""
    write_config(desk.home)
    world.location_ = MediaLocation(None)
    world.objects = {"h": MediaObject("h", "a.jpg", MD5), "i": MediaObject("i", "b.jpg", MD5)}
    answer = desk.syncd("check")
    assert answer.code == 0
    assert "media kept in: the server's own disk" in answer.out
    assert "the server's disk: has the file of every media object" in answer.out
    world.lacking = frozenset("i")
    answer = desk.syncd("check")
    assert answer.code == 0
    assert "warning  the server's disk: 1 media object of 2 without their file" in answer.out
    assert "syncd --once --full" in answer.out


def test_no_bucket_for_a_server_with_one(desk: Desk, world: World) -> None:
    """No [s3], but the server keeps its media in a bucket: exit 2, with the lines to add."""
    write_config(desk.home)
    answer = desk.syncd("check")
    assert answer.code == 2
    assert 'url = "s3://photos"' in answer.out


def test_another_bucket_than_the_server_s(desk: Desk, world: World) -> None:
    """[s3] names another bucket: exit 2, both are named."""
    world.location_ = MediaLocation("scans", "")
    answer = desk.syncd("check")
    assert answer.code == 2
    assert "s3://photos" in answer.out
    assert "s3://scans" in answer.out


def test_an_empty_tree_cannot_say_where_media_are(desk: Desk, world: World) -> None:
    """No object yet, or none with a file: said so, and the configured place is looked at."""
    world.objects = {"h": MediaObject("h", "a.jpg", "")}
    found = checks(desk)
    assert found["media kept in"][0]["verdict"] == "ok"
    assert found["the bucket"][-1]["text"] == "can be written"


def bind(desk: Desk, *, marker: bool = True, **other: str) -> None:
    """Let the state have synced the world, or one that differs in `other`."""
    bound = Binding(
        "tree1",
        "photos",
        "tree1/",
        "f" * 32,
        str(desk.media),
        "https://old",
        "Smith",
        RIGHTS,
        first_contact=False,
    )
    with desk.state() as state:
        state.bind(replace(bound, **other))  # type: ignore[arg-type]
        state.set_cursor(Cursor(7, 1.0))
    if marker:
        MediaFolder(desk.media).write_marker(Marker("f" * 32, owner(desk.state_file)))


def assert_stops(desk: Desk, name: str, stop: Stop | None) -> None:
    """One line fails, with the reason and the remedy of a run's stop, and exit 3."""
    assert stop is not None
    answer = desk.syncd("check", "--json")
    assert answer.code == 3
    assert [
        (check["name"], check["text"], check["remedy"])
        for check in answer.document["checks"]
        if check["verdict"] == "failed"
    ] == [(name, stop.reason, stop.remedy)]
    assert answer.document["error"] == {"reason": stop.reason, "remedy": stop.remedy}


def test_bucket_and_prefix_are_told(desk: Desk, world: World) -> None:
    """Whether the tree has a prefix of its own, or other trees' files may lie beside its own."""
    assert checks(desk)["media kept in"][0]["text"].endswith("(bucket photos, prefix tree1/: the tree's own)")
    for prefix, words in (("family/", "prefix family/"), ("", "no prefix")):
        world.location_ = MediaLocation("photos", prefix)
        text = checks(desk)["media kept in"][0]["text"]
        assert f"(bucket photos, {words}: not the tree's own" in text


def test_what_was_synced_is_still_there(desk: Desk, world: World) -> None:
    """Folder, tree, place and history are those that the state is bound to: exit 0."""
    bind(desk)
    assert desk.syncd("check").code == 0
    assert world.closed == 2


def test_a_folder_that_is_missing(desk: Desk, world: World) -> None:
    """Never synced: a mistake in the configuration, exit 2. Synced before: an unplugged drive, exit 3."""
    desk.media.rmdir()
    found = checks(desk)
    assert found["media folder"][0]["verdict"] == "failed"
    assert found["Gramps Web"][0]["verdict"] == "ok"
    assert desk.syncd("check").code == 2
    bind(desk, marker=False)
    answer = desk.syncd("check")
    assert answer.code == 3
    assert "is the drive not mounted?" in answer.out


def test_a_folder_without_its_marker(desk: Desk, world: World) -> None:
    """The folder was synced and has no marker now: what is there is the place where the drive should be."""
    bind(desk, marker=False)
    assert_stops(desk, "media folder", find_folder_stop(BOUND, None, None, owner(desk.state_file)))
    assert "is the drive not mounted?" in desk.syncd("check").out


def test_another_folder_than_was_synced(desk: Desk, world: World) -> None:
    """The marker is ours but bears another id."""
    bind(desk, folder_id="e" * 32)
    ours = owner(desk.state_file)
    was = replace(BOUND, folder_id="e" * 32)
    assert_stops(desk, "media folder", find_folder_stop(was, "f" * 32, ours, ours))


@pytest.mark.parametrize("bound", [True, False])
def test_a_folder_of_another_state(desk: Desk, world: World, *, bound: bool) -> None:
    """Its marker names another state file: exit 3, with the way out."""
    if bound:
        bind(desk)
    MediaFolder(desk.media).write_marker(Marker("f" * 32, "other:/state.sqlite"))
    stop = find_folder_stop(BOUND if bound else None, "f" * 32, "other:/state.sqlite", owner(desk.state_file))
    assert_stops(desk, "media folder", stop)


def test_another_tree_than_was_synced(desk: Desk, world: World) -> None:
    """Both trees are named, with where they are and how much is in them; exit 3."""
    bind(desk, tree_id="tree0", title="Jones")
    was = replace(BOUND, tree_id="tree0", title="Jones", url="https://old")
    assert_stops(desk, "tree", find_server_stop(was, replace(BOUND, url="https://family.example", media=1)))


def test_a_second_pair_with_the_state_of_the_first(desk: Desk, world: World) -> None:
    """Only the state is told: what it knows of its own tree and history says nothing of this pair's."""
    bind(desk, marker=False, media_dir="/home/anna/jones", tree_id="tree0", title="Jones", prefix="tree0/")
    world.knows = False
    answer = desk.syncd("check", "--json")
    assert answer.code == 3
    (failed,) = [check for check in answer.document["checks"] if check["verdict"] == "failed"]
    assert failed["name"] == "media folder"
    assert "state_dir" in failed["remedy"]


def test_media_are_kept_elsewhere_now(desk: Desk, world: World) -> None:
    """Another prefix, or another bucket, than was synced; exit 3."""
    bind(desk, prefix="tree0/")
    assert_stops(desk, "media kept in", find_server_stop(replace(BOUND, prefix="tree0/"), BOUND))
    bind(desk)
    world.location_ = MediaLocation("scans", "tree1/")
    assert_stops(desk, "media kept in", find_server_stop(BOUND, replace(BOUND, bucket="scans")))


def test_rights_that_were_lost(desk: Desk, world: World) -> None:
    """A right that the login had when the tree was synced is gone; exit 3."""
    bind(desk)
    world.info = replace(INFO, permissions=RIGHTS - {"ViewPrivate"})
    now = replace(BOUND, permissions=RIGHTS - {"ViewPrivate"})
    assert_stops(desk, "login", find_server_stop(BOUND, now))


def test_a_server_restored_from_a_backup(desk: Desk, world: World) -> None:
    """It no longer knows the last change that was seen; exit 3."""
    bind(desk)
    world.knows = False
    assert_stops(desk, "history", find_history_stop())


def test_items_that_wait(desk: Desk, world: World) -> None:
    """What waits for a person is a warning and exit 3."""
    with desk.state() as state:
        state.hold([HeldSet(HoldKind.REFERENCED, "why", (HeldItem("delete", "a.jpg", "h", MD5),))])
    answer = desk.syncd("check")
    assert answer.code == 3
    assert "warning  waiting: 1 item waiting for you\n         see: syncd approve\n" in answer.out


def test_a_state_of_a_newer_syncd(desk: Desk, world: World) -> None:
    """Exit 6; the file is untouched, and the servers are looked at all the same."""
    desk.state().close()
    with closing(sqlite3.connect(desk.state_file)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    before = desk.state_file.read_bytes()
    answer = desk.syncd("check")
    assert answer.code == 6
    assert "newer syncd" in answer.out
    assert desk.state_file.read_bytes() == before
    assert "'Smith' (tree1)" in answer.out


def test_little_space(desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nearly full disk is a warning and exit 1."""
    monkeypatch.setattr("syncd.cli.check.machine.ENOUGH_SPACE", 10**18)
    answer = desk.syncd("check")
    assert answer.code == 1
    assert "make room" in answer.out


def test_a_wrong_configuration(desk: Desk) -> None:
    """Exit 2, one failed line naming the key; with --json the document says it too."""
    desk.config.write_text("media_dri = 1\n")
    answer = desk.syncd("check")
    assert answer.code == 2
    assert answer.out.startswith("failed   configuration:")
    assert "media_dri" in answer.out
    document = desk.syncd("check", "--json").document
    assert "media_dri" in document["error"]["reason"]
    assert document["checks"][0]["verdict"] == "failed"


def test_the_least_exit_code_first(desk: Desk, world: World) -> None:
    """Of several failures the first of the contract's order gives the exit code."""
    bind(desk, marker=False)
    desk.media.rmdir()
    world.writing = Denied("no right to write", "ask for it")
    assert desk.syncd("check").code == 4
    desk.state_file.unlink()
    world.location_ = MediaLocation(None)
    assert desk.syncd("check").code == 2


def test_a_list_of_ignored_names_that_makes_no_sense(desk: Desk, world: World) -> None:
    """The line is named, with the exit code with which a run would end; a list in order is counted."""
    (desk.media / ".syncdignore").write_text("# mine\n*.psd\n/drafts/\n")
    assert checks(desk)["ignored names"][0]["text"] == "2 patterns of your own"
    (desk.media / ".syncdignore").write_text("*.psd\n[z-a]\n")
    (found,) = checks(desk)["ignored names"]
    assert found["verdict"] == "failed"
    assert "line 2" in found["text"]
    assert desk.syncd("check").code == 3
