"""A computer whose clock is wrong, for one process: Python's own idea of the time is shifted.

Not libfaketime: with it, waiting fails or never ends in Python 3.11 (clock_nanosleep). Two clocks stay right. That of
the file system, as on a network drive. And that by which requests to S3 are signed: S3 refuses a clock that is
wrong by more than a quarter of an hour, whatever a client does, and syncd says so.
"""

from __future__ import annotations

from pathlib import Path

_SHIM = """
import datetime, os, sys, time
_shift = float(os.environ["LAB_CLOCK_SHIFT"])
_time, _time_ns, _datetime = time.time, time.time_ns, datetime.datetime
time.time = lambda: _time() + _shift
time.time_ns = lambda: _time_ns() + int(_shift) * 10**9
class datetime_(_datetime):
    @classmethod
    def now(cls, tz=None):
        signing = sys._getframe(1).f_globals.get("__name__", "").startswith("botocore")
        return _datetime.now(tz) + datetime.timedelta(seconds=0 if signing else _shift)
datetime_.__name__ = datetime_.__qualname__ = "datetime"
datetime.datetime = datetime_
"""


def wrong_by(seconds: int, folder: Path) -> dict[str, str]:
    """The environment of a process whose clock goes that many seconds ahead; the shim is put into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SHIM)
    return {"PYTHONPATH": str(folder), "LAB_CLOCK_SHIFT": str(seconds)}
