"""The judgement of a request: all that breaks the contract, or the values for the handler."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mockvault.contract import Contract, Operation, tokens_of
from mockvault.web.bodies import BodyUnreadable, read_json
from mockvault.web.explanations import Explainer
from mockvault.web.media_types import MediaTypes
from mockvault.web.parameters import (
    NotText,
    Plan,
    QueryReader,
    decoded,
    missing_headers,
)
from mockvault.web.schemas import Schemas
from mockvault.web.violations import RequestInvalid, Violation


@dataclass(slots=True)
class Judged:
    """What a valid request says; `ignored` are the read-only properties it sent in vain."""

    parameters: dict[str, Any]
    body: Any | None
    ignored: tuple[str, ...] = ()


@lru_cache(maxsize=8)
def _schemas(contract: Contract) -> Schemas:
    return Schemas(contract, "request")


class Judge:
    """The compiled plan by which the requests of one operation are judged."""

    def __init__(
        self, contract: Contract, operation: Operation, *, strict_read_only: bool = False
    ) -> None:
        schemas = _schemas(contract)
        plans = [Plan(schemas, one) for one in operation.parameters if one.location != "query"]
        in_path = {plan.name: plan for plan in plans if plan.parameter.location == "path"}
        template = [name[1:-1] for name in operation.segments if name.startswith("{")]
        self._path = [in_path[name] for name in template]
        headers = [plan for plan in plans if plan.parameter.location == "header"]
        self._required_headers = [plan for plan in headers if plan.parameter.required]
        self._headers = [plan for plan in headers if not _says_only_something(plan)]
        self._header_names = frozenset(plan.raw_name for plan in headers)
        self._required_names = [plan.raw_name for plan in self._required_headers]
        self._query = QueryReader(schemas, operation)
        self._takes_query = bool(self._query.plans)
        self.takes_body = bool(operation.bodies)
        self._body_required = operation.body_required
        self._strict = strict_read_only
        self._explainer = Explainer(schemas, "body")
        self._request_body = operation.pointer + "/requestBody"
        self._body_pointer = operation.body_pointer
        if self.takes_body:
            self._media_types = MediaTypes(one.name for one in operation.bodies.values())
            self._is_valid = schemas.validator(operation.body_pointer).is_valid
            self._marks = schemas.marks(operation.body_pointer)

    def judge(
        self,
        path_values: tuple[bytes, ...],
        query: bytes,
        headers: Mapping[bytes, bytes],
        content: bytes | None,
    ) -> Judged:
        """Judge a request by its raw parts; `headers` has lower-case names.

        Raises RequestInvalid with all that is wrong, or UnsupportedMediaType.
        """
        found: list[Violation] = []
        values = self.read_line(path_values, query, found)
        self.judge_headers(headers, found)
        body, ignored = self.judge_body(headers, content, found) if self.takes_body else (None, ())
        if found:
            raise RequestInvalid(found)
        return Judged(values, body, ignored)

    def read_line(
        self, path_values: tuple[bytes, ...], query: bytes, found: list[Violation]
    ) -> dict[str, Any]:
        """Return what path and query say; what is wrong with them is appended to `found`."""
        values: dict[str, Any] = {}
        for plan, raw in zip(self._path, path_values, strict=True):
            self._read_path_value(plan, raw, values, found)
        if query or self._takes_query:
            self._query.read(query, values, found)
        return values

    def judge_headers(self, headers: Mapping[bytes, bytes], found: list[Violation]) -> None:
        """Append what is wrong with the headers to `found`."""
        for name in self._required_names:
            value = headers.get(name)
            if not value or value.isspace():
                found += missing_headers(self._required_headers, headers, self._header_names)
                break
        for plan in self._headers:
            self._judge_header(plan, headers.get(plan.raw_name), found)

    @staticmethod
    def _read_path_value(
        plan: Plan, raw: bytes, values: dict[str, Any], found: list[Violation]
    ) -> None:
        try:
            text = decoded(raw)
        except NotText as wrong:
            found.append(plan.unreadable(raw, str(wrong)))
            return
        values[plan.name] = text if plan.is_plain else plan.read([text], found)

    @staticmethod
    def _judge_header(plan: Plan, raw: bytes | None, found: list[Violation]) -> None:
        if not raw or raw.isspace():
            return  # told as missing where it is required
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        plan.read([text], found)

    def judge_body(
        self, headers: Mapping[bytes, bytes], content: bytes | None, found: list[Violation]
    ) -> tuple[Any, tuple[str, ...]]:
        """Return the body without the read-only properties, and which those were.

        What is wrong with it is appended to `found`. Raises UnsupportedMediaType.
        """
        if not content:
            if self._body_required:
                found.append(self._no_body())
            return None, ()
        self._media_types.check(headers.get(b"content-type"))
        try:
            body = read_json(content)
        except BodyUnreadable as wrong:
            found.append(self._unreadable(wrong))
            return None, ()
        if not self._is_valid(body):
            found += self._explainer.explain(self._body_pointer, body, size=len(content))
        if self._marks is None or (found and not self._strict):
            return body, ()
        marked: list[tuple[str, str]] = []
        self._marks.strip(body, "", marked)
        if self._strict:
            found += [self._read_only(pointer, rule) for pointer, rule in marked]
        return body, tuple([pointer for pointer, _ in marked]) if marked else ()

    def _no_body(self) -> Violation:
        return self._explainer.violation(
            [],
            "required",
            "the body is required",
            expected=f"a body of {self._media_types.names[0]}",
            got="nothing",
            rule=f"{self._request_body}/required",
        )

    def _unreadable(self, wrong: BodyUnreadable) -> Violation:
        return self._explainer.violation(
            tokens_of(wrong.pointer),
            wrong.keyword,
            wrong.message,
            expected=wrong.expected,
            got=wrong.got,
            rule=self._body_pointer.removesuffix("/schema"),
        )

    def _read_only(self, pointer: str, rule: str) -> Violation:
        return self._explainer.violation(
            tokens_of(pointer),
            "readOnly",
            f"{pointer} is read-only",
            expected="nothing: only answers have it",
            got="a value",
            rule=rule,
        )


def _says_only_something(plan: Plan) -> bool:
    """Tell whether a header's schema asks for no more than text that is not empty."""
    schema = plan.reader.schema
    asked = {key for key in schema if key not in {"description", "example", "title"}}
    return (
        plan.reader.is_text and asked <= {"type", "minLength"} and schema.get("minLength", 1) == 1
    )
