"""What is asked of this machine: the configuration, the state, a daemon, Gramps Desktop, room on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress

from syncd import doorstep
from syncd.cli.check.finding import Finding, Verdict, failed, warning
from syncd.cli.check.known import Known
from syncd.cli.report import count, size_in_words
from syncd.cli.running import headline
from syncd.cli.session import Session
from syncd.config import Settings
from syncd.desktop import ConfiguredTree, Look
from syncd.errors import ExitCode, SyncdError

ENOUGH_SPACE = 1_000_000_000
"""Bytes of free space below which a person is warned."""


def configuration(settings: Settings) -> Iterator[Finding]:
    """Where it was found, and what is odd in it."""
    yield Finding("configuration", str(settings.source) if settings.source else "from the environment alone")
    for odd in settings.warnings:
        yield warning("configuration", odd, "")


def state(known: Known) -> Iterator[Finding]:
    """Whether the state can be used, what it is bound to, and what waits in it; it is looked at in a copy."""
    name, path = "state file", known.settings.state_file
    try:
        with known.session.state() as store:
            known.binding, known.cursor, damage = store.binding(), store.cursor(), store.damage
            known.links = store.count_links()
            waiting = sum(len(held.items) for held in store.held() if not held.approved)
    except SyncdError as error:
        known.state_failed = True
        yield failed(name, error)
        return
    writable = next(folder for folder in (path.parent, *path.parents) if folder.exists())
    if not os.access(writable, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        remedy = "see to its rights, or set state_dir to another folder"
        yield Finding(name, f"{path} cannot be written", Verdict.FAILED, remedy, ExitCode.STATE)
        return
    if damage:
        remedy = "the next run sets it aside and compares everything anew; nothing is deleted"
        yield warning(name, f"{path} is damaged: {damage}", remedy)
    elif known.binding is None:
        yield Finding(name, f"{path}: new; the first sync binds it")
    else:
        bound = known.binding
        yield Finding(name, f"{path}: syncs {bound.media_dir} with '{bound.title}' at {bound.server_url}")
    if waiting:
        yield warning(
            "waiting",
            f"{count(waiting, 'item')} waiting for you",
            "see: syncd approve",
            ExitCode.PERSON_NEEDED,
        )


def daemon(session: Session) -> Iterator[Finding]:
    """What a running one is at; not a word where there is none."""
    running = session.daemon()
    if running is None:
        return
    with running:
        live = running.live()
    yield Finding("daemon", f"{headline(live)} (process {live.pid})")
    if live.unwatched:
        yield warning("daemon", f"changes in the folder are noticed late, by {live.watching}", "")


def desktop(settings: Settings) -> Iterator[Finding]:
    """The family tree beside syncd, or what keeps it from being read."""
    name, tree = "Gramps Desktop", doorstep.open_desktop(settings, os.environ)
    found = tree.examine() if isinstance(tree, ConfiguredTree) else None
    if found is None:
        problems = () if tree is None else tree.look()[1]
    elif not isinstance(found, Look):
        problems = (found,)
    else:
        problems, objects = found.problems, count(len(found.contents.media), "media object")
        text = f"'{found.tree.title}' ({found.tree.folder}), schema {found.contents.schema}: {objects}, "
        text += f"{found.files or 'none'} of them for files in the media folder"
        if found.contents.media and not found.files:
            remedy = "look at the base media path in Gramps (Edit, Preferences), at media_dir and path_map"
            yield warning(name, text, remedy)
        else:
            yield Finding(name, text)
    for problem in problems:
        yield warning(name, problem.reason, problem.remedy, ExitCode.PROBLEMS)


def space(settings: Settings) -> Iterator[Finding]:
    """How much room is left on the disks of the folder and of the state."""
    disks: dict[int, tuple[list[str], int]] = {}
    for what, path in (("media folder", settings.media_dir), ("state file", settings.state_file.parent)):
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        with suppress(OSError):
            disk = disks.setdefault(there.stat().st_dev, ([], shutil.disk_usage(there).free))
            disk[0].append(what)
    for names, free in disks.values():
        text = f"{size_in_words(free)} for the {' and the '.join(names)}"
        if free < ENOUGH_SPACE:
            yield warning("free space", text, "make room there before the next sync", ExitCode.PROBLEMS)
        else:
            yield Finding("free space", text)
