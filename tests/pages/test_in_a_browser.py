"""The pages in a real browser: clicked, typed, looked at, and judged for everyone's use."""

from pathlib import Path
from typing import Any

import pytest

from tests.pages.conftest import World

pytestmark = pytest.mark.browser

APP_METADATA = {"account_name": "SpaceX", "user_name": "Elon Musk", "email": "elon@musk.com"}
THEME = {
    "vault_name": "Intercom",
    "primary_color": "#286efa",
    "sidepanel_background_color": "#12284f",
    "sidepanel_text_color": "#FFFFFF",
}


def judged(page: Any, modules: Path) -> list[str]:
    """Return the serious findings of axe-core on the page."""
    page.evaluate((modules / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert len(found["passes"]) > 10
    return [
        f"{each['id']}: {each['nodes'][0]['html']} {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def test_a_consumer_connects_zoho_by_consent_and_comes_back(world: World) -> None:
    session = world.session("ann", consumer_metadata=APP_METADATA, theme=THEME)
    page = world.browser()
    page.goto(session["session_uri"])
    page.get_by_label("Search integrations").fill("zoho crm")
    page.get_by_test_id("card-crm+zoho-crm").get_by_role("link").click()
    page.get_by_test_id("add").click()
    page.get_by_test_id("authorize").click()
    assert page.get_by_role("heading", level=1).inner_text() == (
        "Shop & Co asks for access to your Zoho CRM account"
    )
    page.get_by_test_id("consent-approve").click()

    assert page.get_by_test_id("badge").inner_text() == "Connected"
    assert world.state("crm+zoho-crm", "ann") == "callable"
    page.get_by_test_id("disconnect").click()
    assert page.get_by_test_id("badge").inner_text() == "Unauthorized"
    page.get_by_test_id("delete").click()
    page.get_by_test_id("confirm-delete").click()
    page.get_by_test_id("done").wait_for()
    assert world.state("crm+zoho-crm", "ann") == "available"


@pytest.mark.parametrize(
    ("button", "told", "state"),
    [
        ("consent-approve", "Access was given", "callable"),
        ("consent-approve-fewer", "Access was given", "callable"),
        ("consent-no-refresh", "Access was given", "callable"),
        ("consent-slow", "Access was given", "callable"),
        ("consent-deny", "access_denied", "added"),
        ("consent-provider-error", "server_error", "added"),
        ("consent-expired-code", "has expired", "added"),
        ("consent-replayed-code", "has been used", "added"),
    ],
)
def test_each_button_of_the_consent_page_is_pressed_by_keyboard(
    world: World, button: str, told: str, state: str
) -> None:
    session = world.session("bob")
    page = world.browser()
    page.goto(f"{session['session_uri']}/connections/crm/zoho-crm")
    page.get_by_test_id("add").click()
    page.get_by_test_id("authorize").click()
    page.get_by_test_id(button).focus()
    page.keyboard.press("Enter")

    page.get_by_test_id("badge").wait_for()
    assert told in page.locator("main").inner_text()
    assert world.state("crm+zoho-crm", "bob") == state


def test_an_altered_state_is_refused_by_the_vault(world: World) -> None:
    session = world.session("eve")
    page = world.browser()
    page.goto(f"{session['session_uri']}/connections/crm/zoho-crm")
    page.get_by_test_id("add").click()
    page.get_by_test_id("authorize").click()
    with page.expect_response("**/vault/callback**") as answered:
        page.get_by_test_id("consent-altered-state").click()

    assert answered.value.status == 401
    assert "OAuthInvalidStateError" in page.content()
    page.wait_for_load_state()
    world.errors.clear()  # the browser's own line about the 401


def test_a_select_that_consent_fills_is_chosen_after_it(world: World) -> None:
    app = f"{world.base_url}/_mock/vault/static/favicon.svg"
    session = world.session("xena", settings={"auto_redirect": True}, redirect_uri=app)
    page = world.browser()
    page.goto(f"{session['session_uri']}/connections/accounting/xero")
    page.get_by_test_id("add").click()
    assert page.get_by_label("Tenant").is_disabled()
    page.get_by_test_id("authorize").click()
    page.get_by_test_id("consent-approve").click()
    assert page.get_by_test_id("badge").inner_text() == "Input required"
    page.get_by_label("Tenant").select_option(index=1)
    page.get_by_test_id("save").click()

    assert page.get_by_test_id("badge").inner_text() == "Connected"
    page.wait_for_url(f"{app}?authorizedConnection=xero")


def test_a_dependent_select_offers_what_fits_the_other(world: World) -> None:
    session = world.session()
    page = world.browser()
    page.goto(f"{session['session_uri']}/connections/crm/activecampaign/resources/opportunities")
    page.get_by_label("Amount").fill("10")
    page.get_by_label("Pipeline", exact=True).select_option("2")
    stage = page.get_by_label("Pipeline stage")
    offered = stage.locator("optgroup:not([hidden]) option").all_inner_texts()
    stage.select_option("4")
    page.get_by_test_id("save").click()
    page.get_by_test_id("done").wait_for()

    assert offered == ["Introduced", "Signed"]
    assert page.get_by_label("Pipeline stage").input_value() == "4"


def test_a_form_that_lacks_something_is_told_and_keeps_what_was_typed(world: World) -> None:
    session = world.session("ivy")
    page = world.browser()
    page.goto(f"{session['session_uri']}/connections/crm/activecampaign")
    page.get_by_test_id("add").click()
    page.get_by_label("Base URL").fill("https://typed.example")
    page.get_by_label("API Key").fill("   ")
    page.get_by_test_id("save").click()
    page.get_by_test_id("problems").wait_for()

    assert page.get_by_label("Base URL").input_value() == "https://typed.example"
    assert page.evaluate("document.activeElement.dataset.testid") == "problems"
    world.errors.clear()  # the browser's own line about the 422


def test_two_consumers_side_by_side_see_their_own(world: World) -> None:
    pages = {}
    for consumer in ("left", "right"):
        session = world.session(consumer, consumer_metadata={"account_name": f"The {consumer}"})
        pages[consumer] = world.browser()
        pages[consumer].goto(f"{session['session_uri']}/connections/crm/zoho-crm")
        pages[consumer].get_by_test_id("add").click()
    for consumer, button in (("left", "consent-approve"), ("right", "consent-deny")):
        pages[consumer].get_by_test_id("authorize").click()
        pages[consumer].get_by_test_id(button).click()

    for consumer, badge in (("left", "Connected"), ("right", "Unauthorized")):
        assert pages[consumer].get_by_test_id("badge").inner_text() == badge
        assert f"The {consumer}" in pages[consumer].get_by_test_id("consumer").inner_text()
    assert world.state("crm+zoho-crm", "left") == "callable"
    assert world.state("crm+zoho-crm", "right") == "added"


def test_a_session_that_ends_while_its_page_is_open_says_so(world: World) -> None:
    clock = world.freeze()
    session = world.session("late", redirect_uri="http://127.0.0.1/app")
    page = world.browser()
    page.goto(f"{session['session_uri']}/connections/crm/activecampaign")
    clock.advance(3_600_000)
    page.get_by_test_id("add").click()

    page.get_by_test_id("session-expired").wait_for()
    assert page.get_by_role("link", name="Back to the app").is_visible()
    assert world.vault.surroundings.store.connection("late", ("crm", "activecampaign")) is None
    world.shoot(page, "session-expired")
    world.errors.clear()  # the browser's own line about the 401


def test_a_page_left_open_notices_the_end_by_itself(world: World) -> None:
    session = world.session("idle", settings={"session_length": "1s"})
    page = world.browser()
    page.goto(session["session_uri"])

    page.get_by_test_id("session-expired").wait_for()
    world.errors.clear()  # the browser's own line about the 401


def test_everything_can_be_done_without_script(world: World) -> None:
    session = world.session("plain")
    page = world.browser(java_script_enabled=False)
    page.goto(f"{session['session_uri']}?q=zoho+crm")
    page.get_by_role("link", name="Zoho CRM (CRM)").click()
    page.get_by_role("button", name="Add Zoho CRM").click()
    page.get_by_role("button", name="Authorize").click()
    page.get_by_role("button", name="Allow access").click()
    assert page.get_by_test_id("badge").inner_text() == "Connected"
    page.get_by_test_id("delete").click()

    assert world.state("crm+zoho-crm", "plain") == "available"


PAGES = {
    "list": "?api=crm",
    "connection": "/connections/crm/activecampaign",
    "connection-oauth": "/connections/crm/salesforce",
    "waiting": "/connections/accounting/xero",
    "resource": "/connections/crm/activecampaign/resources/opportunities",
    "mapping": "/connections/crm/salesforce/mappings",
    "logs": "/logs",
    "suggestions": "/suggestions",
    "consent": "/connections/crm/pipedrive",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_serves_everyone(world: World, modules: Path, scheme: str) -> None:
    session = world.session(
        settings={"show_suggestions": True, "sandbox_mode": scheme == "dark"},
        theme=THEME if scheme == "light" else {},
    )
    wide = world.browser(color_scheme=scheme)
    narrow = world.browser(color_scheme=scheme, viewport={"width": 360, "height": 740})
    sizes = [(wide, "wide"), (narrow, "narrow")] if scheme == "dark" else [(wide, "wide")]
    findings = {}
    for name, path in PAGES.items():
        for page, size in sizes:
            page.goto(session["session_uri"] + path)
            if name == "consent":
                page.get_by_test_id("authorize").click()
                page.get_by_test_id("consent-page").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, size)
            world.shoot(page, f"{name}-{scheme}-{size}")
        findings[name] = judged(wide, modules)

    assert {name: found for name, found in findings.items() if found} == {}
