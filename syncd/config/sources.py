"""Where values come from: the file, `SYNCD_…` variables, and what Gramps Web and Amazon's tools call them.

Each source becomes a `Layer`: values by key, with the name that the person gave each. A layer knows nothing
of the others; which one wins is decided in `load.py`.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncd.config.keys import Key, Kind, all_keys, all_sections, all_variables, unknown_key, unknown_variable
from syncd.config.mistakes import (
    ENVIRONMENT,
    MOST_SHOWN,
    KeyPath,
    Mistake,
    Origin,
    chmod,
    config_error,
    file_key,
    printable,
    variable,
)
from syncd.errors import ConfigError

SYSTEM_FILE = Path("/etc/syncd/syncd.toml")
LARGEST_FILE = 1024 * 1024
"""Bytes; whoever names a photo as the configuration hears so at once."""

NO_SETTINGS = ("SYNCD_CONFIG", "SYNCD_TEST_")
"""Variables, or beginnings of variables, that are ours but set no key."""

_NESTED = re.compile(r"(?:[^\s.=#]{1,99}\s{0,9}\.\s{0,9}){64}")
"""A key of more parts than anybody means."""

OTHERS_MAY_READ = stat.S_IRGRP | stat.S_IROTH

SAMPLE = """\
media_dir = "~/Pictures/family"

[gramps]
url = "https://family.example"
username = "editor"
password_file = "~/.config/syncd/password"  # a file that holds it and nothing else

[s3]   # leave out if Gramps Web keeps its media on its own disk
url = "s3://my-bucket"  # what MEDIA_BASE_DIR says on the server
# endpoint_url = "https://s3.example"  # for other servers than Amazon's
# region = "eu-central-1"
# access_key_id = "..."
# secret_access_key_file = "~/.config/syncd/s3-secret"
"""


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written, and where."""

    value: object
    origin: Origin


@dataclass(slots=True)
class Layer:
    """One source.

    Args:
        where: its name in messages.
        base: the folder to which its relative paths belong.
        spell: what a key is called there.
        values: what it sets.
        sections: which sections it has, even if empty.
        mistakes: what is wrong with it as it stands.
    """

    where: str
    base: Path
    spell: Callable[[KeyPath], str] = file_key
    values: dict[KeyPath, Given] = field(default_factory=dict)
    sections: set[KeyPath] = field(default_factory=set)
    mistakes: list[Mistake] = field(default_factory=list)

    def give(self, path: KeyPath, value: object, name: str) -> None:
        """Set one key, under the name that the person gave it."""
        self.values[path] = Given(value, Origin(self.where, name))

    def wrong(self, name: str, what: str, meant: str = "") -> None:
        """Note a mistake, and which key may be meant."""
        self.mistakes.append(Mistake(self.where, name, what, meant=meant))


def home(environ: Mapping[str, str]) -> Path | None:
    """The person's home folder; None for an account without one."""
    named = environ.get("HOME", "")
    if Path(named).is_absolute():
        return Path(named)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def xdg_folder(environ: Mapping[str, str], name: str, below_home: str) -> Path | None:
    """A base folder of the XDG specification, which says to ignore relative ones."""
    named = environ.get(name, "")
    if Path(named).is_absolute():
        return Path(named)
    found = home(environ)
    return found / below_home if found else None


def absolute(written: str, base: Path, environ: Mapping[str, str]) -> str:
    """Expand `~` and make a path absolute; an empty one stays empty."""
    if not written or "\0" in written:
        return written
    if written == "~" or written.startswith("~/"):
        found = home(environ)
        written = str(found / written[2:]) if found else written
    elif written.startswith("~"):
        written = os.path.expanduser(written)  # noqa: PTH111 - Path.expanduser raises for an unknown user
    return os.path.abspath(base / written)  # noqa: PTH100 - Path.resolve would follow links


def find_file(named: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file that applies.

    Returns:
        None when there is none but variables set something.

    Raises:
        ConfigError: there is none and no variable either.
    """
    here = Path.cwd()
    if named is not None:
        return Path(absolute(str(named), here, environ))
    if environ.get("SYNCD_CONFIG"):
        return Path(absolute(environ["SYNCD_CONFIG"], here, environ))
    folder = xdg_folder(environ, "XDG_CONFIG_HOME", ".config")
    places = [*([folder / "syncd" / "syncd.toml"] if folder else []), SYSTEM_FILE]
    for place in places:
        if os.path.lexists(place):
            return place
    if any(name.startswith("SYNCD_") and not name.startswith(NO_SETTINGS) for name in environ):
        return None
    looked = ", ".join(printable(str(place)) for place in places)
    raise ConfigError(
        f"there is no configuration; looked for --config FILE, $SYNCD_CONFIG, {looked}",
        f"write {printable(str(places[0]))}, for example:\n\n{SAMPLE}",
    )


def read_small_file(path: Path, largest: int) -> tuple[str, int]:
    """Read a text file that a person wrote, and be disturbed by nothing else of that name.

    Returns:
        Its text and its mode.

    Raises:
        ValueError: it cannot be read; the message is the plain reason.
    """
    try:
        # Not blocking: opening a pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise ValueError(_plain_reason(error)) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise ValueError("is a folder, not a file")
        if not stat.S_ISREG(mode):
            raise ValueError("is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            read = file.read(largest + 1)
    except OSError as error:
        raise ValueError(_plain_reason(error)) from error
    finally:
        os.close(descriptor)
    if len(read) > largest:
        raise ValueError(f"is larger than {largest // 1024} kB; is it the right file?")
    try:
        return read.decode("utf-8-sig"), mode
    except UnicodeDecodeError:
        line = read[:LARGEST_FILE].decode("utf-8", "replace").partition("\ufffd")[0].count("\n") + 1
    # Outside the except block: the exception holds the bytes.
    raise ValueError(f"is not UTF-8 text (line {line})")


def _plain_reason(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "does not exist"
        case PermissionError():
            return "cannot be read: permission denied"
        case OSError():
            return f"cannot be read: {os.strerror(error.errno or 0).lower()}"
    return "cannot be read: its name is no file name"


def load_toml(text: str) -> dict[str, object]:
    """Read TOML; it takes as long as the square of how many parts a key has.

    Raises:
        RecursionError: it is nested too deeply.
        ValueError: it is none.
    """
    if _NESTED.search(text):
        raise RecursionError
    return tomllib.loads(text)


def read_config_file(path: Path) -> Layer:
    """The layer of a TOML file.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    where = str(path)
    layer = Layer(where, path.parent)
    remedy = ""
    try:
        text, mode = read_small_file(path, LARGEST_FILE)
        tables = load_toml(text)
    except RecursionError:
        what = "is nested too deeply"
    except tomllib.TOMLDecodeError as error:
        what, remedy = _syntax(str(error)), 'correct the line; a text stands in quotes, as in key = "text"'
    except ValueError as error:
        # What read_small_file says; or a number of thousands of digits.
        what = "holds a number that is too long" if "digits" in str(error) else str(error)
    else:
        what = ""
    if what:
        # Outside the except block: the exceptions know the text, which may hold secrets.
        raise config_error([Mistake(where, "", what, remedy)])
    _take_tables(layer, (), tables)
    _refuse_open_secrets(layer, path, mode)
    return layer


def _syntax(message: str) -> str:
    """The message of tomllib, with the place first: it ends in `(at line 3, column 5)`."""
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    what, line, column = match.groups() if match else (message, None, None)
    what = printable(what[:1].lower() + what[1:])
    if what.lower().startswith("cannot overwrite a value") or (
        what.startswith("cannot declare") and "twice" in what
    ):
        what = "this key or section is given twice; keep one of them"
    if "escape" in what.lower() or "hex value" in what.lower():
        what += "; write a path with backslashes in single quotes: 'C:\\Users'"
    return f"line {line}, column {column}: {what}" if line else f"at its end: {what}"


def _take_tables(layer: Layer, section: KeyPath, table: Mapping[str, object]) -> None:
    """Sort a table's keys into the layer, section by section."""
    layer.sections.add(section)
    for name, value in table.items():
        path = (*section, name)
        if len(layer.mistakes) > MOST_SHOWN:
            return
        if path in all_keys():
            layer.give(path, value, file_key(path))
        elif path not in all_sections():
            layer.wrong(file_key(path), *unknown_key(path))
        elif isinstance(value, dict):
            _take_tables(layer, path, value)
        else:
            layer.wrong(file_key(path), f"is a section: [{file_key(path)}], with keys of its own")


def _refuse_open_secrets(layer: Layer, path: Path, mode: int) -> None:
    if not mode & OTHERS_MAY_READ:
        return
    open_secrets = [
        given.origin.key
        for key, given in layer.values.items()
        # The id of an access key is no secret.
        if all_keys()[key].kind is Kind.SECRET and key != ("s3", "access_key_id")
    ]
    if open_secrets:
        what = f"other users of this machine can read {'this secret' if len(open_secrets) == 1 else 'these secrets'}"
        layer.mistakes.append(Mistake(layer.where, ", ".join(open_secrets), what, f"run: {chmod(path)}"))


def read_variables(environ: Mapping[str, str]) -> Layer:
    """The layer of the `SYNCD_…` variables; an empty one counts as not set."""
    layer = Layer(ENVIRONMENT, Path.cwd(), variable)
    tables = {variable(section): section for section in all_sections() if len(section) > 1}
    for name in sorted(environ):
        if not name.startswith("SYNCD_") or name.startswith(NO_SETTINGS):
            continue
        if name not in all_variables() and name not in tables:
            layer.wrong(name, *unknown_variable(name))
            continue
        if not environ[name]:
            continue
        if name in tables:
            _take_json_table(layer, tables[name], name, environ[name])
        else:
            key = all_variables()[name]
            _take_variable(layer, key, name, environ[name])
    return layer


def _take_json_table(layer: Layer, section: KeyPath, name: str, text: str) -> None:
    table = _from_json(text)
    if not isinstance(table, dict):
        layer.wrong(name, 'must be a table in JSON such as {"key": 1}')
        return
    layer.sections.add(section[:1])
    for word, value in table.items():
        path = (*section, word)
        if path not in all_keys():
            layer.wrong(name, f"{printable(word)}: {unknown_key(path)[0]}")
        elif path not in layer.values:
            layer.give(path, value, name)


def _take_variable(layer: Layer, key: Key, name: str, text: str) -> None:
    layer.sections.add(key.path[:-1])
    value: object = text if key.kind is Kind.SECRET else text.strip()
    if key.kind is Kind.TABLE:
        value = _from_json(text)
        if not isinstance(value, dict):
            layer.wrong(name, 'must be a table in JSON such as {"C:\\\\Users\\\\me": "."}')
            return
    elif key.kind is Kind.LIST and text.lstrip().startswith("["):
        value = _from_json(text)
        if value is None:
            layer.wrong(name, 'must be a list in JSON such as ["*.psd", "*.ai"], or words between commas')
            return
    elif key.kind is Kind.LIST:
        value = [part.strip() for part in text.split(",") if part.strip()]
    layer.give(key.path, value, name)


def _from_json(text: str) -> object:
    """The value, or None if it is no JSON (or null, which is never right here)."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


_AMAZON = (
    ("AWS_ENDPOINT_URL_S3", "endpoint_url"),
    ("AWS_ENDPOINT_URL", "endpoint_url"),
    # boto3, and so Gramps Web, knows only this one; other tools the next.
    ("AWS_DEFAULT_REGION", "region"),
    ("AWS_REGION", "region"),
    ("AWS_PROFILE", "profile"),
    ("AWS_ACCESS_KEY_ID", "access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
    ("AWS_SESSION_TOKEN", "session_token"),
)


def read_common_variables(environ: Mapping[str, str]) -> Layer:
    """The layer of the variables that Gramps Web reads too: `AWS_…` and `GRAMPSWEB_MEDIA_BASE_DIR`.

    Only a base that is a bucket makes an `[s3]`; `AWS_…` alone do not, for they may be there for others.
    """
    layer = Layer(ENVIRONMENT, Path.cwd(), lambda path: f"AWS_{path[-1].upper()}")
    base = environ.get("GRAMPSWEB_MEDIA_BASE_DIR", "")
    if base.lower().startswith("s3://"):
        layer.sections.add(("s3",))
        layer.give(("s3", "url"), base, "GRAMPSWEB_MEDIA_BASE_DIR")
    for name, word in _AMAZON:
        if environ.get(name) and ("s3", word) not in layer.values:
            layer.give(("s3", word), environ[name], name)
    return layer
