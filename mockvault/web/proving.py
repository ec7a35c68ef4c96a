"""Proof by parts: an object is right where each of its properties is, if its schema asks no more.

A connection that was changed is a few new properties beside many old ones. What was found right of
a property's text is right of the same text again.
"""

from functools import lru_cache
from typing import Any

import orjson
from jsonschema_rs import Draft4Validator

from mockvault.contract import escape
from mockvault.vault.kept import Parts
from mockvault.web.schemas import Schemas

MOST = 128
"""Texts of a property, or objects, that are known to be right; when there are more, all go.

Few: many would be of values that never come again, and reading them back from memory takes longer
than to judge them.
"""
LONGEST = 4_096
"""Bytes of a text that is remembered."""
_OF_PROPERTIES = frozenset({"type", "properties", "required"})
_ANNOTATIONS = frozenset({"description", "example", "title", "deprecated", "externalDocs"})


class _Known:
    """What is known of the texts of one property; `judge` is None where any value is right."""

    __slots__ = ("judge", "texts")

    def __init__(self, judge: Draft4Validator | None) -> None:
        self.judge = judge
        self.texts: set[bytes] = set()

    def is_right(self, text: bytes) -> bool:
        if self.judge is not None and not self.judge.is_valid(orjson.loads(text)):
            return False
        if len(text) <= LONGEST:
            if len(self.texts) >= MOST:
                self.texts.clear()
            self.texts.add(text)
        return True


class ByParts:
    """Proves objects of one schema by the texts of their properties."""

    def __init__(self, schemas: Schemas, pointer: str, schema: Any) -> None:
        self._required = frozenset(schema.get("required", ()))
        self._validators = {
            name: schemas.validator(f"{pointer}/properties/{escape(name)}")
            for name in schema.get("properties", {})
        }
        self._known: dict[bytes, _Known] = {}
        self._beginnings: dict[bytes, frozenset[str]] = {}
        self._complete: set[tuple[bytes, ...]] = set()

    def proves(self, parts: Parts) -> bool:
        """Tell whether the object that is joined from the parts is right.

        False leaves that open: a property may be wrong, or named in an odd way.
        """
        known, beginning, names = self._known, parts[0], parts[1:-1:2]
        for name, text in zip(names, parts[2:-1:2], strict=True):
            of_name = known.get(name)
            if of_name is None:
                of_name = known[name] = _Known(self._validators.get(orjson.loads(name[1:-1])))
            if text not in of_name.texts and not of_name.is_right(text):
                return False
        return (beginning, *names) in self._complete or self._is_complete(beginning, names)

    def is_right_of(self, properties: dict[str, Any]) -> bool:
        """Tell whether each of these properties has a value that it may have."""
        return all(
            self._validators[name].is_valid(value)
            for name, value in properties.items()
            if name in self._validators
        )

    def _is_complete(self, beginning: bytes, names: list[bytes]) -> bool:
        """Tell whether the beginning is right, and no required property is missing."""
        begun = self._names_of(beginning)
        if begun is None or not self._required <= begun.union(
            [orjson.loads(name[1:-1]) for name in names]
        ):
            return False
        if len(self._complete) >= MOST:
            self._complete.clear()
        self._complete.add((beginning, *names))
        return True

    def _names_of(self, beginning: bytes) -> frozenset[str] | None:
        """Return the properties that an object begins with, or None where one of them is wrong."""
        names = self._beginnings.get(beginning)
        if names is None:
            value = orjson.loads(beginning + b"}")
            if not self.is_right_of(value):
                return None
            if len(self._beginnings) >= MOST:
                self._beginnings.clear()
            names = self._beginnings[beginning] = frozenset(value)
        return names


def data_of(schemas: Schemas, pointer: str, status: int) -> ByParts | None:
    """Return what proves the data of answers of a schema, where they are an envelope around it.

    None where the schema asks for anything else, or for anything that spans several properties.
    """
    contract = schemas.contract
    try:
        schema, pointer = contract.follow(contract.resolve(pointer), pointer)
    except LookupError:
        return None
    envelope = {"status_code": status, "status": "OK"}
    properties = schema.get("properties", {})
    if (
        not _asks_of_properties_alone(schema)
        or "data" not in properties
        or not {*envelope, "data"}.issuperset(schema.get("required", ()))
        or not ByParts(schemas, pointer, schema).is_right_of(envelope)
    ):
        return None
    data, pointer = contract.follow(properties["data"], f"{pointer}/properties/data")
    return _shared(schemas, pointer) if _asks_of_properties_alone(data) else None


@lru_cache(maxsize=256)
def _shared(schemas: Schemas, pointer: str) -> ByParts:
    return ByParts(schemas, pointer, schemas.contract.resolve(pointer))


def _asks_of_properties_alone(schema: Any) -> bool:
    return (
        isinstance(schema, dict)
        and schema.get("type") == "object"
        and schema.get("additionalProperties", True) is True
        and all(
            keyword in _OF_PROPERTIES
            or keyword in _ANNOTATIONS
            or keyword == "additionalProperties"
            or keyword.startswith("x-")
            for keyword in schema
        )
    )
