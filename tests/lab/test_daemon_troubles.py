"""The daemon when things go wrong: servers, disks, clocks, signals. It goes on by itself, and loses and doubles nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.clock import Clock
from lab.daemon import RunningDaemon
from lab.process import wait_until
from lab.world import World, md5
from syncd.control.contract import Doing, Live
from syncd.service.later import MOST
from tests.lab.mounting import mounted
from tests.lab.scenario import begin, ends_in_step, photo
from tests.lab.test_daemon import SOON, quick
from tests.lab.test_gramps_desktop import beside

MANY = int(os.environ.get("SYNCD_MANY", "500"))
"""Files that are copied in at once. `SYNCD_MANY=2000` takes Gramps Web some minutes: it indexes each anew."""

PARKER = """
import os, sys, time
from pathlib import Path
from syncd.applier.disk import MediaFolder
from syncd.ignore import IgnoreRules
from syncd.ports import SilentProgress
from syncd.scanner import scan
root = Path(sys.argv[1])
found = scan(root, {}, IgnoreRules(), now_ns=time.time_ns(), progress=SilentProgress(), threads=1)
with MediaFolder(root) as media, media.step_aside(found.snapshot.files[sys.argv[2]]):
    os.kill(os.getpid(), 9)
"""
"""Is killed while a file is parked under a name of ours, as it is for a moment when files change places."""

SLOW_WRITER = """
import sys, time
with open(sys.argv[1], "wb", buffering=0) as file:
    for part in range(int(sys.argv[2])):
        file.write(b"%06d" % part * 1000)
        time.sleep(float(sys.argv[3]))
"""


def rests(live: Live) -> bool:
    """It has nothing left to do."""
    return live.doing is Doing.IDLE and not live.pending


def test_many_files_and_a_slow_one(empty_world: World) -> None:
    """Of many files that are copied in at once and one that is written slowly, no partial one is ever published."""
    world = empty_world
    begin(world, "first.jpg")
    world.configure(first_sync="go")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        (world.folder / "slow").mkdir()
        slow = subprocess.Popen(
            [sys.executable, "-c", SLOW_WRITER, str(world.folder / "slow" / "film.mp4"), "5", "1.7"]
        )
        source = world.base / "card"
        source.mkdir()
        for number in range(MANY):
            (source / f"{number:04}.jpg").write_bytes(photo(f"picture {number}"))
        subprocess.run(["cp", "-r", str(source), str(world.folder / "card")], check=True)
        assert slow.wait(30) == 0
        wait_until(lambda: len(world.catalog()) == MANY + 2, "all are in Gramps Web", 250)
        daemon.wait(rests, "it rests")
    whole = b"".join(b"%06d" % part * 1000 for part in range(5))
    assert world.catalog()["slow/film.mp4"] == md5(whole)
    made = {change["obj_handle"] for one in world.api.history() for change in one["changes"]}
    assert len(made) == MANY + 2, "an object for each file, and no other"
    assert world.s3 is not None
    contents = {md5(content) for content in world.desktop.files().values()}
    assert set(world.s3.keys()) == contents, "nothing partial was ever sent"
    ends_in_step(world)


def test_ended_in_the_middle_of_a_large_upload(empty_world: World) -> None:
    """SIGTERM while a gigabyte is on its way: it ends within 5 s, and after the next start the file is there, whole, once."""
    world = empty_world
    begin(world, "first.jpg")
    world.configure(first_sync="go", limit_up="150 MB")
    quick(world)
    size = 1 << 30
    with RunningDaemon(world.desktop) as daemon:
        with (world.folder / "film.mp4").open("wb") as file:
            for part in range(1024):
                file.write(part.to_bytes(4, "big") * (1 << 18))
        daemon.wait(lambda live: (size // 8) < live.size < size and "Send" in live.phase, "it is on its way")
        assert daemon.stop() < SOON
    assert "film.mp4" not in world.catalog()
    world.configure(limit_up=0)
    with RunningDaemon(world.desktop) as daemon:
        wait_until(lambda: "film.mp4" in world.catalog(), "it is in Gramps Web", 60)
        daemon.wait(rests, "it rests")
    assert sum(path == "film.mp4" for path in [item["path"] for item in world.api.media()]) == 1
    ends_in_step(world)


@pytest.mark.parametrize("which", ["Gramps Web", "the bucket"])
def test_a_server_that_hangs_or_is_gone(plain_world: World, which: str) -> None:
    """A server that is stopped and goes on, is started anew, or is gone for a while: nothing is lost, it goes on by itself."""
    world = plain_world
    assert world.bucket is not None
    server = world.server if which == "Gramps Web" else world.bucket.server
    world.copy_example_images()
    begin(world, "first.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        server.pause()
        world.write("while it hangs.jpg", photo("while it hangs"))
        time.sleep(3)
        server.resume()
        wait_until(
            lambda: "while it hangs.jpg" in world.catalog(), "what was saved while it hung is there", 60
        )
        server.stop()
        world.write("while it is gone.jpg", photo("while it is gone"))
        daemon.wait(lambda live: live.doing is Doing.AWAY, "it notices", 90)
        server.start()
        wait_until(lambda: "while it is gone.jpg" in world.catalog(), "and afterwards it goes on", 60)
        daemon.wait(rests, "it rests")
    ends_in_step(world)


def test_a_folder_that_is_unmounted(empty_world: World) -> None:
    """The folder's disk is unmounted: it stops and deletes nothing; it is mounted again: it goes on by itself."""
    world = empty_world
    quick(world)
    disk = world.base / "disk"
    disk.mkdir()
    with mounted(None, disk):
        (disk / "media").mkdir()
        with mounted(disk / "media", world.folder, in_use=False):
            begin(world, "album/one.jpg", "album/two.jpg")
            daemon = RunningDaemon(world.desktop).start()
        with daemon:
            daemon.wait(lambda live: live.doing is Doing.STOPPED, "it stops")
            assert "mount" in (daemon.live() or pytest.fail("it is gone")).remedy
            assert len(world.catalog()) == 2
            with mounted(disk / "media", world.folder):
                daemon.wait(rests, "it goes on")
                world.write("album/three.jpg", photo("three"))
                wait_until(lambda: "album/three.jpg" in world.catalog(), "the new file is there", 10)
                assert daemon.stop() < SOON
        with mounted(disk / "media", world.folder):
            ends_in_step(world)


def both_ways(world: World, number: int) -> None:
    """A photo goes either way."""
    world.api.upload(photo(f"web {number}"), "image/jpeg")
    wait_until(lambda: photo(f"web {number}") in world.desktop.files().values(), "it is here", 20)
    world.write(f"here {number}.jpg", photo(f"here {number}"))
    wait_until(lambda: f"here {number}.jpg" in world.catalog(), "it is there", 20)


def test_a_clock_that_is_set(empty_world: World) -> None:
    """A clock that is put back by a day, or on by one, does not keep the daemon from looking."""
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    clock = Clock(world.base / "clock")
    with RunningDaemon(world.desktop, env=clock.environment) as daemon:
        for number, ahead in enumerate((-86_400, 86_400, 0)):
            clock.set(ahead)
            both_ways(world, number)
        daemon.wait(rests, "it rests")
    ends_in_step(world)


def test_few_watches(empty_world: World) -> None:
    """Where the kernel gives too few watches, it says so with the line that mends it, and finds everything all the same."""
    world = empty_world
    begin(world, *(f"{number}/photo.jpg" for number in range(30)))
    quick(world, poll_every="2s")
    few = ["unshare", "-Ur", "sh", "-c", 'echo 12 > /proc/sys/user/max_inotify_watches; exec "$@"', "few"]
    if subprocess.run([*few, "true"], check=False).returncode != 0:
        pytest.skip("this machine lets nobody have a user namespace")
    with RunningDaemon(world.desktop, prefix=few) as daemon:
        live = daemon.wait(lambda live: live.unwatched > 0, "it counts what is not watched")
        assert "sysctl" in live.watching
        assert "fs.inotify.max_user_watches" in live.watching
        for number in (3, 17, 29):
            world.write(f"{number}/another.jpg", photo(f"another {number}"))
        wait_until(
            lambda: {f"{number}/another.jpg" for number in (3, 17, 29)} <= world.catalog().keys(),
            "all are there",
            60,
        )
        assert "max_user_watches" in world.syncd("status").out
        daemon.wait(rests, "it rests")
    ends_in_step(world)


def test_killed_and_started_anew(empty_world: World) -> None:
    """A daemon that is killed leaves nothing behind that keeps the next one from working, nor one that hangs."""
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as first:
        world.write("second.jpg", photo("second"))
        first.kill()
    with RunningDaemon(world.desktop) as second:
        wait_until(lambda: "second.jpg" in world.catalog(), "it is there", 20)
        other = world.desktop.start()
        assert other.wait(20) == 5, "one daemon for one state"
        second.send(signal.SIGSTOP)
        hung = world.syncd("status", timeout=60)
        assert hung.code != 0
        second.send(signal.SIGCONT)
        second.wait(rests, "it rests")
    assert not (world.desktop.state_dir / "daemon.sock").exists()
    ends_in_step(world)


@pytest.mark.parametrize("start", ["paused", "without its folder"])
def test_a_file_that_a_crash_left_parked(empty_world: World, start: str) -> None:
    """However the daemon starts after a crash, what was left under a name of ours is back before anything is looked at."""
    world = empty_world
    handles = begin(world, "one.jpg", "two.jpg")
    quick(world)
    if start == "paused":
        with RunningDaemon(world.desktop):
            assert world.syncd("pause").code == 0
    subprocess.run([sys.executable, "-c", PARKER, str(world.folder), "one.jpg"], check=False)
    assert "one.jpg" not in world.desktop.files()
    away = world.folder.with_name("away")
    if start == "paused":
        with RunningDaemon(world.desktop).start(until=lambda live: live.doing is Doing.PAUSED):
            assert world.sync()["counts"]["unchanged"] == 2
            assert world.syncd("resume").code == 0
    else:
        world.folder.rename(away)
        with RunningDaemon(world.desktop).start(until=lambda live: live.doing is Doing.STOPPED) as daemon:
            away.rename(world.folder)
            daemon.wait(rests, "it goes on")
    assert {path: item["handle"] for path, item in world.api.by_path().items()} == handles
    ends_in_step(world)


def test_a_file_that_cannot_be_put_back(empty_world: World) -> None:
    """While what a crash left parked cannot be put back, its object stays; afterwards all goes on."""
    world = empty_world
    handles = begin(world, "album/one.jpg", "two.jpg")
    subprocess.run([sys.executable, "-c", PARKER, str(world.folder), "album/one.jpg"], check=False)
    locked = subprocess.run(["chattr", "+i", str(world.folder / "album")], check=False, capture_output=True)
    if locked.returncode != 0:
        pytest.skip("this file system knows no folders that cannot be changed")
    try:
        for _ in range(2):
            assert "chmod" in world.sync(code=1)["problems"][0]["remedy"]
            assert {path: item["handle"] for path, item in world.api.by_path().items()} == handles
    finally:
        subprocess.run(["chattr", "-i", str(world.folder / "album")], check=True)
    world.sync()
    assert {path: item["handle"] for path, item in world.api.by_path().items()} == handles
    ends_in_step(world)


def test_settings_that_are_read_again(empty_world: World) -> None:
    """SIGHUP takes up new settings; bad ones are reported, and the old ones kept."""
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        good = world.config_file.read_text()
        world.config_file.write_text(f'new_fils = "add"\n{good}')
        daemon.send(signal.SIGHUP)
        wait_until(lambda: "the new configuration is not used" in daemon.events(), "it is reported", 10)
        world.config_file.write_text(good)
        world.configure(ignore=["*.psd"])
        daemon.send(signal.SIGHUP)
        wait_until(lambda: "the new configuration is in use" in daemon.events(), "it is in use", 10)
        world.write("draft.psd", b"a draft")
        world.write("second.jpg", photo("second"))
        wait_until(lambda: "second.jpg" in world.catalog(), "it works", 20)
        assert "draft.psd" not in world.catalog()


def test_names_that_are_not_text(empty_world: World) -> None:
    """Names that are not UTF-8 come, change and go: they are told of, and what has a proper name goes on."""
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    bad = os.fsencode(world.folder) + b"/Gr\xfc\xdfe"
    with RunningDaemon(world.desktop) as daemon:
        os.mkdir(bad)  # noqa: PTH102  pathlib takes no bytes
        Path(os.fsdecode(bad), "photo.jpg").write_bytes(photo("in a folder"))
        Path(os.fsdecode(bad) + ".jpg").write_bytes(photo("bad"))
        world.write("second.jpg", photo("second"))
        wait_until(lambda: "second.jpg" in world.catalog(), "what has a proper name is there", 20)
        wait_until(lambda: world.syncd("status", "--json").code == 1, "it is told", 20)
        Path(os.fsdecode(bad)).rename(world.folder / "Grüße")
        Path(os.fsdecode(bad) + ".jpg").unlink()
        wait_until(lambda: "Grüße/photo.jpg" in world.catalog(), "and so is what was given one", 20)
        daemon.wait(rests, "it rests")
    ends_in_step(world)


def test_a_configuration_that_cannot_work(empty_world: World) -> None:
    """What only a person can mend ends the daemon at its start, with the code and the words of a single run."""
    world = empty_world
    world.configure(media_dir=str(world.base / "no such folder"))
    alone, once = world.syncd(timeout=30), world.syncd("--once")
    assert alone.code == once.code == 2
    assert "media_dir" in alone.err
    world.configure(media_dir=str(world.folder), s3={"url": "s3://another-bucket"})
    world.write("first.jpg", photo("first"))
    ended = world.syncd(timeout=30)
    assert ended.code == 2, ended
    assert "s3.url" in ended.err


def test_another_configuration_does_not_get_this_ones_daemon(empty_world: World) -> None:
    """A second pair that forgot its own state_dir is told so by every command; the first one's daemon goes on."""
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    other = world.base / "jones.toml"
    folder = world.base / "jones"
    folder.mkdir()
    other.write_text(world.config_file.read_text().replace(str(world.folder), str(folder)))
    other.chmod(0o600)
    with RunningDaemon(world.desktop) as daemon:
        for command in (["--once"], ["sync"], ["status"], ["pause"], ["resume"], ["approve", "--all"]):
            run = world.syncd("--config", str(other), *command)
            assert run.code == 3, run
            assert "state_dir" in run.err + run.out, run
        live = daemon.live()
        assert live is not None
        assert live.doing is Doing.IDLE
        same = world.base / "same.toml"
        same.write_text(world.config_file.read_text())
        same.chmod(0o600)
        assert world.syncd("--config", str(same), "sync").code == 0
    ends_in_step(world)


def test_its_own_writes_do_not_echo(empty_world: World) -> None:
    """What the daemon fetches is no news to it: Gramps Web is not asked about it."""
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        for number in range(5):
            world.api.create(f"new folder/{number}.jpg", photo(f"web {number}"))
        wait_until(lambda: len(world.desktop.files()) == 6, "all are here", 20)
        daemon.wait(rests, "it rests")
        position = daemon.position()
        time.sleep(4)
        events = daemon.events(position)
        assert not [event for event in events if event in ("decided", "looking at everything")]
    ends_in_step(world)


def wrong_password(world: World) -> str:
    """Have the configuration hold one; returns the right one."""
    right = str(world.desktop.settings["gramps"]["password"])
    world.configure(gramps={"password": "wrong"})
    return right


def test_a_correction_is_read_by_itself(empty_world: World) -> None:
    """Who corrects what is wrong in the configuration need not say so: a run asks for it, and each try looks again."""
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        right = wrong_password(world)
        daemon.send(signal.SIGHUP)
        daemon.wait(lambda live: live.doing is Doing.AWAY, "the password to be refused")
        world.write("second.jpg", photo("second"))
        world.configure(gramps={"password": right})
        document = world.sync()  # by the daemon, whose socket stays
        assert document["counts"]["added"] == 1
        daemon.wait(rests, "it rests")
        assert "the new configuration is in use" in daemon.events()
    ends_in_step(world)


def test_neither_the_new_nor_the_old_settings_will_do(empty_world: World) -> None:
    """Gramps Desktop's family tree appears in the folder, of which both would have to say something: the daemon stays, says
    so, can be asked, and goes on by itself once one of them does.
    """
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        beside(world, "empty")
        world.configure(ignore=["*.psd"])
        daemon.send(signal.SIGHUP)
        daemon.wait(lambda live: live.doing is Doing.AWAY and "new_files" in live.reason, "it to say so")
        assert "the new configuration is not used" in daemon.events()
        world.configure(new_files="add")
        daemon.wait(rests, "it goes on")
        world.write("later.jpg", photo("later"))
        wait_until(lambda: "later.jpg" in world.catalog(), "it works", 20)
    ends_in_step(world)


def test_many_objects_whose_files_come_later(empty_world: World) -> None:
    """As the Gramps Web Sync addon sends them, and the history does not tell of the files: the daemon has them soon."""
    world = empty_world
    begin(world, "first.jpg")
    quick(world)
    contents = [photo(f"sent later {number}") for number in range(MOST + 20)]
    with RunningDaemon(world.desktop) as daemon:
        new = [
            {
                "_class": "Media",
                "path": f"later/{md5(content)}.jpg",
                "mime": "image/jpeg",
                "checksum": md5(content),
            }
            for content in contents
        ]
        world.api.json("POST", "/objects/", json=new)
        daemon.wait(lambda live: live.pending > MOST, "so many wait")
        assert world.s3 is not None
        for content in contents:
            world.s3.put_content(content)
        wait_until(lambda: len(world.desktop.files()) == len(contents) + 1, "all are here", 120)
        daemon.wait(rests, "it rests", 120)
    ends_in_step(world)


def test_a_name_that_is_in_the_way(empty_world: World) -> None:
    """What waited for it comes as soon as it is free; and a problem that is over is told no longer."""
    world = empty_world
    found = begin(world, "blocker", "keep.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        (world.folder / "tab\tname.jpg").write_bytes(photo("tab"))
        world.api.create("blocker/below.jpg", photo("below"))

        def problems() -> int:
            return len(world.syncd("status", "--json").json["problems"])

        wait_until(lambda: problems() == 2, "both to be told", 30)
        (world.folder / "tab\tname.jpg").unlink()
        world.api.delete(found["blocker"])
        wait_until(lambda: "blocker/below.jpg" in world.desktop.files(), "what waited", 20)
        wait_until(lambda: problems() == 0, "they are over", 20)
        daemon.wait(rests, "it rests")
    ends_in_step(world)


def test_a_folder_takes_the_place_of_a_file(empty_world: World) -> None:
    """An empty one is a deletion like any other."""
    world = empty_world
    begin(world, "one.jpg", "album/two.jpg", "keep.jpg")
    quick(world)
    with RunningDaemon(world.desktop) as daemon:
        (world.folder / "one.jpg").unlink()
        (world.folder / "one.jpg").mkdir()
        wait_until(lambda: "one.jpg" not in world.catalog(), "the deletion", 20)
        photo_of = world.folder / "album" / "two.jpg"
        photo_of.unlink()
        photo_of.symlink_to("../keep.jpg")
        time.sleep(3)
        daemon.wait(rests, "it rests")
        assert "album/two.jpg" in world.catalog(), "a link is no deletion"
        (world.folder / "album").rename(world.base / "away")
        (world.folder / "album").mkdir()
        wait_until(lambda: "album/two.jpg" not in world.catalog(), "the other one", 20)
        daemon.wait(rests, "it rests")
    ends_in_step(world)
