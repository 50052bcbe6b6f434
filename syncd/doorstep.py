"""From settings to open doors: Gramps Web, the bucket, and the locks of state and folder, each made in one place.

Nothing is asked of a server here; the first call does that.
"""
# ruff: noqa: PLC0415  (`syncd check` opens one door after the other, and says of each what it found)

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.config import GrampsSettings, S3Settings, Settings, UploadSettings
from syncd.errors import ConfigError, FolderError
from syncd.model.paths import INTERNAL_NAME
from syncd.pacing import UNLIMITED, Limits, shared
from syncd.ports import Catalog, DesktopTree, FileServer, MediaLocation, ServedMemory
from syncd.shield import shield

if TYPE_CHECKING:
    from syncd.bucket import S3Store
    from syncd.gramps.client import GrampsWeb
    from syncd.state import Lock


def open_catalog(settings: Settings, *, patience: float = 60.0) -> GrampsWeb:
    """The tree of `[gramps]`; a request that fails is tried again for so many seconds."""
    return log_in(settings.gramps, settings.s3, limits_of(settings), patience=patience)


def limits_of(settings: Settings | UploadSettings) -> Limits:
    """How fast files may travel: the same lines for all of this process."""
    return shared(settings.limit_up, settings.limit_down)


def log_in(
    gramps: GrampsSettings, s3: S3Settings | None, limits: Limits = UNLIMITED, *, patience: float = 60.0
) -> GrampsWeb:
    """The tree of a `[gramps]`, which is expected to keep its media where an `[s3]` says."""
    from syncd.gramps.client import GrampsWeb
    from syncd.gramps.login import Password, SyncToken
    from syncd.gramps.places import Expected

    credentials: Password | SyncToken
    if gramps.token is not None:
        credentials = SyncToken(gramps.token)
    elif gramps.username is None or gramps.password is None:
        raise ConfigError(
            "gramps: neither a password nor a token is set", "set gramps.username and gramps.password"
        )
    else:
        credentials = Password(gramps.username, gramps.password)
    return GrampsWeb(
        gramps.url,
        credentials,
        expected=None if s3 is None else Expected(s3.bucket, s3.prefix, s3.endpoint_url),
        allow_untested_server=gramps.allow_untested_server,
        patience=patience,
        limits=limits,
    )


def open_files(
    settings: Settings, location: MediaLocation, catalog: Catalog, memory: ServedMemory
) -> FileServer:
    """The files of a server that keeps them on its own disk.

    Raises:
        ConfigError: a bucket is configured.
    """
    see_that_they_agree(settings, location)
    return catalog.files(memory)


def open_store(settings: Settings, location: MediaLocation) -> S3Store:
    """The bucket that the server uses, reached as `[s3]` says.

    Raises:
        ConfigError: one of the two knows of no bucket, or they name different ones.
    """
    see_that_they_agree(settings, location)
    assert settings.s3 is not None
    return open_bucket(settings.s3, location, limits_of(settings))


def expect_bucket(settings: Settings) -> None:
    """Have ready what lists a bucket, in a thread: its import takes as long as Gramps Web takes to list its objects."""
    if settings.s3 is None or "boto3.session" in sys.modules:
        return

    def prepare() -> None:
        with suppress(Exception):  # whoever needs it says so
            from syncd.bucket.session import prepare as prepare_session

            prepare_session()

    with shield:
        threading.Thread(target=prepare, name="prepare", daemon=True).start()


def open_bucket(s3: S3Settings, location: MediaLocation, limits: Limits) -> S3Store:
    """The bucket at a location, reached as an `[s3]` says."""
    from syncd.bucket import open_store as open_s3

    assert location.bucket is not None
    return open_s3(
        bucket=location.bucket,
        prefix=location.prefix,
        endpoint_url=s3.endpoint_url,
        region=s3.region,
        profile=s3.profile,
        access_key_id=None if s3.access_key_id is None else s3.access_key_id.get_secret_value(),
        secret_access_key=s3.secret_access_key,
        session_token=s3.session_token,
        allow_http=s3.allow_http,
        transfers=s3.transfers,
        limits=limits,
    )


def see_that_they_agree(settings: Settings, location: MediaLocation) -> None:
    """See that `[s3]` and the server agree on where the media are.

    Raises:
        ConfigError: they do not.
    """
    disagreement = compare(settings, location)
    if disagreement is not None:
        raise disagreement


def compare(settings: Settings, location: MediaLocation) -> ConfigError | None:
    """Whether `[s3]` and the server agree on where the media are; None when they do.

    The server's prefix may go on where the configured one ends: with the tree's own.
    """
    s3 = settings.s3
    if s3 is None and location.bucket is None:
        return None
    if s3 is None:
        return ConfigError(
            f"s3: Gramps Web keeps its media in the bucket {location.bucket}, and no bucket is configured",
            f'add a section [s3] with url = "s3://{location.bucket}" and its keys',
        )
    if location.bucket is None:
        return ConfigError(
            "s3: Gramps Web keeps its media on its own disk, but a bucket is configured",
            "take the section [s3] out of the configuration (and AWS_ and GRAMPSWEB_MEDIA_BASE_DIR variables out of"
            " the environment), or let Gramps Web keep its media in that bucket (MEDIA_BASE_DIR=s3://…)",
        )
    return compare_buckets(s3, location)


def compare_buckets(s3: S3Settings, location: MediaLocation) -> ConfigError | None:
    """Whether `[s3]` and the server name one bucket and prefix, one that every S3 server knows; None when they do."""
    if s3.bucket != location.bucket or not location.prefix.startswith(s3.prefix):
        theirs = f"s3://{location.bucket}/{location.prefix}".removesuffix("/")
        return ConfigError(
            f"s3.url: it says {s3.url}, but Gramps Web keeps its media in {theirs}",
            "set s3.url to what MEDIA_BASE_DIR says on the server, and s3.endpoint_url to what AWS_ENDPOINT_URL "
            "says there",
        )
    # All that `bucket.S3Location` refuses: it may be made long after this was asked.
    *parts, last = location.prefix.split("/")
    if last or any(part in ("", ".", "..") or not part.isprintable() for part in parts):
        return ConfigError(
            f"s3.url: Gramps Web keeps its media in s3://{location.bucket}/{location.prefix}, and such a prefix, "
            "without a slash at its end or with a part that is empty, dots or unprintable, cannot be used: not every S3 server and tool finds what lies below it",
            "ask who runs Gramps Web to write MEDIA_BASE_DIR without a slash at its end, without // and without dots",
        )
    return None


def open_desktop(settings: Settings, environ: Mapping[str, str]) -> DesktopTree | None:
    """The family tree of `[desktop]`; None where Gramps Desktop has nothing to do with the media folder.

    Args:
        settings: the configuration.
        environ: tells where this person's Gramps keeps its trees.

    Raises:
        ConfigError: Gramps Desktop has its media here, too, and nobody said who makes the media objects.
    """
    if settings.desktop is None and settings.has_chosen:
        return None
    from syncd.desktop import ConfiguredTree, UnreadableTrees, choice_error, find_undecided

    rules = settings.path_rules()
    if settings.desktop is not None:
        return ConfiguredTree(settings.desktop.tree, environ, settings.media_dir, rules)
    found = find_undecided(environ, settings.media_dir, rules)
    if found.beside:
        raise choice_error(settings, found.beside)
    return UnreadableTrees(found.unreadable) if found.unreadable else None


def state_lock_file(settings: Settings) -> Path:
    """Where the lock of the state is."""
    return settings.state_file.with_name(f"{settings.state_file.name}.lock")


def folder_lock_file(settings: Settings) -> Path:
    """Where the lock of the media folder is."""
    return settings.media_dir / INTERNAL_NAME / "lock"


def lock_state(settings: Settings) -> Lock:
    """Take the state; its folder is made when it is missing.

    Raises:
        LockedError: another syncd has it.
        StateError: it cannot be locked.
    """
    from syncd.errors import StateError
    from syncd.state import hold_lock

    path = state_lock_file(settings)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"the folder {path.parent} cannot be made ({error.strerror})", "correct state_dir, or its rights"
        ) from error
    return hold_lock(path, f"the state file {settings.state_file}")


def lock_folder(settings: Settings) -> Lock:
    """Take the media folder, which exists.

    The lock is in syncd's own folder, which is on the disk before anything relies on what lies in it.

    Raises:
        LockedError: another syncd has it.
        FolderError: it cannot be locked.
    """
    from syncd.applier.disk import MediaFolder
    from syncd.state import hold_lock

    path = folder_lock_file(settings)
    with MediaFolder(settings.media_dir) as media:
        media.ensure_internal()
    what = f"the media folder {settings.media_dir}"
    return hold_lock(path, what, required=False, failure=FolderError)
