"""Connections as a client sees them: the state follows the facts, settings merge, secrets stay."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi import Client, place

pytestmark = pytest.mark.every_engine

NEVER_ADDED = (
    "settings",
    "metadata",
    "configuration",
    "custom_mappings",
    "created_at",
    "updated_at",
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def test_a_connection_that_was_never_added_lacks_what_only_added_ones_have(client: Client) -> None:
    connection = client.connection("crm+zoho-crm")

    assert connection["state"] == "available"
    assert connection["enabled"] is False
    assert connection["id"] == "crm+zoho-crm"
    assert connection["revoke_url"] is None
    assert not set(NEVER_ADDED) & set(connection)


def test_enabling_an_available_connection_adds_it(client: Client) -> None:
    connection = client.patch("crm+zoho-crm", enabled=True).data

    assert (connection["state"], connection["enabled"]) == ("added", True)
    assert connection["settings"] == {}
    assert connection["metadata"] == {}
    assert isinstance(connection["created_at"], int)
    assert "updated_at" not in connection
    assert (
        client.patch("crm+zoho-crm", metadata={"a": 1}).data["updated_at"]
        >= connection["created_at"]
    )


def test_posting_adds_a_connection(client: Client) -> None:
    answer = client("POST", place("crm+copper"), {"settings": {"email": "a@b.c"}})

    assert answer.json()["status_code"] == answer.status == 200
    assert answer.data["state"] == "added"
    assert answer.data["settings"] == {"email": "a@b.c"}


def test_an_api_key_makes_a_connection_callable_and_never_comes_back_in_settings(
    client: Client,
) -> None:
    settings = {"email": "a@b.c", "api_key": "a-secret-of-mine"}

    connection = client.patch("crm+copper", settings=settings).data

    assert connection["state"] == "callable"
    assert connection["settings"] == {"email": "a@b.c"}
    field = next(field for field in connection["form_fields"] if field["id"] == "api_key")
    assert (field["value"], field["sensitive"]) == ("a-secret-of-mine", True)
    shown = client("GET", "/vault/consumers/test-consumer")
    assert b"a-secret-of-mine" not in shown.content


def test_a_connector_that_validates_refuses_credentials_that_hold_the_word_invalid(
    client: Client, app: Any
) -> None:
    connector = next(
        each for each in app.catalogue.all if each.validation_support and each.auth_type == "apiKey"
    )
    settings = {field.id: "fine" for field in connector.form_fields if field.required}
    secret = next(field.id for field in connector.form_fields if field.sensitive)

    refused = client.patch(connector.id, settings={**settings, secret: "an INVALID key"}).data
    corrected = client.patch(connector.id, settings={secret: "a good key"}).data

    assert refused["validation_support"] is True
    assert refused["state"] == "invalid"
    assert corrected["state"] == "callable"


def test_settings_and_metadata_are_merged_and_null_removes_a_key(client: Client) -> None:
    client.patch("crm+salesforce", settings={"a": 1, "b": {"c": None}}, metadata={"x": "y", "z": 0})

    connection = client.patch(
        "crm+salesforce", settings={"a": None, "n": "ü😀"}, metadata={"z": None}
    ).data

    assert connection["settings"]["n"] == "ü😀"
    assert connection["settings"]["b"] == {"c": None}
    assert "a" not in connection["settings"]
    assert connection["metadata"]["x"] == "y"
    assert "z" not in connection["metadata"]


def test_null_for_all_metadata_empties_it(client: Client) -> None:
    assert client.patch("crm+salesforce", metadata=None).data["metadata"] == {}


@given(metadata=st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_metadata_comes_back_as_it_was_sent(app: Any, metadata: dict[str, Any]) -> None:
    client = Client(app, consumer_id="metadata-keeper")
    client.patch("crm+salesforce", metadata=None)

    answer = client.patch("crm+salesforce", metadata=metadata)

    kept = {key: value for key, value in metadata.items() if value is not None}
    assert answer.data["metadata"] == kept
    assert client.connection()["metadata"] == kept


def test_a_disabled_connection_keeps_its_state(client: Client) -> None:
    client.patch("crm+copper", settings={"email": "a@b.c", "api_key": "k"})

    connection = client.patch("crm+copper", enabled=False).data

    assert (connection["enabled"], connection["state"]) == (False, "callable")


def test_a_deleted_connection_is_available_again(client: Client) -> None:
    client.patch("crm+copper", settings={"email": "a@b.c", "api_key": "k"})

    deleted = client("DELETE", place("crm+copper"))

    assert (deleted.status, deleted.content) == (204, b"")
    connection = client.connection("crm+copper")
    assert connection["state"] == "available"
    assert not set(NEVER_ADDED) & set(connection)
    assert client("DELETE", place("crm+copper")).type_name == "ConnectionNotFoundError"


def test_authorization_waits_for_the_settings_it_needs(client: Client) -> None:
    before = client.connection("crm+microsoft-dynamics")
    after = client.patch(
        "crm+microsoft-dynamics", settings={"organisation_url": "https://x.example"}
    ).data

    assert before["settings_required_for_authorization"] == ["organisation_url"]
    assert before["authorize_url"] is None
    assert after["authorize_url"].startswith("http://testserver/vault/authorize/")


def test_the_list_holds_every_connector_by_name_and_agrees_with_each_one(client: Client) -> None:
    listed = client("GET", "/vault/connections").data

    assert len(listed) >= 60
    names = [(each["name"].casefold(), each["unified_api"]) for each in listed]
    assert names == sorted(names)
    for connection in listed[::7]:
        assert client.connection(connection["id"]) == connection


@pytest.mark.parametrize("api", ["crm", "hris", "vault", "", "no-such-api"])
def test_api_and_configured_are_intersections(client: Client, api: str) -> None:
    def found(**query: str) -> set[str]:
        return {each["id"] for each in client("GET", "/vault/connections", query=query).data}

    every, of_api = found(), found(api=api)

    assert of_api == {each for each in every if each.startswith(f"{api}+")}
    assert found(configured="true") | found(configured="false") == every
    assert not found(configured="true") & found(configured="false")
    assert found(configured="true", api=api) == found(configured="true") & of_api


def test_configured_connections_are_those_that_were_added(client: Client) -> None:
    added = client("GET", "/vault/connections", query={"configured": "true"}).data

    assert added
    assert all(each["state"] != "available" for each in added)


def test_an_import_with_a_token_is_authorized(client: Client) -> None:
    credentials = {
        "access_token": "at-of-mine",
        "refresh_token": "rt-of-mine",
        "issued_at": "2030-01-01T00:00:00Z",
        "expires_in": 3600,
    }

    answer = client(
        "POST",
        f"{place('accounting+xero')}/import",
        {"credentials": credentials, "metadata": {"from": "elsewhere"}},
    )
    fresh = client.as_consumer("fresh")(
        "POST", f"{place('crm+hubspot')}/import", {"credentials": credentials}
    )

    assert answer.data["state"] == "authorized"
    assert answer.data["metadata"]["from"] == "elsewhere"
    assert fresh.data["state"] == "callable"
    assert b"at-of-mine" not in answer.content + fresh.content


def test_an_import_for_an_api_key_goes_through_settings(client: Client) -> None:
    path = f"{place('crm+copper')}/import"

    refused = client("POST", path, {"credentials": {"access_token": "x"}})
    done = client("POST", path, {"settings": {"email": "a@b.c", "api_key": "k"}})

    assert (refused.status, refused.type_name) == (422, "InvalidStateError")
    assert done.data["state"] == "callable"


@pytest.mark.parametrize("grant", ["client_credentials", "password"])
def test_a_token_is_had_without_a_browser(client: Client, app: Any, grant: str) -> None:
    connector = next(each for each in app.catalogue.all if each.oauth_grant_type == grant)
    path = f"{place(connector.id)}/token"
    consumer = client.as_consumer("someone")
    values = {field.id: "value" for field in connector.form_fields if field.required}

    unknown = consumer("POST", path)
    added = consumer.patch(connector.id, enabled=True).data
    too_early = consumer("POST", path, {})
    consumer.patch(connector.id, settings=values)
    done = consumer("POST", path, headers={"content-type": "application/json"})

    assert unknown.status == 404
    assert added["state"] == "added"
    assert too_early.status == 422
    assert done.data["state"] == "callable"
    assert b"access_token" not in done.content


def test_a_token_is_refused_where_another_grant_is_meant(client: Client) -> None:
    answer = client("POST", f"{place('crm+salesforce')}/token")

    assert (answer.status, answer.type_name) == (422, "InvalidStateError")


@pytest.mark.parametrize(
    "path",
    [
        "/vault/connections/crm/no-such-service",
        "/vault/connections/no-such-api/salesforce",
        "/vault/connections/hris/salesforce",
    ],
)
def test_an_unknown_connector_is_404(client: Client, path: str) -> None:
    for method, body in [
        ("GET", {}),
        ("PATCH", {"body": {}}),
        ("POST", {"body": {}}),
        ("DELETE", {}),
    ]:
        answer = client(method, path, **body)

        assert answer.status == 404
        assert answer.type_name == "ConnectorNotFoundError"


def test_mappings_in_a_body_are_told_where_they_belong(client: Client) -> None:
    answer = client.patch("crm+salesforce", custom_mappings=[{"value": "$.x"}])

    assert "/vault/custom-mappings" in answer.headers["x-mock-warning"]


def test_a_refused_change_changes_nothing(client: Client) -> None:
    before = client.connection()

    refused = client.patch(
        "crm+salesforce",
        enabled=False,
        metadata={"half": True},
        configuration=[{"resource": "unicorns", "defaults": []}],
    )

    assert (refused.status, refused.json()["message"]) == (404, "Unknown Resource")
    assert client.connection() == before
