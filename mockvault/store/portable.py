"""A world as JSON that can be carried away: written from a snapshot, read back, checked when read.

What is known for a short time only (OAuth flows and codes) stays behind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import jsonschema_rs

from mockvault.domain.entities import AccessToken, Connection, Consumer, CustomMapping, LogEntry
from mockvault.domain.history import CallHistory
from mockvault.store.logbook import Logbook
from mockvault.store.memory import KINDS, LOG_CAPACITY, Account, MemorySnapshot, snapshot_from

FORMAT = 1
MARK = "mockvault_world"
"""The property that tells a world's file from any other JSON."""


class Unportable(ValueError):
    """The JSON is no world that can be read; `problems` says where and why."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer or '/'}: {told}" for pointer, told in problems))
        self.problems = problems


def world_json(snapshot: MemorySnapshot) -> dict[str, Any]:
    """Return a snapshot as JSON: equal worlds are equal texts."""
    accounts = list(snapshot.all())
    return {
        MARK: FORMAT,
        "sequence": snapshot.sequence,
        "consumers": [
            _plain(account.consumer) for _, account in accounts if account.consumer is not None
        ],
        "connections": [
            _plain(connection)
            for _, account in accounts
            for connection in account.connections.values()
        ],
        "mappings": [
            _plain(mapping) for _, account in accounts for mapping in account.mappings.values()
        ],
        "authorizations": [
            [consumer_id, *key, count]
            for consumer_id, account in accounts
            for key, count in account.authorizations.items()
        ],
        "calls": {
            consumer_id: {kind: history.entries() for kind, history in account.histories.items()}
            for consumer_id, account in accounts
            if account.histories
        },
        "logs": [_plain(entry) for entry in snapshot.logbook.entries()],
        "evicted_logs": snapshot.logbook.evicted,
    }


def snapshot_of(world: Any, *, log_capacity: int = LOG_CAPACITY) -> MemorySnapshot:
    """Return the snapshot that a world's JSON says; raise Unportable where it says none."""
    problems = [
        ("".join(f"/{step}" for step in error.instance_path), error.message)
        for error in _validator().iter_errors(world)
    ] or list(_contradictions(world))
    if problems:
        raise Unportable(problems[:20])
    accounts: dict[str, Account] = {}

    def account_of(consumer_id: str) -> Account:
        return accounts.setdefault(consumer_id, Account(None))

    for said in world["consumers"]:
        account_of(said["id"]).consumer = Consumer(**said)
    for said in world["connections"]:
        token = said.get("token")
        connection = Connection(**{**said, "token": token and _token(token)})
        account = account_of(connection.consumer_id)
        account.connections = {**account.connections, connection.key: connection}
    for said in world.get("mappings", ()):
        mapping = CustomMapping(**said)
        account = account_of(mapping.consumer_id)
        account.mappings = {**account.mappings, mapping.key: mapping}
    for consumer_id, *key, count in world.get("authorizations", ()):
        account = account_of(consumer_id)
        account.authorizations = {**account.authorizations, tuple(key): count}
    for consumer_id, kinds in world.get("calls", {}).items():
        for kind, calls in kinds.items():
            setattr(account_of(consumer_id), kind, _history(calls))
    logbook = Logbook(log_capacity)
    for said in world.get("logs", ()):
        logbook.append(LogEntry(**said))
    logbook.count_evicted(world.get("evicted_logs", 0))
    return snapshot_from(
        sequence=world["sequence"],
        accounts=accounts,
        logbook=logbook,
    )


def _contradictions(world: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what cannot be, though each part has the right shape."""
    seen: dict[str, set[Any]] = {"id": set(), "sequence": set()}
    for place, consumer in enumerate(world["consumers"]):
        for key, values in seen.items():
            if consumer[key] in values:
                yield f"/consumers/{place}/{key}", f"{consumer[key]} is there twice"
            values.add(consumer[key])
        if consumer["sequence"] > world["sequence"]:
            yield f"/consumers/{place}/sequence", "it is above the world's sequence"
    for place, connection in enumerate(world["connections"]):
        if connection["consumer_id"] not in seen["id"]:
            yield f"/connections/{place}/consumer_id", "no consumer has this id"


def _plain(value: Any) -> dict[str, Any]:
    """Return an entity as JSON, without what it has by default."""
    defaults = value._field_defaults
    return {
        name: asdict(part) if isinstance(part, AccessToken) else part
        for name, part in zip(value._fields, value, strict=True)
        if name in _REQUIRED or name not in defaults or part != defaults[name]
    }


def _token(said: Mapping[str, Any]) -> AccessToken:
    return AccessToken(**{**said, "scopes": tuple(said.get("scopes", ()))})


def _history(calls: list[list[int]]) -> CallHistory:
    history = CallHistory()
    for time, count in calls:
        history.add(time, count)
    return history


_REQUIRED = frozenset({"consumer_id", "unified_api", "service_id", "id", "enabled"})
_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1}
_TIME = {"type": "integer", "minimum": 0}
_OBJECT = {"type": "object"}


def _closed(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


@lru_cache(maxsize=1)
def _validator() -> Any:
    optional_time = {"type": ["integer", "null"], "minimum": 0}
    token = _closed(
        "access_token issued_at",
        access_token=_TEXT,
        issued_at={"type": "integer"},
        expires_in={"type": ["integer", "null"]},
        refresh_token={"type": ["string", "null"]},
        scopes={"type": "array", "items": _TEXT},
    )
    log: dict[str, Any] = dict.fromkeys(LogEntry._fields, True)
    log |= {"timestamp": _TIME, "consumer_id": _NAME, "status_code": {"type": "integer"}}
    return jsonschema_rs.validator_for(
        {
            "type": "object",
            "required": [MARK, "sequence", "consumers", "connections"],
            "properties": {
                MARK: {"const": FORMAT},
                "sequence": _TIME,
                "consumers": {
                    "type": "array",
                    "items": _closed(
                        "id sequence created modified metadata",
                        id=_NAME,
                        sequence=_TIME,
                        created=_TIME,
                        modified=_TIME,
                        metadata=_OBJECT,
                    ),
                },
                "connections": {
                    "type": "array",
                    "items": _closed(
                        "consumer_id unified_api service_id created_at",
                        consumer_id=_NAME,
                        unified_api=_NAME,
                        service_id=_NAME,
                        created_at=_TIME,
                        updated_at=optional_time,
                        enabled={"type": "boolean"},
                        settings=_OBJECT,
                        metadata=_OBJECT,
                        token={"anyOf": [token, {"type": "null"}]},
                        configuration={"type": "object", "additionalProperties": _OBJECT},
                    ),
                },
                "mappings": {
                    "type": "array",
                    "items": _closed(
                        "consumer_id unified_api service_id target_field_id value",
                        consumer_id=_NAME,
                        unified_api=_NAME,
                        service_id=_NAME,
                        target_field_id=_NAME,
                        value=_TEXT,
                    ),
                },
                "authorizations": {
                    "type": "array",
                    "items": {
                        "type": "array",
                        "prefixItems": [_NAME, _NAME, _NAME, _TIME],
                        "minItems": 4,
                        "maxItems": 4,
                    },
                },
                "calls": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "propertyNames": {"enum": list(KINDS)},
                        "additionalProperties": {
                            "type": "array",
                            "items": {
                                "type": "array",
                                "items": _TIME,
                                "minItems": 2,
                                "maxItems": 2,
                            },
                        },
                    },
                },
                "logs": {
                    "type": "array",
                    "items": _closed(
                        "id consumer_id timestamp unified_api operation_id operation_name "
                        "service_id service_name http_method path status_code duration latency",
                        **log,
                    ),
                },
                "evicted_logs": _TIME,
            },
        }
    )
