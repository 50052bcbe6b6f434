"""Which command ends or restarts another process: its unit's, or `kill`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from syncd.supervised import command_to, how_to_restart, how_to_stop

USER = "/user.slice/user-1000.slice/user@1000.service/app.slice"


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `/proc` in which systemd is process 1, and the account's own process 5."""
    put(tmp_path, 1, "systemd", 0, "/init.scope")
    put(tmp_path, 5, "systemd", 1, "/user.slice/user-1000.slice/user@1000.service/init.scope")
    put(tmp_path, 6, "cron", 1, "/system.slice/cron.service")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path


def put(proc: Path, pid: int, name: str, parent: int, group: str) -> None:
    """A process."""
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "comm").write_text(f"{name}\n")
    (folder / "status").write_text(f"Name:\t{name}\nPid:\t{pid}\nPPid:\t{parent}\n")
    (folder / "cgroup").write_text(f"0::{group}\n")


@pytest.mark.parametrize(
    ("parent", "group", "expected"),
    [
        (5, f"{USER}/syncd.service", "systemctl --user restart syncd"),
        (5, f"{USER}/app-syncd.slice/syncd@smith.service", "systemctl --user restart syncd@smith"),
        (1, "/system.slice/syncd.service", "sudo systemctl restart syncd"),
        (6, "/system.slice/cron.service", None),  # cron's run, not cron
        (5, f"{USER}/app-terminal-7.scope", None),
        (1, "/", None),  # a container
        (77, f"{USER}/syncd.service", None),  # its parent has just ended
    ],
)
def test_the_command_of_a_unit(proc: Path, parent: int, group: str, expected: str | None) -> None:
    """Whoever systemd started itself, and only they, are ended and started by systemd."""
    put(proc, 40, "syncd", parent, group)
    assert command_to("restart", 40, proc) == expected


def test_root_needs_no_sudo(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is root already."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    put(proc, 40, "syncd", 1, "/system.slice/syncd.service")
    assert command_to("stop", 40, proc) == "systemctl stop syncd"


def test_a_process_that_nothing_is_known_of(proc: Path) -> None:
    """It is only a process; 0 not even that."""
    assert command_to("stop", 40, proc) is None
    assert how_to_stop(2**30) == f"kill {2**30}"
    assert how_to_restart(2**30) == f"restart the daemon: kill {2**30}, and start it again"
    assert how_to_restart(0) == "restart the daemon"
    assert how_to_stop(os.getpid()) == f"kill {os.getpid()}"
