"""JSON lines: every run event on a line of its own, by a published schema."""

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from conformance.failures import plain
from conformance.run_events import RunEvent

_NAME_BY_TYPE = {
    str: "string",
    bytes: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def _schema(kind: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of values of a type; those of data classes are kept by name."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in shapes:
            shapes[kind.__name__] = {}
            shapes[kind.__name__] = _object(kind, shapes)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if kind in _NAME_BY_TYPE:
        return {"type": _NAME_BY_TYPE[kind]}
    return _of_many(get_origin(kind), get_args(kind), shapes)


def _of_many(origin: Any, of: tuple[Any, ...], shapes: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}  # anything
    if origin is Literal:
        found = {"enum": list(of)}
    elif origin is types.UnionType:
        found = {"anyOf": [_schema(item, shapes) for item in of]}
    elif origin is tuple and of[-1] is ...:
        found = {"type": "array", "items": _schema(of[0], shapes)}
    elif origin is tuple:
        items = [_schema(item, shapes) for item in of]
        found = {"type": "array", "prefixItems": items, "minItems": len(items)}
    elif origin is Mapping:
        found = {"type": "object", "additionalProperties": _schema(of[1], shapes)}
    return found


def _object(kind: type, shapes: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {name: _schema(hint, shapes) for name, hint in get_type_hints(kind).items()}
    properties = {**more, **told}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _published() -> dict[str, Any]:
    shapes: dict[str, Any] = {}
    events = [_object(kind, shapes, event={"const": kind.__name__}) for kind in get_args(RunEvent)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run event of conformance, one a line",
        "oneOf": events,
        "$defs": shapes,
    }


SCHEMA: dict[str, Any] = _published()


def line(event: RunEvent) -> str:
    """Return one event as a line."""
    return json.dumps(
        {"event": type(event).__name__, **plain(event)}, ensure_ascii=True, default=str
    )


def render(events: Sequence[RunEvent]) -> str:
    """Return the run as JSON lines."""
    return "".join(line(event) + "\n" for event in events)
