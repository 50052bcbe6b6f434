"""What is asked of the bucket: its contents, and whether it can be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from syncd import doorstep
from syncd.cli.check.finding import Finding
from syncd.cli.check.known import Known
from syncd.cli.report import count, size_in_words
from syncd.ports import MediaLocation


def findings(known: Known) -> Iterator[Finding]:
    """What lies in it, and a write that is begun and called off; nothing where the server has none."""
    settings = known.settings
    if settings.s3 is None or known.without_bucket:
        return
    where = known.location or _bound_place(known)
    # Where nobody says which part of the bucket is the tree's, a count would mislead.
    place_known = where is not None
    where = where or MediaLocation(settings.s3.bucket, settings.s3.prefix)
    if where.bucket is None:
        return
    with closing(doorstep.open_store(settings, where)) as store:
        sizes = store.list().sizes
        facts = store.facts()
        text = f"{facts.bucket} at {facts.endpoint}"
        contents = f"{count(len(sizes), 'file')}, {size_in_words(sum(sizes.values()))}"
        yield Finding("the bucket", f"{text}: {contents}" if place_known else f"{text} can be listed")
        store.probe_write()
        yield Finding("the bucket", "can be written")


def _bound_place(known: Known) -> MediaLocation | None:
    """Where the state says that the media are, when the server does not and [s3] agrees."""
    if known.binding is None:
        return None
    place = MediaLocation(known.binding.bucket, known.binding.prefix)
    return place if doorstep.compare(known.settings, place) is None else None
