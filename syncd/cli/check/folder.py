"""What is asked of the media folder: whether it can be used, and whether it is the one that was synced."""

from __future__ import annotations

import os
from collections.abc import Iterator

from syncd.belonging import find_inner_stop, find_stop, is_another_pair
from syncd.cli.check.finding import Finding, Verdict, failed, guarded, stopped
from syncd.cli.check.known import Known
from syncd.cli.report import count
from syncd.config import Settings, check_media_dir
from syncd.errors import ConfigError, ExitCode
from syncd.guard import missing_folder_stop
from syncd.ignore import IgnoreRules
from syncd.scanner import find_inner


def findings(known: Known) -> Iterator[Finding]:
    """Whether it is there and may be read and written; whose it is; the names that are ignored in it."""
    name, folder = "media folder", known.settings.media_dir
    person = ExitCode.PERSON_NEEDED
    if known.binding is None and not known.state_failed:
        try:
            check_media_dir(known.settings)
        except ConfigError as error:
            yield failed(name, error)
            return
    elif not folder.is_dir():
        yield stopped(name, missing_folder_stop(folder))
        return
    if not os.access(folder, os.R_OK | os.X_OK):
        remedy = f"give the user that runs syncd the right to read it: chmod u+rx '{folder}'"
        yield Finding(name, f"{folder} cannot be read", Verdict.FAILED, remedy, person)
        return
    if not os.access(folder, os.W_OK):
        remedy = "give the user that runs syncd the right to write there, or mount it writable"
        yield Finding(name, f"{folder} cannot be written", Verdict.FAILED, remedy, person)
    else:
        yield Finding(name, f"{folder} can be read and written")
    yield from guarded(name, lambda: _marker(known))
    yield from guarded("ignored names", lambda: _ignored(known.settings))


def _ignored(settings: Settings) -> Iterator[Finding]:
    """Whether the person's lists can be read; not a word where there are none."""
    rules = IgnoreRules.load(settings.media_dir, settings.ignore)
    if rules.own:
        yield Finding("ignored names", f"{count(len(rules.own), 'pattern')} of your own")


def _marker(known: Known) -> Iterator[Finding]:
    """Whether it is the folder that was synced, as a run decides it."""
    if known.state_failed:
        return
    settings, folder = known.settings, known.settings.media_dir
    with known.session.folder() as media:
        marker = media.marker()
    stop = find_stop(
        marker,
        known.binding,
        media_dir=folder,
        state_file=settings.state_file,
        source=settings.source,
    )
    if stop is None:
        rules = IgnoreRules.load(folder, settings.ignore)
        stop = find_inner_stop(folder, find_inner(folder, rules))
    if stop is not None:
        yield stopped("media folder", stop)
    if known.binding is not None and is_another_pair(marker, known.binding, folder):
        # What the state knows is about another tree: compared with this one, it would only mislead.
        known.binding = known.cursor = None
