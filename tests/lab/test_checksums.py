"""Checksums in Gramps Web that are not what they should be: explained, mended, and never taken for somebody's upload."""

from __future__ import annotations

import hashlib

from lab.clock import wrong_by
from lab.world import World, md5
from tests.lab.scenario import begin, deeds, ends_at_rest, ends_in_step, handles, photo

NO_CHECKSUM = {
    "empty": "",
    "blank": "   ",
    "another method": hashlib.sha256(photo("x")).hexdigest(),
    "a word": "None",
    "too short": md5(photo("x"))[:31],
    "too long": md5(photo("x")) + "0",
    "no digits": "z" * 32,
}
"""What is wrong, and the checksum; Check & Repair makes empty ones while the disk is away."""


def test_what_is_no_checksum_is_mended_at_once(empty_world: World) -> None:
    """Whatever it says, the file in the folder knows better: linked, edited meanwhile, or meeting for the first time."""
    world = empty_world
    names = [f"{kind} {what}.jpg" for kind in NO_CHECKSUM for what in ("linked", "edited", "met")]
    was = begin(world, *(name for name in names if not name.endswith("met.jpg")), "same.jpg", "capitals.jpg")
    lost: dict[str, str] = {}
    for kind, checksum in NO_CHECKSUM.items():
        for what in ("linked", "edited"):
            world.api.edit(was[f"{kind} {what}.jpg"], checksum=checksum)
        world.write(f"{kind} edited.jpg", photo(f"{kind} anew"))
        world.write(f"{kind} met.jpg", photo(kind))
        was[f"{kind} met.jpg"] = world.api.create(f"{kind} met.jpg", checksum=checksum)
        lost[world.api.create(f"{kind} of nobody.jpg", checksum=checksum)] = f"{kind} of nobody.jpg"
    world.api.edit(was["capitals.jpg"], checksum=md5(photo("capitals.jpg")).upper())
    files = world.desktop.files()
    document = world.sync()
    assert (document["conflicts"], document["problems"]) == ([], [])
    assert {path for kind, path in deeds(document) if kind == "updated"} == {*names, "capitals.jpg"}
    assert world.desktop.files() == files
    assert {item["handle"]: item["path"] for item in document["waiting"]} == lost
    later = wrong_by(2 * 86_400, world.base / "clock")
    document = world.sync(code=1, env=later)
    assert {problem["handle"]: problem["path"] for problem in document["problems"]} == lost
    for problem in document["problems"]:
        assert problem["reason"].startswith("missing on both sides: ")
        assert "media folder" in problem["remedy"]
    for handle, path in lost.items():
        if path.startswith("empty"):
            world.write(path, photo("found in a drawer"))
        else:
            world.api.delete(handle)
    world.sync()
    assert handles(world) == was | {path: handle for handle, path in lost.items() if path.startswith("empty")}
    ends_in_step(world)


def test_an_upload_under_way_is_never_taken_for_a_stale_checksum(empty_world: World) -> None:
    """Bytes that nobody has yet are waited for a day, by clocks that are an hour off, too; what then lacks is told.

    What arrives meanwhile is fetched. After the day a file that was edited here, or stands at the path of an object
    that was never linked, is the truth; for the rest each object is told with a remedy, all of them in the document.
    """
    world = empty_world
    was = begin(world, "linked.jpg", "linked too.jpg", "edited.jpg", "same.jpg")
    coming = {
        "linked.jpg": photo("linked, coming"),
        "met.jpg": photo("met, coming"),
        "new.jpg": photo("coming"),
    }
    never = {"linked too.jpg": photo("n1"), "edited.jpg": photo("n2"), "met too.jpg": photo("n3")}
    nobody = {f"{number}.jpg": photo(f"never {number}") for number in range(30)}
    world.write("met.jpg", photo("mine"))
    world.write("met too.jpg", photo("mine too"))
    world.write("edited.jpg", photo("edited here"))
    for path, content in {**coming, **never}.items():
        if path in was:
            world.api.edit(was[path], checksum=md5(content))
        else:
            was[path] = world.api.create(path, checksum=md5(content))
    new = [
        {"_class": "Media", "path": path, "mime": "image/jpeg", "desc": path, "checksum": md5(content)}
        for path, content in nobody.items()
    ]
    world.api.json("POST", "/objects/", json=new)
    was = handles(world)
    files, catalog = world.desktop.files(), world.catalog()
    for shift in (0, 3600, -3600):
        document = world.sync(env=wrong_by(shift, world.base / f"clock {shift}"))
        assert deeds(document) in (
            [],
            [("uploaded", path) for path in ("edited.jpg", "met too.jpg", "met.jpg")],
        )
        assert {item["path"] for item in document["waiting"]} == {*coming, *never, *nobody}
        assert all("may still be under way" in item["reason"] for item in document["waiting"])
        assert (world.desktop.files(), world.catalog()) == (files, catalog)

    assert world.s3 is not None
    for content in coming.values():
        world.s3.put_content(content)
    document = world.sync(env=wrong_by(3600, world.base / "clock 3600"))
    (conflict,) = document["conflicts"]
    assert world.desktop.files() == files | coming | {conflict["kept_as"]: photo("mine")}

    later = wrong_by(2 * 86_400, world.base / "clock later")
    document = world.sync(code=1, env=later)
    assert {path for kind, path in deeds(document) if kind == "updated"} == {"edited.jpg", "met too.jpg"}
    told = {problem["path"]: problem for problem in document["problems"]}
    assert told.keys() == {"linked too.jpg", *nobody}
    for path, problem in told.items():
        assert problem["reason"].startswith("missing on both sides: ")
        assert problem["handle"] == was[path]
        assert problem["remedy"]
    run = world.syncd("--once", env=later)
    assert "syncd --once --json lists all" in run.out
    mark = world.mark()
    assert world.sync(code=1, env=later)["actions"] == []
    mark.assert_nothing_written()

    world.write("linked too.jpg", never["linked too.jpg"])  # its person brings the file
    for path in nobody:
        world.api.delete(was[path])
    world.sync()
    assert world.desktop.files() == {
        **coming,
        "linked too.jpg": never["linked too.jpg"],
        "edited.jpg": photo("edited here"),
        "met too.jpg": photo("mine too"),
        "same.jpg": photo("same.jpg"),
        conflict["kept_as"]: photo("mine"),
    }
    now = handles(world)
    assert {path: now[path] for path in (*coming, *never)} == {path: was[path] for path in (*coming, *never)}
    ends_in_step(world)


def test_the_checksum_of_an_empty_file(empty_world: World) -> None:
    """Somebody's program noted a file before it was written: a checksum like any other, so nothing is lost.

    While nobody has an empty file it is waited for, and then out of date; where somebody has one it is a conflict.
    """
    world = empty_world
    begin(world, "same.jpg")
    handle = world.api.create("scan.jpg", checksum=md5(b""))
    world.write("scan.jpg", photo("scan"))
    assert [item["path"] for item in world.sync()["waiting"]] == ["scan.jpg"]
    later = wrong_by(2 * 86_400, world.base / "clock")
    assert ("updated", "scan.jpg") in deeds(world.sync(env=later))
    ends_in_step(world)
    world.write("empty.txt", b"")
    world.api.edit(handle, checksum=md5(b""))
    world.sync()
    assert world.desktop.files() == {"same.jpg": photo("same.jpg"), "scan.jpg": b"", "empty.txt": b""}
    assert world.desktop.trash() == [photo("scan")]
    assert ends_at_rest(world)["problems"] == []
    world.assert_in_step()
