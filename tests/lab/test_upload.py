"""`syncd upload`: a tree that real Gramps exported, its files in a real bucket, served by a real Gramps Web."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from lab.desktop import GrampsDesktop
from lab.process import wait_until
from lab.s3 import MotoS3, RcloneS3, S3Server, S3Witness
from lab.world import Desktop, Run, World, md5
from tests.lab.conftest import MakeServer, MakeWorld
from tests.lab.endings import assert_document, assert_plain, photo
from tests.lab.scenario import export

BIG = photo(0) * (21 << 20 >> 8)
"""Over 20 MB: sent in parts."""


def bucket_desktop(base: Path, server: S3Server, bucket: str) -> Desktop:
    """A computer whose configuration has nothing but `[s3]`."""
    desktop = Desktop(
        base,
        {
            "s3": {
                "url": f"s3://{bucket}",
                "endpoint_url": server.url,
                "region": "us-east-1",
                "access_key_id": server.access_key_id,
                "secret_access_key": server.secret_access_key,
            }
        },
    )
    desktop.configure(media_dir=None, state_dir=None)
    return desktop


def upload(desktop: Desktop, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """`syncd upload --json`, which must end with `code`; its document."""
    run = desktop.syncd("upload", "--json", *map(str, arguments))
    assert run.code == code, run
    return assert_document(run)


def kinds(document: dict[str, Any]) -> dict[str, int]:
    """The number of problems by kind."""
    found: dict[str, int] = document["upload"]["troubles"]
    return found


def test_what_gramps_exports_is_served(world: World) -> None:
    """All images of the example are where Gramps Web looks, with their types; what is there is not sent again; and a
    sync that runs at the same time is not disturbed.
    """
    assert world.s3 is not None
    images = world.server.release.example_images()
    pictures = world.base / "Pictures"
    pictures.mkdir()
    for name, content in images.items():
        (pictures / name).write_bytes(content)
    tree = GrampsDesktop(world.desktop.home).new_tree("Family", pictures, "example")
    file = tree.export(world.base / "family.gramps")

    mark = world.mark()
    planned = upload(world.desktop, "--tree-file", file, "--dry-run")
    mark.assert_nothing_written()
    assert planned["dry_run"]

    sync = world.desktop.start("--once")
    done = upload(world.desktop, "--tree-file", file)
    assert sync.wait(60) in (0, 1)
    assert [item["path"] for item in planned["actions"]] == sorted(images)
    assert planned["actions"] == done["actions"]
    assert done["counts"]["uploaded"] == 7
    assert done["bytes_up"] == sum(map(len, images.values()))
    assert done["upload"]["prefix"] == world.tree.key_prefix
    assert done["notices"] == []
    objects = world.api.by_path()
    assert {path: world.api.content(item["handle"]) for path, item in objects.items()} == images
    assert {world.s3.content_type(item["checksum"]): item["mime"] for item in objects.values()} == {
        "image/jpeg": "image/jpeg",
        "image/png": "image/png",
    }
    assert world.s3.contents() == {md5(content): content for content in images.values()}

    mark = world.mark()
    world.configure(gramps={"username": world.tree.users["member"]})  # who may only look
    with tree.busy("BEGIN IMMEDIATE"):  # Gramps has it open
        again = upload(world.desktop, "--desktop", "Family")
    package = world.syncd("upload", "--tree-file", str(tree.export(world.base / "family.gpkg", "exportpkg")))
    disagreeing = upload(world.desktop, "--tree-file", file, "--no-tree-id", code=2)
    mark.assert_nothing_written()
    assert again["counts"]["uploaded"] == 0
    assert again["counts"]["unchanged"] == 7
    assert package.code == 2
    assert world.tree.id in disagreeing["error"]["reason"]
    # What the message says about a package is what one can type.
    commands = re.search(r"run: (mkdir .*)", package.err)
    assert commands
    os.system(f"cd {world.base} && {commands[1].partition(' && syncd')[0]}")
    unpacked = world.base / "family-unpacked"
    from_package = upload(
        world.desktop, "--tree-file", unpacked / "data.gramps", "--media-dir", unpacked, "--dry-run"
    )
    assert from_package["counts"]["unchanged"] == 7

    other = upload(
        world.desktop,
        *("--tree-file", export(world.base / "other.gramps", {"x.jpg": md5(b"x")}, pictures)),
        code=1,
    )
    assert kinds(other) == {"missing": 1}
    assert "No media object" in other["notices"][0]["text"]


def test_a_bucket_first_and_the_tree_afterwards(
    tmp_path: Path, moto: MotoS3, new_server: MakeServer, new_world: MakeWorld
) -> None:
    """With a bucket that does not exist yet and an export, a family fills the bucket, imports the tree into Gramps Web
    then, and sees every picture. Keys and types are the S3 Media Uploader's: the checksum alone, the object's type.
    """
    bucket = "family-album-1912"
    desktop = bucket_desktop(tmp_path / "family", moto, bucket)
    files = {
        "Tante Käthe.jpg": photo(1),
        "scans/1912.png": photo(2),
        "scans/copy.png": photo(2),
        "big.tif": BIG,
    }
    for path, content in files.items():
        desktop.write(path, content)
    tree = GrampsDesktop(desktop.home).new_tree("Family", desktop.folder)
    absolute = tmp_path / "elsewhere.jpg"
    absolute.write_bytes(photo(3))
    tree.add_many("Media", [{"path": str(path)} for path in (*files, absolute)])
    tree.add_many("Media", [{"path": "https://example.org/a.jpg", "checksum": "", "mime": "text/html"}])
    file = tree.export(tmp_path / "family.gramps")

    unknown = desktop.syncd("upload", "--tree-file", str(file))
    assert unknown.code == 2
    assert "--no-tree-id" in unknown.err
    assert_plain(unknown, secrets=[moto.secret_access_key])
    missing = upload(desktop, "--tree-file", file, "--no-tree-id", code=4)
    assert "--create-bucket" in missing["error"]["remedy"]
    planned = upload(desktop, "--tree-file", file, "--no-tree-id", "--create-bucket", "--dry-run")
    assert planned["upload"]["made_bucket"]
    assert bucket not in {found["Name"] for found in moto.client.list_buckets()["Buckets"]}

    done = upload(desktop, "--tree-file", file, "--no-tree-id", "--create-bucket")
    witness = S3Witness(moto, bucket)
    everything = {*files.values(), photo(3)}
    assert witness.contents() == {md5(content): content for content in everything}
    assert done["counts"]["uploaded"] == len(everything) == done["upload"]["objects"] - 2
    assert done["upload"]["web_addresses"] == 1
    assert {
        witness.content_type(md5(files[path])) for path in ("Tante Käthe.jpg", "scans/1912.png", "big.tif")
    } == {
        "image/jpeg",
        "image/png",
        "image/tiff",
    }

    # Now there is a Gramps Web, whose tree is still empty.
    server = new_server(s3=moto, many=False, media_base_dir=f"s3://{bucket}")
    world = new_world(server, "empty")
    desktop.configure(gramps=world.desktop.settings["gramps"])
    asked = upload(desktop, "--tree-file", file, code=2)
    assert f"--tree-id {world.tree.id}" in asked["error"]["remedy"]
    position = moto.log_position()
    (notice,) = upload(desktop, "--tree-file", file, "--no-tree-id")["notices"]
    assert "No media object" in notice["text"]
    world.api.json("POST", "/importers/gramps/file", content=file.read_bytes())
    assert upload(desktop, "--tree-file", file)["notices"] == []
    assert witness.writes_since(position) == []
    named = [item for item in world.api.media() if item["checksum"]]
    assert {item["path"]: world.api.content(item["handle"]) for item in named} == {
        **files,
        str(absolute): photo(3),
    }


def test_killed_in_the_middle(tmp_path: Path, rclone: RcloneS3) -> None:
    """However a run ends, nothing in the bucket is wrong, and the next one sends the rest and nothing else."""
    witness = rclone.new_bucket()
    desktop = bucket_desktop(tmp_path / "family", rclone, witness.bucket)
    contents = {f"scans/{number:03}.jpg": photo(number, 20_000) for number in range(300)}
    for path, content in contents.items():
        desktop.write(path, content)
    desktop.write("big.tif", BIG)
    checksums = {path: md5(content) for path, content in {**contents, "big.tif": BIG}.items()}
    file = export(tmp_path / "family.gramps", checksums, desktop.folder)
    order = ["upload", "--json", "--tree-file", str(file), "--tree-id", "3f2a77c0"]
    below = witness.below("3f2a77c0/")
    # Half a minute for the small files alone: however slowly this looks on, the runs end in the middle of them.
    desktop.configure(limit_up="200 kB")

    def broken_off(number: signal.Signals, after: int) -> Run:
        process = desktop.start(*order)
        wait_until(lambda: len(below.keys()) >= after or process.poll() is not None, "some files to be sent")
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=30)
        return Run(order, process.returncode, out, err, 0)

    assert broken_off(signal.SIGKILL, 20).code == -signal.SIGKILL
    first = below.settled()
    assert 20 <= len(first) < 301
    below.assert_sound()
    interrupted = broken_off(signal.SIGINT, len(first) + 20)
    assert interrupted.code == 130
    assert interrupted.json["error"]["reason"] == "interrupted"
    second = below.settled()
    assert len(first) < len(second) < 301
    below.assert_sound()

    desktop.configure(limit_up=None)
    position = rclone.log_position()
    rest = upload(desktop, *order[2:])
    requests = below.writes_since(position)
    written = {request.key for request in requests}
    lacking = {f"3f2a77c0/{key}" for key in checksums.values() - second.keys()}
    assert written <= lacking
    # The server goes on storing what it had whole when the run ended: that can land after it was looked at above.
    late = lacking - written
    assert len(late) <= 16  # as many as are sent at a time
    in_parts = {f"3f2a77c0/{md5(BIG)}"}
    assert sorted(request.key for request in requests if request.operation == "PUT") == sorted(
        written - in_parts
    )
    assert rest["counts"]["uploaded"] == len(written)
    assert rest["counts"]["unchanged"] == len(second) + len(late)
    assert below.keys().keys() == set(checksums.values())
    assert witness.keys().keys() == {f"3f2a77c0/{checksum}" for checksum in checksums.values()}
    below.assert_sound()
    again = upload(desktop, *order[2:], "--dry-run")
    assert (again["counts"]["uploaded"], again["notices"]) == (0, [])
    other = upload(desktop, *order[2:4], "--no-tree-id", "--dry-run")
    assert "--tree-id 3f2a77c0" in other["notices"][0]["text"]


def test_why_a_file_could_not_be_sent(tmp_path: Path, rclone: RcloneS3) -> None:
    """Each file that does not get there is told with the reason and the remedy, the others are sent, and what is in the
    bucket is never touched, nor given bytes that are not its checksum's.
    """
    witness = rclone.new_bucket()
    desktop = bucket_desktop(tmp_path / "family", rclone, witness.bucket)
    desktop.write("edited.jpg", photo(1) + b" retouched")
    desktop.write("edited later.jpg", photo(2) + b" retouched")
    desktop.write("good.jpg", photo(3))
    desktop.write("twin, edited.jpg", photo(4) + b" retouched")
    desktop.write("twin.jpg", photo(4))
    desktop.write("blank.jpg", photo(5))
    desktop.write("damaged.jpg", photo(6))
    desktop.write("capitals.jpg", photo(7))
    (desktop.folder / "link.jpg").symlink_to("good.jpg")
    os.mkfifo(desktop.folder / "pipe.jpg")
    witness.put_content(photo(2))  # it was sent before somebody edited it
    witness.put_content(photo(8))  # its file is on another computer
    witness.put(md5(photo(6)), b"cut short")
    position = rclone.log_position()
    file = export(
        tmp_path / "family.gramps",
        {
            "edited.jpg": md5(photo(1)),
            "edited later.jpg": md5(photo(2)),
            "good.jpg": md5(photo(3)),
            "twin, edited.jpg": md5(photo(4)),
            "twin.jpg": md5(photo(4)),
            "blank.jpg": "",
            "capitals.jpg": md5(photo(7)).upper(),
            "damaged.jpg": md5(photo(6)),
            "link.jpg": md5(photo(9)),
            "pipe.jpg": md5(photo(10)),
            "missing.jpg": md5(photo(11)),
            r"C:\Users\me\a.jpg": md5(photo(12)),
            "on the laptop.jpg": md5(photo(8)),
        },
        desktop.folder,
    )
    document = upload(desktop, "--tree-file", file, "--no-tree-id", code=1)
    assert kinds(document) == {
        "edited": 2,
        "no-checksum": 2,
        "damaged-in-bucket": 1,
        "not-a-file": 2,
        "missing": 1,
        "other-computer": 1,
    }
    assert sorted(item["path"] for item in document["actions"]) == ["good.jpg", "twin.jpg"]
    assert document["counts"]["unchanged"] == 1
    problems = {item["path"]: item for item in document["problems"]}
    assert all(item["remedy"] and not item["reason"].endswith(".") for item in problems.values())
    for part in (md5(photo(1)), md5(photo(1) + b" retouched"), "would not find"):
        assert part in problems["edited.jpg"]["reason"]
    assert "as it was before" in problems["edited later.jpg"]["reason"]
    assert "Check and Repair" in problems["edited.jpg"]["remedy"]

    writes = sorted((request.operation, request.key) for request in witness.writes_since(position))
    assert writes == sorted(("PUT", md5(photo(number))) for number in (3, 4))
    assert witness.contents() == {
        **{md5(photo(number)): photo(number) for number in (2, 3, 4, 8)},
        md5(photo(6)): b"cut short",
    }

    run = desktop.syncd("upload", "--tree-file", str(file), "--no-tree-id")
    assert run.code == 1
    assert_plain(run, secrets=[rclone.secret_access_key])
    assert run.out.count("What to do:") >= 6
    quiet = desktop.syncd("upload", "-q", "--tree-file", str(file), "--no-tree-id")
    assert "edited.jpg" in quiet.out

    # A server that is gone, and one that refuses the login.
    desktop.configure(s3={"secret_access_key": "wrong"})
    assert (
        json.loads(desktop.syncd("upload", "--json", "--tree-file", str(file), "--no-tree-id").out)[
            "exit_code"
        ]
        == 4
    )
