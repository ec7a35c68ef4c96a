"""Connections: stored facts come back, and the state follows from them."""

from itertools import chain, combinations
from typing import Any

from conformance.laws.registry import law
from conformance.laws.world import Connector, World, difference, moment, still
from conformance.target import Principal

_GUIDE = "guide: connection states"
_CRUD = "operations of tag Connections"
_BASE = ("VLT-ISO-01", "VLT-ISO-02")
_ADD = (*_BASE, "VLT-CNX-02")
_UPD = (*_ADD, "VLT-CNX-05")


@law("VLT-CNX-01", "state", _GUIDE, reads_only=False, builds_on=_BASE)
def an_untouched_connection_is_available(world: World) -> None:
    """A connector that the consumer has not added is `available` and not enabled."""
    who = world.who()
    for connector in world.rng.sample(list(world.catalogue), min(4, len(world.catalogue))):
        item = world.one(who, connector)
        world.expect(item.get("state") == "available", "state", "available", item.get("state"))
        world.expect(item.get("enabled") is not True, "enabled", "false", item.get("enabled"))


@law("VLT-CNX-02", "state", _CRUD, builds_on=_BASE)
def an_added_connection_is_read_back(world: World) -> None:
    """A connection that was added is enabled and no longer available, alone and in the list."""
    who, connector = world.who(), world.addable()
    answer = world.call(
        "connectionsAdd",
        who,
        body={
            "enabled": True,
            "metadata": {"mark": world.nonce},
            "settings": {**world.settings(connector), "extra": world.nonce},
        },
        **connector.path,
    )
    if not world.expect(
        answer.is_good, "add", "the connection", f"HTTP {answer.status} {answer.body[:160]!r}"
    ):
        return
    world.expect(
        answer.item.get("enabled") is True, "answer", "enabled true", answer.item.get("enabled")
    )
    item = world.one(who, connector)
    world.expect(item.get("enabled") is True, "enabled", "true", item.get("enabled"))
    world.expect(
        item.get("state") not in {"available", None},
        "state",
        "no longer available",
        item.get("state"),
    )
    for name, key in (("metadata", "mark"), ("settings", "extra")):
        seen = (item.get(name) or {}).get(key)
        world.expect(seen == world.nonce, name, f"{key} as it was added: {world.nonce}", seen)


@law(
    "VLT-CNX-03",
    "state",
    "Connection.id, service_id, unified_api",
    "contract",
    builds_on=("VLT-CNX-22",),
)
def a_connection_names_itself(world: World) -> None:
    """A connection's id is its unified API and service, joined by a plus, wherever it is shown."""
    who = world.who()
    for row in world.listed(who):
        named = f"{row.get('unified_api')}+{row.get('service_id')}"
        world.expect(row.get("id") == named, "list", named, row.get("id"))
    connector = world.connector()
    item = world.one(who, connector)
    seen = (item.get("unified_api"), item.get("service_id"))
    world.expect(
        seen == (connector.unified_api, connector.service_id), "names", str(connector.path), seen
    )
    world.expect(
        item.get("id") == f"{seen[0]}+{seen[1]}", "one", f"{seen[0]}+{seen[1]}", item.get("id")
    )


@law(
    "VLT-CNX-04",
    "state",
    _CRUD,
    builds_on=(*_UPD, "VLT-CNX-01", "VLT-CNX-06", "VLT-SEC-03", "VLT-ISO-03"),
)
def the_list_agrees_with_one(world: World) -> None:
    """A connection in the list says what it says alone, added or not, enabled or not."""
    who, connector = world.who(), world.addable()
    offered = {str(r.get("id")) for r in world.listed(who)}
    world.add(who, connector, settings=world.settings(connector), metadata={"mark": world.nonce})
    others = [row for row in world.catalogue if row.path != connector.path]
    others = [row for row in others if row.name in offered] or others[:1]
    if others:
        world.add(who, others[0])
        world.patch(who, others[0], enabled=False)
    rows = {(r.get("unified_api"), r.get("service_id")): r for r in world.listed(who)}
    for row in (connector, *others[:3]):
        alone = still(world.one(who, row))
        listed = still(rows.get((row.unified_api, row.service_id), {}))
        both = {k for k in alone if k in listed} | {"enabled", "state", "id"}
        want, seen = {k: alone.get(k) for k in both}, {k: listed.get(k) for k in both}
        world.expect(seen == want, "agrees", f"{row.path} as it is alone", difference(want, seen))


@law("VLT-CNX-05", "state", _CRUD, builds_on=_ADD)
def an_update_is_read_back(world: World) -> None:
    """What an update sets is in its answer and in the next read."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    settings = world.settings(connector)
    plain = {k: v for k, v in settings.items() if k not in connector.hidden}
    plain |= {"extra": world.nonce}
    new = {"settings": {**settings, **plain}, "metadata": {"mark": world.nonce}}
    answered = world.patch(who, connector, **new)
    read = world.one(who, connector)
    for aspect, item in (("read", read), ("answer", answered)):
        seen = {k: (item.get("settings") or {}).get(k) for k in plain}
        world.expect(seen == plain, aspect, str(plain), seen)
        mark = (item.get("metadata") or {}).get("mark")
        world.expect(mark == world.nonce, f"{aspect} metadata", world.nonce, mark)


@law("VLT-CNX-06", "state", "settings are merged: PATCH", "inferred", builds_on=_UPD)
def settings_and_metadata_merge(world: World) -> None:
    """An update of one setting leaves the others as they were, and so does one of `enabled`."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    world.patch(
        who, connector, settings={"first": "a", "second": "b", "m": "s"}, metadata={"m": "a"}
    )
    world.patch(who, connector, settings={"second": "c"})
    world.patch(who, connector, enabled=True)
    item = world.one(who, connector)
    seen = {k: (item.get("settings") or {}).get(k) for k in ("first", "second", "m")}
    want = {"first": "a", "second": "c", "m": "s"}
    world.expect(seen == want, "settings", str(want), seen)
    world.expect(
        (item.get("metadata") or {}).get("m") == "a", "metadata", "m a", item.get("metadata")
    )


VALUES: dict[str, Any] = {
    "text": "plain",
    "blanks": "  two before, one after ",
    "unicode": "Zürich 東京 😀 — ñ",
    "quotes": "a\"b'c\\d\n\te</script>",
    "true": True,
    "false": False,
    "zero": 0,
    "one": 12345678,
    "float": 1.5,
    "empty": "",
    "list": ["a", 1, True],
    "nested": {"a": {"b": [1, {"c": "d"}]}},
    # in a list, which no way to patch looks into
    "nulls": [None, {"a": None, "b": 1}],
    "decomposed": "Zu\u0308rich e\u0301",
    "digits": "007",
    "decimal": "1.50",
    "word": "true",
    "date": "2026-01-02",
    "moment": "2026-01-02T03:04:05+02:00",
    "escaped": "100%25 &amp; +1",
    "Upper": "key in capitals",
    "with.dot": "dot",
    "with blank-and_ünï": "odd key",
}
PADDED = "  between blanks  "


@law(
    "VLT-CNX-07",
    "state",
    "Connection.settings and metadata are open objects",
    "contract",
    builds_on=(*_UPD, "VLT-LIM-03"),
)
def values_come_back_as_they_were_sent(world: World) -> None:
    """Texts, numbers, lists, objects and the nulls in them survive in settings and metadata."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    for name, values in (("settings", VALUES), ("metadata", {**VALUES, "padded": PADDED})):
        world.patch(who, connector, **{name: values})
        found = world.one(who, connector).get(name) or {}
        for key, want in values.items():
            seen = found.get(key)
            same = seen == want and isinstance(seen, bool) == isinstance(want, bool)
            world.expect(same, name, f"{key}: {want!r}", repr(seen))
    new, nested = world.who("new"), {"a": None, "b": {"c": None, "d": 1}}
    world.add(new, connector, metadata={"nested": nested})
    found = (world.one(new, connector).get("metadata") or {}).get("nested")
    world.expect(found == nested, "metadata", f"nested: {nested!r}", repr(found))


@law(
    "VLT-CNX-08",
    "state",
    "PATCH is repeated by retrying clients",
    builds_on=(*_UPD, "VLT-CNX-06", "VLT-CNX-15"),
)
def repeating_an_update_changes_nothing(world: World) -> None:
    """An update is idempotent: sent twice, it leaves the connection as sent once."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    body = {
        "settings": {**world.settings(connector), "list": [1, 2], "n": 3},
        "metadata": {"list": ["x"]},
        "enabled": True,
    }
    world.patch(who, connector, **body)
    once = still(world.one(who, connector))
    world.patch(who, connector, **body)
    twice = still(world.one(who, connector))
    world.expect(once == twice, "idempotent", "the same connection", difference(once, twice))


@law("VLT-CNX-09", "state", "connectionsDelete; help: deleting a connection", builds_on=_ADD)
def a_deleted_connection_is_available_again(world: World) -> None:
    """After its deletion a connection is available and not enabled, and holds no settings."""
    who, connector = world.who(), world.addable()
    # some list what was added only: then there is nothing to come back to
    before = [r for r in world.listed(who) if r.get("id") == connector.name]
    world.add(who, connector, settings=world.settings(connector), metadata={"mark": world.nonce})
    answer = world.call("connectionsDelete", who, **connector.path)
    world.expect(answer.is_good, "delete", "204", f"HTTP {answer.status}")
    answer = world.call("connectionsOne", who, **connector.path)
    if answer.status == 404:
        world.expect(True, "gone", "", "")
        return
    item = answer.item
    world.expect(item.get("state") == "available", "state", "available", item.get("state"))
    world.expect(item.get("enabled") is not True, "enabled", "false", item.get("enabled"))
    world.expect(
        not item.get("settings") and not item.get("metadata"),
        "settings",
        "none",
        item.get("settings"),
    )
    rows = [r for r in world.listed(who) if r.get("id") == connector.name]
    world.expect(
        len(rows) == len(before), "listed", f"{len(before)} such connection in the list", len(rows)
    )
    world.expect(
        all(r.get("state") == "available" for r in rows),
        "list",
        "available",
        [r.get("state") for r in rows],
    )


@law("VLT-CNX-10", "state", _GUIDE, builds_on=_ADD)
def a_missing_field_keeps_a_connection_from_callable(world: World) -> None:
    """A connection is not callable while a required field is empty."""
    chosen = [_with_most_fields(world, kind) for kind in ("apiKey", "basic", "custom")]
    rows = [connector for connector in chosen if connector]
    world.need(rows, "no connector without OAuth asks for fields (VLT-OAU-05 judges the others)")
    for connector, take in [(c, n) for c in rows for n in range(len(c.required))]:
        who = world.who(f"{connector.auth_type}{take}")
        world.add(who, connector)
        if take:
            world.patch(who, connector, settings=world.settings(connector, take))
        state = world.one(who, connector).get("state")
        world.expect(
            state not in {"callable", "available"},
            "early",
            f"not callable with {take} of {len(connector.required)} fields",
            state,
        )


def _with_most_fields(world: World, kind: str) -> Connector | None:
    """Return a connector of an auth type with two required fields, or with one, if there is any."""
    rows = [c for c in world.catalogue if c.auth_type == kind and c.required and not c.grant]
    rows = [c for c in rows if len(c.required) > 1] or rows
    return world.rng.choice(rows) if rows else None


@law("VLT-CNX-11", "state", _GUIDE, builds_on=(*_UPD, "VLT-CNX-06"))
def a_connection_with_all_its_fields_is_callable(world: World) -> None:
    """A connection without OAuth is callable once its required fields are filled."""
    plain = world.plain()
    kinds = [_with_most_fields(world, kind) for kind in ("apiKey", "basic", "custom")]
    others = [c for c in kinds if c and c.auth_type != plain.auth_type]
    bare = [c for c in world.catalogue if c.auth_type == "none" and not c.required and not c.grant]
    for suffix, connector, steps in (
        ("once", plain, [world.settings(plain)]),
        ("each", plain, [{k: v} for k, v in world.settings(plain).items()]),
        *((c.auth_type, c, [world.settings(c)]) for c in others),
        *((c.auth_type, c, []) for c in bare[:1]),
        *(("zero", c, [{**world.settings(c), **zeros}]) for c, zeros in _counted(world)[:1]),
    ):
        who = world.who(suffix)
        answered = world.add(who, connector)
        for step in steps:
            answered = world.patch(who, connector, settings=step)
        state = world.one(who, connector).get("state")
        fine = {"callable", "invalid"} if connector.validates else {"callable"}
        world.expect(state in fine, suffix, "callable", state)
        world.expect(answered.get("state") == state, "answer", str(state), answered.get("state"))


def _counted(world: World) -> list[tuple[Connector, dict[str, int]]]:
    """Return connectors that ask for numbers, with 0 for each: 0 is a number too."""
    rows = [
        (c, {str(f["id"]): 0 for f in c.required if f.get("type") == "number"})
        for c in world.plains()
    ]
    return [(c, zeros) for c, zeros in rows if zeros]


@law(
    "VLT-CNX-12",
    "state",
    "Connection.enabled; guide",
    builds_on=(*_UPD, "VLT-CNX-11", "VLT-CNX-15"),
)
def disabling_keeps_the_connection(world: World) -> None:
    """`enabled: false` is kept, takes nothing else away, and `enabled: true` brings all back."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector), metadata={"mark": world.nonce})
    before = still(world.one(who, connector))
    world.patch(who, connector, enabled=False)
    item = world.one(who, connector)
    world.expect(item.get("enabled") is False, "enabled", "false", item.get("enabled"))
    kept = {before.get("state"), "authorized"}  # a fixture of 2022 says authorized
    world.expect(item.get("state") in kept, "state", str(before.get("state")), item.get("state"))
    world.expect(
        item.get("settings") == before.get("settings"), "settings", "kept", item.get("settings")
    )
    world.patch(who, connector, enabled=True)
    after = still(world.one(who, connector))
    world.expect(after == before, "back", "as it was", difference(before, after))
    idle = world.who("idle")
    world.add(idle, connector, enabled=False)
    seen = world.one(idle, connector).get("enabled")
    world.expect(seen is False, "added", "false, as it was added", seen)


@law("VLT-CNX-13", "state", "readOnly of Connection", "contract", builds_on=(*_ADD, "VLT-CNX-15"))
def what_is_read_only_stays(world: World) -> None:
    """A client cannot write the id, the state, the auth type or the times of a connection."""
    who, connector = world.who(), world.connector("apiKey", "basic", "custom", "oauth2", fields=0)
    world.add(who, connector)
    before = still(world.one(who, connector))
    state = "callable" if before.get("state") != "callable" else "added"
    body = {
        "state": state,
        "id": "crm+other",
        "service_id": "other",
        "unified_api": "sms",
        "auth_type": "none",
        "created_at": 1,
        "integration_state": "disabled",
        "name": "Other",
    }
    world.call("connectionsUpdate", who, body=body, **connector.path)
    after = still(world.one(who, connector))
    world.expect(after == before, "written", "the connection as it was", difference(before, after))


@law("VLT-CNX-14", "state", "a refusal is no half success", builds_on=_UPD)
def a_refused_update_changes_nothing(world: World) -> None:
    """An update that is refused changes nothing, not even what was right in it."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector), metadata={"mark": "before"})
    before = still(world.one(who, connector))
    bodies: tuple[dict[str, Any], ...] = (
        {"settings": {"extra": world.nonce}, "metadata": {"mark": "after"}, "enabled": "maybe"},
        {"metadata": {"mark": "after"}, "settings": "none", "enabled": False},
        {"enabled": False, "settings": {"extra": world.nonce}, "configuration": "none"},
    )
    refused = 0
    for body in bodies:
        answer = world.call("connectionsUpdate", who, body=body, **connector.path)
        if answer.is_refusal:
            refused += 1
        after = still(world.one(who, connector))
        if answer.is_refusal:
            world.expect(
                after == before, "half", "the connection as it was", difference(before, after)
            )
        before = after
    world.need(refused, "no wrong update was refused")


@law(
    "VLT-CNX-15",
    "state",
    "Connection.created_at, updated_at",
    "contract",
    builds_on=(*_UPD, "VLT-ENV-03"),
)
def times_tell_creation_and_update(world: World) -> None:
    """created_at stays, and an update sets updated_at to a time that is not before it."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    created = world.one(who, connector).get("created_at")
    world.need(isinstance(created, int | float), "no created_at")
    born = moment(world.call("consumersOne", who).item.get("created"))
    if born is not None and isinstance(created, int | float):
        near = abs(created / 1000 - born) < 86_400
        world.expect(near, "unit", f"milliseconds, about {born * 1000:.0f}", created)
    world.target.clock.sleep(0.02)
    world.patch(who, connector, metadata={"n": "1"})
    item = world.one(who, connector)
    world.expect(
        item.get("created_at") == created, "created_at", str(created), item.get("created_at")
    )
    updated = item.get("updated_at")
    later = (
        isinstance(updated, int | float) and isinstance(created, int | float) and updated >= created
    )
    world.expect(later, "updated_at", f"a time not before {created}", updated)


@law(
    "VLT-CNX-16",
    "state",
    "connectionsImport; guide: migrating integrations",
    builds_on=(*_BASE, "VLT-SEC-02", "VLT-CNX-05", "VLT-OAU-23"),
)
def an_import_is_read_back(world: World) -> None:
    """An imported connection is there, with its settings, and callable where nothing is missing."""
    who, connector = world.who(), world.connector("oauth2", redirects=True)
    for row in world.catalogue:
        if (
            row.redirects
            and not row.before
            and not any(f.get("type") == "select" for f in row.required)
        ):
            connector = row
    credentials = world.credentials()
    settings = {**world.settings(connector), "extra": world.nonce}
    body = {"credentials": credentials, "settings": settings, "metadata": {"mark": world.nonce}}
    answer = world.call("connectionsImport", who, body=body, **connector.path)
    if not world.expect(
        answer.is_good, "import", "the connection", f"HTTP {answer.status} {answer.body[:160]!r}"
    ):
        return
    item = world.one(who, connector)
    world.expect(
        item.get("state") not in {"available", None}, "state", "not available", item.get("state")
    )
    world.expect(item.get("enabled") is True, "enabled", "true", item.get("enabled"))
    extra = (item.get("settings") or {}).get("extra")
    world.expect(extra == world.nonce, "settings", world.nonce, extra)
    mark = (item.get("metadata") or {}).get("mark")
    world.expect(mark == world.nonce, "metadata", world.nonce, mark)
    world.expect(
        item.get("state") in {"callable", "invalid", "authorized"},
        "state of it",
        "callable or authorized",
        item.get("state"),
    )
    again = {**body, "metadata": {"mark": f"{world.nonce}-2"}}
    answer = world.call("connectionsImport", who, body=again, **connector.path)
    if answer.is_good:
        mark = (world.one(who, connector).get("metadata") or {}).get("mark")
        world.expect(mark == f"{world.nonce}-2", "again", f"{world.nonce}-2", mark)
    bare = world.who("bare")
    answer = world.call("connectionsImport", bare, body={"settings": settings}, **connector.path)
    if answer.is_good:
        state = world.one(bare, connector).get("state")
        world.expect(state != "callable", "no token", "not callable", state)
    once = world.who("once")
    body = {"credentials": world.lasting_credentials(), "settings": settings}
    answer = world.call("connectionsImport", once, body=body, **connector.path)
    world.need(answer.is_good, "nothing can be imported without a refresh token")
    state = world.one(once, connector).get("state")
    fine = state in {"callable", "invalid", "authorized"}
    world.expect(fine, "without refresh_token", "callable or authorized", state)


@law("VLT-CNX-17", "state", "connectionsToken", builds_on=(*_ADD, "VLT-CNX-05", "VLT-CNX-10"))
def a_token_is_exchanged_for_stored_credentials(world: World) -> None:
    """POST token succeeds once credentials are stored, not before, and makes it callable."""
    grants: dict[str, list[Connector]] = {"client_credentials": [], "password": []}
    for row in world.catalogue:
        if row.auth_type == "oauth2" and row.required and row.grant in grants:
            grants[row.grant].append(row)
    world.need(any(grants.values()), "no connector with one of the two grants")
    for grant, rows in grants.items():
        if rows:
            _exchanged(world, world.who(grant[:6]), world.rng.choice(rows))


def _exchanged(world: World, who: Principal, connector: Connector) -> None:
    world.add(who, connector)
    answer = world.call("connectionsToken", who, body={}, **connector.path)
    world.expect(
        not answer.is_good, "early", "a refusal: nothing is stored", f"HTTP {answer.status}"
    )
    world.expect(
        world.one(who, connector).get("state") != "callable",
        "early state",
        "not callable",
        "callable",
    )
    world.patch(who, connector, settings=world.settings(connector))
    answer = world.call("connectionsToken", who, body={}, **connector.path)
    if world.expect(
        answer.is_good, "exchange", "the connection", f"HTTP {answer.status} {answer.body[:160]!r}"
    ):
        state = world.one(who, connector).get("state")
        world.expect(state == "callable", "state", "callable", state)


@law("VLT-CNX-18", "state", "404; ConnectorNotFoundError", "documented")
def an_unknown_connector_is_not_found(world: World) -> None:
    """A service that the catalogue does not have, or not under that API, is answered 404."""
    who = world.who()
    pairs = [("crm", f"no-such-{world.nonce}")]
    for row in world.catalogue[:1]:
        foreign = next(
            (
                a
                for a in ("sms", "hris", "crm", "pos")
                if not any(
                    c.unified_api == a and c.service_id == row.service_id for c in world.known
                )
            ),
            None,
        )
        if foreign:
            pairs.append((foreign, row.service_id))
        near = (row.service_id[:4], row.service_id[:-1], row.service_id + "x")
        known = {c.service_id for c in world.known}
        pairs += [(row.unified_api, name) for name in near if name and name not in known]
    for api, service in pairs:
        for operation_id, body in (
            ("connectionsOne", None),
            ("connectionsAdd", {}),
            ("connectionsUpdate", {"enabled": True}),
            ("connectionsImport", {}),
        ):
            arguments: dict[str, Any] = {} if body is None else {"body": body}
            answer = world.call(operation_id, who, unified_api=api, service_id=service, **arguments)
            world.expect(
                answer.status == 404, "404", "404", f"{api}/{service}: HTTP {answer.status}"
            )


@law("VLT-CNX-19", "state", "GET is safe (RFC 9110)")
def reading_again_gives_the_same(world: World) -> None:
    """Reading a connection, the list or a consumer again and again gives what it gave before."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector))
    for body in (None, {"metadata": {"n": "1"}}):
        if body:
            world.patch(who, connector, **body)
        first = still(world.one(who, connector))
        for _ in range(5 if body is None else 1):
            again = still(world.one(who, connector))
            told = difference(first, again)
            if not world.expect(first == again, "one", "the same connection", told):
                return
    once = [still(row) for row in world.listed(who)]
    for _ in range(2):
        same = [still(row) for row in world.listed(who)] == once
        world.expect(same, "list", "the same list", "another list")
    alone = _uncounted(world.call("consumersOne", who).item)
    for _ in range(2):
        again = _uncounted(world.call("consumersOne", who).item)
        world.expect(alone == again, "consumer", "the same consumer", difference(alone, again))


def _uncounted(item: dict[str, Any]) -> dict[str, Any]:
    counted = {"aggregated_request_count", "request_counts"}
    return {name: value for name, value in still(item).items() if name not in counted}


@law(
    "VLT-CNX-20",
    "state",
    "connectionsToken: supported for client_credentials and password",
    builds_on=_ADD,
)
def there_is_no_token_without_a_grant_for_it(world: World) -> None:
    """POST token is refused for a connection without OAuth, and for one that was never added."""
    who, connector = world.who(), world.plain()
    world.add(who, connector, settings=world.settings(connector))
    answer = world.call("connectionsToken", who, body={}, **connector.path)
    world.expect(not answer.is_good, "no grant", "a refusal (422)", f"HTTP {answer.status}")
    rows = [c for c in world.catalogue if c.grant == "client_credentials" and c.required]
    for row in rows[:1]:
        answer = world.call("connectionsToken", world.who("b"), body={}, **row.path)
        world.expect(not answer.is_good, "not added", "a refusal", f"HTTP {answer.status}")


@law(
    "VLT-CNX-21",
    "state",
    "PATCH changes what it names (RFC 5789)",
    "contract",
    builds_on=(*_UPD, "VLT-CNX-06"),
)
def an_empty_update_changes_nothing(world: World) -> None:
    """An update with an empty object, or empty settings, leaves the connection as it was.

    Whether empty metadata empties what there was is left open.
    """
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector), metadata={"m": "1"})
    before = still(world.one(who, connector))
    bodies: tuple[dict[str, Any], ...] = ({}, {"settings": {}})
    for body in bodies:
        answer = world.call("connectionsUpdate", who, body=body, **connector.path)
        world.expect(answer.is_good, "accepted", "no refusal", f"{body}: HTTP {answer.status}")
        after = still(world.one(who, connector))
        world.expect(after == before, "changed", "as it was", difference(before, after))


@law(
    "VLT-CNX-23",
    "state",
    "PATCH changes what it names (RFC 5789)",
    "contract",
    builds_on=(*_UPD, "VLT-CNX-06", "VLT-CNX-12", "VLT-CNX-21"),
)
def what_an_update_names_counts_alone_and_together(world: World) -> None:
    """Any of enabled, settings and metadata, in any combination, changes these and no other."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings={"extra": "v"}, metadata={"mark": "v"})
    held = {"enabled": True, "settings": "v", "metadata": "v"}
    names = ("enabled", "settings", "metadata")
    turns = list(chain.from_iterable(combinations(names, size) for size in (3, 2, 1)))
    for turn, chosen in enumerate((("enabled",), *turns)):
        new = {"enabled": not held["enabled"], "settings": f"v{turn}", "metadata": f"v{turn}"}
        held |= {name: new[name] for name in chosen}
        whole = {
            "enabled": held["enabled"],
            "settings": {"extra": held["settings"]},
            "metadata": {"mark": held["metadata"]},
        }
        answered = world.patch(who, connector, **{name: whole[name] for name in chosen})
        for aspect, item in (("read", world.one(who, connector)), ("answer", answered)):
            seen = {
                "enabled": item.get("enabled"),
                "settings": (item.get("settings") or {}).get("extra"),
                "metadata": (item.get("metadata") or {}).get("mark"),
            }
            told = f"{held} after an update of {' and '.join(chosen)}"
            world.expect(seen == held, aspect, told, seen)


@law(
    "VLT-CNX-24",
    "state",
    _GUIDE,
    builds_on=(*_UPD, "VLT-CNX-12", "VLT-CNX-16", "VLT-CNX-23", "VLT-SEC-02"),
)
def a_consent_outlasts_updates(world: World) -> None:
    """A connection with a token keeps its state when metadata, settings or enabled are updated."""
    rows = [c for c in world.catalogue if c.redirects and not c.required] or [
        c for c in world.catalogue if c.redirects and not c.before
    ]
    world.need(rows, "no connector asks for consent")
    who, connector = world.who(), world.rng.choice(rows)
    given = {"credentials": world.lasting_credentials()}
    answer = world.call("connectionsImport", who, body=given, **connector.path)
    world.need(answer.is_good, "nothing can be imported")
    state = world.one(who, connector).get("state")
    world.need(state in {"callable", "authorized"}, "an import makes no authorized connection")
    off = {"enabled": False}
    for body in ({"metadata": {"m": "1"}}, {"settings": {"s": "1"}}, off, {"enabled": True}, {}):
        answer = world.call("connectionsUpdate", who, body=body, **connector.path)
        world.need(answer.is_good, "a connection cannot be updated")
        if body.get("enabled") is False:
            continue
        seen = world.one(who, connector).get("state")
        # a fixture of 2022 says authorized of what is disabled
        fine = seen == state or (body is off and seen == "authorized")
        world.expect(fine, "state", f"{state} after an update of {list(body)}", seen)


@law("VLT-CNX-25", "state", _CRUD, builds_on=(*_UPD, "VLT-CNX-09"))
def what_was_deleted_can_be_added_again(world: World) -> None:
    """A connection that was deleted is added, updated and deleted again as the first time."""
    who, connector = world.who(), world.addable()
    settings = world.settings(connector)
    first = ""
    for turn in range(3):
        world.add(who, connector)
        state = world.one(who, connector).get("state")
        world.expect(state not in {"available", None}, "added", "no longer available", state)
        world.patch(who, connector, settings=settings, metadata={"turn": f"t{turn}"})
        item = world.one(who, connector)
        first = first or str(item.get("state"))
        mark = (item.get("metadata") or {}).get("turn")
        seen = (item.get("enabled"), item.get("state"), mark)
        world.expect(
            seen == (True, first, f"t{turn}"), "again", str((True, first, f"t{turn}")), seen
        )
        world.call("connectionsDelete", who, **connector.path)


@law("VLT-CNX-26", "state", _GUIDE, builds_on=(*_UPD, "VLT-CNX-10", "VLT-CNX-11"))
def an_emptied_field_takes_callable_away(world: World) -> None:
    """A connection whose required field is emptied is not callable until it is filled again."""
    who, connector = world.who(), world.plain()
    settings = world.settings(connector)
    world.add(who, connector, settings=settings)
    before = world.one(who, connector).get("state")
    name = next(iter(settings))
    for value, fits in (("", False), (settings[name], True)):
        answer = world.call(
            "connectionsUpdate", who, body={"settings": {name: value}}, **connector.path
        )
        if not answer.is_good:
            world.need(answer.is_refusal and not fits, "a connection cannot be updated")
            world.expect(True, "refused", "", "")
            return
        state = world.one(who, connector).get("state")
        fine = state == before if fits else state != "callable"
        world.expect(fine, "filled" if fits else "emptied", f"follows from {name}={value!r}", state)
