"""What the lab says a power failure may leave, and how it names the moments of a run."""

from __future__ import annotations

from collections.abc import Mapping

from lab.calls import Kind
from lab.disk import Disk, Node
from lab.recording import Event, Numbering


def disk(*, strict: bool = True) -> Disk:
    """Two folders, and a file in the first, all of it on the disk."""
    nodes = {
        "media": Node(1, is_folder=True),
        "media/a": Node(2, is_folder=True),
        "media/b": Node(3, is_folder=True),
        "media/a/old": Node(4, b"old", b"old"),
    }
    return Disk(nodes, dict(nodes), {node.number: node for node in nodes.values()}, strict)


def left(world: Disk, *events: Event) -> list[Mapping[str, bytes]]:
    """The files of each disk that may be left after these calls."""
    for event in events:
        world.apply(event)
    return [image.files for image in world.images()]


def sync(path: str, inode: int) -> Event:
    """A sync of a file or a folder."""
    return Event(0, "fsync", Kind.SYNC, (path,), (inode,))


NEW = (
    Event(0, "openat", Kind.OPEN, ("media/a/new",), (9,), made=True, result=3),
    Event(0, "write", Kind.WRITE, ("media/a/new",), (9,), data=b"new", result=3),
)
MOVE = Event(0, "rename", Kind.NAME, ("media/a/old", "media/b/moved"), (4, 0))
OLD, MOVED = {"media/a/old": b"old"}, {"media/b/moved": b"old"}


def test_a_new_file_needs_both_syncs() -> None:
    """Without them it may be missing, empty, or of zeros; with that of the file it has its bytes; with both it is there."""
    files = left(disk(), *NEW)
    for content in (None, b"", b"\0\0\0", b"new"):
        assert ({"media/a/old": b"old"} | ({} if content is None else {"media/a/new": content})) in files
    assert {one.get("media/a/new") for one in left(disk(), *NEW, sync("media/a/new", 9))} == {None, b"new"}
    assert left(disk(), *NEW, sync("media/a/new", 9), sync("media/a", 2)) == [{**OLD, "media/a/new": b"new"}]


def test_a_rename_that_nobody_synced() -> None:
    """The file is under either name or both, never under none."""
    files = left(disk(), MOVE)
    assert all(one in files for one in (OLD, MOVED, {**OLD, **MOVED}))
    assert {} not in files


def test_the_order_of_syncs_after_a_rename() -> None:
    """Where it went first, then where it was: the other way round a strict disk may have lost it in between."""
    assert {} not in left(disk(), MOVE, sync("media/b", 3))
    assert left(disk(), MOVE, sync("media/b", 3), sync("media/a", 2)) == [MOVED]
    assert {} in left(disk(), MOVE, sync("media/a", 2))
    assert {} not in left(disk(strict=False), MOVE, sync("media/a", 2))


def test_a_point_has_the_same_name_in_any_order() -> None:
    """Threads may work in any order, and random names differ: the points are the same."""
    calls = [
        (Kind.WRITE, "write", ("media/.syncd/tmp/0123456789abcdef.part",)),
        (Kind.WRITE, "write", ("media/.syncd/tmp/fedcba9876543210.part",)),
        (Kind.SYNC, "fsync", ("media/album",)),
    ]
    one, other = Numbering(), Numbering()
    names = {one.at_call(*call) for call in calls}
    assert names == {other.at_call(*call) for call in reversed(calls)}
    assert names == {
        "write media/.syncd/tmp/*.part #1",
        "write media/.syncd/tmp/*.part #2",
        "sync fsync media/album #1",
    }


def test_a_request_has_three_moments() -> None:
    """Before it is sent, while nothing of the answer was read, and after the first of it was."""
    numbering = Numbering()
    sent = numbering.sending("socket:[1]", "gramps", b"POST /api/objects/?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert sent == ("send POST gramps/api/objects/ #1", "POST gramps/api/objects/")
    assert (
        numbering.sending("socket:[1]", "gramps", b"{}")[0] == "send POST gramps/api/objects/ (its body) #1"
    )
    assert numbering.awaiting("socket:[1]") == "await POST gramps/api/objects/ #1"
    assert numbering.awaiting("socket:[1]") == ""
    assert numbering.received("socket:[1]")[0] == "receive POST gramps/api/objects/ #1"
    assert numbering.received("socket:[1]") == ("", "")
