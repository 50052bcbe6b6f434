"""Where a bucket is, how to log in to it and how long to try: plain values, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from syncd.config.addresses import is_this_machine
from syncd.errors import ConfigError


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and what stands before the checksum in its keys: `""`, or text that ends with a slash.

    Raises:
        ConfigError: the prefix cannot be carried to every S3 server unchanged.
    """

    bucket: str
    prefix: str = ""

    def __post_init__(self) -> None:
        if not self.prefix:
            return
        *parts, last = self.prefix.split("/")
        # obstore drops a leading slash without a word and refuses empty and dot parts.
        if last or any(part in ("", ".", "..") or not part.isprintable() for part in parts):
            raise ConfigError(
                f"the prefix {self.prefix!r} under [s3] cannot be used: it starts with a slash or has empty, dot or "
                "unprintable parts",
                "use a prefix such as photos/ in url under [s3], and the same in Gramps Web",
            )


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in. All None: whatever boto3's chain finds."""

    profile: str | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = field(default=None, repr=False)
    session_token: SecretStr | None = field(default=None, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether there are keys, so that nothing has to be looked for."""
        return bool(self.access_key_id and self.secret_access_key)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try. Times in seconds."""

    retries: int = 4
    connect: float = 10
    answer: float = 30
    """Without a byte of an answer."""
    longest_pause: float = 10


def check_address(endpoint_url: str | None, *, allow_http: bool) -> None:
    """Refuse what is no web address, and plain http to other machines unless it is allowed.

    Raises:
        ConfigError: it is refused.
    """
    if endpoint_url is None:
        return
    address = urlsplit(endpoint_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError(
            "endpoint_url under [s3] must begin with https:// or http:// and name a server",
            "correct endpoint_url (AWS_ENDPOINT_URL)",
        )
    if address.scheme == "http" and not allow_http and not is_this_machine(address.hostname):
        raise ConfigError(
            "endpoint_url under [s3] is plain http, which shows your photos to everybody on the way",
            "use https, or set allow_http = true under [s3]",
        )


def shown(endpoint_url: str) -> str:
    """The address without user name, password and query."""
    address = urlsplit(endpoint_url)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"


def read_bundle(path: str) -> bytes:
    """The certificates that AWS_CA_BUNDLE names, PEM.

    Raises:
        ConfigError: they cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"AWS_CA_BUNDLE names {path}, which cannot be read", "correct or unset it"
        ) from error
