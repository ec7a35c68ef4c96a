"""The mock in this process, from the bytes of a request to the bytes of the answer: no network."""

import asyncio
from collections.abc import Sequence
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from mockvault.app import create_app
from mockvault.protocol import VaultProtocol
from mockvault.settings import Settings
from tests.bench.calls import Call
from tests.bench.load import COUNTER


class Wire(asyncio.Transport):
    """A transport that keeps what it is given to send."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 4010)})
        self.parts: list[bytes] = []
        self._is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.parts.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.parts.extend(map(bytes, list_of_data))

    def is_closing(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._is_closed = True


class Direct:
    """One connection to a mock of seed 1, whose protocol is given bytes."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self.app = create_app(settings)
        config = uvicorn.Config(
            self.app,
            http=VaultProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
        )
        config.load()
        self.wire = Wire()
        self.state = ServerState()
        self.protocol = VaultProtocol(config, self.state, {}, self.loop)
        self.protocol.connection_made(self.wire)
        self._number = 0

    def requests(self, call: Call, count: int) -> list[bytes]:
        """Return the bytes of some requests, each with a number of its own."""
        raw = call.request().raw
        if COUNTER not in raw:
            return [raw] * count
        first, self._number = self._number + 1, self._number + count
        return [raw.replace(COUNTER, b"%08d" % number) for number in range(first, first + count)]

    def ask(self, raws: Sequence[bytes]) -> None:
        """Send requests one after another; each is answered before the next is sent."""
        received = self.protocol.data_received
        for raw in raws:
            received(raw)

    def answered(self, call: Call, count: int) -> None:
        """Check that `count` answers with the call's status were written, and forget them."""
        text = b"".join(self.wire.parts)
        status = b"HTTP/1.1 %d " % call.status
        if text.count(status) != count or text.count(b"HTTP/1.1 ") != count:
            raise RuntimeError(f"{call.name}: {text[:300]!r}")
        self.wire.parts.clear()

    def close(self) -> None:
        """Let go of the connection and the loop."""
        self.protocol.connection_lost(None)
        self.loop.close()
