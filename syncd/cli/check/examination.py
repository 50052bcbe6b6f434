"""The checks in their order: this machine and the folder, Gramps Web, the bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from syncd.cli.check import bucket, folder, machine, server
from syncd.cli.check.finding import Finding, failed, guarded
from syncd.cli.check.known import Known
from syncd.cli.session import Session
from syncd.errors import SyncdError


def examine(session: Session) -> Iterator[Finding]:
    """Every check's finding, as it is made."""
    try:
        settings = session.settings(tell_warnings=False)
    except SyncdError as error:
        yield failed("configuration", error)
        return
    known = Known(session, settings)
    yield from machine.configuration(settings)
    of_state = list(machine.state(known))  # first: what the folder must be depends on it
    yield from folder.findings(known)
    yield from of_state
    yield from guarded("daemon", lambda: machine.daemon(session))
    yield from guarded("Gramps Desktop", lambda: machine.desktop(settings))
    yield from guarded("free space", lambda: machine.space(settings))
    with ExitStack() as stack:
        yield from guarded("Gramps Web", lambda: server.findings(known, stack))
        yield from guarded("the bucket", lambda: bucket.findings(known))
