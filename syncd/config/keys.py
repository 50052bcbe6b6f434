"""Every key there is, read off the models: the one list that files, variables, messages and documents share."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from syncd.config.mistakes import KeyPath, file_key, nearest, variable
from syncd.config.settings import Settings


class Kind(Enum):
    """How a key is written in a variable, and what a file may not show to others."""

    TEXT = "text"
    LIST = "list"
    TABLE = "table"
    FOLDER_OR_FILE = "path"
    SECRET = "secret"  # noqa: S105 - the kind, not one of them


@dataclass(frozen=True, slots=True)
class Key:
    """One key: where it is, how it is written, and its field."""

    path: KeyPath
    kind: Kind
    field: FieldInfo

    @property
    def written(self) -> str:
        """As in a file: `gramps.url`."""
        return file_key(self.path)

    @property
    def variable(self) -> str:
        """As in the environment: `SYNCD_GRAMPS__URL`."""
        return variable(self.path)


@functools.cache
def all_keys() -> Mapping[KeyPath, Key]:
    """Every key, in the order of the models."""
    return {key.path: key for key in _keys_of(Settings, ())}


@functools.cache
def all_sections() -> frozenset[KeyPath]:
    """Every section: `("gramps",)`, `("deletions", "hold_above")`; the top is `()`."""
    return frozenset(path[:length] for path in all_keys() for length in range(len(path)))


@functools.cache
def all_variables() -> Mapping[str, Key]:
    """The key that each variable sets; tables inside a section are not among them."""
    return {key.variable: key for key in all_keys().values()}


def _keys_of(model: type[BaseModel], section: KeyPath) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        types_within = list(_types_within(field.annotation))
        sub = next((each for each in types_within if _is_model(each)), None)
        if sub is not None:
            yield from _keys_of(sub, (*section, name))
        else:
            yield Key((*section, name), _kind(types_within), field)


def _is_model(each: object) -> bool:
    return isinstance(each, type) and issubclass(each, BaseModel)


def _types_within(annotation: typing.Any) -> Iterator[typing.Any]:
    """The annotation itself, and what optional and annotated types wrap."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _types_within(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _types_within(part)
    else:
        yield origin or annotation


def _kind(types_within: list[typing.Any]) -> Kind:
    for found, kind in (
        (SecretStr, Kind.SECRET),
        (Path, Kind.FOLDER_OR_FILE),
        (tuple, Kind.LIST),
        (Mapping, Kind.TABLE),
    ):
        if found in types_within:
            return kind
    return Kind.TEXT


_OTHER_WORDS = {
    "bucket": ("s3", "url"),
    "prefix": ("s3", "url"),
    "user": ("gramps", "username"),
    "login": ("gramps", "username"),
    "server": ("gramps", "url"),
    "folder": ("media_dir",),
}
"""What people write for keys that are called quite differently."""


def unknown_key(path: KeyPath) -> tuple[str, str]:
    """What to say of a key of a file that does not exist, and the key that may be meant (or "").

    `path` is below an existing section.
    """
    section, name = path[:-1], path[-1]
    elsewhere = _OTHER_WORDS.get(name.lower())
    siblings = {key[len(section)] for key in all_keys() if key[: len(section)] == section}
    near = nearest(name, sorted(siblings)) if elsewhere is None else None
    if near is not None:
        meant = (*section, near)
        shown = f"[{file_key(meant)}]" if meant in all_sections() else file_key(meant)
        return f"unknown key; did you mean {shown}?", file_key(meant)
    elsewhere = elsewhere or next((key for key in all_keys() if key[-1] == name), None)
    if elsewhere is None:
        written = {file_key(key): key for key in all_keys()}
        elsewhere = written.get(nearest(file_key(path), written) or "")
    if elsewhere is None:
        return "unknown key", ""
    place = f"below [{file_key(elsewhere[:-1])}]" if elsewhere[:-1] else "above the first [section]"
    return f"unknown key; did you mean {file_key(elsewhere)} ({place})?", file_key(elsewhere)


def unknown_variable(name: str) -> tuple[str, str]:
    """What to say of a `SYNCD_…` variable that does not exist, and the one that may be meant (or "")."""
    # Without the beginning that all have in common, or everything would be similar.
    ends = {one.removeprefix("SYNCD_"): one for one in all_variables()}
    near = ends.get(nearest(name.removeprefix("SYNCD_"), ends) or "", "")
    return (f"unknown variable; did you mean {near}?" if near else "unknown variable"), near
