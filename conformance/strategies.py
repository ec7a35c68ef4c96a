"""Requests made from the contract: legal ones, and ones that break it in a single place."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

_WRONG_BY_TYPE: dict[str, tuple[Any, ...]] = {
    "string": (7, ["x"], {"x": 1}, True),
    "boolean": ("maybe", "true", 1),
    "integer": ("many", "7", 1.5),
    "number": ("many", "7", {}),
    "array": ("none", {"x": 1}, 5),
    "object": ("none", ["x"], 5),
}
_RIGHT_BY_FORMAT = {
    "date-time": "2026-01-02T03:04:05.000Z",
    "uuid": "8f1d2f6e-1c1b-4a52-9c6e-9b3a5d0f7c11",
}
_RIGHT_BY_NAME = {
    "session_length": "30m",
    "redirect_uri": "https://app.conformance.example/back",
    "email": "ada@example.com",
    "image": "https://app.conformance.example/ada.png",
}


@dataclass(frozen=True, slots=True)
class Variation:
    """A body that differs from a legal one in one place."""

    pointer: str
    keyword: str
    body: Any
    note: str

    def __str__(self) -> str:
        return f"{self.pointer} {self.keyword} {self.note}"


def types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the types that a schema allows."""
    kind = schema.get("type")
    if isinstance(kind, list):
        return tuple(kind)
    if kind is None:
        return ("object",) if "properties" in schema else ()
    return (str(kind),)


def right(schema: Mapping[str, Any], name: str = "", *, whole: bool = True) -> Any:
    """Return a value that fits a schema, with every property or only the required ones."""
    if schema.get("enum"):
        return schema["enum"][0]
    if "anyOf" in schema:
        return right(schema["anyOf"][0], name, whole=whole)
    kind = next(iter(types(schema)), "")
    if kind == "object":
        rows = schema.get("properties", {})
        needed = schema.get("required", ())
        return {
            n: right(s, n, whole=whole) for n, s in rows.items() if s and (whole or n in needed)
        }
    if kind == "array":
        return _rows(schema.get("items", {}), name, whole=whole)
    plain = {"boolean": True, "integer": 3600, "number": 3, "null": None}
    if kind in plain:
        return plain[kind]
    return _RIGHT_BY_FORMAT.get(str(schema.get("format"))) or _RIGHT_BY_NAME.get(name) or "text"


def _rows(schema: Mapping[str, Any], name: str, *, whole: bool) -> list[Any]:
    """Return two items that differ, for what is wrong in the second is wrong too."""
    first = right(schema, name, whole=whole)
    second = copy.deepcopy(first)
    if schema.get("enum"):
        second = schema["enum"][-1]
    elif isinstance(second, dict) and isinstance(second.get("id"), str):
        second["id"] += "-2"
    return [first] if name == "configuration" else [first, second]


def switched_off(value: Any) -> Any:
    """Return a value in which every true is false."""
    if isinstance(value, dict):
        return {name: switched_off(item) for name, item in value.items()}
    if isinstance(value, list):
        return [switched_off(item) for item in value]
    return False if value is True else value


def lengthened(schema: Mapping[str, Any], base: Any, size: int) -> Any:
    """Return a legal body that is so many characters longer, if a free text or object is in it."""
    for pointer, part in places(schema, base):
        free = not {"enum", "format", "pattern"} & set(part)
        spot = base
        for step in pointer:
            spot = spot[step]
        if "string" in types(part) and free and spot == "text":
            return _with(base, pointer, "x" * size)
        if pointer and isinstance(spot, dict) and not part.get("properties"):
            return _with(base, (*pointer, "padding"), "x" * size)
    return base


def wrong_bodies(schema: Mapping[str, Any], base: Any, most: int = 9) -> Iterator[Variation]:
    """Yield bodies that break a schema in one place each: every keyword at every place.

    `most` bounds how many there are of each place.
    """
    for pointer, part in places(schema, base):
        where = "/" + "/".join(map(str, pointer))
        for keyword, value in islice(_wrong(part), most):
            if keyword == "required":
                yield Variation(
                    f"{where}/{value}", keyword, _without(base, (*pointer, value)), "left out"
                )
            else:
                yield Variation(where, keyword, _with(base, pointer, value), repr(value)[:40])
        if part.get("additionalProperties") is False:
            extra = (*pointer, "conformance_extra")
            yield Variation(
                where, "additionalProperties", _with(base, extra, "x"), "an unknown property"
            )


def _wrong(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    allowed = types(schema)
    if len(allowed) == 1 or "null" in allowed:
        kind = next((t for t in allowed if t != "null"), "")
        for value in _WRONG_BY_TYPE.get(kind, ())[:3]:
            yield "type", value
        if "null" not in allowed and kind:
            yield "type", None
    if schema.get("enum") and "string" in allowed:
        yield "enum", "conformance-unknown"
    if schema.get("format") == "date-time":
        yield "format", "not a date"
    for name in schema.get("required", ()):
        yield "required", name


def right_bodies(schema: Mapping[str, Any], base: Any) -> Iterator[Variation]:
    """Yield legal bodies at the edges of a schema: null, unknown properties, every enum value."""
    for pointer, part in places(schema, base):
        where = "/" + "/".join(map(str, pointer))
        if "null" in types(part):
            yield Variation(where, "nullable", _with(base, pointer, None), "null")
        if "object" in types(part) and part.get("additionalProperties") is not False:
            yield Variation(
                where,
                "open",
                _with(base, (*pointer, "conformance_extra"), "x"),
                "an unknown property",
            )
        for value in part.get("enum", ())[1:4]:
            yield Variation(where, "enum", _with(base, pointer, value), repr(value))


def places(
    schema: Mapping[str, Any], base: Any, pointer: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any]]]:
    """Yield each place of a body with the schema that rules there, from the outside in."""
    yield pointer, schema
    if isinstance(base, dict):
        for name, part in schema.get("properties", {}).items():
            if part and name in base:
                yield from places(part, base[name], (*pointer, name))
    if isinstance(base, list) and schema.get("items"):
        for index, item in enumerate(base[:2]):
            yield from places(schema["items"], item, (*pointer, index))


def _with(base: Any, pointer: tuple[Any, ...], value: Any) -> Any:
    if not pointer:
        return value
    out = copy.deepcopy(base)
    spot = out
    for step in pointer[:-1]:
        spot = spot[step]
    spot[pointer[-1]] = value
    return out


def _without(base: Any, pointer: tuple[Any, ...]) -> Any:
    out = copy.deepcopy(base)
    spot = out
    for step in pointer[:-1]:
        spot = spot[step]
    spot.pop(pointer[-1], None)
    return out
