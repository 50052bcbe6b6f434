"""Disks inside the media folder: what is on one that is not mounted, or under one that is, is not deleted but out of sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.model import MediaPath
from syncd.scanner.walk import Walk


def not_mounted(walk: Walk) -> list[str]:
    """The keys of empty folders that used to be another file system.

    The cache remembers the device of each file. Device numbers change between starts of the machine, so what
    counts is not the number but its company: a folder is such a mount point when the files that were below it
    had another device than the files that lie, then as now, in the file system that the empty folder is in.
    """
    candidates = {key for key, (device, above) in walk.empty.items() if device == above}
    if not candidates:
        return []
    missing: dict[str, set[int]] = {}
    then: dict[int, set[int]] = {}
    for key, (stamp, _checksum) in walk.known.items():
        file = walk.files.get(key)
        if file is not None:
            then.setdefault(file.stamp.device, set()).add(stamp.device)
            continue
        end = key.rfind("/")
        while end > 0:
            if key[:end] in candidates:
                missing.setdefault(key[:end], set()).add(stamp.device)
                break
            end = key.rfind("/", 0, end)
    # Where no other file is left to compare with, the number itself must do.
    return [
        key
        for key, devices in missing.items()
        if not devices & then.get(walk.empty[key][0], {walk.empty[key][0]})
    ]


def hidden(walk: Walk) -> Mapping[str, Sequence[str]]:
    """Files that lie under a disk: they were saved at its mount point while it was away, and it is back.

    The other way round than `not_mounted`, and judged by the same company.

    Returns:
        The keys of the files, by the key of the folder on which the disk is mounted.
    """
    if not walk.mounts:
        return {}
    then: dict[int, set[int]] = {}
    missing: dict[str, list[tuple[str, int]]] = {}
    for key, (stamp, _checksum) in walk.known.items():
        file = walk.files.get(key)
        if file is not None:
            then.setdefault(file.stamp.device, set()).add(stamp.device)
        elif key not in walk.occupied:
            mount = next((above for above in MediaPath(key, key).ancestors() if above in walk.mounts), None)
            if mount is not None:
                missing.setdefault(mount, []).append((key, stamp.device))
    found: dict[str, list[str]] = {}
    for mount, files in missing.items():
        here, above = walk.mounts[mount]
        on_this = then.get(here, {here})
        below = then.get(above, {above}) - on_this
        keys = [key for key, device in files if device in below]
        if keys:
            found[mount] = keys
    return found


def on_absent_disks(walk: Walk) -> Mapping[str, Sequence[str]]:
    """Files that were on a disk of which nothing is to be seen, though the folder where it was mounted is not empty.

    Something was saved at the mount point, or another disk is mounted there. As in `not_mounted` the company tells: the
    files that lie where they lay say which device numbers of then are there now. Where there are none, the number itself
    must do, as the media folder's has one, too.

    Returns:
        The keys of the files, by the key of the folder that they were in, or of what is left above it. Where nothing is
        left but the media folder itself, they were deleted.
    """
    then: set[int] = set()
    missing: dict[int, list[str]] = {}
    for key, (stamp, _checksum) in walk.known.items():
        if key in walk.files:
            then.add(stamp.device)
        elif key not in walk.occupied:
            missing.setdefault(stamp.device, []).append(key)
    if not missing.keys() - then:
        return {}
    now = {file.stamp.device for file in walk.files.values()} | {
        device for device, _above in walk.empty.values()
    }
    now |= {stamp.device for _path, stamp in walk.to_read}
    if not then:
        now.add(walk.device)
    there = {*walk.files, *walk.occupied, *walk.empty, *(path.key for path, _stamp in walk.to_read)}
    away: dict[str, list[str]] = {}
    for device in missing.keys() - then - now:
        folder = _common_folder(missing[device])
        while folder and folder not in walk.empty and not any(key.startswith(f"{folder}/") for key in there):
            folder = folder.rpartition("/")[0]
        if folder and (then or folder not in walk.mounts):
            away.setdefault(folder, []).extend(missing[device])
    return away


def _common_folder(keys: Sequence[str]) -> str:
    """The deepest folder that has all files below it; `""` for the top."""
    common = keys[0].split("/")[:-1]
    for key in keys[1:]:
        parts = key.split("/")[:-1]
        while common != parts[: len(common)]:
            common.pop()
    return "/".join(common)
