"""Answers that are read within a time of their own: one that drips is cut off, as silence is."""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any, cast


class _Source(io.RawIOBase):
    """What a socket gives until a moment."""

    def __init__(self, stream: socket.socket, raw: io.RawIOBase, until: float) -> None:
        self._stream, self._raw, self._until = stream, raw, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read what is there; raises `TimeoutError` once the time is over."""
        keep_until(self._stream, self._until)
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()


class TimelyResponse(HTTPResponse):
    """An answer for which the timeout of its socket is that of the whole, not of each read."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        if (seconds := sock.gettimeout()) is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Source(sock, raw, time.monotonic() + seconds))


def keep_until(stream: socket.socket | None, until: float) -> None:
    """Let the next step on a socket last until a moment; raises `TimeoutError` where it is past."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    if stream is not None:
        stream.settimeout(left)
