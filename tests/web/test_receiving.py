"""Bodies arrive at once or in pieces, too late or not at all."""

import asyncio
from typing import Any

import pytest

from mockvault.web import receiving
from mockvault.web.receiving import BodyTooLarge, BodyTooSlow, ClientGone, read_body


def read(*messages: Any, pause: float = 0.0) -> bytes:
    """Return what is read of the messages, each of which is waited for where there is a pause."""
    waiting = list(messages)

    async def receive() -> Any:
        if pause:
            await asyncio.sleep(pause)
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return asyncio.run(asyncio.wait_for(read_body(receive), 20))


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize("pause", [0.0, 0.001])
def test_a_body_is_whole_however_it_arrives(pause: float) -> None:
    assert read(piece(b"abc"), pause=pause) == b"abc"
    assert read(piece(b"a", more=True), piece(b"", more=True), piece(b"bc"), pause=pause) == b"abc"
    assert read({"type": "http.request"}, pause=pause) == b""


@pytest.mark.parametrize("pause", [0.0, 0.001])
def test_a_client_that_is_gone_is_told(pause: float) -> None:
    with pytest.raises(ClientGone):
        read(piece(b"a", more=True), {"type": "http.disconnect"}, pause=pause)


@pytest.mark.parametrize("pause", [0.0, 0.001])
def test_a_body_that_is_too_large_is_told(pause: float) -> None:
    with pytest.raises(BodyTooLarge):
        read(piece(b"x" * (receiving.LIMIT + 1)), pause=pause)


def test_a_body_that_does_not_end_is_waited_for_so_long(monkeypatch: Any) -> None:
    monkeypatch.setattr(receiving, "PATIENCE", 0.05)

    with pytest.raises(BodyTooSlow):
        read(piece(b"a", more=True))
    with pytest.raises(BodyTooSlow):
        read()
