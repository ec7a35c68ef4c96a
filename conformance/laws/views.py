"""Views: whatever shows a thing shows each write, however it was shown before.

What is kept beside a record (a page, a filtered list, an answer) may be kept too long, after one
kind of write alone. So every view is read before and after each kind of write.
"""

from collections.abc import Mapping
from typing import Any

from conformance.laws.consumers import AUTHORIZED
from conformance.laws.mappings import ground
from conformance.laws.oauth import link
from conformance.laws.registry import law
from conformance.laws.world import Connector, World
from conformance.target import Principal

_SAME = "one connection, shown by several operations"
_SHOWN = ("state", "enabled", "metadata")


def _row(rows: list[dict[str, Any]], connector: Connector) -> dict[str, Any]:
    key = (connector.unified_api, connector.service_id)
    return next((r for r in rows if (r.get("unified_api"), r.get("service_id")) == key), {})


def _told(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every view of a connection has in common; nothing where it is not there."""
    if item.get("state") in {None, "available"}:
        return {}
    shown = {name: item[name] for name in _SHOWN if name in item}
    return {**shown, "metadata": shown["metadata"] or {}} if "metadata" in shown else shown


def _connection(world: World, who: Principal, connector: Connector) -> dict[str, dict[str, Any]]:
    """Return a connection as each operation shows it that shows connections."""
    answer = world.call("connectionsOne", who, **connector.path)
    shown = {"one": answer.item, "list": _row(world.listed(who), connector)}
    for resource in connector.resources[:1]:
        found = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
        if found.is_good:
            shown["resource"] = found.item
    rows = world.call("consumersOne", who).item.get("connections")
    if isinstance(rows, list):
        shown["consumer"] = _row([r for r in rows if isinstance(r, dict)], connector)
    return {name: _told(item) for name, item in shown.items()}


def _agree(world: World, who: Principal, connector: Connector, step: str) -> None:
    shown = _connection(world, who, connector)
    alone = shown.pop("one")
    for name, item in shown.items():
        if name == "consumer" and not item and alone.get("state") not in AUTHORIZED:
            continue  # it shows "the connections they have authorized"
        want = {key: value for key, value in alone.items() if not item or key in item}
        world.expect(item == want, f"the {name}", f"{want} after {step}", item)


@law(
    "VLT-CNX-27",
    "state",
    _SAME,
    "documented",
    builds_on=(
        *("VLT-CNX-04", "VLT-CNX-09", "VLT-CNX-12", "VLT-CNX-16", "VLT-CNX-19", "VLT-CNX-23"),
        *("VLT-CSM-10", "VLT-CSM-07", "VLT-RES-01", "VLT-ISO-01", "VLT-SEC-03"),
    ),
)
def every_view_shows_each_write(world: World) -> None:
    """After each kind of write the list, the consumer and a resource show what one shows."""
    rows = world.plains() or [world.addable()]
    who = world.who()
    connector = next((row for row in rows if row.resources), rows[0])
    _agree(world, who, connector, "nothing")
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("connectionsAdd", {"enabled": True, "metadata": {"n": "added"}}),
        ("connectionsUpdate", {"settings": world.settings(connector)}),
        ("connectionsUpdate", {"metadata": {"n": "updated"}}),
        ("connectionsUpdate", {"enabled": False}),
        ("connectionsUpdate", {"enabled": True}),
        ("connectionsImport", {"metadata": {"n": "imported"}}),
    )
    for operation_id, body in (*steps, ("connectionsDelete", {}), *steps[:1]):
        more = {"body": body} if body else {}
        answer = world.call(operation_id, who, **more, **connector.path)
        world.need(answer.is_good, "a connection cannot be written")
        _agree(world, who, connector, f"{operation_id} of {' and '.join(body) or 'it'}")


@law(
    "VLT-CNX-28",
    "state",
    _SAME,
    "documented",
    builds_on=("VLT-CNX-27", "VLT-CNX-16", "VLT-OAU-04", "VLT-OAU-13", "VLT-SEC-02"),
)
def every_view_shows_a_credential(world: World) -> None:
    """After an import, and after a consent, the list and the consumer show what one shows."""
    rows = [c for c in world.catalogue if c.redirects and not c.required and not c.before]
    world.need(rows, "no connector asks for consent alone")
    connector = world.rng.choice(rows)
    who = world.who()
    world.add(who, connector)
    _agree(world, who, connector, "an addition")
    body = {"credentials": world.lasting_credentials()}
    answer = world.call("connectionsImport", who, body=body, **connector.path)
    world.need(answer.is_good, "nothing can be imported")
    _agree(world, who, connector, "an import")
    if "consent" in world.target.capabilities:
        second = world.who("b")
        url = link(world, second, connector)
        _agree(world, second, connector, "an addition")
        world.consent(url)
        _agree(world, second, connector, "a consent")


@law(
    "VLT-CNX-29",
    "state",
    "Connection.form_fields: values change through settings",
    "seen in clients",
    builds_on=("VLT-CNX-05", "VLT-CNX-06", "VLT-CNX-04"),
)
def a_form_shows_what_was_saved(world: World) -> None:
    """A field of the form that shows a value shows the setting of its id, saved once or again."""
    rows = _forms(world)
    world.need(rows, "no connector asks for fields that take a text")
    for index, connector in enumerate(rows):
        who = world.who(f"f{index}")
        world.add(who, connector)
        earlier: dict[str, str] = {}
        for turn in range(2):
            saved = {
                str(f["id"]): _written(world, f, turn, place)
                for place, f in enumerate(connector.required)
                if _takes_text(f)
            }
            body = {"settings": saved}
            if not world.call("connectionsUpdate", who, body=body, **connector.path).is_good:
                break
            shown = _filled(world.one(who, connector))
            secret = {str(f["id"]) for f in connector.required if _is_hidden(f)}
            for name in secret & saved.keys():  # it may be masked, but not be that of before
                stale = name in earlier and shown.get(name) == earlier[name]
                world.expect(not stale, "secret", f"the latest {name}, or none", "the first one")
            earlier = saved
            open_to_all = {name: value for name, value in saved.items() if name not in secret}
            # what a form does not show is no fault, but nothing may stand in another's place
            values = {value: name for name, value in open_to_all.items()}
            want = {name: value for name, value in open_to_all.items() if name in shown}
            want |= {values[v]: v for v in shown.values() if isinstance(v, str) and v in values}
            seen = {name: shown.get(name) for name in want}
            world.expect(seen == want, "value", str(want), seen)
    world.need(world.judged, "no form shows a value")


def _forms(world: World) -> list[Connector]:
    """Return connectors whose forms take texts: open ones, a secret, and one before a consent."""

    def count(connector: Connector, *, hidden: bool) -> int:
        return len([f for f in connector.required if _takes_text(f) and _is_hidden(f) == hidden])

    kinds = {"apiKey", "basic", "custom"}
    some = [c for c in world.catalogue if any(map(_takes_text, c.required))]
    alone = [c for c in some if c.auth_type in kinds]
    plain = sorted(alone, key=lambda c: -count(c, hidden=False))[:2]
    secret = [c for c in alone if count(c, hidden=True)]
    asked = sorted((c for c in some if c.redirects), key=lambda c: -count(c, hidden=False))
    found = (*plain, *([] if any(c in secret for c in plain) else secret[:1]), *asked[:1])
    return list({c.name: c for c in found}.values())


def _takes_text(form_field: Mapping[str, Any]) -> bool:
    kind = form_field.get("type", "text")
    return kind in {"text", "textarea", "url", "email", "password"} and not form_field.get(
        "options"
    )


def _written(world: World, form_field: Mapping[str, Any], turn: int, place: int) -> str:
    """Return what is saved for a field at a turn, in the form that such a field takes."""
    name, text = str(form_field["id"]), f"v{turn}{place}"
    if _is_hidden(form_field):
        return world.secret(f"form_{name}_{turn}", f"canary-form{turn}{place}-{world.nonce}")
    if form_field.get("type") == "url" or "url" in name:
        return f"https://{text}.example.com"
    return f"{text}@example.com" if "email" in {form_field.get("type"), name} else text


def _is_hidden(form_field: Mapping[str, Any]) -> bool:
    """Whether a field is secret, and may show something else than what was saved."""
    odd = form_field.get("sensitive") or form_field.get("mask")
    return bool(odd or form_field.get("id") == "api_key" or form_field.get("type") == "password")


def _filled(item: Mapping[str, Any]) -> dict[str, Any]:
    rows = item.get("form_fields")
    fields = [f for f in rows if isinstance(f, dict)] if isinstance(rows, list) else []
    return {str(f.get("id")): f["value"] for f in fields if f.get("value") not in {None, ""}}


@law(
    "VLT-FIL-09",
    "filters",
    "parameters api and configured of connectionsAll",
    "contract",
    builds_on=("VLT-FIL-01", "VLT-FIL-02", "VLT-FIL-03", "VLT-CNX-04", "VLT-CNX-27"),
)
def a_filtered_list_shows_each_write(world: World) -> None:
    """A filtered list that was read before shows an addition, an update and a deletion."""
    who, connector = world.who(), world.addable()
    ways = (
        {"api": connector.unified_api},
        {"configured": "true"},
        {"api": connector.unified_api, "configured": "true"},
    )
    whole = {"enabled": True, "settings": world.settings(connector)}
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("connectionsAdd", {**whole, "metadata": {"n": "added"}}),
        ("connectionsUpdate", {"metadata": {"n": "updated"}}),
        ("connectionsDelete", {}),
    )
    for way in ways:
        world.listed(who, **way)
    for operation_id, body in steps:
        more = {"body": body} if body else {}
        answer = world.call(operation_id, who, **more, **connector.path)
        world.need(answer.is_good, "a connection cannot be written")
        want = _told(_row(world.listed(who), connector))
        for way in ways:
            seen = _told(_row(world.listed(who, **way), connector))
            if not seen and "configured" in way and want.get("state") == "added":
                continue  # whether one that lacks its settings counts as configured is open
            names = " and ".join(way)
            world.expect(seen == want, names, f"{want} after {operation_id}", seen)


@law(
    "VLT-MAP-09",
    "mappings",
    "Connection.custom_mappings",
    "documented",
    builds_on=("VLT-MAP-01", "VLT-MAP-02", "VLT-MAP-03", "VLT-MAP-05", "VLT-MAP-08"),
)
def a_connection_shows_each_write_of_a_mapping(world: World) -> None:
    """The connection, alone and in the list, shows a mapping added, updated and deleted."""
    who, connector, target = ground(world)
    at = {"target_field_id": target, **connector.path}
    first, second = (f"$.{world.nonce}.{n}" for n in (1, 2))
    steps: tuple[tuple[str, dict[str, Any], str | None], ...] = (
        ("customMappingsAdd", {"body": {"value": first}}, first),
        ("customMappingsUpdate", {"body": {"value": second}}, second),
        ("customMappingsDelete", {}, None),
        ("customMappingsAdd", {"body": {"value": second}}, second),
    )
    _mapped(world, who, connector, target)
    for operation_id, more, value in steps:
        answer = world.call(operation_id, who, **more, **at)
        world.need(answer.is_good, "a mapping cannot be written")
        for name, seen in _mapped(world, who, connector, target).items():
            world.expect((seen or None) == value, name, f"{value} after {operation_id}", seen)


def _mapped(world: World, who: Principal, connector: Connector, target: str) -> dict[str, Any]:
    """Return what a target field is mapped to, by the connection alone and by the list."""
    items = {"one": world.one(who, connector), "list": _row(world.listed(who), connector)}
    shown = {}
    for name, item in items.items():
        rows = item.get("custom_mappings")
        if isinstance(rows, list):
            mine = [m for m in rows if isinstance(m, dict) and m.get("id") == target]
            shown[name] = mine[0].get("value") if mine else None
    return shown


@law(
    "VLT-CSM-13",
    "state",
    "GetConsumersResponse",
    "contract",
    builds_on=(
        *("VLT-CSM-06", "VLT-CSM-02", "VLT-CSM-10", "VLT-SES-09", "VLT-PAG-01", "VLT-CAS-07"),
    ),
)
def the_list_of_consumers_shows_each_write(world: World) -> None:
    """A page of consumers that was read before shows a consumer, and what happens to it."""
    who, connector = world.who(), world.addable()
    page = _last_page(world, who)
    _listed(world, who, page)
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("consumersAdd", {"body": {"consumer_id": who.consumer_id, "metadata": {"email": "a@b"}}}),
        ("consumersUpdate", {"body": {"metadata": {"user_name": world.nonce}}}),
        ("connectionsAdd", {"body": {"enabled": True}, **connector.path}),
        ("connectionsDelete", connector.path),
        ("sessionsCreate", {"body": {"consumer_metadata": {"user_name": "by a session"}}}),
    )
    for operation_id, arguments in steps:
        answer = world.call(operation_id, who, **arguments)
        world.need(answer.is_good, "a consumer cannot be written")
        alone = world.call("consumersOne", who).item
        row = _listed(world, who, page)
        for name in ("metadata", "services", "modified"):
            if row and name in row:
                seen, want = row[name], alone.get(name)
                world.expect(seen == want, name, f"{want} after {operation_id}", seen)
    world.call("consumersDelete", who)
    world.expect(not _listed(world, who, page), "deleted", "not in the list", "it is there")


def _last_page(world: World, who: Principal) -> dict[str, Any]:
    """Return the query of the page on which a consumer that is created now will stand."""
    query: dict[str, Any] = {"limit": 200}
    for _ in range(60):
        answer = world.call("consumersAll", who, query=query)
        world.need(answer.is_good and isinstance(answer.data, list), "no list of consumers")
        meta = answer.json.get("meta") or {}
        following = (meta.get("cursors") or {}).get("next") if isinstance(meta, dict) else None
        if not following or following == query.get("cursor"):
            return query
        query = {"limit": 200, "cursor": following}
    world.need(False, "the application has too many consumers")
    return query


def _listed(world: World, who: Principal, page: Mapping[str, Any]) -> dict[str, Any] | None:
    answer = world.call("consumersAll", who, query=dict(page))
    rows = [row for row in answer.items if row.get("consumer_id") == who.consumer_id]
    return rows[0] if rows else None
