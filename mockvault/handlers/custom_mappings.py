"""The operations on custom mappings: one, add, update, delete."""

from typing import Any

from mockvault.presenting import mapping_json
from mockvault.vault.vault import Vault
from mockvault.web.caller import Caller
from mockvault.web.replies import Reply, no_content, ok


def custom_mappings_one(
    vault: Vault, caller: Caller, *, unified_api: str, service_id: str, target_field_id: str
) -> Reply:
    """Show what a target field is mapped to."""
    found = vault.custom_mappings.find(caller.consumer, unified_api, service_id, target_field_id)
    return ok(mapping_json(*found))


def custom_mappings_add(
    vault: Vault,
    caller: Caller,
    *,
    unified_api: str,
    service_id: str,
    target_field_id: str,
    body: dict[str, Any],
) -> Reply:
    """Map a value to a target field."""
    saved = vault.custom_mappings.save(
        caller.consumer, unified_api, service_id, target_field_id, body["value"]
    )
    return ok(mapping_json(*saved))


def custom_mappings_update(
    vault: Vault,
    caller: Caller,
    *,
    unified_api: str,
    service_id: str,
    target_field_id: str,
    body: dict[str, Any],
) -> Reply:
    """Map another value to a target field."""
    saved = vault.custom_mappings.update(
        caller.consumer, unified_api, service_id, target_field_id, body["value"]
    )
    return ok(mapping_json(*saved))


def custom_mappings_delete(
    vault: Vault, caller: Caller, *, unified_api: str, service_id: str, target_field_id: str
) -> Reply:
    """Take the value from a target field."""
    vault.custom_mappings.delete(caller.consumer, unified_api, service_id, target_field_id)
    return no_content()
