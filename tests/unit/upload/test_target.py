"""Where the keys go: what Gramps Web says counts, what a person says must agree with it, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd import doorstep
from syncd.config import GrampsSettings, S3Settings, UploadSettings
from syncd.errors import ConfigError
from syncd.model import CatalogSnapshot, MediaObject
from syncd.ports import MediaLocation, ServerInfo, SilentProgress
from syncd.upload.job import Order, carry_out, odd_id
from syncd.upload.target import Wanted, check_wanted, find_target

CHECKSUM = "0cc175b9c0f1b6a831c399e269772661"
TREE = "3f2a-77"


class Server:
    """A Gramps Web that keeps the tree's files at one place."""

    def __init__(self, location: MediaLocation | None) -> None:
        self.where = location
        self.closed = False

    def connect(self) -> ServerInfo:
        """It is up."""
        return ServerInfo("http://x", TREE, "Family", "3.24.0", "6.0.8", "me", frozenset())

    def list(self) -> tuple[CatalogSnapshot, None]:
        """One object without a checksum, one that is deleted just now, one that is there."""
        blank = MediaObject("a", "a.jpg", "")
        gone, there = (MediaObject(handle, f"{handle}.jpg", CHECKSUM) for handle in ("gone", "there"))
        objects = [blank] if self.where is None else [blank, gone, there]
        return CatalogSnapshot({item.handle: item for item in objects}), None

    def get(self, handle: str) -> MediaObject | None:
        """The object as it is now."""
        return None if handle == "gone" else MediaObject(handle, "x.jpg", CHECKSUM)

    def location(self, handle: str) -> MediaLocation:
        """Where browsers are sent."""
        assert handle == "there"
        assert self.where is not None
        return self.where

    def close(self) -> None:
        """Nobody needs it any more."""
        self.closed = True


def settings(*, asks: bool) -> UploadSettings:
    """A configuration with a bucket below a prefix."""
    gramps = GrampsSettings(url="https://family.example", username="me") if asks else None
    return UploadSettings(s3=S3Settings(url="s3://album/prefix"), gramps=gramps)


def asked(monkeypatch: pytest.MonkeyPatch, location: MediaLocation | None, wanted: Wanted = Wanted()) -> Any:  # noqa: B008
    """The target when Gramps Web is asked."""
    server = Server(location)
    monkeypatch.setattr(doorstep, "log_in", lambda _gramps, _s3: server)
    try:
        return find_target(settings(asks=True), wanted)
    finally:
        assert server.closed


@pytest.mark.parametrize(
    ("wanted", "prefix"), [(Wanted(TREE), f"prefix/{TREE}/"), (Wanted(no_tree=True), "prefix/")]
)
def test_a_person_says_it(monkeypatch: pytest.MonkeyPatch, wanted: Wanted, prefix: str) -> None:
    """Without Gramps Web, or with an empty tree there, the command line decides; where both speak they agree."""
    place = MediaLocation("album", prefix)
    assert find_target(settings(asks=False), wanted).location == place
    assert asked(monkeypatch, None, wanted).location == place
    assert asked(monkeypatch, place, wanted).location == place


def test_nobody_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody knows, it is asked for; an empty tree's id stands in what to type."""
    with pytest.raises(ConfigError) as caught:
        find_target(settings(asks=False), Wanted())
    assert "--no-tree-id" in caught.value.remedy
    assert "--tree-id" in caught.value.remedy
    with pytest.raises(ConfigError, match="Family") as caught:
        asked(monkeypatch, None)
    assert f"--tree-id {TREE}" in caught.value.remedy


@pytest.mark.parametrize("prefix", ["prefix/", f"prefix/{TREE}/"])
def test_gramps_web_says_it(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    """The place is the one that Gramps Web sends browsers to, found with any object that is still there."""
    target = asked(monkeypatch, MediaLocation("album", prefix))
    assert target.location == MediaLocation("album", prefix)
    assert target.named == {CHECKSUM}


@pytest.mark.parametrize(
    ("location", "wanted", "words"),
    [
        (MediaLocation(None), Wanted(), "its own disk"),
        (MediaLocation("other", "prefix/"), Wanted(), "s3.url"),
        (MediaLocation("album", "elsewhere/"), Wanted(), "s3.url"),
        (MediaLocation("album", "prefix/"), Wanted(TREE), "s3://album/prefix"),
        (MediaLocation("album", f"prefix/{TREE}/"), Wanted(no_tree=True), f"s3://album/prefix/{TREE}"),
        (MediaLocation("album", f"prefix/{TREE}/"), Wanted("another"), f"whose id is {TREE}"),
        (None, Wanted("another"), f"whose id is {TREE}"),
    ],
)
def test_what_disagrees_is_refused(
    monkeypatch: pytest.MonkeyPatch, location: MediaLocation | None, wanted: Wanted, words: str
) -> None:
    """A bucket, a prefix or a tree that is not Gramps Web's gets nothing."""
    with pytest.raises(ConfigError) as caught:
        asked(monkeypatch, location, wanted)
    assert words in caught.value.reason
    assert caught.value.remedy


@pytest.mark.parametrize("tree_id", ["", "a/b", "..", "media_archives", "Our family", "x" * 200, "a\n"])
def test_what_is_no_id_is_refused(tree_id: str) -> None:
    """A title, a path or a folder of Gramps Web's own is no tree's id."""
    with pytest.raises(ConfigError, match="--tree-id"):
        check_wanted(Wanted(tree_id))


@pytest.mark.parametrize("tree_id", [TREE, "a/b"])
def test_what_excludes_one_another_is_told_first(tree_id: str, tmp_path: Path) -> None:
    """Before the tree is read, its folder is looked for, or anything else may be wrong."""
    wanted = Wanted(tree_id, no_tree=True)
    order = Order(
        tmp_path / "none.gramps", None, tmp_path / "none", wanted, create_bucket=False, dry_run=True
    )
    with pytest.raises(ConfigError, match="exclude one another"):
        carry_out(order, settings(asks=False), {}, SilentProgress())


@pytest.mark.parametrize(
    ("tree_id", "usual"),
    [
        ("0f0e8a5c-1b7d-4c38-9a51-6d2e4b7f9c03", True),
        ("64c3f0a1", True),
        (None, True),
        ("abc", False),
        ("0F0E8A5C-1B7D-4C38-9A51-6D2E4B7F9C03", False),
        ("0123456789abcdef0123456789abcdef", False),
    ],
)
def test_an_odd_id_is_told(tree_id: str | None, *, usual: bool) -> None:
    """Ids that Gramps Web or Gramps made pass without a word; any other may be a slip, and it is told where to look."""
    notices = odd_id(Wanted(tree_id))
    assert (not notices) == usual
    assert all(f"'{tree_id}'" in text and "/api/metadata/" in text for text in notices)
