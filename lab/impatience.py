"""A computer whose syncd gives up soon: what fails is tried again for a second or two, not for a minute."""

from __future__ import annotations

from pathlib import Path

_SHIM = """
import os
import syncd.bucket.access as access
import syncd.gramps.http as http
made = http.Transport.__init__
def made_impatient(self, *, patience=60.0, **others):
    made(self, patience=min(patience, float(os.environ["LAB_PATIENCE"])), **others)
http.Transport.__init__ = made_impatient
retries, connect, answer, longest_pause = access.Patience.__init__.__defaults__
access.Patience.__init__.__defaults__ = (2, connect, answer, 0.3)
"""


def impatient(folder: Path, seconds: float = 1.5) -> dict[str, str]:
    """The environment of such a process; what makes it so is put into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SHIM)
    return {"PYTHONPATH": str(folder), "LAB_PATIENCE": str(seconds)}
