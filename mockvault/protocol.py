"""HTTP on a connection: uvicorn's own protocol, with a short way for what can be answered at once.

A request whose head and body are there is answered before the next is looked at, without a task, by
one write. All else (a body that is slow in coming, pages, the control plane, faults, HTTP/1.0,
upgrades) goes uvicorn's way, on the same connection (spec/decisions/0501).
"""

import asyncio
from asyncio.events import TimerHandle
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from mockvault.web.asking import Head, Way
from mockvault.web.direct import HEAD_LIMIT, Direct
from mockvault.web.replies import refusal

HEAD_WITHIN = 30.0
"""Seconds in which a head has to arrive, once its connection is made or its first byte is there."""
TURN = 32
"""Requests that one connection is answered before others have their turn."""
_WAITING = 64 * 1024
"""Bytes of a body that are gathered before its request begins to be answered."""
_END = b"\r\n\r\n"
_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})
_FAILED = (
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 21\r\n"
    b"connection: close\r\n\r\nInternal Server Error"
)


class VaultProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, with the contract's envelope even for what is not HTTP.

    `direct` of the application answers at once; one that has none is served uvicorn's way alone.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._direct: Direct | None = getattr(config.app, "direct", None)
        if config.limit_concurrency is not None or config.root_path:
            self._direct = None
        self._address: str | None = None
        self._held = b""  # what has been read, and is not looked at yet
        self._in_message = False
        self._in_head = False
        self._head_size = 0
        self._pieces: list[bytes] | None = None  # the body of a request that nothing was done for
        self._pieces_size = 0
        self._head_is_too_large = False
        self._is_deaf = False  # what has come last was no request: nothing after it can be
        self._rested_at = 0.0
        self._head_timer: TimerHandle | None = None

    # the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to listen to a client."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else None
        if is_ssl(transport):
            self._direct = None
        self._head_timer = self.loop.call_later(HEAD_WITHIN, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._held = b""
        self._forget_head_timer()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer what can be answered at once, and parse the rest."""
        if self._is_deaf:
            return
        if self._held:
            self._held += data
            return
        direct = self._direct
        if direct is not None and self._is_idle:
            data = self._answer_plain(direct, data)
            if not data:
                return
        self._parse(data)

    def resume_writing(self) -> None:
        """Go on, now that the client has read what it was sent."""
        super().resume_writing()
        if self._held:
            self.loop.call_soon(self._go_on)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection where it has rested long enough; where not, look again then."""
        self.timeout_keep_alive_task = None
        if not self._is_idle or self._held:
            return
        left = self._rested_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                left, self.timeout_keep_alive_handler
            )
        else:
            self.transport.close()

    @property
    def _is_idle(self) -> bool:
        """Whether the next byte begins a request, and none is being answered."""
        cycle = self.cycle  # it begins as None, whatever uvicorn declares
        return (
            not self._in_message
            and (cycle is None or cycle.response_complete)  # type: ignore[redundant-expr]
            and not self.pipeline
            and not self.transport.is_closing()
        )

    @property
    def _is_answering(self) -> bool:
        """Whether uvicorn's way has begun with a request, and not ended."""
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete  # type: ignore[redundant-expr]

    # the short way

    def _answer_plain(self, direct: Direct, data: bytes) -> bytes:
        """Answer the requests at the beginning of `data` that are plain; return what is left."""
        beginnings, flow = direct.beginnings, self.flow
        at, size, turns = 0, len(data), 0
        while at < size:
            end = data.find(_END, at)
            if end < 0:
                break
            raw = data[at:end]
            beginning = beginnings.get(raw) or direct.beginning(raw)
            if beginning is None:
                break
            way, head, length = beginning
            body_at = end + 4
            stop = body_at + length
            if stop > size:
                break
            if turns and self.transport.is_closing():
                return b""
            if flow.write_paused or turns == TURN:
                self._hold(data[at:])
                return b""
            if not self._answer(direct, way, head, data[body_at:stop]):
                break
            turns += 1
            at = stop
        return data[at:] if at else data

    def _answer(self, direct: Direct, way: Way, head: Head, content: bytes) -> bool:
        """Write the answer; tell whether it could be had at once."""
        standing = self.server_state.default_headers
        try:
            parts = direct.answer(way, head, content, self._address, standing)
        except Exception:
            self.logger.exception("The answer could not be written")
            direct.let_go()
            lines = [b"%b: %b\r\n" % each for each in standing]
            self.transport.write(b"HTTP/1.1 500 Internal Server Error\r\n" + b"".join(lines))
            self.transport.write(_FAILED)
            self.transport.close()
            return True
        if parts is None:
            return False
        if direct.keep is not None:
            direct.keep(self.transport, parts)
        elif len(parts) == 1:
            self.transport.write(parts[0])
        else:
            self.transport.writelines(parts)
        self.server_state.total_requests += 1
        self._rested_at = self.loop.time()
        if self._head_timer is not None:
            self._forget_head_timer()
        if self.timeout_keep_alive_task is None:
            self._wait_for_the_next()
        return True

    def _wait_for_the_next(self) -> None:
        """Wait for the next request, but not for ever."""
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _hold(self, data: bytes) -> None:
        """Look at `data` later: when others had their turn, or the client has read its answers."""
        self._held = data
        self.flow.pause_reading()
        if not self.flow.write_paused:
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        data, self._held = self._held, b""
        if data and not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(data)

    # the parser

    def _parse(self, data: bytes) -> None:
        was_in_head = self._in_head
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._pieces is not None:
            self._begin()
        if not self._in_head:
            return
        if was_in_head:
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT:
                self._refuse_head()
                return
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_WITHIN, self._head_is_late)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_message = self._in_head = True
        self._head_size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head_size += len(name) + len(value) + 4
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, or wait whether the body comes with the head."""
        self._in_head = False
        self._forget_head_timer()
        if self._head_size + len(self.url) > HEAD_LIMIT:
            self._head_is_too_large = True
            raise ValueError("the head is too large")
        if self._direct is None or self.expect_100_continue or self.pipeline or self._is_answering:
            super().on_headers_complete()
        else:
            self._pieces = []
            self._pieces_size = 0

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._pieces is None:
            super().on_body(body)
            return
        self._pieces.append(body)
        self._pieces_size += len(body)
        if self._pieces_size > _WAITING:
            self._begin()

    def on_message_complete(self) -> None:
        """Answer at once what can be; the rest goes on as uvicorn has it."""
        self._in_message = False
        if self._pieces is not None:
            if self._answer_parsed(b"".join(self._pieces)):
                self._pieces = None
                return
            self._begin()
        super().on_message_complete()

    def _begin(self) -> None:
        """Go uvicorn's way with the request that is being parsed."""
        pieces, self._pieces = self._pieces or [], None
        super().on_headers_complete()
        for piece in pieces:
            super().on_body(piece)

    def _answer_parsed(self, content: bytes) -> bool:
        """Answer the request that has just been parsed; tell whether that could be done at once."""
        direct, parser, url = self._direct, self.parser, self.url
        assert parser is not None
        if (
            direct is None
            or self.flow.write_paused
            or self.transport.is_closing()
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or parser.get_http_version() != "1.1"
        ):
            return False
        pairs = self.headers
        names = {name for name, _ in pairs}
        if not names.isdisjoint(_FORWARDED):
            return False
        parsed = httptools.parse_url(url)
        raw_path, query = parsed.path, parsed.query or b""
        if not raw_path or url != (raw_path + b"?" + query if query else raw_path):
            return False
        way = direct.way(parser.get_method().decode(), raw_path, query)
        return way is not None and self._answer(direct, way, Head(pairs, "http"), content)

    # refusals of what is no request

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed, and hang up."""
        if self._head_is_too_large:
            self._refuse_head()
        else:
            text = msg.removesuffix(".") + "."
            self._refuse(400, "RequestValidationError", "Invalid HTTP Request", text)

    def _refuse_head(self) -> None:
        self._refuse(
            431,
            "RequestHeadersValidationError",
            "Request Head Too Large",
            {"message": "The head of a request may have 64 KiB at most", "limit": HEAD_LIMIT},
        )

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._in_head:
            self._refuse(
                408, "RequestTimeoutError", "Request Timeout", "The head did not arrive in time"
            )
        elif self._is_idle:
            self.transport.close()

    def _refuse(self, status: int, type_name: str, message: str, detail: Any) -> None:
        """Answer what is no request, and hang up: at once, or after the answers that are due."""
        self._is_deaf = True
        if self.transport.is_closing():
            return
        if self._is_answering and not self.cycle.more_body:
            self.cycle.keep_alive = False
            return
        if self._direct is not None:
            self._direct.let_go()
        reply = refusal(status, type_name, message, detail)
        content = reply.content or b""
        self.transport.write(
            b"HTTP/1.1 %d %b\r\n"
            b"content-type: application/json\r\n"
            b"access-control-allow-origin: *\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, HTTPStatus(status).phrase.encode(), len(content), content)
        )
        self.transport.close()

    def _forget_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
