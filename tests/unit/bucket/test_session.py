"""Sessions with S3: what they hold is given up with them, and what all have in common is there once."""

from __future__ import annotations

import gc
import weakref

import pytest
from botocore.utils import parse_timestamp
from pydantic import SecretStr

from syncd.bucket.access import Login, S3Location
from syncd.bucket.session import Session, _moment


def a_session() -> Session:
    """A session with a bucket that nobody has to serve."""
    login = Login(access_key_id="a", secret_access_key=SecretStr("b"))
    return Session(
        S3Location("media"), login, endpoint_url="http://127.0.0.1:9", region="us-east-1", allow_http=True
    )


def test_a_session_is_given_up_with_its_clients() -> None:
    """Whoever hangs up and begins anew, as the daemon does after each failure, leaves nothing behind."""
    session = a_session()
    session.transport(sends=True)
    session.transport(sends=False)
    session.client()
    left = weakref.ref(session)
    del session
    gc.collect()
    assert left() is None


def test_what_s3_is_is_read_once() -> None:
    """Clients of all sessions share botocore's description of S3, which takes 12 MB; no session leaves a trace in it."""
    one, other = (vars(a_session().client().meta.service_model) for _ in range(2))
    assert one["_service_description"] is other["_service_description"]
    found = [session._boto_session()._loader.search_paths for session in (a_session(), a_session())]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-29T17:32:22.123Z",
        "2015-10-21T07:28:00.000000+00:00",
        "2015-10-21T07:28:00Z",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "1445412480",
        "2015-10-21T07:28:00",
        "20151021T072800Z",
    ],
)
def test_times_are_read_as_botocore_reads_them(text: str) -> None:
    """Whatever form a server gives them; the usual one does not trouble botocore's slow way."""
    assert _moment(text) == parse_timestamp(text)


def test_a_time_that_is_none_is_refused() -> None:
    """As botocore does: the answer makes no sense."""
    with pytest.raises(ValueError, match="yesterday"):
        _moment("yesterday")
