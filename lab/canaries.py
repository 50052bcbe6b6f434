"""Secrets that are looked for wherever they might have got to, in every form that they might have there."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")


def found_in(content: bytes, secrets: Mapping[str, str]) -> set[str]:
    """Which of these secrets are in there, by name: plain, quoted, in hex, or inside of anything in base64.

    The latter is how a Basic authorization header carries a password.
    """
    decoded = b"\n".join(_decoded(content))
    return {
        name
        for name, secret in secrets.items()
        if any(form in content for form in forms(secret)) or secret.encode() in decoded
    }


def forms(secret: str) -> Collection[bytes]:
    """How a secret may be written."""
    written = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        secret.encode().hex(),
        secret.encode().hex().upper(),
    }
    return {form.encode() for form in written}


def _decoded(content: bytes) -> Iterator[bytes]:
    for found in _BASE64.findall(content):
        text = found.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            yield base64.b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:  # one letter too many: no base64
            continue


def files_with(folder: Path, secrets: Mapping[str, str], *, given: Collection[Path]) -> list[str]:
    """The files of a folder that hold one of these secrets, in content or name, without those that were `given` them."""
    return [
        f"{path.relative_to(folder)}: {', '.join(sorted(names))}"
        for path in sorted(folder.rglob("*"))
        if path not in given and path.is_file()
        if (names := found_in(path.read_bytes() + b"\n" + bytes(path), secrets))
    ]
