"""What a command costs: time, processor time, memory; measured by GNU time, which is as good for any program."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from lab.process import LabError, plain_environment

TIME = "/usr/bin/time"
"""GNU time. A program that Python starts by itself would be said to have used at least Python's own memory."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took.

    Args:
        seconds: from its start to its end.
        cpu_seconds: of processor time, its children's included; None where that is not told apart.
        mb: the most memory that one of its processes had at a time, in millions of bytes; None likewise.
    """

    seconds: float
    cpu_seconds: float | None = None
    mb: float | None = None

    def __str__(self) -> str:
        cpu = "" if self.cpu_seconds is None else f", processor {self.cpu_seconds:.3f} s"
        return f"{self.seconds:.3f} s{cpu}" + ("" if self.mb is None else f", {self.mb:.0f} MB")


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: what it took, and what it said."""

    cost: Cost
    out: str


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    ok: Sequence[int] = (0,),
    seconds: float = 1800,
) -> Ran:
    """Run a command to its end, its output kept out of the way.

    It has the lab's environment and `env`. The caller's may forbid Python to keep what it compiles: syncd then compiled itself in
    each run, as no installed one does.

    Raises:
        LabError: its exit code is none of `ok`; what it said is quoted.
    """
    with tempfile.NamedTemporaryFile("r", prefix="cost-") as figures:
        begun = time.monotonic()
        done = subprocess.run(
            [TIME, "--quiet", "-f", "%U %S %M", "-o", figures.name, "--", *command],
            env={**plain_environment(), **env},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
        took = time.monotonic() - begun
        if done.returncode not in ok:
            raise LabError(
                f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            )
        user, system, kib = figures.read().split()[-3:]
    return Ran(Cost(took, float(user) + float(system), int(kib) * 1024 / 1e6), done.stdout)


def cost_of(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, ok: Sequence[int] = (0,)
) -> Cost:
    """What it took."""
    return run(command, env=env, cwd=cwd, ok=ok).cost


def median_of(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    cpu = [cost.cpu_seconds for cost in costs if cost.cpu_seconds is not None]
    mb = [cost.mb for cost in costs if cost.mb is not None]
    return Cost(
        median(cost.seconds for cost in costs), median(cpu) if cpu else None, median(mb) if mb else None
    )
