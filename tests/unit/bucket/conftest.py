"""An obedient S3 server, and stores in front of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from syncd.bucket import S3Store, open_store
from tests.unit.bucket.stub import QUICK, SECRET, Make, Stub


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's environment steers AWS clients."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore repeats at once; obstore's pauses are short by `make`."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that obeys."""
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def make() -> Iterator[Make]:
    """Make a store: `make(url, prefix="p/")`; closed after the test."""
    stores: list[S3Store] = []

    def one(endpoint_url: str | None, **options: Any) -> S3Store:
        options = {
            "bucket": "media",
            "region": "us-east-1",
            "access_key_id": "key-id",
            "secret_access_key": SecretStr(SECRET),
            "patience": QUICK,
            **options,
        }
        stores.append(open_store(endpoint_url=endpoint_url, **options))
        return stores[-1]

    yield one
    for store in stores:
        store.close()


@pytest.fixture
def store(stub: Stub, make: Make) -> S3Store:
    """A store in front of the stub."""
    return make(stub.url)
