"""One run, as `syncd --once` makes it: open the rooms, run the cycle, tidy up, close."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from syncd.clocked import Clocked
from syncd.config import Settings
from syncd.control.last import failures_noted, note_interruption, note_whole
from syncd.control.told import has_told
from syncd.errors import ExitCode, StopError
from syncd.model import Stop
from syncd.model.plan import Outcome
from syncd.ports import Progress
from syncd.rooms import Rooms, Task


def run_once(
    settings: Settings,
    *,
    full: bool,
    dry_run: bool,
    progress: Progress,
    begun: Callable[[Callable[[], Outcome]], object],
) -> Outcome:
    """Bring folder, Gramps Web and bucket in step, once.

    Args:
        settings: the configuration.
        full: list everything, whatever the history says.
        dry_run: only find out what would be done; not a byte is written anywhere.
        progress: told what is going on.
        begun: given, once there is a cycle, what tells at any moment and in any thread what was done so far.

    Returns:
        What was done (or would be) and what is left; a stop is part of it.

    Raises:
        SyncdError: the run could not begin or not go on; what was done until then is recorded.
    """
    start, clocked = time.monotonic(), Clocked(progress)
    task = Task(full=full, lightly=not dry_run)
    done: Callable[[], Outcome] = Outcome
    try:
        with (
            Rooms(settings, dry_run=dry_run) as rooms,
            failures_noted(rooms.state),
            rooms.cycle(task, clocked) as (cycle, notices),
        ):
            done = cycle.so_far
            begun(lambda: replace(done(), phases=clocked.took(), seconds=time.monotonic() - start))
            try:
                outcome = replace(cycle.run(), phases=clocked.took())
            except BaseException as error:
                code = getattr(error, "exit_code", None)
                if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
                    note_interruption(cycle.state, code)
                raise
            with cycle.state.batch():
                note_whole(cycle.state, outcome, is_full=cycle.has_listed)
                is_quiet = rooms.note_rest(cycle) and not notices and not has_told(cycle.state)
            outcome = replace(outcome, is_quiet=is_quiet)
    except StopError as error:
        outcome, notices = replace(done(), dry_run=dry_run, stop=Stop(error.reason, error.remedy)), []
    return replace(outcome, notices=(*notices, *outcome.notices), seconds=time.monotonic() - start)
