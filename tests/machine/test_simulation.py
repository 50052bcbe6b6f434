"""The simulation itself: it replays call by call, it finds what is planted, and the engine passes a few seeds of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SIMULATE = Path(__file__).parents[2] / "script" / "simulate"


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `script/simulate`."""
    return subprocess.run(
        [SIMULATE, "--jobs", "1", *arguments], capture_output=True, text=True, timeout=250, check=False
    )


def test_it_passes() -> None:
    """Nothing is lost in the first seeds."""
    run = simulate("--seeds", "1-10")
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_same_seed_is_the_same_log() -> None:
    """Byte for byte, in another process; another seed is another story."""
    logs = [simulate("--seeds", seed, "--log").stdout.partition(" seeds in ")[0] for seed in ("3", "3", "4")]
    assert len(logs[0].splitlines()) > 200
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]


@pytest.mark.parametrize(
    ("defect", "seeds"),
    [
        ("sends-nothing", "6-7"),
        ("remembers-nothing", "1"),
        ("handles-by-chance", "356"),
        ("trusts-any-seal", "96"),
    ],
)
def test_what_is_planted_is_found(defect: str, seeds: str) -> None:
    """An engine with a defect breaks a promise, which the engine without it keeps."""
    broken = simulate("--seeds", seeds, "--no-shrink", "--plant", defect)
    assert broken.returncode == 1
    assert "seed " in broken.stdout
    assert simulate("--seeds", seeds).returncode == 0


def test_a_failing_seed_is_made_smaller() -> None:
    """It says how to replay the failure with fewer steps, and that fails, too."""
    found = simulate("--seeds", "6", "--plant", "sends-nothing").stdout
    (line,) = [line for line in found.splitlines() if line.startswith("replay:")]
    kept = line.split("--keep ")[1].split()[0]
    assert len(kept.split(",")) < 10
    assert simulate("--seeds", "6", "--keep", kept, "--plant", "sends-nothing").returncode == 1
