"""What `deploy/` has besides systemd's units: the line for cron, and the service for compose."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from syncd.config import load_settings
from syncd.config.keys import all_variables

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose" / "syncd.yaml"
YAML = ROOT / ".lab/s3/bin/python"
"""A Python that has a reader of YAML."""


def composed(text: str) -> dict[str, Any]:
    """The compose file, read."""
    if not YAML.exists():
        pytest.skip("script/setup --lab installs what reads YAML")
    program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
    done = subprocess.run([YAML, "-c", program], input=text, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def with_bucket() -> str:
    """The compose file with what is there for a bucket taken in."""
    return re.sub(
        r"^( *)# ((?:SYNCD_S3|- s3|s3-secret|  file).*)$", r"\1\2", COMPOSE.read_text(), flags=re.MULTILINE
    )


def test_every_variable_sets_a_key() -> None:
    """No `SYNCD_…` in `deploy/` is misspelt, also not in a comment."""
    named = {
        name
        for path in DEPLOY.rglob("*")
        if path.is_file()
        for name in re.findall(r"\bSYNCD_[A-Z0-9_]+", path.read_text())
    }
    assert named
    assert named <= set(all_variables())


@pytest.mark.parametrize("bucket", [False, True])
def test_the_compose_service_is_configured(tmp_path: Path, *, bucket: bool) -> None:
    """What it sets is a whole configuration, with its secrets from files."""
    project = composed(with_bucket() if bucket else COMPOSE.read_text())
    service = project["services"]["syncd"]
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in service["secrets"]:
        assert project["secrets"][name]["file"] == f"./secrets/{name}"
        (secrets / name).write_text(f"secret of {name}")
    environ = {
        name: value.replace("/run/secrets", str(secrets)) for name, value in service["environment"].items()
    }
    settings = load_settings(None, {**environ, "HOME": str(tmp_path)})
    assert settings.gramps.password is not None
    assert settings.gramps.password.get_secret_value() == "secret of gramps-password"
    assert (settings.s3 is not None) is bucket
    if settings.s3 is not None:
        assert settings.s3.secret_access_key is not None
        assert settings.s3.secret_access_key.get_secret_value() == "secret of s3-secret-access-key"
    folders = {volume.partition(":")[2] for volume in service["volumes"]}
    assert folders == {str(settings.media_dir), str(settings.state_dir)}


def test_the_container_may_little() -> None:
    """It is no root, writes into its volumes alone, and is given the time to stop that it needs."""
    service = composed(COMPOSE.read_text())["services"]["syncd"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["stop_grace_period"] == "10s"
    assert "\nUSER ${OWNER}\n" in (DEPLOY / "compose/Dockerfile").read_text()


def test_the_image_is_built_of_what_is_there() -> None:
    """What the recipe copies exists and is not ignored; packages come by hash, and no host is named."""
    recipe = (DEPLOY / "compose/Dockerfile").read_text()
    ignored = (DEPLOY / "compose/Dockerfile.dockerignore").read_text().splitlines()
    sources = re.findall(r"^COPY (\S+) ", recipe, re.MULTILINE)
    assert sources == ["requirements/runtime.txt", "syncd"]
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert "--require-hashes -r /tmp/runtime.txt" in recipe
    assert "://" not in recipe
    service = composed(COMPOSE.read_text())["services"]["syncd"]
    assert service["build"]["dockerfile"] == "deploy/compose/Dockerfile"


def test_the_line_for_cron() -> None:
    """One line that cron understands: five fields and the quiet run."""
    lines = [
        line for line in (DEPLOY / "cron/syncd").read_text().splitlines() if line and not line.startswith("#")
    ]
    (line,) = lines
    assert re.fullmatch(r"\*/5 \* \* \* \*  .*\$HOME/\.local/bin/syncd --once -q", line)
    assert "%" not in line  # cron makes a line end of it
