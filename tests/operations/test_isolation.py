"""Nothing of one application or consumer is ever visible to another, in either direction."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi import Client, consumer_path, place

pytestmark = pytest.mark.every_engine

MAPPING = "/vault/custom-mappings/hris/bamboohr/hris+employees+first_aid_training"
READS = [
    "/vault/consumers",
    consumer_path("alice"),
    consumer_path("bob"),
    "/vault/connections",
    place("crm+copper"),
    place("hris+bamboohr"),
    f"{place('hris+bamboohr')}/employees/config",
    MAPPING,
]
WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/vault/consumers", {"consumer_id": "carol"}),
    ("PATCH", consumer_path("alice"), {"metadata": {"email": "changed"}}),
    ("DELETE", consumer_path("alice"), None),
    ("PATCH", place("crm+copper"), {"settings": {"api_key": "k", "email": "e"}}),
    ("POST", f"{place('crm+hubspot')}/import", {"credentials": {"access_token": "x"}}),
    ("DELETE", place("hris+bamboohr"), None),
    ("POST", MAPPING, {"value": "$.mine"}),
    ("POST", "/vault/sessions", {"consumer_metadata": {"email": "session"}}),
]


@pytest.fixture
def principals(make_client: Any) -> dict[str, Client]:
    """Two applications with the consumers alice and bob each.

    Time stands still in them: the state of an `authorize_url` is another every five minutes.
    """
    found: dict[str, Client] = {}
    for application in ("one", "two"):
        client = make_client("alice")
        unjudged = Client(client.app, client.application_id, client.api_key)
        clock = f"/_mock/apps/{client.application_id}/clock"
        assert unjudged("PUT", clock, body={"action": "freeze"}).status == 200
        for consumer_id in ("alice", "bob"):
            found[f"{application} {consumer_id}"] = client.as_consumer(consumer_id)
            found[f"{application} {consumer_id}"].patch("hris+bamboohr", enabled=True)
    return found


def visible(client: Client) -> dict[str, Any]:
    """Return all that a principal can read, but for what reading itself changes."""
    seen: dict[str, Any] = {}
    for path in READS:
        answer = client("GET", path)
        body = answer.json()
        data = body.get("data")
        for item in data if isinstance(data, list) else [data]:
            if isinstance(item, dict):
                for name in ("aggregated_request_count", "request_counts", "request_count_updated"):
                    item.pop(name, None)
        seen[path] = (answer.status, data)
    return seen


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write[0]} {write[1]}")
def test_a_write_changes_nothing_that_another_application_sees(
    principals: dict[str, Client], write: tuple[str, str, Any]
) -> None:
    method, path, body = write
    others = {name: visible(each) for name, each in principals.items() if name.startswith("two")}

    changes = {} if body is None else {"body": body}
    assert principals["one alice"](method, path, **changes).status in (200, 204)

    for name, seen in others.items():
        assert visible(principals[name]) == seen


@pytest.mark.parametrize(
    "write",
    [each for each in WRITES if "consumers" not in each[1]],
    ids=lambda write: f"{write[0]} {write[1]}",
)
def test_a_consumers_write_changes_nothing_of_another_consumer(
    principals: dict[str, Client], write: tuple[str, str, Any]
) -> None:
    method, path, body = write
    bob = principals["one bob"]

    def of_bob() -> dict[str, Any]:
        seen = visible(bob)
        return {path: seen[path] for path in READS if path not in (READS[0], READS[1])}

    before = of_bob()
    changes = {} if body is None else {"body": body}
    assert principals["one alice"](method, path, **changes).status in (200, 204)

    assert of_bob() == before


@given(names=st.lists(st.sampled_from(["one", "two"]), min_size=4, max_size=12))
def test_logs_and_counts_are_of_ones_own_calls(app: Any, names: list[str]) -> None:
    clients = {
        "one": Client(app, "mock-app", "mock-api-key", "counted"),
        "two": Client(app, "other-app", "other-api-key", "counted"),
    }
    for client in clients.values():
        client("DELETE", consumer_path("counted"))
        client("POST", "/vault/consumers", {"consumer_id": "counted"})

    for name in names:
        clients[name]("GET", place("crm+salesforce"))

    for name, client in clients.items():
        counted = client("GET", consumer_path("counted")).data["aggregated_request_count"]
        assert counted == names.count(name)
        assert len(client.log()) == names.count(name)
