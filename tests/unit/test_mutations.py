"""The mutations of the merge fit the code and are listed."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_every_mutation_fits_the_code_and_is_listed() -> None:
    """Each old text stands in its file exactly once, and docs/testing.md has the table that the script prints."""
    script = runpy.run_path(str(ROOT / "script" / "mutate"))
    for mutation in script["MUTATIONS"]:
        text = (ROOT / "syncd" / mutation.file).read_text(encoding="utf-8")
        assert text.count(mutation.old) == 1, f"{mutation.file}: {mutation.why}"
    assert len(script["MUTATIONS"]) >= 20
    assert script["table"]() in (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
