"""Reading media objects: one, all of them, who refers to them, and where the server keeps their files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import quote

import httpx2

from syncd.errors import MovedOn, Refused, Unexpected
from syncd.gramps.api import Api
from syncd.gramps.forms import Form, media_object
from syncd.gramps.http import Stumbled, announced, steadily
from syncd.gramps.places import Expected, parse_location
from syncd.gramps.stream import Suspect, objects
from syncd.model import MediaObject
from syncd.model.references import Record
from syncd.ports import MediaLocation

MAX_OBJECT_BYTES = 64 * 1024
"""How long the listing may be for each announced object."""

MOST_OBJECTS = 5_000_000
"""So many objects are believed in; they take 2 GB of memory."""

ASKED_ONE_BY_ONE = 30
"""So many records are asked for one by one; for more, all are listed."""


def get_form(api: Api, handle: str) -> Form | None:
    """One object as it is now, in its plain form; None when the server does not have it."""
    answer = api.call("GET", f"media/{quoted(handle)}", params={"skipkeys": api.fresh()}, expect=(200, 404))
    if answer.status == 404:
        return None
    form = answer.json()
    if media_object(form).handle != handle:
        raise Unexpected("Gramps Web gave another media object than was asked for", "check the proxy")
    found: Form = form
    return found


def get(api: Api, handle: str) -> MediaObject | None:
    """One object as it is now; None when the server does not have it (or hides it: private, no right)."""
    form = get_form(api, handle)
    return None if form is None else media_object(form)


def list_objects(api: Api) -> dict[str, MediaObject]:
    """All objects as they are now, by handle.

    Raises:
        Unexpected: the listing breaks off, is shorter or longer than announced, or names a handle twice.
    """
    keys = f"handle,path,checksum,mime,change,{api.fresh()}"
    return api.stream("media/", _read_listing, params={"keys": keys})


def list_forms(api: Api, handles: Collection[str]) -> dict[str, Form]:
    """Some objects in their plain form, by handle, from one listing of all; those that it lacks are left out.

    The server writes its answer from what it has read when no writer was at work: an object may be older here than
    `get_form` would give it.

    Raises:
        Unexpected: as `list_objects`.
    """
    forms: dict[str, Form] = {}

    def keep(handle: str, form: Form) -> None:
        if handle in handles:
            forms[handle] = form

    def read(response: httpx2.Response) -> None:
        _read_listing(response, keep)

    api.stream("media/", read, params={"skipkeys": api.fresh()})
    return forms


def _read_listing(
    response: httpx2.Response, keep: Callable[[str, Form], None] = lambda _handle, _form: None
) -> dict[str, MediaObject]:
    """All objects of a listing; `keep` is given each as it stands there."""
    total = announced(response.headers)
    if total is None:
        raise _incomplete("it does not say how many there are")
    if total > MOST_OBJECTS:
        raise _incomplete(f"it announces more than {MOST_OBJECTS:,} objects")
    found: dict[str, MediaObject] = {}
    limit = (total + 16) * MAX_OBJECT_BYTES
    try:
        for item in objects(steadily(response), limit):
            read = media_object(item)
            if read.handle in found:
                raise _incomplete("an object is in it twice")
            found[read.handle] = read
            keep(read.handle, item)
    except Suspect as error:
        raise _incomplete(str(error)) from error
    if len(found) != total:
        raise _incomplete(f"{total} objects were announced, {len(found)} came")
    return found


def _incomplete(why: str) -> Unexpected:
    return Unexpected(
        f"the list of media objects that Gramps Web gave is not complete: {why}", "try again later"
    )


def lacking(api: Api, record: Record, handles: Collection[str]) -> frozenset[str]:
    """Those of these records that the server does not have: asked one by one, or listed where they are many.

    Raises:
        Unexpected: the list is shorter or longer than announced.
    """
    place = f"{record}s/"
    if len(handles) <= ASKED_ONE_BY_ONE:
        return frozenset(handle for handle in handles if not _exists(api, f"{place}{quoted(handle)}"))
    answer = api.call("GET", place, params={"keys": f"handle,{api.fresh()}"})
    listed = answer.json()
    if not isinstance(listed, list) or str(len(listed)) != answer.headers.get("X-Total-Count"):
        raise Unexpected(f"the list of {place[:-1]} that Gramps Web gave is not complete", "try again later")
    there = [item.get("handle") for item in listed if isinstance(item, dict)]
    return frozenset(handles) - {handle for handle in there if isinstance(handle, str)}


def _exists(api: Api, path: str) -> bool:
    answer = api.call("GET", path, params={"keys": f"handle,{api.fresh()}"}, expect=(200, 404))
    return answer.status == 200


def references(api: Api, handle: str) -> Mapping[str, int]:
    """How many records refer to an object, by type.

    Raises:
        MovedOn: the object is gone.
    """
    params = {"backlinks": "1", "skipkeys": api.fresh()}
    found: Any = api.call("GET", f"media/{quoted(handle)}", params=params).json()
    links = found.get("backlinks") if isinstance(found, dict) else None
    if not isinstance(links, dict) or not all(isinstance(handles, list) for handles in links.values()):
        raise Unexpected("Gramps Web does not say who refers to a media object", "update Gramps Web or syncd")
    return {str(kind): len(handles) for kind, handles in links.items() if handles}


def location(api: Api, handle: str, expected: Expected | None = None) -> MediaLocation:
    """Where the server keeps an object's file; the file need not be there, nothing of it is read.

    `expected` is what `[s3]` says, for an address that can be read in several ways. An object without a checksum has no
    address in a bucket: of such a one a server tells only that it has the file itself.

    Raises:
        MovedOn: the object is gone.
        Refused: the object has no checksum, and nothing can be learnt from it.
        Unexpected: it is not Gramps Web that answers; taken for it, the bucket would seem to be a mistake.
    """
    known = get(api, handle)
    if known is None:
        raise MovedOn("the media object is gone", "try again")
    try:
        answer = api.call(
            "GET",
            f"media/{quoted(handle)}/file",
            headers={"Range": "bytes=0-0"},  # a server that has the file on its disk need not send it
            expect=(200, 206, 301, 302, 303, 307, 308, 403, 404, 416),
            read_body=False,
        )
    except Stumbled as error:
        if known.digest is None:  # a bucket has no key for it
            raise _tells_nothing() from error
        raise Stumbled(
            "Gramps Web stumbles when it is asked for a media file (HTTP status 500)",
            "look at its log; before version 3.21 it does so while its media folder does not exist, which the first"
            " file that is added in Gramps Web makes",
        ) from error
    if answer.status in (200, 206) and not _is_its_file(known, answer.headers):
        raise Unexpected(
            "something before Gramps Web answers in its place, with a page instead of a media file",
            "look at the proxy, the firewall or the login page of the network that stands before Gramps Web",
        )
    if known.digest is None and answer.status not in (200, 206):
        raise _tells_nothing()
    if answer.status in (200, 206, 403, 404, 416):
        return MediaLocation(None)
    assert known.digest is not None
    return parse_location(answer.headers.get("location", ""), known.digest, expected)


def _is_its_file(known: MediaObject, headers: Mapping[str, str]) -> bool:
    """Whether Gramps Web serves this object's file: under its checksum as the ETag, or at least as what it is."""
    tag = headers.get("ETag", "").removeprefix("W/").strip('"').lower()
    kind = headers.get("Content-Type", "").partition(";")[0].strip()
    return tag == known.digest or (kind == known.mime and kind != "text/html")


def _tells_nothing() -> Refused:
    return Refused("the media object has no checksum", "ask for another object's file")


def quoted(handle: str) -> str:
    """A handle fit for a path: Gramps does not restrict what is in it, not even to what is no step in a path."""
    return quote(handle, safe="", errors="surrogatepass") if handle.strip(".") else handle.replace(".", "%2E")
