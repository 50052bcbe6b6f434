"""People in Gramps Web: what they do on its pages. What came of it is read in the server's history (`lab.soak.record`)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import httpx2
from botocore.exceptions import BotoCoreError, ClientError

from lab.api import Api, ApiError, Json
from lab.process import LabError
from lab.s3 import S3Witness
from lab.soak.ledger import REFERRERS, WEB, Ledger
from lab.soak.making import Maker, draw

_MOST_PEOPLE = 12


@dataclass
class Visitors:
    """Those who use Gramps Web, signed in as its owner.

    Args:
        api: goes to the server itself, not over the line that syncd has.
        s3: where somebody may put bytes before they are named; None: the server keeps them on its own disk.
        ledger: where what they do is noted.
        maker: makes contents and names.
    """

    api: Api
    s3: S3Witness | None
    ledger: Ledger
    maker: Maker
    failures: int = 0
    """Requests in a row that ended with 500."""
    _missing: dict[str, bytes] = field(default_factory=dict)
    """Handles of objects that somebody made and whose file is yet to be sent → it."""

    def __post_init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "visitors")
        self._now: Future[None] | None = None
        self.deeds: Sequence[tuple[int, Callable[[random.Random], None]]] = (
            (4, self.upload),
            (4, self.create),
            (6, self.replace),
            (5, self.describe),
            (5, self.move),
            (5, self.delete),
            (5, self.refer),
            (1, self.refer_no_more),
        )

    def begin(self, rng: random.Random) -> None:
        """Begin one deed, unless the one before is still waiting for its answer."""
        if self._now is None or self._now.done():
            self.wait()
            self._now = self._thread.submit(self.do, rng)

    def wait(self) -> None:
        """Until the last deed has its answer."""
        if self._now is not None:
            self._now.result()
            self._now = None

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def do(self, rng: random.Random) -> None:
        """One deed. A server that is away or gives up is an answer, too."""
        deed = draw(rng, self.deeds)
        try:
            deed(rng)
            self.failures = 0
        except ApiError as error:
            self.failures += error.status >= 500
            self._not_possible(str(error.status))
        except (httpx2.HTTPError, LabError, ClientError, BotoCoreError, ValueError) as error:
            self._not_possible(type(error).__name__)

    def _not_possible(self, why: str) -> None:
        self.ledger.counts[f"{WEB}: not possible ({why})"] += 1

    def _say(self, kind: str, what: str, *checksums: str) -> None:
        self.ledger.say(WEB, kind, what, *checksums)

    def _object(self, rng: random.Random) -> Json:
        objects = sorted(self.api.media(), key=lambda item: str(item["handle"]))
        if not objects:
            raise ValueError
        found: Json = rng.choice(objects)
        return found

    def _content(self, rng: random.Random, parent: str | None = None) -> tuple[bytes, str]:
        """Bytes of some length, for Gramps Web takes no empty upload, and their checksum."""
        content = b""
        while not content:
            content = self.maker.content(rng)
        return content, self.ledger.mint(content, parent)

    # --- media objects -----------------------------------------------------------------------------------

    def upload(self, rng: random.Random) -> None:
        """Add a file; the server names it by its checksum."""
        content, checksum = self._content(rng)
        self.ledger.name(checksum, f"{checksum}.jpg")
        self._say("upload", "", checksum)
        self.api.upload(content)

    def create(self, rng: random.Random) -> None:
        """Add a file with a name of its own, as other programs do."""
        path = self.maker.path(rng)
        content, checksum = self._content(rng)
        self._say("create", path, checksum)
        if self.s3 is not None:
            self.s3.put_content(content, "image/jpeg")
            self.api.create(path, checksum=checksum)
        else:
            handle = self.api.create(path, checksum=checksum)
            self._missing[handle] = content
            self.send_missing()

    def send_missing(self) -> None:
        """Send the files of objects that were made while the server went away."""
        for handle, content in list(self._missing.items()):
            try:
                self.api.upload_missing(handle, content)
            except ApiError as error:
                # Gone, given another file, or in place already: nothing of it is missing any more.
                if error.status not in (404, 409):
                    raise
            del self._missing[handle]

    def replace(self, rng: random.Random) -> None:
        """Replace an object's file."""
        item = self._object(rng)
        content, checksum = self._content(rng, item["checksum"])
        self.ledger.name(checksum, f"{checksum}.jpg")
        self._say("replace", item["path"], item["checksum"], checksum)
        headers = {"Content-Type": "image/jpeg", "If-Match": f'"{item["checksum"]}"'}
        self._missing.pop(item["handle"], None)
        self.api.json("PUT", f"/media/{item['handle']}/file", content=content, headers=headers)

    def describe(self, rng: random.Random) -> None:
        """Write a caption."""
        item = self._object(rng)
        self._say("describe", item["path"], item["checksum"])
        self.api.edit(item["handle"], desc=f"caption {self.maker.number()}", private=rng.random() < 0.2)

    def move(self, rng: random.Random) -> None:
        """Give an object another path; the path of a page that is out of date is what the page sends."""
        item, path = self._object(rng), self.maker.path(rng)
        content = self.ledger.contents.get(item["checksum"])
        if self.s3 is None and not (content and content.was_seen):
            # A server with a disk of its own finds a file by its path alone: only who has the file can bring it to the new
            # one, and nobody may have fetched this one yet.
            return
        self.ledger.name(item["checksum"], path)
        self._say("move", f"{item['path']} → {path}", item["checksum"])
        self.api.edit(item["handle"], path=path)

    def name_apart(self, handle: str) -> None:
        """Give an object a name of its own, where two of them came to one: people at two computers moved them there."""
        for item in self.api.media():
            if item["handle"] == handle:
                path = PurePosixPath(item["path"])
                new = str(path.with_stem(f"{path.stem} {self.maker.number()}"))
                self.ledger.name(item["checksum"], new)
                self._say("name apart", f"{path} → {new}", item["checksum"])
                self.api.edit(handle, path=new)

    def delete(self, rng: random.Random) -> None:
        """Delete an object, and with it all references."""
        item = self._object(rng)
        self._say("delete", item["path"], item["checksum"])
        self.api.delete(item["handle"])

    # --- references --------------------------------------------------------------------------------------

    def refer(self, rng: random.Random) -> None:
        """Put an object into the gallery of a person or an event."""
        item = self._object(rng)
        reference = {"_class": "MediaRef", "ref": item["handle"]}
        known = sorted(self.ledger.galleries)
        self._say("refer", item["path"], item["checksum"])
        if len(known) < _MOST_PEOPLE and (not known or rng.random() < 0.5):
            kind = rng.choice([*REFERRERS])
            self.api.json("POST", f"/{REFERRERS[kind]}/", json={"_class": kind, "media_list": [reference]})
        else:
            kind, handle = rng.choice(known)
            path = REFERRERS[kind]
            now = self.api.get(handle, path)["media_list"]
            self.api.edit(handle, path, media_list=[*now, reference])

    def refer_no_more(self, rng: random.Random) -> None:
        """Take the last object out of a gallery."""
        known = sorted(self.ledger.galleries)
        if known:
            kind, handle = rng.choice(known)
            path = REFERRERS[kind]
            now = self.api.get(handle, path)["media_list"]
            self._say("refer no more", handle)
            self.api.edit(handle, path, media_list=now[:-1])
