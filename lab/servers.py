"""Servers of one's own: what is run by hand shares none with the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.gramps_web import GrampsWeb
from lab.s3 import RcloneS3


@contextmanager
def gramps_web_over_s3(
    base: Path, *, limit_logins: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[GrampsWeb]:
    """A Gramps Web over an S3 server, for as long as the block lasts; from the main thread only.

    Args:
        base: for their files and logs.
        limit_logins: as of `GrampsWeb`.
        settings: as of `GrampsWeb`.
    """
    with RcloneS3(base / "s3") as s3:
        s3.new_bucket("media")
        with GrampsWeb(base / "gramps-web", s3=s3, limit_logins=limit_logins, settings=settings) as server:
            yield server
