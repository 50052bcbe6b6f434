"""The installed project."""

from importlib.metadata import version

import syncd


def test_the_version_has_one_source() -> None:
    """The package and its metadata agree."""
    assert version("syncd") == syncd.__version__
