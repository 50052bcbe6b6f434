"""The promises of every store, kept by a Gramps Web that keeps media on its own disk: a fake one, and real ones.

There bytes need an object that names them first, so these stores make one before each `put`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pytest
from pydantic import SecretStr

from lab.gramps_web import CURRENT, MINIMUM, PASSWORD, Tree
from lab.gramps_web import GrampsWeb as LabServer
from syncd.gramps import GrampsWeb, Password
from syncd.model import BucketSnapshot, Checksum, Served
from syncd.ports import FileServer
from tests.contract.test_store import Ground, StoreContract
from tests.unit.gramps.disk_server import DiskServer
from tests.unit.gramps.fake_server import SECRET


@dataclass
class Memory:
    """What a state would remember."""

    seen: dict[str, Served] = field(default_factory=dict)
    looked: bool = False

    def served(self) -> dict[str, Served]:
        """All of it."""
        return dict(self.seen)

    def put_served(self, seen: Any) -> None:
        """More of it."""
        self.seen.update((one.handle, one) for one in seen)

    def drop_served(self, handles: Any) -> None:
        """Less of it."""
        for handle in handles:
            del self.seen[handle]

    def has_looked(self) -> bool:
        """Whether there was a look."""
        return self.looked

    def set_looked(self) -> None:
        """There was."""
        self.looked = True


class NamesFirst:
    """A store whose bytes get an object before they are sent.

    Args:
        store: what is tested.
        name: makes an object of a checksum and a path, and returns its handle.
    """

    def __init__(self, store: FileServer, name: Callable[[str, str], str]) -> None:
        self.store = store
        self._name = name
        self._count = itertools.count()
        self._handles: dict[str, str] = {}
        self._lock = threading.Lock()
        self.looked = False

    def handle(self, checksum: str) -> str:
        """The object of a checksum, made if need be."""
        with self._lock:
            self.looked = False
            if checksum not in self._handles:
                self._handles[checksum] = self._name(checksum, f"scans/{next(self._count)}.jpg")
            return self._handles[checksum]

    def put(self, source: BinaryIO, checksum: Checksum, size: int, mime: str, **options: Any) -> None:
        """See `Store.put`."""
        self.store.put(source, checksum, size, mime, handle=self.handle(checksum), **options)

    def list(self) -> BucketSnapshot:
        """See `Store.list`."""
        return self.store.list()

    def sizes(self, checksums: Any) -> Any:
        """See `Store.sizes`."""
        self._look()
        return self.store.sizes(checksums)

    def get(self, checksum: Checksum, target: BinaryIO, **options: Any) -> int:
        """See `Store.get`."""
        self._look()
        return self.store.get(checksum, target, **options)

    def _look(self) -> None:
        """Look once, and whenever something was planted since."""
        with self._lock:
            if not self.looked:
                self.store.list()
            self.looked = True

    def bring_back(self, checksums: Any, **options: Any) -> Any:
        """See `Store.bring_back`."""
        return self.store.bring_back(checksums, **options)

    def create_bucket(self) -> None:
        """See `Store.create_bucket`."""
        self.store.create_bucket()

    def abort_stale_uploads(self) -> int:
        """See `Store.abort_stale_uploads`."""
        return self.store.abort_stale_uploads()

    def close(self) -> None:
        """See `Store.close`."""
        self.store.close()


class DiskContract(StoreContract):
    """What differs: nothing is written over, and a server takes a GiB at most."""

    repairs = False
    many = 40
    endless = (1 << 30) - 1


class TestFakeDisk(DiskContract):
    """The fake server, in memory."""

    large = 9 << 20

    @pytest.fixture
    def ground(self) -> Iterator[Ground]:
        """A server with an empty tree."""
        server = DiskServer()
        clients: list[GrampsWeb] = []

        def name(checksum: str, path: str) -> str:
            handle = f"h{checksum}"
            server.add(handle, path, checksum)
            return handle

        def reopen() -> NamesFirst:
            client = GrampsWeb(
                "https://family.example",
                Password("ann", SecretStr(SECRET)),
                transport=server.transport(),
                patience=1.0,
                sleep=lambda _seconds: None,
            )
            clients.append(client)
            return NamesFirst(client.files(Memory()), name)

        store = reopen()

        def plant(checksum: Checksum, content: bytes) -> None:
            server.plant(server.objects[store.handle(checksum)]["path"], content)

        yield Ground(store, plant, None, None, reopen)
        for client in clients:
            client.close()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(CURRENT, id="current"),
        pytest.param(MINIMUM, id="minimum", marks=pytest.mark.minimum_server),
    ],
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A server for many trees."""
    if not request.param.environment.exists():
        pytest.skip("script/setup --lab (or --lab-minimum) installs Gramps Web")
    with LabServer(tmp_path_factory.mktemp("disk"), s3=None, release=request.param) as server:
        yield server


class TestDisk(DiskContract):
    """Real servers, the newest and the oldest supported."""

    @pytest.fixture
    def ground(self, server: LabServer) -> Iterator[Ground]:
        """A tree of its own, empty."""
        tree: Tree = server.add_tree("empty")
        folder = server.media_folder / tree.id
        folder.mkdir(exist_ok=True)
        api = server.api(tree)
        clients: list[GrampsWeb] = []

        def reopen() -> NamesFirst:
            client = GrampsWeb(server.url, Password(tree.users["editor"], SecretStr(PASSWORD)))
            clients.append(client)
            return NamesFirst(client.files(Memory()), lambda one, path: api.create(path, checksum=one))

        store = reopen()

        def plant(checksum: Checksum, content: bytes) -> None:
            path = folder / api.get(store.handle(checksum))["path"]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

        yield Ground(store, plant, None, None, reopen)
        api.close()
        for client in clients:
            client.close()


def test_the_contract_is_in_one_place() -> None:
    """Both are tested by the whole contract."""
    tests = {name for name in vars(StoreContract) if name.startswith("test_")}
    for store in (DiskContract, TestFakeDisk, TestDisk):
        assert not tests & set(vars(store)), f"{store} overrides a promise"
