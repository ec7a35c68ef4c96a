"""Preferences: what a client, or a test for a client that cannot, asks answers to be (RFC 7240)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mockvault.contract import Operation
from mockvault.control.examples import Example, Examples
from mockvault.web.answers import response_for

KEYS = {
    "code": "a status of the operation, as code=404",
    "example": "the name of an example, as example=default",
    "delay": "milliseconds before the answer, at most 60000, as delay=800",
}
"""What can be preferred, and what is said of it."""
_REGISTERED = frozenset({"respond-async", "return", "wait", "handling"})
_PART = re.compile(r'\s*([A-Za-z0-9!#$%&\'*+.^_`|~-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;,"]*)))?\s*')
_DIGITS = re.compile(r"[0-9]{1,5}")


class PreferenceRefused(Exception):
    """What was preferred cannot be had; `valid` lists what can."""

    def __init__(self, message: str, key: str, valid: Iterable[str]) -> None:
        super().__init__(message)
        self.key = key
        self.valid = tuple(valid)


@dataclass(frozen=True, slots=True)
class Preference:
    """What is preferred: a status, an example, a delay in milliseconds; None leaves it open."""

    code: int | None = None
    example: str | None = None
    delay: int | None = None

    @property
    def forces(self) -> bool:
        """Whether an answer is asked for that the vault does not give by itself."""
        return self.code is not None or self.example is not None

    def applied(self) -> bytes:
        """Return the value of the header Preference-Applied."""
        told = (("code", self.code), ("example", self.example), ("delay", self.delay))
        return ", ".join(f"{key}={value}" for key, value in told if value is not None).encode()

    def over(self, other: "Preference") -> "Preference":
        """Return this preference, and what the other says of that which this leaves open."""
        if self.forces:
            return Preference(self.code, self.example, _first(self.delay, other.delay))
        return Preference(other.code, other.example, _first(self.delay, other.delay))


NONE = Preference()


def read_header(values: Iterable[bytes]) -> Preference:
    """Return what the headers Prefer ask for.

    A preference that RFC 7240 registers is none of ours, and ignored. Raises PreferenceRefused for
    any other key that is not known, and for a value that its key cannot have.
    """
    said: dict[str, str] = {}
    text = ",".join(value.decode("latin-1") for value in values)
    for part in _split(text):
        match = _PART.fullmatch(part.split(";")[0])
        if match is None:
            raise PreferenceRefused(f"'{part.strip()[:80]}' is not a preference", "", KEYS)
        key, value = match[1].lower(), match[2] if match[2] is not None else match[3] or ""
        if key in KEYS:
            said.setdefault(key, value)
        elif key not in _REGISTERED:
            raise PreferenceRefused(f"'{key}' cannot be preferred", key, KEYS)
    return _preference(said)


def _split(text: str) -> list[str]:
    parts = re.findall(r'(?:[^,"]|"[^"]*"?)+', text)
    return [part for part in parts if part.strip()]


def _preference(said: Mapping[str, str]) -> Preference:
    code = _number(said, "code", 100, 599)
    delay = _number(said, "delay", 0, 60_000)
    example = said.get("example")
    if example == "":
        raise PreferenceRefused("example must be a name", "example", [KEYS["example"]])
    return Preference(code, example, delay)


def _number(said: Mapping[str, str], key: str, low: int, high: int) -> int | None:
    text = said.get(key)
    if text is None:
        return None
    if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
        raise PreferenceRefused(
            f"{key} must be a whole number from {low} to {high}, not '{text[:20]}'",
            key,
            [KEYS[key]],
        )
    return int(text)


def preferred_example(examples: Examples, operation: Operation, preference: Preference) -> Example:
    """Return the answer that is preferred; raise PreferenceRefused where there is none such."""
    found = examples.find(operation.operation_id, preference.code, preference.example)
    if found is not None and response_for(operation, found.status) is not None:
        return found
    known = examples.of(operation.operation_id)
    if preference.example is not None:
        same = [each for each in known if preference.code in (None, each.status)]
        raise PreferenceRefused(
            f"{operation.operation_id} has no example '{preference.example[:80]}'"
            + (f" of status {preference.code}" if preference.code is not None else ""),
            "example",
            (f"{each.name} ({each.status})" for each in same or known),
        )
    raise PreferenceRefused(
        f"{operation.operation_id} answers no {preference.code}",
        "code",
        dict.fromkeys(str(each.status) for each in known),
    )


def preference_json(preference: Preference) -> dict[str, Any]:
    """Return how a preference is shown."""
    told = (
        ("code", preference.code),
        ("example", preference.example),
        ("delay", preference.delay),
    )
    return {key: value for key, value in told if value is not None}


def _first(one: int | None, other: int | None) -> int | None:
    return one if one is not None else other
