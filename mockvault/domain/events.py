"""What the vault announces: a change to a connection, and the events that each change raises."""

from enum import StrEnum
from typing import NamedTuple

from mockvault.domain.entities import Connection
from mockvault.domain.states import ConnectionState


class EventType(StrEnum):
    """The seven events of the contract's `x-webhooks` (#/components/schemas/VaultEventType)."""

    CREATED = "vault.connection.created"
    UPDATED = "vault.connection.updated"
    DISABLED = "vault.connection.disabled"
    DELETED = "vault.connection.deleted"
    CALLABLE = "vault.connection.callable"
    REVOKED = "vault.connection.revoked"
    TOKEN_REFRESH_FAILED = "vault.connection.token_refresh.failed"  # noqa: S105  an event's name


class Cause(StrEnum):
    """Why a connection changed, where the facts before and after do not tell."""

    REQUEST = "request"
    REVOCATION = "revocation"
    REFRESH_FAILURE = "refresh failure"


_REQUEST, _UPDATED = Cause.REQUEST, (EventType.UPDATED,)
_BY_CAUSE = {
    Cause.REVOCATION: (EventType.REVOKED,),
    Cause.REFRESH_FAILURE: (EventType.TOKEN_REFRESH_FAILED,),
}


class ConnectionChange(NamedTuple):
    """One connection before and after one step; None is one that the consumer does not have.

    A tuple, for each write makes one, and a tuple is made in a quarter of the time.
    """

    before: Connection | None
    after: Connection | None
    state_before: ConnectionState
    state_after: ConnectionState
    occurred_at: int
    cause: Cause = Cause.REQUEST

    @property
    def connection(self) -> Connection:
        """The connection of which this tells: as it is, or as it last was."""
        connection = self.after or self.before
        assert connection is not None
        return connection

    def __str__(self) -> str:
        """Say the change as a log line does: `crm+salesforce added -> callable`."""
        if self.state_before is self.state_after:
            return f"{self.connection.id} {self.state_after}"
        return f"{self.connection.id} {self.state_before} -> {self.state_after}"


def events_of(change: ConnectionChange) -> tuple[EventType, ...]:
    """Return the events that a change raises, in order.

    The order of `updated` before `callable` is inferred (spec/decisions/0006); what each event
    means is the contract's.
    """
    before, after, state_before, state_after, _, cause = change
    if after is None:
        return (EventType.DELETED,)
    if cause is not _REQUEST:
        return _BY_CAUSE[cause]
    events: tuple[EventType, ...]
    if before is None:
        events = (EventType.CREATED,)
    elif before.enabled and not after.enabled:
        events = (EventType.DISABLED,)
    elif before.updated_at == after.updated_at and before == after:
        events = ()
    else:
        events = _UPDATED
    if state_after is state_before or state_after is not ConnectionState.CALLABLE:
        return events
    return (*events, EventType.CALLABLE)
