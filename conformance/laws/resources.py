"""Resources of a connection: settings, schema, example, custom fields."""

import json
from typing import Any

from conformance.laws.registry import law
from conformance.laws.world import Connector, NotJudged, World
from conformance.target import Principal

_CONFIG = "connectionSettingsAll, connectionSettingsUpdate"
_READS = ("connectionSettingsAll", "connectionsSchema", "connectionsExample", "customFieldsAll")


def field_ids(configuration: Any, resource: str) -> list[str]:
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


def resourceful(world: World) -> list[Connector]:
    """Return connectors that name their resources: where there are some, those without OAuth."""
    rows = [c for c in world.catalogue if c.resources]
    return [c for c in rows if c.auth_type in {"apiKey", "basic", "custom"}] or rows


def connected(world: World, who: Principal, connector: Connector) -> None:
    """Add a connection, and import credentials to one that waits for a consent.

    What resources are set to is asked for where a connection is authorized; it may be refused to
    one that is only added.
    """
    world.add(who, connector, settings=world.filled(connector))
    if connector.redirects:
        body = {"credentials": world.lasting_credentials()}
        world.call("connectionsImport", who, body=body, **connector.path)


def ground(world: World, least: int = 1, tries: int = 16) -> tuple[Connector, str, str]:
    """Find a connector, a resource of it and a text field of that resource."""
    rows = [c for c in resourceful(world) if len(c.resources) >= least]
    rows = sorted(world.rng.sample(rows, len(rows)), key=lambda c: not world.is_shared(c))
    who = world.who("probe")
    for connector in rows[:tries]:
        connected(world, who, connector)
        for resource in connector.resources[:3]:
            answer = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
            world.need(answer.is_good, "resource settings cannot be read")
            configuration = answer.item.get("configuration")
            names = field_ids(configuration, resource)
            if names or not _has_fields(configuration):
                return connector, resource, (names or ["conformance_field"])[0]
    world.need(False, "no resource has a text field that can be configured")
    raise NotJudged("no resource can be configured")


def _has_fields(configuration: Any) -> bool:
    rows = configuration if isinstance(configuration, list) else []
    return any(isinstance(r, dict) and (r.get("defaults") or r.get("id")) for r in rows)


def configure(  # noqa: PLR0917 - a value has this address
    world: World, who: Principal, connector: Connector, resource: str, field: str, value: Any
) -> None:
    """Store a value for a field of a resource."""
    body = {"configuration": [{"resource": resource, "defaults": [{"id": field, "value": value}]}]}
    answer = world.call(
        "connectionSettingsUpdate", who, body=body, resource=resource, **connector.path
    )
    world.need(answer.is_good, "resource settings cannot be written")


def _keeps_values(world: World, who: Principal, connector: Connector, resource: str) -> None:
    """Expect values that are no text, or nothing, back under an id of our own."""
    for value in (7, False, 0, "", 1.5, ["a", 2]):
        configure(world, who, connector, resource, "conformance_field", value)
        answer = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
        found = [
            row.get("value")
            for entry in answer.item.get("configuration") or ()
            if isinstance(entry, dict) and entry.get("resource") in {resource, None}
            for row in (entry, *(entry.get("defaults") or ()))  # nested, or a flat list
            if row.get("id") == "conformance_field"
        ]
        same = found == [value] and isinstance(found[0], bool) == isinstance(value, bool)
        world.expect(same, "value", repr(value), found)


def _keeps_falsehood(
    world: World, who: Principal, connector: Connector, resource: str, field: str
) -> None:
    """Expect what replaces a value there, be it nothing in some languages; it may be refused."""
    configure(world, who, connector, resource, field, "before")
    for value in (False, 0):
        body = {"resource": resource, "defaults": [{"id": field, "value": value}]}
        at = {"resource": resource, **connector.path}
        answer = world.call("connectionSettingsUpdate", who, body={"configuration": [body]}, **at)
        if not answer.is_good:
            continue
        answer = world.call("connectionSettingsAll", who, **at)
        found = [
            row.get("value")
            for entry in answer.item.get("configuration") or ()
            if isinstance(entry, dict) and entry.get("resource") in {resource, None}
            for row in (entry, *(entry.get("defaults") or ()))
            if row.get("id") == field and "value" in row
        ]
        fine = any(str(one).casefold() == str(value).casefold() for one in found)
        world.expect(fine, "value", f"{value!r} for {field}", found)


def configured(world: World, who: Principal, connector: Connector, resource: str) -> str:
    """Return the configuration of a resource as text; others may stand beside it, named."""
    answer = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
    world.need(answer.is_good, "resource settings cannot be read")
    found = answer.item.get("configuration")
    rows = found if isinstance(found, list) else [found]
    own = {resource, None}
    return json.dumps([r for r in rows if not isinstance(r, dict) or r.get("resource") in own])


@law("VLT-RES-01", "state", _CONFIG, "contract", builds_on=("VLT-CNX-02",))
def settings_of_a_resource_are_read_back(world: World) -> None:
    """A default stored for a resource is there when it is read, and not under another resource."""
    try:
        connector, resource, field = ground(world, 2)
    except NotJudged:
        connector, resource, field = ground(world)
    who = world.who()
    connected(world, who, connector)
    configure(world, who, connector, resource, field, world.nonce)
    seen = configured(world, who, connector, resource)
    world.expect(world.nonce in seen, "stored", f"the value {world.nonce}", seen)
    other_one = world.who("b")
    connected(world, other_one, connector)
    if field == "conformance_field":  # no field is asked for by name
        _keeps_values(world, other_one, connector, resource)
    else:
        _keeps_falsehood(world, other_one, connector, resource, field)
    off = world.who("off")
    connected(world, off, connector)
    world.patch(off, connector, enabled=False)
    at = {"resource": resource, **connector.path}
    body = {"resource": resource, "defaults": [{"id": field, "value": world.nonce}]}
    answer = world.call("connectionSettingsUpdate", off, body={"configuration": [body]}, **at)
    if answer.is_good:
        seen = configured(world, off, connector, resource)
        world.expect(world.nonce in seen, "disabled", f"the value {world.nonce}", seen)
    for other in [r for r in connector.resources if r != resource][:1]:
        seen = configured(world, who, connector, other)
        world.expect(world.nonce not in seen, "apart", "not under another resource", seen)
        answer = world.call("connectionSettingsAll", who, resource=other, **connector.path)
        names = field_ids(answer.item.get("configuration"), other)
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
    rows = resourceful(world)
    world.need(rows, "no connector names its resources")
    rows = [c for c in rows if len(c.resources) > 1] or rows
    connector, who = world.rng.choice(rows), world.who()
    connected(world, who, connector)
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
            _is_of(world, first.item.get("resource"), connector.resources[0])
            for other in connector.resources[1:2]:
                answer = world.call(operation_id, who, resource=other, **connector.path)
                _is_of(world, answer.item.get("resource"), other)


def _is_of(world: World, shown: Any, resource: str) -> None:
    if isinstance(shown, dict) and "id" in shown:
        world.expect(shown["id"] == resource, "example resource", resource, shown["id"])


@law("VLT-RES-03", "state", "404", "documented", builds_on=("VLT-CNX-02",))
def an_unknown_resource_is_refused(world: World) -> None:
    """Settings, schema, example and custom fields of a resource that does not exist are refused."""
    rows = [c for c in world.catalogue if c.resources]
    world.need(rows, "no connector names its resources")
    connector, who = world.rng.choice(rows), world.who()
    world.add(who, connector)  # or what is refused is that there is no connection
    first = connector.resources[0]
    near = [n for n in (first[:3], first + "x") if n not in connector.resources]
    for operation_id in _READS:
        for name in (f"no-such-{world.nonce}", *near):
            answer = world.call(operation_id, who, resource=name, **connector.path)
            world.expect(answer.is_refusal, operation_id, "404", f"{name}: HTTP {answer.status}")


@law(
    "VLT-RES-04",
    "state",
    _CONFIG,
    "contract",
    builds_on=("VLT-RES-01", "VLT-CNX-06", "VLT-CNX-23", "VLT-ISO-08"),
)
def settings_of_a_resource_are_kept(world: World) -> None:
    """Two defaults that are stored at once are both kept, also when a setting changes later."""
    who, probe = world.who(), world.who("probe")
    rows = [c for c in world.plains() if c.resources] or resourceful(world)
    for connector, resource in [(c, r) for c in rows[:8] for r in c.resources[:2]]:
        connected(world, probe, connector)
        answer = world.call("connectionSettingsAll", probe, resource=resource, **connector.path)
        world.need(answer.is_good, "resource settings cannot be read")
        values = _choices(answer.item.get("configuration"), world.nonce)
        if len(values) > 1:
            break
    else:
        raise NotJudged("no resource has two fields that can be configured")
    connected(world, who, connector)
    defaults = [{"id": name, "value": value} for name, value in values.items()]
    body = {"configuration": [{"resource": resource, "defaults": defaults}]}
    answer = world.call(
        "connectionSettingsUpdate", who, body=body, resource=resource, **connector.path
    )
    world.need(answer.is_good, "resource settings cannot be written")
    for step in ("both at once", "a setting later"):
        answer = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
        held = _stored(answer.item.get("configuration"))
        seen = {name: held.get(name) for name in values}
        world.expect(seen == values, step, str(values), seen)
        world.patch(who, connector, settings={"extra": "1"})


def _rows(configuration: Any) -> list[dict[str, Any]]:
    """Return the fields of a configuration, be it nested by resource or a flat list."""
    rows = [r for r in configuration if isinstance(r, dict)] if configuration else []
    nested = [d for r in rows for d in r.get("defaults") or () if isinstance(d, dict)]
    return [r for r in (*rows, *nested) if r.get("id")]


def _choices(configuration: Any, nonce: str) -> dict[str, Any]:
    """Return values for two fields of a form; for fields of our own where there is no form."""
    if not _has_fields(configuration):
        return {f"conformance_{name}": f"{nonce}-{name}" for name in ("first", "second")}
    found: dict[str, Any] = {}
    for row in _rows(configuration):
        simple = [o["value"] for o in row.get("options") or () if o.get("value") is not None]
        if row.get("type") == "select" and simple:
            found[str(row["id"])] = simple[-1]
        elif row.get("type") in {"text", "textarea"} and not row.get("options"):
            found[str(row["id"])] = f"{nonce}-{len(found)}"
    return dict(list(found.items())[:2])


def _stored(configuration: Any) -> dict[str, Any]:
    return {str(row["id"]): row.get("value") for row in _rows(configuration)}


@law("VLT-RES-06", "state", _CONFIG, "contract", builds_on=("VLT-RES-01", "VLT-RES-04"))
def a_setting_of_a_resource_has_one_value(world: World) -> None:
    """A default that is stored again has the value that was stored last, and no other."""
    connector, resource, field = ground(world)
    who = world.who()
    connected(world, who, connector)
    for value in (f"old{world.nonce}", f"new{world.nonce}", f"new{world.nonce}"):
        configure(world, who, connector, resource, field, value)
    answer = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
    rows = _rows(answer.item.get("configuration"))
    # a field may be shown twice: in a flat form and below its resource
    seen = {str(row.get("value")) for row in rows if row["id"] == field}
    world.need(seen, "resource settings are not shown")
    world.expect(seen == {f"new{world.nonce}"}, "once", f"new{world.nonce}", sorted(seen))


@law(
    "VLT-RES-05",
    "state",
    "Connection.configurable_resources",
    "contract",
    builds_on=("VLT-CNX-02", "VLT-RES-03"),
)
def what_is_configurable_can_be_configured(world: World) -> None:
    """The settings of each resource that a connection calls configurable can be read."""
    rows = resourceful(world)
    world.need(rows, "no connector names its resources")
    connector, who = world.rng.choice(rows), world.who()
    connected(world, who, connector)
    item = world.one(who, connector)
    may_wait = connector.redirects and item.get("state") == "added"
    world.need(not may_wait, "what names its resources is only added here, and waits for a consent")
    named = item.get("configurable_resources")
    for resource in named if isinstance(named, list) else ():
        answer = world.call("connectionSettingsAll", who, resource=str(resource), **connector.path)
        world.expect(answer.is_good, "settings", f"those of {resource}", f"HTTP {answer.status}")
