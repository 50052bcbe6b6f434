"""What people would use instead, as one who wants speed would call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench.arena import Arena
from bench.costs import Cost, cost_of
from lab.gramps_web import PASSWORD
from lab.process import LAB, LabError
from lab.s3 import BIN as S3_BIN
from lab.s3 import REGION

BENCH = LAB / "bench"
RCLONE = S3_BIN / "rclone"
ADDON = Path(__file__).with_name("addon.py")


def s5cmd_program() -> Path:
    """The program itself: the package's command of that name is Python, which starts it."""
    found = next(BENCH.glob("lib/python*/site-packages/s5cmd/bin/s5cmd"), None)
    if found is None:
        raise LabError("s5cmd is missing: script/setup --bench installs it")
    return found


def addon(arena: Arena, what: str) -> Cost:
    """The sync addon's way to `send` or `fetch`, from a plain Python."""
    user = arena.world.tree.users["editor"]
    server = arena.world.server.url
    return arena.run(sys.executable, "-I", ADDON, what, server, user, PASSWORD, arena.folder).cost


def _rclone(arena: Arena) -> dict[str, str]:
    """Its settings, as environment."""
    return {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_LAB_TYPE": "s3",
        "RCLONE_CONFIG_LAB_PROVIDER": "Rclone",
        "RCLONE_CONFIG_LAB_ENDPOINT": arena.s3.url,
        "RCLONE_CONFIG_LAB_ACCESS_KEY_ID": arena.s3.access_key_id,
        "RCLONE_CONFIG_LAB_SECRET_ACCESS_KEY": arena.s3.secret_access_key,
        "RCLONE_CONFIG_LAB_REGION": REGION,
        "HOME": str(arena.base),
    }


def rclone_copy(arena: Arena, source: str | Path, target: str | Path) -> Cost:
    """`rclone copy` with 16 transfers; addresses of the bucket as `lab:bucket/…`."""
    options = ("--transfers", "16", "--checkers", "16", "--s3-no-check-bucket")
    return arena.run(RCLONE, "copy", source, target, *options, env=_rclone(arena)).cost


def s5cmd_copy(arena: Arena, source: str | Path, target: str | Path) -> Cost:
    """`s5cmd cp`; it takes a folder with a star."""
    return arena.run(
        s5cmd_program(), "--endpoint-url", arena.s3.url, "--log", "error", "cp", source, target
    ).cost


def aws_copy(arena: Arena, source: str | Path, target: str | Path) -> Cost:
    """`aws s3 cp --recursive`."""
    return arena.run(
        BENCH / "bin" / "aws", "s3", "cp", "--recursive", "--only-show-errors", source, target
    ).cost


class Bisync:
    """`rclone bisync` between two folders of this machine, which have been compared once."""

    def __init__(self, base: Path, one: Path, other: Path) -> None:
        self._base = base
        self._command: list[str | Path] = [RCLONE, "bisync", one, other, "--workdir", base / "bisync"]
        self._environment = {"RCLONE_CONFIG": "/dev/null", "HOME": str(base)}
        self.run("--resync")

    def run(self, *options: str) -> Cost:
        """Compare."""
        return cost_of([*self._command, *options], env=self._environment, cwd=self._base)


class Unison:
    """`unison` between two folders of this machine, which have been compared once."""

    def __init__(self, base: Path, one: Path, other: Path) -> None:
        self._base = base
        self._command: list[str | Path] = ["unison", one, other, "-batch", "-ui", "text", "-terse", "-auto"]
        self._environment = {"HOME": str(base), "UNISON": str(base / "unison")}
        self.run()

    def run(self) -> Cost:
        """Compare."""
        return cost_of(self._command, env=self._environment, cwd=self._base)


def md5sum(folder: Path, processes: int = 2) -> Cost:
    """Hash all files below a folder, as a shell does it."""
    script = (
        f"find . -path ./.syncd -prune -o -type f -print0 | xargs -0 -n 16 -P {processes} md5sum >/dev/null"
    )
    return cost_of(["sh", "-c", script], env=dict(os.environ), cwd=folder)


def versions() -> dict[str, str]:
    """Which versions of the others were here."""

    def first_line(*command: str | Path) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout or done.stderr).partition("\n")[0].strip()

    return {
        "rclone": first_line(RCLONE, "version"),
        "s5cmd": first_line(s5cmd_program(), "version"),
        "aws": first_line(BENCH / "bin" / "aws", "--version"),
        "unison": first_line("unison", "-version"),
        "md5sum": first_line("md5sum", "--version"),
    }
