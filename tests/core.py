"""Builders for tests of the pure core: a case in a few lines, its plan in words.

Content is named by a word (`"one"`), of which the checksum is the MD5; a plan is read back in the same words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from syncd.model import (
    BucketSnapshot,
    CatalogSnapshot,
    Checksum,
    Deleted,
    DesktopObject,
    DesktopSnapshot,
    Detached,
    FileStamp,
    FolderFile,
    FolderSnapshot,
    Link,
    MediaObject,
    MediaPath,
    Occupant,
    PathRules,
)
from syncd.model.plan import (
    Action,
    AddObject,
    DeleteObject,
    Fetch,
    Forget,
    KeepLoser,
    MoveFile,
    Plan,
    Record,
    RestoreObject,
    TrashFile,
    UpdateObject,
    Upload,
)
from syncd.model.policy import Moment, Policy
from syncd.reconciler import Inputs, reconcile

NOW = 2_000_000_000
DAY = 24 * 3600
LONG_AGO = NOW - 30 * DAY
MOMENT = Moment(now=NOW, date="2026-11-22", host="desk")
RULES = PathRules("/home/me/Pictures")
POLICY = Policy(RULES)

_WORDS: dict[str, str] = {}


def md5(word: str) -> Checksum:
    """The checksum of a content."""
    checksum = Checksum(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest())
    _WORDS[checksum] = word
    return checksum


def word(checksum: str) -> str:
    """The content of a checksum; an unknown one as it is."""
    return _WORDS.get(checksum, checksum or "nothing")


def file(path: str, content: str, inode: int = 0) -> FolderFile:
    """A file of the folder."""
    return FolderFile(MediaPath.of(path), FileStamp(len(content), 1, 1, inode, 1), md5(content))


def obj(handle: str, path: str, content: str | None, change: int = LONG_AGO) -> MediaObject:
    """A media object; content None leaves its checksum empty."""
    return MediaObject(handle, path, md5(content) if content is not None else "", "image/jpeg", change)


def link(
    handle: str,
    path: str,
    content: str,
    *,
    named: str | None = None,
    inode: int = 0,
    detached: Detached | None = None,
    restore: bool = False,
    asleep: bool = False,
    moved_to: str | None = None,
) -> Link:
    """A link; its object is named like its file unless said otherwise."""
    named = path if named is None else named
    ahead = MediaPath.of(moved_to) if moved_to is not None else None
    return Link(handle, named, MediaPath.of(path), md5(content), inode, detached, restore, asleep, ahead)


def desktop(*objects: tuple[str, str, str | None], readable: bool = True) -> DesktopSnapshot:
    """A Gramps Desktop's family tree: objects as (handle, path, content), oldest first."""
    found: dict[str, tuple[DesktopObject, ...]] = {}
    for handle, path, content in objects:
        key = MediaPath.of(path).key
        item = DesktopObject(handle, md5(content) if content is not None else "")
        found[key] = (*found.get(key, ()), item)
    return DesktopSnapshot(found, readable=readable)


def deleted(
    handle: str, path: str, content: str, *, named: str | None = None, in_web: bool = False
) -> Deleted:
    """A deletion that may be taken back; its object was named like its file unless said otherwise."""
    return Deleted(handle, MediaPath.of(path), md5(content), path if named is None else named, in_web)


def inputs(
    *,
    links: Sequence[Link] = (),
    files: Iterable[FolderFile] = (),
    objects: Iterable[MediaObject] = (),
    bucket: Iterable[str] | Mapping[str, int] | None = None,
    lacking: Iterable[str] = (),
    wrong: Iterable[str] = (),
    unnamed: Mapping[str, str] | None = None,
    occupied: Mapping[str, Occupant] | None = None,
    conflict_copies: Iterable[str] = (),
    desktop: DesktopSnapshot | None = None,
    deleted: Sequence[Deleted] = (),
    first_contact: bool = True,
    moment: Moment = MOMENT,
    rules: PathRules = RULES,
    **policy: Any,
) -> Inputs:
    """The inputs of one pass. The bucket has all that objects and links name, unless its contents are given.

    `lacking` and `wrong` are the handles of objects for which a server with a disk of its own has no file, or another;
    `unnamed` says what it has for objects without a checksum.
    """
    links, objects, files = tuple(links), tuple(objects), tuple(files)
    if bucket is None:
        named = {item.digest for item in objects} | {link.checksum for link in links}
        sizes = {checksum: len(word(checksum)) for checksum in named if checksum is not None}
    elif isinstance(bucket, Mapping):
        sizes = {md5(content): size for content, size in bucket.items()}
    else:
        sizes = {md5(content): len(content) for content in bucket}
    return Inputs(
        tree_id="tree",
        links=links,
        folder=FolderSnapshot({file.path.key: file for file in files}, dict(occupied or {})),
        catalog=CatalogSnapshot({item.handle: item for item in objects}),
        bucket=BucketSnapshot(
            sizes,
            frozenset(lacking),
            frozenset(wrong),
            {handle: md5(content) for handle, content in (unnamed or {}).items()},
        ),
        policy=replace(POLICY, rules=rules, **policy),
        moment=moment,
        conflict_copies=frozenset(conflict_copies),
        desktop=desktop,
        deleted=deleted,
        first_contact=first_contact,
    )


def merge(**case: Any) -> Plan:
    """The plan of one pass; see `inputs`."""
    return reconcile(inputs(**case))


def say(plan: Plan) -> list[str]:
    """A plan's actions in words, sorted."""
    return sorted(_say(action) for action in plan.actions)


def _say(action: Action) -> str:
    match action:
        case Record(link=after, new=new):
            return f"{'link' if new else 'put to sleep' if after.asleep else 'record'} {after.handle}"
        case Forget(link=gone):
            return f"forget {gone.handle}"
        case Upload(file=file, replace=again):
            return f"upload {file.path} ({word(file.checksum)}){' again' if again else ''}"
        case AddObject(file=file, link=after, from_desktop=known):
            return f"add {file.path} ({word(file.checksum)}){' as ' + after.handle if known else ''}"
        case UpdateObject(expected=item, path=path, checksum=checksum):
            changes = [f"path {path}"] if path != item.path else []
            changes += [f"content {word(checksum)}"] if checksum != item.checksum else []
            return f"update {item.handle} {' and '.join(changes)}"
        case Fetch(object=item, checksum=checksum, path=path, replaces=old, aside=aside, source=source):
            text = f"fetch {item.handle} ({word(checksum)}) to {path}"
            if old is not None:
                text += f", {old.path} goes to {aside or 'the trash'}"
            return text + (f", copying {source.path}" if source is not None else "")
        case KeepLoser(object=item, checksum=checksum):
            return f"keep {item.handle} ({word(checksum)}) in the trash"
        case MoveFile(file=file, to=to):
            return f"move {file.path} to {to}"
        case TrashFile(file=file, links=links):
            return f"trash {file.path} of {' '.join(sorted(link.handle for link in links))}"
        case DeleteObject(expected=item):
            return f"delete {item.handle}"
        case RestoreObject(file=file, link=after, path=path):
            return f"restore {after.handle} ({word(file.checksum)})" + (f" as {path}" if path else "")


def after(plan: Plan) -> dict[str, tuple[str, str, str]]:
    """The links that a plan's actions record, by handle: path, name in Gramps Web, content."""
    found = {}
    for action in plan.actions:
        if isinstance(action, Record | AddObject | UpdateObject | Fetch | MoveFile | RestoreObject):
            link = action.link
            found[link.handle] = (link.path.text, link.named, word(link.checksum))
    return found


def only(plan: Plan, kind: type[Any]) -> Any:
    """The one action of a kind."""
    [found] = [action for action in plan.actions if isinstance(action, kind)]
    return found


def is_quiet(plan: Plan) -> bool:
    """Whether a plan does nothing and has nothing to say."""
    return not (plan.actions or plan.conflicts or plan.problems or plan.waiting or plan.notices)
