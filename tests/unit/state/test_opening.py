"""Opening: what is made, what is refused and left alone, what is set aside."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from syncd.errors import ExitCode, StateError
from syncd.state import State, ahead, looking
from syncd.state.migrations import known_migrations


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder, byte for byte, with its time of change."""
    return {item.name: (item.read_bytes(), item.stat().st_mtime_ns) for item in folder.iterdir()}


def make_state(path: Path, *, keys: int = 1) -> None:
    """A state with something in it, closed."""
    with State.open(path) as state, state.batch():
        for number in range(keys):
            state.set_meta(f"key {number}", "x" * 100)


def change(path: Path, sql: str) -> None:
    """Do something to the file behind the state's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


@pytest.fixture
def left_log(path: Path, tmp_path: Path) -> Path:
    """A state whose last transaction is in the log only, as a crash leaves it."""
    crashed = tmp_path / "crashed" / path.name
    with State.open(path) as state:
        state.checkpoint()
        state.set_meta("key", "only in the log")
        crashed.parent.mkdir()
        for item in path.parent.iterdir():
            shutil.copyfile(item, crashed.parent / item.name)
    assert crashed.with_name("state.sqlite-wal").stat().st_size > 0
    return crashed


def test_a_new_state_is_private(path: Path) -> None:
    """The state folder is its user's alone, and so is every file in it; nothing temporary stays."""
    with State.open(path) as state:
        state.set_meta("a", "b")
        files = {item.name: stat.S_IMODE(item.stat().st_mode) for item in path.parent.iterdir()}
        assert state.set_aside is None
        assert state.damage is None
    assert files == {"state.sqlite": 0o600, "state.sqlite-wal": 0o600, "state.sqlite-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir()] == ["state.sqlite"]


def test_a_readable_state_is_made_private(path: Path) -> None:
    """A state file that others may read is closed to them; the folder that somebody else made is left."""
    make_state(path)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    make_state(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_transactions_are_durable(state: State) -> None:
    """Write-ahead log, full synchronisation, foreign keys and a busy timeout are on."""
    settings = [
        state._rows(f"PRAGMA {name}")[0][0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    ]
    assert settings == ["wal", 2, 1, 10_000]


def test_odd_names_of_the_state_folder(tmp_path: Path) -> None:
    """A folder may have any name, also one with characters that mean something in a URI."""
    path = tmp_path / "a b?c=d#e%20\udcff" / "state.sqlite"
    make_state(path)
    with State.open(path, read_only=True) as state:
        assert state.meta("key 0")


def test_a_linked_state_is_opened_where_it_is(path: Path, tmp_path: Path) -> None:
    """A symbolic link leads to the file, and the log is beside the file."""
    make_state(path)
    link = tmp_path / "link.sqlite"
    link.symlink_to(path)
    with State.open(link) as state:
        state.set_meta("a", "b")
        assert path.with_name("state.sqlite-wal").exists()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_schema_is_untouched(path: Path, read_only: bool) -> None:
    """A newer syncd's state is refused with exit code 6 and stays as it is, byte for byte."""
    make_state(path)
    change(path, f"PRAGMA user_version = {known_migrations()[-1].number + 1}")
    before = contents(path.parent)
    with pytest.raises(StateError, match="newer syncd") as caught:
        State.open(path, read_only=read_only)
    assert contents(path.parent) == before
    assert caught.value.exit_code is ExitCode.STATE
    assert "newer" in caught.value.remedy


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_schema_in_the_log_is_untouched(left_log: Path, tmp_path: Path, read_only: bool) -> None:
    """The same when the newer schema is in the log only: file and log stay."""
    connection = sqlite3.connect(left_log, isolation_level=None)
    connection.execute("PRAGMA user_version = 99")
    crashed = tmp_path / "again" / left_log.name
    crashed.parent.mkdir()
    for item in left_log.parent.iterdir():
        shutil.copyfile(item, crashed.parent / item.name)
    connection.close()
    before = contents(crashed.parent)
    with pytest.raises(StateError, match="newer syncd"):
        State.open(crashed, read_only=read_only)
    assert contents(crashed.parent) == before


@pytest.mark.parametrize("read_only", [False, True])
def test_another_programs_database_is_untouched(path: Path, read_only: bool) -> None:
    """A sound database that is not ours is refused and stays."""
    path.parent.mkdir()
    change(path, "CREATE TABLE theirs (x)")
    before = contents(path.parent)
    with pytest.raises(StateError, match="another program"):
        State.open(path, read_only=read_only)
    assert contents(path.parent) == before


def overwrite_header(path: Path) -> None:
    """The first bytes are gone."""
    with path.open("r+b") as file:
        file.write(b"\0" * 100)


def cut_middle(path: Path) -> None:
    """Half of the pages are gone."""
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def cut_odd(path: Path) -> None:
    """It ends within its second page."""
    os.truncate(path, 5000)


def cut_short(path: Path) -> None:
    """It ends within its header."""
    os.truncate(path, 10)


def cut_to_a_byte(path: Path) -> None:
    """SQLite itself would take it for a database without anything in it."""
    os.truncate(path, 1)


def cut_all(path: Path) -> None:
    """Nothing is left."""
    os.truncate(path, 0)


def scribble(path: Path) -> None:
    """Some pages hold something else."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 3 * 4096)
        file.write(b"\xff" * 3 * 4096)


def replace_by_text(path: Path) -> None:
    """It never was a database."""
    path.write_text("this is no database, but it is long enough to be one\n" * 100)


DAMAGES = [
    overwrite_header,
    cut_middle,
    cut_odd,
    cut_short,
    cut_to_a_byte,
    cut_all,
    scribble,
    replace_by_text,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_set_aside(path: Path, damage: Callable[[Path], None]) -> None:
    """A damaged file is kept under another name, byte for byte, an empty state takes its place, and it is said so."""
    make_state(path, keys=1000)
    damage(path)
    damaged = path.read_bytes()
    with State.open(path) as state:
        assert state.set_aside is not None
        assert state.set_aside.name.startswith("state.sqlite.corrupt-2")
        assert state.set_aside.read_bytes() == damaged
        assert state.damage
        assert state.meta("key 0") is None
        assert state.binding() is None
        state.set_meta("new", "life")
    with State.open(path) as state:
        assert (state.set_aside, state.meta("new")) == (None, "life")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_left_by_a_look(path: Path, damage: Callable[[Path], None]) -> None:
    """Opened for reading, a damaged file stays where it is; the copy is empty and says what is wrong."""
    make_state(path, keys=1000)
    damage(path)
    before = contents(path.parent)
    with State.open(path, read_only=True) as state:
        assert (state.set_aside, state.meta("key 0")) == (None, None)
        assert state.damage
        state.set_meta("a", "b")
    assert contents(path.parent) == before


def test_the_log_goes_with_the_damaged_file(left_log: Path) -> None:
    """A log that stayed would be replayed into the new state."""
    log = left_log.with_name("state.sqlite-wal").read_bytes()
    overwrite_header(left_log)
    with left_log.with_name("state.sqlite-wal").open("r+b") as file:
        file.write(b"\0" * 4200)  # with its first page: the log would mend the header otherwise
        file.seek(0)
        log = file.read()
    with State.open(left_log) as state:
        assert state.set_aside is not None
        assert state.set_aside.with_name(state.set_aside.name + "-wal").read_bytes() == log
        assert state.meta("key") is None


def test_a_log_without_its_file_is_set_aside(left_log: Path) -> None:
    """A log whose file is gone belongs to no state that comes after."""
    left_log.unlink()
    with State.open(left_log) as state:
        assert state.set_aside is not None
        assert state.set_aside.name.endswith("-wal")
        assert state.meta("key") is None


def test_two_damaged_states_keep_two_names(path: Path) -> None:
    """Set aside within the same second, both are kept."""
    kept = set()
    for _ in range(3):
        make_state(path)
        replace_by_text(path)
        with State.open(path) as state:
            kept.add(state.set_aside)
    assert len(kept) == 3
    assert all(item and item.exists() for item in kept)


def test_a_look_at_nothing_leaves_nothing(tmp_path: Path) -> None:
    """Reading a state that is missing makes neither file nor folder."""
    with State.open(tmp_path / "none" / "state.sqlite", read_only=True) as state:
        state.set_meta("a", "b")
        assert (state.meta("a"), state.read_only) == ("b", True)
    assert list(tmp_path.iterdir()) == []


def test_a_look_sees_the_log_and_leaves_it(left_log: Path) -> None:
    """After a crash, a look sees what was committed and leaves file and log for the next run to recover."""
    before = contents(left_log.parent)
    with State.open(left_log, read_only=True) as state:
        assert state.meta("key") == "only in the log"
        state.set_meta("key", "changed in the copy")
    assert contents(left_log.parent) == before
    with State.open(left_log) as state:
        assert state.meta("key") == "only in the log"


@pytest.mark.parametrize("read_only", [False, True])
def test_a_folder_is_no_state(path: Path, read_only: bool) -> None:
    """Something else at the state's path is refused with a remedy."""
    path.mkdir(parents=True)
    with pytest.raises(StateError, match="is no file") as caught:
        State.open(path, read_only=read_only)
    assert "state_dir" in caught.value.remedy


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    """A file where the folder should be is refused with a remedy, however deep."""
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="is no folder") as caught:
        State.open(tmp_path / "file" / "state.sqlite")
    assert "state_dir" in caught.value.remedy
    with pytest.raises(StateError) as caught:
        State.open(tmp_path / "file" / "deep" / "state.sqlite")
    assert "state_dir" in caught.value.remedy
    with pytest.raises(StateError):
        State.open(tmp_path / "file" / "state.sqlite", read_only=True)


def test_a_file_system_without_hard_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no hard links, a new state gets its name by renaming."""

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    make_state(path)
    assert [item.name for item in path.parent.iterdir()] == ["state.sqlite"]
    with State.open(path) as state:
        assert (state.set_aside, state.meta("key 0")) == (None, "x" * 100)


def test_a_look_that_never_comes_to_rest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written to all the time is neither trusted nor set aside."""
    make_state(path)
    replace_by_text(path)
    moments = itertools.count()
    monkeypatch.setattr(looking, "signature", lambda path: (next(moments),))
    monkeypatch.setattr(looking, "_PAUSE_SECONDS", 0.0)
    with pytest.raises(StateError, match="all the time"):
        State.open(path)
    assert [item.name for item in path.parent.iterdir()] == ["state.sqlite"]


def test_a_state_that_appears_meanwhile_is_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that another process made just after this one found none is neither set aside nor replaced."""
    real = looking.look
    missed: list[Path] = []

    def miss_once(path: Path, copy_to: sqlite3.Connection | None) -> looking.Found | None:
        if missed:
            return real(path, copy_to)
        missed.append(path)
        make_state(path)
        return None

    monkeypatch.setattr(ahead, "look", miss_once)
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with State.open(path) as state:
        assert (state.set_aside, state.damage, state.meta("key 0")) == (None, None, "x" * 100)
