"""Parameters, from the bytes of a request to the values that the contract says they are."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from mockvault.contract import Contract, Operation, Parameter, escape
from mockvault.web.explanations import MOST, Explainer
from mockvault.web.schemas import Schemas
from mockvault.web.violations import Violation, cut, nearest, shown

ABSENT: Any = object()
"""What the reading of a parameter gives when it was not sent, or sent as null."""

_INTEGER = re.compile(r"-?[0-9]{1,300}")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,299})(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,4})?")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MEMBER = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
_SEPARATORS = {"spaceDelimited": " ", "pipeDelimited": "|"}
_JSON_TYPES = frozenset({"boolean", "integer", "number"})
_BOUNDS = ("minimum", "maximum")
_WORDS = {
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
}


class NotText(ValueError):
    """The bytes are not text: badly percent-encoded, or not UTF-8."""


class NotTyped(ValueError):
    """The text does not write a value of the type it should."""


def decoded(raw: bytes) -> str:
    """Return the text that percent-encoded bytes write; `%2F` and `%00` are characters like others.

    Raises NotText.
    """
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise NotText("holds a % that two hexadecimal digits do not follow")
        raw = unquote_to_bytes(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise NotText("is not UTF-8 when percent-decoded") from None


def typed(text: str, kind: str | None) -> Any:
    """Return the value of JSON type `kind` that `text` writes; text is text for all other types.

    Raises NotTyped.
    """
    if kind == "integer":
        if _INTEGER.fullmatch(text):
            return int(text)
        raise NotTyped
    if kind == "number":
        found = _NUMBER.fullmatch(text)
        if found is None:
            raise NotTyped
        number = float(text) if found[2] or found[3] else int(text)
        if number in {float("inf"), float("-inf")}:
            raise NotTyped
        return number
    if kind == "boolean":
        if text in {"true", "false"}:
            return text == "true"
        raise NotTyped
    return text


class Reader:
    """Reads one parameter of one operation, or one member or item of it."""

    def __init__(self, contract: Contract, schema: Any, pointer: str) -> None:
        self.schema, self.pointer = contract.follow(schema, pointer)
        self.kind: str | None = self.schema.get("type")
        self.nullable = self.schema.get("nullable") is True
        self.is_text = self.kind in {None, "string"}

    def value(self, text: str) -> Any:
        """Return the value that `text` writes, or ABSENT when it writes none.

        Raises NotTyped.
        """
        if self.nullable:
            if self.is_text and not text:
                return ABSENT
            if text == "null" and self.kind in _JSON_TYPES:
                return ABSENT
        return text if self.is_text else typed(text, self.kind)


class Plan:
    """All that judging one parameter takes, made once."""

    def __init__(self, schemas: Schemas, parameter: Parameter) -> None:
        contract = schemas.contract
        self.parameter = parameter
        self.name = parameter.name
        self.raw_name = parameter.name.lower().encode()
        self.schema_pointer = f"{parameter.pointer}/schema"
        self.reader = Reader(contract, parameter.schema, self.schema_pointer)
        self.explainer = Explainer(schemas, parameter.location)
        plain = self.reader.schema.keys() - _ANNOTATIONS <= {"type"}
        self.is_valid = (
            None
            if plain and self.reader.is_text
            else schemas.validator(self.schema_pointer).is_valid
        )
        self.is_plain = self.is_valid is None
        self.deep = parameter.style == "deepObject"
        self.members: dict[str, Reader] = {}
        self.others: Reader | None = None
        if self.deep:
            self._take_members(contract)
        self.items: Reader | None = None
        if self.reader.kind == "array":
            where = f"{self.reader.pointer}/items"
            self.items = Reader(contract, self.reader.schema["items"], where)
        self.separator = _SEPARATORS.get(parameter.style, ",")
        self.repeats = self.items is not None and parameter.explode and parameter.style == "form"

    def _take_members(self, contract: Contract) -> None:
        schema, pointer = self.reader.schema, self.reader.pointer
        for name, member in schema.get("properties", {}).items():
            self.members[name] = Reader(contract, member, f"{pointer}/properties/{escape(name)}")
        other = schema.get("additionalProperties")
        if other is True:
            self.others = Reader(contract, {}, pointer)
        elif isinstance(other, Mapping):
            self.others = Reader(contract, other, f"{pointer}/additionalProperties")

    def read(self, texts: list[str], found: list[Violation]) -> Any:
        """Return the parameter's value from its texts; what is wrong is appended to `found`."""
        if len(texts) > 1 and not self.repeats:
            found.append(self.repeated([self.name], len(texts)))
            return ABSENT
        if self.items is None:
            value = self.coerced(self.reader, texts[0], [self.name], found)
        else:
            parts = texts if self.repeats else self._split(texts[0])
            value = [
                self.coerced(self.items, part, [self.name, str(place)], found)
                for place, part in enumerate(parts)
            ]
            if any(item is ABSENT for item in value):
                return ABSENT
        return self.judged(value, found)

    def read_members(self, given: dict[str, list[str]], found: list[Violation]) -> Any:
        """Return the object that the members of a deepObject parameter make up."""
        value = {}
        for name, texts in given.items():
            if len(found) >= MOST:
                break
            reader = self.members.get(name, self.others)
            if reader is None:
                found.append(self.unknown_member(name, texts[0]))
            elif len(texts) > 1:
                found.append(self.repeated([self.name, name], len(texts)))
            else:
                member = self.coerced(reader, texts[0], [self.name, name], found)
                if member is not ABSENT:
                    value[name] = member
        return self.judged(value, found)

    def judged(self, value: Any, found: list[Violation]) -> Any:
        """Return `value`, having appended to `found` what of its schema it breaks."""
        if value is not ABSENT and self.is_valid is not None and not self.is_valid(value):
            found.extend(self.explainer.explain(self.schema_pointer, value, [self.name]))
        return value

    def coerced(self, reader: Reader, text: str, path: list[str], found: list[Violation]) -> Any:
        """Return the value that `text` writes for `reader`, or ABSENT, with what is wrong told."""
        try:
            return reader.value(text)
        except NotTyped:
            found.append(self._mistyped(reader, text, path))
            return ABSENT

    def missing(self, hint: str | None = None) -> Violation:
        """Return the violation that the parameter was not sent."""
        return self.explainer.violation(
            [self.name],
            "required",
            f"{self.name} is required",
            expected=f"a {self.parameter.location} parameter {self.name}",
            got="nothing",
            rule=f"{self.parameter.pointer}/required",
            hint=hint,
        )

    def unreadable(self, raw: bytes, reason: str) -> Violation:
        """Return the violation that the parameter's bytes are no text."""
        return self.explainer.violation(
            [self.name],
            "encoding",
            f"{self.name} {reason}",
            expected="percent-encoded UTF-8",
            got=shown(raw.decode("ascii", "backslashreplace"), [self.name]),
            rule=self.parameter.pointer,
        )

    def repeated(self, path: list[str], times: int) -> Violation:
        """Return the violation that a parameter of one value was sent several times."""
        return self.explainer.violation(
            path,
            "repeated",
            f"{self.explainer.subject(path)} is given {times} times",
            expected="one value",
            got=f"{times} values",
            rule=self.parameter.pointer,
        )

    def unknown_member(self, name: str, text: str) -> Violation:
        """Return the violation that a deepObject has no such member."""
        path = [self.name, name]
        near = nearest(name, self.members)
        known = ", ".join(f"{self.name}[{member}]" for member in self.members)
        return self.explainer.violation(
            path,
            "unknown",
            f"{self.explainer.subject(path)} is not a parameter of this operation",
            expected=f"only {known}",
            got=shown(text, path),
            rule=f"{self.reader.pointer}/properties",
            hint=f"did you mean {self.name}[{near}]?" if near else None,
        )

    def misshapen(self, name: str, text: str) -> Violation:
        """Return the violation that a deepObject is not written as one."""
        known = [f"{self.name}[{member}]=…" for member in self.members]
        return self.explainer.violation(
            [self.name],
            "style",
            f"{cut(name)} is not how a member of {self.name} is written",
            expected=" or ".join(known),
            got=shown(f"{name}={text}", [name]),
            rule=f"{self.parameter.pointer}/style",
            hint=f"write {known[0]}" if known else None,
        )

    def _split(self, text: str) -> list[str]:
        return text.split(self.separator) if text else []

    def _mistyped(self, reader: Reader, text: str, path: list[str]) -> Violation:
        keyword, rule = "type", f"{reader.pointer}/type"
        expected = _WORDS.get(reader.kind or "", f"a value of type {reader.kind}")
        if reader.nullable:
            expected = f"{expected} or null"
        if len(text) > 300 and text.strip("-").isdigit():  # an integer, out of all bounds
            bound = "minimum" if text.startswith("-") else "maximum"
            if bound in reader.schema:
                keyword, rule = bound, f"{reader.pointer}/{bound}"
                expected = reader.schema[bound]
        subject = self.explainer.subject(path)
        word = {"minimum": "at least ", "maximum": "at most "}.get(keyword, "")
        return self.explainer.violation(
            path,
            keyword,
            f"{subject} must be {word}{expected}",
            expected=expected,
            got=shown(text, path),
            rule=rule,
        )


_ANNOTATIONS = frozenset({"default", "deprecated", "description", "example", "nullable", "title"})


class QueryReader:
    """Reads the query of one operation; what the contract does not declare is refused by name."""

    def __init__(self, schemas: Schemas, operation: Operation) -> None:
        self.operation = operation
        self.explainer = Explainer(schemas, "query")
        self.plans = {
            one.name: Plan(schemas, one) for one in operation.parameters if one.location == "query"
        }
        self._by_bytes = {name.encode(): plan for name, plan in self.plans.items() if not plan.deep}
        self._required = [plan for plan in self.plans.values() if plan.parameter.required]
        self._defaults = {
            name: plan.parameter.default
            for name, plan in self.plans.items()
            if plan.parameter.default is not None
        }
        pointer = f"{operation.pointer}/parameters"
        self._rule = pointer if operation.parameters else operation.pointer

    def read(self, query: bytes, values: dict[str, Any], found: list[Violation]) -> None:
        """Put the values of the query into `values`, and what is wrong with it into `found`."""
        if self._defaults:
            values.update(self._defaults)
        sent: dict[str, list[str]] = {}
        members: dict[str, dict[str, list[str]]] = {}
        if query:
            self._collect(query, sent, members, found)
        for name, texts in sent.items():
            value = self.plans[name].read(texts, found)
            if value is not ABSENT:
                values[name] = value
        for name, given in members.items():
            values[name] = self.plans[name].read_members(given, found)
        del found[MOST:]
        for plan in self._required:
            sent_somehow = plan.name in sent or plan.name in members
            if not sent_somehow and not _is_told(found, plan.name):
                found.append(plan.missing())

    def _collect(
        self,
        query: bytes,
        sent: dict[str, list[str]],
        members: dict[str, dict[str, list[str]]],
        found: list[Violation],
    ) -> None:
        for pair in query.split(b"&"):
            if not pair:
                continue
            if len(found) >= MOST:
                return
            raw_name, _, raw = pair.partition(b"=")
            plan = self._by_bytes.get(raw_name)
            try:
                name = plan.name if plan else decoded(raw_name.replace(b"+", b" "))
            except NotText as wrong:
                found.append(self._unreadable(raw_name, str(wrong)))
                continue
            plan = plan or self._plan_of(name)
            try:
                text = decoded(raw.replace(b"+", b" "))
            except NotText as wrong:
                found.append(plan.unreadable(raw, str(wrong)) if plan else self._unknown(name, ""))
                continue
            if plan is None:
                found.append(self._unknown(name, text))
            elif not plan.deep:
                sent.setdefault(name, []).append(text)
            elif member := _MEMBER.fullmatch(name):
                members.setdefault(plan.name, {}).setdefault(member[2], []).append(text)
            else:
                found.append(plan.misshapen(name, text))

    def _plan_of(self, name: str) -> Plan | None:
        plan = self.plans.get(name)
        if plan is None and "[" in name:
            plan = self.plans.get(name[: name.index("[")])
            return plan if plan is not None and plan.deep else None
        return plan

    def _unreadable(self, raw_name: bytes, reason: str) -> Violation:
        name = raw_name.decode("ascii", "backslashreplace")
        return self.explainer.violation(
            [name],
            "encoding",
            f"the name of a query parameter {reason}",
            expected="percent-encoded UTF-8",
            got=cut(name),
            rule=self._rule,
        )

    def _unknown(self, name: str, text: str) -> Violation:
        stem = name.partition("[")[0]
        return self.explainer.violation(
            [name],
            "unknown",
            f"{cut(name)} is not a parameter of this operation",
            expected=f"only {', '.join(self.plans)}" if self.plans else "no query parameters",
            got=shown(text, [name]),
            rule=self._rule,
            hint=self._hint(stem),
        )

    def _hint(self, name: str) -> str | None:
        near = nearest(name, self.plans)
        if near:
            return f"did you mean {near}?"
        others = {
            one.name: one.location for one in self.operation.parameters if one.location != "query"
        }
        near = nearest(name, others)
        if near is None:
            return None
        if others[near] == "header":
            return f"did you mean the header {near}?"
        return f"{near} is part of the path"


def _is_told(found: list[Violation], name: str) -> bool:
    return any(violation.pointer == f"/{escape(name)}" for violation in found)


def missing_headers(
    plans: list[Plan], headers: Mapping[bytes, bytes], known: frozenset[bytes]
) -> Iterator[Violation]:
    """Return a violation for each required header that is missing or blank."""
    for plan in plans:
        value = headers.get(plan.raw_name)
        if not value or value.isspace():
            strangers = [
                name.decode("latin-1")
                for name in headers
                if name.startswith(b"x-") and name not in known
            ]
            near = nearest(plan.name, strangers)
            hint = f"did you mean {plan.name}? the request has {cut(near)}" if near else None
            yield plan.missing(hint)
