"""Fixtures for tests of code that uses a Vault: a mock, an application of one test, a receiver."""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from mockvault.delivery.signing import is_signed
from mockvault.remote import Answer, Remote, RemoteApplication, send

if TYPE_CHECKING:
    from mockvault.embedding import RunningMock

OPTION = "--mockvault-fail-on-violation"
INI = "mockvault_fail_on_violation"
SCENARIO = "mockvault_scenario"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the plugin's options."""
    group = parser.getgroup("mockvault", "a mock of the Apideck Vault API")
    group.addoption(
        OPTION,
        action="store_true",
        default=False,
        help="Fail a test whose code sent a request that breaks the Vault API's contract.",
    )
    parser.addini(INI, "The same, for every run.", type="bool", default=False)
    parser.addini(
        SCENARIO, "The world in which every vault_app begins (default: default).", default="default"
    )


class Client:
    """The Vault API as code under test would call it: with key, application and consumer."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = url
        self.headers = dict(headers)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; raise what sockets and http.client raise."""
        sent = {**self.headers, **(headers or {})}
        return send(self.url, method, path, json_body=json, query=params, headers=sent)

    def get(self, path: str, **more: Any) -> Answer:
        """Send a GET request."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> Answer:
        """Send a POST request."""
        return self.request("POST", path, **more)

    def patch(self, path: str, **more: Any) -> Answer:
        """Send a PATCH request."""
        return self.request("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        """Send a DELETE request."""
        return self.request("DELETE", path, **more)


class VaultApp(RemoteApplication):
    """An application of one test alone: `url`, `id`, `api_key`, `consumer_id`, and every power."""

    def __init__(self, remote: Remote, id: str, api_key: str, consumer_id: str) -> None:
        super().__init__(remote, id)
        self.url = remote.url
        self.api_key = api_key
        self.consumer_id = consumer_id
        self.expects_violations = False
        self.client = Client(self.url, self.headers)

    @property
    def headers(self) -> dict[str, str]:
        """The headers with which a request is let in as the application's consumer."""
        return {
            "Authorization": f"Bearer {self.api_key}",
            "x-apideck-app-id": self.id,
            "x-apideck-consumer-id": self.consumer_id,
        }

    def as_consumer(self, consumer_id: str) -> Client:
        """Return a client for another consumer."""
        return Client(self.url, {**self.headers, "x-apideck-consumer-id": consumer_id})

    def expect_violations(self) -> None:
        """Let this test break the contract on purpose."""
        self.expects_violations = True


@dataclass(frozen=True, slots=True)
class Received:
    """One delivery that a sink received."""

    headers: Mapping[str, str]
    content: bytes

    @property
    def payload(self) -> dict[str, Any]:
        """What was told of the event."""
        payload: dict[str, Any] = json.loads(self.content)["payload"]
        return payload

    @property
    def event_type(self) -> str:
        """The event's type."""
        return self.headers["x-apideck-event-type"]

    @property
    def idempotency_key(self) -> str:
        """What tells a repeated delivery from a new one."""
        return self.headers["x-apideck-idempotency-key"]

    def is_signed(self, api_key: str) -> bool:
        """Tell whether its signature was made with the key."""
        return is_signed(self.content, api_key, self.headers.get("x-apideck-signature", ""))


@dataclass
class WebhookSink:
    """A receiver of webhooks on a port of its own; `answers` are the statuses of the next ones."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    status: int = 200
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, received: Received) -> int:
        """Keep what arrived; return the status to answer with."""
        with self._arrived:
            self.received.append(received)
            status = self.answers.pop(0) if self.answers else self.status
            self._arrived.notify_all()
        return status

    def wait_for(self, count: int, within: float = 5.0) -> list[Received]:
        """Return what was received once it is at least `count`; raise TimeoutError."""
        deadline = time.monotonic() + within
        with self._arrived:
            while len(self.received) < count:
                left = deadline - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    if len(self.received) >= count:
                        break
                    raise TimeoutError(
                        f"{len(self.received)} of {count} deliveries arrived within {within:g} s"
                    )
            return list(self.received)

    @property
    def types(self) -> list[str]:
        """The types of the events received, in order."""
        return [each.event_type for each in self.received]

    def clear(self) -> None:
        """Forget what was received."""
        with self._arrived:
            self.received.clear()


@pytest.fixture(scope="session")
def vault_mock(request: pytest.FixtureRequest) -> Iterator["RunningMock"]:
    """A mock on a free port, in this process, for the whole session.

    Each worker of pytest-xdist has its own.
    """
    from mockvault.embedding import RunningMock  # noqa: PLC0415  not paid for when it is not used
    from mockvault.settings import Settings  # noqa: PLC0415

    scenario = request.config.getini(SCENARIO)
    with RunningMock(Settings(port=0, log_format="none", scenario=scenario)) as mock:
        yield mock


@pytest.fixture
def vault_app(vault_mock: "RunningMock", request: pytest.FixtureRequest) -> Iterator[VaultApp]:
    """A fresh application of this test alone, in its seeded world."""
    remote = Remote(vault_mock.url)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    added = remote.add_application(id=f"{worker}-{uuid4().hex[:12]}")
    app = VaultApp(remote, added["id"], added["api_key"], "test-consumer")
    yield app
    violations = app.journal.violations() if _is_strict(request.config) else []
    remote.remove_application(app.id)
    if violations and not app.expects_violations:
        pytest.fail(told_violations(violations), pytrace=False)


@pytest.fixture
def webhook_sink() -> Iterator[WebhookSink]:
    """A receiver of webhooks; `vault_app.webhooks.add(webhook_sink.url)` has it told of events."""
    sink = WebhookSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = sink.take(Received(headers, self.rfile.read(length)))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    sink.url = f"http://127.0.0.1:{server.server_port}/webhooks"
    yield sink
    server.shutdown()
    server.server_close()


def told_violations(violations: list[dict[str, Any]]) -> str:
    """Return in words what requests did wrong by the contract."""
    lines = ["The code under test broke the contract of the Vault API:"]
    for each in violations:
        lines.append(f"  {each['method']} {each['path']} was answered {each['status']}")
        lines += [
            f"    {told.get('in')} {told.get('pointer') or ''}: {told.get('message')}"
            for told in each["violations"]
        ]
    return "\n".join(lines)


def _is_strict(config: pytest.Config) -> bool:
    return bool(config.getoption(OPTION)) or bool(config.getini(INI))
