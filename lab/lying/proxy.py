"""mitmproxy between syncd and the servers, and what it is told to lie about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx2

from lab.process import LAB, ROOT, Server, answers, free_port

ADDON = Path(__file__).with_name("addon.py")


@dataclass(frozen=True, slots=True)
class Lie:
    """A lie about a call: it befalls the first `times` of them, all where that is None."""

    side: str
    call: str
    fault: str
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A call that came, the lie that befell it, and the tokens that the server gave for it."""

    side: str
    call: str
    fault: str | None
    tokens: Sequence[str] = field(default=(), compare=False)


class LyingNetwork(Server):
    """`mitmdump` as a reverse proxy before each server. The Host header stays the client's: S3's signatures cover it.

    Args:
        folder: for its log and its settings.
        servers: by a name of their own: the side (`web` or `s3`) and the address.
    """

    def __init__(self, folder: Path, servers: Mapping[str, tuple[str, str]]) -> None:
        super().__init__("mitmdump", folder / "mitmdump.log")
        self._servers = servers
        self._ports = {name: free_port() for name in servers}
        self._client = httpx2.Client(trust_env=False, timeout=30)

    def url_of(self, name: str) -> str:
        """The address at which a server is reached through the lies."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def command(self) -> Sequence[str | Path]:
        """One mode a server; nothing of it goes to a home folder."""
        modes = [
            f"--mode=reverse:{url}@127.0.0.1:{self._ports[name]}" for name, (_, url) in self._servers.items()
        ]
        options = {
            "confdir": self.log.parent / "mitmproxy",
            "connection_strategy": "lazy",
            "keep_host_header": "true",
            "termlog_verbosity": "warn",
            "flow_detail": "0",
        }
        settings = [f"--set={name}={value}" for name, value in options.items()]
        return [LAB / "mitmproxy" / "bin" / "mitmdump", *modes, *settings, "-s", ADDON]

    def environment(self) -> Mapping[str, str]:
        """The addon reads the names of calls and lies from this package."""
        ports = {str(self._ports[name]): side for name, (side, _) in self._servers.items()}
        return {"PYTHONPATH": str(ROOT), "LYING_PORTS": json.dumps(ports)}

    def ready(self) -> bool:
        """All ports are open."""
        return all(map(answers, self._ports.values()))

    def tell(self, *lies: Lie) -> None:
        """From now on tell these lies and no others, and forget what was heard."""
        self._client.post(self._control, json=[asdict(lie) for lie in lies]).raise_for_status()

    def heard(self) -> list[Heard]:
        """The calls that came since the last `tell`, in order."""
        return [Heard(**call) for call in self._client.get(self._control).json()]

    @property
    def _control(self) -> str:
        return f"{self.url_of(next(iter(self._ports)))}/__lies__"

    def stop(self) -> None:
        """End it."""
        self._client.close()
        super().stop()
