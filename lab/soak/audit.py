"""The audit: what the ledger says and what is seen, held against each other. Pure, so that tests can show that it finds damage."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from lab.soak.ledger import EMPTY, Content, Ledger
from lab.soak.seen import FolderSeen, Seen, Vitals
from lab.soak.violation import Kind, Violation

MORE_FILES = 96
"""Open files more than at first that a daemon may have at rest: connections to both servers are kept for a while."""
MORE_THREADS = 16
MORE_MEMORY = 64 << 20
"""Bytes."""

_SERVERS = re.compile(r"[0-9a-f]{32}\.\w+")
_ADDED = re.compile(r"( \(\d+\)|-[0-9a-f]{8})(?=(\.[^./]*)?$)")
"""What syncd adds to a name: a number where it is taken, the checksum's beginning on a server with a disk of its own."""


def judge(ledger: Ledger, seen: Seen, keys_before: frozenset[str] = frozenset()) -> list[Violation]:
    """Everything that must not be.

    Args:
        ledger: what people did.
        seen: what there is now, at rest.
        keys_before: keys of the bucket that the last audit saw.
    """
    return [
        *_contents(ledger, seen),
        *_nowhere(ledger, seen),
        *_sides(seen),
        *_names(ledger, seen),
        *_store(ledger, seen, keys_before),
        *_references(ledger, seen),
        *_leftovers(seen),
    ]


def settle(ledger: Ledger, seen: Seen) -> None:
    """Begin the account anew with what is there: what happened until now was judged."""
    live = Counter(item.checksum for item in seen.objects)
    for content in ledger.contents.values():
        content.written = live[content.checksum]
        content.ended_here = content.ended_there = 0
        content.unsure = ""
        content.may_return = False
        content.movers, content.enders = set(), set()
        content.was_seen = content.was_seen or content.written > 0


def _excused(seen: Seen, folder: FolderSeen, checksum: str) -> bool:
    """Whether the computer has told that it cannot do something about this content."""
    named = {
        name for item in seen.objects if item.checksum == checksum for name in (item.path, item.handle)
    } | {path for path, one in folder.files.items() if one == checksum}
    return bool(named & folder.problems)


def _contents(ledger: Ledger, seen: Seen) -> Iterator[Violation]:
    """Each content is in sight as often as people have put it, on each computer and in Gramps Web."""
    places = [(folder.who, Counter(folder.files.values()), folder) for folder in seen.folders]
    objects = Counter(item.checksum for item in seen.objects)
    for content in ledger.contents.values():
        for who, counter, folder in places:
            wrong = _wrong_number(content, counter[content.checksum])
            if wrong and not _excused(seen, folder, content.checksum):
                paths = [path for path, one in folder.files.items() if one == content.checksum]
                yield Violation(wrong, _about(content), f"{who} has {paths}", (content.checksum,))
        wrong = _wrong_number(content, objects[content.checksum])
        if wrong and not any(_excused(seen, folder, content.checksum) for folder in seen.folders):
            paths = [item.path for item in seen.objects if item.checksum == content.checksum]
            yield Violation(wrong, _about(content), f"Gramps Web has {paths}", (content.checksum,))
    known = ledger.contents.keys()
    for who, counter, _ in [*places, ("Gramps Web", objects, None)]:
        for checksum in counter.keys() - known:
            what = ledger.partial.get(checksum, "bytes that nobody made")
            yield Violation(Kind.PARTIAL, f"{checksum}: {what}", f"at {who}", (checksum,))


def _wrong_number(content: Content, number: int) -> Kind | None:
    if number < content.due:
        return Kind.LOST
    if content.unsure:
        return None
    # What two people moved at once, before syncd had noted which file was which object, may be at both places.
    # So may what was moved from or to a folder while that was ignored: the place it left counts as new there.
    if number > content.written + max(0, len(content.movers) - 1) + content.may_return:
        return Kind.DOUBLED if content.written else Kind.CAME_BACK
    if number and content.is_gone_for_good:
        return Kind.CAME_BACK
    return None


def _about(content: Content) -> str:
    return (
        f"{content.checksum}, {content.size} bytes: put {content.written} times, taken away "
        f"{content.ended_here} times in a folder and {content.ended_there} times in Gramps Web"
    )


def _nowhere(ledger: Ledger, seen: Seen) -> Iterator[Violation]:
    """What is not in sight, but nobody threw it away for good, still exists: in a trash or in the store."""
    somewhere = {one for folder in seen.folders for one in (*folder.files.values(), *folder.kept)}
    somewhere |= {item.served for item in seen.objects} | set((seen.keys or {}).values()) | seen.quarantine
    for content in ledger.contents.values():
        left_by_people = content.unsure and content.written > content.ended
        taken_by_syncd = content.was_seen and content.ended_there and not content.ended_here
        if (left_by_people or taken_by_syncd) and content.checksum not in somewhere:
            yield Violation(Kind.GONE, _about(content), content.unsure, (content.checksum,))


def _sides(seen: Seen) -> Iterator[Violation]:
    """Folder and Gramps Web have the same contents, each as often."""
    objects = Counter(item.checksum for item in seen.objects)
    for folder in seen.folders:
        files = Counter(folder.files.values())
        for checksum in sorted(files.keys() | objects.keys()):
            if files[checksum] != objects[checksum] and not _excused(seen, folder, checksum):
                what = f"{checksum}: {files[checksum]} at {folder.who}, {objects[checksum]} in Gramps Web"
                yield Violation(Kind.DIFFERS, what, checksums=(checksum,))


def _names(ledger: Ledger, seen: Seen) -> Iterator[Violation]:
    """A file has a name that somebody gave it, or it is a conflict's copy."""
    for folder in seen.folders:
        for path, checksum in folder.files.items():
            known = checksum in ledger.contents and checksum != EMPTY
            if not known or " (conflict " in path or _SERVERS.fullmatch(path):
                continue
            if not {_same(path), _plain(path)} & {_same(name) for name in ledger.names(checksum)}:
                yield Violation(Kind.NAMED, f"{path} at {folder.who}", checksums=(checksum,))


def _same(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _plain(path: str) -> str:
    return _ADDED.sub("", _same(path))


def _store(ledger: Ledger, seen: Seen, keys_before: frozenset[str]) -> Iterator[Violation]:
    """Every key holds the bytes that its name says, every object shows its own bytes, and no key goes."""
    for item in seen.objects:
        if item.served != item.checksum:
            told = any({item.path, item.handle} & folder.problems for folder in seen.folders)
            if not told:
                what = f"the object {item.handle} at {item.path} names {item.checksum}"
                served = f"the server shows {item.served or 'nothing'}"
                yield Violation(Kind.MISSING, what, served, (item.checksum,))
    for key, actual in (seen.keys or {}).items():
        if key != actual:
            yield Violation(Kind.KEY, key, f"the MD5 is {actual}", (key,))
        elif key not in ledger.contents:
            what = ledger.partial.get(key, "bytes that nobody made")
            yield Violation(Kind.PARTIAL, f"{key}: {what}", "in the bucket", (key,))
    for key in sorted(keys_before - (seen.keys or {}).keys() - seen.quarantine):
        yield Violation(Kind.UNKEPT, key, checksums=(key,))


def _references(ledger: Ledger, seen: Seen) -> Iterator[Violation]:
    """Who refers to an object still does, unless a person took the reference away or approved that."""
    for key, handles in ledger.galleries.items():
        lost = Counter(handles) - Counter(seen.galleries.get(key, ()))
        for handle in lost.keys() - ledger.approved:
            yield Violation(Kind.REFERENCE, f"{key[0]} {key[1]} referred to {handle}")


def _leftovers(seen: Seen) -> Iterator[Violation]:
    for folder in seen.folders:
        for name in folder.leftovers:
            yield Violation(Kind.LEFTOVER, f"{name} at {folder.who}")


def growth(curve: Sequence[Vitals]) -> Iterator[Violation]:
    """Whether the daemons that were looked at last take more than they did when they were looked at first.

    Args:
        curve: vitals of all daemons, oldest first.
    """
    first: dict[int, Vitals] = {}
    last: dict[int, Vitals] = {}
    for one in curve:
        first.setdefault(one.pid, one)
        last[one.pid] = one
    newest = {one.who: one.pid for one in curve}
    for pid in newest.values():
        was, now = first[pid], last[pid]
        for what, before, after, more in (
            ("open files", was.files, now.files, MORE_FILES),
            ("threads", was.threads, now.threads, MORE_THREADS),
            ("bytes of memory", was.memory, now.memory, MORE_MEMORY),
        ):
            if after > before + more:
                yield Violation(Kind.GROWS, f"{now.who} {pid}: {before} → {after} {what}")
