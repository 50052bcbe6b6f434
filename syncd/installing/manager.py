"""The systemd of this account: found or refused with what to do instead, asked and told through `systemctl --user`."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from syncd.errors import ConfigError, ExitCode, SyncdError

PATIENCE = 180.0
"""Seconds that a call may take: longer than a unit of ours may take to start."""

SETTLING = 10.0
"""Seconds that a service may take to say how its first look goes."""

_BEGINNINGS = ("starting", "looking", "Looking", " ")

LINGERING = Path("/var/lib/systemd/linger")
"""Has a file for each account whose units run without anybody being logged in."""

RUNTIME_FOLDERS = Path("/run/user")

_AS_ROOT = "this installs a service of the account that it is called by, and root's own is not where family photos belong"
_NOT_ROOT = (
    "call it as the user whose photos they are, without sudo; for a server on which nobody is logged in there is a unit of "
    "the whole system, see docs/service.md"
)


class ServiceError(SyncdError):
    """systemd does not do what it is asked."""

    exit_code = ExitCode.PROBLEMS


@dataclass(frozen=True, slots=True)
class Standing:
    """How a unit is.

    Args:
        active: systemd's word: `active`, `activating`, `failed`, `inactive`, …
        enabled: whether it starts by itself.
        status: what it says of itself.
        result: why it ended: `success`, `exit-code`, `watchdog`, …
        exit_code: of its process, if that ended by itself.
    """

    active: str
    enabled: bool
    status: str
    result: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Manager:
    """The systemd of this account.

    Args:
        environ: how it is reached.
        version: its version, e.g. 252.
        variables: the environment of what it starts.
    """

    environ: Mapping[str, str] = field(repr=False)
    version: int
    variables: Mapping[str, str] = field(repr=False)

    @classmethod
    def find(cls, environ: Mapping[str, str], cron_line: str) -> Self:
        """The one that runs for this account.

        Args:
            environ: the environment.
            cron_line: what to do where there is none.

        Raises:
            ConfigError: there is none, or it is root who asks.
        """
        if os.geteuid() == 0:
            raise ConfigError(_AS_ROOT, _NOT_ROOT)
        instead = f"let cron run it instead (crontab -e): {cron_line}"
        if shutil.which("systemctl", path=environ.get("PATH")) is None:
            raise ConfigError("this computer has no systemd", instead)
        environ = {
            **_harmless(environ),
            **_runtime_folder(environ),
            "LC_ALL": "C.UTF-8",
            "SYSTEMD_COLORS": "0",
        }
        shown = _call(["systemctl", "--user", "show-environment"], environ)
        if shown.returncode:
            raise ConfigError(
                f"the systemd of this account cannot be reached ({_last_line(shown.stderr)})",
                f"log in as this user directly, not with su or sudo; where there is no such systemd, {instead}",
            )
        version = re.match(r"systemd (\d+)", _call(["systemctl", "--version"], environ).stdout)
        return cls(environ, int(version[1]) if version else 0, _variables(shown.stdout))

    @property
    def folder(self) -> Path:
        """Where the account's own units are."""
        base = self.variables.get("XDG_CONFIG_HOME", "")
        return (Path(base) if base.startswith("/") else _home() / ".config") / "systemd" / "user"

    @property
    def lingers(self) -> bool:
        """Whether units run while nobody is logged in."""
        return (LINGERING / pwd.getpwuid(os.getuid()).pw_name).exists()

    def reload(self) -> None:
        """Let it read the units again.

        Raises:
            ServiceError: it does not want to.
        """
        self._tell("daemon-reload")

    def start(self, unit: str, *, again: bool) -> bool:
        """Enable a unit and start it, or start it again; returns whether systemd says that it is up.

        Raises:
            ServiceError: it cannot be enabled.
        """
        self._tell("enable", unit)
        _call(["systemctl", "--user", "reset-failed", unit], self.environ)
        started = _call(["systemctl", "--user", "restart" if again else "start", unit], self.environ)
        return started.returncode == 0

    def have_read_again(self, unit: str) -> None:
        """Have what runs read its configuration again; one that is starting or ending is left alone."""
        _call(["systemctl", "--user", "reload", unit], self.environ)

    def stop(self, units: Sequence[str]) -> None:
        """Stop and disable units; those that are not there are no trouble."""
        for unit in units:
            for word in (["stop"], ["disable", "--quiet"], ["reset-failed"]):
                _call(["systemctl", "--user", *word, unit], self.environ)

    def standing(self, unit: str) -> Standing:
        """How a unit is."""
        names = "ActiveState,UnitFileState,StatusText,Result,ExecMainStatus"
        shown = _call(["systemctl", "--user", "show", f"--property={names}", unit], self.environ).stdout
        found = dict(line.partition("=")[::2] for line in shown.splitlines())
        code = found.get("ExecMainStatus", "0")
        return Standing(
            active=found.get("ActiveState", "unknown"),
            enabled=found.get("UnitFileState", "").startswith("enabled"),
            status=found.get("StatusText", ""),
            result=found.get("Result", ""),
            exit_code=int(code) if code.isdigit() else 0,
        )

    def settled(self, unit: str) -> Standing:
        """How a unit is once it says more of itself than that it begins, or reads its configuration again.

        What is wrong shows soon after the start.
        """
        end = time.monotonic() + SETTLING
        while True:
            found = self.standing(unit)
            begins = found.active == "active" and found.status.startswith(_BEGINNINGS)
            if not (begins or found.active == "reloading") or time.monotonic() > end:
                return found
            time.sleep(0.1)

    def last_words(self, unit: str, since: float, lines: int = 8) -> Sequence[str]:
        """The last lines that a unit wrote since a moment (Unix seconds); none where they cannot be read."""
        command = ["journalctl", "--user", f"--user-unit={unit}", f"--since=@{since:.0f}"]
        command += [f"--lines={lines}", "--output=cat", "--no-pager", "--quiet"]
        if shutil.which("journalctl", path=self.environ.get("PATH")) is None:
            return ()
        return tuple(line for line in _call(command, self.environ).stdout.splitlines() if line.strip())

    def _tell(self, *words: str) -> None:
        done = _call(["systemctl", "--user", *words], self.environ)
        if done.returncode:
            raise ServiceError(
                f"systemd does not do what it is asked (systemctl --user {' '.join(words)}): {_last_line(done.stderr)}",
                "call that command by yourself to see more",
            )


def _call(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _harmless(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment without what is ours or S3's: passwords and keys are nobody else's business."""
    return {name: value for name, value in environ.items() if not name.startswith(("SYNCD_", "AWS_"))}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def _home() -> Path:
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def _runtime_folder(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Where this account's systemd listens: `su` and `sudo` hand on another's, or none."""
    named = Path(environ.get("XDG_RUNTIME_DIR") or "/nowhere")
    mine = RUNTIME_FOLDERS / str(os.getuid())
    try:
        is_ours = named.stat().st_uid == os.getuid()
    except OSError:
        is_ours = False
    if is_ours or not mine.is_dir():
        return {}
    return {"XDG_RUNTIME_DIR": str(mine), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={mine}/bus"}


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _variables(shown: str) -> Mapping[str, str]:
    """The output of `show-environment`, whose values are as a shell takes them: plain, or as `$'…'`."""
    found = {}
    for line in shown.splitlines():
        name, _, value = line.partition("=")
        if value.startswith("$'") and value.endswith("'"):
            value = _ESCAPED.sub(lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), value[2:-1])
        found[name] = value
    return found
