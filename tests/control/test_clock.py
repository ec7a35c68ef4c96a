"""Time over a real port: one clock for everything of an application, and only of it."""

import time
from datetime import datetime
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockvault.domain.clock import ControlledClock, duration_of, duration_text
from mockvault.domain.timers import Timers
from mockvault.pytest_plugin import VaultApp
from mockvault.remote import PowerRefused

pytestmark = pytest.mark.every_engine

START = "2030-01-01T00:00:00.000Z"
SALESFORCE = "/vault/connections/crm/salesforce"


def test_a_frozen_clock_stands(vault_app: VaultApp) -> None:
    vault_app.clock.freeze(START)

    assert vault_app.clock.now() == START
    assert vault_app.clock.now() == START


def test_time_that_passes_is_seen_everywhere(vault_app: VaultApp) -> None:
    vault_app.clock.freeze(START)
    vault_app.clock.advance("P1DT1H")

    made = vault_app.client.post("/vault/consumers", json={"consumer_id": "later"}).json()["data"]
    vault_app.client.patch("/vault/connections/crm/close", json={"enabled": True})
    connection = vault_app.client.get("/vault/connections/crm/close").json()["data"]
    session = vault_app.client.post("/vault/sessions", json={}).json()["data"]
    (log,) = vault_app.client.get("/vault/logs", params={"limit": 1}).json()["data"]

    expected = "2030-01-02T01:00:00.000Z"
    claims = jwt.decode(session["session_token"], options={"verify_signature": False})
    assert made["created"] == expected
    assert log["timestamp"] == expected
    assert connection["created_at"] == 1893546000000
    assert (claims["iat"], claims["exp"]) == (1893546000, 1893549600)


def test_a_session_ends_when_its_time_has_passed_on_the_clock(vault_app: VaultApp) -> None:
    body = {"settings": {"session_length": "30m"}}
    token = vault_app.client.post("/vault/sessions", json=body).json()["data"]["session_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert vault_app.client.get(SALESFORCE, headers=headers).status_code == 200

    vault_app.clock.advance("PT31M")

    assert vault_app.client.get(SALESFORCE, headers=headers).status_code == 401


def test_an_oauth_state_ends_when_its_time_has_passed_on_the_clock(vault_app: VaultApp) -> None:
    vault_app.client.patch("/vault/connections/crm/hubspot", json={"enabled": True})
    connection = vault_app.client.get("/vault/connections/crm/hubspot").json()["data"]
    url = connection["authorize_url"].removeprefix(vault_app.url)
    url += "&redirect_uri=http%3A%2F%2Flocalhost%2F"
    assert vault_app.client.get(url).status_code == 301

    vault_app.clock.advance("PT2H")

    assert vault_app.client.get(url).status_code == 401


def test_a_token_that_ends_is_refreshed_when_time_is_advanced(vault_app: VaultApp) -> None:
    vault_app.clock.freeze(START)
    credentials = {
        "access_token": "imported-token",
        "refresh_token": "unknown-to-the-provider",
        "issued_at": START,
        "expires_in": 3600,
    }
    vault_app.client.post(f"{SALESFORCE}/import", json={"credentials": credentials})

    effects = vault_app.clock.advance("PT1H")

    told = [each for each in effects if each["kind"].startswith("token.")]
    assert [each["at"] for each in told] == ["2030-01-01T00:59:30.001Z"]
    assert told[0]["connection"] == "crm+salesforce"


def test_another_application_has_another_clock(vault_app: VaultApp) -> None:
    vault_app.clock.freeze("2040-01-01T00:00:00Z")

    other = vault_app.remote.application("mock-app").clock.now()

    assert abs(datetime.fromisoformat(other).timestamp() - time.time()) < 5


def test_a_resumed_clock_runs_from_where_it_stood(vault_app: VaultApp) -> None:
    vault_app.clock.freeze(START)

    shown = vault_app.clock.resume()

    assert shown["frozen"] is False
    assert vault_app.clock.now().startswith("2030-01-01T00:00:0")


def test_one_can_travel_back_and_nothing_is_set_off(vault_app: VaultApp) -> None:
    vault_app.clock.freeze(START)

    assert vault_app.clock.travel("2020-01-01T00:00:00Z") == []

    assert vault_app.clock.now() == "2020-01-01T00:00:00.000Z"


def test_a_reset_shows_real_time_again(vault_app: VaultApp) -> None:
    vault_app.clock.freeze(START)

    vault_app.reset()

    assert vault_app.clock.show()["frozen"] is False
    assert not vault_app.clock.now().startswith("2030")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "stop"},
        {"action": "advance"},
        {"action": "advance", "by": "2 hours"},
        {"action": "advance", "by": "P1M"},
        {"action": "advance", "by": "-PT1H"},
        {"action": "advance", "by": "P9999999999999D"},
        {"action": "advance", "by": "PT1H", "to": START},
        {"action": "travel"},
        {"action": "travel", "to": "tomorrow"},
        {"action": "travel", "to": "1969-12-31T23:59:59Z"},
        {"action": "freeze", "by": "PT1H"},
        {"action": "resume", "nope": 1},
        [],
    ],
)
def test_what_no_clock_can_do_is_refused_and_changes_nothing(
    vault_app: VaultApp, body: Any
) -> None:
    vault_app.clock.freeze(START)

    with pytest.raises(PowerRefused) as refused:
        vault_app.call("PUT", "/clock", body)

    assert refused.value.status == 400
    assert vault_app.clock.now() == START


@given(st.integers(0, 10**12))
def test_a_duration_reads_as_it_was_written(milliseconds: int) -> None:
    assert duration_of(duration_text(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1H", "PT1", "P1Y", "P1M", "pt1h", "PT1H ", "P1DT"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        duration_of(text)


@given(st.lists(st.tuples(st.sampled_from("fmar"), st.integers(0, 10**6)), max_size=20))
def test_a_clock_that_is_not_touched_follows_its_source(steps: list[tuple[str, int]]) -> None:
    source = [0]
    clock = ControlledClock(lambda: source[0])
    for step, amount in steps:
        if step == "f":
            clock.freeze()
        elif step == "m":
            clock.move(amount)
        elif step == "a":
            before, was_frozen = clock.now(), clock.is_frozen
            source[0] += amount
            assert clock.now() == before + (0 if was_frozen else amount)
        else:
            before = clock.now()
            clock.resume()
            assert clock.now() == before

    clock.reset()

    assert clock.now() == source[0]


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.sampled_from("ab"), st.integers(0, 5), st.booleans()),
        max_size=40,
    )
)
def test_timers_fire_in_the_order_of_their_times_and_once(
    said: list[tuple[int, str, int, bool]],
) -> None:
    timers, expected = Timers(), {}
    for due, kind, subject, cancelled in said:
        timers.set(due, kind, str(subject))
        expected[kind, str(subject)] = due
        if cancelled:
            timers.cancel(kind, str(subject))
            del expected[kind, str(subject)]

    fired = []
    while (timer := timers.take_due(50)) is not None:
        fired.append(timer)

    assert {(each.kind, each.subject): each.due for each in fired} == expected
    assert [each.due for each in fired] == sorted(each.due for each in fired)
    assert len(timers) == 0
