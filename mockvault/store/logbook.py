"""Log entries of an application in memory: bounded, filtered through an index, read both ways.

Entries are numbered in the order of their writing. Those of a consumer lie in one bucket for each
facet (unified API, connector, status): a filter chooses buckets and a page is merged from them, so
that its cost follows from its length and the number of facets, never from the number of entries.

What was written before the logbook was copied lies on shelves that both share and neither changes;
each writes on in buckets of its own.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any

from mockvault.domain.entities import LogEntry, LogRow
from mockvault.store.base import LogsFilter, Page, Position

Facet = tuple[str, str, int]
Numbered = tuple[int, tuple[Any, ...]]
PORTION = 512
"""Entries that make room at once: that much more than the capacity is held."""
_FEW, _MUCH = 64, 8_192
_CONSUMER, _API, _STATUS, _CONNECTOR = map(
    LogEntry._fields.index, ("consumer_id", "unified_api", "status_code", "connector_id")
)


class _Bucket:
    """Entries of one facet of a consumer in the order of their numbers.

    They are plain tuples, which the garbage collector stops looking at.
    """

    __slots__ = ("consumer_id", "entries", "facet", "head", "numbers")

    def __init__(self, consumer_id: str, facet: Facet) -> None:
        self.consumer_id = consumer_id
        self.facet = facet
        self.numbers = array("q")
        self.entries: list[tuple[Any, ...]] = []
        self.head = 0

    def __len__(self) -> int:
        return len(self.entries) - self.head

    def drop_oldest(self, count: int) -> None:
        first, self.head = self.head, self.head + count
        self.entries[first : self.head] = [()] * count
        if _is_worth_it(self.head, len(self.entries)):
            del self.numbers[: self.head], self.entries[: self.head]
            self.head = 0

    def extend(self, other: "_Bucket", lowest: int) -> None:
        """Add the entries of a later bucket, but those below a number."""
        first = max(other.head, bisect_left(other.numbers, lowest))
        self.numbers.extend(other.numbers[first:])
        self.entries.extend(other.entries[first:])

    def older_than(self, number: int, lowest: int) -> Iterator[Numbered]:
        """Yield entries below `number`, and not below `lowest`, newest first."""
        numbers, entries = self.numbers, self.entries
        for index in range(bisect_left(numbers, number) - 1, self.head - 1, -1):
            if numbers[index] < lowest:
                return
            yield numbers[index], entries[index]

    def newer_than(self, number: int, lowest: int) -> Iterator[Numbered]:
        """Yield entries above `number`, and not below `lowest`, oldest first."""
        first = bisect_right(self.numbers, max(number, lowest - 1))
        for index in range(max(self.head, first), len(self.entries)):
            yield self.numbers[index], self.entries[index]


_Buckets = dict[str, dict[Facet, _Bucket]]


class _Shelf:
    """Entries that are written to no more: their buckets, and whose each number is, in order."""

    __slots__ = ("buckets", "first", "owners")

    def __init__(self, first: int, owners: list[str], buckets: _Buckets) -> None:
        self.first = first
        self.owners = owners
        self.buckets = buckets

    @property
    def end(self) -> int:
        """The number after the last one."""
        return self.first + len(self.owners)

    def joined(self, later: "_Shelf", lowest: int) -> "_Shelf":
        """Return one shelf for this and the next, without what lies below a number."""
        first = max(self.first, lowest)
        buckets: _Buckets = {}
        for shelf in (self, later):
            for consumer_id, facets in shelf.buckets.items():
                mine = buckets.setdefault(consumer_id, {})
                for facet, bucket in facets.items():
                    twin = mine.get(facet)
                    if twin is None:
                        twin = mine[facet] = _Bucket(consumer_id, facet)
                    twin.extend(bucket, first)
        return _Shelf(first, self.owners[first - self.first :] + later.owners, buckets)


class Logbook:
    """The log entries of one application, the latest `capacity` that were written.

    Those that are too many are not seen any more, and make room in portions.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._evicted = 0
        self._next = 1
        self._oldest = 1  # below this number everything made room
        self._shelves: tuple[_Shelf, ...] = ()
        # below this number a consumer's entries are forgotten; the lowest numbers stand first
        self._begins: OrderedDict[str, int] = OrderedDict()
        self._own: _Buckets = {}
        self._own_order: list[_Bucket] = []
        self._own_head = 0

    def __len__(self) -> int:
        return sum(1 for _ in self.entries())

    @property
    def evicted(self) -> int:
        """How many entries made room for newer ones."""
        self._make_room()
        return self._evicted

    def count_evicted(self, entries: int) -> None:
        """Count entries that made room before this logbook was written."""
        self._evicted += entries

    def append(self, entry: LogRow) -> None:
        """Keep the entry as the newest; the oldest of the application makes room."""
        row = entry if type(entry) is tuple else tuple(entry)
        consumer_id, facet = row[_CONSUMER], (row[_API], row[_CONNECTOR], row[_STATUS])
        facets = self._own.get(consumer_id)
        if facets is None:
            facets = self._own[consumer_id] = {}
        bucket = facets.get(facet)
        if bucket is None:
            bucket = facets[facet] = _Bucket(consumer_id, facet)
        bucket.numbers.append(self._next)
        bucket.entries.append(row)
        self._own_order.append(bucket)
        self._next += 1
        if self._next - self._oldest > self.capacity + PORTION:
            self._make_room()

    @property
    def _lowest(self) -> int:
        """The number below which everything made room, or is about to."""
        return max(self._oldest, self._next - self.capacity)

    def _make_room(self) -> None:
        """Drop what is too much."""
        lowest = self._lowest
        while self._oldest < lowest and self._shelves:
            self._drop_from_shelf()
        if self._oldest < lowest:
            self._drop(lowest - self._oldest)
        begins = self._begins
        while begins and begins[next(iter(begins))] < lowest:
            begins.popitem(last=False)  # all that was forgotten is gone

    def _drop_from_shelf(self) -> None:
        number = self._oldest
        if number >= self._shelves[-1].end:
            self._shelves = ()
            return
        shelf = self._shelves[0]
        if number >= shelf.end:
            self._shelves = self._shelves[1:]
            return
        self._oldest += 1
        if number >= self._begins.get(shelf.owners[number - shelf.first], 0):
            self._evicted += 1

    def _drop(self, count: int) -> None:
        """Drop the oldest entries of our own."""
        first, self._own_head = self._own_head, self._own_head + count
        self._oldest += count
        for bucket, dropped in Counter(self._own_order[first : self._own_head]).items():
            facets = self._own.get(bucket.consumer_id, {})
            if facets.get(bucket.facet) is not bucket:
                continue  # the consumer was deleted with the entries
            self._evicted += dropped
            bucket.drop_oldest(dropped)
            if not bucket:
                del facets[bucket.facet]
                if not facets:
                    del self._own[bucket.consumer_id]
        if _is_worth_it(self._own_head, len(self._own_order)):
            del self._own_order[: self._own_head]
            self._own_head = 0

    def forget(self, consumer_id: str) -> None:
        """Drop every entry of a consumer."""
        had = self._own.pop(consumer_id, None) is not None
        if had or any(consumer_id in shelf.buckets for shelf in self._shelves):
            self._begins[consumer_id] = self._next
            self._begins.move_to_end(consumer_id)

    def page(
        self, consumer_id: str, wanted: LogsFilter, position: Position, limit: int
    ) -> Page[LogEntry]:
        """Return a page of the consumer's entries, newest first."""
        lowest = max(self._lowest, self._begins.get(consumer_id, 0))
        buckets = [
            bucket
            for facets in self._facets(consumer_id, lowest)
            for facet, bucket in facets.items()
            if wanted.admits(facet)
        ]
        start = self._next if position.key is None else position.key
        if position.backward:
            newer = merge(*(each.newer_than(start, lowest) for each in buckets), key=_number)
            found = list(islice(newer, limit + 1))
            more_before, more_after = len(found) > limit, True
            found = found[:limit][::-1]
        else:
            older = merge(
                *(each.older_than(start, lowest) for each in buckets), key=_number, reverse=True
            )
            found = list(islice(older, limit + 1))
            more_before, more_after = position.key is not None, len(found) > limit
            found = found[:limit]
        return Page(
            items=[LogEntry(*entry) for _, entry in found],
            before=found[0][0] if found and more_before else None,
            after=found[-1][0] if found and more_after else None,
        )

    def _facets(self, consumer_id: str, lowest: int) -> Iterator[dict[Facet, _Bucket]]:
        for shelf in self._shelves:
            if shelf.end > lowest and consumer_id in shelf.buckets:
                yield shelf.buckets[consumer_id]
        if consumer_id in self._own:
            yield self._own[consumer_id]

    def entries(self) -> Iterator[LogEntry]:
        """Yield every entry, oldest first."""
        every = [
            bucket.newer_than(0, max(self._lowest, self._begins.get(consumer_id, 0)))
            for buckets in (*(shelf.buckets for shelf in self._shelves), self._own)
            for consumer_id, facets in buckets.items()
            for bucket in facets.values()
        ]
        for _, entry in merge(*every, key=_number):
            yield LogEntry(*entry)

    def copy(self) -> "Logbook":
        """Return a logbook that goes its own way; both share what was written until now."""
        self._make_room()
        self._put_on_shelf()
        twin = Logbook(self.capacity)
        twin._evicted, twin._next, twin._oldest = self._evicted, self._next, self._oldest
        twin._shelves = self._shelves
        twin._begins = self._begins.copy()
        return twin

    def keep(self, capacity: int) -> None:
        """Keep so many from now on; those that are too many make room."""
        self.capacity = capacity
        self._make_room()

    def _put_on_shelf(self) -> None:
        """Begin new buckets, and join shelves so that they are few: each twice its next at least.

        An entry is moved once for each time that what it lies with doubles.
        """
        if not self._own_order:
            return
        owners = [bucket.consumer_id for bucket in self._own_order[self._own_head :]]
        shelves = [*self._shelves, _Shelf(self._next - len(owners), owners, self._own)]
        self._own, self._own_order, self._own_head = {}, [], 0
        while len(shelves) > 1 and len(shelves[-2].owners) < 2 * len(shelves[-1].owners):
            later = shelves.pop()
            shelves.append(shelves.pop().joined(later, self._oldest))
        self._shelves = tuple(shelves)


def _is_worth_it(gone: int, length: int) -> bool:
    """Tell whether what is gone at the head of a list is cut off now: seldom, and never much."""
    return gone >= _MUCH or (gone > _FEW and gone * 2 > length)


def _number(numbered: Numbered) -> int:
    return numbered[0]
