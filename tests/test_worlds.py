"""One seed, one world, to the byte; a reset restores it."""

from typing import Any

import pytest

from mockvault.app import MockVault, create_app
from mockvault.domain.entities import Application
from mockvault.domain.states import state_of
from mockvault.scenarios import load_scenarios
from mockvault.settings import Settings
from tests.asgi import Client

SCENARIOS = ["default", "empty", "every-state", "busy"]


def everything(app: MockVault, client: Client) -> list[bytes]:
    """Return every page of every list, and each consumer's connections, as bytes."""
    found = []
    cursor = None
    while True:
        query = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = client("GET", "/vault/consumers", query=query)
        found.append(page.content)
        cursor = page.json()["meta"]["cursors"]["next"]
        if cursor is None:
            break
    for vault in app.applications:
        if vault.application.id == client.application_id:
            store = vault.surroundings.store
            found.append(repr(list(store.connections("consumer-0003"))).encode())
    found.append(client.as_consumer("consumer-0002")("GET", "/vault/logs?limit=200").content)
    return found


def make(seed: int = 1, scenario: str = "default") -> MockVault:
    return create_app(Settings(seed=seed, scenario=scenario, log_format="none"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_one_seed_is_one_world(scenario: str) -> None:
    first, second = make(scenario=scenario), make(scenario=scenario)

    assert everything(first, Client(first)) == everything(second, Client(second))


def test_another_seed_is_another_world() -> None:
    first, second = make(seed=1), make(seed=2)

    assert everything(first, Client(first)) != everything(second, Client(second))


def test_worlds_are_the_same_whatever_is_made_between_them() -> None:
    alone, beside = make(), make()
    for number in range(3):
        beside.applications.add(Application(f"another-{number}", (f"k-{number}",)))
        Client(beside, "other-app", "other-api-key")("GET", "/vault/connections")

    assert everything(alone, Client(alone)) == everything(beside, Client(beside))


def test_a_reset_restores_the_seeded_world() -> None:
    app = make()
    client = Client(app)
    before = everything(make(), Client(app))
    client("DELETE", "/vault/consumers/consumer-0003")
    client("POST", "/vault/consumers", {"consumer_id": "new"})
    client.patch("crm+salesforce", metadata={"x": 1})

    assert client("POST", "/_mock/reset").status == 204

    assert everything(app, client) == before or everything(make(), client) == before
    assert client("GET", "/vault/consumers/new").status == 404
    assert client.connection()["metadata"].get("x") is None


def test_the_busy_world_is_as_large_as_it_says() -> None:
    app = make(scenario="busy")
    vault = app.applications.find("mock-app")
    assert vault is not None

    assert vault.surroundings.store.consumer_count() == 500
    snapshot: Any = vault.surroundings.store.snapshot()
    assert len(snapshot.logbook) == 20_000


def test_every_state_stands_in_its_scenario_for_every_auth_type() -> None:
    app = make(scenario="every-state")
    vault = app.applications.find("mock-app")
    assert vault is not None
    found = {
        (str(held.connector.auth_type), str(held.state))
        for held in vault.connections.of_consumer("test-consumer")
    }

    for auth_type in ("oauth2", "apiKey", "basic", "custom", "none"):
        assert (auth_type, "available") in found
        assert (auth_type, "callable") in found
    for auth_type in ("oauth2", "apiKey", "basic", "custom"):
        assert (auth_type, "added") in found
    for auth_type in ("apiKey", "basic", "custom"):
        assert (auth_type, "invalid") in found
    assert ("oauth2", "authorized") in found


def test_every_scenario_says_what_it_is(app: MockVault) -> None:
    from mockvault.locations import builtin_fixtures

    scenarios = load_scenarios(builtin_fixtures() / "scenarios", app.catalogue)

    assert set(SCENARIOS) <= set(scenarios)
    assert all(scenario.description for scenario in scenarios.values())


def test_a_seeded_state_is_what_its_facts_imply(app: MockVault) -> None:
    vault = app.applications.find("mock-app")
    assert vault is not None
    connections = {
        held.connector.id: state_of(held.connector, held.connection)
        for held in vault.connections.added("test-consumer")
    }

    assert connections["crm+salesforce"] == "callable"
    assert connections["accounting+xero"] == "authorized"
