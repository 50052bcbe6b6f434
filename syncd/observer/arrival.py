"""Whom a run is about: the media folder, the tree and where it keeps its media, each compared with what was synced before."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from syncd.applier.disk import Marker, MediaFolder
from syncd.belonging import find_stop, identity_at, identity_of
from syncd.errors import Denied, MovedOn, Refused
from syncd.guard import NEEDED_PERMISSIONS, Identity, find_history_stop, find_server_stop, raise_stop
from syncd.model import FolderFile, MediaObject, MediaPath
from syncd.ports import Catalog, FileServer, MediaLocation, NewObject, ServerInfo, Store
from syncd.scanner import Unrest
from syncd.state import Binding, State

ASK_AT_MOST = 5
"""Objects that are asked where their file is, before giving up (they may be deleted just now)."""


@dataclass
class Arrival:
    """Compares folder and server with what the state is bound to, and binds it at first contact.

    Args:
        media_dir: the media folder, absolute.
        state_name: how the folder's marker names this state file.
        open_store: opens the bucket at the place that the server names; raises ConfigError where `[s3]` disagrees.
        open_files: opens the store of a server that keeps media on its own disk; likewise.
        keep: whether what was found may be written to the state and the folder (no, in a dry run).
        new_object: how the object of a new file looks; its handle does not matter.
        config_file: for messages.
    """

    media_dir: Path
    media: MediaFolder
    state: State
    state_name: str
    catalog: Catalog
    open_store: Callable[[MediaLocation], Store]
    open_files: Callable[[MediaLocation], FileServer]
    keep: bool
    new_object: Callable[[FolderFile], NewObject]
    config_file: Path | None = None

    store: Store | None = None
    """Where the bytes live, once that is known."""
    files: FileServer | None = None
    """The same where it is the server's own disk."""
    server: ServerInfo | None = None
    placed: set[str] = field(default_factory=set)
    """The keys of files that this run itself put where they are: that they have just changed is nobody's doing."""
    _folder_id: str | None = None

    def check_folder(self) -> None:
        """Look at the folder's marker.

        Raises:
            StopError: when this is not the folder that was synced.
        """
        marker = self.media.marker()
        raise_stop(
            find_stop(
                marker,
                self.state.binding(),
                media_dir=self.media_dir,
                state_file=self.state.path,
                source=self.config_file,
            )
        )
        self._folder_id = marker.id if marker else None

    def check_server(self) -> ServerInfo:
        """Log in, and compare the server with what this state was bound to.

        Raises:
            StopError: it is another tree, was restored from a backup, or the login lost rights.
            Denied: the login never had the rights that a two-way sync needs.
        """
        self.server = found = self.catalog.connect()
        binding = self.state.binding()
        lacking = sorted(NEEDED_PERMISSIONS - found.permissions)
        if binding is None and lacking:
            raise Denied(
                f"the Gramps Web account '{found.user}' lacks rights that a two-way sync needs: {', '.join(lacking)}",
                "ask who runs Gramps Web to give it the role Editor",
            )
        if binding is not None:
            raise_stop(find_server_stop(self._bound(binding), self._identity(binding.bucket, binding.prefix)))
        cursor = self.state.cursor()
        if cursor is not None and not self.catalog.still_knows(cursor):
            raise_stop(find_history_stop())
        return found

    def _identity(self, bucket: str | None, prefix: str) -> Identity:
        """What was found, at a place for the media."""
        found = self.server
        assert found is not None
        return identity_at(found, bucket, prefix, folder_id=self._folder_id, state_name=self.state_name)

    def _bound(self, binding: Binding) -> Identity:
        """What was synced; how much that was is counted only where another tree was found, whose message names it."""
        is_other = self.server is not None and self.server.tree_id != binding.tree_id
        return identity_of(binding, self.state.count_links() if is_other else 0)

    def arrive(self, location: MediaLocation) -> Store:
        """Take note of where the server keeps its media, bind the state at first contact, and open the bucket.

        Raises:
            StopError: the media are not where they were when this state was bound.
            ConfigError: `[s3]` names another place.
        """
        found = self.server
        assert found is not None
        binding = self.state.binding()
        if binding is not None:
            raise_stop(
                find_server_stop(self._bound(binding), self._identity(location.bucket, location.prefix))
            )
        if location.bucket is None:
            self.store = self.files = self.open_files(location)
        else:
            self.store = self.open_store(location)
        if self.keep and (
            binding is None
            or (binding.permissions, binding.title, binding.server_url)
            != (found.permissions, found.title, found.url)
            or binding.media_dir != str(self.media_dir)
        ):
            folder_id = self._folder_id or uuid.uuid4().hex
            if self._folder_id is None:
                self.media.write_marker(Marker(folder_id, self.state_name))
                self._folder_id = folder_id
            self.state.bind(
                Binding(
                    tree_id=found.tree_id,
                    bucket=location.bucket,
                    prefix=location.prefix,
                    folder_id=folder_id,
                    media_dir=str(self.media_dir),
                    server_url=found.url,
                    title=found.title,
                    permissions=found.permissions,
                    first_contact=True if binding is None else binding.first_contact,
                )
            )
        return self.store

    def introduce(self, file: FolderFile) -> MediaObject:
        """Give an empty tree its first object, through the API: its location then shows where Gramps Web keeps media."""
        like = self.new_object(file)
        with self.media.open_verified(file) as source:
            return self.catalog.upload_first(source, file.checksum, like.mime, like)

    def unrest(self, unsettled: Iterable[str], settle: float) -> Unrest:
        """Which files somebody else may be writing to.

        Args:
            unsettled: the paths of which that is known.
            settle: seconds after a change in which another one may follow.
        """
        busy = {MediaPath.of(path).key for path in unsettled} - self.placed
        return Unrest(busy, int(settle * 1e9), self.placed)

    def find_place(self, objects: Iterable[MediaObject]) -> None:
        """Ask the server where it keeps its media, by one of its objects; an emptied tree keeps them where it did."""
        # A handle is asked for as part of an address: one like '.' would lead elsewhere.
        candidates = sorted(
            (
                (item.digest is None, item.handle)
                for item in objects
                if item.handle.replace("-", "").replace("_", "").isalnum()
            ),
            key=lambda candidate: candidate[0],  # who has no checksum tells little
        )
        for _, handle in candidates[:ASK_AT_MOST]:
            try:
                self.arrive(self.catalog.location(handle))
            except (MovedOn, Refused):
                continue
            return
        binding = self.state.binding()
        if binding is not None:
            self.arrive(MediaLocation(binding.bucket, binding.prefix))
