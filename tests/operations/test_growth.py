"""No operation costs more in a larger world: its steps are counted, in a small one and a large."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mockvault.app import MockVault, create_app
from mockvault.contract import Operation
from mockvault.control.workbench import Workbench
from mockvault.domain.entities import Application
from mockvault.settings import Settings
from mockvault.store.base import START, LogsFilter
from tests.asgi import Client
from tests.operations.test_every_operation import OPERATIONS, operation_ids, request
from tests.steps import steps

SMALL, LARGE = 200, 6_000
DEEPER = 24
"""Steps that one more level of a tree may take: a few for each node that is passed."""


@dataclass
class World:
    """A mock whose world is so large, and the way back to its beginning."""

    app: MockVault
    workbench: Workbench
    beginning: Any
    loop: asyncio.AbstractEventLoop

    @property
    def client(self) -> Client:
        """A client, its world as it was."""
        self.workbench.restore(self.beginning)
        return Client(self.app, consumer_id="test-consumer", asked_in=self.loop)


def world(folder: Path, consumers: int, loop: asyncio.AbstractEventLoop) -> World:
    scenario = folder / f"{consumers}.yml"
    scenario.write_text(
        f"""description: A world of {consumers} consumers.
consumers:
  - consumer_id: test-consumer
    logs: 20
    connections:
      - connection: crm+salesforce
      - connection: hris+bamboohr
generated: {{consumers: {consumers}}}
"""
    )
    app = create_app(Settings(log_format="none", scenario=str(scenario)))
    workbench = app.workbenches.find("mock-app")
    assert workbench is not None
    workbench.clock.freeze(1_900_000_000_000)
    client, store = Client(app, asked_in=loop), workbench.vault.surroundings.store
    for operation in OPERATIONS:  # what is made when it is first asked for is made
        request(client, operation)
    client("POST", "/_mock/reset")
    entry = store.logs("test-consumer", LogsFilter(), START, 1).items[0]
    for number in range(2 * consumers):
        store.log(entry._replace(id=str(number), consumer_id=f"consumer-{number:04d}"))
    return World(app, workbench, workbench.snapshot(), loop)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    """Two worlds, asked in a loop of their own: in the shared one other apps' timers ring."""
    folder, loop = tmp_path_factory.mktemp("growth"), asyncio.new_event_loop()
    yield world(folder, SMALL, loop), world(folder, LARGE, loop)
    loop.close()


def _steps_of(operation: Operation, each: World) -> int:
    """Return the steps of an operation in a world that is as it was."""
    client = each.client
    path = operation.path.format(
        application_id=client.application_id,
        consumer_id="consumer-0100" if operation.method == "DELETE" else "test-consumer",
        unified_api="hris",
        service_id="bamboohr",
        resource="employees",
        target_field_id="hris+employees+first_aid_training",
    )
    ask = request if operation.method == "DELETE" else _twice
    return steps(lambda: ask(client, operation, path=path))


@pytest.mark.parametrize("operation", OPERATIONS, ids=operation_ids)
def test_an_operation_takes_as_many_steps_in_a_large_world(
    worlds: tuple[World, World], operation: Operation
) -> None:
    counted = [_steps_of(operation, each) for each in worlds]

    small, large = counted
    assert large <= small + DEEPER, counted


def _twice(client: Client, operation: Operation, **changes: Any) -> None:
    for _ in range(2):
        request(client, operation, **changes)


def test_a_page_in_the_middle_takes_as_many_steps_in_a_large_world(
    worlds: tuple[World, World],
) -> None:
    counted = []
    for each in worlds:
        client = each.client
        first = client("GET", "/vault/consumers", query={"limit": 100}).json()
        query = {"limit": 20, "cursor": first["meta"]["cursors"]["next"]}
        page = client("GET", "/vault/consumers", query=query)
        assert page.data[0]["consumer_id"] == "consumer-0100"
        counted.append(
            steps(lambda: client("GET", "/vault/consumers", query=query))  # noqa: B023
        )

    small, large = counted
    assert large <= small + DEEPER, counted


@pytest.mark.parametrize("what", ["add", "snapshot", "reset", "restore", "remove"])
def test_what_is_done_to_a_whole_world_takes_as_many_steps_in_a_large_one(
    worlds: tuple[World, World], what: str
) -> None:
    counted = []
    for each in worlds:
        app, client, workbench = each.app, each.client, each.workbench
        client.patch("crm+salesforce", metadata={"x": 1})
        taken = workbench.snapshot()
        client("DELETE", "/vault/consumers/consumer-0007")
        works: dict[str, Callable[[], Any]] = {
            "add": lambda: app.applications.add(Application("another", ("k",))),  # noqa: B023
            "snapshot": workbench.snapshot,
            "reset": workbench.reset,
            "restore": lambda: workbench.restore(taken),  # noqa: B023
            "remove": lambda: app.applications.remove("another"),  # noqa: B023
        }
        if what == "remove":
            works["add"]()
        counted.append(steps(works[what]))
        app.applications.remove("another")

    assert counted[0] == counted[1]
