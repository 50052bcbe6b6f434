"""Commands that a message tells a person to run: they are for the configuration that this run was given.

With several trees, each has a file of its own; a bare `syncd adopt` would act on another tree.

Invariants:
- Without `--config`, no text is changed.
- Only a command of syncd where a message gives one is changed: not prose about syncd, nor a file that is called so.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

COMMANDS = (
    "status",
    "sync",
    "pause",
    "resume",
    "check",
    "approve",
    "restore",
    "conflicts",
    "paths",
    "trash",
    "history",
    "undo",
    "upload",
    "orphans",
    "verify",
    "adopt",
    "migrate-prefix",
    "install-service",
    "uninstall-service",
)
"""The commands that read a configuration."""

TEXTS = frozenset({"reason", "remedy", "text", "next"})
"""The keys of the JSON document that hold words for people."""

_MENTION = re.compile(
    r"(?:^ *(?:\d+\. )?|[`(]|[:;,] |&& |\b(?:run|with|next|or|and|then) )syncd "
    rf"(?=(?:--once|{'|'.join(COMMANDS)})(?![\w/-]|\.\w)(?!(?: [\w-]+)* --help))",
    re.MULTILINE,
)


def with_config(text: str, config: Path | None) -> str:
    """The text with every command of syncd in it made one for this configuration, if one was named."""
    if config is None or "syncd " not in text:
        return text
    named = f"--config {shlex.quote(str(config))} "
    return _MENTION.sub(lambda found: found[0] + named, text)
