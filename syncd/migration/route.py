"""From where to where: what a person asked for, what the server says, and what was synced last, put together. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from syncd.errors import ConfigError
from syncd.ports import MediaLocation

COMMAND = "syncd migrate-prefix"


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for.

    Args:
        out: out of the tree's prefix, not into it.
        source: where the files are, `s3://bucket/prefix`, exactly; None: found out.
        target: where they shall be, likewise.
        delete_old: delete the old files afterwards.
        alone: no other tree needs the old files, the person says.
        dry_run: change nothing.
    """

    out: bool = False
    source: str | None = None
    target: str | None = None
    delete_old: bool = False
    alone: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """From one prefix of a bucket to another.

    Args:
        bucket: its name.
        source: the old prefix: `""`, or ends with a slash.
        target: the new one.
        served: the one where Gramps Web looks for files now.
        tree_id: the tree.
    """

    bucket: str
    source: str
    target: str
    served: str
    tree_id: str

    @property
    def is_served(self) -> bool:
        """Whether Gramps Web looks for files at the new place already."""
        return self.served == self.target

    @property
    def is_private(self) -> bool:
        """Whether the old place bears the tree's name, so that no other tree has its files there."""
        return f"/{self.source}".endswith(f"/{self.tree_id}/")

    @property
    def is_own(self) -> bool:
        """Whether the new place bears the tree's name, so that a server of several trees can look there for this one."""
        return f"/{self.target}".endswith(f"/{self.tree_id}/")

    @property
    def own_target(self) -> str:
        """The place below the new one that bears the tree's name."""
        return self.target if self.is_own else f"{self.target}{self.tree_id}/"

    @property
    def command(self) -> str:
        """What a person types for this route once Gramps Web looks at the new place."""
        own = f"{self.tree_id}/"
        if self.target == self.source + own:
            return COMMAND
        if self.source == self.target + own:
            return f"{COMMAND} --out"
        return f"{COMMAND} --from {self.name(self.source)}"

    @property
    def setting(self) -> str:
        """What the server's settings must say for the new place."""
        base, found, _rest = f"/{self.target}".rpartition(f"/{self.tree_id}/")
        base = base.lstrip("/") if found else self.target
        prefix_tree = f"GRAMPSWEB_MEDIA_PREFIX_TREE={'true' if found else 'false'}"
        before = f"/{self.source}".rpartition(f"/{self.tree_id}/")
        was = before[0].lstrip("/") if before[1] else self.source
        if base.rstrip("/") == was.rstrip("/"):
            return prefix_tree
        return f"GRAMPSWEB_MEDIA_BASE_DIR={self.name(base)} and {prefix_tree}"

    def name(self, prefix: str) -> str:
        """A place as people write it."""
        return f"s3://{self.bucket}/{prefix}".rstrip("/")


def find_route(request: Request, location: MediaLocation, tree_id: str, bound: str | None) -> Route:
    """Say from where to where.

    What is asked for counts. Without that, files follow the server when it looks elsewhere than where this desktop synced
    them last; else they go below the tree's prefix.

    Args:
        request: what is asked for.
        location: where the server looks for files.
        tree_id: the tree.
        bound: the prefix that was synced last in this bucket; None: nothing was.

    Raises:
        ConfigError: it makes no sense.
    """
    if location.bucket is None:
        raise ConfigError(
            "Gramps Web keeps its media on its own disk, where syncd cannot move files",
            "move them on the server (with MEDIA_PREFIX_TREE they belong into <media folder>/<tree id>), "
            "or run syncd --once --full, which sends what the media folder has",
        )
    bucket, served = location.bucket, location.prefix
    own = f"{tree_id}/"
    base = served.removesuffix(own) if f"/{served}".endswith(f"/{own}") else served
    if request.out and (request.source or request.target):
        raise ConfigError("--out goes without --from and --to", "name both places, or neither")
    if request.source or request.target:
        source = served if request.source is None else _prefix(request.source, "--from", bucket)
        target = served if request.target is None else _prefix(request.target, "--to", bucket)
    elif request.out:
        source, target = base + own, base
    elif bound is not None and bound != served:
        source, target = bound, served
    else:
        source, target = base, base + own
    route = Route(bucket, source, target, served, tree_id)
    if _folded(source) == _folded(target):
        # Differing only so they may be one place: there are S3 servers above file systems that ignore case.
        raise ConfigError(
            f"from {route.name(source)} to {route.name(target)}: that is one and the same place",
            "name two places that differ, with --from and --to",
        )
    if served not in (source, target):
        raise ConfigError(
            f"Gramps Web keeps its media in {route.name(served)}, which is neither "
            f"{route.name(source)} nor {route.name(target)}",
            "one of the two must be where Gramps Web looks; leave --from or --to out",
        )
    return route


def _prefix(url: str, option: str, bucket: str) -> str:
    named, _, prefix = url.removeprefix("s3://").strip("/").partition("/")
    if not url.startswith("s3://") or named != bucket:
        raise ConfigError(
            f"{option} {url} is not in the bucket that Gramps Web uses",
            f"write it as s3://{bucket}/some/prefix; to another bucket, copy with the tools of the storage provider",
        )
    return f"{prefix}/" if prefix else ""


def _folded(prefix: str) -> str:
    return unicodedata.normalize("NFC", prefix).casefold()
