"""The same bytes, sent to uvicorn's own protocol and to ours, are answered by the same bytes."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mockvault.protocol import VaultProtocol
from tests.protocol.served import ONE, WHO, Served, served, without_date

SHORT = {"timeout_keep_alive": 0.3}
END = (
    b"GET /vault/consumers?limit=1 HTTP/1.1\r\nhost: mock.test\r\nconnection: close\r\n%b\r\n" % WHO
)

lines = st.builds(
    b"%b %b HTTP/1.1\r\n".__mod__,
    st.tuples(
        st.sampled_from([b"GET", b"GET", b"PATCH", b"POST", b"DELETE", b"PUT", b"OPTIONS", b"get"]),
        st.sampled_from(
            [
                ONE,
                ONE,
                ONE + b"?",
                ONE + b"?x=1",
                b"/vault/consumers",
                b"/vault/consumers?limit=2",
                b"/vault/consumers?limit=0&limit=%ff",
                b"/vault/consumers/a%2Fb",
                b"/vault/consumers/test-consumer",
                b"/vault/connections/crm/copper",
                b"/vault/connections?api=crm",
                b"/vault/sessions",
                b"/vault/logs?limit=2",
                b"/_mock/health",
                b"/session/x",
                b"/%73ession/x",
                b"//vault/consumers",
                b"/vault/consumers#x",
                b"http://other.test/vault/consumers",
                b"/vault/consumers?a[b]=1&c='d'",
                b'/vault/consumers?"',
                b"/vault/consumers?limit=1?limit=2",
                b"/vault/consumers/a|b",
                b"/vault/./consumers",
                b"/nothing",
                b"*",
            ]
        ),
    ),
)
headers = st.lists(
    st.sampled_from(
        [
            b"host: mock.test\r\n",
            b"Host: other.test:81\r\n",
            b"connection: keep-alive\r\n",
            b"origin: http://a.example\r\n",
            b"x-forwarded-proto: https\r\n",
            b"x-forwarded-for: 10.0.0.1\r\n",
            b"expect: 100-continue\r\n",
            b"prefer: code=404\r\n",
            b"x-apideck-app-id: mock-app\r\n",
            b"x-empty:\r\n",
            b"x-latin: \xe9\r\n",
            b"X-MIXED:   spaces   \r\n",
            b"accept: */*\r\n",
            b'x_odd-Name: a, b; c="d"\r\n',
            b"x:close\r\n",
            b"x-tab:\tb\t\r\n",
            b"x-two:  b \r\n",
            b"connection: upgrade\r\n",
            b"te: trailers\r\n",
            b"x!y: 1\r\n",
        ]
    ),
    max_size=3,
).map(b"".join)
bodies = st.sampled_from(
    [
        b"",
        b'{"consumer_id": "new", "metadata": {"a": null}}',
        b'{"metadata": {"a": "b"}, "settings": {"x": 1}}',
        b'{"enabled": "yes", "settings": []}',
        b'{"state": "callable"}',
        b"{",
        b"GET / HTTP/1.1\r\n\r\n",
    ]
)


def chunked(body: bytes) -> bytes:
    return b"%x;ext=1\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"


def joined(line: bytes, more: bytes, body: bytes, form: str) -> bytes:
    if form != "nobody":
        more = b"host: mock.test\r\n" + more
    typed = b"content-type: application/json\r\n"
    who = b"" if form == "nobody" else WHO
    if form == "chunked":
        return line + who + more + typed + b"transfer-encoding: chunked\r\n\r\n" + chunked(body)
    if not body:
        return line + who + more + b"\r\n"
    return line + who + more + typed + b"content-length: %d\r\n\r\n" % len(body) + body


requests = st.builds(
    joined, lines, headers, bodies, st.sampled_from(["whole", "whole", "chunked", "nobody"])
)
streams = st.tuples(
    st.lists(requests, min_size=1, max_size=4),
    st.integers(1, 2),
    st.lists(st.integers(0, 2000), max_size=3),
)


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Served, Served]]:
    with served(VaultProtocol, **SHORT) as ours, served(HttpToolsProtocol, **SHORT) as theirs:
        yield ours, theirs


def all_that_comes(mock: Served, raw: bytes, cuts: list[int]) -> bytes:
    """Return what is answered to the bytes, sent in pieces, by a world as it was."""
    assert mock.control(b"POST", b"/reset").status == 204
    moment = {"action": "freeze", "to": "2030-01-01T00:00:00Z"}
    assert mock.control(b"PUT", b"/apps/mock-app/clock", moment).status == 200
    places = [0, *sorted(cut % len(raw) for cut in cuts), len(raw)]
    pieces = [raw[first:last] for first, last in pairwise(places)]
    with mock.wire() as wire:
        wire.send(*pieces, pause=0.001 if cuts else 0.0)
        return without_date(wire.everything()).replace(b":%d" % mock.port, b":port")


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=streams)
def test_both_protocols_answer_the_same(
    both: tuple[Served, Served], stream: tuple[list[bytes], int, list[int]]
) -> None:
    asked, times, cuts = stream
    # what is no HTTP is refused by uvicorn in its own words, before what was asked before it
    no_http = [raw for raw in asked if raw.startswith(b"get") or b" * HTTP" in raw]
    asked, cuts = (no_http[:1], []) if no_http else (asked, cuts)
    raw = b"".join(asked) * times + END

    ours, theirs = (all_that_comes(mock, raw, cuts) for mock in both)

    if theirs.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain"):
        assert ours.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    else:
        assert ours == theirs
