"""Values of a schema: its examples, its enums, and else something plausible."""

import copy
import math
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from mockvault.contract import Contract, ContractInvalid, escape
from mockvault.web.patterns import NotSimple, matching
from mockvault.web.schemas import Schemas

_DEEPEST = 8
_TRIES = 20
_WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "island",
    "juniper",
)
_NAMES = ("Ada Moreau", "Ben Okafor", "Chloé Lindt", "Diego Ferro", "Emi Tanaka", "Finn Larsen")


class Sampler:
    """Makes values of schemas by seeded chance; the caller checks what it makes."""

    def __init__(
        self, contract: Contract, schemas: Schemas, chance: Random, parameters: Mapping[str, Any]
    ) -> None:
        self.only_required = False
        self._contract = contract
        self._schemas = schemas
        self._chance = chance
        self._parameters = parameters

    def sample(self, schema: Any, pointer: str, name: str = "", depth: int = 0) -> Any:
        """Return a value of the schema at `pointer`, for a property called `name`."""
        schema, pointer = self._contract.follow(schema, pointer)
        given = self._parameters.get(name)
        if isinstance(given, str) and schema.get("type") == "string" and "enum" not in schema:
            return given
        if "example" in schema and self._is_valid(pointer, schema["example"]):
            return copy.deepcopy(schema["example"])
        if "enum" in schema:
            choices = [choice for choice in schema["enum"] if choice is not None]
            return self._chance.choice(choices) if choices else None
        if "allOf" in schema:
            return self._sample_all(schema, pointer, name, depth)
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema:
                return self._sample_one(schema, keyword, pointer, name, depth)
        return self._sample_type(schema, pointer, name, depth)

    def _sample_type(self, schema: Any, pointer: str, name: str, depth: int) -> Any:
        kind = schema.get("type") or _implied(schema)
        if kind == "object":
            return self._object(schema, pointer, depth)
        if kind == "array":
            return self._array(schema, pointer, name, depth)
        if kind == "boolean":
            return self._chance.random() < 0.5
        if kind in {"integer", "number"}:
            return self._number(schema, whole=kind == "integer")
        return self._text(schema, name)

    def _sample_all(self, schema: Any, pointer: str, name: str, depth: int) -> Any:
        own = {key: value for key, value in schema.items() if key not in {"allOf", "nullable"}}
        values = [
            self.sample(part, f"{pointer}/allOf/{place}", name, depth)
            for place, part in enumerate(schema["allOf"])
        ]
        if own.keys() & {"type", "properties", "additionalProperties"}:
            values.append(self._sample_type(own, pointer, name, depth))
        if not all(isinstance(value, dict) for value in values):
            return values[0]
        return {key: inner for value in values for key, inner in value.items()}

    def _sample_one(self, schema: Any, keyword: str, pointer: str, name: str, depth: int) -> Any:
        own = {key: value for key, value in schema.items() if key in {"properties", "required"}}
        beside = self._object(own, pointer, depth) if own else {}
        branches = list(enumerate(schema[keyword]))
        self._chance.shuffle(branches)
        value: Any = None
        for place, branch in branches:
            value = self.sample(branch, f"{pointer}/{keyword}/{place}", name, depth)
            if isinstance(value, dict):
                value = {**beside, **value}
            if self._is_valid(pointer, value):
                break
        return value

    def _object(self, schema: Any, pointer: str, depth: int) -> dict[str, Any]:
        required = schema.get("required", [])
        bare = self.only_required or depth >= _DEEPEST
        made = {
            name: self.sample(node, f"{pointer}/properties/{escape(name)}", name, depth + 1)
            for name, node in schema.get("properties", {}).items()
            if (name in required or not bare) and not self._is_write_only(node, pointer)
        }
        other = schema.get("additionalProperties", True)
        wanted = schema.get("minProperties", 0)
        if isinstance(other, Mapping) and not made and not bare:
            wanted = max(wanted, 1)
        declared = schema.get("properties", {})
        missing = [name for name in required if name not in declared]
        spare = iter([*missing, *(f"{word}_{turn}" for turn in range(9) for word in _WORDS)])
        while other is not False and (len(made) < wanted or missing):
            name = next(spare, None)
            if name is None:
                break
            where = f"{pointer}/additionalProperties"
            node = other if isinstance(other, Mapping) else {}
            made[name] = self.sample(node, where, name, depth + 1)
            missing = [name for name in missing if name not in made]
        return made

    def _is_write_only(self, node: Any, pointer: str) -> bool:
        schema, _ = self._contract.follow(node, pointer)
        return schema.get("writeOnly") is True

    def _array(self, schema: Any, pointer: str, name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", 2), max(least, 2))
        if self.only_required or depth >= _DEEPEST:
            most = least
        count = self._chance.randint(min(max(least, 1), most), max(most, least))
        made: list[Any] = []
        for _ in range(count * _TRIES):
            if len(made) == count:
                break
            item = self.sample(schema.get("items", {}), f"{pointer}/items", name, depth + 1)
            if item not in made or not schema.get("uniqueItems"):
                made.append(item)
        return made

    def _number(self, schema: Any, *, whole: bool) -> int | float:
        step: float = schema.get("multipleOf", 1 if whole else 0.5)
        low = schema.get("minimum", min(0, schema.get("maximum", 0) - 100))
        high = schema.get("maximum", max(low + 100, 100))
        first = math.ceil(low / step)
        last = math.floor(high / step)
        if schema.get("exclusiveMinimum") and first * step <= low:
            first += 1
        if schema.get("exclusiveMaximum") and last * step >= high:
            last -= 1
        if first > last:  # no multiple of our own step lies between
            return float(low + high) / 2
        value: float = self._chance.randint(first, last) * step
        return int(value) if whole else value

    def _text(self, schema: Any, name: str) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        pattern = schema.get("pattern", "")
        text = ""
        for _ in range(_TRIES):
            text = self._plausible(schema.get("format"), name)
            if not re.search(pattern, text):
                try:
                    text = matching(pattern, self._chance)
                except (NotSimple, IndexError, ValueError):
                    return text
            elif "format" not in schema:
                text = self._resized(text, least, most)
            if least <= len(text) <= most and re.search(pattern, text):
                break
        return text

    def _resized(self, text: str, least: int, most: float) -> str:
        while len(text) < least:
            text += self._chance.choice(_WORDS)
        return text[: int(most)] if len(text) > most else text

    def _plausible(self, kind: str | None, name: str) -> str:
        for fits, make in _TEXTS:
            if kind == fits or (kind is None and re.search(fits, name)):
                return make(self._chance)
        return self._chance.choice(_WORDS)

    def _is_valid(self, pointer: str, value: Any) -> bool:
        try:
            return self._schemas.validator(pointer).is_valid(value)
        except (ContractInvalid, ValueError):  # stands where no compiled schema is
            return False


def _implied(schema: Any) -> str:
    if schema.keys() & {"properties", "additionalProperties", "required", "minProperties"}:
        return "object"
    if schema.keys() & {"items", "minItems", "maxItems", "uniqueItems"}:
        return "array"
    if schema.keys() & {"minimum", "maximum", "multipleOf"}:
        return "number"
    return "string"


def _uuid(chance: Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    parts = (digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:])
    return "-".join(parts)


def _date(chance: Random) -> str:
    return f"2024-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"


def _time(chance: Random) -> str:
    return f"{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:{chance.randint(0, 59):02d}Z"


def _moment(chance: Random) -> str:
    return f"{_date(chance)}T{_time(chance)}"


def _host(chance: Random) -> str:
    return f"{chance.choice(_WORDS)}.example.com"


def _url(chance: Random) -> str:
    return f"https://{_host(chance)}/{chance.choice(_WORDS)}"


# (an OpenAPI format, or what a property's name has to hold; what makes such a text)
_TEXTS: tuple[tuple[str, Callable[[Random], str]], ...] = (
    ("date-time", _moment),
    ("date", _date),
    ("time", _time),
    ("duration", lambda chance: f"PT{chance.randint(1, 59)}M"),
    ("uuid", _uuid),
    ("email", lambda chance: f"{chance.choice(_WORDS)}@example.com"),
    ("idn-email", lambda chance: f"{chance.choice(_WORDS)}@example.com"),
    ("hostname", _host),
    ("ipv4", lambda chance: f"192.0.2.{chance.randint(1, 254)}"),
    ("ipv6", lambda chance: f"2001:db8::{chance.randint(1, 9999):x}"),
    ("uri", _url),
    ("uri-reference", _url),
    ("iri", _url),
    ("iri-reference", _url),
    ("json-pointer", lambda chance: f"/{chance.choice(_WORDS)}"),
    ("byte", lambda _chance: "bW9ja3ZhdWx0"),
    ("regex", lambda _chance: "^[a-z]+$"),
    (r"(^|_)(url|uri|link|website|logo|icon|image)$", _url),
    (r"_(at|datetime)$|^(created|modified|timestamp)$", _moment),
    (r"(^|_)ids?$", _uuid),
    (r"^(user_|account_)?name$", lambda chance: chance.choice(_NAMES)),
)
