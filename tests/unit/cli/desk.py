"""The command line over a real configuration and a real state; what a run does is made up by the tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from syncd.cli.main import run
from syncd.config import Settings
from syncd.model.plan import Outcome
from syncd.state import State


class Strict(BaseModel):
    """Nothing missing, nothing more, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Reason(Strict):
    """Why, and what to do."""

    reason: str
    remedy: str


class Counts(Strict):
    """How many of each kind."""

    uploaded: int
    fetched: int
    copied: int
    added: int
    updated: int
    moved: int
    linked: int
    trashed: int
    deleted: int
    unchanged: int
    waiting: int


class Action(Strict):
    """Something that was done."""

    kind: str
    path: str
    handle: str | None
    checksum: str | None
    size: int | None
    why: str


class Conflict(Strict):
    """A file of which both versions are kept."""

    path: str
    kept_as: str | None
    handle: str


class Problem(Strict):
    """An item that could not be done."""

    path: str | None
    handle: str | None
    reason: str
    remedy: str


class Waiting(Strict):
    """An item that time settles."""

    path: str
    handle: str | None
    reason: str


class Notice(Strict):
    """A decision worth reading."""

    path: str
    handle: str | None
    text: str


class Held(Strict):
    """An item that waits."""

    id: int
    kind: str
    path: str
    handle: str
    reason: str


class Took(Strict):
    """A part of a run."""

    name: str
    seconds: float
    files: int
    size: int


class Document(Strict):
    """The contract's document."""

    version: int
    exit_code: int
    dry_run: bool
    error: Reason | None
    stop: Reason | None
    counts: Counts
    bytes_up: int
    bytes_down: int
    actions: list[Action]
    conflicts: list[Conflict]
    problems: list[Problem]
    held: list[Held]
    waiting: list[Waiting]
    notices: list[Notice]
    phases: list[Took]
    seconds: float


@dataclass
class Answer:
    """What one invocation left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one document on standard output, and nothing besides."""
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1
        assert self.out.isascii()
        found: dict[str, Any] = json.loads(self.out)
        assert found["exit_code"] == self.code
        return found


@dataclass
class Desk:
    """A desktop with a real configuration and a real state; only the run itself is made up."""

    home: Path
    capture: pytest.CaptureFixture[str]
    outcome: Outcome | BaseException = field(default_factory=Outcome)
    part: Outcome | None = None
    """What a run did before it failed."""
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.home / "syncd.toml"

    @property
    def media(self) -> Path:
        """The media folder."""
        return self.home / "media"

    @property
    def state_file(self) -> Path:
        """The state file."""
        return self.home / "state" / "state.sqlite"

    def syncd(self, *arguments: str) -> Answer:
        """Run one command in this process."""
        self.capture.readouterr()
        code = run(arguments)
        out, err = self.capture.readouterr()
        return Answer(code, out, err)

    def state(self) -> State:
        """The state, open for writing."""
        return State.open(self.state_file)

    def run_once(self, _settings: Settings, **asked: Any) -> Outcome:
        """What stands in for a run."""
        self.asked.append(asked)
        if isinstance(self.outcome, BaseException):
            if self.part is not None:
                asked["begun"](lambda: self.part)
            raise self.outcome
        return self.outcome


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """A desktop that is set up."""
    desk = Desk(tmp_path, capsys)
    desk.media.mkdir()
    write_config(desk.home)
    once = ModuleType("syncd.once")
    vars(once)["run_once"] = desk.run_once
    monkeypatch.setitem(sys.modules, "syncd.once", once)
    for name in list(os.environ):
        if name.startswith(("SYNCD_", "AWS_", "GRAMPSWEB_", "_SYNCD")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SYNCD_CONFIG", str(desk.config))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return desk


def write_config(home: Path, **more: str) -> None:
    """A configuration for `home`, readable by its owner alone; `more` goes in as sections."""
    config = home / "syncd.toml"
    config.touch(mode=0o600)
    config.write_text(
        f"""media_dir = "{home}/media"
state_dir = "{home}/state"

[gramps]
url = "http://127.0.0.1:9"
username = "editor"
password = "hunter2-secret"
"""
        + "".join(f"\n[{name}]\n{text}\n" for name, text in more.items())
    )
