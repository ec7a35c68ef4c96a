"""JSON text of what the domain holds: fast, and of any value that it may hold."""

import json
from collections.abc import Mapping
from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """Return the JSON text of a value; read-only mappings are objects, integers have any size."""
    try:
        return orjson.dumps(value, default=_plain)
    except orjson.JSONEncodeError:
        return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (frozenset, tuple)):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
