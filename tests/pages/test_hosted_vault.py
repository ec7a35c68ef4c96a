"""Hosted Vault over ASGI: what a session lets its consumer see and do, and nothing beyond."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from mockvault.domain.clock import FrozenClock
from mockvault.pages.colours import contrast, parsed
from tests.asgi import Answer, Client

FORM = {"content-type": "application/x-www-form-urlencoded"}
NOBODY: dict[str, Any] = {
    "authorization": None,
    "x-apideck-app-id": None,
    "x-apideck-consumer-id": None,
}
EVIL = "\"'><script>alert(1)</script>{{31337*3}}&amp;"


class Visitor:
    """A browser at a session's address."""

    def __init__(self, client: Client, **body: Any) -> None:
        self.client = client
        session = client("POST", "/vault/sessions", body).data
        self.home = urlsplit(session["session_uri"]).path

    def get(self, path: str = "", query: str = "") -> Answer:
        return self.client("GET", self.home + path, query=query, headers=NOBODY)

    def post(self, path: str, **form: Any) -> Answer:
        return self.client(
            "POST",
            self.home + path,
            content=urlencode(form, doseq=True).encode(),
            headers={**NOBODY, **FORM},
        )

    def text(self, path: str = "", query: str = "") -> str:
        answer = self.get(path, query)
        assert answer.status == 200, answer.content
        return answer.content.decode()

    def step(self, connection_id: str, step: str, **form: Any) -> Answer:
        return self.post(path_of(connection_id), step=step, **form)


def path_of(connection_id: str) -> str:
    return f"/connections/{connection_id.replace('+', '/')}"


def has(text: str, testid: str) -> bool:
    return f'data-testid="{testid}"' in text


def vault_of(client: Client) -> Any:
    return client.app.applications.find(client.application_id)


def fields_of(text: str) -> dict[str, str]:
    return {
        name: unescape(value)
        for value_first in re.findall(r"<input[^>]*>", text)
        for name in re.findall(r'name="field\.([^"]*)"', value_first)
        for value in re.findall(r'value="([^"]*)"', value_first)
    }


# the session


@pytest.mark.parametrize("broken", ["expired", "altered", "garbage", "api key", "state", "deleted"])
def test_without_a_session_that_is_good_nothing_is_shown(client: Client, broken: str) -> None:
    client = client.as_consumer("visitor")
    visitor = Visitor(client, theme={"vault_name": "Secret Name"})
    if broken == "expired":
        surroundings = vault_of(client).surroundings
        surroundings.clock = FrozenClock(surroundings.clock.now() + 3_600_000)
    elif broken == "altered":
        visitor.home = visitor.home[:-5] + "AAAAA"
    elif broken == "garbage":
        visitor.home = "/session/not.a.token"
    elif broken == "api key":
        visitor.home = f"/session/{client.api_key}"
    elif broken == "state":
        url = client.connection("crm+zoho-crm")["authorize_url"]
        visitor.home = "/session/" + url.partition("state=")[2]
    else:
        client("DELETE", "/vault/consumers/visitor")

    for answer in (
        visitor.get(),
        visitor.get("/logs"),
        visitor.get(path_of("crm+zoho-crm")),
        visitor.step("crm+zoho-crm", "add"),
    ):
        assert answer.status == 401
        assert has(answer.content.decode(), "session-expired")
        assert "Secret Name" not in answer.content.decode()
    assert client.connection("crm+zoho-crm")["state"] == "available"


def test_an_expired_session_still_shows_the_way_back(client: Client) -> None:
    visitor = Visitor(client, redirect_uri="https://app.example/back")
    surroundings = vault_of(client).surroundings
    surroundings.clock = FrozenClock(surroundings.clock.now() + 3_600_000)

    assert 'href="https://app.example/back"' in visitor.get().content.decode()


def test_a_page_is_kept_by_no_cache_and_tells_no_one_its_address(client: Client) -> None:
    headers = Visitor(client).get().headers

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "script-src 'self'" in headers["content-security-policy"]


# settings of the session


def test_only_the_unified_apis_of_the_session_are_shown(client: Client) -> None:
    visitor = Visitor(client, settings={"unified_apis": ["ats"]})

    text = visitor.text()

    assert 'data-testid="card-ats+lever"' in text
    assert "card-crm+" not in text
    assert visitor.get(path_of("crm+salesforce")).status == 404
    assert visitor.step("crm+zoho-crm", "add").status == 404


def test_an_integration_that_its_owner_disabled_is_not_shown(client: Client) -> None:
    application = vault_of(client).application
    integrations = {"zoho-crm": "disabled", "hubspot": "needs_configuration"}
    object.__setattr__(application, "integrations", integrations)
    visitor = Visitor(client.as_consumer("other"))

    assert "card-crm+zoho-crm" not in visitor.text()
    assert visitor.get(path_of("crm+zoho-crm")).status == 404
    visitor.step("crm+hubspot", "add")
    text = visitor.text(path_of("crm+hubspot"))
    assert has(text, "blocked")
    assert not has(text, "authorize")
    assert visitor.step("crm+hubspot", "authorize").status == 422


@pytest.mark.parametrize(
    ("settings", "testid", "shown"),
    [
        ({}, "sandbox-banner", False),
        ({"sandbox_mode": True}, "sandbox-banner", True),
        ({}, "sidebar", True),
        ({"show_sidebar": False}, "sidebar", False),
        ({"isolation_mode": True}, "sidebar", False),
        ({}, "guide", True),
        ({"hide_guides": True}, "guide", False),
        ({}, "resources", True),
        ({"hide_resource_settings": True}, "resources", False),
        ({}, "delete", True),
        ({"allow_actions": []}, "delete", False),
        ({"allow_actions": ["disable"]}, "disable", True),
        ({"allow_actions": ["disable"]}, "disconnect", False),
        ({"allow_actions": ["disconnect"]}, "disconnect", True),
        ({"allow_actions": ["reauthorize"]}, "reauthorize", True),
        ({"allow_actions": ["delete"]}, "reauthorize", False),
    ],
)
def test_the_page_of_a_connection_shows_what_the_session_says(
    client: Client, settings: dict[str, Any], testid: str, shown: object
) -> None:
    visitor = Visitor(client, settings=settings)

    assert has(visitor.text(path_of("crm+salesforce")), testid) is shown


@pytest.mark.parametrize("action", ["delete", "disconnect", "reauthorize", "disable"])
def test_an_action_that_the_session_hides_is_refused_too(client: Client, action: str) -> None:
    visitor = Visitor(client, settings={"allow_actions": []})

    assert visitor.step("crm+salesforce", action).status == 422
    assert client.connection("crm+salesforce")["state"] == "callable"


@pytest.mark.parametrize(
    ("settings", "page", "status"),
    [
        ({}, "/logs", 200),
        ({"show_logs": False}, "/logs", 404),
        ({}, "/suggestions", 404),
        ({"show_suggestions": True}, "/suggestions", 200),
    ],
)
def test_a_page_is_there_and_linked_or_neither(
    client: Client, settings: dict[str, Any], page: str, status: int
) -> None:
    visitor = Visitor(client, settings=settings)

    assert visitor.get(page).status == status
    assert (f'{page}"' in visitor.text()) is (status == 200)


def test_isolation_hides_every_way_to_other_connections(client: Client) -> None:
    visitor = Visitor(client, settings={"isolation_mode": True})

    text = visitor.text(path_of("crm+salesforce"))

    assert f'href="{visitor.home}"' not in text
    assert "<nav" not in text


def test_a_theme_names_the_vault_and_links_to_the_web_alone(client: Client) -> None:
    visitor = Visitor(
        client,
        redirect_uri="javascript:alert(1)",
        consumer_metadata={"account_name": "Acme", "image": "javascript:alert(2)"},
        theme={
            "vault_name": "Our Vault",
            "logo": "https://app.example/logo.png",
            "favicon": "data:text/html,x",
            "privacy_url": "https://app.example/privacy",
            "terms_url": "javascript:alert(3)",
        },
    )

    text = visitor.text()

    assert "Our Vault" in text
    assert "Acme" in text
    assert 'src="https://app.example/logo.png"' in text
    assert 'href="https://app.example/privacy"' in text
    assert "javascript:" not in text
    assert "data:text" not in text


@pytest.mark.parametrize("primary", ["#286efa", "#fff", "yellow", "rgb(119, 119, 119)", "#000000"])
@pytest.mark.parametrize("ink", ["#ffffff", "#000", "nonsense; background: url(//evil.example)"])
def test_whatever_the_colours_text_can_be_read(client: Client, primary: str, ink: str) -> None:
    theme = {
        "primary_color": primary,
        "sidepanel_background_color": primary,
        "sidepanel_text_color": ink,
    }

    style = re.search(r"<style>:root{(.*?)}</style>", Visitor(client, theme=theme).text())

    assert style is not None
    said = dict(each.split(":") for each in style[1].strip(";").split(";"))
    colours = {name: parsed(value) for name, value in said.items()}
    assert set(colours) == {
        "--primary",
        "--action",
        "--on-action",
        "--primary-on-light",
        "--primary-on-dark",
        "--panel",
        "--on-panel",
    }
    white, dark = parsed("#fff"), parsed("#16181d")
    for text, back in (
        (colours["--on-action"], colours["--action"]),
        (colours["--on-panel"], colours["--panel"]),
        (colours["--primary-on-light"], white),
        (colours["--primary-on-dark"], dark),
    ):
        assert text is not None
        assert back is not None
        assert contrast(text, back) >= 4.5


def test_nothing_that_anyone_wrote_becomes_markup(client: Client) -> None:
    client("PATCH", f"/vault/consumers/{client.consumer_id}", {"metadata": {"email": EVIL}})
    client.patch("crm+activecampaign", settings={"base_url": EVIL})
    texts = []
    visitor = Visitor(client)
    for name in ("account_name", "user_name", "email", "image"):
        visitor = Visitor(client, consumer_metadata={name: EVIL})
        texts.append(visitor.text())
    for name in ("vault_name", "logo", "favicon", "privacy_url", "terms_url", "primary_color"):
        visitor = Visitor(client, theme={name: EVIL}, settings={"show_suggestions": True})
        texts.append(visitor.text(path_of("crm+activecampaign")))
    texts += [
        visitor.text("", urlencode({"q": EVIL, "api": EVIL})),
        visitor.text("/logs"),
        visitor.get(
            f"/connections/crm/{EVIL.replace('<', '%3C').replace('>', '%3E')}"
        ).content.decode(),
        visitor.text(
            path_of("crm+activecampaign"), urlencode({"error_type": EVIL, "error_message": EVIL})
        ),
        visitor.post(path_of("crm+activecampaign"), step=EVIL).content.decode(),
        visitor.post(
            path_of("crm+activecampaign"), step="save", **{"field.base_url": ""}
        ).content.decode(),
    ]

    for text in texts:
        assert "<script>alert" not in text
        assert "94011" not in text
    assert any("&lt;script&gt;alert(1)" in text for text in texts)


# connections


def test_a_connection_is_added_filled_used_disabled_and_deleted(client: Client) -> None:
    client = client.as_consumer("journey")
    visitor = Visitor(client)
    here = path_of("crm+activecampaign")

    assert visitor.step("crm+activecampaign", "add").headers["location"].endswith("?done=added")
    assert "Unauthorized" in visitor.text(here)
    saved = visitor.step(
        "crm+activecampaign",
        "save",
        **{"field.base_url": "https://a.example", "field.api_key": "key-1"},
    )
    assert saved.status == 303
    assert client.connection("crm+activecampaign")["state"] == "callable"
    assert "Connected" in visitor.text(here)
    visitor.step("crm+activecampaign", "disable")
    assert client.connection("crm+activecampaign")["enabled"] is False
    visitor.step("crm+activecampaign", "enable")
    assert client.connection("crm+activecampaign")["enabled"] is True
    assert visitor.step("crm+activecampaign", "delete").headers["location"] == (
        f"{visitor.home}?done=deleted"
    )
    assert client.connection("crm+activecampaign")["state"] == "available"


def test_refused_credentials_are_told(client: Client) -> None:
    visitor = Visitor(client)
    visitor.step("crm+activecampaign", "save", **{"field.api_key": "invalid-key"})

    assert has(visitor.text(path_of("crm+activecampaign")), "invalid")


def test_a_saved_secret_is_in_no_page_and_is_kept_when_its_field_is_left_empty(
    client: Client,
) -> None:
    client.patch("crm+activecampaign", settings={"api_key": "very-secret"})
    visitor = Visitor(client)
    here = path_of("crm+activecampaign")

    text = visitor.text(here)
    assert "very-secret" not in text
    assert "A value is saved" in text
    visitor.step("crm+activecampaign", "save", **fields_of(text))
    visitor.step("crm+activecampaign", "save", **{"field.base_url": "", "field.api_key": ""})
    wrong = visitor.step(
        "crm+activecampaign", "save", **{"field.base_url": "", "field.api_key": "typed-secret"}
    )

    assert wrong.status == 422
    assert "typed-secret" not in wrong.content.decode()
    api_key = next(
        each
        for each in client.connection("crm+activecampaign")["form_fields"]
        if each["id"] == "api_key"
    )
    assert api_key["value"] == "very-secret"


def test_a_required_field_left_empty_is_told_at_its_field_and_nothing_is_saved(
    client: Client,
) -> None:
    visitor = Visitor(client)
    before = client.connection("crm+activecampaign")

    answer = visitor.step("crm+activecampaign", "save", **{"field.base_url": " "})

    text = answer.content.decode()
    assert answer.status == 422
    assert has(text, "problems")
    assert 'aria-describedby="f-base_url-hint f-base_url-wrong"' in text
    assert client.connection("crm+activecampaign") == before


def test_a_field_that_is_hidden_or_disabled_is_not_taken_from_a_form(client: Client) -> None:
    client = client.as_consumer("desktop")
    visitor = Visitor(client)
    visitor.step("accounting+quickbooks-desktop", "add")
    visitor.step(
        "accounting+quickbooks-desktop",
        "save",
        **{
            "field.qbd_password": "p",
            "field.qbd_company_file": "forged",
            "field.qbd_legacy_ticket": "forged",
            "field.unknown": "forged",
        },
    )

    connection = client.connection("accounting+quickbooks-desktop")
    text = visitor.text(path_of("accounting+quickbooks-desktop"))
    assert "forged" not in str(connection)
    assert "qbd_legacy_ticket" not in text
    assert re.search(r'<input id="f-qbd_company_file"[^>]* disabled', text)


def test_a_token_is_had_by_the_saved_credentials(client: Client) -> None:
    client = client.as_consumer("shop")
    visitor = Visitor(client)
    visitor.step("ecommerce+shopify", "add")
    settings = {"field.shop": "s", "field.client_id": "i", "field.client_secret": "invalid"}
    visitor.step("ecommerce+shopify", "save", **settings)
    refused = visitor.step("ecommerce+shopify", "get_token")
    visitor.step("ecommerce+shopify", "save", **{**settings, "field.client_secret": "good"})
    taken = visitor.step("ecommerce+shopify", "get_token")

    assert refused.status == 422
    assert has(refused.content.decode(), "failed")
    assert taken.status == 303
    assert client.connection("ecommerce+shopify")["state"] == "callable"


def test_what_is_to_be_saved_before_authorization_is_named(client: Client) -> None:
    client = client.as_consumer("dynamics")
    visitor = Visitor(client)
    visitor.step("crm+microsoft-dynamics", "add")

    text = visitor.text(path_of("crm+microsoft-dynamics"))

    assert has(text, "blocked")
    assert not has(text, "authorize")
    visitor.step(
        "crm+microsoft-dynamics", "save", **{"field.organisation_url": "https://o.example"}
    )
    assert has(visitor.text(path_of("crm+microsoft-dynamics")), "authorize")


def test_authorizing_comes_back_to_the_page_even_where_redirects_are_declared(
    client: Client,
) -> None:
    allowed = ("https://app.example/x",)
    object.__setattr__(vault_of(client).application, "redirect_uris", allowed)
    client = client.as_consumer("oauth")
    visitor = Visitor(client)
    visitor.step("crm+zoho-crm", "add")

    location = visitor.step("crm+zoho-crm", "authorize").headers["location"]
    for _ in range(2):
        parts = urlsplit(location)
        answer = (
            client("GET", parts.path, query=f"{parts.query}&mock_consent=approve".strip("&"))
            if "authorize" in parts.path
            else client("GET", parts.path, query=parts.query)
        )
        location = answer.headers["location"]

    assert location == f"http://testserver{visitor.home}/connections/crm/zoho-crm?done=authorized"
    assert "Access was given" in visitor.text(path_of("crm+zoho-crm"), "done=authorized")


def test_a_session_with_auto_redirect_goes_back_to_the_app_once_a_connection_is_whole(
    client: Client,
) -> None:
    client = client.as_consumer("auto")
    visitor = Visitor(
        client, redirect_uri="https://app.example/x?a=1", settings={"auto_redirect": True}
    )
    visitor.step("crm+activecampaign", "add")
    early = visitor.text(path_of("crm+activecampaign"), "done=added")
    visitor.step(
        "crm+activecampaign",
        "save",
        **{"field.base_url": "https://a.example", "field.api_key": "k"},
    )
    whole = visitor.text(path_of("crm+activecampaign"), "done=saved")

    assert "http-equiv" not in early
    address = "https://app.example/x?a=1&amp;authorizedConnection=activecampaign"
    assert f'content="3;url={address}"' in whole
    assert "http-equiv" not in visitor.text(path_of("crm+activecampaign"))


def test_a_step_that_is_none_is_refused(client: Client) -> None:
    visitor = Visitor(client)

    assert visitor.step("crm+salesforce", "explode").status == 404
    assert visitor.step("crm+zoho-crm", "save").status == 404
    assert visitor.step("crm+zoho-crm", "delete").status == 422
    assert visitor.step("crm+salesforce", "add").status == 422
    assert visitor.get("/connections/crm/nothing").status == 404
    assert visitor.get("/nothing").status == 404


# resources, mappings, logs, list


def test_resource_settings_are_shown_and_saved_as_their_types(client: Client) -> None:
    visitor = Visitor(client)
    here = f"{path_of('crm+activecampaign')}/resources/opportunities"

    text = visitor.text(here)
    assert 'data-filtered-by="f-pipeline_id"' in text
    refused = visitor.post(here, **{"field.monetary_amount": "lots"})
    saved = visitor.post(
        here,
        **{
            "field.monetary_amount": "12.5",
            "field.currency": "EUR",
            "field.owner_id": "1",
            "field.pipeline_id": "2",
            "field.pipeline_stage_id": "4",
        },
    )

    assert (refused.status, saved.status) == (422, 303)
    shown = client("GET", "/vault/connections/crm/activecampaign/opportunities/config").data
    values = {each["id"]: each["value"] for each in shown["configuration"]}
    assert values["monetary_amount"] == 12.5
    assert values["currency"] == "EUR"
    assert values["pipeline_stage_id"] == "4"
    assert visitor.get(f"{path_of('crm+activecampaign')}/resources/nothing").status == 404
    assert visitor.get(f"{path_of('crm+pipedrive')}/resources/leads").status == 422


def test_a_field_is_mapped_and_the_mapping_removed(client: Client) -> None:
    visitor = Visitor(client)
    here = f"{path_of('crm+salesforce')}/mappings"
    target = client.connection("crm+salesforce")["custom_mappings"][0]["id"]

    assert has(visitor.text(here), f"target-{target}")
    visitor.post(here, target=target, step="save", value="$.Languages__c")
    mapped = client("GET", f"/vault/custom-mappings/crm/salesforce/{target.replace('+', '%2B')}")
    assert mapped.data["value"] == "$.Languages__c"
    assert has(visitor.text(here), "unmap")
    visitor.post(here, target=target, step="delete")
    assert not has(visitor.text(here), "unmap")
    assert visitor.post(here, target="no+such+field", value="x").status == 404
    assert visitor.post(here, target=target, step="delete").status == 404
    assert visitor.post(here, target=target, value="").status == 303
    assert visitor.get(f"{path_of('crm+pipedrive')}/mappings").status == 422


def test_logs_are_paged_and_are_the_consumers_own(client: Client) -> None:
    text = Visitor(client).text("/logs")
    older = re.search(r'href="(\?before=\d+)"', text)
    other = Visitor(client.as_consumer("nobody-yet")).text("/logs")

    assert older is not None
    assert text.count("<tr>") == 26
    assert has(Visitor(client).text("/logs", older[1][1:]), "logs")
    assert other.count("<tr>") <= 3
    assert Visitor(client).get("/logs", "before=x").status == 200


def test_the_list_is_searched_and_scoped(client: Client) -> None:
    visitor = Visitor(client)

    found = visitor.text("", "q=sALES")
    scoped = visitor.text("", "api=ats")
    nothing = visitor.text("", "q=zzzz")

    assert "card-crm+salesforce" in found
    assert "card-crm+hubspot" not in found
    assert "card-ats+lever" in scoped
    assert "card-crm+" not in scoped
    assert "Nothing is found" in nothing


def test_a_page_tells_its_changes_to_its_own_log_line(client: Client) -> None:
    Visitor(client).step("crm+zoho-crm", "add")

    assert vault_of(client).take_changes() == []


def test_the_files_of_the_pages_are_served_and_no_others(client: Client) -> None:
    for name, kind in (
        ("pages.css", "text/css"),
        ("pages.js", "text/javascript"),
        ("favicon.svg", "image/svg+xml"),
    ):
        answer = client("GET", f"/_mock/vault/static/{name}", headers=NOBODY)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(kind)
    icon = client("GET", "/_mock/vault/icons/zoho-crm.svg", headers=NOBODY)
    assert b">ZC<" in icon.content
    for path in ("static/..%2Frendering.py", "static/nothing.css", "icons/nothing.svg", "nothing"):
        assert client("GET", f"/_mock/vault/{path}", headers=NOBODY).status == 404
