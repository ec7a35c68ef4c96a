"""Custom mappings as the contract shows them."""

from typing import Any

from mockvault.domain.connectors import TargetField
from mockvault.domain.entities import CustomMapping

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
