"""The judge: whether all comes to rest, and every promise was kept.

Every content is written once, so that it says when it was written and over what. From that follows what must be there
in the end (what nobody overwrote or deleted) and what must not (what somebody did, who had it before them).
"""

from __future__ import annotations

import random
import re
from collections import Counter

from sim import states
from sim.desk import Desk, Faults, Violation
from sim.met import name_of
from sim.world import World
from syncd.model import Stop
from syncd.state import State

ROUNDS = 8
"""Rounds in which all must come to rest, once nothing happens any more."""


def describe(world: World) -> list[str]:
    """What stands where, for whoever looks into a violation."""
    word = world.history.by_checksum
    lines = [
        f"object {handle} {form['path']} {word.get(form['checksum'], form['checksum'])}"
        for handle, form in sorted(world.web.media().items())
    ]
    lines.append(f"bucket {sorted(word.get(key, key) for key in world.bucket.stored)}")
    for desk in world.desks:
        found = {**world.standing(desk), **world.trash(desk)}
        lines += [f"{desk.name} file {path} {world.history.word(content)}" for path, content in found.items()]
        if desk.settings.state_file.exists():
            with State.open(desk.settings.state_file) as state:
                links = sorted(state.links(), key=lambda link: link.handle)
                lines += [f"{desk.name} {link!r} {word.get(link.checksum)}" for link in links]
    return lines


# --- the judge ------------------------------------------------------------------------------------------------


def settle(world: World) -> int:
    """Nothing fails and nobody does anything: all comes to rest within a bounded number of rounds.

    Returns:
        The rounds that it took.
    """
    world.note("=== settling")
    chance = random.Random(0)
    for number in range(1, ROUNDS + 1):
        busy = False
        for desk in world.desks:
            world.clock.pass_by(3600)
            outcome = world.sync(desk, Faults(chance))
            if outcome is None:
                raise Violation(f"{desk.name} fails although nothing is wrong: {world.log[-1]}")
            if outcome.stop is not None:
                _get_out(world, desk, outcome.stop)
                busy = True
            elif any(not held.approved for held in outcome.held):
                states.approve(world, desk)
                busy = True
            busy = busy or bool(outcome.actions) or outcome.unfinished
        if not busy:
            return number
    raise Violation(f"no rest after {ROUNDS} rounds")


def _get_out(world: World, desk: Desk, stop: Stop) -> None:
    """Do what a stop says."""
    name = name_of(stop.reason)
    world.note(f"{desk.name} gets out of: {name}")
    with world.disks.by_hand():
        if name == "the folder is a copy":
            other = re.search(r"is a copy of (\S+), which", stop.reason)
            assert other is not None
            # With the other one's state, what came to that alone is deleted here, and what is old here is an edit.
            known = world.history
            here, there = ({*world.standing_in(top).values()} for top in (desk.top, other[1]))
            known.muddled |= {known.word(content) for content in here ^ there}
            world.disks.move(other[1], f"{other[1]}-away")
            return
        if name == "another folder lies in it":
            marker = re.search(r"synced no more, delete (\S+)", stop.remedy)
            assert marker is not None
            world.disks.remove(marker[1])
            return
    if "syncd adopt" not in stop.remedy:
        raise Violation(f"{desk.name} is locked out: {stop.reason}; {stop.remedy}")
    states.adopt(world, desk)


def judge(world: World) -> None:
    """See whether every promise was kept."""
    known = world.history
    everything = world.everything()
    keep = sorted(known.written.keys() - known.gone)
    for word in keep:
        if word not in everything:
            raise Violation(f"{word} is lost")
    standing = [{known.word(content) for content in world.standing(desk).values()} for desk in world.desks]
    for found in standing:
        odd = [word for word in found if word.startswith("?")]
        if odd:
            raise Violation(f"bytes that nobody wrote: {odd}")
    named = {known.by_checksum.get(form["checksum"]) for form in world.web.media().values()}
    both_kept = all(str(desk.settings.conflicts) == "keep-both" for desk in world.desks)
    if both_kept and known.whole and known.clean:
        told = {handle for desk in world.desks for handle in desk.told}
        excused = {
            known.by_checksum.get(world.web.media()[h]["checksum"]) for h in told & world.web.media().keys()
        }
        for word in keep:
            if word not in known.muddled | excused and not all(word in found for found in standing):
                raise Violation(f"{word} does not stand everywhere: {standing}")
            if word not in known.muddled | excused and word not in named:
                raise Violation(f"{word} has no object")
    deletes = all(
        str(desk.settings.deletions.on_web) != "never" and str(desk.settings.deletions.in_folder) == "trash"
        for desk in world.desks
    )
    if known.clean and deletes:
        for word in sorted(known.gone - known.muddled):
            if any(word in found for found in standing):
                raise Violation(f"{word} came back")
            if word in named:
                raise Violation(f"{word} has an object still")
    _judge_objects(world)


def _judge_objects(world: World) -> None:
    known = world.history
    objects = world.web.media()
    named = Counter(form["checksum"] for form in objects.values())
    for checksum, count in named.items():
        word = known.by_checksum.get(checksum, "?")
        if count > 1 and word not in known.muddled:
            raise Violation(f"{count} objects for {word}")
    for form in objects.values():
        if not world.is_served(form) and known.by_checksum.get(form["checksum"]) in known.written:
            word = known.by_checksum[form["checksum"]]
            if word not in known.gone and word not in known.muddled:
                raise Violation(f"{form['path']} names bytes that are nowhere: {word}")
    asks = all(str(desk.settings.deletions.on_web) != "always" for desk in world.desks)
    for person, handle in world.references if asks else []:
        if handle in world.approved:
            continue  # deleted with a yes; a computer that had lost its state may have made it anew since
        if handle not in objects:
            raise Violation(f"{handle}, to which {person} refers, was deleted without a yes")
        if person not in world.web.referrers(handle):
            raise Violation(f"the reference of {person} to {handle} was stripped")
