"""Loading: find the sources, lay them over one another, check, and say all mistakes at once.

From high to low: `SYNCD_…` variables, the file, the variables that Gramps Web reads too (`AWS_…`,
`GRAMPSWEB_MEDIA_BASE_DIR`), systemd's credentials or the files beside the configuration that they are taken from, defaults.

pydantic-settings would do part of this, but takes as long to import as all the rest, and its errors name
neither the variable nor the file that a value came from.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from syncd.config.credentials import choose_keys, choose_login, find_credentials
from syncd.config.keys import Kind, all_keys
from syncd.config.mistakes import (
    ENVIRONMENT,
    KeyPath,
    Mistake,
    config_error,
    explain,
    file_key,
    printable,
)
from syncd.config.settings import Settings, UploadSettings
from syncd.config.sources import (
    Given,
    Layer,
    absolute,
    find_file,
    read_common_variables,
    read_config_file,
    read_variables,
    xdg_folder,
)
from syncd.errors import ConfigError


def load_settings(path: Path | None, environ: Mapping[str, str], *, needs_secrets: bool = True) -> Settings:
    """Read the whole configuration.

    Args:
        path: the file that `--config` names, if it was given.
        environ: the environment.
        needs_secrets: whether a login that is missing, or cannot be read, is a mistake; else it is left out.

    Raises:
        ConfigError: something is wrong: a line for every mistake, none of which holds a secret.
    """
    read = _read(path, environ, needs_login=True, needs_secrets=needs_secrets)
    values, main = read.values, read.main
    state_dir: KeyPath = ("state_dir",)
    if state_dir not in values:
        found = _default_state_dir(environ)
        if found is not None:
            main.give(state_dir, str(found), main.spell(state_dir))
            values[state_dir] = main.values[state_dir]
    # `gramps` is there even if empty, so that its keys are missed.
    settings = _checked(Settings, read, {"gramps", *(read.sections & {"s3", "desktop"})})
    return settings.told(source=read.source, warnings=tuple(read.warnings))


def load_upload_settings(path: Path | None, environ: Mapping[str, str]) -> UploadSettings:
    """Read what `syncd upload` needs: `[s3]`; `[gramps]` only where there is one.

    Raises:
        ConfigError: as `load_settings`, for what is needed.
    """
    read = _read(path, environ, needs_login=False)
    settings = _checked(UploadSettings, read, {"s3", *(read.sections & {"gramps"})})
    return settings.told(source=read.source, warnings=tuple(read.warnings))


@dataclass(slots=True)
class _Read:
    """All sources laid over one another, secrets read.

    Args:
        source: the file.
        main: the layer in which what is missing is missed.
        values: the values that win.
        sections: the sections that any source has, even if empty.
    """

    source: Path | None
    main: Layer
    values: dict[KeyPath, Given]
    sections: frozenset[str]
    mistakes: list[Mistake]
    warnings: list[str]


def _read(
    path: Path | None, environ: Mapping[str, str], *, needs_login: bool, needs_secrets: bool = True
) -> _Read:
    source = find_file(path, environ)
    variables = read_variables(environ)
    file = read_config_file(source) if source is not None else None
    common = read_common_variables(environ)
    layers = [layer for layer in (variables, file, common) if layer is not None]
    main = file or variables
    sections = frozenset(section[0] for layer in layers for section in layer.sections if section)

    mistakes = [mistake for layer in layers for mistake in layer.mistakes]
    warnings: list[str] = []
    findings = []
    credentials = find_credentials(source, environ)
    if needs_login or "gramps" in sections:
        findings.append(choose_login(layers, environ, main, credentials))
    if "s3" in sections:
        findings.append(choose_keys(layers, common, environ, credentials))
    for finding in findings:
        mistakes += finding.mistakes if needs_secrets else []
        warnings += finding.warnings
    values = _lay_over(layers, environ, with_s3="s3" in sections)
    return _Read(source, main, values, sections, mistakes, warnings)


Model = TypeVar("Model", bound=BaseModel)


def _checked(model: type[Model], read: _Read, sections: AbstractSet[str]) -> Model:
    """The values as a model, with these sections even if they are empty."""
    mistakes, settings = read.mistakes, None
    try:
        settings = model.model_validate(_nested(read.values, sections))
    except ValidationError as error:
        mistakes = [*mistakes, *_explained(error.errors(include_url=False), read.values, read.main)]
    if settings is None or mistakes:
        # Outside the except block: pydantic's exception knows the values.
        raise config_error(mistakes)
    return settings


def check_media_dir(settings: Settings) -> None:
    """See that the media folder is there and can be listed.

    Apart from loading: once a state is bound to it, a missing folder is no mistake in the configuration
    but an unplugged drive.

    Raises:
        ConfigError: it is missing, no folder, or cannot be read; the reason names `media_dir`.
    """
    path = settings.media_dir
    what = ""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            what = "is no folder"
        elif not os.access(path, os.R_OK | os.X_OK):
            what = "cannot be read: permission denied"
    except (FileNotFoundError, NotADirectoryError):
        what = "does not exist"
    except OSError as error:
        what = f"cannot be read: {os.strerror(error.errno or 0).lower()}"
    if what:
        where = printable(str(settings.source)) + ": " if settings.source else ""
        raise ConfigError(
            f"{where}media_dir: the folder {printable(str(path))} {what}",
            "create the folder, plug in its drive, or correct media_dir",
        )


def _lay_over(layers: Sequence[Layer], environ: Mapping[str, str], *, with_s3: bool) -> dict[KeyPath, Given]:
    """The values that win, paths made absolute."""
    values: dict[KeyPath, Given] = {}
    for layer in reversed(layers):
        for path, given in layer.values.items():
            if path[0] == "s3" and not with_s3:
                continue
            value = given.value
            if all_keys()[path].kind is Kind.FOLDER_OR_FILE and isinstance(value, str):
                value = absolute(value, layer.base, environ)
            values[path] = Given(value, given.origin)
    return values


def _default_state_dir(environ: Mapping[str, str]) -> Path | None:
    # systemd names several folders with colons between them when a unit has several.
    systemd = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if Path(systemd).is_absolute():
        return Path(systemd)
    folder = xdg_folder(environ, "XDG_STATE_HOME", ".local/state")
    return folder / "syncd" if folder else None


def _nested(values: Mapping[KeyPath, Given], sections: AbstractSet[str]) -> dict[str, object]:
    """The values as the models want them, with these sections even if they are empty."""
    tree: dict[str, object] = {name: {} for name in sorted(sections)}
    for path, given in values.items():
        table = tree
        for section in path[:-1]:
            below = table.setdefault(section, {})
            assert isinstance(below, dict)
            table = below
        table[path[-1]] = given.value
    return tree


_EXAMPLES: Mapping[KeyPath, str] = {
    ("media_dir",): "~/Pictures/family",
    ("gramps", "url"): "https://family.example",
    ("s3", "url"): "s3://my-bucket/prefix",
    ("state_dir",): "/var/lib/syncd",
    ("desktop", "tree"): "Family",
}


def _explained(
    errors: Sequence[ErrorDetails], values: Mapping[KeyPath, Given], main: Layer
) -> Iterator[Mistake]:
    """The errors of pydantic in terms of what the person wrote."""
    for error in errors:
        location = tuple(part for part in error["loc"] if part != "[key]")
        path = tuple(str(part) for part in location)
        written = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in values), None)
        if written is None:
            example = _EXAMPLES.get(path)
            if example and main.where != ENVIRONMENT:
                example = f'{path[-1]} = "{example}"'
            what = f"missing; for example: {example}" if example else explain(error)
            yield Mistake(main.where, main.spell(path), what, missing=True)
            continue
        origin = values[written].origin
        own_key = origin.key == file_key(written)
        yield Mistake(origin.where, file_key(location) if own_key else origin.key, explain(error))
