"""The journal of one application: every request, event, attempt and power used, in order, bounded.

What is put down are the values themselves; they are turned into JSON, and rid of secrets, when
somebody looks. That is why an entry costs a request next to nothing.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mockvault.web.recording import Exchange

CAPACITY = 10_000
BYTES = 32 * 1024 * 1024
"""Bytes of requests and answers that are kept."""
ANSWER = 8 * 1024
"""Bytes that are kept of one answer."""
_OVERHEAD = 1_024
_QUEUED = 2_000


class Entry(NamedTuple):
    """One thing that happened. `what` is an Exchange, a RaisedEvent, a Delivery or a dictionary."""

    number: int
    kind: str
    at: int
    what: Any
    cause: int | None = None
    size: int = 0


class Journal:
    """What happened, oldest first; the oldest makes room for the newest, and that is counted."""

    def __init__(self, now: Callable[[], int], capacity: int = CAPACITY) -> None:
        self._now = now
        self.capacity = capacity
        self._entries: deque[Entry] = deque()
        self._number = 0
        self._size = 0
        self._pending: list[tuple[str, Any]] = []
        self._followers: set[asyncio.Queue[Entry | None]] = set()
        self.evicted = 0
        self.evicted_requests: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    @property
    def last(self) -> int:
        """The number of the newest entry, 0 where there has been none."""
        return self._number

    def put_request(self, exchange: Exchange) -> None:
        """Put down a request with its answer, and what it raised on the way after it."""
        reply, content = exchange.reply, exchange.content
        size = _OVERHEAD
        if reply is not None and reply.content is not None:
            size += min(len(reply.content), ANSWER)
            if len(reply.content) > ANSWER:
                exchange = exchange._replace(kept=bytes(reply.content[:ANSWER]), reply=None)
        if content:
            size += len(content)
        self._append("request", exchange, None, size)
        if self._pending:
            self.flush(self._number)

    def put_later(self, kind: str, what: Any) -> None:
        """Put down what a request raises, after the request; without one, as soon as can be."""
        self._pending.append((kind, what))
        if len(self._pending) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.flush()

    def put(self, kind: str, what: Any) -> None:
        """Put down anything else, now."""
        self.flush()
        self._append(kind, what, None, _OVERHEAD)

    def flush(self, cause: int | None = None) -> None:
        """Put down what waits for its request, whose number is `cause`."""
        pending, self._pending = self._pending, []
        for kind, what in pending:
            self._append(kind, what, cause, _OVERHEAD)

    def _append(self, kind: str, what: Any, cause: int | None, size: int) -> None:
        self._number += 1
        entry = Entry(self._number, kind, self._now(), what, cause, size)
        self._entries.append(entry)
        self._size += size
        if len(self._entries) > self.capacity or self._size > BYTES:
            self._evict()
        if self._followers:
            self._tell(entry)

    def _evict(self) -> None:
        while len(self._entries) > self.capacity or (self._size > BYTES and len(self._entries) > 1):
            oldest = self._entries.popleft()
            self._size -= oldest.size
            self.evicted += 1
            if oldest.kind == "request":
                self.evicted_requests[oldest.what.operation_id] += 1

    def _tell(self, entry: Entry) -> None:
        for queue in tuple(self._followers):
            if queue.full():  # who follows too slowly is told so by the end of the stream
                self._followers.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(entry)

    def clear(self) -> None:
        """Forget every entry; numbers go on, so that who follows misses nothing."""
        self._entries.clear()
        self._pending.clear()
        self._size = self.evicted = 0
        self.evicted_requests.clear()

    def entries(self, after: int = 0, kinds: frozenset[str] = frozenset()) -> Iterator[Entry]:
        """Yield the entries after a number, oldest first, of some kinds or of all."""
        if not self._entries:
            return
        skipped = max(0, after - self._entries[0].number + 1)
        if skipped >= len(self._entries):
            return
        for index, entry in enumerate(tuple(self._entries)):
            if index >= skipped and (not kinds or entry.kind in kinds):
                yield entry

    def requests(self) -> Iterator[tuple[Entry, Exchange]]:
        """Yield every request that is kept, oldest first."""
        for entry in tuple(self._entries):
            if entry.kind == "request":
                yield entry, entry.what

    def find(self, number: int) -> Entry | None:
        """Return an entry by its number, or None where it is gone or never was."""
        if not self._entries:
            return None
        index = number - self._entries[0].number
        return self._entries[index] if 0 <= index < len(self._entries) else None

    def follow(self) -> "asyncio.Queue[Entry | None]":
        """Return a queue that gets each entry from now on; None in it ends it."""
        queue: asyncio.Queue[Entry | None] = asyncio.Queue(_QUEUED)
        self._followers.add(queue)
        return queue

    def unfollow(self, queue: "asyncio.Queue[Entry | None]") -> None:
        """Tell a queue nothing any more."""
        self._followers.discard(queue)

    def close(self) -> None:
        """End every stream."""
        for queue in tuple(self._followers):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
        self._followers.clear()
