"""Steps in a connection's life: what each leaves of it, and of everybody else's."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from conformance.laws.mappings import grounds as mapped_grounds
from conformance.laws.mappings import targets_of
from conformance.laws.oauth import wanted_before, with_state
from conformance.laws.registry import law
from conformance.laws.resources import configured, field_ids
from conformance.laws.world import Connector, NotJudged, World, difference, state_of
from conformance.target import Principal

_OWN = "conformance_field"

Held = tuple[Principal, Connector]
Ground = tuple[Connector, str | None]
"""A connector, and a target field of it that can be mapped, if there is one."""
Step = tuple[str, Callable[[], bool]]


def _import(world: World, who: Principal, connector: Connector) -> bool:
    body: dict[str, Any] = {"metadata": {"mark": world.nonce}}
    if connector.redirects:
        body = {"credentials": world.credentials()}
    return world.call("connectionsImport", who, body=body, **connector.path).is_good


def _consent(world: World, who: Principal, connector: Connector) -> bool:
    url = str(world.one(who, connector).get("authorize_url") or "")
    if not state_of(url):
        return False
    try:
        world.consent(url)
    except NotJudged:
        return False
    return world.one(who, connector).get("state") in {"authorized", "callable"}


def _revoke(world: World, who: Principal, connector: Connector) -> bool:
    url = str(world.one(who, connector).get("revoke_url") or "")
    if not state_of(url):
        return False
    world.followed(world.send("connectionsRevoke", with_state(world, url, state_of(url))))
    return world.one(who, connector).get("state") == "added"


def _token(world: World, who: Principal, connector: Connector) -> bool:
    return world.call("connectionsToken", who, body={}, **connector.path).is_good


# --- what a step leaves of its own connection ---


@law(
    "VLT-CNX-30",
    "state",
    "guide: connection states; Connection.metadata, configuration, created_at",
    builds_on=(
        *("VLT-CNX-05", "VLT-CNX-06", "VLT-CNX-10", "VLT-CNX-12", "VLT-CNX-16", "VLT-CNX-24"),
        *("VLT-OAU-04", "VLT-OAU-13", "VLT-OAU-24", "VLT-RES-01", "VLT-MAP-01", "VLT-SEC-02"),
    ),
)
def a_step_leaves_what_it_does_not_name(world: World) -> None:
    """Off and on, an import, a consent, a revocation leave what was stored, mappings included."""
    for connector, target in _grounds(world):
        who = world.who(f"{connector.service_id[:12]}-{connector.unified_api[:6]}")
        settings = {**world.filled(connector), "extra": world.nonce}
        world.add(who, connector, settings=settings, metadata={"mark": world.nonce})
        places: dict[str, str] = {}
        for name, furnish in (("configuration", _configure), ("mapping", _map)):
            bare = _bare(world, who, connector)
            places |= furnish(world, who, connector, target)
            now = _bare(world, who, connector)
            world.expect(
                now == bare, name, "settings and metadata as before", difference(bare, now)
            )
        before = _furniture(world, who, connector, places)
        steps: tuple[Step, ...] = (
            ("disabled", lambda: bool(world.patch(who, connector, enabled=False))),  # noqa: B023
            ("enabled", lambda: bool(world.patch(who, connector, enabled=True))),  # noqa: B023
            ("import", lambda: _import(world, who, connector)),  # noqa: B023
            *(
                ("configuration", lambda: _set(world, who, connector, resource, places[resource]))  # noqa: B023
                for resource in connector.resources[:1]
            ),
            *(
                ("configuration", lambda: _set_whole(world, who, connector, places))  # noqa: B023
                for _ in connector.resources[:1]
            ),
        )
        if connector.redirects:
            steps = (
                *steps,
                ("consent", lambda: _consent(world, who, connector)),  # noqa: B023
                ("revocation", lambda: _revoke(world, who, connector)),  # noqa: B023
            )
        for name, step in steps:
            if not step():
                continue
            after = _furniture(world, who, connector, places)
            world.expect(after == before, name, "all as before", difference(before, after))
            if after != before or name == "revocation":
                return


def _grounds(world: World) -> list[Ground]:
    """Return connectors with most to keep: one without consent, and some with, one to revoke."""

    def most(rows: list[Connector], api: str = "") -> list[Ground]:
        rows = sorted(rows, key=lambda c: (not c.mappings, c.unified_api != api, not c.resources))
        return [(c, c.mappings[0] if c.mappings else None) for c in rows]

    consented = [c for c in world.catalogue if c.redirects and not c.before]
    simple = [c for c in consented if not any(f.get("type") == "select" for f in c.required)]
    others, api = most([c for c in world.catalogue if not c.redirects])[:1], ""
    try:
        _, mapped, targets = mapped_grounds(world)
        others, api = [(mapped, targets[0])], mapped.unified_api
    except NotJudged:
        pass  # then no mapping is to be kept
    found = [*others, *most(simple or consented, api)[:4]]
    world.need(found, "the catalogue has no connector for it")
    return found


def _bare(world: World, who: Principal, connector: Connector) -> dict[str, Any]:
    """Return all settings of a connection, and what else it was added with."""
    item = world.one(who, connector)
    return {name: item.get(name) for name in ("settings", "metadata", "enabled", "created_at")}


def _configure(
    world: World, who: Principal, connector: Connector, target: str | None
) -> dict[str, str]:
    """Store a default for a resource; return under which field."""
    del target
    places: dict[str, str] = {}
    for resource in connector.resources[:1]:
        answer = world.call("connectionSettingsAll", who, resource=resource, **connector.path)
        fields = field_ids(answer.item.get("configuration"), resource)
        places[resource] = (fields or [_OWN])[0]
        _set(world, who, connector, resource, places[resource])
    return places


def _map(world: World, who: Principal, connector: Connector, target: str | None) -> dict[str, str]:
    """Map a target field: one that the connection shows, else one of the contract's form."""
    shown = world.one(who, connector).get("custom_mappings")
    ids = [m.get("id") for m in shown if isinstance(m, dict)] if isinstance(shown, list) else []
    target = target or next((str(each) for each in ids if each), None)
    if target is None:
        target = next(iter(targets_of(world, who, connector)), None)
    if target is None:
        return {}
    at = {"target_field_id": target, **connector.path}
    world.call("customMappingsAdd", who, body={"value": f"$.{world.nonce}"}, **at)
    return {"mapping": target}


def _set(world: World, who: Principal, connector: Connector, resource: str, field: str) -> bool:
    row = {"resource": resource, "defaults": [{"id": field, "value": world.nonce}]}
    at = {"resource": resource, **connector.path}
    body = {"configuration": [row]}
    return world.call("connectionSettingsUpdate", who, body=body, **at).is_good


def _set_whole(
    world: World, who: Principal, connector: Connector, places: Mapping[str, str]
) -> bool:
    """Send the configuration as the update of a connection takes it; it may be refused there."""
    resource = connector.resources[0]
    row = {"resource": resource, "defaults": [{"id": places[resource], "value": world.nonce}]}
    body = {"configuration": [row]}
    return world.call("connectionsUpdate", who, body=body, **connector.path).is_good


def _furniture(
    world: World, who: Principal, connector: Connector, places: Mapping[str, str]
) -> dict[str, Any]:
    """Return what is to be kept, as far as the deployment keeps it at all."""
    item = world.one(who, connector)
    found: dict[str, Any] = {
        "settings": (item.get("settings") or {}).get("extra"),
        "metadata": (item.get("metadata") or {}).get("mark"),
        "created_at": item.get("created_at"),
    }
    for resource in connector.resources[:1]:
        found[resource] = world.nonce in configured(world, who, connector, resource)
    if "mapping" in places:
        at = {"target_field_id": places["mapping"], **connector.path}
        found["mapping"] = world.call("customMappingsOne", who, **at).item.get("value")
    return found


# --- what a step leaves of everybody else's ---


@law(
    "VLT-ISO-16",
    "isolation",
    "a connection is of one consumer of one application",
    builds_on=(
        *("VLT-ISO-01", "VLT-ISO-02", "VLT-ISO-03", "VLT-CNX-16", "VLT-CNX-17", "VLT-OAU-04"),
        *("VLT-OAU-13", "VLT-OAU-14", "VLT-OAU-19", "VLT-OAU-23"),
    ),
)
def credentials_are_those_of_one_connection(world: World) -> None:
    """A token, an import, a consent, a revocation changes nothing of others, or of other APIs."""
    judged = False
    for connector in _with_credentials(world):
        who = world.who(f"{connector.service_id[:12]}-{connector.unified_api[:6]}")
        others = list(_others(world, who, connector))
        for one, row in ((who, connector), *others):
            world.add(one, row, settings={**world.filled(row), **wanted_before(world, row)})
        steps: tuple[Step, ...] = (("token", lambda: _token(world, who, connector)),)  # noqa: B023
        if connector.redirects:
            steps = (
                ("import", lambda: _import(world, who, connector)),  # noqa: B023
                ("consent", lambda: _consent(world, who, connector)),  # noqa: B023
                ("revocation", lambda: _revoke(world, who, connector)),  # noqa: B023
            )
        for name, step in steps:
            if name == "revocation":  # there is something to lose
                for one, row in others:
                    _import(world, one, row)
            before = [world.one(one, row).get("state") for one, row in others]
            if not step():
                continue
            judged = True
            after = [world.one(one, row).get("state") for one, row in others]
            told = [f"{row.name} of {one.consumer_id}" for one, row in others]
            seen = ", ".join(
                f"{what}: {a} -> {b}" for what, a, b in zip(told, before, after, strict=True)
            )
            world.expect(after == before, name, "all others as they were", seen)
    world.need(judged, "no credentials can be had here")


def _with_credentials(world: World) -> list[Connector]:
    """Return a connector of consent, best one of several unified APIs, and one of credentials."""
    services = [c.service_id for c in world.catalogue]
    consented = [
        c
        for c in world.catalogue
        if c.redirects and not any(f.get("type") == "select" for f in c.required)
    ]
    consented.sort(key=lambda c: (services.count(c.service_id) < 2, bool(c.before)))
    by_grant = [c for c in world.catalogue if c.grant == "client_credentials" and c.required]
    return [*consented[:1], *by_grant[:1]]


def _others(world: World, who: Principal, connector: Connector) -> Iterator[Held]:
    yield world.who(f"{who.consumer_id[-12:]}-other"), connector
    if len(world.target.applications) > 1 and world.is_shared(connector):
        yield Principal(world.other_application, who.consumer_id), connector
    for twin in world.catalogue:
        if twin.service_id == connector.service_id and twin.name != connector.name:
            if twin.redirects == connector.redirects and twin.grant == connector.grant:
                yield who, twin
            return
