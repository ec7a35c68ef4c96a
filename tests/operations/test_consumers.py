"""Consumers as a client sees them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi import Client, consumer_path

pytestmark = pytest.mark.every_engine

IDS = [
    "plain",
    "account:12345",
    "a+b",
    "ünïcødé-😀",
    "with space",
    "a/b/c",
    "%2F",
    "x" * 300,
    "\x00",
]


@pytest.mark.parametrize("consumer_id", IDS)
def test_a_consumer_is_found_under_the_id_it_was_added_with(
    client: Client, consumer_id: str
) -> None:
    added = client("POST", "/vault/consumers", {"consumer_id": consumer_id}).data
    found = client("GET", consumer_path(consumer_id)).data

    assert added["consumer_id"] == found["consumer_id"] == consumer_id
    assert found["application_id"] == client.application_id
    assert found["connections"] == []
    assert found["services"] == []


def test_metadata_is_merged_and_keeps_what_it_is_not_told_to_change(client: Client) -> None:
    metadata = {"account_name": "SpaceX", "email": "elon@musk.com", "own": {"deep": None}}
    client("POST", "/vault/consumers", {"consumer_id": "c", "metadata": metadata})

    changed = client(
        "PATCH", "/vault/consumers/c", {"metadata": {"email": "e@x.org", "own": None}}
    ).data

    assert changed["metadata"] == {"account_name": "SpaceX", "email": "e@x.org"}
    assert changed["modified"] >= changed["created"]


def test_adding_a_consumer_again_updates_it(client: Client) -> None:
    first = client(
        "POST", "/vault/consumers", {"consumer_id": "c", "metadata": {"email": "a"}}
    ).data
    again = client(
        "POST", "/vault/consumers", {"consumer_id": "c", "metadata": {"user_name": "b"}}
    ).data

    assert again["metadata"] == {"email": "a", "user_name": "b"}
    assert again["created"] == first["created"]


def test_what_is_read_only_is_ignored_and_named(client: Client) -> None:
    answer = client(
        "POST", "/vault/consumers", {"consumer_id": "c", "created": "then", "services": ["x"]}
    )

    assert answer.data["services"] == []
    assert answer.data["created"] != "then"
    assert "/created" in answer.headers["x-mock-warning"]
    assert "/services" in answer.headers["x-mock-warning"]


def test_deleting_a_consumer_takes_all_that_is_theirs(client: Client) -> None:
    client.patch("crm+salesforce", metadata={"mine": 1})
    client("GET", "/vault/logs")

    deleted = client("DELETE", "/vault/consumers/test-consumer")

    assert deleted.data == {"consumer_id": "test-consumer"}
    assert client("GET", "/vault/consumers/test-consumer").type_name == "EntityNotFoundError"
    assert client("DELETE", "/vault/consumers/test-consumer").status == 404
    assert client.log() == []
    client("DELETE", "/vault/consumers/test-consumer")
    client("POST", "/vault/consumers", {"consumer_id": "test-consumer"})
    again = client("GET", "/vault/consumers/test-consumer").data
    assert again["connections"] == []
    assert again["aggregated_request_count"] == 0
    assert client.connection("crm+salesforce")["state"] == "available"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_consumer_is_404(client: Client, method: str) -> None:
    body = {"body": {}} if method == "PATCH" else {}

    answer = client(method, "/vault/consumers/nobody", **body)

    assert answer.status == 404
    assert answer.json()["message"] == "Unknown Consumer"
    assert answer.json()["detail"] == "Could not find consumer with id: 'nobody'"


def test_the_first_use_makes_the_consumer_and_a_refused_one_does_not(client: Client) -> None:
    newcomer = client.as_consumer("newcomer")

    assert newcomer("GET", "/vault/connections/crm/unheard-of").status == 404
    assert client("GET", "/vault/consumers/newcomer").status == 404
    assert newcomer("GET", "/vault/connections/crm/salesforce").status == 200
    assert client("GET", "/vault/consumers/newcomer").status == 200


@given(calls=st.lists(st.sampled_from(["one", "all", "unknown", "invalid"]), max_size=12))
def test_counts_grow_by_the_calls_made_for_the_consumer(
    make_counting_client: Client, calls: list[str]
) -> None:
    client = make_counting_client
    before = client("GET", "/vault/consumers/test-consumer").data
    path = {
        "one": "/vault/connections/crm/salesforce",
        "all": "/vault/connections?api=crm",
        "unknown": "/vault/connections/crm/unheard-of",
        "invalid": "/vault/logs?limit=0",
    }

    for call in calls:
        client("GET", path[call])

    after = client("GET", "/vault/consumers/test-consumer").data
    grown = after["request_counts"]["vault"] - before["request_counts"]["vault"]
    assert grown == len(calls)
    total = after["aggregated_request_count"] - before["aggregated_request_count"]
    assert total == len(calls)
    assert after["request_counts"]["unify"] == before["request_counts"]["unify"]


@pytest.fixture(scope="module")
def make_counting_client(app: object) -> Client:
    return Client(app, consumer_id="test-consumer")


def test_stats_count_the_calls_of_their_range_alone(client: Client) -> None:
    start = datetime.now(UTC)
    for _ in range(3):
        client("GET", "/vault/connections/crm/salesforce")
    end = datetime.now(UTC) + timedelta(seconds=1)

    counted = client(
        "GET",
        "/vault/consumers/test-consumer/stats",
        query={"start_datetime": start.isoformat(), "end_datetime": end.isoformat()},
    ).data
    before = client(
        "GET",
        "/vault/consumers/test-consumer/stats",
        query={"start_datetime": "2001-01-01T00:00:00Z", "end_datetime": "2002-01-01T00:00:00Z"},
    ).data

    assert counted["aggregated_request_count"] == 3
    assert counted["request_counts"] == {"unify": 0, "proxy": 0, "vault": 3}
    assert before["aggregated_request_count"] == 0


@pytest.mark.parametrize(
    ("start", "end", "pointer"),
    [
        ("notadate", "2021-05-30T12:00:00.000Z", "/start_datetime"),
        ("2021-05-01T12:00:00.000Z", "2021-13-30T12:00:00.000Z", "/end_datetime"),
        ("2021-05-30T12:00:00.000Z", "2021-05-01T12:00:00.000Z", "/end_datetime"),
    ],
)
def test_a_range_that_is_none_is_refused(
    client: Client, start: str, end: str, pointer: str
) -> None:
    answer = client(
        "GET",
        "/vault/consumers/test-consumer/stats",
        query={"start_datetime": start, "end_datetime": end},
    )

    assert answer.status == 400
    assert answer.type_name == "RequestValidationError"
    assert pointer in {violation["pointer"] for violation in answer.violations}


def test_a_range_needs_both_its_ends(client: Client) -> None:
    answer = client("GET", "/vault/consumers/test-consumer/stats")

    assert answer.places == {
        ("query", "/start_datetime", "required"),
        ("query", "/end_datetime", "required"),
    }
