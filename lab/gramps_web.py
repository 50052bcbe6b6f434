"""A real Gramps Web API, with any number of family trees, each copied in a moment from one made beforehand."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx2

from lab.api import Api
from lab.process import LAB, LabError, Server, plain_environment
from lab.s3 import S3Server
from lab.task_queue import Redis, Worker

ROLES = {"guest": 0, "member": 1, "contributor": 2, "editor": 3, "owner": 4}
PASSWORD = "correct horse battery"  # every account's; the servers live as long as a test

EMPTY_TREE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE database PUBLIC "-//Gramps//DTD Gramps XML 1.7.1//EN"
  "http://gramps-project.org/xml/1.7.1/grampsxml.dtd">
<database xmlns="http://gramps-project.org/xml/1.7.1/">
<header><created date="2024-01-01" version="6.0.0"/></header>
</database>
"""


@dataclass(frozen=True, slots=True)
class Release:
    """An installed Gramps Web API: `script/setup --lab` or `--lab-minimum` makes these."""

    environment: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment / "bin" / "python"

    @property
    def resources(self) -> Path:
        """Gramps' own files."""
        return self.environment / "share"

    @property
    def example(self) -> Path:
        """The folder with example.gramps and the example's images."""
        return self.resources / "doc" / "gramps" / "example" / "gramps"

    def example_images(self) -> dict[str, bytes]:
        """The files that the example tree's media objects name, by name."""
        with closing(
            sqlite3.connect(f"file:{self.template('example') / 'sqlite.db'}?mode=ro", uri=True)
        ) as db:
            names = [row[0] for row in db.execute("SELECT path FROM media")]
        return {name: (self.example / name).read_bytes() for name in names}

    @property
    def cache(self) -> Path:
        """What is made once per installation."""
        key = hashlib.sha256((self.environment / ".stamp").read_bytes()).hexdigest()[:12]
        return LAB / "cache" / f"{self.environment.name}-{key}"

    def template(self, kind: str) -> Path:
        """The folder of a family tree to copy: `example` or `empty`. Made at the first call (5 s)."""
        if not self.environment.exists():
            raise LabError(f"{self.environment} is missing: script/setup --lab (or --lab-minimum) makes it")
        target = self.cache / "trees" / kind
        with self._making():
            if not target.exists():
                source = self.example / "example.gramps"
                if kind == "empty":
                    source = self.cache / "empty.gramps"
                    source.write_text(EMPTY_TREE)
                self.import_tree(source, target)
        return target

    def import_tree(self, source: Path, target: Path) -> None:
        """Make the tree's folder `target` of a Gramps XML file."""
        with self._scratch() as home:
            self._run(
                [
                    self.environment / "bin" / "gramps",
                    "-C",
                    target.name,
                    "-i",
                    source,
                    "--config=database.backend:sqlite",
                ],
                self.variables(home),
            )
            (made,) = (home / "gramps" / "grampsdb").iterdir()
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made, target)

    def users(self) -> Path:
        """A user database without users. Made at the first call (6 s)."""
        target = self.cache / "users.sqlite"
        with self._making():
            if not target.exists():
                with self._scratch() as home:
                    made = home / "users.sqlite"
                    variables = {
                        **self.variables(home),
                        "GRAMPSWEB_TREE": "*",
                        "GRAMPSWEB_SECRET_KEY": secrets.token_hex(32),
                        "GRAMPSWEB_USER_DB_URI": f"sqlite:///{made}",
                    }
                    add = ["user", "add", "first", "first", "--role", "4", "--tree", "none"]
                    self._run([self.python, "-m", "gramps_webapi", *add], variables)
                    with closing(sqlite3.connect(made)) as db, db:
                        db.execute("DELETE FROM users")
                    made.rename(target)
        return target

    def variables(self, home: Path) -> dict[str, str]:
        """Where Gramps keeps what."""
        return {
            "HOME": str(home),
            "GRAMPSHOME": str(home),
            "GRAMPS_DATABASE_PATH": str(home / "gramps" / "grampsdb"),
            "GRAMPS_RESOURCES": str(self.resources),
        }

    def _run(self, command: Sequence[str | Path], variables: Mapping[str, str]) -> None:
        done = subprocess.run(
            command,
            env={**plain_environment(), **variables},
            cwd=variables["HOME"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LabError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")

    @contextmanager
    def _making(self) -> Iterator[None]:
        """Two test runs at once make a thing once."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A Gramps home on the cache's file system, so that what it makes can be renamed into place."""
        home = self.cache / f"making-{secrets.token_hex(4)}"
        home.mkdir(parents=True)
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)


CURRENT = Release(LAB / "gramps-web")
MINIMUM = Release(LAB / "gramps-web-minimum")


def _chosen() -> Release:
    """The release that `SYNCD_LAB_SERVER` names: `newest` (if it is not set), `minimum`, or another's environment."""
    named = os.environ.get("SYNCD_LAB_SERVER") or "newest"
    return {"newest": CURRENT, "minimum": MINIMUM}.get(named) or Release(LAB / named)


CHOSEN = _chosen()
WITH_QUEUE = os.environ.get("SYNCD_LAB_QUEUE") == "1"
"""Whether servers have a task queue unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One family tree on a server, with an account for every role."""

    id: str
    users: Mapping[str, str]  # role → user name

    @property
    def key_prefix(self) -> str:
        """Where its media are in the bucket when the server prefixes trees."""
        return f"{self.id}/"


class GrampsWeb(Server):
    """`python -m gramps_webapi run`, on a bucket or on a folder of its own disk.

    With `many` it hosts any number of trees, and media lie below their tree's id; without, one tree whose media
    lie at the bucket's root. Logins are not limited to one a second unless `limit_logins`. With `task_queue` there are
    a Redis and a Celery worker beside it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        s3: S3Server | None,
        media_base_dir: str | None = None,
        many: bool = True,
        limit_logins: bool = False,
        release: Release = CHOSEN,
        settings: Mapping[str, str] | None = None,
        task_queue: bool = WITH_QUEUE,
    ) -> None:
        super().__init__("Gramps Web", folder / "gramps-web.log")
        self.home = folder / "home"
        self.s3 = s3
        self.many = many
        self.limit_logins = limit_logins
        self.release = release
        self.settings = dict(settings or {})
        self.media_folder = folder / "media"  # of a server without S3
        self.media_base_dir = media_base_dir or ("s3://media" if s3 else str(self.media_folder))
        self.redis = Redis(folder) if task_queue else None
        self.worker = Worker(folder, release.python, self.redis, self.environment) if self.redis else None
        self.trees: list[Tree] = []
        self.secret_key = secrets.token_hex(32)
        self.trees_folder.mkdir(parents=True, exist_ok=True)
        self.media_folder.mkdir(exist_ok=True)
        shutil.copy(release.users(), self.users_file)

    @property
    def trees_folder(self) -> Path:
        """One folder for each tree, named by its id."""
        return self.home / "gramps" / "grampsdb"

    @property
    def users_file(self) -> Path:
        """The accounts."""
        return self.home / "users.sqlite"

    def add_tree(self, template: Path | str = "example") -> Tree:
        """Copy a tree in (0.1 s) and give it users; the server may be running."""
        if self.trees and not self.many:
            raise LabError("this server hosts one tree")
        source = template if isinstance(template, Path) else self.release.template(template)
        tree_id = str(uuid.uuid4())
        shutil.copytree(source, self.trees_folder / tree_id)
        (self.trees_folder / tree_id / "name.txt").write_text(
            f"{source.name} {tree_id[:8]}" if self.many else "family"
        )
        suffix = f"-{tree_id[:8]}" if self.many else ""
        tree = Tree(tree_id, {role: f"{role}{suffix}" for role in ROLES})
        with closing(sqlite3.connect(self.users_file, timeout=30)) as db, db:
            for role, name in tree.users.items():
                db.execute(
                    "INSERT INTO users (id, name, email, fullname, pwhash, role, tree) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        uuid.uuid4().hex,
                        name,
                        f"{name}@family.example",
                        name,
                        _PASSWORD_HASH,
                        ROLES[role],
                        tree_id,
                    ),
                )
        self.trees.append(tree)
        self._make_media_folders()
        return tree

    def _make_media_folders(self) -> None:
        """A server older than 3.21 fails at every request for a file whose tree has no folder yet."""
        if self.many and not self.media_base_dir.startswith("s3://"):
            for tree in self.trees:
                (Path(self.media_base_dir) / tree.id).mkdir(parents=True, exist_ok=True)

    def set_role(self, user: str, role: str) -> None:
        """Give or take rights, as an owner does."""
        with closing(sqlite3.connect(self.users_file, timeout=30)) as db, db:
            db.execute("UPDATE users SET role = ? WHERE name = ?", (ROLES[role], user))

    def api(self, tree: Tree, role: str = "owner") -> Api:
        """A plain client, logged in."""
        return Api(self.url, tree.users[role], PASSWORD)

    def command(self) -> Sequence[str | Path]:
        """Waitress logs one line a request."""
        return [
            *(self.release.python, "-m", "gramps_webapi", "run", "--host", "127.0.0.1"),
            *("--port", str(self.port), "--use-wsgi", "--max-workers", "8"),
        ]

    def environment(self) -> Mapping[str, str]:
        """The settings of the real thing."""
        return {
            **self.release.variables(self.home),
            "GRAMPSWEB_TREE": "*" if self.many else "family",
            "GRAMPSWEB_SECRET_KEY": self.secret_key,
            "GRAMPSWEB_USER_DB_URI": f"sqlite:///{self.users_file}",
            "GRAMPSWEB_MEDIA_BASE_DIR": self.media_base_dir,
            "GRAMPSWEB_MEDIA_PREFIX_TREE": "true" if self.many else "false",
            "GRAMPSWEB_DISABLE_TELEMETRY": "true",  # nothing here speaks to the world
            "GRAMPSWEB_RATELIMIT_ENABLED": "true" if self.limit_logins else "false",
            "GRAMPSWEB_SEARCH_INDEX_DB_URI": f"sqlite:///{self.home / 'search.sqlite'}",
            "PYTHONUNBUFFERED": "1",
            **(self.s3.client_environment() if self.s3 else {}),
            **(_queue_settings(self.redis) if self.redis else {}),
            **self.settings,
        }

    def start(self, seconds: float = 90.0) -> Self:
        """Start, and its task queue with it."""
        self._make_media_folders()
        if self.redis and self.worker:
            self.redis.start()
            self.worker.start(seconds)
        return super().start(seconds)

    def stop(self) -> None:
        """End it, and its task queue with it."""
        super().stop()
        for server in (self.worker, self.redis):
            if server:
                server.stop()

    def ready(self) -> bool:
        """It answers requests."""
        try:
            return httpx2.get(f"{self.url}/api/metadata/", timeout=5, trust_env=False).status_code in {
                200,
                401,
            }
        except httpx2.HTTPError:
            return False

    def log_position(self) -> int:
        """Where the log ends now, in bytes."""
        return self.log.stat().st_size

    def requests_since(self, position: int) -> list[str]:
        """What clients asked since, such as `GET /api/media/`, whatever the tree; without the query."""
        with self.log.open("rb") as log:
            log.seek(position)
            lines = log.read().decode(errors="replace")
        return re.findall(r'"([A-Z]+ /api/[^? "]*)[^"]*" \d{3} ', lines)

    def restore_tree(self, tree: Tree, saved: Path) -> None:
        """Put back a copy made with `save_tree`, as an administrator restoring a backup would."""
        was_running = self.running
        self.stop()
        shutil.rmtree(self.trees_folder / tree.id)
        shutil.copytree(saved, self.trees_folder / tree.id)
        if was_running:
            self.start()

    def save_tree(self, tree: Tree, target: Path) -> None:
        """Copy a tree's folder; nobody may be writing."""
        shutil.copytree(self.trees_folder / tree.id, target)


def _queue_settings(redis: Redis) -> dict[str, str]:
    return {
        "GRAMPSWEB_CELERY_CONFIG__broker_url": redis.address,
        "GRAMPSWEB_CELERY_CONFIG__result_backend": redis.address,
        "GRAMPSWEB_RATELIMIT_STORAGE_URI": redis.address,
    }


def _hash(password: str) -> str:
    """As Gramps Web's auth/passwords.py: 64 characters of salt, then PBKDF2-SHA512 in hex."""
    salt = hashlib.sha256(os.urandom(60)).hexdigest().encode("ascii")
    return salt.decode("ascii") + hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 100_000).hex()


_PASSWORD_HASH = _hash(PASSWORD)
