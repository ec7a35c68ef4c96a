"""Cascades: what goes with what, and what stays."""

from typing import Any

from conformance.laws.mappings import ground as mapping_ground
from conformance.laws.paging import listed_ids
from conformance.laws.registry import law
from conformance.laws.resources import configure, configured, connected
from conformance.laws.resources import ground as resource_ground
from conformance.laws.secrecy import secrets_of
from conformance.laws.world import Connector, World
from conformance.target import Principal

_ALL = "Delete consumer and all their connections, including credentials (consumersDelete)"
_CNX = "stored credentials and settings are removed (connectionsDelete)"
_DEL = ("VLT-CNX-01", "VLT-CSM-03", "VLT-CNX-02", "VLT-ISO-01", "VLT-ISO-02")


@law("VLT-CAS-01", "cascades", _ALL, builds_on=(*_DEL, "VLT-CAS-07"))
def a_consumer_takes_its_connections_along(world: World) -> None:
    """A consumer that is deleted and comes back has no connection or setting of before."""
    who, connector = world.who(), world.addable()
    world.consumer(who, metadata={"user_name": world.nonce})
    world.add(who, connector, settings=world.settings(connector), metadata={"mark": world.nonce})
    others = [c for c in world.catalogue if c.service_id != connector.service_id][:3]
    for other in others:
        world.add(who, other)
    answer = world.call("consumersDelete", who)
    world.need(answer.is_good, "the consumer cannot be deleted")
    for one in (connector, *others):
        item = world.one(who, one)
        world.expect(item.get("state") == "available", "state", "available", item.get("state"))
    answer = world.call("consumersAdd", who, body={"consumer_id": who.consumer_id})
    world.need(answer.is_good or answer.status == 409, "a consumer cannot be created")
    item = world.one(who, connector)
    world.expect(item.get("state") == "available", "state", "available", item.get("state"))
    item = world.add(who, connector)
    item = world.one(who, connector)
    world.expect(not (item.get("settings") or {}), "settings", "none", item.get("settings"))
    mark = (item.get("metadata") or {}).get("mark")
    world.expect(mark is None, "metadata", "none", mark)
    name = (world.call("consumersOne", who).item.get("metadata") or {}).get("user_name")
    world.expect(name is None, "consumer", "no user_name of before", name)


@law("VLT-CAS-02", "cascades", _ALL, builds_on=("VLT-CSM-03", "VLT-MAP-01", "VLT-ISO-07"))
def a_consumer_takes_its_mappings_along(world: World) -> None:
    """A consumer that is deleted and comes back has no custom mapping of before."""
    who, connector, target = mapping_ground(world)
    value = f"$.{world.nonce}"
    answer = world.call(
        "customMappingsAdd", who, body={"value": value}, target_field_id=target, **connector.path
    )
    world.need(answer.is_good, "a mapping cannot be added")
    answer = world.call("consumersDelete", who)
    world.need(answer.is_good, "the consumer cannot be deleted")
    world.add(who, connector, settings=world.settings(connector))
    answer = world.call("customMappingsOne", who, target_field_id=target, **connector.path)
    world.expect(answer.item.get("value") != value, "value", "no value of before", answer.item)


@law("VLT-CAS-03", "cascades", _ALL, builds_on=(*_DEL, "VLT-CSM-05"))
def only_that_consumer_is_deleted(world: World) -> None:
    """Deleting a consumer leaves those whose id begins alike, its namesake, and all theirs."""
    who = world.who("stem")
    others = [Principal(who.application, who.consumer_id + end) for end in ("-2", "+x", "0")]
    if len(world.target.applications) > 1:
        others.append(Principal(world.other_application, who.consumer_id))
    rows = world.plains() or list(world.catalogue)
    connectors = [c for c in rows if world.is_shared(c)][:1]
    for one in (who, *others):
        world.consumer(one)
        for connector in connectors:
            world.add(one, connector, metadata={"mark": world.nonce})
    answer = world.call("consumersDelete", who)
    world.need(answer.is_good, "the consumer cannot be deleted")
    for other in others:
        answer = world.call("consumersOne", other)
        named = f"{other.application.label} {other.consumer_id}"
        seen = f"HTTP {answer.status}"
        world.expect(answer.is_good, "survives", f"{named} is still there", seen)
        for connector in connectors if answer.is_good else ():
            mark = (world.one(other, connector).get("metadata") or {}).get("mark")
            world.expect(mark == world.nonce, "connection", f"{named} has its connection", mark)


@law(
    "VLT-CAS-04",
    "cascades",
    _CNX,
    builds_on=("VLT-CNX-09", "VLT-ISO-01", "VLT-CNX-10", "VLT-CNX-25"),
)
def a_connection_takes_its_settings_along(world: World) -> None:
    """A connection that is deleted and added again has no setting of before, nor a secret."""
    who, connector = world.who(), world.addable()
    settings = {**world.settings(connector), "extra": world.nonce}
    world.add(who, connector, settings=settings, metadata={"mark": world.nonce})
    world.call("connectionsDelete", who, **connector.path)
    world.add(who, connector)
    item = world.one(who, connector)
    world.expect(not (item.get("settings") or {}), "settings", "none", item.get("settings"))
    state = item.get("state")
    world.expect(state != "callable", "state", "not callable", state)
    filled = [
        f.get("id")
        for f in item.get("form_fields") or ()
        if isinstance(f, dict) and world.nonce in str(f.get("value"))
    ]
    world.expect(not filled, "form fields", "no value of before", filled)
    mark = (item.get("metadata") or {}).get("mark")
    world.expect(mark is None, "metadata", "none", mark)
    _takes_secrets_along(world)


def _takes_secrets_along(world: World) -> None:
    """Expect a secret to be asked for again, where it may be kept apart from all else."""
    rows = [c for c in world.plains() if secrets_of(c) and not c.validates]
    for connector in sorted(rows, key=lambda c: len(secrets_of(c)) == len(c.required))[:1]:
        who, fresh = world.who("secret"), world.who("fresh")
        settings = world.settings(connector)
        secret = set(secrets_of(connector))
        world.add(who, connector, settings=settings)
        if world.one(who, connector).get("state") != "callable":
            return
        world.call("connectionsDelete", who, **connector.path)
        for one in (who, fresh):
            world.add(one, connector, settings={k: settings[k] for k in settings.keys() - secret})
        item = world.one(who, connector)
        shown, want = (_form(found, secret) for found in (item, world.one(fresh, connector)))
        as_new = shown == want
        world.expect(as_new, "secret", f"a form without {sorted(secret)}", "it is filled in")
        state = item.get("state")
        world.expect(state != "callable", "state", f"not callable without {sorted(secret)}", state)


def _form(item: dict[str, Any], names: set[str]) -> list[tuple[str, str]]:
    """Return what a form shows in some fields; nothing is nothing, however it is written."""
    rows = [f for f in item.get("form_fields") or () if isinstance(f, dict)]
    return [(str(f.get("id")), str(f.get("value") or "")) for f in rows if f.get("id") in names]


@law(
    "VLT-CAS-05",
    "cascades",
    _CNX,
    builds_on=("VLT-CNX-09", "VLT-CNX-16", "VLT-CNX-10", "VLT-CNX-25"),
)
def a_connection_takes_its_credentials_along(world: World) -> None:
    """An OAuth connection that is deleted and added again waits for a new consent."""
    rows = [c for c in world.catalogue if c.redirects]
    world.need(rows, "no connector asks for consent")
    connector, who = next((c for c in rows if not c.required), rows[0]), world.who()
    body = {"credentials": world.lasting_credentials()}
    answer = world.call("connectionsImport", who, body=body, **connector.path)
    world.need(answer.is_good, "nothing can be imported")
    world.call("connectionsDelete", who, **connector.path)
    world.add(who, connector)
    state = world.one(who, connector).get("state")
    world.expect(state == "added", "state", "added", state)


@law(
    "VLT-CAS-06",
    "cascades",
    _CNX,
    builds_on=("VLT-CNX-09", "VLT-CNX-02", "VLT-LIM-04", "VLT-CNX-05", "VLT-ISO-03"),
)
def only_that_connection_is_deleted(world: World) -> None:
    """Deleting a connection leaves the consumer's others, also those to its service."""
    who, plains = world.who(), world.plains() or list(world.catalogue)
    world.need(plains, "the catalogue has no connector")
    # one service under several unified APIs is several connections
    pairs = [(a, b) for a in plains for b in world.catalogue if _are_twins(a, b)]
    first = pairs[0][0] if pairs else plains[0]
    others = [b for _, b in pairs[:1]]
    others += [c for c in world.catalogue if c.service_id != first.service_id][:2]
    world.need(others, "the catalogue has one connector")
    for connector in (first, *others):
        world.add(who, connector, metadata={"mark": connector.name})
    world.call("connectionsDelete", who, **first.path)
    for connector in others:
        item = world.one(who, connector)
        seen = (item.get("enabled"), (item.get("metadata") or {}).get("mark"))
        world.expect(seen == (True, connector.name), "others", str((True, connector.name)), seen)


def _are_twins(one: Connector, other: Connector) -> bool:
    return one.service_id == other.service_id and one.unified_api != other.unified_api


@law("VLT-CAS-07", "cascades", _ALL, builds_on=("VLT-CSM-03", "VLT-ISO-04"))
def a_deleted_consumer_leaves_the_list(world: World) -> None:
    """A deleted consumer is in the list no more."""
    who = world.who()
    world.consumer(who)
    world.need(who.consumer_id in listed_ids(world, who), "the consumer was not listed")
    answer = world.call("consumersDelete", who)
    world.need(answer.is_good, "the consumer cannot be deleted")
    world.expect(
        who.consumer_id not in listed_ids(world, who), "listed", "not in the list", "it is listed"
    )


@law("VLT-CAS-08", "cascades", _CNX, builds_on=("VLT-CNX-09", "VLT-RES-01", "VLT-CNX-25"))
def a_connection_takes_its_resource_settings_along(world: World) -> None:
    """A connection that is deleted and added again has no resource settings of before."""
    connector, resource, field = resource_ground(world)
    who = world.who()
    connected(world, who, connector)
    configure(world, who, connector, resource, field, world.nonce)
    world.call("connectionsDelete", who, **connector.path)
    connected(world, who, connector)
    seen = configured(world, who, connector, resource)
    world.expect(world.nonce not in seen, "kept", "no value of before", seen)


@law("VLT-CAS-13", "cascades", _ALL, builds_on=("VLT-CAS-01", "VLT-CAS-08"))
def a_consumer_takes_its_resource_settings_along(world: World) -> None:
    """A consumer that is deleted and comes back has no resource settings of before."""
    connector, resource, field = resource_ground(world)
    who = world.who()
    connected(world, who, connector)
    configure(world, who, connector, resource, field, world.nonce)
    answer = world.call("consumersDelete", who)
    world.need(answer.is_good, "the consumer cannot be deleted")
    connected(world, who, connector)
    seen = configured(world, who, connector, resource)
    world.expect(world.nonce not in seen, "kept", "no value of before", seen)


@law("VLT-CAS-09", "cascades", _CNX, builds_on=("VLT-CNX-09", "VLT-CNX-12"))
def a_disabled_connection_can_be_deleted(world: World) -> None:
    """A connection that is disabled is deleted as any other; deleting it again does no harm."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector))
    world.patch(who, connector, enabled=False)
    world.call("connectionsDelete", who, **connector.path)
    state = world.one(who, connector).get("state")
    world.expect(state == "available", "state", "available", state)
    answer = world.call("connectionsDelete", who, **connector.path)
    world.expect(answer.status < 500, "again", "204 or 404", f"HTTP {answer.status}")


@law(
    "VLT-CAS-10",
    "cascades",
    _ALL,
    builds_on=("VLT-CSM-03", "VLT-CSM-01", "VLT-CSM-12", "VLT-CAS-07"),
)
def a_consumer_takes_its_metadata_along(world: World) -> None:
    """A consumer that is deleted and created again has no metadata of before."""
    who = world.who()
    world.consumer(who, metadata={"user_name": world.nonce, "account_name": world.nonce})
    answer = world.call("consumersDelete", who)
    world.need(answer.is_good, "the consumer cannot be deleted")
    world.consumer(who)
    seen = world.call("consumersOne", who).item.get("metadata") or {}
    world.expect(world.nonce not in str(seen), "metadata", "none of before", seen)


@law(
    "VLT-CAS-11",
    "cascades",
    _ALL,
    builds_on=("VLT-CSM-03", "VLT-CNX-16", "VLT-CAS-05", "VLT-CAS-01", "VLT-CNX-10"),
)
def a_consumer_takes_its_consents_along(world: World) -> None:
    """An OAuth connection of a consumer that was deleted waits for a new consent."""
    rows = [c for c in world.catalogue if c.redirects]
    world.need(rows, "no connector asks for consent")
    connector, who = next((c for c in rows if not c.required), rows[0]), world.who()
    body = {"credentials": world.lasting_credentials()}
    answer = world.call("connectionsImport", who, body=body, **connector.path)
    world.need(answer.is_good, "nothing can be imported")
    answer = world.call("consumersDelete", who)
    world.need(answer.is_good, "the consumer cannot be deleted")
    world.add(who, connector)
    state = world.one(who, connector).get("state")
    world.expect(state == "added", "state", "added", state)


@law(
    "VLT-CAS-12",
    "cascades",
    _CNX,
    builds_on=("VLT-CNX-09", "VLT-CSM-02", "VLT-CSM-07", "VLT-CSM-09"),
)
def deleting_a_connection_leaves_its_consumer(world: World) -> None:
    """Deleting a connection leaves the consumer, and its metadata, as they were."""
    who, connector = world.who(), world.addable()
    world.consumer(who, metadata={"user_name": world.nonce})
    world.add(who, connector)
    world.call("connectionsDelete", who, **connector.path)
    answer = world.call("consumersOne", who)
    world.expect(answer.is_good, "consumer", "the consumer", f"HTTP {answer.status}")
    name = (answer.item.get("metadata") or {}).get("user_name")
    world.expect(name == world.nonce, "metadata", world.nonce, name)
