"""Standing aside: whoever asks gets everything, or is told that it takes too long; nothing of it stays behind."""

from __future__ import annotations

import threading

import pytest

from syncd.errors import LockedError
from syncd.service import aside as aside_module
from syncd.service.agenda import Agenda
from syncd.service.aside import Aside
from syncd.service.notify import Supervisor


class Asked:
    """Stands in for the interruption: remembers who asks."""

    def __init__(self) -> None:
        self.who: set[object] = set()

    def ask(self, who: object) -> None:
        """Somebody wants it."""
        self.who.add(who)

    def clear(self, who: object) -> None:
        """Not any more."""
        self.who.discard(who)


@pytest.fixture
def asked() -> Asked:
    """Nobody has asked."""
    return Asked()


@pytest.fixture
def aside(asked: Asked) -> Aside:
    """A daemon that is at work."""
    return Aside(Agenda(), asked)  # type: ignore[arg-type]


def test_it_is_out_of_the_way_until_the_block_ends(aside: Aside, asked: Asked) -> None:
    """Who asks waits until everything was let go of; the daemon waits until they are done."""
    inside, done = threading.Event(), threading.Event()

    def command() -> None:
        with aside.asked():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=command)
    thread.start()
    while not aside.is_wanted:
        pass
    assert not inside.is_set()
    daemon = threading.Thread(target=aside.wait, args=[Supervisor()])
    daemon.start()
    assert inside.wait(10)
    assert daemon.is_alive()
    done.set()
    daemon.join(10)
    thread.join(10)
    assert (aside.is_wanted, asked.who) == (False, set())


def test_who_gives_up_leaves_nothing_behind(
    aside: Aside, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that did not stop in time is not broken off for ever afterwards."""
    monkeypatch.setattr(aside_module, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(LockedError), aside.asked():
        pass
    assert (aside.is_wanted, asked.who) == (False, set())
