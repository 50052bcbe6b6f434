"""What happens to a desktop's state: by command, by accident, or by a backup that is put back."""

from __future__ import annotations

import shutil

from sim.desk import Desk
from sim.world import World
from syncd import adoption
from syncd.applier.disk import MediaFolder
from syncd.model.plan import HoldKind
from syncd.state import State

# --- a person at the command line -----------------------------------------------------------------------------


def approve(world: World, desk: Desk) -> None:
    """Approve all that waits."""
    world.stop_daemon(desk)
    if not desk.settings.state_file.exists():
        return
    with State.open(desk.settings.state_file) as state:
        for held in state.held():
            if not held.approved:
                state.approve(held.id)
                world.note(f"{desk.name}: approved {held.kind}")
                if held.kind is HoldKind.REFERENCED:
                    world.approved |= {item.handle for item in held.items}


def adopt(world: World, desk: Desk) -> None:
    """Bind a desktop anew: it knows nothing of what was before."""
    world.stop_daemon(desk)
    world.note(f"{desk.name} adopts")
    world.hit("adopt")
    world.history.clean = False
    _forgets(world, desk)
    world.person_at = desk
    with (
        world.disks.by_hand(),
        State.open(desk.settings.state_file) as state,
        MediaFolder(desk.settings.media_dir) as folder,
    ):
        adoption.adopt(state, folder)


def lose_state(world: World, desk: Desk) -> None:
    """The state file is deleted."""
    world.stop_daemon(desk)
    shutil.rmtree(desk.settings.state_dir, ignore_errors=True)
    world.hit("state: lost")
    _forgets(world, desk)
    world.history.clean = False


def _forgets(world: World, desk: Desk) -> None:
    """What stands in a folder whose state is lost is new to it again."""
    if desk.away is not None:
        world.history.muddled |= world.history.written.keys()
    for top in {desk.top, str(desk.settings.media_dir)}:  # both, while the settings name another folder
        world.history.muddled |= {world.history.word(content) for content in world.standing_in(top).values()}


def keep_state(world: World, desk: Desk) -> None:
    """A backup program copies the state file."""
    world.stop_daemon(desk)
    kept = desk.settings.state_dir.with_suffix(".kept")
    shutil.rmtree(kept, ignore_errors=True)
    if desk.settings.state_dir.exists():
        shutil.copytree(desk.settings.state_dir, kept)
        desk.kept_state = kept


def roll_state_back(world: World, desk: Desk) -> None:
    """The backup is put back."""
    if desk.kept_state is None:
        return
    world.stop_daemon(desk)
    shutil.rmtree(desk.settings.state_dir, ignore_errors=True)
    shutil.copytree(desk.kept_state, desk.settings.state_dir)
    world.hit("state: rolled back")
    _forgets(world, desk)
    world.history.clean = world.history.whole = False


def damage_state(world: World, desk: Desk) -> None:
    """The state file is cut in half."""
    world.stop_daemon(desk)
    file = desk.settings.state_file
    if file.exists():
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        world.hit("state: damaged")
        _forgets(world, desk)
        world.history.clean = False
