"""Bytes over bad lines and from odd servers."""

from __future__ import annotations

import hashlib
import io
import itertools
import re
import secrets
import subprocess
import sys
import threading
import time

import pytest

from syncd.bucket import S3Store
from syncd.bucket.multipart import MOST_PARTS, part_size
from syncd.errors import Denied, MovedOn, Refused, Unexpected, Unreachable
from syncd.model import Checksum
from tests.unit.bucket.stub import Answer, Make, Request, Stub, content, error

MIB = 1 << 20
PHOTO = b"photo" * 1000


def md5(body: bytes) -> Checksum:
    """The checksum of some bytes."""
    return Checksum(hashlib.md5(body, usedforsecurity=False).hexdigest())


def stored(body: bytes, etag: str | None = None) -> Answer:
    """The answer to a successful PUT."""
    return Answer(headers={"ETag": f'"{md5(body) if etag is None else etag}"'})


def put(store: S3Store, body: bytes) -> None:
    """Store bytes under their checksum."""
    store.put(io.BytesIO(body), md5(body), len(body), "image/png")


def get(store: S3Store, checksum: Checksum) -> bytes:
    """Fetch bytes."""
    target = io.BytesIO()
    store.get(checksum, target)
    return target.getvalue()


class Hashed(io.BytesIO):
    """A target that hashes for itself, and says what it is told to."""

    def __init__(self, says: Checksum) -> None:
        super().__init__()
        self.says = says

    def checksum(self) -> Checksum:
        """What it says."""
        return self.says


def test_a_target_that_hashes_is_asked(stub: Stub, store: S3Store) -> None:
    """The bytes are hashed once, where they are written; what was found there decides."""
    stub.script = lambda _request: content(PHOTO)
    assert store.get(md5(PHOTO), Hashed(md5(PHOTO))) == len(PHOTO)
    with pytest.raises(Unexpected, match="damaged"):
        store.get(md5(PHOTO), Hashed(md5(b"other bytes")))


def test_slow_down_is_waited_out(stub: Stub, store: S3Store) -> None:
    """A server that is overloaded is asked again, and the upload succeeds."""
    answers = iter([error(503, "SlowDown"), error(500, "InternalError"), stored(PHOTO)])
    stub.script = lambda _request: next(answers)
    put(store, PHOTO)
    assert stub.methods() == ["PUT"] * 3
    assert all(request.body == PHOTO for request in stub.requests)


def test_slow_down_for_ever(stub: Stub, store: S3Store) -> None:
    """A server that stays overloaded is unreachable, and the message names its reason."""
    stub.script = lambda _request: error(503, "SlowDown")
    with pytest.raises(Unreachable, match="SlowDown"):
        put(store, PHOTO)


def test_what_is_sent(stub: Stub, store: S3Store) -> None:
    """One PUT: path-style, the body's SHA-256 signed, no checksum that Google's interface would not know."""
    stub.script = lambda _request: stored(PHOTO)
    put(store, PHOTO)
    (request,) = stub.requests
    assert request.path == f"/media/{md5(PHOTO)}"
    assert request.headers["x-amz-content-sha256"] == hashlib.sha256(PHOTO).hexdigest()
    assert request.headers["content-type"] == "image/png"
    assert not [name for name in request.headers if "checksum" in name or "trailer" in name]


def test_etag_that_is_no_md5(stub: Stub, store: S3Store) -> None:
    """An ETag that differs (SSE-KMS) proves nothing; the size under the key decides."""
    sizes = iter([len(PHOTO), len(PHOTO) - 1])

    def script(request: Request) -> Answer:
        if request.method == "PUT":
            return stored(PHOTO, etag="f" * 32)
        return content(bytes(next(sizes)), etag="f" * 32)

    stub.script = script
    put(store, PHOTO)
    with pytest.raises(Unexpected, match="not have it whole"):
        put(store, PHOTO)
    assert stub.methods() == ["PUT", "HEAD"] * 2


def test_changed_file_sends_nothing(stub: Stub, store: S3Store) -> None:
    """A small file that changed is not even sent."""
    with pytest.raises(MovedOn):
        store.put(io.BytesIO(b"new"), md5(b"old"), 3, "image/png")
    assert stub.requests == []


def test_full_bucket(stub: Stub, store: S3Store) -> None:
    """A full bucket refuses the file and says so."""
    stub.script = lambda _request: error(403, "QuotaExceeded")
    with pytest.raises(Refused, match="full"):
        put(store, PHOTO)
    stub.script = lambda _request: Answer(507, b"")
    with pytest.raises(Refused, match="full"):
        put(store, PHOTO)


def test_login_page(stub: Stub, store: S3Store) -> None:
    """The login page of a network, which says 200 to everything, never looks like a bucket."""
    stub.script = lambda _request: Answer(200, b"<html>Welcome to the hotel</html>")
    with pytest.raises(Unexpected, match="is no S3 server"):
        store.sizes([md5(PHOTO)])
    with pytest.raises(Unexpected, match="is no S3 server"):
        get(store, md5(PHOTO))
    with pytest.raises(Unexpected, match="is no S3 server"):
        put(store, PHOTO)
    with pytest.raises(Unexpected):
        store.list()


def test_not_found_page(stub: Stub, store: S3Store) -> None:
    """A 404 that is not S3's never means that a file is missing."""
    stub.script = lambda _request: Answer(404, b"<html>nginx</html>")
    with pytest.raises(Unexpected, match="is no S3 server"):
        store.sizes([md5(PHOTO)])
    with pytest.raises(Unexpected, match="is no S3 server"):
        get(store, md5(PHOTO))


def test_broken_connection_is_resumed(stub: Stub, store: S3Store) -> None:
    """A download whose connection breaks again and again goes on where it was, and only with the same ETag."""
    body = secrets.token_bytes(9 * MIB)

    def script(request: Request) -> Answer:
        start = int(re.findall(r"\d+", request.headers.get("range", "bytes=0-"))[0])
        return content(body, start=start or None, cut=2 * MIB + 77_777)

    stub.script = script
    assert get(store, md5(body)) == body
    assert len(stub.requests) >= 4


def test_truncated_for_ever(stub: Stub, store: S3Store) -> None:
    """A body that never gets longer ends the attempt instead of the program's patience."""
    stub.script = lambda _request: content(PHOTO, cut=10)
    with pytest.raises((Unreachable, Unexpected)):
        get(store, md5(PHOTO))
    assert len(stub.requests) < 40


def test_range_of_another_version(stub: Stub, store: S3Store) -> None:
    """When the key was overwritten while it was read, the halves are never put together."""
    body = secrets.token_bytes(9 * MIB)
    other = secrets.token_bytes(9 * MIB)

    def script(request: Request) -> Answer:
        if "range" not in request.headers:
            return content(body, etag="one", cut=5 * MIB)
        start = int(re.findall(r"\d+", request.headers["range"])[0])
        return content(other, etag="two", start=start)

    stub.script = script
    with pytest.raises((MovedOn, Unexpected, Unreachable)):
        get(store, md5(body))


def test_close_ends_a_stalled_transfer(stub: Stub, store: S3Store) -> None:
    """Closing ends a small upload to a server that has stopped answering."""
    asked, release = threading.Event(), threading.Event()

    def script(_request: Request) -> Answer:
        asked.set()
        release.wait(30)
        return stored(PHOTO)

    stub.script = script
    failures: list[Exception] = []

    def upload() -> None:
        try:
            put(store, PHOTO)
        except Exception as error_:
            failures.append(error_)

    thread = threading.Thread(target=upload)
    thread.start()
    assert asked.wait(10)
    began = time.monotonic()
    store.close()
    thread.join(10)
    release.set()
    assert time.monotonic() - began < 3
    assert isinstance(failures[0], Unreachable)


class PartsStub:
    """Enough of S3 to take parts, with failures where the test wants them."""

    def __init__(self, fail_part: int = 0, lose_answer: bool = False, etag: str = "composite-3") -> None:
        self.fail_part = fail_part
        self.lose_answer = lose_answer
        self.etag = etag
        self.aborted = 0
        self.completed = 0
        self.digests: dict[int, bytes] = {}

    @property
    def composite(self) -> str:
        """The ETag that AWS would give."""
        joined = b"".join(self.digests[number] for number in sorted(self.digests))
        return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(self.digests)}"

    def __call__(self, request: Request) -> Answer:
        """Answer."""
        match request.method:
            case "POST" if "uploads" in request.query:
                return Answer(
                    body=b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
                )
            case "PUT":
                number = int(request.query["partNumber"])
                if number == self.fail_part:
                    return error(403, "AccessDenied")
                self.digests[number] = hashlib.md5(request.body, usedforsecurity=False).digest()
                return Answer(headers={"ETag": f'"{self.digests[number].hex()}"'})
            case "POST":
                self.completed += 1
                if self.lose_answer and self.completed == 1:
                    return Answer(500, b"")
                if self.completed > 1:
                    return error(404, "NoSuchUpload")
                return Answer(
                    body=b"<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>"
                    % self.etag.encode()
                )
            case "HEAD":
                return content(bytes(20 * MIB), etag=self.composite)
            case _:
                self.aborted += 1
                return Answer(204)


def test_failing_part_aborts(stub: Stub, store: S3Store) -> None:
    """When a part is refused, the upload is aborted and never completed."""
    stub.script = parts = PartsStub(fail_part=2)
    with pytest.raises(Exception, match="does not let this login"):
        put(store, bytes(20 * MIB))
    assert (parts.aborted, parts.completed) == (1, 0)


def test_interrupt_aborts(stub: Stub, store: S3Store) -> None:
    """Ctrl-C in the middle of a file aborts the upload."""

    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 8 * MIB:
                raise KeyboardInterrupt
            return super().read(size)

    stub.script = parts = PartsStub()
    with pytest.raises(KeyboardInterrupt):
        store.put(Interrupted(bytes(20 * MIB)), md5(bytes(20 * MIB)), 20 * MIB, "video/mp4")
    assert (parts.aborted, parts.completed) == (1, 0)


def test_lost_answer_to_complete(stub: Stub, store: S3Store) -> None:
    """The upload was completed but the answer lost: the ETag under the key proves it."""
    stub.script = parts = PartsStub(lose_answer=True)
    put(store, bytes(20 * MIB))
    assert parts.completed == 2
    assert parts.aborted == 0


def test_parts_carry_their_md5(stub: Stub, store: S3Store) -> None:
    """Each part is sent with its MD5, and an unknown ETag of the whole makes the size be looked at."""
    stub.script = PartsStub()
    put(store, bytes(20 * MIB))
    parts = [request for request in stub.requests if request.method == "PUT"]
    assert len(parts) == 3
    assert all("content-md5" in request.headers for request in parts)
    assert not [name for request in parts for name in request.headers if "x-amz-checksum" in name]
    assert stub.methods()[-1] == "HEAD"


@pytest.mark.parametrize("size", [8 * MIB + 1, 10 * 10**9, 78 * 2**30, 79 * 2**30, 5 * 10**12])
def test_part_size(size: int) -> None:
    """Any file up to S3's 5 TB fits into 10,000 parts, of 8 MiB as long as that will do."""
    step = part_size(size)
    assert -(-size // step) <= MOST_PARTS
    assert step >= 8 * MIB
    assert step % MIB == 0
    assert size > 78 * 2**30 or step == 8 * MIB


MEMORY = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from pydantic import SecretStr
from syncd.bucket import open_store

url, folder = sys.argv[1], Path(sys.argv[2])
store = open_store(bucket=sys.argv[3], endpoint_url=url, region="us-east-1", access_key_id=sys.argv[4],
                   secret_access_key=SecretStr(sys.argv[5]))

def put(item):
    path, checksum = item
    with path.open("rb") as source:
        store.put(source, checksum, path.stat().st_size, "video/mp4")

def get(item):
    path, checksum = item
    with path.with_suffix(".copy").open("wb") as target:
        store.get(checksum, target)

items = []
for number, size in enumerate([250 << 20, 150 << 20] + [8 << 20] * 20):
    path = folder / str(number)
    with path.open("wb") as file:
        file.write(str(number).encode())
        file.truncate(size)
    with path.open("rb") as file:
        items.append((path, hashlib.file_digest(file, "md5").hexdigest()))
store.sizes([items[0][1]])
store._session.client()
def peak():
    # Not ru_maxrss: a child inherits the peak of its parent.
    line, = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

before = peak()
with ThreadPoolExecutor(16) as pool:
    list(pool.map(put, items))
    list(pool.map(get, items[2:]))
get(items[0])
print(peak() - before)
"""


@pytest.mark.slow
def test_memory(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sixteen transfers at once, two of them of many hundred MB, stay within the budget and a little more."""
    from lab.s3 import RcloneS3

    folder = tmp_path_factory.mktemp("memory")
    with RcloneS3(folder / "server") as server:
        witness = server.new_bucket()
        answer = subprocess.run(
            [
                *(sys.executable, "-c", MEMORY, server.url, folder, witness.bucket),
                *(server.access_key_id, server.secret_access_key),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        assert sorted(set(witness.keys().values())) == [8 * MIB, 150 * MIB, 250 * MIB]
    assert int(answer.stdout) < 150 * MIB


def test_nothing_of_boto3_for_ordinary_work(stub: Stub) -> None:
    """With plain keys, storing, fetching and asking for sizes does not cost the 0.4 s of importing boto3."""
    script = """
import io, os, sys
from pydantic import SecretStr
from syncd.bucket import open_store
store = open_store(bucket="media", endpoint_url=sys.argv[1], region="us-east-1", access_key_id="a",
                   secret_access_key=SecretStr("b"))
checksum = "d41d8cd98f00b204e9800998ecf8427e"
store.put(io.BytesIO(), checksum, 0, "image/png")
store.get(checksum, io.BytesIO())
assert store.sizes([checksum]) == {checksum: 0}
store.close()
assert not [name for name in sys.modules if name.startswith("boto")]
os._exit(0)  # as the program ends: taking the interpreter down under the store's threads can abort the process
"""
    stub.script = lambda _request: content(b"", etag="d41d8cd98f00b204e9800998ecf8427e")
    subprocess.run([sys.executable, "-c", script, stub.url], check=True)


def test_budget_is_shared(stub: Stub, make: Make) -> None:
    """No more bytes are under way than the budget allows; a piece larger than all of it goes alone."""
    from syncd.bucket.budget import Budget

    budget = Budget(10)
    budget.acquire(6)
    waiting = threading.Thread(target=lambda: budget.acquire(6))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    budget.release(6)
    waiting.join(5)
    assert not waiting.is_alive()
    budget.release(6)
    assert budget.acquire(1000) == 10
    assert list(itertools.islice(stub.requests, 1)) == []


# --- single keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["InvalidObjectState", "AccessDenied"])
def test_a_key_that_may_not_be_read_is_there(stub: Stub, store: S3Store, code: str) -> None:
    """It is archived, or encrypted with a key that is not ours: what is asked is only whether it is there."""
    stub.script = lambda request: error(403, code) if request.method == "GET" else content(b"12345")
    assert store.sizes([md5(b"12345")]) == {md5(b"12345"): 5}
    assert stub.methods() == ["GET", "HEAD"]


def test_a_single_key_is_asked_for_once(stub: Stub, store: S3Store) -> None:
    """That it is not there a GET says with a reason; several are asked for by HEAD."""
    stub.script = lambda _request: error(404, "NoSuchKey")
    assert store.sizes([md5(b"a")]) == {}
    assert stub.methods() == ["GET"]
    assert store.sizes([md5(b"a"), md5(b"b")]) == {}
    assert stub.methods()[1:] == ["HEAD", "HEAD", "GET"]


def test_who_may_not_look_at_all_is_told_so(stub: Stub, store: S3Store) -> None:
    """Neither of the two says that it is there."""
    stub.script = lambda _request: error(403, "AccessDenied")
    with pytest.raises(Denied):
        store.sizes([md5(b"a")])
