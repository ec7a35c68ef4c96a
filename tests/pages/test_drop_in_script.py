"""The drop-in script on a page of another origin: what vault-js does, with the mock's frame."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.pages.conftest import World

pytestmark = pytest.mark.browser


LIBRARYS_HOST = "https://vaultjs.apideck.com"


def opened(world: World, origin: str, consumer_id: str, **options: str) -> tuple[Any, Any]:
    """Open Vault over the app's page; return the page and what is within the inner frame."""
    session = world.session(consumer_id, redirect_uri=f"{origin}/drop-in.html")
    page = world.browser()
    query = {"token": session["session_token"], "base": world.base_url, **options}
    page.goto(f"{origin}/drop-in.html?{urlencode(query)}")
    page.locator("body[data-loaded]").wait_for()
    page.locator("#open").click()
    frame = page.frame_locator("iframe[title=Vault]")
    return page, frame.frame_locator("iframe")


def told(page: Any) -> list[list[Any]]:
    found: list[list[Any]] = page.evaluate("told")
    return found


def until_told(page: Any, what: str, count: int = 1) -> None:
    page.wait_for_function(
        "([what, count]) => told.filter(each => each[0] === what).length >= count",
        arg=[what, count],
    )


def test_a_connection_is_made_and_each_change_of_it_told(world: World, other_origin: str) -> None:
    page, vault = opened(world, other_origin, "dora", api="crm", service="zoho-crm")
    vault.get_by_test_id("authorize").click()
    vault.get_by_test_id("consent-approve").click()
    vault.get_by_test_id("badge").get_by_text("Connected").wait_for()
    assert vault.get_by_role("link", name="All integrations").count() == 0
    until_told(page, "change", 2)
    world.shoot(page, "drop-in")
    vault.get_by_test_id("disable").click()
    until_told(page, "change", 3)
    vault.get_by_test_id("delete").click()
    vault.get_by_test_id("confirm-delete").click()
    until_told(page, "delete")

    assert told(page) == [
        ["ready"],
        ["change", "crm+zoho-crm", "added", True],
        ["change", "crm+zoho-crm", "callable", True],
        ["change", "crm+zoho-crm", "callable", False],
        ["delete", "crm+zoho-crm"],
    ]


@pytest.mark.parametrize("way", ["close()", "button", "Escape", "beside"])
def test_vault_is_closed_and_its_frame_is_gone(world: World, other_origin: str, way: str) -> None:
    page, vault = opened(world, other_origin, "dan", api="crm")
    vault.get_by_role("heading", name="Integrations").wait_for()
    outer = page.frame_locator("iframe[title=Vault]")
    if way == "close()":
        page.evaluate("ApideckVault.close()")
    elif way == "button":
        outer.get_by_test_id("close-vault").click()
    elif way == "Escape":
        outer.get_by_test_id("close-vault").focus()
        page.keyboard.press("Escape")
    else:
        page.mouse.click(5, 5)
    page.locator("iframe").wait_for(state="detached")

    assert told(page) == [["ready"], ["close"]]


def test_vault_opens_again_after_it_was_closed(world: World, other_origin: str) -> None:
    page, vault = opened(world, other_origin, "didi", api="crm")
    vault.get_by_role("heading", name="Integrations").wait_for()
    page.evaluate("ApideckVault.close()")
    page.locator("iframe").wait_for(state="detached")
    page.locator("#open").click()
    vault.get_by_role("heading", name="Integrations").wait_for()

    assert page.locator("iframe").count() == 1


def test_within_the_frame_there_is_no_sidebar(world: World, other_origin: str) -> None:
    _, vault = opened(world, other_origin, "dag")
    vault.get_by_role("heading", name="Integrations").wait_for()

    assert not vault.get_by_test_id("sidebar").is_visible()


def test_the_script_is_a_module_too_for_apps_that_import_it(
    world: World, other_origin: str
) -> None:
    page = world.browser()
    page.goto(f"{other_origin}/drop-in.html?base={world.base_url}")
    module = f"{world.base_url}/_mock/vault.mjs"
    found = page.evaluate(
        "async url => Object.keys((await import(url)).ApideckVault).sort()", module
    )

    assert found == ["close", "open"]


def test_a_mock_that_is_gone_leaves_no_frame_behind(world: World, other_origin: str) -> None:
    page = world.browser()
    page.goto(f"{other_origin}/drop-in.html?base={world.base_url}&token=x")
    page.locator("body[data-loaded]").wait_for()
    page.route("**/_mock/vault/frame", lambda route: route.fulfill(body="<p>nothing</p>"))
    page.locator("#open").click()
    page.evaluate("ApideckVault.close()")

    page.locator("iframe").wait_for(state="detached")


def test_the_frame_speaks_the_protocol_of_the_published_library(
    world: World, other_origin: str
) -> None:
    """The npm package, unmodified; what its fixed address would answer comes from the mock."""
    session = world.session("dee")
    page = world.browser()

    def from_the_mock(route: Any) -> None:
        path = route.request.url.removeprefix(LIBRARYS_HOST)
        answer = route.fetch(url=world.base_url + (path if path != "/" else "/_mock/vault/frame"))
        route.fulfill(response=answer)

    page.route(f"{LIBRARYS_HOST}/**", from_the_mock)
    query = {"script": "vault-js.js", "token": session["session_token"]}
    query |= {"api": "crm", "service": "activecampaign"}
    page.goto(f"{other_origin}/drop-in.html?{urlencode(query)}")
    page.locator("body[data-loaded]").wait_for()
    page.locator("#open").click()
    vault = page.frame_locator("iframe").frame_locator("iframe")
    vault.get_by_role("heading", name="ActiveCampaign").wait_for()
    page.evaluate("ApideckVault.close()")
    page.locator("iframe").wait_for(state="detached")

    assert told(page) == [
        ["ready"],
        ["change", "crm+activecampaign", "added", True],
        ["close"],
    ]
