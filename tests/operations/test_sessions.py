"""Sessions: the token's claims, its lifetime, and what it opens."""

import base64
import json
from typing import Any

import jwt
import pytest

from tests.asgi import Client, consumer_path, place

pytestmark = pytest.mark.every_engine


def session(client: Client, **body: Any) -> str:
    return str(client("POST", "/vault/sessions", body).data["session_token"])


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_the_token_claims_what_the_session_was_made_for(client: Client) -> None:
    body = {
        "consumer_metadata": {"account_name": "SpaceX"},
        "redirect_uri": "https://mysaas.com/dashboard",
        "settings": {"session_length": "30m", "unified_apis": ["crm"], "allow_actions": []},
        "theme": {"vault_name": "Intercom", "primary_color": "#286efa"},
        "custom_consumer_settings": {"feature_flag_1": True},
    }

    made = client("POST", "/vault/sessions", body).data
    claimed = claims(made["session_token"])

    assert jwt.get_unverified_header(made["session_token"]) == {"alg": "HS256", "typ": "JWT"}
    assert made["session_uri"] == f"http://testserver/session/{made['session_token']}"
    assert claimed["consumer_id"] == "test-consumer"
    assert claimed["application_id"] == client.application_id
    assert claimed["redirect_uri"] == body["redirect_uri"]
    assert claimed["settings"]["unified_apis"] == ["crm"]
    assert claimed["settings"]["allow_actions"] == []
    assert claimed["theme"] == body["theme"]
    assert claimed["custom_consumer_settings"] == {"feature_flag_1": True}
    assert claimed["scopes"] == []
    assert claimed["exp"] - claimed["iat"] == 30 * 60


def test_a_session_lasts_an_hour_and_needs_no_body(client: Client) -> None:
    token = client("POST", "/vault/sessions").data["session_token"]

    assert claims(token)["exp"] - claims(token)["iat"] == 3600


@pytest.mark.parametrize(
    ("length", "seconds"),
    [("45s", 45), ("30m", 1800), ("24h", 86400), ("7d", 604800), ("1w", 604800)],
)
def test_a_length_is_a_number_and_a_unit(client: Client, length: str, seconds: int) -> None:
    token = session(client, settings={"session_length": length})

    assert claims(token)["exp"] - claims(token)["iat"] == seconds


@pytest.mark.parametrize(
    "length", ["", "0m", "soon", "8d", "2w", "169h", "-1h", "1.5h", "1y", "9" * 30 + "s"]
)
def test_a_length_that_is_none_or_above_a_week_is_refused(client: Client, length: str) -> None:
    answer = client("POST", "/vault/sessions", {"settings": {"session_length": length}})

    assert answer.places == {("body", "/settings/session_length", "session_length")}


def test_a_session_sets_the_metadata_of_its_consumer(client: Client) -> None:
    newcomer = client.as_consumer("newcomer")

    session(newcomer, consumer_metadata={"email": "a@b.c"})

    assert client("GET", consumer_path("newcomer")).data["metadata"] == {"email": "a@b.c"}


def test_an_unknown_property_of_a_session_is_refused_with_a_hint(client: Client) -> None:
    answer = client("POST", "/vault/sessions", {"settings": {"sesion_length": "1h"}})

    assert answer.violations[0]["pointer"] == "/settings/sesion_length"
    assert "session_length" in answer.violations[0]["hint"]


def test_a_session_token_opens_its_consumers_operations(client: Client) -> None:
    bearer = client.with_key(session(client))

    assert bearer("GET", "/vault/connections").status == 200
    assert bearer("PATCH", place("crm+salesforce"), {"enabled": True}).status == 200
    assert bearer("GET", "/vault/logs").status == 200
    assert bearer("POST", f"{place('crm+salesforce')}/token").status == 422


def test_a_session_token_opens_nothing_else(client: Client, make_client: Any) -> None:
    token = session(client)
    bearer = client.with_key(token)
    stranger = make_client()

    for method, path in [
        ("GET", "/vault/consumers"),
        ("GET", "/vault/consumers/test-consumer"),
        ("DELETE", "/vault/consumers/test-consumer"),
    ]:
        assert bearer(method, path).type_name == "UnauthorizedError"
    assert bearer.as_consumer("other")("GET", "/vault/connections").status == 401
    assert stranger.with_key(token)("GET", "/vault/connections").status == 401


def test_a_token_that_was_tampered_with_is_refused(client: Client) -> None:
    token = session(client)
    header, payload, signature = token.split(".")
    changed = {**claims(token), "consumer_id": "other"}
    forged = [
        f"{header}.{b64(changed)}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-2]}AA",
        f"{b64({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        f"{b64({'alg': 'none'})}.{payload}.{signature}",
        jwt.encode(claims(token), "a key of ours, which is long enough", algorithm="HS256"),
        f"{header}.{b64({**claims(token), 'exp': 1})}.{signature}",
        "a.b.c",
        "..",
    ]

    for each in forged:
        answer = client.with_key(each)("GET", "/vault/connections")
        assert (answer.status, answer.type_name) == (401, "UnauthorizedError"), each


def test_the_state_of_an_authorize_url_is_no_session(client: Client) -> None:
    state = client.connection()["authorize_url"].rpartition("state=")[2]

    assert client.with_key(state)("GET", "/vault/connections").status == 401


def test_the_session_of_a_deleted_consumer_is_over(client: Client) -> None:
    newcomer = client.as_consumer("newcomer")
    bearer = newcomer.with_key(session(newcomer))
    assert bearer("GET", "/vault/connections").status == 200

    client("DELETE", "/vault/consumers/newcomer")

    assert bearer("GET", "/vault/connections").status == 401
    assert client("GET", "/vault/consumers/newcomer").status == 404
