"""Logging in to S3: credentials, region, clients.

boto3 knows every way to credentials (profiles, SSO, containers, instance roles), finds regions and makes buckets. It
takes 0.4 s to import and as much again for its first client, so it is only imported when plain keys are not enough
or an operation needs it.

Like Gramps Web's own client, ours uses path-style addresses, `s3v4`, and adds checksums only where S3 requires them:
Google's interface breaks on more. AWS serves path-style addresses too, and buckets with dots in their names only so.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from obstore.store import S3Store as Transport

from syncd.bucket.access import Login, Patience, S3Location, check_address, read_bundle, shown
from syncd.bucket.body import begin_sending
from syncd.bucket.failures import Fault, S3Error, understand
from syncd.bucket.verdicts import Place, translate
from syncd.errors import SyncdError, Unexpected
from syncd.logger import Logger

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from botocore.session import Session as Core
    from mypy_boto3_s3 import S3Client
    from obstore.store import ClientConfig, S3Credential

log = Logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_FALLBACK_REGION = "us-east-1"
_SLOW_ANSWER = 15 * 60.0
"""Seconds without a byte of an answer while a server copies 5 GB."""
_CREDENTIALS_LIVE = timedelta(minutes=5)
"""How long obstore keeps credentials before it asks botocore again, which renews them 10 to 15 minutes early."""


@functools.cache
def _models() -> Any:
    """What botocore reads to know S3, read once for the process: 12 MB for each client otherwise, and a tenth of a second.

    The daemon makes a new client whenever its connections broke off.
    """
    from botocore.loaders import Loader  # noqa: PLC0415 - see above

    class Shared(Loader):
        @property
        def search_paths(self) -> list[str]:
            """A copy, to which each session of boto3 adds a folder that no client needs."""
            return list(super().search_paths)

        def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's signature
            """All that have a folder: botocore looks into each of the four hundred, a third of what its first client takes."""
            folders = [path for path in map(Path, self.search_paths) if path.is_dir()]
            return sorted({entry.name for path in folders for entry in os.scandir(path) if entry.is_dir()})

    return Shared(include_default_search_paths=True)


def prepare() -> None:
    """Import what the first client needs, and read what it has to know: for who has a moment to spare before that."""
    import boto3.session  # noqa: F401, PLC0415 - see above
    import botocore.config  # noqa: F401, PLC0415 - see above

    # A client asks nobody anything when it is made, and that of nobody reads all that another one has to know.
    _core_session().create_client(
        "s3",
        region_name=_FALLBACK_REGION,
        aws_access_key_id="-",
        aws_secret_access_key="-",  # noqa: S106 - nobody's
    )


def _core_session() -> Core:
    """A session of botocore, whose clients read what they have to know once for the process."""
    from botocore.session import Session as Core  # noqa: PLC0415 - see above

    core = Core()
    core.register_component("data_loader", _models())
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    return core


def _moment(text: str) -> datetime:
    """A time in an answer of S3. botocore's own way to read one takes a millisecond: one second for a page of a listing."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        from botocore.utils import parse_timestamp  # noqa: PLC0415 - see above

        return parse_timestamp(text)
    return found


def _lender(session: Session) -> Callable[[], S3Credential]:
    """What obstore asks for credentials.

    It must not hold the session: Python does not see what obstore holds, so a session that holds a client of obstore which
    holds the session would never be given up, nor would its connections.
    """
    lent = weakref.ref(session)

    def lend() -> S3Credential:
        found = lent()
        if found is None:  # the store was given up while this request was on its way
            raise S3Error(Fault.LOGIN)
        return found.credential()

    return lend


class _Answer(dict[str, Any]):
    """An answer of which an S3 server may have left out what every one of them says."""

    def __missing__(self, name: str) -> Any:
        raise Unexpected(
            f"an answer of the S3 server is not complete: it does not say {name}",
            "check endpoint_url, and ask the storage provider",
        )


def _complaining(answer: object) -> object:
    if isinstance(answer, dict):
        return _Answer({name: _complaining(value) for name, value in answer.items()})
    if isinstance(answer, list):
        return [_complaining(value) for value in answer]
    return answer


class Session:
    """Makes the clients for one bucket, once each; used by many threads."""

    def __init__(
        self,
        location: S3Location,
        login: Login,
        *,
        endpoint_url: str | None,
        region: str | None,
        allow_http: bool = False,
        connections: int = 16,
        patience: Patience | None = None,
    ) -> None:
        self.location = location
        self.patience = patience or Patience()
        self._login = login
        self._endpoint_url = (endpoint_url or "").rstrip("/") or None
        self._region = region or (_FALLBACK_REGION if endpoint_url and login.is_plain else None)
        self._connections = connections
        self._lock = threading.RLock()
        self._clients: dict[bool, S3Client] = {}
        self._transports: dict[bool, Transport] = {}
        self._credentials: Credentials | None = None
        self._credential_failure: S3Error | None = None
        check_address(self._endpoint_url, allow_http=allow_http)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r}, {self.endpoint!r})"

    @property
    def endpoint(self) -> str:
        """The server's address, without anything that might be secret."""
        if self._endpoint_url is None:
            region = self._region or _FALLBACK_REGION
            return f"https://s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
        return shown(self._endpoint_url)

    @property
    def place(self) -> Place:
        """What messages may name."""
        return Place(self.location.bucket, self.endpoint)

    @property
    def region(self) -> str:
        """The bucket's region; found out when it is not configured."""
        with self._lock:
            if self._region is None:
                self._region = self._ask_for_region() or _FALLBACK_REGION
            return self._region

    def region_was_wrong(self, failure: S3Error, used: str) -> bool:
        """Move to the region that an answer named, or that the bucket names; False when `used` is no other."""
        with self._lock:
            if self._region != used:
                return True  # another thread was faster
            found = failure.region or self._ask_for_region()
            if not found or found == self._region:
                return False
            log.info("bucket_region_found", region=found)
            self._region = found
            self._clients.clear()
            self._transports.clear()
            return True

    def transport(self, *, sends: bool) -> Transport:
        """The client of obstore, for sending or for the rest.

        They differ in patience: reqwest counts the time that a request's body takes to send as waiting for the answer.
        """
        with self._lock:
            if sends not in self._transports:
                self._transports[sends] = self._make_transport(sends=sends)
            return self._transports[sends]

    def client(self, *, slow: bool = False) -> S3Client:
        """boto3's client.

        Args:
            slow: for requests that take a server long before it answers, such as copying a large file.

        Raises:
            Denied: there are no credentials, or no such profile.
        """
        with self._lock:
            if slow not in self._clients:
                answer = max(_SLOW_ANSWER, self.patience.answer) if slow else self.patience.answer
                self._clients[slow] = self.call(self._make_client, self.region, answer)
            return self._clients[slow]

    def call(self, request: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a request with boto3's client and translate what it raises; whoever misses a part of the answer, too."""
        try:
            return cast("T", _complaining(request(*args, **kwargs)))
        except SyncdError:
            raise
        except Exception as error:
            failure = understand(error)
            raise translate(failure, self.place) from failure

    def explain(self, failure: S3Error) -> S3Error:
        """Put the true reason in the place of "obstore could not get credentials"."""
        if failure.fault is Fault.LOGIN and self._credential_failure is not None:
            return self._credential_failure
        return failure

    def _make_transport(self, *, sends: bool) -> Transport:
        options: ClientConfig = {
            # config.py and __init__ have decided whether http is allowed here.
            "allow_http": self.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=self.patience.connect),
            # The caller sets a limit by size; this one only stands behind it.
            "timeout": timedelta(days=2),
            "user_agent": "syncd",
        }
        if not sends:
            options["read_timeout"] = timedelta(seconds=self.patience.answer)
        if bundle := os.environ.get("AWS_CA_BUNDLE"):
            options["root_certificate"] = read_bundle(bundle)
        region = self.region
        return Transport(
            self.location.bucket,
            # obstore reads AWS_* by itself: say all that it might find there and that would change whom we talk to.
            endpoint=self.endpoint,
            aws_endpoint_url_s3=self.endpoint,
            region=region,
            virtual_hosted_style_request=False,
            skip_signature=False,
            # The body's SHA-256 is signed: a server that checks it takes no other bytes.
            unsigned_payload=False,
            client_options=options,
            retry_config={
                "max_retries": self.patience.retries,
                "retry_timeout": timedelta(minutes=3),
                "backoff": {
                    # More than the longest makes object_store panic.
                    "init_backoff": timedelta(seconds=min(0.2, self.patience.longest_pause)),
                    "max_backoff": timedelta(seconds=self.patience.longest_pause),
                    "base": 2,
                },
            },
            credential_provider=_lender(self),
        )

    def credential(self) -> S3Credential:
        """What obstore signs with.

        Raises:
            S3Error: there is nothing to sign with; `explain` tells why.
        """
        login = self._login
        if login.access_key_id and login.secret_access_key:
            return {
                "access_key_id": login.access_key_id,
                "secret_access_key": login.secret_access_key.get_secret_value(),
                "token": login.session_token.get_secret_value() if login.session_token else None,
                "expires_at": None,
            }
        try:
            with self._lock:
                if self._credentials is None:
                    self._credentials = self._boto_session().get_credentials()
                credentials = self._credentials
            if credentials is None:
                raise S3Error(Fault.LOGIN)  # noqa: TRY301 - one handler for all ways to fail
            frozen = credentials.get_frozen_credentials()
            return {
                "access_key_id": frozen.access_key or "",
                "secret_access_key": frozen.secret_key or "",
                "token": frozen.token,
                "expires_at": datetime.now(UTC) + _CREDENTIALS_LIVE,
            }
        except Exception as error:
            self._credential_failure = understand(error)
            raise self._credential_failure from None

    def _boto_session(self) -> Any:
        import boto3.session  # noqa: PLC0415 - see above

        login, core = self._login, _core_session()
        return boto3.session.Session(
            botocore_session=core,
            profile_name=login.profile if not login.is_plain else None,
            aws_access_key_id=login.access_key_id if login.is_plain else None,
            aws_secret_access_key=(
                login.secret_access_key.get_secret_value()
                if login.is_plain and login.secret_access_key
                else None
            ),
            aws_session_token=login.session_token.get_secret_value() if login.session_token else None,
        )

    def _make_client(self, region: str | None, answer: float) -> S3Client:
        from botocore.config import Config  # noqa: PLC0415 - see above

        session = self._boto_session()
        client: S3Client = session.client(
            "s3",
            endpoint_url=self._endpoint_url,
            region_name=region or session.region_name or _FALLBACK_REGION,
            config=Config(
                s3={"addressing_style": "path"},
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_supported",
                retries={"mode": "standard", "total_max_attempts": self.patience.retries + 1},
                connect_timeout=self.patience.connect,
                read_timeout=answer,
                max_pool_connections=self._connections,
                user_agent_extra="syncd",
            ),
        )
        client.meta.events.register("before-send.s3", begin_sending, unique_id="syncd-body")
        return client

    def _ask_for_region(self) -> str | None:
        """What HeadBucket says: even a refusal names the region on AWS."""
        if self._endpoint_url is not None and self._region is None:
            # Another provider: a profile may say, else any name will do.
            region: str | None = self.call(self._boto_session).region_name
            return region
        client = self.call(self._make_client, self._region, self.patience.answer)
        try:
            answer: Any = client.head_bucket(Bucket=self.location.bucket)
        except Exception as error:
            failure = understand(error)
            if failure.fault is Fault.ANSWER:
                return failure.region or client.meta.region_name
            raise translate(failure, self.place) from failure
        named: str | None = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        return named or client.meta.region_name
