"""No secret gets out: neither password, token nor key, of no command, in no kind of failure, in no form.

Every command runs, on real servers, with each kind of failure by turns and each form of the log; SYNCD_EVERY_SECRET=1 runs every
command in every failure. Afterwards each file of that computer is searched, and all that was written to its screen.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from lab.api import ApiError
from lab.canaries import files_with, found_in
from lab.daemon import RunningDaemon
from lab.gramps_web import PASSWORD, GrampsWeb
from lab.impatience import impatient
from lab.lying.arena import network_before
from lab.lying.proxy import LyingNetwork
from lab.process import free_port, wait_until
from lab.s3 import RcloneS3
from lab.world import Desktop, Run, World
from lab.zygote import Zygote
from syncd.cli.main import cli
from tests.lab.endings import photo

Settings = dict[str, Any]

COMMANDS: Mapping[tuple[str, ...], Sequence[Sequence[str]]] = {
    (): (["--once"], ["--once", "--full"], ["--once", "--dry-run"]),
    ("status",): ([],),
    ("sync",): ([],),
    ("pause",): (["--for", "1h"],),
    ("resume",): ([],),
    ("check",): ([],),
    ("approve",): ([], ["1"]),
    ("restore",): ([], ["1"]),
    ("conflicts",): ([],),
    ("verify",): ([], ["--deep"]),
    ("history",): (["a.jpg"],),
    ("undo",): (["1"],),
    ("paths",): ([],),
    ("trash",): ([],),
    ("trash", "list"): (["--all"],),
    ("trash", "restore"): (["gone.jpg"],),
    ("upload",): (["--tree-file", "export.gramps", "--media-dir", "media"],),
    ("orphans",): ([], ["--collect", "--yes"]),
    ("adopt",): (["--yes"],),
    ("migrate-prefix",): (["--dry-run"],),
    ("install-service",): ([],),
    ("uninstall-service",): ([],),
    ("completion",): (["bash"],),
}
"""Every command, and how it is called. The daemon has a test of its own."""

FORMATS = (("-vv",), ("-vv", "--log-format", "json", "--json"), ("-vv", "--log-format", "journal", "--json"))

EXPORT = (
    '<?xml version="1.0"?><database xmlns="http://gramps-project.org/xml/1.7.2/"><objects>'
    '<object handle="_a" change="1" id="O0"><file src="a.jpg" mime="image/jpeg" checksum="" description=""/></object>'
    "</objects></database>"
)


def every_command(group: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The commands that the parser knows."""
    yield path
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from every_command(found, (*path, name))


@dataclass
class Safe:
    """A desktop whose secrets are all known, and the files that were given them."""

    world: World
    network: LyingNetwork
    zygote: Zygote
    right: Settings
    secrets: dict[str, str]
    given: set[Path]
    issued: list[str] = field(default_factory=list)
    """Tokens that the server gave to runs."""

    @property
    def desktop(self) -> Desktop:
        """The desktop."""
        return self.world.desktop

    def configure(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """The right settings with some changed; None takes one away."""
        sections = {
            **self.right,
            **{name: {**self.right.get(name, {}), **each} for name, each in changes.items()},
        }
        self.desktop.settings = {
            name: {key: value for key, value in each.items() if value is not None}
            if isinstance(each, dict)
            else each
            for name, each in sections.items()
        }
        self.desktop.configure()

    def syncd(self, *arguments: str, defect: str | None = None) -> Run:
        """A run of a command."""
        self.network.tell()
        temporary = {"TMPDIR": str(self.desktop.base / "tmp")}
        run = self.zygote.syncd(self.desktop, *arguments, env=temporary, defect=defect)
        self.listen()
        return run

    def listen(self) -> None:
        """Remember the tokens that the server gave away."""
        self.issued += [token for call in self.network.heard() for token in call.tokens]

    def leaks(self, *texts: str) -> list[str]:
        """Where there is a secret: in these texts, or in any file of the desktop."""
        known = {**self.secrets, **{f"token {number}": token for number, token in enumerate(self.issued)}}
        told = found_in("\n".join(texts).encode(), known)
        return [f"told: {name}" for name in told] + files_with(self.desktop.base, known, given=self.given)


@pytest.fixture
def safe(
    gramps_web: GrampsWeb,
    disk_server: GrampsWeb,
    rclone: RcloneS3,
    new_world: Callable[..., World],
    tmp_path: Path,
) -> Iterator[Safe]:
    """An editor with a password and a sync token of odd characters, on a desktop that keeps all secrets in files."""
    world = new_world(gramps_web, "empty")
    desktop = world.desktop
    password = 'Kanarienvogel/p+w "ü" =&%41'
    with world.api_as("editor") as editor:
        change = {"old_password": PASSWORD, "new_password": password}
        editor.json("POST", "/users/-/password/change", 200, 201, json=change)
        try:
            sync_token = editor.new_sync_token("desktop")
        except ApiError:
            sync_token = None
    secrets = {
        "password": password,
        "wrong password": 'Zaunkönig/"wrong" +=&',
        "S3 key": rclone.access_key_id,
        "S3 secret": rclone.secret_access_key,
        "wrong S3 secret": "wr/ong+s3+secret/0123456789==",
        **({"sync token": sync_token} if sync_token else {}),
    }
    files = {name: desktop.base / f"{name}.secret" for name in secrets}
    for name, path in files.items():
        path.touch(mode=0o600)
        path.write_text(secrets[name])
    (desktop.base / "tmp").mkdir()
    (desktop.base / "export.gramps").write_text(EXPORT)
    for name in ("a.jpg", "b.jpg", "gone.jpg"):
        world.write(name, photo(ord(name[0])))
    with (
        network_before(tmp_path / "network", gramps_web, disk_server) as network,
        Zygote(tmp_path / "zygote", impatient(tmp_path / "impatience")) as zygote,
    ):
        right = {
            **desktop.settings,
            "gramps": {
                "url": network.url_of("web"),
                "username": world.tree.users["editor"],
                "password_file": str(files["password"]),
            },
            "s3": {
                **desktop.settings["s3"],
                "endpoint_url": network.url_of("s3"),
                "access_key_id": rclone.access_key_id,
                "secret_access_key": None,
                "secret_access_key_file": str(files["S3 secret"]),
            },
        }
        yield Safe(world, network, zygote, right, secrets, {*files.values(), desktop.config_file})


def failures(safe: Safe) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    """Kinds of failure, and what is set up otherwise for each."""
    nobody, base = free_port(), safe.desktop.base
    web, s3 = safe.right["gramps"]["url"], safe.right["s3"]["endpoint_url"]
    found: dict[str, Mapping[str, Mapping[str, Any]]] = {
        "none": {},
        "defect": {},
        "wrong password": {"gramps": {"password_file": None, "password": safe.secrets["wrong password"]}},
        "refused rights": {
            "gramps": {
                "username": safe.right["gramps"]["username"].replace("editor", "member"),
                "password_file": None,
                "password": PASSWORD,
            }
        },
        "Gramps Web unreachable": {"gramps": {"url": f"http://127.0.0.1:{nobody}"}},
        "S3 unreachable": {"s3": {"endpoint_url": f"http://127.0.0.1:{nobody}"}},
        "wrong S3 secret": {"s3": {"secret_access_key_file": str(base / "wrong S3 secret.secret")}},
        "no TLS": {
            "gramps": {"url": web.replace("http:", "https:")},
            "s3": {"endpoint_url": s3.replace("http:", "https:")},
        },
        "user in the address": {
            "gramps": {"url": web.replace("http://", f"http://editor:{safe.secrets['S3 secret']}@")}
        },
        "misspelt": {
            "gramps": {"passwrod": safe.secrets["password"]},
            "s3": {"region": safe.secrets["S3 secret"]},
        },
    }
    if "sync token" in safe.secrets:
        by_token = {"username": None, "password_file": None, "token_file": str(base / "sync token.secret")}
        found["none, with a sync token"] = {"gramps": by_token}
    return found


def words_of_a_defect(safe: Safe) -> str:
    """What an exception quotes beside the secrets of the configuration: a token that the server gave."""
    token = safe.issued[-1]
    return f"Authorization: Bearer {token}, {{'access_token': '{token}'}}, {token}"


def test_every_command_is_tried() -> None:
    """A new command needs a line in `COMMANDS`."""
    assert set(every_command()) == COMMANDS.keys()


def test_no_command_shows_a_secret(safe: Safe) -> None:
    """Whatever fails, and however the log is written."""
    safe.configure({})
    assert safe.syncd("--once").code == 0
    (safe.desktop.folder / "gone.jpg").unlink()
    assert safe.syncd("--once").code == 0
    assert len(safe.issued) >= 2
    kinds = failures(safe)
    calls = [[*path, *arguments] for path, ways in COMMANDS.items() for arguments in ways]
    turns = itertools.cycle(kinds)
    codes = set()
    for number, call in enumerate(calls):
        tried = kinds if os.environ.get("SYNCD_EVERY_SECRET") == "1" else {next(turns), next(turns)}
        for kind in sorted(tried):
            safe.configure(kinds[kind])
            defect = words_of_a_defect(safe) if kind == "defect" else None
            run = safe.syncd(*call, *FORMATS[(number + len(kind)) % len(FORMATS)], defect=defect)
            assert (run.code == 70) == (kind == "defect"), run
            codes.add(run.code)
            assert not (found := safe.leaks(run.out, run.err)), f"{kind}: {found}\n{run}"
    assert codes >= {0, 2, 4, 70}


def test_the_daemon_shows_no_secret(safe: Safe) -> None:
    """Neither in its log, nor to who asks it, nor in its command line or environment."""
    safe.configure({})
    safe.network.tell()
    with RunningDaemon(safe.desktop) as daemon:
        safe.desktop.folder.joinpath("new.jpg").write_bytes(photo(77))
        wait_until(lambda: "new.jpg" in safe.world.catalog(), "the daemon brings the new file to Gramps Web")
        safe.listen()
        process = Path(f"/proc/{daemon.pid}")
        shown = [(process / name).read_text() for name in ("cmdline", "environ")]
        told = safe.syncd("status", "--json")
        asked = [told.out, told.err, repr(daemon.live()), *shown]
    assert safe.issued
    assert not safe.leaks(*asked)
