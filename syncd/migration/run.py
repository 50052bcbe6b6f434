"""One run of `syncd migrate-prefix`, from opening the doors to what to do next."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from syncd import doorstep
from syncd.belonging import identity_at, identity_of
from syncd.bucket.upkeep import Upkeep
from syncd.config import Settings
from syncd.errors import Denied, MovedOn, Refused, StopError
from syncd.guard import find_listing_stop, find_server_stop, raise_stop
from syncd.merge.orphans import USUAL_AGE_DAYS
from syncd.migration.moving import Moved, Mover
from syncd.migration.route import Request, Route, find_route
from syncd.model import Checksum, MediaObject, Problem
from syncd.model.values import DAY_SECONDS, parse_checksum
from syncd.observer.arrival import ASK_AT_MOST
from syncd.ports import Catalog, MediaLocation, Phase, Progress, ServerInfo
from syncd.state import Binding, State


@dataclass(frozen=True, slots=True)
class Migration:
    """What a run did, or would do.

    Args:
        route: from where to where; None: the tree has no files.
        title: the tree's.
        named: how many files the tree's objects name.
        kept: how many further files are only named by what can still be brought back.
        there: how many were at the new place already.
        copied: how many were copied, or would be.
        bytes_copied: their bytes.
        missing: files of objects that are at neither place.
        problems: what could not be done.
        deleted: how many old files were deleted, or would be.
        left: how many files at the old place no object of this tree names.
        bound: whether this desktop goes on from the new place by itself.
        steps: what a person does next, in order.
        notices: what a person should know before the server's setting is changed or old files are deleted.
    """

    route: Route | None
    title: str
    named: int = 0
    kept: int = 0
    there: int = 0
    copied: int = 0
    bytes_copied: int = 0
    missing: tuple[Checksum, ...] = ()
    problems: tuple[Problem, ...] = ()
    deleted: int = 0
    left: int = 0
    bound: bool = False
    steps: tuple[str, ...] = field(default=())
    notices: tuple[str, ...] = field(default=())


def migrate(settings: Settings, request: Request, progress: Progress) -> Migration:
    """Bring a tree's files to another place in their bucket.

    Raises:
        StopError: the server or the bucket is not what was synced, or deleting is not safe; nothing was done.
        ConfigError: what is asked for makes no sense.
        ServerError: a server cannot be used; a further run goes on from here.
    """
    with ExitStack() as rooms:
        if not request.dry_run:
            rooms.enter_context(doorstep.lock_state(settings))
        with State.open(settings.state_file, read_only=True) as state:
            binding, links, kept = state.binding(), len(state.links()), _relied_on(state)
        progress.phase(Phase("Asking Gramps Web"))
        catalog = doorstep.open_catalog(settings)
        rooms.callback(catalog.close)
        server = catalog.connect()
        _check_identity(binding, links, server)
        objects = catalog.list()[0].objects
        raise_stop(find_listing_stop(len(objects), links))
        location = find_location(catalog, objects)
        if location is None:
            return Migration(None, server.title)
        kept |= catalog.named_since(time.time() - USUAL_AGE_DAYS * DAY_SECONDS)
        route = find_route(request, location, server.tree_id, _bound_prefix(binding, location))
        _check_place(binding, route)
        store = doorstep.open_store(settings, location)
        rooms.callback(store.close)
        threads = settings.s3.transfers if settings.s3 else 4
        work = _Work(
            settings=settings,
            request=request,
            progress=progress,
            server=server,
            route=route,
            objects=objects,
            kept=kept,
            binding=binding,
            where=lambda: find_location(catalog, objects),
            upkeep=store.upkeep(),
        )
        return work.run(threads, store.close)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is known when the doors are open."""

    settings: Settings
    request: Request
    progress: Progress
    server: ServerInfo
    route: Route
    objects: Mapping[str, MediaObject]
    kept: frozenset[Checksum]
    binding: Binding | None
    where: Callable[[], MediaLocation | None]
    upkeep: Upkeep

    def run(self, threads: int, close: Callable[[], None]) -> Migration:
        """Compare, copy and prove, bind, delete."""
        route, request = self.route, self.request
        if request.delete_old and not route.is_served:
            raise StopError(
                f"Gramps Web still looks for its files in {route.name(route.served)}: nothing there is deleted",
                f"first {_switch(route, self.server)}; before that, {_again(route, served=False)} copies the files",
            )
        named = {item.digest for item in self.objects.values() if item.digest is not None}
        mover = Mover(self.upkeep, route, threads=threads, progress=self.progress, close=close)
        if request.delete_old and not request.alone:
            self._check_tenants(mover.old.keys() - named - self.kept)
        wanted = named | self.kept
        migration = Migration(
            route,
            self.server.title,
            named=len(named),
            kept=len(self.kept - named),
            left=len(mover.old.keys() - named),
            notices=tuple(find_notices(route, self.server)),
        )
        if request.dry_run:
            lacking = mover.lacking(wanted)
            gone = named & mover.old.keys() if request.delete_old else set()
            return replace(
                migration,
                there=len(wanted & mover.new.keys()),
                copied=len(lacking),
                bytes_copied=sum(key.size for key in lacking),
                missing=tuple(sorted(named - mover.old.keys() - mover.new.keys())),
                deleted=len(gone),
            )
        moved = mover.bring(wanted)
        migration = replace(
            migration,
            there=len(moved.proven) - len(moved.copied),
            copied=len(moved.copied),
            bytes_copied=moved.bytes_copied,
            missing=tuple(sorted(moved.missing & named)),
            problems=tuple(self._problems(moved)),
            bound=moved.is_complete and self._bind(moved),
        )
        if request.delete_old and moved.is_complete:
            migration = self._delete(migration, mover, moved, named)
        return replace(migration, steps=tuple(self._steps(migration, complete=moved.is_complete)))

    def _check_tenants(self, strangers: frozenset[Checksum] | set[Checksum]) -> None:
        """Refuse to delete where the old files may be another tree's, too.

        Raises:
            StopError: they may.
        """
        route = self.route
        evidence: list[str] = []
        if strangers and not route.is_private:
            evidence.append(
                f"{len(strangers):,} of the files in {route.name(route.source)} are named by no object of this tree"
            )
        if self.server.many_trees and not route.is_private:
            evidence.append("this Gramps Web can host several trees")
        self.progress.phase(Phase("Looking for files of other trees"))
        try:
            tenants = self.upkeep.find_tenants(route.target, route.tree_id, also=[route.source])
        except Denied:
            evidence.append("the login may not list the whole bucket")
        else:
            evidence += tenants.evidence
        if evidence:
            raise StopError(
                f"other trees may have files in the bucket {route.bucket}: {'; '.join(evidence[:5])}",
                f"see to it that no other tree needs the files in {route.name(route.source)}; "
                f"if so: {route.command} --delete-old --no-other-tree-needs-them",
            )

    def _bind(self, moved: Moved) -> bool:
        """Let this desktop go on from the new place: all that it knows is as true there as it was."""
        binding, route = self.binding, self.route
        if binding is None or not route.is_served or binding.prefix != route.source:
            return False
        with State.open(self.settings.state_file) as state, state.batch():
            state.bind(replace(binding, prefix=route.target))
            state.replace_stored({checksum: key.size for checksum, key in moved.proven.items()})
        return True

    def _delete(self, migration: Migration, mover: Mover, moved: Moved, named: set[Checksum]) -> Migration:
        """Delete the old files, if the server still looks at the new place."""
        now = self.where()
        if now is None or (now.bucket, now.prefix) != (self.route.bucket, self.route.target):
            raise StopError(
                "Gramps Web began to look for its files elsewhere while they were copied: nothing was deleted",
                "run the command again when the server's settings stay as they are",
                begun=True,
            )
        deleted, failed = mover.delete_old(moved, named)
        problems = [
            Problem(f"the old file {key} was not deleted: {reason}", "run the command again")
            for key, reason in failed.items()
        ]
        return replace(migration, deleted=deleted, problems=(*migration.problems, *problems))

    def _problems(self, moved: Moved) -> list[Problem]:
        """What could not be done, by the objects that it concerns."""
        known = {item.digest: item for item in self.objects.values() if item.digest is not None}
        found: list[Problem] = []
        for checksum in sorted(moved.damaged):
            item = known.get(checksum)
            found.append(
                Problem(
                    f"the file {checksum} is damaged in the bucket: it has other bytes than it should",
                    "replace it in Gramps Web by a good copy; syncd --once does so where the media folder has one",
                    item.path if item else None,
                    item.handle if item else None,
                )
            )
        for checksum, error in sorted(moved.failed.items()):
            item = known.get(checksum)
            found.append(
                Problem(
                    f"the file {checksum} could not be copied: {error.reason}",
                    error.remedy or "run the command again",
                    item.path if item else None,
                    item.handle if item else None,
                )
            )
        return found

    def _steps(self, migration: Migration, *, complete: bool) -> list[str]:
        """What a person does next."""
        route, binding = self.route, self.binding
        again = _again(route, served=route.is_served)
        if not complete:
            return [f"run it again: {again}"]
        if not route.is_served:
            if self.server.many_trees and not route.is_own:
                return [_switch(route, self.server)]
            return [
                f"{_switch(route, self.server)}, and restart Gramps Web",
                f"run {_again(route, served=True)} again: it copies what came in between, and lets syncd go on from there",
            ]
        steps = []
        if binding is not None and (migration.bound or binding.prefix == route.target):
            steps.append(
                "go on as always: syncd --once; on each other computer with syncd, run this command, too"
            )
        if not self.request.delete_old:
            shared = self.server.many_trees and not route.is_private
            steps.append(
                f"the old files are still in {route.name(route.source)}; when all pictures show in Gramps Web, "
                f"{'and every tree of this Gramps Web was brought over, ' if shared else ''}"
                f"they can go: {route.command} --delete-old"
            )
        return steps


def find_notices(route: Route, server: ServerInfo) -> list[str]:
    """What a person should know of a Gramps Web that can host several trees: its settings are for all of them."""
    if not server.many_trees or (route.is_private and route.is_served):
        return []
    if not route.is_served and not route.is_own:
        text = (
            "This Gramps Web can host several trees, and its settings are for all of them: were it to look in "
            f"{route.name(route.target)}, the pictures of other trees would be missing, or lie among this one's."
        )
        if route.own_target != route.source:
            text += f" Use a place that ends in the tree's id: {route.name(route.own_target)}"
        return [text]
    text = (
        "This Gramps Web can host several trees, and its settings are for all of them: run this command for every tree "
        "before the setting is changed, and for every tree again afterwards. Delete no old files before that: a file "
        "that two trees have lies there once."
    )
    return [text]


def _switch(route: Route, server: ServerInfo) -> str:
    """What is to be done on the server, so that it looks at the new place."""
    if server.many_trees and not route.is_own:
        leave = "leave the server's settings as they are, for the sake of its other trees"
        if route.own_target == route.source:
            return leave
        return f"{leave}; copy to a place of the tree's own: syncd migrate-prefix --to {route.name(route.own_target)}"
    return f"on the server set {route.setting}"


def _again(route: Route, *, served: bool) -> str:
    """The command that does this again."""
    if served or " --from " not in route.command:
        return route.command
    return f"syncd migrate-prefix --to {route.name(route.target)}"


def find_location(catalog: Catalog, objects: Mapping[str, MediaObject]) -> MediaLocation | None:
    """Where the server looks for files; None where no object can tell."""
    handles = [
        item.handle
        for item in objects.values()
        if item.digest is not None and item.handle.replace("-", "").replace("_", "").isalnum()
    ]
    for handle in handles[:ASK_AT_MOST]:
        try:
            return catalog.location(handle)
        except (MovedOn, Refused):
            continue
    return None


def _relied_on(state: State) -> frozenset[Checksum]:
    """What no object names, but the bucket must keep: for what was deleted and can be brought back, and is under way."""
    found = [entry.checksum for entry in state.trash()]
    found += [undo.checksum for undo in state.undos()]
    found += [link.checksum for link in state.links()]
    found += state.needed_to_undo(0)
    return frozenset(known for one in found if one is not None and (known := parse_checksum(one)) is not None)


def _check_identity(binding: Binding | None, links: int, server: ServerInfo) -> None:
    """Is it the tree that was synced, and is all of it seen?

    Raises:
        StopError: it is another tree, or the login lost rights.
        Denied: the login does not see private objects.
    """
    if "ViewPrivate" not in server.permissions:
        raise Denied(
            f"the Gramps Web account '{server.user}' does not see private media, whose files would be left behind",
            "ask who runs Gramps Web to give it the role Editor",
        )
    if binding is None:
        return
    found = identity_at(server, binding.bucket, binding.prefix)
    raise_stop(find_server_stop(identity_of(binding, links), found))


def _bound_prefix(binding: Binding | None, location: MediaLocation) -> str | None:
    return binding.prefix if binding is not None and binding.bucket == location.bucket else None


def _check_place(binding: Binding | None, route: Route) -> None:
    """Was one of the two places synced?

    Raises:
        StopError: this state belongs to a third one.
    """
    if binding is None or (binding.bucket == route.bucket and binding.prefix in (route.source, route.target)):
        return
    was = "the server's own disk" if binding.bucket is None else f"s3://{binding.bucket}/{binding.prefix}"
    raise StopError(
        f"what was synced here lay in {was.rstrip('/')}, which is neither {route.name(route.source)} "
        f"nor {route.name(route.target)}",
        "name the places with --from and --to; or bind this desktop anew first: syncd adopt",
    )


__all__ = ["Migration", "find_location", "migrate"]
