"""What a run that finds nothing to do does not wait for: libraries that are slow to import, and needed only for work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.slow_imports import FOR_WORK

PROGRAM = """
import os, sys
from pathlib import Path
import syncd.cli.main
import syncd.cli.once
import syncd.once
from syncd import doorstep, log
from syncd.config import load_settings
from syncd.control.client import connect
from syncd.ignore import IgnoreRules
from syncd.observer.contents import Contents
from syncd.ports import MediaLocation
from syncd.rooms import Rooms

log.configure(environ={})
settings = load_settings(None, os.environ)
assert connect(settings.state_file) is None
IgnoreRules.load(settings.media_dir, settings.ignore)
rooms = Rooms(settings)
store = rooms._open_store(MediaLocation("media", "family/"))
rooms.catalog
before = sorted(sys.modules)
ACTION
print(*before)
print(*sorted(sys.modules))
"""


def imported(tmp_path: Path, action: str) -> tuple[set[str], set[str]]:
    """The modules that were imported before and after something was done in a fresh process."""
    (tmp_path / "media").mkdir()
    environ = {
        "HOME": str(tmp_path),
        "SYNCD_MEDIA_DIR": str(tmp_path / "media"),
        "SYNCD_STATE_DIR": str(tmp_path / "state"),
        "SYNCD_GRAMPS__URL": "http://127.0.0.1:9",
        "SYNCD_GRAMPS__TOKEN": "t",
        "SYNCD_S3__URL": "s3://media/family",
        "SYNCD_S3__ENDPOINT_URL": "http://127.0.0.1:9",
        "SYNCD_S3__ACCESS_KEY_ID": "a",
        "SYNCD_S3__SECRET_ACCESS_KEY": "b",
        "SYNCD_S3__REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("ACTION", action)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = done.stdout.splitlines()
    return set(before.split()), set(after.split())


@pytest.mark.parametrize(
    ("action", "needs"),
    [
        ("try:\n    store.sizes(['0' * 32])\nexcept Exception:\n    pass", {"obstore", "syncd.bucket", "asyncio"}),
        ("Path(settings.media_dir, '.syncdignore').write_text('*.psd')\nIgnoreRules.load(settings.media_dir, ())",
         {"pathspec"}),
        ("syncd.cycle.log.warning('a')", {"structlog"}),
        ("rooms.catalog._transport.patience = 0.2\ntry:\n    rooms.catalog.connect()\nexcept Exception:\n    pass",
         {"stamina", "tenacity"}),
    ],
    ids=["bucket", "patterns", "log", "retrying"],
)  # fmt: skip
def test_what_is_slow_to_import_comes_with_its_first_use(
    tmp_path: Path, action: str, needs: set[str]
) -> None:
    """All that a run at rest needs is imported, and none of what only work needs; that comes when there is work."""
    before, after = imported(tmp_path, action)
    assert "syncd.rooms" in before
    assert not set(FOR_WORK) & before
    assert needs <= after


def test_what_is_named_here_exists(tmp_path: Path) -> None:
    """The list names no module that was renamed: each can be imported."""
    _, after = imported(tmp_path, f"for name in {sorted(FOR_WORK)!r}:\n    __import__(name)")
    assert set(FOR_WORK) <= after


def test_a_look_at_everything_has_the_bucket_prepared_meanwhile(tmp_path: Path) -> None:
    """What lists it is imported in a thread, while Gramps Web is asked; a tree without a bucket needs none of it."""
    action = (
        "import threading; doorstep.expect_bucket(settings); "
        "[one.join(60) for one in threading.enumerate() if one.name == 'prepare']"
    )
    before, after = imported(tmp_path, action)
    assert "boto3.session" not in before
    assert {"boto3.session", "syncd.bucket.session"} <= after


def test_without_a_bucket_nothing_is_prepared(tmp_path: Path) -> None:
    """A server that keeps media on its own disk."""
    _before, after = imported(tmp_path, "doorstep.expect_bucket(settings.model_copy(update={'s3': None}))")
    assert "boto3.session" not in after
