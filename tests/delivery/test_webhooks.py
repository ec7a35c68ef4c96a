"""Deliveries over a real port: received, signed, retried on the mock's clock, given up."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mockvault.contract import load_contract
from mockvault.delivery.outbox import RETRY_DELAYS, TIME_TO_LIVE, next_attempt
from mockvault.delivery.signing import canonical, signature
from mockvault.delivery.transport import post
from mockvault.domain.clock import HOUR, MINUTE
from mockvault.domain.events import EventType
from mockvault.locations import builtin_contract
from mockvault.pytest_plugin import VaultApp, WebhookSink
from mockvault.web.schemas import Schemas

pytestmark = pytest.mark.every_engine

CLOSE = "/vault/connections/crm/close"


def change(app: VaultApp, **body: Any) -> None:
    assert app.client.patch(CLOSE, json=body or {"enabled": True}).status_code == 200


def test_a_change_is_told_to_who_subscribed(vault_app: VaultApp, webhook_sink: WebhookSink) -> None:
    vault_app.webhooks.add(webhook_sink.url)

    change(vault_app)

    (received,) = webhook_sink.wait_for(1)
    assert received.event_type == "vault.connection.created"
    assert received.payload["entity_id"] == f"{vault_app.id}+test-consumer"
    assert received.payload["entity"]["state"] == "added"
    assert received.payload["execution_attempt"] == 1


def test_the_body_is_what_the_contract_calls_a_connection_event(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    schemas = Schemas(load_contract(builtin_contract()), "answer")
    is_valid = schemas.validator("#/components/schemas/ConnectionEvent").is_valid
    vault_app.webhooks.add(webhook_sink.url)

    for event in EventType:
        vault_app.trigger(event, "crm/salesforce")
    vault_app.events.settle()

    told = {each.event_type: each.payload for each in webhook_sink.received}
    assert set(told) == set(EventType)
    assert all(is_valid(payload) for payload in told.values())
    assert all(set(json.loads(each.content)) == {"payload"} for each in webhook_sink.received)


def test_no_secret_leaves_with_an_event(vault_app: VaultApp, webhook_sink: WebhookSink) -> None:
    vault_app.webhooks.add(webhook_sink.url)

    change(vault_app, settings={"api_key": "sk-very-secret"})
    vault_app.force("crm+salesforce", "callable")
    vault_app.events.settle()

    sent = b"".join(each.content for each in webhook_sink.received)
    assert b"sk-very-secret" not in sent
    assert b"at_" not in sent


def test_the_signature_is_of_the_sorted_body_by_the_applications_key(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    vault_app.webhooks.add(webhook_sink.url)

    change(vault_app, metadata={"ü": 1.0, "a": [{"z": 1, "b": None}]})

    (received,) = webhook_sink.wait_for(1)
    assert received.is_signed(vault_app.api_key)
    assert not received.is_signed("another-key")
    again = json.dumps(json.loads(received.content), sort_keys=True, separators=(",", ":"))
    plain = again.encode().decode("unicode_escape").encode("utf-8")
    assert received.headers["x-apideck-signature"] == signature(plain, vault_app.api_key)


@pytest.mark.parametrize(("encoding", "length"), [("hex", 64), ("base64", 44), ("off", 0)])
def test_the_encoding_of_the_signature_can_be_chosen(
    vault_app: VaultApp, webhook_sink: WebhookSink, encoding: str, length: int
) -> None:
    vault_app.webhooks.add(webhook_sink.url, signature=encoding)

    change(vault_app)

    (received,) = webhook_sink.wait_for(1)
    assert len(received.headers.get("x-apideck-signature", "")) == length


def test_only_events_that_were_asked_for_are_told(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    vault_app.webhooks.add(webhook_sink.url, ["vault.connection.d*"])

    for event in EventType:
        vault_app.trigger(event, "crm/salesforce")
    vault_app.events.settle()

    assert set(webhook_sink.types) == {"vault.connection.disabled", "vault.connection.deleted"}


def test_events_of_another_application_are_not_told(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    other = vault_app.remote.application("mock-app")
    vault_app.webhooks.add(webhook_sink.url)

    other.trigger("vault.connection.updated", "crm/salesforce")
    other.events.settle()
    vault_app.events.settle()

    assert webhook_sink.received == []
    other.reset()


def test_the_schedule_is_the_documented_one_and_ends_after_a_day() -> None:
    made, now, failed = [0], 0, 1
    while (due := next_attempt(0, failed, now)) is not None:
        made.append(due)
        now, failed = due, failed + 1

    minutes = [0, 3, 8, 18, 48, 108, 228, 468, 948]
    assert made == [each * MINUTE for each in minutes]
    assert made[-1] + RETRY_DELAYS[-1] > TIME_TO_LIVE == 24 * HOUR


def test_what_is_not_answered_by_200_is_tried_again_on_the_mocks_clock(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    webhook_sink.answers = [500, 204, 302]
    vault_app.clock.freeze("2030-01-01T00:00:00Z")
    vault_app.webhooks.add(webhook_sink.url)
    change(vault_app)

    effects = vault_app.clock.advance("PT24H")

    attempts = [each for each in effects if each["kind"] == "webhooks.attempt"]
    assert [each["at"][11:16] for each in attempts] == ["00:03", "00:08", "00:18"]
    assert [each["status_code"] for each in attempts] == [204, 302, 200]
    received = webhook_sink.received
    assert [each.payload["execution_attempt"] for each in received] == [1, 2, 3, 4]
    assert len({each.idempotency_key for each in received}) == 1
    assert len({each.payload["event_id"] for each in received}) == 1
    assert all(each.is_signed(vault_app.api_key) for each in received)


def test_who_never_answers_by_200_is_disabled_after_a_day(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    webhook_sink.status = 500
    vault_app.clock.freeze("2030-01-01T00:00:00Z")
    subscription = vault_app.webhooks.add(webhook_sink.url)
    change(vault_app)

    effects = vault_app.clock.advance("P2D")

    assert effects[-1]["kind"] == "webhooks.given_up"
    assert effects[-1]["at"] == "2030-01-02T00:00:00.000Z"
    shown = vault_app.webhooks.show(subscription["id"])
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "retry_limit")
    assert len(webhook_sink.received) == 9
    change(vault_app, metadata={"a": 1})
    vault_app.events.settle()
    assert len(webhook_sink.received) == 9


def test_an_event_can_be_sent_again_with_its_key(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    webhook_sink.answers = [500]
    vault_app.webhooks.add(webhook_sink.url)
    change(vault_app)
    vault_app.events.settle()

    (again,) = vault_app.events.resend_failed()

    assert again["status"] == "delivered"
    first, second = webhook_sink.received
    assert first.idempotency_key == second.idempotency_key
    (event,) = vault_app.events.list()
    assert vault_app.events.resend(event["event_id"])[0]["status"] == "delivered"
    assert len(webhook_sink.received) == 3


def test_a_subscription_can_be_made_to_receive_copies(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    vault_app.webhooks.add(webhook_sink.url, knobs={"duplicate": 2, "times": 1})

    change(vault_app)
    vault_app.events.settle()
    change(vault_app, metadata={"a": 1})
    vault_app.events.settle()

    keys = [each.idempotency_key for each in webhook_sink.received]
    assert keys[:3] == [keys[0]] * 3
    assert len(keys) == 4


def test_events_can_be_made_to_arrive_in_reverse(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    vault_app.clock.freeze()
    vault_app.webhooks.add(webhook_sink.url, knobs={"reorder": 3})

    for number in range(4):
        change(vault_app, metadata={"n": number})
    vault_app.events.settle()

    told = [each.payload["entity"]["metadata"]["n"] for each in webhook_sink.received]
    assert told == [2, 1, 0]
    effects = vault_app.clock.advance("PT5S")
    assert [each["kind"] for each in effects] == ["webhooks.attempt", "webhooks.released"]
    assert len(webhook_sink.received) == 4


def test_events_can_be_kept_back_for_a_time_of_the_clock(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    vault_app.clock.freeze()
    vault_app.webhooks.add(webhook_sink.url, knobs={"delay": "PT1H"})
    change(vault_app)
    vault_app.clock.advance("PT59M")
    assert webhook_sink.received == []

    vault_app.clock.advance("PT1M")

    assert len(webhook_sink.received) == 1


def test_events_can_be_lost(vault_app: VaultApp, webhook_sink: WebhookSink) -> None:
    vault_app.webhooks.add(webhook_sink.url, knobs={"drop": 1, "times": 1})

    change(vault_app)
    change(vault_app, metadata={"a": 1})
    vault_app.events.settle()

    assert webhook_sink.types == ["vault.connection.updated"]
    assert [each["status"] for each in vault_app.events.deliveries()] == ["delivered", "dropped"]


def test_signatures_can_be_made_wrong(vault_app: VaultApp, webhook_sink: WebhookSink) -> None:
    vault_app.webhooks.add(webhook_sink.url, knobs={"bad_signature": 1})

    change(vault_app)

    (received,) = webhook_sink.wait_for(1)
    assert len(received.headers["x-apideck-signature"]) == 64
    assert not received.is_signed(vault_app.api_key)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"delivery_url": "javascript:alert(1)"},
        {"delivery_url": "http://"},
        {"delivery_url": "http://a b/"},
        {"delivery_url": "http://x/", "events": []},
        {"delivery_url": "http://x/", "events": ["crm.lead.created"]},
        {"delivery_url": "http://x/", "knobs": {"drop": 2}},
        {"delivery_url": "http://x/", "knobs": {"delay": "soon"}},
        {"delivery_url": "http://x/", "nope": 1},
    ],
)
def test_a_subscription_that_cannot_be_meant_is_refused(
    vault_app: VaultApp, body: dict[str, Any]
) -> None:
    from mockvault.remote import PowerRefused

    with pytest.raises(PowerRefused) as refused:
        vault_app.call("POST", "/webhooks", body)

    assert refused.value.status == 400
    assert vault_app.webhooks.list() == []


# who receives badly


class Nasty:
    """A subscriber on a raw socket that does with each connection what it is told to."""

    def __init__(self, treat: Any) -> None:
        self._treat = treat
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._sock.getsockname()[1]}/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                stream, _ = self._sock.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(stream,), daemon=True).start()

    def _take(self, stream: socket.socket) -> None:
        try:
            stream.settimeout(5)
            stream.recv(65536)
            self._treat(stream)
        except OSError:
            pass
        finally:
            stream.close()

    def close(self) -> None:
        self._sock.close()


def hang(stream: socket.socket) -> None:
    del stream
    time.sleep(3)


def drip(stream: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100:
        stream.sendall(bytes([byte]))
        time.sleep(0.05)


def flood(stream: socket.socket) -> None:
    stream.sendall(b"HTTP/1.1 500 No\r\ncontent-length: 10485760\r\n\r\n")
    for _ in range(160):
        stream.sendall(b"x" * 65536)


def redirect(stream: socket.socket) -> None:
    stream.sendall(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n")


def babble(stream: socket.socket) -> None:
    stream.sendall(b"\x00\xff" * 50_000)


def hang_up(stream: socket.socket) -> None:
    stream.close()


def half(stream: socket.socket) -> None:
    stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")


NASTY = {
    hang: (0, "no answer within"),
    drip: (0, "no answer within"),
    flood: (500, None),
    redirect: (302, None),
    babble: (0, ""),
    hang_up: (0, "hung up"),
    half: (0, "hung up after 3 of 100 bytes"),
}


@pytest.fixture
def nasty(request: pytest.FixtureRequest) -> Iterator[Nasty]:
    made = Nasty(request.param)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("nasty", "expected"),
    list(NASTY.items()),
    indirect=["nasty"],
    ids=[treat.__name__ for treat in NASTY],
)
def test_a_subscriber_that_receives_badly_is_told_of_as_it_was(
    nasty: Nasty, expected: tuple[int, str | None]
) -> None:
    started = time.monotonic()

    answered = asyncio.run(post(nasty.url, {"a": "b"}, b"{}", timeout=0.5))

    status, error = expected
    assert answered.status_code == status
    assert (answered.error is None) == (error is None)
    assert (error or "") in (answered.error or "")
    assert len(answered.body) <= 2_049
    assert time.monotonic() - started < 30  # and not for as long as the other side likes


@pytest.mark.parametrize(
    "url", ["http://nowhere.invalid/", "http://127.0.0.1:1/", "https://127.0.0.1:1/"]
)
def test_a_subscriber_that_is_not_there_is_told_of(url: str) -> None:
    answered = asyncio.run(post(url, {}, b"{}", timeout=2))

    assert answered.status_code == 0
    assert answered.error


def test_a_subscriber_that_hangs_slows_no_request_and_no_other_subscriber(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    hanging = Nasty(hang)
    vault_app.webhooks.add(hanging.url)
    vault_app.webhooks.add(webhook_sink.url)

    started = time.monotonic()
    for number in range(20):
        change(vault_app, metadata={"n": number})
    took = time.monotonic() - started

    webhook_sink.wait_for(20)
    hanging.close()
    assert took < 3  # which is how long it hangs


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
        ({"a": {"d": 1, "c": [{"z": 1, "y": 2}]}}, b'{"a":{"c":[{"y":2,"z":1}],"d":1}}'),
        ({"a": 1.0, "b": 1.5, "c": "é"}, '{"a":1,"b":1.5,"c":"é"}'.encode()),
        ({"\U0001f600": 1, "\uff5e": 2}, '{"\U0001f600":1,"\uff5e":2}'.encode()),
    ],
)
def test_what_is_signed_is_what_a_receiver_in_javascript_makes_of_it(
    value: Any, text: bytes
) -> None:
    assert canonical(value) == text
