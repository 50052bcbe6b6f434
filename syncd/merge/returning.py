"""Deleted files that come back, and the objects that come back with them.

A file that leaves the folder and returns some days later would be a new file; its object, with all that was written
about it and all that refers to it, would be lost. So a new file with the content of a deletion takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from syncd.merge.draft import Inputs
from syncd.model.paths import MediaPath
from syncd.model.snapshots import Deleted, FolderFile
from syncd.model.values import EMPTY_CHECKSUM, Checksum


def find_returned(inputs: Inputs, files: Sequence[FolderFile]) -> Mapping[str, Deleted]:
    """The deletions that new files take back, by the key of the file.

    Each file takes back one deletion, each deletion is taken back by one file: the one at its place, else one of its
    base name, else in order. A deletion that was made in Gramps Web is only taken back at its very place: to put the
    file there is to wish to have it again, while the same bytes elsewhere may be a new beginning.

    Args:
        inputs: the inputs.
        files: the files that no object has, in path order.
    """
    found: dict[str, Deleted] = {}
    by_content: dict[Checksum, list[FolderFile]] = {}
    wanted = {deleted.checksum for deleted in inputs.deleted}
    for file in files if wanted else ():
        if file.checksum in wanted:
            by_content.setdefault(file.checksum, []).append(file)
    for checksum, candidates in by_content.items():
        open_ones = [deleted for deleted in _open(inputs) if deleted.checksum == checksum]
        copied = len(candidates) < len(inputs.files_by_checksum[checksum])
        found.update(_pair(inputs, open_ones, candidates, copied=copied))
    return found


def _open(inputs: Inputs) -> Iterable[Deleted]:
    """The deletions that were not taken back yet, newest first; of several of one object the newest."""
    newest: dict[str, Deleted] = {}
    for deleted in inputs.deleted:
        newest.setdefault(deleted.handle, deleted)
    for handle, deleted in newest.items():
        if handle not in inputs.catalog.objects and handle not in inputs.linked_handles:
            yield deleted


def _pair(
    inputs: Inputs, deletions: Sequence[Deleted], files: Sequence[FolderFile], *, copied: bool
) -> Mapping[str, Deleted]:
    """Pair deletions and files of one content, by the file's key.

    Args:
        inputs: the inputs.
        deletions: newest first.
        files: in path order.
        copied: another file with an object has the content, too: a file of another name may be a mere copy of that.
    """
    pairs: dict[str, Deleted] = {}

    def match(is_its: Callable[[Deleted, FolderFile], bool]) -> None:
        used = {deleted.handle for deleted in pairs.values()}
        for deleted in deletions:
            for file in files:
                free = file.path.key not in pairs and deleted.handle not in used
                if free and is_its(deleted, file) and _is_desktops(inputs, deleted, file):
                    pairs[file.path.key] = deleted
                    used.add(deleted.handle)

    match(lambda deleted, file: deleted.path == file.path)
    match(lambda deleted, file: not deleted.in_web and _base(deleted.path) == _base(file.path))
    # Two empty files are alike without having anything to do with one another.
    match(lambda deleted, file: not (deleted.in_web or copied) and file.checksum != EMPTY_CHECKSUM)
    return pairs


def _is_desktops(inputs: Inputs, deleted: Deleted, file: FolderFile) -> bool:
    """Whether Gramps Desktop has nothing against it: it knows the file under another handle, which would be a second."""
    known = inputs.desktop.objects.get(file.path.key, ()) if inputs.desktop is not None else ()
    return not known or any(item.handle == deleted.handle for item in known)


def _base(path: MediaPath) -> str:
    return path.key.rpartition("/")[2]
