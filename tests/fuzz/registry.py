"""All parsers of what others wrote, and which modules of syncd read without being one.

A module reads when it takes text or bytes apart with one of `READING`. Each such module has a parser here, or stands in
`NOT_FUZZED` with the reason; `test_registry.py` sees to it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.fuzz import bucket, desktop, folder, gramps, ours
from tests.fuzz.parser import Parser

PARSERS: Mapping[str, Parser] = {
    parser.name: parser for room in (gramps, bucket, folder, desktop, ours) for parser in room.PARSERS
}
CORPUS = Path(__file__).with_name("corpus")
"""A folder for each parser: one file for each input that once was a finding, or is worth keeping."""

READING = re.compile(
    r"(json|tomllib)\.loads|\.json|ijson\.items|expat\.ParserCreate|ast\.literal_eval|read_string|from_lines|gzip\.GzipFile"
    r"|urlsplit|httpx2\.URL|b64decode|sqlite3\.connect|validate_python|model_validate|fromisoformat|strptime|shlex\.split"
    r"|\.(fullmatch|search|findall|finditer)|re\.match"
)
"""What calls look like that take something apart."""

NOT_FUZZED: Mapping[str, str] = {
    "syncd.bucket.access": "an address that the parser `config` has let through",
    "syncd.bucket.s3": "looks whether a media type can be sent, else sends another",
    "syncd.cli.install_service": "a name that a person gives to this very command",
    "syncd.cli.paper": "the locale",
    "syncd.cli.session": "a name that a person gives to this very command",
    "syncd.gramps.sending": "looks whether a media type can be sent, else sends another",
    "syncd.installing.service": "a name that a person gives to this very command",
    "syncd.migration.moving": "looks whether a key has our form; nothing is taken from it",
    "syncd.model.numbers": "a number that a person gives to this very command",
    "syncd.state.migrations": "names of files of the package itself",
    "syncd.supervised": "what the kernel says of processes",
    "syncd.upload.target": "a name that a person gives to this very command",
}
"""Modules that read, and what: nothing that a stranger wrote, or what no parser is needed for."""


def reading_modules(root: Path) -> Iterator[str]:
    """The modules below a folder `syncd` that call one of `READING`, by their dotted names."""
    for path in sorted(root.rglob("*.py")):
        calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        if any(READING.search(ast.unparse(call)) for call in calls):
            yield ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
