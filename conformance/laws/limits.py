"""Sizes and bytes: long, many, deep, and broken ones."""

from dataclasses import replace
from statistics import median
from typing import Any

from conformance.failures import Request
from conformance.laws.records import ALWAYS
from conformance.laws.registry import law
from conformance.laws.world import World
from conformance.target import Principal

_WRITES = frozenset({"sessionsCreate", "consumersUpdate", "connectionsUpdate"})
_FREE = "no maximum in the contract"
_ROBUST = "a request is served or refused, never an internal error"


@law("VLT-LIM-01", "limits", "ConsumerId: freely chosen", "documented")
def a_long_id_is_kept_whole(world: World) -> None:
    """Two consumers whose ids differ after the hundredth, 220th or 300th character are two."""
    for length in (100, 220, 300):
        _long_ids(world, length)


def _long_ids(world: World, length: int) -> None:
    stem = world.name("long").ljust(length, "x")
    first, second = (Principal(world.application, stem + end) for end in ("-one", "-two"))
    for who in (first, second):
        answer = world.call(
            "consumersAdd",
            who,
            body={"consumer_id": who.consumer_id, "metadata": {"user_name": who.consumer_id[-3:]}},
        )
        if length > 100 and answer.status in {400, 414, 422}:
            return
        world.need(answer.status not in {400, 414, 422}, "ids of 100 characters are refused")
        served = f"{length} characters: HTTP {answer.status}"
        if not world.expect(answer.is_good, "served", "an id of any length", served):
            return
        world.expect(
            answer.item.get("consumer_id") == who.consumer_id,
            "created",
            who.consumer_id,
            answer.item.get("consumer_id"),
        )
    answer = world.call("consumersOne", first)
    seen = (answer.item.get("consumer_id"), (answer.item.get("metadata") or {}).get("user_name"))
    world.expect(seen == (first.consumer_id, "one"), "read", str((first.consumer_id, "one")), seen)


@law(
    "VLT-LIM-02",
    "limits",
    _FREE,
    "contract",
    builds_on=("VLT-CNX-05", "VLT-CNX-23", "VLT-ISO-01"),
)
def a_long_value_is_kept_whole(world: World) -> None:
    """A setting of 300, 4,000 and 20,000 characters comes back whole."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    for size in (300, 4_000, 20_000):
        value = ("abcdefghij" * (size // 10))[:size]
        world.patch(who, connector, settings={"long": value}, metadata={"long": value})
        item = world.one(who, connector)
        for name in ("settings", "metadata"):
            seen = (item.get(name) or {}).get("long")
            world.expect(
                seen == value,
                name,
                f"{size} characters",
                f"{len(seen) if isinstance(seen, str) else seen} characters",
            )
    name = "n" * 4_000
    answer = world.call("consumersUpdate", who, body={"metadata": {"user_name": name}})
    if answer.is_good:
        seen = (world.call("consumersOne", who).item.get("metadata") or {}).get("user_name")
        world.expect(seen == name, "consumer", "4000 characters", f"{len(str(seen))} characters")


@law("VLT-LIM-03", "limits", _FREE, "contract", builds_on=("VLT-CNX-05", "VLT-ISO-01"))
def many_settings_are_kept(world: World) -> None:
    """Forty settings are forty settings; so are forty properties of metadata."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    for name in ("settings", "metadata"):
        world.patch(who, connector, **{name: {f"key{n}": f"v{n}" for n in range(40)}})
        found = world.one(who, connector).get(name) or {}
        kept = len([n for n in range(40) if found.get(f"key{n}") == f"v{n}"])
        world.expect(kept == 40, name, f"40 {name}", f"{kept} {name}")


@law(
    "VLT-LIM-09",
    "limits",
    _FREE,
    "contract",
    builds_on=("VLT-CNX-05", "VLT-CNX-07", "VLT-LIM-03", "VLT-ISO-01"),
)
def deep_and_wide_values_are_kept_whole(world: World) -> None:
    """Objects twenty levels deep, and lists of 250 items, come back whole."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    deep: Any = "bottom"
    for _ in range(20):
        deep = {"in": deep}
    wide = list(range(250))
    for name in ("settings", "metadata"):
        world.patch(who, connector, **{name: {"deep": deep, "wide": wide}})
        found = world.one(who, connector).get(name) or {}
        world.expect(found.get("deep") == deep, "deep", "20 levels", found.get("deep"))
        seen = found.get("wide")
        count = len(seen) if isinstance(seen, list) else None
        world.expect(seen == wide, "wide", "250 items", f"{count} items")


@law(
    "VLT-LIM-04",
    "limits",
    _FREE,
    "contract",
    builds_on=("VLT-CNX-02", "VLT-ISO-01", "VLT-CNX-04"),
)
def many_connections_are_kept(world: World) -> None:
    """A consumer with a dozen connections has them all."""
    who = world.who()
    some = list(world.catalogue)[:12]
    world.need(len(some) > 1, "the catalogue has one connector at most")
    for connector in some:
        world.add(who, connector)
    on = {
        (r.get("unified_api"), r.get("service_id"))
        for r in world.listed(who)
        if r.get("enabled") is True
    }
    lost = [c.path for c in some if (c.unified_api, c.service_id) not in on]
    world.expect(not lost, "kept", f"{len(some)} connections", f"lost {lost[:3]}")


@law("VLT-LIM-05", "limits", "time does not grow with use", "inferred")
def calls_do_not_get_slower(world: World) -> None:
    """The fortieth read of a consumer takes no longer than the first ones, nor than the run's."""
    connector = world.addable()
    # a machine may be busier now than when the run began: that is to be told by more
    begun = [10 * s + 0.1 for s in world.target.first_seconds.get("connectionsOne", ())]
    most = late = 0.0
    for turn in range(3):  # what a busy machine does once it does not do three times
        who = world.who(f"t{turn}")
        world.add(who, connector)
        seconds: list[float] = []
        for _ in range(40):
            world.one(who, connector)
            seconds.append(world.exchanges[-1].answer.seconds)
            most = min([4 * min(seconds[:6]) + 0.05, *begun])
            late = min(seconds[-10:])
            if len(seconds) >= 6 and late > most:
                break  # it is slow already, and is not to take all the time there is
        if late < most:
            break
    told = (f"less than {most * 1000:.0f} ms, as at first", f"{late * 1000:.0f} ms")
    world.expect(late < most, "slower", *told)


def _raw(world: World, who: Principal, aspect: str, body: bytes) -> None:
    request = world.target.request("consumersUpdate", who, raw=body)
    answer = world.send("consumersUpdate", request, quiet=True)
    world.expect(answer.status < 500, aspect, "a refusal (400)", f"HTTP {answer.status}")
    after = world.call("consumersOne", who)
    world.expect(after.is_good, "next", "the next request is served", f"HTTP {after.status}")


@law("VLT-LIM-06", "limits", _ROBUST, "documented")
def broken_bytes_are_refused(world: World) -> None:
    """UTF-8 and what is none, deep nesting, a lone surrogate and two MiB are no internal errors."""
    who = world.who()
    world.consumer(who)
    deep = 60_000
    bodies = {
        "emoji": '{"metadata": {"user_name": "Zoë 😀"}}'.encode(),
        "utf-8": b'{"metadata": {"user_name": "\xff\xfe"}}',
        "depth": b'{"metadata": ' + b"[" * deep + b"]" * deep + b"}",
        "surrogate": b'{"metadata": {"user_name": "\\ud800"}}',
        "number": b'{"metadata": {"n": 1e999}}',
        "whole number": b'{"metadata": {"n": 1' + b"0" * 40 + b"}}",
        "nan": b'{"metadata": {"n": NaN}}',
        "half a MiB": b'{"metadata": {"user_name": "' + b"x" * (1 << 19) + b'"}}',
        "size": b'{"metadata": {"user_name": "' + b"x" * (2 << 20) + b'"}}',
        "nul": b'{"metadata": {"user_name": "\\u0000"}}',
    }
    for aspect, body in bodies.items():
        _raw(world, who, aspect, body)


@law("VLT-LIM-07", "limits", _ROBUST, "documented")
def odd_requests_are_no_internal_errors(world: World) -> None:
    """A huge limit, odd bytes in a path, long queries and headers are no internal errors."""
    who, connector = world.who(), world.connector()
    world.consumer(who)
    odd: list[tuple[str, str, Request]] = [
        (
            "limit",
            "consumersAll",
            world.target.request("consumersAll", who, query={"limit": "9" * 40}),
        ),
        ("limit", "logsAll", world.target.request("logsAll", who, query={"limit": "-" + "9" * 30})),
        (
            "twice",
            "consumersAll",
            world.target.request("consumersAll", who, query=[("limit", "2"), ("limit", "3")]),
        ),
        (
            "cursor",
            "consumersAll",
            world.target.request("consumersAll", who, query={"cursor": "x" * 3000}),
        ),
        (
            "query",
            "connectionsAll",
            world.target.request("connectionsAll", who, query=[("api", "crm"), ("api", "sms")]),
        ),
        (
            "filter",
            "logsAll",
            world.target.request(
                "logsAll", who, query={"filter[status_code][x]": "1", "filter": "x"}
            ),
        ),
        (
            "header",
            "connectionsAll",
            world.target.request("connectionsAll", who, headers={"x-padding": "y" * 4000}),
        ),
        (
            "header",
            "connectionsAll",
            world.target.request("connectionsAll", who, headers={"x-padding": "y" * 7000}),
        ),
    ]
    one = world.target.request("connectionsOne", who, **connector.path)
    for name in ("authorization", "x-apideck-app-id"):
        strange = {name: "Bearer schlüssel-😀" if name == "authorization" else "app-ü😀"}
        request = world.target.request("connectionsAll", who, headers=strange)
        odd.append((name, "connectionsAll", request))
    for aspect, tail in (
        ("nul", "%00"),
        ("slash", "%2F..%2F"),
        ("utf-8", "%ff%fe"),
        ("percent", "%25"),
    ):
        odd.append((aspect, "connectionsOne", replace(one, path=one.path + tail)))
    for aspect, operation_id, request in odd:
        answer = world.send(operation_id, request, quiet=True)
        world.expect(answer.status < 500, aspect, "an answer or a refusal", f"HTTP {answer.status}")


@law("VLT-LIM-08", "limits", "no operation stands out", "inferred")
def no_call_is_far_slower_than_the_others(world: World) -> None:
    """No call takes a quarter of a second more than ten times what the others take."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    for other in world.catalogue[:12]:  # what asks once for each of them shows then
        world.target.call("connectionsAdd", who, body={"enabled": True}, **other.path)
    reads: dict[str, dict[str, Any]] = {
        "consumersAll": {"query": {"limit": 5}},
        "consumersOne": {},
        "connectionsAll": {},
        "connectionsOne": connector.path,
        "logsAll": {"query": {"limit": 5}},
        "consumerRequestCountsAll": {"query": ALWAYS},
        "sessionsCreate": {},
        "consumersUpdate": {"body": {"metadata": {"user_name": "x"}}},
        "connectionsUpdate": {"body": {"metadata": {"n": "1"}}, **connector.path},
    }
    seconds: dict[str, float] = {}
    for operation_id, arguments in reads.items():
        taken = []
        for _ in range(3):
            world.call(operation_id, who, **arguments)
            taken.append(world.exchanges[-1].answer.seconds)
            if taken[-1] < 0.25:
                break  # which is fast enough whatever the others take
        seconds[operation_id] = min(taken)  # the least a busy machine does not add to
    long = Principal(who.application, f"{who.consumer_id}-".ljust(100, "x"))
    for operation_id in ("connectionsAll", "logsAll", "consumersOne"):
        taken = []
        for _ in range(3):
            world.call(operation_id, long)
            taken.append(world.exchanges[-1].answer.seconds)
        seconds[f"{operation_id} of a long id"] = min(taken)
    usual = median(seconds.values())
    for operation_id, least in seconds.items():
        told = (f"about {usual * 1000:.0f} ms", f"{least * 1000:.0f} ms")
        world.expect(least < 10 * usual + 0.25, operation_id, *told)
