"""The systemd unit that another process of this computer is, for the commands that stop it or start it again.

Read from /proc; where that tells nothing, as in a container, the process is just a process.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_USERS = re.compile(r"/user@\d+\.service/")
_PARENT = re.compile(r"^PPid:\s*(\d+)$", re.MULTILINE)


def command_to(verb: str, pid: int, proc: Path = _PROC) -> str | None:
    """The command that has systemd `stop`, `start` or `restart` the unit whose main process this is.

    Args:
        verb: as systemctl has it.
        pid: the process.
        proc: the kernel's word on processes.

    Returns:
        `systemctl --user restart syncd`, or `sudo systemctl restart syncd` for one of the whole system; None: systemd
        did not start it.
    """
    group = ""
    with suppress(OSError, UnicodeDecodeError):
        # Below cron or a terminal, the unit is theirs.
        if _is_systemd(_parent_of(pid, proc), proc):
            group = (proc / str(pid) / "cgroup").read_text().strip().rpartition("\n")[2]
    unit = group.rpartition("/")[2]
    if not unit.endswith(".service"):
        return None
    return systemctl(verb, unit, is_own=_USERS.search(group) is not None)


def systemctl(verb: str, unit: str, *, is_own: bool) -> str:
    """The command for a unit of one's own account, or of the whole system."""
    whose = "systemctl --user" if is_own else "systemctl" if os.geteuid() == 0 else "sudo systemctl"
    return f"{whose} {verb} {unit.removesuffix('.service')}"


def how_to_stop(pid: int) -> str:
    """How a person ends a process of this computer."""
    return command_to("stop", pid) or f"kill {pid}"


def how_to_restart(pid: int) -> str:
    """What to do about a daemon that hangs, or is of another version; a process of 0 is not known."""
    command = command_to("restart", pid) if pid else None
    if command is not None:
        return f"restart the daemon: {command}"
    return f"restart the daemon: kill {pid}, and start it again" if pid else "restart the daemon"


def _parent_of(pid: int, proc: Path) -> int:
    found = _PARENT.search((proc / str(pid) / "status").read_text(errors="replace"))
    return int(found[1]) if found else 0


def _is_systemd(pid: int, proc: Path) -> bool:
    return pid > 0 and (proc / str(pid) / "comm").read_text().strip() == "systemd"
