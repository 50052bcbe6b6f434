"""The MD5 of a key's bytes, read from the bucket; picked up where a connection broke."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from syncd.bucket.budget import MIB
from syncd.bucket.failures import Abandoned, S3Error, understand
from syncd.bucket.session import Session
from syncd.bucket.stored import StoredKey
from syncd.bucket.verdicts import translate
from syncd.errors import MovedOn, ServerError
from syncd.pacing import Line

_IN_VAIN = 4
"""So many times in a row without a MiB of progress, and it is given up."""


def changed(key: str) -> MovedOn:
    """A key is not what was listed."""
    return MovedOn(f"the file {key} in the bucket changed meanwhile", "run the command again")


def digest(session: Session, key: StoredKey, closed: threading.Event, line: Line | None = None) -> str:
    """The MD5 of the bytes, 32 hex digits; they come no faster than the line lets them.

    Raises:
        MovedOn: the key is no longer what was listed.
    """
    client = session.client()
    found = hashlib.md5(usedforsecurity=False)
    offset, etag, in_vain = 0, key.etag, 0
    while offset < key.size or not offset:
        start = offset
        condition: dict[str, Any] = {"IfMatch": f'"{etag}"'} if etag else {}
        # What is sent is sent at once, into the buffers on the way: a limited line asks for little at a time.
        asked = key.size - offset if line is None else min(line.request, key.size - offset)
        if line is not None:
            line.take(asked, closed)
        if asked < key.size:
            condition["Range"] = f"bytes={offset}-{offset + asked - 1}"
        try:
            answer = session.call(client.get_object, Bucket=session.location.bucket, Key=key.key, **condition)
        except ServerError as error:
            if isinstance(error.__cause__, S3Error) and error.__cause__.status in (404, 412, 416):
                raise changed(key.key) from error.__cause__
            raise
        if answer["ContentLength"] != asked or answer["ETag"].strip('"') != (etag or answer["ETag"]):
            raise changed(key.key)
        try:
            for piece in answer["Body"].iter_chunks(MIB):
                found.update(piece)
                offset += len(piece)
                if closed.is_set():
                    break
        except Exception as error:
            in_vain = 0 if offset - start >= MIB else in_vain + 1
            if in_vain >= _IN_VAIN:
                failure = understand(error)
                raise translate(failure, session.place) from failure
        else:
            in_vain = 0
        if closed.is_set():
            raise Abandoned
        if not key.size:
            break
    return found.hexdigest()
