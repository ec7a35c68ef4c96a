"""A connection's resources: settings, schema, example and custom fields."""

from typing import Any

import jsonschema_rs
import pytest

from mockvault.app import create_app
from mockvault.settings import Settings
from tests.asgi import Client, place

pytestmark = pytest.mark.every_engine


def test_settings_of_a_resource_are_flat_fields_with_their_values(client: Client) -> None:
    path = f"{place('crm+salesforce')}/leads/config"
    fields = client("GET", path).data["configuration"]
    assert {"id", "label", "type", "required", "target", "value"} <= set(fields[0])
    field = next(each for each in fields if each["type"] == "text")

    changed = client(
        "PATCH",
        path,
        {"configuration": [{"resource": "leads", "defaults": [{"id": field["id"], "value": "x"}]}]},
    ).data

    values = {each["id"]: each["value"] for each in changed["configuration"]}
    assert values[field["id"]] == "x"
    connection = client.connection("crm+salesforce")
    assert connection["configuration"] == [
        {
            "resource": "leads",
            "defaults": [{"id": field["id"], "target": field["target"], "value": "x"}],
        }
    ]


def test_a_field_that_the_resource_does_not_have_is_kept_and_named(client: Client) -> None:
    configuration = [{"resource": "leads", "defaults": [{"id": "ProductInterest", "value": "x"}]}]

    answer = client.patch("crm+salesforce", configuration=configuration)

    assert answer.data["configuration"] == [
        {
            "resource": "leads",
            "defaults": [{"id": "ProductInterest", "target": "custom_fields", "value": "x"}],
        }
    ]
    assert "leads.ProductInterest" in answer.headers["x-mock-warning"]


def test_settings_that_speak_of_another_resource_are_refused(client: Client) -> None:
    answer = client(
        "PATCH",
        f"{place('crm+salesforce')}/leads/config",
        {"configuration": [{"resource": "contacts"}]},
    )

    assert answer.places == {("body", "/configuration/0/resource", "enum")}


@pytest.mark.parametrize("tail", ["config", "schema", "example", "custom-fields"])
def test_an_unknown_resource_is_404(client: Client, tail: str) -> None:
    answer = client("GET", f"{place('crm+salesforce')}/unicorns/{tail}")

    assert answer.status == 404
    assert answer.json()["message"] == "Unknown Resource"


@pytest.mark.parametrize("tail", ["config", "custom-fields"])
def test_what_needs_an_added_connection_is_404_without_one(client: Client, tail: str) -> None:
    answer = client("GET", f"{place('crm+zoho-crm')}/leads/{tail}")

    assert (answer.status, answer.type_name) == (404, "ConnectionNotFoundError")


def test_every_resource_of_every_connector_has_an_example_of_its_schema(
    client: Client, app: Any
) -> None:
    judged = 0
    for connector in app.catalogue.all[::5]:
        for resource in connector.resources:
            base = f"{place(connector.id)}/{resource}"
            schema = client("GET", f"{base}/schema").data
            example = client("GET", f"{base}/example").data
            jsonschema_rs.validate(schema, example["example_response"])
            assert example["resource"]["id"] == resource
            assert example["example_response"]
            judged += 1
    assert judged > 30


def test_examples_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    path = f"{place('hris+bamboohr')}/employees/example"

    def example(seed: int) -> bytes:
        return Client(create_app(Settings(seed=seed, log_format="none")))("GET", path).content

    assert example(1) == example(1)
    assert example(1) != example(2)


def test_custom_fields_have_finders(client: Client) -> None:
    fields = client("GET", f"{place('hris+bamboohr')}/employees/custom-fields").data

    assert fields
    assert all(field["finder"].startswith("$") for field in fields)
