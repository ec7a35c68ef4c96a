"""Proof by parts: an object is right where each of its properties is, if its schema asks no more.

A connection that was changed is a few new properties beside many old ones. What was found right of
a property's text is right of the same text again.
"""

from functools import lru_cache
from typing import Any

import orjson

from mockvault.contract import escape
from mockvault.vault.kept import Parts
from mockvault.web.schemas import Schemas

MOST = 512
"""Texts of properties that are known to be right; when there are more, all go."""
SEEN = 64
"""Texts that were right once. Few: most are of values that never come again, as times are, and to
read them back from memory takes longer than to judge them.
"""
LONGEST = 16_384
"""Bytes of a text that is remembered."""
_OF_PROPERTIES = frozenset({"type", "properties", "required"})
_ANNOTATIONS = frozenset({"description", "example", "title", "deprecated", "externalDocs"})
_END = b"}"


class ByParts:
    """Proves objects of one schema by the texts of their properties."""

    def __init__(self, schemas: Schemas, pointer: str, schema: Any) -> None:
        self._required = frozenset(schema.get("required", ()))
        self._validators = {
            name: schemas.validator(f"{pointer}/properties/{escape(name)}")
            for name in schema.get("properties", {})
        }
        self._judges = {
            b',"%b"' % name.encode(): judge.is_valid
            for name, judge in self._validators.items()
            if name.isidentifier()
        }
        """By how a part begins that is one of these properties."""
        self._right = {_END}
        self._seen: set[bytes] = set()

    def proves(self, parts: Parts) -> bool:
        """Tell whether the object that is joined from the parts is right.

        False leaves that open: a property may be wrong, or named in an odd way.
        """
        right, seen, judges = self._right, self._seen, self._judges
        for text in parts:
            if text in right:
                continue
            name, _, value = text.partition(b":")
            is_valid = judges.get(name)
            if is_valid is None:
                if not self.is_right_of(orjson.loads(_object_of(text))):
                    return False
            elif not is_valid(orjson.loads(value)):
                return False
            if text in seen:
                self._remember(text)
            elif len(text) <= LONGEST:
                if len(seen) >= SEEN:
                    seen.clear()
                seen.add(text)
        return not self._required or self._required.issubset(orjson.loads(b"".join(parts)))

    def is_right_of(self, properties: dict[str, Any]) -> bool:
        """Tell whether each of these properties has a value that it may have."""
        validators = self._validators
        for name, value in properties.items():
            judge = validators.get(name)
            if judge is not None and not judge.is_valid(value):
                return False
        return True

    def _remember(self, text: bytes) -> None:
        """Take a text that came again for right from now on."""
        self._seen.remove(text)
        if len(self._right) >= MOST:
            self._right = {_END}
        self._right.add(text)


def _object_of(part: bytes) -> bytes:
    """Return the properties of one part as an object's text: those of the beginning, or another."""
    return (part if part.startswith(b"{") else b"{" + part[1:]) + _END


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
