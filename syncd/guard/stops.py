"""The stops: what is too strange to do anything at all, in either direction.

Each compares what this state was bound to with what was found, and says what a person can do about it. A stop stays
until its cause is gone, or until `syncd adopt` binds anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.errors import StopError
from syncd.model.values import Stop

NEEDED_PERMISSIONS = frozenset({"ViewPrivate", "AddObject", "EditObject", "DeleteObject"})
"""What a two-way sync needs; the role Editor has them."""

_ANEW = "it looks at everything anew and deletes nothing"
_ADOPT = f"if that is meant, run `syncd adopt`: {_ANEW}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a state file belongs to.

    Args:
        tree_id: the tree's id in Gramps Web.
        title: the tree's title, for messages.
        bucket: the bucket's name; None where the server keeps media on its own disk.
        prefix: everything before the checksum in the bucket's keys.
        folder_id: the id in the folder's marker; None when there is no marker.
        state_name: the state file that the marker names; None when there is no marker.
        permissions: of the login.
        url: the server's address, for messages; empty where it does not matter.
        media: how many media objects the tree has, for messages; of what is bound, how many files were in step with it.
    """

    tree_id: str
    title: str
    bucket: str | None
    prefix: str
    folder_id: str | None
    state_name: str | None
    permissions: frozenset[str]
    url: str = ""
    media: int = 0


def missing_folder_stop(media_dir: object) -> Stop:
    """The stop for a media folder that was synced and is not there; `media_dir` as a person knows it."""
    return Stop(
        f"the media folder {media_dir} is missing (is the drive not mounted?)",
        "mount the drive, or correct media_dir in the configuration",
    )


def find_folder_stop(
    bound: Identity | None, folder_id: str | None, state_name: str | None, ours: str
) -> Stop | None:
    """Say why the media folder must not be touched.

    Args:
        bound: what the state is bound to; None at first contact.
        folder_id: the id in the folder's marker; None when there is no marker.
        state_name: the state file that the marker names.
        ours: the name of this state file.
    """
    if folder_id is None:
        if bound is None:
            return None
        return Stop(
            "the media folder is not the one that was synced: its marker .syncd/folder.json is missing "
            "(is the drive not mounted?)",
            f"mount the drive, or put the folder back; {_ADOPT}",
        )
    if state_name != ours:
        host, _, file = (state_name or "").partition(":")
        our_host, _, our_file = ours.partition(":")
        if bound is not None and bound.folder_id == folder_id and file == our_file:
            return Stop(
                f"the media folder was synced from a computer with the name '{host}', and this one is called '{our_host}'",
                "if it is the same computer under a new name, run `syncd adopt`: it looks at everything anew and "
                "deletes nothing; another computer needs a media folder and a state_dir of its own",
            )
        return Stop(
            f"the media folder is synced by another state file ({state_name})",
            f"use that one (state_dir), or stop it for good first; {_ADOPT}",
        )
    if bound is not None and bound.folder_id != folder_id:
        return Stop("the media folder is another one than was synced: its marker bears another id", _ADOPT)
    return None


def copied_folder_stop(old: object, new: object) -> Stop:
    """The stop for a media folder of which there are two: what is missing in one of them was not deleted."""
    return Stop(
        f"the media folder {new} is a copy of {old}, which was synced and is still there",
        f"let media_dir name {old} again; or, to go on with the copy, move {old} away or rename it",
    )


def shared_state_stop(state_file: object, bound: tuple[object, str], media_dir: object, way: str) -> Stop:
    """The stop for a state that belongs to another pair of folder and tree.

    Args:
        state_file: the state.
        bound: the folder and the title of the tree that it belongs to.
        media_dir: the folder that it should be used for now.
        way: the setting that gives that folder a state of its own.
    """
    former, title = bound
    return Stop(
        f"the state file {state_file} belongs to another media folder, {former} with the tree '{title}', "
        f"and {media_dir} does not bear its marker",
        f"for a second pair of folder and tree, {way}; if {media_dir} is that folder at a new place, see that it is "
        f"complete, or its drive mounted; if it is to take the place of {former}, run `syncd adopt`: it looks at "
        "everything anew and deletes nothing",
    )


_APART = "give each of the two a folder of its own, neither inside the other (media_dir)"


def outer_folder_stop(media_dir: object, outer: object) -> Stop:
    """The stop for a media folder in another one."""
    return Stop(
        f"the media folder {media_dir} lies in another media folder, {outer}: both would sync the same files",
        f"{_APART}; if {outer} is synced no more, delete {outer}/.syncd/folder.json",
    )


def inner_folder_stop(media_dir: object, inner: str) -> Stop:
    """The stop for a media folder with another one in it; `inner` is the other's path in it."""
    return Stop(
        f"in the media folder {media_dir} lies another media folder, {inner}: both would sync the same files",
        f"{_APART}; if {media_dir}/{inner} is synced no more, delete {media_dir}/{inner}/.syncd/folder.json",
    )


def find_server_stop(bound: Identity, found: Identity) -> Stop | None:
    """Say why nothing must be done with this server."""
    if bound.tree_id != found.tree_id:
        return _other_tree_stop(bound, found)
    if (bound.bucket, bound.prefix) != (found.bucket, found.prefix):
        return _moved_stop(bound, found)
    lost = sorted((bound.permissions & NEEDED_PERMISSIONS) - found.permissions)
    if lost:
        return Stop(
            f"the login lost rights it had: {', '.join(lost)}; what it cannot see would look deleted",
            "ask who runs Gramps Web to give the account the role Editor again",
        )
    return None


def _other_tree_stop(bound: Identity, found: Identity) -> Stop:
    """The stop for a login that leads to another tree; titles and addresses may well be the same.

    The reason says nothing of what goes on in that tree: the daemon, which looks again and again, would find a new stop each
    time that somebody adds a photo there.
    """
    at_address = found.url != bound.url
    shown, synced = _tree(found, at_address=at_address), _tree(bound, at_address=at_address)
    alike = "; the two have the same title" if found.title == bound.title else ""
    return Stop(
        f"this Gramps Web shows another tree than was synced: {shown}, not {synced}{alike}",
        f"check gramps.url and the login; the tree that is shown has {_number(found.media, 'media object')}, the one that "
        f"was synced had {_number(bound.media, 'file')} in step; {_ADOPT}",
    )


def _tree(identity: Identity, *, at_address: bool) -> str:
    """A tree as a person can tell it from another one."""
    title = f"'{identity.title}'" if identity.title else "one without a title"
    return f"{title} ({identity.tree_id})" + (f" at {identity.url}" if at_address else "")


def _number(number: int, item: str) -> str:
    return f"{f'{number:,}' if number else 'no'} {item}{'' if number == 1 else 's'}"


def _moved_stop(bound: Identity, found: Identity) -> Stop:
    """The stop for a server that keeps its media elsewhere than it did; the tree is the same."""
    what = f"Gramps Web keeps its media {_place(found)} now, but they were {_place(bound)} when it was synced"
    back = "ask who runs Gramps Web whether that was meant, and if not, to set MEDIA_BASE_DIR as it was"
    if found.bucket is None:
        return Stop(
            what, f"{back}; if it was, take [s3] out of the configuration, and run `syncd adopt`: {_ANEW}"
        )
    if bound.bucket is None:
        return Stop(
            what,
            f"{back}; if it was, add a section [s3] to the configuration, and run `syncd adopt`: {_ANEW}",
        )
    own = f"{found.tree_id}/"
    on = found.prefix == bound.prefix + own
    if found.bucket == bound.bucket and (on or bound.prefix == found.prefix + own):
        return Stop(
            f"{what}: GRAMPSWEB_MEDIA_PREFIX_TREE was switched {'on' if on else 'off'}",
            f"if that was not meant, ask who runs Gramps Web to switch it {'off' if on else 'on'} again; if it was, "
            "run `syncd migrate-prefix`: it copies the files to their new place, and syncd goes on from there; or, where "
            f"that cannot be done, run `syncd adopt`: {_ANEW}",
        )
    within = found.bucket == bound.bucket
    brought = "run `syncd migrate-prefix`, which copies the files there and goes on, or " if within else ""
    return Stop(
        what,
        f"{back}; if it was, let s3.url name the new place, and {brought}run `syncd adopt`: {_ANEW}",
    )


def find_history_stop() -> Stop:
    """The stop for a server whose history no longer holds what was seen."""
    return Stop(
        "Gramps Web was restored from a backup, or its history was reset: the last change seen is no longer there",
        f"check that the tree is as it should be; {_ADOPT}",
    )


def find_listing_stop(objects: int, links: int) -> Stop | None:
    """Say why a listing cannot be trusted."""
    if objects or not links:
        return None
    return Stop(
        f"Gramps Web lists no media at all, but {links} files were in step with it",
        f"look into Gramps Web whether the tree was emptied on purpose; {_ADOPT}",
    )


def _place(identity: Identity) -> str:
    if identity.bucket is None:
        return "on its own disk"
    return "in " + f"s3://{identity.bucket}/{identity.prefix}".removesuffix("/")


def raise_stop(stop: Stop | None) -> None:
    """Stop, if there is a reason to.

    Raises:
        StopError: there is one.
    """
    if stop is not None:
        raise StopError(stop.reason, stop.remedy)
