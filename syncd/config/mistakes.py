"""What is wrong with a configuration: one plain line a mistake, naming the key as the person wrote it.

No line holds a value that might be a secret: values are shown only where they are one of a few words, a
number or a folder.
"""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import ErrorDetails

from syncd.errors import ConfigError

KeyPath = tuple[str, ...]
"""A key and the sections it is in: `("gramps", "url")`."""

ENVIRONMENT = "environment"
MOST_SHOWN = 50
"""More mistakes than that are garbage, not a configuration."""

REMEDY = "correct the configuration; docs/configuration.md explains every key"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Mistake:
    """One line.

    Args:
        where: the file, `environment`, or another source.
        key: the key as it stands there, or `""` when the whole source is wrong.
        what: what is wrong, with the nearest right key or the way to mend it.
        remedy: a command or step that mends just this, when there is one.
        meant: the right key that was suggested, as it would stand there.
        missing: the key is not there at all.
    """

    where: str
    key: str
    what: str
    remedy: str = ""
    meant: str = ""
    missing: bool = False

    def __str__(self) -> str:
        return ": ".join(part for part in (printable(self.where), printable(self.key), self.what) if part)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: the source, and the key's name there."""

    where: str
    key: str


def printable(text: str, longest: int = 4 * _LONGEST_SHOWN) -> str:
    """The text on one line, without control characters, bidirectional overrides or endless length."""
    shown = "".join(
        char.encode("unicode_escape", "surrogatepass").decode() if _is_unprintable(char) else char
        for char in text[: longest + 1]
    )
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _is_unprintable(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def file_key(path: Sequence[str | int]) -> str:
    """A key as it stands in TOML: `gramps.url`, `path_map."/home/me"`, `ignore[2]`."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part + 1}]"
            continue
        shown = printable(part, _LONGEST_SHOWN)
        bare = shown if _BARE_KEY.fullmatch(shown) else f'"{shown}"'
        written += f".{bare}" if written else bare
    return written


def variable(path: Sequence[str]) -> str:
    """The environment variable of a key: `SYNCD_GRAMPS__URL`."""
    return "SYNCD_" + "__".join(path).upper()


def nearest(wrong: str, right: Iterable[str]) -> str | None:
    """The most similar of the right names, if any is similar at all."""
    found = difflib.get_close_matches(wrong.lower(), {name.lower(): name for name in right}, n=1, cutoff=0.6)
    return next((name for name in right if found and name.lower() == found[0]), None)


def chmod(file: Path) -> str:
    """The command that hides a file from other users."""
    return f"chmod 600 {shlex.quote(str(file))}"


def config_error(mistakes: Sequence[Mistake]) -> ConfigError:
    """All mistakes as one error, a line each.

    A key that is missing because it is misspelt is one mistake, not two.
    """
    meant = [mistake.meant for mistake in mistakes if mistake.meant]
    mistakes = [
        mistake
        for mistake in dict.fromkeys(mistakes)
        if not (
            mistake.missing
            and any(mistake.key.startswith(key) or key.startswith(mistake.key) for key in meant)
        )
    ]
    remedies = {mistake.remedy for mistake in mistakes}
    remedy = remedies.pop() if len(remedies) == 1 else ""
    lines = [
        f"{mistake}; {mistake.remedy}" if mistake.remedy and not remedy else str(mistake)
        for mistake in mistakes[:MOST_SHOWN]
    ]
    if len(mistakes) > MOST_SHOWN:
        lines.append(f"… and {len(mistakes) - MOST_SHOWN} more mistakes")
    return ConfigError("\n".join(lines), remedy or REMEDY)


def explain(error: ErrorDetails) -> str:
    """What pydantic found wrong with a known key, in plain words and without the value."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "enum":
        # pydantic writes 'a', 'b' or 'c'.
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        return _explain_choice(error["input"], choices)
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        bound = context.get("ge", context.get("gt", context.get("le", context.get("lt"))))
        words = {
            "greater_than_equal": "must be at least",
            "greater_than": "must be more than",
            "less_than_equal": "must be at most",
            "less_than": "must be less than",
        }
        return f"{words[kind]} {bound:g}"
    for start, what in _KINDS:
        if kind.startswith(start):
            return what
    return "is wrong: " + printable(error["msg"][:1].lower() + error["msg"][1:], _LONGEST_SHOWN)


_KINDS = (
    ("bool", "must be true or false"),
    ("int", "must be a whole number"),
    ("finite", "must be a number"),
    ("float", "must be a number"),
    ("string_too_short", "is empty"),
    ("too_short", "is empty"),
    ("string_unicode", "is not proper text"),
    ("string", 'must be text in quotes ("…")'),
    ("path_type", 'must be text in quotes ("…")'),
    ("model", "must be a section with keys of its own"),
    ("dict", 'must be a table such as { "from" = "to" }'),
    ("mapping", 'must be a table such as { "from" = "to" }'),
    ("tuple", 'must be a list such as ["…", "…"]'),
    ("list", 'must be a list such as ["…", "…"]'),
)


def _explain_choice(written: object, choices: Sequence[str]) -> str:
    listed = ", ".join(choices)
    if not isinstance(written, str) or len(written) > _LONGEST_SHOWN:
        return f"must be one of {listed}"
    near = nearest(written, choices)
    hint = f"; did you mean {near}?" if near else ""
    return f"'{printable(written)}' is not one of {listed}{hint}"
