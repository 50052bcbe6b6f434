"""The search for secrets finds them: a search that finds nothing would pass every test."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from lab.canaries import files_with, found_in

SECRET = 'p@ss/word+"ä" =&%'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"password={quote(SECRET, safe='')}&x",
        f"password={quote_plus(SECRET)}&x",
        json.dumps({"password": SECRET}),
        repr([SECRET]),
        f"<{SECRET.encode().hex()}>",
        "Authorization: Basic " + base64.b64encode(f"editor:{SECRET}".encode()).decode(),
        "token " + base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_every_form_is_found(text: str) -> None:
    """In whatever form it is written."""
    assert found_in(text.encode(), {"password": SECRET, "other": "other secret"}) == {"password"}


def test_files_are_searched(tmp_path: Path) -> None:
    """Names and contents, but not the file that was given the secret."""
    given = tmp_path / "syncd.toml"
    for path in (given, tmp_path / "log", tmp_path / "below" / f"crash {quote(SECRET, safe='')}"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(SECRET if path.parent == tmp_path else "")
    (tmp_path / "harmless").write_text("nothing")
    found = files_with(tmp_path, {"password": SECRET}, given={given})
    assert [line.partition(":")[2] for line in found] == [" password", " password"]
