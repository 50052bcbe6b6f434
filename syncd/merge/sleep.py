"""Links whose path is ignored: they sleep, and nothing that happens to either end meanwhile means anything.

When the path is ignored no longer, changes of content and name are merged as ever. Deletions are not: somebody who frees
space on this disk first ignores a folder and then empties it, and must not strip the tree of its pictures by taking
the rule away again. So an end that is alone when its link wakes up is new on its side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.merge.draft import Draft
from syncd.merge.moves import Located
from syncd.model.plan import Forget, Record
from syncd.model.snapshots import Link


def fall_asleep(draft: Draft, links: Sequence[Link]) -> None:
    """Write down that these links sleep. One that has only one end anyhow, or waits for the other, does not change."""
    for link in links:
        if link.asleep or link.detached is not None or link.restore:
            draft.unchanged += 1
        else:
            draft.do(Record(replace(link, asleep=True), new=False))


def wake_up(draft: Draft, group: Located) -> list[Link]:
    """Drop the links that lost an end while they slept; returns the others, to be merged."""
    awake: list[Link] = []
    for link in group.links:
        has_object = link.handle in draft.inputs.catalog.objects
        if not link.asleep or (has_object and group.file is not None):
            awake.append(link)
            continue
        draft.do(Forget(link))
        if has_object:
            draft.notice(
                "is not ignored any more, and its file is gone: it is fetched again",
                str(link.path),
                link.handle,
            )
        elif group.file is not None:
            draft.notice(
                "is not ignored any more, and was deleted in Gramps Web meanwhile: it counts as a new file",
                str(group.file.path),
                link.handle,
            )
    return awake
