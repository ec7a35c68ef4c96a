"""The signature of a payload: HMAC-SHA256 over its JSON with every object's keys sorted."""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

ENCODINGS = ("hex", "base64", "off")


def canonical(value: Any) -> bytes:
    """Return the JSON text that is sent and signed.

    It has no spaces, keys in the order of their UTF-16 code units, and whole numbers without a
    fraction: what a receiver in JavaScript gets when it parses, sorts and serializes the body.

    >>> canonical({"b": 1.0, "a": {"d": None, "c": ["z", "y"]}})
    b'{"a":{"c":["z","y"],"d":null},"b":1}'
    """
    return orjson.dumps(_sorted(value))


def signature(body: bytes, key: str, encoding: str = "hex") -> str:
    """Return the signature of a canonical body: lower-case hex, or base64.

    >>> signature(b"{}", "mock-api-key")[:16]
    '236f1fe35e89845b'
    """
    digest = hmac.new(key.encode(), body, sha256).digest()
    return b64encode(digest).decode() if encoding == "base64" else digest.hex()


def is_signed(body: bytes, key: str, given: str) -> bool:
    """Tell whether `given` is the signature of a body, whatever the order of its keys."""
    try:
        expected = signature(canonical(orjson.loads(body)), key)
    except orjson.JSONDecodeError:
        return False
    return hmac.compare_digest(expected.encode(), given.encode())


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value, key=_code_units)}
    if isinstance(value, (list, tuple)):
        return [_sorted(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _code_units(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")
