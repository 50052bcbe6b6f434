"""Secrets: which way of giving one applies, and reading the files that hold them.

For the login exactly one of password and token, for the bucket either a profile or a pair of keys. Two ways
in one source are a mistake; between sources the higher one wins whole, so that a token in the environment
replaces the password of the file. systemd's credentials, or the files that it would take them from, come last.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syncd.config.mistakes import KeyPath, Mistake, chmod, printable
from syncd.config.sources import OTHERS_MAY_READ, Layer, absolute, read_small_file

LARGEST_SECRET = 64 * 1024
"""Bytes."""

LOGIN = ("password", "password_file", "token", "token_file")
KEY_ID = ("access_key_id", "access_key_id_file")
SECRET_KEY = ("secret_access_key", "secret_access_key_file")

CREDENTIALS_SUFFIX = ".credentials"
"""Of the folder beside the configuration file from which `install-service` has systemd take them."""

SYSTEMD: Mapping[KeyPath, str] = {
    ("gramps", "password"): "gramps-password",
    ("gramps", "token"): "gramps-token",
    ("s3", "access_key_id"): "s3-access-key-id",
    ("s3", "secret_access_key"): "s3-secret-access-key",
}
"""The names of systemd's credentials (`LoadCredential=`)."""


def find_credentials(source: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The folder of credentials: the one beside the configuration file, else the one that systemd made for this service.

    From the first `install-service` has systemd take them. What systemd hands over are copies that it made when it started
    the service: where the files themselves can be read, a new secret needs no restart, and what is called by hand gets the
    same.
    """
    handed = environ.get("CREDENTIALS_DIRECTORY", "")
    beside = None if source is None else source.with_suffix(CREDENTIALS_SUFFIX)
    for folder in (beside, Path(handed) if handed else None):
        if folder is not None and any(os.path.lexists(folder / name) for name in SYSTEMD.values()):
            return folder
    return None


@dataclass(slots=True)
class Findings:
    """What is wrong, and what is only unwise."""

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def choose_login(
    layers: Sequence[Layer], environ: Mapping[str, str], main: Layer, credentials: Path | None = None
) -> Findings:
    """Leave one way of logging in among the layers, its secret read.

    Args:
        layers: the higher first; changed.
        environ: for `~`, and to know systemd's folder.
        credentials: see `find_credentials`.
        main: where a missing login is missed.
    """
    findings = Findings()
    ways = [("gramps", word) for word in LOGIN]
    source = _highest(layers, ways) or _from_credentials(layers, ways, credentials, environ, findings)
    if source is None:
        if not findings.mistakes:
            what = "missing; give gramps.password, password_file, token or token_file"
            findings.mistakes.append(Mistake(main.where, main.spell(ways[0]), what, missing=True))
        return findings
    chosen = _only_way(source, ways, findings)
    _forget(layers, ways, source, but=chosen)
    _read_secret(source, chosen, environ, findings)
    if chosen[1].startswith("password") and not any(
        ("gramps", "username") in layer.values for layer in layers
    ):
        what = "missing; the password needs the name of its user"
        findings.mistakes.append(Mistake(main.where, main.spell(("gramps", "username")), what, missing=True))
    return findings


def choose_keys(
    layers: Sequence[Layer], common: Layer, environ: Mapping[str, str], credentials: Path | None = None
) -> Findings:
    """Leave either a profile or one pair of keys among the layers, its secrets read.

    Args:
        layers: the higher first; changed.
        common: the layer of the `AWS_…` variables, one of them.
        environ: for `~`, and to know systemd's folder.
        credentials: see `find_credentials`.
    """
    findings = Findings()
    key_ways: list[KeyPath] = [("s3", word) for word in (*KEY_ID, *SECRET_KEY)]
    profile: KeyPath = ("s3", "profile")
    source = _highest(layers, [profile, *key_ways])
    if source is not None and profile in source.values:
        if not any(way in source.values for way in key_ways):
            # A profile that is asked for is not mixed with keys that happen to be in the environment.
            _forget(layers, [*key_ways, ("s3", "session_token")], source)
            _forget(layers, [profile], source, but=profile)
            return findings
        if source is not common:
            name = source.values[profile].origin.key
            findings.mistakes.append(Mistake(source.where, name, "give either a profile or keys, not both"))
        # As boto3 has it: AWS_ACCESS_KEY_ID goes before AWS_PROFILE.
    if source is not None:
        _forget(layers, [profile], source)
    givers = [_choose_key(layers, words, environ, credentials, findings) for words in (KEY_ID, SECRET_KEY)]
    _choose_session_token(layers, common, givers, findings)
    if not findings.mistakes and (givers[0] is None) != (givers[1] is None):
        there = givers[0] or givers[1]
        assert there is not None
        missing = ("s3", "access_key_id" if givers[0] is None else "secret_access_key")
        what = "missing; the access key's id and the secret access key belong together"
        findings.mistakes.append(Mistake(there.where, there.spell(missing), what, missing=True))
    return findings


def _choose_key(
    layers: Sequence[Layer],
    words: Sequence[str],
    environ: Mapping[str, str],
    credentials: Path | None,
    findings: Findings,
) -> Layer | None:
    """Leave one way of giving one of the two keys; the layer that gives it."""
    ways: list[KeyPath] = [("s3", word) for word in words]
    profiled = any(("s3", "profile") in layer.values for layer in layers)
    source = _highest(layers, ways)
    if source is None and not profiled:
        source = _from_credentials(layers, ways, credentials, environ, findings)
    if source is not None:
        chosen = _only_way(source, ways, findings)
        _forget(layers, ways, source, but=chosen)
        _read_secret(source, chosen, environ, findings)
    return source


def _choose_session_token(
    layers: Sequence[Layer], common: Layer, givers: Sequence[Layer | None], findings: Findings
) -> None:
    """A session token belongs to the keys that it was issued with."""
    path: KeyPath = ("s3", "session_token")
    if any(giver is not common for giver in givers):
        common.values.pop(path, None)
    source = _highest(layers, [path])
    if source is not None and None in givers:
        what = "needs the access key's id and the secret access key that belong to it"
        findings.mistakes.append(Mistake(source.where, source.values[path].origin.key, what))


def _highest(layers: Sequence[Layer], ways: Sequence[KeyPath]) -> Layer | None:
    return next((layer for layer in layers if any(way in layer.values for way in ways)), None)


def _only_way(source: Layer, ways: Sequence[KeyPath], findings: Findings) -> KeyPath:
    """The way that a layer gives; a mistake if there are two."""
    given = [way for way in ways if way in source.values]
    for extra in given[1:]:
        first, second = source.values[given[0]].origin.key, source.values[extra].origin.key
        findings.mistakes.append(Mistake(source.where, second, f"give only one of {first} and {second}"))
    return given[0]


def _forget(
    layers: Sequence[Layer], ways: Sequence[KeyPath], source: Layer, but: KeyPath | None = None
) -> None:
    """Drop ways from all layers, except the chosen one from its source."""
    for layer in layers:
        for way in ways:
            if not (layer is source and way == but):
                layer.values.pop(way, None)


def _from_credentials(
    layers: Sequence[Layer],
    ways: Sequence[KeyPath],
    folder: Path | None,
    environ: Mapping[str, str],
    findings: Findings,
) -> Layer | None:
    """Take the credentials of a folder into the lowest layer, if there are any."""
    if folder is None:
        return None
    found = Layer(printable(str(folder)), folder)
    for way in ways:
        name = SYSTEMD.get(way)
        if name is None or not os.path.exists(folder / name):  # noqa: PTH110  (a folder that nobody may enter has none)
            continue
        try:
            secret, mode = _secret_of(folder / name)
        except ValueError as error:
            findings.mistakes.append(Mistake(found.where, name, str(error)))
            continue
        found.give(way, secret, name)
        if mode & OTHERS_MAY_READ and str(folder) != environ.get("CREDENTIALS_DIRECTORY"):
            line = f"other users of this machine can read it; run: {chmod(folder / name)}"
            findings.warnings.append(str(Mistake(found.where, name, line)))
    lowest = layers[-1]
    lowest.values.update(found.values)
    return lowest if found.values else None


def _read_secret(source: Layer, way: KeyPath, environ: Mapping[str, str], findings: Findings) -> None:
    """If a secret is in a file, read it and set the key itself."""
    given = source.values[way]
    if not way[-1].endswith("_file") or not isinstance(given.value, str) or not given.value:
        return
    path = Path(absolute(given.value, source.base, environ))
    try:
        secret, mode = _secret_of(path)
    except ValueError as error:
        what = f"the file {printable(str(path))} {error}"
        findings.mistakes.append(Mistake(given.origin.where, given.origin.key, what))
        return
    source.give((*way[:-1], way[-1].removesuffix("_file")), secret, given.origin.key)
    if mode & OTHERS_MAY_READ:
        # No mistake: the secrets of containers are often readable for all.
        line = f"other users of this machine can read {printable(str(path))}; run: {chmod(path)}"
        findings.warnings.append(str(Mistake(given.origin.where, given.origin.key, line)))


def _secret_of(path: Path) -> tuple[str, int]:
    """The secret in a file, without the line break at its end, and the file's mode.

    Raises:
        ValueError: it cannot be read, is empty or has several lines; the message holds nothing of it.
    """
    text, mode = read_small_file(path, LARGEST_SECRET)
    secret = text.rstrip("\r\n")
    if not secret.strip():
        raise ValueError("is empty")
    if any(char < " " or char == "\x7f" for char in secret):
        raise ValueError("must hold the secret alone, on one line")
    return secret, mode
