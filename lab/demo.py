"""What script/demo shows. Whether both sides are equal is looked at here, without asking syncd."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from lab.daemon import RunningDaemon
from lab.gramps_web import PASSWORD, GrampsWeb
from lab.process import LabError, wait_until
from lab.s3 import RcloneS3
from lab.world import SYNCD, World, md5

NEW_PHOTO = "Weddings/1912 Anna & Björn.jpg"


def main() -> int:
    """Run the demo; exit code 0 when syncd did what it promises."""
    keep = "--keep" in sys.argv[1:]
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as folder:
        try:
            return _demo(Path(folder), keep=keep)
        except LabError as error:
            print(f"\nThe demo failed: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nStopped.")
            return 130


def _demo(folder: Path, *, keep: bool) -> int:
    _title("An S3 server and Gramps Web with Gramps' example tree")
    with RcloneS3(folder / "s3") as s3:
        bucket = s3.new_bucket("family-media")
        server = GrampsWeb(
            folder / "gramps-web",
            s3=s3,
            media_base_dir=f"s3://{bucket.bucket}",
            many=False,
            limit_logins=True,
        )
        world = World.on(server, folder / "family")
        with server:
            try:
                return _show(world, keep=keep)
            finally:
                world.close()


def _show(world: World, *, keep: bool) -> int:
    objects = world.api.media()
    missing = sum(world.api.content(item["handle"]) is None for item in objects)
    print(
        f"S3 server     {world.server.s3.url if world.server.s3 else '–'}, bucket {world.server.media_base_dir}"
    )
    print(f"Gramps Web    {world.server.url}, {len(objects)} media objects, {missing} without their files")

    _title("A media folder with the example's images, and a new photo on either side")
    images = world.copy_example_images()
    photos = world.server.release.example
    world.write(NEW_PHOTO, (photos / "O0.jpg").read_bytes())
    uploaded = world.api.upload((photos / "O1.jpg").read_bytes(), desc="Uploaded on the web")
    print(
        f"Media folder  {world.folder}: {len(images)} images of the example, and '{NEW_PHOTO}', which is new"
    )
    print(f"Gramps Web    a photo was uploaded: '{world.api.get(uploaded)['path']}'")

    _run(world, "check")
    _run(world, "--once")
    print()
    _compare(world, listed=True)

    mark = world.mark()
    _run(world, "--once")
    print()
    writes = mark.writes()
    if writes:
        raise LabError("the second run was to do nothing, but wrote\n  " + "\n  ".join(writes))
    print("The second run wrote nothing: not to the folder, not to Gramps Web, not to the bucket.")
    _compare(world, listed=False)
    _show_daemon(world)
    if keep:
        with contextlib.suppress(KeyboardInterrupt):
            _look_around(world)
    return 0


def _show_daemon(world: World) -> None:
    """The same without being called: syncd in the background, and how long a photo takes either way."""
    _title("syncd, in the background")
    photos = world.server.release.example
    with RunningDaemon(world.desktop, verbose=False):
        begun = time.monotonic()
        scan = (photos / "O2.jpg").read_bytes()
        world.write("Weddings/1913 a new scan.jpg", scan)
        wait_until(lambda: "Weddings/1913 a new scan.jpg" in world.catalog(), "the new scan is in Gramps Web")
        print(f"A scan was saved in the folder: in Gramps Web {time.monotonic() - begun:.1f} s later")
        begun = time.monotonic()
        handle = world.api.upload(
            b"\xff\xd8\xff\xe0 a photo that somebody uploads", desc="Uploaded meanwhile"
        )
        path = world.api.get(handle)["path"]
        wait_until(lambda: path in world.desktop.files(), "the upload is in the folder", 90)
        print(f"A photo was uploaded on the web: in the folder {time.monotonic() - begun:.1f} s later")
        _run(world, "status")
    print()
    _compare(world, listed=False)


def _compare(world: World, *, listed: bool) -> None:
    """Folder, Gramps Web and bucket, byte for byte, read by this script and not by syncd."""
    differences = world.differences()
    if differences:
        raise LabError("the two sides differ\n  " + "\n  ".join(differences))
    files = world.desktop.files()
    for path, content in files.items() if listed else ():
        print(f"  = {len(content):>9,} bytes  {md5(content)}  {path}")
    print(f"{len(files)} files: equal in the folder, in Gramps Web and in the bucket, byte for byte.")


def _run(world: World, *arguments: str) -> None:
    """Run syncd where its output can be seen; it must succeed."""
    _title(f"syncd {' '.join(arguments)}")
    done = subprocess.run(
        [SYNCD, "--config", world.config_file, *arguments],
        env=world.desktop.environment(),
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise LabError(
            f"syncd {' '.join(arguments)} ended with exit code {done.returncode}\n{world.server.tail()}"
        )


def _look_around(world: World) -> None:
    s3 = world.server.s3
    assert s3 is not None
    _title("The servers are left running, until Ctrl-C")
    print(f"Gramps Web      {world.server.url}/ready (the API alone, without the web pages)")
    print(f"  log in as     {', '.join(world.tree.users.values())}; password: {PASSWORD}")
    print(f"S3 server       {s3.url}, bucket {world.server.media_base_dir}")
    print(f"  credentials   {s3.access_key_id} / {s3.secret_access_key}")
    print(f"Media folder    {world.folder}")
    portrait = "654px-Aksel_Andersson.jpg"
    if (world.folder / portrait).exists():
        print(
            f"  to try        {portrait} is the portrait of Lewis Anderson Garner: move it, replace it, delete it"
        )
    print(f"Synchronise     {SYNCD} --config {world.config_file} --once", flush=True)
    while world.server.running and s3.running:
        time.sleep(0.5)
    raise LabError("a server ended by itself")


def _title(text: str) -> None:
    print(f"\n── {text} {'─' * max(0, 90 - len(text))}", flush=True)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
