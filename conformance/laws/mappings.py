"""Custom mappings: created, read, updated, deleted, each target field for itself."""

from typing import Any

from conformance.laws.registry import law
from conformance.laws.world import Connector, World
from conformance.target import Principal

_CRUD = "operations of tag Custom Mappings"
_BASE = ("VLT-ISO-07",)
# the field of the contract's example, and two more to see that fields are apart
_FIELDS = ("first_aid_training", "shirt_size", "desk_number")


def ground(world: World, least: int = 1) -> tuple[Principal, Connector, str]:
    """Return a consumer with a connection that has target fields, and the first of them."""
    who, connector, targets = grounds(world, least)
    return who, connector, targets[0]


def grounds(world: World, least: int = 1) -> tuple[Principal, Connector, list[str]]:
    """Find a connection with target fields: those it shows, else the id that the contract shows."""
    who = world.who()
    told = [c for c in world.catalogue if len(c.mappings) >= least]
    if told:
        connector = world.rng.choice(told)
        world.add(who, connector, settings=world.settings(connector))
        return who, connector, list(connector.mappings)
    known = world.target.capabilities.get("mapping")
    if known == "none":
        raise_none(world)
    rows = sorted(world.catalogue, key=lambda c: (c.unified_api != "hris", c.auth_type == "oauth2"))
    for connector in rows if known else rows[:24]:
        name = f"{connector.unified_api}+{connector.service_id}"
        if known and not known.startswith(name + " "):
            continue
        item = world.add(who, connector, settings=world.settings(connector))
        shown = [m for m in item.get("custom_mappings") or () if isinstance(m, dict)]
        targets = [str(m["id"]) for m in shown if m.get("id")]
        if known:
            targets = targets or known.split(" ")[1:]
        else:
            targets = targets or _guessed(world, who, connector)
        if len(targets) >= least:
            world.target.capabilities["mapping"] = " ".join((name, *targets))
            return who, connector, targets
    if least == 1:
        world.target.capabilities.setdefault("mapping", "none")
    raise_none(world)
    return who, world.catalogue[0], []


def targets_of(world: World, who: Principal, connector: Connector) -> list[str]:
    """Return the target fields that a connection shows, else those of the contract's form."""
    return list(connector.mappings) or _guessed(world, who, connector)


def _guessed(world: World, who: Principal, connector: Connector) -> list[str]:
    """Try ids of target fields of the form that the contract shows; return those that exist."""
    api = connector.unified_api
    resources = connector.resources[:4] or ("employees",)
    found: list[str] = []
    for target in [f"{api}+{r}+{f}" for f in _FIELDS for r in resources]:
        if target.rpartition("+")[2] == _FIELDS[1] and not found:
            break
        path = {"target_field_id": target, **connector.path}
        answer = world.call("customMappingsAdd", who, body={"value": "$.x"}, **path)
        if answer.is_good:
            world.call("customMappingsDelete", who, **path)
            found.append(target)
        if len(found) == len(_FIELDS):
            break
    return found


def raise_none(world: World) -> None:
    """Give up: the deployment has no target field that we know."""
    why = (
        "no connection shows a target field of a custom mapping, or takes one that the contract has"
    )
    world.need(False, why)


def _value(world: World) -> str:
    return f"$['root'].{world.nonce}.first"


@law("VLT-MAP-01", "mappings", _CRUD, "contract", builds_on=(*_BASE, "VLT-CSM-05", "VLT-CNX-02"))
def an_added_mapping_is_read_back(world: World) -> None:
    """A custom mapping that was added is there, with its value and under its target field."""
    who, connector, target = ground(world)
    for answer in (
        world.call(
            "customMappingsAdd",
            who,
            body={"value": _value(world)},
            target_field_id=target,
            **connector.path,
        ),
        world.call("customMappingsOne", who, target_field_id=target, **connector.path),
    ):
        if not world.expect(answer.is_good, "found", "the mapping", f"HTTP {answer.status}"):
            return
        world.expect(
            answer.item.get("value") == _value(world),
            "value",
            _value(world),
            answer.item.get("value"),
        )
        world.expect(answer.item.get("id") == target, "id", target, answer.item.get("id"))
        key = answer.item.get("key", target)
        world.expect(target.endswith(str(key)), "key", f"the end of {target}", key)
        owner = answer.item.get("consumer_id")
        # null is a default of the application
        world.expect(owner in {None, who.consumer_id}, "consumer", who.consumer_id, owner)


@law("VLT-MAP-02", "mappings", _CRUD, "contract", builds_on=("VLT-MAP-01",))
def an_updated_mapping_is_read_back(world: World) -> None:
    """An update of a custom mapping is there when it is read."""
    who, connector, target = ground(world)
    world.call(
        "customMappingsAdd",
        who,
        body={"value": "$.before"},
        target_field_id=target,
        **connector.path,
    )
    answer = world.call(
        "customMappingsUpdate",
        who,
        body={"value": _value(world)},
        target_field_id=target,
        **connector.path,
    )
    world.expect(answer.is_good, "update", "the mapping", f"HTTP {answer.status}")
    value = answer.item.get("value")
    world.expect(value == _value(world), "answer", _value(world), value)
    answer = world.call("customMappingsOne", who, target_field_id=target, **connector.path)
    world.expect(
        answer.item.get("value") == _value(world), "value", _value(world), answer.item.get("value")
    )


@law("VLT-MAP-03", "mappings", _CRUD, "contract", builds_on=("VLT-MAP-01",))
def a_deleted_mapping_is_gone(world: World) -> None:
    """A deleted custom mapping has no value, alone and shown; it can be added and deleted again."""
    who, connector, target = ground(world)
    answer = world.call(
        "customMappingsAdd",
        who,
        body={"value": _value(world)},
        target_field_id=target,
        **connector.path,
    )
    world.need(answer.is_good, "a mapping cannot be added")
    answer = world.call("customMappingsDelete", who, target_field_id=target, **connector.path)
    world.expect(answer.is_good, "delete", "204", f"HTTP {answer.status}")
    answer = world.call("customMappingsOne", who, target_field_id=target, **connector.path)
    gone = answer.status == 404 or not answer.item.get("value")
    world.expect(gone, "gone", "404, or no value", answer.item)
    shown = str(world.one(who, connector).get("custom_mappings"))
    world.expect(world.nonce not in shown, "shown", "no value on the connection", shown)
    at = {"target_field_id": target, **connector.path}
    answer = world.call("customMappingsAdd", who, body={"value": "$.again"}, **at)
    world.expect(answer.is_good, "again", "the mapping", f"HTTP {answer.status}")
    seen = world.call("customMappingsOne", who, **at).item.get("value")
    world.expect(seen == "$.again", "again", "$.again", seen)
    answer = world.call("customMappingsDelete", who, **at)
    world.expect(answer.is_good, "delete", "204", f"HTTP {answer.status}")
    answer = world.call("customMappingsOne", who, **at)
    gone = answer.status == 404 or not answer.item.get("value")
    world.expect(gone, "gone", "404, or no value", answer.item)


@law(
    "VLT-MAP-04", "mappings", "target_field_id", "contract", builds_on=("VLT-MAP-01", "VLT-MAP-02")
)
def target_fields_are_apart(world: World) -> None:
    """Each target field has its own value, and updating or deleting one leaves the others."""
    who, connector, targets = grounds(world, 2)
    for index, target in enumerate(targets[:5]):
        answer = world.call(
            "customMappingsAdd",
            who,
            body={"value": f"$.{world.nonce}{index}"},
            target_field_id=target,
            **connector.path,
        )
        world.need(answer.is_good, "a mapping cannot be added")
    for index, target in enumerate(targets[2:5], 2):
        read = world.call("customMappingsOne", who, target_field_id=target, **connector.path)
        held = read.item.get("value")
        world.expect(held == f"$.{world.nonce}{index}", "many", f"$.{world.nonce}{index}", held)
    first = world.call(
        "customMappingsOne", who, target_field_id=targets[0], **connector.path
    ).item.get("value")
    world.expect(first == f"$.{world.nonce}0", "apart", f"$.{world.nonce}0", first)
    new = f"$.{world.nonce}2"
    world.call(
        "customMappingsUpdate",
        who,
        body={"value": new},
        target_field_id=targets[1],
        **connector.path,
    )
    for index, want in enumerate((f"$.{world.nonce}0", new)):
        seen = world.call(
            "customMappingsOne", who, target_field_id=targets[index], **connector.path
        ).item.get("value")
        world.expect(seen == want, "updated", want, seen)
    world.call("customMappingsDelete", who, target_field_id=targets[1], **connector.path)
    first = world.call(
        "customMappingsOne", who, target_field_id=targets[0], **connector.path
    ).item.get("value")
    world.expect(first == f"$.{world.nonce}0", "deleted", f"$.{world.nonce}0", first)


@law(
    "VLT-MAP-05", "mappings", "Connection.custom_mappings", "documented", builds_on=("VLT-MAP-01",)
)
def a_connection_shows_its_mappings(world: World) -> None:
    """The connection shows the custom mapping with its value."""
    who, connector, target = ground(world)
    answer = world.call(
        "customMappingsAdd",
        who,
        body={"value": _value(world)},
        target_field_id=target,
        **connector.path,
    )
    world.need(answer.is_good, "a mapping cannot be added")
    rows = [
        m for m in world.one(who, connector).get("custom_mappings") or () if isinstance(m, dict)
    ]
    seen = {str(m.get("id")): m.get("value") for m in rows}
    world.expect(seen.get(target) == _value(world), "shown", f"{target}: {_value(world)}", seen)


@law(
    "VLT-MAP-06",
    "mappings",
    "CreateCustomMappingRequest.value, required",
    "contract",
    builds_on=("VLT-MAP-01", "VLT-VAL-01"),
)
def a_mapping_needs_a_value(world: World) -> None:
    """A custom mapping without a value, with one that is no text, or with more, is refused."""
    who, connector, target = ground(world)
    for body in ({}, {"value": 7}, {"value": None}):
        answer = world.call(
            "customMappingsAdd", who, body=body, target_field_id=target, **connector.path
        )
        world.expect(answer.is_refusal, "value", "a refusal (400)", f"{body}: HTTP {answer.status}")
    at = {"target_field_id": target, **connector.path}
    answer = world.call("customMappingsAdd", who, body={"value": _value(world)}, **at)
    world.need(answer.is_good, "a mapping cannot be added")
    bad: tuple[dict[str, Any], ...] = (
        {},
        {"value": 7},
        {"value": ["$.a"]},
        {"value": "$.x", "conformance_extra": 1},
    )
    for new in bad:
        answer = world.call("customMappingsUpdate", who, body=new, **at)
        world.expect(answer.is_refusal, "new", "a refusal (400)", f"{new}: HTTP {answer.status}")
    seen = world.call("customMappingsOne", who, **at).item.get("value")
    world.expect(seen == _value(world), "kept", _value(world), seen)


@law(
    "VLT-MAP-07",
    "mappings",
    "CustomMapping.value",
    "contract",
    builds_on=("VLT-MAP-01", "VLT-MAP-02"),
)
def any_path_is_kept_as_it_is(world: World) -> None:
    """A long path, and one with quotes, brackets and text outside ASCII, comes back whole."""
    who, connector, target = ground(world)
    at = {"target_field_id": target, **connector.path}
    long = "$['root']" + "".join(f"['part{n}']" for n in range(40))
    odd = "$.items[?(@.name == 'Größe 大 \"XL\"' && @.e\u0301)]..value[0:3]"
    answer = world.call("customMappingsAdd", who, body={"value": long}, **at)
    world.need(answer.is_good, "a mapping cannot be added")
    seen = world.call("customMappingsOne", who, **at).item.get("value")
    world.expect(seen == long, "value", long, seen)
    for value in (long, odd, " $.between.blanks "):
        answer = world.call("customMappingsUpdate", who, body={"value": value}, **at)
        world.need(answer.is_good, "a mapping cannot be updated")
        seen = world.call("customMappingsOne", who, **at).item.get("value")
        world.expect(seen == value, "value", value, seen)


@law(
    "VLT-MAP-08",
    "mappings",
    "PATCH changes what it names (RFC 5789)",
    "contract",
    builds_on=("VLT-MAP-01", "VLT-CNX-06"),
)
def updates_of_its_connection_keep_a_mapping(world: World) -> None:
    """An update of a connection, or disabling it, leaves its custom mappings as they are."""
    who, connector, target = ground(world)
    at = {"target_field_id": target, **connector.path}
    answer = world.call("customMappingsAdd", who, body={"value": _value(world)}, **at)
    world.need(answer.is_good, "a mapping cannot be added")
    bodies = ({"metadata": {"m": "1"}}, {"settings": {"s": "1"}}, {"enabled": False})
    for body in bodies:
        answer = world.call("connectionsUpdate", who, body=body, **connector.path)
        world.need(answer.is_good, "a connection cannot be updated")
        seen = world.call("customMappingsOne", who, **at).item.get("value")
        world.expect(seen == _value(world), "kept", _value(world), seen)
