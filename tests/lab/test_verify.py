"""`syncd verify`: what listings tell, what only reading tells, and what a good copy heals."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from typing import Any

from lab.daemon import RunningDaemon
from lab.process import wait_until
from lab.world import World, md5
from syncd.state import State
from tests.lab.scenario import begin, change_on_web, ends_in_step, photo, rot


def verify(world: World, *arguments: str, code: int = 0) -> dict[str, Any]:
    """`syncd verify --json`, which must end with `code`; what it says."""
    run = world.syncd("verify", "--json", *arguments)
    assert run.code == code, run
    document = run.json
    found = document["verify"]["findings"]
    assert len(document["problems"]) == len(found)
    assert all(problem["reason"] and problem["remedy"] for problem in document["problems"])
    return dict(document["verify"])


def kinds(document: dict[str, Any], key: str = "findings") -> dict[str, str]:
    """What was found, by path."""
    return {one["path"]: one["kind"] for one in document[key]}


def test_what_listings_tell(empty_world: World) -> None:
    """Item by item what is wrong; nothing is written or read, and only keys that a good file can heal are healed."""
    world = empty_world
    assert world.s3 is not None
    was = begin(world, *(f"{name}.jpg" for name in "abcdefgh"))
    assert verify(world)["proven"] == len(was)
    world.s3.delete(md5(photo("a.jpg")))
    world.s3.put(md5(photo("b.jpg")), b"half")
    world.write("c.jpg", photo("edited since"))
    (world.folder / "d.jpg").unlink()
    world.api.edit(was["e.jpg"], path="moved.jpg")
    change_on_web(world, was["f.jpg"], photo("replaced on the web"))
    world.api.delete(was["g.jpg"])
    world.write("new.jpg", photo("new"))
    world.api.create("web.jpg", checksum=world.s3.put_content(photo("on the web")))
    rot(world.desktop, "h.jpg", photo("H.jpg"))
    world.s3.delete(md5(photo("h.jpg")))

    mark = world.mark()
    found = verify(world, code=1)
    mark.assert_nothing_written()
    assert kinds(found) == {
        "a.jpg": "missing-bytes",
        "b.jpg": "other-size",
        "c.jpg": "changed-file",
        "d.jpg": "no-file",
        "e.jpg": "other-name",
        "f.jpg": "other-content",
        "g.jpg": "no-object",
        "h.jpg": "missing-bytes",
        "new.jpg": "not-synced",
        "web.jpg": "not-synced",
    }
    told = world.syncd("verify")
    assert told.code == 1
    assert "b.jpg: the bucket has something of another size in place of its file" in told.out

    keys = world.s3.keys()
    healed = verify(world, "--repair", code=1)
    assert kinds(healed, "healed") == {"a.jpg": "missing-bytes", "b.jpg": "other-size"}
    # A copy that turns out to be bad heals nothing.
    assert kinds(healed)["h.jpg"] == "missing-bytes"
    assert md5(photo("h.jpg")) not in world.s3
    assert len(healed["findings"]) == 8
    assert world.s3.get(md5(photo("a.jpg"))) == photo("a.jpg")
    assert world.s3.get(md5(photo("b.jpg"))) == photo("b.jpg")
    now = world.s3.keys()
    repaired = {md5(photo("a.jpg")), md5(photo("b.jpg"))}
    assert {one: size for one, size in now.items() if one not in repaired} == {
        one: size for one, size in keys.items() if one not in repaired
    }
    world.write("h.jpg", photo("h.jpg"))
    world.sync()
    healed_now = world.syncd("verify", "--repair")
    assert healed_now.code == 0
    assert "  h.jpg: the bucket did not have its file, and has it again\n" in healed_now.out
    ends_in_step(world)


def test_what_only_reading_tells(empty_world: World) -> None:
    """A rotten file is healed from the bucket, its bytes are kept; a damaged key from the folder; else nothing changes."""
    world = empty_world
    assert world.s3 is not None
    was = begin(world, "a.jpg", "b.jpg", "both.jpg", "c.jpg")
    rotten, damaged = photo("A.jpg"), photo("B.jpg")
    rot(world.desktop, "a.jpg", rotten)
    world.s3.put(md5(photo("b.jpg")), damaged)
    rot(world.desktop, "both.jpg", photo("BOTH.jpg"))
    world.s3.put(md5(photo("both.jpg")), photo("bOTH.jpg"))
    shallow = verify(world)
    assert sorted(one["path"] for one in shallow["size_only"]) == ["b.jpg", "both.jpg"]
    # A rotten file is no edit: the sync sees none, and sends nothing.
    assert world.sync()["actions"] == []

    found = verify(world, "--deep", code=1)
    expected = {"a.jpg": "rotten-file", "b.jpg": "damaged-bytes", "both.jpg": "rotten-file"}
    assert {**kinds(found), "both.jpg": "rotten-file"} == expected
    assert [one["kind"] for one in found["findings"]].count("damaged-bytes") == 2
    assert found["deep"]["done"] == found["deep"]["items"] == 8
    # What was read is remembered: the repair need not read everything again, and says so when asked without --deep.
    assert kinds(verify(world, code=1)) == kinds(found)

    healed = verify(world, "--repair", code=1)
    assert kinds(healed, "healed") == {"a.jpg": "rotten-file", "b.jpg": "damaged-bytes"}
    assert "the stored copy had other bytes" in world.syncd("history", "b.jpg").out
    assert set(kinds(healed)) == {"both.jpg"}
    assert world.desktop.files()["a.jpg"] == photo("a.jpg")
    assert world.desktop.trash() == [rotten]
    assert world.s3.get(md5(photo("b.jpg"))) == photo("b.jpg")
    assert world.desktop.files()["both.jpg"] == photo("BOTH.jpg")
    world.write("both.jpg", photo("both.jpg"))
    verify(world, "--repair")
    assert verify(world, "--deep")["findings"] == []
    assert {path: item["handle"] for path, item in world.api.by_path().items()} == was
    ends_in_step(world)


def test_a_rotten_file_is_no_edit_whatever_its_name_and_rights_are(empty_world: World) -> None:
    """Once found, it is neither sent nor forgotten when it is moved or its rights change; touching it makes an edit of it."""
    world = empty_world
    assert world.s3 is not None
    was = begin(world, "old/a.jpg", "old/b.jpg", "c.jpg", "d.jpg")
    for name in ("old/a.jpg", "old/b.jpg", "c.jpg", "d.jpg"):
        rot(world.desktop, name, photo(name).swapcase())
    assert len(verify(world, "--deep", code=1)["findings"]) == 4

    (world.folder / "old").rename(world.folder / "new")
    (world.folder / "new/b.jpg").rename(world.folder / "b.jpg")
    (world.folder / "c.jpg").chmod(0o600)
    before = dict(kinds(verify(world, code=1)))
    assert {before[name] for name in ("new/a.jpg", "b.jpg", "c.jpg", "d.jpg")} == {"rotten-file"}
    world.sync()
    assert world.catalog() == {
        name: md5(photo(old))
        for name, old in (
            ("new/a.jpg", "old/a.jpg"),
            ("b.jpg", "old/b.jpg"),
            ("c.jpg", "c.jpg"),
            ("d.jpg", "d.jpg"),
        )
    }
    assert kinds(verify(world, code=1)) == dict.fromkeys(
        ("new/a.jpg", "b.jpg", "c.jpg", "d.jpg"), "rotten-file"
    )

    assert world.syncd("status", "--json").json["rotten"] == 4
    assert "Rotten:         4 files, found by syncd verify" in world.syncd("status").out

    os.utime(world.folder / "d.jpg")
    assert world.sync()["counts"]["updated"] == 1
    assert world.catalog()["d.jpg"] == md5(photo("d.jpg").swapcase())
    # Without a good copy it is not sent either, and the next run says why.
    world.s3.delete(md5(photo("c.jpg")))
    lacking = world.syncd("--once", "--full", "--json")
    assert lacking.code == 1, lacking
    assert md5(photo("c.jpg")) not in world.s3
    (problem,) = lacking.json["problems"]
    assert problem["path"] == "c.jpg"
    assert "no program changed them" in problem["reason"]
    world.s3.put_content(photo("c.jpg"))

    # A good copy, put there by hand with the time that the photo had, ends it as well.
    status = (world.folder / "b.jpg").stat()
    world.write("b.jpg", photo("old/b.jpg"))
    os.utime(world.folder / "b.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert set(kinds(verify(world, code=1))) == {"new/a.jpg", "c.jpg"}
    assert sorted(_remembered(world)) == ["c.jpg", "new/a.jpg"]

    healed = kinds(verify(world, "--repair"), "healed")
    assert healed == dict.fromkeys(("new/a.jpg", "c.jpg"), "rotten-file")
    assert _remembered(world) == []
    assert world.syncd("status", "--json").json["rotten"] == 0
    assert verify(world, "--deep")["findings"] == []
    assert sorted(item["handle"] for item in world.api.by_path().values()) == sorted(was.values())
    ends_in_step(world)


def _remembered(world: World) -> list[str]:
    """The names of what is known to have rotted."""
    with State.open(world.desktop.state_dir / "state.sqlite", read_only=True) as state:
        return [one.key for one in state.rot()]


def test_an_edit_that_keeps_size_and_time_is_no_damage(empty_world: World) -> None:
    """As of a program that writes a caption into the photo: it is told as an edit, left alone, and synced."""
    world = empty_world
    begin(world, "a.jpg")
    file = world.folder / "a.jpg"
    before = file.stat()
    file.write_bytes(photo("A.jpg"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kinds(verify(world, "--deep", code=1)) == {"a.jpg": "changed-file"}
    assert kinds(verify(world, "--repair", code=1), "healed") == {}
    assert world.sync()["counts"]["updated"] == 1
    assert world.catalog() == {"a.jpg": md5(photo("A.jpg"))}
    ends_in_step(world)


def test_reading_goes_on_where_it_was(empty_world: World) -> None:
    """Interrupted, it has noted what it read; the next run reads the rest, and a third one all of it anew."""
    world = empty_world
    contents = {f"{number}.jpg": bytes([number]) * 60_000 for number in range(12)}
    for path, content in contents.items():
        world.write(path, content)
    world.sync()
    process = world.desktop.start("verify", "--deep", "--limit", "100 kB")
    database = world.desktop.state_dir / "state.sqlite"

    def noted() -> int:
        with closing(sqlite3.connect(database)) as state:
            return int(state.execute("SELECT count(*) FROM hashed").fetchone()[0])

    wait_until(lambda: noted() > 0, "some files to be read and noted", 30)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    before = noted()
    assert 0 < before < 24
    found = verify(world, "--deep")
    assert found["deep"]["recalled"] == before
    assert found["deep"]["done"] == 24
    assert found["last_read"] is not None
    again = verify(world, "--deep")
    assert again["deep"]["recalled"] == 0


def test_beside_a_daemon(empty_world: World) -> None:
    """Reading does not disturb a daemon; for a repair it stands aside, and then goes on."""
    world = empty_world
    assert world.s3 is not None
    begin(world, "a.jpg", "b.jpg")
    with RunningDaemon(world.desktop) as daemon:
        world.s3.put(md5(photo("a.jpg")), photo("A.jpg"))
        assert kinds(verify(world, "--deep", code=1)) == {"a.jpg": "damaged-bytes"}
        assert "standing aside" not in " ".join(map(str, daemon.events()))
        assert kinds(verify(world, "--repair"), "healed") == {"a.jpg": "damaged-bytes"}
        world.write("c.jpg", photo("c.jpg"))
        wait_until(lambda: "c.jpg" in world.catalog(), "the daemon to go on", 30)
    ends_in_step(world)


def test_a_server_with_its_own_disk(tree_on_disk: World) -> None:
    """A file that the server lacks is sent again; one that was overwritten there is found by reading, and led elsewhere."""
    world = tree_on_disk
    for path in ("a.jpg", "b.jpg", "c.jpg"):
        world.write(path, photo(path))
    world.sync(code=1)  # the example's own seven objects have no files
    place = world.server.media_folder / world.tree.id
    (place / "a.jpg").unlink()
    status = (place / "b.jpg").stat()
    (place / "b.jpg").write_bytes(photo("B.jpg"))
    os.utime(place / "b.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))

    def ours(document: dict[str, Any], key: str = "findings") -> dict[str, str]:
        return {path: kind for path, kind in kinds(document, key).items() if path in "a.jpg b.jpg c.jpg"}

    assert ours(verify(world, code=1)) == {"a.jpg": "missing-bytes"}
    assert ours(verify(world, "--deep", code=1)) == {"a.jpg": "missing-bytes", "b.jpg": "damaged-bytes"}
    healed = verify(world, "--repair", code=1)
    assert ours(healed, "healed") == {"a.jpg": "missing-bytes"}
    assert ours(healed) == {"b.jpg": "damaged-bytes"}
    assert (place / "a.jpg").read_bytes() == photo("a.jpg")
    assert (place / "b.jpg").read_bytes() == photo("B.jpg")
    world.sync(code=1)
    assert ours(verify(world, "--deep", code=1)) == {}
    handles = {item["checksum"]: item["handle"] for item in world.api.media()}
    assert world.api.content(handles[md5(photo("b.jpg"))]) == photo("b.jpg")
