"""One application's state in memory: dictionaries of immutable values, with an index for each list.

What belongs to a consumer is one dictionary that is replaced, never changed, when something in it
changes: a snapshot is a copy of the outer dictionaries alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sortedcontainers import SortedDict

from mockvault.domain.entities import (
    Connection,
    Consumer,
    CustomMapping,
    LogEntry,
    RequestCounts,
)
from mockvault.domain.history import CallHistory
from mockvault.store.base import LogsFilter, Page, Position
from mockvault.store.logbook import Logbook

KINDS = ("unify", "proxy", "vault")
LOG_CAPACITY = 50_000

_Connections = dict[tuple[str, str], Connection]
_Mappings = dict[tuple[str, str, str], CustomMapping]


@dataclass(frozen=True, slots=True)
class MemorySnapshot:
    """Everything of one application at one moment."""

    sequence: int
    consumers: dict[str, Consumer]
    order: dict[int, str]
    connections: dict[str, _Connections]
    mappings: dict[str, _Mappings]
    authorizations: dict[tuple[str, tuple[str, str]], int]
    histories: dict[str, dict[str, CallHistory]]
    logbook: Logbook
    secrets: dict[str, tuple[int, Any]]


class MemoryStore:
    """An `ApplicationStore` in this process's memory."""

    def __init__(self, log_capacity: int = LOG_CAPACITY) -> None:
        self._sequence = 0
        self._consumers: dict[str, Consumer] = {}
        self._order: Any = SortedDict()
        self._connections: dict[str, _Connections] = {}
        self._mappings: dict[str, _Mappings] = {}
        self._authorizations: dict[tuple[str, tuple[str, str]], int] = {}
        self._histories: dict[str, dict[str, CallHistory]] = {}
        self._logbook = Logbook(log_capacity)
        self._secrets: dict[str, tuple[int, Any]] = {}
        self._writes = 0
        self._restored_at = 0
        self._revisions: dict[str, int] = {}
        self._activities: dict[str, int] = {}

    # what has changed

    def revision(self, consumer_id: str) -> int:
        """Return a number that changes whenever the consumer's connections or mappings do."""
        return self._revisions.get(consumer_id, self._restored_at)

    def activity(self, consumer_id: str) -> int:
        """Return a number that changes whenever anything of the consumer does, counts included."""
        return self._activities.get(consumer_id, self._restored_at)

    def writes(self) -> int:
        """Return a number that changes whenever anything of the application does."""
        return self._writes

    def _wrote(self, consumer_id: str) -> None:
        self._writes += 1
        self._revisions[consumer_id] = self._activities[consumer_id] = self._writes

    # consumers

    def consumer(self, consumer_id: str) -> Consumer | None:
        """Return the consumer, or None."""
        return self._consumers.get(consumer_id)

    def next_sequence(self) -> int:
        """Return the number under which the next new consumer is listed."""
        self._sequence += 1
        return self._sequence

    def put_consumer(self, consumer: Consumer) -> None:
        """Keep a new or changed consumer."""
        self._wrote(consumer.id)
        self._consumers[consumer.id] = consumer
        self._order[consumer.sequence] = consumer.id

    def consumer_count(self) -> int:
        """Return how many consumers there are."""
        return len(self._consumers)

    def consumers(self, position: Position, limit: int) -> Page[Consumer]:
        """Return a page of consumers, oldest first."""
        order, key = self._order, position.key
        if position.backward:
            below = list(
                islice(order.irange(None, key, inclusive=(True, False), reverse=True), limit + 1)
            )
            more_before, more_after = len(below) > limit, True
            numbers = below[:limit][::-1]
        else:
            above = list(islice(order.irange(key, None, inclusive=(False, True)), limit + 1))
            more_before, more_after = key is not None, len(above) > limit
            numbers = above[:limit]
        return Page(
            items=[self._consumers[order[number]] for number in numbers],
            before=numbers[0] if numbers and more_before else None,
            after=numbers[-1] if numbers and more_after else None,
        )

    def delete_consumer(self, consumer_id: str) -> None:
        """Remove the consumer with connections, mappings, counts and log entries."""
        self._wrote(consumer_id)
        consumer = self._consumers.pop(consumer_id)
        del self._order[consumer.sequence]
        self._connections.pop(consumer_id, None)
        self._mappings.pop(consumer_id, None)
        self._histories.pop(consumer_id, None)
        self._logbook.forget(consumer_id)

    # connections and mappings

    def connection(self, consumer_id: str, key: tuple[str, str]) -> Connection | None:
        """Return the consumer's connection, or None."""
        mine = self._connections.get(consumer_id)
        return mine.get(key) if mine else None

    def connections(self, consumer_id: str) -> Iterable[Connection]:
        """Return the connections that the consumer has added."""
        return self._connections.get(consumer_id, {}).values()

    def put_connection(self, connection: Connection) -> None:
        """Keep a new or changed connection."""
        self._wrote(connection.consumer_id)
        mine = self._connections.get(connection.consumer_id, {})
        self._connections[connection.consumer_id] = {**mine, connection.key: connection}

    def delete_connection(self, consumer_id: str, key: tuple[str, str]) -> None:
        """Remove the connection with its custom mappings."""
        self._wrote(consumer_id)
        mine = dict(self._connections.get(consumer_id, {}))
        mine.pop(key, None)
        self._connections[consumer_id] = mine
        mappings = self._mappings.get(consumer_id)
        if mappings:
            self._mappings[consumer_id] = {
                place: mapping for place, mapping in mappings.items() if place[:2] != key
            }

    def authorizations(self, consumer_id: str, key: tuple[str, str]) -> int:
        """Return how often consent was finished or revoked, deleted connections included."""
        return self._authorizations.get((consumer_id, key), 0)

    def count_authorization(self, consumer_id: str, key: tuple[str, str]) -> None:
        """Count a consent that was finished or revoked."""
        self._wrote(consumer_id)
        self._authorizations[consumer_id, key] = self.authorizations(consumer_id, key) + 1

    def mapping(self, consumer_id: str, key: tuple[str, str, str]) -> CustomMapping | None:
        """Return the consumer's mapping, or None."""
        mine = self._mappings.get(consumer_id)
        return mine.get(key) if mine else None

    def mappings(self, consumer_id: str, key: tuple[str, str]) -> Sequence[CustomMapping]:
        """Return the mappings of one connection of the consumer."""
        mine = self._mappings.get(consumer_id)
        if not mine:
            return ()
        return [mapping for place, mapping in mine.items() if place[:2] == key]

    def put_mapping(self, mapping: CustomMapping) -> None:
        """Keep a new or changed mapping."""
        self._wrote(mapping.consumer_id)
        mine = self._mappings.get(mapping.consumer_id, {})
        self._mappings[mapping.consumer_id] = {**mine, mapping.key: mapping}

    def delete_mapping(self, consumer_id: str, key: tuple[str, str, str]) -> None:
        """Remove a mapping."""
        self._wrote(consumer_id)
        mine = dict(self._mappings.get(consumer_id, {}))
        mine.pop(key, None)
        self._mappings[consumer_id] = mine

    # calls

    def count_call(self, consumer_id: str, kind: str, time: int, calls: int = 1) -> None:
        """Count calls of a kind (unify, proxy, vault) made for the consumer."""
        self._writes += 1
        self._activities[consumer_id] = self._writes
        histories = self._histories.get(consumer_id)
        if histories is None:
            histories = self._histories[consumer_id] = {}
        history = histories.get(kind)
        if history is None:
            history = histories[kind] = CallHistory()
        history.add(time, calls)

    def counts(self, consumer_id: str) -> RequestCounts:
        """Return all calls ever made for the consumer, by kind."""
        histories = self._histories.get(consumer_id)
        if not histories:
            return RequestCounts()
        return RequestCounts(**{kind: history.total for kind, history in histories.items()})

    def counts_between(self, consumer_id: str, start: int, end: int) -> RequestCounts:
        """Return the calls made from `start` to `end`, both included, by kind."""
        histories = self._histories.get(consumer_id, {})
        return RequestCounts(
            **{kind: history.between(start, end) for kind, history in histories.items()}
        )

    def counted_at(self, consumer_id: str) -> int | None:
        """Return when the last call was counted, or None."""
        histories = self._histories.get(consumer_id, {})
        return max((at for h in histories.values() if (at := h.latest) is not None), default=None)

    def log(self, entry: LogEntry) -> None:
        """Keep a log entry as the newest of its consumer."""
        self._logbook.append(entry)

    def logs(
        self, consumer_id: str, wanted: LogsFilter, position: Position, limit: int
    ) -> Page[LogEntry]:
        """Return a page of the consumer's log entries, newest first."""
        return self._logbook.page(consumer_id, wanted, position, limit)

    def evicted_logs(self) -> int:
        """Return how many log entries made room for newer ones."""
        return self._logbook.evicted

    # secrets of a short time

    def put_secret(self, name: str, value: Any, expires_at: int) -> None:
        """Keep a value until it is taken or its time is over; the oldest of 10,000 makes room."""
        self._secrets[name] = (expires_at, value)
        if len(self._secrets) > 10_000:
            del self._secrets[next(iter(self._secrets))]

    def take_secret(self, name: str, now: int) -> Any:
        """Return and forget a value, or None where it is unknown or too old."""
        expires_at, value = self._secrets.pop(name, (0, None))
        return value if now < expires_at else None

    # worlds

    def snapshot(self) -> MemorySnapshot:
        """Return everything as it is now."""
        return MemorySnapshot(
            sequence=self._sequence,
            consumers=self._consumers.copy(),
            order=dict(self._order),
            connections=self._connections.copy(),
            mappings=self._mappings.copy(),
            authorizations=self._authorizations.copy(),
            histories=_copies(self._histories),
            logbook=self._logbook.copy(),
            secrets=self._secrets.copy(),
        )

    def restore(self, snapshot: MemorySnapshot) -> None:
        """Make everything what it was when the snapshot was taken."""
        self._sequence = snapshot.sequence
        self._consumers = snapshot.consumers.copy()
        self._order = SortedDict(snapshot.order)
        self._connections = snapshot.connections.copy()
        self._mappings = snapshot.mappings.copy()
        self._authorizations = snapshot.authorizations.copy()
        self._histories = _copies(snapshot.histories)
        self._logbook = snapshot.logbook.copy()
        self._secrets = snapshot.secrets.copy()
        self._writes += 1
        self._restored_at = self._writes
        self._revisions.clear()
        self._activities.clear()


def _copies(histories: dict[str, dict[str, CallHistory]]) -> dict[str, dict[str, CallHistory]]:
    return {
        consumer_id: {kind: history.copy() for kind, history in kinds.items()}
        for consumer_id, kinds in histories.items()
    }
