"""An answer on its way to the wire: the headers of every answer, and the bytes of a whole one."""

import re
from http import HTTPStatus
from typing import Any

from mockvault.web.replies import JSON, Header, Reply

EXPOSED = (
    b"x-apideck-request-id, x-mock-warning, x-mock-source, x-mock-fault, preference-applied, "
    b"retry-after, location"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_NO_HEADER_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS_LINES = {
    each.value: b"HTTP/1.1 %d %b\r\n" % (each.value, each.phrase.encode()) for each in HTTPStatus
}
_REQUEST_ID = b"x-apideck-request-id: "
_REST = (
    b"\r\naccess-control-expose-headers: "
    + EXPOSED
    + b"\r\naccess-control-allow-origin: *\r\ncontent-type: "
    + JSON
    + b"\r\ncontent-length: %d\r\n\r\n"
)
_TAIL = _REST + b"%b"
JOINED = 32 * 1024
"""Bytes of a body up to which it is cheaper to copy it behind its head than to write it apart."""


class HeaderUnsendable(ValueError):
    """A header of an answer holds what no header may."""


def head(
    reply: Reply, request_id: str, origin: bytes | None, more: tuple[Header, ...] = ()
) -> dict[str, Any]:
    """Return the start of the response as ASGI sends it."""
    headers = headers_of(reply, request_id, origin, more)
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


def headers_of(
    reply: Reply, request_id: str, origin: bytes | None, more: tuple[Header, ...] = ()
) -> list[Header]:
    """Return the reply's own headers and those of every answer."""
    headers: list[Header] = [
        (b"x-apideck-request-id", request_id.encode()),
        (b"access-control-expose-headers", EXPOSED),
        *reply.headers,
        *more,
    ]
    if origin is None:
        headers.append((b"access-control-allow-origin", b"*"))
    else:
        headers.append((b"access-control-allow-origin", origin))
        headers.append((b"access-control-allow-credentials", b"true"))
        headers.append((b"vary", b"origin"))
    if reply.content is not None:
        headers.append((b"content-type", JSON))
        headers.append((b"content-length", b"%d" % len(reply.content)))
    elif reply.status != 204:
        headers.append((b"content-length", b"0"))
    if reply.warnings:
        headers.append((b"x-mock-warning", _header_text("; ".join(reply.warnings))))
    return headers


class Writer:
    """Writes whole answers. `standing` are the headers that the server adds to each, as a date.

    They are compared by identity: whoever changes them gives another list.
    """

    def __init__(self) -> None:
        self._standing: list[Header] | None = None
        self._starts: dict[int, bytes] = {}

    def parts(
        self,
        reply: Reply,
        request_id: str,
        origin: bytes | None,
        more: tuple[Header, ...],
        standing: list[Header],
    ) -> tuple[bytes, ...]:
        """Return the bytes of the answer, in one part, or in two where the body is long.

        Raises HeaderUnsendable.
        """
        if standing is not self._standing:
            self._standing = standing
            self._starts.clear()
        start = self._starts.get(reply.status) or self._start(reply.status, standing)
        content = reply.content
        if content is None or origin is not None or reply.headers or more or reply.warnings:
            lines = [start, request_id.encode(), b"\r\n"]
            for name, value in headers_of(reply, request_id, origin, more)[1:]:
                if _NO_HEADER_VALUE.search(value):
                    raise HeaderUnsendable(f"{name!r}: {value!r}")
                lines.append(b"%b: %b\r\n" % (name, value))
            lines.append(b"\r\n")
            if content is not None:
                lines.append(content)
            return (b"".join(lines),)
        if len(content) > JOINED:
            return (start + request_id.encode() + _REST % len(content), content)
        text = reply.text
        tail = None if text is None else text.tail
        if tail:
            return (start + request_id.encode() + tail,)
        made = _TAIL % (len(content), content)
        if text is not None:
            text.tail = b"" if tail is None else made
        return (start + request_id.encode() + made,)

    def _start(self, status: int, standing: list[Header]) -> bytes:
        """Return an answer's bytes up to its request id, the first of its own headers."""
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        lines += [b"%b: %b\r\n" % each for each in standing]
        start = self._starts[status] = b"".join(lines) + _REQUEST_ID
        return start


def _header_text(text: str) -> bytes:
    r"""Return what a header can say of a text: no control character would pass.

    >>> _header_text("a\x00b\nc")
    b'a b c'
    """
    return _CONTROLS.sub(" ", text).encode("ascii", "backslashreplace")[:2000]
