"""The judgement of an answer: whether status, headers and body are what the contract declares."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

import orjson

from mockvault.contract import Contract, Operation, Response, tokens_of
from mockvault.vault.kept import Parts
from mockvault.web.explanations import Explainer
from mockvault.web.proving import data_of
from mockvault.web.schemas import Schemas
from mockvault.web.violations import Violation, cut, listed

Headers = Mapping[bytes, bytes] | Iterable[tuple[bytes, bytes]]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@lru_cache(maxsize=8)
def answer_schemas(contract: Contract) -> Schemas:
    """Return the schemas of a contract as answers must obey them, made once."""
    return Schemas(contract, "answer")


def response_for(operation: Operation, status: int) -> Response | None:
    """Return the declared answer of that status; `default` stands only for further refusals."""
    responses = operation.responses
    found = responses.get(str(status)) or responses.get(f"{status // 100}XX")
    if found is None and status >= 400:
        found = responses.get("default")
    return found


class AnswerJudge:
    """The compiled plan by which the answers of one operation are judged."""

    def __init__(self, contract: Contract, operation: Operation) -> None:
        self._contract = contract
        self._operation = operation
        self._schemas = answer_schemas(contract)
        self._plans: dict[int, _Plan | None] = {}

    def violations(
        self, status: int, headers: Headers, content: bytes | None
    ) -> tuple[Violation, ...]:
        """Return all that the answer breaks; header names may be in any case."""
        plan = self._plan(status)
        if plan is None:
            return (self._undeclared(status),)
        return tuple(plan.judge(headers, content or b""))

    def is_plainly_valid(self, status: int, content: bytes) -> bool:
        """Tell whether an answer of JSON obeys its schema, and nothing else is asked of it.

        False leaves open whether it breaks anything.
        """
        plan = self._plans.get(status) or self._plan(status)
        return plan is not None and plan.is_plainly_valid(content)

    def proves(self, status: int, parts: Parts) -> bool:
        """Tell whether data that is joined of these parts obeys, in the envelope, what is asked.

        False leaves open whether it breaks anything.
        """
        plan = self._plan(status)
        return plan is not None and plan.data is not None and plan.data.proves(parts)

    def _plan(self, status: int) -> "_Plan | None":
        try:
            return self._plans[status]
        except KeyError:
            response = response_for(self._operation, status)
            plan = _Plan(self._schemas, response, status) if response else None
            self._plans[status] = plan
            return plan

    def _undeclared(self, status: int) -> Violation:
        declared = list(self._operation.responses)
        return Violation(
            location="status",
            pointer="",
            keyword="status",
            message=f"{self._operation.operation_id} declares no answer {status}",
            expected=listed(declared),
            got=status,
            rule=self._contract.published(f"{self._operation.pointer}/responses"),
            hint=None,
        )


class _Plan:
    """How the answers of one status of an operation are judged."""

    def __init__(self, schemas: Schemas, response: Response, status: int) -> None:
        self._response = response
        self._status = status
        self._media_types = {
            name.lower(): (kind.schema_pointer if kind.schema else None)
            for name, kind in response.content.items()
        }
        self._schemas = schemas
        self._body = Explainer(schemas, "body")
        self._header = Explainer(schemas, "header")
        self._required = [
            name.lower() for name, header in response.headers.items() if header.get("required")
        ]
        if status in _REDIRECTS:
            self._required.append("location")
        pointer = self._media_types.get("application/json")
        self._marks = schemas.marks(pointer) if pointer else None
        self._is_valid = (
            schemas.validator(pointer).is_valid
            if pointer and self._marks is None and not self._required
            else None
        )
        """Tells whether a body is right, where nothing else is asked of the answer."""
        self.data = (
            data_of(schemas, pointer, status) if pointer and self._is_valid is not None else None
        )

    def is_plainly_valid(self, content: bytes) -> bool:
        """Tell whether the answer is JSON that obeys its schema, where nothing else is asked."""
        if self._is_valid is None:
            return False
        try:
            return self._is_valid(orjson.loads(content))
        except orjson.JSONDecodeError:
            return False

    def judge(self, headers: Headers, content: bytes) -> list[Violation]:
        found = [
            self._missing(name) for name in self._required if not _value(headers, name.encode())
        ]
        if not self._media_types:
            if content:
                found.append(
                    self._told("body", "an answer without a body", f"{len(content)} bytes")
                )
        elif not content:
            found.append(self._told("required", "a body", "nothing"))
        else:
            found += self._judge_body(_value(headers, b"content-type"), content)
        return found

    def _judge_body(self, content_type: bytes | None, content: bytes) -> list[Violation]:
        said = (content_type or b"").decode("latin-1")
        name = said.partition(";")[0].strip().lower()
        if name not in self._media_types:
            return [self._told("content", listed(list(self._media_types)), cut(said) or "nothing")]
        pointer = self._media_types[name]
        if not (name == "application/json" or name.endswith("+json")):
            return []
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            return [self._told("json", "JSON", cut(str(error)))]
        if pointer is None:
            return []
        found = []
        if not self._schemas.validator(pointer).is_valid(value):
            found += self._body.explain(pointer, value)
        marks = self._schemas.marks(pointer)
        if marks is not None:
            marked: list[tuple[str, str]] = []
            marks.strip(value, "", marked)
            found += [self._write_only(where, rule) for where, rule in marked]
        return found

    def _told(self, keyword: str, expected: str, got: Any) -> Violation:
        rule = f"{self._response.pointer}/content"
        message = f"the answer {self._status} must have {expected}"
        return self._body.violation([], keyword, message, expected=expected, got=got, rule=rule)

    def _missing(self, name: str) -> Violation:
        return self._header.violation(
            [name],
            "required",
            f"the answer {self._status} must have the header {name}",
            expected=f"a header {name}",
            got="nothing",
            rule=f"{self._response.pointer}/headers",
        )

    def _write_only(self, pointer: str, rule: str) -> Violation:
        return self._body.violation(
            tokens_of(pointer),
            "writeOnly",
            f"{pointer} is write-only",
            expected="nothing: only requests have it",
            got="a value",
            rule=rule,
        )


def _value(headers: Headers, name: bytes) -> bytes | None:
    pairs: Iterable[tuple[bytes, bytes]]
    if isinstance(headers, Mapping):
        by_name = cast("Mapping[bytes, bytes]", headers)
        if name in by_name:
            return by_name[name]
        pairs = by_name.items()
    else:
        pairs = headers
    return next((value for key, value in pairs if key.lower() == name), None)
