"""The door of a worker that shares its worlds: in with all that others did, out once it is kept.

Where the store does not do its part, no handler is asked: the answer is 503, to be tried again.
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockvault.replication.turns import Turns
from mockvault.store.shared import StoreLost
from mockvault.web.asking import Head, Way
from mockvault.web.direct import Direct
from mockvault.web.plans import Plan
from mockvault.web.receiving import ClientGone
from mockvault.web.replies import Header, refusal
from mockvault.web.routes import Routes

RETRY_AFTER = b"1"


class Gate:
    """An ASGI application in front of another, for requests of HTTP."""

    def __init__(self, app: ASGIApp, turns: Turns, start: Callable[[], None]) -> None:
        self._app = app
        self._turns = turns
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the worlds as they are now, when what that changes is kept."""
        passage = _Passage(self._turns, receive, send)
        self._start()
        try:
            self._turns.enter()
        except StoreLost as reason:
            await _refuse(send, reason)
            return
        await self._app(scope, passage.receive, passage.send)
        if passage.lost is not None and not passage.is_over:
            await _refuse(send, passage.lost)


class DirectGate(Direct):
    """The same for what is answered at once: an answer is written when its turn is over."""

    def __init__(
        self,
        routes: Routes[Plan],
        beside: tuple[str, ...],
        turns: Turns,
        start: Callable[[], None],
    ) -> None:
        super().__init__(routes, beside)
        self._turns = turns
        self._start = start
        self._kept: list[tuple[asyncio.Transport, tuple[bytes, ...]]] = []
        self.keep = self._keep
        self.let_go = turns.end
        turns.ending.append(self._write)

    def answer(
        self, way: Way, head: Head, content: bytes, client: str | None, standing: list[Header]
    ) -> tuple[bytes, ...] | None:
        """Return the whole answer; None where the store fails, which the long way tells."""
        self._start()
        try:
            self._turns.enter()
        except StoreLost:
            return None
        return super().answer(way, head, content, client, standing)

    def _keep(self, transport: asyncio.Transport, parts: tuple[bytes, ...]) -> None:
        self._kept.append((transport, parts))

    def _write(self, lost: StoreLost | None) -> None:
        kept, self._kept = self._kept, []
        refused = None if lost is None else _refusal_bytes(lost)
        for transport, parts in kept:
            if transport.is_closing():
                continue
            if refused is not None:
                transport.write(refused)
            elif len(parts) == 1:
                transport.write(parts[0])
            else:
                transport.writelines(parts)


class _Passage:
    """One request on its way in, and its answer on its way out."""

    __slots__ = ("_receive", "_send", "_turns", "is_over", "lost")

    def __init__(self, turns: Turns, receive: Receive, send: Send) -> None:
        self._turns = turns
        self._receive = receive
        self._send = send
        self.lost: StoreLost | None = None
        self.is_over = False

    async def receive(self) -> Message:
        """Return what comes in; what it is answered by is known when all of it is there."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            try:
                self._turns.enter()
            except StoreLost as reason:
                self.lost = reason
                raise ClientGone from reason
        return message

    async def send(self, message: Message) -> None:
        """Let the answer go once what it tells of is kept."""
        turns = self._turns
        if message["type"] == "http.response.start":
            lost = self.lost
            if lost is None:
                if turns.is_open:
                    lost = await turns.ended()
                elif turns.is_lost:
                    lost = StoreLost("what was changed may not be kept")
            if lost is not None:
                self.is_over = True
                await _refuse(self._send, lost)
        if not self.is_over:
            await self._send(message)


def _refusal(reason: StoreLost) -> tuple[list[Header], bytes]:
    content = refusal(
        503,
        "ServiceUnavailableError",
        "Service Unavailable",
        {"message": f"The store does not answer, ask again: {reason}"},
    ).content
    assert content is not None
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
        (b"retry-after", RETRY_AFTER),
        (b"access-control-allow-origin", b"*"),
    ]
    return headers, content


def _refusal_bytes(reason: StoreLost) -> bytes:
    headers, content = _refusal(reason)
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 503 Service Unavailable\r\n%b\r\n%b" % (lines, content)


async def _refuse(send: Send, reason: StoreLost) -> None:
    headers, content = _refusal(reason)
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": content})
