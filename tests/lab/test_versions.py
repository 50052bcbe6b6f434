"""Versions of Gramps Web that syncd is not tested with, played by a proxy before a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.proxy import Json, MetadataProxy
from lab.world import World
from tests.lab.endings import assert_plain, assert_settled, lasting, synced

ALLOW = {"SYNCD_GRAMPS__ALLOW_UNTESTED_SERVER": "true"}


@pytest.fixture
def version(world: World) -> Iterator[list[str]]:
    """The version that the server says it has; a test may change it."""
    said = ["3.24.0"]

    def rewrite(metadata: Json) -> None:
        metadata["gramps_webapi"]["version"] = said[0]

    with MetadataProxy(world.server.url, rewrite) as proxy:
        world.configure(gramps={"url": proxy.url})
        yield said


def test_a_newer_major_version_is_refused_unless_allowed(world: World, version: list[str]) -> None:
    """After an update of the server to a new major version nothing is done, whichever side changed, and it is said why.

    A person may let it through: then everything works, and each run says so, but a cron job's only once.
    """
    synced(world)
    version[0] = "4.0.0"
    world.write("new.jpg", b"new")
    (world.folder / min(world.catalog())).unlink()
    mark = world.mark()
    document = world.sync(code=4)
    assert "newer than this syncd knows: its API has version 4.0.0" in document["error"]["reason"]
    assert document["error"]["remedy"].startswith("update syncd; ")
    assert "gramps.allow_untested_server = true" in document["error"]["remedy"]
    for arguments in (("check",), ("adopt", "--yes"), ("--once", "--dry-run"), ("paths",)):
        run = world.syncd(*arguments)
        assert run.code == 4, run
        assert "its API has version 4.0.0" in run.out + run.err
        assert_plain(run)
    assert lasting(mark) == []

    run = world.syncd("--once", "-q", env=ALLOW)
    assert run.code == 3, run  # the deletion of somebody's portrait waits, as ever
    assert run.out.count("its API has version 4.0.0") == 1
    world.syncd("restore", "1", env=ALLOW)
    world.configure(gramps={"allow_untested_server": True})
    run = world.syncd("--once", "-q")
    assert (run.code, run.out, run.err) == (0, "", "")
    (notice,) = world.sync()["notices"]
    assert "its API has version 4.0.0, and syncd is tested up to 3.24.0" in notice["text"]
    assert world.syncd("check").code == 0
    assert_settled(world)


def test_later_minor_versions_need_no_word(world: World, version: list[str]) -> None:
    """A later release of the same major version is synced with as it is, without a setting and without a warning."""
    version[0] = "3.99.1"
    synced(world)
    run = world.syncd("--once")
    assert run.code == 0
    assert "version" not in run.out + run.err
    assert "later than 3.24.0" in world.syncd("check").out
    assert world.syncd("check", "-q").out == ""
    assert_settled(world)


def test_older_versions_than_the_minimum_are_refused(world: World, version: list[str]) -> None:
    """One with the same Gramps may be tried; one whose objects have other forms may not."""
    synced(world)
    mark = world.mark()
    for said in ("3.9.0", "2.8.1"):
        version[0] = said
        document = world.sync(code=4)
        assert f"too old: its API has version {said}" in document["error"]["reason"]
        assert document["error"]["remedy"].startswith("update Gramps Web")
    assert world.sync(code=4, env=ALLOW)["error"]["remedy"] == "update Gramps Web"
    version[0] = "3.9.0"
    assert len(world.sync(env=ALLOW)["notices"]) == 1
    mark.assert_nothing_written()
