"""Resources of a connector as the contract shows them, and the custom fields of their records."""

from typing import Any

from mockvault.domain.connectors import CustomField, Resource

JsonObject = dict[str, Any]


def custom_field_json(field: CustomField) -> JsonObject:
    """Return #/components/schemas/CustomFieldFinder."""
    return {
        "id": field.id,
        "name": field.name,
        "description": field.description,
        "value": field.value,
        "finder": field.finder,
    }


def resource_json(resource: Resource) -> JsonObject:
    """Return #/components/schemas/LinkedConnectorResource."""
    return {
        "id": resource.id,
        "name": resource.name,
        "status": resource.status,
        "downstream_id": resource.downstream_id,
        "downstream_name": resource.downstream_name,
    }
