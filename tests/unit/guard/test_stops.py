"""Stops: reasons to do nothing at all, in either direction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.guard import (
    NEEDED_PERMISSIONS,
    Identity,
    find_folder_stop,
    find_history_stop,
    find_listing_stop,
    find_server_stop,
)

BOUND = Identity("tree", "Family", "media", "tree/", "folder-1", "state.sqlite", NEEDED_PERMISSIONS)


def test_the_same_folder_and_server_are_no_stop() -> None:
    """What was bound is what is found."""
    assert find_folder_stop(BOUND, "folder-1", "state.sqlite", "state.sqlite") is None
    assert find_server_stop(BOUND, BOUND) is None


def test_first_contact_has_nothing_to_compare() -> None:
    """A folder without a marker, and one whose marker names this very state, are taken."""
    assert find_folder_stop(None, None, None, "state.sqlite") is None
    assert find_folder_stop(None, "folder-1", "state.sqlite", "state.sqlite") is None


@pytest.mark.parametrize(
    ("bound", "folder_id", "state_name"),
    [
        (BOUND, None, None),  # the drive is not mounted
        (BOUND, "folder-2", "state.sqlite"),
        (BOUND, "folder-1", "other.sqlite"),
        (None, "folder-1", "other.sqlite"),  # somebody else's folder
    ],
)
def test_another_folder_stops(bound: Identity | None, folder_id: str | None, state_name: str | None) -> None:
    """A marker that is missing, bears another id or names another state file."""
    stop = find_folder_stop(bound, folder_id, state_name, "state.sqlite")
    assert stop is not None
    assert "syncd adopt" in stop.remedy


def test_a_computer_with_a_new_name_is_told_so() -> None:
    """The same state file under another host name: a stop all the same, but one that says what may have happened."""
    stop = find_folder_stop(BOUND, "folder-1", "old:/state.sqlite", "new:/state.sqlite")
    assert stop is not None
    assert "'old'" in stop.reason
    assert "'new'" in stop.reason
    assert "syncd adopt" in stop.remedy
    for bound, folder_id, named in (
        (None, "folder-1", "old:/state.sqlite"),
        (BOUND, "folder-2", "old:/state.sqlite"),
        (BOUND, "folder-1", "old:/other.sqlite"),
    ):
        stop = find_folder_stop(bound, folder_id, named, "new:/state.sqlite")
        assert stop is not None
        assert "another state file" in stop.reason


@pytest.mark.parametrize(
    "found",
    [
        replace(BOUND, tree_id="other"),
        replace(BOUND, bucket="other"),
        replace(BOUND, prefix="other/"),
        replace(BOUND, bucket=None, prefix=""),
    ],
)
def test_another_server_stops(found: Identity) -> None:
    """Another tree, bucket or prefix, or a server that keeps its media on its own disk now."""
    stop = find_server_stop(BOUND, found)
    assert stop is not None
    assert "syncd adopt" in stop.remedy


ONE = replace(BOUND, tree_id="0a1b", title="Smith", url="https://one/api", media=1234)
OTHER = replace(BOUND, tree_id="9f8e", title="Jones", url="https://one/api", media=7)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (OTHER, "'Jones' (9f8e), not 'Smith' (0a1b)"),
        (
            replace(OTHER, url="https://other/api"),
            "'Jones' (9f8e) at https://other/api, not 'Smith' (0a1b) at https://one/api",
        ),
        (
            replace(OTHER, title="Smith"),
            "'Smith' (9f8e), not 'Smith' (0a1b); the two have the same title",
        ),
        (replace(OTHER, title=""), "one without a title (9f8e), not 'Smith' (0a1b)"),
    ],
    ids=["another title", "another address", "all alike", "no title"],
)
def test_another_tree_is_told_from_the_one_that_was_synced(found: Identity, says: str) -> None:
    """By whatever differs: title, address and id, of which the last alone tells it where all else is alike."""
    stop = find_server_stop(ONE, found)
    assert stop is not None
    assert stop.reason == f"this Gramps Web shows another tree than was synced: {says}"


@pytest.mark.parametrize(
    ("media", "files", "says"),
    [
        (
            7,
            1234,
            "the tree that is shown has 7 media objects, the one that was synced had 1,234 files in step",
        ),
        (0, 1, "the tree that is shown has no media objects, the one that was synced had 1 file in step"),
    ],
)
def test_how_much_is_in_another_tree(media: int, files: int, says: str) -> None:
    """Which helps a person to see what they look at; it is the same stop whatever others do in that tree."""
    stop = find_server_stop(replace(ONE, media=files), replace(OTHER, media=media))
    assert stop is not None
    assert stop.remedy.startswith(
        f"check gramps.url and the login; {says}; if that is meant, run `syncd adopt`"
    )
    former = find_server_stop(ONE, OTHER)
    assert former is not None
    assert former.reason == stop.reason


@pytest.mark.parametrize(
    ("bound", "found", "says", "way_out"),
    [
        (("media", ""), ("media", "tree/"), "PREFIX_TREE was switched on", "migrate-prefix"),
        (("media", "a/b/"), ("media", "a/b/tree/"), "PREFIX_TREE was switched on", "migrate-prefix"),
        (("media", "tree/"), ("media", ""), "PREFIX_TREE was switched off", "migrate-prefix"),
        (
            ("media", "a/"),
            ("media", "tree/"),
            "in s3://media/tree now, but they were in s3://media/a",
            "s3.url",
        ),
        (
            ("media", ""),
            ("media", "other/"),
            "in s3://media/other now, but they were in s3://media",
            "s3.url",
        ),
        (("media", ""), ("scans", "tree/"), "in s3://scans/tree now, but they were in s3://media", "s3.url"),
        (
            ("media", "tree/"),
            (None, ""),
            "on its own disk now, but they were in s3://media/tree",
            "take [s3] out",
        ),
        (
            (None, ""),
            ("media", "tree/"),
            "in s3://media/tree now, but they were on its own disk",
            "section [s3]",
        ),
    ],
)
def test_media_that_are_kept_elsewhere(
    bound: tuple[str | None, str], found: tuple[str | None, str], says: str, way_out: str
) -> None:
    """What was found, what it was, what was switched where that shows, and the way out; adopting is the last of it."""
    stop = find_server_stop(
        replace(BOUND, bucket=bound[0], prefix=bound[1]), replace(BOUND, bucket=found[0], prefix=found[1])
    )
    assert stop is not None
    assert says in stop.reason
    assert ("PREFIX_TREE" in stop.reason) == ("PREFIX_TREE" in says)
    assert way_out in stop.remedy
    assert "if that was not meant" in stop.remedy or "if not" in stop.remedy
    assert "run `syncd adopt`" in stop.remedy


@pytest.mark.parametrize("lost", sorted(NEEDED_PERMISSIONS))
def test_a_lost_right_stops(lost: str) -> None:
    """What the login cannot see would look deleted."""
    stop = find_server_stop(BOUND, replace(BOUND, permissions=NEEDED_PERMISSIONS - {lost}))
    assert stop is not None
    assert lost in stop.reason


def test_other_rights_do_not_matter() -> None:
    """More or fewer of what a sync does not need."""
    more = replace(BOUND, permissions=NEEDED_PERMISSIONS | {"EditTree"})
    assert find_server_stop(BOUND, more) is None
    assert find_server_stop(more, BOUND) is None


def test_a_restored_server_stops() -> None:
    """Its history no longer holds what was seen."""
    assert "syncd adopt" in find_history_stop().remedy


@pytest.mark.parametrize(("objects", "links", "stops"), [(0, 1, True), (0, 0, False), (1, 9, False)])
def test_an_empty_listing_stops(objects: int, links: int, stops: bool) -> None:
    """Where there were links there were objects."""
    assert (find_listing_stop(objects, links) is not None) is stops
