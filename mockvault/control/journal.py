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

from mockvault.domain.events import ConnectionChange
from mockvault.web.recording import ANSWER, Exchange, Row, beginning_of

CAPACITY = 10_000
BYTES = 32 * 1024 * 1024
"""Bytes of requests and answers that are kept."""
PORTION = 64
"""Entries that make room at once: that many more than the capacity are held."""
MOST_BYTES = BYTES + 512 * 1024
_LARGE = 64 * 1024
"""Bytes of a request from which its size is looked at at once."""
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


class _Told(NamedTuple):
    """What is to be put down beside requests and the changes that they made."""

    kind: str
    what: Any


class Journal:
    """What happened, oldest first; the oldest makes room for the newest, and that is counted."""

    def __init__(self, now: Callable[[], int], capacity: int = CAPACITY) -> None:
        self._now = now
        self.capacity = capacity
        self._most = capacity + PORTION
        self._entries: deque[_Numbered] = deque()
        self._number = 0
        self._size = 0
        self._new: list[Row | ConnectionChange | _Told] = []
        self._sizes: list[int] = []  # of what is new, as far as it was measured
        self._new_size, self._due = 0, PORTION
        self.events_of: Callable[[ConnectionChange], Sequence[Any]] = _no_events
        """Raises the events of a change that was put down, in their order."""
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
        self._take_in()
        return self._number

    def put_request(self, told: Row) -> None:
        """Put down a request with its answer, and what it raised on the way after it."""
        # Plain tuples of plain values, which the garbage collector stops looking at; readers get
        # them by their names.
        row: Row = told if type(told) is tuple else _plain(told)
        if not row[_AT]:
            row = (*row[:_AT], self._now(), *row[_AT + 1 :])
        new, content = self._new, row[_CONTENT]
        new.append(row)
        if len(new) >= self._due or self._followers or (content and len(content) > _LARGE):
            self._measure()

    def put_change(self, change: ConnectionChange) -> None:
        """Put down the events of a change: after the request that makes it, or by themselves."""
        self._new.append(change)
        if self._followers:
            self._take_in_soon()
        elif len(self._new) >= self._due:
            self._measure()

    def put_later(self, kind: str, what: Any) -> None:
        """Put down what a request raises, after the request; without one, before it is read."""
        self._new.append(_Told(kind, what))
        if self._followers:
            self._take_in_soon()

    def put(self, kind: str, what: Any) -> None:
        """Put down anything else, now."""
        self._new.append(_Told(kind, what))
        self._take_in()

    def _take_in_soon(self) -> None:
        """Let who follows see what no request comes after."""
        if len(self._new) == 1:
            with suppress(RuntimeError):  # no loop runs, so nobody waits
                asyncio.get_running_loop().call_soon(self._take_in)

    def _measure(self) -> None:
        """Take in what is new where somebody waits for it; else hold no more than may be."""
        if self._followers:
            self._take_in()
            return
        new, sizes = self._new, self._sizes
        fresh = [_size_of(each) if type(each) is tuple else _OVERHEAD for each in new[len(sizes) :]]
        sizes += fresh
        self._new_size += sum(fresh)
        self._due = len(new) + PORTION
        if len(self._entries) + len(new) > self._most or self._size + self._new_size > MOST_BYTES:
            self._make_room()

    def _take_in(self) -> None:
        """Make entries of what is new."""
        new, first = self._new, self._number
        if not new:
            return
        self._new, self._sizes, self._new_size, self._due = [], [], 0, PORTION
        raised: list[Any] = []
        for each in new:
            if type(each) is not tuple:
                raised.append(each)
                continue
            caused: list[Any] = []
            if raised:
                caused = [one for one in raised if _change_of(one) in each[_STEPS]]
                self._put_raised([one for one in raised if one not in caused])
                raised = []
            self._put_row(each)
            if caused:
                self._put_raised(caused, each[_AT], self._number)
        self._put_raised(raised)
        entries = self._entries
        if self._followers:
            for place in range(first - self._number, 0):
                self._tell(entry_of(entries[place]))
        if len(entries) > self._most or self._size > MOST_BYTES:
            self._make_room()

    def _put_row(self, row: Row) -> None:
        """Make an entry of a request."""
        size = _size_of(row)
        self._number = number = self._number + 1
        self._size += size
        self._entries.append((number, "request", row[_AT], row, None, size))

    def _put_raised(
        self, raised: Sequence[Any], at: int | None = None, cause: int | None = None
    ) -> None:
        """Make entries of what was raised, `at` a time or its own, by a request or by none."""
        entries, number = self._entries, self._number
        for each in raised:
            if type(each) is ConnectionChange:
                kind, whats, then = "event", self.events_of(each), each.occurred_at
            else:
                kind, whats, then = each.kind, (each.what,), self._now()
            for what in whats:
                number += 1
                entries.append((number, kind, then if at is None else at, what, cause, _OVERHEAD))
        self._size += _OVERHEAD * (number - self._number)
        self._number = number

    def settle(self) -> None:
        """Put down what waits, and hold no more than is to be kept: before anything is read."""
        self._take_in()
        self._make_room()

    def _make_room(self) -> None:
        """Drop the oldest of what is too much: entries, then what is new."""
        entries, new = self._entries, len(self._new)
        too_many = len(entries) + new - self.capacity
        dropped = [entries.popleft() for _ in range(min(too_many, len(entries)))]
        size = self._size - sum([each[5] for each in dropped])
        while size + self._new_size > BYTES and len(entries) + new > 1 and entries:
            dropped.append(entries.popleft())
            size -= dropped[-1][5]
        if dropped:
            self._size = size
            self._evicted += len(dropped)
            self._evicted_requests.update(
                [each[3][_OPERATION] for each in dropped if each[1] == "request"]
            )
        if new and not entries:
            self._drop_new(new - self.capacity)

    def _drop_new(self, count: int) -> None:
        """Drop the oldest of what is new, so many at least; what it would have been is counted."""
        count = max(count, 0)
        left = self._new_size - sum(self._sizes[:count])
        while left > BYTES and count < len(self._new) - 1:
            left -= self._sizes[count]
            count += 1
        dropped = self._new[:count]
        del self._new[:count], self._sizes[:count]
        self._new_size = left
        self._due = len(self._new) + PORTION
        requests = [each[_OPERATION] for each in dropped if type(each) is tuple]
        gone = len(requests)
        if gone < count:
            for each in dropped:
                if type(each) is ConnectionChange:
                    gone += len(self.events_of(each))
                elif type(each) is _Told:
                    gone += 1
        self._number += gone
        self._evicted += gone
        self._evicted_requests.update(requests)

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
        self._take_in()
        self._entries.clear()
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
        self._take_in()  # what has been is nothing new to who follows from now on
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


def _no_events(change: ConnectionChange) -> Sequence[Any]:
    """Raise none."""
    del change
    return ()


def _change_of(raised: Any) -> Any:
    """Return the change that raised something: what is one of a request's steps was caused by it.

    That is told by identity first, and equal ones are as good.
    """
    return raised if type(raised) is ConnectionChange else getattr(raised.what, "change", None)


def _size_of(row: Row) -> int:
    """Return the bytes that a request is taken to have."""
    return _OVERHEAD + len(row[_CONTENT] or b"") + len(row[_ANSWER] or b"")


def _plain(row: Row) -> Row:
    """Return an exchange as a plain tuple, with tuples for its sequences, and no long answer."""
    exchange = Exchange._make(row)
    answer = exchange.answer
    return tuple(
        exchange._replace(
            headers=tuple(exchange.headers),
            answer_headers=tuple(exchange.answer_headers),
            steps=tuple(exchange.steps),
            answer=beginning_of(answer),
            is_cut=exchange.is_cut or (answer is not None and len(answer) > ANSWER),
        )
    )


def entry_of(row: _Numbered) -> Entry:
    """Return an entry as it is read, of the row as which it is kept."""
    number, kind, at, what, cause, size = row
    return Entry(number, kind, at, Exchange._make(what) if kind == "request" else what, cause, size)
