"""What is known to have happened, over a real port: kept in order, bounded, without secrets."""

import threading
from typing import Any

import pytest

from mockvault.control.journal import Journal
from mockvault.control.redaction import REDACTED, Redactor
from mockvault.control.verification import Wanted, verify
from mockvault.pytest_plugin import VaultApp, WebhookSink
from mockvault.remote import PowerRefused
from mockvault.web.recording import Exchange

pytestmark = pytest.mark.every_engine

SALESFORCE = "/vault/connections/crm/salesforce"


def test_a_request_its_transition_its_event_and_its_delivery_stand_in_this_order(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    vault_app.webhooks.add(webhook_sink.url)
    vault_app.journal.clear()

    vault_app.client.patch("/vault/connections/crm/close", json={"enabled": True})
    vault_app.events.settle()

    request, event, attempt = vault_app.journal.entries()
    assert [request["kind"], event["kind"], attempt["kind"]] == ["request", "event", "attempt"]
    assert request["changes"] == ["crm+close available -> added"]
    assert event["request"] == request["number"]
    assert attempt["event_id"] == event["event_id"]
    whole = vault_app.journal.show(request["number"])
    assert whole["request_body"] == {"enabled": True}
    assert whole["steps"][0]["before"] is None
    assert whole["steps"][0]["after"]["enabled"] is True


def test_what_broke_the_contract_is_told_with_its_violations(vault_app: VaultApp) -> None:
    vault_app.client.get("/vault/consumers", params={"limit": 0, "nope": 1})
    vault_app.client.get("/vault/nowhere")
    vault_app.client.get("/vault/consumers", headers={"Authorization": "Bearer wrong"})
    vault_app.client.get("/vault/consumers/unknown")

    told = vault_app.journal.violations()

    assert [each["status"] for each in told] == [400, 404, 401]
    assert {each["pointer"] for each in told[0]["violations"]} == {"/limit", "/nope"}


SECRETS = ("sk-very-secret-value", "another-secret-value", "pass-w0rd-value")


def test_no_secret_is_shown(vault_app: VaultApp) -> None:
    client = vault_app.client
    client.patch("/vault/connections/crm/close", json={"settings": {"api_key": SECRETS[0]}})
    client.patch(
        "/vault/connections/crm/copper",
        json={"settings": {"api_key": SECRETS[1], "email": "a@b.c"}},
    )
    client.get("/vault/connections/crm/close")
    client.post("/vault/sessions", json={})
    client.post(
        f"{SALESFORCE}/import",
        json={"credentials": {"access_token": SECRETS[2], "refresh_token": SECRETS[2]}},
    )
    client.get("/vault/consumers", params={"api_key": SECRETS[0]})
    client.get("/vault/consumers", headers={"Authorization": f"Bearer {SECRETS[1]}"})

    shown = [str(vault_app.journal.show(each["number"])) for each in vault_app.journal.entries()]
    shown.append(str(vault_app.journal.entries()))

    for secret in (*SECRETS, vault_app.api_key, "eyJ"):
        assert not [each for each in shown if secret in each], secret
    assert REDACTED in shown[0]


def test_a_secret_is_hidden_by_its_name_and_by_its_value() -> None:
    redactor = Redactor(["hunter22"], ["client_id"])

    told = redactor.value(
        {
            "password": "x",
            "note": "it is hunter22!",
            "fields": [{"id": "key", "sensitive": True, "value": "v", "label": "Key"}],
            "client_id": "abc",
            "state": "callable",
            "api_key": None,
            "deep": {"access_token": {"a": 1}},
        }
    )

    assert told == {
        "password": REDACTED,
        "note": f"it is {REDACTED}!",
        "fields": [{"id": "key", "sensitive": True, "value": REDACTED, "label": "Key"}],
        "client_id": REDACTED,
        "state": "callable",
        "api_key": None,
        "deep": {"access_token": REDACTED},
    }


def test_requests_are_filtered_and_read_on(vault_app: VaultApp) -> None:
    for _ in range(3):
        vault_app.client.get(SALESFORCE)
    vault_app.as_consumer("ada").get("/vault/connections")

    assert len(vault_app.journal.requests(operation_id="connectionsOne")) == 3
    assert len(vault_app.journal.requests(consumer="ada")) == 1
    first = vault_app.journal.requests(limit=2, after=0)
    rest = vault_app.journal.requests(after=first[-1]["number"])
    assert [each["number"] for each in first + rest] == [1, 2, 3, 4]


def test_a_request_can_be_replayed(vault_app: VaultApp) -> None:
    vault_app.client.post("/vault/consumers", json={"consumer_id": "again"})
    (request,) = vault_app.journal.requests()
    vault_app.client.delete("/vault/consumers/again")

    told = vault_app.journal.replay(request["number"])

    assert told["status"] == 200
    assert vault_app.client.get("/vault/consumers/again").status_code == 200
    assert vault_app.journal.show(told["number"])["request_body"] == {"consumer_id": "again"}


def test_an_answer_can_be_had_as_a_fixture(vault_app: VaultApp) -> None:
    vault_app.client.get(SALESFORCE)

    told = vault_app.call("GET", "/journal/1/fixture")

    assert told["file"] == "fixtures/examples/connectionsOne.json"
    assert told["example"]["200"]["recorded-1"]["value"]["data"]["state"] == "callable"


def test_the_stream_tells_each_entry_as_it_is_made(vault_app: VaultApp) -> None:
    vault_app.client.get(SALESFORCE)
    seen: list[dict[str, Any]] = []
    done = threading.Event()

    def follow() -> None:
        for entry in vault_app.journal.stream(after=0):
            seen.append(entry)
            if len(seen) == 3:
                break
        done.set()

    thread = threading.Thread(target=follow)
    thread.start()
    vault_app.client.patch("/vault/connections/crm/close", json={"enabled": True})

    assert done.wait(5)
    thread.join()
    assert [each["kind"] for each in seen] == ["request", "request", "event"]


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        ({"operation_id": "consumersAdd"}, True),
        ({"operation_id": "consumersAdd", "count": 2}, True),
        ({"operation_id": "consumersAdd", "count": {"at_least": 3}}, False),
        ({"operation_id": "consumersAdd", "count": {"at_most": 1}}, False),
        ({"operation_id": "consumersAdd", "body": {"consumer_id": "ada"}, "count": 1}, True),
        ({"body": {"consumer_id": {"$matches": "^a"}}, "count": 1}, True),
        ({"body": {"metadata": {"user_name": {"$any": 1}}}, "count": 1}, True),
        ({"body": {"consumer_id": "grace"}}, False),
        ({"operation_id": "consumersOne", "count": 0}, True),
        ({"method": "POST", "path": "/vault/consumers", "status": 200, "count": 2}, True),
        ({"headers": {"Content-Type": "application/json"}, "count": 2}, True),
        ({"query": {"limit": "5"}, "count": 1}, True),
        ({"query": {"limit": "6"}}, False),
    ],
)
def test_requests_are_verified(vault_app: VaultApp, wanted: dict[str, Any], *, holds: bool) -> None:
    client = vault_app.client
    client.post("/vault/consumers", json={"consumer_id": "ada", "metadata": {"user_name": "Ada"}})
    client.post("/vault/consumers", json={"consumer_id": "bob"})
    client.get("/vault/consumers", params={"limit": 5})

    if holds:
        assert vault_app.journal.verify(**wanted)["holds"] is True
        return
    with pytest.raises(PowerRefused) as refused:
        vault_app.journal.verify(**wanted)
    assert refused.value.status == 422
    assert refused.value.body["holds"] is False


def test_the_nearest_misses_are_told(vault_app: VaultApp) -> None:
    vault_app.client.post("/vault/consumers", json={"consumer_id": "ada"})
    vault_app.client.get("/vault/logs")

    with pytest.raises(PowerRefused) as refused:
        vault_app.journal.verify(operation_id="consumersAdd", body={"consumer_id": "eve"})

    nearest = refused.value.body["nearest"][0]
    assert nearest["operation_id"] == "consumersAdd"
    assert nearest["misses"] == ["body.consumer_id: wanted 'eve', got 'ada'"]


def exchange(operation_id: str = "consumersAll") -> Exchange:
    return Exchange("GET", "/x", operation_id, "a", "c", 200, 1.0, "id", (), None)


@pytest.mark.parametrize(
    ("at_least", "at_most", "verdict"),
    [
        (1, None, True),
        (3, None, True),
        (4, None, None),
        (6, None, False),
        (3, 3, None),
        (0, 2, False),
        (0, 5, True),
        (0, 4, None),
    ],
)
def test_what_was_evicted_is_never_lied_about(
    at_least: int, at_most: int | None, *, verdict: bool | None
) -> None:
    journal = Journal(lambda: 0, capacity=3)
    for _ in range(5):
        journal.put_request(exchange())

    told = verify(journal, Wanted("consumersAll", at_least=at_least, at_most=at_most))

    assert (told.count, told.evicted, told.holds) == (3, 2, verdict)


def test_evicted_requests_of_other_operations_do_not_matter() -> None:
    journal = Journal(lambda: 0, capacity=2)
    for operation_id in ("a", "a", "b", "b"):
        journal.put_request(exchange(operation_id))

    assert verify(journal, Wanted("b", at_least=2, at_most=2)).holds is True
    assert verify(journal, Wanted("a", at_least=2, at_most=2)).holds is None


def test_the_journal_is_bounded_in_entries_and_in_bytes() -> None:
    from mockvault.control import journal as module

    journal = Journal(lambda: 0, capacity=100_000)
    for _ in range(1_000):
        journal.put_request(exchange()._replace(content=b"x" * 100_000))

    assert len(journal) * 100_000 <= module.BYTES
    assert journal.evicted == 1_000 - len(journal)
    assert [each.number for each in journal][-1] == journal.last == 1_000


def test_requests_that_name_no_application_are_kept_apart(vault_app: VaultApp) -> None:
    before = vault_app.remote.call("GET", "/journal")["last"]
    vault_app.client.get(
        "/vault/consumers", headers={"x-apideck-app-id": "nobody", "Authorization": "Bearer nope"}
    )

    told = vault_app.remote.call("GET", "/journal", after=before)["entries"]

    assert [each["status"] for each in told] == [401]
