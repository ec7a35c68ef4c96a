"""The mock on a port of this process, and clients that say exactly what they mean to."""

import asyncio
import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from mockvault.app import MockVault, create_app
from mockvault.protocol import VaultProtocol
from mockvault.serving import listen
from mockvault.settings import Settings

PATIENCE = 8.0
KEY = b"authorization: Bearer mock-api-key\r\nx-apideck-app-id: mock-app\r\n"
WHO = KEY + b"x-apideck-consumer-id: test-consumer\r\n"
ONE = b"/vault/connections/crm/salesforce"


def request(
    method: bytes = b"GET",
    target: bytes = ONE,
    body: bytes | None = None,
    more: bytes = b"",
    version: bytes = b"1.1",
) -> bytes:
    """Return a request as it goes over the wire; `more` are lines of headers."""
    lines = b"%b %b HTTP/%b\r\nhost: mock.test\r\n%b%b" % (method, target, version, WHO, more)
    if body is None:
        return lines + b"\r\n"
    typed = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return lines + typed + body


@dataclass
class Answer:
    """One answer of a stream of them."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Wire:
    """A connection to the mock."""

    sock: socket.socket
    kept: bytes = b""
    answers: list[Answer] = field(default_factory=list)

    def send(self, *pieces: bytes, pause: float = 0.0) -> "Wire":
        for piece in pieces:
            self.sock.sendall(piece)
            if pause:
                time.sleep(pause)
        return self

    def more(self) -> bool:
        """Read some; tell whether the server has not hung up."""
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        self.kept += data
        return bool(data)

    def answer(self, method: str = "GET") -> Answer:
        """Return the next answer."""
        while b"\r\n\r\n" not in self.kept:
            assert self.more(), self.kept
        head, _, self.kept = self.kept.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        status = int(first.split(" ")[1])
        length = 0 if method == "HEAD" or status < 200 else int(headers.get("content-length", 0))
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, self._chunks())
        while len(self.kept) < length:
            assert self.more(), (status, headers)
        content, self.kept = self.kept[:length], self.kept[length:]
        return Answer(status, headers, content)

    def _chunks(self) -> bytes:
        whole = b""
        while True:
            while b"\r\n" not in self.kept:
                assert self.more()
            size, _, self.kept = self.kept.partition(b"\r\n")
            length = int(size, 16)
            while len(self.kept) < length + 2:
                assert self.more()
            whole, self.kept = whole + self.kept[:length], self.kept[length + 2 :]
            if not length:
                return whole

    def everything(self) -> bytes:
        """Return all that is still sent until the server hangs up."""
        while self.more():
            pass
        kept, self.kept = self.kept, b""
        return kept

    def reset(self) -> None:
        """Hang up as a client does that has crashed."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Served:
    """A mock that is served by a protocol, in a thread."""

    def __init__(self, app: MockVault, protocol: type, **config: Any) -> None:
        self.app = app
        self.sock = listen("127.0.0.1", 0)
        self.port = self.sock.getsockname()[1]
        options: dict[str, Any] = {
            "http": protocol,
            "loop": "uvloop",
            "ws": "none",
            "lifespan": "off",
            "access_log": False,
            "log_config": None,
            "server_header": False,
            "timeout_graceful_shutdown": 5,
        }
        self._config = uvicorn.Config(app, **(options | config))  # type: ignore[arg-type]
        self.server = uvicorn.Server(self._config)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._config.get_loop_factory()) as runner:
            runner.run(self.server._serve(sockets=[self.sock]))

    def start(self) -> None:
        self.thread.start()
        wait_for(lambda: self.server.started)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        self.sock.close()

    @property
    def connections(self) -> list[Any]:
        return list(self.server.server_state.connections)

    @contextlib.contextmanager
    def wire(self) -> Iterator[Wire]:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield Wire(sock)

    def ask(self, *pieces: bytes, pause: float = 0.0) -> Answer:
        """Return the answer to one request on a connection of its own."""
        with self.wire() as wire:
            return wire.send(*pieces, pause=pause).answer()

    def control(self, method: bytes, target: bytes, body: Any = None) -> Answer:
        """Use a power."""
        content = json.dumps(body).encode() if body is not None else b""
        return self.ask(request(method, b"/_mock" + target, content))


def wait_for(condition: Any, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


@contextlib.contextmanager
def served(
    protocol: type = VaultProtocol, settings: Settings | None = None, **config: Any
) -> Iterator[Served]:
    """Serve a fresh mock, its clock frozen, until the block ends."""
    app = create_app(settings)
    for workbench in app.workbenches:
        workbench.clock.freeze(1_700_000_000_000)
    mock = Served(app, protocol, **config)
    mock.start()
    try:
        yield mock
    finally:
        mock.stop()


def without_date(raw: bytes) -> bytes:
    """Return the bytes of answers but for what tells the time of day."""
    return re.sub(rb"date: [^\r]*\r\n", b"", raw)
