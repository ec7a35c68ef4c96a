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
from mockvault.presenting.mappings import mappings_text
from mockvault.vault.authorization import STATE_STEP
from mockvault.vault.connections import Held
from mockvault.vault.exchange import due_at
from mockvault.vault.kept import Parts, Text
from mockvault.vault.vault import Vault

JsonObject = dict[str, Any]


_TEXT_BY_STATE = {state: b',"state":' + dumps(state) for state in ConnectionState}
_TEXT_BY_INTEGRATION: dict[str, bytes] = {
    state: b',"integration_state":' + dumps(state) for state in IntegrationState
}
_ENABLED, _NOT_ENABLED = b',"enabled":true', b',"enabled":false'
_END = b"}"
_NO_SETTINGS, _NO_METADATA = b',"settings":{}', b',"metadata":{}'
_NO_CONFIGURATION = b',"configuration":[]'
_NOWHERE = b',"authorize_url":null', b',"revoke_url":null'
ENVELOPE = b'{"status_code":200,"status":"OK","data":%b}'
"""What data is answered in."""


def connection_json(vault: Vault, held: Held, consumer_id: str | None, base_url: str) -> JsonObject:
    """Return a Connection (#/components/schemas/Connection) as an object."""
    shown = orjson.loads(connection_answer(vault, held, consumer_id, base_url).content)
    found: JsonObject = shown["data"]
    return found


_Shown = tuple[int, int, int, Connection | None, int, bytes, Text]
"""A Connection as it was shown: the revision it is of, from when until when that is right, the
connection itself, how often consent had been given or taken, its beginning, and the whole.
"""


def connection_found(
    vault: Vault, consumer_id: str, unified_api: str, service_id: str, base_url: str
) -> Text:
    """Return the answer that shows a consumer's Connection as it stands; raise ConnectorNotFound.

    While nothing of the consumer changes, and no token ends, it is the answer that is kept.
    """
    kept: _Shown | None = vault.shown.get((consumer_id, unified_api, service_id, base_url))
    if kept is not None:
        revision, moment, until, _, _, _, text = kept
        surroundings = vault.surroundings
        if revision == surroundings.store.revision(consumer_id) and (
            moment <= surroundings.clock.now() < until
        ):
            return text
    held = vault.connections.find(consumer_id, unified_api, service_id)
    return connection_answer(vault, held, consumer_id, base_url)


def connection_answer(vault: Vault, held: Held, consumer_id: str | None, base_url: str) -> Text:
    """Return the answer that shows a Connection, kept until the consumer's connections change.

    One that was never added lacks settings, metadata, configuration, custom_mappings and the
    timestamps, as recorded from the real API; `updated_at` appears with the first change. Its
    pictures are drawn by the mock, where the fixture has none of its own (spec/decisions/0304).
    """
    connector, connection = held
    unified_api, service_id = connector.unified_api, connector.service_id
    revision = generation = 0
    if consumer_id is not None:
        store = vault.surroundings.store
        revision = store.revision(consumer_id)
        generation = store.authorizations(consumer_id, (unified_api, service_id))
    moment = vault.authorization.moment()
    key = (consumer_id, unified_api, service_id, base_url)
    kept: _Shown | None = vault.shown.get(key)
    standing = None
    if kept is not None and kept[1] == moment:
        was = kept[3]
        if was is connection and kept[0] == revision:
            return kept[6]
        if (
            was is not None
            and connection is not None
            and was.settings is connection.settings
            and was.token is connection.token
            and kept[4] == generation
        ):
            standing = kept[5]
    if standing is None:
        standing = _standing(vault, held, consumer_id, base_url, moment)
    parts = _parts(vault, held, standing)
    text = Text(ENVELOPE % b"".join(parts))
    if vault.shown.keeps_parts:
        text.parts = parts
    until = moment + STATE_STEP
    token = None if connection is None else connection.token
    if token is not None and token.expires_in is not None:
        until = min(until, due_at(token))
    shown = (revision, moment, until, connection, generation, standing, text)
    vault.shown.keep(key, shown, len(text.content) + len(standing) // 2)
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
    kept: tuple[tuple[int, int], Text] | None = vault.shown.get(key)
    if kept is not None and kept[0] == stamp:
        return kept[1]
    each = (
        b"".join(_parts(vault, held, _standing(vault, held, consumer_id, base_url, moment)))
        for held in vault.connections.of_consumer(consumer_id, unified_api, configured=configured)
    )
    text = Text(ENVELOPE % (b"[%b]" % b",".join(each)))
    vault.shown.keep(key, (stamp, text), len(text.content))
    return text


def _standing(
    vault: Vault, held: Held, consumer_id: str | None, base_url: str, moment: int
) -> bytes:
    """Return the beginning of a Connection: what follows from connector, token and settings."""
    connector, connection = held
    alike = alike_of(connector)
    integration = vault.application.integrations.get(
        connector.service_id, IntegrationState.CONFIGURED
    )
    texts = [
        alike.beginning,
        _TEXT_BY_STATE[state_of(connector, connection)],
        _TEXT_BY_INTEGRATION.get(integration) or b',"integration_state":' + dumps(integration),
        form_fields_text(alike, connection),
        *(alike.pictures or _picture_texts(base_url, alike.picture)),
    ]
    if connector.oauth_grant_type is not None:
        texts += _urls(vault, held, consumer_id, base_url, moment)
    else:
        texts.append(_NOWHERE[1])
    if connection is not None:
        plain = alike.plain_settings(connection)
        texts.append(b',"settings":%b' % dumps(plain) if plain else _NO_SETTINGS)
    return b"".join(texts)


def _parts(vault: Vault, held: Held, standing: bytes) -> Parts:
    """Return a Connection as the texts that it is joined from: its beginning and the rest."""
    connector, connection = held
    if connection is None:
        return [standing, _NOT_ENABLED, _END]
    _, _, _, created_at, updated_at, enabled, _, metadata, _, configuration = connection
    parts = [
        standing,
        _ENABLED if enabled else _NOT_ENABLED,
        b',"metadata":%b' % dumps(metadata) if metadata else _NO_METADATA,
        _configuration_text(connector, configuration) if configuration else _NO_CONFIGURATION,
        _mappings_text(vault, alike_of(connector), connection),
        b',"created_at":%d' % created_at,
    ]
    if updated_at is not None:
        parts.append(b',"updated_at":%d' % updated_at)
    parts.append(_END)
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
def _picture_texts(base_url: str, path: str) -> tuple[bytes, bytes]:
    """Return icon and logo as JSON texts: one picture that the mock draws."""
    picture = orjson.dumps(base_url + path)
    return b',"icon":' + picture, b',"logo":' + picture


@lru_cache(maxsize=512)
def _url_texts(
    base_url: str, service_id: str, application_id: str, state: str
) -> tuple[bytes, bytes]:
    place = f"{service_id}/{quote(application_id, safe='')}?state={state}"
    return (
        b',"authorize_url":' + orjson.dumps(f"{base_url}/vault/authorize/{place}"),
        b',"revoke_url":' + orjson.dumps(f"{base_url}/vault/revoke/{place}"),
    )


def _urls(
    vault: Vault, held: Held, consumer_id: str | None, base_url: str, moment: int
) -> tuple[bytes, bytes]:
    """Return authorize_url and revoke_url as JSON texts: each null while it would lead nowhere."""
    authorization = vault.authorization
    connector, connection = held
    if consumer_id is None or not authorization.can_authorize(connector, connection):
        return _NOWHERE
    state = authorization.state_for(consumer_id, connector, moment)
    authorize, revoke = _url_texts(base_url, connector.service_id, vault.application.id, state)
    return authorize, revoke if authorization.can_revoke(connector, connection) else _NOWHERE[1]


def _configuration_text(
    connector: Connector, configuration: Mapping[str, Mapping[str, Any]]
) -> bytes:
    """Return the property that holds what was chosen for each resource."""
    chosen = [
        {"resource": resource, "defaults": _defaults(connector, resource, values)}
        for resource, values in configuration.items()
    ]
    return b',"configuration":' + dumps(chosen)


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


def _mappings_text(vault: Vault, alike: Alike, connection: Connection) -> bytes:
    """Return the property that holds the custom mappings, those without a value included."""
    mappings = vault.surroundings.store.mappings(connection.consumer_id, connection.key)
    if not mappings:
        return alike.unmapped
    mapped = {mapping.target_field_id: mapping for mapping in mappings}
    return mappings_text(alike.connector, mapped)
