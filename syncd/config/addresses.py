"""Addresses of Gramps Web and of the bucket: checked, and brought to one form.

No message repeats the address: it may hold a password.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", re.ASCII)
_UNFIT = re.compile(r"[\x00-\x20\x7f-\xa0\\]|[\ud800-\udfff]")
_KEY_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\\]|[\ud800-\udfff]")


def web_address(written: str, *, allow_http: bool, allow_key: str) -> str:
    """Check an http(s) address.

    Args:
        written: what the person wrote.
        allow_http: whether plain http may leave this machine.
        allow_key: the key that allows it, for the message.

    Returns:
        The address without a slash at the end.

    Raises:
        ValueError: it cannot be used; the message says why and holds nothing of the address.
    """
    written = written.strip()
    if _UNFIT.search(written):
        raise ValueError("must not hold blanks, backslashes or control characters")
    if not re.match(r"https?://", written, re.IGNORECASE):
        raise ValueError("must begin with https:// (or http://)")
    parts = _split(written)
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password; they have keys of their own")
    if "?" in written or "#" in written:
        raise ValueError("must be an address alone, without ? or #")
    if not parts.hostname:
        raise ValueError("names no server")
    if parts.scheme == "http" and not allow_http and not is_this_machine(parts.hostname):
        raise ValueError(
            "plain http would send the login and the files unprotected over the network; "
            f"use https, or say {allow_key} = true"
        )
    return parts.geturl().rstrip("/")


def _split(written: str) -> SplitResult:
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or port == 0:
        # Outside the except block: urllib's message repeats the address.
        raise ValueError("is no proper address (look at the port and at brackets)")
    return parts


def is_this_machine(host: str) -> bool:
    """Whether a host name never leaves this machine: localhost, 127.0.0.0/8, ::1."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bucket_address(written: str) -> str:
    """Check `s3://bucket[/prefix]` and drop the slash at its end.

    Google allows underscores in bucket names where Amazon does not; what both refuse is refused.

    Raises:
        ValueError: it cannot be used; the message says why.
    """
    written = written.strip()
    if not written.lower().startswith("s3://"):
        raise ValueError("must have the form s3://bucket or s3://bucket/prefix")
    bucket, _, prefix = written[len("s3://") :].partition("/")
    if "@" in bucket:
        raise ValueError("must not hold keys or passwords; they have keys of their own")
    if not bucket:
        raise ValueError("names no bucket; it has the form s3://bucket or s3://bucket/prefix")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _is_ip_address(bucket):
        raise ValueError(
            "the bucket's name must have 3 to 63 lower-case letters, digits, dots and hyphens, "
            "and begin and end with a letter or digit"
        )
    prefix = prefix.strip("/")
    if _KEY_UNFIT.search(prefix) or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        raise ValueError("the prefix must not hold '//', '.', '..', backslashes or control characters")
    return f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
