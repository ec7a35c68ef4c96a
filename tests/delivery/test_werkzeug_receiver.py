"""Deliveries as a Werkzeug application receives them, which checks signature and keys by itself."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from mockvault.pytest_plugin import VaultApp


class Receiver:
    """What a customer of the real webhooks would write: it answers 200, or what it is told to."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.forged: list[bytes] = []
        self.answers: list[int] = []
        self.key = ""
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @Request.application
    def _application(self, request: Request) -> Response:
        content = request.get_data()
        body = json.loads(content)
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        expected = hmac.new(self.key.encode(), canonical.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers.get("x-apideck-signature", "")):
            self.forged.append(content)
            return Response(status=401)
        self.received.append(({k.lower(): v for k, v in request.headers}, body))
        return Response(status=self.answers.pop(0) if self.answers else 200)

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return self._application(environ, start_response)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(vault_app: VaultApp) -> Iterator[Receiver]:
    made = Receiver()
    made.key = vault_app.api_key
    yield made
    made.close()


def test_every_delivery_is_signed_and_keeps_its_key_over_retries(
    vault_app: VaultApp, receiver: Receiver
) -> None:
    receiver.answers = [500, 503]
    vault_app.clock.freeze("2030-01-01T00:00:00Z")
    vault_app.webhooks.add(receiver.url)
    vault_app.client.patch(
        "/vault/connections/crm/copper",
        json={
            "settings": {"email": "ü@example.com", "api_key": "a-secret"},
            "metadata": {"b": 1, "a": {"d": 2, "c": 3}},
        },
    )

    vault_app.clock.advance("PT24H")

    keys: dict[str, set[str]] = {}
    for headers, body in receiver.received:
        payload = body["payload"]
        assert headers["x-apideck-event-type"] == payload["event_type"]
        assert "a-secret" not in json.dumps(body)
        keys.setdefault(payload["event_id"], set()).add(headers["x-apideck-idempotency-key"])
    assert receiver.forged == []
    assert len(receiver.received) == len(keys) + 2
    assert all(len(of_event) == 1 for of_event in keys.values())
    assert len(set.union(*keys.values())) == len(keys) >= 2


def test_a_bad_signature_is_seen_through(vault_app: VaultApp, receiver: Receiver) -> None:
    receiver.key = "another key"
    vault_app.webhooks.add(receiver.url)
    vault_app.client.patch("/vault/connections/crm/copper", json={"enabled": True})

    vault_app.events.settle()

    assert receiver.forged
    assert receiver.received == []
