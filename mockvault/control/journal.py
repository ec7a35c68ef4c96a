"""The journal of one application: every request, event, attempt and power used, in order, bounded.

What is put down are the values themselves; they are turned into JSON, and rid of secrets, when
somebody looks. That is why an entry costs a request next to nothing.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from mockvault.web.recording import Exchange, Row

CAPACITY = 10_000
BYTES = 32 * 1024 * 1024
"""Bytes of requests and answers that are kept."""
ANSWER = 8 * 1024
"""Bytes that are kept of one answer."""
PORTION = 64
"""Entries that make room at once: that many more than the capacity are held."""
MOST_BYTES = BYTES + 512 * 1024
_OVERHEAD = 1_024
_QUEUED = 2_000
_OPERATION, _CONTENT, _STEPS, _AT, _ANSWER = map(
    Exchange._fields.index, ("operation_id", "content", "steps", "at", "answer")
)
_Numbered = tuple[int, str, int, Any, int | None, int]


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
        self._most = capacity + PORTION
        self._entries: deque[_Numbered] = deque()
        self._number = 0
        self._size = 0
        self._pending: list[tuple[str, Any]] = []
        self._last_cut = (b"", b"")
        self._followers: set[asyncio.Queue[Entry | None]] = set()
        self._evicted = 0
        self._evicted_requests: Counter[str] = Counter()

    def __len__(self) -> int:
        self.settle()
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        self.settle()
        return map(entry_of, tuple(self._entries))

    @property
    def is_followed(self) -> bool:
        """Whether anybody waits for entries."""
        return bool(self._followers)

    @property
    def evicted(self) -> int:
        """How many entries made room for newer ones."""
        self.settle()
        return self._evicted

    @property
    def evicted_requests(self) -> Counter[str]:
        """How many requests of each operation were among them."""
        self.settle()
        return self._evicted_requests

    @property
    def last(self) -> int:
        """The number of the newest entry, 0 where there has been none."""
        self.flush()
        return self._number

    def put_request(self, told: Row) -> None:
        """Put down a request with its answer, and what it raised on the way after it."""
        # Plain tuples of plain values, which the garbage collector stops looking at; readers get
        # them by their names.
        row: Row = told if type(told) is tuple else _plain(told)
        content, answer, at = row[_CONTENT], row[_ANSWER], row[_AT]
        if not at:
            at = self._now()
            row = (*row[:_AT], at, *row[_AT + 1 :])
        size = _OVERHEAD
        if content is not None:
            size += len(content)
        if answer is not None:
            length = len(answer)
            if length > ANSWER:
                row, length = self._with_cut(row, answer), ANSWER
            size += length
        self._number = number = self._number + 1
        entries = self._entries
        entries.append((number, "request", at, row, None, size))
        self._size = size = self._size + size
        if len(entries) > self._most or size > MOST_BYTES:
            self._make_room()
        if self._followers:
            self._tell(entry_of(entries[-1]))
        if self._pending:
            self.flush(number, row[_STEPS], at)

    def _with_cut(self, row: Row, answer: bytes) -> Row:
        """Return the row with the beginning of its answer; of an answer served again, the same."""
        whole, cut = self._last_cut
        if whole is not answer:
            cut = bytes(answer[:ANSWER])
            self._last_cut = answer, cut
        return row[:_ANSWER] + (cut, True)  # noqa: RUF005  in half the time

    def put_later(self, kind: str, what: Any) -> None:
        """Put down what a request raises, after the request; without one, before it is read."""
        self._pending.append((kind, what))
        if self._followers and len(self._pending) == 1:
            with suppress(RuntimeError):  # no loop runs, so nobody waits
                asyncio.get_running_loop().call_soon(self.flush)

    def put(self, kind: str, what: Any) -> None:
        """Put down anything else, now."""
        self._pending.append((kind, what))
        self.flush()

    def flush(
        self, cause: int | None = None, steps: Sequence[Any] = (), at: int | None = None
    ) -> None:
        """Put down what waits, `at` a time or now.

        What is one of the request's `steps` was caused by it.
        """
        pending = self._pending
        if not pending:
            return
        self._pending = []
        if at is None:
            at = self._now()
        number, entries = self._number, self._entries
        for kind, what in pending:
            number += 1
            # whether it is one of them is told by identity first, and equal ones are as good
            caused_by = cause if steps and what.change in steps else None
            entries.append((number, kind, at, what, caused_by, _OVERHEAD))
        self._number = number
        self._size += _OVERHEAD * len(pending)
        if self._followers:
            for place in range(-len(pending), 0):
                self._tell(entry_of(entries[place]))
        if len(entries) > self._most or self._size > MOST_BYTES:
            self._make_room()

    def settle(self) -> None:
        """Put down what waits, and hold no more than is to be kept: before anything is read."""
        if self._pending:
            self.flush()
        self._make_room()

    def _make_room(self) -> None:
        entries, size = self._entries, self._size
        too_many = len(entries) - self.capacity
        dropped = [entries.popleft() for _ in range(too_many)]
        size -= sum([each[5] for each in dropped])
        while size > BYTES and len(entries) > 1:
            dropped.append(entries.popleft())
            size -= dropped[-1][5]
        if dropped:
            self._size = size
            self._evicted += len(dropped)
            self._evicted_requests.update(
                [each[3][_OPERATION] for each in dropped if each[1] == "request"]
            )

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
        self._size = self._evicted = 0
        self._evicted_requests.clear()

    def entries(self, after: int = 0, kinds: frozenset[str] = frozenset()) -> Iterator[Entry]:
        """Yield the entries after a number, oldest first, of some kinds or of all."""
        self.settle()
        if not self._entries:
            return
        skipped = max(0, after - self._entries[0][0] + 1)
        if skipped >= len(self._entries):
            return
        for entry in islice(tuple(self._entries), skipped, None):
            if not kinds or entry[1] in kinds:
                yield entry_of(entry)

    def requests(self) -> Iterator[tuple[Entry, Exchange]]:
        """Yield every request that is kept, oldest first."""
        self.settle()
        for entry in tuple(self._entries):
            if entry[1] == "request":
                yield entry_of(entry), Exchange._make(entry[3])

    def find(self, number: int) -> Entry | None:
        """Return an entry by its number, or None where it is gone or never was."""
        self.settle()
        if not self._entries:
            return None
        index = number - self._entries[0][0]
        return entry_of(self._entries[index]) if 0 <= index < len(self._entries) else None

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


def _plain(row: Row) -> Row:
    """Return an exchange as a plain tuple, with tuples for its sequences."""
    exchange = Exchange._make(row)
    return tuple(
        exchange._replace(
            headers=tuple(exchange.headers),
            answer_headers=tuple(exchange.answer_headers),
            steps=tuple(exchange.steps),
        )
    )


def entry_of(row: _Numbered) -> Entry:
    """Return an entry as it is read, of the row as which it is kept."""
    number, kind, at, what, cause, size = row
    return Entry(number, kind, at, Exchange._make(what) if kind == "request" else what, cause, size)
