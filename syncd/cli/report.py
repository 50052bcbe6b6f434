"""What a run did, in words that a genealogist knows.

Both places are called "the media folder" and "Gramps Web"; nobody has to know a handle or a checksum to read this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from syncd.cli.paper import Paper
from syncd.model.numbers import NumberKind
from syncd.model.plan import (
    Conflict,
    Counts,
    Done,
    HeldItem,
    HeldSet,
    HoldKind,
    Notice,
    Outcome,
    Waiting,
    Why,
)
from syncd.model.values import Problem

ROWS = 20
"""How many rows of a list are shown."""

FIRST_ROWS = 10
"""How many rows of a first sync that waits are shown: everything is new in it, and the numbers say more."""

_NAMED = {
    "moved": "Moved",
    "trashed": "Put into the trash",
    "deleted": "Deleted in Gramps Web",
    "restored": "Brought back",
}
"""What a report names without being asked. Of new files the number will do."""

_EDITED: Mapping[tuple[str, str], str] = {
    ("updated", Why.EDITED_FILE): "Replaced in Gramps Web",
    ("fetched", Why.EDITED_OBJECT): "Replaced in the media folder",
}
"""Likewise: a wrong photo in the place of the right one is noticed by nothing else."""

_HELD_ACTIONS = {
    "delete": "delete in Gramps Web",
    "trash": "put into the trash",
    "add": "add to Gramps Web",
    "upload": "send",
    "fetch": "fetch",
    "conflict": "keep both versions",
    "update": "update in Gramps Web",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What of an outcome is worth telling: all of it, or under `-q` what is new and needs somebody."""

    summary: bool = True
    deeds: bool = True
    stop: bool = True
    problems: Sequence[Problem] = ()
    held: Sequence[HeldSet] = ()
    notices: Sequence[Notice] = ()


def tell(paper: Paper, outcome: Outcome, chosen: Selection, *, verbose: bool = False) -> None:
    """Write the report of a run that was not stopped."""
    if chosen.summary:
        paper.line(summary(outcome))
    if outcome.dry_run or (verbose and chosen.summary):
        _tell_actions(paper, outcome)
    elif chosen.deeds:
        _tell_deeds(paper, outcome)
    _tell_conflicts(paper, outcome.conflicts, dry_run=outcome.dry_run)
    _tell_problems(paper, chosen.problems)
    for held in chosen.held:
        tell_held(paper, held)
    _tell_notices(paper, chosen.notices)
    if chosen.deeds:
        _tell_waiting(paper, outcome.waiting)


def tell_part(paper: Paper, outcome: Outcome, *, verbose: bool = False, quiet: bool = False) -> None:
    """Write what a run did that came to no end; nothing of one that did nothing.

    Args:
        paper: where to.
        outcome: what was done until then.
        verbose: name everything.
        quiet: tell of conflicts only, which are told once.
    """
    if not outcome.conflicts and (quiet or not (outcome.actions or outcome.notices)):
        return
    parts = [_did(outcome) or "nothing done", "then it was broken off"]
    if number := _not_told(outcome):
        parts.insert(1, f"{number:,} of them not in Gramps Web yet")
    paper.line(f"{'; '.join(parts)} ({outcome.seconds:,.1f} s)")
    if verbose:
        _tell_actions(paper, outcome)
    elif not quiet:
        _tell_deeds(paper, outcome)
    _tell_conflicts(paper, outcome.conflicts, dry_run=False)
    if not quiet:
        _tell_notices(paper, outcome.notices)


def _not_told(outcome: Outcome) -> int:
    """How many new and edited files were sent of which no object names the bytes yet."""
    sent = {
        done.path
        for done in outcome.actions
        if done.kind == "uploaded" and done.why in (Why.NEW_FILE, Why.EDITED_FILE)
    }
    return len(sent - {done.path for done in outcome.actions if done.kind in ("added", "updated")})


def tell_stop(paper: Paper, reason: str, remedy: str, *, bucket: bool = False, begun: bool = False) -> None:
    """Write a stop: why, and what to do.

    Args:
        paper: where to.
        reason: of the stop.
        remedy: likewise; may be empty.
        bucket: of a command that works there, too.
        begun: something was done before; else it is said that nothing was.
    """
    where = "neither in the media folder nor in Gramps Web" + (
        ", and nothing in the bucket" if bucket else ""
    )
    done = "nothing more is done" if begun else f"nothing was done, {where}"
    paper.line(f"Stopped: {done}.", style="bold red")
    paper.line(f"  Why:        {' '.join(reason.splitlines())}")
    if remedy:
        paper.line(f"  What to do: {' '.join(remedy.splitlines())}")


def summary(outcome: Outcome) -> str:
    """One line: `3 files sent (3 new in Gramps Web), 2 fetched, 1 moved; 1,204 unchanged (4.2 s)`."""
    waiting = sum(files_of(held) for held in outcome.held if not held.approved)
    deeds = _would_do(outcome) if outcome.dry_run else _did(outcome)
    if not deeds and outcome.dry_run:
        deeds = "would do nothing before you approve" if waiting else "would do nothing"
    parts = [deeds or ("nothing done" if waiting or outcome.counts.waiting else "nothing to do")]
    counts = outcome.counts
    if counts.unchanged:
        parts.append(f"{counts.unchanged:,} unchanged")
    if counts.waiting:
        parts.append(f"{counts.waiting:,} not finished yet")
    if waiting:
        parts.append(f"{waiting:,} waiting for you")
    if outcome.problems:
        parts.append(count(len(outcome.problems), "problem"))
    return f"{'; '.join(parts)} ({outcome.seconds:,.1f} s)"


def files_of(held: HeldSet) -> int:
    """How many files a set is about: sending one and adding it to Gramps Web are two steps of one file."""
    return len({item.path for item in held.items})


def _deeds(outcome: Outcome) -> list[tuple[int, str, str, str]]:
    """How many, the verb, the past participle and the place, of everything that was done."""
    counts: Counts = outcome.counts
    restored = sum(1 for done in outcome.actions if done.kind == "restored")
    added = max(0, counts.added - restored)  # the contract counts both as added
    by_sending = added + counts.updated <= counts.uploaded
    deeds = [
        (counts.uploaded, "send", "sent", _new_and_changed(added, counts.updated) if by_sending else ""),
        (0 if by_sending else added, "add", "added", " to Gramps Web"),
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


def _new_and_changed(added: int, updated: int) -> str:
    """What the files that were sent are to Gramps Web: ` (7 new, 1 changed in Gramps Web)`."""
    parts = [f"{number:,} {what}" for number, what in ((added, "new"), (updated, "changed")) if number]
    return f" ({', '.join(parts)} in Gramps Web)" if parts else ""


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
    cut = paper.is_terminal and outcome.dry_run
    sent = {done.path for done in outcome.actions if done.kind == "uploaded"}
    new = {done.path for done in outcome.actions if done.kind == "added"} & sent
    rows = [
        _action_row(done, new)
        for done in outcome.actions
        if not (done.kind in ("added", "updated") and done.path in sent)
    ]
    paper.table(("file", "what"), _cut(rows) if cut else rows)
    if cut:
        _tell_rest(paper, len(rows), "syncd --once --dry-run --json")


def _tell_deeds(paper: Paper, outcome: Outcome) -> None:
    """Name what a person may want to look at: what moved, went or came back."""
    groups: dict[tuple[str, str], list[str]] = {}
    for done in outcome.actions:
        if done.kind in _NAMED or (done.kind, done.why) in _EDITED:
            groups.setdefault((done.kind, done.why), []).append(done.path)
    left = ROWS
    for (kind, why), paths in sorted(groups.items()):
        paper.line()
        title = _EDITED.get((kind, why)) or _NAMED[kind]
        paper.line(f"{title}{f' ({why})' if why else ''}:", style="bold")
        for path in paths[:left]:
            paper.line(f"  {path}")
        if len(paths) > left:
            paper.line(f"  … and {len(paths) - left:,} more (a run with -v lists all)")
        left = max(0, left - len(paths))
    if any(kind in ("deleted", "trashed") and why != Why.LOST_FILE for kind, why in groups):
        paper.line("  (syncd trash list shows what can be brought back)")
    if not groups.keys().isdisjoint(_EDITED):
        paper.line("  (syncd history tells what can be undone)")


def _action_row(done: Done, new: AbstractSet[str]) -> tuple[str, str]:
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
    if done.kind == "uploaded" and done.path in new:
        what = "send and add to Gramps Web"
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
    if any(conflict.kept_as for conflict in conflicts):
        paper.line(
            "Compare them. To keep the folder's version, move it over the other; to keep Gramps Web's, delete the copy. "
            "`syncd conflicts` lists them again."
        )
    if any(conflict.kept_as is None for conflict in conflicts):
        paper.line(
            "The configuration (conflicts) says which side wins; `syncd trash list` shows the other version, and "
            "`syncd trash restore` brings it back."
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
    number = count(files_of(held), "file")
    verb = "waits" if files_of(held) == 1 else "wait"
    paper.line()
    written = NumberKind.WAITING.written(held.id)
    name = f" (number {written})" if held.id else ""
    paper.line(f"{number} {verb} for you{name}: {held.reason}", style="bold yellow")
    limit = FIRST_ROWS if held.kind is HoldKind.FIRST_SYNC else ROWS
    paper.table(("file", "what", "note"), _cut(_held_rows(held), limit))
    _tell_rest(paper, files_of(held), "syncd approve --json" if held.id else None, limit)
    if not held.id:
        paper.line("  A run without --dry-run gives this a number for `syncd approve`.")
        return
    paper.line(f"  syncd approve {written}   {_approving(held)}")
    if held.kind is not HoldKind.FIRST_SYNC:
        paper.line(f"  syncd restore {written}   {_restoring(held)}")


def _held_rows(held: HeldSet) -> list[tuple[str, str, str]]:
    """A row a file, with all that would be done with it."""
    files: dict[str, list[HeldItem]] = {}
    for item in held.items:
        files.setdefault(item.path, []).append(item)
    rows = []
    for path, items in files.items():
        actions = sorted((item.action for item in items), reverse=True)  # to send comes before to add
        what = " and ".join(dict.fromkeys(_HELD_ACTIONS.get(action, action) for action in actions))
        rows.append((path, what, ", ".join(dict.fromkeys(item.detail for item in items if item.detail))))
    return rows


def _approving(held: HeldSet) -> str:
    if held.kind is HoldKind.FIRST_SYNC:
        return "goes ahead with this first sync"
    if held.kind is HoldKind.REFERENCED:
        pictures = "the picture is" if len(held.items) == 1 else "the pictures are"
        return f"lets it happen: {pictures} taken out of the galleries of those who refer to it"
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
    about_files = [notice for notice in notices if notice.path]
    for notice in notices:
        if not notice.path:
            paper.line(f"  {notice.text}")
    if about_files:
        paper.table(("file", "what"), _cut((notice.path, notice.text) for notice in about_files))
        _tell_rest(paper, len(about_files), None)


def _tell_waiting(paper: Paper, waiting: Sequence[Waiting]) -> None:
    if not waiting:
        return
    paper.line()
    paper.line("Not finished yet; a later run goes on with:", style="bold")
    paper.table(("file", "why"), _cut((item.path, item.reason) for item in waiting))
    _tell_rest(paper, len(waiting), None)


def _cut(rows: Iterable[tuple[str, ...]], limit: int = ROWS) -> list[tuple[str, ...]]:
    """The first rows of a list."""
    return [row for row, _ in zip(rows, range(limit), strict=False)]


def _tell_rest(
    paper: Paper, total: int, command: str | None = "syncd --once --json", limit: int = ROWS
) -> None:
    if total > limit:
        where = f" ({command} lists all)" if command else ""
        paper.line(f"  … and {total - limit:,} more{where}")


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
