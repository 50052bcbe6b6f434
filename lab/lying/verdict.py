"""What must hold after every run through a lying network, and how a family comes to rest afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.lying.families import Family
from lab.process import LabError
from lab.s3 import RcloneS3
from lab.world import Run, md5

SECONDS = 60.0
"""How long a run may take at most, on a computer whose syncd gives up soon (`lab.impatience`)."""

RUNS = 3
"""In so many runs without a lie a family must be in step."""

CODES = {0, 1, 3, 4}
"""What a network that lies may end a run with: done, done but for some items, a person or a server is needed."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is on both sides at a moment."""

    files: Mapping[str, bytes]
    objects: Sequence[Json]
    stored: frozenset[str]
    """The files that the server has, wherever it keeps them."""

    @classmethod
    def now(cls, family: Family) -> Seen:
        """Look."""
        store = _store(family)
        stored = frozenset(str(path.relative_to(store)) for path in store.rglob("*") if path.is_file())
        return cls(family.world.desktop.files(), family.world.api.media(), stored)


def faults_of(family: Family, before: Seen, after: Seen, run: Run) -> Iterator[str]:
    """What is wrong after a run, in words; nothing when all is well."""
    yield from _wrong_words(family, run)
    wanted = set(family.expected.values())
    kept = Counter(content for content in before.files.values() if content in wanted)
    if missing := kept - Counter(after.files.values()):
        yield f"files that nobody deleted are gone: {[content[:40] for content in missing]}"
    stay = {item["handle"] for item in before.objects if item["checksum"] not in family.taken}
    if gone := stay - {item["handle"] for item in after.objects}:
        yield f"objects that nobody deleted are gone: {sorted(gone)}"
    for key in ("checksum", "path"):
        if double := [value for value, n in Counter(item[key] for item in after.objects).items() if n > 1]:
            yield f"several objects have one {key}: {double}"
    here = {*after.files.values(), *family.world.desktop.trash()}
    if lost := [
        content for content in before.files.values() if content not in here and not _stored(family, content)
    ]:
        yield f"bytes are lost: {[content[:40] for content in lost]}"


def _wrong_words(family: Family, run: Run) -> Iterator[str]:
    """What a person and a script are told."""
    if run.seconds > SECONDS:
        yield f"it took {run.seconds:.0f} s"
    if "Traceback" in run.out + run.err or [*family.world.base.rglob("*crash-*")]:
        yield "a traceback"
    if run.code not in CODES:
        yield f"exit code {run.code}"
    try:
        document = run.json
    except LabError:
        yield "no document"
        return
    told = [*(document[key] for key in ("error", "stop") if document[key]), *document["problems"]]
    if run.code in (1, 4) and not told:
        yield "it does not say why"
    for said in told:
        if not said["reason"] or not said["remedy"] or "<" in said["reason"]:
            yield f"no plain words: {said}"


def _stored(family: Family, content: bytes) -> bool:
    """Whether the bucket holds these bytes."""
    return family.world.s3 is not None and family.world.s3.contents().get(md5(content)) == content


def come_to_rest(family: Family, before: Seen) -> Iterator[str]:
    """Run without a lie until both sides are what people made them; what is wrong, in words."""
    family.network.tell()
    for _ in range(RUNS):
        run = family.run()
        after = Seen.now(family)
        yield from (f"afterwards: {fault}" for fault in faults_of(family, before, after, run))
        wrong = list(_differences(family, after))
        if run.code == 0 and not wrong:
            return
        before = after
    yield f"after {RUNS} runs it is not in step: {wrong}\n{run}"


def _differences(family: Family, seen: Seen) -> Iterator[str]:
    """What is not as people made it, byte for byte, read from the servers' own disks."""
    expected = sorted(family.expected.values())
    named = family.expected if family.world.s3 is not None else None
    if sorted(seen.files.values()) != expected or (named is not None and seen.files != named):
        yield f"the folder has {sorted(seen.files)} instead of {sorted(family.expected)}"
    if named is not None and {item["path"] for item in seen.objects} != named.keys():
        yield f"Gramps Web names {sorted(item['path'] for item in seen.objects)} instead of {sorted(named)}"
    shown = [_served(family, item) for item in seen.objects]
    if sorted(shown) != expected or any(
        md5(content) != item["checksum"] for content, item in zip(shown, seen.objects, strict=True)
    ):
        yield "Gramps Web has other files than people made"
    if family.world.desktop.leftovers():
        yield "unfinished files lie about"


def _served(family: Family, item: Json) -> bytes:
    """The bytes that the server has for an object; none where it has none."""
    path = _store(family) / item["path" if family.world.s3 is None else "checksum"]
    return path.read_bytes() if path.is_file() else b""


def _store(family: Family) -> Path:
    """Where the server keeps the tree's files on its own disk, or the S3 server on its."""
    world = family.world
    if world.s3 is None:
        return world.server.media_folder / world.tree.id
    assert isinstance(world.s3.server, RcloneS3)
    return world.s3.server.data / world.s3.bucket / world.s3.prefix
