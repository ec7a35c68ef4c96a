"""What a store must do for one application: the protocol behind which any engine can stand.

Values are immutable, so a store hands out what it holds. A list is answered from an index: no
method looks at more than it returns. `store/memory.py` is the form in memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from mockvault.domain.entities import (
    Connection,
    Consumer,
    CustomMapping,
    LogEntry,
    LogRow,
    RequestCounts,
)
from mockvault.domain.history import CallHistory

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list, with the positions from which its neighbours are read.

    `before` and `after` are None where nothing stands before or after the items.
    """

    items: Sequence[Item]
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: after, or (going back) before, the item at `key`; None is the start."""

    key: int | None = None
    backward: bool = False


START = Position()


@dataclass(frozen=True, slots=True)
class LogsFilter:
    """Which log entries are wanted (contract: #/components/schemas/LogsFilter)."""

    connector_id: str | None = None
    status_code: int | None = None
    exclude_unified_apis: frozenset[str] = frozenset()

    def admits(self, facet: tuple[str, str, int]) -> bool:
        """Tell whether entries of that unified API, connector and status are wanted."""
        unified_api, connector_id, status_code = facet
        return (
            (self.status_code is None or self.status_code == status_code)
            and unified_api not in self.exclude_unified_apis
            and (
                self.connector_id is None
                or self.connector_id == connector_id
                or connector_id.endswith(f"+{self.connector_id}")
            )
        )


class ApplicationStore(Protocol):
    """Everything of one application; nothing of another can be reached through it."""

    # what has changed: an answer made at a revision is good while the revision stands

    def revision(self, consumer_id: str) -> int:
        """Return a number that changes whenever the consumer's connections or mappings do."""
        ...

    def activity(self, consumer_id: str) -> int:
        """Return a number that changes whenever anything of the consumer does, counts included."""
        ...

    def writes(self) -> int:
        """Return a number that changes whenever anything of the application does."""
        ...

    # consumers: listed in the order in which they were made

    def consumer(self, consumer_id: str) -> Consumer | None: ...
    def next_sequence(self) -> int: ...
    def put_consumer(self, consumer: Consumer) -> None: ...
    def consumers(self, position: Position, limit: int) -> Page[Consumer]: ...
    def consumer_count(self) -> int: ...
    def delete_consumer(self, consumer_id: str) -> None:
        """Remove the consumer with all that is theirs."""
        ...

    # connections and mappings of a consumer

    def connection(self, consumer_id: str, key: tuple[str, str]) -> Connection | None: ...
    def connections(self, consumer_id: str) -> Iterable[Connection]: ...
    def put_connection(self, connection: Connection) -> None: ...
    def delete_connection(self, consumer_id: str, key: tuple[str, str]) -> None:
        """Remove the connection with its custom mappings."""
        ...

    def authorizations(self, consumer_id: str, key: tuple[str, str]) -> int:
        """How often consent was finished or revoked; it outlives connection and consumer."""
        ...

    def count_authorization(self, consumer_id: str, key: tuple[str, str]) -> None: ...

    def mapping(self, consumer_id: str, key: tuple[str, str, str]) -> CustomMapping | None: ...
    def mappings(self, consumer_id: str, key: tuple[str, str]) -> Sequence[CustomMapping]: ...
    def put_mapping(self, mapping: CustomMapping) -> None: ...
    def delete_mapping(self, consumer_id: str, key: tuple[str, str, str]) -> None: ...

    # the record of calls

    def count_call(self, consumer_id: str, kind: str, time: int, calls: int = 1) -> None: ...
    def put_history(self, consumer_id: str, kind: str, history: CallHistory) -> None:
        """Have the calls of a kind be those of a history, which is changed by nobody else."""
        ...

    def counts(self, consumer_id: str) -> RequestCounts: ...
    def counts_between(self, consumer_id: str, start: int, end: int) -> RequestCounts: ...
    def counted_at(self, consumer_id: str) -> int | None: ...
    def log(self, entry: LogRow) -> None: ...
    def record_call(self, row: LogRow) -> None:
        """Log a call to the vault, and count it where the consumer exists."""
        ...

    def logs(
        self, consumer_id: str, wanted: LogsFilter, position: Position, limit: int
    ) -> Page[LogEntry]:
        """Return entries of a consumer, newest first."""
        ...

    def evicted_logs(self) -> int:
        """How many entries were dropped, oldest first, to keep memory bounded."""
        ...

    # what is known for a short time, by an unguessable name: OAuth flows and codes

    def put_secret(self, name: str, value: Any, expires_at: int) -> None: ...
    def take_secret(self, name: str, now: int) -> Any:
        """Return and forget the value, or None where it is unknown or its time is over."""
        ...

    # worlds

    def snapshot(self) -> Any: ...
    def restore(self, snapshot: Any) -> None: ...
