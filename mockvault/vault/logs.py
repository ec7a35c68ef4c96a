"""The record of calls: each counted and logged once, read back newest first."""

from collections.abc import Callable

from mockvault.domain.entities import LogEntry, LogRow
from mockvault.store.base import LogsFilter, Page, Position
from mockvault.vault.surroundings import Surroundings


class Logs:
    """The calls made for one application's consumers."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._at = surroundings
        self.record: Callable[[LogRow], None] = surroundings.store.record_call
        """Logs a call of a consumer, and counts it where the consumer exists."""

    def page(
        self, consumer_id: str, wanted: LogsFilter, position: Position, limit: int
    ) -> Page[LogEntry]:
        """Return a page of the consumer's calls, newest first."""
        return self._at.store.logs(consumer_id, wanted, position, limit)

    @property
    def evicted(self) -> int:
        """How many entries were dropped to keep memory bounded."""
        return self._at.store.evicted_logs()
