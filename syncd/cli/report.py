"""What a run did, in words that a genealogist knows.

Both places are called "the media folder" and "Gramps Web"; nobody has to know a handle or a checksum to read this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from syncd.cli.paper import Paper
from syncd.model.plan import Conflict, Counts, Done, HeldItem, HeldSet, HoldKind, Notice, Outcome, Waiting
from syncd.model.values import Problem

ROWS = 20
"""How many rows of a list are shown."""

_HELD_ACTIONS = {
    "delete": "delete in Gramps Web",
    "trash": "put into the trash",
    "add": "add to Gramps Web",
    "fetch": "fetch from Gramps Web",
    "conflict": "keep both versions",
    "update": "update in Gramps Web",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What of an outcome is worth telling: all of it, or under `-q` what is new."""

    summary: bool = True
    stop: bool = True
    problems: Sequence[Problem] = ()
    held: Sequence[HeldSet] = ()


def tell(paper: Paper, outcome: Outcome, chosen: Selection, *, verbose: bool = False) -> None:
    """Write the report of a run that was not stopped."""
    if chosen.summary:
        paper.line(summary(outcome))
    if outcome.dry_run or (verbose and chosen.summary):
        _tell_actions(paper, outcome)
    _tell_conflicts(paper, outcome.conflicts, dry_run=outcome.dry_run)
    _tell_problems(paper, chosen.problems)
    for held in chosen.held:
        tell_held(paper, held)
    _tell_notices(paper, outcome.notices)
    if chosen.summary and (verbose or paper.is_terminal):
        _tell_waiting(paper, outcome.waiting)


def tell_stop(paper: Paper, reason: str, remedy: str) -> None:
    """Write a stop: nothing was done, why, what to do."""
    paper.line("Stopped: nothing was done, neither in the media folder nor in Gramps Web.", style="bold red")
    paper.line(f"  Why:        {' '.join(reason.splitlines())}")
    if remedy:
        paper.line(f"  What to do: {' '.join(remedy.splitlines())}")


def summary(outcome: Outcome) -> str:
    """One line: `3 files sent, 2 fetched, 1 moved; 1,204 unchanged (4.2 s)`."""
    deeds = _would_do(outcome) if outcome.dry_run else _did(outcome)
    parts = [deeds or ("would do nothing" if outcome.dry_run else "nothing to do")]
    counts = outcome.counts
    if counts.unchanged:
        parts.append(f"{counts.unchanged:,} unchanged")
    if counts.waiting:
        parts.append(f"{counts.waiting:,} not finished yet")
    waiting = sum(len(held.items) for held in outcome.held if not held.approved)
    if waiting:
        parts.append(f"{waiting:,} waiting for you")
    if outcome.problems:
        parts.append(count(len(outcome.problems), "problem"))
    return f"{'; '.join(parts)} ({outcome.seconds:,.1f} s)"


def _deeds(outcome: Outcome) -> list[tuple[int, str, str, str]]:
    """How many, the verb, the past participle and the place, of everything that was done."""
    counts: Counts = outcome.counts
    by_sending = counts.added + counts.updated <= counts.uploaded
    restored = sum(1 for done in outcome.actions if done.kind == "restored")
    deeds = [
        (counts.uploaded, "send", "sent", ""),
        (0 if by_sending else counts.added, "add", "added", " to Gramps Web"),
        (0 if by_sending else counts.updated, "update", "updated", " in Gramps Web"),
        (counts.fetched, "fetch", "fetched", ""),
        (counts.copied, "copy", "copied", " within the media folder"),
        (counts.moved, "move", "moved", ""),
        (counts.linked, "pair", "paired", " (the same on both sides)"),
        (restored, "bring back", "brought back", ""),
        (counts.trashed, "put", "put", " into the trash"),
        (counts.deleted, "delete", "deleted", " in Gramps Web"),
    ]
    return [deed for deed in deeds if deed[0]]


def _did(outcome: Outcome) -> str:
    said = []
    for index, (number, _verb, participle, place) in enumerate(_deeds(outcome)):
        what = count(number, "file") if index == 0 else f"{number:,}"
        said.append(f"{what} {participle}{place}")
    return ", ".join(said)


def _would_do(outcome: Outcome) -> str:
    said = []
    for index, (number, verb, _participle, place) in enumerate(_deeds(outcome)):
        what = count(number, "file") if index == 0 else f"{number:,}"
        said.append(f"{verb} {what}{place}")
    return f"would {', '.join(said)}" if said else ""


def size_in_words(size: int) -> str:
    """Bytes as people read them: `12.3 MB`."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def _tell_actions(paper: Paper, outcome: Outcome) -> None:
    if not outcome.actions:
        return
    paper.line()
    paper.line("This would be done:" if outcome.dry_run else "Done:", style="bold")
    paper.table(("file", "what"), _cut(_action_row(done) for done in outcome.actions))
    _tell_rest(paper, len(outcome.actions), "syncd --once --dry-run --json" if outcome.dry_run else None)


def _action_row(done: Done) -> tuple[str, str]:
    words = {
        "uploaded": "send",
        "fetched": "fetch",
        "copied": "copy within the media folder",
        "added": "add to Gramps Web",
        "updated": "update in Gramps Web",
        "moved": "move",
        "linked": "pair: the same on both sides",
        "trashed": "put into the trash",
        "deleted": "delete in Gramps Web",
        "restored": "bring back",
        "conflict": "keep both versions",
    }
    what = words.get(done.kind, done.kind)
    if done.size and done.kind in ("uploaded", "fetched"):
        what = f"{what} ({size_in_words(done.size)})"
    return done.path, what if not done.why or done.kind == "linked" else f"{what}: {done.why}"


def _tell_conflicts(paper: Paper, conflicts: Sequence[Conflict], *, dry_run: bool) -> None:
    if not conflicts:
        return
    number = count(len(conflicts), "file")
    verb = "was" if len(conflicts) == 1 else "were"
    paper.line()
    paper.line(f"{number} {verb} changed on both sides; both versions {_kept(dry_run)}:", style="bold yellow")
    rows = ((str(conflict.path), _copy(conflict)) for conflict in conflicts)
    paper.table(("the version of Gramps Web", "the version of the media folder"), _cut(rows))
    _tell_rest(paper, len(conflicts))
    paper.line(
        "Compare them, then delete or rename the one you do not want; `syncd conflicts` lists them again."
    )


def _kept(dry_run: bool) -> str:  # noqa: FBT001  (a word for each)
    return "would be kept" if dry_run else "are kept"


def _copy(conflict: Conflict) -> str:
    return f"kept as {conflict.kept_as}" if conflict.kept_as else "the other version is in the trash"


def _tell_problems(paper: Paper, problems: Sequence[Problem]) -> None:
    if not problems:
        return
    paper.line()
    paper.line(f"{count(len(problems), 'problem')}:", style="bold red")
    rows = (
        (problem.path or "(no name)", f"why: {problem.reason}", f"to do: {problem.remedy}")
        if not paper.is_terminal
        else (problem.path or "(no name)", problem.reason, problem.remedy)
        for problem in problems
    )
    paper.table(("file", "why", "what to do"), _cut(rows))
    _tell_rest(paper, len(problems))


def tell_held(paper: Paper, held: HeldSet) -> None:
    """Write one set of items that wait, and how to let them go."""
    number = count(len(held.items), "item")
    verb = "waits" if len(held.items) == 1 else "wait"
    paper.line()
    name = f" (number {held.id})" if held.id else ""
    paper.line(f"{number} {verb} for you{name}: {held.reason}", style="bold yellow")
    paper.table(("file", "what", "note"), _cut(_held_row(item) for item in held.items))
    _tell_rest(paper, len(held.items), "syncd approve --json")
    if not held.id:
        paper.line("  A run without --dry-run gives this a number for `syncd approve`.")
        return
    paper.line(f"  syncd approve {held.id}   {_approving(held)}")
    if held.kind is not HoldKind.FIRST_SYNC:
        paper.line(f"  syncd restore {held.id}   {_restoring(held)}")


def _held_row(item: HeldItem) -> tuple[str, str, str]:
    return item.path, _HELD_ACTIONS.get(item.action, item.action), item.detail


def _approving(held: HeldSet) -> str:
    if held.kind is HoldKind.FIRST_SYNC:
        return "goes ahead with this first sync"
    return "lets the deletion happen" if len(held.items) == 1 else "lets the deletions happen"


def _restoring(held: HeldSet) -> str:
    actions = {item.action for item in held.items}
    pronoun = "it" if len(held.items) == 1 else "them"
    if actions == {"delete"}:
        return f"brings {pronoun} back into the media folder"
    if actions == {"trash"}:
        return f"brings {pronoun} back into Gramps Web"
    return f"brings {pronoun} back"


def _tell_notices(paper: Paper, notices: Sequence[Notice]) -> None:
    if not notices:
        return
    paper.line()
    paper.line("Good to know:", style="bold")
    paper.table(("file", "what"), _cut((notice.path, notice.text) for notice in notices))
    _tell_rest(paper, len(notices), None)


def _tell_waiting(paper: Paper, waiting: Sequence[Waiting]) -> None:
    if not waiting:
        return
    paper.line()
    paper.line("Not finished yet; a later run goes on with:", style="bold")
    paper.table(("file", "why"), _cut((item.path, item.reason) for item in waiting))
    _tell_rest(paper, len(waiting), None)


def _cut(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The first rows of a list."""
    return [row for row, _ in zip(rows, range(ROWS), strict=False)]


def _tell_rest(paper: Paper, total: int, command: str | None = "syncd --once --json") -> None:
    if total > ROWS:
        where = f" ({command} lists all)" if command else ""
        paper.line(f"  … and {total - ROWS:,} more{where}")


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
