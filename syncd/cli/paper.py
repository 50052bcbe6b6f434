"""What people read: lines and tables on a terminal, plain text in a file or a cron mail.

Invariants:
- Nothing that came from a file name, a server or an exception reaches a terminal unescaped: every line passes
  `escaped`.
- Where the stream is no terminal there is no control code; where the locale is not UTF-8 there is only ASCII.
- A command that a message tells a person to run names the configuration that this run was given (see `hints`).
- A reader that went away (`syncd … | head`) ends the writing, not the run.
"""

from __future__ import annotations

import io
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from syncd.cli.hints import with_config

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN = str.maketrans(
    {"…": "...", "–": "-", "—": "-", "·": "-", "→": "->", "“": '"', "”": '"', "’": "'", "×": "x"}
)
_JOINERS = "\u200c\u200d"


def escaped(text: str) -> str:
    r"""The text with everything that could move a cursor or reverse a line made visible (`\x1b`, `\u202e`)."""
    return text if text.isascii() and text.isprintable() else "".join(map(_escape, text))


def _escape(char: str) -> str:
    if char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not text
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def as_ascii(text: str) -> str:
    """The text in ASCII: typography made plain, other letters escaped."""
    return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode("ascii")


def speaks_unicode(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Whether what reads the stream can be expected to understand UTF-8.

    Python itself says UTF-8 whenever the locale is C, and then sets LC_CTYPE (PEP 538), so the locale is looked at
    as the person or cron set it. A terminal without any locale is taken for a modern one.
    """
    if stream is None or not (stream.encoding or "").lower().replace("-", "").startswith("utf8"):
        return False
    coerced = (
        not environ.get("LC_ALL") and environ.get("LC_CTYPE") == "C.UTF-8" and not _utf8(environ.get("LANG"))
    )
    if coerced:
        return stream.isatty() and not environ.get("LANG")
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG")
    return _utf8(locale) if locale else stream.isatty()


def _utf8(locale: str | None) -> bool:
    return re.search(r"utf-?8", locale or "", re.IGNORECASE) is not None


class Stream:
    """A text stream as rich wants one; escapes to ASCII where needed and survives a reader that left."""

    def __init__(self, stream: TextIO | None, *, unicode: bool) -> None:
        self._stream = stream
        self.encoding = "utf-8" if unicode else "ascii"
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write text that was escaped; a failure is remembered, not raised."""
        if self._stream is not None and self.failure is None:
            safe = text if self.encoding == "utf-8" else as_ascii(text)
            try:
                self._stream.write(safe)
            except OSError as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Hand everything to the system; a failure is remembered, not raised."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._fail(error)

    def isatty(self) -> bool:
        """Whether a person looks at it directly."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """The file descriptor."""
        if self._stream is None:
            raise OSError("there is no such stream")
        return self._stream.fileno()

    def _fail(self, error: OSError) -> None:
        """Let what is still in the buffer go nowhere, so that the interpreter's last flush is silent too."""
        self.failure = error
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            self._stream = None


class Paper:
    """One output stream, written in lines and tables.

    Args:
        stream: where to; None when the process was started without it.
        terminal: whether a person looks at it directly; found out when not given.
        unicode: whether more than ASCII may be written; found out when not given.
    """

    def __init__(
        self, stream: TextIO | None, *, terminal: bool | None = None, unicode: bool | None = None
    ) -> None:
        self.stream = Stream(
            stream, unicode=speaks_unicode(stream, os.environ) if unicode is None else unicode
        )
        self.is_terminal = self.stream.isatty() if terminal is None else terminal
        self.config: Path | None = None
        """The configuration that was named on the command line."""
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """Rich's view of a terminal, made when first wanted: importing rich takes longer than most commands."""
        if self._console is None:
            from rich.console import Console  # noqa: PLC0415  (see above)

            self._console = Console(
                file=self.stream,  # type: ignore[arg-type]  # all that rich uses of a file
                force_terminal=self.is_terminal,
                markup=False,
                highlight=False,
                emoji=False,
                soft_wrap=False,
            )
        return self._console

    @property
    def is_dumb(self) -> bool:
        """Whether the terminal cannot move its cursor."""
        return os.environ.get("TERM", "") in ("", "dumb", "unknown")

    def line(self, text: str = "", style: str = "") -> None:
        """One line. `style` is rich's, and means nothing off a terminal."""
        self._put(with_config(text, self.config), style)

    def _put(self, text: str, style: str = "") -> None:
        safe = escaped(text)
        if self.is_terminal and style:
            from rich.text import Text  # noqa: PLC0415  (see console)

            self.console.print(Text(safe, style=style), soft_wrap=True)
        else:
            self.stream.write(safe + "\n")

    def raw(self, text: str) -> None:
        """Text that is ours to the last character (a script, a document), with its own line ends."""
        self.stream.write(text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table on a terminal; elsewhere one block a row, the first cell above the others, nothing cut off.

        The first cell is a name, and stays as it is.
        """
        if not self.is_terminal:
            for first, *others in rows:
                self._put(f"  {first}")
                for other in others:
                    if other:
                        self.line(f"    {other}")
            return
        from rich import box  # noqa: PLC0415  (see console)
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for first, *others in rows:
            cells = (first, *(with_config(cell, self.config) for cell in others))
            table.add_row(*(Text(escaped(cell)) for cell in cells))
        self.console.print(table)
        self.line()

    def flush(self) -> None:
        """Hand everything to the system."""
        self.stream.flush()


def standard_output() -> Paper:
    """The process's standard output."""
    return Paper(_buffered(sys.stdout))


def standard_error() -> Paper:
    """The process's standard error."""
    return Paper(_buffered(sys.stderr))


def _buffered(stream: TextIO | None) -> TextIO | None:
    """The stream, buffered by the line where Python was told to buffer nothing (`PYTHONUNBUFFERED`).

    Without a buffer Python drops the rest of a text that a pipe took only a part of, as it does when a signal comes.
    """
    if not isinstance(getattr(stream, "buffer", None), io.RawIOBase) or stream is None:
        return stream
    return open(
        stream.fileno(), "w", buffering=1, encoding=stream.encoding, errors=stream.errors, closefd=False
    )
