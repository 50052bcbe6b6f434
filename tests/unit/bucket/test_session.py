"""Sessions with S3: what they hold is given up with them, and what all have in common is there once."""

from __future__ import annotations

import gc
import weakref

from pydantic import SecretStr

from syncd.bucket.access import Login, S3Location
from syncd.bucket.session import Session


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
