"""Traces: a call of every operation of a consumer is logged and counted, and pages of logs."""

from typing import Any

from conformance.failures import Answer
from conformance.laws.mappings import ground as mapping_ground
from conformance.laws.paging import cursors, is_place
from conformance.laws.records import fits, vault_count
from conformance.laws.registry import law
from conformance.laws.world import Connector, NotJudged, World
from conformance.target import Principal

_LOG = "schema Log; logsAll"
_CALLED = "x-apideck-request-id is the id of the log"


def _each_operation(world: World, who: Principal) -> int:
    """Call each operation that is a consumer's, as far as the catalogue allows; count the calls."""
    begun = len(world.exchanges)
    connector = world.addable()
    world.add(who, connector, settings=world.settings(connector))
    resource = (connector.resources or ("contacts",))[0]
    for operation_id in ("connectionSettingsAll", "connectionsSchema", "connectionsExample"):
        world.call(operation_id, who, resource=resource, **connector.path)
    world.call("customFieldsAll", who, resource=resource, **connector.path)
    body: dict[str, Any] = {"configuration": []}
    world.call("connectionSettingsUpdate", who, body=body, resource=resource, **connector.path)
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("connectionsOne", connector.path),
        ("connectionsAll", {}),
        ("connectionsUpdate", {"body": {"enabled": False}, **connector.path}),
        ("connectionsImport", {"body": {"metadata": {"n": "1"}}, **connector.path}),
        ("connectionsToken", {"body": {}, **connector.path}),
        ("connectionsUpdate", {"body": {"enabled": "maybe"}, **connector.path}),
        ("connectionsDelete", connector.path),
        ("sessionsCreate", {}),
        ("sessionsCreate", {"body": {"settings": {"show_logs": "perhaps"}}}),
    )
    for operation_id, arguments in steps:
        world.call(operation_id, who, **arguments)
    return len(world.exchanges) - begun


def _with_tokens(world: World, who: Principal) -> None:
    """Make calls that have to do with a token: one is exchanged, and one lets a front end in."""
    _exchange(world, who)
    _visit(world, who, world.addable())


def _exchange(world: World, who: Principal) -> None:
    """Have a token exchanged, where there is a grant for it."""
    rows = [c for c in world.catalogue if c.grant == "client_credentials" and c.required]
    for connector in rows[:1]:
        world.add(who, connector, settings=world.settings(connector))
        world.call("connectionsToken", who, body={}, **connector.path)


def _visit(world: World, who: Principal, connector: Connector) -> None:
    """Call as a front end does, with the token of a session; it may be no bearer token here."""
    token = world.call("sessionsCreate", who).item.get("session_token")
    guest = Principal(who.application, who.consumer_id, str(token or "none"))
    world.call("connectionsOne", guest, **connector.path)
    world.call("connectionsUpdate", guest, body={"metadata": {"n": "3"}}, **connector.path)
    world.call("connectionsAll", guest)


def _mapped(world: World) -> tuple[Principal, int]:
    """Add, read, update and delete a mapping of a consumer; count the calls."""
    who, connector, target = mapping_ground(world)
    at = {"target_field_id": target, **connector.path}
    begun = len(world.exchanges)
    world.call("customMappingsAdd", who, body={"value": "$.a"}, **at)
    world.call("customMappingsOne", who, **at)
    world.call("customMappingsUpdate", who, body={"value": "$.b"}, **at)
    world.call("customMappingsDelete", who, **at)
    return who, begun


def _check_logged(world: World, who: Principal, begun: int) -> None:
    made = [e for e in world.exchanges[begun:] if e.request.header("x-apideck-consumer-id")]
    # what breaks the contract may be refused before it is known whose call it is
    made = [e for e in made if e.answer.is_good or e.answer.status in {404, 422}]
    rows = {str(e.get("id")): e for e in world.logs(who)}
    for exchange in made:
        found = exchange.answer.headers.get("x-apideck-request-id", "")
        if not found and not exchange.answer.is_good:
            continue  # that a refusal has an id is not told
        entry = rows.get(found)
        told = f"{exchange.request.method} of {exchange.operation_id}: {exchange.answer.status}"
        if not world.expect(entry is not None, exchange.operation_id, f"an entry of {told}", ""):
            continue
        entry = entry or {}
        seen = (entry.get("http_method"), entry.get("status_code"))
        want = (exchange.request.method, exchange.answer.status)
        world.expect(seen == want, "entry", told, seen)
        operation = entry.get("operation")
        named = operation.get("id") if isinstance(operation, dict) else exchange.operation_id
        world.expect(named == exchange.operation_id, "operation", exchange.operation_id, named)
        world.expect(entry.get("unified_api") == "vault", "unified_api", "vault", entry)
        times = [entry.get(name) for name in ("duration", "latency", "execution")]
        fine = all(value >= 0 for value in times if isinstance(value, int | float))
        world.expect(fine, "duration", "no negative time", times)


@law(
    "VLT-LOG-09",
    "logs",
    f"{_LOG}; {_CALLED}",
    "contract",
    builds_on=(
        *("VLT-LOG-01", "VLT-LOG-03", "VLT-LOG-04", "VLT-LOG-05", "VLT-HDR-02", "VLT-ISO-05"),
        *("VLT-PAG-02", "VLT-PAG-14", "VLT-LOG-08"),
    ),
)
def a_call_of_each_operation_is_logged(world: World) -> None:
    """A call of every operation that names a consumer is logged, and as that operation's."""
    who = world.who("each")
    _each_operation(world, who)
    _with_tokens(world, who)
    _check_logged(world, who, 0)
    try:
        mapper, begun = _mapped(world)
    except NotJudged:
        return  # no connection has a target field here
    _check_logged(world, mapper, begun)


@law(
    "VLT-CNT-08",
    "counts",
    "RequestCountAllocation.vault",
    "documented",
    builds_on=("VLT-CNT-01", "VLT-CNT-03", "VLT-CNT-07", "VLT-ISO-09"),
)
def a_call_of_each_operation_is_counted(world: World) -> None:
    """A served call of every operation that names a consumer counts once, by whatever token."""
    who = world.who("each")
    world.consumer(who)
    for aspect, make in (("count", _each_operation), ("with tokens", _with_tokens)):
        before = vault_count(world, who)
        begun = len(world.exchanges)
        make(world, who)
        made = [e for e in world.exchanges[begun:] if e.operation_id != "consumersOne"]
        refused = len([e for e in made if not e.answer.is_good])
        # whether a refused call counts is not told
        least, most = len(made) - refused, len(made)
        more = vault_count(world, who) - before
        fine = least <= more <= most or fits(world, who, more, most, 1)
        world.expect(fine, aspect, f"{least} to {most} more", f"{more:g} more")


@law(
    "VLT-PAG-14",
    "pagination",
    "limit: number of results to return, default 20",
    "contract",
    builds_on=("VLT-PAG-01", "VLT-PAG-02", "VLT-PAG-04", "VLT-LOG-01", "VLT-ISO-05"),
)
def a_page_of_logs_holds_what_was_asked_for(world: World) -> None:
    """A page of logs holds `limit` entries, or 20 without one, and says so, filtered or not."""
    who, connector = world.who(), world.connector()
    world.consumer(who)
    for _ in range(24):
        world.one(who, connector)
    rows = world.logs(who)
    world.need(len(rows) >= 24, "calls are not logged")
    for limit in (1, 5, None):
        for filtered in ({}, {"filter[status_code]": 200}):
            asked = {**filtered, "limit": limit} if limit else filtered
            answer = world.call("logsAll", who, query=asked)
            size, wanted = len(answer.items), limit or 20
            aspect = f"limit {limit or 'default'}"
            world.expect(size == wanted, aspect, f"{wanted} entries", f"{size} entries")
            following = cursors(answer).get("next")
            world.expect(following, "next", "a next page: there are more", following)
            told = _told(answer)
            world.expect(told in {size, None}, "items_on_page", str(size), told)
    query: dict[str, Any] = {"limit": 7}
    got: list[Any] = []
    moved = True
    for _ in range(20):
        answer = world.call("logsAll", who, query=query)
        page = [row.get("id") for row in answer.items]
        moved &= not got or got[-1:] == page[:1]
        got += page
        following = cursors(answer).get("next")
        if not following:
            break
        query["cursor"] = following
    lost = [row for row in rows if row.get("id") not in got]
    world.expect(not lost, "lost", "each entry on a page", f"{len(lost)} are on none")
    # each call for a page is logged before the next one, and moves the places by one
    once = len(got) == len(set(got)) or moved or is_place(query.get("cursor"))
    world.expect(once, "repeated", "each entry once", f"{len(got)} entries")
    last = world.call("logsAll", who, query={"limit": 200})
    told = _told(last)
    world.expect(told in {len(last.items), None}, "items_on_page", str(len(last.items)), told)


def _told(answer: Answer) -> Any:
    meta = answer.json.get("meta") if isinstance(answer.json, dict) else None
    return meta.get("items_on_page") if isinstance(meta, dict) else None
