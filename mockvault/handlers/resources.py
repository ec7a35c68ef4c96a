"""The operations on a connection's resources: settings, schema, example, custom fields."""

from typing import Any

from mockvault.presenting import custom_field_json, resource_json, resource_settings_json
from mockvault.vault.connections import Held
from mockvault.vault.vault import Vault
from mockvault.web.caller import Caller
from mockvault.web.replies import Reply, ok


def connection_settings_all(
    vault: Vault, caller: Caller, *, unified_api: str, service_id: str, resource: str
) -> Reply:
    """Show the settings of a resource."""
    connector, connection, found = vault.resources.settings(
        caller.consumer, unified_api, service_id, resource
    )
    held = Held(connector, connection)
    return ok(resource_settings_json(vault, held, found, caller.consumer, caller.base_url))


def connection_settings_update(
    vault: Vault,
    caller: Caller,
    *,
    unified_api: str,
    service_id: str,
    resource: str,
    body: dict[str, Any],
) -> Reply:
    """Change the settings of a resource."""
    held, found = vault.resources.change_settings(
        caller.consumer, unified_api, service_id, resource, body
    )
    return ok(resource_settings_json(vault, held, found, caller.consumer, caller.base_url))


def connections_schema(
    vault: Vault, caller: Caller, *, unified_api: str, service_id: str, resource: str
) -> Reply:
    """Show the approximate JSON Schema of the resource's downstream record."""
    del caller
    return ok(vault.resources.schema(unified_api, service_id, resource))


def connections_example(
    vault: Vault, caller: Caller, *, unified_api: str, service_id: str, resource: str
) -> Reply:
    """Show an example of the resource's downstream record."""
    del caller
    connector, found, record = vault.resources.example(unified_api, service_id, resource)
    return ok(
        {
            "unified_api": connector.unified_api,
            "service_id": connector.service_id,
            "resource": resource_json(found),
            "example_response": record,
        }
    )


def custom_fields_all(
    vault: Vault,
    caller: Caller,
    *,
    unified_api: str,
    service_id: str,
    resource: str,
    resource_id: str | None = None,
) -> Reply:
    """List the custom fields that the resource's records have downstream."""
    del resource_id  # the fake downstream's records all have the same custom fields
    fields = vault.resources.custom_fields(caller.consumer, unified_api, service_id, resource)
    return ok([custom_field_json(field) for field in fields])
