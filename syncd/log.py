"""The log: one line a message, on standard error, for people, machines or systemd's journal.

Rooms write with `logger.Logger`; what is worth knowing about the moment (`cycle`, `path`, `handle`, `checksum`) is
bound with `context`. Context does not follow into other threads by itself.

Invariants, whatever the format:

- no secret: guarded values, fields with telling names, credentials and query strings of addresses are blanked,
  in messages of other libraries and in tracebacks too;
- one message is one line (a traceback one line a line), and nothing that a file name or a server holds can
  move the cursor, colour the terminal or forge a line.

structlog takes longer to import than a run without news may last: it is imported in functions, with the first line.
"""
# ruff: noqa: PLC0415  (see above)

from __future__ import annotations

import base64
import json
import logging
import os
import re
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Literal, TextIO

from pydantic import SecretStr

from syncd.logger import prepare, ready

LogFormat = Literal["auto", "console", "json", "journal"]
"""`auto`: the journal's form under systemd, else the console's."""

Event = MutableMapping[str, Any]
Render = Callable[[Event], str]

BLANK = "***"

_SENTENCES = ("event", "reason", "remedy")
_FIRST_FIELDS = ("cycle", "path", "handle", "checksum")
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_COLOUR = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_DEEPEST = 6


def configure(
    *,
    verbosity: int = 0,
    quiet: bool = False,
    reported: bool = True,
    log_format: LogFormat = "auto",
    stream: TextIO | None = None,
    environ: Mapping[str, str] | None = None,
    in_words: Callable[[str], str] = str,
) -> None:
    """Set up the standard library's logging, and structlog from the first line on; may be called again.

    Args:
        verbosity: how often `-v` was given. 0 shows warnings (under systemd: information too), 1 information,
            2 everything.
        quiet: only what needs somebody, whatever else is asked for.
        reported: whether a report says what needs somebody: then `quiet` leaves errors only, else warnings, too.
        log_format: how lines look.
        stream: where they go; None: to whatever `sys.stderr` is at the moment of each line.
        environ: for `JOURNAL_STREAM`, `NO_COLOR` and `TERM`; None: the process's.
        in_words: what sentences for people go through before they are written.
    """
    environ = os.environ if environ is None else environ
    target = sys.stderr if stream is None else stream
    under_systemd = _is_journal(target, environ)
    level = _level(verbosity, quiet=quiet, reported=reported, under_systemd=under_systemd)
    if log_format == "auto":
        log_format = "journal" if under_systemd else "console"
    render = _renderer(log_format, colours=_wants_colours(target, environ), tracebacks=level <= logging.DEBUG)
    writer = _Writer(stream)

    def finish(_logger: object, _method: str, event: Event) -> str:
        for name in _SENTENCES:
            if isinstance(event.get(name), str):
                event[name] = in_words(event[name])
        return render(_cleaned(event))

    def set_up() -> None:
        import structlog

        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                lambda _logger, _method, event: _told_calmly(event, level),
                _take_exception,
                finish,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            logger_factory=lambda *_names: writer,
            cache_logger_on_first_use=False,
        )

    prepare(set_up, least=level)
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _FromStandardLibrary)]
    root.addHandler(_FromStandardLibrary(level))
    # Never lower: below this botocore writes whole requests with their signatures.
    root.setLevel(logging.WARNING)
    logging.getLogger("httpx2").setLevel(logging.INFO if level <= logging.DEBUG else logging.WARNING)


_WRAPPED = re.compile(r"""\A\w+\((['"])(.*)\1,?\)\Z""", re.DOTALL)
"""An exception as Python shows it: what it says is in quotes."""


def _told_calmly(event: Event, level: int) -> Event:
    """The retry library warns of every pause before another try. One that helps is no news, and one that does not has an error."""
    import structlog

    if event.get("event") != "stamina.retry_scheduled":
        return event
    if level > logging.INFO:
        raise structlog.DropEvent
    return {
        "event": "trying again soon",
        "level": "info",
        "why": _WRAPPED.sub(r"\2", str(event.get("caused_by"))),
        "tries": event.get("retry_num"),
        "pause": event.get("wait_for"),
    }


def context(**fields: object) -> AbstractContextManager[None]:
    """Bind fields to every message of this thread or task, until the block ends."""
    from structlog.contextvars import bound_contextvars

    return _Bound(bound_contextvars(**fields))


class _Bound(AbstractContextManager[None]):
    """`bound_contextvars` for mypy: it yields nothing."""

    def __init__(self, bound: AbstractContextManager[Any]) -> None:
        self._bound = bound

    def __enter__(self) -> None:
        self._bound.__enter__()

    def __exit__(self, *exception: object) -> None:
        self._bound.__exit__(*exception)  # type: ignore[arg-type]  # passed on as it came


# --- Secrets ----------------------------------------------------------------------------------------------

_guarded: frozenset[str] = frozenset()
_guarded_pattern: re.Pattern[str] | None = None
_guard_lock = threading.Lock()

_LONGEST = 10_000
"""Characters: looking for addresses takes time that grows with their square."""
_LONGEST_TOKEN = 2_000
"""Characters of an address or a token that may stand where a text is cut."""
_HALF = re.compile(r"\S+\Z")

_TELLING_NAME = re.compile(r"passw|secret|token|authorization|credential|cookie|signature", re.IGNORECASE)
_PATTERNS = (
    # Whoever writes https://user:password@host.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^\s/@\"'<>]+@", re.IGNORECASE), rf"\1{BLANK}@"),
    # A presigned address carries its signature in the query.
    (re.compile(r"(\bhttps?://[^\s?\"'<>]+)\?[^\s\"'<>]+", re.IGNORECASE), rf"\1?{BLANK}"),
    (
        re.compile(r"(\bX-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"'<>]+", re.IGNORECASE),
        rf"\1{BLANK}",
    ),
    (
        re.compile(r"(\bauthorization['\"]?\s*[:=]\s*(?:b(?=['\"]))?['\"]?)[^\r\n'\"]+", re.IGNORECASE),
        rf"\1{BLANK}",
    ),
    (re.compile(r"(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{BLANK}"),
    # A JSON Web Token.
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), BLANK),
    (
        re.compile(
            r"((?:password|passwd|secret|token|secret_access_key)(?:=['\"]?|'\s*:\s*'|\"\s*:\s*\"))[^\s'\"&,;)}]+",
            re.IGNORECASE,
        ),
        rf"\1{BLANK}",
    ),
)


def guard_secret(value: str | SecretStr) -> None:
    """Blank a secret wherever it occurs from now on, also quoted as in an address, JSON or Python."""
    global _guarded, _guarded_pattern  # noqa: PLW0603 - the log is one for the whole process
    secret = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not secret:
        return
    with _guard_lock:
        _guarded |= {secret}
        longest_first = sorted(_guarded, key=lambda one: (-len(one), one))
        _guarded_pattern = re.compile("|".join(map(_as_pattern, longest_first)))


def _as_pattern(secret: str) -> str:
    spelt = "".join(map(_spellings, secret))
    if len(secret) <= 3:  # so few letters occur everywhere: as a word of their own only
        return rf"(?<!\w){spelt}(?!\w)"
    raw = secret.encode(errors="replace")
    return rf"{spelt}|(?i:{raw.hex()})|{re.escape(base64.b64encode(raw).decode())}"


_PLUS = r"|\+"
"""How forms spell a blank."""


def _spellings(char: str) -> str:
    """A character of a secret, however it is written: who quotes an address, JSON or Python quotes some and leaves others."""
    if char.isascii() and char.isalnum():
        return char
    raw = char.encode(errors="replace")
    quoted = "".join(f"%{byte:02X}" for byte in raw)
    written = {char, f"\\{char}", json.dumps(char)[1:-1], repr(char)[1:-1], repr(raw)[2:-1]}
    forms = [f"(?i:{quoted})", *map(re.escape, sorted(written, key=len, reverse=True))]
    return f"(?:{'|'.join(forms)}{_PLUS if char == ' ' else ''})"


def redact(text: str) -> str:
    """The text without anything that is, or looks like, a secret; what nobody would read to its end is cut."""
    if _guarded_pattern is not None:
        text = _guarded_pattern.sub(BLANK, text)
    if len(text) > _LONGEST:  # only now: half a secret is not known for one
        end = text[_LONGEST - _LONGEST_TOKEN : _LONGEST]
        text = f"{text[: _LONGEST - _LONGEST_TOKEN]}{_HALF.sub('', end)}…"
    for pattern, blanked in _PATTERNS:
        text = pattern.sub(blanked, text)
    return text


def _cleaned(event: Event) -> Event:
    return {
        redact(str(name)): BLANK if _is_telling(str(name)) else _cleaned_value(value, 0)
        for name, value in event.items()
    }


def _is_telling(name: str) -> bool:
    # Where a secret is kept is none.
    return _TELLING_NAME.search(name) is not None and not name.endswith("_file")


def _cleaned_value(value: object, depth: int) -> object:
    """A value that JSON knows, without secrets."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, SecretStr) or hasattr(value, "get_secret_value"):
        return BLANK
    if isinstance(value, bytes):
        return redact(value.decode(errors="backslashreplace"))
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {
                redact(str(name)): BLANK if _is_telling(str(name)) else _cleaned_value(each, depth + 1)
                for name, each in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [_cleaned_value(each, depth + 1) for each in value]
    try:
        return redact(str(value) or (type(value).__name__ if isinstance(value, BaseException) else ""))
    except Exception:
        return f"<{type(value).__name__}>"


# --- Forms ------------------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """The text on one line: control characters, bidirectional overrides and bytes that are no text escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    # Cf holds the joiners of emoji and scripts; only those that reorder a line are taken out of it.
    unfit = unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _REORDERING
    return char.encode("unicode_escape", "surrogatepass").decode() if unfit else char


_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def _renderer(log_format: LogFormat, *, colours: bool, tracebacks: bool) -> Render:
    if log_format == "json":
        return _for_machines
    if log_format == "journal":
        return _for_journal
    return lambda event: _for_people(event, colours=colours, tracebacks=tracebacks)


def _for_machines(event: Event) -> str:
    """A JSON object; it escapes all but plain ASCII, so a file name stays what it is and harms nobody."""
    document = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "level": event.pop("level", "info"),
        "event": event.pop("event", ""),
        **event,
    }
    return json.dumps(document, default=str).replace("\x7f", "\\u007f")


def _for_journal(event: Event) -> str:
    """Lines with the priority in front, as sd-daemon(3) says; the journal knows the time itself."""
    level = str(event.pop("level", "info"))
    exception = str(event.pop("exception", ""))
    prefix = f"<{_PRIORITY.get(level, 6)}>"
    lines = [_message(event), *map(printable, exception.splitlines())]
    return "\n".join(prefix + line for line in lines)


def _for_people(event: Event, *, colours: bool, tracebacks: bool) -> str:
    """A line with local time and level; of an exception only its last line, unless all is asked for."""
    level = str(event.pop("level", "info"))
    exception = [printable(line) for line in str(event.pop("exception", "")).splitlines()]
    if exception and not tracebacks:
        event["exception"] = exception[-1]
        exception = []
    clock, shown = time.strftime("%H:%M:%S"), f"{level:8}"
    if colours:
        clock = f"\x1b[2m{clock}\x1b[0m"
        shown = f"\x1b[{_COLOUR.get(level, '0')}m{shown}\x1b[0m"
    return "\n".join([f"{clock} {shown} {_message(event)}", *exception])


def _message(event: Event) -> str:
    text = printable(str(event.pop("event", "")))
    names = [name for name in _FIRST_FIELDS if name in event]
    names += [name for name in event if name not in _FIRST_FIELDS]
    return " ".join(
        [text, *(f"{printable(name)}={_shown(event[name])}" for name in names if event[name] is not None)]
    )


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = printable(text)
    if isinstance(value, str) and (not text or re.search(r"[\s\"'=]", text)):
        return '"' + text.replace('"', '\\"') + '"'
    return text


# --- Pipes ------------------------------------------------------------------------------------------------


class _Writer:
    """What structlog calls a logger: takes finished lines. A log that cannot be written stops nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, text: str) -> None:
        """Write one message."""
        # Looked up each time: a progress display stands in for it while it is shown.
        stream = sys.stderr if self._stream is None else self._stream
        try:
            with self._lock:
                try:
                    stream.write(text + "\n")
                except UnicodeEncodeError:
                    stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")
                stream.flush()
        except (OSError, ValueError, AttributeError):
            # Full disk, closed terminal, no standard error at all.
            return

    log = debug = info = warn = warning = error = exception = critical = fatal = failure = msg


class _FromStandardLibrary(logging.Handler):
    """Sends what botocore, httpx2, urllib3 … log through the same pipe."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        try:
            message = record.getMessage()
        except Exception:
            # Wrong arguments to a format of somebody else's.
            message = str(record.msg)
        ready().get_logger().log(
            min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL),
            # No arguments: a percent sign in the message is one.
            message,
            logger=record.name,
            exc_info=record.exc_info or None,
        )


def _take_exception(_logger: object, _method: str, event: Event) -> Event:
    """Turn `exc_info` into text: plain, without the values of local variables."""
    from structlog.processors import format_exc_info

    return format_exc_info(None, "", event)


def _level(verbosity: int, *, quiet: bool, reported: bool, under_systemd: bool) -> int:
    if quiet:
        return logging.ERROR if reported else logging.WARNING
    if verbosity >= 2:
        return logging.DEBUG
    return logging.INFO if verbosity == 1 or under_systemd else logging.WARNING


def _is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is the one that systemd connected to the journal: `JOURNAL_STREAM=device:inode`."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"


def _wants_colours(stream: TextIO, environ: Mapping[str, str]) -> bool:
    try:
        terminal = stream.isatty()
    except (OSError, ValueError, AttributeError):
        return False
    return terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
