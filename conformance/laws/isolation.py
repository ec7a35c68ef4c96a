"""Two applications by two consumers: what one does, the others neither see nor feel."""

import json
from itertools import permutations
from typing import Any

from conformance.laws.mappings import ground as mapping_ground
from conformance.laws.mappings import targets_of
from conformance.laws.oauth import link
from conformance.laws.paging import cursors, ids, listed_ids, pages, size_for
from conformance.laws.records import ALWAYS, fits, vault_count
from conformance.laws.registry import law
from conformance.laws.resources import configure, configured, connected, field_ids
from conformance.laws.resources import ground as resource_ground
from conformance.laws.world import Connector, World, difference, still
from conformance.target import Principal

_SCOPED = "All connections to connectors are scoped to a consumer (tag Connections, Consumers)"
_APPS = "applications are separate (x-apideck-app-id with its own key)"


def view(world: World, who: Principal, connector: Connector) -> dict[str, Any]:
    """Return all that a principal sees of a connection: alone, and in the list."""
    one = still(world.one(who, connector))
    rows = world.listed(who)
    mine = [
        still(r)
        for r in rows
        if (r.get("unified_api"), r.get("service_id"))
        == (connector.unified_api, connector.service_id)
    ]
    return {
        "one": one,
        "listed": mine,
        "configured": sorted(str(r.get("id")) for r in rows if r.get("state") != "available"),
    }


def _unmoved(world: World, actor: Principal, others: list[Principal], connector: Connector) -> None:
    before = [view(world, other, connector) for other in others]

    def unchanged(step: str) -> None:
        for index, other in enumerate(others):
            after = view(world, other, connector)
            what = difference(before[index]["one"], after["one"]) or difference(
                before[index], after
            )
            world.expect(
                after == before[index], "leak", f"{step} changes nothing for the others", what
            )
            before[index] = after

    mark = {"owner": f"{actor.consumer_id} {world.nonce}"}
    settings = {**world.settings(connector), "owned": world.nonce}
    world.add(actor, connector, settings=settings, metadata=mark)
    unchanged("an addition")
    for other in others:
        own = {"owner": f"{other.application.label} {other.consumer_id}"}
        held = world.add(other, connector, settings={"own": "o"}, metadata=own)
        kept = {name: held.get(name) for name in ("settings", "metadata")}
        leaks = world.nonce in json.dumps(kept)
        world.expect(not leaks, "leak", "an addition has nothing of the others", kept)
    before = [view(world, other, connector) for other in others]
    world.patch(
        actor,
        connector,
        enabled=False,
        settings={"extra": world.nonce},
        metadata={"more": world.nonce},
    )
    unchanged("an update")
    world.call("connectionsDelete", actor, **connector.path)
    unchanged("a deletion")


@law("VLT-ISO-01", "isolation", _SCOPED, builds_on=("VLT-CNX-19",))
def consumers_do_not_touch_each_other(world: World) -> None:
    """Adding, updating and deleting a connection changes nothing for another consumer."""
    _unmoved(world, world.who("a"), [world.who("b")], world.addable())


@law("VLT-ISO-02", "isolation", _APPS, builds_on=("VLT-ISO-04", "VLT-ISO-01", "VLT-CNX-19"))
def applications_do_not_touch_each_other(world: World) -> None:
    """What a consumer does changes nothing for its namesake, or another, in another application."""
    foreign = world.other_application
    others = [world.who("a", foreign), world.who("b", foreign)]
    _unmoved(world, world.who("a"), others, world.addable())


@law(
    "VLT-ISO-03",
    "isolation",
    "Connection.id is unified API + service",
    builds_on=(
        "VLT-CNX-02",
        "VLT-CNX-05",
        "VLT-ISO-01",
    ),
)
def unified_apis_of_a_service_are_apart(world: World) -> None:
    """A service of two unified APIs has a connection for each, and they are independent."""
    pairs = _twins(world)
    world.need(pairs, "no service is offered under two unified APIs")
    first, second = world.rng.choice(pairs)[:2]
    who = world.who()
    services = (first.service_id, second.service_id)
    stranger = next((c for c in world.catalogue if c.service_id not in services), None)
    if stranger is not None:
        world.add(who, stranger, metadata={"mark": world.nonce})
    before = still(world.one(who, second))
    world.add(who, first, metadata={"mark": world.nonce})
    after = still(world.one(who, second))
    world.expect(
        after == before, "leak", f"{second.unified_api} as it was", difference(before, after)
    )
    world.call("connectionsDelete", who, **second.path)
    world.add(who, second)
    world.call("connectionsDelete", who, **second.path)
    if stranger is not None:  # or a deletion takes along more than the twin (VLT-CAS-06)
        is_there = world.one(who, stranger).get("metadata") == {"mark": world.nonce}
        world.need(is_there, "a deletion takes connections to other services along")
    kept = world.one(who, first)
    world.expect(
        kept.get("metadata") == {"mark": world.nonce},
        "deletion",
        f"{first.unified_api} is kept",
        kept,
    )
    world.add(who, second, settings={"extra": "own"}, metadata={"mark": "own"})
    world.patch(who, first, settings={"extra": world.nonce}, metadata={"mark": world.nonce})
    item = world.one(who, second)
    seen = [(item.get(n) or {}).get(k) for n, k in (("settings", "extra"), ("metadata", "mark"))]
    world.expect(seen == ["own", "own"], "update", f"{second.unified_api} is kept", seen)
    _mappings_apart(world, who, pairs)
    _configuration_apart(world, pairs)


def _twins(world: World) -> list[list[Connector]]:
    """Return the services of several unified APIs: the connectors to each."""
    services: dict[str, list[Connector]] = {}
    for row in world.catalogue:
        services.setdefault(row.service_id, []).append(row)
    return [rows for rows in services.values() if len(rows) > 1]


def _configuration_apart(world: World, pairs: list[list[Connector]]) -> None:
    """Expect what a resource is set to in one unified API not to be set in the other."""
    rows = [(a, b) for pair in pairs for a, b in permutations(pair, 2) if a.resources]
    rows.sort(key=lambda row: (row[0].redirects, not {*row[0].resources} & {*row[1].resources}))
    who = world.who("configured")
    for first, second in rows[:3]:
        for connector in (first, second):
            connected(world, who, connector)
        both = [r for r in first.resources if r in second.resources]
        resource = (both or list(first.resources))[0]
        answer = world.call("connectionSettingsAll", who, resource=resource, **first.path)
        field = (field_ids(answer.item.get("configuration"), resource) or ["conformance_field"])[0]
        row = {"resource": resource, "defaults": [{"id": field, "value": world.nonce}]}
        at = {"body": {"configuration": [row]}, "resource": resource, **first.path}
        if not world.call("connectionSettingsUpdate", who, **at).is_good:
            continue
        seen = str(world.one(who, second).get("configuration"))
        if both:
            found = world.call("connectionSettingsAll", who, resource=resource, **second.path)
            seen += str(found.item.get("configuration"))
        world.expect(world.nonce not in seen, "configuration", f"none of {first.name}", seen)
        return


def _mappings_apart(world: World, who: Principal, pairs: list[list[Connector]]) -> None:
    """Expect a mapping of one unified API to be none of the other, where one can be made."""
    for first, second, *_ in sorted(pairs, key=lambda rows: not rows[0].mappings)[:4]:
        for connector in (first, second):
            world.add(who, connector, settings=world.settings(connector))
        for target in targets_of(world, who, first)[:1]:
            at, body = {"target_field_id": target}, {"value": f"$.{world.nonce}"}
            answer = world.call("customMappingsAdd", who, body=body, **at, **first.path)
            world.need(answer.is_good, "a mapping cannot be added")
            seen = world.call("customMappingsOne", who, **at, **second.path).item.get("value")
            world.expect(seen != body["value"], "mapping", f"none of {first.name}", seen)
            shown = str(world.one(who, second).get("custom_mappings"))
            world.expect(world.nonce not in shown, "mapping", f"none of {first.name}", shown)
            return


@law("VLT-ISO-04", "isolation", _APPS)
def a_consumer_of_another_application_is_unknown(world: World) -> None:
    """A consumer of another application cannot be read, listed, updated, counted or deleted."""
    foreign = world.other_application
    mine = world.who("mine")
    stranger = Principal(foreign, mine.consumer_id)
    world.consumer(mine, metadata={"user_name": world.nonce})
    span = {
        "start_datetime": "2020-01-01T00:00:00.000Z",
        "end_datetime": "2099-01-01T00:00:00.000Z",
    }
    answer = world.call("consumersOne", stranger)
    world.expect(
        not answer.is_good, "read", "not found", f"HTTP {answer.status} {answer.body[:160]!r}"
    )
    answer = world.call("consumersUpdate", stranger, body={"metadata": {"user_name": "stranger"}})
    world.expect(not answer.is_good, "update", "not found", f"HTTP {answer.status}")
    answer = world.call("consumerRequestCountsAll", stranger, query=span)
    world.expect(not answer.is_good, "stats", "not found", f"HTTP {answer.status}")
    answer = world.call("consumersDelete", stranger)
    world.expect(not answer.is_good, "delete", "not found", f"HTTP {answer.status}")
    answer = world.call("consumersOne", mine)
    world.expect(answer.is_good, "deleted", "the consumer is still there", f"HTTP {answer.status}")
    name = (answer.item.get("metadata") or {}).get("user_name")
    world.expect(name == world.nonce, "updated", f"user_name {world.nonce}", name)
    seen = listed_ids(world, stranger)
    for page in pages(world, stranger, size_for(world, stranger), most=14):
        seen += ids(page)
    world.expect(
        mine.consumer_id not in seen,
        "list",
        "the other application's list lacks it",
        "it is listed",
    )


@law(
    "VLT-ISO-05",
    "isolation",
    "Log.consumer_id; x-apideck-consumer-id of logsAll",
    builds_on=("VLT-HDR-02", "VLT-LOG-05"),
)
def logs_are_those_of_their_consumer(world: World) -> None:
    """A consumer's logs hold no call of another consumer, nor of one whose id begins alike."""
    _logs_apart(world, world.who("ab"))


@law("VLT-ISO-06", "isolation", _APPS, builds_on=("VLT-ISO-02", "VLT-ISO-05", "VLT-LOG-05"))
def logs_are_those_of_their_application(world: World) -> None:
    """A consumer's logs hold no call of its namesake in another application."""
    _logs_apart(world, world.who("a", world.other_application))


def _logs_apart(world: World, other: Principal) -> None:
    who = world.who("a")
    world.consumer(who)
    world.consumer(other)
    for _ in range(3):
        world.listed(who)
    world.listed(other)
    mine = {str(e.get("id")) for e in world.logs(who)}
    theirs = {str(e.get("id")) for e in world.logs(other)}
    world.need(mine, "calls are not logged")
    both = mine & theirs
    world.expect(
        not both, "leak", "no entry in both logs", f"{len(both)} of {len(mine)} entries are in both"
    )
    for query in ({"filter[status_code]": 200}, {"filter[exclude_unified_apis]": "pos"}):
        found = {str(e.get("id")) for e in world.logs(who, **query)}
        leaks = f"{len(found & theirs)} of the other's with {query}"
        world.expect(not found & theirs, "filtered", "none of the other's entries", leaks)


@law("VLT-ISO-07", "isolation", "CustomMapping.consumer_id", builds_on=("VLT-ISO-01", "VLT-ISO-02"))
def mappings_are_those_of_their_consumer(world: World) -> None:
    """A custom mapping of one consumer is not seen by another, nor in another application."""
    who, connector, target = mapping_ground(world)
    others = [world.who("b")]
    if len(world.target.applications) > 1:
        others.append(world.who("a", world.other_application))
    for other in others:
        world.add(other, connector, settings=world.settings(connector))
    value = f"$.{world.nonce}"
    answer = world.call(
        "customMappingsAdd", who, body={"value": value}, target_field_id=target, **connector.path
    )
    world.need(answer.is_good, "a mapping cannot be added")
    at: dict[str, Any] = {"target_field_id": target, **connector.path}
    _need_read_back(world, who, value, at)
    for other in others:
        got = world.call("customMappingsOne", other, target_field_id=target, **connector.path)
        world.expect(got.item.get("value") != value, "leak", "not the other's value", got.item)
        shown = world.one(other, connector)
        world.expect(
            world.nonce not in str(shown.get("custom_mappings")),
            "shown",
            "not the other's value",
            shown,
        )
    for other in others:  # who has none of it yet
        for operation_id, more in (
            ("customMappingsUpdate", {"body": {"value": "$.of.another"}}),
            ("customMappingsDelete", {}),
        ):
            world.call(operation_id, other, **more, **at)
            kept = world.call("customMappingsOne", who, **at).item.get("value")
            world.expect(kept == value, "kept", value, kept)
    for index, other in enumerate(others):
        answer = world.call("customMappingsAdd", other, body={"value": f"$.own{index}"}, **at)
        world.need(answer.is_good, "a mapping cannot be added")
        _need_read_back(world, other, f"$.own{index}", at)
    world.call("customMappingsUpdate", who, body={"value": f"{value}.more"}, **at)
    world.call("customMappingsDelete", who, **at)
    for index, other in enumerate(others):
        kept = world.call("customMappingsOne", other, **at).item.get("value")
        world.expect(kept == f"$.own{index}", "kept", f"$.own{index}", kept)


def _need_read_back(world: World, who: Principal, value: str, at: dict[str, Any]) -> None:
    """Need that a mapping is as it was added, or nobody knows who has changed it."""
    seen = world.call("customMappingsOne", who, **at).item.get("value")
    world.need(seen == value, "a mapping that was added is not read back")


@law("VLT-ISO-08", "isolation", _SCOPED, builds_on=("VLT-ISO-01", "VLT-ISO-02"))
def resource_settings_are_those_of_their_consumer(world: World) -> None:
    """The settings of a resource of one consumer are not seen by another."""
    connector, resource, field = resource_ground(world)
    who, others = world.who("a"), [world.who("b")]
    if len(world.target.applications) > 1:
        others.append(world.who("a", world.other_application))
    for one in (who, *others):
        connected(world, one, connector)
    configure(world, who, connector, resource, field, world.nonce)
    for other in others:
        seen = configured(world, other, connector, resource)
        world.expect(world.nonce not in seen, "leak", "not the other's value", seen)


@law("VLT-ISO-09", "isolation", "counts are those of the consumer in the path")
def counts_are_those_of_their_consumer(world: World) -> None:
    """Calls of one consumer are not counted for another."""
    who, others = world.who("ab"), [world.who("a")]
    if len(world.target.applications) > 1:
        others.append(world.who("ab", world.other_application))
    world.consumer(who)
    for other in others:
        world.consumer(other)
        world.listed(other)
    before = [_counts(world, other) for other in others]
    for _ in range(4):
        world.listed(who)
    after = [_counts(world, other) for other in others]
    for other, old, new in zip(others, before, after, strict=True):
        kept = all(fits(world, other, n, o, 2) for o, n in zip(old, new, strict=True))
        world.expect(kept, "leak", f"{before}", f"{after}")


def _counts(world: World, who: Principal) -> tuple[float, float]:
    """Return how many calls are counted for a consumer, alone and in a range."""
    alone = vault_count(world, who)
    item = world.call("consumerRequestCountsAll", who, query=ALWAYS).item
    counted = (item.get("request_counts") or {}).get("vault")
    return alone, float(counted) if isinstance(counted, int | float) else 0.0


ALIKE = (
    ("", "+1"),
    ("", " x"),
    ("", ".x"),
    ("-up", "-UP"),
    (" y", "+y"),
    (":z", "-z"),
    ("-w", "_w"),
    ("v-", "v%"),
    ("-ñ😀", "-é"),
    ("%41", "A"),
    ("-ünï", "-uni"),
    ("-" + "l" * 60 + "1", "-" + "l" * 60 + "2"),
    ("-" + "m" * 320 + "1", "-" + "m" * 320 + "2"),
)


@law(
    "VLT-ISO-10",
    "isolation",
    "You can freely choose a consumer ID yourself (ConsumerId)",
    builds_on=("VLT-ISO-01", "VLT-CSM-05", "VLT-LIM-01", "VLT-CNX-01", "VLT-CNX-02"),
)
def ids_that_look_alike_are_apart(world: World) -> None:
    """Consumers whose ids differ in case, length, plus, blank or escape share no connection."""
    connector = world.addable()
    for index, (one, two) in enumerate(ALIKE):
        stem = world.name(f"alike{index}")
        first, second = (Principal(world.application, stem + end) for end in (one, two))
        body = {"enabled": True, "metadata": {"owner": world.nonce}}
        answer = world.call("connectionsAdd", first, body=body, **connector.path)
        if len(stem + one) > 300 and answer.is_refusal:
            continue  # how long an id may be is not told
        world.need(answer.is_good, "a connection cannot be added")
        seen = world.one(second, connector)
        told = f"nothing of {first.consumer_id!r} for {second.consumer_id!r}"
        world.expect(seen.get("state") == "available", "shared", told, seen.get("metadata"))
        world.call("connectionsDelete", second, **connector.path)
        kept = (world.one(first, connector).get("metadata") or {}).get("owner")
        world.expect(kept == world.nonce, "deleted", world.nonce, kept)


@law("VLT-ISO-11", "isolation", _APPS, builds_on=("VLT-ISO-04", "VLT-CSM-07", "VLT-CSM-04"))
def a_consumer_comes_to_be_in_its_application_alone(world: World) -> None:
    """A consumer that a session, a connection or a creation makes is unknown elsewhere."""
    connector, here, there = world.addable(), world.application, world.other_application
    steps: dict[str, dict[str, Any]] = {
        "sessionsCreate": {},
        "connectionsAdd": {"body": {"enabled": True}, **connector.path},
        "consumersAdd": {},
    }
    for operation_id, arguments in steps.items():
        for home, other in ((here, there), (there, here)):
            who = world.who(f"{operation_id[:4]}-{home.label[-5:]}", home)
            body = {"body": {"consumer_id": who.consumer_id}} if not arguments else {}
            more = arguments if operation_id != "consumersAdd" else body
            answer = world.call(operation_id, who, **more)
            world.need(answer.is_good, "a consumer cannot be made")
            answer = world.call("consumersOne", Principal(other, who.consumer_id))
            world.expect(
                not answer.is_good,
                "elsewhere",
                "not found",
                f"{operation_id}: HTTP {answer.status}",
            )


@law(
    "VLT-ISO-12",
    "isolation",
    _SCOPED,
    builds_on=("VLT-ISO-13", "VLT-CNX-16", "VLT-OAU-04", "VLT-SEC-02"),
)
def tokens_are_those_of_their_consumer(world: World) -> None:
    """An import, a consent and a revocation of one consumer change nothing for the others."""
    rows = [c for c in world.catalogue if c.redirects and not c.required]
    world.need(rows, "no connector asks for consent alone")
    rows = [c for c in rows if world.is_shared(c)] or rows
    connector, actor = world.rng.choice(rows), world.who("a")
    others = [world.who("b")]
    if len(world.target.applications) > 1:
        others.append(world.who("a", world.other_application))
    for one in (actor, *others):
        world.add(one, connector, metadata={"owner": one.consumer_id})
    before = [view(world, other, connector) for other in others]

    def unchanged(step: str) -> None:
        for index, other in enumerate(others):
            after = view(world, other, connector)
            what = difference(before[index]["one"], after["one"]) or difference(
                before[index], after
            )
            world.expect(after == before[index], "leak", f"{step} changes nothing for others", what)

    body = {"credentials": world.lasting_credentials(), "metadata": {"owner": world.nonce}}
    answer = world.call("connectionsImport", actor, body=body, **connector.path)
    world.need(answer.is_good, "nothing can be imported")
    unchanged("an import")
    if "consent" in world.target.capabilities:
        second = world.who("c")
        world.consent(link(world, second, connector))
        unchanged("a consent")


@law("VLT-ISO-13", "isolation", _SCOPED, builds_on=("VLT-ISO-01", "VLT-ISO-02", "VLT-CNX-05"))
def each_reads_its_own(world: World) -> None:
    """Consumers and applications that read in turns each see their own, alone and in lists."""
    connector, everybody = world.addable(), [world.who("a"), world.who("b")]
    if len(world.target.applications) > 1:
        there = world.other_application
        everybody += [world.who("a", there), world.who("b", there)]
    owner = {one: f"{one.application.label} {one.consumer_id}" for one in everybody}
    name = f"{connector.unified_api}+{connector.service_id}"
    for one in everybody:
        world.add(one, connector, metadata={"owner": owner[one]})
    for _ in range(2):
        for one in everybody:
            item = world.one(one, connector)
            seen = (item.get("metadata") or {}).get("owner")
            world.expect(seen == owner[one], "one", owner[one], seen)
        for one in everybody:
            rows = [r for r in world.listed(one) if r.get("id") == name]
            found = [(r.get("metadata") or {}).get("owner") for r in rows]
            world.expect(found == [owner[one]], "list", owner[one], found)


@law(
    "VLT-ISO-14",
    "isolation",
    "Log.consumer_id; parameter cursor",
    builds_on=("VLT-ISO-05", "VLT-PAG-08", "VLT-HDR-02"),
)
def a_cursor_opens_nothing_of_another(world: World) -> None:
    """A cursor of one consumer's logs shows another consumer none of them."""
    who, other = world.who("a"), world.who("b")
    for _ in range(5):
        world.listed(who)
    world.listed(other)
    mine = {str(e.get("id")) for e in world.logs(who)}
    page = world.call("logsAll", who, query={"limit": 2})
    cursor = cursors(page).get("next")
    world.need(cursor, "five calls fill no two pages of logs")
    answer = world.call("logsAll", other, query={"limit": 2, "cursor": cursor})
    seen = [str(e.get("id")) for e in answer.items]
    leaks = [i for i in seen if i in mine]
    world.expect(not leaks, "leak", "a refusal, or its own entries", f"{len(leaks)} of the other's")


@law("VLT-ISO-15", "isolation", _APPS, builds_on=("VLT-ISO-04", "VLT-CSM-02", "VLT-SES-09"))
def metadata_are_those_of_the_application(world: World) -> None:
    """Metadata that a session or an update gives a consumer do not reach its namesake elsewhere."""
    pair = [world.who("a"), world.who("a", world.other_application)]
    for index, one in enumerate(pair):
        world.consumer(one, metadata={"user_name": f"own{index}"})
    for index, one in enumerate(pair):
        other = pair[1 - index]
        before = world.call("consumersOne", other).item.get("metadata")
        body = {"consumer_metadata": {"user_name": world.nonce}}
        world.call("sessionsCreate", one, body=body)
        world.call("consumersUpdate", one, body={"metadata": {"account_name": world.nonce}})
        after = world.call("consumersOne", other).item.get("metadata")
        world.expect(after == before, "leak", str(before), after)
