"""A media folder to work in, and a world that can be made worse."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.applier import renames, syscalls
from syncd.applier.disk import MediaFolder, Ready
from syncd.model import Checksum, FileStamp, FolderFile, MediaPath

PRIMITIVES = (
    "renameat2",
    "rename",
    "link",
    "unlink",
    "make_folder",
    "remove_folder",
    "create",
    "write",
    "sync_file",
    "sync_folder",
)
"""Every call that changes the disk."""


def md5(content: bytes) -> Checksum:
    """The checksum of bytes."""
    return Checksum(hashlib.md5(content).hexdigest())


class Album:
    """A media folder with a few shorthands."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = MediaFolder(root, clock=lambda: 1_795_348_800.0)

    def write(self, rel: str, content: bytes) -> FolderFile:
        """A person writes a file."""
        path = self.root / rel
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return self.scanned(rel)

    def scanned(self, rel: str) -> FolderFile:
        """The file as a scan would see it."""
        path = self.root / rel
        status = path.stat()
        stamp = FileStamp(
            status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
        )
        return FolderFile(MediaPath.of(rel), stamp, md5(path.read_bytes()))

    def ready(self, content: bytes) -> Ready:
        """Bytes that were received."""
        with self.folder.incoming(md5(content), len(content)) as part:
            part.file.write(content)
            return part.finish()

    def seen(self) -> dict[str, bytes]:
        """What a person sees: every file outside `.syncd`."""
        return {rel: content for rel, content in self.everything().items() if not rel.startswith(".syncd/")}

    def everything(self) -> dict[str, bytes]:
        """Every file, with those in `.syncd`."""
        found = {}
        for above, _folders, names in os.walk(self.root):
            for name in names:
                path = Path(above, name)
                if not path.is_symlink():
                    found[str(path.relative_to(self.root))] = path.read_bytes()
        return found

    def trashed(self) -> dict[str, bytes]:
        """What is in the trash, by its path below the date."""
        start = ".syncd/trash/"
        return {
            rel.removeprefix(start): content
            for rel, content in self.everything().items()
            if rel.startswith(start)
        }

    def tmp(self) -> list[str]:
        """What is left in `.syncd/tmp`."""
        return self.names(".syncd/tmp")

    def names(self, rel: str = "") -> list[str]:
        """What is in a folder."""
        return sorted(path.name for path in (self.root / rel).iterdir())


Hook = Callable[[], object]


class World:
    """Makes system calls fail, or lets things happen just before them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def old(self, kind: str) -> None:
        """A file system without some calls: `no-exchange`, `no-flags`, or `no-links` either; `lying` disregards flags."""
        real = syscalls.renameat2

        def renameat2(a: int, b: str, c: int, d: str, flags: int) -> None:
            if kind == "lying":
                os.rename(b, d, src_dir_fd=a, dst_dir_fd=c)
                return
            if kind != "modern" and (flags == 2 or kind != "no-exchange"):
                raise syscalls.UnsupportedError
            real(a, b, c, d, flags)

        self._patch.setattr(syscalls, "renameat2", renameat2)
        if kind == "no-links":
            self.fail("link", errno.EPERM)

    def fail(self, name: str, code: int) -> None:
        """Let a call fail always."""

        def failing(*_: Any) -> None:
            raise OSError(code, os.strerror(code))

        self._patch.setattr(syscalls, name, failing)

    def before(self, name: str, hook: Hook, *, number: int = 1) -> None:
        """Let something happen just before the n-th call."""
        module = renames if hasattr(renames, name) else syscalls
        real = getattr(module, name)
        calls = 0

        def hooked(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number:
                hook()
            return real(*arguments)

        self._patch.setattr(module, name, hooked)


class Disks:
    """Small file systems, each in memory."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._mounted: list[Path] = []

    def mount(self, at: Path) -> None:
        """Mount one, or skip the test where that is not allowed."""
        at.mkdir()
        arguments = (b"tmpfs", bytes(at), b"tmpfs", ctypes.c_ulong(0), b"size=32m")
        if self._libc.mount(*arguments) != 0:
            pytest.skip("needs the right to mount")
        self._mounted.append(at)

    def unmount(self) -> None:
        """Unmount all."""
        for at in self._mounted:
            assert self._libc.umount2(bytes(at), 2) == 0
