"""Where the media folder leads: disks that come and go, folders that are replaced, links, file systems of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.config.settings import Watch
from syncd.watcher import mounts
from syncd.watcher.mounts import Mount, mounts_of
from tests.unit.watcher.lookout import Clock, Lookout, in_namespace, inotify_descriptors, kernel_watches

Watching = Callable[..., Lookout]


def kind(lookout: Lookout) -> str:
    """How changes are noticed."""
    return lookout.watcher.health.kind


def test_a_folder_that_is_not_there(media: Path, watching: Watching, clock: Clock) -> None:
    """No media folder: it says so and demands scans, which tell why nothing can be done; when it is there, it watches."""
    lookout = watching(root=media / "later", clock=clock, settle=2, poll_every=60)
    assert kind(lookout) == "none"
    assert "No such file or directory" in lookout.watcher.health.words
    lookout.watcher.check()
    assert lookout.watcher.due_in() == 60
    clock.now += 60
    assert lookout.take().scan == "the media folder is not there"
    assert lookout.watcher.due_in() == 60
    (media / "later").mkdir()
    lookout.watcher.check()
    assert lookout.take().scan == "the media folder is back"
    assert kind(lookout) == "inotify"
    assert lookout.watcher.due_in() is None
    (media / "later" / "x.jpg").symlink_to("nowhere")
    lookout.heard()
    assert lookout.unsettled() == {"x.jpg"}


def test_a_file_in_its_place(media: Path, watching: Watching) -> None:
    """A media folder that is no folder."""
    (media / "file").touch()
    assert "it is no folder" in watching(root=media / "file").watcher.health.words


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_a_folder_that_goes_away(media: Path, watching: Watching, how: str) -> None:
    """Moved or deleted: a scan at once, which finds it missing; another in its place is watched from the next check on."""
    (media / "root" / "a").mkdir(parents=True)
    lookout = watching(root=media / "root", settle=600)
    if how == "moved":
        (media / "root").rename(media / "elsewhere")
        assert lookout.scanned() == "the media folder was moved or renamed"
        assert "moved or renamed" in lookout.watcher.health.words
        (media / "elsewhere" / "a" / "x.jpg").touch()
    else:
        (media / "root" / "a").rmdir()
        (media / "root").rmdir()
        assert lookout.scanned() == "the media folder was deleted"
    assert lookout.watcher.health.kind == "none"
    lookout.watcher.check()
    assert lookout.take().scan == "the media folder is not there: No such file or directory"
    assert not inotify_descriptors()
    lookout.watcher.check()
    assert lookout.take().scan is None
    (media / "root" / "b").mkdir(parents=True)
    lookout.watcher.check()
    assert lookout.take().scan == "the media folder is back"
    (media / "root" / "b" / "x.jpg").symlink_to("nowhere")
    lookout.heard()
    assert lookout.unsettled() == {"b/x.jpg"}
    assert kernel_watches() == lookout.watcher.health.folders == 2


def test_a_folder_above_that_is_renamed(media: Path, watching: Watching) -> None:
    """Of which the kernel tells nothing: the next check notices."""
    (media / "above" / "root").mkdir(parents=True)
    lookout = watching(root=media / "above" / "root")
    (media / "above").rename(media / "other")
    assert lookout.watcher.due_in() is None
    lookout.watcher.check()
    assert (lookout.take().scan or "").startswith("the media folder is not there")
    (media / "other").rename(media / "above")
    lookout.watcher.check()
    assert lookout.take().scan == "the media folder is back"
    assert lookout.watcher.health.kind == "inotify"


def test_a_link_to_the_folder(media: Path, watching: Watching) -> None:
    """The media folder may be a link: what it leads to is watched, also when it leads elsewhere later on."""
    for name in ("one", "two"):
        (media / name / "a").mkdir(parents=True)
    link = media.parent / "link"
    link.symlink_to(media / "one")
    lookout = watching(root=link)
    (media / "one" / "a" / "x.jpg").touch()
    assert lookout.rest() == {"a/x.jpg"}
    link.unlink()
    link.symlink_to(media / "two")
    lookout.watcher.check()
    assert lookout.scanned() == "another folder is where the media folder was"
    (media / "one" / "a" / "y.jpg").touch()
    (media / "two" / "a" / "y.jpg").touch()
    assert lookout.rest() == {"a/y.jpg"}


def test_a_check_changes_nothing(media: Path, watching: Watching) -> None:
    """Where all is well a check does nothing."""
    lookout = watching()
    folders = lookout.watcher._folders
    lookout.watcher.check()
    assert lookout.watcher._folders is folders
    assert lookout.watcher.due_in() is None


def test_a_disk_that_is_unmounted(media: Path) -> None:
    """Watching keeps nobody from unmounting; a scan at once; when it is mounted again, it is watched and looked at."""
    script = """
    root = Path(sys.argv[1])
    def mount(*what): subprocess.run(["mount", *what], check=True)
    def umount(what): subprocess.run(["umount", what], check=True)
    mount("-t", "tmpfs", "disk", str(root.parent))
    root.mkdir()
    (root / "a").mkdir()
    lookout = Lookout(root, settle=600)
    lookout.watcher.start()
    assert lookout.watcher.health.folders == 2
    umount(root.parent)
    gone = "the disk of the media folder was unmounted"  # the folders in it are told of, too, and may be first
    lookout.until(lambda: gone in " ".join(lookout.scans))
    assert lookout.watcher.health.kind == "none", lookout.watcher.health
    lookout.watcher.check()
    lookout.take()
    mount("-t", "tmpfs", "disk", str(root.parent))
    (root / "b").mkdir(parents=True)
    lookout.watcher.check()
    assert lookout.take().scan
    assert lookout.watcher.health.kind == "inotify", lookout.watcher.health
    (root / "b" / "x.jpg").symlink_to("nowhere")
    lookout.heard()
    assert lookout.unsettled() == {"b/x.jpg"}, lookout.unsettled()

    # The media folder is the mount point itself; lazily, so that the kernel does not even tell.
    umount(root.parent)
    lookout.watcher.check()
    lookout.take()
    root.mkdir(exist_ok=True)
    lookout.watcher.check()
    lookout.take()
    held = os.open(root, os.O_RDONLY)
    mount("-t", "tmpfs", "disk", str(root))
    lookout.watcher.check()
    assert lookout.take().scan == "another folder is where the media folder was", lookout.scans
    inside = os.open(root, os.O_RDONLY)
    subprocess.run(["umount", "-l", root], check=True)
    lookout.watcher.check()
    assert lookout.take().scan == "another folder is where the media folder was", lookout.scans
    os.close(inside)
    os.close(held)
    lookout.watcher.stop()
    """
    in_namespace(script, str(media), kind="-Urm")


def test_a_disk_inside_that_comes_and_goes(media: Path) -> None:
    """A disk mounted inside is noticed at the next check, one that is unmounted at once; both demand a scan."""
    script = """
    root = Path(sys.argv[1])
    (root / "disk").mkdir()
    lookout = Lookout(root, settle=600)
    lookout.watcher.start()
    subprocess.run(["mount", "-t", "tmpfs", "disk", root / "disk"], check=True)
    lookout.watcher.check()
    assert lookout.take().scan == "disks were mounted or unmounted"
    (root / "disk" / "a").mkdir()
    (root / "disk" / "a" / "x.jpg").symlink_to("nowhere")
    lookout.heard()
    assert "disk/a" in lookout.watcher._inbox._pending._changes
    lookout.scans.clear()
    subprocess.run(["umount", root / "disk"], check=True)
    assert lookout.scanned() .startswith("a disk was unmounted"), lookout.scans
    lookout.watcher.check()
    lookout.take()
    (root / "disk" / "y.jpg").symlink_to("nowhere")
    lookout.heard()
    assert "disk/y.jpg" in lookout.unsettled()
    assert lookout.watcher.health.folders == kernel_watches() == 2

    # One folder at two places: both are told.
    (root / "twice").mkdir()
    lookout.heard()
    subprocess.run(["mount", "--bind", root / "disk", root / "twice"], check=True)
    lookout.watcher.check()
    lookout.take()
    (root / "twice" / "z.jpg").symlink_to("nowhere")
    lookout.heard()
    assert {"disk/z.jpg", "twice/z.jpg"} <= lookout.unsettled()
    lookout.watcher.stop()
    """
    in_namespace(script, str(media), kind="-Urm")


MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:50 / /home/o\040b/Fotos rw - autofs systemd-1 rw,fd=5
41 40 0:51 / /home/o\040b/Fotos rw,relatime shared:1 master:2 - nfs4 nas:/photos rw,vers=4.2
42 41 8:1 / /home/o\040b/Fotos/card rw,relatime - vfat /dev/sdb1 rw
43 27 0:52 / /srv/media/net rw,relatime - fuse.rclone remote: rw
44 27 0:53 / /srv/media/usb rw,relatime - fuseblk /dev/sdc1 rw
45 27 0:54 / /srv/media-2 rw,relatime - cifs //nas/x rw
46 27 0:55 / /srv/media/old rw,relatime - ext4 /dev/sdd1 rw
47 27 0:56 / /srv/media/old rw,relatime - tmpfs none rw
nonsense
"""


@pytest.fixture
def mountinfo(tmp_path: Path) -> Path:
    """Mounts as a machine may have them."""
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTINFO)
    return file


def test_mounts(mountinfo: Path) -> None:
    """Of a folder: the file system that it is on, and those below it; what was mounted last counts."""
    photos = mounts_of("/home/o b/Fotos", mountinfo)
    assert photos.top == Mount(41, "/home/o b/Fotos", "nfs4")
    assert photos.below == {Mount(42, "/home/o b/Fotos/card", "vfat")}
    assert photos.remote_below == []
    media = mounts_of("/srv/media", mountinfo)
    assert media.top == Mount(27, "/", "ext4")
    assert {mount.kind for mount in media.below} == {"fuse.rclone", "fuseblk", "tmpfs"}
    assert media.remote_below == [Mount(43, "/srv/media/net", "fuse.rclone")]
    assert mounts_of("/", mountinfo).top == Mount(27, "/", "ext4")
    assert mounts_of("/srv/media", mountinfo.parent / "missing") == mounts.Mounts()


@pytest.mark.parametrize(
    ("kind", "remote"),
    [
        *((name, True) for name in ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "virtiofs", "vboxsf")),
        *((name, True) for name in ("fuse", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gvfsd-fuse")),
        *((name, False) for name in ("ext4", "btrfs", "xfs", "vfat", "exfat", "ntfs3", "tmpfs", "overlay")),
        *((name, False) for name in ("fuseblk", "fuse.gocryptfs", "fuse.mergerfs", "zfs")),
    ],
)
def test_file_systems_that_others_change(kind: str, remote: bool) -> None:
    """Network file systems, shares of virtual machines, and everything in user space that is not known to be local."""
    assert Mount(1, "/x", kind).is_remote is remote


def on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: Path, kind: str) -> None:
    """Let a folder look like the mount point of a file system."""
    (tmp_path / "mountinfo").write_text(
        f"27 1 254:0 / / rw - ext4 /dev/vda rw\n41 27 0:51 / {point} rw - {kind} nas:/photos rw\n"
    )
    monkeypatch.setattr(mounts, "MOUNTINFO", tmp_path / "mountinfo")


def test_a_network_file_system(
    media: Path, tmp_path: Path, watching: Watching, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked through at intervals, a twentieth of the time at most; nothing is watched."""
    on(monkeypatch, tmp_path, media, "nfs4")
    lookout = watching(clock=clock, poll_every=60)
    health = lookout.watcher.health
    assert (health.kind, health.folders, health.unwatched, health.remedy) == ("polling", 0, 0, "")
    assert (
        health.words
        == "looking through it every 1m, because it is on a file system that others change, too (nfs4)"
    )
    assert not inotify_descriptors()
    assert lookout.watcher.due_in() == 60
    clock.now += 60
    assert lookout.take().scan == "others may have changed something"
    clock.now += 20
    lookout.watcher.scanned(20)
    assert lookout.watcher.due_in() == 400
    lookout.watcher.compare(set())
    lookout.watcher.check()
    assert not lookout.take()
    clock.now += 400
    assert lookout.take().scan
    assert "every 6m40s" in lookout.watcher.health.words


def test_a_network_file_system_inside(
    media: Path, tmp_path: Path, watching: Watching, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's word is heard all the same, and everything looked through at intervals."""
    (media / "net").mkdir()
    on(monkeypatch, tmp_path, media / "net", "fuse.sshfs")
    lookout = watching(clock=clock, poll_every=60)
    health = lookout.watcher.health
    assert (health.kind, health.folders) == ("inotify", 2)
    assert (
        health.words
        == "the system telling of them; and by looking through it every 1m, because others change net, too"
    )
    assert lookout.watcher.due_in() == 60
    clock.now += 60
    assert lookout.take().scan == "others may have changed something"


def test_polling_by_choice(media: Path, watching: Watching, clock: Clock) -> None:
    """`watch = "poll"`."""
    lookout = watching(mode=Watch.POLL, clock=clock, poll_every=60)
    assert lookout.watcher.health.words == 'looking through it every 1m, as set with watch = "poll"'
    assert lookout.watcher.health.kind == "polling"
    assert not inotify_descriptors()
    clock.now += 60
    assert lookout.take().scan
