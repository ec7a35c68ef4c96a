"""One attempt over HTTP: bounded in time and size, following nothing, whatever comes back.

Time-outs are of real time, for the subscriber lives in it.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

KEPT = 2_048
"""Bytes of an answer that are kept to be looked at."""
READ = 65_536
"""Bytes of an answer that are read at most; the rest is left unread."""
HEAD = 32_768
"""Bytes that the head of an answer may have."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How a subscriber answered: its status, or 0 and what went wrong instead."""

    status_code: int
    body: str = ""
    error: str | None = None


class _Broken(Exception):
    """What came back is not HTTP."""


def refusal_of(url: str) -> str | None:
    """Return why nothing can be delivered to a URL, or None where it can be tried.

    >>> refusal_of("ftp://localhost/x")
    'it must be an absolute http or https URL'
    """
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_web = False
    if not is_web or not url.isascii() or any(c <= " " or c in '\\\x7f"<>' for c in url):
        return "it must be an absolute http or https URL"
    return None


async def post(
    url: str,
    headers: dict[str, str],
    body: bytes,
    *,
    timeout: float,  # noqa: ASYNC109  part of what is told
) -> Answered:
    """Post a body once and return how it was answered; nothing that goes wrong is raised."""
    try:
        async with asyncio.timeout(timeout):
            return await _post(url, headers, body)
    except TimeoutError:
        return Answered(0, error=f"no answer within {timeout:g} s")
    except _Broken as reason:
        return Answered(0, error=str(reason))
    except (OSError, ValueError) as reason:
        return Answered(0, error=_told(reason))


async def _post(url: str, headers: dict[str, str], body: bytes) -> Answered:
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_secure else 80)
    reader, writer = await asyncio.open_connection(
        host, port, limit=HEAD, ssl=_context() if is_secure else None
    )
    try:
        writer.write(_request(parts.path or "/", parts.query, parts.netloc, headers, body))
        # the answer is read while the body is still being written: it may come before its end
        writing = asyncio.ensure_future(writer.drain())
        try:
            return await _answer(reader)
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await writing
    finally:
        writer.transport.abort()


def _request(path: str, query: str, netloc: str, headers: dict[str, str], body: bytes) -> bytes:
    target = f"{path}?{query}" if query else path
    lines = [f"POST {target} HTTP/1.1", f"host: {netloc.rpartition('@')[2]}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


async def _answer(reader: asyncio.StreamReader) -> Answered:
    while True:
        status, headers = await _head(reader)
        if status >= 200:
            break
    body = await _body(reader, headers, status)
    text = body[:KEPT].decode("utf-8", "replace")
    return Answered(status, text if len(body) <= KEPT else f"{text}…")


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes]]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as reason:
        told = "it hung up in the middle of its answer" if reason.partial else "it hung up"
        raise _Broken(f"{told}: {len(reason.partial)} bytes came") from None
    except asyncio.LimitOverrunError:
        raise _Broken(f"the head of its answer is larger than {HEAD} bytes") from None
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise _Broken("its answer is not HTTP/1.1")
    pairs = (line.partition(b":") for line in lines if b":" in line)
    return int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: dict[bytes, bytes], status: int) -> bytes:
    if status in (204, 304):
        return b""
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        return await _chunks(reader)
    said = headers.get(b"content-length", b"")
    wanted = min(int(said), READ) if said.isdigit() else READ
    body = bytearray()
    while len(body) < wanted:
        piece = await reader.read(wanted - len(body))
        if not piece:
            break
        body += piece
    if said.isdigit() and len(body) < wanted:
        raise _Broken(f"it hung up after {len(body)} of {int(said)} bytes")
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while len(body) < READ:
        line = await reader.readline()
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError:
            raise _Broken("its chunked answer is broken") from None
        if size <= 0:
            break
        if len(body) + size > READ:
            body += await reader.read(READ - len(body))
            break
        try:
            body += await reader.readexactly(size)
        except asyncio.IncompleteReadError:
            raise _Broken("it hung up in the middle of a chunk") from None
        await reader.readline()
    return bytes(body)


def _told(reason: Exception) -> str:
    if isinstance(reason, OSError) and reason.strerror:
        return f"{type(reason).__name__}: {reason.strerror}"
    return f"{type(reason).__name__}: {reason}"


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
