"""Races between different writes: what is left is what some order of them leaves."""

from conformance.laws.concurrency import together
from conformance.laws.registry import law
from conformance.laws.world import World

_ORDER = "each answer is explained by some order of the calls"


@law(
    "VLT-CCY-10",
    "concurrency",
    _ORDER,
    "documented",
    builds_on=("VLT-CNX-02", "VLT-LIM-04", "VLT-CNX-04", "VLT-ISO-01"),
)
def parallel_additions_lose_nothing(world: World) -> None:
    """Connections to different connectors that are added at the same time are all there."""
    who, rows = world.who(), list(world.catalogue)[:6]
    world.need(len(rows) > 1, "the catalogue has one connector at most")
    world.consumer(who)
    mark = {"enabled": True, "metadata": {"mark": world.nonce}}
    jobs = [
        ("connectionsAdd", world.target.request("connectionsAdd", who, body=mark, **row.path))
        for row in rows
    ]
    for exchange in together(world, jobs):
        world.expect(exchange.answer.is_good, "status", "success", f"HTTP {exchange.answer.status}")
    held = [r for r in world.listed(who) if (r.get("metadata") or {}).get("mark") == world.nonce]
    there = {f"{r.get('unified_api')}+{r.get('service_id')}" for r in held}
    lost = [row.name for row in rows if row.name not in there]
    world.expect(not lost, "lost", f"{len(rows)} connections", f"lost {lost}")


@law(
    "VLT-CCY-11",
    "concurrency",
    _ORDER,
    "documented",
    builds_on=("VLT-CNX-09", "VLT-CNX-05", "VLT-CNX-25", "VLT-CAS-04", "VLT-ISO-01"),
)
def a_deletion_beside_an_update_is_a_deletion(world: World) -> None:
    """Where an update and a deletion arrive together, nothing of before the two comes back."""
    connector = world.addable()
    for turn in range(3):
        who = world.who(f"t{turn}")
        world.add(who, connector, metadata={"before": world.nonce})
        body = {"metadata": {"after": "1"}}
        update = world.target.request("connectionsUpdate", who, body=body, **connector.path)
        delete = world.target.request("connectionsDelete", who, **connector.path)
        done = together(world, [("connectionsUpdate", update), ("connectionsDelete", delete)])
        world.need(done[1].answer.is_good, "a connection cannot be deleted beside an update")
        item = world.call("connectionsOne", who, **connector.path).item
        left = (item.get("metadata") or {}).get("before")
        world.expect(left is None, "back", "nothing of what was deleted", item.get("metadata"))
