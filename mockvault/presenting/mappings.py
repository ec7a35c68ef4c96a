"""Custom mappings as the contract shows them."""

from collections.abc import Mapping
from typing import Any

from mockvault.domain.connectors import Connector, TargetField
from mockvault.domain.entities import CustomMapping
from mockvault.json_text import dumps

JsonObject = dict[str, Any]


def mapping_json(field: TargetField, mapping: CustomMapping | None) -> JsonObject:
    """Return a CustomMapping; one without a value has no consumer either: it is the default."""
    shown: JsonObject = {
        "id": field.id,
        "label": field.label,
        "description": field.description,
        "key": field.key,
        "required": field.required,
        "custom_field": field.custom_field,
        "consumer_id": None if mapping is None else mapping.consumer_id,
    }
    if mapping is not None:
        shown["value"] = mapping.value
    return shown


def mappings_text(connector: Connector, mapped: Mapping[str, CustomMapping]) -> bytes:
    """Return a connection's property that shows every target field, with the mapping it has."""
    shown = [
        mapping_json(field, mapped.get(field_id))
        for field_id, field in connector.target_fields.items()
    ]
    return b',"custom_mappings":' + dumps(shown)
