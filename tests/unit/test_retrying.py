"""Trying again: what is tried again, how often and for how long, and that nobody waits for stamina where all is well."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import stamina

from syncd.retrying import retry


class Passing(Exception):  # noqa: N818
    """What may pass."""


@pytest.fixture
def _no_pauses() -> Iterator[None]:
    """At most four attempts, without waiting."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


def failing(times: int, error: type[Exception] = Passing) -> tuple[list[int], Callable[[], int]]:
    """An attempt that fails so often, and where it writes down that it was made."""
    made: list[int] = []

    def attempt() -> int:
        made.append(len(made))
        if len(made) <= times:
            raise error(str(len(made)))
        return len(made)

    return made, attempt


@pytest.mark.usefixtures("_no_pauses")
def test_the_first_success_ends_it() -> None:
    """What fails twice is made three times; the answer is the last one's."""
    made, attempt = failing(2)
    assert retry(attempt, Passing, attempts=None, longest_pause=1) == 3
    assert made == [0, 1, 2]


@pytest.mark.usefixtures("_no_pauses")
def test_the_first_attempt_counts() -> None:
    """Of three attempts none is one too many, and the last failure comes through."""
    made, attempt = failing(9)
    with pytest.raises(Passing, match="3"):
        retry(attempt, Passing, attempts=3, longest_pause=1)
    assert len(made) == 3


@pytest.mark.usefixtures("_no_pauses")
def test_what_does_not_pass_is_not_tried_again() -> None:
    """Another kind of failure comes through at once, first or later; so does one that is judged to last."""
    made, attempt = failing(9, ValueError)
    with pytest.raises(ValueError, match="1"):
        retry(attempt, Passing, attempts=None, longest_pause=1)
    assert len(made) == 1
    made, attempt = failing(9)
    asked: list[str] = []

    def may_pass(error: Exception) -> bool:
        asked.append(str(error))
        return len(asked) < 2

    with pytest.raises(Passing, match="2"):
        retry(attempt, Passing, may_pass=may_pass, attempts=None, longest_pause=1)
    assert asked == ["1", "2"], "each failure is judged once"


def test_patience_begins_with_the_first_attempt() -> None:
    """An attempt that took longer than there is patience is the last one; the others share what it left."""
    made: list[int] = []

    def slowly() -> None:
        made.append(1)
        time.sleep(0.05)
        raise Passing

    with pytest.raises(Passing):
        retry(slowly, Passing, attempts=None, seconds=0.04, longest_pause=0.01)
    assert len(made) == 1
    made.clear()
    begun = time.monotonic()
    with pytest.raises(Passing):
        retry(slowly, Passing, attempts=None, seconds=0.2, first_pause=0.01, longest_pause=0.01)
    assert 2 <= len(made) <= 5
    assert time.monotonic() - begun < 2


def test_nobody_waits_for_stamina_where_all_is_well() -> None:
    """It is imported with the first failure that may pass."""
    program = (
        "import sys\n"
        "from syncd.retrying import retry\n"
        "assert retry(lambda: 1, OSError, attempts=2, longest_pause=1) == 1\n"
        "try:\n"
        "    retry(lambda: 1 / 0, OSError, attempts=2, longest_pause=1)\n"
        "except ZeroDivisionError:\n"
        "    print('stamina' in sys.modules)\n"
        "failures = [OSError()]\n"
        "retry(lambda: failures and (_ for _ in ()).throw(failures.pop()), OSError, attempts=2, longest_pause=0.01)\n"
        "print('stamina' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *_, last = done.stdout.splitlines()
    assert (first, last) == ("False", "True")
