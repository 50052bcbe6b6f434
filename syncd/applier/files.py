"""Changes to the folder that move no bytes: files that follow their object's name, and files that go to the trash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.applier.disk import MediaFolder
from syncd.applier.ledger import Ledger
from syncd.errors import MovedOn
from syncd.model.plan import Before, Done, MoveFile, TrashFile
from syncd.ports import Catalog, Progress


class FileChanges:
    """Moves and trashes files of the folder."""

    def __init__(self, *, folder: MediaFolder, catalog: Catalog, ledger: Ledger, progress: Progress) -> None:
        self._folder = folder
        self._catalog = catalog
        self._ledger = ledger
        self._progress = progress

    def move(self, moves: Sequence[MoveFile]) -> None:
        """Move files; a chain goes from its free end, a circle through a temporary name."""
        waiting = {move.file.path.key: move for move in moves}
        while waiting and self._ledger.fatal is None:
            free = [
                move for move in waiting.values() if move.to.key not in waiting or move.to == move.file.path
            ]
            if free:
                for move in free:
                    del waiting[move.file.path.key]
                    self._move(move)
            else:
                self._circle(waiting)

    def _move(self, move: MoveFile) -> None:
        def work() -> None:
            moved = self._folder.move(move.file, move.to, prune=True)
            self._note(move, moved.stamp.inode)
            self._ledger.note(files=[moved])

        self._ledger.attempt(move, str(move.to), move.link.handle, work)

    def _circle(self, waiting: dict[str, MoveFile]) -> None:
        """Open one circle: its first file steps aside, the rest of the chain follows, then it takes its place."""
        first = waiting.pop(next(iter(waiting)))

        def work() -> None:
            with self._folder.step_aside(first.file) as parked:
                chain: dict[str, MoveFile] = {}
                key = next((k for k, move in waiting.items() if move.to.key == first.file.path.key), None)
                while key is not None:
                    chain[key] = waiting.pop(key)
                    key = next((k for k, move in waiting.items() if move.to.key == key), None)
                for move in chain.values():
                    self._move(move)
                moved = parked.settle(first.to)
            self._note(first, moved.stamp.inode)
            self._ledger.note(files=[moved])

        self._ledger.attempt(first, str(first.to), first.link.handle, work)

    def _note(self, move: MoveFile, inode: int) -> None:
        self._progress.advance(files=1)
        self._ledger.note(
            Done("moved", str(move.to), move.link.handle, move.file.checksum, move.file.size, move.why),
            before=Before(path=move.file.path.text),
            links=[replace(move.link, inode=inode)],
        )

    def trash(self, action: TrashFile) -> None:
        """Move a file to the trash, once Gramps Web really says of each of its objects that it does not exist."""
        file, handle = action.file, action.links[0].handle

        def work() -> None:
            for link in action.links:
                if self._catalog.get(link.handle) is not None:
                    raise MovedOn("it is still (or again) in Gramps Web; the next run looks again")
            trashed = self._folder.trash(file, reason=action.why, handle=handle, prune=True)
            self._ledger.state.add_trash(trashed)
            self._progress.advance(files=1)
            self._ledger.note(
                Done("trashed", str(file.path), handle, file.checksum, file.size, action.why),
                before=Before(kept_as=trashed.kept_as),
                dropped=[link.handle for link in action.links],
            )

        self._ledger.attempt(action, str(file.path), handle, work)
