"""What every use case of one application's vault works with: store, catalogue, clock, ids, keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mockvault.catalogue import Catalogue
from mockvault.domain.clock import Clock
from mockvault.domain.connectors import Connector
from mockvault.domain.entities import NOTHING, Application, Connection, made
from mockvault.domain.errors import ConnectorNotFound
from mockvault.domain.events import Cause, ConnectionChange
from mockvault.domain.ids import IdSource, secret_of
from mockvault.domain.states import state_of
from mockvault.domain.timers import Timers
from mockvault.store.base import ApplicationStore

Change = ConnectionChange | str


@dataclass(slots=True)
class Surroundings:
    """The parts that the use cases of one application share.

    `changes` collects what the current call changed, for its log line; `listeners` are told of each
    change to a connection as it happens.
    """

    application: Application
    store: ApplicationStore
    catalogue: Catalogue
    clock: Clock
    ids: IdSource
    seed: int
    changes: list[Change] = field(default_factory=list)
    listeners: list[Callable[[ConnectionChange], None]] = field(default_factory=list)
    timers: Timers = field(default_factory=Timers)

    def key(self, purpose: str) -> bytes:
        """Return the key with which this application signs tokens of one purpose."""
        return secret_of(str(self.seed), self.application.id, purpose)

    def connector(self, unified_api: str, service_id: str) -> Connector:
        """Return the connector; raise ConnectorNotFound where the catalogue has none."""
        connector = self.catalogue.find(unified_api, service_id)
        if connector is None:
            raise ConnectorNotFound(unified_api, service_id)
        return connector

    def keep(
        self,
        connector: Connector,
        before: Connection | None,
        after: Connection,
        cause: Cause = Cause.REQUEST,
        at: int | None = None,
    ) -> Connection:
        """Store a connection and announce how it changed: `at` a time, or now."""
        self.store.put_connection(after)
        self.announce(connector, before, after, cause, at)
        return after

    def announce(
        self,
        connector: Connector,
        before: Connection | None,
        after: Connection | None,
        cause: Cause = Cause.REQUEST,
        at: int | None = None,
    ) -> None:
        """Tell the log line and every listener how a connection changed."""
        state_before = state_of(connector, before)
        if (
            before is not None
            and after is not None
            and after.settings is before.settings
            and after.token is before.token
        ):
            state_after = state_before  # it follows from these two alone
        else:
            state_after = state_of(connector, after)
        at = self.clock.now() if at is None else at
        change = made(ConnectionChange, (before, after, state_before, state_after, at, cause))
        self.changes.append(change)
        for listener in self.listeners:
            listener(change)

    def note(self, change: str) -> None:
        """Tell the log line of a change that is not one of a connection."""
        self.changes.append(change)

    def take_changes(self) -> list[Change]:
        """Return what has changed since this was last asked."""
        if not self.changes:
            return []
        changes, self.changes = self.changes, []
        return changes


def merged(values: Mapping[str, Any], patch: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return `values` with those of `patch`; null removes a key, and null for all of them empties.

    Only the first level is merged: what lies deeper comes back as it was sent, nulls included
    (spec/decisions/0003). Texts that are there already leave the very same values.

    >>> merged({"a": 1, "b": 2}, {"b": None, "c": {"d": None}})
    {'a': 1, 'c': {'d': None}}
    """
    if patch is None:
        return NOTHING
    for key, value in patch.items():
        if type(value) is str:
            if values.get(key) != value:
                break
        elif value is not None or key in values:
            break
    else:
        return values
    result = {**values, **patch}
    if None not in result.values():
        return result
    return {key: value for key, value in result.items() if value is not None} or NOTHING
