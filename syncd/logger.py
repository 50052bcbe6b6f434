"""What modules log with: `log = Logger(__name__)`, then `log.warning("what happened", path=…)`.

structlog takes longer to import than a run that finds nothing to do may last: it comes with the first line that is written.
How lines look, and that no secret is in them, is the business of `log`, which sets structlog up at that moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType

DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50
"""As in the standard library."""

_lock = threading.RLock()
_least = 0
_set_up: Callable[[], None] | None = None


class Logger:
    """Writes lines about one module; fields are bound with `log.context`, or given with a line.

    Args:
        name: the module's.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **fields: object) -> None:
        """What only a developer asks for."""
        self._write(DEBUG, "debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What goes as it should."""
        self._write(INFO, "info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """What somebody may have to see to."""
        self._write(WARNING, "warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """What somebody has to see to."""
        self._write(ERROR, "error", event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """As `error`, with the exception that is being handled."""
        self._write(ERROR, "exception", event, fields)

    def critical(self, event: str, **fields: object) -> None:
        """What ends everything."""
        self._write(CRITICAL, "critical", event, fields)

    def _write(self, level: int, method: str, event: str, fields: dict[str, object]) -> None:
        if level >= _least:
            getattr(ready().get_logger(self._name), method)(event, **fields)


def prepare(set_up: Callable[[], None], *, least: int = 0) -> None:
    """Have structlog set up before the next line; may be called again.

    Args:
        set_up: configures structlog.
        least: the lowest level of lines that are written at all.
    """
    global _least, _set_up
    with _lock:
        _least, _set_up = least, set_up


def ready() -> ModuleType:
    """structlog, set up; for those, too, whose library logs through it by itself."""
    import structlog  # noqa: PLC0415  see above

    global _set_up  # noqa: PLW0603  see `prepare`
    with _lock:
        if _set_up is not None:
            _set_up()
            _set_up = None
    return structlog
