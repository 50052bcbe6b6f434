"""A file put over another: how people settle a conflict, and how a better scan takes a portrait's place."""

from __future__ import annotations

from lab.world import World
from tests.lab.scenario import ends_in_step


def test_the_conflict_copy_moved_over_the_original_settles_the_conflict(world: World) -> None:
    """The object keeps its description and every reference, and has the folder's version; the copy's object goes."""
    images = world.copy_example_images()
    world.sync()
    name, handle = next(
        (item["path"], item["handle"])
        for item in world.api.media()
        if world.api.referrers(item["handle"]).get("person")
    )
    referrers = world.api.referrers(handle)
    before = world.api.get(handle)
    world.write(name, images[name] + b"folder")
    world.api.replace(handle, images[name] + b"web")
    (conflict,) = world.sync()["conflicts"]
    copy = world.folder / conflict["kept_as"]
    assert copy.read_bytes() == images[name] + b"folder"
    copy.rename(world.folder / name)
    world.sync()
    after = world.api.get(handle)
    assert world.s3 is not None
    assert world.s3.get(after["checksum"]) == images[name] + b"folder"
    assert (after["path"], after["desc"]) == (name, before["desc"])
    assert world.api.referrers(handle) == referrers
    assert len(world.api.media()) == len(images)
    ends_in_step(world)


def test_a_better_scan_put_over_a_portrait(world: World) -> None:
    """The person keeps the portrait, which shows the better scan now."""
    images = world.copy_example_images()
    world.write("better.jpg", b"a better scan")
    world.sync()
    name, handle = next(
        (item["path"], item["handle"])
        for item in world.api.media()
        if world.api.referrers(item["handle"]).get("person")
    )
    referrers = world.api.referrers(handle)
    (world.folder / "better.jpg").replace(world.folder / name)
    world.sync()
    assert world.desktop.files()[name] == b"a better scan"
    assert world.api.referrers(handle) == referrers
    assert len(world.api.media()) == len(images)
    ends_in_step(world)
