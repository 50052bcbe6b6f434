"""Which unit a configuration has already."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.installing import found as found_module
from syncd.installing.found import found_units, unit_for
from syncd.installing.units import Facts, Service, written


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account's configuration folder, on a computer without a unit of the whole system."""
    monkeypatch.setattr(found_module, "_SYSTEM", tmp_path / "etc" / "syncd.service")
    (tmp_path / "systemd" / "user").mkdir(parents=True)
    return tmp_path


def install(home: Path, service: Service, config: Path | None) -> None:
    """Write the units as `install-service` does."""
    facts = Facts(Path("/opt/syncd/.venv/bin/syncd"), config, Path("/nowhere"), (), 252)
    for name in service.units:
        (home / "systemd" / "user" / name).write_text(written(service, name, facts))


def command_for(home: Path, source: Path | None) -> tuple[str, str] | None:
    """The unit of a configuration, and how it is started."""
    found = unit_for(source, {"XDG_CONFIG_HOME": str(home)})
    return None if found is None else (found[0].unit, found[1])


def test_each_configuration_has_its_unit(home: Path) -> None:
    """By the file that the unit names; without one it is the usual."""
    usual, smith, odd = home / "syncd/syncd.toml", home / "syncd/smith.toml", home / "trees/100% $HOME's.toml"
    assert command_for(home, usual) is None
    install(home, Service(), None)
    install(home, Service("smith"), smith)
    install(home, Service("odd", timer=True), odd)
    assert command_for(home, usual) == ("syncd.service", "systemctl --user start syncd")
    assert command_for(home, None) == ("syncd.service", "systemctl --user start syncd")
    assert command_for(home, smith) == ("syncd@smith.service", "systemctl --user start syncd@smith")
    assert command_for(home, odd) == ("syncd-once@odd.timer", "systemctl --user start syncd-once@odd.timer")
    assert command_for(home, home / "syncd/other.toml") is None
    assert [one.uninstall for one in found_units(home / "systemd" / "user")] == [
        "syncd uninstall-service --name odd",
        "syncd uninstall-service",
        "syncd uninstall-service --name smith",
    ]


def test_the_unit_of_the_whole_system(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its own configuration, and for root to start."""
    unit, config = home / "etc" / "syncd.service", home / "etc" / "syncd.toml"
    unit.parent.mkdir()
    unit.write_text(f"[Service]\nExecStart=/opt/syncd --config {config}\n")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert command_for(home, config) == ("syncd.service", "sudo systemctl start syncd")
    assert command_for(home, home / "syncd" / "syncd.toml") is None


def test_a_unit_that_cannot_be_read_is_the_usual_one(home: Path) -> None:
    """It may be anything: a command that is broken, or bytes that are no text."""
    (home / "systemd/user/syncd.service").write_bytes(b'[Service]\nExecStart=syncd --config "\xff\n')
    assert command_for(home, home / "syncd/syncd.toml") == ("syncd.service", "systemctl --user start syncd")
