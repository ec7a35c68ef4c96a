"""Worlds over a real port: saved, restored, carried away, explained, and forced."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from mockvault.app import MockVault, create_app
from mockvault.control.explaining import possible_states
from mockvault.delivery.transport import Answered
from mockvault.domain.entities import Application, Connection, Consumer
from mockvault.pytest_plugin import VaultApp, WebhookSink
from mockvault.remote import PowerRefused
from mockvault.settings import Settings
from mockvault.store.portable import Unportable, snapshot_of
from tests.asgi import Client, loop
from tests.steps import steps

SALESFORCE = "/vault/connections/crm/salesforce"


def test_a_restored_world_is_the_one_that_was_saved(vault_app: VaultApp) -> None:
    vault_app.clock.freeze("2030-01-01T00:00:00Z")
    vault_app.snapshots.save("before")
    world = vault_app.snapshots.export()
    vault_app.client.delete(SALESFORCE)
    vault_app.client.post("/vault/consumers", json={"consumer_id": "new"})
    vault_app.clock.advance("P1D")

    vault_app.snapshots.restore("before")

    assert vault_app.snapshots.export() == world
    assert vault_app.clock.now() == "2030-01-01T00:00:00.000Z"


def test_a_snapshot_keeps_what_waits_to_be_delivered(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    webhook_sink.answers = [500]
    vault_app.clock.freeze()
    vault_app.webhooks.add(webhook_sink.url)
    vault_app.client.patch(SALESFORCE, json={"enabled": False})
    vault_app.events.settle()
    vault_app.snapshots.save("waiting")
    vault_app.clock.advance("PT3M")
    assert len(webhook_sink.received) == 2

    vault_app.snapshots.restore("waiting")
    vault_app.clock.advance("PT3M")

    assert [each.payload["execution_attempt"] for each in webhook_sink.received] == [1, 2, 2]


def test_faults_are_restored_with_their_budget(vault_app: VaultApp) -> None:
    vault_app.faults.add({"status": 503}, times=2)
    vault_app.client.get(SALESFORCE)
    vault_app.snapshots.save("one-left")
    vault_app.faults.clear()

    vault_app.snapshots.restore("one-left")

    assert [vault_app.client.get(SALESFORCE).status_code for _ in range(2)] == [503, 200]


def test_snapshots_are_listed_and_forgotten(vault_app: VaultApp) -> None:
    vault_app.snapshots.save("a")
    vault_app.snapshots.save("b")
    assert [each["name"] for each in vault_app.snapshots.list()] == ["a", "b"]

    vault_app.snapshots.remove("a")

    assert [each["name"] for each in vault_app.snapshots.list()] == ["b"]
    for use in (
        vault_app.snapshots.restore,
        vault_app.snapshots.remove,
        vault_app.snapshots.export,
    ):
        with pytest.raises(PowerRefused, match="snapshot"):
            use("a")  # type: ignore[operator]


def test_a_snapshot_of_all_applications_is_restored_in_all(vault_app: VaultApp) -> None:
    vault_app.remote.call("PUT", "/snapshots/all-of-them")
    vault_app.client.delete(SALESFORCE)

    vault_app.remote.call("POST", "/snapshots/all-of-them/restore")

    assert vault_app.client.get(SALESFORCE).json()["data"]["state"] == "callable"
    vault_app.remote.call("DELETE", "/snapshots/all-of-them")
    assert vault_app.snapshots.list() == []


def test_an_exported_world_can_be_taken_in_by_another_application(
    vault_app: VaultApp,
) -> None:
    vault_app.client.patch("/vault/connections/crm/close", json={"settings": {"api_key": "k"}})
    world = vault_app.snapshots.export()
    added = vault_app.remote.add_application()
    other = vault_app.remote.application(added["id"])

    other.snapshots.take_in("theirs", world)
    other.snapshots.restore("theirs")

    told = other.snapshots.export()
    assert told["connections"] == world["connections"]
    assert told["consumers"] == world["consumers"]
    assert told["logs"] == world["logs"]
    vault_app.remote.remove_application(added["id"])


def test_an_exported_world_is_a_scenario(vault_app: VaultApp, tmp_path: Path) -> None:
    vault_app.clock.freeze("2030-01-01T00:00:00Z")
    vault_app.client.patch("/vault/connections/crm/close", json={"settings": {"api_key": "k"}})
    world = vault_app.snapshots.export()
    file = tmp_path / "world.json"
    file.write_text(json.dumps(world))

    app = create_app(Settings(log_format="none", scenario=str(file)))

    client = Client(app)
    assert client.connection("crm+close")["state"] == "callable"
    assert client.connection("crm+close")["created_at"] == 1893456000000


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda world: world.pop("connections"), "connections"),
        (lambda world: world.update(mockvault_world=2), "1"),
        (lambda world: world["connections"][0].update(service_id="nope"), "connector"),
        (lambda world: world["connections"][0].update(consumer_id="nobody"), "no consumer"),
        (lambda world: world["consumers"].append(world["consumers"][0]), "twice"),
        (lambda world: world.update(clock={"frozen_at_ms": "now"}), "milliseconds"),
        (lambda world: world.update(ids=-1), "whole number"),
        (lambda world: world["consumers"][0].update(nope=1), "nope"),
    ],
)
def test_a_broken_world_is_refused_with_its_place(
    vault_app: VaultApp, tmp_path: Path, break_it: Any, told: str
) -> None:
    from mockvault.catalogue import BrokenFixtures

    world = vault_app.snapshots.export()
    break_it(world)
    file = tmp_path / "world.json"
    file.write_text(json.dumps(world))

    with pytest.raises(PowerRefused, match=told):
        vault_app.snapshots.take_in("broken", world)
    with pytest.raises(BrokenFixtures, match=told):
        create_app(Settings(log_format="none", scenario=str(file)))


@pytest.mark.parametrize("world", [[], {}, {"mockvault_world": 1}, None, 3])
def test_what_is_no_world_is_none(world: Any) -> None:
    with pytest.raises(Unportable):
        snapshot_of(world)


def test_a_reset_clears_all_but_the_snapshots(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    beginning = vault_app.snapshots.export()
    vault_app.snapshots.save("kept")
    vault_app.clock.freeze("2030-01-01T00:00:00Z")
    vault_app.webhooks.add(webhook_sink.url)
    vault_app.faults.add({"status": 503})
    vault_app.prefer(code=404)
    vault_app.client.get(SALESFORCE)

    vault_app.reset()

    told = vault_app.call("GET", "")
    assert told["faults"] == told["webhooks"] == told["journal"]["entries"] == 0
    assert told["snapshots"] == ["kept"]
    assert vault_app.client.get(SALESFORCE).status_code == 200
    again = vault_app.snapshots.export()
    assert {**again, "logs": 0, "taken_at": 0, "ids": 0, "calls": 0} == {
        **beginning,
        "logs": 0,
        "taken_at": 0,
        "ids": 0,
        "calls": 0,
    }


def test_a_thousand_connections_are_restored_by_few_steps(app: MockVault) -> None:
    vault = app.applications.add(Application("large", ("k",)))
    store = vault.surroundings.store
    for number in range(200):
        store.put_consumer(Consumer(f"c-{number}", store.next_sequence(), 1, 1, {}))
        for connector in app.catalogue.all[:5]:
            store.put_connection(
                Connection(f"c-{number}", connector.unified_api, connector.service_id, 1)
            )
    workbench = app.workbenches.find("large")
    assert workbench is not None
    world = workbench.snapshot()

    taken = steps(lambda: workbench.restore(world))

    app.applications.remove("large")
    assert taken < 1_000


# explained and forced


@pytest.mark.parametrize(
    ("connection", "consumer", "state"),
    [("crm+salesforce", "test-consumer", "callable"), ("crm+close", "test-consumer", "available")],
)
def test_a_connection_is_explained(
    vault_app: VaultApp, connection: str, consumer: str, state: str
) -> None:
    told = vault_app.explain(connection, consumer)

    assert told["state"] == state
    assert f"class {state} current" in told["diagram"]
    assert told["because"]


def test_the_next_operations_lead_where_they_say(vault_app: VaultApp) -> None:
    chosen = (
        "crm+salesforce",
        "crm+close",
        "hris+personio",
        "accounting+xero",
        "script+google-analytics",
    )
    for connection in chosen:
        for start in ("available", "added"):
            try:
                vault_app.force(connection, start)
            except PowerRefused:
                continue
            for step in vault_app.explain(connection)["next"]:
                vault_app.snapshots.save("here")

                ran = subprocess.run(
                    shlex.split(step["curl"]), capture_output=True, timeout=20, check=False
                )

                assert ran.returncode == 0, step
                told = vault_app.explain(connection)
                assert told["state"] == step["leads_to"], (connection, start, step)
                vault_app.snapshots.restore("here")


def test_every_possible_state_of_every_connector_can_be_forced(app: MockVault) -> None:
    from mockvault.control.transitions import force

    vault = app.applications.add(Application("forced", ("k",)))
    for connector in app.catalogue.all:
        for state in possible_states(connector):
            place = ("someone", connector.unified_api, connector.service_id)

            assert force(vault, *place, state) is state
            assert vault.connections.find(*place).state is state
    app.applications.remove("forced")


def test_a_state_is_forced_for_a_reason(vault_app: VaultApp) -> None:
    told = vault_app.force("crm+salesforce", "added", reason="refresh_token_revoked")

    assert [each["event_type"] for each in told["events"]] == [
        "vault.connection.token_refresh.failed"
    ]
    told = vault_app.force("hris+personio", "invalid")
    assert vault_app.explain("hris+personio")["state"] == "invalid"


def test_a_state_that_no_facts_imply_is_refused(vault_app: VaultApp) -> None:
    with pytest.raises(PowerRefused) as refused:
        vault_app.force("crm+salesforce", "invalid")

    assert refused.value.status == 422
    assert vault_app.explain("crm+salesforce")["state"] == "callable"


@pytest.mark.parametrize(
    "event",
    ["created", "updated", "disabled", "deleted", "callable", "revoked", "token_refresh.failed"],
)
def test_each_event_is_triggered_by_its_transition(vault_app: VaultApp, event: str) -> None:
    told = vault_app.trigger(f"vault.connection.{event}", "crm/salesforce")

    assert told["events"][-1]["event_type"] == f"vault.connection.{event}"
    assert vault_app.explain("crm+salesforce")["state"] == told["state"]


def test_an_event_that_a_connector_does_not_know_is_refused(vault_app: VaultApp) -> None:
    with pytest.raises(PowerRefused, match="holds no token"):
        vault_app.trigger("vault.connection.revoked", "crm/close")
    with pytest.raises(PowerRefused, match="Unknown Connector"):
        vault_app.trigger("vault.connection.updated", "crm/nope")


class Worlds(RuleBasedStateMachine):
    """Clock, events and snapshots in any order: a world replayed is the same, to the byte."""

    def __init__(self) -> None:
        super().__init__()
        self.app = create_app(Settings(log_format="none", scenario="empty", webhook_timeout=0.2))
        self.client = Client(self.app)
        found = self.app.workbenches.find("mock-app")
        assert found is not None
        self.workbench = found
        self.sent: list[bytes] = []
        self.steps: list[Any] = []
        self.saved: Any = None
        self.since: list[Any] = []

        async def post(url: str, headers: Any, body: bytes, **more: Any) -> Answered:
            del url, headers, more
            self.sent.append(body)
            return Answered(500 if b'"execution_attempt":1' in body else 200)

        self.workbench.webhooks._post = post

    @initialize()
    def begin(self) -> None:
        self.workbench.time.freeze(1_893_456_000_000)
        self.workbench.webhooks.subscribe("http://127.0.0.1:9/")
        self.workbench.snapshots["begin"] = self.workbench.snapshot()
        self.save()

    def do(self, step: Any) -> None:
        kind, value = step
        if kind == "patch":
            self.client.patch(value[0], **value[1])
        elif kind == "delete":
            unified_api, service_id = value.split("+")
            self.client("DELETE", f"/vault/connections/{unified_api}/{service_id}")
        else:
            loop().run_until_complete(self.workbench.time.advance(value))
        loop().run_until_complete(self.workbench.webhooks.settle())

    @rule(
        connection=st.sampled_from(["crm+close", "crm+salesforce"]),
        body=st.sampled_from(
            [
                {"enabled": True},
                {"enabled": False},
                {"settings": {"api_key": "k"}},
                {"metadata": {"a": 1}},
            ]
        ),
    )
    def patch(self, connection: str, body: dict[str, Any]) -> None:
        self.run(("patch", (connection, body)))

    @rule(connection=st.sampled_from(["crm+close", "crm+salesforce"]))
    def delete(self, connection: str) -> None:
        self.run(("delete", connection))

    @rule(milliseconds=st.sampled_from([1, 60_000, 180_000, 3_600_000, 86_400_000]))
    def advance(self, milliseconds: int) -> None:
        self.run(("advance", milliseconds))

    def run(self, step: Any) -> None:
        self.do(step)
        self.since.append(step)

    @rule()
    def save(self) -> None:
        loop().run_until_complete(self.workbench.webhooks.settle())
        self.saved, self.since = self.workbench.snapshot(), []
        self.sent.clear()

    @rule()
    def replay(self) -> None:
        before, sent = self.told(), list(self.sent)
        self.sent.clear()
        self.workbench.restore(self.saved)
        for step in self.since:
            self.do(step)
        assert self.told() == before
        assert self.sent == sent

    def told(self) -> bytes:
        from mockvault.control.powers.snapshots import exported
        from mockvault.delivery.outbox import delivery_json
        from mockvault.json_text import dumps

        deliveries = [delivery_json(each) for each in self.workbench.webhooks.deliveries.values()]
        return dumps([exported(self.workbench, self.workbench.snapshot()), deliveries])

    @invariant()
    def every_event_is_delivered_or_waits(self) -> None:
        for delivery in self.workbench.webhooks.deliveries.values():
            assert delivery.is_over or delivery.next_at is not None
        assert self.workbench.webhooks.lost_deliveries == 0


def test_a_restored_world_replayed_is_the_same_to_the_byte() -> None:
    run_state_machine_as_test(
        Worlds, settings=settings(max_examples=12, stateful_step_count=15, deadline=None)
    )
