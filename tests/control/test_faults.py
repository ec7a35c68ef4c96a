"""Faults over a real port, as real clients meet them."""

import http.client
import json
import shutil
import subprocess
import time
from typing import Any

import httpx
import pytest

from mockvault.app import MockVault
from mockvault.pytest_plugin import VaultApp
from mockvault.remote import PowerRefused
from mockvault.web.answers import AnswerJudge

CONSUMERS = "/vault/consumers"
SALESFORCE = "/vault/connections/crm/salesforce"


def get(app: VaultApp, path: str = CONSUMERS, **headers: str) -> httpx.Response:
    return httpx.get(f"{app.url}{path}", headers={**app.headers, **headers}, timeout=10)


@pytest.mark.parametrize("status", [402, 404, 429, 500, 503])
def test_a_status_is_answered_in_the_contracts_envelope_and_marked(
    vault_app: VaultApp, app: MockVault, status: int
) -> None:
    fault = vault_app.faults.add({"status": status, "retry_after": 7})

    answer = get(vault_app)

    operation = next(
        each for each in app.contract.operations if each.operation_id == "consumersAll"
    )
    told = AnswerJudge(app.contract, operation)
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    assert answer.status_code == status == answer.json()["status_code"]
    assert answer.headers["x-mock-fault"] == fault
    assert answer.headers["retry-after"] == "7"
    assert told.violations(status, headers, answer.content) == ()


def test_a_status_keeps_the_vault_from_doing_what_was_asked(vault_app: VaultApp) -> None:
    vault_app.faults.add({"status": 503}, times=1)

    vault_app.client.post(CONSUMERS, json={"consumer_id": "new"})

    assert vault_app.client.get(f"{CONSUMERS}/new").status_code == 404


def test_only_requests_that_match_go_wrong(vault_app: VaultApp) -> None:
    vault_app.faults.add(
        {"status": 429},
        match={"operation_id": "connections*", "consumer": "ada", "service": "crm/salesforce"},
    )

    ada = vault_app.as_consumer("ada")
    assert ada.get(SALESFORCE).status_code == 429
    assert ada.get("/vault/connections/crm/close").status_code == 200
    assert ada.get("/vault/logs").status_code == 200
    assert vault_app.client.get(SALESFORCE).status_code == 200


def test_the_nth_request_goes_wrong(vault_app: VaultApp) -> None:
    vault_app.faults.add({"status": 503}, match={"nth": [2, 4]})

    assert [get(vault_app).status_code for _ in range(5)] == [200, 503, 200, 503, 200]


def test_every_so_many_requests_go_wrong(vault_app: VaultApp) -> None:
    vault_app.faults.add({"status": 503}, match={"every": 3})

    assert [get(vault_app).status_code for _ in range(6)] == [200, 200, 503] * 2


def test_chance_repeats_with_its_seed(vault_app: VaultApp) -> None:
    def statuses() -> list[int]:
        vault_app.reset()
        vault_app.faults.add({"status": 503}, match={"probability": 0.5, "seed": 7})
        return [vault_app.client.get(CONSUMERS).status_code for _ in range(20)]

    first = statuses()

    assert first == statuses()
    assert set(first) == {200, 503}


def test_a_budget_is_spent(vault_app: VaultApp) -> None:
    vault_app.faults.add({"status": 503}, times=2)

    assert [get(vault_app).status_code for _ in range(4)] == [503, 503, 200, 200]


def test_a_rule_ends_with_its_time_on_the_clock(vault_app: VaultApp) -> None:
    fault = vault_app.faults.add({"status": 503}, ttl="PT5M")
    assert get(vault_app).status_code == 503

    effects = vault_app.clock.advance("PT5M")

    assert {"kind": "fault.expired", "fault_id": fault}.items() <= effects[-1].items()
    assert get(vault_app).status_code == 200


def test_bad_credentials_are_told_before_any_fault(vault_app: VaultApp) -> None:
    vault_app.faults.add({"status": 503}, times=1)

    assert get(vault_app, authorization="Bearer nope").status_code == 401
    assert get(vault_app).status_code == 503


def test_latency_delays_the_right_answer(vault_app: VaultApp) -> None:
    fault = vault_app.faults.add({"latency": 150})
    started = time.monotonic()

    answer = get(vault_app)

    assert time.monotonic() - started >= 0.15
    assert (answer.status_code, answer.headers["x-mock-fault"]) == (200, fault)


def test_latency_can_be_drawn_and_stands_beside_a_harm(vault_app: VaultApp) -> None:
    vault_app.faults.add({"latency": {"lognormal": {"median": 60, "sigma": 0.1}}})
    vault_app.faults.add({"status": 503})
    started = time.monotonic()

    assert get(vault_app).status_code == 503

    assert 0.03 < time.monotonic() - started < 10


def test_a_reset_is_a_reset(vault_app: VaultApp) -> None:
    vault_app.faults.add({"reset": True}, times=1)

    with pytest.raises(httpx.ReadError):
        get(vault_app)

    assert get(vault_app).status_code == 200


def test_an_empty_reply_is_one(vault_app: VaultApp) -> None:
    vault_app.faults.add({"empty": True}, times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        get(vault_app)


def test_a_lost_answer_may_be_one_to_what_was_done(vault_app: VaultApp) -> None:
    vault_app.faults.add({"empty": True, "executed": True}, times=1)

    with pytest.raises(http.client.RemoteDisconnected):
        vault_app.client.post(CONSUMERS, json={"consumer_id": "new"})

    assert vault_app.client.get(f"{CONSUMERS}/new").status_code == 200


def test_a_truncated_body_is_shorter_than_was_said(vault_app: VaultApp) -> None:
    vault_app.faults.add({"truncate": True}, times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        get(vault_app)


def test_an_answer_can_drip(vault_app: VaultApp) -> None:
    vault_app.faults.add({"drip": {"over": "PT0.3S", "pieces": 5}}, times=1)
    started = time.monotonic()

    answer = get(vault_app)

    assert time.monotonic() - started >= 0.25
    assert answer.json()["status_code"] == 200


def test_json_can_be_malformed(vault_app: VaultApp) -> None:
    vault_app.faults.add({"malformed_json": True}, times=1)

    answer = get(vault_app)

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_the_contract_is_broken_only_when_that_is_asked_for(
    vault_app: VaultApp, app: MockVault
) -> None:
    operation = next(
        each for each in app.contract.operations if each.operation_id == "consumersAll"
    )
    judge = AnswerJudge(app.contract, operation)
    vault_app.faults.add({"contract_violation": True}, times=1)

    broken, whole = get(vault_app), get(vault_app)

    def violations(answer: httpx.Response) -> Any:
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        return judge.violations(answer.status_code, headers, answer.content)

    assert violations(broken)
    assert violations(whole) == ()


NODE = """
const [url, headers] = [process.argv[1], JSON.parse(process.argv[2])];
fetch(url, {headers}).then(a => a.text().then(t => {
  try { JSON.parse(t); console.log(a.status, a.headers.get('x-mock-fault')); }
  catch (e) { console.log(a.status, 'not json'); }
})).catch(e => console.log('failed', e.cause?.code ?? e.message))
   .finally(() => process.exit(0));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on this machine")
@pytest.mark.parametrize(
    ("effect", "seen"),
    [
        ({"status": 429}, "429 fault-1"),
        ({"reset": True}, "failed ECONNRESET"),
        ({"empty": True}, "failed UND_ERR_SOCKET"),
        ({"truncate": True}, "failed UND_ERR_SOCKET"),
        ({"malformed_json": True}, "200 not json"),
        ({"drip": {"over": 50}}, "200 fault-1"),
        ({"contract_violation": True}, "200 fault-1"),
    ],
)
def test_fetch_of_node_sees_each_fault(
    vault_app: VaultApp, effect: dict[str, Any], seen: str
) -> None:
    vault_app.faults.add(effect)

    ran = subprocess.run(
        ["node", "-e", NODE, f"{vault_app.url}{CONSUMERS}", json.dumps(vault_app.headers)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ran.stdout.strip() == seen


@pytest.mark.parametrize("preset", ["flaky", "slow", "rate-limited", "offline"])
def test_a_preset_is_a_set_of_rules(vault_app: VaultApp, preset: str) -> None:
    made = vault_app.faults.apply(preset, ttl="PT1H")
    again = vault_app.faults.apply(preset)

    assert made
    assert [each["id"] for each in vault_app.faults.list()] == [each["id"] for each in again]
    vault_app.faults.clear()
    assert vault_app.faults.list() == []


def test_a_limit_of_requests_leads_to_402(vault_app: VaultApp) -> None:
    vault_app.faults.limit(2)

    answers = [get(vault_app) for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 200, 402]
    assert answers[2].json()["type_name"] == "RequestLimitError"
    assert answers[2].json()["detail"] == "You have reached your limit of 2"
    vault_app.faults.limit(None)
    assert get(vault_app).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"effect": {}},
        {"effect": {"status": 200}},
        {"effect": {"status": 402, "reset": True}},
        {"effect": {"executed": True}},
        {"effect": {"latency": "soon"}},
        {"effect": {"latency": 999_999}},
        {"effect": {"status": 402}, "times": 0},
        {"effect": {"status": 402}, "ttl": "never"},
        {"effect": {"status": 402}, "match": {"operation": "x"}},
        {"effect": {"status": 402}, "match": {"probability": 2}},
        {"preset": "unlucky"},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(vault_app: VaultApp, body: Any) -> None:
    with pytest.raises(PowerRefused) as refused:
        vault_app.call("POST", "/faults", body)

    assert refused.value.status == 400
    assert vault_app.faults.list() == []


def test_a_fault_of_one_application_is_none_of_another(vault_app: VaultApp) -> None:
    vault_app.faults.add({"status": 503})

    answer = httpx.get(
        f"{vault_app.url}{CONSUMERS}",
        headers={"authorization": "Bearer mock-api-key", "x-apideck-app-id": "mock-app"},
    )

    assert answer.status_code == 200
