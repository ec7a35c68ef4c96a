"""Consumers as the contract shows them, with their connections and their counts."""

from typing import Any

import orjson

from mockvault.domain.clock import iso_time
from mockvault.domain.connectors import Connector
from mockvault.domain.entities import Connection, Consumer, RequestCounts
from mockvault.domain.states import state_of
from mockvault.json_text import dumps
from mockvault.presenting.connectors import alike_of
from mockvault.vault.vault import Vault

JsonObject = dict[str, Any]


def consumer_json(vault: Vault, consumer: Consumer) -> JsonObject:
    """Return a Consumer (#/components/schemas/Consumer) with the connections it has added."""
    return {
        **_consumer(vault, consumer),
        "connections": [
            consumer_connection_json(vault, held.connector, held.connection)
            for held in vault.connections.added(consumer.id)
            if held.connection is not None
        ],
    }


def consumer_item(vault: Vault, consumer: Consumer) -> orjson.Fragment:
    """Return a consumer as lists show it, without its connections; kept until anything changes."""
    stamp = vault.surroundings.store.activity(consumer.id)
    key = ("consumer", consumer.id)
    kept = vault.shown.get(key)
    if kept is not None and kept[0] == stamp:
        item: orjson.Fragment = kept[1]
        return item
    content = dumps(_consumer(vault, consumer))
    item = orjson.Fragment(content)
    vault.shown.keep(key, (stamp, item), len(content))
    return item


def _consumer(vault: Vault, consumer: Consumer) -> JsonObject:
    counts = vault.consumers.counts(consumer.id)
    counted_at = vault.consumers.counted_at(consumer.id)
    shown = {
        "consumer_id": consumer.id,
        "application_id": vault.application.id,
        "metadata": consumer.metadata,
        "services": sorted(
            {
                connection.service_id
                for connection in vault.surroundings.store.connections(consumer.id)
                if connection.enabled
            }
        ),
        "aggregated_request_count": counts.total,
        "request_counts": counts_json(counts),
        "created": iso_time(consumer.created),
        "modified": iso_time(consumer.modified),
    }
    if counted_at is not None:
        shown["request_count_updated"] = iso_time(counted_at)
    return shown


def counts_json(counts: RequestCounts) -> JsonObject:
    """Return #/components/schemas/RequestCountAllocation."""
    return {"unify": counts.unify, "proxy": counts.proxy, "vault": counts.vault}


def consumer_connection_json(
    vault: Vault, connector: Connector, connection: Connection
) -> JsonObject:
    """Return a ConsumerConnection (#/components/schemas/ConsumerConnection), without secrets."""
    updated_at = connection.updated_at
    return {
        "id": f"{vault.application.id}+{connection.consumer_id}",
        "name": connector.name,
        "icon": connector.icon,
        "logo": connector.logo,
        "website": connector.website,
        "tag_line": connector.tag_line,
        "service_id": connector.service_id,
        "unified_api": connector.unified_api,
        "consumer_id": connection.consumer_id,
        "auth_type": connector.auth_type,
        "enabled": connection.enabled,
        "settings": alike_of(connector).plain_settings(connection),
        "metadata": connection.metadata,
        "created_at": iso_time(connection.created_at),
        "updated_at": None if updated_at is None else iso_time(updated_at),
        "state": state_of(connector, connection),
    }
