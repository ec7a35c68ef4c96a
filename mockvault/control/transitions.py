"""Transitions made by hand: those that raise an event, and those into any state, by their facts."""

from typing import Any

from mockvault.domain.connectors import Connector
from mockvault.domain.entities import AccessToken, Connection
from mockvault.domain.errors import IllegalStep
from mockvault.domain.events import Cause, EventType
from mockvault.domain.facts import plausible_value, with_facts_of
from mockvault.domain.states import ConnectionState, needs_token, state_of
from mockvault.vault.vault import Vault

TOKEN_SECONDS = 3600
"""Seconds for which a token made by hand is good."""
Place = tuple[str, str, str]

CAUSES = {"revoked": Cause.REVOCATION, "refresh_token_revoked": Cause.REFRESH_FAILURE}
"""Reasons that are causes of their own; any other is told and changes nothing."""


def split_service(service: str) -> tuple[str, str]:
    """Return unified API and service of `crm+salesforce` or `crm/salesforce`."""
    unified_api, _, service_id = service.replace("/", "+", 1).partition("+")
    return unified_api, service_id


def force(  # noqa: PLR0917  a connection, its state and why
    vault: Vault,
    consumer_id: str,
    unified_api: str,
    service_id: str,
    state: ConnectionState,
    cause: Cause = Cause.REQUEST,
) -> ConnectionState:
    """Bring a connection into a state, by the facts that imply it, and return the state.

    Raises ConnectorNotFound, and IllegalStep where no facts lead this connector there.
    """
    connector, before = vault.connections.find(consumer_id, unified_api, service_id)
    if state is ConnectionState.AVAILABLE:
        if before is not None:
            vault.connections.delete(consumer_id, unified_api, service_id)
        return state
    now = vault.now()
    old = before or Connection(consumer_id, unified_api, service_id, created_at=now)
    after = with_facts_of(
        connector, old, state, token=_token(vault, connector), make_value=plausible_value
    )
    vault.consumers.ensure(consumer_id)
    if before is not None:
        if after == before and cause is Cause.REQUEST:
            return state
        after = _touched(vault, after)
    vault.surroundings.keep(connector, before, after, cause)
    return state


def trigger(vault: Vault, event: EventType, consumer_id: str, service: str) -> ConnectionState:
    """Make the transition that raises the event; return the state that it led to.

    A connection that stands where the transition cannot begin is brought there first, which may
    raise events of its own. Raises ConnectorNotFound, and IllegalStep where the connector knows no
    such transition.
    """
    place: Place = (consumer_id, *split_service(service))
    connector, connection = vault.connections.find(*place)
    steps: dict[EventType, Any] = {
        EventType.CREATED: _create,
        EventType.UPDATED: _update,
        EventType.DISABLED: _disable,
        EventType.DELETED: _delete,
        EventType.CALLABLE: _call,
        EventType.REVOKED: _revoke,
        EventType.TOKEN_REFRESH_FAILED: _fail_refresh,
    }
    vault.consumers.ensure(consumer_id)
    steps[event](vault, connector, connection, place)
    return vault.connections.find(*place).state


def _create(
    vault: Vault, connector: Connector, connection: Connection | None, place: Place
) -> None:
    del connector
    if connection is not None:
        vault.connections.delete(*place)
    vault.connections.save(*place, {"enabled": True})


def _update(
    vault: Vault, connector: Connector, connection: Connection | None, place: Place
) -> None:
    if connection is None:
        vault.connections.save(*place, {"enabled": True})
        connection = vault.connections.find(*place).connection
        assert connection is not None
    vault.surroundings.keep(connector, connection, _touched(vault, connection))


def _disable(
    vault: Vault, connector: Connector, connection: Connection | None, place: Place
) -> None:
    del connector
    if connection is None or not connection.enabled:
        vault.connections.save(*place, {"enabled": True})
    vault.connections.save(*place, {"enabled": False})


def _delete(
    vault: Vault, connector: Connector, connection: Connection | None, place: Place
) -> None:
    del connector
    if connection is None:
        vault.connections.save(*place, {"enabled": True})
    vault.connections.delete(*place)


def _call(vault: Vault, connector: Connector, connection: Connection | None, place: Place) -> None:
    if state_of(connector, connection) is ConnectionState.CALLABLE:
        try:
            force(vault, *place, ConnectionState.ADDED)
        except IllegalStep:  # nothing is missing as soon as it is added
            vault.connections.delete(*place)
    force(vault, *place, ConnectionState.CALLABLE)


def _revoke(
    vault: Vault, connector: Connector, connection: Connection | None, place: Place
) -> None:
    connection = _with_token(vault, connector, connection, place)
    after = _touched(vault, connection._replace(token=None))
    vault.surroundings.store.count_authorization(connection.consumer_id, connection.key)
    vault.surroundings.keep(connector, connection, after, Cause.REVOCATION)


def _fail_refresh(
    vault: Vault, connector: Connector, connection: Connection | None, place: Place
) -> None:
    connection = _with_token(vault, connector, connection, place)
    after = _touched(vault, connection._replace(token=None))
    vault.surroundings.keep(connector, connection, after, Cause.REFRESH_FAILURE)


def _with_token(
    vault: Vault, connector: Connector, connection: Connection | None, place: Place
) -> Connection:
    if not needs_token(connector):
        raise IllegalStep(
            f"Connector '{connector.id}' is authorized by {connector.auth_type}: it holds no token"
        )
    if connection is None or connection.token is None:
        force(vault, *place, ConnectionState.CALLABLE)
        connection = vault.connections.find(*place).connection
    assert connection is not None
    return connection


def _token(vault: Vault, connector: Connector) -> AccessToken:
    ids = vault.surroundings.ids
    return AccessToken(
        ids.token("at_"), vault.now(), TOKEN_SECONDS, ids.token("rt_"), connector.provider.scopes
    )


def _touched(vault: Vault, connection: Connection) -> Connection:
    """Return the connection as changed now, later than it was changed before."""
    before = connection.updated_at or connection.created_at
    return connection._replace(updated_at=max(vault.now(), before + 1))
