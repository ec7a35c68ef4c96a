"""Connections: listed, added, changed, deleted, imported, and authorized without a browser."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mockvault.domain.clock import milliseconds_of
from mockvault.domain.connectors import Connector, Resource
from mockvault.domain.entities import NOTHING, AccessToken, Connection, made
from mockvault.domain.errors import (
    ConnectionNotFound,
    EntityNotFound,
    IllegalStep,
)
from mockvault.domain.events import Cause
from mockvault.domain.states import (
    ConnectionState,
    missing_settings,
    needs_token,
    state_of,
)
from mockvault.vault.exchange import GRANTS_WITHOUT_BROWSER, Exchange
from mockvault.vault.surroundings import Surroundings, merged


class Held(NamedTuple):
    """A connector, and the consumer's connection to it, or None where it was never added."""

    connector: Connector
    connection: Connection | None

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return state_of(self.connector, self.connection)


class Connections:
    """The connections of one application's consumers.

    Whatever hands one out first sees to its token: one with less than 30 seconds left is refreshed,
    and where that fails it is dropped and told.
    """

    def __init__(self, surroundings: Surroundings, exchange: Exchange) -> None:
        self._at = surroundings
        self._exchange = exchange

    def of_consumer(
        self,
        consumer_id: str | None,
        unified_api: str | None = None,
        *,
        configured: bool | None = None,
    ) -> Iterator[Held]:
        """Yield every connector with the consumer's connection to it, sorted by name.

        `configured` keeps those that the consumer has added, or those that it has not
        (spec/decisions/0004).
        """
        catalogue = self._at.catalogue
        connectors = catalogue.all if unified_api is None else catalogue.of_api(unified_api)
        mine = (
            {connection.key: connection for connection in self._at.store.connections(consumer_id)}
            if consumer_id is not None
            else {}
        )
        for connector in connectors:
            connection = mine.get((connector.unified_api, connector.service_id))
            if configured is None or configured is (connection is not None):
                yield Held(connector, self._current(connector, connection))

    def added(self, consumer_id: str) -> Iterator[Held]:
        """Yield the connections that the consumer has added, in the order of their adding."""
        for connection in tuple(self._at.store.connections(consumer_id)):
            connector = self._at.connector(*connection.key)
            yield Held(connector, self._current(connector, connection))

    def see_to_tokens(self, consumer_id: str) -> None:
        """Refresh, or drop, each token of the consumer that is about to end."""
        for _ in self.added(consumer_id):
            pass

    def find(self, consumer_id: str, unified_api: str, service_id: str) -> Held:
        """Return the connector and the connection, if any; raise ConnectorNotFound."""
        connector = self._at.connector(unified_api, service_id)
        connection = self._at.store.connection(consumer_id, (unified_api, service_id))
        token = None if connection is None else connection.token
        if token is not None and token.expires_in is not None:
            connection = self._current(connector, connection)
        return made(Held, (connector, connection))

    def find_added(
        self, consumer_id: str, unified_api: str, service_id: str
    ) -> tuple[Connector, Connection]:
        """Return a connection that was added.

        Raises ConnectorNotFound, or ConnectionNotFound where the consumer has not added it.
        """
        connector, connection = self.find(consumer_id, unified_api, service_id)
        if connection is None:
            raise ConnectionNotFound(consumer_id, connector.id)
        return connector, connection

    def save(
        self, consumer_id: str, unified_api: str, service_id: str, body: Mapping[str, Any]
    ) -> Held:
        """Add the connection, or change the one there is, by what the body says.

        Raises ConnectorNotFound; EntityNotFound for a configuration that names no resource of the
        connector.
        """
        connector, before = self.find(consumer_id, unified_api, service_id)
        now = self._at.clock.now()
        after = self._changed(connector, before, consumer_id, body, now)
        return made(Held, (connector, self._at.keep(connector, before, after, at=now)))

    def delete(self, consumer_id: str, unified_api: str, service_id: str) -> None:
        """Drop what is stored; the connector is available again.

        Raises ConnectorNotFound, ConnectionNotFound.
        """
        connector, connection = self.find_added(consumer_id, unified_api, service_id)
        self._at.store.delete_connection(consumer_id, connection.key)
        self._at.announce(connector, connection, None)

    def import_(
        self, consumer_id: str, unified_api: str, service_id: str, body: Mapping[str, Any]
    ) -> Held:
        """Add or change a connection with credentials that were had elsewhere.

        A token without its time, or past it, is refreshed when the connection is next looked at,
        where a refresh token came along.
        Raises ConnectorNotFound; IllegalStep for credentials that the connector has no use for.
        """
        connector, before = self.find(consumer_id, unified_api, service_id)
        credentials = body.get("credentials") or {}
        if credentials and not needs_token(connector):
            raise IllegalStep(
                f"Connector '{service_id}' is authorized by {connector.auth_type}: "
                "import its credentials through settings"
            )
        patch = {key: body[key] for key in ("settings", "metadata") if key in body}
        now = self._at.clock.now()
        after = self._changed(connector, before, consumer_id, patch, now)
        token = _imported_token(credentials, now)
        if token is not None:
            after = after._replace(token=token)
        return Held(connector, self._at.keep(connector, before, after, at=now))

    def authorize_without_browser(
        self, consumer_id: str, unified_api: str, service_id: str
    ) -> Held:
        """Ask the fake provider for a token by the client_credentials or password grant.

        Raises ConnectorNotFound, ConnectionNotFound; IllegalStep where the connector has another
        grant or settings are missing; CredentialsRefused where the provider refuses them.
        """
        connector, before = self.find_added(consumer_id, unified_api, service_id)
        if connector.oauth_grant_type not in GRANTS_WITHOUT_BROWSER:
            raise IllegalStep(
                f"Connection '{connector.id}' is not authorized by client_credentials or password"
            )
        missing = [form_field.id for form_field in missing_settings(connector, before)]
        if missing:
            raise IllegalStep(f"Save these settings before the token: {', '.join(missing)}")
        token = self._exchange.by_credentials(connector, before)
        after = before._replace(token=token, updated_at=self._at.clock.now())
        return Held(connector, self._at.keep(connector, before, after))

    def _current(self, connector: Connector, connection: Connection | None) -> Connection | None:
        """Return the connection with a token that is still good, or with none."""
        if connection is None or connection.token is None:
            return connection
        if not self._exchange.is_due(connection.token):
            return connection
        fresh = self._exchange.refreshed(connector, connection)
        after = connection._replace(token=fresh)
        if fresh is None:
            after = after._replace(updated_at=self._at.clock.now())
            return self._at.keep(connector, connection, after, Cause.REFRESH_FAILURE)
        self._at.store.put_connection(after)
        self._at.note(f"{connection.id} token refreshed")
        return after

    def _changed(
        self,
        connector: Connector,
        before: Connection | None,
        consumer_id: str,
        body: Mapping[str, Any],
        now: int,
    ) -> Connection:
        """Return the connection as the body makes it; nothing is stored yet."""
        old = before or Connection(
            consumer_id, connector.unified_api, connector.service_id, created_at=now
        )
        owner, _, _, created_at, updated_at, enabled, settings, metadata, token, configuration = old
        changes = body.get("configuration")
        if changes:
            configuration = _configured(connector, configuration, changes)
        return made(
            Connection,
            (
                owner,
                connector.unified_api,
                connector.service_id,
                created_at,
                None if before is None else max(now, updated_at or created_at),
                body.get("enabled", enabled),
                merged(settings, body.get("settings", NOTHING)),
                merged(metadata, body.get("metadata", NOTHING)),
                token,
                configuration,
            ),
        )


def _imported_token(credentials: Mapping[str, Any], now: int) -> AccessToken | None:
    access_token = credentials.get("access_token")
    refresh_token = credentials.get("refresh_token")
    issued_at, expires_in = credentials.get("issued_at"), credentials.get("expires_in")
    if access_token is None and refresh_token is None:
        return None
    issued = now if issued_at is None else milliseconds_of(issued_at)
    is_due = (
        access_token is None
        or issued_at is None
        or expires_in is None
        or issued + expires_in * 1000 <= now
    )
    if access_token is None or (refresh_token is not None and is_due):
        return AccessToken(access_token or "", now, 0, refresh_token)
    return AccessToken(access_token, issued, expires_in, refresh_token)


def _configured(
    connector: Connector,
    configuration: Mapping[str, Mapping[str, Any]],
    changes: Sequence[Mapping[str, Any]],
) -> Mapping[str, Mapping[str, Any]]:
    """Return the resources' settings with those of a body's `configuration`."""
    result = dict(configuration)
    for change in changes:
        resource = find_resource(connector, change.get("resource", ""))
        given = {
            str(default.get("id", "")): default["value"]
            for default in change.get("defaults", ())
            if "value" in default
        }
        result[resource.id] = {**result.get(resource.id, {}), **given}
    return result


def unknown_defaults(connector: Connector, changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the defaults of a body's `configuration` that are no setting of their resource.

    They are kept all the same: a downstream account may have any custom field.
    """
    return [
        f"{resource.id}.{field_id}"
        for change in changes
        if (resource := connector.resources.get(change.get("resource", ""))) is not None
        for default in change.get("defaults", ())
        if (field_id := default.get("id", "")) not in {field.id for field in resource.configuration}
    ]


def find_resource(connector: Connector, resource: str) -> Resource:
    """Return a resource of the connector; raise EntityNotFound where it has none of that name."""
    found = connector.resources.get(resource)
    if found is None:
        raise EntityNotFound("resource", resource)
    return found
