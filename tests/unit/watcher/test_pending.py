"""When a change has settled: by hand, second by second."""

from __future__ import annotations

from syncd.watcher.pending import MOST, Hint, Pending


def taken(pending: Pending, now: float) -> set[str]:
    """The paths that are due, which are taken."""
    return set(pending.take(now).paths)


def test_a_path_settles() -> None:
    """A path is handed over `settle` seconds after its last event, once."""
    pending = Pending(2)
    pending.touched("a", 100, writing=False)
    pending.touched("a", 101, writing=False)
    assert (pending.due(), pending.waiting) == (103, 1)
    assert not pending.take(102.9)
    assert pending.unsettled(102.9) == {"a"}
    assert pending.take(103) == Hint(frozenset({"a"}))
    assert not pending.take(200)
    assert pending.due() is None


def test_a_busy_path_is_handed_over_after_thirty_seconds() -> None:
    """Events again and again do not hide a path for longer than 30 s, and then it begins anew."""
    pending = Pending(2)
    for second in range(30):
        pending.touched("a", 100 + second, writing=False)
        assert not pending.take(100 + second)
    assert taken(pending, 130) == {"a"}
    pending.touched("a", 130, writing=False)
    assert pending.due() == 132


def test_an_open_file_waits() -> None:
    """A file that is open for writing is not handed over while its writer pauses; after its end it settles."""
    pending = Pending(2)
    pending.touched("a", 100, writing=True)
    for second in (120, 140, 190, 249):
        pending.touched("a", second, writing=True)
        assert not pending.take(second + 10)
        assert pending.unsettled(second + 10) == {"a"}
    pending.touched("a", 300, writing=False)
    assert not pending.take(301)
    assert taken(pending, 302) == {"a"}


def test_a_file_that_is_held_open_is_handed_over_after_a_minute() -> None:
    """A program that holds a file open without writing to it hides it for 60 s."""
    pending = Pending(2)
    pending.touched("a", 100, writing=True)
    assert pending.due() == 160
    assert not pending.take(159.9)
    assert taken(pending, 160) == {"a"}
    assert pending.unsettled(160) == frozenset()


def test_a_file_that_is_opened_again_and_again() -> None:
    """Being open for moments does not count as being open for long: 30 s."""
    pending = Pending(2)
    for second in range(40):
        pending.touched("a", 100 + second, writing=True)
        pending.touched("a", 100.1 + second, writing=False)
        if pending.take(100.5 + second):
            break
    assert 30 < second < 36


def test_attributes_leave_an_open_file_open() -> None:
    """Rights and times that change say nothing of whether the file is open."""
    pending = Pending(2)
    pending.touched("open", 100, writing=True)
    pending.touched("open", 101, writing=None)
    pending.touched("closed", 101, writing=None)
    assert taken(pending, 110) == {"closed"}
    assert pending.unsettled(110) == {"open"}


def test_no_settling() -> None:
    """With `settle = 0` a path is due at once, an open file when it is closed."""
    pending = Pending(0)
    pending.touched("a", 100, writing=False)
    pending.touched("b", 100, writing=True)
    assert taken(pending, 100) == {"a"}
    pending.touched("b", 101, writing=False)
    assert taken(pending, 101) == {"b"}


def test_a_long_settling() -> None:
    """`settle` may be longer than the limits for busy and open files, which then give way."""
    pending = Pending(300)
    pending.touched("closed", 100, writing=False)
    pending.touched("open", 100, writing=True)
    assert not pending.take(399)
    assert taken(pending, 400) == {"closed", "open"}


def test_folders_are_not_being_written() -> None:
    """Only files are unsettled: what a walk finds in a folder that is new is looked at."""
    pending = Pending(2)
    pending.touched("folder", 100, writing=False, folder=True)
    assert pending.unsettled(100) == frozenset()
    assert taken(pending, 102) == {"folder"}


def test_a_rename_takes_the_open_file_along() -> None:
    """A file that is renamed while it is open, by itself or with its folder, is open under its new name."""
    pending = Pending(2)
    for path in ("new.jpg", "album/x.jpg", "album/y.jpg", "albums/z.jpg"):
        pending.touched(path, 100, writing=path != "album/y.jpg")
    pending.arrived("b.jpg", 101, pending.left("new.jpg", 101, folder=False), folder=False)
    pending.arrived("2/b", 101, pending.left("album", 101, folder=True), folder=True)
    assert taken(pending, 103) == {"new.jpg", "album", "album/y.jpg", "2/b"}
    assert pending.unsettled(103) == {"b.jpg", "2/b/x.jpg", "albums/z.jpg"}


def test_what_moves_out_settles() -> None:
    """A file that is moved away while open is no longer waited for."""
    pending = Pending(2)
    pending.touched("a", 100, writing=True)
    pending.left("a", 101, folder=False)
    assert taken(pending, 103) == {"a"}


def test_many_paths_become_one_scan() -> None:
    """More changes than can be kept become a scan, which comes when nothing happens any more."""
    pending = Pending(2)
    for number in range(50_000):
        pending.touched(f"{number}.jpg", 100 + number / 10_000, writing=True)
        pending.touched(f"{number}.jpg", 100 + number / 10_000, writing=False)
        assert len(pending) <= MOST
    assert pending.waiting == MOST
    assert pending.due() == 104.9999 + 2
    assert not pending.take(106.9)
    assert pending.take(107) == Hint(scan="very many files changed at once")
    pending.touched("later", 108, writing=False)
    assert taken(pending, 110) == {"later"}


def test_a_scan_waits_thirty_seconds_at_most() -> None:
    """While files keep coming, the scan is due after 30 s; it leaves out what is being written by then."""
    pending = Pending(2)
    for number in range(50_000):
        pending.touched(f"{number}", 100 + number / 1000, writing=True)
        if number % 10_000:
            pending.touched(f"{number}", 100 + number / 1000, writing=False)
    assert pending.due() == 130.001
    assert pending.take(140).scan
    assert pending.unsettled(140) == {"0", "10000", "20000", "30000", "40000"}


def test_a_file_that_is_open_for_long_does_not_hurry_the_scan() -> None:
    """The 30 s of a scan begin with the changes that it stands for."""
    pending = Pending(2)
    for second in range(0, 100, 10):
        pending.touched("long", second, writing=True)
    for number in range(MOST + 1):
        pending.touched(f"{number}", 100 + number / 1000, writing=False)
    assert pending.due() == 104
    assert pending.take(104).scan
    assert pending.unsettled(104) == {"long"}


def test_very_many_open_files_stay_within_bounds() -> None:
    """Even if all are open at once."""
    pending = Pending(2)
    for number in range(3 * MOST):
        pending.touched(f"{number}", 100, writing=True)
        assert len(pending) <= MOST
    assert pending.take(102).scan


def test_a_scan_by_itself() -> None:
    """A scan is due when things have settled, or at once; its reasons are told together, each once."""
    pending = Pending(2)
    pending.everything("this", 100)
    pending.touched("a", 101, writing=False)
    pending.everything("that", 101)
    pending.everything("this", 101)
    assert pending.due() == 103
    assert pending.take(103) == Hint(frozenset({"a"}), "this; that")
    pending.everything("now", 104, at_once=True)
    assert pending.take(104) == Hint(scan="now")


def test_again() -> None:
    """A path that is to be looked at again is handed over at that time, or before if it changes."""
    pending = Pending(2)
    pending.again(["a", "b"], 110, 100)
    assert pending.due() == 110
    assert pending.unsettled(100) == frozenset()
    pending.touched("a", 101, writing=False)
    assert taken(pending, 103) == {"a"}
    assert taken(pending, 110) == {"b"}
    pending.again(["open", "busy"], 112, 110)
    pending.touched("open", 111, writing=True)
    pending.touched("busy", 111, writing=False)
    assert not pending.take(112)
    assert pending.unsettled(112) == {"open", "busy"}
    assert taken(pending, 113) == {"busy"}
    assert taken(pending, 171) == {"open"}
    pending.again([str(number) for number in range(MOST + 1)], 220, 200)
    assert len(pending) == 0
    assert pending.take(202).scan
