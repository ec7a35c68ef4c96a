"""Worlds that outlive processes and are shared by them: on a real port, with real kills."""

import concurrent.futures
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockvault.pytest_plugin import WebhookSink
from tests.end_to_end.conftest import HEADERS, Running, running
from tests.engines import RedisServer, sqlite_url

LIMITS = httpx.Limits(max_keepalive_connections=0)


def asking(mock: Running) -> httpx.Client:
    """Return a client with a connection for each request, so that any worker may answer it."""
    return httpx.Client(base_url=mock.url, headers=HEADERS, limits=LIMITS, timeout=30)


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return f"{request.getfixturevalue('redis').url}?prefix={tmp_path.name}"


@pytest.fixture
def shared(store: str, tmp_path: Path) -> Iterator[Running]:
    arguments = ["--store", store, "--workers", "2", "--log-format", "none"]
    with running(tmp_path, *arguments) as mock:
        yield mock


def patches(http: httpx.Client) -> set[str]:
    """Return the ids of the log's PATCHes."""
    logged = http.get("/vault/logs?limit=200").json()["data"]
    return {entry["id"] for entry in logged if entry["http_method"] == "PATCH"}


def counted(http: httpx.Client) -> int:
    """Return how many calls were made for the consumer."""
    shown = http.get("/vault/consumers/test-consumer").json()["data"]
    return int(shown["request_counts"]["vault"])


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_concurrent_writers_lose_nothing(shared: Running) -> None:
    writers, each = 6, 12
    path = "/vault/connections/crm/salesforce"
    seen: list[tuple[int, dict[str, Any]]] = []
    with asking(shared) as http:
        before, counted_before = patches(http), counted(http)

    def write(writer: int) -> None:
        with asking(shared) as http:
            for number in range(each):
                made = http.post("/vault/consumers", json={"consumer_id": f"c-{writer}-{number}"})
                assert made.status_code == 200, made.text
                key = f"{writer}-{number}"
                patched = http.patch(path, json={"metadata": {key: number}})
                assert patched.status_code == 200, patched.text
                seen.append((writer, patched.json()["data"]["metadata"]))

    with concurrent.futures.ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))

    written = {f"{writer}-{number}" for writer in range(writers) for number in range(each)}
    with asking(shared) as http:
        for _ in range(4):
            assert http.get(path).json()["data"]["metadata"].keys() >= written
        counted_now = counted(http)
        logged = patches(http) - before
        for writer in range(writers):
            for number in range(each):
                assert http.get(f"/vault/consumers/c-{writer}-{number}").status_code == 200
    assert len(logged) == len(written)
    assert counted_now - counted_before == len(written) + 4
    # there is one order that explains every answer: each saw what those before it wrote, no less
    order = sorted((set(metadata) & written for _, metadata in seen), key=len)
    assert all(before < after for before, after in itertools.pairwise(order))
    assert [len(each) for each in order] == list(range(1, len(written) + 1))


def write_until_killed(mock: Running, name: str, acknowledged: list[str]) -> None:
    """Add consumers until nobody answers any more; put down those that were answered for."""
    with asking(mock) as http:
        for number in range(10_000):
            body = {"consumer_id": f"{name}-{number}"}
            try:
                answer = http.post("/vault/consumers", json=body)
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                acknowledged.append(f"{name}-{number}")


def all_consumers(http: httpx.Client) -> set[str]:
    found, cursor = set[str](), ""
    while True:
        page = http.get(f"/vault/consumers?limit=200{cursor}").json()
        found |= {each["consumer_id"] for each in page["data"]}
        following = (page["meta"].get("cursors") or {}).get("next")
        if not following:
            return found
        cursor = f"&cursor={following}"


def test_what_was_acknowledged_survives_a_kill_of_every_process(tmp_path: Path) -> None:
    arguments = ["--store", sqlite_url(tmp_path), "--log-format", "none"]
    acknowledged: list[str] = []
    for turn in range(2):
        with running(tmp_path, *arguments, "--workers", "2") as mock:
            writers = [
                threading.Thread(
                    target=write_until_killed, args=(mock, f"{turn}-{each}", acknowledged)
                )
                for each in range(3)
            ]
            for each in writers:
                each.start()
            deadline = time.monotonic() + 60
            while len(acknowledged) < 60 * (turn + 1) and time.monotonic() < deadline:
                time.sleep(0.01)
            for pid in [*children(mock.process.pid), mock.process.pid]:
                os.kill(pid, signal.SIGKILL)
            for each in writers:
                each.join(30)
        (tmp_path / "port").unlink()

    assert len(acknowledged) >= 120
    with running(tmp_path, *arguments) as mock, asking(mock) as http:
        assert set(acknowledged) <= all_consumers(http)


def test_a_worker_that_dies_is_replaced_whether_it_led_or_not_and_a_signal_stops_all(
    shared: Running, webhook_sink: WebhookSink, store: str
) -> None:
    first = children(shared.process.pid)
    with asking(shared) as http:
        hook = {"delivery_url": webhook_sink.url, "events": ["vault.connection.updated"]}
        assert http.post("/_mock/apps/mock-app/webhooks", json=hook).status_code == 201
        for number, pid in enumerate(first, 1):
            os.kill(pid, signal.SIGKILL)
            for _ in range(5):
                assert http.get("/vault/consumers").status_code == 200
            body = {"metadata": {"number": number}}
            patched = http.patch("/vault/connections/crm/salesforce", json=body)
            assert patched.status_code == 200
            webhook_sink.wait_for(number)
            deadline = time.monotonic() + 30
            while pid in (now := children(shared.process.pid)) or len(now) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert f"worker {pid} ended by signal 9" in shared.log()

    is_file = store.startswith("sqlite")
    assert shared.stop(signal.SIGTERM if is_file else signal.SIGINT) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in now)


def test_an_event_is_delivered_once_by_whichever_worker_it_was_raised(
    shared: Running, webhook_sink: WebhookSink
) -> None:
    with asking(shared) as http:
        made = http.post("/_mock/apps/mock-app/webhooks", json={"delivery_url": webhook_sink.url})
        assert made.status_code == 201, made.text
        for number in range(12):
            body = {"metadata": {"number": number}}
            patched = http.patch("/vault/connections/crm/salesforce", json=body)
            assert patched.status_code == 200
        webhook_sink.wait_for(12)
        settled = http.post("/_mock/apps/mock-app/events/settle")
        assert settled.json() == {"settled": True, "waiting": 0}
        listed = http.get("/_mock/apps/mock-app/deliveries").json()["deliveries"]

    keys = [each.headers["x-apideck-idempotency-key"] for each in webhook_sink.received]
    assert len(keys) == len(set(keys)) == 12
    assert [(each["status"], len(each["attempts"])) for each in listed] == [("delivered", 1)] * 12


def test_time_that_is_advanced_at_any_worker_is_every_workers_time(shared: Running) -> None:
    clock = "/_mock/apps/mock-app/clock"
    with asking(shared) as http:
        frozen = {"action": "freeze", "to": "2030-01-01T00:00:00Z"}
        assert http.put(clock, json=frozen).status_code == 200
        for _ in range(4):
            moved = http.put(clock, json={"action": "advance", "by": "PT1H"})
            assert moved.status_code == 200, moved.text
            shown = [http.get(clock).json()["now"] for _ in range(3)]
            assert set(shown) == {moved.json()["now"]}
    assert shown[0] == "2030-01-01T04:00:00.000Z"


def test_workers_stop_when_their_parent_is_killed(tmp_path: Path) -> None:
    arguments = ["--store", sqlite_url(tmp_path), "--workers", "2", "--log-format", "none"]
    with running(tmp_path, *arguments) as mock:
        pids = children(mock.process.pid)
        mock.process.kill()
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_where_redis_is_lost_requests_are_refused_until_it_is_back(tmp_path: Path) -> None:
    server = RedisServer()
    server.start()
    try:
        arguments = ["--store", server.url, "--log-format", "none"]
        with running(tmp_path, *arguments) as mock, asking(mock) as http:
            body = {"consumer_id": "before"}
            assert http.post("/vault/consumers", json=body).status_code == 200
            server.stop()
            refused = http.get("/vault/consumers")
            health = http.get("/_mock/health")
            server.start()  # empty, for it keeps nothing: the world begins again
            deadline = time.monotonic() + 30
            while (back := http.get("/vault/consumers")).status_code == 503:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            gone = http.get("/vault/consumers/before")
        assert (refused.status_code, health.status_code) == (503, 503)
        assert refused.json()["type_name"] == "ServiceUnavailableError"
        assert refused.headers["retry-after"] == "1"
        assert (back.status_code, gone.status_code) == (200, 404)
    finally:
        server.remove()


def refused(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "mockvault", "serve", "--port", "0", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stderr


def test_what_cannot_be_served_from_is_told_in_a_sentence_with_an_exit_code(
    tmp_path: Path,
) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{sock.getsockname()[1]}/0"
        code, told = refused("--store", url)
    assert code == 5
    assert f"no Redis answers at {url}" in told
    assert "Traceback" not in told

    code, told = refused("--store", sqlite_url(tmp_path / "nowhere"), "--workers", "2")
    assert code == 5
    assert told.count("there is no folder") == 1

    code, told = refused("--workers", "2")
    assert code == 2
    assert "add --store sqlite:///mockvault.db or --store redis://" in told
