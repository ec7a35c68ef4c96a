import json
from typing import Any

import pytest

from conformance.contract import load
from conformance.failures import Request
from conformance.reading import Reading, read

HEADERS = (
    ("authorization", "Bearer k"),
    ("x-apideck-app-id", "a"),
    ("x-apideck-consumer-id", "c"),
    ("content-type", "application/json"),
)


def reading(
    operation_id: str,
    query: tuple[tuple[str, str], ...] = (),
    body: Any = None,
    headers: tuple[tuple[str, str], ...] = HEADERS,
) -> Reading:
    operation = load().operations[operation_id]
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = Request(operation.method, operation.path, query, headers, raw)
    return read(load(), operation, request)


@pytest.mark.parametrize(
    ("name", "query", "body"),
    [
        ("consumersAll", (("limit", "20"),), None),
        ("connectionsAll", (("configured", "true"), ("api", "crm")), None),
        ("logsAll", (("filter[status_code]", "404"), ("cursor", "")), None),
        ("consumersAdd", (), {"consumer_id": "x"}),
        ("connectionsUpdate", (), {"settings": None, "enabled": True}),
        ("sessionsCreate", (), None),
    ],
)
def test_what_the_contract_allows_reads_as_right(
    name: str, query: tuple[tuple[str, str], ...], body: Any
) -> None:
    assert reading(name, query, body).is_right


@pytest.mark.parametrize(
    ("name", "query", "body", "problem"),
    [
        ("consumersAll", (("limit", "0"),), None, "query limit minimum"),
        ("consumersAll", (("limit", "201"),), None, "query limit maximum"),
        ("consumersAll", (("limit", "-" + "9" * 30),), None, "query limit minimum"),
        ("consumersAll", (("limit", "1.5"),), None, "query limit type"),
        ("connectionsAll", (("configured", "maybe"),), None, "query configured type"),
        ("logsAll", (("filter[status_code]", "abc"),), None, "query filter type"),
        ("consumerRequestCountsAll", (), None, "query start_datetime required"),
        ("consumersAdd", (), None, " required"),
        ("consumersAdd", (), b"{", " json"),
        ("consumersAdd", (), b'{"consumer_id": NaN}', " json"),
        ("consumersAdd", (), {}, "/ Required"),
        ("connectionsUpdate", (), {"enabled": "yes"}, "/enabled Type"),
    ],
)
def test_what_the_contract_forbids_reads_as_a_problem_at_its_place(
    name: str, query: tuple[tuple[str, str], ...], body: Any, problem: str
) -> None:
    found = [f"{p.pointer} {p.keyword}" for p in reading(name, query, body).problems]

    assert problem in found


@pytest.mark.parametrize("missing", ["authorization", "x-apideck-app-id", "x-apideck-consumer-id"])
def test_a_required_header_that_is_missing_is_a_problem(missing: str) -> None:
    headers = tuple(row for row in HEADERS if row[0] != missing)

    (problem,) = reading("connectionsAll", headers=headers).problems

    assert problem.pointer == f"header {missing}"


@pytest.mark.parametrize(
    ("name", "query", "body", "headers"),
    [
        ("consumersAll", (("limit", "1"), ("limit", "2")), None, HEADERS),
        ("consumersAll", (("unknown", "1"),), None, HEADERS),
        ("consumersAll", (("limit", ""),), None, HEADERS),
        ("logsAll", (("filter[status_code]", "null"),), None, HEADERS),
        ("logsAll", (("filter", "x"),), None, HEADERS),
        ("consumersAll", (), {}, HEADERS),
        ("consumersAdd", (), {"consumer_id": "x", "created": 7}, HEADERS),
        ("consumersAdd", (), {"consumer_id": "x"}, (*HEADERS[:3], ("content-type", "text/json"))),
        ("connectionsAll", (), None, (*HEADERS[:2], ("x-apideck-consumer-id", ""))),
    ],
)
def test_what_the_contract_leaves_open_is_neither_right_nor_wrong(
    name: str,
    query: tuple[tuple[str, str], ...],
    body: Any,
    headers: tuple[tuple[str, str], ...],
) -> None:
    found = reading(name, query, body, headers)

    assert found.problems == ()
    assert not found.is_right
