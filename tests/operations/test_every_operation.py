"""What holds of each of the 27 operations: who may ask, in which order things are judged, CORS."""

from typing import Any

import pytest

from mockvault.contract import Operation, load_contract
from mockvault.locations import builtin_contract, builtin_overlay
from tests.asgi import Client
from tests.second_judge import contract

CONTRACT = load_contract(builtin_contract(), builtin_overlay(), validate=False)
OPERATIONS = CONTRACT.operations
SECURED = [each for each in OPERATIONS if each.needs_key]
OF_A_CONSUMER = [each for each in OPERATIONS if each.takes_consumer]
VALUES = {
    "consumer_id": "test-consumer",
    "unified_api": "hris",
    "service_id": "bamboohr",
    "resource": "employees",
    "target_field_id": "hris+employees+first_aid_training",
}
BODIES: dict[str, Any] = {
    "consumersAdd": {"consumer_id": "c"},
    "customMappingsAdd": {"value": "$.x"},
    "customMappingsUpdate": {"value": "$.x"},
}


def operation_ids(operation: Operation) -> str:
    return operation.operation_id


def request(client: Client, operation: Operation, **changes: Any) -> Any:
    """Send a request that is right in every way but those in `changes`."""
    path = operation.path.format(**{"application_id": client.application_id, **VALUES})
    query = {
        "consumerRequestCountsAll": {
            "start_datetime": "2021-05-01T12:00:00.000Z",
            "end_datetime": "2021-05-30T12:00:00.000Z",
        }
    }.get(operation.operation_id, {})
    if operation.bodies:
        changes.setdefault("body", BODIES.get(operation.operation_id, {}))
    changes.setdefault("query", query)
    return client(operation.method, changes.pop("path", path), **changes)


def test_the_contract_is_the_published_one_with_27_operations() -> None:
    assert CONTRACT.version == "10.4.0"
    assert len(OPERATIONS) == 27
    assert {each.operation_id for each in OPERATIONS} == {
        operation["operationId"]
        for item in contract()["paths"].values()
        for operation in item.values()
    }


@pytest.mark.parametrize("operation", SECURED, ids=operation_ids)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "mock-api-key", "Basic bW9jazp4", "Bearer wrong", "Bearer a b"],
)
def test_without_a_valid_key_nothing_is_told(
    client: Client, operation: Operation, authorization: str | None
) -> None:
    right = request(client, operation, headers={"authorization": authorization})
    wrong = request(
        client,
        operation,
        path=operation.path.format(**dict.fromkeys([*VALUES, "application_id"], "no-such")),
        headers={"authorization": authorization, "content-type": "text/nonsense"},
        query={"no-such": "1"},
        **({"content": b"{nonsense"} if operation.bodies else {}),
    )

    assert right.status == wrong.status == 401
    assert right.type_name == "UnauthorizedError"
    assert right.content == wrong.content


@pytest.mark.parametrize("operation", SECURED, ids=operation_ids)
def test_a_key_opens_its_own_application_alone(
    client: Client, make_client: Any, operation: Operation
) -> None:
    other = make_client()

    unknown = request(client, operation, headers={"x-apideck-app-id": "no-such-app"})
    foreign = request(client, operation, headers={"x-apideck-app-id": other.application_id})

    assert unknown.status == foreign.status == 401
    assert unknown.content == foreign.content


@pytest.mark.parametrize("operation", SECURED, ids=operation_ids)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_or_empty_header_is_told_with_all_else_that_is_wrong(
    client: Client, operation: Operation, value: str | None
) -> None:
    headers = ["x-apideck-app-id", *(["x-apideck-consumer-id"] if operation.takes_consumer else [])]

    answer = request(
        client, operation, headers=dict.fromkeys(headers, value), query={"surprise": "1"}
    )

    assert (answer.status, answer.type_name) == (400, "RequestHeadersValidationError")
    assert {("header", f"/{name}", "required") for name in headers} <= answer.places
    assert ("query", "/surprise", "unknown") in answer.places
    missing = answer.json()["detail"]["missing"]
    assert all({name: "required"} in missing for name in headers)
    assert answer.json()["ref"].endswith("#requestheadersvalidationerror")


@pytest.mark.parametrize("operation", OPERATIONS, ids=operation_ids)
def test_every_answer_has_cors_and_a_request_id(client: Client, operation: Operation) -> None:
    answers = [
        request(client, operation),
        request(client, operation, headers={"authorization": None}),
        request(client, operation, query={"surprise": "1"}),
    ]

    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert len(answer.headers["x-apideck-request-id"]) == 36
        assert "x-apideck-request-id" in answer.headers["access-control-expose-headers"]
    from_page = request(client, operation, headers={"origin": "http://localhost:3000"})
    assert from_page.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert from_page.headers["vary"] == "origin"


@pytest.mark.parametrize("operation", OPERATIONS, ids=operation_ids)
def test_a_page_may_ask_before_it_asks(client: Client, operation: Operation) -> None:
    answer = request(
        client,
        Operation(**{**operation.__dict__, "method": "OPTIONS", "bodies": {}}),
        headers={
            "authorization": None,
            "origin": "http://localhost:3000",
            "access-control-request-method": operation.method,
            "access-control-request-headers": "authorization,x-apideck-auth-type",
        },
    )

    assert answer.status == 204
    assert operation.method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    for name in (
        "authorization",
        "content-type",
        "x-apideck-app-id",
        "x-apideck-consumer-id",
        "x-apideck-auth-type",
    ):
        assert name in allowed


@pytest.mark.parametrize("operation", OPERATIONS, ids=operation_ids)
def test_an_unknown_query_parameter_is_refused_by_name(
    client: Client, operation: Operation
) -> None:
    answer = request(client, operation, query={"consumer_idd": "1"})

    assert answer.status == 400
    violation = next(each for each in answer.violations if each["pointer"] == "/consumer_idd")
    assert violation["in"] == "query"
    assert violation["keyword"] == "unknown"
    assert violation["got"] == "1"


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.body_required], ids=operation_ids
)
def test_a_required_body_is_missed(client: Client, operation: Operation) -> None:
    path = operation.path.format(**VALUES)

    answer = client(operation.method, path)

    assert ("body", "", "required") in answer.places
    assert CONTRACT.resolve(answer.violations[0]["rule"]) is True


@pytest.mark.parametrize("operation", OPERATIONS, ids=operation_ids)
def test_other_methods_are_405_with_those_that_are_allowed(
    client: Client, operation: Operation
) -> None:
    for method in ("PUT", "TRACE", "HEAD", "PURGE"):
        answer = client(method, operation.path.format(**{"application_id": "a", **VALUES}))

        assert answer.status == 405
        assert operation.method in answer.headers["allow"]
        if method != "HEAD":
            assert answer.json()["status_code"] == 405


@pytest.mark.parametrize("operation", OF_A_CONSUMER, ids=operation_ids)
def test_a_call_of_one_consumer_is_logged_and_counted_as_its_own(
    client: Client, operation: Operation
) -> None:
    before = client("GET", "/vault/consumers/test-consumer").data["request_counts"]["vault"]

    answer = request(client, operation)

    after = client("GET", "/vault/consumers/test-consumer").data["request_counts"]["vault"]
    entry = client.log()[0]
    assert after == before + 1
    assert entry["id"] == answer.headers["x-apideck-request-id"]
    assert entry["operation"]["id"] == operation.operation_id
    assert entry["status_code"] == answer.status
