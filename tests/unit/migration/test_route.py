"""From where to where: what is asked for, what the server says, what was synced last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.errors import ConfigError
from syncd.migration.route import Request, Route, find_route
from syncd.migration.run import find_notices
from syncd.ports import MediaLocation, ServerInfo

TREE = "tree-1"


@pytest.mark.parametrize(
    ("request_", "served", "bound", "route"),
    [
        # Before the switch and after it, with a state or without: always below the tree's prefix.
        (Request(), "", None, ("", "tree-1/")),
        (Request(), "", "", ("", "tree-1/")),
        (Request(), "tree-1/", None, ("", "tree-1/")),
        (Request(), "tree-1/", "", ("", "tree-1/")),
        (Request(), "tree-1/", "tree-1/", ("", "tree-1/")),
        (Request(), "base/", None, ("base/", "base/tree-1/")),
        (Request(), "base/tree-1/", "base/", ("base/", "base/tree-1/")),
        # Out of it, before and after.
        (Request(out=True), "tree-1/", "tree-1/", ("tree-1/", "")),
        (Request(out=True), "", "", ("tree-1/", "")),
        (Request(out=True), "base/tree-1/", None, ("base/tree-1/", "base/")),
        # The server looks elsewhere than where was synced: the files follow it.
        (Request(), "", "tree-1/", ("tree-1/", "")),
        (Request(), "new/", "old/", ("old/", "new/")),
        (Request(), "new/tree-1/", "old/tree-1/", ("old/tree-1/", "new/tree-1/")),
        # What is named counts; a name that only ends like the tree's is another's.
        (Request(target="s3://media/new"), "old/", "old/", ("old/", "new/")),
        (Request(source="s3://media/old/"), "new/", "old/", ("old/", "new/")),
        (Request(source="s3://media"), "tree-1/", "tree-1/", ("", "tree-1/")),
        (Request(), "a-tree-1/", None, ("a-tree-1/", "a-tree-1/tree-1/")),
    ],
)
def test_route(request_: Request, served: str, bound: str | None, route: tuple[str, str]) -> None:
    """Source and target are those that a person means."""
    found = find_route(request_, MediaLocation("media", served), TREE, bound)
    assert (found.source, found.target) == route
    assert found.is_served == (served == found.target)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request(source="s3://media/base"), "one and the same place"),
        (Request(source="s3://media/base", target="s3://media/base/"), "one and the same place"),
        # One and the same on a file system that ignores case, or the form of an umlaut.
        (Request(target="s3://media/Base"), "one and the same place"),
        (Request(source="s3://media/a", target="s3://media/b"), "which is neither"),
        (Request(source="s3://other/base"), "not in the bucket"),
        (Request(target="https://media/base"), "not in the bucket"),
        (Request(out=True, target="s3://media/b"), "--out goes without"),
    ],
)
def test_refused_routes(request_: Request, says: str) -> None:
    """No way leads from a place to itself, to another bucket, or past the server."""
    with pytest.raises(ConfigError, match=says) as caught:
        find_route(request_, MediaLocation("media", "base/"), TREE, None)
    assert caught.value.remedy
    with pytest.raises(ConfigError, match="own disk"):
        find_route(request_, MediaLocation(None), TREE, None)


@pytest.mark.parametrize(
    ("source", "target", "command", "setting"),
    [
        ("", "tree-1/", "syncd migrate-prefix", "GRAMPSWEB_MEDIA_PREFIX_TREE=true"),
        ("b/tree-1/", "b/", "syncd migrate-prefix --out", "GRAMPSWEB_MEDIA_PREFIX_TREE=false"),
        (
            "old/tree-1/",
            "new/tree-1/",
            "syncd migrate-prefix --from s3://media/old/tree-1",
            "GRAMPSWEB_MEDIA_BASE_DIR=s3://media/new and GRAMPSWEB_MEDIA_PREFIX_TREE=true",
        ),
        (
            "old/",
            "",
            "syncd migrate-prefix --from s3://media/old",
            "GRAMPSWEB_MEDIA_BASE_DIR=s3://media and GRAMPSWEB_MEDIA_PREFIX_TREE=false",
        ),
    ],
)
def test_what_is_said_of_a_route(source: str, target: str, command: str, setting: str) -> None:
    """The command for going on, typed as it is, means the same route; the server's setting is spelt out."""
    asked = Request(source=f"s3://media/{source}", target=f"s3://media/{target}")
    route = find_route(asked, MediaLocation("media", target), TREE, None)
    assert (route.command, route.setting) == (command, setting)
    words = command.split()
    again = Request(out="--out" in words, source=words[-1] if "--from" in words else None)
    found = find_route(again, MediaLocation("media", target), TREE, target)
    assert (found.source, found.target) == (source, target)
    assert route.is_private == source.endswith("tree-1/")


@pytest.mark.parametrize(
    ("source", "target", "served", "says"),
    [
        ("", "new/", "", "Use a place that ends in the tree's id: s3://media/new/tree-1"),
        ("tree-1/", "", "tree-1/", "would be missing"),
        ("", "tree-1/", "", "for every tree again"),
        ("", "tree-1/", "tree-1/", "for every tree again"),
        ("old/tree-1/", "new/tree-1/", "new/tree-1/", None),
    ],
)
def test_a_server_of_several_trees(source: str, target: str, served: str, says: str | None) -> None:
    """Its settings are for all trees: that is told where they are to change, or where two trees may have one file."""
    server = ServerInfo("https://x", TREE, "Family", "3.24.0", "6.0.8", "me", frozenset(), many_trees=True)
    route = Route("media", source, target, served, TREE)
    text = " ".join(find_notices(route, server))
    assert says in text if says else not text
    assert "false" not in text
    assert find_notices(route, replace(server, many_trees=False)) == []
