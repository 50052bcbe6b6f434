"""One invocation: what was asked for, where the answer goes, and the rooms below, opened when first wanted.

Everything below the command line is imported here and nowhere else in `cli`, inside functions: `syncd --version` and
`syncd --help` must not wait for an HTTP client, and tests put fakes in one place.
"""
# ruff: noqa: PLC0415  (see above)

from __future__ import annotations

import os
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from syncd.cli.hints import with_config
from syncd.cli.paper import Paper
from syncd.errors import SyncdError

if TYPE_CHECKING:
    from syncd.applier.disk import MediaFolder
    from syncd.config import Settings, UploadSettings
    from syncd.control.client import Daemon
    from syncd.control.contract import Live
    from syncd.installing.found import Found
    from syncd.log import LogFormat
    from syncd.merge.survey import Survey
    from syncd.migration import Migration, Request
    from syncd.model.plan import Outcome
    from syncd.ports import MediaLocation, Progress, ServerInfo
    from syncd.service.daemon import Daemon as Service
    from syncd.state import State
    from syncd.upload.job import Order, Uploaded
    from syncd.verify import Verified

IMPATIENT_SECONDS = 2.0

Loaded = TypeVar("Loaded", "Settings", "UploadSettings")


@dataclass(slots=True)
class Session:
    """One invocation.

    Args:
        out: standard output.
        err: standard error.
        json: one JSON document goes to standard output, and everything for people to standard error.
        config: the file that was named.
        verbosity: how often `-v` was given.
        quiet: say only what is new and needs somebody.
        log_format: `console`, `json` or `auto`.
        minds_bucket: the command moves or deletes files in the bucket.
        needs_secrets: the command asks a server something; without, a login that is missing is no mistake.
        lasts: it stays, so that the log is all that there is to see.
        ends_within: seconds in which what is under way is broken off cleanly after a signal. An upload in parts, whose
            abort is waited for, takes longest. Whatever hangs longer is left as after a power cut.
        told: the person knows already how this ends; the exit code still says it.
        so_far: tells what a run has done until now.
        stood_aside: how things were with the daemon when it let go of state and folder for this command.
    """

    out: Paper
    err: Paper
    json: bool = False
    config: Path | None = None
    verbosity: int = 0
    quiet: bool = False
    log_format: LogFormat = "auto"
    dry_run: bool = False
    minds_bucket: bool = False
    needs_secrets: bool = True
    lasts: bool = False
    ends_within: float = 20.0
    told: bool = False
    so_far: Callable[[], Outcome] | None = None
    stood_aside: Live | None = None
    started: float = field(default_factory=time.monotonic)
    _settings: Settings | None = None

    @property
    def report(self) -> Paper:
        """Where the words for people go."""
        return self.err if self.json else self.out

    @property
    def wants_report(self) -> bool:
        """Whether words are wanted besides the document: a script that reads it needs no second telling."""
        return not self.json or (self.err.is_terminal and not self.quiet)

    def settings(self, *, tell_warnings: bool = True) -> Settings:
        """The configuration; logging is set up and warnings are printed the first time.

        Raises:
            ConfigError: see `syncd.config`.
        """
        if self._settings is None:
            from syncd.config import load_settings

            load = partial(load_settings, needs_secrets=self.needs_secrets)
            self._settings = self._loaded(load, tell_warnings=tell_warnings)
        return self._settings

    def upload_settings(self) -> UploadSettings:
        """As `settings`, for a command that needs nothing but a bucket.

        Raises:
            ConfigError: see `syncd.config`.
        """
        from syncd.config import load_upload_settings

        return self._loaded(load_upload_settings)

    def _loaded(
        self, load: Callable[[Path | None, Mapping[str, str]], Loaded], *, tell_warnings: bool = True
    ) -> Loaded:
        """Settings of one kind; from here on the log is set up and keeps their secrets to itself."""
        from syncd import log

        log.configure(
            verbosity=self.verbosity,
            quiet=self.quiet,
            reported=not self.lasts,
            log_format=self.log_format,
            in_words=lambda text: with_config(text, self.config),
        )
        settings = load(self.config, os.environ)
        for secret in settings.secrets():
            log.guard_secret(secret)
        if tell_warnings and not self.quiet:
            for warning in settings.warnings:
                self.err.line(f"syncd: warning: {warning}", style="yellow")
        return settings

    def upload(self, order: Order, progress: Progress) -> Uploaded:
        """Carry out a `syncd upload`."""
        from syncd.upload.job import carry_out

        return carry_out(order, self.upload_settings(), os.environ, progress)

    def service(self, crashed: Callable[[BaseException], str]) -> Service:
        """The daemon that this process is to be, not yet alive.

        Args:
            crashed: takes a defect down; returns where.
        """
        from syncd.config import load_settings
        from syncd.service.daemon import Daemon as Service

        return Service(
            self.settings(), lambda: self._loaded(load_settings, tell_warnings=False), os.environ, crashed
        )

    def run_once(self, *, full: bool, dry_run: bool, progress: Progress) -> Outcome:
        """One run, to its end."""
        from syncd.state.ahead import look_ahead

        settings = self.settings()
        if not dry_run:
            look_ahead(settings.state_file)
        from syncd.once import run_once

        return run_once(settings, full=full, dry_run=dry_run, progress=progress, begun=self.begin)

    def begin(self, so_far: Callable[[], Outcome]) -> None:
        """A run is under way; `so_far` tells what it has done."""
        self.so_far = so_far

    def part(self) -> Outcome | None:
        """What was done by a run that came to no end; None where that is nothing."""
        with suppress(Exception):  # whatever is the matter with it must not hide what ended it
            part = None if self.so_far is None else self.so_far()
            return part if part and (part.actions or part.conflicts or part.notices) else None
        return None

    def daemon(self) -> Daemon | None:
        """The running daemon that works with this state; None when there is none.

        Raises:
            LockedError: there is one, but it does not answer or is of another version.
            StopError: it looks after another folder: two configurations share a state file.
        """
        from syncd.control.client import connect

        with self._impatient():
            daemon = connect(self.settings().state_file)
        if daemon is not None and daemon.config != self.settings().source:
            try:
                self.check_pair()
            except BaseException:
                daemon.close()
                raise
        return daemon

    @contextmanager
    def _impatient(self) -> Iterator[None]:
        """Say what is waited for when the block takes longer than a person expects."""
        words = "syncd: waiting for the daemon to answer"
        timer = threading.Timer(IMPATIENT_SECONDS, lambda: self.err.line(words, style="yellow"))
        if not self.quiet:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def how_to_start(self) -> str:
        """What a person does to have a daemon for this configuration."""
        found = self.unit()
        if found is None:
            command = "syncd" if self.config is None else f"syncd --config {shlex.quote(str(self.config))}"
            return (
                f"start it here with: {command}; or for good with: syncd install-service{self._name_option()}"
            )
        unit, command = found
        if unit.is_timer:
            return f"{unit.unit} syncs now and then, without a daemon; to have one: syncd install-service"
        return f"start it with: {command}"

    def unit(self) -> tuple[Found, str] | None:
        """The unit of systemd that this configuration has, and the command that starts it; None: it has none."""
        from syncd.installing import unit_for

        return unit_for(self.settings().source, os.environ)

    def _name_option(self) -> str:
        """What `install-service` wants to be told when the file's name is none for a service."""
        from syncd.installing.units import INSTANCE

        return "" if self.config is None or INSTANCE.fullmatch(self.config.stem) else " --name NAME"

    def check_pair(self) -> None:
        """See that the state is of the folder that is configured here, and not of another pair's.

        Raises:
            StopError: it is another pair's: two configurations share a state file.
        """
        from syncd.applier.disk import MediaFolder
        from syncd.belonging import find_stop, is_another_pair
        from syncd.errors import FolderError
        from syncd.guard import raise_stop
        from syncd.state import State

        settings, marker = self.settings(), None
        with suppress(FolderError, OSError), MediaFolder(settings.media_dir) as media:
            marker = media.marker()
        with State.open(settings.state_file, read_only=True) as state:
            binding = state.binding()
        if binding is None or not is_another_pair(marker, binding, settings.media_dir):
            return
        raise_stop(
            find_stop(
                marker,
                binding,
                media_dir=settings.media_dir,
                state_file=settings.state_file,
                source=settings.source,
            )
        )

    @contextmanager
    def aside(self, *, needed: bool = True) -> Iterator[None]:
        """Have a running daemon let go of state and folder until the block ends; then it goes on with a fresh look.

        Raises:
            LockedError: it will not.
        """
        daemon = self.daemon() if needed else None
        if daemon is None:
            yield
            return
        with daemon:
            self.stood_aside = daemon.aside()
            yield

    def what_follows(self, deed: str) -> str:
        """Who does the rest: `The next run fetches its file: syncd --once`, or a daemon that runs."""
        if self.stood_aside is None:
            return f"The next run {deed}: syncd --once"
        if self.stood_aside.doing == "paused":
            return f"The daemon is paused, and {deed} once it goes on: syncd resume"
        return f"The daemon now {deed}."

    @contextmanager
    def state(self, *, write: bool = False, locked: bool = False, at_rest: bool = False) -> Iterator[State]:
        """The state: a copy to look at, or with `write` the file, under its lock unless the caller holds it.

        With `at_rest` nothing is written that the next run's decisions rest on.

        Raises:
            LockedError: another syncd is at work.
            StateError: it cannot be used.
        """
        from syncd.doorstep import lock_state
        from syncd.state import State

        settings = self.settings()
        with ExitStack() as stack:
            if write and not locked:
                stack.enter_context(self.aside())
                stack.enter_context(lock_state(settings))
            yield stack.enter_context(State.open(settings.state_file, read_only=not write, at_rest=at_rest))

    @contextmanager
    def both_locks(self) -> Iterator[None]:
        """The state and the media folder, kept from every other run."""
        from syncd.doorstep import lock_folder, lock_state

        with self.aside(), lock_state(self.settings()), lock_folder(self.settings()):
            yield

    @contextmanager
    def folder(self) -> Iterator[MediaFolder]:
        """The media folder, to move files in."""
        from syncd.applier.disk import MediaFolder

        with MediaFolder(self.settings().media_dir) as media:
            yield media

    def look_at_server(self) -> tuple[ServerInfo, MediaLocation | None]:
        """What the server says of itself, and where it keeps its media (None while the tree has none)."""
        from syncd.doorstep import open_catalog

        with closing(open_catalog(self.settings())) as catalog:
            server = catalog.connect()
            objects = catalog.list()[0].objects
            handle = next((handle for handle, item in objects.items() if item.digest is not None), None)
            return server, None if handle is None else catalog.location(handle)

    def survey_paths(self) -> Survey:
        """What is the matter with paths, in Gramps Web and here; nothing is changed."""
        from syncd.inspection import survey_paths

        return survey_paths(self.settings())

    def verify(self, progress: Progress, *, deep: bool, limit: int, repair: bool) -> Verified:
        """Compare folder, Gramps Web and bucket; see `syncd.verify`."""
        from syncd.verify import Order, verify

        return verify(self.settings(), Order(deep, limit, repair), progress, self.aside)

    def migrate(self, request: Request, progress: Progress) -> Migration:
        """Bring the tree's files to another place in the bucket; see `syncd.migration`."""
        from syncd.migration import migrate

        with self.aside(needed=not request.dry_run):
            return migrate(self.settings(), request, progress)

    def undo_deletion(self, handle: str, undo: str, tree_id: str | None) -> None:
        """Have Gramps Web bring back an object by its answer to the deletion, or by its history where that was lost.

        Nothing is done when it is there.

        Raises:
            ServerError: it will not, or cannot be asked.
        """
        from syncd.doorstep import open_catalog
        from syncd.errors import Refused
        from syncd.undoing import bring_back_object

        with closing(open_catalog(self.settings())) as catalog:
            server = catalog.connect()
            if server.tree_id != tree_id:
                raise Refused(
                    f"this Gramps Web shows another tree ('{server.title}') than the one in which it was deleted",
                    "check gramps.url and the login",
                )
            bring_back_object(catalog, handle, undo)

    def adopt(self, state: State) -> None:
        """Bind anew; see `syncd.adoption`."""
        from syncd.adoption import adopt

        with self.folder() as folder:
            adopt(state, folder)

    def remember_told(
        self, fingerprints: AbstractSet[str], held: AbstractSet[int]
    ) -> tuple[AbstractSet[str], AbstractSet[int]]:
        """Note what of a finished run a person is being told, and return what of it is new to them.

        See `syncd.control.told`. A state that cannot be written knows nothing, so all is new.
        """
        from syncd.control.told import remember_told

        with suppress(SyncdError), self.state(write=True, at_rest=True) as state:
            return remember_told(state, fingerprints, held)
        return fingerprints, held

    def remember_failure(self, fingerprint: str) -> bool:
        """Note the failure that a person is being told, and return whether it is new."""
        from syncd.control.told import remember_failure

        with suppress(SyncdError), self.state(write=True, at_rest=True) as state:
            return remember_failure(state, fingerprint)
        return True

    def locked_for(self) -> float:
        """For how many seconds another syncd has held the locks; 0 when nobody can tell."""
        from syncd.doorstep import folder_lock_file, state_lock_file

        ages = [0.0]
        for path in (state_lock_file(self.settings()), folder_lock_file(self.settings())):
            with suppress(OSError):
                ages.append(time.time() - path.stat().st_mtime)
        return max(ages)

    def redact(self) -> Callable[[str], str]:
        """What takes secrets out of a text; when even that is broken, nothing of the text is kept."""
        try:
            from syncd.log import redact
        except Exception:
            return lambda _text: "(the details could not be cleaned of secrets and were left out)\n"
        else:
            return redact

    def crash_folder(self) -> Path | None:
        """The state's folder, or where it would be by default."""
        if self._settings is not None:
            return self._settings.state_file.parent
        with suppress(RuntimeError):  # no home folder
            base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
            return base / "syncd"
        return None

    def seconds(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self.started, 3)
