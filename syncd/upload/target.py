"""Where the keys go: below which prefix of which bucket Gramps Web will look for them.

A Gramps Web with MEDIA_PREFIX_TREE looks below `<tree id>/`, one without right below MEDIA_BASE_DIR. The sure way to
know is to ask it, which takes a media object; else a person has to say. Nothing is guessed: under the wrong prefix no
file is ever found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from syncd import doorstep
from syncd.config.mistakes import printable
from syncd.config.settings import S3Settings, UploadSettings
from syncd.errors import ConfigError
from syncd.model import Checksum, MediaObject
from syncd.ports import MediaLocation, ServerInfo

_TREE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_USUAL_TREE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}")
"""What Gramps Web makes of a new tree, and Gramps (so the name of a tree's folder that was taken over from it)."""

_NO_TREES = ("media_archives",)
"""What Gramps Web itself keeps beside the trees' folders."""

ASK_AT_MOST = 5
"""Objects that are asked where their file is, before giving up (they may be deleted just now)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says of the prefix.

    Args:
        tree_id: keys go below this tree's id.
        no_tree: keys go right below `[s3] url`.
    """

    tree_id: str | None = None
    no_tree: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where the keys go.

    Args:
        location: bucket and prefix.
        server: what Gramps Web said of itself; None when it was not asked.
        named: the checksums that its media objects name; None when it was not asked.
    """

    location: MediaLocation
    server: ServerInfo | None = None
    named: frozenset[Checksum] | None = field(default=None, repr=False)


def check_wanted(wanted: Wanted) -> None:
    """Look whether what the command line says can be meant; it takes neither files nor servers.

    Raises:
        ConfigError: it cannot.
    """
    if wanted.tree_id is not None:
        if wanted.no_tree:
            raise ConfigError("--tree-id and --no-tree-id exclude one another", "give only one of them")
        _check_tree_id(wanted.tree_id)


def find_target(settings: UploadSettings, wanted: Wanted) -> Target:
    """Find out where the keys go.

    Raises:
        ConfigError: it is not known, or what is known does not agree.
        ServerError: Gramps Web cannot be asked.
    """
    if settings.gramps is None:
        return Target(_said(settings.s3, wanted))
    return _asked(settings, wanted)


def is_tree_id(text: str) -> bool:
    """Whether a text may be the id of a tree."""
    return _TREE_ID.fullmatch(text) is not None and text not in _NO_TREES


def looks_usual(tree_id: str) -> bool:
    """Whether a tree's id is of the form that programs give; people may name a tree's folder as they like."""
    return _USUAL_TREE_ID.fullmatch(tree_id) is not None


def _check_tree_id(tree_id: str) -> None:
    if not is_tree_id(tree_id):
        raise ConfigError(
            f"--tree-id: '{printable(tree_id)}' is not the id of a tree",
            "give the id that `syncd check` or /api/metadata/ of Gramps Web shows, not its title",
        )


def _said(s3: S3Settings, wanted: Wanted) -> MediaLocation:
    """The place that the command line names."""
    if wanted.tree_id is not None:
        return MediaLocation(s3.bucket, f"{s3.prefix}{wanted.tree_id}/")
    if wanted.no_tree:
        return MediaLocation(s3.bucket, s3.prefix)
    raise ConfigError(
        f"it is not known where in s3://{s3.bucket}/{s3.prefix} Gramps Web will look for the files: right there, or "
        "below the tree's id",
        "add [gramps] to the configuration, and syncd asks Gramps Web; or say it:\n"
        "  --no-tree-id   for a server with one tree, unless MEDIA_PREFIX_TREE is set there\n"
        "  --tree-id ID   for a server with several trees, or with MEDIA_PREFIX_TREE; make the tree there first:\n"
        "                 its id is database.id at /api/metadata/ of Gramps Web",
    )


def _asked(settings: UploadSettings, wanted: Wanted) -> Target:
    assert settings.gramps is not None
    with closing(doorstep.log_in(settings.gramps, settings.s3)) as catalog:
        server = catalog.connect()
        objects = catalog.list()[0].objects
        candidates = [handle for handle, item in objects.items() if item.digest is not None]
        location = None
        for handle in candidates[:ASK_AT_MOST]:
            if catalog.get(handle) is not None:
                location = catalog.location(handle)
                break
    if wanted.tree_id not in (None, server.tree_id):
        raise ConfigError(
            f"--tree-id: Gramps Web shows the tree '{printable(server.title)}', whose id is {server.tree_id}, "
            f"not {wanted.tree_id}",
            "correct --tree-id, or the login under [gramps]",
        )
    if location is None:
        location = _of_empty_tree(settings.s3, wanted, server)
    else:
        _check_location(settings.s3, wanted, server, location)
    return Target(location, server, _named(objects))


def _named(objects: Mapping[str, MediaObject]) -> frozenset[Checksum]:
    return frozenset(item.digest for item in objects.values() if item.digest is not None)


def _of_empty_tree(s3: S3Settings, wanted: Wanted, server: ServerInfo) -> MediaLocation:
    """The place as the command line says it: a tree without files does not show it."""
    if wanted.tree_id is None and not wanted.no_tree:
        raise ConfigError(
            f"the tree '{printable(server.title)}' has no media object with a file yet, so Gramps Web does not show "
            "where it looks for the files",
            "import the tree into Gramps Web first, and upload then; or say it now:\n"
            f"  --tree-id {server.tree_id}   for a server with several trees, or with MEDIA_PREFIX_TREE\n"
            "  --no-tree-id   for a server with one tree, unless MEDIA_PREFIX_TREE is set there",
        )
    return _said(s3, wanted)


def _check_location(s3: S3Settings, wanted: Wanted, server: ServerInfo, location: MediaLocation) -> None:
    if location.bucket is None:
        raise ConfigError(
            "Gramps Web keeps its media on its own disk, where a bucket is of no use",
            "sync the media folder instead: syncd --once; or take [gramps] out of the configuration, if the bucket is "
            "meant for another server",
        )
    disagreement = doorstep.compare_buckets(s3, location)
    if disagreement is not None:
        raise disagreement
    theirs = f"s3://{location.bucket}/{location.prefix}".removesuffix("/")
    if (wanted.tree_id is not None or wanted.no_tree) and _said(s3, wanted) != location:
        given = "--no-tree-id" if wanted.no_tree else f"--tree-id {wanted.tree_id}"
        raise ConfigError(
            f"{given}: Gramps Web keeps the files of the tree '{printable(server.title)}' in {theirs}",
            f"leave {given} out: syncd asks Gramps Web",
        )
