"""OAuth in the browser: a signed state, a redirect each, and only where a browser may go."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.asgi import Answer, Client, place

pytestmark = pytest.mark.every_engine

APP = "https://app.example/done?tab=1"


def follow(client: Client, url: str) -> Answer:
    parts = urlsplit(url)
    return client("GET", parts.path, query=parts.query, headers={"authorization": None})


def authorize(client: Client, connection_id: str, **query: str) -> Answer:
    url = client.connection(connection_id)["authorize_url"]
    parts = urlsplit(url)
    return client(
        "GET",
        parts.path,
        query={**{name: values[0] for name, values in parse_qs(parts.query).items()}, **query},
        headers={"authorization": None, "x-apideck-app-id": None, "x-apideck-consumer-id": None},
    )


def state_of(client: Client, connection_id: str) -> str:
    url = client.connection(connection_id)["authorize_url"]
    return str(parse_qs(urlsplit(url).query)["state"][0])


def test_consent_makes_the_connection_callable(client: Client) -> None:
    client.patch("crm+zoho-crm", enabled=True)

    sent = authorize(client, "crm+zoho-crm", redirect_uri=APP, mock_consent="approve")
    back = follow(client, sent.headers["location"])

    assert (sent.status, back.status) == (301, 301)
    assert back.headers["location"] == APP
    assert client.connection("crm+zoho-crm")["state"] == "callable"


def test_without_a_foreseen_consent_the_browser_goes_to_the_provider(client: Client) -> None:
    sent = authorize(client, "crm+zoho-crm", redirect_uri=APP, scope="a b:c")

    location = urlsplit(sent.headers["location"])
    asked = parse_qs(location.query)
    assert location.path.startswith("/_mock/provider/zoho-crm")
    assert asked["redirect_uri"] == ["http://testserver/vault/callback"]
    assert asked["scope"] == ["a b:c"]


def test_denied_consent_is_told_on_the_redirect(client: Client) -> None:
    sent = authorize(client, "crm+zoho-crm", redirect_uri=APP, mock_consent="deny")
    location = sent.headers["location"]
    if urlsplit(location).netloc == "testserver":
        location = follow(client, location).headers["location"]

    told = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert location.startswith("https://app.example/done?tab=1&")
    assert told["error_type"] == "OAuthConnectorError"
    assert told["service_id"] == "zoho-crm"
    assert told["application_id"] == client.application_id
    assert told["ref"] == "https://developers.apideck.com/errors#oauthconnectorerror"
    assert told["origin"] in ("authorize", "callback")
    assert client.connection("crm+zoho-crm")["state"] == "available"


def test_a_select_that_consent_fills_keeps_the_state_authorized(client: Client) -> None:
    consumer = client.as_consumer("xero-user")
    consumer.patch("accounting+xero", enabled=True)
    sent = authorize(consumer, "accounting+xero", redirect_uri=APP, mock_consent="approve")
    follow(consumer, sent.headers["location"])

    waiting = consumer.connection("accounting+xero")
    tenant = next(each for each in waiting["form_fields"] if each["id"] == "tenant_id")
    assert waiting["state"] == "authorized"
    assert tenant["disabled"] is False
    chosen = tenant["options"][0]["value"]
    assert (
        consumer.patch("accounting+xero", settings={"tenant_id": chosen}).data["state"]
        == "callable"
    )


def test_a_state_serves_once(client: Client) -> None:
    state = state_of(client, "crm+zoho-crm")
    sent = authorize(client, "crm+zoho-crm", redirect_uri=APP, mock_consent="approve")
    callback = sent.headers["location"]
    follow(client, callback)

    again = follow(client, callback)
    restarted = client(
        "GET",
        f"/vault/authorize/zoho-crm/{client.application_id}",
        query={"state": state, "redirect_uri": APP},
    )

    assert (again.status, again.type_name) == (401, "OAuthInvalidStateError")
    assert restarted.status == 401
    client("DELETE", place("crm+zoho-crm"))
    assert follow(client, callback).status == 401
    assert state_of(client, "crm+zoho-crm") != state


@pytest.mark.parametrize(
    "broken", ["altered", "garbage", "session", "empty", "foreign", "other service"]
)
def test_a_state_that_is_not_this_flows_is_refused(
    client: Client, make_client: Any, broken: str
) -> None:
    state = state_of(client, "crm+zoho-crm")
    service = "salesforce" if broken == "other service" else "zoho-crm"
    bad = {
        "altered": state[:-3] + ("AAA" if not state.endswith("AAA") else "BBB"),
        "garbage": "not-a-jwt",
        "session": client("POST", "/vault/sessions").data["session_token"],
        "empty": "",
        "foreign": state_of(make_client(), "crm+zoho-crm"),
        "other service": state,
    }[broken]

    for path in ("authorize", "revoke"):
        answer = client(
            "GET",
            f"/vault/{path}/{service}/{client.application_id}",
            query={"state": bad, "redirect_uri": APP},
        )
        assert (answer.status, answer.type_name) == (401, "OAuthInvalidStateError")
    callback = client("GET", "/vault/callback", query={"state": bad, "code": "x"})
    assert callback.status == 401


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/relative",
        "ftp://x.example",
        "http://",
        "https:///x",
        "http://a.example\\@evil.example",
        "http://a.example/\nx",
        " https://a.example",
        "http://[bad",
        "",
    ],
)
def test_a_browser_is_sent_to_no_other_place_than_the_web(
    client: Client, redirect_uri: str
) -> None:
    for path in ("authorize", "revoke"):
        answer = client(
            "GET",
            f"/vault/{path}/zoho-crm/{client.application_id}",
            query={"state": state_of(client, "crm+zoho-crm"), "redirect_uri": redirect_uri},
        )

        assert answer.status == 400
        assert "location" not in answer.headers


def test_unknown_applications_and_connectors_are_404(client: Client) -> None:
    query = {"state": state_of(client, "crm+zoho-crm"), "redirect_uri": APP}

    application = client("GET", "/vault/authorize/zoho-crm/no-such-app", query=query)
    connector = client("GET", f"/vault/authorize/no-such/{client.application_id}", query=query)

    assert application.json()["message"] == "Unknown Application"
    assert connector.type_name == "ConnectorNotFoundError"


def test_revoking_drops_the_consent(client: Client) -> None:
    connection = client.connection("crm+salesforce")
    assert connection["state"] == "callable"
    parts = urlsplit(connection["revoke_url"])

    answer = client("GET", parts.path, query=f"{parts.query}&redirect_uri=https://app.example/x")

    assert (answer.status, answer.headers["location"]) == (301, "https://app.example/x")
    after = client.connection("crm+salesforce")
    assert after["state"] == "added"
    assert after["revoke_url"] is None


def test_what_was_never_consented_to_cannot_be_revoked(client: Client) -> None:
    answer = client(
        "GET",
        f"/vault/revoke/zoho-crm/{client.application_id}",
        query={"state": state_of(client, "crm+zoho-crm"), "redirect_uri": APP},
    )

    assert answer.status == 422


def test_a_callback_needs_a_code(client: Client) -> None:
    answer = client("GET", "/vault/callback", query={"state": state_of(client, "crm+zoho-crm")})

    assert answer.status == 400
    assert ("query", "/code", "required") in answer.places


def test_a_wrong_code_is_told_on_the_redirect(client: Client) -> None:
    authorize(client, "crm+zoho-crm", redirect_uri=APP)
    state = state_of(client, "crm+zoho-crm")

    back = client("GET", "/vault/callback", query={"state": state, "code": "made-up"})

    assert back.status == 301
    assert "error_type=OAuthCodeExchangeError" in back.headers["location"]
    assert client.connection("crm+zoho-crm")["state"] == "available"
