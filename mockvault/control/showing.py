"""Entries of the journal as JSON, without secrets: in short for a list, whole for a look."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from mockvault.control.journal import Entry
from mockvault.control.redaction import Redactor
from mockvault.control.workbench import Workbench
from mockvault.delivery.outbox import Delivery, RaisedEvent, attempt_json, delivery_json
from mockvault.domain.clock import iso_time
from mockvault.domain.connectors import Connector
from mockvault.domain.entities import Connection
from mockvault.domain.events import ConnectionChange
from mockvault.web.recording import Exchange

VIOLATIONS = frozenset({400, 401, 404, 405, 413, 415})
_GUILTY = frozenset(
    {
        "RequestValidationError",
        "RequestHeadersValidationError",
        "UnauthorizedError",
        "MethodNotAllowedError",
        "UnsupportedMediaTypeError",
        "PayloadTooLargeError",
        "InvalidCursorError",
    }
)
JsonObject = dict[str, Any]


class Shower:
    """Shows the entries of one application's journal, or of none's."""

    def __init__(self, workbench: Workbench | None) -> None:
        self._redactor = redactor_of(workbench)

    def short(self, entry: Entry) -> JsonObject:
        """Return an entry as lists and streams show it."""
        shown: JsonObject = {
            "number": entry.number,
            "kind": entry.kind,
            "at": iso_time(entry.at),
        }
        if entry.cause is not None:
            shown["request"] = entry.cause
        what = entry.what
        if isinstance(what, Exchange):
            return shown | self._exchange(what)
        if isinstance(what, RaisedEvent):
            return shown | _event(what)
        if isinstance(what, Delivery):
            return shown | _attempt(what)
        shown |= self._redactor.value(what)
        return shown

    def whole(self, entry: Entry) -> JsonObject:
        """Return an entry with all that is known of it."""
        shown, what = self.short(entry), entry.what
        if isinstance(what, Exchange):
            shown["request_headers"] = self._headers(what.headers)
            shown["request_body"] = self.body(what.content)
            shown["answer_headers"] = self._headers(what.answer_headers)
            shown["answer_body"], shown["answer_cut"] = self._answer(what)
            shown["steps"] = [
                self._change(each) for each in what.steps if isinstance(each, ConnectionChange)
            ]
        elif isinstance(what, RaisedEvent):
            shown["change"] = self._change(what.change)
        elif isinstance(what, Delivery):
            shown["delivery"] = self._redactor.value(delivery_json(what))
        return shown

    def _exchange(self, exchange: Exchange) -> JsonObject:
        shown: JsonObject = {
            "request_id": exchange.request_id,
            "method": exchange.method,
            "path": self._redactor.text(exchange.path),
            "query": [
                [name, self._redactor.parameter(name, value)]
                for name, value in parse_qsl(
                    exchange.query.decode("latin-1"), keep_blank_values=True
                )
            ],
            "operation_id": exchange.operation_id,
            "application_id": exchange.application_id,
            "consumer_id": exchange.consumer_id,
            "status": exchange.status,
            "milliseconds": round(exchange.milliseconds, 3),
            "changes": list(exchange.told),
        }
        if exchange.fault is not None:
            shown["fault"] = exchange.fault
        if exchange.error is not None:
            shown["error"] = self._redactor.text(exchange.error)
            violations = violations_of(exchange)
            if violations:
                shown["violations"] = self._redactor.value(violations)
        return shown

    def _headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[list[str]]:
        return [
            [name.decode("latin-1"), self._redactor.header(name.decode(), value.decode("latin-1"))]
            for name, value in headers
        ]

    def body(self, content: bytes | None) -> Any:
        """Return a body as JSON where it is some, else as text."""
        if not content:
            return None
        try:
            return self._redactor.value(json.loads(content))
        except (ValueError, RecursionError):
            return self._redactor.text(content[:4_096].decode("utf-8", "replace"))

    def _answer(self, exchange: Exchange) -> tuple[Any, bool]:
        if exchange.is_cut:
            return self._redactor.text(_plain_text(exchange.answer or b"")), True
        return self.body(exchange.answer), False

    def _change(self, change: ConnectionChange) -> JsonObject:
        return {
            "connection": change.connection.id,
            "consumer_id": change.connection.consumer_id,
            "state_before": change.state_before,
            "state_after": change.state_after,
            "cause": change.cause,
            "before": self._connection(change.before),
            "after": self._connection(change.after),
        }

    def _connection(self, connection: Connection | None) -> JsonObject | None:
        if connection is None:
            return None
        return {
            "enabled": connection.enabled,
            "settings": self._redactor.value(connection.settings),
            "metadata": self._redactor.value(connection.metadata),
            "configuration": self._redactor.value(connection.configuration),
            "has_token": connection.token is not None,
            "created_at": iso_time(connection.created_at),
            "updated_at": connection.updated_at and iso_time(connection.updated_at),
        }


def violations_of(exchange: Exchange) -> list[Any]:
    """Return what a refused request did wrong by the contract, empty where it did nothing wrong."""
    if exchange.status not in VIOLATIONS or exchange.fault is not None:
        return []
    try:
        told = json.loads(exchange.answer or b"{}")
    except ValueError:
        return [{"in": "request", "message": exchange.error}]
    if told.get("type_name") not in _GUILTY and exchange.operation_id:
        return []
    detail = told.get("detail")
    if isinstance(detail, Mapping) and detail.get("violations"):
        return list(detail["violations"])
    message = detail if isinstance(detail, str) else (detail or {}).get("message")
    return [{"in": "request", "keyword": told.get("type_name"), "message": message}]


def redactor_of(workbench: Workbench | None) -> Redactor:
    """Return what hides the secrets of an application: its keys, and what its connections hold."""
    if workbench is None:
        return Redactor(())
    catalogue = workbench.vault.surroundings.catalogue
    secrets = set(workbench.vault.application.api_keys)
    connections = [
        each
        for event in workbench.webhooks.events
        for each in (event.change.before, event.change.after)
        if each is not None
    ]
    for connection in connections:
        connector = catalogue.find(*connection.key)
        if connector is not None:
            secrets.update(_secrets(connector, connection))
    return Redactor(secrets, _sensitive_fields(catalogue.all))


def _secrets(connector: Connector, connection: Connection) -> Iterable[str]:
    if connection.token is not None:
        yield connection.token.access_token
        yield connection.token.refresh_token or ""
    for field in connector.form_fields:
        value = connection.settings.get(field.id) if field.sensitive else None
        if isinstance(value, str):
            yield value


def _sensitive_fields(connectors: tuple[Connector, ...]) -> frozenset[str]:
    return frozenset(
        field.id for each in connectors for field in each.form_fields if field.sensitive
    )


def _event(event: RaisedEvent) -> JsonObject:
    connection = event.change.connection
    return {
        "event_id": event.id,
        "event_type": event.type,
        "sequence": event.sequence,
        "consumer_id": connection.consumer_id,
        "connection": connection.id,
        "state_before": event.change.state_before,
        "state_after": event.change.state_after,
    }


def _attempt(delivery: Delivery) -> JsonObject:
    shown: JsonObject = {
        "delivery_id": delivery.id,
        "event_id": delivery.event.id,
        "event_type": delivery.event.type,
        "subscription_id": delivery.subscription_id,
        "delivery_status": delivery.status,
        "connection": delivery.event.change.connection.id,
        "consumer_id": delivery.event.change.connection.consumer_id,
    }
    if delivery.attempts:
        shown |= {k: v for k, v in attempt_json(delivery.attempts[-1]).items() if k != "at"}
    if delivery.next_at is not None:
        shown["next_attempt_at"] = iso_time(delivery.next_at)
    return shown


def _plain_text(content: bytes) -> str:
    return f"{content.decode('utf-8', 'replace')}…"
