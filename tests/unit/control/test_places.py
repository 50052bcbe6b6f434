"""Where the socket is: in a folder that only its user can enter, found by others over a link."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from syncd.control import places
from syncd.control.places import address, find_folder, link_beside, socket_name

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture(autouse=True)
def no_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime folder of whoever runs the tests has no say."""
    monkeypatch.setattr(places, "RUNTIME_FOLDERS", tmp_path / "no-such-folder")


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """A state file's place; its folder exists."""
    (tmp_path / "state").mkdir(mode=0o755)
    return tmp_path / "state" / "state.sqlite"


def mode(path: Path) -> int:
    """Its rights."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_first_of_systemd_s_folders(tmp_path: Path, state_file: Path) -> None:
    """Systemd may name several; what it made too open is closed."""
    first, second = tmp_path / "one", tmp_path / "two"
    first.mkdir(mode=0o755)
    second.mkdir()
    environ = {"RUNTIME_DIRECTORY": f"{first}:{second}", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_folder(state_file, environ) == first
    assert mode(first) == 0o700


def test_the_user_s_runtime_folder(tmp_path: Path, state_file: Path) -> None:
    """Without systemd's: a folder of our own in the user's, made closed whatever the umask."""
    before = os.umask(0)
    try:
        found = find_folder(state_file, {"XDG_RUNTIME_DIR": str(tmp_path)})
    finally:
        os.umask(before)
    assert found == tmp_path / "syncd"
    assert mode(found) == 0o700


def test_the_user_s_runtime_folder_without_a_variable(
    tmp_path: Path, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cron has no XDG_RUNTIME_DIR, but the folder is there."""
    mine = tmp_path / "user" / str(os.geteuid())
    mine.mkdir(parents=True)
    monkeypatch.setattr(places, "RUNTIME_FOLDERS", tmp_path / "user")
    assert find_folder(state_file, {}) == mine / "syncd"


def test_the_state_folder_where_all_else_fails(state_file: Path) -> None:
    """A folder of its own there: the state folder keeps the rights that it has."""
    assert find_folder(state_file, {"XDG_RUNTIME_DIR": "", "RUNTIME_DIRECTORY": ""}) == (
        state_file.parent / "run"
    )
    assert mode(state_file.parent / "run") == 0o700
    assert mode(state_file.parent) == 0o755


@pytest.mark.parametrize("what", ["link", "file", "missing", "relative"])
def test_what_is_no_folder_of_ours_is_passed_over(tmp_path: Path, state_file: Path, what: str) -> None:
    """A link may lead into another's folder, a variable anywhere."""
    named = tmp_path / "runtime"
    if what == "link":
        (tmp_path / "elsewhere").mkdir()
        named.symlink_to(tmp_path / "elsewhere")
    elif what == "file":
        named.touch()
    given = {"missing": "/nonexistent/runtime", "relative": "runtime"}.get(what, str(named))
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        assert find_folder(state_file, {name: given}) == state_file.parent / "run"


@root_only
def test_another_s_folder_is_passed_over(tmp_path: Path, state_file: Path) -> None:
    """Under sudo the variable may still name the caller's folder."""
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o777)
    os.chown(theirs, 12345, 12345)
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        assert find_folder(state_file, {name: str(theirs)}) == state_file.parent / "run"


@root_only
def test_a_folder_that_another_made_in_ours_is_not_used(tmp_path: Path, state_file: Path) -> None:
    """Of our name, in our runtime folder, but not ours."""
    (tmp_path / "syncd").mkdir()
    os.chown(tmp_path / "syncd", 12345, 12345)
    assert find_folder(state_file, {"XDG_RUNTIME_DIR": str(tmp_path)}) == state_file.parent / "run"


def test_no_folder_at_all(tmp_path: Path) -> None:
    """Then there is none, and no error."""
    (tmp_path / "state").touch()
    assert find_folder(tmp_path / "state" / "state.sqlite", {}) is None


def test_a_name_for_each_state_file(tmp_path: Path, state_file: Path) -> None:
    """Short, another for another file, the same by whatever way."""
    (tmp_path / "way").symlink_to(state_file.parent)
    assert socket_name(tmp_path / "way" / "state.sqlite") == socket_name(state_file)
    assert socket_name(tmp_path / "other" / "state.sqlite") != socket_name(state_file)
    assert len(socket_name(state_file)) < 30


@pytest.mark.parametrize("length", [1, 60, 200])
def test_a_path_of_any_length_can_be_listened_on(tmp_path: Path, length: int) -> None:
    """An address holds 107 bytes, a state folder may be far deeper; names need not be text."""
    folder = tmp_path / ("x" * length) / os.fsdecode(b"\xff")
    folder.mkdir(parents=True)
    descriptors = set(Path("/proc/self/fd").iterdir())
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with address(folder / "the.sock") as given:
            server.bind(given)
        server.listen()
        link_beside(folder / "state.sqlite").symlink_to(folder / "the.sock")
        with address(link_beside(folder / "state.sqlite")) as given:
            client.connect(given)
    assert stat.S_ISSOCK((folder / "the.sock").stat().st_mode)
    assert set(Path("/proc/self/fd").iterdir()) <= descriptors
