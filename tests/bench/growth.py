"""`python -m tests.bench.growth`: what each operation costs as the world grows, and what it weighs.

Worlds of several sizes live at once, each in a process of its own, and are asked in turn: a busy
machine is as busy for one as for the other. Times are CPU time of the thread that answers, in the
process, without the HTTP server. Of each world fifty consumers from all over it are asked for, so
that it is the world that grows, and not how many are at work.
"""

import argparse
import asyncio
import gc
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from mockvault.app import MockVault, create_app
from mockvault.garbage import Keeper, without_collections
from mockvault.presenting.connections import _url_texts
from mockvault.settings import Settings

OUT = Path(__file__).parent / "out" / "growth.json"
SIZES = (100, 10_000, 1_000_000)
ACTIVE = 50
CONNECTION = "/vault/connections/crm/salesforce"
RESOURCE = "/vault/connections/hris/bamboohr/employees"
FIELD = "hris+employees+first_aid_training"
RANGE = b"start_datetime=2024-03-01T00%3A00%3A00Z&end_datetime=2024-03-20T00%3A00%3A00Z"
PATCH = {"enabled": True, "metadata": {"plan": "enterprise"}}
REFUSED = {"enabled": "yes", "settings": []}
NEW = {"metadata": {"account_name": "New", "user_name": "New User", "email": "new@example.com"}}

Ask = Callable[..., Awaitable[int]]
Call = tuple[str, str, bytes, Any]
"""Method, path, query and body; `{id}` in path and body is the consumer who is asked for."""


def calls() -> dict[str, tuple[Call, ...]]:
    """Return the calls that are measured by name: the last of each; those before it prepare."""
    add: Call = ("POST", "/vault/consumers", b"", {"consumer_id": "new-{id}", **NEW})
    bare = {"value": "$.first_name"}
    one: dict[str, Call] = {
        "consumersAll": ("GET", "/vault/consumers", b"limit=20", None),
        "consumersOne": ("GET", "/vault/consumers/{id}", b"", None),
        "consumersUpdate": ("PATCH", "/vault/consumers/{id}", b"", NEW),
        "consumerRequestCountsAll": ("GET", "/vault/consumers/{id}/stats", RANGE, None),
        "connectionsAll": ("GET", "/vault/connections", b"", None),
        "connectionsAll api=crm": ("GET", "/vault/connections", b"api=crm", None),
        "connectionsOne": ("GET", CONNECTION, b"", None),
        "connectionsUpdate": ("PATCH", CONNECTION, b"", PATCH),
        "connectionsUpdate refused": ("PATCH", CONNECTION, b"", REFUSED),
        "connectionsImport": ("POST", f"{CONNECTION}/import", b"", {}),
        "connectionSettingsAll": ("GET", f"{RESOURCE}/config", b"", None),
        "connectionExample": ("GET", f"{RESOURCE}/example", b"", None),
        "connectionSchema": ("GET", f"{RESOURCE}/schema", b"", None),
        "connectionCustomFields": ("GET", f"{RESOURCE}/custom-fields", b"", None),
        "customMappingsOne": ("GET", f"/vault/custom-mappings/hris/bamboohr/{FIELD}", b"", None),
        "customMappingsUpdate": (
            "PATCH",
            f"/vault/custom-mappings/hris/bamboohr/{FIELD}",
            b"",
            bare,
        ),
        "sessionsCreate": ("POST", "/vault/sessions", b"", {}),
        "logsAll": ("GET", "/vault/logs", b"limit=20", None),
        "logsAll filtered": ("GET", "/vault/logs", b"filter%5Bstatus_code%5D=200&limit=20", None),
    }
    found: dict[str, tuple[Call, ...]] = {name: (call,) for name, call in one.items()}
    found["consumersAdd"] = (("DELETE", "/vault/consumers/new-{id}", b"", None), add)
    found["consumersDelete"] = (add, ("DELETE", "/vault/consumers/new-{id}", b"", None))
    found["connectionsDelete"] = (
        ("PATCH", "/vault/connections/crm/copper", b"", {}),
        ("DELETE", "/vault/connections/crm/copper", b"", None),
    )
    return found


async def ask(app: MockVault, call: Call, consumer_id: str) -> int:
    """Send one call; return the nanoseconds of CPU time until it was answered."""
    method, path, query, body = call
    path = path.format(id=consumer_id)
    headers = [
        (b"host", b"bench"),
        (b"authorization", b"Bearer mock-api-key"),
        (b"x-apideck-app-id", b"mock-app"),
        (b"x-apideck-consumer-id", consumer_id.encode()),
    ]
    content = b""
    if body is not None:
        content = json.dumps(body).replace("{id}", consumer_id).encode()
        headers.append((b"content-type", b"application/json"))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("bench", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        assert message.get("status", 200) < 500, message

    await asyncio.sleep(0)  # what is due by now is done before, as by a server between requests
    began = time.thread_time_ns()
    await app(scope, receive, send)  # type: ignore[arg-type]  # messages are dictionaries
    return time.thread_time_ns() - began


def world(consumers: int, logs: int) -> MockVault:
    """Return a mock with so many consumers and log entries."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "growth.yml"
        scenario.write_text(
            f"description: {consumers} consumers\n"
            f"generated: {{consumers: {consumers}, logs: {logs}}}\n"
        )
        return create_app(
            Settings(
                log_format="none", scenario=str(scenario), log_capacity=max(50_000, logs + 50_000)
            )
        )


def child(consumers: int, logs: int) -> None:
    """Answer the parent's orders, a line each, with a line of JSON each."""
    began = time.process_time()
    with without_collections():
        app = world(consumers, logs)
        keeper = Keeper()
        keeper.begin()
    seconds = time.process_time() - began
    step = max(1, consumers // ACTIVE)
    ids = [f"consumer-{1 + place * step:04d}" for place in range(min(ACTIVE, consumers))]
    with asyncio.Runner() as runner:
        _tell({"seconds": seconds, "mib": _rss()})
        for order in sys.stdin:
            if order.strip() == "round":
                _tell(runner.run(_watched(keeper, _round(app, ids))))
            else:
                _tell(runner.run(_watched(keeper, _crowd(app, int(order)))))
                _tell({"longest": keeper.longest, "freezes": keeper.freezes, "mib": _rss()})


async def _watched(keeper: Keeper, work: Awaitable[Any]) -> Any:
    """Return what work comes to, while the keeper looks at what it leaves, as when serving."""
    keeper.watch()
    return await work


async def _round(app: MockVault, ids: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, (*before, call) in calls().items():
        times = found[name] = []
        for consumer_id in ids:
            for each in before:
                await ask(app, each, consumer_id)
            times.append(await ask(app, call, consumer_id))
    return found


async def _crowd(app: MockVault, count: int) -> dict[str, list[int]]:
    """Have so many new consumers come, each with a connection; return what that took."""
    add = calls()["consumersAdd"][-1]
    patch = calls()["connectionsUpdate"][-1]
    found: dict[str, list[int]] = {"add": [], "patch": []}
    for number in range(count):
        found["add"].append(await ask(app, add, f"crowd-{number}"))
        found["patch"].append(await ask(app, patch, f"new-crowd-{number}"))
    return {name: [max(times)] for name, times in found.items()}


def weigh(count: int) -> dict[str, float]:
    """Return the bytes that one more consumer takes, and one more connection that was touched."""
    app = create_app(
        Settings(log_format="none", scenario="empty", journal_capacity=10, log_capacity=10)
    )
    vault = app.applications.find("mock-app")
    assert vault is not None
    add = calls()["consumersAdd"][-1]
    crm = vault.surroundings.catalogue.of_api("crm")[:10]
    weighed = {}

    async def consumers() -> None:
        for number in range(count):
            await ask(app, add, str(number))

    async def connections() -> None:
        for number in range(count // len(crm)):
            for connector in crm:
                path = f"/vault/connections/crm/{connector.service_id}"
                await ask(app, ("PATCH", path, b"", PATCH), f"new-{number}")

    with asyncio.Runner() as runner:
        runner.run(ask(app, add, "first"))
        tracemalloc.start()
        for name, work in (("consumer", consumers), ("connection", connections)):
            before = _held(vault)
            runner.run(work())
            weighed[name] = (_held(vault) - before) / count
    return weighed


def _held(vault: Any) -> int:
    vault.shown.__init__()  # what is kept of answers is bounded apart from this, as are URLs
    _url_texts.cache_clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _rss() -> float:
    told = Path("/proc/self/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+)", told)
    return int(match[1]) / 1024 if match else 0.0


def _tell(value: Any) -> None:
    print(json.dumps(value), flush=True)


class Child:
    """A world in a process of its own."""

    def __init__(self, consumers: int, logs: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.growth", "--child", f"{consumers}", f"{logs}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self.heard()

    def heard(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def order(self, told: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{told}\n")
        self.process.stdin.flush()
        return self.heard()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="consumers")
    parser.add_argument("--logs", type=int, default=0, help="log entries in the largest world")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--crowd", type=int, default=20_000, help="new consumers at the end")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(*given.child)
        return
    sizes = sorted(given.sizes)
    worlds = {}
    for size in sizes:
        logs = given.logs if size == sizes[-1] else min(given.logs, 2 * size)
        worlds[size] = Child(size, logs)
        about = worlds[size].about
        print(f"{size:>9} consumers, {logs:>8} log entries: {_about(about)}")
    times: dict[int, dict[str, list[int]]] = {size: {} for size in sizes}
    for number in range(given.rounds + 1):
        for size, each in worlds.items():
            told = each.order("round")
            if number:  # the first warms
                for name, found in told.items():
                    times[size].setdefault(name, []).extend(found)
    rows = list(_rows(sizes, times))
    print(f"\n{'CPU µs, lower quartile':<28}" + "".join(f"{size:>12,}" for size in sizes), end="")
    print(f"{'ratio':>8}{'p99/p50':>9}{'max ms':>8}")
    for row in rows:
        told = "".join(f"{each:>12.1f}" for each in row["costs"])
        print(f"{row['name']:<28}{told}{row['ratio']:>8.2f}{row['p99']:>9.2f}{row['max']:>8.2f}")
    last = worlds[sizes[-1]]
    crowd = last.order(str(given.crowd))
    after = last.heard()
    print(f"\n{given.crowd:,} more consumers, each with a connection, in the largest world:")
    print(f"  slowest: {', '.join(f'{k} {v[0] / 1e6:.2f} ms' for k, v in crowd.items())}")
    longest = after["longest"] * 1e3
    print(f"  longest garbage collection: {longest:.2f} ms of CPU, {after['freezes']} freezes")
    for each in worlds.values():
        each.end()
    weight = weigh(20_000)
    print("  " + ", ".join(f"one more {name}: {size:.0f} B" for name, size in weight.items()))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(
        json.dumps(
            {"sizes": sizes, "rows": rows, "crowd": crowd, "after": after, "bytes": weight},
            indent=2,
        )
    )


def _about(told: dict[str, float]) -> str:
    return f"made in {told['seconds']:.1f} s of CPU, {told['mib']:.0f} MiB"


def _rows(sizes: list[int], times: dict[int, dict[str, list[int]]]) -> Iterator[dict[str, Any]]:
    for name in times[sizes[0]]:
        # what was disturbed least of each: a slow moment of the machine may last for a round
        costs = [statistics.quantiles(times[size][name], n=4)[0] / 1e3 for size in sizes]
        largest = sorted(times[sizes[-1]][name])
        yield {
            "name": name,
            "costs": costs,
            "ratio": costs[-1] / costs[0],
            "p99": largest[int(len(largest) * 0.99)] / statistics.median(largest),
            "max": max(largest) / 1e6,
        }


if __name__ == "__main__":
    main()
