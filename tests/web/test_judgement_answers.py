from pathlib import Path
from typing import Any

import orjson
import pytest

from mockvault.contract import index_contract, load_contract, node_at
from mockvault.web.answers import AnswerJudge
from mockvault.web.violations import Violation

SPEC = Path(__file__).parents[2] / "spec"
CONTRACT = load_contract(SPEC / "vault.yml", SPEC / "overlay.yml", validate=False)
JSON = {b"content-type": b"application/json"}
CONSUMER = {"status_code": 200, "status": "OK", "data": {"consumer_id": "x"}}
REFUSAL = {"status_code": 404, "error": "Not Found", "type_name": "EntityNotFoundError"}


def found(
    operation_id: str, status: int, body: Any = None, headers: Any = None
) -> tuple[Violation, ...]:
    judge = AnswerJudge(CONTRACT, CONTRACT.by_id[operation_id])
    content = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
    violations = judge.violations(status, JSON if headers is None else headers, content)
    for violation in violations:
        node_at(CONTRACT.pristine, violation.rule)
    return violations


def keywords(*answer: Any, **more: Any) -> list[str]:
    return [violation.keyword for violation in found(*answer, **more)]


def test_an_answer_as_declared_breaks_nothing() -> None:
    assert found("consumersOne", 200, CONSUMER) == ()
    assert found("consumersOne", 404, REFUSAL) == ()
    assert found("connectionsDelete", 204, None, {}) == ()
    assert found("connectionsAuthorize", 301, None, {b"location": b"http://x"}) == ()


def test_read_only_properties_belong_in_answers() -> None:
    data = {"consumer_id": "x", "created": "2024", "services": [], "connections": []}

    assert found("consumersOne", 200, {**CONSUMER, "data": data}) == ()


@pytest.mark.parametrize("status", [201, 204, 301, 304, 100])
def test_a_status_that_is_not_declared_is_a_violation_though_there_is_a_default(
    status: int,
) -> None:
    assert keywords("consumersOne", status, CONSUMER) == ["status"]


@pytest.mark.parametrize("status", [405, 413, 415, 429, 500, 503])
def test_the_default_stands_for_refusals_that_are_not_declared(status: int) -> None:
    assert found("consumersOne", status, {"status_code": status, "error": "x"}) == ()
    assert keywords("consumersOne", status, {"status_code": "x"}) == ["type"]


def test_every_part_of_a_body_is_judged_by_its_schema() -> None:
    body = {"status_code": "200", "data": {"consumer_id": 1}}

    violations = found("consumersOne", 200, body)

    assert {(one.pointer, one.keyword) for one in violations} == {
        ("/status_code", "type"),
        ("/status", "required"),
        ("/data/consumer_id", "type"),
    }


@pytest.mark.parametrize(
    ("status", "body", "headers", "keyword"),
    [
        (200, None, JSON, "required"),
        (200, b"", JSON, "required"),
        (200, b"{", JSON, "json"),
        (200, b'{"status_code": NaN}', JSON, "json"),
        (200, CONSUMER, {}, "content"),
        (200, CONSUMER, {b"content-type": b"text/html"}, "content"),
        (404, REFUSAL, {b"content-type": b"application/problem+json"}, "content"),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_violation(
    status: int, body: Any, headers: Any, keyword: str
) -> None:
    assert keywords("consumersOne", status, body, headers) == [keyword]


def test_a_media_type_may_name_its_charset_and_headers_may_be_a_list_in_any_case() -> None:
    headers = [(b"Content-Type", b"application/json; charset=utf-8")]

    assert found("consumersOne", 200, CONSUMER, headers) == ()


def test_what_has_no_body_must_have_none_and_what_leads_away_says_where() -> None:
    assert keywords("connectionsDelete", 204, b"{}") == ["body"]
    assert keywords("connectionsAuthorize", 301, None, {}) == ["required"]
    assert keywords("connectionsAuthorize", 301, b"x", {b"location": b"x"}) == ["body"]


def test_write_only_properties_do_not_belong_in_answers() -> None:
    secret = {"type": "string", "writeOnly": True}
    schema = {"type": "object", "required": ["key"], "properties": {"key": secret}}
    answer = {"description": "fine", "content": {"application/json": {"schema": schema}}}
    document = {
        "openapi": "3.0.3",
        "info": {"title": "x", "version": "1"},
        "paths": {"/x": {"get": {"operationId": "x", "responses": {"200": answer}}}},
    }
    contract = index_contract(document, document, "")
    judge = AnswerJudge(contract, contract.by_id["x"])

    assert judge.violations(200, JSON, b"{}") == ()
    (violation,) = judge.violations(200, JSON, b'{"key": "k"}')
    assert (violation.keyword, violation.pointer) == ("writeOnly", "/key")
