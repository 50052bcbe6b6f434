"""What a month of S3 requests is computed from."""

from __future__ import annotations

import pytest

from bench.works import month
from lab.process import LabError
from lab.s3 import RcloneS3

PARTS: dict[str, month.Requests] = {
    month.FULL: {"LIST": 10},
    month.TIDY: {"LIST": 1},
    month.ADDED: {"PUT": 1, "HEAD": 0.5},
    month.EDITED: {"PUT": 1, "LIST": 2},
    month.MINUTE: {},
}


def test_a_month_of_a_daemon() -> None:
    """Each part as often as a day has it, for thirty days."""
    assert month.month(PARTS, month.DAEMON) == {"HEAD": 150, "LIST": 30 * (4 * 10 + 1 + 10 * 2), "PUT": 600}


def test_a_minute_counts_1440_times_a_day() -> None:
    """What a daemon asks at rest is the most of all, should it ask anything."""
    parts = {**PARTS, month.MINUTE: {"GET": 1}}
    assert month.month(parts, month.DAEMON)["GET"] == 30 * 1440


def test_a_month_of_a_cron_job() -> None:
    """Its runs are those of 24 hours; it tidies up without a look of its own."""
    assert month.month(PARTS, month.CRON) == {"HEAD": 150, "LIST": 30 * (4 * 10 + 10 * 2), "PUT": 600}
    assert sum(month.CRON.values()) == 24


def test_the_price() -> None:
    """A thousand requests that write or list cost half a cent, a thousand that read 0.04 cents, deleting nothing."""
    for kind in ("PUT", "LIST", "MULTIPART"):
        assert month.price({kind: 1000}) == pytest.approx(0.5)
    for kind in ("GET", "HEAD"):
        assert month.price({kind: 1000}) == pytest.approx(0.04)
    assert month.price({"DELETE": 1000}) == 0
    assert month.price({"PUT": 600, "LIST": 1200, "HEAD": 300}) == pytest.approx(0.3 + 0.6 + 0.012)


def test_every_kind_has_a_price() -> None:
    """Whatever the S3 server's log tells apart."""
    assert {operation for _, operation in RcloneS3._patterns} <= month.PRICES.keys()


def test_a_look_that_listed_nothing_is_none() -> None:
    """Else a look at everything that was cut short would make the month cheap."""
    assert month._whole({"LIST": 10}, 10_000) == {"LIST": 10}
    with pytest.raises(LabError, match="no listing"):
        month._whole({"LIST": 9}, 10_000)
    with pytest.raises(LabError, match="no listing"):
        month._whole({}, 1)
