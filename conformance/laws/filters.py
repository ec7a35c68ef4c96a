"""Filters: each gives the part of the list that fits it, and two give what fits both."""

from typing import Any

from conformance.laws.registry import law
from conformance.laws.world import World

_LIST = "parameters api and configured of connectionsAll"


def _keys(rows: list[dict[str, Any]]) -> set[str]:
    return {f"{r.get('unified_api')}+{r.get('service_id')}" for r in rows}


@law("VLT-FIL-01", "filters", "api: scope results to Unified API", "contract")
def the_api_filter_gives_that_api(world: World) -> None:
    """`api` gives all connections of that unified API, and no others."""
    who = world.who()
    rows = world.listed(who)
    world.need(rows, "the catalogue is empty")
    for api in sorted({str(r.get("unified_api")) for r in rows})[:8]:
        want = _keys([r for r in rows if r.get("unified_api") == api])
        seen = _keys(world.listed(who, api=api))
        world.expect(
            seen == want,
            "api",
            f"{len(want)} connections of {api}",
            f"{len(seen)}: {sorted(seen ^ want)[:4]}",
        )


@law("VLT-FIL-02", "filters", _LIST, "contract", builds_on=("VLT-CNX-02", "VLT-CNX-11"))
def the_configured_filter_parts_the_list(world: World) -> None:
    """`configured` parts the list in what was set up and what was never touched."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector))
    off_too = [c for c in world.catalogue if c.service_id != connector.service_id][:1]
    for other in off_too:
        world.add(who, other)
        world.patch(who, other, enabled=False)
    mine = f"{connector.unified_api}+{connector.service_id}"
    # whether one that is only added counts as configured is open
    is_whole = world.one(who, connector).get("state") != "added"
    rows = world.listed(who)
    untouched = _keys([r for r in rows if r.get("state") == "available"])
    on, off = (
        _keys(world.listed(who, configured="true")),
        _keys(world.listed(who, configured="false")),
    )
    if is_whole:
        world.expect(mine in on, "true", f"{mine} is configured", sorted(on)[:4])
    for other in off_too:
        name = f"{other.unified_api}+{other.service_id}"
        kept = (name in on) != (name in off)
        world.expect(kept, "disabled", f"{name} is in one of both", "it is not")
    once = mine not in off if is_whole else (mine in on) != (mine in off)
    world.expect(once, "false", f"{mine} is not among the others", sorted(off)[:4])
    world.expect(
        untouched <= off, "untouched", "all that is available", sorted(untouched - off)[:4]
    )
    world.expect(
        not untouched & on, "untouched", "nothing that is available", sorted(untouched & on)[:4]
    )
    world.expect(
        on | off == _keys(rows), "whole", "the whole list", sorted(_keys(rows) - on - off)[:4]
    )
    world.call("connectionsDelete", who, **connector.path)
    if world.one(who, connector).get("state") == "available":
        on = _keys(world.listed(who, configured="true"))
        world.expect(mine not in on, "deleted", f"{mine} is configured no more", sorted(on)[:4])


@law(
    "VLT-FIL-03", "filters", _LIST, "contract", builds_on=("VLT-FIL-01", "VLT-FIL-02", "VLT-CNX-02")
)
def two_filters_give_what_fits_both(world: World) -> None:
    """`api` and `configured` together give the intersection of what each gives."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector))
    for api in (
        connector.unified_api,
        next(
            (c.unified_api for c in world.catalogue if c.unified_api != connector.unified_api),
            "sms",
        ),
    ):
        for flag in ("true", "false"):
            want = _keys(world.listed(who, api=api)) & _keys(world.listed(who, configured=flag))
            seen = _keys(world.listed(who, api=api, configured=flag))
            world.expect(seen == want, "both", f"{len(want)} connections", sorted(seen ^ want)[:4])


def _is_sorted(names: list[str]) -> bool:
    ways = (
        lambda n: n,
        lambda n: n.casefold(),
        lambda n: "".join(c for c in n.casefold() if c.isalnum()),
    )
    return any([way(n) for n in names] == sorted(way(n) for n in names) for way in ways)


@law(
    "VLT-FIL-04",
    "filters",
    "LogsFilter.status_code",
    "contract",
    builds_on=("VLT-LOG-01", "VLT-LOG-08"),
)
def the_status_filter_gives_that_status(world: World) -> None:
    """`filter[status_code]` gives the log entries of that status, all of them, and no others."""
    who = world.who()
    world.consumer(who)
    for _ in range(3):
        world.listed(who)
    for index in range(2):
        world.call(
            "connectionsOne", who, unified_api="crm", service_id=f"no-such-{world.nonce}-{index}"
        )
    connector = world.addable()
    world.add(who, connector)
    world.call("connectionsUpdate", who, body={"enabled": "maybe"}, **connector.path)
    world.call("connectionsDelete", who, **connector.path)
    logged = [e for e in world.logs(who) if "logs" not in str(e.get("path"))]
    statuses = sorted({s for e in logged if isinstance(s := e.get("status_code"), int)})
    counts = {s: len([e for e in logged if e.get("status_code") == s]) for s in (200, *statuses)}
    world.need(counts[200], "calls are not logged")
    for status, want in counts.items():
        rows = world.logs(who, **{"filter[status_code]": status})
        wrong = [e.get("status_code") for e in rows if e.get("status_code") != status]
        world.expect(not wrong, "others", f"entries of {status}", wrong[:5])
        page = len(world.logs(who, limit=2, **{"filter[status_code]": status}))
        full = min(2, len(rows))
        world.expect(page >= full, "page", f"{full} entries on a page of 2", f"{page} entries")
        seen = len([e for e in rows if "logs" not in str(e.get("path"))])
        world.expect(seen >= want, "all", f"{want} entries", f"{seen} entries")
    for status in (299, 499):  # neighbours of those that there are
        answer = world.call("logsAll", who, query={"filter[status_code]": status})
        none = not answer.items or not answer.is_good
        told = [e.get("status_code") for e in answer.items][:5]
        world.expect(none, "neighbour", f"no entry, none is of {status}", told)


@law(
    "VLT-FIL-05",
    "filters",
    "LogsFilter.exclude_unified_apis",
    "contract",
    builds_on=("VLT-LOG-01",),
)
def excluded_apis_are_not_in_the_logs(world: World) -> None:
    """`filter[exclude_unified_apis]` leaves out the entries of each API named, only those."""
    who = world.who()
    world.consumer(who)
    world.listed(who)
    all_of_them = world.logs(who)
    world.need(
        [e for e in all_of_them if e.get("unified_api") == "vault"],
        "vault calls are not logged as such",
    )
    for value in ("vault", "crm,vault", "vault,hris"):
        rows = world.logs(who, **{"filter[exclude_unified_apis]": value})
        wrong = [e.get("unified_api") for e in rows if e.get("unified_api") in value.split(",")]
        world.expect(not wrong, "excluded", f"no entry of {value}", f"{len(wrong)} entries")
    kept = world.logs(who, **{"filter[exclude_unified_apis]": "pos"})
    world.expect(
        len(kept) >= len(all_of_them), "kept", f"{len(all_of_them)} entries", f"{len(kept)} entries"
    )


@law("VLT-FIL-06", "filters", "list sorted by name", "seen in clients")
def connections_are_sorted_by_name(world: World) -> None:
    """The list of connections is in the order of their names, also under a filter."""
    who = world.who()
    rows = world.listed(who)
    apis = sorted({str(r.get("unified_api")) for r in rows})
    for found in (rows, *(world.listed(who, api=api) for api in apis[:2])):
        names = [str(r.get("name")) for r in found]
        world.expect(_is_sorted(names), "sorted", "names in order", names[:12])


@law(
    "VLT-FIL-07",
    "filters",
    "api: scope results to Unified API",
    "contract",
    builds_on=("VLT-FIL-01",),
)
def an_api_that_does_not_exist_has_no_connections(world: World) -> None:
    """`api` with a name that no connector serves, like one or not, gives nothing, or is refused."""
    known = {c.unified_api for c in world.catalogue}
    first = world.addable().unified_api
    near = {first[:-1], first[:1], first + "s"} - known
    for name in (f"none-{world.nonce}", *sorted(near)):
        answer = world.call("connectionsAll", world.who(), query={"api": name})
        empty = answer.is_refusal or (answer.is_good and not answer.items)
        told = f"{name!r}: HTTP {answer.status}, {len(answer.items)}"
        world.expect(empty, "unknown", "no connections", told)


@law(
    "VLT-FIL-08",
    "filters",
    "LogsFilter.status_code, exclude_unified_apis",
    "contract",
    builds_on=("VLT-FIL-04", "VLT-FIL-05", "VLT-LOG-01"),
)
def two_filters_of_logs_give_what_fits_both(world: World) -> None:
    """A status and excluded APIs together give the entries that both let through."""
    who = world.who()
    world.consumer(who)
    for index in range(2):
        world.listed(who)
        world.call(
            "connectionsOne", who, unified_api="crm", service_id=f"no-such-{world.nonce}-{index}"
        )
    status, excluded = "filter[status_code]", "filter[exclude_unified_apis]"
    logged = world.logs(who)
    world.need(
        [e for e in logged if e.get("unified_api") == "vault" and e.get("status_code") == 404],
        "vault calls are not logged as such",
    )
    none = world.logs(who, **{status: 404, excluded: "vault"})
    world.expect(not none, "excluded", "no entry of vault", f"{len(none)} entries")
    some = world.logs(who, **{status: 404, excluded: "pos"})
    seen = {(e.get("status_code"), e.get("unified_api") == "pos") for e in some}
    world.expect(seen == {(404, False)}, "both", "entries of 404, and not of pos", sorted(seen))
