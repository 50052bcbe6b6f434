"""A disk mounted inside the media folder that is not mounted now: its files are not deleted, they are elsewhere."""

from __future__ import annotations

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
