"""Which keys may go: every condition at its edge, and what holds for any bucket."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.merge.orphans import (
    LEAST_AGE_DAYS,
    QUARANTINE_DAYS,
    Fate,
    Orphan,
    Resident,
    Sighting,
    Standing,
    judge,
    judge_quarantine,
    named_by,
)
from syncd.model import Checksum, MediaObject
from syncd.model.values import DAY_SECONDS

ONE, TWO, THREE = (Checksum(digit * 32) for digit in "abc")
NOW = 1_000 * DAY_SECONDS
DAY = DAY_SECONDS
MONTH = 30 * DAY


def sighting(
    checksum: Checksum = ONE, *, modified: float = 0, first_seen: float = 0, size: int = 5
) -> Sighting:
    """A key that is old in every respect, unless said otherwise."""
    return Sighting(checksum, size, modified, first_seen)


def verdict(
    one: Sighting,
    *,
    named: frozenset[Checksum] = frozenset(),
    needed: Mapping[Checksum, str] | None = None,
    min_age: float = MONTH,
) -> Standing | None:
    """The standing of the only key; None when it is no orphan."""
    found = judge([one], named, needed or {}, now=NOW, min_age=min_age)
    return found[0].standing if found else None


def test_what_an_object_names_is_no_orphan() -> None:
    """However old it is; what no object names is ready when it is old."""
    assert verdict(sighting(), named=frozenset({ONE})) is None
    assert verdict(sighting(), named=frozenset({TWO})) is Standing.READY


@pytest.mark.parametrize("field", ["modified", "first_seen"])
def test_both_ages_count(field: str) -> None:
    """Stored a second too late, or seen without an object a second too late: it waits, with a reason."""
    old, young = (
        sighting(modified=at) if field == "modified" else sighting(first_seen=at)
        for at in (NOW - MONTH, NOW - MONTH + 1)
    )
    assert verdict(old) is Standing.READY
    (orphan,) = judge([young], frozenset(), {}, now=NOW, min_age=MONTH)
    assert orphan.standing is Standing.YOUNG
    assert orphan.reason


def test_a_week_is_the_least() -> None:
    """Whatever age is asked for, what another computer may have seen a week ago stays."""
    least = LEAST_AGE_DAYS * DAY
    assert verdict(sighting(modified=NOW - least), min_age=0) is Standing.READY
    assert verdict(sighting(modified=NOW - least + 1), min_age=0) is Standing.YOUNG
    assert verdict(sighting(first_seen=NOW - least + 1), min_age=-MONTH) is Standing.YOUNG


def test_a_clock_that_was_ahead_makes_nothing_old() -> None:
    """A key from the future is young."""
    assert verdict(sighting(modified=NOW + DAY)) is Standing.YOUNG


def test_what_is_relied_on_stays() -> None:
    """However old; the reason is told."""
    found = judge([sighting()], frozenset(), {ONE: "the trash"}, now=NOW, min_age=MONTH)
    assert found == [Orphan(sighting(), Standing.NEEDED, "the trash")]


def test_the_largest_comes_first() -> None:
    """A person wants to know what takes the room."""
    keys = [sighting(ONE, size=1), sighting(TWO, size=9), sighting(THREE, size=9)]
    found = judge(keys, frozenset(), {}, now=NOW, min_age=MONTH)
    assert [one.seen.checksum for one in found] == [TWO, THREE, ONE]


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (ONE, {ONE}),
        (ONE.upper(), {ONE}),
        (f" {ONE}\n", {ONE}),
        ("", set()),
        ("f" * 40, set()),
        ("ü" * 32, set()),
    ],
)
def test_what_a_checksum_names(raw: str, names: set[Checksum]) -> None:
    """Capitals and blanks name the same key; an empty checksum, or one of another kind, none."""
    assert named_by([MediaObject("h", "a.jpg", raw)]) == names


# --- quarantine -----------------------------------------------------------------------------------------------------

OLD = NOW - QUARANTINE_DAYS * DAY


def fate(
    one: Resident,
    *,
    named: frozenset[Checksum] = frozenset(),
    needed: Mapping[Checksum, str] | None = None,
    present: Mapping[Checksum, int] | None = None,
) -> Fate:
    """What becomes of the only key in quarantine."""
    ((_, found),) = judge_quarantine([one], named, needed or {}, present or {}, now=NOW)
    return found


def resident(since: float = OLD, key: str = "q/a", checksum: Checksum = ONE, size: int = 5) -> Resident:
    """A key in quarantine, long enough unless said otherwise."""
    return Resident(key, checksum, size, since)


def test_quarantine_lasts_thirty_days() -> None:
    """To the second."""
    assert fate(resident(OLD)) is Fate.OVER
    assert fate(resident(OLD + 1)) is Fate.WAITS


def test_what_is_named_again_goes_back() -> None:
    """Whether its time is over or not; one that is back already is only a copy."""
    for since in (OLD - MONTH, NOW):
        assert fate(resident(since), named=frozenset({ONE})) is Fate.BACK
    assert fate(resident(), named=frozenset({ONE}), present={ONE: 5}) is Fate.OVER
    assert fate(resident(NOW), named=frozenset({ONE}), present={ONE: 5}) is Fate.WAITS


def test_other_bytes_at_its_place_are_no_reason_to_delete() -> None:
    """A key of another size is not what lies in quarantine: it is neither overwritten nor taken for the same."""
    assert fate(resident(), named=frozenset({ONE}), present={ONE: 6}) is Fate.NEEDED


def test_what_is_relied_on_stays_in_quarantine() -> None:
    """Past its time, as long as nothing else holds its bytes."""
    assert fate(resident(), needed={ONE: "the trash"}) is Fate.NEEDED
    assert fate(resident(), needed={ONE: "the trash"}, present={ONE: 5}) is Fate.OVER


def test_of_two_copies_the_newer_goes_back() -> None:
    """The older one is not deleted before."""
    older, newer = resident(OLD - DAY, "q/1"), resident(OLD, "q/2")
    found = judge_quarantine([newer, older], frozenset({ONE}), {}, {}, now=NOW)
    assert found == [(older, Fate.NEEDED), (newer, Fate.BACK)]


checksums = st.sampled_from([ONE, TWO, THREE])
times = st.integers(-2, 70).map(lambda days: NOW - days * DAY)


@given(
    st.builds(Sighting, checksums, st.integers(0, 9), times, times),
    st.frozensets(checksums),
    st.dictionaries(checksums, st.just("why")),
    st.integers(-5, 60),
)
def test_nothing_goes_unless_all_permits_it(
    one: Sighting, named: frozenset[Checksum], needed: dict[Checksum, str], days: int
) -> None:
    """A ready key is named by no object, relied on by nothing, and old in every respect."""
    found = judge([one], named, needed, now=NOW, min_age=days * DAY)
    ready = [orphan for orphan in found if orphan.standing is Standing.READY]
    age = NOW - max(one.modified, one.first_seen)
    permitted = one.checksum not in named | needed.keys() and age >= max(days, LEAST_AGE_DAYS) * DAY
    assert bool(ready) is permitted


@given(
    st.lists(st.builds(Resident, st.uuids().map(str), checksums, st.integers(1, 2), times), max_size=6),
    st.frozensets(checksums),
    st.dictionaries(checksums, st.just("why")),
    st.dictionaries(checksums, st.integers(1, 2)),
)
def test_no_last_copy_of_something_needed_is_deleted(
    residents: list[Resident],
    named: frozenset[Checksum],
    needed: dict[Checksum, str],
    present: dict[Checksum, int],
) -> None:
    """What is deleted was long enough in quarantine, and is needed by nobody or stands at its place as it is."""
    found = judge_quarantine(residents, named, needed, present, now=NOW)
    assert sorted(one.key for one, _ in found) == sorted(one.key for one in residents)
    for one, fate in found:
        if fate is Fate.OVER:
            assert NOW - one.since >= QUARANTINE_DAYS * DAY
            assert one.checksum not in named | needed.keys() or present.get(one.checksum) == one.size
    for checksum in {one.checksum for one in residents} & named - present.keys():
        assert sum(one.checksum == checksum and fate is Fate.BACK for one, fate in found) == 1
