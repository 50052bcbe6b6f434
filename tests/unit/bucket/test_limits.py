"""`limit_up` and `limit_down` before a bucket: how long it takes, how even it is, and that it can be ended."""

from __future__ import annotations

import contextlib
import hashlib
import io
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from syncd.bucket import S3Store
from syncd.bucket.multipart import MOST_PARTS, part_size
from syncd.errors import MovedOn, Unreachable
from syncd.model import Checksum
from syncd.pacing import Limits, Line
from tests.unit.bucket.habits import object_lock
from tests.unit.bucket.small_s3 import SmallS3
from tests.unit.bucket.stub import Answer, Make, Request, Stub, error

MB = 1_000_000
MIB = 1 << 20
SOON = 10.0


def md5(body: bytes) -> Checksum:
    """The checksum of some bytes."""
    return Checksum(hashlib.md5(body, usedforsecurity=False).hexdigest())


def put(store: S3Store, body: bytes) -> None:
    """Store bytes under their checksum."""
    store.put(io.BytesIO(body), md5(body), len(body), "image/png")


def get(store: S3Store, body: bytes) -> None:
    """Fetch bytes, and see that they are these."""
    target = io.BytesIO()
    assert store.get(md5(body), target) == len(body)
    assert target.getvalue() == body


def seconds(work: Callable[[bytes], None], bodies: Sequence[bytes]) -> float:
    """How long it takes to do this with all of them, sixteen at once."""
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, bodies))
    return time.monotonic() - began


def assert_about(found: float, wanted: float) -> None:
    """Not sooner, but for the last request, which nobody waits for; later only as a busy machine is."""
    assert wanted - 0.4 <= found <= 2 * wanted


@pytest.fixture
def service(stub: Stub) -> SmallS3:
    """A small S3."""
    stub.script = service = SmallS3()
    return service


SIZES = {
    "one file": [MB],
    "as many files as threads": [62_500] * 16,
    "many small files": [10_000] * 100,
    "large and small": [700_000] + [10_000] * 30,
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_all_together_take_their_time(service: SmallS3, stub: Stub, make: Make, sizes: list[int]) -> None:
    """1 MB at 1 MB/s takes a second up and one down, however it is cut; what is read to be signed does not count."""
    store = make(stub.url, limits=Limits(Line(MB), Line(MB)))
    put(store, b"")  # the clients are made
    store._session.client()
    bodies = [secrets.token_bytes(size) for size in sizes]
    assert_about(seconds(lambda body: put(store, body), bodies), 1)
    assert {name: content for name, (content, _etag) in service.keys.items() if content} == {
        md5(body): body for body in bodies
    }
    assert_about(seconds(lambda body: get(store, body), bodies), 1)


def test_parts_take_their_time(service: SmallS3, stub: Stub, make: Make) -> None:
    """A file that goes up in parts keeps to the limit, too."""
    store = make(stub.url, limits=Limits(Line(10 * MB), Line(10 * MB)))
    store._session.client()
    body = secrets.token_bytes(10 * MB)
    assert_about(seconds(lambda one: put(store, one), [body]), 1)
    assert_about(seconds(lambda one: get(store, one), [body]), 1)


def test_two_stores_share_a_line(service: SmallS3, stub: Stub, make: Make) -> None:
    """A process that opens a bucket twice does not get twice the share."""
    limits = Limits(Line(MB), None)
    stores = [make(stub.url, limits=limits) for _ in range(2)]
    for store in stores:
        store._session.client()
    bodies = [secrets.token_bytes(500_000) for _ in range(2)]
    work = dict(zip(bodies, stores, strict=True))
    assert_about(seconds(lambda body: put(work[body], body), bodies), 1)
    assert seconds(lambda body: get(work[body], body), bodies) < 0.5


class Wire:
    """A relay before a server, which notes when how many bytes passed each way."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.up: list[tuple[float, int]] = []
        self.down: list[tuple[float, int]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(self._target)
                for source, sink, seen in ((client, server, self.up), (server, client, self.down)):
                    threading.Thread(target=self._pump, args=(source, sink, seen), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, seen: list[tuple[float, int]]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                seen.append((time.monotonic(), len(data)))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """No new connections."""
        self._listener.close()


def most_in_a_second(seen: list[tuple[float, int]]) -> int:
    """The most bytes that passed within any second."""
    return max(sum(size for at, size in seen if begin <= at < begin + 1) for begin, _size in seen)


@pytest.fixture
def wire(stub: Stub) -> Iterator[Wire]:
    """A relay before the stub."""
    wire = Wire(stub.server_port)
    yield wire
    wire.close()


def test_it_is_even_on_the_wire(service: SmallS3, wire: Wire, make: Make) -> None:
    """Photos do not go at full speed with pauses in between: no second carries twice its share, either way."""
    store = make(wire.url, limits=Limits(Line(MB), Line(MB)))
    store._session.client()
    bodies = [secrets.token_bytes(600_000) for _ in range(3)]
    seconds(lambda body: put(store, body), bodies)
    assert most_in_a_second(wire.up) < 1.6 * MB
    wire.down.clear()
    seconds(lambda body: get(store, body), bodies)
    assert most_in_a_second(wire.down) < 1.9 * MB


@pytest.mark.parametrize("size", [100_000, 2 * MIB, 20 * MIB], ids=["small", "large", "in parts"])
@pytest.mark.parametrize("way", [put, get])
def test_closing_ends_the_waiting(
    service: SmallS3, stub: Stub, make: Make, size: int, way: Callable[[S3Store, bytes], None]
) -> None:
    """Whoever waits for the line when the store is closed is let go at once, and leaves nothing behind."""
    body = bytes(size)
    service.put(md5(body), body)
    stub.requests.clear()
    stored = dict(service.keys)
    store = make(stub.url, limits=Limits(Line(5_000), Line(5_000)))
    store._session.client()
    failures: list[Exception] = []

    def carry() -> None:
        try:
            for _ in range(3):
                way(store, body)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=carry) for _ in range(6)]
    for thread in threads:
        thread.start()
    line = store._limits.up if way is put else store._limits.down
    assert line is not None
    while line._taken_until < time.monotonic():
        time.sleep(0.01)
    began = time.monotonic()
    store.close()
    for thread in threads:
        thread.join(SOON)
    assert time.monotonic() - began < 2
    assert len(failures) == 6
    assert all(isinstance(failure, Unreachable) for failure in failures)
    assert service.keys == stored
    assert service.parts == {}


def test_a_failure_in_between(service: SmallS3, stub: Stub, make: Make) -> None:
    """A body that has to be sent again arrives whole, and waits for the line again."""
    seen: list[bytes] = []

    def fail_once(request: Request) -> Answer | None:
        if request.method == "PUT":
            seen.append(request.body)
            if len(seen) == 1:
                return error(500, "InternalError")
        return None

    service.rules = (fail_once,)
    store = make(stub.url, limits=Limits(Line(MB), None))
    store._session.client()
    body = secrets.token_bytes(700_000)
    assert_about(seconds(lambda one: put(store, one), [body]), 1.4)
    assert seen == [body, body]


def test_replaced_while_it_is_read(service: SmallS3, stub: Stub, make: Make) -> None:
    """Halves of two files are never put together."""
    body = secrets.token_bytes(600_000)
    service.put(md5(body), body)

    def replace(request: Request) -> Answer | None:
        if request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
            return None
        service.keys[md5(body)] = (secrets.token_bytes(600_000), "another")
        return None

    service.rules = (replace,)
    store = make(stub.url, limits=Limits(None, Line(2 * MB)))
    with pytest.raises(MovedOn, match="replaced"):
        get(store, body)


def test_a_server_that_calls_a_part_a_whole(service: SmallS3, stub: Stub, make: Make) -> None:
    """Rclone answers a request for a part with 200, and the part."""

    def habit(request: Request) -> Answer | None:
        if "range" not in request.headers:
            return None
        service.rules = ()
        answer = service(request)
        service.rules = (habit,)
        return Answer(200, answer.body, {"ETag": answer.headers["ETag"]})

    service.rules = (habit,)
    body = secrets.token_bytes(600_000)
    service.put(md5(body), body)
    get(make(stub.url, limits=Limits(None, Line(2 * MB))), body)


def test_broken_off_in_between(service: SmallS3, stub: Stub, make: Make) -> None:
    """A connection that breaks within a part costs that part and no more."""
    body = secrets.token_bytes(900_000)
    service.put(md5(body), body)
    broken: list[str] = []

    def breaking(request: Request) -> Answer | None:
        asked = request.headers.get("range", "")
        if asked.startswith("bytes=0-") or len(broken) >= 2 or request.method != "GET":
            return None
        broken.append(asked)
        service.rules = ()
        answer = service(request)
        service.rules = (breaking,)
        answer.cut = 1000
        return answer

    service.rules = (breaking,)
    get(make(stub.url, limits=Limits(None, Line(2 * MB))), body)
    asked = [one.headers["range"] for one in stub.requests if "range" in one.headers]
    assert broken == [asked[1]] * 2
    assert len(set(asked)) == len(asked) - 2


def test_what_is_not_there(service: SmallS3, stub: Stub, make: Make) -> None:
    """A key that is missing is told of as ever."""
    store = make(stub.url, limits=Limits(None, Line(MB)))
    with pytest.raises(MovedOn, match="does not have the file"):
        get(store, b"nowhere")


@pytest.mark.parametrize("size", [10, 400_000])
def test_with_object_lock(service: SmallS3, stub: Stub, make: Make, size: int) -> None:
    """A bucket that wants an MD5 gets it, small file or large."""
    service.rules = (object_lock,)
    store = make(stub.url, limits=Limits(Line(2 * MB), None))
    for _ in range(2):
        put(store, bytes(size))
    assert service.keys[md5(bytes(size))][0] == bytes(size)


def test_reading_for_a_proof(service: SmallS3, stub: Stub, make: Make) -> None:
    """What is read only to be sure of its bytes counts as well."""
    body = secrets.token_bytes(1_200_000)
    service.put("x", body)
    upkeep = make(stub.url, limits=Limits(None, Line(MB))).upkeep()
    (key,) = upkeep.walk("")
    found: list[Any] = []
    assert_about(seconds(lambda _one: found.append(upkeep.digest(key)), [b""]), 1.0)
    assert found == [md5(body)]


@pytest.mark.parametrize("rate", [1024, 100_000, MB, 100 * MB])
@pytest.mark.parametrize("size", [5 * MIB, 50 * 10**9, 5 * 10**12])
def test_part_size_on_a_slow_line(rate: int, size: int) -> None:
    """Parts are as small as S3 allows where a part of the usual size would take over a minute; there are never too many."""
    step = part_size(size, Line(rate))
    assert step >= 5 * MIB
    assert -(-size // step) <= MOST_PARTS
    if size == 5 * MIB:
        assert step == {1024: 5 * MIB, 100_000: 6_000_000}.get(rate, 8 * MIB)
