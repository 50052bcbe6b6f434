"""Which versions of the Gramps Web API syncd works with.

A newer minor version adds things and is taken as it comes. A newer major version may mean something else by the same
request, and what a wrong guess costs is somebody's media: it is refused unless a person says to try. Below the minimum,
versions with Gramps 6 are refused in the same way; earlier ones always, for their objects have other forms.
"""

from __future__ import annotations

import re

from syncd.errors import Untested

MINIMUM_VERSION = (3, 10, 0)
"""The oldest version that is tested."""

NEWEST_VERSION = (3, 24, 0)
"""The newest version that is tested."""

OLDEST_MAJOR = 3
"""That of Gramps 6, whose forms `forms` knows."""

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)

KEY = "gramps.allow_untested_server"


def check_version(text: str, *, allow_untested: bool) -> str:
    """Whether to work with a version, as the server writes it.

    Returns:
        Why it should not be relied on; empty for a version that is fit.

    Raises:
        Untested: it is not fit, and was not allowed or cannot be.
    """
    numbers = tuple(int(part) for part in _NUMBER.findall(text)[:3])
    least = in_words(MINIMUM_VERSION)
    remedy = "update Gramps Web"
    if not numbers:
        reason = f"this Gramps Web does not tell its version in numbers: it says '{text}'"
    elif numbers[0] > NEWEST_VERSION[0]:
        reason = (
            f"this Gramps Web is newer than this syncd knows: its API has version {text}, "
            f"and syncd is tested up to {in_words(NEWEST_VERSION)}"
        )
        remedy = "update syncd"
    elif numbers < MINIMUM_VERSION:
        reason = f"this Gramps Web is too old: its API has version {text}, and syncd is tested from {least} onwards"
    else:
        return ""
    if numbers and numbers[0] < OLDEST_MAJOR:
        raise Untested(reason, remedy)
    if not allow_untested:
        raise Untested(reason, f"{remedy}; to try all the same, set {KEY} = true")
    return f"{reason}; going on, because {KEY} is set"


def is_beyond_tests(text: str) -> bool:
    """Whether a version is fit, but newer than any that is tested."""
    numbers = tuple(int(part) for part in _NUMBER.findall(text)[:2])
    return NEWEST_VERSION[:2] < numbers < (NEWEST_VERSION[0] + 1,)


def in_words(version: tuple[int, ...]) -> str:
    """`3.24.0`."""
    return ".".join(str(number) for number in version)
