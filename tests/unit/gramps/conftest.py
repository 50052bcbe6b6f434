"""A fake Gramps Web, a clock to be moved by hand, and clients of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stamina
from pydantic import SecretStr

from syncd.gramps import GrampsWeb, Password, SyncToken
from syncd.gramps import login as login_module
from tests.unit.gramps.fake_server import SECRET, Clock, Connect, FakeServer


@pytest.fixture
def server() -> FakeServer:
    """A server with an empty tree."""
    return FakeServer()


@pytest.fixture
def clock() -> Clock:
    """A clock to be moved by hand."""
    return Clock()


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries without waiting, and a token pace of this test's own."""
    monkeypatch.setattr(login_module, "_pace", login_module._Pace())
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture
def gramps(server: FakeServer, clock: Clock) -> Iterator[Connect]:
    """Makes clients of the fake server."""
    made: list[GrampsWeb] = []

    def connect(
        url: str = "https://family.example",
        password: str = SECRET,
        token: str | None = None,
        **options: Any,
    ) -> GrampsWeb:
        credentials = (
            SyncToken(SecretStr(token)) if token is not None else Password("ann", SecretStr(password))
        )
        client = GrampsWeb(
            url, credentials, clock=clock, sleep=clock.sleep, transport=server.transport(), **options
        )
        made.append(client)
        return client

    yield connect
    for client in made:
        client.close()
