"""Logs: each call of the consumer once, newest first, under the id that its answer carried."""

import pytest

from tests.asgi import Client, place

pytestmark = pytest.mark.every_engine


def test_each_call_is_logged_once_newest_first_under_its_request_id(client: Client) -> None:
    before = client.log()
    calls = [
        client("GET", place("crm+salesforce")),
        client("PATCH", place("crm+salesforce"), {"enabled": "yes"}),
        client("GET", "/vault/connections/crm/no-such-service"),
        client("POST", "/vault/sessions", {}),
    ]

    entries = client.log()

    assert [each["id"] for each in entries[: len(calls)]] == [
        call.headers["x-apideck-request-id"] for call in reversed(calls)
    ]
    assert [each["status_code"] for each in entries[:4]] == [200, 404, 400, 200]
    assert [each["success"] for each in entries[:4]] == [True, False, False, True]
    assert [each["operation"]["id"] for each in entries[:4]] == [
        "sessionsCreate",
        "connectionsOne",
        "connectionsUpdate",
        "connectionsOne",
    ]
    assert entries[2]["error_message"]
    assert len(entries) == len(before) + len(calls) + 1


def test_a_log_entry_says_who_what_and_how_long(client: Client) -> None:
    client("GET", "/vault/connections?api=crm")

    entry = client.log()[0]

    assert entry["consumer_id"] == "test-consumer"
    assert entry["http_method"] == "GET"
    assert entry["path"] == "/vault/connections"
    assert entry["unified_api"] == "vault"
    assert entry["service"] == {"id": "apideck-vault", "name": "Apideck Vault"}
    assert entry["operation"] == {"id": "connectionsAll", "name": "Get all connections"}
    assert entry["duration"] > 0
    assert entry["source_ip"] == "127.0.0.1"


def test_filters_are_intersections(client: Client) -> None:
    client("GET", place("crm+salesforce"))
    client("GET", "/vault/connections/crm/no-such-service")

    entries = client.log()
    by_status = client.log(status_code=404)
    by_connector = client.log(connector_id="crm+salesforce")
    without_vault = client.log(exclude_unified_apis="vault,proxy")
    both = client.log(status_code=200, exclude_unified_apis="vault")

    assert {each["status_code"] for each in by_status} == {404}
    assert by_connector[0]["path"] == place("crm+salesforce")
    assert without_vault == [each for each in entries if each["unified_api"] != "vault"]
    assert both == [each for each in without_vault if each["status_code"] == 200]


def test_logs_are_of_one_consumer(client: Client) -> None:
    other = client.as_consumer("other")
    other("GET", place("crm+salesforce"))

    assert {each["consumer_id"] for each in client.log()} == {"test-consumer"}
    assert {each["consumer_id"] for each in other.log()} == {"other"}


def test_a_filter_that_the_contract_does_not_have_is_refused_by_name(client: Client) -> None:
    answer = client("GET", "/vault/logs?filter[status]=200")

    assert answer.status == 400
    assert "status_code" in answer.violations[0]["hint"]


def test_what_todays_sdk_adds_to_every_filter_is_no_trouble(client: Client) -> None:
    plain = client("GET", "/vault/logs?filter[status_code]=200")
    answer = client("GET", "/vault/logs?filter[status_code]=200&filter[path_match_mode]=CONTAINS")
    wrong = client("GET", "/vault/logs?filter[path_match_mode]=NEARLY")

    assert len(answer.data) == min(20, len(plain.data) + 1)
    assert wrong.places == {("query", "/filter/path_match_mode", "enum")}
