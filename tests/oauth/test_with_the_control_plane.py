"""OAuth on the control plane's clock, in its worlds, and in what it tells of events."""

from typing import Any

from tests.asgi import Client
from tests.oauth.test_provider import begun, browse, consented


def power(client: Client, method: str, path: str, body: Any = None) -> Any:
    """Use a power over the client's application."""
    whole = f"/_mock/apps/{client.application_id}/{path}"
    answer = client(method, whole) if body is None else client(method, whole, body)
    assert answer.status < 300, answer.content
    return answer.json() if answer.content else None


def told(client: Client) -> list[str]:
    events = power(client, "GET", "events")["events"]
    return [each["event_type"] for each in events]


def test_an_hour_later_a_token_without_a_refresh_token_is_gone_and_its_event_raised(
    client: Client,
) -> None:
    consented(client, "no_refresh_token")
    power(client, "PUT", "clock", {"action": "advance", "by": "PT1H"})

    assert client.connection("crm+zoho-crm")["state"] == "added"
    assert "vault.connection.token_refresh.failed" in told(client)


def test_consent_and_revocation_raise_their_events_once(client: Client) -> None:
    consented(client, "approve")
    client.connection("crm+zoho-crm")
    url = client.connection("crm+zoho-crm")["revoke_url"]
    browse(client, f"{url}&redirect_uri=https://app.example/x")

    raised = [each for each in told(client) if "token_refresh" not in each]
    assert sorted(raised) == [
        "vault.connection.callable",
        "vault.connection.created",
        "vault.connection.revoked",
    ]


def test_a_world_kept_while_a_consent_page_is_open_lets_it_be_finished_twice(
    client: Client,
) -> None:
    callback = begun(client, mock_consent="approve")
    power(client, "PUT", "snapshots/open")

    for _ in range(2):
        assert browse(client, callback).status == 301
        assert client.connection("crm+zoho-crm")["state"] == "callable"
        power(client, "POST", "snapshots/open/restore")
        assert client.connection("crm+zoho-crm")["state"] == "available"
