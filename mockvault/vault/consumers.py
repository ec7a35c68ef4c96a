"""Consumers: added, listed, changed, deleted with all that is theirs, and counted."""

from collections.abc import Mapping
from typing import Any

from mockvault.domain.clock import milliseconds_of
from mockvault.domain.entities import Consumer, RequestCounts
from mockvault.domain.errors import EntityNotFound, ValueRefused
from mockvault.store.base import Page, Position
from mockvault.vault.surroundings import Surroundings, merged


class Consumers:
    """The consumers of one application."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._at = surroundings

    def add(self, consumer_id: str, metadata: Mapping[str, Any]) -> Consumer:
        """Add a consumer; one that exists is updated (the contract speaks of an upsert)."""
        consumer = self._at.store.consumer(consumer_id)
        if consumer is None:
            return self._create(consumer_id, metadata)
        return self._change(consumer, metadata)

    def ensure(self, consumer_id: str) -> Consumer:
        """Return the consumer, added now where it was not known: its first use makes it."""
        return self._at.store.consumer(consumer_id) or self._create(consumer_id, {})

    def find(self, consumer_id: str) -> Consumer:
        """Return the consumer; raise EntityNotFound where there is none."""
        consumer = self._at.store.consumer(consumer_id)
        if consumer is None:
            raise EntityNotFound("consumer", consumer_id)
        return consumer

    def page(self, position: Position, limit: int) -> Page[Consumer]:
        """Return a page of all consumers, in the order in which they were added."""
        return self._at.store.consumers(position, limit)

    def update(self, consumer_id: str, metadata: Mapping[str, Any]) -> Consumer:
        """Merge metadata into the consumer's; raise EntityNotFound where there is none."""
        return self._change(self.find(consumer_id), metadata)

    def delete(self, consumer_id: str) -> None:
        """Remove the consumer with connections, mappings, logs and counts.

        Raises EntityNotFound where there is none. Each of the connections is announced as deleted.
        """
        self.find(consumer_id)
        connections = list(self._at.store.connections(consumer_id))
        self._at.store.delete_consumer(consumer_id)
        for connection in connections:
            connector = self._at.connector(*connection.key)
            self._at.announce(connector, connection, None)
        self._at.note(f"consumer {consumer_id} deleted")

    def counts(self, consumer_id: str) -> RequestCounts:
        """Return how many calls were made for the consumer."""
        return self._at.store.counts(consumer_id)

    def counted_at(self, consumer_id: str) -> int | None:
        """Return when the latest of those calls was made, or None."""
        return self._at.store.counted_at(consumer_id)

    def counts_between(self, consumer_id: str, start: str, end: str) -> RequestCounts:
        """Return how many calls were made from `start` to `end`, both included.

        Raises EntityNotFound for an unknown consumer, ValueRefused where the end is before the
        start or one of them names no time.
        """
        start_at, end_at = (
            _time(text, name) for text, name in ((start, "start_datetime"), (end, "end_datetime"))
        )
        if end_at < start_at:
            raise ValueRefused(
                "query",
                "/end_datetime",
                keyword="range",
                expected=f"not before start_datetime ({start})",
                got=end,
                rule="#/components/parameters/end_datetime",
            )
        self.find(consumer_id)
        return self._at.store.counts_between(consumer_id, start_at, end_at)

    def _create(self, consumer_id: str, metadata: Mapping[str, Any]) -> Consumer:
        now = self._at.clock.now()
        consumer = Consumer(
            consumer_id, self._at.store.next_sequence(), now, now, merged({}, metadata)
        )
        self._at.store.put_consumer(consumer)
        self._at.note(f"consumer {consumer_id} added")
        return consumer

    def _change(self, consumer: Consumer, metadata: Mapping[str, Any]) -> Consumer:
        changed = Consumer(
            consumer.id,
            consumer.sequence,
            consumer.created,
            max(self._at.clock.now(), consumer.modified),
            merged(consumer.metadata, metadata),
        )
        self._at.store.put_consumer(changed)
        self._at.note(f"consumer {consumer.id} updated")
        return changed


def _time(text: str, name: str) -> int:
    try:
        return milliseconds_of(text)
    except ValueError:
        raise ValueRefused(
            "query",
            f"/{name}",
            keyword="format",
            expected="an ISO 8601 date-time, as 2021-05-01T12:00:00.000Z",
            got=text,
            rule=f"#/components/parameters/{name}",
        ) from None
