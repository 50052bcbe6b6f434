"""`limit_up` and `limit_down` before a Gramps Web that keeps media on its own disk."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from syncd.errors import MovedOn, Refused, Unreachable
from syncd.gramps.disk import DiskStore
from syncd.model import Checksum
from syncd.pacing import Limits, Line
from tests.contract.test_disk_store import Memory
from tests.unit.gramps.disk_server import DiskServer
from tests.unit.gramps.fake_server import Connect

MB = 1_000_000
SOON = 10.0


def md5(content: bytes) -> Checksum:
    """The checksum of some bytes."""
    return Checksum(hashlib.md5(content, usedforsecurity=False).hexdigest())


@pytest.fixture
def server() -> DiskServer:
    """A server with an empty tree."""
    return DiskServer()


def seconds(work: Callable[[int], None], numbers: Sequence[int]) -> float:
    """How long it takes to do this with all of them, four at once."""
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, numbers))
    return time.monotonic() - began


@pytest.mark.parametrize("sizes", [[MB], [50_000] * 20, [9 * MB]], ids=["one", "many", "not from memory"])
def test_all_together_take_their_time(server: DiskServer, gramps: Connect, sizes: list[int]) -> None:
    """A second's worth takes a second up and one down, however it is cut, and arrives whole."""
    rate = sum(sizes)
    store = gramps(limits=Limits(Line(rate), Line(rate))).files(Memory(looked=True))
    bodies = [bytes([number]) * size for number, size in enumerate(sizes)]
    for number, body in enumerate(bodies):
        server.add(f"h{number}", f"{number}.jpg", body)
    store.list()

    def put(number: int) -> None:
        body = bodies[number]
        store.put(io.BytesIO(body), md5(body), len(body), "image/jpeg", handle=f"h{number}")

    def get(number: int) -> None:
        target = io.BytesIO()
        store.get(md5(bodies[number]), target)
        assert target.getvalue() == bodies[number]

    assert 0.6 <= seconds(put, range(len(bodies))) < 2
    assert {path: content for path, (content, _) in server.disk.items()} == {
        f"{number}.jpg": body for number, body in enumerate(bodies)
    }
    assert 0.6 <= seconds(get, range(len(bodies))) < 2


def test_a_changed_file_is_not_sent(server: DiskServer, gramps: Connect) -> None:
    """A small file is looked at before its first byte leaves; of a large one the server never sees the whole."""
    store = gramps(limits=Limits(Line(100 * MB), None)).files(Memory(looked=True))
    for size in (1000, 9 * MB):
        server.add("h", "a.jpg", bytes(size))
        with pytest.raises(MovedOn):
            store.put(io.BytesIO(b"x" * size), md5(bytes(size)), size, "image/jpeg", handle="h")
    assert server.disk == {}


@pytest.mark.parametrize("size", [300_000, 9 * MB], ids=["from memory", "not from memory"])
@pytest.mark.parametrize("way", ["put", "get"])
def test_closing_ends_the_waiting(server: DiskServer, gramps: Connect, way: str, size: int) -> None:
    """Whoever waits for the line when the store is closed is let go at once."""
    limits = Limits(Line(20_000), Line(20_000))
    body = bytes(size)
    server.add("h", "a.jpg", body)
    if way == "get":
        server.plant("a.jpg", body)
    store: DiskStore = gramps(limits=limits).files(Memory(looked=True))
    store.list()
    failures: list[Exception] = []

    def carry() -> None:
        try:
            if way == "get":
                store.get(md5(body), io.BytesIO())
            else:
                store.put(io.BytesIO(body), md5(body), size, "image/jpeg", handle="h")
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=carry) for _ in range(6)]
    for thread in threads:
        thread.start()
    line = limits.up if way == "put" else limits.down
    assert line is not None
    while line._taken_until < time.monotonic():
        time.sleep(0.01)
    began = time.monotonic()
    store.close()
    for thread in threads:
        thread.join(SOON)
    assert time.monotonic() - began < 2
    assert len(failures) == 6
    assert all(isinstance(failure, (Unreachable, Refused)) for failure in failures)
    assert server.disk == ({"a.jpg": server.disk["a.jpg"]} if way == "get" else {})


def test_the_first_object_of_a_tree_takes_its_time(server: DiskServer, gramps: Connect) -> None:
    """A file that makes its own object goes by the line, too."""
    body = b"x" * 400_000

    def take(request: httpx2.Request) -> httpx2.Response | None:
        if request.method != "POST" or not request.url.path.endswith("/media/"):
            return None
        assert request.read() == body
        made = {"handle": "h", "path": f"{md5(body)}.jpg", "checksum": md5(body), "mime": "image/jpeg"}
        return httpx2.Response(
            201, json=[{"type": "add", "_class": "Media", "handle": "h", "old": None, "new": made}]
        )

    server.intercept = take
    client = gramps(limits=Limits(Line(400_000), None))
    client.connect()
    began = time.monotonic()
    client.upload_first(io.BytesIO(body), md5(body), "image/jpeg")
    assert 0.6 <= time.monotonic() - began < 2
