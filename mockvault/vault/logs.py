"""The record of calls: each counted and logged once, read back newest first."""

from mockvault.domain.entities import LogEntry
from mockvault.store.base import LogsFilter, Page, Position
from mockvault.vault.surroundings import Surroundings


class Logs:
    """The calls made for one application's consumers."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._at = surroundings

    def record(self, entry: LogEntry) -> None:
        """Log a call of a consumer, and count it where the consumer exists."""
        self._at.store.log(entry)
        if self._at.store.consumer(entry.consumer_id) is not None:
            self._at.store.count_call(entry.consumer_id, "vault", entry.timestamp)

    def page(
        self, consumer_id: str, wanted: LogsFilter, position: Position, limit: int
    ) -> Page[LogEntry]:
        """Return a page of the consumer's calls, newest first."""
        return self._at.store.logs(consumer_id, wanted, position, limit)

    @property
    def evicted(self) -> int:
        """How many entries were dropped to keep memory bounded."""
        return self._at.store.evicted_logs()
