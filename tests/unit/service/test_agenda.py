"""What is due: posted by anybody at any moment, also in the middle of posting and of waiting, and never lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from syncd.model.plan import Outcome
from syncd.ports import SilentProgress
from syncd.service.agenda import NOTHING, Agenda, Due, Job
from tests.unit.service.signals import signalled

SOON = 30.0
"""Nobody ever waits for so long here: who does was not woken."""


def job() -> Job:
    """A run that somebody waits for."""
    return Job(False, SilentProgress())


def test_what_is_posted_is_taken_once() -> None:
    """And then it is no longer due."""
    agenda = Agenda()
    agenda.post(Due(check=True))
    assert agenda.wait(SOON) == Due(check=True)
    assert agenda.wait(0) == NOTHING


def test_what_is_posted_twice_is_due_once() -> None:
    """All that was posted meanwhile is taken together; the first reason is told."""
    agenda, first, second = Agenda(), job(), job()
    for due in (
        Due(check=True),
        Due(whole="one"),
        Due(whole="other", full=True),
        Due(check=True),
        Due(hint=True),
    ):
        agenda.post(due)
    agenda.post(Due(jobs=(first,)))
    agenda.post(Due(jobs=(second,)))
    expected = Due(check=True, whole="one", full=True, hint=True, jobs=(first, second))
    assert agenda.wait(SOON) == expected
    assert agenda.wait(0) == NOTHING


def test_the_same_run_asked_for_by_two_is_two_runs() -> None:
    """Each of them waits for its own outcome."""
    agenda, jobs = Agenda(), [job() for _ in range(3)]
    for one in jobs:
        agenda.post(Due(jobs=(one,)))
    assert agenda.wait(SOON).jobs == tuple(jobs)


def test_each_kind_is_kept_when_others_join() -> None:
    """Whatever is put together, nothing of it gets lost."""
    kinds = [
        Due(check=True), Due(whole="why"), Due(full=True), Due(tidy=True), Due(hint=True), Due(at_once=True),
        Due(reload=True), Due(jobs=(job(),)),
    ]  # fmt: skip
    together = NOTHING
    for due in kinds:
        together |= due
    assert together == Due(True, "why", True, True, True, True, True, kinds[-1].jobs)
    assert together.without_jobs() == Due(True, "why", True, True)
    assert NOTHING | together == together | NOTHING == together


def test_without_anything_it_waits_no_longer_than_it_is_told_to() -> None:
    """And costs nothing meanwhile."""
    begun, busy = time.monotonic(), time.thread_time()
    assert Agenda().wait(0.2) == NOTHING
    assert 0.2 <= time.monotonic() - begun < 5
    assert time.thread_time() - busy < 0.1


@pytest.mark.parametrize("call", [lambda agenda: agenda.post(Due(tidy=True)), lambda agenda: agenda.poke()])
def test_another_thread_ends_the_wait(call: Callable[[Agenda], None]) -> None:
    """Also one without an end."""
    agenda = Agenda()
    threading.Timer(0.1, call, [agenda]).start()
    begun = time.monotonic()
    assert agenda.wait(None) in (Due(tidy=True), NOTHING)
    assert time.monotonic() - begun < SOON / 2


def test_a_poke_is_remembered_until_the_next_wait() -> None:
    """Whoever pokes while something is done wants to be looked at afterwards, once."""
    agenda = Agenda()
    agenda.poke()
    agenda.poke()
    begun = time.monotonic()
    assert agenda.wait(SOON) == NOTHING
    assert time.monotonic() - begun < SOON / 2
    assert agenda.wait(0.01) == NOTHING


def test_many_threads_lose_nothing() -> None:
    """Each of what they post is taken exactly once."""
    agenda, taken = Agenda(), list[Job]()
    jobs = [[job() for _ in range(300)] for _ in range(6)]

    def post(mine: list[Job]) -> None:
        for one in mine:
            agenda.post(Due(jobs=(one,)))

    threads = [threading.Thread(target=post, args=[mine]) for mine in jobs]
    for thread in threads:
        thread.start()
    while len(taken) < 1800:
        due = agenda.wait(SOON)
        assert due != NOTHING or any(thread.is_alive() for thread in threads), "it was not told"
        taken += due.jobs
    for thread in threads:
        thread.join()
    assert {id(one) for one in taken} == {id(one) for mine in jobs for one in mine}
    assert len(taken) == 1800


def test_what_is_posted_without_end_takes_no_memory() -> None:
    """A cycle may run for hours, and nobody takes anything meanwhile."""
    agenda = Agenda()
    for _ in range(5000):
        agenda.post(Due(hint=True))
        agenda.poke()
        agenda.post(Due(check=True))
    assert len(agenda._posted) <= 4
    assert agenda.wait(SOON) == Due(check=True, hint=True)


# --- signals ------------------------------------------------------------------------------------------------------


def test_a_signal_that_posts_ends_the_wait() -> None:
    """Its handler runs in the very thread that waits."""
    agenda = Agenda()
    with signalled(lambda: agenda.post(Due(reload=True)), after=0.1):
        begun = time.monotonic()
        assert agenda.wait(None) == Due(reload=True)
        assert time.monotonic() - begun < SOON / 2


def test_what_a_signal_raises_comes_out_of_the_wait() -> None:
    """So the daemon ends; what was due stays due for whoever tidies up."""
    agenda = Agenda()

    def end() -> None:
        agenda.post(Due(tidy=True))
        raise KeyboardInterrupt

    with signalled(end, after=0.05), pytest.raises(KeyboardInterrupt):
        agenda.wait(None)
    assert agenda.wait(0) == Due(tidy=True)


def test_signals_at_any_moment_are_never_lost() -> None:
    """Thousands of them, in the middle of waiting, of taking and of posting: each is due soon, and nothing locks up.

    On a machine with much else to do a second brings some dozen only: they are counted, however long it takes.
    """
    agenda, posted, taken = Agenda(), list[Job](), list[Job]()

    def handler() -> None:
        posted.append(job())
        agenda.post(Due(jobs=(posted[-1],)))

    with signalled(handler, after=0, every=0.0002):
        end = time.monotonic() + 1.5
        while time.monotonic() < end or len(posted) < 300:
            begun = time.monotonic()
            taken += agenda.wait(SOON).jobs
            assert time.monotonic() - begun < SOON / 2, "signals did not end the wait"
            agenda.post(Due(check=True))
    taken += agenda.wait(0).jobs
    assert len(taken) == len(posted)
    assert {id(one) for one in taken} == {id(one) for one in posted}


@pytest.mark.parametrize("step", ["__or__", "__eq__"])
@pytest.mark.parametrize("what", ["post", "take"])
def test_somebody_else_in_the_middle_of_a_post(monkeypatch: pytest.MonkeyPatch, step: str, what: str) -> None:
    """A handler posts, or the main thread takes, while somebody is at posting, or at taking: nothing gets lost."""
    agenda, call = Agenda(), getattr(Due, step)
    taken: list[Due] = []
    once = [Due(reload=True)]
    agenda.post(Due(check=True))
    agenda.post(Due(full=True))

    def interrupted(one: Due, other: object) -> object:
        if once:
            due = once.pop()
            if what == "take":
                taken.append(agenda.wait(0))
            agenda.post(due)
        return call(one, other)

    monkeypatch.setattr(Due, step, interrupted)
    agenda.post(Due(tidy=True))
    together = agenda.wait(SOON)
    monkeypatch.undo()
    assert once == []
    for due in (*taken, agenda.wait(0)):
        together |= due
    assert together == Due(check=True, full=True, tidy=True, reload=True)


# --- jobs ---------------------------------------------------------------------------------------------------------


def test_a_job_tells_how_it_ended() -> None:
    """Whoever waits for it goes on then."""
    one = job()
    assert not one.over.is_set()
    outcome = Outcome()
    threading.Timer(0.05, one.end, [outcome]).start()
    assert one.over.wait(SOON)
    assert one.outcome is outcome
    assert one.error is None
