"""Between syncd and real servers, a network that lies: nothing is deleted, doubled or lost, and the next runs make it good.

Here each lie is told once, about calls that a seed draws; `script/lying-network` tells every lie about every call.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.gramps_web import GrampsWeb
from lab.lying.arena import Arena, network_before
from lab.lying.cases import AFTER_EXPIRY, CALLS, gauntlet, uncovered


@pytest.fixture(scope="module")
def arena(
    gramps_web: GrampsWeb, disk_server: GrampsWeb, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arena]:
    """The session's servers behind such a network."""
    folder = tmp_path_factory.mktemp("lying")
    with (
        network_before(folder, gramps_web, disk_server) as network,
        Arena({False: gramps_web, True: disk_server}, network, folder) as arena,
    ):
        yield arena


def test_each_lie_once(arena: Arena) -> None:
    """Changes on both sides get through every lie, each told once about some call; SYNCD_LIES draws other calls."""
    seed = int(os.environ.get("SYNCD_LIES", "1"))
    wrong = list(arena.gauntlet("full", gauntlet(seed)))
    assert not wrong, f"SYNCD_LIES={seed}\n" + "\n".join(wrong)


@pytest.mark.parametrize("kind", ["full", "first", "large", "token", "disk", "disk first"])
def test_every_call_is_lied_about(arena: Arena, kind: str) -> None:
    """A run makes no call that the matrix knows nothing of, and all that it lies about in such a family."""
    calls = arena.record(kind)
    assert not uncovered(arena.heard), "lab/lying/cases.py lacks these"
    named = {call for call in CALLS[kind] if call[1] not in AFTER_EXPIRY}
    assert named <= calls | arena.heard
