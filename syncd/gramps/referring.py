"""References in the forms of media objects: which there are, how to leave some out, how to put some in.

An attribute that refers to something is known by its type and its value. Where an object has two such, nobody can tell
which of them a reference belongs to, and none is put in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from syncd.gramps.forms import Form, attribute_type
from syncd.model.references import Attribute, Record, Reference

_LISTS = {Record.CITATION: "citation_list", Record.NOTE: "note_list", Record.TAG: "tag_list"}
_ATTRIBUTES = "attribute_list"

_UNREADABLE = -2
"""Instead of the number of a type that is none: Gramps knows -1 and more."""

LIST_FIELDS = frozenset({*_LISTS.values(), _ATTRIBUTES})
"""The fields in which references are."""


def is_readable(form: Mapping[str, Any]) -> bool:
    """Whether a raw form of unknown origin has its lists where they belong; the rest is for the server to judge."""
    attributes = form.get(_ATTRIBUTES)
    return (
        _has_lists(form, _LISTS.values())
        and isinstance(attributes, list)
        and all(
            isinstance(one, dict) and _has_lists(one, ("citation_list", "note_list")) for one in attributes
        )
    )


def _has_lists(part: Mapping[str, Any], fields: Iterable[str]) -> bool:
    lists = [part.get(field) for field in fields]
    return all(isinstance(one, list) and all(isinstance(item, str) for item in one) for one in lists)


def references(form: Mapping[str, Any]) -> list[Reference]:
    """All references of an object, in the order of its form, each once."""
    found = list(_in(form, None))
    for attribute in form.get(_ATTRIBUTES, ()):
        found += _in(attribute, identity(attribute))
    return list(dict.fromkeys(found))


def _in(part: Mapping[str, Any], attribute: Attribute | None) -> Iterator[Reference]:
    for record, field in _LISTS.items():
        for target in part.get(field, ()):
            yield Reference(record, target, attribute)


def identity(attribute: Mapping[str, Any]) -> Attribute:
    """What tells an attribute from others, of its plain or its raw form."""
    number, word = attribute_type(attribute.get("type")) or (_UNREADABLE, "")
    return Attribute(number, word, str(attribute.get("value")))


def without(form: Mapping[str, Any], lacking: Mapping[Record, Container[str]]) -> Form:
    """A form without the references to records that are lacking, its attributes' too."""

    def pruned(part: Mapping[str, Any]) -> Form:
        kept = {
            field: [target for target in part[field] if target not in lacking.get(record, ())]
            for record, field in _LISTS.items()
            if field in part
        }
        return {**part, **kept}

    return {**pruned(form), _ATTRIBUTES: [pruned(one) for one in form.get(_ATTRIBUTES, ())]}


def with_references(form: Form, wanted: Iterable[Reference], like: Mapping[str, Any]) -> Form:
    """The fields that change when references are put into a form; none is put in twice.

    What belongs to an attribute that the form does not have exactly once is left out (see `fitting`).

    Args:
        form: plain or raw.
        wanted: what is put in.
        like: the object as Gramps Desktop has it, plain or raw, for the order; may be empty.
    """
    present = set(references(form))
    changed: Form = {}
    for reference in dict.fromkeys(fitting(form, wanted)):
        if reference in present:
            continue
        field = _LISTS[reference.record]
        now = {**form, **changed}
        if reference.attribute is None:
            changed[field] = _inserted(now.get(field, []), reference.target, like.get(field, []))
            continue
        theirs: Mapping[str, Any] = next(
            (one for one in like.get(_ATTRIBUTES, []) if identity(one) == reference.attribute), {}
        )
        changed[_ATTRIBUTES] = [
            {**one, field: _inserted(one.get(field, []), reference.target, theirs.get(field, []))}
            if identity(one) == reference.attribute
            else one
            for one in now[_ATTRIBUTES]
        ]
    return changed


def _inserted(present: Sequence[str], target: str, order: Sequence[str]) -> list[str]:
    """A list with one more in it: before the first that comes later in a given order, else at the end."""
    later = order[order.index(target) + 1 :] if target in order else []
    place = next((number for number, one in enumerate(present) if one in later), len(present))
    return [*present[:place], target, *present[place:]]


def fitting(form: Mapping[str, Any], wanted: Iterable[Reference]) -> list[Reference]:
    """Those references for which a form has a place, and only one."""
    attributes = Counter(identity(one) for one in form.get(_ATTRIBUTES, ()))
    return [one for one in wanted if one.attribute is None or attributes[one.attribute] == 1]


def missing(form: Mapping[str, Any], wanted: Iterable[Reference]) -> tuple[Reference, ...]:
    """Those references that a form does not have."""
    present = set(references(form))
    return tuple(one for one in wanted if one not in present)
