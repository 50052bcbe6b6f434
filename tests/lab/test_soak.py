"""One round of the soak (`script/soak`), and that its audit finds real damage on real servers."""

from __future__ import annotations

import random

from lab.soak.audit import judge
from lab.soak.looking import look
from lab.soak.soak import Pace, Soak
from lab.soak.violation import Kind
from lab.world import World

SECONDS = 2.0
"""How long people work between two faults."""


def test_a_round_of_the_soak(empty_world: World) -> None:
    """Two computers and Gramps Web, a kill, a bad line, drafts that are ignored: at rest an audit finds all in order.

    Then bytes, files, objects and references are taken away behind everybody's back, and it finds each.
    """
    soak = Soak(empty_world, seed=20, own_servers=False, pace=Pace(0.15, faults=0), big=False)
    rng = random.Random(20)
    try:
        for fault in (soak.faults.kill_daemon, soak.faults.bad_line_to_web, soak.faults.ignore_drafts):
            soak.work(SECONDS)
            fault(rng, SECONDS)
        soak.work(SECONDS)
        violations = soak.audit()
        assert not violations, "\n".join(map(str, [*violations, *soak.ledger.story]))
        assert soak.audits[-1]["objects"] > 5
        soak.end_daemons()
        assert damage(soak) >= {Kind.LOST, Kind.KEY, Kind.DIFFERS, Kind.MISSING, Kind.REFERENCE}
    finally:
        soak.close()


def damage(soak: Soak) -> set[Kind]:
    """Take away a file, a byte of a key, a key, an object and a reference; what an audit finds then."""
    world = soak.world
    assert world.s3 is not None
    one, other, third, *_ = {item["checksum"]: item for item in world.api.media()}.values()
    person = world.api.new_person(media_list=[{"_class": "MediaRef", "ref": third["handle"]}])
    soak.record.read()
    with world.api_as("editor") as syncd:
        syncd.delete(third["handle"])
    soak.record.read()
    assert world.api.gallery(person) == []
    path = soak.computers[1].people.files()[0]
    (soak.computers[1].desktop.folder / path).unlink()
    world.s3.put(one["checksum"], world.s3.get(one["checksum"]) + b"x")
    world.s3.delete(other["checksum"])
    return {found.kind for found in judge(soak.ledger, look(world, soak.computers, soak.ledger))}
