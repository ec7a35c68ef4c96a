"""The widget from npm, unmodified, on a page of another origin, with the mock as its vault."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.pages.conftest import World

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


class Widget:
    """The widget, open on the app's page."""

    def __init__(
        self, world: World, origin: str, consumer_id: str, body: Any = None, **options: str
    ) -> None:
        session = world.session(consumer_id, **(body or {}))
        self.world = world
        self.page = world.browser()
        query = {"token": session["session_token"], "base": world.base_url, **options}
        self.page.goto(f"{origin}/?{urlencode(query)}")
        self.dialog = self.page.locator("#react-vault-modal")
        self.dialog.wait_for()

    @property
    def badge(self) -> Any:
        return self.dialog.get_by_test_id("status-badge")

    def expect_badge(self, text: str) -> None:
        self.badge.get_by_text(text, exact=True).wait_for()

    def menu(self) -> list[str]:
        """Return the items of the menu, which closes whenever the connection is read again."""
        for _ in range(100):
            if not self.page.get_by_role("menu").is_visible():
                self.dialog.get_by_test_id("dropdown").locator("button").first.click()
            items = self.page.get_by_role("menuitem").all_inner_texts()
            if items:
                return [each.strip() for each in items]
            self.page.wait_for_timeout(50)
        raise AssertionError("the menu does not open")

    def choose(self, item: str) -> None:
        """Choose an item of the menu, which closes whenever the connection is read again."""
        wanted = self.page.get_by_role("menuitem").get_by_text(item, exact=True)
        for _ in range(20):
            if not self.page.get_by_role("menu").is_visible():
                self.dialog.get_by_test_id("dropdown").locator("button").first.click()
            with suppress(sync_api.TimeoutError):
                wanted.click(timeout=1_000)
                return
        raise AssertionError(f"the menu has no {item}")

    def pop_up(self, press: Any, button: str) -> None:
        """Press what opens the provider's page, and a button of it; the pop-up closes itself."""
        with self.page.expect_popup() as opened:
            press()
        provider = opened.value
        provider.get_by_test_id(button).wait_for()
        with provider.expect_event("close"):
            provider.get_by_test_id(button).click(no_wait_after=True)


def test_a_connector_is_found_enabled_authorized_disconnected_and_deleted(
    world: World, other_origin: str
) -> None:
    widget = Widget(world, other_origin, "wanda", api="crm")
    widget.dialog.get_by_placeholder("Search integrations").fill("zoho")
    world.shoot(widget.page, "widget-list")
    widget.dialog.get_by_test_id("crm+zoho-crm").click()
    widget.expect_badge("Unauthorized")
    assert world.state("crm+zoho-crm", "wanda") == "added"

    widget.pop_up(
        lambda: widget.dialog.get_by_role("button", name="Authorize Zoho CRM").click(),
        "consent-approve",
    )
    widget.expect_badge("Connected")
    assert world.state("crm+zoho-crm", "wanda") == "callable"
    world.shoot(widget.page, "widget-connected")

    widget.pop_up(lambda: widget.choose("Re-authorize"), "consent-approve")
    widget.expect_badge("Connected")
    widget.choose("Disconnect")
    widget.expect_badge("Unauthorized")
    assert world.state("crm+zoho-crm", "wanda") == "added"
    widget.choose("Delete")
    widget.page.get_by_role("button", name="Delete", exact=True).last.click()
    widget.page.wait_for_function("window.deletions.length > 0")
    assert world.state("crm+zoho-crm", "wanda") == "available"


def test_a_form_is_filled_judged_and_saved(world: World, other_origin: str) -> None:
    widget = Widget(world, other_origin, "walt", api="crm", service="activecampaign")
    form = widget.dialog.get_by_test_id("connection-form")
    form.locator("[name=base_url]").fill("https://walt.example")
    form.locator("[name=api_key]").fill("invalid-key")
    form.get_by_role("button", name="Save").click()
    widget.expect_badge("Invalid configuration")
    world.shoot(widget.page, "widget-form")
    form.locator("[name=api_key]").fill("a-good-key")
    form.get_by_role("button").last.click()
    widget.expect_badge("Connected")

    assert world.state("crm+activecampaign", "walt") == "callable"


def test_a_session_that_is_over_is_told_by_the_widget(world: World, other_origin: str) -> None:
    clock = world.freeze()
    session = world.session("wade")
    clock.advance(3_600_000)
    page = world.browser()
    query = urlencode({"token": session["session_token"], "base": world.base_url})
    page.goto(f"{other_origin}/?{query}")
    page.locator("#react-vault-modal").get_by_text("session", exact=False).first.wait_for()

    assert "expired" in page.locator("#react-vault-modal").inner_text().lower()
    world.errors.clear()  # the browser's own line about the 401


def test_actions_that_the_session_hides_are_not_in_the_menu(
    world: World, other_origin: str
) -> None:
    body = {"settings": {"allow_actions": ["disable"], "hide_resource_settings": True}}
    widget = Widget(world, other_origin, "test-consumer", body, api="crm", service="salesforce")
    widget.expect_badge("Connected")

    assert widget.menu() == ["Field Mapping", "Disable"]


def test_denied_consent_leaves_the_connection_and_a_pop_up_that_says_why(
    world: World, other_origin: str
) -> None:
    widget = Widget(world, other_origin, "wilma", api="crm", service="zoho-crm")
    with widget.page.expect_popup() as opened:
        widget.dialog.get_by_role("button", name="Authorize Zoho CRM").click()
    opened.value.get_by_test_id("consent-deny").click()
    told = opened.value.get_by_test_id("callback").inner_text()
    opened.value.get_by_test_id("close").click(no_wait_after=True)
    widget.expect_badge("Unauthorized")

    assert "access_denied" in told


def test_a_tenant_is_chosen_after_consent(world: World, other_origin: str) -> None:
    widget = Widget(world, other_origin, "wendy", api="accounting", service="xero")
    authorize = widget.dialog.get_by_role("button", name="Authorize Xero")
    widget.pop_up(authorize.click, "consent-approve")
    widget.expect_badge("Needs configuration")
    widget.dialog.locator("#react-vault-connection-form input").first.click()
    widget.page.get_by_text("Demo Company (UK)", exact=True).click()
    widget.dialog.get_by_role("button", name="Save").click()
    widget.expect_badge("Connected")

    assert world.state("accounting+xero", "wendy") == "callable"


def test_client_credentials_are_saved_and_a_token_is_had(world: World, other_origin: str) -> None:
    widget = Widget(world, other_origin, "wes", api="hris", service="personio")
    form = widget.dialog.get_by_test_id("connection-form")
    for name in ("client_id", "client_secret"):
        form.locator(f"[name={name}]").fill(f"a-{name}")
    form.get_by_role("button", name="Save").click()
    widget.dialog.get_by_role("button", name="Authorize Personio").click()
    widget.expect_badge("Connected")

    assert world.state("hris+personio", "wes") == "callable"


def test_resource_settings_are_changed(world: World, other_origin: str) -> None:
    widget = Widget(world, other_origin, "test-consumer", api="crm", service="activecampaign")
    widget.choose("Configurable Resources")
    widget.dialog.get_by_text("Opportunities", exact=False).first.click()
    widget.dialog.locator("[name=monetary_amount]").fill("250")
    world.shoot(widget.page, "widget-resource")
    with widget.page.expect_response("**/opportunities/config") as answered:
        widget.dialog.get_by_role("button", name="Save").click()

    assert answered.value.status == 200
    place = "/vault/connections/crm/activecampaign/opportunities/config"
    shown = world.call("GET", place, "test-consumer")
    values = {each["id"]: each["value"] for each in shown["configuration"]}
    assert str(values["monetary_amount"]) == "250"


def test_a_field_is_mapped(world: World, other_origin: str) -> None:
    widget = Widget(world, other_origin, "test-consumer", api="crm", service="salesforce")
    widget.choose("Field Mapping")
    widget.dialog.get_by_text("Map field").first.click()
    widget.dialog.get_by_role("button", name="Edit").click()
    world.shoot(widget.page, "widget-mapping")
    widget.page.get_by_text("Languages__c", exact=True).click()
    widget.page.get_by_role("button", name="Save field mapping").click()
    widget.page.get_by_text("Languages__c").first.wait_for()

    def mapped() -> list[Any]:
        connection = world.call("GET", "/vault/connections/crm/salesforce", "test-consumer")
        return [each["value"] for each in connection["custom_mappings"] if "value" in each]

    for _ in range(50):
        if mapped():
            break
        widget.page.wait_for_timeout(100)
    assert [value for value in mapped() if "Languages__c" in value] != []
