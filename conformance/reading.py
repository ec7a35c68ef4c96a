"""Whether a request keeps the contract, read from what was sent, and where that is unsure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.contract import Contract, Operation, Problem
from conformance.failures import Request

_WRITTEN = {
    "boolean": re.compile(r"(true|false)\Z"),
    "integer": re.compile(r"-?[0-9]+\Z"),
    "number": re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z"),
}
_PLAIN_JSON = re.compile(r"application/json(\s*;.*)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request breaks, and what the contract leaves open about it.

    A request without problems is right only where nothing is unsure.
    """

    problems: tuple[Problem, ...]
    unsure: tuple[str, ...]
    body: Any = None

    @property
    def is_right(self) -> bool:
        """Whether the contract surely allows the request."""
        return not self.problems and not self.unsure


def read(contract: Contract, operation: Operation, request: Request) -> Reading:
    """Read a request of an operation."""
    problems: list[Problem] = []
    unsure: list[str] = []
    for parameter in operation.parameters:
        where = f"{parameter.place} {parameter.name}"
        if parameter.place == "header" and parameter.required:
            value = request.header(parameter.name)
            if value is None:
                problems.append(Problem(where, "required", "missing", parameter.pointer))
            elif not value.strip():
                unsure.append(f"{where} is empty")
        if parameter.place == "query":
            for found in _query(parameter.name, parameter.schema, request):
                if isinstance(found, str):
                    unsure.append(f"{where} {found}")
                else:
                    keyword, message = found
                    problems.append(Problem(where, keyword, message, parameter.pointer))
            sent = [n for n, _ in request.query if n.partition("[")[0] == parameter.name]
            if parameter.required and not sent:
                problems.append(Problem(where, "required", "missing", parameter.pointer))
    known = {p.name for p in operation.parameters if p.place == "query"}
    unsure += [
        f"query {name} is not in the contract"
        for name, _ in request.query
        if name.partition("[")[0] not in known
    ]
    if not operation.is_public and not (request.header("authorization") or "").strip():
        problems.append(Problem("header authorization", "required", "missing", "security"))
    body = _body(contract, operation, request, problems, unsure)
    return Reading(tuple(problems), tuple(unsure), body)


def _query(
    name: str, schema: Mapping[str, Any], request: Request
) -> Iterator[tuple[str, str] | str]:
    """Yield what a query parameter breaks as keyword and message, and what is unsure as text."""
    kinds = schema.get("type")
    if kinds == "object":
        for part, inner in schema.get("properties", {}).items():
            yield from _query(f"{name}[{part}]", inner, request)
        if any(n == name for n, _ in request.query):
            yield "is no deep object"
        return
    values = [value for n, value in request.query if n == name]
    if kinds == "array":
        return
    if len(values) > 1:
        yield "is given more than once"
        return
    kind = next((k for k in kinds if k != "null"), "") if isinstance(kinds, list) else str(kinds)
    for value in values:
        if value in {"", "null"} and kind != "string":
            yield f"is {value or 'empty'}"
        elif kind in _WRITTEN and not _WRITTEN[kind].match(value):
            yield "type", value[:60]
        elif kind == "integer" and len(value) < 400:
            yield from _bounds(int(value), schema)


def _bounds(number: int, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if number < schema.get("minimum", number):
        yield "minimum", str(number)
    if number > schema.get("maximum", number):
        yield "maximum", str(number)


def _body(
    contract: Contract,
    operation: Operation,
    request: Request,
    problems: list[Problem],
    unsure: list[str],
) -> Any:
    rule = f"{operation.pointer}/requestBody"
    if operation.body is None:
        if request.body:
            unsure.append("a body where the contract has none")
        return None
    if not request.body:
        if operation.body_required:
            problems.append(Problem("", "required", "no body", rule))
        return None
    if not _PLAIN_JSON.match(request.header("content-type") or ""):
        unsure.append("the body is not labelled as JSON")
        return None
    try:
        body = json.loads(request.body, parse_constant=_no_json)
    except (ValueError, RecursionError):
        problems.append(Problem("", "json", "no JSON", rule))
        return None
    problems += contract.body_problems(operation.operation_id, body)
    if _holds_read_only(operation.body, body):
        unsure.append("the body holds what is read-only, which may be ignored or refused")
    return body


def _holds_read_only(schema: Mapping[str, Any], body: Any) -> bool:
    """Whether a body holds a property that the schema lets be anything, for it is read-only."""
    if isinstance(body, dict):
        rows = schema.get("properties", {})
        return any(
            not rows[name] or _holds_read_only(rows[name], value)
            for name, value in body.items()
            if name in rows
        )
    if isinstance(body, list):
        return any(_holds_read_only(schema.get("items") or {}, item) for item in body)
    return False


def _no_json(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
