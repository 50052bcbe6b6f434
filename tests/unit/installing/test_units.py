"""The units as texts: what is filled in for one installation, and what tells whose a unit is."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from syncd.config.credentials import SYSTEMD
from syncd.errors import ExitCode
from syncd.installing.units import CREDENTIALS, INSTANCE, Facts, Service, is_ours, quoted, written

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy" / "systemd"
FACTS = Facts(
    Path("/home/anna/.local/bin/syncd"), None, Path("/home/anna/.config/syncd/syncd.credentials"), (), 252
)

ALLOWED_TO_ACCOUNTS = {
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "NoNewPrivileges",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
    "SystemCallFilter",
}
"""What of systemd's sandbox takes no user namespace (and no root)."""


def settings(text: str) -> list[tuple[str, str]]:
    """The lines of a unit that say something."""
    return [line.partition("=")[::2] for line in text.splitlines() if re.match(r"\w+=", line)]


def lines_of(text: str, name: str) -> list[str]:
    """All values of a key."""
    return [value for key, value in settings(text) if key == name]


def test_a_unit_is_the_one_of_the_project_with_the_program_filled_in() -> None:
    """Nothing but the place of the program is another than in `deploy/systemd`."""
    mine = settings(written(Service(), "syncd.service", FACTS))
    theirs = settings((DEPLOY / "syncd.service").read_text())
    assert [one for one in mine if one not in theirs] == [("ExecStart", "/home/anna/.local/bin/syncd")]
    assert [one for one in theirs if one not in mine] == [("ExecStart", "%h/.local/bin/syncd")]


def test_names_of_the_units() -> None:
    """The first is the one that is enabled; an instance has units of its own."""
    assert Service().units == ("syncd.service",)
    assert Service(timer=True).units == ("syncd-once.timer", "syncd-once.service")
    assert Service("smith.v2").units == ("syncd@smith.v2.service",)
    assert Service("smith", timer=True).units == ("syncd-once@smith.timer", "syncd-once@smith.service")
    assert Service("smith").other == Service("smith", timer=True)


@pytest.mark.parametrize(
    ("service", "name", "line"),
    [
        (Service("smith"), "syncd@smith.service", "/opt/syncd --config /etc/my.toml"),
        (Service(timer=True), "syncd-once.service", "/opt/syncd --once -q --config /etc/my.toml"),
        (Service("s.v", timer=True), "syncd-once@s.v.service", "/opt/syncd --once -q --config /etc/my.toml"),
    ],
)
def test_what_is_started(service: Service, name: str, line: str) -> None:
    """The program in the way that was asked for, with the configuration if it is to be named."""
    facts = Facts(Path("/opt/syncd"), Path("/etc/my.toml"), Path("/etc/my.credentials"), (), 252)
    assert lines_of(written(service, name, facts), "ExecStart") == [line]


def test_the_timer_of_an_instance_starts_the_service_of_its_name() -> None:
    """It names no unit, so that systemd takes the one that is called like it."""
    text = written(Service("smith", timer=True), "syncd-once@smith.timer", FACTS)
    assert lines_of(text, "Unit") == []
    assert lines_of(text, "OnCalendar") == ["*:0/5"]
    assert lines_of(text, "Persistent") == ["true"]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("/usr/bin/syncd", "/usr/bin/syncd"),
        ("/home/my photos/100%.toml", '"/home/my photos/100%%.toml"'),
        ('/a"b\\c', '"/a\\"b\\\\c"'),
        ("/a;b", '"/a;b"'),
        ("/münchen", "/münchen"),
    ],
)
def test_odd_names_mean_themselves(word: str, line: str) -> None:
    """What systemd would take for something else is quoted."""
    assert quoted(word) == line


def test_a_dollar_is_doubled_in_arguments_alone() -> None:
    """There variables are replaced; in the program's own path they are not."""
    facts = Facts(Path("/a$b/syncd"), Path("/a$b/c.toml"), Path("/nowhere"), (), 252)
    assert lines_of(written(Service("c"), "syncd@c.service", facts), "ExecStart") == [
        "/a$b/syncd --config /a$$b/c.toml"
    ]


def test_secrets_are_loaded_that_are_there() -> None:
    """A file that is named and missing would keep the service from starting."""
    facts = Facts(Path("/opt/syncd"), None, Path("/home/100 %"), ("gramps-token", "s3-access-key-id"), 252)
    for service, name in ((Service(), "syncd.service"), (Service(timer=True), "syncd-once.service")):
        assert lines_of(written(service, name, facts), "LoadCredential") == [
            "gramps-token:/home/100 %%/gramps-token",
            "s3-access-key-id:/home/100 %%/s3-access-key-id",
        ]
        assert "LoadCredential" not in written(service, name, FACTS)


@pytest.mark.parametrize(
    "path", sorted(DEPLOY.rglob("*.service")), ids=lambda path: str(path.relative_to(DEPLOY))
)
def test_the_secrets_are_those_that_syncd_reads(path: Path) -> None:
    """Each unit knows every credential by the name by which syncd looks for it."""
    named = re.findall(r"^#?LoadCredential=([\w-]+):", path.read_text(), re.MULTILINE)
    assert named == list(SYSTEMD.values()) == list(CREDENTIALS)


def test_the_pauses_grow_where_systemd_can() -> None:
    """From 254 on; an older one would warn of keys that it does not know."""
    new = Facts(FACTS.program, None, FACTS.secrets, (), 254)
    text = written(Service(), "syncd.service", new)
    assert (lines_of(text, "RestartSteps"), lines_of(text, "RestartMaxDelaySec")) == (["6"], ["30min"])
    assert "\nRestartSteps" not in written(Service(), "syncd.service", FACTS)


@pytest.mark.parametrize(
    "name", ["syncd.service", "syncd-once.service", "syncd-once.timer", "syncd@a.service"]
)
def test_a_unit_that_was_touched_is_a_person_s(name: str) -> None:
    """What `written` made is known again, in whatever version; a character more or less, and it is not ours."""
    service = Service("a" if "@" in name else "", timer="once" in name)
    text = written(service, name, FACTS)
    assert is_ours(text)
    assert is_ours(text.replace("\r\n", "\n"))
    for other in (
        text + "\n",
        text[:-1],
        text.replace("=", "= ", 1),
        "\n" + text,
        "",
        text.partition("\n")[2],
    ):
        assert not is_ours(other)
    assert not is_ours((DEPLOY / name.replace("@a", "@")).read_text())
    option = " --name a" if "@" in name else ""
    assert f"# `syncd uninstall-service{option}` removes it." in text


def test_further_pairs_are_served_as_the_first_is() -> None:
    """`syncd@.service` is `syncd.service` but for its name, its configuration and its secrets."""
    first = (DEPLOY / "syncd.service").read_text().partition("[Unit]")[2]
    more = (DEPLOY / "syncd@.service").read_text().partition("[Unit]")[2]
    assert more == (
        first.replace("Gramps Web (syncd)", "Gramps Web (syncd, %i)")
        .replace("bin/syncd\n", "bin/syncd --config %E/syncd/%i.toml\n")
        .replace("/syncd.credentials/", "/%i.credentials/")
    )


@pytest.mark.parametrize("name", ["syncd.service", "syncd@.service", "syncd-once.service"])
def test_a_unit_of_an_account_asks_for_nothing_that_many_systems_forbid(name: str) -> None:
    """No folder is hidden and no user namespace is made: such a unit would not start, or hide nothing and not say so."""
    keys = {key for key, _ in settings((DEPLOY / name).read_text())}
    sandbox = re.compile(
        "Private|Protect|Restrict[A-Z]|SystemCall|NoNew|Lock|MemoryDeny|Bind|ReadWrite|ReadOnly|Inaccessible|Temporary|Root|"
        "Mount|Capability|Ambient|DynamicUser|Device|Keyring|RemoveIPC|ProcSubset|NoExec|Exec.*Paths"
    )
    assert {
        key for key in keys if sandbox.match(key) and key != "RestartPreventExitStatus"
    } == ALLOWED_TO_ACCOUNTS


@pytest.mark.parametrize("name", ["syncd.service", "syncd@.service", "system/syncd.service"])
def test_how_a_service_lives(name: str) -> None:
    """It says when it is ready and that it is alive, is started again when it fails, but not where that mends nothing."""
    unit = dict(settings((DEPLOY / name).read_text()))
    assert unit["Type"] == "notify"
    assert unit["WatchdogSec"] == "5min"
    assert unit["Restart"] == "on-failure"
    assert unit["RestartPreventExitStatus"].split() == [str(int(ExitCode.USAGE)), str(int(ExitCode.STATE))]
    assert unit["SuccessExitStatus"].split() == [
        str(int(ExitCode.INTERRUPTED)),
        str(int(ExitCode.TERMINATED)),
    ]
    assert unit["TimeoutStopSec"] == "10s"
    assert "HUP" in unit["ExecReload"]


def test_the_server_hides_no_photo_from_the_family() -> None:
    """What it fetches is for its group to read and to write."""
    unit = dict(settings((DEPLOY / "system/syncd.service").read_text()))
    assert int(unit["UMask"], 8) & 0o070 == 0


@pytest.mark.parametrize("name", ["smith", "Smith_2.old-tree", "0"])
def test_names_of_instances(name: str) -> None:
    """Letters, digits and a few signs that neither a file nor a unit minds."""
    assert INSTANCE.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-x", ".x", "a/b", "a b", "ä", "a@b", "x" * 65, "a\n"])
def test_names_that_are_none(name: str) -> None:
    """What would mean something else, or be escaped."""
    assert not INSTANCE.fullmatch(name)


@pytest.mark.parametrize("from_sdist", [False, True], ids=["work tree", "sdist"])
def test_a_wheel_has_the_units(tmp_path: Path, *, from_sdist: bool) -> None:
    """An installed syncd knows them as a work tree does, whichever way its wheel was built."""

    def build(kind: str, folder: Path) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(tmp_path / kind)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        (made,) = (tmp_path / kind).iterdir()
        return made

    folder = ROOT
    if from_sdist:
        packed = build("sdist", ROOT)
        subprocess.run(["tar", "-xf", packed], cwd=tmp_path, check=True)
        folder = tmp_path / packed.name.removesuffix(".tar.gz")
    inside = "syncd/installing/systemd/"
    with zipfile.ZipFile(build("wheel", folder)) as wheel:
        found = {
            name.removeprefix(inside): wheel.read(name).decode()
            for name in wheel.namelist()
            if name.startswith(inside)
        }
    assert found == {
        str(path.relative_to(DEPLOY)): path.read_text() for path in DEPLOY.rglob("*") if path.is_file()
    }
