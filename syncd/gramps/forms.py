"""The forms in which Gramps Web gives and takes media objects, and how to get from one to another.

There are two. The *plain* form is what `GET /media/…` gives and `PUT` and `POST /objects/` take: types are words, a
date has a `year`. The *raw* form is what the history gives and `POST /transactions/` takes: each part names its
`_class`, types are numbers. `to_raw` knows all that Gramps 6 has in a media object and refuses anything else, so
that nothing can be dropped on the way.
"""

from __future__ import annotations

from sys import intern
from typing import Any

from syncd.errors import Unexpected
from syncd.model import MediaObject
from syncd.model.paths import is_text
from syncd.ports import NewObject, ObjectChange

Form = dict[str, Any]

_ATTRIBUTE_TYPES = {
    "Unknown": -1,
    "Custom": 0,
    "Caste": 1,
    "Description": 2,
    "Identification Number": 3,
    "National Origin": 4,
    "Number of Children": 5,
    "Social Security Number": 6,
    "Nickname": 7,
    "Cause": 8,
    "Agency": 9,
    "Age": 10,
    "Father Age": 11,
    "Mother Age": 12,
    "Witness": 13,
    "Time": 14,
    "Occupation": 15,
}
"""`gramps.gen.lib.attrtype`, by the word that stands in Gramps XML."""

LATEST = 1 << 62
"""Unix seconds: beyond any time, and what every database holds."""

_OBJECT_KEYS = frozenset(
    {
        *("attribute_list", "change", "checksum", "citation_list", "date", "desc", "gramps_id", "handle"),
        *("mime", "note_list", "path", "private", "tag_list"),
    }
)
_ATTRIBUTE_KEYS = frozenset({"citation_list", "note_list", "private", "type", "value"})
_DATE_KEYS = frozenset({"calendar", "dateval", "format", "modifier", "newyear", "quality", "sortval", "text"})


def media_object(form: object) -> MediaObject:
    """Read what matters to us from a plain or raw form.

    Raises:
        Unexpected: it is not one.
    """
    if isinstance(form, dict):
        handle, path = form.get("handle"), form.get("path")
        checksum, mime, change = form.get("checksum") or "", form.get("mime") or "", form.get("change", 0)
        if (
            isinstance(handle, str)
            and handle
            and is_text(handle)
            and isinstance(path, str)
            and isinstance(checksum, str)
            and isinstance(mime, str)
            and isinstance(change, int | float)
            and change == change  # noqa: PLR0124 - NaN is not
        ):
            # A time of an import may be any number.
            at = int(max(-LATEST, min(change, LATEST)))
            return MediaObject(intern(handle), intern(path), intern(checksum), intern(mime), at)
    raise Unexpected("Gramps Web gave a media object that cannot be read", "update Gramps Web or syncd")


def new_form(new: NewObject) -> Form:
    """The form of an object to create: plain, or raw where Gramps Desktop has the object."""
    if new.fields is None:
        fields: Form = {"desc": new.desc, "private": new.private, "tag_list": list(new.tags)}
    else:
        fields = dict(new.fields)
    return {
        **fields,
        "_class": "Media",
        "handle": new.handle,
        "path": new.path,
        "checksum": str(new.checksum),
        "mime": new.mime,
    }


def renamed_fields(change: ObjectChange) -> Form:
    """Path, checksum and media type, where a change sets them."""
    wanted = {"path": change.path, "checksum": change.checksum, "mime": change.mime}
    return {key: str(value) for key, value in wanted.items() if value is not None}


def to_raw(form: Form) -> Form | None:
    """The raw form of a plain one; None when it holds something that is not known here."""
    if set(form) - {"_class", "thumb"} != _OBJECT_KEYS:
        return None
    date = _raw_date(form["date"])
    attributes = _raw_attributes(form["attribute_list"])
    if date is None or attributes is None:
        return None
    kept = {key: form[key] for key in _OBJECT_KEYS}
    return {**kept, "_class": "Media", "thumb": None, "date": date, "attribute_list": attributes}


def _raw_date(date: Any) -> Form | None:
    if not isinstance(date, dict) or set(date) - {"_class", "year"} != _DATE_KEYS:
        return None
    return {**{key: date[key] for key in _DATE_KEYS}, "_class": "Date"}


def _raw_attributes(attributes: Any) -> list[Form] | None:
    if not isinstance(attributes, list):
        return None
    found: list[Form] = []
    for attribute in attributes:
        if not isinstance(attribute, dict) or set(attribute) - {"_class"} != _ATTRIBUTE_KEYS:
            return None
        known = attribute_type(attribute["type"])
        if known is None or not isinstance(attribute["type"], str):
            return None
        kind = {"_class": "AttributeType", "value": known[0], "string": known[1]}
        found.append({**attribute, "_class": "Attribute", "type": kind})
    return found


def attribute_type(kind: Any) -> tuple[int, str] | None:
    """The number of an attribute's type and its word where it is a person's own, of the plain or the raw form."""
    if isinstance(kind, str):
        return _ATTRIBUTE_TYPES.get(kind, 0), "" if kind in _ATTRIBUTE_TYPES else kind
    if isinstance(kind, dict):
        number, word = kind.get("value"), kind.get("string", "")
        if isinstance(number, int) and isinstance(word, str):
            return number, word if number == _ATTRIBUTE_TYPES["Custom"] else ""
    return None


def differing(old: Form, new: Form) -> set[str]:
    """The keys in which two raw forms differ, apart from the time of change."""
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - {"change"}


def written(answer: Any) -> list[Form]:
    """The changes that the answer to a write lists, each with `type`, `_class`, `handle`, `old` and `new`.

    Raises:
        Unexpected: it is no such answer.
    """
    if isinstance(answer, list) and all(_is_change(item) for item in answer):
        return answer
    raise Unexpected(
        "Gramps Web gave an answer to a change that cannot be read", "update Gramps Web or syncd"
    )


def _is_change(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and all(isinstance(item.get(key), str) for key in ("type", "_class", "handle"))
        and all(key in item and isinstance(item[key], dict | None) for key in ("old", "new"))
    )


def without_references(form: Any, handle: str) -> Any:
    """A raw form with every reference to a media object taken out, as the server does when it deletes one."""
    if isinstance(form, dict):
        return {key: without_references(value, handle) for key, value in form.items()}
    if isinstance(form, list):
        return [without_references(item, handle) for item in form if not refers(item, handle)]
    return form


def refers(item: Any, handle: str) -> bool:
    """Whether a part of a raw form is a reference to this media object."""
    return isinstance(item, dict) and item.get("_class") == "MediaRef" and item.get("ref") == handle
