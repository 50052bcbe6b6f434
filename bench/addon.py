"""The way of the sync addon in Gramps Desktop: one request after the other, each over a connection of its own.

    python bench/addon.py send URL USER PASSWORD FOLDER      what the server lacks
    python bench/addon.py fetch URL USER PASSWORD FOLDER     what the folder lacks

It asks for the list of media as the addon does, and sends or fetches whole files by `urllib`, without anything of syncd.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen


class Addon:
    """Logged in as the addon is."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = f"{url}/api"
        login = json.dumps({"username": user, "password": password}).encode()
        self.token = json.loads(self.ask("POST", "/token/", login, {"Content-Type": "application/json"}))[
            "access_token"
        ]

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        """One request, and the whole answer; redirects are followed."""
        request = Request(f"{self.url}{path}", data=body, headers=headers or {}, method=method)
        with urlopen(request, timeout=120) as answer:
            found: bytes = answer.read()
        return found

    def media(self, only: str = "") -> list[dict[str, Any]]:
        """The media objects."""
        bearer = {"Authorization": f"Bearer {self.token}"}
        found: list[dict[str, Any]] = json.loads(self.ask("GET", f"/media/{only}", headers=bearer))
        return found

    def send(self, folder: Path) -> None:
        """Send what the server lacks."""
        for item in self.media("?filemissing=1"):
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": item["mime"]}
            content = (folder / item["path"]).read_bytes()
            self.ask("PUT", f"/media/{item['handle']}/file?uploadmissing=1", content, headers)

    def fetch(self, folder: Path) -> None:
        """Fetch what the folder lacks."""
        for item in self.media():
            target = folder / item["path"]
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                # In the address, for a redirect to the bucket must not see it in a header.
                target.write_bytes(self.ask("GET", f"/media/{item['handle']}/file?jwt={self.token}"))


def main() -> None:
    """The command."""
    what, url, user, password, folder = sys.argv[1:]
    addon = Addon(url, user, password)
    {"send": addon.send, "fetch": addon.fetch}[what](Path(folder))


if __name__ == "__main__":
    main()
