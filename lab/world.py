"""One family's world: a tree of its own on a real server, its bucket, and desktops that run the real syncd."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from lab.api import Api
from lab.gramps_web import PASSWORD, GrampsWeb, Tree
from lab.process import ROOT, LabError, plain_environment
from lab.s3 import S3Witness

SYNCD = ROOT / ".venv" / "bin" / "syncd"


def md5(content: bytes) -> str:
    """The checksum that Gramps uses."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of syncd left behind."""

    arguments: Sequence[str]
    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> dict[str, Any]:
        """The document on standard output; LabError when there is none, or more than one."""
        try:
            document: dict[str, Any] = json.loads(self.out)
        except ValueError as error:
            raise LabError(f"no JSON document\n{self}") from error
        return document

    def __str__(self) -> str:
        return (
            f"syncd {' '.join(self.arguments)} → {self.code} in {self.seconds:.1f} s\n{self.out}\n{self.err}"
        )


class Desktop:
    """A media folder, a state folder and a configuration; `syncd` runs the installed command on them."""

    def __init__(self, base: Path, settings: Mapping[str, Any]) -> None:
        self.base = base
        self.folder = base / "media"
        self.state_dir = base / "state"
        self.config_file = base / "syncd.toml"
        self.home = base / "home"
        for made in (self.folder, self.state_dir, self.home):
            made.mkdir(parents=True)
        self.user: int | None = None
        """The account that runs syncd; None: that of the tests."""
        self.settings: dict[str, Any] = {}
        self.configure(media_dir=str(self.folder), state_dir=str(self.state_dir), **settings)

    def configure(self, **changes: Any) -> None:
        """Change settings and write the file. A mapping is merged into its section; None takes a key away."""
        self.settings = _merged(self.settings, changes)
        self.config_file.touch(mode=0o600)
        self.config_file.write_text(_toml(self.settings))

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """A home of its own and its configuration, so that no configuration of this machine has a say."""
        return {
            **plain_environment(),
            "HOME": str(self.home),
            "SYNCD_CONFIG": str(self.config_file),
            "COLUMNS": "120",
            **(extra or {}),
        }

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start syncd in a group of its own and leave it to the caller, who may kill it."""
        account = (
            [] if self.user is None else [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        )
        return subprocess.Popen(
            ["setpriv", *account, "--pdeathsig", "KILL", "--", SYNCD, *arguments],
            env=self.environment(env),
            cwd=self.base,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def syncd(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 120) -> Run:
        """Run `syncd arguments` to its end; LabError after `timeout` seconds."""
        begin = time.monotonic()
        process = self.start(*arguments, env=env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise LabError(
                f"syncd {' '.join(arguments)} took more than {timeout:.0f} s\n{out}\n{err}"
            ) from None
        return Run(arguments, process.returncode, out, err, time.monotonic() - begin)

    def sync(self, *arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
        """`syncd --once --json`, which must end with `code`; its document."""
        run = self.syncd("--once", "--json", *arguments, **options)
        assert run.code == code, f"expected exit code {code}\n{run}"
        return run.json

    def write(self, path: str, content: bytes) -> Path:
        """Put a file into the media folder."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    def files(self) -> dict[str, bytes]:
        """Every file of the media folder without syncd's own, byte for byte."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and not path.is_symlink()
            and ".syncd" not in path.relative_to(self.folder).parts
        }

    def trash(self) -> list[bytes]:
        """What lies in the trash, byte for byte, whatever it is called there."""
        found = sorted((self.folder / ".syncd" / "trash").rglob("*"))
        return [path.read_bytes() for path in found if path.is_file()]

    def leftovers(self) -> list[str]:
        """Names of unfinished work, sorted: files in `.syncd/tmp`, and partial files beside the person's."""
        temporary = self.folder / ".syncd" / "tmp"
        inside = temporary.iterdir() if temporary.is_dir() else ()
        return sorted(path.name for path in (*inside, *self.folder.rglob(".syncd-*")))


@dataclass
class World:
    """One tree. `folder`, `syncd`, `sync`, `configure` … are those of the first desktop."""

    base: Path
    server: GrampsWeb
    tree: Tree
    s3: S3Witness | None  # this tree's part of the bucket
    bucket: S3Witness | None  # all of it
    desktops: list[Desktop] = field(default_factory=list)

    @classmethod
    def on(cls, server: GrampsWeb, base: Path, template: Path | str = "example") -> Self:
        """A world with a tree of its own on `server`, its files in `base`; `close` it in the end."""
        tree = server.add_tree(template)
        if server.s3 is None:
            return cls(base, server, tree, None, None)
        name, _, prefix = server.media_base_dir.removeprefix("s3://").partition("/")
        bucket = S3Witness(server.s3, name, f"{prefix}/" if prefix else "")
        return cls(base, server, tree, bucket.below(tree.key_prefix) if server.many else bucket, bucket)

    def __post_init__(self) -> None:
        self.api: Api = self.server.api(self.tree)
        self.new_desktop("desktop")

    def new_desktop(self, name: str, **settings: Any) -> Desktop:
        """One more computer of the same family, signed in as the editor."""
        given: dict[str, Any] = {
            "gramps": {"url": self.server.url, "username": self.tree.users["editor"], "password": PASSWORD}
        }
        if self.bucket is not None:
            given["s3"] = {
                "url": self.server.media_base_dir,
                "endpoint_url": self.bucket.server.url,
                "region": "us-east-1",
                "access_key_id": self.bucket.server.access_key_id,
                "secret_access_key": self.bucket.server.secret_access_key,
            }
        desktop = Desktop(self.base / name, _merged(given, settings))
        self.desktops.append(desktop)
        return desktop

    @property
    def desktop(self) -> Desktop:
        """The first desktop."""
        return self.desktops[0]

    @property
    def folder(self) -> Path:
        """The first desktop's media folder."""
        return self.desktop.folder

    @property
    def config_file(self) -> Path:
        """The first desktop's configuration."""
        return self.desktop.config_file

    def syncd(self, *arguments: str, **options: Any) -> Run:
        """Run syncd on the first desktop."""
        return self.desktop.syncd(*arguments, **options)

    def sync(self, *arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
        """`syncd --once --json` on the first desktop."""
        return self.desktop.sync(*arguments, code=code, **options)

    def configure(self, **changes: Any) -> None:
        """Change the first desktop's settings."""
        self.desktop.configure(**changes)

    def write(self, path: str, content: bytes) -> Path:
        """Put a file into the first desktop's media folder."""
        return self.desktop.write(path, content)

    def copy_example_images(self) -> dict[str, bytes]:
        """Put the files of the example tree's seven media objects into the folder; what was put, by name."""
        images = self.server.release.example_images()
        for name, content in images.items():
            self.write(name, content)
        return images

    def api_as(self, role: str) -> Api:
        """The web page as another person sees it."""
        return self.server.api(self.tree, role)

    def catalog(self) -> dict[str, str]:
        """Path → checksum of every media object."""
        return {path: item["checksum"] for path, item in self.api.by_path().items()}

    def differences(self, desktop: Desktop | None = None) -> list[str]:
        """What is not equal between folder, Gramps Web and store, byte for byte; empty when all agree."""
        files = (desktop or self.desktop).files()
        objects = self.api.by_path()
        found = [f"{path}: in the folder only" for path in files.keys() - objects.keys()]
        found += [f"{path}: in Gramps Web only" for path in objects.keys() - files.keys()]
        for path in sorted(files.keys() & objects.keys()):
            item = objects[path]
            if item["checksum"] != md5(files[path]):
                found.append(f"{path}: Gramps Web names the checksum {item['checksum']}")
            elif self.api.content(item["handle"]) != files[path]:
                found.append(f"{path}: Gramps Web serves other bytes")
            elif self.s3 is not None and self.s3.get(item["checksum"]) != files[path]:
                found.append(f"{path}: the bucket holds other bytes")
        return found

    def assert_in_step(self, desktop: Desktop | None = None) -> None:
        """Folder, Gramps Web and bucket agree, byte for byte."""
        differences = self.differences(desktop)
        assert not differences, "\n".join(differences)

    def mark(self) -> Mark:
        """Remember this moment, to ask later what was written since."""
        position = self.bucket.server.log_position() if self.bucket else 0
        return Mark(self, self.api.last_transaction(), position, _stats(self.folder))

    def restart_server(self) -> None:
        """Stop and start Gramps Web on the same port with the same data."""
        self.server.restart()

    def close(self) -> None:
        """Put right what a test did to shared servers, and drop files."""
        self.api.close()
        for server in (self.server, self.bucket.server if self.bucket else None):
            if server is not None:
                server.resume()
                if server.shared:
                    server.start()
        shutil.rmtree(self.base, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment. `writes()` lists everything that was written since: catalog, bucket and folder."""

    world: World
    transaction: int
    log_position: int
    stats: Mapping[str, tuple[int, int, int]]

    def writes(self) -> list[str]:
        """One line for each write; empty when nothing was."""
        found = [
            f"Gramps Web: transaction {item['id']} {item['description']}"
            for item in self.world.api.history(self.transaction)
        ]
        if self.world.s3 is not None:
            found += [f"bucket: {item}" for item in self.world.s3.writes_since(self.log_position)]
        now = _stats(self.world.folder)
        changed = {path for path in now.keys() | self.stats.keys() if now.get(path) != self.stats.get(path)}
        return found + [f"folder: {path}" for path in sorted(changed)]

    def assert_nothing_written(self) -> None:
        """Neither side nor the bucket was touched."""
        assert not self.writes(), "\n".join(self.writes())


def _stats(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and mtime (ns) of each file, syncd's own folder left out."""
    found = {}
    for path in folder.rglob("*"):
        if ".syncd" not in path.relative_to(folder).parts and not path.is_dir():
            stat = path.lstat()
            found[str(path.relative_to(folder))] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


def _merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def _toml(settings: Mapping[str, Any]) -> str:
    """TOML of strings, numbers, booleans, lists and mappings: one section a mapping, inline below that."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    lines = [f"{_string(key)} = {_value(value)}" for key, value in plain.items()]
    for name, section in settings.items():
        if isinstance(section, Mapping):
            lines += ["", f"[{_string(name)}]"]
            lines += [f"{_string(key)} = {_value(value)}" for key, value in section.items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_string(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else _string(str(value))


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)
