"""What the wire does to an answer: nothing comes, half of it, drop by drop, or a reset.

uvicorn's `send` is a method of the cycle that owns the transport (spec/decisions/0404). Where there
is no transport, as in a test without a port, the connection error is raised instead.
"""

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Message, Send

from mockvault.json_text import dumps
from mockvault.web.replies import Deliver, Reply


def empty() -> Deliver:
    """Return what hangs up without a byte."""

    async def deliver(send: Send, message: Message, body: bytes) -> None:
        del message, body
        cycle = _cycle(send, "the connection was closed without an answer")
        cycle.disconnected = True
        cycle.transport.close()

    return deliver


def reset() -> Deliver:
    """Return what resets the connection."""

    async def deliver(send: Send, message: Message, body: bytes) -> None:
        del message, body
        cycle = _cycle(send, "the connection was reset")
        cycle.disconnected = True
        sock = cycle.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        cycle.transport.abort()

    return deliver


def truncate() -> Deliver:
    """Return what hangs up in the middle of the body."""

    async def deliver(send: Send, message: Message, body: bytes) -> None:
        cycle = _cycle(send, "the connection was closed in the middle of the answer")
        await send(message)
        if len(body) > 1:
            await send(
                {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
            )
        cycle.disconnected = True
        cycle.transport.close()

    return deliver


def drip(over: int, pieces: int) -> Deliver:
    """Return what sends the body in pieces, over as many milliseconds."""

    async def deliver(send: Send, message: Message, body: bytes) -> None:
        await send(message)
        size = max(1, -(-len(body) // pieces))
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        for part in parts:
            await asyncio.sleep(over / 1000 / len(parts))
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return deliver


def malformed(reply: Reply) -> Reply:
    """Return an answer whose body is not JSON."""
    content = reply.content or b"{}"
    return Reply(
        200 if reply.status == 204 else reply.status,
        b"{," + content[1:],
        reply.headers,
        reply.error,
    )


def breaking_contract(reply: Reply) -> Reply:
    """Return an answer that looks whole, and breaks the contract."""
    headers = tuple(header for header in reply.headers if header[0] != b"location")
    if reply.content is None:
        status = 200 if reply.status == 204 else reply.status
        return Reply(status, dumps({"status_code": str(status)}), headers, reply.error)
    value = orjson.loads(reply.content)
    if isinstance(value, dict):
        value["status_code"] = str(value.get("status_code", reply.status))
        data = value.pop("data", None)
        if isinstance(data, Mapping):
            value["data"] = [data]
        elif data is not None:
            value["data"] = {"items": data}
    return Reply(reply.status, dumps(value), headers, reply.error)


def _cycle(send: Send, told: str) -> Any:
    """Return what uvicorn answers by; raise ConnectionResetError where nothing is like it."""
    cycle = getattr(send, "__self__", None)
    if getattr(cycle, "transport", None) is None:
        raise ConnectionResetError(told)
    return cycle
