"""A connection's resources: their settings, the schema of a record, an example, custom fields."""

from collections.abc import Mapping
from typing import Any

from mockvault.domain.connectors import Connector, CustomField, Resource
from mockvault.domain.entities import Connection
from mockvault.domain.errors import ValueRefused
from mockvault.vault.connections import Connections, Held, find_resource
from mockvault.vault.surroundings import Surroundings


class Resources:
    """The resources of one application's connections.

    Each method raises ConnectorNotFound, and EntityNotFound where the connector has no such
    resource; those that need an added connection raise ConnectionNotFound.
    """

    def __init__(self, surroundings: Surroundings, connections: Connections) -> None:
        self._at = surroundings
        self._connections = connections

    def settings(
        self, consumer_id: str, unified_api: str, service_id: str, resource: str
    ) -> tuple[Connector, Connection, Resource]:
        """Return the connection and the resource whose settings are wanted."""
        connector, connection = self._connections.find_added(consumer_id, unified_api, service_id)
        return connector, connection, find_resource(connector, resource)

    def change_settings(
        self,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        resource: str,
        body: Mapping[str, Any],
    ) -> tuple[Held, Resource]:
        """Change the connection by a body in which `configuration` speaks of the resource."""
        _, _, found = self.settings(consumer_id, unified_api, service_id, resource)
        configuration = []
        for index, change in enumerate(body.get("configuration", ())):
            named = change.get("resource", resource)
            if named != resource:
                raise ValueRefused(
                    "body",
                    f"/configuration/{index}/resource",
                    keyword="enum",
                    expected=f"'{resource}', the resource of the path",
                    got=named,
                    rule="#/components/schemas/Connection/properties/configuration/items"
                    "/properties/resource",
                )
            configuration.append({**change, "resource": resource})
        if configuration:
            body = {**body, "configuration": configuration}
        return self._connections.save(consumer_id, unified_api, service_id, body), found

    def schema(self, unified_api: str, service_id: str, resource: str) -> Mapping[str, Any]:
        """Return the approximate JSON Schema of the resource's downstream record."""
        connector = self._at.connector(unified_api, service_id)
        find_resource(connector, resource)
        return self._at.catalogue.schema_of(connector, resource, seed=self._at.seed)

    def example(
        self, unified_api: str, service_id: str, resource: str
    ) -> tuple[Connector, Resource, Mapping[str, Any]]:
        """Return the resource with an example of its downstream record."""
        connector = self._at.connector(unified_api, service_id)
        found = find_resource(connector, resource)
        return (
            connector,
            found,
            self._at.catalogue.example_of(connector, resource, seed=self._at.seed),
        )

    def custom_fields(
        self, consumer_id: str, unified_api: str, service_id: str, resource: str
    ) -> tuple[CustomField, ...]:
        """Return the custom fields that records of the resource have downstream."""
        connector, _, found = self.settings(consumer_id, unified_api, service_id, resource)
        return tuple(self._at.catalogue.custom_fields_of(connector, found.id, seed=self._at.seed))
