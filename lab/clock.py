"""A computer whose clock is wrong, for one process: Python's own idea of the time is shifted.

Not libfaketime: with it, waiting fails or never ends in Python 3.11 (clock_nanosleep). Two clocks stay right. That of
the file system, as on a network drive. And that by which requests to S3 are signed: S3 refuses a clock that is
wrong by more than a quarter of an hour, whatever a client does, and syncd says so.
"""

from __future__ import annotations

from pathlib import Path

_SHIM = """
import datetime, os, sys, time
_time, _time_ns, _datetime = time.time, time.time_ns, datetime.datetime
def _shift():
    with open(os.environ["LAB_CLOCK"]) as file:
        return float(file.read())
time.time = lambda: _time() + _shift()
time.time_ns = lambda: _time_ns() + int(_shift()) * 10**9
class datetime_(_datetime):
    @classmethod
    def now(cls, tz=None):
        signing = sys._getframe(1).f_globals.get("__name__", "").startswith("botocore")
        return _datetime.now(tz) + datetime.timedelta(seconds=0 if signing else _shift())
datetime_.__name__ = datetime_.__qualname__ = "datetime"
datetime.datetime = datetime_
"""


class Clock:
    """The clock of such a computer; may be set while processes go by it.

    Args:
        folder: where what shifts it is put.
        ahead: by how many seconds it is ahead.
    """

    def __init__(self, folder: Path, ahead: float = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sitecustomize.py").write_text(_SHIM)
        self._file = folder / "ahead"
        self.environment = {"PYTHONPATH": str(folder), "LAB_CLOCK": str(self._file)}
        self.set(ahead)

    def set(self, ahead: float) -> None:
        """From now on it is so many seconds ahead."""
        new = self._file.with_suffix(".new")
        new.write_text(str(ahead))
        new.replace(self._file)


def wrong_by(seconds: int, folder: Path) -> dict[str, str]:
    """The environment of a process whose clock goes that many seconds ahead; what shifts it is put into the folder."""
    return Clock(folder, seconds).environment
