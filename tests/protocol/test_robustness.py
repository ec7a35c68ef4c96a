"""The short way from bytes to bytes is as robust as the long one: raw sockets, and what they do."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mockvault import protocol
from mockvault.web.direct import HEAD_LIMIT
from tests.protocol.served import KEY, ONE, Served, request, served, wait_for

PATCH = b'{"metadata": {"plan": "a"}}'
ALL = b"/vault/connections"


@pytest.fixture(scope="module")
def mock() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_fails(mock: Served, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is sent, nothing of ours may fail by it."""
    caplog.set_level(logging.ERROR)

    yield

    assert [record.getMessage() for record in caplog.records] == []
    assert mock.app.health.unexpected_errors == 0


def envelope(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["type_name"]


# requests as they come


def test_pipelined_requests_are_answered_in_their_order_whichever_way_each_goes(
    mock: Served,
) -> None:
    asked = [
        (request(), 200),
        (request(target=b"/nothing"), 404),
        (request(b"PATCH", ONE, PATCH), 200),
        (request(target=b"/_mock/health"), 200),
        (request(b"PATCH", ONE, b'{"enabled": 1}'), 400),
        (request(b"PUT", ONE), 405),
        (request(), 200),
        (request(b"POST", b"/vault/consumers", b'{"consumer_id": "p"}'), 200),
        (request(target=b"/vault/consumers/p"), 200),
        (request(b"DELETE", b"/vault/consumers/p"), 200),
        (request(target=b"/vault/consumers/p"), 404),
    ]
    for _ in range(3):  # the first time they are parsed, then they are known
        with mock.wire() as wire:
            wire.send(b"".join(raw for raw, _ in asked))

            assert [wire.answer().status for _ in asked] == [status for _, status in asked]


def test_a_request_may_come_byte_by_byte(mock: Served) -> None:
    raw = request(b"PATCH", ONE, PATCH)
    mock.ask(raw)

    with mock.wire() as wire:
        for _ in range(2):
            wire.send(*(raw[at : at + 1] for at in range(len(raw))), pause=0.0002)
            assert wire.answer().json()["data"]["metadata"]["plan"] == "a"


def test_a_known_request_is_not_answered_before_it_is_whole(mock: Served) -> None:
    raw = request(b"PATCH", ONE, PATCH)
    mock.ask(raw)
    line = raw.index(b"\r\n") + 1
    head = raw.index(b"\r\n\r\n")

    for cut in (line, line + 1, head, head + 1, head + 3, head + 4, len(raw) - 1):
        with mock.wire() as wire:
            wire.send(raw[:cut], pause=0.02)
            wire.sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                wire.sock.recv(1)
            wire.sock.settimeout(20)
            wire.send(raw[cut:])
            assert wire.answer().status == 200


def test_the_same_head_serves_other_bodies_and_other_lines(mock: Served) -> None:
    for word in ("one", "two", "six"):
        body = json.dumps({"metadata": {"word": word}}).encode()
        answer = mock.ask(request(b"PATCH", ONE, body))
        assert answer.json()["data"]["metadata"]["word"] == word
        body = json.dumps({"metadata": {"word": f"{word}!"}}).encode()
        answer = mock.ask(request(b"PATCH", b"/vault/connections/crm/copper", body))
        assert answer.json()["data"]["id"] == "crm+copper"


def test_headers_of_another_client_are_never_taken_for_those_of_this_one(mock: Served) -> None:
    mine = request(target=b"/vault/consumers")
    strangers = mine.replace(b"mock-api-key", b"none-api-key")

    with mock.wire() as wire:
        wire.send(mine, strangers, mine, strangers)
        assert [wire.answer().status for _ in range(4)] == [200, 401, 200, 401]


def test_a_key_opens_no_longer_than_its_application_is_there(mock: Served) -> None:
    mock.control(b"POST", b"/apps", {"id": "passing", "api_key": "passing-key"})
    asked = request(target=b"/vault/consumers").replace(b"mock-api-key", b"passing-key")
    asked = asked.replace(b"mock-app", b"passing")
    with mock.wire() as wire:
        assert [wire.send(asked).answer().status for _ in range(3)] == [200, 200, 200]
        mock.control(b"DELETE", b"/apps/passing")
        assert wire.send(asked).answer().status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"1b\r\n" + PATCH + b"\r\n0\r\n\r\n",
        b"1b;name=value;other\r\n" + PATCH + b"\r\n0\r\nx-trailer: 1\r\n\r\n",
        b"".join(b"1\r\n%c\r\n" % byte for byte in PATCH) + b"0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("cut", [0, 7, 150])
def test_a_body_may_come_in_chunks(mock: Served, body: bytes, cut: int) -> None:
    head = request(
        b"PATCH", more=b"content-type: application/json\r\ntransfer-encoding: chunked\r\n"
    )
    with mock.wire() as wire:
        for _ in range(2):
            raw = head + body
            wire.send(raw[: len(raw) - cut], raw[len(raw) - cut :], pause=0.01)
            assert wire.answer().status == 200
        assert wire.send(request()).answer().status == 200


def test_who_expects_to_be_told_to_continue_is_told(mock: Served) -> None:
    raw = request(b"PATCH", ONE, PATCH, b"expect: 100-continue\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    with mock.wire() as wire:
        for _ in range(2):
            assert wire.send(head + b"\r\n\r\n").answer().status == 100
            assert wire.send(body).answer().status == 200


def test_head_is_answered_without_a_body(mock: Served) -> None:
    with mock.wire() as wire:
        answer = wire.send(request(b"HEAD")).answer("HEAD")
        assert (answer.status, answer.content) == (405, b"")
        assert wire.send(request()).answer().status == 200


def test_a_body_that_the_operation_does_not_have_is_passed_over(mock: Served) -> None:
    with mock.wire() as wire:
        for _ in range(3):
            assert wire.send(request(b"GET", ONE, b"GET / HTTP/1.1\r\n\r\n")).answer().status == 200
        wire.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            wire.sock.recv(1)


# how long a connection lasts


@pytest.mark.parametrize(
    ("raw", "is_kept"),
    [
        (request(), True),
        (request(more=b"connection: keep-alive\r\n"), True),
        (request(more=b"connection: close\r\n"), False),
        (request(more=b"Connection: Close\r\n"), False),
        (request(version=b"1.0"), False),
        (request(version=b"1.0", more=b"connection: keep-alive\r\n"), False),
    ],
)
def test_a_connection_is_kept_unless_it_is_not_wanted(
    mock: Served,
    raw: bytes,
    is_kept: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    for _ in range(2):
        with mock.wire() as wire:
            assert wire.send(raw).answer().status == 200
            if is_kept:
                assert wire.send(raw).answer().status == 200
            else:
                assert wire.everything() == b""


def test_a_connection_that_rests_is_closed() -> None:
    with served(timeout_keep_alive=0.3) as mock:
        with mock.wire() as wire:
            for _ in range(4):  # each request begins the time anew
                assert wire.send(request(), pause=0.12).answer().status == 200
            assert wire.everything() == b""
        with mock.wire() as wire:
            assert wire.send(request(target=b"/_mock/health")).answer().status == 200
            assert wire.everything() == b""


def test_a_head_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN", 0.3)
    with served() as mock:
        with mock.wire() as wire:
            wire.send(b"GET / HTTP/1.1\r\n", b"x: 1\r\n", b"y: 1", pause=0.02)
            assert envelope(wire.answer()) == (408, "RequestTimeoutError")
            assert wire.everything() == b""
        with mock.wire() as wire:
            assert wire.send(request(), request()[:20]).answer().status == 200
            assert envelope(wire.answer()) == (408, "RequestTimeoutError")
        with mock.wire() as wire:
            assert wire.everything() == b""


def test_a_head_that_is_slow_but_ends_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN", 0.5)
    raw = request()
    with served() as mock, mock.wire() as wire:
        assert wire.send(raw[:50], raw[50:], pause=0.2).answer().status == 200
        wire.sock.settimeout(0.7)
        with pytest.raises(TimeoutError):
            wire.everything()
        wire.sock.settimeout(20)
        assert wire.send(raw).answer().status == 200


# what is too much


@pytest.mark.parametrize("piece", [1 << 20, 5000])
def test_a_head_that_is_too_large_is_refused(mock: Served, piece: int) -> None:
    raw = request(more=b"x-long: %b\r\n" % (b"a" * (HEAD_LIMIT + 10)))
    with mock.wire() as wire:
        wire.send(*(raw[at : at + piece] for at in range(0, len(raw), piece)))
        assert envelope(wire.answer()) == (431, "RequestHeadersValidationError")


def test_a_head_without_end_is_refused_before_it_fills_the_memory(mock: Served) -> None:
    with mock.wire() as wire:
        wire.send(b"GET / HTTP/1.1\r\nx-long: ")
        with pytest.raises(OSError, match=r"pipe|reset"):
            wire.send(*([b"a" * 65536] * 1000))


def test_a_head_at_the_limit_is_answered(mock: Served) -> None:
    raw = request(more=b"x-long: %b\r\n" % (b"a" * (HEAD_LIMIT - 1000)))
    assert mock.ask(raw[:30_000], raw[30_000:], pause=0.01).status == 200


def test_a_body_that_is_too_large_is_refused(mock: Served) -> None:
    body = b'{"metadata": {"a": "%b"}}' % (b"a" * (1 << 20))
    answer = mock.ask(request(b"PATCH", ONE, body))
    assert envelope(answer) == (413, "PayloadTooLargeError")


def test_a_body_of_a_megabyte_is_taken(mock: Served) -> None:
    body = b'{"settings": {}}' + b" " * ((1 << 20) - 16)
    for _ in range(2):
        assert mock.ask(request(b"PATCH", ONE, body)).status == 200


def test_who_does_not_read_fills_neither_the_memory_nor_the_time_of_others(mock: Served) -> None:
    asked = 150
    mock.ask(request(target=ALL))
    with mock.wire() as wire:
        wire.sock.setblocking(False)
        sent, raw = 0, request(target=ALL) * asked
        while sent < len(raw):
            try:
                sent += wire.sock.send(raw[sent:])
            except BlockingIOError:
                break
        wire.sock.settimeout(20)
        wait_for(lambda: any(each._held for each in mock.connections))

        unsent = [each.transport.get_write_buffer_size() for each in mock.connections]

        assert max(unsent) < 1 << 20
        assert mock.ask(request()).status == 200
        wire.send(raw[sent:])
        sizes = {len(wire.answer().content) for _ in range(asked)}
        assert len(sizes) == 1
        assert wire.send(request()).answer().status == 200


def test_a_long_pipeline_lets_others_have_their_turn(mock: Served) -> None:
    asked = 20 * protocol.TURN
    with mock.wire() as wire, mock.wire() as other:
        wire.send(request()).answer()
        wire.send(request() * asked)
        other.send(request(target=b"/vault/consumers"))
        assert other.answer().status == 200
        assert {wire.answer().status for _ in range(asked)} == {200}
        assert wire.send(request()).answer().status == 200


def test_more_connections_than_may_be_are_refused() -> None:
    with served(limit_concurrency=2) as mock, mock.wire() as first:
        assert first.send(request()).answer().status == 200
        with mock.wire() as second:
            assert second.send(request()).answer().status == 503


# what is no request


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /vault\x00 HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad name: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: a\x00b\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        request(more=b"content-length: -1\r\n"),
        request(more=b"content-length: 1\r\ncontent-length: 2\r\n"),
        request(more=b"content-length: 1x\r\n"),
        request(more=b"content-length: 5\r\ntransfer-encoding: chunked\r\n") + b"0\r\n\r\n",
        request(b"PATCH", more=b"transfer-encoding: chunked\r\n") + b"zz\r\n",
    ],
)
def test_what_is_not_http_is_refused_in_the_contracts_envelope(mock: Served, raw: bytes) -> None:
    with mock.wire() as wire:
        answer = wire.send(raw).answer()
        assert envelope(answer) == (400, "RequestValidationError")
        assert answer.headers["connection"] == "close"
        assert wire.everything() == b""


def test_what_follows_a_request_and_is_none_is_refused_after_its_answer(mock: Served) -> None:
    for _ in range(2):
        with mock.wire() as wire:
            wire.send(request() + b"\x00garbage\r\n\r\n")
            assert wire.answer().status == 200
            assert wire.answer().status == 400
            assert wire.everything() == b""


def test_garbage_does_not_cut_off_an_answer_that_is_under_way(mock: Served) -> None:
    rule = {"effect": {"drip": {"over": 200, "pieces": 4}}, "times": 1}
    mock.control(b"POST", b"/apps/mock-app/faults", rule)
    with mock.wire() as wire:
        wire.send(request(), b"\x00garbage\r\n\r\n", pause=0.05)
        assert wire.answer().json()["data"]["id"] == "crm+salesforce"
        assert wire.everything() == b""
    mock.control(b"DELETE", b"/apps/mock-app/faults")


def test_a_body_that_is_longer_than_was_said_is_no_part_of_the_next_request(mock: Served) -> None:
    raw = request(b"PATCH", ONE, PATCH) + b"more than was said\r\n\r\n"
    for _ in range(2):
        with mock.wire() as wire:
            wire.send(raw)
            assert [wire.answer().status, wire.answer().status] == [200, 400]


# clients that go away


def test_a_client_that_goes_in_the_middle_is_forgotten(mock: Served) -> None:
    raw = request(b"PATCH", ONE, PATCH)
    mock.ask(raw)
    for cut in (10, 100, len(raw) - 5):
        for hang_up in ("reset", "close"):
            with mock.wire() as wire:
                wire.send(raw[:cut], pause=0.01)
                wire.reset() if hang_up == "reset" else wire.sock.close()
    with mock.wire() as wire:
        wire.send(request(target=ALL) * 50, pause=0.01)
        wire.reset()

    wait_for(lambda: not mock.connections)
    assert mock.ask(raw).status == 200


# what else HTTP knows


def test_upgrades_are_not_made(mock: Served) -> None:
    more = b"connection: upgrade\r\nupgrade: %b\r\n"
    for kind in (b"websocket", b"h2c"):
        assert mock.ask(request(more=more % kind)).status == 200


def test_a_target_may_be_absolute(mock: Served) -> None:
    for _ in range(2):
        answer = mock.ask(request(target=b"http://mock.test" + ONE + b"?"))
        assert answer.json()["data"]["id"] == "crm+salesforce"


def test_a_proxy_on_this_machine_is_believed(mock: Served) -> None:
    for _ in range(2):
        answer = mock.ask(request(more=b"x-forwarded-proto: https\r\n"))
        assert answer.json()["data"]["authorize_url"].startswith("https://mock.test/")
        answer = mock.ask(request())
        assert answer.json()["data"]["authorize_url"].startswith("http://mock.test/")


def test_odd_targets_reach_the_operation_that_they_name(mock: Served) -> None:
    with mock.wire() as wire:
        for target, status in [
            (ONE + b"?", 200),
            (ONE + b"?x", 400),
            (ONE + b"#fragment", 200),
            (b"/vault/consumers/a%2Fb", 404),
            (b"/vault/consumers/%ff", 400),
            (b"//vault/consumers", 404),
            (b"/session/x", 401),
            (b"/%5fmock/health", 200),
        ] * 2:
            assert wire.send(request(target=target)).answer().status == status, target


def test_no_header_of_an_answer_can_be_broken_by_what_was_sent(mock: Served) -> None:
    odd = {"configuration": [{"resource": "leads", "defaults": [{"id": "a\r\nb\0", "value": 1}]}]}
    answer = mock.ask(request(b"PATCH", ONE, json.dumps(odd).encode()))
    assert answer.status == 200
    assert answer.headers["x-mock-warning"].endswith("leads.a  b ")


@pytest.mark.parametrize("is_known", [False, True])
def test_faults_and_preferences_reach_requests_that_are_known(
    mock: Served, *, is_known: bool
) -> None:
    raw = request(target=b"/vault/logs" if is_known else b"/vault/logs?limit=3")
    if is_known:
        mock.ask(raw)
    mock.control(b"POST", b"/apps/mock-app/faults", {"effect": {"status": 503}, "times": 1})
    with mock.wire() as wire:
        assert wire.send(raw).answer().status == 503
        assert wire.send(raw).answer().status == 200
        asked = raw.replace(KEY, KEY + b"prefer: code=401\r\n")
        assert wire.send(asked).answer().status == 401
    mock.control(b"DELETE", b"/apps/mock-app/faults")
    mock.control(b"POST", b"/apps/mock-app/faults", {"effect": {"reset": True}, "times": 1})
    with mock.wire() as wire:
        wire.send(raw)
        assert wire.everything() == b""
    mock.control(b"DELETE", b"/apps/mock-app/faults")


# the end


def test_a_request_under_way_is_answered_before_the_mock_stops() -> None:
    with served() as mock, mock.wire() as resting, mock.wire() as slow:
        resting.send(request()).answer()
        rule = {"effect": {"drip": {"over": 400, "pieces": 4}}, "times": 1}
        mock.control(b"POST", b"/apps/mock-app/faults", rule)
        slow.send(request(), pause=0.05)
        mock.server.should_exit = True
        assert slow.answer().json()["data"]["id"] == "crm+salesforce"
        assert resting.everything() == b""
        assert slow.everything() == b""
        mock.thread.join(20)
        assert not mock.thread.is_alive()


def test_what_has_been_answered_is_sent_though_the_mock_stops() -> None:
    with served() as mock, mock.wire() as wire:
        wire.send(request(target=ALL) * 3, pause=0.2)
        mock.server.should_exit = True
        assert wire.answer().status == 200
        wire.everything()
        mock.thread.join(20)
        assert not mock.thread.is_alive()


def test_the_protocol_serves_an_application_that_cannot_answer_at_once() -> None:
    with served() as mock:
        mock.app.direct = None
        with mock.wire() as wire:
            wire.send(request(), request(b"PATCH", ONE, PATCH))
            assert [wire.answer().status, wire.answer().status] == [200, 200]
