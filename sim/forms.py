"""Media objects in the forms in which Gramps Web gives and takes them."""

from __future__ import annotations

from typing import Any

Form = dict[str, Any]


def new_form(handle: str, path: str, checksum: str, number: str, change: int) -> Form:
    """The raw form of an object of which no more is known."""
    return {
        "_class": "Media",
        "attribute_list": [],
        "change": change,
        "checksum": checksum,
        "citation_list": [],
        "date": {
            "_class": "Date",
            "calendar": 0,
            "dateval": [0, 0, 0, False],
            "format": None,
            "modifier": 0,
            "newyear": 0,
            "quality": 0,
            "sortval": 0,
            "text": "",
        },
        "desc": path,
        "gramps_id": number,
        "handle": handle,
        "mime": "image/jpeg",
        "note_list": [],
        "path": path,
        "private": False,
        "tag_list": [],
        "thumb": None,
    }


def raw(form: Form) -> Form:
    """The raw form of a plain one without attributes."""
    date = {key: value for key, value in form["date"].items() if key != "year"}
    return {**form, "_class": "Media", "thumb": None, "date": {**date, "_class": "Date"}}


def plain(form: Form) -> Form:
    """The plain form of a raw one without attributes."""
    kept = {key: value for key, value in form.items() if key not in ("_class", "thumb")}
    date = {key: value for key, value in form["date"].items() if key != "_class"}
    return {**kept, "date": {**date, "year": 0}}
