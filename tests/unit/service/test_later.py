"""What could not be done is looked at again by itself: soon, then less often, and never too much of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from syncd.model.plan import Outcome, Waiting
from syncd.model.values import Problem
from syncd.observer import Changes
from syncd.service.later import MOST, PROBLEM_SECONDS, WAITING_SECONDS, Later


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At some moment."""
    return Clock()


@pytest.fixture
def later(clock: Clock) -> Later:
    """Nothing is waited for."""
    return Later(clock)


def waits(path: str = "", handle: str | None = None) -> Waiting:
    """Something that time settles."""
    return Waiting("it waits", path, handle)


def fails(path: str | None = None, handle: str | None = None) -> Problem:
    """Something with a problem."""
    return Problem("it fails", "mend it", path, handle)


def outcome(*items: Waiting | Problem) -> Outcome:
    """How a run ended."""
    return Outcome(
        waiting=[item for item in items if isinstance(item, Waiting)],
        problems=[item for item in items if isinstance(item, Problem)],
    )


def everything(later: Later, *items: Waiting | Problem) -> None:
    """A look at everything ended so."""
    later.note(outcome(*items), None, frozenset())


def a_part(
    later: Later, *items: Waiting | Problem, handles: Sequence[str] = (), paths: Sequence[str] = ()
) -> None:
    """A look at a part ended so."""
    later.note(outcome(*items), frozenset(handles), frozenset(paths))


def test_nothing_to_look_at_again(later: Later) -> None:
    """Where all was done, nothing is ever due."""
    everything(later)
    assert (len(later), later.due_in(), later.take()) == (0, None, Changes())


@pytest.mark.parametrize(
    ("item", "pauses"), [(waits("a.jpg", "h"), WAITING_SECONDS), (fails("a.jpg", "h"), PROBLEM_SECONDS)]
)
def test_soon_at_first_then_less_and_less_often(
    later: Later, clock: Clock, item: Waiting | Problem, pauses: tuple[float, float]
) -> None:
    """Each time it takes twice as long, up to the longest pause; for hundreds of times."""
    first, longest = pauses
    expected = first
    for _ in range(300):
        everything(later, item)
        assert later.due_in() == expected
        clock.now += expected - 0.5
        assert later.take() == Changes()
        clock.now += 0.5
        assert later.due_in() == 0
        assert later.take() == Changes(frozenset({"a.jpg"}), frozenset({"h"}))
        expected = min(expected * 2, longest)


def test_what_is_handed_over_is_not_handed_over_again_meanwhile(later: Later, clock: Clock) -> None:
    """The look takes its time, or has to wait itself; it is not forgotten if it never ends."""
    everything(later, waits("a.jpg"))
    clock.now += 5
    assert later.take()
    assert later.take() == Changes()
    assert later.due_in() == PROBLEM_SECONDS[1]
    clock.now += PROBLEM_SECONDS[1]
    assert later.take() == Changes(frozenset({"a.jpg"}))


def test_each_item_has_its_own_pause(later: Later, clock: Clock) -> None:
    """What is due is taken, the rest goes on waiting."""
    everything(
        later, waits("soon.jpg"), fails("later.jpg", "h"), fails(None, "only a handle"), waits("", "i")
    )
    clock.now += 5
    assert later.take() == Changes(frozenset({"soon.jpg"}), frozenset({"i"}))
    clock.now += 55
    assert later.take() == Changes(frozenset({"later.jpg"}), frozenset({"h", "only a handle"}))


def test_what_names_neither_file_nor_object_is_not_looked_at(later: Later) -> None:
    """There is nothing to look at: a full disk, a whole server."""
    everything(later, fails(), waits())
    assert len(later) == 0


def test_what_is_done_is_no_longer_waited_for(later: Later) -> None:
    """A look at everything tells of all that is left."""
    everything(later, waits("a.jpg", "h"), fails("b.jpg", "i"))
    everything(later, fails("b.jpg", "i"))
    assert len(later) == 1
    everything(later)
    assert len(later) == 0


def test_one_that_comes_back_begins_anew(later: Later) -> None:
    """It was settled in between."""
    for _ in range(5):
        everything(later, waits("a.jpg"))
    everything(later)
    everything(later, waits("a.jpg"))
    assert later.due_in() == WAITING_SECONDS[0]


def test_a_look_at_a_part_says_nothing_of_the_rest(later: Later, clock: Clock) -> None:
    """What it did not look at goes on waiting, with the pause that it had; so does what it merely looked at, too."""
    everything(later, waits("a.jpg", "h"), waits("b.jpg", "i"), waits("c.jpg"), waits("d.jpg"))
    clock.now += 2
    a_part(later, waits("a.jpg", "h"), handles=["h", "x"], paths=["c.jpg"])
    assert len(later) == 3
    clock.now += 3
    assert later.take() == Changes(frozenset({"a.jpg", "b.jpg", "d.jpg"}), frozenset({"h", "i"}))


def test_looks_for_other_reasons_are_no_tries(later: Later, clock: Clock) -> None:
    """However often everything is looked at meanwhile, the pause does not grow: nobody tried this very thing."""
    for _ in range(20):
        everything(later, waits("a.jpg"))
        clock.now += 0.2
    clock.now += 1
    assert later.take() == Changes(frozenset({"a.jpg"}))
    everything(later, waits("a.jpg"))
    assert later.due_in() == WAITING_SECONDS[0] * 2


def test_a_look_at_nothing_changes_nothing(later: Later) -> None:
    """Not even when it is due."""
    everything(later, waits("a.jpg", "h"))
    before = later.due_in()
    a_part(later)
    assert (len(later), later.due_in()) == (1, before)


def test_an_item_that_waits_and_fails_is_one(later: Later) -> None:
    """It is looked at once."""
    everything(later, waits("a.jpg", "h"), fails("a.jpg", "h"))
    assert len(later) == 1


def test_whatever_it_waited_for_may_have_come(later: Later, clock: Clock) -> None:
    """Somebody resumed, or the machine woke up: all is looked at now; the pauses go on growing from where they were."""
    for _ in range(6):
        everything(later, waits("a.jpg"), fails("b.jpg"))
        clock.now += PROBLEM_SECONDS[1]
        later.take()
    everything(later, waits("a.jpg"), fails("b.jpg"))
    later.at_once()
    assert later.due_in() == 0
    assert later.take() == Changes(frozenset({"a.jpg", "b.jpg"}))
    everything(later, waits("a.jpg"))
    assert later.due_in() == min(WAITING_SECONDS[0] * 2**7, WAITING_SECONDS[1])


def test_of_very_many_everything_is_looked_at_again(later: Later, clock: Clock) -> None:
    """One by one would take too long: soon, and less and less often, until they are few again."""
    crowd = [waits(f"{number}.jpg") for number in range(MOST + 1)]
    everything(later, *crowd[:MOST])
    assert not later.take_crowd()
    everything(later, *crowd)
    assert len(later) == MOST + 1
    pauses = []
    for _ in range(9):
        pause = later.due_in()
        assert pause is not None
        assert not later.take_crowd()
        clock.now += pause
        assert later.take_crowd()
        assert not later.take_crowd()
        assert later.take() == Changes()
        pauses.append(pause)
        everything(later, *crowd)
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    later.at_once()
    assert later.take_crowd()
    everything(later, crowd[0])
    assert len(later) == 1
    assert later.due_in() == WAITING_SECONDS[0]


def test_many_small_looks_do_not_add_up_without_end(later: Later, clock: Clock) -> None:
    """A full quota rejects file after file: some are tried again, those first that are due first, and of all the rest
    the look at everything takes care.
    """
    for number in range(3 * MOST):
        clock.now += 1
        again = [fails(f"{handle[1:]}.jpg", handle) for handle in sorted(later.take().handles)]
        new = fails(f"{number}.jpg", f"h{number}")
        a_part(later, new, *again, handles=[str(item.handle) for item in (new, *again)])
        assert len(later) <= MOST + 1
    assert later.take_crowd()
    a_part(later, waits("soon.jpg"))
    clock.now += WAITING_SECONDS[0]
    assert "soon.jpg" in later.take().paths
    everything(later, fails("0.jpg"))
    assert len(later) == 1


def test_what_happens_in_the_folder_hurries_what_waits_there(later: Later) -> None:
    """At its own name, or at one of the folders above it; whether it is over, the look says."""
    everything(
        later, *(fails(path) for path in ("a/b/c.jpg", "a/b.jpg", "ab/c.jpg", "d.jpg")), fails(None, "h")
    )
    later.hurry({"a/b", "d.jpg", "x"})
    assert later.take() == Changes(frozenset({"a/b/c.jpg", "d.jpg"}))


def test_a_look_in_between_is_no_try(later: Later, clock: Clock) -> None:
    """The pause stays as long as it was."""
    everything(later, waits("a.jpg"))
    for _ in range(2):
        clock.now += 20
        later.take()
        everything(later, waits("a.jpg"))
    assert later.due_in() == WAITING_SECONDS[0] * 4
    later.once_more()
    assert later.take() == Changes(frozenset({"a.jpg"}))
    everything(later, waits("a.jpg"))
    assert later.due_in() == WAITING_SECONDS[0] * 4


def test_where_something_happens_the_pauses_begin_anew(later: Later) -> None:
    """A deletion that waits for a file to be finished elsewhere is believed soon after, however much goes on meanwhile."""
    for _ in range(3):
        everything(later, waits("a/b.jpg"))
        assert later.due_in() == WAITING_SECONDS[0]
        later.hurry({"a"})
        assert later.take() == Changes(frozenset({"a/b.jpg"}))
