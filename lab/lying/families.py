"""Worlds that live through one lie after the other: each round, both sides change in every way that there is.

What must be so in the end is known by hand: it is what people put, changed and deleted, whatever the network said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.gramps_web import GrampsWeb
from lab.lying.proxy import LyingNetwork
from lab.world import Run, World, md5
from lab.zygote import Zygote

NO_LIMITS = {"count": 1_000_000, "percent": 100, "always_allow": 1_000_000}
"""What is deleted in a hundred rounds does not wait for a person."""


def photo(name: str, size: int = 600) -> bytes:
    """The bytes of a picture that is unlike any other; it begins as a JPEG does."""
    return (b"\xff\xd8\xff\xe0" + f" {name} ".encode() * (size // len(name) + 1))[:size]


@dataclass
class Family:
    """A world whose desktop reaches its servers through a lying network.

    Args:
        world: the world.
        network: the network.
        web: how the network calls its Gramps Web; its S3 is `s3`.
        zygote: makes the runs.
    """

    world: World
    network: LyingNetwork
    web: str
    zygote: Zygote
    expected: dict[str, bytes] = field(default_factory=dict)
    """What must be in the folder and in Gramps Web in the end: name → bytes. On a server's own disk names differ."""
    taken: set[str] = field(default_factory=set)
    """Checksums of files that a person deleted in the folder, in this round: their objects may go."""
    rounds: int = 0
    arguments: tuple[str, ...] = ()
    """Of the runs, beyond `--once --json`."""

    def __post_init__(self) -> None:
        addresses: dict[str, Any] = {"gramps": {"url": self.network.url_of(self.web)}}
        if self.world.s3 is not None:
            addresses["s3"] = {"endpoint_url": self.network.url_of("s3")}
        self.world.configure(deletions={"hold_above": NO_LIMITS}, **addresses)

    def run(self) -> Run:
        """One run, whatever comes of it."""
        return self.zygote.syncd(self.world.desktop, "--once", "--json", *self.arguments)

    def change(self) -> None:
        """Change both sides, in every way."""
        raise NotImplementedError

    def put(self, name: str, content: bytes) -> None:
        """A person puts a file into the folder."""
        self.world.write(name, content)
        self.expected[name] = content

    def take(self, name: str) -> None:
        """A person deletes a file in the folder."""
        (self.world.folder / name).unlink()
        self.taken.add(md5(self.expected.pop(name)))

    def show(self, name: str, content: bytes) -> None:
        """A person adds a file in Gramps Web."""
        self.world.api.create(name, content)
        self.expected[name] = content

    def hide(self, name: str) -> None:
        """A person deletes an object in Gramps Web."""
        self.world.api.delete(self.handle(self.expected.pop(name)))

    def handle(self, content: bytes) -> str:
        """The handle of the one object that has these bytes."""
        (found,) = [item["handle"] for item in self.world.api.media() if item["checksum"] == md5(content)]
        return str(found)


class InStep(Family):
    """A folder and a tree that agreed before: adds, edits, moves and deletions on both sides, and a file put back."""

    def change(self) -> None:
        """One of each."""
        before, now = self.rounds, self.rounds + 1
        self.rounds = now
        self.taken.clear()
        if before:
            self.take(f"here/{before}.jpg")
            self.hide(f"there/{before}.jpg")
            self._move_here(f"moved here {before}.jpg", f"moved here {now}.jpg")
            self._edit_there(now)
        else:
            self.put(f"moved here {now}.jpg", photo("moved here"))
            self.show("edited there.jpg", photo(f"edited there {now}"))
        self.put(f"here/{now}.jpg", photo(f"here {now}"))
        self.put("edited here.jpg", photo(f"edited here {now}"))
        self.show(f"there/{now}.jpg", photo(f"there {now}"))
        there, gone = ("odd.jpg", "even.jpg") if now % 2 else ("even.jpg", "odd.jpg")
        self.put(there, photo(there))
        if gone in self.expected:
            self.take(gone)

    def _move_here(self, old: str, new: str) -> None:
        (self.world.folder / old).rename(self.world.folder / new)
        self.expected[new] = self.expected.pop(old)

    def _edit_there(self, number: int) -> None:
        name, content = "edited there.jpg", photo(f"edited there {number}")
        handle = self.handle(self.expected[name])
        if self.world.s3 is None:
            self.world.api.replace(handle, content)
        else:
            self.world.s3.put_content(content, "image/jpeg")
            self.world.api.edit(handle, checksum=md5(content))
        self.world.api.edit(handle, desc=f"edited {number} times")  # changed twice: a near look asks for it
        self.expected[name] = content


class Listed(InStep):
    """The same, with runs that list everything."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.arguments = ("--full",)


class ByToken(InStep):
    """The same, and logged in with the sync token of a device."""

    def __post_init__(self) -> None:
        super().__post_init__()
        with self.world.api_as("editor") as editor:
            token = editor.new_sync_token("desktop")
        self.world.configure(gramps={"username": None, "password": None, "token": token})


class Newcomer(Family):
    """A tree without media, and a folder with some: the first contact, which finds out where the files go."""

    def change(self) -> None:
        """Some files."""
        for number in range(3):
            self.put(f"{number}.jpg", photo(f"newcomer {number}"))


class Large(Family):
    """A file that travels in parts."""

    def change(self) -> None:
        """Other bytes."""
        self.rounds += 1
        if self.rounds == 1:
            self.put("small.jpg", photo("small"))
        self.put("large.jpg", photo(f"large {self.rounds} {self.world.tree.id}", 9_000_000))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of family.

    Args:
        make: makes one.
        on_disk: whether its Gramps Web keeps files on its own disk.
        lasts: whether it lives through many lies; else each has a family of its own.
        rounds: that a new one has been through before the first lie, so that each of its runs makes every call.
    """

    make: Callable[[World, LyingNetwork, str, Zygote], Family]
    on_disk: bool = False
    lasts: bool = True
    rounds: int = 0

    def of(self, server: GrampsWeb, network: LyingNetwork, zygote: Zygote, base: Path) -> Family:
        """A new family."""
        world = World.on(server, base, "empty")
        return self.make(world, network, "disk" if self.on_disk else "web", zygote)


KINDS = {
    "near": Kind(InStep, rounds=2),
    "full": Kind(Listed, rounds=2),
    "first": Kind(Newcomer, lasts=False),
    "large": Kind(Large),
    "token": Kind(ByToken),
    "disk": Kind(InStep, on_disk=True, rounds=2),
    "disk full": Kind(Listed, on_disk=True, rounds=2),
    "disk first": Kind(Newcomer, on_disk=True, lasts=False),
}
