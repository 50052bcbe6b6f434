"""The units of `deploy/systemd` on a machine that really boots: started, hung, reloaded, stopped, installed and taken away again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from lab import nspawn
from lab.gramps_web import PASSWORD
from lab.nspawn import PROGRAM, Machine
from lab.process import ROOT, wait_until
from lab.world import World, md5

DEPLOY = ROOT / "deploy" / "systemd"
FAMILY = "/home/anna/Pictures/family"
OWN = "/home/anna/Pictures/own"
UNITS = "/home/anna/.config/systemd/user"
CONFIG = "/home/anna/.config/syncd/syncd.toml"
BY_HAND = (
    *("env", "CREDENTIALS_DIRECTORY=/run/credentials/syncd.service"),
    *("syncd", "--config", "/etc/syncd/syncd.toml"),
)
"""How the server's syncd is asked something (`docs/service.md`)."""
LARGEST_EXPOSURE = 2.0


def configuration(media: str, state: str, login: str = "") -> str:
    """A configuration whose server does not answer: a service is up all the same."""
    return f"""media_dir = "{media}"
state_dir = "{state}"

[gramps]
url = "http://127.0.0.1:9"
username = "editor"
{login}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with Anna, whose photos the family shares, and the server's unit, set up as `docs/service.md` says."""
    reason = nspawn.lacking()
    if reason:
        pytest.skip(reason)
    with Machine(tmp_path_factory.mktemp("nspawn") / "machine") as booted:
        booted.run("ln", "-s", PROGRAM, "/usr/local/bin/syncd")
        booted.put("/etc/sysusers.d/syncd.conf", (DEPLOY / "system/syncd.sysusers").read_text())
        booted.run("systemd-sysusers")
        booted.add_user("anna", "family")
        booted.run("chmod", "0700", "/home/anna")
        booted.put("/home/anna/diary.txt", "nobody's business", owner="anna")
        booted.put(f"{OWN}/mine.jpg", "mine\n", owner="anna")
        booted.run("install", "-d", "-m", "2770", "-o", "anna", "-g", "family", FAMILY)
        booted.run("useradd", "--create-home", "otto")
        for name in ("syncd.service", "syncd.service.d/folder.conf"):
            booted.put(f"/etc/systemd/system/{name}", (DEPLOY / "system" / name).read_text())
        booted.run("systemctl", "daemon-reload")
        yield booted


@pytest.fixture
def server(machine: Machine) -> Iterator[Machine]:
    """The same, with a configuration for the server's unit, and nothing left of it in the end."""
    machine.put("/etc/syncd/syncd.toml", configuration(FAMILY, "/var/lib/syncd"))
    machine.put("/etc/credstore/syncd.gramps-password", PASSWORD, mode=0o600)
    yield machine
    machine.run("systemctl", "stop", "syncd")
    machine.run("systemctl", "reset-failed", "syncd", check=False)
    machine.run("sh", "-c", f"rm -rf /var/lib/syncd /etc/credstore {FAMILY}/* {FAMILY}/.syncd")


@pytest.fixture
def anna(machine: Machine) -> Iterator[Callable[..., Any]]:
    """Anna's `syncd`, with a good configuration and no service yet; call it with arguments."""
    machine.put(
        CONFIG,
        configuration(OWN, "/home/anna/.local/state/syncd", 'password = "hunter2-anna"'),
        "anna",
        0o600,
    )

    def syncd(*arguments: str, code: int = 0, **environ: str) -> Any:
        done = machine.run("syncd", *arguments, user="anna", check=False, environ=environ)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    yield syncd
    machine.run(
        "sh",
        "-c",
        "systemctl --user disable --now 'syncd*'; rm -rf ~/.config/systemd ~/.config/syncd",
        user="anna",
    )
    machine.run("systemctl", "--user", "daemon-reload", user="anna")


def standing(machine: Machine, unit: str, user: str = "root") -> Mapping[str, str]:
    """How a unit is."""
    return machine.properties(
        unit, "ActiveState", "StatusText", "MainPID", "NRestarts", "Result", "UnitFileState", user=user
    )


def start(machine: Machine) -> None:
    """Start the server's unit."""
    done = machine.run("systemctl", "start", "syncd", check=False)
    assert done.returncode == 0, log_of(machine, "syncd.service")


def log_of(machine: Machine, unit: str) -> str:
    """All that units of this name wrote, and systemd about them."""
    fields = (f"{name}={unit}" for name in ("_SYSTEMD_UNIT", "UNIT", "_SYSTEMD_USER_UNIT", "USER_UNIT"))
    words = " + ".join(fields).split()
    return machine.run("journalctl", "--no-pager", "--quiet", "--output=cat", *words).stdout


def test_systemd_has_nothing_to_say_against_the_units(machine: Machine, anna: Callable[..., Any]) -> None:
    """`systemd-analyze verify` is silent about each: no unknown key, nothing that is missing."""
    done = machine.run("systemd-analyze", "verify", "/etc/systemd/system/syncd.service")
    assert done.stdout + done.stderr == ""
    machine.run("mkdir", "-p", "/home/anna/.local/bin", user="anna")
    machine.run("ln", "-sf", PROGRAM, "/home/anna/.local/bin/syncd", user="anna")
    for path in sorted(DEPLOY.glob("syncd*")):
        machine.put(f"{UNITS}/{path.name}", path.read_text(), "anna")
    names = ["syncd.service", "syncd@smith.service", "syncd-once.service", "syncd-once.timer"]
    done = machine.run(
        "systemd-analyze", "--user", "verify", *(f"{UNITS}/{name}" for name in names), user="anna"
    )
    assert done.stdout + done.stderr == ""


def test_the_server_s_unit_is_hardly_exposed(machine: Machine) -> None:
    """The sandbox as systemd itself judges it, with the folder of the family in it."""
    done = machine.run(
        "systemd-analyze", "security", "--offline=yes", "--no-pager", "/etc/systemd/system/syncd.service"
    )
    found = re.search(r"Overall exposure level for syncd\.service: (\d+\.\d)", done.stdout)
    assert found, done.stdout
    assert float(found[1]) <= LARGEST_EXPOSURE


def test_the_server_s_unit_serves_the_family_and_sees_nothing_else(
    server: Machine, empty_world: World
) -> None:
    """With secrets of root's it carries photos both ways, for the family's group to read and write, and sees no other file."""
    world = empty_world
    assert world.bucket is not None
    for port in (world.server.port, world.bucket.server.port):
        server.reach(port)
    server.put("/etc/credstore/syncd.s3-secret-access-key", world.bucket.server.secret_access_key, mode=0o600)
    daemon = {"check_web_every": "1s", "settle": "0.3s"}
    world.configure(media_dir=FAMILY, state_dir="/var/lib/syncd", daemon=daemon)
    world.configure(gramps={"password": None}, s3={"secret_access_key": None})
    server.put("/etc/syncd/syncd.toml", world.config_file.read_text())
    server.run("sh", "-c", f"umask 022; echo mine > {FAMILY}/mine.jpg", user="anna")
    start(server)
    wait_until(lambda: world.catalog() == {"mine.jpg": md5(b"mine\n")}, "her photo to be in Gramps Web")
    server.run("sh", "-c", f"umask 022; echo more > {FAMILY}/more.jpg", user="anna")
    wait_until(lambda: world.catalog().get("more.jpg") == md5(b"more\n"), "the next one, too")
    world.api.create("album/theirs.jpg", b"theirs\n")
    theirs = f"{FAMILY}/album/theirs.jpg"
    wait_until(lambda: server.path(theirs).exists(), "the one from Gramps Web to be in the folder")
    wait_until(lambda: standing(server, "syncd")["StatusText"].startswith("in step"), "it to be at rest")

    assert server.run("stat", "--format=%U %G %a", theirs).stdout == "syncd family 660\n"
    server.run("sh", "-c", f"umask 022; echo hers > {theirs}", user="anna")
    wait_until(
        lambda: world.catalog()["album/theirs.jpg"] == md5(b"hers\n"), "her version to be in Gramps Web"
    )
    assert server.run("cat", theirs, user="otto", check=False).returncode != 0
    # Her own photo, replaced in Gramps Web, stays hers to change.
    world.api.replace(world.api.by_path()["mine.jpg"]["handle"], b"scanned anew\n")
    wait_until(lambda: server.path(f"{FAMILY}/mine.jpg").read_bytes() == b"scanned anew\n", "the new scan")
    wait_until(lambda: "mine.jpg" in world.catalog(), "its object to have its path again")
    server.run("sh", "-c", f"echo cropped > {FAMILY}/mine.jpg", user="anna")
    wait_until(
        lambda: world.catalog().get("mine.jpg") == md5(b"cropped\n"), "her version to be in Gramps Web"
    )
    # Of her home it sees that folder, and of other homes nothing.
    root = f"/proc/{standing(server, 'syncd')['MainPID']}/root"
    seen = server.run("find", f"{root}/home", f"{root}/root", f"{root}/run/user", "-type", "f").stdout.split()
    photos = [one for one in seen if not one.startswith(f"{root}{FAMILY}/.syncd/")]
    assert sorted(photos) == [
        f"{root}{FAMILY}/{name}" for name in ("album/theirs.jpg", "mine.jpg", "more.jpg")
    ]
    for path in ("/var/lib/syncd", "/run/syncd"):
        assert server.run("stat", "--format=%U %a", path).stdout == "syncd 700\n"
    # As the account of the unit its commands can be used, with the same secrets.
    document = json.loads(server.run(*BY_HAND, "status", "--json", user="syncd").stdout)
    assert document["daemon"] is not None
    assert document["links"] == 3
    begin = time.monotonic()
    server.run("systemctl", "stop", "syncd")
    assert time.monotonic() - begin < 5


def test_it_is_up_without_its_server_reads_its_configuration_again_and_stops_at_once(server: Machine) -> None:
    """It says what it waits for; `systemctl reload` is a word to the same process; stopping takes less than 5 seconds."""
    start(server)
    wait_until(lambda: "tries again by itself" in standing(server, "syncd")["StatusText"], "it to say so")
    before = standing(server, "syncd")
    assert before["ActiveState"] == "active"
    server.run("systemctl", "reload", "syncd")
    wait_until(lambda: "the configuration was read again" in log_of(server, "syncd.service"), "it to read it")
    assert standing(server, "syncd")["MainPID"] == before["MainPID"]
    good = configuration(FAMILY, "/var/lib/syncd")
    told = "the new configuration is not used"
    server.put("/etc/syncd/syncd.toml", good.replace("media_dir", "media_dri"))
    server.run("systemctl", "reload", "syncd")
    wait_until(lambda: told in standing(server, "syncd")["StatusText"], "the status to tell of the mistake")
    server.put("/etc/syncd/syncd.toml", good)
    server.run("systemctl", "reload", "syncd")
    wait_until(lambda: told not in standing(server, "syncd")["StatusText"], "the mistake to be over")
    assert standing(server, "syncd")["MainPID"] == before["MainPID"]
    begin = time.monotonic()
    server.run("systemctl", "stop", "syncd")
    assert time.monotonic() - begin < 5
    after = standing(server, "syncd")
    assert (after["ActiveState"], after["Result"]) == ("inactive", "success")


IMPATIENT = "[Service]\nWatchdogSec=3s\nTimeoutAbortSec=1s\nRestartSec=100ms\n"


@pytest.mark.parametrize("user", ["root", "anna"])
def test_a_hang_is_noticed_and_mended(server: Machine, anna: Callable[..., Any], user: str) -> None:
    """A process that gives no sign of life is ended and started again, on the server and in an account."""
    machine = server
    if user == "anna":
        anna("install-service", "-q")
        machine.put(f"{UNITS}/syncd.service.d/test.conf", IMPATIENT, "anna")
    else:
        machine.put("/run/systemd/system/syncd.service.d/test.conf", IMPATIENT)
    mine = ["systemctl", "--user"] if user == "anna" else ["systemctl"]
    machine.run(*mine, "daemon-reload", user=user)
    machine.run(*mine, "restart", "syncd", user=user)
    before = standing(machine, "syncd", user)
    machine.run("kill", "-STOP", before["MainPID"])

    def is_back() -> bool:
        now = standing(machine, "syncd", user)
        return now["ActiveState"] == "active" and now["MainPID"] != before["MainPID"]

    wait_until(is_back, "systemd to start it again", 30)
    assert int(standing(machine, "syncd", user)["NRestarts"]) >= 1
    assert "Watchdog timeout" in log_of(machine, "syncd.service")
    machine.run(*mine, "stop", "syncd", user=user)
    machine.run("rm", "-rf", "/run/systemd/system/syncd.service.d")
    machine.run("systemctl", "daemon-reload")


def test_a_wrong_configuration_is_told_once(server: Machine) -> None:
    """A service that cannot do anything but fail again is not started again."""
    server.put(
        "/etc/syncd/syncd.toml", configuration(FAMILY, "/var/lib/syncd").replace("media_dir", "media_dri")
    )
    assert server.run("systemctl", "start", "syncd", check=False).returncode != 0
    now = standing(server, "syncd")
    assert (now["ActiveState"], now["NRestarts"]) == ("failed", "0")
    assert "did you mean media_dir?" in log_of(server, "syncd.service")


def test_a_service_of_one_s_own(machine: Machine, anna: Callable[..., Any]) -> None:
    """One command makes it run, now and after every login; again it changes nothing; another takes all of it away."""
    first = json.loads(anna("install-service", "--json").stdout)["service"]
    assert first | {"status": ""} == {
        "unit": "syncd.service",
        "files": [f"{UNITS}/syncd.service"],
        "changed": True,
        "reloaded": False,
        "active": "active",
        "enabled": True,
        "status": "",
        "lingers": True,
        "removed": [],
        "kept": [],
    }
    assert first["status"]
    now = standing(machine, "syncd", "anna")
    assert (now["ActiveState"], now["UnitFileState"]) == ("active", "enabled")
    done = machine.run("systemd-analyze", "--user", "verify", f"{UNITS}/syncd.service", user="anna")
    assert done.stdout + done.stderr == ""
    again = json.loads(anna("install-service", "--json").stdout)["service"]
    assert again | {"status": ""} == first | {"changed": False, "reloaded": True, "status": ""}
    assert standing(machine, "syncd", "anna")["MainPID"] == now["MainPID"]
    wait_until(
        lambda: "the configuration was read again" in log_of(machine, "syncd.service"), "it to be read again"
    )
    told = anna("uninstall-service").stdout
    assert told == f"stopped and disabled syncd.service\nremoved {UNITS}/syncd.service\n"
    assert standing(machine, "syncd", "anna")["ActiveState"] == "inactive"
    assert machine.run("find", "/home/anna/.config/systemd", "-not", "-type", "d", user="anna").stdout == ""
    assert machine.path(CONFIG).exists()
    assert anna("uninstall-service").stdout == "There is nothing to uninstall.\n"


def test_what_to_type_is_named_by_unit(machine: Machine, anna: Callable[..., Any]) -> None:
    """Messages say how this very daemon is started and stopped, and name its configuration."""
    config = "/home/anna/.config/syncd/Smith.toml"
    machine.put(config, configuration("/home/anna/Smith", "/home/anna/.local/state/smith"), "anna", 0o600)
    machine.put("/home/anna/Smith/mine.jpg", "mine\n", "anna")
    machine.put("/home/anna/.config/syncd/Smith.credentials/gramps-password", "hunter2\n", "anna", 0o600)
    nobody = anna("--config", config, "pause", code=3).stderr
    assert (
        f"start it here with: syncd --config {config}; or for good with: syncd --config {config} " in nobody
    )
    told = anna("install-service", "--name", "Smith").stdout
    assert f"What it does: syncd --config {config} status, and journalctl" in told
    second = anna("--config", config, code=5).stderr
    assert "a daemon is at work on this already" in second
    assert "to end it: systemctl --user stop syncd@Smith\n" in second
    assert "paused" in anna("--config", config, "pause", "--for", "1h").stdout
    wait_until(
        lambda: f"go on with: syncd --config {config} resume" in log_of(machine, "syncd@Smith.service"),
        "the log to name the configuration",
    )
    anna("--config", config, "resume")
    machine.run("systemctl", "--user", "stop", "syncd@Smith", user="anna")
    stopped = anna("--config", config, "sync", code=3).stderr
    assert "start it with: systemctl --user start syncd@Smith; or sync without it: " in stopped
    anna("uninstall-service", "--name", "Smith")
    machine.run("rm", "-r", "/home/anna/Smith", user="anna")


def test_two_services_for_one_folder_are_refused(machine: Machine, anna: Callable[..., Any]) -> None:
    """Also where only the state is the same; nothing is written."""
    anna("install-service")
    state = "/home/anna/.local/state/syncd"
    for name, media, its_state in (("twin", OWN, f"{state}-2"), ("lodger", "/home/anna/Else", state)):
        config = f"/home/anna/.config/syncd/{name}.toml"
        machine.put(config, configuration(media, its_state, 'password = "hunter2"'), "anna", 0o600)
        refused = anna("install-service", "--name", name, code=2).stderr
        assert "syncd.service has the " in refused
        assert "nothing was done" in refused
        assert "syncd uninstall-service" in refused
        assert not machine.path(f"{UNITS}/syncd@{name}.service").exists()
    anna("install-service", "--timer")  # itself in another way is no other


def test_from_one_way_to_the_other(machine: Machine, anna: Callable[..., Any]) -> None:
    """`--timer` takes the service away that stays, and the other way round: never both."""
    anna("install-service")
    told = anna("install-service", "--timer").stdout
    assert f"removed {UNITS}/syncd.service: one of the two is enough" in told
    assert "syncd-once.timer is enabled; it syncs every five minutes" in told
    assert standing(machine, "syncd.service", "anna")["ActiveState"] == "inactive"
    assert standing(machine, "syncd-once.timer", "anna")["ActiveState"] == "active"
    names = machine.run("ls", UNITS, user="anna").stdout.split()
    assert names == ["syncd-once.service", "syncd-once.timer", "timers.target.wants"]
    # What the timer starts is a sync; one of a folder that is not there says so.
    machine.run(
        "systemctl", "--user", "stop", "syncd-once.timer", user="anna"
    )  # or it starts one by itself just now
    machine.run("mv", OWN, f"{OWN}.away", user="anna")
    machine.run("systemctl", "--user", "start", "syncd-once", user="anna", check=False)
    machine.run("mv", f"{OWN}.away", OWN, user="anna")
    assert f"the folder {OWN} does not exist" in log_of(machine, "syncd-once.service")
    assert machine.properties("syncd-once.service", "ExecMainStatus", user="anna") == {"ExecMainStatus": "2"}
    anna("install-service")
    assert standing(machine, "syncd-once.timer", "anna")["ActiveState"] == "inactive"
    assert machine.run("ls", UNITS, user="anna").stdout.split() == ["default.target.wants", "syncd.service"]


def test_several_services_with_secrets_and_odd_names(machine: Machine, anna: Callable[..., Any]) -> None:
    """Another pair of folder and tree runs beside the first; its file may be called anything, its password be a file."""
    folder = '/home/anna/Other: $HOME "trees" 100%'
    config = f"{folder}/smith.toml"
    machine.put(config, configuration("/home/anna/Smith", "/home/anna/.local/state/smith"), "anna", 0o600)
    machine.put("/home/anna/Smith/mine.jpg", "mine\n", "anna")
    machine.put(f"{folder}/smith.credentials/gramps-password", "hunter2-smith\n", "anna", 0o600)
    anna("install-service")
    told = json.loads(anna("--config", config, "install-service", "--json").stdout)["service"]
    assert (told["unit"], told["active"]) == ("syncd@smith.service", "active")
    done = machine.run("systemd-analyze", "--user", "verify", f"{UNITS}/syncd@smith.service", user="anna")
    assert done.stdout + done.stderr == ""
    assert "Still installed: --name smith" in anna("uninstall-service").stdout
    assert standing(machine, "syncd@smith", "anna")["ActiveState"] == "active"
    anna("uninstall-service", "--name", "smith")
    assert standing(machine, "syncd@smith", "anna")["ActiveState"] == "inactive"


def test_what_a_person_changed_is_neither_overwritten_nor_removed(
    machine: Machine, anna: Callable[..., Any]
) -> None:
    """A unit that was edited, or that syncd never wrote, is told of and left alone; uninstalling stops it all the same."""
    anna("install-service")
    machine.run("sh", "-c", f"echo '# mine' >> {UNITS}/syncd.service", user="anna")
    edited = machine.path(f"{UNITS}/syncd.service").read_text()
    refused = anna("install-service", code=2).stderr
    assert "changed since; nothing was done" in refused
    assert "systemctl --user edit syncd.service" in refused
    assert machine.path(f"{UNITS}/syncd.service").read_text() == edited
    answer = json.loads(anna("uninstall-service", "--json").stdout)["service"]
    assert (answer["stopped"], answer["removed"]) == (["syncd.service"], [])
    assert answer["kept"] == [f"{UNITS}/syncd.service"]
    assert standing(machine, "syncd", "anna")["ActiveState"] == "inactive"


def test_a_service_that_does_not_come_up_is_told(machine: Machine, anna: Callable[..., Any]) -> None:
    """Its last words are shown, the exit code is no success, and what to do is said."""
    machine.run("rm", "-rf", "/home/anna/.local/state/syncd", user="anna")
    machine.put("/home/anna/.local/state/syncd", "no folder", "anna")
    done = anna("install-service", code=1)
    machine.run("rm", "/home/anna/.local/state/syncd", user="anna")
    assert "syncd.service was written and enabled, but does not come up" in done.stderr
    assert "systemctl --user restart syncd.service tries again" in done.stderr


def test_nothing_is_written_where_it_would_not_work(machine: Machine, anna: Callable[..., Any]) -> None:
    """A bad configuration, one that only the shell knows, root, and an account without a systemd are refused."""
    machine.put(CONFIG, configuration(OWN, "/home/anna/.local/state/syncd"), "anna", 0o600)
    refused = anna("install-service", code=2, SYNCD_GRAMPS__PASSWORD="hunter2").stderr
    assert "what your shell sets (SYNCD_GRAMPS__PASSWORD)" in refused
    assert "hunter2" not in refused
    assert not machine.path(f"{UNITS}/syncd.service").exists()
    by_root = machine.run("syncd", "install-service", check=False)
    assert (by_root.returncode, "without sudo" in by_root.stderr) == (2, True)
    document = json.loads(machine.run("syncd", "install-service", "--json", user="otto", check=False).stdout)
    assert document["exit_code"] == 2
    assert "crontab -e): */5 * * * *  /usr/local/bin/syncd --once -q" in document["error"]["remedy"]
