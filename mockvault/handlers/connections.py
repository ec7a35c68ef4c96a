"""The operations on a consumer's connections: list, one, add, update, delete, import, token."""

from typing import Any

from mockvault.presenting import connection_answer, connection_found, connections_answer
from mockvault.vault.connections import Held, unknown_defaults
from mockvault.vault.vault import Vault
from mockvault.web.caller import Caller
from mockvault.web.replies import Reply, no_content, ok_text


def connections_all(
    vault: Vault, caller: Caller, *, api: str | None = None, configured: bool | None = None
) -> Reply:
    """List every connector with the consumer's connection to it, sorted by name."""
    return ok_text(
        connections_answer(vault, caller.consumer_id, api, caller.base_url, configured=configured)
    )


def connections_one(vault: Vault, caller: Caller, *, unified_api: str, service_id: str) -> Reply:
    """Show a connection, one that was never added included."""
    consumer_id, base_url = caller.consumer, caller.base_url
    return ok_text(connection_found(vault, consumer_id, unified_api, service_id, base_url))


def connections_add(
    vault: Vault, caller: Caller, *, unified_api: str, service_id: str, body: dict[str, Any]
) -> Reply:
    """Add a connection, or change the one there is."""
    held = vault.connections.save(caller.consumer, unified_api, service_id, body)
    return _shown(vault, caller, held, body)


def connections_update(
    vault: Vault, caller: Caller, *, unified_api: str, service_id: str, body: dict[str, Any]
) -> Reply:
    """Change a connection; one that was never added is added by it."""
    held = vault.connections.save(caller.consumer, unified_api, service_id, body)
    return _shown(vault, caller, held, body)


def connections_delete(vault: Vault, caller: Caller, *, unified_api: str, service_id: str) -> Reply:
    """Delete a connection: its connector is available again."""
    vault.connections.delete(caller.consumer, unified_api, service_id)
    return no_content()


def connections_import(
    vault: Vault, caller: Caller, *, unified_api: str, service_id: str, body: dict[str, Any]
) -> Reply:
    """Add a connection with credentials that were had elsewhere."""
    held = vault.connections.import_(caller.consumer, unified_api, service_id, body)
    return _shown(vault, caller, held)


def connections_token(
    vault: Vault,
    caller: Caller,
    *,
    unified_api: str,
    service_id: str,
    body: dict[str, Any] | None = None,
) -> Reply:
    """Authorize a connection by the client_credentials or password grant."""
    del body
    held = vault.connections.authorize_without_browser(caller.consumer, unified_api, service_id)
    return _shown(vault, caller, held)


def _shown(vault: Vault, caller: Caller, held: Held, body: dict[str, Any] | None = None) -> Reply:
    reply = ok_text(connection_answer(vault, held, caller.consumer_id, caller.base_url))
    if not body:
        return reply
    changes = body.get("configuration")
    unknown = unknown_defaults(held.connector, changes) if changes else ()
    if unknown:
        reply = reply.warning(f"kept, though no setting of the connector: {', '.join(unknown)}")
    if "custom_mappings" in body:
        reply = reply.warning(
            "custom_mappings cannot say which target field they map: use /vault/custom-mappings"
        )
    return reply
