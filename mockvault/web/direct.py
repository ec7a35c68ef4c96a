"""Requests answered at once: from their bytes to the bytes of the answer, without a task or a wait.

This is the way of nearly every request (spec/decisions/0501). In order: the line leads to a plan
(`Routes`), the block of headers is read (`Head`), both once for as long as they are kept; then the
plan judges, asks its handler, records and writes (`Plan.at_once`). What cannot be had like that is
None, and goes the long way: pages, the control plane, what has no route, and whatever a fault, a
limit or a preference is set for.
"""

import asyncio
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


class Block:
    """A block of headers, read, and the length of the body that it announces."""

    __slots__ = ("head", "length")

    def __init__(self, head: Head, length: int) -> None:
        self.head = head
        self.length = length


class Direct:
    """Answers by plan and at once; paths that begin with one of `beside` are not its own."""

    def __init__(self, routes: Routes[Plan], beside: tuple[str, ...]) -> None:
        self._routes = routes
        self._beside = beside
        self.lines: dict[bytes, Way] = {}
        self.blocks: dict[bytes, Block] = {}
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
        plan = way.plan
        if not plan.takes_body:
            return plan.at_once(way, head, None, client, self._writer, standing)
        if len(content) > LIMIT:
            return None
        return plan.at_once(way, head, content, client, self._writer, standing)

    def learn(self, line: bytes, way: Way, block: bytes, known: Block) -> None:
        """Keep what a line and a block of headers were found to say."""
        if len(line) <= LONGEST:
            if len(self.lines) >= MOST:
                self.lines.clear()
            self.lines[line] = way
        if len(block) <= LONGEST:
            if len(self.blocks) >= MOST:
                self.blocks.clear()
            self.blocks[block] = known


def _nothing() -> None:
    """No answer is kept."""
