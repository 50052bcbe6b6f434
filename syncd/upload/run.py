"""An upload: what the bucket lacks is read, checked against the checksum in the tree, and sent, several at once.

What is there (under that checksum, with the file's size) is not read. What was sent before a run ended is there for the
next one; nothing else has to be remembered.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from io import FileIO

from syncd.bucket import S3Store
from syncd.desktop.database import MediaRow
from syncd.errors import BucketMissing, Denied, MovedOn, ServerError, Unreachable
from syncd.gramps.mime import mime_of
from syncd.model import Checksum, Problem, parse_checksum
from syncd.model.catalog_path import take_apart
from syncd.model.plan import Done
from syncd.ports import Phase, Progress
from syncd.scanner.hashing import checksum_of
from syncd.upload.files import FileError, Folders, Trouble
from syncd.upload.tree import MediaTree
from syncd.workers import each

LOOK_UP_AT_MOST = 500
"""Keys that are looked up one by one; for more, the bucket is listed."""

STALE = 60.0
"""Seconds after which a key is looked up again before it is written: somebody else may have been faster."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A media object whose bytes did not get there."""

    trouble: Trouble
    problem: Problem


@dataclass(slots=True)
class Report:
    """What an upload did, or would do.

    Args:
        objects: media objects of the tree.
        addresses: those of them that are web addresses.
        there: files that were in the bucket already.
        made_bucket: the bucket was made (or would be).
        wanted: the checksums that the tree names.
    """

    objects: int = 0
    addresses: int = 0
    there: int = 0
    made_bucket: bool = False
    sent: list[Done] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    wanted: frozenset[Checksum] = frozenset()

    @property
    def bytes_sent(self) -> int:
        """Bytes of all that was sent."""
        return sum(done.size or 0 for done in self.sent)


def upload(
    tree: MediaTree,
    folders: Folders,
    store: S3Store,
    *,
    create_bucket: bool,
    dry_run: bool,
    threads: int,
    progress: Progress,
) -> Report:
    """Bring every media file of a tree into a bucket.

    Args:
        tree: whose media.
        folders: where its files are.
        store: the bucket, at the prefix where Gramps Web looks.
        create_bucket: make the bucket if there is none.
        dry_run: look and read, but write nothing.
        threads: files under way at once.
        progress: told of every byte.

    Raises:
        ServerError: the bucket as a whole cannot be used.
    """
    run = _Upload(tree, folders, store, dry_run=dry_run, threads=threads, progress=progress)
    run.sort_objects()
    run.look_at_bucket(create_bucket=create_bucket)
    run.send()
    run.report.failed.sort(key=lambda one: (one.trouble, one.problem.path or ""))
    run.report.sent.sort(key=lambda done: done.path)
    return run.report


class _Upload:
    """One run."""

    def __init__(
        self,
        tree: MediaTree,
        folders: Folders,
        store: S3Store,
        *,
        dry_run: bool,
        threads: int,
        progress: Progress,
    ) -> None:
        self.report = Report(objects=len(tree.media) + tree.odd)
        self._tree = tree
        self._folders = folders
        self._store = store
        self._dry_run = dry_run
        self._threads = threads
        self._progress = progress
        self._wanted: dict[Checksum, list[MediaRow]] = {}
        self._stored: dict[Checksum, int] = {}
        self._looked = 0.0
        self._lock = threading.Lock()
        self._fatal: ServerError | None = None

    # --- the steps ----------------------------------------------------------------------------------------------------

    def sort_objects(self) -> None:
        """Sort the tree's objects by checksum: several may share one file's bytes."""
        for row in self._tree.media:
            if take_apart(row.path) is None:
                self.report.addresses += 1
                continue
            checksum = parse_checksum(row.checksum)
            # Gramps Web looks for a file by the very text of the checksum.
            if checksum is None or checksum != row.checksum:
                self._fail(row, _without_checksum(self._folders, row))
            else:
                self._wanted.setdefault(checksum, []).append(row)
        self.report.wanted = frozenset(self._wanted)
        if self._tree.odd:
            objects = "1 media object has" if self._tree.odd == 1 else f"{self._tree.odd} media objects have"
            remedy = "in Gramps, run Tools, Family Tree Repair, Check and Repair Database"
            self.report.failed.append(
                Failed(Trouble.ODD, Problem(f"{objects} no proper handle or path", remedy))
            )

    def look_at_bucket(self, *, create_bucket: bool) -> None:
        """Find out what is there; make the bucket where that was asked for."""
        self._progress.phase(Phase("looking at the bucket"))
        try:
            if len(self._wanted) <= LOOK_UP_AT_MOST and self._store.exists():
                self._stored = dict(self._store.sizes(tuple(self._wanted)))
            else:
                self._stored = dict(self._store.list().sizes)
        except BucketMissing as missing:
            if not create_bucket:
                raise _no_bucket(missing) from missing
            self.report.made_bucket = True
            if not self._dry_run:
                self._store.create_bucket()
        self._looked = time.monotonic()

    def send(self) -> None:
        """Deal with every checksum."""
        lacking, size = [], 0
        self._progress.phase(Phase("looking at the files", files=len(self._wanted)))
        for checksum, rows in self._wanted.items():
            statuses = [status for status in map(self._folders.status, rows) if status is not None]
            stored = self._stored.get(checksum)
            if stored is not None and (not statuses or any(status.st_size == stored for status in statuses)):
                self.report.there += 1
            else:
                lacking.append(checksum)
                size += statuses[0].st_size if statuses else 0
            self._progress.advance(files=1)
        name = "reading" if self._dry_run else "sending"
        self._progress.phase(Phase(name, files=len(lacking), size=size))
        each(lacking, self._deal_with, threads=self._threads, name="upload", give_up=self._give_up)
        if self._fatal is not None:
            raise self._fatal

    # --- one checksum -------------------------------------------------------------------------------------------------

    def _deal_with(self, checksum: Checksum) -> None:
        """Bring one checksum's bytes into the bucket, from whichever of its files has them."""
        failures: list[tuple[MediaRow, FileError]] = []
        for row in self._wanted[checksum]:
            if self._fatal is not None:
                return
            try:
                with closing(self._folders.open(row)) as file:
                    size = self._verified(file, checksum)
                    self._put(file, checksum, size, row)
            except FileError as error:
                failures.append((row, error))
            except OSError as error:
                what = os.strerror(error.errno or 0).lower()
                failures.append(
                    (row, FileError(Trouble.UNREADABLE, f"it cannot be read: {what}", "check the disk"))
                )
            except (Unreachable, Denied) as error:
                self._end(error)
                return
            except ServerError as error:
                failures.append((row, FileError(Trouble.REFUSED, error.reason, error.remedy)))
            else:
                return
        for row, failure in failures:
            self._fail(row, failure)
        self._progress.advance(files=1)

    def _verified(self, file: FileIO, checksum: Checksum) -> int:
        """The size of a file that has the checksum; it is at its beginning afterwards."""
        before = os.fstat(file.fileno())
        found = checksum_of(file.fileno())
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise _changing()
        stored = self._stored.get(checksum)
        if found != checksum:
            raise _edited(checksum, found, is_stored=stored is not None)
        if stored is not None and stored != after.st_size:
            raise FileError(
                Trouble.DAMAGED,
                f"the bucket has {stored:,} bytes under its checksum, the file {after.st_size:,}: the bucket's copy is "
                "damaged; an upload never overwrites",
                "let a sync mend it (syncd --once), or delete that key at the storage provider and upload again: "
                f"{checksum}",
            )
        return after.st_size

    def _put(self, file: FileIO, checksum: Checksum, size: int, row: MediaRow) -> None:
        """Send one file, unless somebody else has meanwhile."""
        mime = row.mime or mime_of(row.path)
        if not self._dry_run:
            if (
                time.monotonic() - self._looked > STALE
                and self._store.sizes((checksum,)).get(checksum) == size
            ):
                with self._lock:
                    self.report.there += 1
                self._progress.advance(files=1, size=size)
                return
            try:
                self._store.put(file, checksum, size, mime, advance=self._moved)
            except MovedOn as error:
                raise _changing() from error
        else:
            self._progress.advance(size=size)
        with self._lock:
            self.report.sent.append(Done("uploaded", row.path, row.handle, checksum, size))
        self._progress.advance(files=1)

    def _moved(self, size: int) -> None:
        self._progress.advance(size=size)

    def _fail(self, row: MediaRow, error: FileError) -> None:
        problem = Problem(error.reason, error.remedy, row.path, row.handle)
        with self._lock:
            self.report.failed.append(Failed(error.trouble, problem))

    def _end(self, error: ServerError) -> None:
        """The bucket as a whole fails: nothing more is begun."""
        with self._lock:
            if self._fatal is None:
                self._fatal = error

    def _give_up(self) -> None:
        self._store.close()


# --- words ------------------------------------------------------------------------------------------------------------


def _edited(recorded: Checksum, found: Checksum, *, is_stored: bool) -> FileError:
    then = (
        "Gramps Web shows the file as it was before"
        if is_stored
        else "Gramps Web would not find the file under its new checksum"
    )
    return FileError(
        Trouble.EDITED,
        f"the file was edited after it was added to the tree: the tree says {recorded}, the file has {found}; {then}",
        "to keep the edit: in Gramps, run Tools, Family Tree Repair, Check and Repair Database, which notes the new "
        "checksum, carry that to Gramps Web (with the Sync addon, say), and upload the tree as it is then; or replace "
        "the file on the object's page in Gramps Web; to undo the edit: put the old file back and upload again",
    )


def _without_checksum(folders: Folders, row: MediaRow) -> FileError:
    there = folders.status(row) is not None
    return FileError(
        Trouble.NO_CHECKSUM,
        "the tree has no checksum for it, by which Gramps Web would find it"
        if not row.checksum
        else "the checksum in the tree is none that Gramps writes, so that Gramps Web would not find the file",
        ("" if there else "put the file back; ")
        + "in Gramps, run Tools, Family Tree Repair, Check and Repair Database while the files are there, carry that to "
        "Gramps Web (with the Sync addon, say), and upload the tree as it is then",
    )


def _changing() -> FileError:
    return FileError(
        Trouble.CHANGING, "the file is being written just now", "upload again when it is finished"
    )


def _no_bucket(missing: BucketMissing) -> BucketMissing:
    return BucketMissing(
        missing.reason,
        "correct url under [s3], or have the bucket made: --create-bucket (or create_bucket = true)",
    )
