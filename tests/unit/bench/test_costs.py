"""What a command costs, as the measurements have it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.costs import TIME, Cost, median_of, run
from lab.process import LabError

needs_time = pytest.mark.skipif(
    not Path(TIME).exists(), reason="GNU time is missing: script/setup --bench installs it"
)


def python(code: str, folder: Path, ok: tuple[int, ...] = (0,)) -> Cost:
    """What a bit of Python costs."""
    return run([sys.executable, "-I", "-S", "-c", code], env={}, cwd=folder, ok=ok).cost


@needs_time
def test_waiting_is_time_and_no_work(tmp_path: Path) -> None:
    """The clock on the wall goes on while a command sleeps, its processor time does not."""
    cost = python("import time; time.sleep(0.5)", tmp_path)
    assert cost.seconds >= 0.5
    assert cost.cpu_seconds is not None
    assert cost.cpu_seconds < 0.4


@needs_time
def test_what_its_children_do_counts(tmp_path: Path) -> None:
    """A program cannot look cheap by having another one work."""
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    cost = python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])", tmp_path)
    assert cost.cpu_seconds is not None
    assert cost.cpu_seconds >= 0.3


@needs_time
def test_its_memory_and_not_ours(tmp_path: Path) -> None:
    """Memory is in millions of bytes, and that of the command: this process has far more than a small one needs."""
    small, large = (python(f"b'x' * {size}", tmp_path).mb for size in (1, 80_000_000))
    assert small is not None
    assert large is not None
    assert small < 40
    assert 80 <= large - small + 1 < 100


@needs_time
def test_a_command_that_fails(tmp_path: Path) -> None:
    """It is no measurement: what it said is told, unless that exit code is one that may be."""
    code = "import sys; print('half'); sys.exit('no room left')"
    with pytest.raises(LabError, match=r"ended with 1\n(.|\n)*half\n(.|\n)*no room left"):
        python(code, tmp_path)
    assert python(code, tmp_path, ok=(0, 1)).seconds > 0


def test_medians() -> None:
    """Each figure's by itself; what was never told apart stays unknown."""
    costs = [Cost(1, 0.9, 50), Cost(9, 0.1, 70), Cost(2, 0.2, 10)]
    assert median_of(costs) == Cost(2, 0.2, 50)
    assert median_of([Cost(3), Cost(5)]) == Cost(4, None, None)


@needs_time
def test_python_may_keep_what_it_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the caller's environment says: a program that compiles itself in each run is not what people have installed."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("AWS_PROFILE", "somebody's")
    (tmp_path / "module.py").write_text("")
    code = "import os, sys; sys.path.insert(0, '.'); import module; print('AWS_PROFILE' in os.environ)"
    ran = run([sys.executable, "-S", "-c", code], env={}, cwd=tmp_path)
    assert [*tmp_path.glob("__pycache__/module.*.pyc")]
    assert ran.out.strip() == "False"
