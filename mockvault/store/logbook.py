"""Log entries of an application in memory: bounded, filtered through an index, read both ways.

Entries of a consumer lie in one bucket for each facet (unified API, connector, status). A filter
chooses buckets and a page is merged from them, so that its cost follows from its length and the
number of facets, never from the number of entries.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from heapq import merge
from itertools import islice

from mockvault.domain.entities import LogEntry
from mockvault.store.base import LogsFilter, Page, Position

Facet = tuple[str, str, int]
Numbered = tuple[int, LogEntry]


class _Bucket:
    """Entries of one facet in the order of their numbers; the oldest leave at the head."""

    __slots__ = ("entries", "head", "numbers")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.entries: list[LogEntry] = []
        self.head = 0

    def __len__(self) -> int:
        return len(self.numbers) - self.head

    def append(self, number: int, entry: LogEntry) -> None:
        self.numbers.append(number)
        self.entries.append(entry)

    def drop_oldest(self) -> None:
        self.head += 1
        if self.head > 64 and self.head * 2 > len(self.numbers):
            del self.numbers[: self.head], self.entries[: self.head]
            self.head = 0

    def older_than(self, number: int) -> Iterator[Numbered]:
        """Yield entries below `number`, newest first."""
        for index in range(bisect_left(self.numbers, number) - 1, self.head - 1, -1):
            yield self.numbers[index], self.entries[index]

    def newer_than(self, number: int) -> Iterator[Numbered]:
        """Yield entries above `number`, oldest first."""
        for index in range(max(self.head, bisect_right(self.numbers, number)), len(self.numbers)):
            yield self.numbers[index], self.entries[index]

    def copy(self) -> "_Bucket":
        twin = _Bucket()
        twin.numbers, twin.entries = self.numbers[self.head :], self.entries[self.head :]
        return twin


class Logbook:
    """The log entries of one application, `capacity` of them at most."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.evicted = 0
        self._next = 1
        self._buckets: dict[str, dict[Facet, _Bucket]] = {}
        self._order: deque[tuple[str, Facet]] = deque()

    def __len__(self) -> int:
        return sum(len(bucket) for facets in self._buckets.values() for bucket in facets.values())

    def append(self, entry: LogEntry) -> None:
        """Keep the entry as the newest; the oldest of the application makes room."""
        facets = self._buckets.get(entry.consumer_id)
        if facets is None:
            facets = self._buckets[entry.consumer_id] = {}
        facet = entry.facet
        bucket = facets.get(facet)
        if bucket is None:
            bucket = facets[facet] = _Bucket()
        bucket.append(self._next, entry)
        self._order.append((entry.consumer_id, facet))
        self._next += 1
        if len(self._order) > self.capacity:
            self._evict()

    def _evict(self) -> None:
        consumer_id, facet = self._order.popleft()
        facets = self._buckets.get(consumer_id)
        bucket = facets.get(facet) if facets else None
        if facets is None or bucket is None:
            return  # the consumer was deleted with the entries
        bucket.drop_oldest()
        self.evicted += 1
        if not bucket:
            del facets[facet]
            if not facets:
                del self._buckets[consumer_id]

    def forget(self, consumer_id: str) -> None:
        """Drop every entry of a consumer."""
        if self._buckets.pop(consumer_id, None) is not None:
            self._order = deque(place for place in self._order if place[0] != consumer_id)

    def page(
        self, consumer_id: str, wanted: LogsFilter, position: Position, limit: int
    ) -> Page[LogEntry]:
        """Return a page of the consumer's entries, newest first."""
        buckets = [
            bucket
            for facet, bucket in self._buckets.get(consumer_id, {}).items()
            if wanted.admits(facet)
        ]
        start = self._next if position.key is None else position.key
        if position.backward:
            newer = merge(*(bucket.newer_than(start) for bucket in buckets), key=_number)
            found = list(islice(newer, limit + 1))
            more_before, more_after = len(found) > limit, True
            found = found[:limit][::-1]
        else:
            older = merge(
                *(bucket.older_than(start) for bucket in buckets), key=_number, reverse=True
            )
            found = list(islice(older, limit + 1))
            more_before, more_after = position.key is not None, len(found) > limit
            found = found[:limit]
        return Page(
            items=[entry for _, entry in found],
            before=found[0][0] if found and more_before else None,
            after=found[-1][0] if found and more_after else None,
        )

    def entries(self) -> Iterator[LogEntry]:
        """Yield every entry, oldest first."""
        buckets = [bucket for facets in self._buckets.values() for bucket in facets.values()]
        for _, entry in merge(*(bucket.newer_than(0) for bucket in buckets), key=_number):
            yield entry

    def copy(self) -> "Logbook":
        """Return a logbook that goes its own way."""
        twin = Logbook(self.capacity)
        twin.evicted, twin._next = self.evicted, self._next
        twin._buckets = {
            consumer_id: {facet: bucket.copy() for facet, bucket in facets.items()}
            for consumer_id, facets in self._buckets.items()
        }
        twin._order = self._order.copy()
        return twin


def _number(numbered: Numbered) -> int:
    return numbered[0]
