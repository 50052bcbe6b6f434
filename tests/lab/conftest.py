"""Real servers for the session, and a fresh world for each test.

`world` costs about 0.2 s: one Gramps Web process hosts all trees, and each test gets a copy of the example tree,
with accounts of its own and media below its own prefix in the bucket. What needs a server of its own (no tree
prefix, media on disk, logins limited, a task queue) asks for `new_server`, which costs about 6 s.

Which release of Gramps Web all of them run is said by `SYNCD_LAB_SERVER`: `newest` or `minimum`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab.gramps_web import GrampsWeb
from lab.s3 import MotoS3, RcloneS3
from lab.task_queue import Redis
from lab.world import World
from tests.lab.one_server import find_reason

MakeWorld = Callable[..., World]
MakeServer = Callable[..., GrampsWeb]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what one release is enough for."""
    for item in items:
        reason = (
            find_reason(item.path.stem, item.name.partition("[")[0]) if item.path.parent == HERE else None
        )
        if reason:
            item.add_marker(pytest.mark.one_server(reason=reason))


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's servers keep their files and logs."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def rclone(lab_folder: Path) -> Iterator[RcloneS3]:
    """An S3 server that checks credentials and keeps files on disk; the bucket `media` is there."""
    with RcloneS3(lab_folder / "rclone") as server:
        server.shared = True
        server.new_bucket("media")
        yield server


@pytest.fixture(scope="session")
def moto(lab_folder: Path) -> Iterator[MotoS3]:
    """An S3 server whose multipart ETags are as on AWS and which honours conditions."""
    with MotoS3(lab_folder / "moto") as server:
        server.shared = True
        yield server


@pytest.fixture(scope="session")
def gramps_web(lab_folder: Path, rclone: RcloneS3) -> Iterator[GrampsWeb]:
    """A Gramps Web API over `rclone` that hosts any number of trees, each below its prefix."""
    with GrampsWeb(lab_folder / "gramps-web", s3=rclone) as server:
        server.shared = True
        yield server


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Make a Gramps Web of one's own: `new_server(s3=rclone, many=False, media_base_dir="s3://own/prefix")`."""
    with ExitStack() as stack:

        def make(**options: Any) -> GrampsWeb:
            folder = tmp_path / f"server-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(GrampsWeb(folder, **options))

        yield make


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Make a world on a given server: `new_world(server, template="empty")`."""
    worlds: list[World] = []

    def make(server: GrampsWeb, template: Path | str = "example") -> World:
        world = World.on(server, tmp_path / f"world-{len(worlds)}", template)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(gramps_web: GrampsWeb, new_world: MakeWorld) -> World:
    """The example tree (2,157 people, 7 media objects without files) and an empty media folder."""
    return new_world(gramps_web)


@pytest.fixture
def empty_world(gramps_web: GrampsWeb, new_world: MakeWorld) -> World:
    """A tree without anything in it."""
    return new_world(gramps_web, "empty")


@pytest.fixture
def plain_world(rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld) -> World:
    """One tree whose media lie below a plain prefix of a bucket of their own, logins limited; takes 6 s."""
    bucket = rclone.new_bucket()
    return new_world(
        new_server(s3=rclone, many=False, media_base_dir=f"s3://{bucket.bucket}/family", limit_logins=True)
    )


@pytest.fixture
def disk_world(new_server: MakeServer, new_world: MakeWorld) -> World:
    """A Gramps Web that keeps media on its own disk; takes 6 s."""
    return new_world(new_server(s3=None, many=False))


@pytest.fixture(scope="session")
def disk_server(lab_folder: Path) -> Iterator[GrampsWeb]:
    """A Gramps Web that hosts any number of trees and keeps their media on its own disk, each below its id."""
    with GrampsWeb(lab_folder / "disk-server", s3=None) as server:
        server.shared = True
        yield server


@pytest.fixture
def tree_on_disk(disk_server: GrampsWeb, new_world: MakeWorld) -> World:
    """The example tree on that server; it never had a file."""
    return new_world(disk_server)


@pytest.fixture
def queue_world(rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld) -> World:
    """A Gramps Web with a task queue, as most installations have it; takes 12 s."""
    if not Redis.installed():
        pytest.skip("script/setup --lab installs Redis")
    return new_world(new_server(s3=rclone, task_queue=True))
