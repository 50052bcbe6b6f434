"""Servers that refuse, lie down or are not what the configuration says: an exit code, a plain line, and nothing lost."""

from __future__ import annotations

import json
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from lab.process import free_port, wait_until
from lab.s3 import RcloneS3
from lab.world import World
from tests.lab.conftest import MakeServer, MakeWorld
from tests.lab.endings import (
    assert_document,
    assert_plain,
    assert_settled,
    photo,
    synced,
)


def stored(world: World) -> dict[str, int]:
    """The keys of this tree, and their sizes."""
    assert world.s3 is not None
    return world.s3.keys()


def assert_fails(world: World, code: int, *words: str, secrets: tuple[str, ...] = ()) -> None:
    """A run fails as a whole with one plain line for people and a document for scripts."""
    run = world.syncd("--once")
    assert run.code == code, run
    assert_plain(run, secrets=secrets)
    for word in words:
        assert word in run.err, run
    assert run.out == "", run
    machine = world.syncd("--once", "--json")
    assert_plain(machine, secrets=secrets)
    document = assert_document(machine)
    assert document["exit_code"] == code
    assert document["error"]["reason"]
    assert document["error"]["remedy"]


def test_a_wrong_password_is_said_plainly(world: World) -> None:
    """A wrong password: exit code 4, nothing done, and the password is nowhere: not in output, log or state."""
    secret = "a password with a typo"
    right = world.desktop.settings["gramps"]["password"]
    world.copy_example_images()
    world.configure(gramps={"password": secret})
    mark = world.mark()
    assert_fails(world, 4, "password", secrets=(secret,))
    mark.assert_nothing_written()
    for path in world.desktop.state_dir.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()
    verbose = world.syncd("-vv", "--once")
    assert verbose.code == 4
    assert secret not in verbose.out + verbose.err
    world.configure(gramps={"password": right})
    world.sync()
    assert_settled(world)


def test_a_member_may_not_sync(world: World) -> None:
    """An account that lacks rights is told which role it needs (4); as an editor it works."""
    world.copy_example_images()
    world.configure(gramps={"username": world.tree.users["member"]})
    mark = world.mark()
    assert_fails(world, 4, "rights", "Editor")
    mark.assert_nothing_written()
    world.configure(gramps={"username": world.tree.users["editor"]})
    world.sync()
    assert_settled(world)


def test_a_contributor_may_not_sync(world: World) -> None:
    """An account that may add but not change or delete cannot carry changes over: 4, and nothing is added."""
    world.copy_example_images()
    world.configure(gramps={"username": world.tree.users["contributor"]})
    mark = world.mark()
    assert_fails(world, 4, "DeleteObject", "Editor")
    mark.assert_nothing_written()


def test_a_server_that_is_down(world: World) -> None:
    """Gramps Web is down: 4, before and after the first sync; nothing in the folder changes, and it works again."""
    world.copy_example_images()
    world.server.stop()
    files = world.desktop.files()
    assert_fails(world, 4, "Gramps Web")
    assert world.desktop.files() == files
    world.server.start()
    world.sync()
    world.write("new.jpg", photo(1))
    world.server.stop()
    assert world.syncd("--once").code == 4
    assert world.desktop.files() == {**files, "new.jpg": photo(1)}
    world.server.start()
    world.sync()
    assert_settled(world)


@pytest.mark.slow
def test_a_server_that_dies_in_the_middle(world: World) -> None:
    """Gramps Web dies while files are on their way: 4; the next run finishes, without a double object."""
    synced(world)
    for number in range(150):
        world.write(f"new/{number}.jpg", photo(number, 20_000))
    fetched = {f"web/{number}.jpg": photo(1000 + number) for number in range(10)}
    for path, content in fetched.items():
        world.api.create(path, content)
    before = stored(world)
    process = world.desktop.start("--once", "--json")
    wait_until(lambda: len(stored(world)) > len(before) + 5, "uploads to begin")
    world.server.kill()
    out, err = process.communicate(timeout=150)  # a server that restarts is waited for, a minute a request
    assert process.returncode == 4, (out, err)
    assert "Traceback" not in err
    world.server.start()
    world.sync()
    assert len(world.api.media()) == 7 + 150 + 10
    assert_settled(world)


def test_a_server_that_restarts_in_the_middle(world: World) -> None:
    """Gramps Web is restarted while files are on their way: the run waits for it and ends as if nothing had been."""
    synced(world)
    for number in range(100):
        world.write(f"new/{number}.jpg", photo(number, 20_000))
    before = len(stored(world))
    process = world.desktop.start("--once", "--json")
    wait_until(lambda: len(stored(world)) > before + 5, "uploads to begin")
    world.server.restart()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, (out, err)
    assert len(world.api.media()) == 7 + 100
    assert_settled(world)


def test_a_bucket_that_is_down(world: World, rclone: RcloneS3) -> None:
    """The S3 server is down: 4, and nothing is named in Gramps Web whose bytes did not arrive."""
    synced(world)
    world.write("new.jpg", photo(1))
    transaction = world.api.last_transaction()
    rclone.stop()
    assert_fails(world, 4, "S3")
    rclone.start()
    assert world.api.history(transaction) == []
    world.sync()
    assert_settled(world)


def test_a_bucket_that_dies_in_the_middle(world: World, rclone: RcloneS3) -> None:
    """The S3 server dies while files are sent: 4; no object names bytes that are not there; the next run finishes."""
    synced(world)
    for number in range(150):
        world.write(f"new/{number}.jpg", photo(number, 20_000))
    before = len(stored(world))
    world.configure(limit_up="500 kB")  # else all of them may be there before anybody looks
    process = world.desktop.start("--once", "--json")
    wait_until(lambda: len(stored(world)) > before + 5, "uploads to begin")
    rclone.kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 4, (out, err)
    assert "Traceback" not in err
    assert json.loads(out)["counts"]["uploaded"] > 0
    world.configure(limit_up=None)
    rclone.start()
    held = stored(world)
    assert all(item["checksum"] in held for item in world.api.media())
    world.sync()
    assert_settled(world)


@pytest.fixture
def own_bucket(rclone: RcloneS3, new_server: MakeServer, new_world: MakeWorld) -> World:
    """A Gramps Web whose bucket nobody has made yet."""
    server = new_server(s3=rclone, many=False, media_base_dir=f"s3://family-{free_port()}/photos")
    return new_world(server.start())


def test_a_bucket_that_is_missing_is_made_once(own_bucket: World, rclone: RcloneS3) -> None:
    """A bucket that Gramps Web names is made without asking at first; when it vanishes later, that needs a yes.

    Nothing is taken for deleted, and with the yes its keys are brought back from the folder.
    """
    world = own_bucket
    assert world.bucket is not None
    assert world.bucket.bucket not in {item["Name"] for item in rclone.client.list_buckets()["Buckets"]}
    images = world.copy_example_images()
    assert world.sync()["counts"]["uploaded"] == len(images)
    assert_settled(world)
    objects = world.api.by_path()

    shutil.rmtree(rclone.data / world.bucket.bucket)
    rclone.restart()
    world.write("new.jpg", photo(1))
    world.syncd("--once")
    assert world.desktop.files() == {**images, "new.jpg": photo(1)}
    assert world.api.by_path().items() >= objects.items()
    failed = world.sync("--full", code=4)
    assert "does not exist" in failed["error"]["reason"]
    assert "create_bucket" in failed["error"]["remedy"]
    world.configure(s3={"create_bucket": True})
    world.sync("--full")
    assert_settled(world)


def test_another_bucket_in_the_configuration(world: World, rclone: RcloneS3) -> None:
    """`[s3]` names another bucket than Gramps Web uses: 2, the line names both, and no bucket is written."""
    world.copy_example_images()
    right = world.desktop.settings["s3"]["url"]
    other = rclone.new_bucket()
    world.configure(s3={"url": f"s3://{other.bucket}"})
    mark = world.mark()
    assert_fails(world, 2, "s3.url", other.bucket, right)
    mark.assert_nothing_written()
    assert other.keys() == {}
    world.configure(s3={"url": right})
    world.sync()
    assert_settled(world)


def test_a_bucket_for_a_server_without_one(disk_world: World, rclone: RcloneS3) -> None:
    """`[s3]` against a Gramps Web that keeps media on its own disk: 2, and the line says so; without it they sync."""
    world = disk_world
    world.server.start()
    world.copy_example_images()
    world.api.upload(photo(1))
    world.configure(
        s3={
            "url": "s3://media",
            "endpoint_url": rclone.url,
            "access_key_id": rclone.access_key_id,
            "secret_access_key": rclone.secret_access_key,
        }
    )
    mark = world.mark()
    assert_fails(world, 2, "s3:", "own disk", "MEDIA_BASE_DIR=s3://", secrets=(rclone.secret_access_key,))
    mark.assert_nothing_written()
    world.configure(s3=None)
    world.sync()
    world.assert_in_step()


def test_no_bucket_for_a_server_with_one(world: World) -> None:
    """No `[s3]` though Gramps Web keeps its media in a bucket: 2, with the lines to add."""
    world.copy_example_images()
    section = world.desktop.settings["s3"]
    world.configure(s3=None)
    mark = world.mark()
    assert_fails(world, 2, "[s3]", "bucket media")
    mark.assert_nothing_written()
    world.configure(s3=section)
    world.sync()
    assert_settled(world)


@pytest.mark.parametrize("key", ["access_key_id", "secret_access_key"])
def test_wrong_keys_for_the_bucket(world: World, rclone: RcloneS3, key: str) -> None:
    """The bucket refuses the keys: 4, no key in the output, nothing done; with the right ones it works."""
    world.copy_example_images()
    right = world.desktop.settings["s3"][key]
    wrong = "a-key-that-opens-nothing"
    world.configure(s3={key: wrong})
    mark = world.mark()
    assert_fails(world, 4, "S3", "access key", secrets=(rclone.secret_access_key, wrong))
    mark.assert_nothing_written()
    world.configure(s3={key: right})
    world.sync()
    assert_settled(world)


class _Page(BaseHTTPRequestHandler):
    """Any web site: an HTML page for everything."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        page = b"<!doctype html><title>Our family</title><h1>Welcome</h1>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    do_GET = do_POST = do_PUT = do_HEAD = _answer  # noqa: N815  (http.server's names)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_site_that_is_no_gramps_web(world: World) -> None:
    """The address is some other web site: 4, said in words, before and after the first sync."""
    world.copy_example_images()
    right = world.desktop.settings["gramps"]["url"]
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{site.server_port}"
        world.configure(gramps={"url": address})
        assert_fails(world, 4, "Gramps Web")
        world.configure(gramps={"url": right})
        world.sync()
        world.configure(gramps={"url": address})
        files = world.desktop.files()
        assert_fails(world, 4, "Gramps Web")
        assert world.desktop.files() == files
        site.shutdown()
    world.configure(gramps={"url": right})
    assert_settled(world)
