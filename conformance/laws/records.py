"""Logs and counts: every call leaves one trace, and no call two."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from conformance.laws.paging import listed_ids
from conformance.laws.registry import law
from conformance.laws.sessions import claims_of
from conformance.laws.world import World, moment
from conformance.target import Principal

_LOG = "schema Log; logsAll"
_COUNTS = "RequestCountAllocation; consumerRequestCountsAll"
_OTHER = ("unify", "proxy")
ALWAYS = {"start_datetime": "2020-01-01T00:00:00.000Z", "end_datetime": "2099-12-31T00:00:00.000Z"}
FAR_AHEAD = {
    "start_datetime": "2098-01-01T00:00:00.000Z",
    "end_datetime": "2099-12-31T00:00:00.000Z",
}
LONG_AGO = {
    "start_datetime": "2020-01-01T00:00:00.000Z",
    "end_datetime": "2020-12-31T00:00:00.000Z",
}


def vault_count(world: World, who: Principal) -> float:
    """Return how many Vault calls of a consumer are counted."""
    answer = world.call("consumersOne", who)
    counts = answer.item.get("request_counts")
    world.need(answer.is_good and isinstance(counts, dict), "no request counts")
    value = (counts or {}).get("vault")
    world.need(isinstance(value, int | float), "no count of Vault calls")
    return float(value or 0)


def fits(world: World, who: Principal, seen: Any, want: float, named: int) -> bool:
    """Whether a count is what was called, or that and calls that name the consumer in the path.

    Whether these count for it, of which there were `named`, is left open; it is tried where it
    would explain the count.
    """
    if seen == want:
        return True
    if not isinstance(seen, int | float) or not want < seen <= want + named:
        return False
    before = vault_count(world, who)
    return vault_count(world, who) - before == 1


def _entries(world: World, who: Principal, method: str, path: str) -> list[dict[str, Any]]:
    rows = world.logs(who)
    return [
        e
        for e in rows
        if str(e.get("path", "")).partition("?")[0].endswith(path)
        and e.get("http_method") == method
    ]


def _mixed(world: World, who: Principal) -> list[tuple[str, str, int, str, str]]:
    """Make calls of several kinds; return method, path, status, ids of request and operation."""
    connector = world.addable()
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("connectionsAdd", {"body": {"enabled": True}, **connector.path}),
        ("connectionsOne", connector.path),
        ("connectionsUpdate", {"body": {"metadata": {"n": "1"}}, **connector.path}),
        ("sessionsCreate", {}),
        ("connectionsImport", {"body": {"metadata": {"n": "2"}}, **connector.path}),
        ("connectionsAll", {"query": {"api": connector.unified_api}}),
        ("connectionsDelete", connector.path),
    )
    for operation_id, arguments in steps:
        world.call(operation_id, who, **arguments)
    return [
        (
            e.request.method,
            e.request.path,
            e.answer.status,
            e.answer.headers.get("x-apideck-request-id", ""),
            e.operation_id,
        )
        for e in world.exchanges
    ]


@law(
    "VLT-LOG-01",
    "logs",
    _LOG,
    "contract",
    builds_on=(
        "VLT-ISO-01",
        "VLT-HDR-02",
    ),
)
def each_call_is_logged_once(world: World) -> None:
    """Each call of a consumer is one entry of its logs, read or write."""
    who = world.who()
    made = _mixed(world, who)
    rows = world.logs(who)
    world.need(isinstance(rows, list), "no logs")
    # whether entries of others are among them is another question (VLT-ISO-05)
    rows = [e for e in rows if e.get("consumer_id", who.consumer_id) == who.consumer_id]
    for method, path, status, *_ in made:
        world.need(status < 400, "a call was refused")
        asked = len([m for m in made if m[:2] == (method, path)])
        same = [
            e
            for e in rows
            if str(e.get("path", "")).partition("?")[0].endswith(path)
            and e.get("http_method", method) == method
        ]
        loose = same or [e for e in rows if e.get("id") == _id_of(made, method, path)]
        world.expect(
            len(loose) == asked,
            "once",
            f"{asked} entry for {method} {path}",
            f"{len(loose)} entries",
        )
    world.call("connectionsAll", who, query={"api": "crm"})
    queries = [str(e.get("path")) for e in world.logs(who) if "?" in str(e.get("path", ""))]
    world.expect(not queries, "path", "the path component of the URI", queries[:1])


def _id_of(made: list[tuple[str, str, int, str, str]], method: str, path: str) -> str:
    return next(row[3] for row in made if row[:2] == (method, path))


@law("VLT-LOG-02", "logs", "logs newest first", "inferred", builds_on=("VLT-LOG-01",))
def logs_come_newest_first(world: World) -> None:
    """The log of a later call stands before that of an earlier one."""
    who = world.who()
    world.consumer(who)
    for index in range(3):
        world.call(
            "connectionsOne", who, unified_api="crm", service_id=f"no-such-{world.nonce}-{index}"
        )
    connector = world.addable()
    world.add(who, connector)
    world.target.clock.sleep(0.01)
    world.call("connectionsDelete", who, **connector.path)
    path = world.exchanges[-1].request.path  # where calls that name a consumer are logged too
    rows = [e for e in world.logs(who) if str(e.get("path")).partition("?")[0].endswith(path)]
    rows = [e for e in rows if e.get("http_method") in {"POST", "DELETE"}]
    order = [e.get("http_method") for e in rows]
    world.need(len(order) == 2, "calls are not logged")
    world.expect(order == ["DELETE", "POST"], "order", "DELETE before POST", order)
    times = [str(e.get("timestamp")) for e in world.logs(who)]
    falling = times == sorted(times, reverse=True)
    world.expect(falling, "times", "timestamps from new to old", times[:4])


@law(
    "VLT-LOG-03",
    "logs",
    _LOG,
    "contract",
    builds_on=("VLT-LOG-01", "VLT-ENV-03", "VLT-HDR-02", "VLT-ISO-05"),
)
def an_entry_tells_what_happened(world: World) -> None:
    """A log entry has the operation, method, path, status, success and consumer of its call."""
    who = world.who()
    made = _mixed(world, who)
    unknown = f"no-such-{world.nonce}"
    world.call("connectionsOne", who, unified_api="crm", service_id=unknown)
    refused = world.exchanges[-1].answer.status
    rows = world.logs(who)
    world.need(len(rows) >= 3, "calls are not logged")
    by_id = {str(e.get("id")): e for e in rows}
    for method, path, status, request_id, operation_id in made:
        entry = by_id.get(request_id)
        if entry is None:
            continue
        seen = (
            entry.get("http_method"),
            entry.get("status_code"),
            entry.get("success"),
            entry.get("consumer_id"),
        )
        world.expect(
            seen == (method, status, True, who.consumer_id),
            "entry",
            str((method, status, True, who.consumer_id)),
            seen,
        )
        seen_path = str(entry.get("path"))
        world.expect(path in seen_path and "?" not in seen_path, "path", path, seen_path)
        told = (entry.get("operation") or {}).get("id")
        world.expect(told == operation_id, "operation", operation_id, told)
    for entry in [e for e in rows if unknown in str(e.get("path"))]:
        pair = (entry.get("status_code"), entry.get("success"))
        world.expect(pair == (refused, False), "refusal", str((refused, False)), pair)
    methods = {str(e.get("http_method")) for e in rows}
    world.expect(
        {"POST", "PATCH"} <= methods, "methods", "POST and PATCH among the methods", sorted(methods)
    )
    owners = {str(e.get("consumer_id")) for e in rows}
    world.expect(owners == {who.consumer_id}, "consumer", who.consumer_id, sorted(owners))


@law("VLT-LOG-04", "logs", _LOG, "documented", builds_on=("VLT-LOG-01", "VLT-LOG-03"))
def a_refused_call_is_logged(world: World) -> None:
    """A call that is refused is in the logs too, as no success."""
    who, unknown = world.who(), f"no-such-{world.nonce}"
    world.consumer(who)
    answer = world.call("connectionsOne", who, unified_api="crm", service_id=unknown)
    world.need(answer.is_refusal, "the call was not refused")
    rows = [e for e in world.logs(who) if unknown in str(e.get("path"))]
    if world.expect(len(rows) == 1, "logged", "one entry", f"{len(rows)} entries"):
        pair = (rows[0].get("status_code"), rows[0].get("success"))
        world.expect(pair == (answer.status, False), "entry", str((answer.status, False)), pair)


@law(
    "VLT-LOG-05",
    "logs",
    "x-apideck-request-id is the id of the log",
    "documented",
    builds_on=("VLT-LOG-01", "VLT-HDR-02"),
)
def the_request_id_of_an_answer_finds_its_entry(world: World) -> None:
    """The x-apideck-request-id of an answer is the id of its log entry, and of no other."""
    who, connector = world.who(), world.addable()
    world.consumer(who)
    answer = world.call("connectionsOne", who, **connector.path)
    found = answer.headers.get("x-apideck-request-id")
    world.need(found, "answers have no request id")
    ids = [str(e.get("id")) for e in world.logs(who)]
    world.need(ids, "calls are not logged")
    world.expect(ids.count(str(found)) == 1, "id", f"{found}, once", ids[:4])


@law("VLT-CNT-01", "counts", _COUNTS, "documented", builds_on=("VLT-CNT-03",))
def each_call_is_counted_once(world: World) -> None:
    """A consumer's count of Vault calls grows by the calls that were made, and by no more."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    before = vault_count(world, who)
    for _ in range(3):
        world.one(who, connector)
    world.patch(who, connector, metadata={"n": "1"})
    world.call("sessionsCreate", who)
    world.call("consumersUpdate", who, body={"metadata": {"user_name": "counted"}})
    world.call("connectionsImport", who, body={"metadata": {"n": "2"}}, **connector.path)
    world.call("connectionsDelete", who, **connector.path)
    more = vault_count(world, who) - before
    kinds = world.exchanges[-1].answer.item.get("request_counts") or {}
    world.expect(fits(world, who, more, 7, 2), "count", "7 more", f"{more:g} more")
    others = {name: kinds.get(name) for name in ("unify", "proxy") if name in kinds}
    world.expect(not any(others.values()), "kind", "Vault calls alone", kinds)


@law("VLT-CNT-02", "counts", _COUNTS, "documented", builds_on=("VLT-CNT-01",))
def the_aggregate_is_the_sum(world: World) -> None:
    """aggregated_request_count is the sum of request_counts, for one consumer and for a range."""
    who = world.who()
    world.consumer(who)
    for _ in range(3):
        world.listed(who)
    for operation_id, query in (("consumersOne", {}), ("consumerRequestCountsAll", ALWAYS)):
        item = world.call(operation_id, who, query=query).item
        counts = item.get("request_counts")
        world.need(isinstance(counts, dict), "no request counts")
        total = sum(v for v in (counts or {}).values() if isinstance(v, int | float))
        seen = item.get("aggregated_request_count")
        world.expect(seen == total, "sum", f"{total:g}", seen)


@law("VLT-CNT-03", "counts", _COUNTS, "contract", builds_on=("VLT-ISO-09",))
def a_range_counts_the_calls_in_it(world: World) -> None:
    """Counts of a range that holds now are the consumer's; of one long ago there are none."""
    _counts_in_ranges(world, world.who())
    if len(world.target.applications) > 1:
        _counts_in_ranges(world, world.who("b", world.other_application))


def _counts_in_ranges(world: World, who: Principal) -> None:
    world.consumer(who)
    for _ in range(3):
        world.listed(who)
    now = world.call("consumerRequestCountsAll", who, query=ALWAYS)
    past = world.call("consumerRequestCountsAll", who, query=LONG_AGO)
    world.need(now.is_good and past.is_good, "no counts")
    seen = (now.item.get("request_counts") or {}).get("vault")
    world.expect(fits(world, who, seen, 3, 3), "now", "3", seen)
    for name, text in ALWAYS.items():
        told = now.item.get(name, text)
        world.expect(moment(told) == moment(text), "range", f"{name} {text}", told)
    old = past.item.get("aggregated_request_count")
    world.expect(old in {0, None}, "long ago", "0", old)
    later = world.call("consumerRequestCountsAll", who, query=FAR_AHEAD)
    ahead = later.item.get("aggregated_request_count")
    world.expect(ahead in {0, None} or not later.is_good, "ahead", "0", ahead)
    names = (now.item.get("consumer_id"), now.item.get("application_id"))
    world.expect(
        names == (who.consumer_id, who.application.id),
        "names",
        str((who.consumer_id, who.application.id)),
        names,
    )


@law("VLT-CNT-04", "counts", _COUNTS, "contract", builds_on=("VLT-CNT-01", "VLT-CSM-06"))
def the_list_counts_as_one_does(world: World) -> None:
    """The counts of a consumer in the list are those it has alone."""
    who = world.who()
    world.consumer(who)
    rows: list[dict[str, Any]] = []
    for _ in range(2):  # a list may keep what it told first
        for _ in range(3):
            world.listed(who)
        alone = world.call("consumersOne", who).item.get("request_counts")
        begun = len(world.exchanges)
        listed_ids(world, who)
        lists = [e for e in world.exchanges[begun:] if e.operation_id == "consumersAll"]
        rows = [row for e in lists for row in e.answer.items]
        mine = next((r for r in rows if r.get("consumer_id") == who.consumer_id), None)
        world.need(mine is not None and alone, "the consumer is not listed")
        seen = (mine or {}).get("request_counts")
        same = seen == alone or _one_later(world, who, seen, alone)
        world.expect(same, "list", str(alone), seen)
    if world.target.profile.name != "live":  # a consumer of somebody who has made other calls
        busy = [r for r in rows if any((r.get("request_counts") or {}).get(k) for k in _OTHER)]
        for row in busy[:1]:
            item = world.call("consumersOne", Principal(who.application, row["consumer_id"])).item
            name = "aggregated_request_count"
            seen = row.get(name)
            world.expect(seen == item.get(name), "aggregate", str(item.get(name)), seen)


def _one_later(world: World, who: Principal, seen: Any, alone: Any) -> bool:
    both = isinstance(seen, dict) and isinstance(alone, dict)
    return both and fits(world, who, seen.get("vault"), alone.get("vault", 0), 1)


@law("VLT-CNT-05", "validation", "start_datetime, end_datetime: required", "contract")
def a_range_must_be_dates(world: World) -> None:
    """Counts are refused without a start or an end, and for dates that are none."""
    who = world.who()
    world.consumer(who)
    start, end = ALWAYS["start_datetime"], ALWAYS["end_datetime"]
    queries = (
        ("missing", {"end_datetime": end}),
        ("missing", {"start_datetime": start}),
        ("nonsense", {"start_datetime": "yesterday", "end_datetime": end}),
        ("nonsense", {"start_datetime": start, "end_datetime": "2026-13-45T99:00:00Z"}),
    )
    for aspect, query in queries:
        request = world.target.request("consumerRequestCountsAll", who, query=query)
        answer = world.provoke("consumerRequestCountsAll", request)
        world.expect(answer.is_refusal, aspect, "a refusal (400)", f"{query}: HTTP {answer.status}")


@law(
    "VLT-LOG-06",
    "logs",
    _LOG,
    "documented",
    builds_on=("VLT-LOG-01", "VLT-LOG-03", "VLT-SES-05", "VLT-SES-01"),
)
def a_call_with_a_session_token_is_logged(world: World) -> None:
    """A call that a front end makes with a session token is in the logs as any other."""
    who, connector = world.who(), world.connector()
    answer = world.call("sessionsCreate", who)
    world.need(answer.is_good, "a session cannot be created")
    token = str(answer.item.get("session_token", ""))
    claims_of(token)
    guest = Principal(who.application, who.consumer_id, token)
    answer = world.call("connectionsOne", guest, **connector.path)
    path = world.exchanges[-1].request.path
    world.need(answer.is_good, "a session token is not accepted")
    rows = _entries(world, who, "GET", path)
    world.expect(len(rows) == 1, "logged", f"one entry for GET {path}", f"{len(rows)} entries")


@law("VLT-LOG-07", "logs", "Log.timestamp", "contract", builds_on=("VLT-LOG-01",))
def an_entry_tells_when_it_happened(world: World) -> None:
    """The timestamp of an entry is the time of its call, by the clock of the deployment."""
    who = world.who()
    world.consumer(who)
    for _ in range(2):
        world.listed(who)
    born = moment(world.call("consumersOne", who).item.get("created"))
    world.need(born is not None, "consumers have no time of creation")
    times = [moment(e.get("timestamp")) for e in world.logs(who)]
    world.need(times, "calls are not logged")
    wrong = [t for t in times if t is None or abs(t - float(born or 0)) > 900]
    world.expect(not wrong, "time", f"within minutes of {born}", wrong[:3])


@law(
    "VLT-LOG-08",
    "logs",
    _LOG,
    "documented",
    builds_on=("VLT-LOG-01", "VLT-LOG-03", "VLT-PAG-02", "VLT-PAG-09", "VLT-CNT-01"),
)
def a_hundred_calls_are_all_logged(world: World) -> None:
    """Of 120 calls all are in the logs, and a page of 200 shows them all."""
    world.spare()
    who, connector = world.who(), world.connector()
    world.consumer(who)
    for _ in range(120):
        world.one(who, connector)
    path = world.exchanges[-1].request.path
    rows = _entries(world, who, "GET", path)
    world.expect(len(rows) == 120, "logged", "120 entries", f"{len(rows)} entries")


@law(
    "VLT-CNT-06",
    "counts",
    _COUNTS,
    "documented",
    builds_on=("VLT-CNT-03", "VLT-CNT-01", "VLT-LOG-07"),
)
def a_range_is_exact_and_knows_time_zones(world: World) -> None:
    """A range of minutes counts the calls in it, however its zone is written, and no others."""
    who = world.who()
    world.consumer(who)
    for _ in range(3):
        world.listed(who)
    born = moment(world.call("consumersOne", who).item.get("created"))
    world.need(born is not None, "consumers have no time of creation")
    now = datetime.fromtimestamp(float(born or 0), UTC)
    zones = {
        "Z": UTC,
        "+05:30": timezone(timedelta(hours=5.5)),
        "-08:00": timezone(-timedelta(hours=8)),
    }
    minutes = {"around": (-10, 30, 3), "before": (-120, -60, 0), "after": (60, 120, 0)}
    for aspect, (low, high, want) in minutes.items():
        for zone, info in zones.items():
            ends = [(now + timedelta(minutes=m)).astimezone(info) for m in (low, high)]
            start, end = (e.isoformat(timespec="milliseconds").replace("+00:00", "Z") for e in ends)
            answer = world.call(
                "consumerRequestCountsAll",
                who,
                query={"start_datetime": start, "end_datetime": end},
            )
            if zone != "Z" and answer.status in {400, 422}:
                continue
            world.need(answer.is_good, "no counts")
            seen = (answer.item.get("request_counts") or {}).get("vault")
            named = len(world.exchanges) - 3 if want else 0
            fine = fits(world, who, seen, want, named)
            world.expect(fine, aspect, f"{want} from {start} to {end}", seen)


@law(
    "VLT-CNT-07",
    "counts",
    _COUNTS,
    "documented",
    builds_on=("VLT-CNT-01", "VLT-CNT-03", "VLT-LOG-08"),
)
def a_hundred_calls_are_all_counted(world: World) -> None:
    """120 calls count as 120, alone and in a range."""
    world.spare()
    who, connector = world.who(), world.connector()
    world.consumer(who)
    world.one(who, connector)
    before = vault_count(world, who)
    for _ in range(120):
        world.one(who, connector)
    more = vault_count(world, who) - before
    world.expect(fits(world, who, more, 120, 1), "count", "120 more", f"{more:g} more")
    item = world.call("consumerRequestCountsAll", who, query=ALWAYS).item
    seen = (item.get("request_counts") or {}).get("vault")
    world.expect(fits(world, who, seen, 121, len(world.exchanges) - 121), "range", "121", seen)
