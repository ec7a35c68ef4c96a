"""The body of a request, taken in whole: bounded in size and in time."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any

from starlette.types import Receive

LIMIT = 1024 * 1024
"""Bytes that a body may have."""
DRAINED = 16 * LIMIT
"""Bytes that are read, and forgotten, of a body that is too large, so that its sender hears why."""
PATIENCE = 30.0
"""Seconds in which a body has to arrive."""


class BodyTooLarge(Exception):
    """The body is larger than 1 MiB."""


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


class ClientGone(Exception):
    """The client hung up before its request was whole."""


async def read_body(receive: Receive, limit: int | None = None) -> bytes:
    """Return the body; raise BodyTooLarge, BodyTooSlow or ClientGone if there is none to have.

    It may have 1 MiB, or as many bytes as `limit` says.
    """
    reading = _read(receive, limit or LIMIT)
    try:
        waiting_for = reading.send(None)
    except StopIteration as done:  # it was all there: no timer is needed, and none is paid for
        content: bytes = done.value
        return content
    try:
        async with asyncio.timeout(PATIENCE):
            return await _resumed(reading, waiting_for)
    except TimeoutError:
        raise BodyTooSlow from None


@types.coroutine
def _resumed(reading: Coroutine[Any, Any, bytes], waiting_for: Any) -> Generator[Any, Any, bytes]:
    """Go on with a coroutine that was begun, and that waits for something."""
    try:
        while True:
            try:
                given = yield waiting_for
            except BaseException as reason:  # noqa: BLE001  it is the coroutine's to handle
                waiting_for = reading.throw(reason)
            else:
                waiting_for = reading.send(given)
    except StopIteration as done:
        content: bytes = done.value
        return content


async def _read(receive: Receive, limit: int) -> bytes:
    kept: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size <= limit:
            kept.append(chunk)
        elif size > max(DRAINED, limit):
            break
    if size > limit:
        raise BodyTooLarge
    return kept[0] if len(kept) == 1 else b"".join(kept)
