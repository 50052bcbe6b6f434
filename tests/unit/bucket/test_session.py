"""Sessions with S3: what they hold is given up with them, and what all have in common is there once."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.utils import parse_timestamp
from pydantic import SecretStr

from syncd.bucket.access import Login, S3Location
from syncd.bucket.session import Session, _models, _moment


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


def test_no_other_service_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore has four hundred, and looks into the folder of each to know whether there is an S3."""
    looked: list[str] = []
    listdir = os.listdir

    def look(path: str) -> list[str]:
        looked.append(path)
        return listdir(path)

    _models.cache_clear()
    monkeypatch.setattr("botocore.loaders.os.listdir", look)
    a_session().client()
    assert len(looked) < 10
    assert {Path(path).name for path in looked} == {"s3"}


def test_what_credentials_need_is_found() -> None:
    """Those of a role or of single sign-on come from other services of AWS."""
    core = a_session()._boto_session()._session
    for service in ("s3", "sts", "sso", "sso-oidc"):
        assert (
            core.create_client(service, region_name="eu-central-1").meta.service_model.service_name == service
        )
    with pytest.raises(UnknownServiceError):
        core.create_client("no such service", region_name="eu-central-1")


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
