"""How the systemd of an account is found, or refused; `systemctl` is a stand-in here, the real one is in tests/lab."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.installing import manager
from syncd.installing.manager import Manager, ServiceError

CRON = "*/5 * * * *  /home/anna/.local/bin/syncd --once -q"

ANSWERS = r"""#!/bin/sh
echo "$XDG_RUNTIME_DIR|$DBUS_SESSION_BUS_ADDRESS|$*" >> "$CALLS"
case "$*" in
    "--version") echo "systemd 255 (255.4-1ubuntu8)"; echo "+PAM +AUDIT" ;;
    *show-environment) cat <<END ;;
HOME=/home/anna
SYNCD_IGNORE=\$'*.psd it\\'s\\n'
XDG_CONFIG_HOME=$HOME/conf
END
    *daemon-reload) echo "Failed to reload: no" >&2; exit 1 ;;
esac
"""
SILENT = '#!/bin/sh\necho "Failed to connect to bus: No medium found" >&2\nexit 1\n'


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """An account that is not root's, with a `systemctl` that answers."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(manager, "RUNTIME_FOLDERS", tmp_path / "run")
    runtime = tmp_path / "run" / str(os.getuid())
    runtime.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    program(tmp_path, ANSWERS)
    return {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CALLS": str(tmp_path / "calls"),
        "XDG_RUNTIME_DIR": str(runtime),
    }


def program(folder: Path, text: str) -> None:
    """Put a `systemctl` there."""
    (folder / "bin/systemctl").write_text(text)
    (folder / "bin/systemctl").chmod(0o755)


def test_the_one_that_answers(environ: Mapping[str, str], tmp_path: Path) -> None:
    """Its version, the environment of what it starts, and the folder of the account's units are known."""
    found = Manager.find(environ, CRON)
    assert found.version == 255
    assert found.variables["HOME"] == "/home/anna"
    assert found.variables["SYNCD_IGNORE"] == "*.psd it's\n"
    assert found.folder == tmp_path / "conf/systemd/user"
    assert "hunter2" not in repr(Manager({"SYNCD_GRAMPS__PASSWORD": "hunter2"}, 255, {"X": "hunter2"}))


def test_no_secret_is_handed_on(environ: Mapping[str, str], tmp_path: Path) -> None:
    """Passwords and keys that syncd has from its environment are not in that of the programs that it calls."""
    program(tmp_path, ANSWERS.replace("#!/bin/sh\n", f"#!/bin/sh\nenv >>{tmp_path}/handed-on\n"))
    secrets = {
        "SYNCD_GRAMPS__PASSWORD": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "SYNCD_S3__SESSION_TOKEN": "hunter2",
    }
    Manager.find({**environ, **secrets}, CRON)
    handed_on = (tmp_path / "handed-on").read_text()
    assert "PATH=" in handed_on
    assert "hunter2" not in handed_on


@pytest.mark.parametrize("inherited", [None, "/nowhere"])
def test_after_su_or_sudo(environ: Mapping[str, str], tmp_path: Path, inherited: str | None) -> None:
    """These hand on another account's runtime folder, or none; the account's own is used if there is one."""
    given = {name: value for name, value in environ.items() if name != "XDG_RUNTIME_DIR"}
    Manager.find(given | ({} if inherited is None else {"XDG_RUNTIME_DIR": inherited}), CRON)
    mine = environ["XDG_RUNTIME_DIR"]
    first = (tmp_path / "calls").read_text().splitlines()[0]
    assert first == f"{mine}|unix:path={mine}/bus|--user show-environment"


def test_root_is_told_whose_business_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service of root's own account is never what was meant."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ConfigError, match="family photos") as told:
        Manager.find({"PATH": os.environ["PATH"]}, CRON)
    assert "without sudo" in told.value.remedy
    assert "docs/service.md" in told.value.remedy


def test_without_systemd_cron_does_it(environ: Mapping[str, str], tmp_path: Path) -> None:
    """The line for cron is said where there is no systemd."""
    with pytest.raises(ConfigError, match="no systemd") as told:
        Manager.find({**environ, "PATH": str(tmp_path / "empty")}, CRON)
    assert told.value.remedy == f"let cron run it instead (crontab -e): {CRON}"


def test_where_it_cannot_be_reached(environ: Mapping[str, str], tmp_path: Path) -> None:
    """In a container, or without a login: its own words, and both ways out."""
    program(tmp_path, SILENT)
    with pytest.raises(ConfigError, match=r"cannot be reached \(.*No medium found\)") as told:
        Manager.find(environ, CRON)
    assert "log in as this user directly" in told.value.remedy
    assert CRON in told.value.remedy


def test_what_it_refuses_is_told(environ: Mapping[str, str]) -> None:
    """With the command, to be tried by hand."""
    with pytest.raises(ServiceError, match=r"systemctl --user daemon-reload\): Failed to reload: no"):
        Manager.find(environ, CRON).reload()


@pytest.mark.parametrize(
    ("first", "status"), [("reloading", "in step"), ("reloading", "starting"), ("active", "starting")]
)
def test_how_it_is_is_told_once_it_knows_itself(
    environ: Mapping[str, str], tmp_path: Path, first: str, status: str
) -> None:
    """A service that reads its configuration again, or only begins, is asked once more."""
    found = Manager.find(environ, CRON)
    program(
        tmp_path,
        f"""#!/bin/sh
        if [ -e "$HOME/asked" ]
            then echo ActiveState=active; echo StatusText=in step
            else echo ActiveState={first}; echo StatusText={status}; touch "$HOME/asked"
        fi
        """,
    )
    standing = found.settled("syncd.service")
    assert (standing.active, standing.status) == ("active", "in step")
