"""How the contract shows what a vault holds: entities as the JSON objects of its schemas."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson

from mockvault.catalogue.making import PICTURES
from mockvault.domain.clock import iso_time
from mockvault.domain.connectors import (
    Connector,
    CustomField,
    FormField,
    Resource,
    TargetField,
)
from mockvault.domain.entities import Connection, Consumer, CustomMapping, LogEntry, RequestCounts
from mockvault.domain.states import ConnectionState, IntegrationState, needs_token, state_of
from mockvault.json_text import dumps
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
    same = _same_of(connector)
    integration = vault.application.integrations.get(
        connector.service_id, IntegrationState.CONFIGURED
    )
    if same.picture is None:
        icon, logo = orjson.dumps(connector.icon), orjson.dumps(connector.logo)
    else:
        icon = logo = _text_of(base_url, same.picture)
    parts = [
        same.beginning,
        b',"state":',
        _TEXT_BY_STATE[state_of(connector, connection)],
        b',"integration_state":',
        _TEXT_BY_INTEGRATION.get(integration) or dumps(integration),
        b',"enabled":',
        b"true" if connection is not None and connection.enabled else b"false",
        b',"form_fields":',
        _form_fields(same, connection),
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
            dumps(same.plain_settings(connection)) if connection.settings else b"{}",
            b',"metadata":',
            dumps(connection.metadata) if connection.metadata else b"{}",
            b',"configuration":',
            configuration,
            b',"custom_mappings":',
            _mappings(vault, same, connection),
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
            **_form_field(form_field, values.get(form_field.id, form_field.default_value)),
            "target": form_field.target or "resource",
            "resource": resource.id,
            "defaults": (
                [_default(form_field, values[form_field.id])] if form_field.id in values else []
            ),
        }
        for form_field in resource.configuration
    ]
    return shown


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
    vault.shown.keep(key, stamp, item, len(content))
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
        "settings": _same_of(connector).plain_settings(connection),
        "metadata": connection.metadata,
        "created_at": iso_time(connection.created_at),
        "updated_at": None if updated_at is None else iso_time(updated_at),
        "state": state_of(connector, connection),
    }


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


def log_json(entry: LogEntry) -> JsonObject:
    """Return #/components/schemas/Log. `execution` is duration and latency, rounded."""
    return {
        "api_style": "REST",
        "base_url": entry.base_url,
        "child_request": entry.child_request,
        "consumer_id": entry.consumer_id,
        "duration": entry.duration,
        "error_message": entry.error_message,
        "execution": round(entry.duration + entry.latency),
        "has_children": entry.has_children,
        "http_method": entry.http_method,
        "id": entry.id,
        "latency": entry.latency,
        "operation": {"id": entry.operation_id, "name": entry.operation_name},
        "parent_id": entry.parent_id,
        "path": entry.path,
        "sandbox": False,
        "service": {"id": entry.service_id, "name": entry.service_name},
        "source_ip": entry.source_ip,
        "status_code": entry.status_code,
        "success": entry.status_code < 400,
        "timestamp": iso_time(entry.timestamp),
        "unified_api": entry.unified_api,
    }


@lru_cache(maxsize=1024)
def _text_of(base_url: str, path: str) -> bytes:
    return orjson.dumps(base_url + path)


@lru_cache(maxsize=4096)
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


class _Same:
    """What all connections to one connector have in common, worked out once.

    `beginning` is JSON text, as far as it says the same of each; `fields` are the form's, each with
    its text up to the value, before consent and after it; `picture` is the path of the one that the
    mock draws, None where the fixture has its own; `forms` are whole forms by what was filled in.
    """

    __slots__ = (
        "beginning",
        "connector",
        "fields",
        "forms",
        "needs_token",
        "picture",
        "sensitive",
        "unmapped",
    )

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self.needs_token = needs_token(connector)
        self.forms: dict[tuple[bool, tuple[str | None, ...]], bytes] = {}
        self.beginning = dumps(_of_connector(connector))[:-1]
        self.sensitive = frozenset(
            field.id for field in connector.form_fields if field.sensitive
        ) | {"api_key"}
        self.fields = tuple(
            (field, _text_up_to_value(field, is_waiting=field.after_authorization), ready)
            for field in connector.form_fields
            for ready in [_text_up_to_value(field, is_waiting=False)]
        )
        self.picture = (
            f"/_mock/vault/icons/{quote(connector.service_id, safe='')}.svg"
            if connector.icon.startswith(PICTURES)
            else None
        )
        fields = connector.target_fields.values()
        self.unmapped = dumps([mapping_json(field, None) for field in fields])

    def plain_settings(self, connection: Connection) -> Mapping[str, Any]:
        """Return the settings but those that are kept apart: an API key and what is sensitive."""
        sensitive, settings = self.sensitive, connection.settings
        if sensitive.isdisjoint(settings):
            return settings
        return {name: value for name, value in settings.items() if name not in sensitive}


_SAME: dict[int, _Same] = {}


def _same_of(connector: Connector) -> _Same:
    """Return what connections to this very connector have in common; what is kept keeps it too."""
    same = _SAME.get(id(connector))
    if same is None:
        if len(_SAME) >= 1_024:
            _SAME.clear()
        same = _SAME[id(connector)] = _Same(connector)
    return same


def _of_connector(it: Connector) -> JsonObject:
    shown: JsonObject = {
        "id": it.id,
        "service_id": it.service_id,
        "name": it.name,
        "tag_line": it.tag_line,
        "unified_api": it.unified_api,
        "auth_type": it.auth_type,
        "status": it.status,
        "website": it.website,
        "configurable_resources": [r.id for r in it.resources.values() if r.configuration],
        "resource_schema_support": [r.id for r in it.resources.values() if r.schema_support],
        "resource_settings_support": [r.id for r in it.resources.values() if r.configuration],
        "validation_support": it.validation_support,
        "schema_support": it.schema_support,
        "settings_required_for_authorization": list(it.settings_required_for_authorization),
        "subscriptions": [],
        "has_guide": it.has_guide,
    }
    if it.oauth_grant_type is not None:
        shown["oauth_grant_type"] = it.oauth_grant_type
    return shown


_TEXTS = frozenset({str, type(None)})
_FORM, _FORMS = 4_096, 64
"""Bytes of a form that is kept, and how many of a connector are."""


def _form_fields(same: _Same, connection: Connection | None) -> bytes:
    """Return the form's fields as JSON text: what never changes of them is text already."""
    settings: Mapping[str, Any] = connection.settings if connection else {}
    is_waiting = same.needs_token and (connection is None or connection.token is None)
    values = tuple([settings.get(each.id, each.default_value) for each, _, _ in same.fields])
    key = (is_waiting, values)
    if _TEXTS.issuperset(map(type, values)):  # of other kinds, what is equal may not look alike
        known = same.forms.get(key)
        if known is not None:
            return known
    fields = [
        (waiting if is_waiting else ready) + (b'""' if value is None else dumps(value))
        for value, (_, waiting, ready) in zip(values, same.fields, strict=True)
    ]
    text = b"[" + b"},".join(fields) + b"}]" if fields else b"[]"
    if len(text) <= _FORM and _TEXTS.issuperset(map(type, values)):
        if len(same.forms) >= _FORMS:
            same.forms.clear()
        same.forms[key] = text
    return text


def _text_up_to_value(form_field: FormField, *, is_waiting: bool) -> bytes:
    """Return the JSON text of a field as far as it never changes."""
    shown = _form_field(form_field, None, is_waiting=is_waiting)
    del shown["value"]
    return dumps(shown)[:-1] + b',"value":'


def _form_field(form_field: FormField, value: Any, *, is_waiting: bool = False) -> JsonObject:
    """Return a FormField with its value; one that waits for consent is empty and disabled."""
    shown: JsonObject = {
        "id": form_field.id,
        "label": form_field.label,
        "value": "" if value is None else value,
        "placeholder": form_field.placeholder,
        "mask": form_field.mask,
        "type": form_field.type,
        "required": form_field.required,
        "disabled": form_field.disabled or is_waiting,
        "custom_field": form_field.custom_field,
        "hidden": form_field.hidden,
        "deprecated": form_field.deprecated,
        "sensitive": form_field.sensitive,
        "allow_custom_values": form_field.allow_custom_values,
        "description": form_field.description,
        "prefix": form_field.prefix,
        "suffix": form_field.suffix,
    }
    if form_field.type in ("select", "filtered-select", "multi-select"):
        shown["options"] = [] if is_waiting else list(form_field.options)
    if form_field.filter is not None:
        shown["filter"] = form_field.filter
    if form_field.target is not None:
        shown["target"] = form_field.target
    if form_field.default_value is not None:
        shown["default_value"] = form_field.default_value
    return shown


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


def _mappings(vault: Vault, same: _Same, connection: Connection) -> bytes:
    mappings = vault.surroundings.store.mappings(connection.consumer_id, connection.key)
    if not mappings:
        return same.unmapped
    mapped = {mapping.target_field_id: mapping for mapping in mappings}
    return dumps(
        [
            mapping_json(field, mapped.get(field_id))
            for field_id, field in same.connector.target_fields.items()
        ]
    )
