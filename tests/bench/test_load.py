"""The load finds the ends of answers, asks as it is told, and notices a wrong answer."""

import itertools
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.bench.calls import BY_LETTER
from tests.bench.load import COUNTER, Reader, WrongAnswer, measure, request

BY_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [BY_LENGTH, CHUNKED, BY_LENGTH.replace(b"5", b"0")[:-5]])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_ends_where_it_ends_however_it_arrives(answer: bytes, size: int) -> None:
    reader = Reader("x", 200)

    for _ in range(3):  # one after another on one connection
        pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
        ends = [reader.ends(piece) for piece in pieces]

        assert ends == [False] * (len(pieces) - 1) + [True]


def test_another_status_is_a_wrong_answer() -> None:
    with pytest.raises(WrongAnswer, match="201 was expected"):
        Reader("x", 201).ends(BY_LENGTH)


@contextmanager
def answering(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """Serve on a port what `answer` makes of the bytes of each request."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):
                while data := self.request.recv(65536):
                    self.request.sendall(answer(data))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_a_load_counts_answers_and_sends_a_number_once() -> None:
    seen: list[bytes] = []

    def answer(data: bytes) -> bytes:
        seen.append(data)
        return BY_LENGTH

    asked = request("x", "POST", "/", {}, b'{"id": "' + COUNTER + b'"}', 200)
    with answering(answer) as port:
        found = measure([os.getpid()], port, asked, 0.05, itertools.count(1).__next__)

    assert found.connections == 32
    assert found.cpu_us > 0
    assert found.rate > 0
    assert found.p50_ms <= found.p99_ms
    assert len(set(seen)) == len(seen) > 100
    assert not [each for each in seen if COUNTER in each]
    assert len({len(each) for each in seen}) == 1


def test_a_load_ends_with_a_wrong_answer() -> None:
    asked = BY_LETTER["a"].request()

    with (
        answering(lambda _: BY_LENGTH.replace(b"200 OK", b"500 No")) as port,
        pytest.raises(WrongAnswer, match="500 No"),
    ):
        measure([os.getpid()], port, asked, 0.05, itertools.count(1).__next__)
