"""The inspector in a real browser: what happens is seen as it happens, and can be asked about."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockvault.pytest_plugin import VaultApp, WebhookSink
from mockvault.web.recording import Exchange

SCREENSHOTS = Path(__file__).parents[2] / "reports" / "screenshots"
SALESFORCE = "/vault/connections/crm/salesforce"

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: Any, vault_app: VaultApp) -> Iterator[Any]:
    """The inspector at the test's application; a word on its console fails the test."""
    context = chromium.new_context(viewport={"width": 1400, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    foreign: list[str] = []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else 0
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "request",
        lambda request: (
            foreign.append(request.url)
            if not request.url.startswith((vault_app.url, "data:"))
            else 0
        ),
    )
    page.goto(f"{vault_app.url}/_mock/ui?app={vault_app.id}")
    page.wait_for_selector("#live.on")
    yield page
    context.close()
    assert errors == []
    assert foreign == []


def rows(page: Any) -> list[str]:
    texts: list[str] = page.locator("#timeline .row").all_inner_texts()
    return [" ".join(each.split()) for each in texts]


def until(page: Any, holds: Callable[[], bool], within: float = 10.0) -> None:
    """Wait until something holds; the page allows no code of ours to wait inside it."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        page.wait_for_timeout(20)


def test_a_request_its_event_and_its_delivery_appear_as_they_happen(
    page: Any, vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    vault_app.webhooks.add(webhook_sink.url)

    vault_app.client.patch("/vault/connections/crm/close", json={"enabled": True})

    page.wait_for_selector("#timeline .attempt")
    request, event, attempt = rows(page)
    assert "PATCH /vault/connections/crm/close connectionsUpdate" in request
    assert "vault.connection.created crm+close of test-consumer available → added" in event
    assert "→ 200" in attempt
    page.wait_for_selector("[data-connection='test-consumer crm+close'] .badge.added")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.locator("#timeline .request").first.click()
    page.wait_for_selector("[data-testid=diff]")
    page.screenshot(path=SCREENSHOTS / "inspector.png")


def test_a_request_can_be_looked_into_and_replayed(page: Any, vault_app: VaultApp) -> None:
    vault_app.client.patch(
        "/vault/connections/crm/close", json={"settings": {"api_key": "secret-k"}}
    )
    page.wait_for_selector("#timeline .request")

    page.locator("#timeline .request").first.click()

    page.wait_for_selector("[data-testid=diff]")
    assert "+ enabled: true" in page.inner_text("[data-testid=diff]")
    assert "curl -s -X PATCH" in page.inner_text("[data-testid=curl]")
    assert "secret-k" not in page.content()
    assert vault_app.api_key not in page.content()
    page.click("[data-testid=replay]")
    until(page, lambda: page.locator("#timeline .request").count() == 2)
    with page.expect_download() as download:
        page.click("[data-testid=fixture]")
    assert download.value.suggested_filename == "connectionsUpdate.json"


def test_a_broken_contract_is_badged_and_found(page: Any, vault_app: VaultApp) -> None:
    vault_app.client.get("/vault/consumers", params={"limit": 0, "nope": 1})
    vault_app.client.get(SALESFORCE)
    until(page, lambda: page.locator("#timeline .row").count() == 2)

    page.check("#only-violations")

    (only,) = rows(page)
    assert "2 violations" in only
    page.uncheck("#only-violations")
    page.fill("[data-testid=filter]", "salesforce")
    assert page.inner_text("[data-testid=count]") == "1 of 2"


def test_it_is_used_by_keyboard_alone(page: Any, vault_app: VaultApp) -> None:
    for number in range(60):
        vault_app.client.get("/vault/consumers", params={"limit": number + 1})
    until(page, lambda: page.inner_text("#count") == "60 of 60")

    page.focus("#timeline")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_selector("#details:not([hidden])")
    assert "limit=2" in page.inner_text("[data-testid=curl]")
    page.keyboard.press("End")
    until(page, lambda: "limit=60" in page.inner_text("[data-testid=curl]"))
    page.keyboard.press("Escape")
    assert page.is_hidden("#details")
    page.keyboard.press("/")
    page.keyboard.type("limit=59")
    assert page.inner_text("[data-testid=count]") == "1 of 60"


def test_a_state_is_explained_drawn_and_forced(page: Any, vault_app: VaultApp) -> None:
    page.click("[data-connection='test-consumer crm+salesforce']")
    page.wait_for_selector("svg.diagram .current")
    assert page.text_content("svg.diagram .current text") == "callable"

    page.click("[data-testid=force-added]")

    until(page, lambda: page.text_content("svg.diagram .current text") == "added")
    assert vault_app.explain("crm+salesforce")["state"] == "added"


def test_time_is_frozen_and_advanced(page: Any, vault_app: VaultApp) -> None:
    page.click("[data-testid=freeze]")
    until(page, lambda: "frozen" in page.inner_text("#clock"))
    before = vault_app.clock.now()

    page.click("[data-testid=advance-hour]")

    until(page, lambda: page.inner_text("#said") == "Nothing was due")
    assert vault_app.clock.now() > before


def test_the_contract_is_browsed_beside_what_was_called(page: Any, vault_app: VaultApp) -> None:
    vault_app.client.get(SALESFORCE)

    page.click("[data-testid=show-contract]")

    page.wait_for_selector("[data-operation=connectionsOne].called")
    assert page.locator("#operations tr").count() == 27
    assert page.locator("#schemas details").count() > 30


def test_ten_thousand_entries_are_counted_and_only_those_in_view_are_drawn(
    page: Any, vault_app: VaultApp, vault_mock: Any
) -> None:
    workbench = vault_mock.app.workbenches.find(vault_app.id)
    made = Exchange("GET", "/vault/x", "consumersAll", "", "", 200, 1.0, "id", (), None)
    for number in range(12_000):
        workbench.journal.put_request(made._replace(path=f"/vault/{number}"))

    page.reload()

    until(page, lambda: page.inner_text("#count") == "10000 of 10000")
    assert page.locator("#timeline .row").count() < 80
    page.focus("#timeline")
    page.keyboard.press("Home")
    until(page, lambda: "/vault/2000" in rows(page)[0])
    page.keyboard.press("End")
    until(page, lambda: "/vault/11999" in rows(page)[-1])
    page.fill("[data-testid=filter]", "/vault/4321")
    until(page, lambda: page.inner_text("[data-testid=count]") == "1 of 10000")


def test_what_is_shown_is_text(page: Any, vault_app: VaultApp) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    vault_app.client.patch("/vault/connections/crm/close", json={"metadata": {"a": nasty}})
    page.wait_for_selector("#timeline .request")

    page.locator("#timeline .request").first.click()

    page.wait_for_selector("[data-testid=diff]")
    assert nasty in page.inner_text("[data-testid=diff]")
    assert page.locator("#details img").count() == 0


def test_the_page_and_its_files_hold_no_data_and_allow_no_other_source(
    vault_app: VaultApp,
) -> None:
    for path in ("", "/inspector.js", "/inspector.css"):
        answer = vault_app.client.get(f"/_mock/ui{path}", headers={"Authorization": ""})

        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text
