"""What a request or an answer did wrong, rule by rule, and what may be shown of it."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

SHOWN = 80
_SECRET = re.compile(
    r"api[-_]?key|authori[sz]ation|credential|jwt|passwd|password|secret|settings|token",
    re.IGNORECASE,
)
_NOISE = re.compile(r"[^a-z0-9]")


class Violation(NamedTuple):
    """One rule of the contract that was broken, and where.

    `pointer` leads into the part named by `location`, `rule` into the published contract.
    """

    location: str
    pointer: str
    keyword: str
    message: str
    expected: Any
    got: Any
    rule: str
    hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the `detail` of a refusal says of it."""
        location, pointer, keyword, message, expected, got, rule, hint = self
        told = {
            "in": location,
            "pointer": pointer,
            "keyword": keyword,
            "message": message,
            "expected": expected,
            "got": got,
            "rule": rule,
        }
        if hint is not None:
            told["hint"] = hint
        return told


def told_of(violations: Iterable[Violation]) -> str:
    """Return all that was broken as one sentence."""
    return "; ".join([violation.message for violation in violations])


class RequestInvalid(Exception):
    """The request breaks the contract; all that it breaks is in `violations`."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__(told_of(self.violations))


class UnsupportedMediaType(Exception):
    """The body is not of a media type that the operation takes."""

    def __init__(self, message: str, got: str | None, supported: Sequence[str]) -> None:
        super().__init__(message)
        self.got = got
        self.supported = tuple(supported)


def is_secret(path: Iterable[str | int]) -> bool:
    """Tell whether what stands below one of these names must not be repeated.

    >>> is_secret(["settings", "instance_url"])
    True
    """
    return any(map(_is_secret_name, path))


@lru_cache(maxsize=1024, typed=True)
def _is_secret_name(name: str | int) -> bool:
    return isinstance(name, str) and _SECRET.search(name) is not None


def shown(value: Any, path: Iterable[str | int] = ()) -> Any:
    """Return what may be told of `value`, which stands at `path`.

    >>> shown(["a", "b"])
    'array of 2'
    """
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return f"array of {len(value)}"
    if path and is_secret(path):
        return type_name(value)
    if isinstance(value, str) and len(value) > SHOWN:
        return cut(value)
    return value


def cut(text: str) -> str:
    """Return `text`, or its beginning when it is long."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def type_name(value: Any) -> str:
    """Return the JSON type of `value`.

    >>> type_name(1.5)
    'number'
    """
    if value is None:
        return "null"
    for kind, name in _TYPE_NAMES:
        if isinstance(value, kind):
            return name
    return "number"


_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that `name` was probably meant to be.

    >>> nearest("consumerid", ["limit", "consumer_id"])
    'consumer_id'
    """
    plain: dict[str, str] = {}
    for candidate in candidates:
        plain.setdefault(_plain(candidate), candidate)
    found = get_close_matches(_plain(name), plain, n=1, cutoff=0.7)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return _NOISE.sub("", name[:SHOWN].lower()).removeprefix("xapideck")


def listed(words: Sequence[Any], link: str = "or") -> str:
    """Return the words as a sentence lists them.

    >>> listed(["string", "number", "null"])
    'string, number or null'
    """
    texts = [str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {link} {texts[-1]}"
