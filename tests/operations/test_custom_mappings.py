"""Custom mappings: made, read, changed and removed, and shown on their connection."""

import pytest

from tests.asgi import Client, place

pytestmark = pytest.mark.every_engine

FIELD = "hris+employees+first_aid_training"
PATH = f"/vault/custom-mappings/hris/bamboohr/{FIELD}"


def mapped(client: Client) -> dict[str, str]:
    connection = client.connection("hris+bamboohr")
    return {each["id"]: each["value"] for each in connection["custom_mappings"] if "value" in each}


def test_a_mapping_round_trips(client: Client) -> None:
    assert client("GET", PATH).status == 404

    made = client("POST", PATH, {"value": "$.root.training.first_aid"}).data
    assert made["id"] == FIELD
    assert made["key"] == "first_aid_training"
    assert made["consumer_id"] == "test-consumer"
    assert client("GET", PATH).data == made
    assert mapped(client)[FIELD] == "$.root.training.first_aid"

    changed = client("PATCH", PATH, {"value": "$['root']['x']"}).data
    assert changed["value"] == "$['root']['x']"
    assert mapped(client)[FIELD] == "$['root']['x']"

    assert client("DELETE", PATH).status == 204
    assert client("GET", PATH).status == 404
    assert client("DELETE", PATH).status == 404
    assert FIELD not in mapped(client)


def test_what_has_no_value_cannot_be_changed(client: Client) -> None:
    assert client("PATCH", PATH, {"value": "$.x"}).type_name == "EntityNotFoundError"


def test_a_target_field_that_nobody_declared_is_404(client: Client) -> None:
    path = "/vault/custom-mappings/hris/bamboohr/hris+employees+no_such_field"

    assert client("POST", path, {"value": "$.x"}).json()["message"] == "Unknown Target Field"


def test_a_mapping_needs_its_connection(client: Client) -> None:
    stranger = client.as_consumer("stranger")

    assert stranger("POST", PATH, {"value": "$.x"}).type_name == "ConnectionNotFoundError"


def test_a_mapping_goes_with_its_connection(client: Client) -> None:
    client("POST", PATH, {"value": "$.x"})

    client("DELETE", place("hris+bamboohr"))
    client.patch("hris+bamboohr", enabled=True)

    assert mapped(client) == {}


def test_a_mapping_is_its_consumers_alone(client: Client) -> None:
    other = client.as_consumer("other")
    other.patch("hris+bamboohr", enabled=True)

    client("POST", PATH, {"value": "$.mine"})

    assert other("GET", PATH).status == 404
    assert mapped(other) == {}


def test_a_value_is_required_and_nothing_else_is_taken(client: Client) -> None:
    answer = client("POST", PATH, {"valeu": "$.x"})

    assert ("body", "/value", "required") in answer.places
    assert any("value" in violation.get("hint", "") for violation in answer.violations)
