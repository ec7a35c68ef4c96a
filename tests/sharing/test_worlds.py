"""One world in several workers: what is asked of any of them is answered as one mock would."""

import json
import socket
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockvault.app import MockVault, create_app
from mockvault.domain.entities import Application
from mockvault.embedding import RunningMock
from mockvault.replication import replica
from mockvault.settings import Settings
from mockvault.store.shared import StoreLost
from tests.asgi import NOT_GIVEN, Client, consumer_path, loop, place
from tests.engines import InTurn, served_over, sqlite_url

CONSUMERS = st.sampled_from(["a", "b", "c"])
CONNECTIONS = st.sampled_from(["crm+salesforce", "crm+pipedrive", "hris+bamboohr"])
JSON = st.dictionaries(st.sampled_from("xyz"), st.none() | st.integers(0, 3), max_size=2)
FREEZE = {"action": "freeze", "to": "2030-01-01T00:00:00Z"}
APP = "/_mock/apps/history"
SUBSCRIPTION = {"delivery_url": "http://127.0.0.1:1/none", "knobs": {"drop": 1}}


class Step(NamedTuple):
    """One request of a history; a consumer of None is the client's own."""

    method: str
    path: str
    body: Any = NOT_GIVEN
    consumer_id: str | None = None


def _patch(consumer_id: str, connection_id: str, metadata: Any, enabled: bool) -> Step:  # noqa: FBT001
    body = {"metadata": metadata, "enabled": enabled}
    return Step("PATCH", place(connection_id), body, consumer_id)


def _fault(status: int) -> Step:
    fault = {"effect": {"status": status}, "match": {"every": 2}, "times": 2}
    return Step("POST", f"{APP}/faults", fault)


def _force(consumer_id: str, state: str) -> Step:
    path = f"{APP}/consumers/{consumer_id}/connections/crm/salesforce/force"
    return Step("POST", path, {"state": state})


READS = st.sampled_from(["/vault/connections?configured=true", "/vault/logs?limit=7"])
LOOKS = st.sampled_from(["events", "deliveries", "faults", "webhooks", "world", "journal"])
STEPS = st.one_of(
    st.builds(lambda of, metadata: Step("POST", "/vault/consumers",
              {"consumer_id": of, "metadata": metadata}), CONSUMERS, JSON),
    st.builds(lambda of, metadata: Step("PATCH", consumer_path(of), {"metadata": metadata}),
              CONSUMERS, JSON),
    st.builds(lambda of: Step("DELETE", consumer_path(of)), CONSUMERS),
    st.builds(_patch, CONSUMERS, CONNECTIONS, JSON, st.booleans()),
    st.builds(lambda mine, of: Step("DELETE", place(of), consumer_id=mine), CONSUMERS, CONNECTIONS),
    st.builds(lambda mine, path: Step("GET", path, consumer_id=mine), CONSUMERS, READS),
    st.builds(lambda mine: Step("POST", "/vault/sessions", consumer_id=mine), CONSUMERS),
    st.just(Step("POST", f"{APP}/webhooks", SUBSCRIPTION)),
    st.builds(_fault, st.sampled_from([404, 429])),
    st.builds(lambda code: Step("PUT", f"{APP}/prefer", {"operation_id": "consumersOne", **code}),
              st.sampled_from([{"code": 401}, {"delay": 1}])),
    st.just(Step("DELETE", f"{APP}/prefer")),
    st.builds(_force, CONSUMERS, st.sampled_from(["callable", "added", "invalid"])),
    st.builds(lambda name: Step("PUT", f"{APP}/snapshots/{name}"), st.sampled_from("pq")),
    st.builds(lambda name: Step("POST", f"{APP}/snapshots/{name}/restore"), st.sampled_from("pq")),
    st.just(Step("POST", f"{APP}/reset")),
    st.builds(lambda by: Step("PUT", f"{APP}/clock", {"action": "advance", "by": by}),
              st.sampled_from(["PT1M", "PT59M", "P1D"])),
    st.builds(lambda name: Step("GET", f"{APP}/{name}"), LOOKS),
)  # fmt: skip


def do(client: Client, step: Step) -> Any:
    """Take a step; return all of its answer that does not tell how long something took."""
    mine = client if step.consumer_id is None else client.as_consumer(step.consumer_id)
    answer = mine(step.method, step.path, step.body)
    content = json.loads(answer.content) if answer.content else None
    if step.path == f"{APP}/journal":
        for entry in content["entries"]:
            entry.pop("milliseconds", None)
    if step.path == f"{APP}/reset":  # time passes again: it has to stand for answers to be equal
        assert client("PUT", f"{APP}/clock", FREEZE).status == 200
    return answer.status, {**answer.headers, "content-length": ""}, content


@pytest.fixture(scope="module")
def alone() -> MockVault:
    return create_app(Settings(log_format="none"))


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def several(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("world")
    if request.param == "sqlite":
        url = sqlite_url(folder)
    else:
        url = f"{request.getfixturevalue('redis').url}?prefix={folder.name}"
    workers = served_over(url, 3)
    yield workers
    workers.close()


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(steps=st.lists(STEPS, max_size=25))
def test_any_history_reads_at_three_workers_as_it_does_at_one(
    alone: MockVault, several: InTurn, steps: list[Step]
) -> None:
    application = Application("history", ("history-key",))
    clients = []
    for app in (alone, several):
        app.applications.add(application)
        clients.append(Client(app, "history", "history-key"))
        assert clients[-1]("PUT", f"{APP}/clock", FREEZE).status == 200

    for step in steps:
        told, expected = do(clients[1], step), do(clients[0], step)
        assert told == expected, step

    for worker in several.workers:  # and each of them knows all of it
        each = Client(worker, "history", "history-key")
        for name in ("world", "journal"):
            look = Step("GET", f"{APP}/{name}")
            assert do(each, look) == do(clients[0], look)


def worker(url: str, **more: Any) -> MockVault:
    return create_app(Settings(log_format="none", store=url, **more))


def test_the_world_is_there_after_all_workers_have_ended(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    first = worker(url)
    client = Client(first)
    assert client.patch("crm+salesforce", metadata={"kept": "yes"}).status == 200
    token = client("POST", "/vault/sessions").data["session_token"]
    logged = client.log()
    first.close()

    again = worker(url)
    mine = Client(again)
    assert mine.connection()["metadata"]["kept"] == "yes"
    assert {each["id"] for each in logged} <= {each["id"] for each in mine.log()}
    assert mine("GET", "/vault/connections", headers={"authorization": f"Bearer {token}"}).data
    again.close()


def test_a_worker_that_comes_late_reads_the_state_in_place_of_what_led_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "COMPACT_FROM", 1)
    url = sqlite_url(tmp_path)
    first = worker(url)
    client = Client(first)
    assert client("PUT", "/_mock/apps/mock-app/clock", FREEZE).status == 200
    for number in range(20):
        assert client.patch("crm+salesforce", metadata={"number": number}).status == 200
    assert client("PUT", "/_mock/apps/mock-app/snapshots/saved").status == 201
    shared = first.shared
    assert shared is not None
    shared.leads = True
    shared._compact()
    assert client.patch("crm+salesforce", metadata={"after": True}).status == 200

    late = worker(url)
    assert late.shared is not None
    tail = late.shared.turns.log.take_turn(0)
    late.shared.turns.log.give_turn()
    assert tail.state is not None
    assert len(tail.entries) < 20
    for path in ("/journal", "/events", "/snapshots/saved", "/world"):
        answers = [
            Client(each)("GET", f"/_mock/apps/mock-app{path}").content for each in (first, late)
        ]
        assert answers[0] == answers[1], path
    assert Client(late)("POST", "/_mock/apps/mock-app/snapshots/saved/restore").status == 204
    assert client.connection()["metadata"]["number"] == 19
    assert "after" not in client.connection()["metadata"]
    first.close()
    late.close()


def test_no_answer_leaves_before_the_log_has_what_it_tells_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = worker(sqlite_url(tmp_path))
    assert app.shared is not None
    order: list[str] = []
    append = app.shared.turns.log.append

    def appended(entry: bytes) -> int:
        order.append("kept")
        return append(entry)

    monkeypatch.setattr(app.shared.turns.log, "append", appended)

    async def asked() -> None:
        async def send(message: Any) -> None:
            order.append(message["type"])

        async def receive() -> Any:
            return {"type": "http.request", "body": b'{"consumer_id": "x"}', "more_body": False}

        headers = [(k.encode(), v.encode()) for k, v in Client(app).headers().items()]
        scope = {"type": "http", "method": "POST", "path": "/vault/consumers",
                 "raw_path": b"/vault/consumers", "query_string": b"", "scheme": "http",
                 "headers": [*headers, (b"content-type", b"application/json")],
                 "client": ("127.0.0.1", 1), "server": ("x", 80)}  # fmt: skip
        await app(scope, receive, send)

    loop().run_until_complete(asked())

    assert order == ["kept", "http.response.start", "http.response.body"]
    app.close()


def test_where_the_store_fails_the_answer_is_503_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = worker(sqlite_url(tmp_path))
    assert app.shared is not None
    client = Client(app)
    log = app.shared.turns.log

    def full(_: bytes) -> int:
        log.give_turn()
        raise StoreLost("world.db: database or disk is full") from sqlite3.OperationalError("full")

    with monkeypatch.context() as patched:
        patched.setattr(log, "append", full)
        refused = client("POST", "/vault/consumers", {"consumer_id": "lost"})
        page = client("GET", "/_mock/health")

    assert (refused.status, refused.type_name) == (503, "ServiceUnavailableError")
    assert refused.headers["retry-after"] == "1"
    assert "disk is full" in refused.json()["detail"]["message"]
    assert page.status in (200, 503)
    assert client("GET", "/vault/consumers/lost").status == 404
    assert client("POST", "/vault/consumers", {"consumer_id": "kept"}).status == 200
    assert app.health.unexpected_errors == 0
    assert "could not be written" in caplog.text
    app.close()


def answers_to(url: str, sent: bytes) -> list[bytes]:
    """Send bytes on one connection; return the heads of all that comes back until its end."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        received = b""
        while piece := sock.recv(65_536):
            received += piece
    return [b"HTTP/1.1 " + each for each in received.split(b"HTTP/1.1 ")[1:]]


def raw(client: Client, method: str, path: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in client.headers().items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_answers_that_wait_for_the_end_of_a_turn_leave_in_the_order_of_their_requests(
    tmp_path: Path,
) -> None:
    app = worker(sqlite_url(tmp_path))
    client = Client(app)
    asked = [raw(client, "GET", path) for path in ("/vault/consumers", "/vault/consumers/none")]
    with RunningMock(app=app) as mock:
        for _ in range(2):  # the second time the bytes are known
            told = answers_to(mock.url, asked[0] + asked[1] + asked[0] + b"no request\r\n\r\n")
            assert [int(each[9:12]) for each in told] == [200, 404, 200, 400]
    app.close()


def test_an_answer_that_waited_is_503_where_its_turn_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = worker(sqlite_url(tmp_path))
    assert app.shared is not None
    log, client = app.shared.turns.log, Client(app)
    asked = raw(client, "GET", "/vault/consumers")

    def fail(_: bytes) -> int:
        log.give_turn()
        raise StoreLost("world.db: database or disk is full")

    with RunningMock(app=app) as mock:
        with monkeypatch.context() as patched:
            patched.setattr(log, "append", fail)
            told = answers_to(mock.url, asked + asked)
        after = answers_to(mock.url, asked)

    assert [int(each[9:12]) for each in told] == [503, 503]
    head, _, body = told[0].partition(b"\r\n\r\n")
    assert b"retry-after: 1" in head
    assert json.loads(body)["type_name"] == "ServiceUnavailableError"
    assert [int(each[9:12]) for each in after] == [200]
    assert "could not be written" in caplog.text
    app.close()
