"""A scenario: what happens in one simulation, made from a seed; how it is run, and how a failing one is made smaller."""

from __future__ import annotations

import random
import shutil
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sim import judge
from sim.desk import Faults, Violation
from sim.people import People
from sim.world import World

DEEDS: dict[str, int] = {
    "write": 12, "edit": 7, "write_on_all": 1, "rename": 6, "swap": 2, "rename_folder": 2, "copy": 2,
    "save_like_an_editor": 2, "delete": 5, "delete_many": 1, "put_back": 2, "touch_all": 1,
    "web_add": 7, "web_edit": 4, "web_rename": 4, "web_swap": 1, "web_describe": 3, "web_delete": 4, "web_refer": 3,
    "web_restart": 1, "server_backup": 1, "server_restore": 1, "other_tree": 1, "lost_rights": 1, "other_bucket": 1,
    "hide_objects": 1, "rename_host": 1, "point_elsewhere": 1, "nest": 1, "unmount": 1, "copied_folder": 1, "lose_state": 1, "keep_state": 1, "roll_state_back": 1, "damage_state": 1,
    "approve": 2, "time_passes": 3, "night": 6, "mend": 4,
}  # fmt: skip
"""How often each is done."""

IN_BETWEEN = (
    "write", "edit", "rename", "swap", "copy", "delete", "put_back", "save_like_an_editor", "rename_folder",
    "web_add", "web_edit", "web_rename", "web_describe", "web_delete", "web_refer", "web_restart",
)  # fmt: skip
"""What people may do while the engine is at work."""


@dataclass(frozen=True)
class Step:
    """One thing that happens: a deed, or a run of desktop `desk`; `chance` seeds whatever is left to chance in it."""

    what: str
    chance: str
    desk: int = 0


@dataclass
class Result:
    """How a simulation went."""

    seed: int
    violation: str | None
    digest: str
    events: int
    rounds: int
    log: list[str]
    hits: Counter[str] = field(default_factory=Counter)


def steps_of(seed: int) -> list[Step]:
    """The steps of a seed."""
    chance = random.Random(f"{seed}-steps")
    steps = []
    for number in range(chance.randint(6, 40)):
        own = f"{seed}-{number}"
        if chance.random() < 0.35:
            steps.append(Step(chance.choice(("sync", "sync", "near")), own, chance.randrange(2)))
        else:
            steps.append(Step(chance.choices(list(DEEDS), list(DEEDS.values()))[0], own))
    if chance.random() < 0.5:  # what changes after all had come to rest is seen by whoever looks next
        steps += [Step("night", f"{seed}-rest"), Step(chance.choice(IN_BETWEEN), f"{seed}-last")]
    return steps


def new_world(seed: int, base: Path) -> World:
    """The world of a seed, before anything happens."""
    chance = random.Random(f"{seed}-world")
    desks = chance.choice((1, 1, 2))
    usual = chance.random() < 0.6
    options: list[dict[str, object]] = [
        {}
        if usual
        else {
            "conflicts": chance.choice(("keep-both", "prefer-folder", "prefer-web")),
            "deletions": {
                "on_web": chance.choice(("unreferenced", "always", "never")),
                "in_folder": chance.choice(("trash", "never")),
                "hold_above": {"count": 200, "percent": 5, "always_allow": chance.choice((1, 10))},
            },
            "first_sync": chance.choice(("ask", "go")),
        }
        for _ in range(desks)
    ]
    skews = [chance.choice((0.0, 0.0, 3600.0, -3600.0)) for _ in range(desks)]
    return World(str(seed), base, desks, own_disk=chance.random() < 0.25, options=options, skews=skews)


def faults_of(step: Step) -> Faults:
    """What befalls a run."""
    chance = random.Random(f"{step.chance}-faults")
    calm = chance.random() < 0.4
    killed = chance.random() < 0.3
    return Faults(
        chance=chance,
        kill_at=int(10 ** chance.uniform(0, 3.3)) if killed else 0,
        power=chance.random() < 0.3,
        rate=0.0 if calm else chance.choice((0.0, 0.02, 0.1, 0.3)),
        meddle=0.0 if calm else chance.choice((0.0, 0.002, 0.01)),
        full=chance.random() < 0.03,
    )


def run(seed: int, keep: list[int] | None = None, base: Path | None = None) -> Result:
    """Run a seed's scenario, or only the steps of these numbers."""
    steps = list(enumerate(steps_of(seed)))
    if keep is not None:
        steps = [(number, step) for number, step in steps if number in keep]
    folder = Path(tempfile.mkdtemp(prefix="sim-", dir=base))
    world = new_world(seed, folder)
    people = People(world)
    world.meddler = lambda chance: _meddle(world, people, chance)
    violation, rounds = None, 0
    try:
        with world.running():
            for number, step in steps:
                world.clock.pass_by(random.Random(step.chance).choice((0.001, 1, 5, 120)))
                world.note(f"step {number}: {step.what}")
                _take(world, people, step)
            people.mend()
            rounds = judge.settle(world)
            judge.judge(world)
    except Violation as error:
        violation = f"{error}"
        world.log += judge.describe(world)
    except Exception as error:
        violation = f"defect: {type(error).__name__}: {error}"
        world.log += traceback.format_exc().splitlines()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(seed, violation, world.digest.hexdigest(), world.events, rounds, world.log, world.hits)


def _take(world: World, people: People, step: Step) -> None:
    chance = random.Random(step.chance)
    if step.what in ("sync", "near"):
        desk = world.desks[step.desk % len(world.desks)]
        world.sync(desk, faults_of(step), near=step.what == "near")
    elif step.what == "night":
        for desk in world.desks:
            for _ in range(3):
                world.clock.pass_by(3600)
                world.sync(desk, Faults(chance))
    elif step.what == "mend":
        people.mend()
    else:
        with world.disks.by_hand():
            getattr(people, step.what)(chance)
            world.disks.synced()
    world.hit(f"step: {step.what}")


def _meddle(world: World, people: People, chance: random.Random) -> None:
    """Somebody does something between two calls: a person, or another desktop, which makes a whole run."""
    idle = [desk for desk in world.desks if desk not in world.active and desk.rooms is None]
    if idle and chance.random() < 0.2:
        world.hit("a run within a run")
        world.sync(chance.choice(idle), Faults(random.Random(chance.random())))
        return
    getattr(people, chance.choice(IN_BETWEEN))(chance)


def shrink(result: Result, *, tries: int = 400) -> tuple[list[int], Result]:
    """The fewest steps with which a failing seed still fails in the same way, as far as they are found."""
    kept = list(range(len(steps_of(result.seed))))
    best, size = result, max(1, len(kept) // 2)
    while size and tries:
        at = 0
        while at < len(kept) and tries:
            fewer = kept[:at] + kept[at + size :]
            tries -= 1
            found = run(result.seed, fewer)
            if found.violation is not None and _kind(found) == _kind(result):
                kept, best = fewer, found
            else:
                at += size
        size //= 2
    return kept, best


def _kind(result: Result) -> str:
    """The sort of a violation, without what is particular to it."""
    words = (result.violation or "").split()
    return " ".join(word for word in words if not word.strip(",:'").startswith(("w", "?", "s0", "desk")))[:40]
