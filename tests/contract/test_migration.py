"""2,500 files from one prefix to another on real S3 servers: killed, failing, repeated, deleted, reversed. None is lost."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from lab.s3 import BIN, MotoS3, RcloneS3, S3Server, S3Witness
from syncd.bucket import S3Store, open_store
from syncd.bucket.stored import StoredKey
from syncd.bucket.upkeep import Upkeep
from syncd.errors import Unreachable
from syncd.migration.moving import Moved, Mover
from syncd.migration.route import Route
from syncd.model import Checksum
from syncd.ports import SilentProgress

TREE = "77aa0000-tree"
"""In the order of a listing it stands amid the files: what is copied below it comes up again in later pages."""
ROOT = Path(__file__).parents[2]

KILLED = """
import os, signal, sys, threading
from pathlib import Path
from pydantic import SecretStr
from syncd.bucket import open_store
from syncd.bucket.upkeep import Upkeep
from syncd.migration.moving import Mover
from syncd.migration.route import Route
from syncd.ports import SilentProgress

url, bucket, key, secret, tree, names, step, number = sys.argv[1:]
left, lock, original = int(number), threading.Lock(), getattr(Upkeep, step)

def counted(self, *arguments):
    global left
    answer = original(self, *arguments)
    with lock:
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
    return answer

setattr(Upkeep, step, counted)
store = open_store(bucket=bucket, endpoint_url=url, region="us-east-1", access_key_id=key,
                   secret_access_key=SecretStr(secret), transfers=8)
named = Path(names).read_text().split()
mover = Mover(store.upkeep(), Route(bucket, "", tree + "/", tree + "/", tree), threads=8,
              progress=SilentProgress(), close=store.close)
mover.delete_old(mover.bring(named), named)
"""
"""A run that ends in the moment in which a step has been done for the given time, by as many threads as ever."""


def md5(content: bytes) -> Checksum:
    """The checksum of some bytes."""
    return Checksum(hashlib.md5(content, usedforsecurity=False).hexdigest())


@pytest.fixture(scope="module", params=[RcloneS3, MotoS3])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Two S3 servers that differ."""
    if not BIN.exists():
        pytest.skip("needs the S3 servers: script/setup --lab")
    with request.param(tmp_path_factory.mktemp("s3")) as server:
        yield server


class Ground:
    """A bucket, and runs over it."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.bucket = server.new_bucket()
        self.store: S3Store = open_store(
            bucket=self.bucket.bucket,
            endpoint_url=server.url,
            region="us-east-1",
            access_key_id=server.access_key_id,
            secret_access_key=SecretStr(server.secret_access_key),
        )

    def fill(self, contents: Mapping[str, bytes]) -> None:
        """Put all of it there."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: self.bucket.put(*item), contents.items()))

    def mover(self, *, out: bool = False) -> Mover:
        """A run that begins: it has looked at both places."""
        places = (f"{TREE}/", "") if out else ("", f"{TREE}/")
        route = Route(self.bucket.bucket, *places, places[1], TREE)
        return Mover(self.store.upkeep(), route, threads=8, progress=SilentProgress(), close=self.store.close)

    def contents(self, prefix: str = "") -> dict[str, bytes]:
        """Everything below a prefix, byte for byte."""
        place: S3Witness = self.bucket.below(prefix)
        keys = list(place.keys())
        with ThreadPoolExecutor(8) as pool:
            return dict(zip(keys, pool.map(place.get, keys), strict=True))

    def run_and_kill(self, names: Path, step: str, number: int) -> None:
        """Run in a process of its own, which is killed when a step of the upkeep was done for the given time."""
        server = self.server
        arguments = (server.url, self.bucket.bucket, server.access_key_id, server.secret_access_key, TREE)
        command = [sys.executable, "-c", KILLED, *arguments, str(names), step, str(number)]
        assert subprocess.run(command, cwd=ROOT, check=False, timeout=600).returncode == -signal.SIGKILL


@pytest.fixture
def ground(server: S3Server) -> Iterator[Ground]:
    """A new bucket."""
    ground = Ground(server)
    yield ground
    ground.store.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_files(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """2,500 files are copied by runs that are killed and that fail, then deleted by one that is killed: none is lost.

    On the slower of the two servers it is 1,250: still more than a page of a listing. Another tree has files at the
    same root, some of them the same: what it alone names stays, and so do archives and orphans. Repeated at the end,
    nothing is copied and nothing deleted. And all of it back again (on the faster server: it is the same).
    """
    is_slow = isinstance(ground.server, MotoS3)
    ours = {str(md5(b"ours %d" % n)): b"ours %d" % n for n in range(1250 if is_slow else 2500)}
    theirs = {str(md5(b"theirs %d" % n)): b"theirs %d" % n for n in range(20)}
    strange = {f"media_archives/{TREE}/{'a' * 64}.zip": b"PK", "notes.txt": b"?", f"other/{'1' * 32}": b"!"}
    everything = {**ours, **theirs, **strange}
    ground.fill(everything)
    shared = list(theirs)[:5]
    named = {Checksum(name) for name in (*ours, *shared)}
    names = tmp_path / "names"
    names.write_text("\n".join(named))
    below = ground.bucket.below(f"{TREE}/")

    # Killed, twice, the second time beyond a page of a listing; then some copies fail.
    for number in (100, 1000):
        ground.run_and_kill(names, "copy", number)
    assert 1100 <= len(below.keys()) < len(named)
    copy = Upkeep.copy
    unlucky = sorted(named - set(below.keys()))[::50]

    def fails_at_times(self: Upkeep, source: StoredKey, target: str) -> StoredKey:
        if source.name in unlucky:
            raise Unreachable("S3 keeps failing (SlowDown)", "later")
        return copy(self, source, target)

    monkeypatch.setattr(Upkeep, "copy", fails_at_times)
    moved = ground.mover().bring(named)
    assert moved.failed.keys() == set(unlucky)
    assert not moved.is_complete
    assert moved.proven.keys() == named - set(unlucky)
    monkeypatch.undo()
    moved = ground.mover().bring(named)
    assert (moved.copied, moved.is_complete) == (set(unlucky), True)
    complete = {name: everything[name] for name in named}
    assert ground.contents() == {**everything, **{f"{TREE}/{name}": complete[name] for name in complete}}

    # The old ones go; killed in the middle of it.
    ground.run_and_kill(names, "_delete_batch", 1)
    assert 0 < len(ground.bucket.keys().keys() & set(ours)) < len(ours)
    mover = ground.mover()
    moved = mover.bring(named)
    assert not moved.copied
    assert moved.proven.keys() == named
    mover.delete_old(moved, named)
    after = {
        **{name: theirs[name] for name in theirs if name not in shared},
        **strange,
        **{f"{TREE}/{name}": complete[name] for name in complete},
    }
    assert ground.contents() == after

    # Run again, and again: the published script deletes everything here.
    mover = ground.mover()
    moved = mover.bring(named)
    assert not moved.copied
    assert mover.delete_old(moved, named) == (0, {})
    if is_slow:
        assert set(ground.bucket.keys()) == set(after)
        return
    mover = ground.mover(out=True)
    moved = mover.bring(named)
    assert len(moved.copied) == len(named)
    assert mover.delete_old(moved, named) == (len(named), {})
    assert ground.contents() == everything


def rename_all(bucket: S3Witness, page: int) -> None:
    """What a script without a thought does: copy what is not below the prefix, delete whatever the listing names."""
    pages = bucket.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.bucket, PaginationConfig={"PageSize": page}
    )
    for answer in pages:
        for item in answer.get("Contents", []):
            key = item["Key"]
            if not key.startswith(f"{TREE}/"):
                source = {"Bucket": bucket.bucket, "Key": key}
                bucket.client.copy_object(Bucket=bucket.bucket, Key=f"{TREE}/{key}", CopySource=source)  # type: ignore[arg-type]
            bucket.client.delete_object(Bucket=bucket.bucket, Key=key)


def test_what_a_simple_script_loses(ground: Ground) -> None:
    """Copy-and-delete in one walk loses files when run twice, and at once where the listing has pages; ours does neither."""
    contents = {str(md5(b"%d" % n)): b"%d" % n for n in range(30)}
    named = {Checksum(name) for name in contents}
    ground.fill(contents)
    rename_all(ground.bucket, 1000)
    if len(ground.bucket.keys()) == 30:  # where the listing was made before the copies
        rename_all(ground.bucket, 1000)
    assert ground.bucket.keys() == {}, "twice"
    ground.fill(contents)
    rename_all(ground.bucket, 10)
    assert len(ground.bucket.keys()) < 30, "pages"

    for key in ground.bucket.keys():  # noqa: SIM118  a witness is no mapping
        ground.bucket.delete(key)
    ground.fill(contents)
    for _ in range(3):
        mover = ground.mover()
        mover.delete_old(mover.bring(named), named)
        assert ground.contents() == {f"{TREE}/{name}": contents[name] for name in contents}


def test_damage_and_loss(ground: Ground) -> None:
    """What is damaged is not copied, what is damaged at the new place is mended; only what is proven loses its old file."""
    good, torn, late, lost = (md5(name) for name in (b"good", b"torn", b"late", b"lost"))
    ground.fill({good: b"good", torn: b"TORN", late: b"late", f"{TREE}/{late}": b"LATE"})
    mover = ground.mover()
    moved = mover.bring([good, torn, late, lost])
    assert (moved.damaged, moved.missing, moved.copied) == ({torn}, {lost}, {good, late})
    assert ground.contents(f"{TREE}/") == {good: b"good", late: b"late"}
    # What vanishes at the new place, or is no longer what was proven, keeps its old file; so does what nobody names.
    ground.bucket.delete(f"{TREE}/{good}")
    assert mover.delete_old(moved, [good, torn, lost]) == (0, {})
    ground.bucket.put(f"{TREE}/{late}", b"other")
    assert mover.delete_old(moved, [good, torn, late, lost]) == (0, {})
    left: dict[str, bytes] = {
        good: b"good",
        torn: b"TORN",
        late: b"late",
        f"{TREE}/{late}": b"other",
    }
    assert ground.contents() == left
    # An old file that was changed since it was listed stays.
    mover = ground.mover()
    moved = mover.bring([good, late])
    ground.bucket.put(good, b"changed")
    deleted, failed = mover.delete_old(moved, [good, late])
    assert (deleted, failed) == (1, {str(good): "it changed meanwhile"})
    assert ground.bucket.get(good) == b"changed"


def test_nothing_is_deleted_unproven(ground: Ground) -> None:
    """Without a proof of this very run nothing is deleted, whatever lies at the new place."""
    content = md5(b"x")
    ground.fill({content: b"x", f"{TREE}/{content}": b"x"})
    assert ground.mover().delete_old(Moved(), [content]) == (0, {})
    assert content in ground.bucket
