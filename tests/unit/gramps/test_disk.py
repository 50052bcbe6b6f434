"""The store of a Gramps Web with its own disk, when something is odd there, on the way, or in between."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from syncd.errors import Denied, LostAnswer, MovedOn, Occupied, Refused, Unexpected, Unreachable
from syncd.gramps.disk import DiskStore, is_below
from syncd.gramps.files import OtherBytes
from syncd.model import BucketSnapshot, Checksum
from tests.contract.test_disk_store import Memory
from tests.unit.gramps.disk_server import DiskServer
from tests.unit.gramps.fake_server import Connect

PHOTO = b"\xff\xd8 a photo " * 400_000
SMALL = b"\xff\xd8 a scan"


def md5(content: bytes) -> Checksum:
    """The checksum of some bytes."""
    return Checksum(hashlib.md5(content, usedforsecurity=False).hexdigest())


@pytest.fixture
def server() -> DiskServer:
    """A server with an empty tree."""
    return DiskServer()


@pytest.fixture
def memory() -> Memory:
    """What the state remembers."""
    return Memory(looked=True)


@pytest.fixture
def store(gramps: Connect, memory: Memory) -> DiskStore:
    """The store under test."""
    return gramps(patience=5.0).files(memory)


@pytest.fixture
def hasty(gramps: Connect, memory: Memory) -> DiskStore:
    """The store under test, which gives up soon."""
    return gramps(patience=0.5).files(memory)


def look(
    store: DiskStore, gramps: Connect, *hands: bytes, everything: bool = False, closely: bool = False
) -> BucketSnapshot:
    """A look of a run whose folder has these contents."""
    at_hand = {md5(content): len(content) for content in hands}
    return store.look(gramps().list()[0].objects, at_hand, everything=everything, closely=closely)


def put(store: DiskStore, content: bytes, handle: str = "h") -> None:
    """Send some bytes to an object."""
    store.put(io.BytesIO(content), md5(content), len(content), "image/jpeg", handle=handle)


def file_requests(server: DiskServer, method: str | None = None) -> list[httpx2.Request]:
    """The requests for files so far."""
    found = [one for one in server.requests if one.url.path.endswith("/file")]
    return [one for one in found if method in (None, one.method)]


def answering(
    *answers: httpx2.Response | Exception, method: str = "PUT"
) -> Callable[..., httpx2.Response | None]:
    """The server answers so to the first requests of this method for files, whatever they ask."""
    left = list(answers)

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        if left and request.method == method and request.url.path.endswith("/file"):
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return None

    return intercept


# --- looking ----------------------------------------------------------------------------------------------------------


def test_files_without_a_checksum_are_looked_at(
    server: DiskServer, store: DiskStore, gramps: Connect
) -> None:
    """What could be a file of the folder is read; so is what is linked. Of others it is enough that they are there."""
    other = SMALL[::-1]
    for handle, path, content in (("h", "a", SMALL), ("i", "b", other), ("j", "c", PHOTO), ("k", "d", PHOTO)):
        server.add(handle, path, "")
        server.plant(path, content)
    server.add("l", "e", "")
    at_hand = {md5(SMALL): len(SMALL)}
    found = store.look(gramps().list()[0].objects, at_hand, linked={"k"})
    assert found.unnamed == {"h": md5(SMALL), "i": md5(other), "j": None, "k": md5(PHOTO)}
    assert [one.url.path for one in file_requests(server, "GET")] != []
    assert not any(one.url.path.endswith("/j/file") for one in file_requests(server, "GET"))


def test_an_unchanged_run_asks_little(
    server: DiskServer, store: DiskStore, gramps: Connect, memory: Memory
) -> None:
    """What was seen is known to the next run's store, until path or checksum change; what lacks is asked for anew.

    Of what was there a few are asked for once in a run.
    """
    server.add("h", "a.jpg", SMALL)
    server.add("i", "b.jpg", PHOTO)
    server.plant("a.jpg", SMALL)
    found = look(store, gramps)
    assert found == BucketSnapshot({md5(SMALL): len(SMALL)}, frozenset({"i"}))
    assert [one.method for one in file_requests(server)] == ["HEAD", "HEAD"]

    server.requests.clear()
    again = gramps().files(memory)
    assert look(again, gramps) == found
    assert [one.url.path for one in file_requests(server)] == ["/api/media/h/file", "/api/media/i/file"]
    assert look(again, gramps) == found
    assert [one.url.path for one in file_requests(server)][2:] == ["/api/media/i/file"]

    server.objects["h"]["path"] = "c.jpg"
    found = look(again, gramps)
    assert found == BucketSnapshot({}, frozenset({"h", "i"}))

    del server.objects["h"]
    look(again, gramps)
    assert "h" not in memory.seen


def test_files_that_vanished_are_seen_without_a_full_look(
    server: DiskServer, store: DiskStore, gramps: Connect, memory: Memory
) -> None:
    """The server looks elsewhere now (MEDIA_PREFIX_TREE): the next run finds all of them gone, by three requests."""
    for number in range(60):
        content = b"photo %d" % number
        server.add(f"h{number}", f"{number}.jpg", content)
        server.plant(f"{number}.jpg", content)
    assert not look(store, gramps).lacking
    assert not store.vanished()

    moved, server.disk = server.disk, {}
    server.requests.clear()
    again = gramps().files(memory)
    assert look(again, gramps).lacking == again.vanished() == server.objects.keys()
    assert len(file_requests(server)) == 3

    server.disk = moved
    assert not look(again, gramps).lacking
    assert not again.vanished()


def test_a_close_look_finds_what_was_overwritten_on_the_disk(
    server: DiskServer, store: DiskStore, gramps: Connect, memory: Memory
) -> None:
    """Another size, or another time: it is read back, and is wrong, or as good as it was. The rest is not read."""
    for handle, content in (("h", SMALL), ("i", b"one"), ("j", b"two"), ("k", b"sent")):
        server.add(handle, f"{handle}.jpg", content)
        if handle != "k":
            server.plant(f"{handle}.jpg", content)
    look(store, gramps)
    put(store, b"sent", "k")

    server.disk["h.jpg"] = (b"longer than it was", server.disk["h.jpg"][1])
    server.disk["i.jpg"] = (b"eno", "Sun, 22 Nov 2026 23:59:59 GMT")
    server.disk["j.jpg"] = (b"two", "Sun, 22 Nov 2026 23:59:59 GMT")
    assert not look(gramps().files(memory), gramps, everything=True).wrong
    server.requests.clear()
    assert look(gramps().files(memory), gramps, closely=True).wrong == {"h", "i"}
    assert len(file_requests(server, "GET")) == 3

    server.disk["k.jpg"] = (b"tnes", "Sun, 22 Nov 2026 23:59:59 GMT")
    server.requests.clear()
    assert look(gramps().files(memory), gramps, closely=True).wrong == {"h", "i", "k"}
    assert len(file_requests(server, "GET")) == 1


def test_what_others_stored_before_is_trusted(server: DiskServer, gramps: Connect) -> None:
    """In the first look of all nothing is downloaded; a file whose length is wrong is found out all the same."""
    store = gramps().files(Memory())
    server.add("h", "a.jpg", SMALL)
    server.plant("a.jpg", SMALL)
    server.add("i", "b.jpg", PHOTO)
    server.plant("b.jpg", b"short")
    found = look(store, gramps, SMALL, PHOTO)
    assert found == BucketSnapshot({md5(SMALL): len(SMALL)}, wrong=frozenset({"i"}))
    assert not file_requests(server, "GET")


def test_a_new_object_is_read_back(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """A file at a new object's path may be a leftover of another: it is hashed when the folder has the right bytes."""
    server.add("h", "a.jpg", SMALL)
    server.plant("a.jpg", SMALL.replace(b"scan", b"scar"))
    server.add("i", "b.jpg", b"good")
    server.plant("b.jpg", b"good")
    server.add("j", "c.jpg", b"unknown here")
    server.plant("c.jpg", b"unknown here")
    found = look(store, gramps, SMALL, b"good")
    assert found.wrong == {"h"}
    assert not found.holds(md5(SMALL))
    assert found.holds(md5(b"good"))
    assert found.holds(md5(b"unknown here"))
    assert len(file_requests(server, "GET")) == 2


def test_other_bytes_are_not_read_again_until_somebody_mends_them(
    server: DiskServer, store: DiskStore, gramps: Connect
) -> None:
    """A file with other bytes is looked at without reading it; when it was replaced on the server, it counts again."""
    server.add("h", "a.jpg", SMALL)
    server.plant("a.jpg", b"other")
    assert look(store, gramps, SMALL).wrong == {"h"}
    server.requests.clear()
    assert look(store, gramps, SMALL).wrong == {"h"}
    assert [one.method for one in file_requests(server)] == ["HEAD"]
    server.disk["a.jpg"] = (SMALL, "Mon, 23 Nov 2026 08:00:00 GMT")
    found = look(store, gramps, SMALL)
    assert found == BucketSnapshot({md5(SMALL): len(SMALL)})


def test_a_full_look_finds_what_vanished(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """A file that was deleted on the server's disk is missed when everything is looked at, in one request."""
    for number in range(60):
        content = b"%d" % number
        server.add(f"h{number}", f"{number}.jpg", content)
        server.plant(f"{number}.jpg", content)
    assert not look(store, gramps).lacking
    del server.disk["7.jpg"]
    server.requests.clear()
    assert not look(store, gramps).lacking
    assert look(store, gramps, everything=True).lacking == {"h7"}
    assert not file_requests(server)


def test_the_list_of_missing_files_may_fail(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """One path that its disk cannot bear makes the server stumble over that list: then each object is asked for."""
    for number in range(60):
        server.add(f"h{number}", f"{number}.jpg", b"%d" % number)
    server.plant("1.jpg", b"1")

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(500, text="stumbled") if "filemissing" in request.url.params else None

    server.intercept = intercept
    found = look(store, gramps)
    assert found.holds(md5(b"1"))
    assert len(found.lacking) == 59


def test_a_login_page_is_no_file(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """A proxy that answers everything with a web page ends the run: nothing is said of any file."""
    server.add("h", "a.jpg", SMALL)
    page = httpx2.Response(200, html="<html>Please log in</html>")
    server.intercept = answering(page, method="HEAD")
    with pytest.raises(Unexpected, match="a web page came instead"):
        look(store, gramps, SMALL)


def test_a_bucket_by_now(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """A redirect is not followed: the token stays with the server that it is for."""
    server.add("h", "a.jpg", SMALL)
    away = httpx2.Response(307, headers={"Location": "https://elsewhere.example/x"})
    server.intercept = answering(away, method="HEAD")
    with pytest.raises(Unexpected):
        look(store, gramps, SMALL)
    assert {one.url.host for one in server.requests} == {"family.example"}


# --- sending ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        (405, "Not allowed by media quota", "quota", "more space"),
        (413, "", "too large", "client_max_body_size"),
        (415, "Media type not supported", "files of this type", "ignore"),
        (403, "File access not allowed", "may not keep a file at the path", "path below"),
        (401, "Token has expired", "longer than a login", "faster"),
        (406, "Media type not recognized", "Media type not recognized", ""),
    ],
)
def test_one_file_is_refused(
    server: DiskServer, store: DiskStore, gramps: Connect, refusal: tuple[int, str, str, str]
) -> None:
    """A refusal concerns one file, says why and what to do; the next file is taken."""
    status, said, reason, remedy = refusal
    server.add("h", "a.jpg", SMALL)
    server.add("i", "b.jpg", PHOTO)
    look(store, gramps, SMALL, PHOTO)
    error = httpx2.Response(status, json={"error": {"code": status, "message": said}})
    server.intercept = answering(error, error)
    with pytest.raises(Refused, match=reason) as caught:
        put(store, SMALL)
    assert remedy in caught.value.remedy
    server.intercept = lambda _request: None
    put(store, PHOTO, "i")
    found = look(store, gramps, SMALL, PHOTO)
    assert found == BucketSnapshot({md5(PHOTO): len(PHOTO)}, frozenset({"h"}))


def test_a_lost_right_ends_the_run(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """When the account may change nothing any more, it is no matter of one file."""
    server.add("h", "a.jpg", SMALL)
    look(store, gramps, SMALL)
    server.intercept = answering(httpx2.Response(403, json={"error": {"code": 403, "message": "Forbidden"}}))
    with pytest.raises(Denied):
        put(store, SMALL)


@pytest.mark.parametrize("lost", [504, 502, 500, "cut"])
@pytest.mark.parametrize("arrived", [True, False])
def test_no_answer(
    server: DiskServer, store: DiskStore, gramps: Connect, lost: int | str, arrived: bool
) -> None:
    """Without an answer it is looked for what became of the file, and never sent again in the same run."""
    server.add("h", "a.jpg", SMALL)
    look(store, gramps, SMALL)

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        if request.method != "PUT":
            return None
        if arrived:
            server.plant("a.jpg", request.content)
        if isinstance(lost, int):
            return httpx2.Response(lost, text="gateway")
        raise httpx2.ReadError("cut")

    server.intercept = intercept
    if arrived:
        put(store, SMALL)
        assert look(store, gramps, SMALL) == BucketSnapshot({md5(SMALL): len(SMALL)})
    else:
        with pytest.raises(Refused, match="it did not arrive") as caught:
            put(store, SMALL)
        assert isinstance(caught.value.__cause__, LostAnswer)
        assert "proxy" in caught.value.remedy
        assert look(store, gramps, SMALL).lacking == {"h"}
    assert len(file_requests(server, "PUT")) == 1


def test_half_a_file_arrived(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """A server that died while it wrote leaves a piece of the file, which nothing replaces: the place is spoilt."""
    server.add("h", "a.jpg", PHOTO)
    look(store, gramps, PHOTO)

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "PUT":
            server.plant("a.jpg", request.content[:1000])
            return httpx2.Response(500, text="disk full")
        return None

    server.intercept = intercept
    with pytest.raises(Refused, match="did not arrive"):
        put(store, PHOTO)
    assert look(store, gramps, PHOTO).wrong == {"h"}


def test_already_there(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """'Already there' is believed when the bytes were read back; other bytes are told as such."""
    for handle, path, there in (("h", "a.jpg", SMALL), ("i", "b.jpg", b"other")):
        server.add(handle, path, SMALL)
        look(store, gramps, SMALL)
        server.plant(path, there)
    put(store, SMALL, "h")
    with pytest.raises(Occupied):
        put(store, SMALL, "i")
    found = look(store, gramps, SMALL)
    assert found == BucketSnapshot({md5(SMALL): len(SMALL)}, wrong=frozenset({"i"}))
    assert server.disk["b.jpg"][0] == b"other"


def test_the_object_moved_on(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """Somebody gave the object another checksum, or deleted it, while its file was on the way: it waits."""
    server.add("h", "a.jpg", SMALL)
    look(store, gramps, SMALL)
    server.objects["h"]["checksum"] = md5(b"newer")
    with pytest.raises(MovedOn, match="another checksum"):
        put(store, SMALL)
    del server.objects["h"]
    with pytest.raises(MovedOn, match="gone"):
        put(store, SMALL)
    assert not server.disk


@pytest.mark.parametrize(
    "path", ["../../etc/cron.d/x", "a/../../b.jpg", "a\\..\\..\\b.jpg", "folder/", "nul\0.jpg"]
)
def test_paths_that_lead_out(server: DiskServer, store: DiskStore, gramps: Connect, path: str) -> None:
    """A path that may lead out of the server's folder is never sent to: older servers write there."""
    server.add("h", path, SMALL)
    look(store, gramps, SMALL)
    with pytest.raises(Refused, match="may not keep a file"):
        put(store, SMALL)
    assert not file_requests(server, "PUT")
    assert not is_below(path)
    assert is_below("a/b..c/..d.jpg")


def test_without_naming_the_object(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """Bytes go to an object that lacks them; none is left alone, and where none names them they have no place."""
    server.add("h", "a.jpg", SMALL)
    server.plant("a.jpg", SMALL)
    server.add("i", "b.jpg", SMALL)
    look(store, gramps, SMALL)
    for _ in range(2):
        store.put(io.BytesIO(SMALL), md5(SMALL), len(SMALL), "image/jpeg")
    assert set(server.disk) == {"a.jpg", "b.jpg"}
    assert len(file_requests(server, "PUT")) == 1
    with pytest.raises(Refused, match="no media object"):
        store.put(io.BytesIO(PHOTO), md5(PHOTO), len(PHOTO), "image/jpeg")


# --- fetching ---------------------------------------------------------------------------------------------------------


class Cut(httpx2.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx2.ReadError("cut")


@pytest.mark.parametrize("replaced", [False, True], ids=["same file", "another file meanwhile"])
def test_a_cut_download_goes_on(
    server: DiskServer, store: DiskStore, gramps: Connect, replaced: bool
) -> None:
    """A download that broke off is picked up where it was, or begun anew when the file was replaced meanwhile."""
    server.add("h", "a.jpg", PHOTO)
    server.plant("a.jpg", PHOTO)
    look(store, gramps)
    kept = 2_000_000
    modified = server.disk["a.jpg"][1]
    head = {"ETag": md5(PHOTO), "Last-Modified": modified, "Content-Length": str(len(PHOTO))}
    server.intercept = answering(httpx2.Response(200, headers=head, stream=Cut(PHOTO[:kept])), method="GET")
    if replaced:
        server.disk["a.jpg"] = (PHOTO, "Mon, 23 Nov 2026 08:00:00 GMT")
    target, moved = io.BytesIO(), list[int]()
    assert store.get(md5(PHOTO), target, advance=moved.append) == len(PHOTO)
    assert target.getvalue() == PHOTO
    assert sum(moved) == len(PHOTO)
    first, second = file_requests(server, "GET")
    assert "Range" not in first.headers
    assert second.headers["Range"].startswith("bytes=")
    assert second.headers["If-Range"] == modified


@pytest.mark.parametrize("answer", ["cut", 502, 503])
def test_one_file_never_comes(
    server: DiskServer, hasty: DiskStore, gramps: Connect, answer: int | str
) -> None:
    """What a proxy keeps back again and again is that file's trouble: it is told, and the next file comes."""
    for handle, path, content in (("h", "a.jpg", PHOTO), ("i", "b.jpg", SMALL)):
        server.add(handle, path, content)
        server.plant(path, content)
    look(hasty, gramps)
    head = {"ETag": md5(PHOTO), "Content-Length": str(len(PHOTO))}

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "GET" and request.url.path.endswith("/h/file"):
            if isinstance(answer, int):
                return httpx2.Response(answer, text="gateway")
            return httpx2.Response(200, headers=head, stream=Cut(b""))
        return None

    server.intercept = intercept
    with pytest.raises(Refused, match="this file does not get through") as caught:
        hasty.get(md5(PHOTO), io.BytesIO())
    assert "proxy" in caught.value.remedy
    assert hasty.get(md5(SMALL), io.BytesIO()) == len(SMALL)


@pytest.mark.parametrize("send", [True, False], ids=["sending", "fetching"])
def test_the_server_is_gone(server: DiskServer, hasty: DiskStore, gramps: Connect, send: bool) -> None:
    """When nothing at all is answered any more, it is no matter of one file: the run ends."""
    server.add("h", "a.jpg", SMALL)
    if not send:
        server.plant("a.jpg", SMALL)
    look(hasty, gramps)

    def intercept(_request: httpx2.Request) -> httpx2.Response | None:
        raise httpx2.ConnectError("connection refused")

    server.intercept = intercept
    with pytest.raises(Unreachable):
        put(hasty, SMALL) if send else hasty.get(md5(SMALL), io.BytesIO())


def test_the_server_was_away(server: DiskServer, hasty: DiskStore, gramps: Connect) -> None:
    """A server that is back after a while gets the file that it did not answer for."""
    server.add("h", "a.jpg", SMALL)
    look(hasty, gramps)
    asked = list[str]()

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/metadata/"):
            asked.append(request.url.path)
        if len(asked) < 5:  # in tests a request is tried four times
            return httpx2.Response(503, text="restarting")
        return None

    server.intercept = intercept
    put(hasty, SMALL)
    assert server.disk["a.jpg"][0] == SMALL


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_look_that_gets_no_answer_for_one_file(
    server: DiskServer, hasty: DiskStore, memory: Memory, gramps: Connect, method: str
) -> None:
    """Such a file counts as there, so that nobody takes it for missing, and the next run asks again."""
    server.add("h", "a.jpg", SMALL)
    server.plant("a.jpg", SMALL)

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == method and request.url.path.endswith("/h/file"):
            return httpx2.Response(502, text="gateway")
        return None

    server.intercept = intercept
    for _ in range(2):
        assert look(hasty, gramps, SMALL) == BucketSnapshot({md5(SMALL): len(SMALL)})
    assert not memory.served()


def test_the_first_file_goes_alone(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """Several first files at once make a server stumble that never had one: until one is there, they go in turn."""
    contents = [SMALL + bytes([number]) for number in range(8)]
    for number, content in enumerate(contents):
        server.add(f"h{number}", f"{number}.jpg", content)
    look(store, gramps)
    under_way, most = 0, list[int]()
    count = threading.Lock()

    def intercept(request: httpx2.Request) -> httpx2.Response | None:
        nonlocal under_way
        if request.method == "PUT":
            with count:
                under_way += 1
                if not server.disk:
                    most.append(under_way)
            time.sleep(0.05)
            with count:
                under_way -= 1
        return None

    server.intercept = intercept
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: put(store, contents[number], f"h{number}"), range(8)))
    assert most == [1]
    assert len(server.disk) == 8


def test_other_bytes_from_one_object(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """An object that serves other bytes is noted; the bytes are had from another object of the same content."""
    server.add("h", "a.jpg", SMALL)
    server.plant("a.jpg", b"something else")
    server.add("i", "b.jpg", SMALL)
    server.plant("b.jpg", SMALL)
    look(store, gramps)
    target = io.BytesIO()
    assert store.get(md5(SMALL), target) == len(SMALL)
    assert target.getvalue() == SMALL
    assert look(store, gramps).wrong == {"h"}
    server.disk["b.jpg"] = (b"?", server.disk["b.jpg"][1])
    with pytest.raises(OtherBytes, match="damaged") as caught:
        store.get(md5(SMALL), io.BytesIO())
    assert caught.value.remedy
    assert look(store, gramps).wrong == {"h", "i"}


def test_a_page_instead_of_a_file(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """A proxy's page is not taken for the object's bytes: nothing is noted against the object."""
    server.add("h", "a.jpg", SMALL)
    server.plant("a.jpg", SMALL)
    look(store, gramps)
    server.intercept = answering(httpx2.Response(200, html="<html>Please log in</html>"), method="GET")
    with pytest.raises(Unexpected, match="a web page came"):
        store.get(md5(SMALL), io.BytesIO())
    found = look(store, gramps)
    assert found == BucketSnapshot({md5(SMALL): len(SMALL)})


def test_sizes_are_of_what_was_read(server: DiskServer, store: DiskStore, gramps: Connect) -> None:
    """What may be given up because Gramps Web has it, it has: at this moment, and byte for byte."""
    server.add("h", "a.jpg", SMALL)
    server.plant("a.jpg", SMALL.replace(b"scan", b"scar"))
    server.add("i", "b.jpg", b"good")
    server.plant("b.jpg", b"good")
    found = look(store, gramps)
    assert found.holds(md5(SMALL))
    assert store.sizes([md5(SMALL), md5(b"good")]) == {md5(b"good"): 4}
    assert look(store, gramps).wrong == {"h"}
    del server.disk["b.jpg"]
    assert store.sizes([md5(b"good")]) == {}
    assert look(store, gramps).lacking == {"i"}
