"""The simulation's disks: what is left of a process that was killed does nothing, and a living one's mistakes show."""

from __future__ import annotations

import errno
import os
import random

import pytest

from sim.posix import Disks

FILE = "/sim/a.jpg"


def disks() -> Disks:
    """New ones, with a file."""
    found = Disks(random.Random(0), lambda: 10**18, lambda _call, _path: None)
    found.write_file(FILE, b"photo")
    return found


def test_what_a_killed_process_had_open_may_be_closed_late() -> None:
    """Its generators are collected at any time, and close what went with it: silently, and nothing of the next process."""
    one = disks()
    one.owner = "killed"
    late = one.open(FILE, os.O_RDONLY)
    one.process_ended("killed")
    one.owner = "next"
    living = one.open(FILE, os.O_RDONLY)
    one.close(late)
    one.close(late)
    assert one.read(living, 5) == b"photo"


def test_what_is_left_of_a_former_world_closes_nothing() -> None:
    """The worlds of one process have no descriptor in common."""
    former = disks()
    late = former.open(FILE, os.O_RDONLY)
    now = disks()
    living = now.open(FILE, os.O_RDONLY)
    now.close(late)
    assert now.read(living, 5) == b"photo"


def test_a_living_process_that_closes_twice_is_told() -> None:
    """As by the kernel, which might close another's file."""
    one = disks()
    descriptor = one.open(FILE, os.O_RDONLY)
    one.close(descriptor)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        one.close(descriptor)
