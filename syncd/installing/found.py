"""Units that are there already: which configuration each is for. Nothing is asked of systemd, and nothing is written."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from syncd.config.sources import xdg_folder
from syncd.supervised import systemctl

_SYSTEM = Path("/etc/systemd/system/syncd.service")


@dataclass(frozen=True, slots=True)
class Found:
    """A unit that runs syncd.

    Args:
        path: its file.
        config: the configuration that it names; None: none, so that syncd finds the usual one.
    """

    path: Path
    config: Path | None

    @property
    def unit(self) -> str:
        """What is started: of a run every five minutes, its timer."""
        name = self.path.name
        return name.replace(".service", ".timer") if self.is_timer else name

    @property
    def instance(self) -> str:
        """The name of one of several; empty: the only one."""
        return self.path.stem.partition("@")[2]

    @property
    def is_timer(self) -> bool:
        """Whether it is a run every five minutes."""
        return self.path.name.startswith("syncd-once")

    @property
    def uninstall(self) -> str:
        """The command that takes it away."""
        return f"syncd uninstall-service{f' --name {self.instance}' if self.instance else ''}"


def found_units(folder: Path) -> Sequence[Found]:
    """The services in a folder of units, with or without a timer; templates are none."""
    paths = [*folder.glob("syncd.service"), *folder.glob("syncd@?*.service")]
    paths += [*folder.glob("syncd-once.service"), *folder.glob("syncd-once@?*.service")]
    return [Found(path, _config_of(path)) for path in sorted(paths)]


def unit_for(source: Path | None, environ: Mapping[str, str]) -> tuple[Found, str] | None:
    """The unit that a configuration has on this computer, and the command that starts it; None: it has none.

    Args:
        source: the configuration file; None: there is only the environment.
        environ: where the units of this account are.
    """
    base = xdg_folder(environ, "XDG_CONFIG_HOME", ".config")
    if base is None:
        return None
    usual = base / "syncd" / "syncd.toml"
    for one in found_units(base / "systemd" / "user"):
        if one.config == source or (source is not None and is_same(one.config or usual, source)):
            return one, systemctl("start", one.unit, is_own=True)
    whole = Found(_SYSTEM, _config_of(_SYSTEM)) if _SYSTEM.exists() else None
    if (
        whole is not None
        and source is not None
        and is_same(whole.config or Path("/etc/syncd/syncd.toml"), source)
    ):
        return whole, systemctl("start", whole.unit, is_own=False)
    return None


def _config_of(path: Path) -> Path | None:
    """The file after `--config` in a unit's command; what systemd would replace is taken for what `install` wrote it for."""
    with suppress(OSError, ValueError):
        for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            if line.startswith("ExecStart="):
                words = shlex.split(line.removeprefix("ExecStart="))
                if "--config" in words[:-1]:
                    named = words[words.index("--config") + 1]
                    return Path(named.replace("$$", "$").replace("%%", "%"))
    return None


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file or folder."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)
