"""What the scripts of `script/` say of themselves, and what they refuse, before they install or do anything."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "script").iterdir())
PARSED = {
    "bench": "bench.__main__",
    "fuzz": "tests.fuzz.__main__",
    "kill-everywhere": "lab.kill_everywhere",
    "lying-network": "lab.lying.__main__",
    "power-loss": "lab.power_loss",
    "simulate": "sim.__main__",
    "soak": "lab.soak.__main__",
}
"""Scripts whose arguments a module takes apart, in `asked_for`."""


def call(script: Path, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    return subprocess.run(
        [script, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_help(name: str, tmp_path: Path) -> None:
    """A sentence and how it is called, where nothing is installed yet and nothing is there but the scripts."""
    shutil.copytree(ROOT / "script", tmp_path / "script")
    if name == "mutate":  # in Python; how it ends is the lab's
        (tmp_path / "lab").symlink_to(ROOT / "lab")
    before = sorted(tmp_path.rglob("*"))
    for arguments in (["--help"], ["something", "-h"]):
        run = call(tmp_path / "script" / name, *arguments)
        assert (run.returncode, run.stderr) == (0, "")
        assert re.search(r"^[A-Z].{20,}[.:]", run.stdout, re.MULTILINE)
        assert f"script/{name}" in run.stdout
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, ["--bogus"]) for name in SCRIPTS if name not in PARSED.keys() - {"power-loss"}),
        ("demo", ["--keep", "bogus"]),
        ("lint", ["--fix", "bogus"]),
        ("lock", ["--upgrade", "bogus"]),
        ("mutate", ["bogus"]),
        ("power-loss", ["day", "bogus"]),
        ("setup", ["--lab", "bogus"]),
        ("test", ["tests/bogus"]),
    ],
    ids=str,
)
def test_what_it_does_not_know(name: str, arguments: list[str]) -> None:
    """It is refused as wrong usage (2), and named, before anything is done."""
    run = call(ROOT / "script" / name, *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert arguments[-1] in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, ["--bogus"]) for name in PARSED),
        ("bench", ["bogus"]),
        ("bench", ["download", "--rounds", "0"]),
        ("bench", ["--check", "growth"]),
        ("fuzz", ["bogus"]),
        ("kill-everywhere", ["bogus"]),
        ("kill-everywhere", ["--points", "bogus"]),
        ("lying-network", ["--part", "bogus"]),
        ("lying-network", ["--part", "3/2"]),
        ("lying-network", ["--only", "bogus"]),
        ("simulate", ["--seeds", "bogus"]),
        ("simulate", ["--keep", "0,bogus"]),
        ("simulate", ["bogus"]),
        ("soak", ["--server", "bogus"]),
    ],
    ids=str,
)
def test_what_its_module_does_not_know(
    name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As above, without a process for each."""
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(SystemExit) as end:
        importlib.import_module(PARSED[name]).asked_for()
    assert end.value.code == 2
    assert arguments[-1] in capsys.readouterr().err


@pytest.mark.parametrize("name", PARSED)
def test_it_is_asked_what_it_knows_before_anything_is_installed(name: str) -> None:
    """The servers of the lab come last; and each of these ends quietly where nobody reads what it prints."""
    steps = (ROOT / "script" / name).read_text().splitlines()
    installs = [number for number, line in enumerate(steps) if "setup --lab" in line]
    asks = [number for number, line in enumerate(steps) if "asked_for()" in line]
    assert all(asks and asks[0] < number for number in installs)
    source = importlib.import_module(PARSED[name]).__file__
    assert source is not None
    assert "sys.exit(code_of(main))" in Path(source).read_text()


@pytest.mark.parametrize("name", PARSED)
def test_the_help_has_each_option(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a script prints, which works before anything is installed, leaves out nothing that its module knows."""
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module(PARSED[name]).asked_for()
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert known <= set(re.findall(r"--[a-z-]+", call(ROOT / "script" / name, "--help").stdout))


def test_a_situation_that_there_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that there are are named, by `--help` as well."""
    from lab.power_loss import asked_for
    from lab.situations import SITUATIONS

    monkeypatch.setattr(sys, "argv", ["power-loss", "bogus"])
    with pytest.raises(SystemExit):
        asked_for()
    told, explained = capsys.readouterr().err, call(ROOT / "script" / "power-loss", "--help").stdout
    assert all(one.name in told and one.name in explained for one in SITUATIONS)


@pytest.mark.parametrize(
    ("name", "argument"), [*((name, "--help") for name in SCRIPTS), ("fuzz", "--list"), ("mutate", "--list")]
)
def test_nobody_reads_what_it_prints(name: str, argument: str) -> None:
    """As before `head`, which has seen enough: it ends, and says nothing of that."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = call(ROOT / "script" / name, argument, stdout=writer)
    finally:
        os.close(writer)
    assert run.stderr == ""
    assert run.returncode in (0, 141, -13)
