"""An object is more than its file: what people wrote about a picture outlives every change of it in the folder."""

from __future__ import annotations

from typing import Any

import pytest

from lab.world import World, md5
from tests.lab.scenario import ends_in_step, handles, photo

FILE_FIELDS = {"path", "checksum", "mime", "change"}
"""What the file says of itself, and when the object was changed."""


def _described(world: World, handle: str) -> dict[str, Any]:
    """Give an object everything that a person can give it; the object then, without what its file says."""
    api = world.api
    (citation, *_rest) = api.json("GET", "/citations/", params={"page": 1, "pagesize": 1, "keys": "handle"})
    (note, *_rest) = api.json("GET", "/notes/", params={"page": 1, "pagesize": 1, "keys": "handle"})
    attribute = {
        "_class": "Attribute",
        "type": "Time",
        "value": "11 o'clock, «Grüße» 👵",
        "private": True,
        "citation_list": [citation["handle"]],
        "note_list": [note["handle"]],
    }
    date = {
        "_class": "Date",
        "calendar": 0,
        "modifier": 3,
        "quality": 1,
        "dateval": [17, 4, 1912, False],
        "newyear": 0,
        "sortval": 0,
        "text": "",
    }
    api.edit(
        handle,
        desc="Grandma and her “sisters”, about 1912",
        attribute_list=[attribute],
        citation_list=[citation["handle"]],
        note_list=[note["handle"]],
        tag_list=[api.new_tag("To sort")],
        date=date,
        private=True,
    )
    described = _about(world, handle)
    for field in ("attribute_list", "citation_list", "note_list", "tag_list", "date", "private"):
        assert described[field]
    return described


def _about(world: World, handle: str) -> dict[str, Any]:
    return {key: value for key, value in world.api.get(handle).items() if key not in FILE_FIELDS}


def _raw(world: World, handle: str) -> dict[str, Any]:
    """The object as the server's history has it: every nested thing, derived or not."""
    for transaction in reversed(world.api.history()):
        for change in transaction["changes"]:
            if (change["obj_class"], change["obj_handle"]) == ("Media", handle):
                return {key: value for key, value in change["new_data"].items() if key not in FILE_FIELDS}
    raise AssertionError(handle)


@pytest.mark.parametrize("change", ["edit", "move", "both"])
def test_everything_written_about_a_picture_survives(world: World, change: str) -> None:
    """Attributes, citations, notes, tags, date, privacy, title, number and referrers are as before."""
    world.copy_example_images()
    world.sync()
    path, handle = next(
        (path, handle) for path, handle in handles(world).items() if world.api.referrers(handle)
    )
    described, raw, referrers = (
        _described(world, handle),
        _raw(world, handle),
        world.api.referrers(handle),
    )
    content, target = (world.folder / path).read_bytes(), path
    if change in {"move", "both"}:
        target = "album/1912/Großmutter.tif"
        (world.folder / target).parent.mkdir(parents=True)
        (world.folder / path).rename(world.folder / target)
        world.sync()
    if change in {"edit", "both"}:
        content = photo("edited")
        world.write(target, content)
        world.sync()
    assert _about(world, handle) == described
    assert _raw(world, handle) == raw
    assert world.api.referrers(handle) == referrers
    now = world.api.get(handle)
    assert (now["path"], now["checksum"]) == (target, md5(content))
    ends_in_step(world)


def test_what_is_written_on_the_web_is_no_change_of_the_file(world: World) -> None:
    """A caption and a tag written on the web between two runs make syncd do nothing, and stay."""
    world.copy_example_images()
    world.sync()
    handle = next(iter(handles(world).values()))
    described = _described(world, handle)
    ends_in_step(world)
    assert _about(world, handle) == described
