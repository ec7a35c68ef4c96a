"""A soak: many mixed requests with webhooks, faults, passing time and resets, in one process."""

import asyncio
import gc
import resource
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from mockvault.app import create_app
from mockvault.delivery.transport import Answered
from mockvault.settings import Settings
from tests.asgi import Client, loop

PAGE = resource.getpagesize()


@dataclass(frozen=True)
class Soaked:
    """What became of it: memory at the end over memory once warm, and events that nobody got."""

    growth: float
    events: int
    lost: int
    undelivered: int


def soak(requests: int, seed: int = 1) -> Soaked:
    """Send so many requests; every event has to arrive, or to wait for its time."""
    random = Random(seed)
    app = create_app(Settings(log_format="none", scenario="empty", log_capacity=5_000))
    client = Client(app)
    found = app.workbenches.find("mock-app")
    assert found is not None
    workbench = found
    received: set[str] = set()

    async def post(url: str, headers: dict[str, str], body: bytes, **more: Any) -> Answered:
        del url, body, more
        if random.random() < 0.1:
            return Answered(503)
        received.add(headers["x-apideck-idempotency-key"])
        return Answered(200)

    workbench.webhooks._post = post
    keys: set[str] = set()
    counted = lost = warm = 0
    begin(workbench)
    for number in range(requests):
        step(client, random)
        if number % 500 == 499:
            loop().run_until_complete(workbench.time.advance(86_400_000))
            keys = {each.idempotency_key for each in workbench.webhooks.deliveries.values()}
            counted += workbench.webhooks.raised
            lost += workbench.webhooks.lost_deliveries + len(keys - received)
            received.clear()
            workbench.reset()
            begin(workbench)
        if number == requests // 2:
            warm = memory()
    waiting = [each for each in workbench.webhooks.deliveries.values() if not each.is_over]
    loop().run_until_complete(asyncio.sleep(0))
    undelivered = len([each for each in waiting if each.next_at is None])
    return Soaked(memory() / warm, counted, lost, undelivered)


def begin(workbench: Any) -> None:
    workbench.time.freeze(1_893_456_000_000)
    workbench.webhooks.subscribe("http://127.0.0.1:9/")
    workbench.faults.add({"match": {"probability": 0.05}, "effect": {"status": 503}})


def step(client: Client, random: Random) -> None:
    """Send one request of a kind that chance chooses."""
    consumer = client.as_consumer(f"consumer-{random.randrange(50)}")
    connection = random.choice(["crm/close", "crm/salesforce", "hris/personio"])
    path = f"/vault/connections/{connection}"
    kind = random.randrange(8)
    if kind < 3:
        body = random.choice(
            [{"enabled": True}, {"enabled": False}, {"metadata": {"n": random.random()}}]
        )
        consumer("PATCH", path, body)
    elif kind == 3:
        consumer("DELETE", path)
    elif kind == 4:
        consumer("POST", "/vault/sessions", {})
    elif kind == 5:
        consumer("GET", "/vault/consumers", query={"limit": random.choice([0, 5])})
    elif kind == 6:
        consumer("GET", "/vault/logs")
    else:
        consumer("GET", path)


def memory() -> int:
    """Return the bytes that the process has in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
