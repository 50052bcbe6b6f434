"""What an ordinary month of S3 requests costs: arithmetic on what was counted."""

from __future__ import annotations

import pytest

from bench.works.month import PRICES, month, price


def test_a_month_is_thirty_days_of_looks_and_changes() -> None:
    """Four looks at everything and twenty changes a day."""
    assert month({"LIST": 10, "MULTIPART": 1}, {"PUT": 1, "HEAD": 0.5}) == {
        "HEAD": 300,
        "LIST": 1200,
        "MULTIPART": 120,
        "PUT": 600,
    }


def test_the_price_is_in_cents() -> None:
    """A thousand listings cost half a cent, a thousand reads 0.04 cents, deletions nothing."""
    assert price({"LIST": 1000}) == pytest.approx(0.5)
    assert price({"GET": 1000, "DELETE": 1000}) == pytest.approx(0.04)


def test_every_kind_that_the_server_tells_of_has_a_price() -> None:
    """Else a month would be cheaper than it is."""
    assert set(PRICES) == {"PUT", "LIST", "MULTIPART", "GET", "HEAD", "DELETE"}
    with pytest.raises(KeyError):
        price({"COPY": 1})
