"""Puts the disks under the engine: below `/sim/`, `os`, `io` and `fcntl` speak to them, elsewhere to the kernel as ever."""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import os
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from unittest import mock

from sim.posix.disks import Disks
from sim.posix.inode import FIRST_DESCRIPTOR, failure
from sim.posix.tree import ROOT
from syncd.applier import outgoing, syscalls


class Installed:
    """While in use, what the engine asks of the kernel about `/sim/` is answered by these disks."""

    def __init__(self, disks: Disks) -> None:
        self._disks = disks
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        by_path = [
            "open",
            "stat",
            "lstat",
            "mkdir",
            "rmdir",
            "unlink",
            "access",
            "scandir",
            "listdir",
            "statvfs",
        ]
        by_descriptor = [
            "close", "dup", "fstat", "read", "readv", "pread", "preadv", "write", "pwrite", "lseek", "ftruncate",
            "fsync", "fchmod", "fchown", "fdopen",
        ]  # fmt: skip
        for name in by_path:
            self._patch(os, name, getattr(self._disks, name))
        for name in by_descriptor:
            self._patch(os, name, getattr(self._disks, name))
        for name in ("rename", "replace", "link"):
            self._patch(os, name, getattr(self._disks, name))
        self._patch(os, "fstatvfs", self._disks.statvfs)
        self._patch(outgoing, "_File", self._disks.outgoing)
        self._patch(os, "posix_fadvise", lambda *_: None)
        self._patch(fcntl, "flock", self._disks.flock)
        self._patch(fcntl, "ioctl", _no_ioctl)
        self._patch(io, "open", self._disks.open_file)
        self._patch(builtins, "open", self._disks.open_file)
        self._patches.enter_context(mock.patch.object(syscalls, "renameat2", self._disks.renameat2))
        return self

    def _patch(self, module: Any, name: str, ours: Callable[..., Any]) -> None:
        real = getattr(module, name)

        def dispatch(*arguments: Any, **options: Any) -> Any:
            if _is_ours(arguments, options):
                return ours(*arguments, **options)
            return real(*arguments, **options)

        self._patches.enter_context(mock.patch.object(module, name, dispatch))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patches.close()


def _is_ours(arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    for name in ("dir_fd", "src_dir_fd", "dst_dir_fd"):
        found = options.get(name)
        if found is not None:
            return bool(found >= FIRST_DESCRIPTOR)
    first = arguments[0] if arguments else None
    if isinstance(first, int):
        return first >= FIRST_DESCRIPTOR
    if isinstance(first, str):
        return first == ROOT or first.startswith(f"{ROOT}/")
    if isinstance(first, os.PathLike):
        text = os.fspath(first)
        return isinstance(text, str) and (text == ROOT or text.startswith(f"{ROOT}/"))
    return False


def _no_ioctl(*_: Any) -> None:
    raise failure(errno.EOPNOTSUPP)
