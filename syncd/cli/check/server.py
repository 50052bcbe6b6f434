"""What is asked of Gramps Web: its version, the rights of the login, the tree and its history, the place of its media."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

from syncd import doorstep
from syncd.belonging import identity_at
from syncd.cli.adopt import place
from syncd.cli.check.finding import Finding, Verdict, failed, stopped, warning
from syncd.cli.check.known import Known
from syncd.cli.report import count
from syncd.errors import ExitCode, SyncdError
from syncd.gramps.versions import KEY, NEWEST_VERSION, in_words, is_beyond_tests
from syncd.guard import find_history_stop, find_server_stop
from syncd.model import CatalogSnapshot, Stop
from syncd.ports import Catalog, MediaLocation, ServerInfo

FEATURES = {
    "ViewPrivate": "see private media, which would look deleted without it",
    "AddObject": "add new files to Gramps Web",
    "EditObject": "carry changes and moves over to Gramps Web",
    "DeleteObject": "carry deletions over to Gramps Web",
}
"""What a sync needs each permission of the login for."""


def findings(known: Known, stack: ExitStack) -> Iterator[Finding]:
    """What the server says of itself and of the tree; the connection is closed with the stack."""
    catalog: Catalog = stack.enter_context(closing(doorstep.open_catalog(known.settings)))
    info = catalog.connect()
    yield _version(info)
    yield from _rights(known, info)
    yield from _tree(known, info)
    yield from _history(known, catalog)
    found = catalog.list()[0]
    files = count(len(found.objects), "media object")
    yield Finding("contents", f"{count(info.people, 'person').replace('persons', 'people')}, {files}")
    yield from _place(known, info, catalog, found)


def _version(info: ServerInfo) -> Finding:
    """Where the server is, and how its version stands to those that are tested."""
    text = f"{info.url}, version {info.version} (Gramps {info.gramps_version})"
    if info.untested:
        remedy = f"{KEY} lets it through; set it to false again after the next update"
        return warning("Gramps Web", f"{text}: {info.untested}", remedy)
    if is_beyond_tests(info.version):
        text += f", later than {in_words(NEWEST_VERSION)}, the newest tested one; that is fine"
    return Finding("Gramps Web", text)


def _rights(known: Known, info: ServerInfo) -> Iterator[Finding]:
    lost = _find_server_stop(known, info)
    if lost is not None and _is_bound_tree(known, info):
        yield stopped("login", lost)
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


def _tree(known: Known, info: ServerInfo) -> Iterator[Finding]:
    stop = _find_server_stop(known, info)
    if stop is not None and not _is_bound_tree(known, info):
        yield stopped("tree", stop)
    else:
        yield Finding("tree", f"'{info.title}' ({info.tree_id})")


def _is_bound_tree(known: Known, info: ServerInfo) -> bool:
    return known.binding is not None and known.binding.tree_id == info.tree_id


def _find_server_stop(known: Known, info: ServerInfo, location: MediaLocation | None = None) -> Stop | None:
    """What a run would stop at: the tree and the rights, and with `location` the place of the media."""
    bound = known.bound()
    if bound is None:
        return None
    place = bound if location is None else location
    return find_server_stop(bound, identity_at(info, place.bucket, place.prefix))


def _history(known: Known, catalog: Catalog) -> Iterator[Finding]:
    """Whether the server still knows the last change that was seen: not after it was restored from a backup."""
    if known.cursor is not None and not catalog.still_knows(known.cursor):
        yield stopped("history", find_history_stop())


def _place(known: Known, info: ServerInfo, catalog: Catalog, found: CatalogSnapshot) -> Iterator[Finding]:
    name = "media kept in"
    handle = next((handle for handle, item in found.objects.items() if item.digest is not None), None)
    if handle is None:
        yield Finding(name, "known with the first file: the tree has none yet")
        return
    known.location = catalog.location(handle)
    known.without_bucket = known.location.bucket is None
    text = place(known.location.bucket, known.location.prefix)
    disagreement = doorstep.compare(known.settings, known.location)
    stop = _find_server_stop(known, info, known.location)
    # The tree and the rights have lines of their own.
    moved = stop is not None and _find_server_stop(known, info) is None
    if disagreement is not None:
        known.location = None
    if stop is not None and moved:
        yield stopped(name, stop)
    elif disagreement is not None:
        yield failed(name, disagreement)
    else:
        yield Finding(name, text + _told_of_prefix(known.location, info))
        if known.location is not None and known.location.bucket is None:
            yield from _files(known, catalog, found)


def _files(known: Known, catalog: Catalog, found: CatalogSnapshot) -> Iterator[Finding]:
    """How many of the objects a server with its own disk has files for."""
    assert known.location is not None
    name = "the server's disk"
    named = {handle: item.digest for handle, item in found.objects.items() if item.digest is not None}
    with (
        known.session.state() as state,
        closing(doorstep.open_files(known.settings, known.location, catalog, state)) as files,
    ):
        try:
            missing = named.keys() & set(files.missing())
        except SyncdError as error:  # one path that the server's disk cannot bear is enough
            yield warning(name, f"which files it has cannot be told: {error.reason}", error.remedy)
            return
        here = {checksum for _stamp, checksum in state.stamps().values()} if missing else set()
    if missing:
        text = f"{count(len(missing), 'media object')} of {len(named)} without their file"
        had = sum(named[handle] in here for handle in missing)
        if known.binding is not None:
            text += f"; the media folder had {had or 'none'} of these files in the last run"
        remedy = "run syncd --once --full: it sends what the media folder has of them"
        yield warning(name, text, remedy)
    else:
        yield Finding(
            name, f"has the file of {'the media object' if len(named) == 1 else 'every media object'}"
        )


def _told_of_prefix(location: MediaLocation | None, info: ServerInfo) -> str:
    """Bucket and prefix, and whether other trees' files may lie beside this tree's."""
    if location is None or location.bucket is None:
        return ""
    prefix = f"prefix {location.prefix}" if location.prefix else "no prefix"
    if location.prefix.endswith(f"{info.tree_id}/"):
        return f" (bucket {location.bucket}, {prefix}: the tree's own)"
    return f" (bucket {location.bucket}, {prefix}: not the tree's own, other trees' files may lie there, too)"
