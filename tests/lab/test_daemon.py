"""The daemon on real servers: what is saved on one side is on the other within seconds, whatever happens in between."""

from __future__ import annotations

import re
import time

from lab.daemon import RunningDaemon
from lab.process import wait_until
from lab.world import World
from syncd.control.contract import Doing
from tests.lab.scenario import begin, ends_in_step, photo

SOON = 5.0
"""Seconds within which a change is on the other side."""


def quick(world: World, **daemon: str) -> None:
    """Settings for a test: Gramps Web is asked each second."""
    world.configure(daemon={"check_web_every": "1s", "settle": "1s", **daemon})


def test_saved_here_is_there_soon(world: World) -> None:
    """A file that is saved in the folder is in Gramps Web within five seconds, and costs no listing of anything."""
    world.copy_example_images()
    begin(world, "album/one.jpg")
    quick(world)
    assert world.s3 is not None
    with RunningDaemon(world.desktop) as daemon:
        position, requests = daemon.position(), world.s3.server.log_position()
        world.write("album/two.jpg", photo("two"))
        begun = time.monotonic()
        wait_until(lambda: "album/two.jpg" in world.catalog(), "the new file is in Gramps Web", SOON)
        assert time.monotonic() - begun < SOON
        daemon.wait(lambda live: live.doing is Doing.IDLE, "it rests")
        assert_nothing_listed(daemon, position)
        # When somebody uploads there, Gramps Web itself lists the bucket.
        assert not [one for one in world.s3.server.requests_since(requests) if one.operation == "LIST"]
    ends_in_step(world)


def assert_nothing_listed(daemon: RunningDaemon, position: int) -> None:
    """Since then neither Gramps Web's objects nor the folder were gone through."""
    events = daemon.events(position)
    assert "looking at everything" not in events
    listings = re.compile(r"GET \S+/api/media/\?")
    assert not [event for event in events if listings.search(event)]


def test_uploaded_there_is_here_soon(world: World) -> None:
    """A file that is uploaded in Gramps Web is in the folder within five seconds; its deletion follows as soon."""
    world.copy_example_images()
    begin(world, "album/one.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        position = daemon.position()
        handle = world.api.upload(photo("from the web"), "image/jpeg")
        wait_until(
            lambda: photo("from the web") in world.desktop.files().values(), "it is in the folder", SOON
        )
        world.api.delete(handle)
        wait_until(lambda: photo("from the web") in world.desktop.trash(), "it is in the trash", SOON)
        daemon.wait(lambda live: live.doing is Doing.IDLE, "it rests")
        assert_nothing_listed(daemon, position)
    ends_in_step(world)
