"""Requests answered at once: from their bytes to the bytes of the answer, without a task or a wait.

This is the way of nearly every request (spec/decisions/0501). In order: the line leads to a plan
(`Routes`), the block of headers is read (`Head`), both once for as long as they are kept; then the
plan judges, asks its handler, records and writes (`Plan.at_once`). What cannot be had like that is
None, and goes the long way: pages, the control plane, what has no route, and whatever a fault, a
limit or a preference is set for.

Lines and headers are read here only where they are plain: written in letters, digits and the few
signs of which every parser makes the same. All others are left to uvicorn's parser.
"""

import asyncio
import re
from collections.abc import Callable
from urllib.parse import unquote

from mockvault.web.asking import Head, Way
from mockvault.web.plans import Plan
from mockvault.web.receiving import LIMIT
from mockvault.web.replies import Header
from mockvault.web.routes import Routes
from mockvault.web.writing import Writer

MOST = 1_024
"""Lines, and blocks of headers, that are kept; when there are more, all are forgotten."""
LONGEST = 2_048
"""Bytes of a line, or of a block, that is kept."""
HEAD_LIMIT = 64 * 1024
"""Bytes that the head of a request may have."""
_LINE = re.compile(
    rb"(GET|POST|PATCH|PUT|DELETE) "
    rb"(/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-][A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?)"
    rb"(?:\?([A-Za-z0-9._~!$&'()*+,;=:@%/?\[\]-]*))? HTTP/1\.1"
)
_HEADER = re.compile(rb"([A-Za-z0-9_-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_NOT_PLAIN = frozenset(
    {b"connection", b"expect", b"http2-settings", b"keep-alive", b"proxy-connection", b"te"}
    | {b"trailer", b"transfer-encoding", b"upgrade", b"x-forwarded-for", b"x-forwarded-proto"}
)
"""Headers that say how the connection is used, or by whom: they are uvicorn's to understand."""


Block = tuple[Head, int]
"""A block of headers, read, and the length of the body that it announces."""
Beginning = tuple[Way, Head, int]
"""What comes before the body of a request, read: line, headers, and the length of the body."""


class Direct:
    """Answers by plan and at once; paths that begin with one of `beside` are not its own."""

    def __init__(self, routes: Routes[Plan], beside: tuple[str, ...]) -> None:
        self._routes = routes
        self._beside = beside
        self.lines: dict[bytes, Way] = {}
        self.blocks: dict[bytes, Block] = {}
        self.beginnings: dict[bytes, Beginning] = {}
        """Lines with their headers, of which both have come before: most come together again."""
        self._headers: dict[bytes, Header] = {}
        self._writer = Writer()
        self.keep: Callable[[asyncio.Transport, tuple[bytes, ...]], None] | None = None
        """Takes an answer that is not to be written yet, and writes it later, in order."""
        self.let_go: Callable[[], None] = _nothing
        """Has every answer written that was kept."""

    def way(self, method: str, raw_path: bytes, query: bytes) -> Way | None:
        """Return what a request line leads to, or None where that is no plan."""
        if not raw_path.isascii() or unquote(raw_path.decode()).startswith(self._beside):
            return None
        routed = self._routes.find(method, raw_path)
        if routed is None:
            return None
        return routed.target.way(method, raw_path, query, routed.values)

    def answer(
        self, way: Way, head: Head, content: bytes, client: str | None, standing: list[Header]
    ) -> tuple[bytes, ...] | None:
        """Return the whole answer, in one part or two; None, with nothing done, if it has to wait.

        `standing` are headers that the server adds to each answer. Raises HeaderUnsendable.
        """
        return way.plan.at_once(way, head, content, client, self._writer, standing)

    def beginning(self, raw: bytes) -> Beginning | None:
        """Return what a line and its headers say, the last line's end left out.

        None where one of both is not plain, or the line leads to no plan.
        """
        line_end = raw.find(b"\r\n")
        line, headers = (raw, b"") if line_end < 0 else (raw[:line_end], raw[line_end:])
        way = self.lines.get(line) or self.line(line)
        if way is None:
            return None
        block = self.blocks.get(headers)
        if block is None:  # nor are both kept: headers that never come again would push out others
            block = self.block(headers)
            return None if block is None else (way, *block)
        if len(self.beginnings) >= MOST:
            self.beginnings.clear()
        made = self.beginnings[raw] = (way, *block)
        return made

    def line(self, line: bytes) -> Way | None:
        """Return what a request line leads to; None where it is not plain, or leads to no plan."""
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        method, raw_path, query = match.groups(b"")
        way = self.way(method.decode(), raw_path, query)
        if way is not None and len(line) <= LONGEST:
            if len(self.lines) >= MOST:
                self.lines.clear()
            self.lines[line] = way
        return way

    def block(self, block: bytes) -> Block | None:
        """Return what a block of headers says, each behind its line's end; None if it is not plain.

        Bodies that come in chunks or are too large, and connections that are not to be kept, are
        not plain.
        """
        if len(block) > HEAD_LIMIT:
            return None
        pairs, length = [], -1
        known = self._headers
        for line in block.split(b"\r\n")[1:]:
            pair = known.get(line) or self._header(line)
            if pair is None:
                return None
            if pair[0] == b"content-length":
                if length >= 0 or not _LENGTH.fullmatch(pair[1]):
                    return None
                length = int(pair[1])
            pairs.append(pair)
        if length > LIMIT:
            return None
        made = (Head(pairs, "http"), max(length, 0))
        if len(block) <= LONGEST:
            if len(self.blocks) >= MOST:
                self.blocks.clear()
            self.blocks[block] = made
        return made

    def _header(self, line: bytes) -> Header | None:
        match = _HEADER.fullmatch(line)
        if match is None:
            return None
        name, value = match.groups()
        pair = (name.lower(), value)
        if pair[0] in _NOT_PLAIN and not (pair[0] == b"connection" and value == b"keep-alive"):
            return None
        if len(line) <= LONGEST:
            if len(self._headers) >= MOST:
                self._headers.clear()
            self._headers[line] = pair
        return pair


def _nothing() -> None:
    """No answer is kept."""
