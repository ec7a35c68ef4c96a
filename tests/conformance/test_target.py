import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.contract import load
from conformance.failures import Request
from conformance.profiles import PROFILES, Profile, chosen
from conformance.redaction import Secrets
from conformance.target import (
    Application,
    BudgetSpent,
    GuardRefused,
    HttpTransport,
    Ledger,
    Principal,
    Target,
    TargetUnreachable,
    WsgiTransport,
)
from tests.broken.vault import Clock, Vault, serve

APP = Application("mock-app", "mock-api-key", "VAULT")
OWN = Principal(APP, "conf-x-a")
OTHER = Principal(APP, "somebody")


def target(profile: Profile, vault: Vault | None = None, **more: Any) -> Target:
    vault = vault or Vault(clock=Clock(real=False))
    return Target(
        load(),
        WsgiTransport(vault),
        "http://in-process",
        [APP],
        profile,
        prefix="conf-x-",
        clock=vault.clock,
        **more,
    )


def test_an_address_that_is_not_loopback_is_judged_live_by_default() -> None:
    assert chosen(None, "https://unify.apideck.com", allow_writes=False).name == "live"
    assert chosen(None, "http://127.0.0.1:4010", allow_writes=False).name == "quick"


@pytest.mark.parametrize(
    "operation", ["consumersAdd", "connectionsUpdate", "connectionsDelete", "connectionsAuthorize"]
)
def test_a_live_run_sends_no_write(operation: str) -> None:
    vault = Vault(clock=Clock(real=False))
    guarded = target(PROFILES["live"], vault)
    path = {"unified_api": "crm", "service_id": "close", "application_id": "mock-app"}
    body = {} if operation == "consumersAdd" else path

    with pytest.raises(GuardRefused):
        guarded.call(
            operation,
            OWN,
            **body,
            **({"body": {"consumer_id": "conf-x-a"}} if operation == "consumersAdd" else {}),
        )
    assert vault.requests == 0


@pytest.mark.parametrize(
    "operation",
    [
        "consumersOne",
        "consumersUpdate",
        "consumersDelete",
        "connectionsAll",
        "logsAll",
        "sessionsCreate",
    ],
)
def test_no_live_request_names_a_consumer_of_others(operation: str) -> None:
    vault = Vault(clock=Clock(real=False))
    guarded = target(replace(PROFILES["live"], may_write=True), vault)

    with pytest.raises(GuardRefused):
        guarded.call(operation, OTHER)
    assert vault.requests == 0


JSON = ("content-type", "application/json")
NAMES_OWN, NAMES_OTHER = (("x-apideck-consumer-id", n) for n in ("conf-x-a", "somebody"))


@pytest.mark.parametrize(
    "request_",
    [
        Request("DELETE", "/vault/consumers/somebody"),
        Request("PUT", "/vault/consumers/some%62ody/"),
        Request("DELETE", "/vault/consumers/conf-x-a/../somebody"),
        Request("DELETE", "/vault/consumers/conf-x-a/%2e%2e/somebody"),
        Request("PATCH", "/vault/connections/crm/close", (), (NAMES_OWN, NAMES_OTHER)),
        Request("PATCH", "/vault/consumers/conf-x-a", (), (NAMES_OTHER,)),
        Request("GET", "/vault/connections", (), (NAMES_OTHER,)),
        Request("POST", "/vault/consumers", (), (JSON,), b'{"consumer_id": "somebody"}'),
        Request(
            *("POST", "/vault/consumers", (), (JSON,)),
            b'{"consumer_id": "somebody", "consumer_id": "conf-x-a"}',
        ),
    ],
    ids=lambda r: f"{r.method} {r.path} {len(r.headers)} {r.body!r}",
)
@pytest.mark.parametrize("operation", ["", "consumersUpdate", "connectionsUpdate"])
def test_no_live_request_reaches_others_however_it_names_them(
    request_: Request, operation: str
) -> None:
    vault = Vault(clock=Clock(real=False))
    guarded = target(replace(PROFILES["live"], may_write=True), vault)

    with pytest.raises(GuardRefused):
        guarded.send(operation, request_)
    assert vault.requests == 0


def test_what_is_sent_again_counts_too() -> None:
    vault = Vault(variants=["rate_limited"], clock=Clock(real=False))
    guarded = target(replace(PROFILES["quick"], max_requests=30), vault)

    with suppress(BudgetSpent):
        for _ in range(40):
            guarded.call("consumersAll", OWN)

    assert vault.requests == guarded.requests == 30


def test_a_consumer_is_in_the_ledger_before_it_is_made(tmp_path: Path) -> None:
    seen = []

    class Watched(WsgiTransport):
        def exchange(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            seen.append(Ledger.read(tmp_path / "ledger"))
            return super().exchange(request)

    guarded = target(PROFILES["quick"], ledger=Ledger(tmp_path / "ledger"))
    guarded.transport = Watched(Vault())
    guarded.call("consumersAdd", OWN, body={"consumer_id": OWN.consumer_id})

    assert seen == [[("mock-app", "conf-x-a")]]


def test_a_torn_ledger_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text(
        '{"application_id": "a", "consumer_id": "b"}\n{"application_id": "a", "cons',
        encoding="utf-8",
    )

    assert Ledger.read(path) == [("a", "b")]


def test_a_run_stops_at_its_number_of_requests() -> None:
    guarded = target(replace(PROFILES["quick"], max_requests=2))
    guarded.call("consumersAll", OWN)
    guarded.call("consumersAll", OWN)

    with pytest.raises(BudgetSpent):
        guarded.call("consumersAll", OWN)


def test_a_rate_is_kept() -> None:
    guarded = target(replace(PROFILES["quick"], rate=2.0))
    begun = guarded.clock.now()

    for _ in range(5):
        guarded.call("consumersAll", OWN)

    assert guarded.clock.now() - begun == pytest.approx(2.0)


def test_retry_after_is_honoured() -> None:
    vault = Vault(variants=["rate_limited"], clock=Clock(real=False))
    guarded = target(PROFILES["quick"], vault)

    statuses = {guarded.call("consumersAll", OWN).answer.status for _ in range(20)}

    assert statuses == {200}


def test_secrets_are_replaced_wherever_they_stand() -> None:
    secrets = Secrets()
    secrets.add("mock-api-key", "VAULT_API_KEY")
    token = "eyJhbGciOiJIUzI1NiJ9.eyJjb25zdW1lciI6MX0.c2lnbmF0dXJl"

    assert (
        secrets.hidden(f'{{"a": "mock-api-key", "t": "{token}"}}')
        == '{"a": "${VAULT_API_KEY}", "t": "${VAULT_JWT}"}'
    )


def test_a_printed_curl_holds_no_key_and_runs() -> None:
    with serve(Vault()) as url:
        own = Target(load(), HttpTransport(url), url, [APP], PROFILES["quick"], prefix="conf-x-")
        request = own.request(
            "consumersAdd",
            OWN,
            body={"consumer_id": "conf-x-it's", "metadata": {"user_name": 'a "b" $c'}},
        )
        command = own.curl(request)
        done = subprocess.run(
            ["sh", "-c", command],
            env={"VAULT_API_KEY": "mock-api-key", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )

    assert "mock-api-key" not in command
    assert '"conf-x-it\'s"' in done.stdout
    assert '"status_code": 200' in done.stdout


def test_nobody_answers_is_told_as_such() -> None:
    own = Target(
        load(),
        HttpTransport("http://127.0.0.1:9", timeout=1),
        "http://127.0.0.1:9",
        [APP],
        PROFILES["quick"],
        prefix="conf-x-",
    )

    with pytest.raises(TargetUnreachable):
        own.call("consumersAll", OWN)
