"""`syncd check`: look whether everything is fit for a sync; change nothing, anywhere.

One failed check does not stop those that do not build on it. The state is looked at in a copy; the right to write
into the bucket is proved by an upload that is begun and called off.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import click

from syncd.cli.adopt import place
from syncd.cli.exits import Ending, first_that_applies
from syncd.cli.options import common_options, pass_session
from syncd.cli.paper import Paper
from syncd.cli.report import count, size_in_words
from syncd.cli.session import Session
from syncd.errors import ConfigError, ExitCode, SyncdError

if TYPE_CHECKING:
    from syncd.config import Settings
    from syncd.guard import Identity
    from syncd.model import CatalogSnapshot, Stop
    from syncd.ports import Catalog, Cursor, MediaLocation, ServerInfo
    from syncd.state import Binding

ENOUGH_SPACE = 1_000_000_000
"""Bytes of free space below which a person is warned."""

FEATURES = {
    "ViewPrivate": "see private media, which would look deleted without it",
    "AddObject": "add new files to Gramps Web",
    "EditObject": "carry changes and moves over to Gramps Web",
    "DeleteObject": "carry deletions over to Gramps Web",
}
"""What a sync needs each permission of the login for."""


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer.

    Args:
        name: what was looked at.
        text: what was found, in plain words.
        remedy: what to do, unless all is well.
        code: the exit code that this alone would have.
    """

    name: str
    text: str
    verdict: Verdict = Verdict.OK
    remedy: str = ""
    code: ExitCode = ExitCode.OK


@click.command("check")
@common_options
@pass_session
def command(session: Session) -> Ending:
    """Look whether everything is fit for a sync; change nothing.

    Each line says ok, warning or failed, and what to do about it.
    """
    findings = []
    for finding in Examination(session).findings():
        findings.append(finding)
        if session.wants_report and not (session.quiet and finding.verdict is Verdict.OK):
            _tell(session.report, finding)
    code = first_that_applies([finding.code for finding in findings])
    failed = next((finding for finding in findings if finding.code is code and code is not ExitCode.OK), None)
    return Ending(
        code,
        {
            "error": None if failed is None else {"reason": failed.text, "remedy": failed.remedy},
            "checks": [
                {
                    "name": finding.name,
                    "verdict": str(finding.verdict),
                    "text": finding.text,
                    "remedy": finding.remedy,
                }
                for finding in findings
            ],
        },
    )


def _tell(paper: Paper, finding: Finding) -> None:
    first, *others = finding.text.splitlines() or [""]
    paper.line(f"{finding.verdict:<8} {finding.name}: {first}", style=STYLES[finding.verdict])
    for line in (*others, *finding.remedy.splitlines()):
        paper.line(f"         {line}".rstrip())


def _told_of_prefix(location: MediaLocation | None, info: ServerInfo) -> str:
    """Bucket and prefix, and whether other trees' files may lie beside this tree's."""
    if location is None or location.bucket is None:
        return ""
    prefix = f"prefix {location.prefix}" if location.prefix else "no prefix"
    if location.prefix.endswith(f"{info.tree_id}/"):
        return f" (bucket {location.bucket}, {prefix}: the tree's own)"
    return f" (bucket {location.bucket}, {prefix}: not the tree's own, other trees' files may lie there, too)"


def _warning(name: str, text: str, remedy: str, code: ExitCode = ExitCode.OK) -> Finding:
    return Finding(name, text, Verdict.WARNING, remedy, code)


def _stopped(name: str, stop: Stop) -> Finding:
    return Finding(name, stop.reason, Verdict.FAILED, stop.remedy, ExitCode.PERSON_NEEDED)


def _failed(name: str, error: SyncdError) -> Finding:
    return Finding(name, error.reason, Verdict.FAILED, error.remedy, error.exit_code)


@dataclass(slots=True)
class Examination:
    """The checks, in order; what a later one builds on is kept."""

    session: Session
    binding: Binding | None = None
    cursor: Cursor | None = None
    state_failed: bool = False
    location: MediaLocation | None = None
    without_bucket: bool = False
    """Gramps Web said that it has none."""

    def findings(self) -> Iterator[Finding]:
        """Every check's finding, as it is made."""
        try:
            settings = self.session.settings(tell_warnings=False)
        except SyncdError as error:
            yield _failed("configuration", error)
            return
        yield from self._configuration(settings)
        of_state = list(self._state(settings))  # first: what the folder must be depends on it
        yield from self._folder(settings)
        yield from of_state
        yield from self._guarded("daemon", self._daemon)
        yield from self._guarded("Gramps Desktop", lambda: self._desktop(settings))
        yield from self._guarded("free space", lambda: self._space(settings))
        with ExitStack() as stack:
            yield from self._guarded("Gramps Web", lambda: self._server(settings, stack))
            yield from self._guarded("the bucket", lambda: self._bucket(settings))

    def _guarded(self, name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """The findings of one part; what ends it becomes a finding."""
        try:
            yield from look()
        except SyncdError as error:
            yield _failed(name, error)

    def _configuration(self, settings: Settings) -> Iterator[Finding]:
        yield Finding(
            "configuration", str(settings.source) if settings.source else "from the environment alone"
        )
        for warning in settings.warnings:
            yield _warning("configuration", warning, "")

    def _folder(self, settings: Settings) -> Iterator[Finding]:
        from syncd.config import check_media_dir  # noqa: PLC0415  (slow to import)

        name, folder = "media folder", settings.media_dir
        person = ExitCode.PERSON_NEEDED
        if self.binding is None and not self.state_failed:
            try:
                check_media_dir(settings)
            except ConfigError as error:
                yield _failed(name, error)
                return
        elif not folder.is_dir():
            from syncd.guard import missing_folder_stop  # noqa: PLC0415  (only where it is missing)

            stop = missing_folder_stop(folder)
            yield Finding(name, stop.reason, Verdict.FAILED, stop.remedy, person)
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
        yield from self._guarded(name, self._marker)
        yield from self._guarded("ignored names", lambda: self._ignored(settings))

    def _ignored(self, settings: Settings) -> Iterator[Finding]:
        """Whether the person's lists can be read; not a word where there are none."""
        from syncd.ignore import IgnoreRules  # noqa: PLC0415  (slow to import)

        rules = IgnoreRules.load(settings.media_dir, settings.ignore)
        if rules.own:
            yield Finding("ignored names", f"{count(len(rules.own), 'pattern')} of your own")

    def _marker(self) -> Iterator[Finding]:
        """Whether it is the folder that was synced, as a run decides it."""
        from syncd.belonging import find_inner_stop, find_stop, is_another_pair  # noqa: PLC0415
        from syncd.ignore import IgnoreRules  # noqa: PLC0415
        from syncd.scanner import find_inner  # noqa: PLC0415

        if self.state_failed:
            return
        settings = self.session.settings()
        folder = settings.media_dir
        with self.session.folder() as media:
            marker = media.marker()
        stop = find_stop(
            marker,
            self.binding,
            media_dir=folder,
            state_file=settings.state_file,
            source=settings.source,
        )
        if stop is None:
            rules = IgnoreRules.load(folder, settings.ignore)
            stop = find_inner_stop(folder, find_inner(folder, rules))
        if stop is not None:
            yield _stopped("media folder", stop)
        if self.binding is not None and is_another_pair(marker, self.binding, folder):
            # What the state knows is about another tree: compared with this one, it would only mislead.
            self.binding = self.cursor = None

    def _bound(self) -> Identity | None:
        """What the state is bound to, as a run compares it."""
        from syncd.belonging import identity_of  # noqa: PLC0415

        return None if self.binding is None else identity_of(self.binding)

    def _state(self, settings: Settings) -> Iterator[Finding]:
        name, path = "state file", settings.state_file
        try:
            with self.session.state() as state:
                self.binding, self.cursor, damage = state.binding(), state.cursor(), state.damage
                waiting = sum(len(held.items) for held in state.held() if not held.approved)
        except SyncdError as error:
            self.state_failed = True
            yield _failed(name, error)
            return
        writable = next(folder for folder in (path.parent, *path.parents) if folder.exists())
        if not os.access(writable, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
            remedy = "see to its rights, or set state_dir to another folder"
            yield Finding(name, f"{path} cannot be written", Verdict.FAILED, remedy, ExitCode.STATE)
            return
        if damage:
            remedy = "the next run sets it aside and compares everything anew; nothing is deleted"
            yield _warning(name, f"{path} is damaged: {damage}", remedy)
        elif self.binding is None:
            yield Finding(name, f"{path}: new; the first sync binds it")
        else:
            bound = self.binding
            yield Finding(name, f"{path}: syncs {bound.media_dir} with '{bound.title}' at {bound.server_url}")
        if waiting:
            yield _warning(
                "waiting",
                f"{count(waiting, 'item')} waiting for you",
                "see: syncd approve",
                ExitCode.PERSON_NEEDED,
            )

    def _daemon(self) -> Iterator[Finding]:
        """What a running one is at; not a word where there is none."""
        daemon = self.session.daemon()
        if daemon is None:
            return
        from syncd.cli.running import headline  # noqa: PLC0415  (rarely needed)

        with daemon:
            live = daemon.live()
        yield Finding("daemon", f"{headline(live)} (process {live.pid})")
        if live.unwatched:
            yield _warning("daemon", f"changes in the folder are noticed late, by {live.watching}", "")

    def _desktop(self, settings: Settings) -> Iterator[Finding]:
        """The family tree beside syncd, or what keeps it from being read."""
        from syncd import doorstep  # noqa: PLC0415
        from syncd.desktop import ConfiguredTree, Look  # noqa: PLC0415

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
                remedy = (
                    "look at the base media path in Gramps (Edit, Preferences), at media_dir and path_map"
                )
                yield _warning(name, text, remedy)
            else:
                yield Finding(name, text)
        for problem in problems:
            yield _warning(name, problem.reason, problem.remedy, ExitCode.PROBLEMS)

    def _space(self, settings: Settings) -> Iterator[Finding]:
        disks: dict[int, tuple[list[str], int]] = {}
        for what, path in (("media folder", settings.media_dir), ("state file", settings.state_file.parent)):
            there = next(folder for folder in (path, *path.parents) if folder.exists())
            with suppress(OSError):
                disk = disks.setdefault(there.stat().st_dev, ([], shutil.disk_usage(there).free))
                disk[0].append(what)
        for names, free in disks.values():
            text = f"{size_in_words(free)} for the {' and the '.join(names)}"
            if free < ENOUGH_SPACE:
                yield _warning("free space", text, "make room there before the next sync", ExitCode.PROBLEMS)
            else:
                yield Finding("free space", text)

    def _server(self, settings: Settings, stack: ExitStack) -> Iterator[Finding]:
        from syncd import doorstep  # noqa: PLC0415  (HTTP is slow to import)

        catalog: Catalog = stack.enter_context(closing(doorstep.open_catalog(settings)))
        info = catalog.connect()
        yield self._version(info)
        yield from self._rights(info)
        yield from self._tree(info)
        yield from self._history(catalog)
        found = catalog.list()[0]
        files = count(len(found.objects), "media object")
        yield Finding("contents", f"{count(info.people, 'person').replace('persons', 'people')}, {files}")
        yield from self._place(settings, info, catalog, found)

    def _version(self, info: ServerInfo) -> Finding:
        """Where the server is, and how its version stands to those that are tested."""
        from syncd.gramps.versions import KEY, NEWEST_VERSION, in_words, is_beyond_tests  # noqa: PLC0415

        text = f"{info.url}, version {info.version} (Gramps {info.gramps_version})"
        if info.untested:
            remedy = f"{KEY} lets it through; set it to false again after the next update"
            return _warning("Gramps Web", f"{text}: {info.untested}", remedy)
        if is_beyond_tests(info.version):
            text += f", later than {in_words(NEWEST_VERSION)}, the newest tested one; that is fine"
        return Finding("Gramps Web", text)

    def _rights(self, info: ServerInfo) -> Iterator[Finding]:
        lost = self._find_server_stop(info)
        if lost is not None and self._is_bound_tree(info):
            yield _stopped("login", lost)
            return
        missing = [name for name in FEATURES if name not in info.permissions]
        if not missing:
            yield Finding("login", f"{info.user} may see, add, change and delete media")
            return
        lacking = "; ".join(f"{FEATURES[name]} ({name})" for name in missing)
        yield Finding(
            "login",
            f"{info.user} may not: {lacking}",
            Verdict.FAILED,
            "Editor is the least a two-way sync needs: ask who runs Gramps Web for that role",
            ExitCode.UNREACHABLE,
        )

    def _tree(self, info: ServerInfo) -> Iterator[Finding]:
        stop = self._find_server_stop(info)
        if stop is not None and not self._is_bound_tree(info):
            yield _stopped("tree", stop)
        else:
            yield Finding("tree", f"'{info.title}' ({info.tree_id})")

    def _is_bound_tree(self, info: ServerInfo) -> bool:
        return self.binding is not None and self.binding.tree_id == info.tree_id

    def _find_server_stop(self, info: ServerInfo, location: MediaLocation | None = None) -> Stop | None:
        """What a run would stop at: the tree and the rights, and with `location` the place of the media."""
        from syncd.guard import find_server_stop  # noqa: PLC0415

        bound = self._bound()
        if bound is None:
            return None
        place = bound if location is None else location
        found = replace(
            bound,
            tree_id=info.tree_id,
            title=info.title,
            permissions=info.permissions,
            bucket=place.bucket,
            prefix=place.prefix,
        )
        return find_server_stop(bound, found)

    def _history(self, catalog: Catalog) -> Iterator[Finding]:
        """Whether the server still knows the last change that was seen: not after it was restored from a backup."""
        from syncd.guard import find_history_stop  # noqa: PLC0415

        if self.cursor is not None and not catalog.still_knows(self.cursor):
            yield _stopped("history", find_history_stop())

    def _place(
        self, settings: Settings, info: ServerInfo, catalog: Catalog, found: CatalogSnapshot
    ) -> Iterator[Finding]:
        from syncd import doorstep  # noqa: PLC0415

        name = "media kept in"
        handle = next((handle for handle, item in found.objects.items() if item.digest is not None), None)
        if handle is None:
            yield Finding(name, "known with the first file: the tree has none yet")
            return
        self.location = catalog.location(handle)
        self.without_bucket = self.location.bucket is None
        text = place(self.location.bucket, self.location.prefix)
        disagreement = doorstep.compare(settings, self.location)
        stop = self._find_server_stop(info, self.location)
        # The tree and the rights have lines of their own.
        moved = stop is not None and self._find_server_stop(info) is None
        if disagreement is not None:
            self.location = None
        if stop is not None and moved:
            yield _stopped(name, stop)
        elif disagreement is not None:
            yield _failed(name, disagreement)
        else:
            yield Finding(name, text + _told_of_prefix(self.location, info))
            if self.location is not None and self.location.bucket is None:
                yield from self._files(settings, catalog, found)

    def _files(self, settings: Settings, catalog: Catalog, found: CatalogSnapshot) -> Iterator[Finding]:
        """How many of the objects a server with its own disk has files for."""
        from syncd import doorstep  # noqa: PLC0415

        assert self.location is not None
        name = "the server's disk"
        named = {handle: item.digest for handle, item in found.objects.items() if item.digest is not None}
        with (
            self.session.state() as state,
            closing(doorstep.open_files(settings, self.location, catalog, state)) as files,
        ):
            try:
                missing = named.keys() & set(files.missing())
            except SyncdError as error:  # one path that the server's disk cannot bear is enough
                yield _warning(name, f"which files it has cannot be told: {error.reason}", error.remedy)
                return
            here = {checksum for _stamp, checksum in state.stamps().values()} if missing else set()
        if missing:
            text = f"{count(len(missing), 'media object')} of {len(named)} without their file"
            known = sum(named[handle] in here for handle in missing)
            if self.binding is not None:
                text += f"; the media folder had {known or 'none'} of these files in the last run"
            remedy = "run syncd --once --full: it sends what the media folder has of them"
            yield _warning(name, text, remedy)
        else:
            yield Finding(
                name, f"has the file of {'the media object' if len(named) == 1 else 'every media object'}"
            )

    def _bucket(self, settings: Settings) -> Iterator[Finding]:
        from syncd import doorstep  # noqa: PLC0415
        from syncd.ports import MediaLocation  # noqa: PLC0415

        if settings.s3 is None or self.without_bucket:
            return
        where = self.location or self._bound_place(settings)
        # Where nobody says which part of the bucket is the tree's, a count would mislead.
        place_known = where is not None
        where = where or MediaLocation(settings.s3.bucket, settings.s3.prefix)
        if where.bucket is None:
            return
        with closing(doorstep.open_store(settings, where)) as store:
            sizes = store.list().sizes
            facts = store.facts()
            text = f"{facts.bucket} at {facts.endpoint}"
            contents = f"{count(len(sizes), 'file')}, {size_in_words(sum(sizes.values()))}"
            yield Finding("the bucket", f"{text}: {contents}" if place_known else f"{text} can be listed")
            store.probe_write()
            yield Finding("the bucket", "can be written")

    def _bound_place(self, settings: Settings) -> MediaLocation | None:
        """Where the state says that the media are, when the server does not and [s3] agrees."""
        from syncd import doorstep  # noqa: PLC0415
        from syncd.ports import MediaLocation  # noqa: PLC0415

        if self.binding is None:
            return None
        place = MediaLocation(self.binding.bucket, self.binding.prefix)
        return place if doorstep.compare(settings, place) is None else None
