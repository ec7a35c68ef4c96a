"""The fake provider: each consent does what its button says, its endpoints refuse as RFCs say."""

from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from mockvault.domain.clock import FrozenClock
from mockvault.vault.provider import Consent, challenge_of
from tests.asgi import Answer, Client

APP = "https://app.example/done"
FORM = {"content-type": "application/x-www-form-urlencoded"}
NOBODY: dict[str, Any] = {
    "authorization": None,
    "x-apideck-app-id": None,
    "x-apideck-consumer-id": None,
}


def browse(client: Client, url: str) -> Answer:
    parts = urlsplit(url)
    return client("GET", parts.path, query=parts.query, headers=NOBODY)


def told(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def post(client: Client, path: str, headers: Any = None, **form: str) -> Answer:
    return client(
        "POST",
        path,
        content=urlencode(form).encode(),
        headers={**NOBODY, **FORM, **(headers or {})},
    )


def begun(client: Client, connection_id: str = "crm+zoho-crm", **query: str) -> str:
    """Go to the authorize URL; return where the browser is sent."""
    url = client.connection(connection_id)["authorize_url"]
    answer = browse(client, f"{url}&{urlencode({'redirect_uri': APP, **query})}")
    assert answer.status == 301, answer.content
    return answer.headers["location"]


def consented(client: Client, consent: str, connection_id: str = "crm+zoho-crm") -> Answer:
    """Press the consent page's button; return what the vault's callback then answers."""
    asked = begun(client, connection_id)
    page = browse(client, asked)
    assert page.status == 200
    pressed = post(client, urlsplit(asked).path, **told(asked), consent=consent)
    assert pressed.status == 303, pressed.content
    return browse(client, pressed.headers["location"])


def vault_of(client: Client) -> Any:
    return client.app.applications.find(client.application_id)


def token_of(client: Client, connection_id: str = "crm+zoho-crm") -> Any:
    key = tuple(connection_id.split("+"))
    connection = vault_of(client).surroundings.store.connection(client.consumer_id, key)
    return connection.token


def basic(
    client: Client, service_id: str = "zoho-crm", secret: str | None = None
) -> dict[str, str]:
    secret = secret or vault_of(client).provider.client_secret(service_id)
    credentials = b64encode(f"{client.application_id}:{secret}".encode()).decode()
    return {"authorization": f"Basic {credentials}"}


def freeze(client: Client) -> FrozenClock:
    surroundings = vault_of(client).surroundings
    surroundings.clock = clock = FrozenClock(surroundings.clock.now())
    return clock


# the page


def test_the_page_asks_in_the_name_of_the_application_and_shows_the_scopes(client: Client) -> None:
    page = browse(client, begun(client, scope="a <b>")).content.decode()

    assert "asks for access to your Zoho CRM account" in page
    assert "<code>a</code>" in page
    assert "<code>&lt;b&gt;</code>" in page
    for name in ("approve", "approve-fewer", "deny", "provider-error", "slow", "expired-code"):
        assert f'data-testid="consent-{name}"' in page
    for name in ("replayed-code", "altered-state", "no-refresh"):
        assert f'data-testid="consent-{name}"' in page


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"client_id": "nobody"}, "client_id"),
        ({"redirect_uri": "https://evil.example/steal"}, "redirect_uri"),
        ({"redirect_uri": "javascript:alert(1)//vault/callback"}, "redirect_uri"),
        ({"response_type": "token"}, "response_type"),
        ({"state": ""}, "state"),
        ({"code_challenge": ""}, "code_challenge"),
        ({"code_challenge_method": "plain"}, "S256"),
        ({"mock_consent": "maybe"}, "consent must be one of"),
    ],
)
def test_a_request_that_was_tampered_with_is_refused_on_the_page(
    client: Client, wrong: dict[str, str], why: str
) -> None:
    asked = begun(client)
    query = {**told(asked), **wrong}

    answer = client("GET", urlsplit(asked).path, query=query, headers=NOBODY)

    assert answer.status == 400
    assert why in answer.content.decode()
    assert "location" not in answer.headers


def test_the_provider_of_no_connector_is_404(client: Client) -> None:
    query = told(begun(client))

    assert client("GET", "/_mock/provider/nothing/authorize", query=query).status == 404
    answer = post(client, "/_mock/provider/nothing/token", basic(client), grant_type="password")
    assert answer.status == 404


# each button


def test_approval_stores_a_token_that_ends_and_can_be_refreshed(client: Client) -> None:
    back = consented(client, "approve")

    assert (back.status, back.headers["location"]) == (301, APP)
    token = token_of(client)
    assert token.expires_in == 3600
    assert token.refresh_token
    assert token.scopes == vault_of(client).provider.connector("zoho-crm").provider.scopes
    assert client.connection("crm+zoho-crm")["state"] == "callable"


def test_fewer_scopes_are_what_the_token_says(client: Client) -> None:
    asked = begun(client, scope="one two three")
    pressed = post(client, urlsplit(asked).path, **told(asked), consent="fewer_scopes")
    browse(client, pressed.headers["location"])

    assert token_of(client).scopes == ("one", "two")


@pytest.mark.parametrize(
    ("consent", "error_type", "message"),
    [
        ("deny", "OAuthConnectorError", "access_denied: The consumer denied access."),
        ("provider_error", "OAuthConnectorError", "server_error: The provider met"),
        ("expired_code", "OAuthCodeExchangeError", "invalid_grant: The authorization code has exp"),
        ("replayed_code", "OAuthCodeExchangeError", "invalid_grant: The authorization code has be"),
    ],
)
@pytest.mark.parametrize("way", ["page", "headless", "application"])
def test_what_goes_wrong_is_told_on_the_redirect(
    client: Client, consent: str, error_type: str, message: str, way: str
) -> None:
    if way == "page":
        back = consented(client, consent)
    elif way == "headless":
        back = browse(client, begun(client, mock_consent=consent))
    else:
        vault = vault_of(client)
        object.__setattr__(vault.application, "consent", consent)
        back = browse(client, begun(client))

    assert back.status == 301
    said = told(back.headers["location"])
    assert back.headers["location"].startswith(APP)
    assert said["error_type"] == error_type
    assert said["error_message"].startswith(message)
    assert said["origin"] == "callback"
    assert (said["service_id"], said["application_id"]) == ("zoho-crm", client.application_id)
    assert said["ref"] == f"https://developers.apideck.com/errors#{error_type.lower()}"
    assert client.connection("crm+zoho-crm")["state"] == "available"


def test_an_altered_state_ends_at_the_vault(client: Client) -> None:
    back = consented(client, "altered_state")

    assert (back.status, back.type_name) == (401, "OAuthInvalidStateError")
    assert client.connection("crm+zoho-crm")["state"] == "available"


def test_slow_consent_takes_its_time_and_is_consent_all_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("mockvault.pages.provider.asyncio.sleep", sleep)
    asked = begun(client, mock_consent="slow")
    sent = browse(client, asked)
    back = browse(client, sent.headers["location"])

    assert (waited, back.headers["location"]) == ([3.0], APP)
    assert client.connection("crm+zoho-crm")["state"] == "callable"


def test_without_a_refresh_token_the_connection_ends_with_its_access_token(client: Client) -> None:
    clock = freeze(client)
    consented(client, "no_refresh_token")
    changes: list[Any] = []
    vault_of(client).surroundings.listeners.append(changes.append)

    clock.advance(3600 * 1000)

    assert client.connection("crm+zoho-crm")["state"] == "added"
    assert [each.cause for each in changes] == ["refresh failure"]
    assert client.connection("crm+zoho-crm")["authorize_url"] is not None


# refreshing


@pytest.mark.parametrize(
    ("left", "refreshed"), [(31_000, "kept"), (30_000, "kept"), (29_999, "fresh")]
)
def test_a_token_is_refreshed_once_less_than_30_seconds_remain(
    client: Client, left: int, refreshed: str
) -> None:
    clock = freeze(client)
    consented(client, "approve")
    before = token_of(client)
    clock.advance(3600 * 1000 - left)

    assert client.connection("crm+zoho-crm")["state"] == "callable"

    after = token_of(client)
    assert (after.access_token == before.access_token) is (refreshed == "kept")
    assert after.refresh_token == before.refresh_token
    assert after.scopes == before.scopes


def test_a_refresh_raises_no_event(client: Client) -> None:
    clock = freeze(client)
    consented(client, "approve")
    changes: list[Any] = []
    vault_of(client).surroundings.listeners.append(changes.append)
    clock.advance(3600 * 1000)

    client("GET", "/vault/connections")

    assert changes == []


def test_a_refresh_token_that_was_revoked_is_refused(client: Client) -> None:
    clock = freeze(client)
    consented(client, "approve")
    path = "/_mock/provider/zoho-crm/revoke"
    revoked = post(client, path, basic(client), token=token_of(client).refresh_token)
    clock.advance(3600 * 1000)

    assert revoked.status == 200
    assert client.connection("crm+zoho-crm")["state"] == "added"


def test_an_imported_token_is_refreshed_or_dropped_when_it_is_next_looked_at(
    client: Client,
) -> None:
    for service, refresh_token, state in (
        ("hubspot", "rt-from-elsewhere", "callable"),
        ("pipedrive", "rt-invalid", "added"),
    ):
        consumer = client.as_consumer("mover")
        consumer(
            "POST",
            f"/vault/connections/crm/{service}/import",
            {"credentials": {"access_token": "at-old", "refresh_token": refresh_token}},
        )

        assert consumer.connection(f"crm+{service}")["state"] == state


def test_a_client_credentials_token_is_had_again_when_it_ends(client: Client) -> None:
    clock = freeze(client)
    settings = {"shop": "a", "client_id": "b", "client_secret": "c"}
    client.patch("ecommerce+shopify", enabled=True, settings=settings)
    client("POST", "/vault/connections/ecommerce/shopify/token")
    before = token_of(client, "ecommerce+shopify")

    clock.advance(3600 * 1000)
    assert client.connection("ecommerce+shopify")["state"] == "callable"
    assert token_of(client, "ecommerce+shopify").access_token != before.access_token

    client.patch("ecommerce+shopify", settings={"client_secret": "invalid"})
    clock.advance(3600 * 1000)
    assert client.connection("ecommerce+shopify")["state"] == "added"


# the flow


def test_a_flow_is_over_after_ten_minutes_and_a_state_after_an_hour(client: Client) -> None:
    clock = freeze(client)
    location = begun(client, mock_consent="approve")
    clock.advance(10 * 60 * 1000)
    late = browse(client, location)
    url = client.connection("crm+zoho-crm")["authorize_url"]
    clock.advance(60 * 60 * 1000)
    later = browse(client, f"{url}&redirect_uri={APP}")

    assert (late.status, late.type_name) == (401, "OAuthInvalidStateError")
    assert (later.status, later.type_name) == (401, "OAuthInvalidStateError")


def test_a_state_of_another_application_is_refused(client: Client, make_client: Any) -> None:
    other = make_client()
    state = told(other.connection("crm+zoho-crm")["authorize_url"])["state"]

    answer = client(
        "GET",
        f"/vault/authorize/zoho-crm/{client.application_id}",
        query={"state": state, "redirect_uri": APP},
        headers=NOBODY,
    )

    assert (answer.status, answer.type_name) == (401, "OAuthInvalidStateError")


def test_a_flow_ends_with_its_first_callback_even_where_that_failed(client: Client) -> None:
    location = begun(client, mock_consent="deny")
    first, second = browse(client, location), browse(client, location)

    assert (first.status, second.status) == (301, 401)


def test_a_nonce_comes_back_in_the_fragment(client: Client) -> None:
    back = browse(client, begun(client, mock_consent="approve", nonce="n-1"))

    location = urlsplit(back.headers["location"])
    fragment = {name: values[0] for name, values in parse_qs(location.fragment).items()}
    assert location._replace(fragment="").geturl() == APP
    assert fragment["nonce"] == "n-1"
    assert fragment["service_id"] == "zoho-crm"
    assert len(fragment["confirm_token"]) == 36


def test_a_callback_with_neither_code_nor_error_is_refused_by_rule(client: Client) -> None:
    state = told(client.connection("crm+zoho-crm")["authorize_url"])["state"]

    answer = client("GET", "/vault/callback", query={"state": state}, headers=NOBODY)

    assert answer.status == 400
    assert answer.violations[0]["rule"] == "#/components/parameters/code/required"


def test_a_consent_of_no_kind_is_refused_by_rule(client: Client) -> None:
    url = client.connection("crm+zoho-crm")["authorize_url"]

    answer = browse(client, f"{url}&redirect_uri={APP}&mock_consent=maybe")

    assert answer.status == 400
    assert ("query", "/mock_consent", "enum") in answer.places


def test_only_a_declared_redirect_uri_is_taken_where_any_is(client: Client) -> None:
    object.__setattr__(vault_of(client).application, "redirect_uris", (APP,))
    url = client.connection("crm+zoho-crm")["authorize_url"]

    taken = browse(client, f"{url}&redirect_uri={APP}")
    refused = browse(client, f"{url}&redirect_uri={APP}/else")
    own = browse(client, f"{url}&redirect_uri=http://testserver/session/x/connections/crm/y")

    assert (taken.status, refused.status, own.status) == (301, 400, 301)
    assert refused.type_name == "OAuthRedirectUriError"


def test_revoking_tells_the_provider_so_that_the_token_is_good_for_nothing(client: Client) -> None:
    consented(client, "approve")
    refresh_token = token_of(client).refresh_token
    url = client.connection("crm+zoho-crm")["revoke_url"]

    answer = browse(client, f"{url}&redirect_uri={APP}")

    assert answer.headers["location"] == APP
    assert client.connection("crm+zoho-crm")["state"] == "added"
    refused = post(
        client,
        "/_mock/provider/zoho-crm/token",
        basic(client),
        grant_type="refresh_token",
        refresh_token=refresh_token,
    )
    assert (refused.status, refused.json()["error"]) == (400, "invalid_grant")


def test_a_provider_that_cannot_revoke_leaves_the_connection(client: Client) -> None:
    consented(client, "approve")
    url = client.connection("crm+zoho-crm")["revoke_url"]

    answer = browse(client, f"{url}&redirect_uri={APP}&mock_consent=provider_error")

    said = told(answer.headers["location"])
    assert (said["origin"], said["error_type"]) == ("revoke", "OAuthConnectorError")
    assert client.connection("crm+zoho-crm")["state"] == "callable"


# the token endpoint, as any client may call it


def code_of(client: Client) -> tuple[str, str, str]:
    """Return a code, with its redirect URI and the verifier that the vault keeps."""
    location = begun(client, mock_consent="approve")
    said = told(location)
    store = vault_of(client).surroundings.store
    flow = store.take_secret(f"flow {said['state']}", vault_of(client).now())
    return said["code"], flow["callback"], flow["verifier"]


def redeem(client: Client, headers: Any = None, **form: str) -> Answer:
    path = "/_mock/provider/zoho-crm/token"
    return post(client, path, headers, **{"grant_type": "authorization_code", **form})


def test_a_code_is_redeemed_once_with_secret_and_verifier(client: Client) -> None:
    code, redirect_uri, verifier = code_of(client)
    form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}

    first = redeem(client, basic(client), **form)
    second = redeem(client, basic(client), **form)

    assert first.status == 200
    assert first.headers["cache-control"] == "no-store"
    assert set(first.json()) == {
        "access_token",
        "expires_in",
        "refresh_token",
        "scope",
        "token_type",
    }
    assert (second.status, second.json()["error"]) == (400, "invalid_grant")


def test_a_client_may_show_its_secret_in_the_form(client: Client) -> None:
    code, redirect_uri, verifier = code_of(client)
    secret = vault_of(client).provider.client_secret("zoho-crm")

    answer = redeem(
        client,
        code=code,
        redirect_uri=redirect_uri,
        code_verifier=verifier,
        client_id=client.application_id,
        client_secret=secret,
    )

    assert answer.status == 200


@pytest.mark.parametrize("how", ["none", "wrong secret", "secret of another", "unknown", "garbage"])
def test_a_client_that_is_not_the_one_it_says_is_refused(client: Client, how: str) -> None:
    code, redirect_uri, verifier = code_of(client)
    headers = {
        "none": {},
        "wrong secret": basic(client, secret="wrong"),
        "secret of another": basic(client, "hubspot"),
        "unknown": {"authorization": "Basic " + b64encode(b"nobody:x").decode()},
        "garbage": {"authorization": "Basic %%%"},
    }[how]

    answer = redeem(client, headers, code=code, redirect_uri=redirect_uri, code_verifier=verifier)

    assert (answer.status, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"code": "made-up"}, "unknown"),
        ({"code": ""}, "unknown"),
        ({"redirect_uri": "https://else.example/vault/callback"}, "another redirect_uri"),
        ({"code_verifier": "guess"}, "code_verifier"),
        ({"code_verifier": ""}, "code_verifier"),
    ],
)
def test_a_code_is_worth_nothing_without_what_belongs_to_it(
    client: Client, wrong: dict[str, str], why: str
) -> None:
    code, redirect_uri, verifier = code_of(client)
    form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier, **wrong}

    answer = redeem(client, basic(client), **form)

    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
    assert why in answer.json()["error_description"]


def test_a_code_ends_after_ten_minutes(client: Client) -> None:
    clock = freeze(client)
    code, redirect_uri, verifier = code_of(client)
    clock.advance(10 * 60 * 1000)

    answer = redeem(
        client, basic(client), code=code, redirect_uri=redirect_uri, code_verifier=verifier
    )

    assert "expired" in answer.json()["error_description"]


@pytest.mark.parametrize("path", ["token", "revoke"])
def test_what_is_no_form_is_refused(client: Client, path: str) -> None:
    answer = client(
        "POST",
        f"/_mock/provider/zoho-crm/{path}",
        content=b"\xff\xfe=1",
        headers={**NOBODY, **FORM},
    )

    assert answer.status == 400


def test_a_grant_of_no_kind_is_refused(client: Client) -> None:
    answer = redeem(client, basic(client), grant_type="implicit")

    assert (answer.status, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_revoking_no_token_is_refused(client: Client) -> None:
    answer = post(client, "/_mock/provider/zoho-crm/revoke", basic(client))

    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


def test_a_verifier_fits_its_own_challenge_alone() -> None:
    assert challenge_of("a" * 43) != challenge_of("a" * 42 + "b")


def test_every_way_to_consent_is_offered_by_the_contract_too(client: Client) -> None:
    operation = client.app.contract.by_id["connectionsAuthorize"]
    declared = next(each for each in operation.parameters if each.name == "mock_consent")

    assert set(declared.schema["enum"]) == set(Consent)


def test_no_token_or_secret_is_told_by_the_api(client: Client) -> None:
    consented(client, "approve")
    token = token_of(client)
    shown = client("GET", "/vault/connections/crm/zoho-crm").content.decode()
    listed = client("GET", "/vault/connections").content.decode()
    secret = vault_of(client).provider.client_secret("zoho-crm")

    for private in (token.access_token, token.refresh_token, secret):
        assert private not in shown
        assert private not in listed
