"""One `syncd upload` from beginning to end: the tree, its files, the place, the bucket, what Gramps Web knows of it.

What a person can have got wrong is looked at before the first byte is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from syncd import doorstep
from syncd.bucket import S3Store
from syncd.config import UploadSettings
from syncd.config.mistakes import printable
from syncd.errors import ServerError
from syncd.logger import Logger
from syncd.model.plan import Counts
from syncd.ports import MediaLocation, Progress
from syncd.upload.files import Folders, find_folders
from syncd.upload.run import Report, upload
from syncd.upload.target import Target, Wanted, check_wanted, find_target, is_tree_id, looks_usual
from syncd.upload.tree import MediaTree, tree_of_desktop, tree_of_file

log = Logger(__name__)

MOST_PLACES = 3
"""Other places in the bucket that are told."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for; exactly one of `tree_file` and `desktop` is given."""

    tree_file: Path | None
    desktop: str | None
    media_dir: Path | None
    wanted: Wanted
    create_bucket: bool
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What came of it."""

    tree: MediaTree
    folders: Folders
    location: MediaLocation
    report: Report
    notices: tuple[str, ...]

    def counts(self) -> Mapping[str, int]:
        """The counts of the JSON document."""
        return asdict(Counts(uploaded=len(self.report.sent), unchanged=self.report.there))


def carry_out(
    order: Order, settings: UploadSettings, environ: Mapping[str, str], progress: Progress
) -> Uploaded:
    """Upload.

    Raises:
        ConfigError: the tree, its folder or the place of the keys cannot be made out.
        ServerError: Gramps Web or the bucket cannot be used.
    """
    check_wanted(order.wanted)
    if order.desktop is not None:
        tree = tree_of_desktop(order.desktop, environ)
    else:
        assert order.tree_file is not None
        tree = tree_of_file(order.tree_file, environ)
    folders = find_folders(
        tree,
        media_dir=order.media_dir,
        configured=settings.media_dir,
        path_map=tuple(settings.path_map.items()),
    )
    target = find_target(settings, order.wanted)
    with closing(doorstep.open_bucket(settings.s3, target.location, doorstep.limits_of(settings))) as store:
        report = upload(
            tree,
            folders,
            store,
            create_bucket=order.create_bucket or settings.s3.create_bucket,
            dry_run=order.dry_run,
            threads=settings.s3.transfers,
            progress=progress,
        )
        doubts: list[str] = []
        if target.server is None:
            doubts = [*odd_id(order.wanted), *_elsewhere(report, settings, target.location, store)]
    log.info(
        "uploaded",
        tree=tree.title,
        sent=len(report.sent),
        there=report.there,
        problems=len(report.failed),
        prefix=target.location.prefix,
    )
    return Uploaded(tree, folders, target.location, report, (*doubts, *_notices(report, target)))


def odd_id(wanted: Wanted) -> Sequence[str]:
    """What a person should hear of a tree's id that nobody confirmed: below a wrong one no file is ever found."""
    if wanted.tree_id is None or looks_usual(wanted.tree_id):
        return []
    text = (
        f"'{wanted.tree_id}' does not look like the id of a tree: Gramps Web gives ids such as "
        "0f0e8a5c-1b7d-4c38-9a51-6d2e4b7f9c03. Gramps Web shows the right one as database.id at /api/metadata/, and "
        "with [gramps] in the configuration syncd finds it out. Where it is another, upload again with that one."
    )
    return [text]


def _elsewhere(
    report: Report, settings: UploadSettings, location: MediaLocation, store: S3Store
) -> Sequence[str]:
    """Whether the bucket has these files at another place, too, where nobody but the person said which is right."""
    own, places = settings.s3.prefix, Counter[str]()
    if report.made_bucket:
        return []
    try:
        for key in store.upkeep().walk(own):
            place, _, name = key.key.rpartition("/")
            if name in report.wanted:
                places[f"{place}/" if place else ""] += 1
    except ServerError:  # a help, and no more
        return []
    del places[location.prefix]
    found = []
    for place, number in places.most_common():
        tree_id = place.removeprefix(own).removesuffix("/")
        if is_tree_id(tree_id) or place == own:
            option = f"--tree-id {tree_id}" if tree_id else "--no-tree-id"
            found.append(
                f"The bucket has {number:,} of these files at s3://{location.bucket}/{place}, too. If that is where "
                f"Gramps Web looks, upload with {option} instead."
            )
    return found[:MOST_PLACES]


def _notices(report: Report, target: Target) -> list[str]:
    """What Gramps Web does not know of what it now could show."""
    if target.named is None or target.server is None or not report.wanted:
        return []
    unknown = len(report.wanted - target.named)
    if not unknown:
        return []
    title = printable(target.server.title)
    if unknown == len(report.wanted):
        text = (
            f"No media object of the tree '{title}' in Gramps Web names any of these files. If it is the right tree, "
            "bring the media objects there: import the export, or use the Sync addon of Gramps."
        )
    else:
        which = "1 of these files is" if unknown == 1 else f"{unknown:,} of these files are"
        text = (
            f"{which} named by no media object of the tree '{title}' in Gramps Web yet: bring the media objects there, "
            "by import or by the Sync addon of Gramps."
        )
    return [text]
