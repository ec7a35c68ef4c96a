"""Custom mappings: which value of a record a consumer's connection maps to a target field."""

from mockvault.domain.connectors import TargetField
from mockvault.domain.entities import CustomMapping
from mockvault.domain.errors import EntityNotFound
from mockvault.vault.connections import Connections
from mockvault.vault.surroundings import Surroundings


class CustomMappings:
    """The custom mappings of one application's consumers.

    Each method raises ConnectorNotFound, ConnectionNotFound where the connection was not added, and
    EntityNotFound where the connector has no such target field, or no value was mapped to it.
    """

    def __init__(self, surroundings: Surroundings, connections: Connections) -> None:
        self._at = surroundings
        self._connections = connections

    def find(
        self, consumer_id: str, unified_api: str, service_id: str, target_field_id: str
    ) -> tuple[TargetField, CustomMapping]:
        """Return a target field and what is mapped to it."""
        field = self._field(consumer_id, unified_api, service_id, target_field_id)
        mapping = self._at.store.mapping(consumer_id, (unified_api, service_id, target_field_id))
        if mapping is None:
            raise EntityNotFound("custom mapping", target_field_id)
        return field, mapping

    def save(
        self, consumer_id: str, unified_api: str, service_id: str, target_field_id: str, value: str
    ) -> tuple[TargetField, CustomMapping]:
        """Map a value to the target field, in place of another if there was one."""
        field = self._field(consumer_id, unified_api, service_id, target_field_id)
        mapping = CustomMapping(consumer_id, unified_api, service_id, target_field_id, value)
        self._at.store.put_mapping(mapping)
        self._at.note(f"mapping {target_field_id} saved")
        return field, mapping

    def update(
        self, consumer_id: str, unified_api: str, service_id: str, target_field_id: str, value: str
    ) -> tuple[TargetField, CustomMapping]:
        """Map another value to a target field that has one."""
        self.find(consumer_id, unified_api, service_id, target_field_id)
        return self.save(consumer_id, unified_api, service_id, target_field_id, value)

    def delete(
        self, consumer_id: str, unified_api: str, service_id: str, target_field_id: str
    ) -> None:
        """Take the value from the target field."""
        _, mapping = self.find(consumer_id, unified_api, service_id, target_field_id)
        self._at.store.delete_mapping(consumer_id, mapping.key)
        self._at.note(f"mapping {target_field_id} deleted")

    def _field(
        self, consumer_id: str, unified_api: str, service_id: str, target_field_id: str
    ) -> TargetField:
        connector, _ = self._connections.find_added(consumer_id, unified_api, service_id)
        field = connector.target_fields.get(target_field_id)
        if field is None:
            raise EntityNotFound("target field", target_field_id)
        return field
