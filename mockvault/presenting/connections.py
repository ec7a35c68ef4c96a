"""Connections as the contract shows them: texts that are joined of parts, and kept."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson

from mockvault.domain.connectors import Connector, FormField, Resource
from mockvault.domain.entities import Connection
from mockvault.domain.states import ConnectionState, IntegrationState, state_of
from mockvault.json_text import dumps
from mockvault.presenting.connectors import Alike, alike_of, form_field_json, form_fields_text
from mockvault.presenting.mappings import mapping_json
from mockvault.vault.authorization import STATE_STEP
from mockvault.vault.connections import Held
from mockvault.vault.exchange import due_at
from mockvault.vault.kept import Parts, Text
from mockvault.vault.vault import Vault

JsonObject = dict[str, Any]


_TEXT_BY_STATE = {state: dumps(state) for state in ConnectionState}
_TEXT_BY_INTEGRATION: dict[str, bytes] = {state: dumps(state) for state in IntegrationState}
ENVELOPE = b'{"status_code":200,"status":"OK","data":%b}'
"""What data is answered in."""


def connection_json(vault: Vault, held: Held, consumer_id: str | None, base_url: str) -> JsonObject:
    """Return a Connection (#/components/schemas/Connection) as an object."""
    shown = orjson.loads(connection_answer(vault, held, consumer_id, base_url).content)
    found: JsonObject = shown["data"]
    return found


def connection_found(
    vault: Vault, consumer_id: str, unified_api: str, service_id: str, base_url: str
) -> Text:
    """Return the answer that shows a consumer's Connection as it stands; raise ConnectorNotFound.

    While nothing of the consumer changes, and no token ends, it is the answer that is kept.
    """
    kept = vault.shown.get((consumer_id, unified_api, service_id, base_url))
    if kept is not None:
        (revision, since, until, _), text = kept
        surroundings = vault.surroundings
        if revision == surroundings.store.revision(consumer_id) and (
            since <= surroundings.clock.now() < until
        ):
            found: Text = text
            return found
    held = vault.connections.find(consumer_id, unified_api, service_id)
    return connection_answer(vault, held, consumer_id, base_url)


def connection_answer(vault: Vault, held: Held, consumer_id: str | None, base_url: str) -> Text:
    """Return the answer that shows a Connection, kept until the consumer's connections change.

    One that was never added lacks settings, metadata, configuration, custom_mappings and the
    timestamps, as recorded from the real API; `updated_at` appears with the first change. Its
    pictures are drawn by the mock, where the fixture has none of its own (spec/decisions/0304).
    """
    connector, connection = held
    revision = 0 if consumer_id is None else vault.surroundings.store.revision(consumer_id)
    moment = vault.authorization.moment()
    key = (consumer_id, connector.unified_api, connector.service_id, base_url)
    kept = vault.shown.get(key)
    if kept is not None:
        stamp, text = kept
        if stamp[3] is connection and stamp[0] == revision and stamp[1] == moment:
            found: Text = text
            return found
    parts = _connection_parts(vault, held, consumer_id, base_url, moment)
    text = Text(ENVELOPE % b"".join(parts))
    if vault.shown.keeps_parts:
        text.parts = parts
    until = moment + STATE_STEP
    if connection is not None and connection.token is not None:
        until = min(until, due_at(connection.token))
    vault.shown.keep(key, (revision, moment, until, connection), text, len(text.content))
    return text


def connections_answer(
    vault: Vault,
    consumer_id: str | None,
    unified_api: str | None,
    base_url: str,
    *,
    configured: bool | None,
) -> Text:
    """Return the answer that lists a consumer's connections, kept until they change."""
    revision = 0
    if consumer_id is not None:
        vault.connections.see_to_tokens(consumer_id)
        revision = vault.surroundings.store.revision(consumer_id)
    moment = vault.authorization.moment()
    stamp = (revision, moment)
    key = (consumer_id, unified_api, base_url, configured)
    kept = vault.shown.get(key)
    if kept is not None and kept[0] == stamp:
        found: Text = kept[1]
        return found
    each = (
        b"".join(_connection_parts(vault, held, consumer_id, base_url, moment))
        for held in vault.connections.of_consumer(consumer_id, unified_api, configured=configured)
    )
    text = Text(ENVELOPE % (b"[%b]" % b",".join(each)))
    vault.shown.keep(key, stamp, text, len(text.content))
    return text


def _connection_parts(
    vault: Vault, held: Held, consumer_id: str | None, base_url: str, moment: int
) -> Parts:
    """Return a Connection as the texts that it is joined from: `beginning`, names and values."""
    connector, connection = held
    alike = alike_of(connector)
    integration = vault.application.integrations.get(
        connector.service_id, IntegrationState.CONFIGURED
    )
    if alike.picture is None:
        icon, logo = orjson.dumps(connector.icon), orjson.dumps(connector.logo)
    else:
        icon = logo = _text_of(base_url, alike.picture)
    parts = [
        alike.beginning,
        b',"state":',
        _TEXT_BY_STATE[state_of(connector, connection)],
        b',"integration_state":',
        _TEXT_BY_INTEGRATION.get(integration) or dumps(integration),
        b',"enabled":',
        b"true" if connection is not None and connection.enabled else b"false",
        b',"form_fields":',
        form_fields_text(alike, connection),
        b',"icon":',
        icon,
        b',"logo":',
        logo,
    ]
    if connector.oauth_grant_type is not None:
        authorize, revoke = _urls(vault, held, consumer_id, base_url, moment)
        parts += (b',"authorize_url":', authorize, b',"revoke_url":', revoke)
    else:
        parts += (b',"revoke_url":', b"null")
    if connection is not None:
        configuration = b"[]"
        if connection.configuration:
            configuration = dumps(
                [
                    {"resource": resource, "defaults": _defaults(connector, resource, values)}
                    for resource, values in connection.configuration.items()
                ]
            )
        parts += (
            b',"settings":',
            dumps(alike.plain_settings(connection)) if connection.settings else b"{}",
            b',"metadata":',
            dumps(connection.metadata) if connection.metadata else b"{}",
            b',"configuration":',
            configuration,
            b',"custom_mappings":',
            _mappings(vault, alike, connection),
            b',"created_at":',
            b"%d" % connection.created_at,
        )
        if connection.updated_at is not None:
            parts += (b',"updated_at":', b"%d" % connection.updated_at)
    parts.append(b"}")
    return parts


def resource_settings_json(
    vault: Vault, held: Held, resource: Resource, consumer_id: str, base_url: str
) -> JsonObject:
    """Return a Connection whose `configuration` is the resource's fields, flat, with their values.

    That is what the vault's own user interface reads; each is also a valid item of the contract's
    `configuration`, for it names its resource and its default (spec/decisions/0005).
    """
    shown = connection_json(vault, held, consumer_id, base_url)
    values = held.connection.configuration.get(resource.id, {}) if held.connection else {}
    shown["configuration"] = [
        {
            **form_field_json(form_field, values.get(form_field.id, form_field.default_value)),
            "target": form_field.target or "resource",
            "resource": resource.id,
            "defaults": (
                [_default(form_field, values[form_field.id])] if form_field.id in values else []
            ),
        }
        for form_field in resource.configuration
    ]
    return shown


@lru_cache(maxsize=1024)
def _text_of(base_url: str, path: str) -> bytes:
    return orjson.dumps(base_url + path)


@lru_cache(maxsize=512)
def _url_texts(
    base_url: str, service_id: str, application_id: str, state: str
) -> tuple[bytes, bytes]:
    place = f"{service_id}/{quote(application_id, safe='')}?state={state}"
    return (
        orjson.dumps(f"{base_url}/vault/authorize/{place}"),
        orjson.dumps(f"{base_url}/vault/revoke/{place}"),
    )


def _urls(
    vault: Vault, held: Held, consumer_id: str | None, base_url: str, moment: int
) -> tuple[bytes, bytes]:
    """Return authorize_url and revoke_url as JSON texts: each null while it would lead nowhere."""
    authorization = vault.authorization
    connector, connection = held
    if consumer_id is None or not authorization.can_authorize(connector, connection):
        return b"null", b"null"
    state = authorization.state_for(consumer_id, connector, moment)
    authorize, revoke = _url_texts(base_url, connector.service_id, vault.application.id, state)
    return authorize, revoke if authorization.can_revoke(connector, connection) else b"null"


def _defaults(
    connector: Connector, resource_id: str, values: Mapping[str, Any]
) -> list[JsonObject]:
    """Return what was chosen for the settings of a resource; one of nobody's is a custom field."""
    resource = connector.resources.get(resource_id)
    fields = {field.id: field for field in resource.configuration} if resource else {}
    return [
        _default(fields[field_id], value)
        if field_id in fields
        else {"id": field_id, "target": "custom_fields", "value": value}
        for field_id, value in values.items()
    ]


def _default(form_field: FormField, value: Any) -> JsonObject:
    default = {
        "id": form_field.id,
        "target": form_field.target or "resource",
        "value": value,
    }
    if form_field.options:
        default["options"] = list(form_field.options)
    return default


def _mappings(vault: Vault, alike: Alike, connection: Connection) -> bytes:
    mappings = vault.surroundings.store.mappings(connection.consumer_id, connection.key)
    if not mappings:
        return alike.unmapped
    mapped = {mapping.target_field_id: mapping for mapping in mappings}
    return dumps(
        [
            mapping_json(field, mapped.get(field_id))
            for field_id, field in alike.connector.target_fields.items()
        ]
    )
