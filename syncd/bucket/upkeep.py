"""Work on the keys of a bucket themselves: seeing all of them, copying on the server's side, deleting.

For the commands that tidy (`migrate-prefix`, `orphans`) and for `upload`; a sync needs none of it and deletes nothing.

Invariants:
- Keys are whole, with their prefix. A walk is whole or raises.
- A copy is only told of when it has the bytes of the key that was listed; what stands at the target is overwritten.
- A key is only deleted when it still is what was listed. AWS sees to that itself (the condition travels with the
  request); elsewhere a HEAD looks just before.

RACE: where the condition is not understood, bytes that are written within the second between that HEAD and the deletion
are deleted. Keys that are named by their content are only ever overwritten with equal bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from syncd.bucket.copying import Copying
from syncd.bucket.failures import Abandoned, Fault, S3Error
from syncd.bucket.listing import contents, pages
from syncd.bucket.reading import changed, digest
from syncd.bucket.session import Session
from syncd.bucket.stored import StoredKey
from syncd.bucket.verdicts import translate
from syncd.errors import MovedOn, ServerError, Unexpected
from syncd.pacing import Line
from syncd.workers import in_order

T = TypeVar("T")

QUARANTINE = "syncd-quarantine/"
"""Below a tree's prefix: where its orphans wait to be deleted. Keys there belong to no other tree."""
ARCHIVES = "media_archives/"
"""Where Gramps Web keeps archives, `media_archives/<tree>/<sha256>.zip`, below MEDIA_BASE_DIR."""

_BATCH = 1000
"""What one DeleteObjects takes: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>."""
_PLAIN = {"MalformedXML", "NotImplemented", "InvalidArgument", "InvalidRequest"}
"""What servers say to a condition, or to deleting many at once, when they do not know it."""
_BY_CONTENT = re.compile(r"(?:(?P<place>.*)/)?[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Tenants:
    """What speaks for it that a bucket is not this tree's alone; false when nothing does.

    Args:
        places: how many keys of 32 hex digits there are below each prefix that is not this tree's; `""` is the root.
        archives: other trees of which there are archives.
    """

    places: Mapping[str, int] = field(default_factory=dict)
    archives: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.places or self.archives)

    @property
    def evidence(self) -> Sequence[str]:
        """A line on each."""
        files = [
            f"{count} {'file' if count == 1 else 'files'} {f'below {place}' if place else 'at the top of the bucket'}"
            for place, count in sorted(self.places.items())
        ]
        return [*files, *(f"an archive of the tree {tree}" for tree in sorted(self.archives))]


class Upkeep:
    """A bucket's keys. Every method may be called from many threads."""

    def __init__(
        self, session: Session, closed: threading.Event, workers: int = 16, line: Line | None = None
    ) -> None:
        self.bucket = session.location.bucket
        self._session = session
        self._closed = closed
        self._workers = workers
        self._line = line
        self._copying = Copying(session, closed)
        self._conditional = True
        self._many = True

    def walk(self, prefix: str = "", *, deep: bool = True) -> Iterator[StoredKey]:
        """Every key that begins with the prefix, whatever it is, in the server's order.

        Args:
            prefix: where.
            deep: also what has a further slash behind the prefix.

        Raises:
            Unexpected: the listing breaks off or repeats itself.
        """
        for page in pages(self._session, prefix, self._closed, delimiter="" if deep else "/"):
            for item in contents(page, prefix):
                etag = item.get("ETag", "").strip('"')
                yield StoredKey(item["Key"], item["Size"], etag, item["LastModified"])

    def look(self, key: str) -> StoredKey | None:
        """A key as it is now; None when it is not there."""
        return self._copying.look(key)

    def copy(self, source: StoredKey, target: str) -> StoredKey:
        """Copy on the server's side and prove the copy; returns it as it is now.

        What stands at the target is overwritten, and is gone if the copy then fails its proof: look there first.
        Content type and metadata are kept. Over 5 GB in parts.

        Raises:
            MovedOn: the source is no longer what was listed, or went.
            Unexpected: the copy has other bytes; it was removed again.
        """
        made = self._copying.copy(source, target)
        if made is not None and self._is_faithful(source, made):
            return made
        if made is not None:
            self.delete([made])
        now = self.look(source.key)
        if now is None or not source.is_same(now):
            raise changed(source.key)
        raise Unexpected(
            f"the copy of {source.key} that the bucket made at {target} has other bytes; it was removed again",
            "run the command again; if it stays so, ask the storage provider",
        )

    def digest(self, key: StoredKey) -> str:
        """The MD5 of a key's bytes, which are read.

        Raises:
            MovedOn: it is no longer what was listed.
        """
        return digest(self._session, key, self._closed, self._line)

    def delete(self, keys: Sequence[StoredKey]) -> Mapping[str, str]:
        """Delete keys, each only when it still is what was listed; returns those that could not be, with the reason.

        What is gone already is no failure.

        Raises:
            ServerError: the bucket cannot be used; some keys may be deleted by then.
        """
        failed: dict[str, str] = {}
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            there: list[StoredKey] = []
            for key, now in zip(batch, self._at_once(lambda key: self.look(key.key), batch), strict=True):
                if now is not None and not key.is_same(now):
                    failed[key.key] = "it changed meanwhile"
                elif now is not None:
                    there.append(key)
            if there:
                failed |= self._delete_batch(there)
        return failed

    def find_tenants(self, prefix: str, tree_id: str, also: Collection[str] = ()) -> Tenants:
        """Look through the whole bucket for files and archives that are not this tree's.

        Args:
            prefix: what stands before the checksum in this tree's keys.
            tree_id: the tree.
            also: further prefixes that are this tree's.

        Raises:
            Denied: the login may not list the whole bucket: nobody knows then.
        """
        own = {prefix, *also}
        places: Counter[str] = Counter()
        archives: set[str] = set()
        for key in self.walk():
            _base, found, rest = f"/{key.key}".rpartition("/" + ARCHIVES)
            if found and "/" in rest:
                archives.add(rest.partition("/")[0])
            elif match := _BY_CONTENT.fullmatch(key.key):
                place = match["place"]
                place = "" if place is None else f"{place}/"
                if place not in own and not any(place.startswith(one + QUARANTINE) for one in own):
                    places[place] += 1
        return Tenants(dict(places), frozenset(archives - {tree_id}))

    def _is_faithful(self, source: StoredKey, made: StoredKey) -> bool:
        if made.size != source.size:
            return False
        if made.etag and made.etag in (source.etag, made.name):
            return True
        # An ETag of a multipart upload, or of SSE-KMS, proves nothing; the name does when the bytes have its MD5.
        found = self.digest(made)
        try:
            return found == made.name or found == self.digest(source)
        except MovedOn:
            return False

    # --- requests -----------------------------------------------------------------------------------------

    def _at_once(self, work: Callable[[StoredKey], T], keys: Sequence[StoredKey]) -> list[T]:
        return in_order(work, keys, threads=self._workers, name="syncd-upkeep")

    def _delete_batch(self, keys: Sequence[StoredKey]) -> dict[str, str]:
        if self._closed.is_set():
            raise Abandoned
        try:
            if self._many:
                return self._delete_many(keys)
        except ServerError as error:
            if not _is_plain(error):
                raise
            if self._conditional:
                self._conditional = False
                return self._delete_batch(keys)
            # Some services have no such request.
            self._many = False
        reasons = zip(keys, self._at_once(self._delete_one, keys), strict=True)
        return {key.key: reason for key, reason in reasons if reason}

    def _delete_many(self, keys: Sequence[StoredKey]) -> dict[str, str]:
        client = self._session.client()
        # Many services want Content-MD5 here, and newer botocore sends a CRC32 instead.
        client.meta.events.register("before-sign.s3.DeleteObjects", _use_md5, unique_id="syncd-md5")
        objects: Any = [
            {"Key": key.key, "ETag": key.etag} if self._conditional and key.etag else {"Key": key.key}
            for key in keys
        ]
        answer = self._session.call(
            client.delete_objects, Bucket=self.bucket, Delete={"Objects": objects, "Quiet": False}
        )
        failed = {key.key: "the server did not say that it deleted it" for key in keys}
        for item in answer.get("Deleted", ()):
            failed.pop(item["Key"], None)
        for problem in answer.get("Errors", ()):
            key, code = problem.get("Key", ""), problem.get("Code", "")
            if code == "NoSuchKey":
                failed.pop(key, None)
            elif code == "PreconditionFailed":
                failed[key] = "it changed meanwhile"
            else:
                # S3's answer to one key has a code and no status; the code decides, and 403 stands for the unknown.
                status = 500 if code in ("InternalError", "SlowDown", "ServiceUnavailable") else 403
                failed[key] = translate(S3Error(Fault.ANSWER, status, code), self._session.place).reason
        return failed

    def _delete_one(self, key: StoredKey) -> str:
        """The reason why not, if so."""
        try:
            self._session.call(self._session.client().delete_object, Bucket=self.bucket, Key=key.key)
        except ServerError as error:
            return error.reason
        return ""


def _is_plain(error: ServerError) -> bool:
    return isinstance(error.__cause__, S3Error) and (
        error.__cause__.code in _PLAIN or error.__cause__.status == 501
    )


def _use_md5(request: Any, **_: Any) -> None:
    """Before it is signed, which is after botocore put its checksum in."""
    headers = request.headers
    for name in list(headers.keys()):
        if name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum-")):
            del headers[name]
    body = request.body if isinstance(request.body, bytes) else request.body.encode()
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    del headers["Content-MD5"]
    headers["Content-MD5"] = base64.b64encode(digest).decode()
