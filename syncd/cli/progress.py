"""The progress bar: on a terminal only, on standard error, gone when the run is over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import (
    Progress as Bars,
)
from rich.text import Text

from syncd.cli.paper import Paper, escaped
from syncd.ports import Phase, Progress


class FilesColumn(ProgressColumn):
    """`12/340 files`, or `12 files` while nobody knows of how many."""

    def render(self, task: Task) -> Text:
        """The cell."""
        done, total = task.fields["files"], task.fields["all_files"]
        return Text(
            f"{done:,} files" if total is None else f"{done:,}/{total:,} files", style="progress.download"
        )


class BytesColumn(ProgressColumn):
    """Another column, shown once bytes have moved or are to move."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> Text:
        """The cell."""
        cell = self._column.render(task) if task.fields["in_bytes"] else Text("")
        return cell if isinstance(cell, Text) else Text(str(cell))


class BarProgress:
    """Draws a run's phases one after the other; may be told from several threads."""

    def __init__(self, console: Console) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            FilesColumn(),
            BytesColumn(DownloadColumn()),
            BytesColumn(TransferSpeedColumn()),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            expand=False,
        )
        self._lock = threading.Lock()
        self._task: TaskID | None = None
        self._files = 0

    def phase(self, phase: Phase) -> None:
        """Begin a new bar in the place of the last one."""
        with self._lock:
            if self._task is not None:
                self._bars.remove_task(self._task)
            self._files = 0
            in_bytes = bool(phase.size)
            self._task = self._bars.add_task(
                escaped(phase.name),
                total=phase.size if in_bytes else phase.files,
                files=0,
                all_files=phase.files,
                in_bytes=in_bytes,
            )

    def advance(self, *, files: int = 0, size: int = 0) -> None:
        """Move the bar: by bytes where the phase has a size, else by files."""
        with self._lock:
            if self._task is None:
                return
            self._files += files
            in_bytes = bool(self._bars.tasks[0].fields["in_bytes"])
            self._bars.update(self._task, advance=size if in_bytes else files, files=self._files)

    def start(self) -> None:
        """Draw."""
        self._bars.start()

    def stop(self) -> None:
        """Wipe the bar away."""
        self._bars.stop()


@contextmanager
def shown(paper: Paper) -> Iterator[Progress]:
    """A bar for the time of a run."""
    bar = BarProgress(paper.console)
    bar.start()
    try:
        yield bar
    finally:
        bar.stop()
