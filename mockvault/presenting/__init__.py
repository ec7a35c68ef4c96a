"""How the contract shows what a vault holds: entities as the JSON objects of its schemas."""

from mockvault.presenting.connections import (
    connection_answer,
    connection_found,
    connection_json,
    connections_answer,
    resource_settings_json,
)
from mockvault.presenting.consumers import (
    consumer_connection_json,
    consumer_item,
    consumer_json,
    counts_json,
)
from mockvault.presenting.logs import log_json
from mockvault.presenting.mappings import mapping_json
from mockvault.presenting.resources import custom_field_json, resource_json

__all__ = [
    "connection_answer",
    "connection_found",
    "connection_json",
    "connections_answer",
    "consumer_connection_json",
    "consumer_item",
    "consumer_json",
    "counts_json",
    "custom_field_json",
    "log_json",
    "mapping_json",
    "resource_json",
    "resource_settings_json",
]
