"""One application's state in memory: an account for each consumer, with an index for each list.

Accounts are values of two ages. Those of the past lie in dictionaries that snapshots and stores
share and nobody changes; one that is written to is copied first, and belongs to this store until
the next snapshot. So a snapshot, a restore and one more application of the same world cost what was
written since, never what there is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockvault.domain.entities import (
    Connection,
    Consumer,
    CustomMapping,
    LogEntry,
    LogRow,
    RequestCounts,
)
from mockvault.domain.history import CallHistory
from mockvault.store.base import LogsFilter, Page, Position
from mockvault.store.logbook import Logbook
from mockvault.store.ordering import Ordering

KINDS = ("unify", "proxy", "vault")
LOG_CAPACITY = 50_000
SECRETS = 10_000
_MANY = 1_024
"""Accounts that a snapshot copies without another thought."""

_ConnectionKey = tuple[str, str]
_MappingKey = tuple[str, str, str]
_NOTHING: Any = {}


class Account:
    """All that belongs to one consumer id: the consumer, where there is one, and what is theirs.

    `owner` is whoever may change it; for all others it is a value. `is_new` tells that there was
    none when the owner's time began; `revision` is 0 until more than a count changes in that time.
    """

    __slots__ = (
        "activity",
        "authorizations",
        "connections",
        "consumer",
        "is_new",
        "mappings",
        "owner",
        "proxy",
        "revision",
        "unify",
        "vault",
    )

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.is_new = True
        self.revision = self.activity = 0
        self.consumer: Consumer | None = None
        self.connections: dict[_ConnectionKey, Connection] = _NOTHING
        self.mappings: dict[_MappingKey, CustomMapping] = _NOTHING
        self.authorizations: dict[_ConnectionKey, int] = _NOTHING
        self.unify: CallHistory | None = None
        self.proxy: CallHistory | None = None
        self.vault: CallHistory | None = None

    def copy(self, owner: object) -> "Account":
        """Return the same account for another owner. What it holds is replaced, never changed."""
        twin = Account(owner)
        twin.is_new = False
        twin.consumer, twin.connections = self.consumer, self.connections
        twin.mappings, twin.authorizations = self.mappings, self.authorizations
        twin.unify = self.unify and self.unify.copy()
        twin.proxy = self.proxy and self.proxy.copy()
        twin.vault = self.vault and self.vault.copy()
        return twin

    def clear(self) -> None:
        """Hold no consumer and nothing of one, but how often consent was given or taken."""
        self.consumer = None
        self.connections, self.mappings = _NOTHING, _NOTHING
        self.unify = self.proxy = self.vault = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known of it."""
        return self.consumer is None and not (
            self.connections
            or self.mappings
            or self.authorizations
            or self.unify
            or self.proxy
            or self.vault
        )

    @property
    def histories(self) -> dict[str, CallHistory]:
        """The calls by their kind, of the kinds that there were any of."""
        pairs = (("unify", self.unify), ("proxy", self.proxy), ("vault", self.vault))
        return {kind: history for kind, history in pairs if history is not None}


@dataclass(frozen=True, slots=True)
class MemorySnapshot:
    """Everything of one application at one moment: `changed` goes before `accounts`."""

    sequence: int
    count: int
    accounts: dict[str, Account]
    changed: dict[str, Account]
    order: Ordering
    logbook: Logbook
    secrets: dict[str, tuple[int, Any]]

    def all(self) -> Iterator[tuple[str, Account]]:
        """Yield every account with its id: consumers as they are listed, then the others by id."""
        listed = self.order.above(-1, self.count)
        for _, consumer_id in listed:
            yield consumer_id, self.changed.get(consumer_id) or self.accounts[consumer_id]
        others = {**self.accounts, **self.changed}
        for consumer_id in sorted(others.keys() - {consumer_id for _, consumer_id in listed}):
            if not others[consumer_id].is_empty:
                yield consumer_id, others[consumer_id]


class MemoryStore:
    """An `ApplicationStore` in this process's memory."""

    def __init__(self, log_capacity: int = LOG_CAPACITY) -> None:
        self._owner = object()
        self._sequence = 0
        self._count = 0
        self._past: dict[str, Account] = {}
        self._accounts: dict[str, Account] = {}
        self._order = Ordering()
        self._log_capacity = log_capacity
        self._logbook = Logbook(log_capacity)
        self._secrets: dict[str, tuple[int, Any]] = {}
        self._writes = 0
        self._since = 0

    def _account(self, consumer_id: str) -> Account | None:
        return self._accounts.get(consumer_id) or self._past.get(consumer_id)

    def _mine(self, consumer_id: str) -> Account:
        """Return the account, to be changed."""
        account = self._accounts.get(consumer_id)
        if account is not None and account.owner is self._owner:
            return account
        if account is None:
            account = self._past.get(consumer_id)
        account = Account(self._owner) if account is None else account.copy(self._owner)
        self._accounts[consumer_id] = account
        return account

    def _wrote(self, consumer_id: str) -> Account:
        """Return the account, to be changed in more than its counts."""
        account = self._accounts.get(consumer_id)
        if account is None or account.owner is not self._owner:
            account = self._mine(consumer_id)
        self._writes += 1
        account.revision = account.activity = self._writes
        return account

    # what has changed

    def revision(self, consumer_id: str) -> int:
        """Return a number that changes whenever the consumer's connections or mappings do."""
        account = self._accounts.get(consumer_id)
        if account is None or account.owner is not self._owner:
            return self._since
        return account.revision or self._since

    def activity(self, consumer_id: str) -> int:
        """Return a number that changes whenever anything of the consumer does, counts included."""
        account = self._accounts.get(consumer_id)
        if account is None or account.owner is not self._owner:
            return self._since
        return account.activity

    def writes(self) -> int:
        """Return a number that changes whenever anything of the application does."""
        return self._writes

    # consumers

    def consumer(self, consumer_id: str) -> Consumer | None:
        """Return the consumer, or None."""
        account = self._accounts.get(consumer_id) or self._past.get(consumer_id)
        return None if account is None else account.consumer

    def next_sequence(self) -> int:
        """Return the number under which the next new consumer is listed."""
        self._sequence += 1
        return self._sequence

    def put_consumer(self, consumer: Consumer) -> None:
        """Keep a new or changed consumer."""
        account = self._wrote(consumer.id)
        before, account.consumer = account.consumer, consumer
        if before is None:
            self._count += 1
        elif before.sequence != consumer.sequence:
            self._order.remove(before.sequence)
        if before is None or before.sequence != consumer.sequence:
            self._order.put(consumer.sequence, consumer.id)

    def consumer_count(self) -> int:
        """Return how many consumers there are."""
        return self._count

    def consumers(self, position: Position, limit: int) -> Page[Consumer]:
        """Return a page of consumers, oldest first."""
        key = position.key
        if position.backward:
            below = self._order.below(key, limit + 1)
            more_before, more_after = len(below) > limit, True
            found = below[:limit][::-1]
        else:
            above = self._order.above(-1 if key is None else key, limit + 1)
            more_before, more_after = key is not None, len(above) > limit
            found = above[:limit]
        consumers = (self.consumer(consumer_id) for _, consumer_id in found)
        return Page(
            items=[consumer for consumer in consumers if consumer is not None],
            before=found[0][0] if found and more_before else None,
            after=found[-1][0] if found and more_after else None,
        )

    def delete_consumer(self, consumer_id: str) -> None:
        """Remove the consumer with connections, mappings, counts and log entries."""
        account = self._wrote(consumer_id)
        assert account.consumer is not None
        self._order.remove(account.consumer.sequence)
        self._count -= 1
        self._logbook.forget(consumer_id)
        account.clear()
        if account.is_new and not account.authorizations:
            del self._accounts[consumer_id]  # it is again as it was when our time began

    # connections and mappings

    def connection(self, consumer_id: str, key: _ConnectionKey) -> Connection | None:
        """Return the consumer's connection, or None."""
        account = self._accounts.get(consumer_id) or self._past.get(consumer_id)
        return None if account is None else account.connections.get(key)

    def connections(self, consumer_id: str) -> Iterable[Connection]:
        """Return the connections that the consumer has added."""
        account = self._account(consumer_id)
        return () if account is None else account.connections.values()

    def put_connection(self, connection: Connection) -> None:
        """Keep a new or changed connection."""
        account = self._wrote(connection.consumer_id)
        key = (connection.unified_api, connection.service_id)
        account.connections = {**account.connections, _KEYS.setdefault(key, key): connection}

    def delete_connection(self, consumer_id: str, key: _ConnectionKey) -> None:
        """Remove the connection with its custom mappings."""
        account = self._wrote(consumer_id)
        account.connections = _without(account.connections, key)
        account.mappings = {
            place: mapping for place, mapping in account.mappings.items() if place[:2] != key
        } or _NOTHING

    def authorizations(self, consumer_id: str, key: _ConnectionKey) -> int:
        """Return how often consent was finished or revoked, deleted connections included."""
        account = self._accounts.get(consumer_id) or self._past.get(consumer_id)
        if account is None or account.authorizations is _NOTHING:
            return 0
        return account.authorizations.get(key, 0)

    def count_authorization(self, consumer_id: str, key: _ConnectionKey) -> None:
        """Count a consent that was finished or revoked."""
        account = self._wrote(consumer_id)
        count = account.authorizations.get(key, 0) + 1
        account.authorizations = {**account.authorizations, _KEYS.setdefault(key, key): count}

    def mapping(self, consumer_id: str, key: _MappingKey) -> CustomMapping | None:
        """Return the consumer's mapping, or None."""
        account = self._account(consumer_id)
        return None if account is None else account.mappings.get(key)

    def mappings(self, consumer_id: str, key: _ConnectionKey) -> Sequence[CustomMapping]:
        """Return the mappings of one connection of the consumer."""
        account = self._accounts.get(consumer_id) or self._past.get(consumer_id)
        if account is None or account.mappings is _NOTHING:
            return ()
        return [mapping for place, mapping in account.mappings.items() if place[:2] == key]

    def put_mapping(self, mapping: CustomMapping) -> None:
        """Keep a new or changed mapping."""
        account = self._wrote(mapping.consumer_id)
        account.mappings = {**account.mappings, mapping.key: mapping}

    def delete_mapping(self, consumer_id: str, key: _MappingKey) -> None:
        """Remove a mapping."""
        account = self._wrote(consumer_id)
        account.mappings = _without(account.mappings, key)

    # calls

    def count_call(self, consumer_id: str, kind: str, time: int, calls: int = 1) -> None:
        """Count calls of a kind (unify, proxy, vault) made for the consumer."""
        account = self._mine(consumer_id)
        self._writes += 1
        account.activity = self._writes
        history: CallHistory | None = getattr(account, kind)
        if history is None:
            history = CallHistory()
            setattr(account, kind, history)
        history.add(time, calls)

    def put_history(self, consumer_id: str, kind: str, history: CallHistory) -> None:
        """Have the calls of a kind be those of a history, which is changed by nobody else."""
        account = self._mine(consumer_id)
        self._writes += 1
        account.activity = self._writes
        setattr(account, kind, history)

    def counts(self, consumer_id: str) -> RequestCounts:
        """Return all calls ever made for the consumer, by kind."""
        account = self._account(consumer_id)
        if account is None:
            return RequestCounts()
        unify, proxy, vault = account.unify, account.proxy, account.vault
        return RequestCounts(
            0 if unify is None else unify.total,
            0 if proxy is None else proxy.total,
            0 if vault is None else vault.total,
        )

    def counts_between(self, consumer_id: str, start: int, end: int) -> RequestCounts:
        """Return the calls made from `start` to `end`, both included, by kind."""
        account = self._account(consumer_id)
        histories = {} if account is None else account.histories
        return RequestCounts(
            **{kind: history.between(start, end) for kind, history in histories.items()}
        )

    def counted_at(self, consumer_id: str) -> int | None:
        """Return when the last call was counted, or None."""
        account = self._account(consumer_id)
        if account is None:
            return None
        latest: int | None = None
        for history in (account.unify, account.proxy, account.vault):
            at = None if history is None else history.latest
            if at is not None and (latest is None or at > latest):
                latest = at
        return latest

    def log(self, entry: LogRow) -> None:
        """Keep a log entry as the newest of its consumer."""
        self._logbook.append(entry)

    def record_call(self, row: LogRow) -> None:
        """Log a call to the vault, and count it where the consumer exists."""
        self._logbook.append(row)
        consumer_id: str = row[1]
        account = self._accounts.get(consumer_id) or self._past.get(consumer_id)
        if account is None or account.consumer is None:
            return
        if account.owner is not self._owner:
            account = self._mine(consumer_id)
        self._writes += 1
        account.activity = self._writes
        history = account.vault
        if history is None:
            history = account.vault = CallHistory()
        history.add(row[2])

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
        if len(self._secrets) > SECRETS:
            del self._secrets[next(iter(self._secrets))]

    def take_secret(self, name: str, now: int) -> Any:
        """Return and forget a value, or None where it is unknown or too old."""
        expires_at, value = self._secrets.pop(name, (0, None))
        return value if now < expires_at else None

    # worlds

    def snapshot(self) -> MemorySnapshot:
        """Return everything as it is now."""
        if not self._past:
            self._past, self._accounts = self._accounts, {}
        elif len(self._accounts) > _MANY and 8 * len(self._accounts) > len(self._past):
            past = {**self._past, **self._accounts}
            for consumer_id in self._accounts:
                if past[consumer_id].is_empty:
                    del past[consumer_id]
            self._past, self._accounts = past, {}
        self._disown()
        return MemorySnapshot(
            sequence=self._sequence,
            count=self._count,
            accounts=self._past,
            changed=self._accounts.copy(),
            order=self._order.copy(),
            logbook=self._logbook.copy(),
            secrets=self._secrets.copy(),
        )

    def restore(self, snapshot: MemorySnapshot) -> None:
        """Make everything what it was when the snapshot was taken."""
        self._disown()
        self._sequence = snapshot.sequence
        self._count = snapshot.count
        self._past = snapshot.accounts
        self._accounts = snapshot.changed.copy()
        self._order = snapshot.order.copy()
        self._logbook = snapshot.logbook.copy()
        self._logbook.keep(self._log_capacity)
        self._secrets = snapshot.secrets.copy()

    def _disown(self) -> None:
        """Change no account that there is: whoever has seen one has seen another from now on."""
        self._owner = object()
        self._writes += 1
        self._since = self._writes


def snapshot_from(
    *,
    sequence: int,
    accounts: Mapping[str, Account],
    logbook: Logbook,
) -> MemorySnapshot:
    """Return the snapshot of a world whose accounts nobody changes any more."""
    order = Ordering()
    count = 0
    for consumer_id, account in accounts.items():
        if account.consumer is not None:
            order.put(account.consumer.sequence, consumer_id)
            count += 1
    return MemorySnapshot(sequence, count, dict(accounts), {}, order, logbook, {})


_KEYS: dict[_ConnectionKey, _ConnectionKey] = {}
"""Each key that connections are kept under, once."""


def _without(values: dict[Any, Any], key: Any) -> dict[Any, Any]:
    rest = dict(values)
    rest.pop(key, None)
    return rest or _NOTHING
