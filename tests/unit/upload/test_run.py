"""An upload against a store that misbehaves: what ends the run, what is one file's problem, and what is never written."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from syncd.bucket import S3Store
from syncd.desktop.database import MediaRow
from syncd.errors import BucketMissing, Denied, MovedOn, Refused, ServerError, Unreachable
from syncd.model import BucketSnapshot, Checksum
from syncd.ports import SilentProgress
from syncd.upload import run as upload_module
from syncd.upload.files import Folders
from syncd.upload.run import Report, upload
from syncd.upload.tree import MediaTree


class Store:
    """A bucket in memory; `before_put` may raise, or change what others see."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.missing = False
        self.puts: list[str] = []
        self.closed = threading.Event()
        self.before_put: Callable[[str], None] = lambda _checksum: None

    def exists(self) -> bool:
        """Whether there is a bucket."""
        return not self.missing

    def list(self) -> BucketSnapshot:
        """All keys."""
        if self.missing:
            raise BucketMissing("the bucket does not exist", "make it")
        return BucketSnapshot({Checksum(key): len(content) for key, content in self.keys.items()})

    def sizes(self, checksums: Sequence[Checksum]) -> dict[Checksum, int]:
        """Some keys."""
        return {one: len(self.keys[one]) for one in checksums if one in self.keys}

    def put(self, source: BinaryIO, checksum: Checksum, size: int, mime: str, *, advance: Any) -> None:
        """Store, as the real one: only what has the checksum."""
        self.before_put(checksum)
        content = source.read()
        if md5(content) != checksum or len(content) != size:
            raise MovedOn("it changed", "later")
        self.puts.append(f"{checksum} {mime}")
        self.keys[checksum] = content
        advance(size)

    def create_bucket(self) -> None:
        """Make the bucket."""
        self.missing = False

    def close(self) -> None:
        """End what is under way."""
        self.closed.set()


def md5(content: bytes) -> str:
    """The checksum of bytes."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def start(store: Store, folder: Path, *rows: MediaRow, **options: Any) -> Report:
    """Upload these objects."""
    settings = {
        "create_bucket": False,
        "dry_run": False,
        "threads": 3,
        "progress": SilentProgress(),
        **options,
    }
    tree = MediaTree("Family", str(folder), None, rows)
    return upload(tree, Folders(folder), cast("S3Store", store), **settings)


def album(folder: Path, number: int) -> list[MediaRow]:
    """So many files, and their objects."""
    rows = []
    for index in range(number):
        content = f"photo {index}".encode()
        (folder / f"{index}.jpg").write_bytes(content)
        rows.append(MediaRow(f"h{index}", f"{index}.jpg", md5(content), 0))
    return rows


@pytest.mark.parametrize("error", [Denied("no rights", "ask"), Unreachable("gone", "later")])
def test_a_bucket_that_fails_ends_the_run(tmp_path: Path, error: ServerError) -> None:
    """When the bucket as a whole fails, the rest is not tried one by one, and the run says so."""
    store = Store()
    tried: list[str] = []

    def fail(checksum: str) -> None:
        tried.append(checksum)
        raise error

    store.before_put = fail
    with pytest.raises(type(error)):
        start(store, tmp_path, *album(tmp_path, 40))
    assert len(tried) <= 3


def test_one_refused_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """What the bucket will not take is a problem of that file."""
    store, rows = Store(), album(tmp_path, 20)

    def fail(checksum: str) -> None:
        if checksum == rows[7].checksum:
            raise Refused("too large", "make it smaller")

    store.before_put = fail
    report = start(store, tmp_path, *rows)
    assert [(one.trouble, one.problem.path) for one in report.failed] == [("refused", "7.jpg")]
    assert len(report.sent) == len(store.keys) == 19


def test_an_interruption_ends_what_is_under_way(tmp_path: Path) -> None:
    """Ctrl-C closes the store and begins nothing more."""
    store = Store()

    def interrupt(_checksum: str) -> None:
        raise KeyboardInterrupt

    store.before_put = interrupt
    with pytest.raises(KeyboardInterrupt):
        start(store, tmp_path, *album(tmp_path, 40))
    assert store.closed.is_set()
    assert store.keys == {}


def test_a_file_that_is_being_written_waits(tmp_path: Path) -> None:
    """A file that changes between its reading and its sending is told; the bucket gets nothing of it."""
    store, rows = Store(), album(tmp_path, 1)
    store.before_put = lambda _checksum: cast("None", (tmp_path / "0.jpg").write_bytes(b"more"))
    report = start(store, tmp_path, *rows)
    assert [one.trouble for one in report.failed] == ["changing"]
    assert store.keys == {}


def test_who_was_faster_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a long run a key is looked up again before it is written: a sync beside it may have sent the file."""
    store, rows = Store(), album(tmp_path, 3)
    monkeypatch.setattr(upload_module, "STALE", -1.0)
    sizes = store.sizes

    def faster(checksums: Sequence[Checksum]) -> dict[Checksum, int]:
        if len(checksums) == 1:
            store.keys[checksums[0]] = b"photo 0"
        return sizes(checksums)

    monkeypatch.setattr(store, "sizes", faster)
    report = start(store, tmp_path, *rows)
    assert store.puts == []
    assert report.there == 3


def test_a_dry_run_reads_and_writes_nothing(tmp_path: Path) -> None:
    """It tells of an edited file as the run would, and neither makes the bucket nor sends."""
    store, rows = Store(), album(tmp_path, 3)
    (tmp_path / "1.jpg").write_bytes(b"retouched")
    store.missing = True
    report = start(store, tmp_path, *rows, dry_run=True, create_bucket=True)
    assert report.made_bucket
    assert store.missing
    assert [done.path for done in report.sent] == ["0.jpg", "2.jpg"]
    assert [one.trouble for one in report.failed] == ["edited"]
    assert store.puts == []
    with pytest.raises(BucketMissing) as caught:
        start(store, tmp_path, *rows)
    assert "--create-bucket" in caught.value.remedy


def test_many_files_are_looked_up_in_one_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond some hundred keys the bucket is listed; types come from the tree, else from the name."""
    store, rows = Store(), album(tmp_path, 5)
    monkeypatch.setattr(upload_module, "LOOK_UP_AT_MOST", 4)
    monkeypatch.delattr(Store, "sizes")
    store.keys[rows[0].checksum] = b"photo 0"
    typed = MediaRow("h9", "1.jpg", rows[1].checksum, 0, "image/x-own")
    report = start(store, tmp_path, rows[0], typed, *rows[2:])
    assert report.there == 1
    assert sorted(store.puts) == sorted(
        f"{row.checksum} {'image/x-own' if row is typed else 'image/jpeg'}" for row in (typed, *rows[2:])
    )
