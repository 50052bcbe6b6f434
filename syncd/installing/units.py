"""The text of units: from the ones that come with the program to the ones of one installation.

Nothing is read but those, and nothing is written.

Invariant: what `written` made, `is_ours` knows again, down to the last character, and nothing else. So nothing is ever
overwritten or removed that a person wrote or changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from syncd.config.credentials import SYSTEMD

INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""What an instance may be called: a name of a file and of a unit, with nothing in it that either would escape."""

CREDENTIALS = tuple(SYSTEMD.values())
"""The names of the files with secrets."""

_BACK_OFF = 254
"""The first systemd whose pauses between restarts can grow."""

_MARK = re.compile(r"# Written by `syncd install-service` \(([0-9a-f]{16})\)\.")
_HEAD = """\
# `syncd uninstall-service{option}` removes it. Once it is changed by hand, neither command touches it any more: changes of your own
# belong into a drop-in (`systemctl --user edit {name}`).

"""


@dataclass(frozen=True, slots=True)
class Service:
    """What is to run.

    Args:
        instance: the name of one of several pairs of folder and tree; empty: the only one.
        timer: a run every five minutes instead of one that stays.
    """

    instance: str = ""
    timer: bool = False

    @property
    def units(self) -> tuple[str, ...]:
        """The names of its units; the first is the one that is enabled."""
        at = f"@{self.instance}" if self.instance else ""
        return (f"syncd-once{at}.timer", f"syncd-once{at}.service") if self.timer else (f"syncd{at}.service",)

    @property
    def other(self) -> Service:
        """The same in the other way, of which there should be only one."""
        return Service(self.instance, not self.timer)


@dataclass(frozen=True, slots=True)
class Facts:
    """What units need to know of this installation.

    Args:
        program: `syncd`.
        config: the configuration file to name; None: `syncd` finds it by itself.
        secrets: the folder with the secrets.
        found: which of `CREDENTIALS` are in there.
        systemd: its version.
    """

    program: Path
    config: Path | None
    secrets: Path
    found: Collection[str]
    systemd: int


def written(service: Service, name: str, facts: Facts) -> str:
    """The text of one of the service's units for this installation."""
    source = "syncd@.service" if name.startswith("syncd@") else re.sub("@[^/]*(?=[.])", "", name)
    text = files("syncd.installing").joinpath("systemd", source).read_text(encoding="utf-8")
    _, section, rest = text.partition("[Unit]\n")
    lines = (_filled_in(line, service, facts) for line in (section + rest).splitlines(keepends=True))
    option = f" --name {service.instance}" if service.instance else ""
    body = _HEAD.format(option=option, name=name) + "".join(lines)
    return f"# Written by `syncd install-service` ({_digest(body)}).\n{body}"


def is_ours(text: str) -> bool:
    """Whether a unit is as `written` made it, for whatever installation."""
    first, _, body = text.partition("\n")
    mark = _MARK.fullmatch(first)
    return mark is not None and mark[1] == _digest(body)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode(errors="surrogateescape")).hexdigest()[:16]


def _filled_in(line: str, service: Service, facts: Facts) -> str:
    """One line of the unit that comes with the program, as it is to be."""
    if line.startswith("ExecStart="):
        arguments = ["--once", "-q"] if service.timer else []
        arguments += ["--config", str(facts.config)] if facts.config is not None else []
        # Variables are replaced in arguments alone, so only there is a $ doubled.
        words = [quoted(str(facts.program)), *(quoted(word).replace("$", "$$") for word in arguments)]
        return f"ExecStart={' '.join(words)}\n"
    if line.startswith("#LoadCredential="):
        name = line.removeprefix("#LoadCredential=").partition(":")[0]
        # No quotes here: it is one value, and only % means something in it.
        path = str(facts.secrets / name).replace("%", "%%")
        return f"LoadCredential={name}:{path}\n" if name in facts.found else ""
    if line.startswith("Description=") and service.instance:
        return line.replace("(syncd)", "(syncd, %i)")
    if line.startswith("RestartSec=") and facts.systemd >= _BACK_OFF:
        return f"{line}RestartSteps=6\nRestartMaxDelaySec=30min\n"
    return line


def quoted(word: str) -> str:
    r"""A word of a command line as systemd reads one: in quotes where needed, with `%`, `"` and `\` meaning themselves."""
    safe = word.replace("%", "%%")
    if re.fullmatch(r"[\w@%+=:,./~$-]+", safe):
        return safe
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'
