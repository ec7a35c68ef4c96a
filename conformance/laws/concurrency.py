"""Concurrency: parallel calls lose nothing, and each answer is explained by some order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from conformance.failures import Exchange, Request
from conformance.laws.mappings import grounds
from conformance.laws.oauth import has_failed, linked
from conformance.laws.paging import listed_ids
from conformance.laws.records import fits, vault_count
from conformance.laws.registry import law
from conformance.laws.sessions import claims_of
from conformance.laws.world import World
from conformance.target import Principal

_ORDER = "each answer is explained by some order of the calls"
WORKERS = 8


def together(world: World, jobs: list[tuple[str, Request]]) -> list[Exchange]:
    """Send requests at the same time, and return the exchanges in the order of the requests."""
    with ThreadPoolExecutor(WORKERS) as pool:
        started: list[Callable[[], Exchange]] = [
            pool.submit(world.target.send, operation_id, request, quiet=True).result
            for operation_id, request in jobs
        ]
        done = [result() for result in started]
    world.exchanges.extend(done)
    return done


@law(
    "VLT-CCY-01",
    "concurrency",
    _ORDER,
    "documented",
    builds_on=("VLT-CSM-01", "VLT-PAG-01"),
)
def parallel_creations_lose_nothing(world: World) -> None:
    """Consumers that are created at the same time are all there, each of them once."""
    who = [world.who(f"{n:02d}") for n in range(16)]
    jobs = [
        (
            "consumersAdd",
            world.target.request("consumersAdd", w, body={"consumer_id": w.consumer_id}),
        )
        # some are created twice, side by side
        for w in (*(w for w in who[:4] for _ in range(2)), *who[4:])
    ]
    done = [exchange.answer for exchange in together(world, jobs)]
    twice = [*zip(done[:8:2], done[1:8:2], strict=True)]
    for answer in (*done[8:], *(max(pair, key=lambda a: a.is_good) for pair in twice)):
        world.expect(answer.is_good, "status", "success", f"HTTP {answer.status}")
    for answer in (min(pair, key=lambda a: a.is_good) for pair in twice):
        fine = answer.is_good or answer.is_refusal
        world.expect(fine, "second", "success, or a refusal (409)", f"HTTP {answer.status}")
    lost = [w.consumer_id for w in who if not world.call("consumersOne", w).is_good]
    world.expect(not lost, "lost", "16 consumers", f"{len(lost)} are lost")
    listed = listed_ids(world, who[0])
    counts = {w.consumer_id: listed.count(w.consumer_id) for w in who}
    wrong = {name: count for name, count in counts.items() if count != 1}
    world.expect(not wrong, "listed", "each of them once in the list", wrong)


@law(
    "VLT-CCY-02",
    "concurrency",
    _ORDER,
    "documented",
    builds_on=("VLT-CNX-05", "VLT-CNX-06", "VLT-CNX-23", "VLT-LIM-03", "VLT-ISO-01"),
)
def parallel_updates_lose_nothing(world: World) -> None:
    """Different settings that are set at the same time are all set afterwards."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    jobs = [
        (
            "connectionsUpdate",
            world.target.request(
                "connectionsUpdate", who, body={"settings": {f"k{n}": f"v{n}"}}, **connector.path
            ),
        )
        for n in range(8)
    ]
    for exchange in together(world, jobs):
        world.expect(exchange.answer.is_good, "status", "success", f"HTTP {exchange.answer.status}")
    found = world.one(who, connector).get("settings") or {}
    lost = [f"k{n}" for n in range(8) if found.get(f"k{n}") != f"v{n}"]
    world.expect(not lost, "lost", "8 settings", f"lost {lost}")
    rows = world.catalogue[:6]
    for turn in range(2):  # of a consumer that nobody has heard of yet
        fresh = world.who(f"fresh{turn}")
        body = {"enabled": True, "metadata": {"n": world.nonce}}
        jobs = [
            (
                "connectionsAdd",
                world.target.request("connectionsAdd", fresh, body=body, **row.path),
            )
            for row in rows
        ]
        done = together(world, jobs)
        if not all(exchange.answer.is_good for exchange in done):
            return
        kept = [(world.one(fresh, row).get("metadata") or {}).get("n") for row in rows]
        seen = f"{kept.count(world.nonce)} are there"
        world.expect(kept == [world.nonce] * len(rows), "first", f"{len(rows)} connections", seen)


@law("VLT-CCY-03", "concurrency", _ORDER, "documented", builds_on=("VLT-CNT-01", "VLT-CNT-03"))
def parallel_calls_are_all_counted(world: World) -> None:
    """Calls made at the same time are all counted."""
    who = world.who()
    world.consumer(who)
    before = vault_count(world, who)
    connector = world.addable()
    jobs = [
        ("connectionsOne", world.target.request("connectionsOne", who, **connector.path))
        for _ in range(16)
    ]
    together(world, jobs)
    more = vault_count(world, who) - before
    world.expect(fits(world, who, more, 16, 1), "count", "16 more", f"{more:g} more")


@law(
    "VLT-CCY-04",
    "concurrency",
    "a state is single-use",
    "documented",
    builds_on=("VLT-OAU-04", "VLT-OAU-08"),
)
def a_state_is_used_once_even_at_the_same_time(world: World) -> None:
    """Of callbacks with one state that arrive at the same time, one succeeds."""
    rows = [c for c in world.catalogue if c.redirects]
    world.need(rows, "no connector asks for consent")
    rows = [c for c in rows if not c.required] or rows
    for turn in range(2):
        _, urls = linked(world, [world.who(f"t{turn}")], rows)
        step = world.until_callback(urls[0])
        done = together(world, [("connectionsCallback", step)] * 6)
        good = len([e for e in done if not has_failed(e.answer)])
        world.expect(good == 1, "single use", "one success", f"{good} successes")


@law("VLT-CCY-05", "concurrency", "x-apideck-request-id", "documented", builds_on=("VLT-HDR-02",))
def parallel_answers_have_their_own_ids(world: World) -> None:
    """Answers that are given at the same time have different request ids."""
    who, connector = world.who(), world.addable()
    request = world.target.request("connectionsOne", who, **connector.path)
    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(
            pool.map(lambda r: world.target.send("connectionsOne", r, quiet=True), [request] * 24)
        )
    world.exchanges.extend(done)
    ids = [e.answer.headers.get("x-apideck-request-id") for e in done]
    world.need(all(ids), "answers have no request id")
    world.expect(len(set(ids)) == len(ids), "ids", f"{len(ids)} ids", f"{len(set(ids))} ids")


@law(
    "VLT-CCY-06",
    "concurrency",
    _ORDER,
    "documented",
    builds_on=("VLT-CNX-05", "VLT-ISO-13", "VLT-SES-01", "VLT-CSM-02", "VLT-HDR-02"),
)
def parallel_callers_are_not_mixed_up(world: World) -> None:
    """Of consumers that call at the same time, each gets its own connection and session."""
    connector = world.addable()
    who = [world.who(f"m{n}") for n in range(6)]
    for one in who:
        world.add(one, connector, metadata={"owner": one.consumer_id})
    reads = [
        (one, ("connectionsOne", world.target.request("connectionsOne", one, **connector.path)))
        for one in who * 3
    ]
    for (one, _), exchange in zip(reads, together(world, [j for _, j in reads]), strict=True):
        owner = (exchange.answer.item.get("metadata") or {}).get("owner")
        world.expect(owner == one.consumer_id, "read", one.consumer_id, owner)
    lists = [(one, ("connectionsAll", world.target.request("connectionsAll", one))) for one in who]
    for (one, _), exchange in zip(lists, together(world, [j for _, j in lists]), strict=True):
        mine = [
            r
            for r in exchange.answer.items
            if (r.get("unified_api"), r.get("service_id"))
            == (connector.unified_api, connector.service_id)
        ]
        owner = (mine[0].get("metadata") or {}).get("owner") if mine else None
        world.expect(owner == one.consumer_id, "list", one.consumer_id, owner)
    opens = [(one, ("sessionsCreate", world.target.request("sessionsCreate", one))) for one in who]
    for (one, _), exchange in zip(opens, together(world, [j for _, j in opens]), strict=True):
        token = str(exchange.answer.item.get("session_token", ""))
        owner = claims_of(token).get("consumer_id")
        world.expect(owner == one.consumer_id, "session", one.consumer_id, owner)


@law(
    "VLT-CCY-07",
    "concurrency",
    _ORDER,
    "documented",
    builds_on=("VLT-LOG-01", "VLT-LOG-03", "VLT-ISO-05", "VLT-HDR-02", "VLT-PAG-02", "VLT-LOG-08"),
)
def parallel_calls_are_all_logged(world: World) -> None:
    """Calls made at the same time are all in the logs."""
    who, connector = world.who(), world.addable()
    world.consumer(who)
    world.one(who, connector)
    path = world.exchanges[-1].request.path
    request = world.target.request("connectionsOne", who, **connector.path)
    together(world, [("connectionsOne", request)] * 16)
    rows = [e for e in world.logs(who) if str(e.get("path", "")).partition("?")[0].endswith(path)]
    world.expect(len(rows) == 17, "logged", "17 entries", f"{len(rows)} entries")


@law(
    "VLT-CCY-08",
    "concurrency",
    _ORDER,
    "documented",
    builds_on=("VLT-CSM-02",),
)
def parallel_updates_of_a_consumer_lose_nothing(world: World) -> None:
    """Metadata that is written at the same time is what some order of the writes leaves."""
    who = world.who("m")
    world.consumer(who)
    merges = _merges(world, who)
    new = {
        "account_name": "A",
        "user_name": "U",
        "email": "e@example.com",
        "image": "https://i.example",
    }
    for turn in range(2):
        jobs = [
            (
                "consumersUpdate",
                world.target.request(
                    "consumersUpdate", who, body={"metadata": {name: f"{value}{turn}"}}
                ),
            )
            for name, value in new.items()
        ]
        together(world, jobs)
        found = world.call("consumersOne", who).item.get("metadata") or {}
        want = {name: f"{value}{turn}" for name, value in new.items()}
        seen = {name: found[name] for name in new if name in found}
        if merges:
            world.expect(seen == want, "metadata", str(want), seen)
        else:
            one = len(seen) == 1 and seen.items() <= want.items()
            world.expect(one, "metadata", f"one of {want}", seen)


def _merges(world: World, who: Principal) -> bool:
    """Whether an update of metadata leaves the properties that it does not name."""
    world.call("consumersUpdate", who, body={"metadata": {"account_name": "before"}})
    world.call("consumersUpdate", who, body={"metadata": {"user_name": "before"}})
    found = world.call("consumersOne", who).item.get("metadata") or {}
    return found.get("account_name") == "before"


@law(
    "VLT-CCY-09",
    "concurrency",
    _ORDER,
    "documented",
    builds_on=("VLT-MAP-01", "VLT-MAP-04"),
)
def parallel_mappings_lose_nothing(world: World) -> None:
    """Custom mappings of two target fields that are added at the same time are both kept."""
    who, connector, targets = grounds(world, 2)
    for turn in range(3):
        values = {target: f"$.{world.nonce}.{turn}.{n}" for n, target in enumerate(targets[:2])}
        operation_id = "customMappingsUpdate" if turn else "customMappingsAdd"
        jobs = [
            (
                operation_id,
                world.target.request(
                    operation_id,
                    who,
                    body={"value": value},
                    target_field_id=target,
                    **connector.path,
                ),
            )
            for target, value in values.items()
        ]
        together(world, jobs)
        seen = {
            target: world.call(
                "customMappingsOne", who, target_field_id=target, **connector.path
            ).item.get("value")
            for target in values
        }
        world.expect(seen == values, "lost", str(values), seen)
