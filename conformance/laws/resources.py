"""Resources of a connection: settings, schema, example, custom fields."""

import json
from typing import Any

from conformance.laws.registry import law
from conformance.laws.world import Connector, NotJudged, World
from conformance.target import Principal

_CONFIG = "connectionSettingsAll, connectionSettingsUpdate"
_READS = ("connectionSettingsAll", "connectionsSchema", "connectionsExample", "customFieldsAll")


def _field_ids(configuration: Any, resource: str) -> list[str]:
    """Return ids of text fields of a configuration, be it nested by resource or a flat list."""
    found: list[str] = []
    for row in configuration if isinstance(configuration, list) else ():
        if not isinstance(row, dict):
            continue
        rows = [row, *(row.get("defaults") or ())]
        if row.get("resource") in {resource, None}:
            kinds = ("text", "textarea", None)
            found += [
                str(r["id"])
                for r in rows or ()
                if isinstance(r, dict)
                and r.get("id")
                and r.get("type") in kinds
                and not r.get("options")
            ]
    return found


def ground(world: World, least: int = 1, tries: int = 16) -> tuple[Connector, str, str]:
    """Find a connector, a resource of it and a text field of that resource."""
    rows = [
        c
        for c in world.catalogue
        if len(c.resources) >= least and c.auth_type in {"apiKey", "basic", "custom"}
    ]
    rows = sorted(world.rng.sample(rows, len(rows)), key=lambda c: not world.is_shared(c))
    who = world.who("probe")
    for connector in rows[:tries]:
        world.add(who, connector, settings=world.settings(connector))
        for resource in connector.resources[:3]:
            answer = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
            world.need(answer.is_good, "resource settings cannot be read")
            configuration = answer.item.get("configuration")
            names = _field_ids(configuration, resource)
            if names or not _has_fields(configuration):
                return connector, resource, (names or ["conformance_field"])[0]
    world.need(False, "no resource has a text field that can be configured")
    raise NotJudged("no resource can be configured")


def _has_fields(configuration: Any) -> bool:
    rows = configuration if isinstance(configuration, list) else []
    return any(isinstance(r, dict) and (r.get("defaults") or r.get("id")) for r in rows)


def configure(  # noqa: PLR0917 - a value has this address
    world: World, who: Principal, connector: Connector, resource: str, field: str, value: str
) -> None:
    """Store a value for a field of a resource."""
    body = {"configuration": [{"resource": resource, "defaults": [{"id": field, "value": value}]}]}
    answer = world.call(
        "connectionSettingsUpdate", who, body=body, resource=resource, **connector.path
    )
    world.need(answer.is_good, "resource settings cannot be written")


def configured(world: World, who: Principal, connector: Connector, resource: str) -> str:
    """Return the configuration of a resource as text."""
    answer = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
    world.need(answer.is_good, "resource settings cannot be read")
    return json.dumps(answer.item.get("configuration"))


@law("VLT-RES-01", "state", _CONFIG, "contract", builds_on=("VLT-CNX-02",))
def settings_of_a_resource_are_read_back(world: World) -> None:
    """A default stored for a resource is there when it is read, and not under another resource."""
    try:
        connector, resource, field = ground(world, 2)
    except NotJudged:
        connector, resource, field = ground(world)
    who = world.who()
    world.add(who, connector, settings=world.settings(connector))
    configure(world, who, connector, resource, field, world.nonce)
    seen = configured(world, who, connector, resource)
    world.expect(world.nonce in seen, "stored", f"the value {world.nonce}", seen)
    for other in [r for r in connector.resources if r != resource][:1]:
        seen = configured(world, who, connector, other)
        world.expect(world.nonce not in seen, "apart", "not under another resource", seen)
        answer = world.call("connectionSettingsAll", who, resource=other, **connector.path)
        names = _field_ids(answer.item.get("configuration"), other)
        if names or not _has_fields(answer.item.get("configuration")):
            name = (names or ["conformance_field"])[0]
            configure(world, who, connector, other, name, f"other{world.nonce}")
            seen = configured(world, who, connector, resource)
            kept = world.nonce in seen and f"other{world.nonce}" not in seen
            world.expect(kept, "kept", f"the value {world.nonce}", seen)


@law(
    "VLT-RES-02",
    "state",
    "connectionsSchema, connectionsExample",
    "contract",
    builds_on=("VLT-CNX-02",),
)
def a_resource_describes_itself_the_same_each_time(world: World) -> None:
    """Schema, example and custom fields are those of the path, and the same when read again."""
    rows = [
        c for c in world.catalogue if c.resources and c.auth_type in {"apiKey", "basic", "custom"}
    ]
    world.need(rows, "no connector names its resources")
    connector, who = world.rng.choice(rows), world.who()
    world.add(who, connector, settings=world.settings(connector))
    for operation_id in ("connectionsSchema", "connectionsExample", "customFieldsAll"):
        first = world.call(operation_id, who, resource=connector.resources[0], **connector.path)
        again = world.call(operation_id, who, resource=connector.resources[0], **connector.path)
        if not first.is_good:
            continue
        world.expect(again.data == first.data, operation_id, "the same answer", "another one")
        if operation_id == "connectionsExample":
            seen = (first.item.get("unified_api"), first.item.get("service_id"))
            named = seen == (connector.unified_api, connector.service_id)
            world.expect(named, "example names", str(connector.path), seen)


@law("VLT-RES-03", "state", "404", "documented")
def an_unknown_resource_is_refused(world: World) -> None:
    """Settings, schema, example and custom fields of a resource that does not exist are refused."""
    rows = [c for c in world.catalogue if c.resources]
    world.need(rows, "no connector names its resources")
    connector, who = world.rng.choice(rows), world.who()
    first = connector.resources[0]
    near = [n for n in (first[:3], first + "x") if n not in connector.resources]
    for operation_id in _READS:
        for name in (f"no-such-{world.nonce}", *near):
            answer = world.call(operation_id, who, resource=name, **connector.path)
            world.expect(answer.is_refusal, operation_id, "404", f"{name}: HTTP {answer.status}")
