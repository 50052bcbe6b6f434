"""The fake Gramps Web, keeping media on its own disk as the real one does: found by path, hashed only on arrival."""

from __future__ import annotations

import hashlib
import re

import httpx2

from tests.unit.gramps.fake_server import FakeServer, media

LATE = "Sun, 22 Nov 2026 22:11:{:02} GMT"


class DiskServer(FakeServer):
    """`disk` holds bytes and their time by path; `put` and `plant` fill it."""

    def __init__(self) -> None:
        super().__init__()
        self.disk: dict[str, tuple[bytes, str]] = {}
        self.quota: int | None = None

    def plant(self, path: str, content: bytes) -> None:
        """Put bytes on the disk, as somebody does who works on the server."""
        self.disk[path] = (content, LATE.format(len(self.disk) % 60))

    def add(self, handle: str, path: str, content: bytes | str) -> None:
        """A media object of this content; nothing is stored."""
        known = (
            content if isinstance(content, str) else hashlib.md5(content, usedforsecurity=False).hexdigest()
        )
        self.objects[handle] = media(handle, path=path, checksum=known)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """As the real server would."""
        path = request.url.path.removeprefix(self.base)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer in self.valid and path == "/media/" and request.url.params.get("filemissing"):
            missing = [form for form in self.objects.values() if form["path"] not in self.disk]
            return httpx2.Response(200, json=missing, headers={"X-Total-Count": str(len(missing))})
        match = re.fullmatch(r"/media/([^/]+)/file", path)
        if match is None or bearer not in self.valid:
            return super().answer(request)
        form = self.objects.get(match[1])
        if form is None:
            return httpx2.Response(404, json={"code": 404, "status": "Not Found"})
        if request.method == "PUT":
            return self.take(form["path"], form["checksum"], request.content)
        return self.serve(form["path"], form["checksum"], request)

    def take(self, path: str, checksum: str, content: bytes) -> httpx2.Response:
        """`PUT …?uploadmissing=1`."""

        def refuse(code: int, message: str) -> httpx2.Response:
            return httpx2.Response(code, json={"error": {"code": code, "message": message}})

        if hashlib.md5(content, usedforsecurity=False).hexdigest() != checksum:
            return refuse(409, "Uploaded file has the wrong checksum")
        if path in self.disk:
            return refuse(409, "Uploaded file has the same checksum as the existing media object")
        if self.quota is not None and len(content) > self.quota:
            return refuse(405, "Not allowed by media quota")
        self.plant(path, content)
        return httpx2.Response(200)

    def serve(self, path: str, checksum: str, request: httpx2.Request) -> httpx2.Response:
        """`GET` and `HEAD`: whatever the bytes are, the ETag is the object's checksum, and without quotes."""
        if path not in self.disk:
            return httpx2.Response(404, json={"code": 404, "status": "Not Found"})
        content, modified = self.disk[path]
        headers = {"ETag": checksum, "Last-Modified": modified, "Content-Type": "image/jpeg"}
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        status = 200
        if match and request.headers.get("If-Range", modified) == modified and int(match[1]) < len(content):
            status, first = 206, int(match[1])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            content = content[first:]
        headers["Content-Length"] = str(len(content))
        return httpx2.Response(status, headers=headers, content=b"" if request.method == "HEAD" else content)
