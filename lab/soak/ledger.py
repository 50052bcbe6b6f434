"""The account of what people did: every content that somebody wrote, every deletion that somebody made.

A content is known by its MD5. Of each it is counted how often people gave it a place (`written`) and how often they took one
away, by deleting or overwriting it (`ended`). Whatever syncd, its end in the middle of anything and the network make of that:
where a place is left, the content is in sight; where none is, it is not; and it is never there more often than people put it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.world import md5

WEB = "web"
"""People in Gramps Web; others are called as their computers are."""
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
"""The MD5 of nothing: all empty files are one content."""
REFERRERS = {"Person": "people", "Event": "events"}
"""Classes of what refers to media objects here, and what their addresses in Gramps Web begin with."""


@dataclass
class Content:
    """One content, and what people did to it.

    Args:
        checksum: its MD5.
        size: in bytes.
        item: of which thing it is a version: the edits of one file are one item.
        written: places that people gave it.
        ended_here: places that they took from it in a folder.
        ended_there: places that they took from it in Gramps Web.
        unsure: why nobody can say where it is to be; it must exist somewhere all the same, if only in a trash.
        may_return: it was deleted where syncd does not look (an ignored folder), so it may rightly come back.
        movers: who gave it another name since the last audit.
        enders: who took a place from it since the last audit.
        was_seen: an audit found it in sight.
    """

    checksum: str
    size: int
    item: int
    written: int = 0
    ended_here: int = 0
    ended_there: int = 0
    unsure: str = ""
    may_return: bool = False
    movers: set[str] = field(default_factory=set)
    enders: set[str] = field(default_factory=set)
    was_seen: bool = False

    @property
    def is_gone_for_good(self) -> bool:
        """Whether it must not be in sight any more. What one moved while another deleted it may be where the one put it."""
        return self.written == 1 and self.ended > 0 and not self.may_return and self.movers <= self.enders

    @property
    def ended(self) -> int:
        """Places that people took from it."""
        return self.ended_here + self.ended_there

    @property
    def due(self) -> int:
        """How often it has to be in sight at least."""
        return 0 if self.unsure else max(0, self.written - self.ended)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done: `at` seconds after the beginning, by whom, and which contents it was about."""

    at: float
    who: str
    what: str
    checksums: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.at:8.1f} s  {self.who}: {self.what}  {' '.join(one[:8] for one in self.checksums)}"


@dataclass
class Ledger:
    """All contents, the names that people gave, and the story so far."""

    contents: dict[str, Content] = field(default_factory=dict)
    _names: dict[int, set[str]] = field(default_factory=dict)
    _first_at: dict[str, str] = field(default_factory=dict)
    """The content that had a name first."""
    partial: dict[str, str] = field(default_factory=dict)
    """Checksums of what stood in a file while somebody was still writing it → which file."""
    galleries: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """(class, handle) of who refers to media objects → the handles that people put there."""
    approved: set[str] = field(default_factory=set)
    """Handles whose deletion somebody approved although others refer to them."""
    story: list[Deed] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    size: int = 0
    """Bytes that people wrote, copies and all."""
    begun: float = field(default_factory=time.monotonic)
    _items: int = 0

    def mint(self, content: bytes, parent: str | None = None) -> str:
        """Know a content before it is put anywhere; its checksum.

        Args:
            content: the bytes.
            parent: the checksum that it is an edit of; None: a new item.
        """
        checksum = md5(content)
        if checksum not in self.contents:
            if parent in self.contents:
                item = self.contents[parent].item
            else:
                self._items += 1
                item = self._items
            self.contents[checksum] = Content(checksum, len(content), item)
        return checksum

    def put(self, checksum: str, path: str) -> None:
        """Somebody gave a content a place."""
        content = self.contents[checksum]
        content.written += 1
        self.size += content.size
        self.name(checksum, path)

    def name(self, checksum: str, path: str, mover: str = "") -> None:
        """Somebody gave a content a name: its first one, or (a mover) another.

        Whoever takes a name that something else had may be seen to edit that: from then on the two are one thing.
        """
        if checksum not in self.contents:
            return
        self._join(self._first_at.setdefault(path, checksum), checksum)
        self._names.setdefault(self.contents[checksum].item, set()).add(path)
        if mover:
            self.contents[checksum].movers.add(mover)

    def names(self, checksum: str) -> set[str]:
        """Paths that people gave to this thing, in any of its versions."""
        return self._names.get(self.contents[checksum].item, set())

    def _join(self, one: str, other: str) -> None:
        item, former = self.contents[one].item, self.contents[other].item
        if item != former:
            self._names[item] = self._names.get(item, set()) | self._names.pop(former, set())
            for content in self.contents.values():
                if content.item == former:
                    content.item = item

    def end(self, checksum: str, who: str, *, may_return: bool = False) -> None:
        """Somebody took a place from a content, at a computer or in Gramps Web. Bytes that nobody wrote are no loss."""
        content = self.contents.get(checksum)
        if content is None:
            return
        if who == WEB:
            content.ended_there += 1
        else:
            content.ended_here += 1
        content.enders.add(who)
        content.may_return = content.may_return or may_return

    def doubt(self, why: str, *checksums: str) -> None:
        """Nobody can say what became of these."""
        for checksum in checksums:
            if checksum in self.contents:
                self.contents[checksum].unsure = why

    def say(self, who: str, kind: str, what: str, *checksums: str) -> None:
        """Note a deed or a fault, and count it."""
        self.counts[f"{who.partition(' ')[0]}: {kind}"] += 1
        self.story.append(Deed(time.monotonic() - self.begun, who, f"{kind} {what}".rstrip(), checksums))

    def last(self, checksums: Iterable[str], number: int = 12) -> list[Deed]:
        """The last deeds about these contents, or about others of the same items."""
        items = {self.contents[one].item for one in checksums if one in self.contents}
        wanted = {one.checksum for one in self.contents.values() if one.item in items} | set(checksums)
        return [deed for deed in self.story if wanted.intersection(deed.checksums)][-number:]
