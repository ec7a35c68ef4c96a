"""Consumers: what is stored comes back, and nothing else."""

from dataclasses import replace
from typing import Any

from conformance.laws.paging import listed_ids, pages
from conformance.laws.registry import law
from conformance.laws.world import Connector, World, difference, moment, still
from conformance.target import Principal

_CRUD = "operations of tag Consumers"
# "the connections they have authorized" (consumersOne): of others it may be silent
AUTHORIZED = frozenset({"callable", "authorized"})
METADATA = {
    "account_name": "Ada & Co",
    "user_name": "Ada Lovelace",
    "email": "ada@example.com",
    "image": "https://app.conformance.example/ada.png",
}


@law("VLT-CSM-01", "state", _CRUD, "contract", builds_on=("VLT-LIM-01",))
def a_created_consumer_is_read_back(world: World) -> None:
    """A consumer that was created is there, with its metadata, in its application."""
    who = world.who("Aa")
    answer = world.call(
        "consumersAdd", who, body={"consumer_id": who.consumer_id, "metadata": METADATA}
    )
    world.expect(answer.is_good, "create", "the consumer", f"HTTP {answer.status}")
    for found in (answer, world.call("consumersOne", who)):
        if not world.expect(found.is_good, "read", "the consumer", f"HTTP {found.status}"):
            return
        item = found.item
        world.expect(
            item.get("consumer_id") == who.consumer_id,
            "id",
            who.consumer_id,
            item.get("consumer_id"),
        )
        world.expect(
            item.get("metadata") == METADATA, "metadata", str(METADATA), item.get("metadata")
        )
        app = item.get("application_id")
        world.expect(app in {None, who.application.id}, "application", who.application.id, app)
    other = world.who("counted")
    told = {"aggregated_request_count": 4321, "request_counts": {"unify": 4321}}
    answer = world.call("consumersAdd", other, body={"consumer_id": other.consumer_id, **told})
    if answer.is_good:  # what is read-only may be refused, and is not taken
        for found in (answer, world.call("consumersOne", other)):
            seen = str([found.item.get(name) for name in told])
            world.expect("4321" not in seen, "read-only", "counts of its own", seen)


@law("VLT-CSM-02", "state", _CRUD, "contract", builds_on=("VLT-CSM-01",))
def an_updated_consumer_is_read_back(world: World) -> None:
    """An update of a consumer's metadata is there when it is read, also when repeated."""
    who = world.who()
    world.consumer(who, metadata={"user_name": "before"})
    new = {name: f"after {value}" for name, value in METADATA.items()}
    new |= {"email": "after@example.com", "image": "https://app.conformance.example/after.png"}
    for _ in range(2):
        answer = world.call("consumersUpdate", who, body={"metadata": new})
        world.expect(answer.is_good, "update", "the consumer", f"HTTP {answer.status}")
        read = world.call("consumersOne", who)
        for aspect, item in (("metadata", read.item), ("answer", answer.item)):
            found = item.get("metadata") or {}
            kept = {k: found.get(k) for k in new}
            world.expect(kept == new, aspect, str(new), found)
    if world.call("consumersUpdate", who, body={}).is_good:
        found = world.call("consumersOne", who).item.get("metadata") or {}
        kept = {k: found.get(k) for k in new}
        world.expect(kept == new, "empty", f"{new} after an update of nothing", found)
    for name, value in METADATA.items():
        world.call("consumersUpdate", who, body={"metadata": {name: value}})
        seen = (world.call("consumersOne", who).item.get("metadata") or {}).get(name)
        world.expect(seen == value, "one of them", f"{name}: {value}", seen)


@law("VLT-CSM-03", "state", _CRUD, "contract", builds_on=("VLT-CSM-01", "VLT-CSM-04"))
def a_deleted_consumer_is_gone(world: World) -> None:
    """Deletion is final: the consumer is not found afterwards, and a second deletion is refused."""
    who = world.who("Aa")
    world.consumer(who)
    answer = world.call("consumersDelete", who)
    world.expect(answer.is_good, "delete", "success", f"HTTP {answer.status}")
    told = answer.item.get("consumer_id", who.consumer_id)
    world.expect(told == who.consumer_id, "id", who.consumer_id, told)
    answer = world.call("consumersOne", who)
    world.expect(answer.status == 404, "read", "404", f"HTTP {answer.status}")
    answer = world.call("consumersDelete", who)
    world.expect(answer.is_refusal, "again", "404", f"HTTP {answer.status}")


@law(
    "VLT-CSM-04",
    "envelope",
    "404 of the operations of tag Consumers",
    "documented",
    builds_on=("VLT-ENV-01",),
)
def an_unknown_consumer_is_not_found(world: World) -> None:
    """Reading, updating, counting and deleting a consumer that does not exist is answered 404."""
    nobody = world.who("nobody")
    span = {
        "start_datetime": "2021-05-01T12:00:00.000Z",
        "end_datetime": "2021-05-30T12:00:00.000Z",
    }
    calls: tuple[tuple[str, dict[str, object]], ...] = (
        ("consumersOne", {}),
        ("consumersUpdate", {"body": {"metadata": {"user_name": "x"}}}),
        ("consumerRequestCountsAll", {"query": span}),
        ("consumersDelete", {}),
    )
    for operation_id, arguments in calls:
        answer = world.call(operation_id, nobody, **arguments)
        world.expect(answer.status == 404, "404", "404", f"HTTP {answer.status}")


@law(
    "VLT-CSM-05",
    "state",
    "You can freely choose a consumer ID yourself (ConsumerId)",
    builds_on=("VLT-CSM-01", "VLT-VAL-02"),
)
def ids_are_freely_chosen(world: World) -> None:
    """Ids with capitals, plus, colon, blank, dot, umlaut and emoji are kept apart and survive."""
    stem = world.name("Id")
    ids = [
        f"{stem}:12345",
        f"{stem}+plus",
        f"{stem} plus",
        f"{stem}-UP",
        f"{stem}-up",
        f"{stem}.dot@x",
        f"{stem}%41%2Bescaped",
        f"{stem}-ünï-😀",
        f"{stem}-e\u0301",  # a letter and its accent, which normalising would join
        f"{stem}-\u00e9",
    ]
    for index, consumer_id in enumerate(ids):
        who = Principal(world.application, consumer_id)
        answer = world.call(
            "consumersAdd",
            who,
            body={"consumer_id": consumer_id, "metadata": {"user_name": f"n{index}"}},
        )
        world.expect(
            answer.is_good, "create", "the consumer", f"{consumer_id!r}: HTTP {answer.status}"
        )
    for index, consumer_id in enumerate(ids):
        found = world.call("consumersOne", Principal(world.application, consumer_id))
        world.expect(found.is_good, "read", repr(consumer_id), f"HTTP {found.status}")
        seen = (found.item.get("consumer_id"), (found.item.get("metadata") or {}).get("user_name"))
        world.expect(
            seen == (consumer_id, f"n{index}"),
            "kept apart",
            repr((consumer_id, f"n{index}")),
            repr(seen),
        )
    listed = listed_ids(world, Principal(world.application, ids[0]))
    hidden = [each for each in ids if each not in listed]
    world.expect(not hidden, "listed", "each of them in the list", hidden)
    # a plus in a path is no blank (RFC 3986), and clients send it as it is
    request = world.target.request("consumersOne", Principal(world.application, ids[1]))
    found = world.send("consumersOne", replace(request, path=request.path.replace("%2B", "+")))
    world.expect(
        found.item.get("consumer_id") == ids[1], "plain plus", ids[1], f"HTTP {found.status}"
    )


@law(
    "VLT-CSM-06",
    "state",
    "GetConsumersResponse",
    "contract",
    builds_on=("VLT-CSM-01", "VLT-CSM-02"),
)
def a_consumer_in_the_list_is_the_same(world: World) -> None:
    """A consumer in the list says what it says alone."""
    who = world.who()
    world.consumer(who, metadata=METADATA)
    alone = world.call("consumersOne", who).item
    total = len(listed_ids(world, who))
    rows = [
        row for e in world.exchanges if e.operation_id == "consumersAll" for row in e.answer.items
    ]
    for page in pages(world, who, max(1, min(100, total // 2)), 30):
        rows += page.items
    mine = [row for row in rows if row.get("consumer_id") == who.consumer_id]
    found = mine[0] if mine else None
    if (
        world.expect(found is not None, "listed", "the consumer in the list", "it is not there")
        and found
    ):
        counts = {"aggregated_request_count", "request_counts"}  # VLT-CNT-04 is about these
        apart = {"connections", *counts}
        same = {k: v for k, v in still(found).items() if k in alone and k not in apart}
        other = {k: alone[k] for k in same}
        world.expect(same == other, "agrees", str(other), difference(other, same))
        again = {k: v for k, v in still(mine[-1]).items() if k in same}
        world.expect(again == other, "on a page", str(other), difference(other, again))


@law(
    "VLT-CSM-07",
    "state",
    "If the consumer doesn't exist yet, Vault will upsert (ConsumerId)",
    builds_on=(
        "VLT-ISO-01",
        "VLT-ISO-03",
        "VLT-CNX-02",
        "VLT-CSM-05",
    ),
)
def a_consumer_comes_to_be_on_first_use(world: World) -> None:
    """A consumer that adds a connection exists from then on."""
    who, connector = world.who(), world.addable()
    added = world.add(who, connector, settings=world.settings(connector))
    answer = world.call("consumersOne", who)
    world.expect(answer.is_good, "upsert", "the consumer", f"HTTP {answer.status}")
    rows = [r for r in answer.item.get("connections") or () if isinstance(r, dict)]
    seen = [(r.get("unified_api"), r.get("service_id")) for r in rows]
    if "connections" in answer.item and added.get("state") in AUTHORIZED:
        world.expect(
            (connector.unified_api, connector.service_id) in seen,
            "connections",
            str(connector.path),
            seen,
        )


@law("VLT-CSM-08", "state", _CRUD, "contract", builds_on=("VLT-CSM-01",))
def a_consumer_created_twice_is_there_once(world: World) -> None:
    """A second creation is refused or changes the consumer; the list holds it once."""
    who = world.who()
    world.consumer(who, metadata={"user_name": "first"})
    answer = world.call("consumersAdd", who, body={"consumer_id": who.consumer_id})
    fine = answer.is_good or answer.status in {400, 409, 422}
    world.expect(fine, "status", "success, or 409", f"HTTP {answer.status}")
    count = listed_ids(world, who).count(who.consumer_id)
    world.expect(count == 1, "once", "once in the list", f"{count} times")


@law("VLT-CSM-09", "state", _CRUD, "contract", builds_on=("VLT-CSM-02", "VLT-CNX-02", "VLT-ISO-01"))
def an_update_of_a_consumer_keeps_its_connections(world: World) -> None:
    """Updating a consumer, or opening a session for it, leaves its connections as they are."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector))
    before = still(world.one(who, connector))
    world.call("consumersUpdate", who, body={"metadata": {"user_name": "after"}})
    world.call("sessionsCreate", who)
    after = still(world.one(who, connector))
    world.expect(after == before, "kept", "the connection as it was", difference(before, after))


@law(
    "VLT-CSM-10",
    "state",
    "Consumer.connections, services",
    "contract",
    builds_on=("VLT-CSM-07", "VLT-LIM-04", "VLT-CNX-02", "VLT-CNX-09", "VLT-CAS-06"),
)
def a_consumer_shows_its_connections(world: World) -> None:
    """A consumer shows each callable connection, and the services of these, and no deleted one."""
    who, some = world.who(), []
    states: dict[str, Any] = {}
    for connector in _apart(world):
        added = world.add(who, connector, settings=world.filled(connector))
        states[connector.name] = added.get("state")
        if added.get("state") in AUTHORIZED:
            some.append(connector)
    for row in world.call("consumersOne", who).item.get("connections") or ():
        name = f"{row.get('unified_api')}+{row.get('service_id')}"
        same = row.get("state") == states.get(name, row.get("state"))
        world.expect(same, "state", f"{name}: {states.get(name)}", row.get("state"))
    world.need(len(some) > 1, "no two connections need nothing but their fields")
    gone, kept = some[0], some[1:]
    _shows(world, who, some, set())
    world.call("connectionsDelete", who, **gone.path)
    _shows(world, who, kept, {gone.service_id} - {c.service_id for c in kept})
    _shows_as_they_are(world, who, kept)


def _shows_as_they_are(world: World, who: Principal, some: list[Connector]) -> None:
    """Expect of a disabled connection, and of a filled one, what each says alone."""
    plain = [c for c in some if c.required and c.auth_type in {"apiKey", "basic", "custom"}]
    for connector in plain[:1]:
        world.patch(who, connector, settings=world.settings(connector))
    world.patch(who, some[-1], enabled=False)
    shown = world.call("consumersOne", who).item.get("connections")
    rows = [r for r in shown or () if isinstance(r, dict)]
    for connector in {c.name: c for c in (*plain[:1], some[-1])}.values() if rows else ():
        mine = [r for r in rows if (r.get("unified_api"), r.get("service_id")) == _pair(connector)]
        alone = world.one(who, connector)
        for name in ("enabled", "state"):
            seen, want = [r.get(name, alone.get(name)) for r in mine], [alone.get(name)]
            world.expect(seen == want, name, f"{connector.name}: {want}", seen)


def _pair(connector: Connector) -> tuple[str, str]:
    return connector.unified_api, connector.service_id


def _apart(world: World) -> list[Connector]:
    rows = world.rng.sample(list(world.catalogue), len(world.catalogue))
    rows.sort(key=lambda c: c.auth_type == "oauth2")
    some = list({c.service_id: c for c in rows}.values())[:8]
    world.need(len(some) > 1, "the catalogue has one connector at most")
    return some


def _shows(world: World, who: Principal, some: list[Connector], gone: set[str]) -> None:
    item = world.call("consumersOne", who).item
    if "connections" in item:
        rows = [r for r in item.get("connections") or () if isinstance(r, dict)]
        seen = {f"{r.get('unified_api')}+{r.get('service_id')}" for r in rows}
        want = {f"{c.unified_api}+{c.service_id}" for c in some}
        lost = sorted(want - seen)
        world.expect(not lost, "connections", f"{len(want)} connections", f"without {lost}")
        by_name = {f"{r.get('unified_api')}+{r.get('service_id')}": r for r in rows}
        on = [name for name in want & seen if by_name[name].get("enabled") is not True]
        world.expect(not on, "enabled", "enabled connections", on[:3])
    services = item.get("services")
    if isinstance(services, list):
        left = sorted(gone & set(map(str, services)))
        world.expect(not left, "services", f"no service of {sorted(gone)}", left)
        lost = sorted({c.service_id for c in some} - set(map(str, services)))
        world.expect(not lost, "services", "the services of its connections", f"without {lost}")


@law(
    "VLT-CSM-11",
    "state",
    "Consumer.created, modified; Connection.updated_at",
    "contract",
    builds_on=("VLT-CSM-02", "VLT-CNX-15", "VLT-ISO-01"),
)
def times_move_with_updates(world: World) -> None:
    """An update moves modified and updated_at on; no update, nor a second creation, created."""
    who, connector = world.who(), world.addable()
    world.consumer(who)
    world.add(who, connector)
    world.patch(who, connector, metadata={"n": "1"})
    before, old = world.call("consumersOne", who).item, world.one(who, connector)
    world.target.clock.sleep(1.1)
    world.call("consumersUpdate", who, body={"metadata": {"user_name": "later"}})
    world.call("consumersAdd", who, body={"consumer_id": who.consumer_id})
    world.patch(who, connector, metadata={"n": "2"})
    after, new = world.call("consumersOne", who).item, world.one(who, connector)
    first, second = moment(before.get("modified")), moment(after.get("modified"))
    if first is not None:
        later = second is not None and second > first
        world.expect(later, "modified", f"after {before.get('modified')}", after.get("modified"))
    same = after.get("created") == before.get("created")
    world.expect(same, "created", str(before.get("created")), after.get("created"))
    early, late = old.get("updated_at"), new.get("updated_at")
    if isinstance(early, int | float):
        later = isinstance(late, int | float) and late > early
        world.expect(later, "updated_at", f"after {early}", late)
    same = new.get("created_at") == old.get("created_at")
    world.expect(same, "created_at", str(old.get("created_at")), new.get("created_at"))


@law("VLT-CSM-12", "state", _CRUD, "contract", builds_on=("VLT-CSM-01", "VLT-CSM-03"))
def a_deleted_consumer_can_be_created_again(world: World) -> None:
    """A consumer that was deleted is created, read, listed and deleted as the first time."""
    who = world.who()
    for turn in range(2):
        name = f"{world.nonce}{turn}"
        world.consumer(who, metadata={"user_name": name})
        answer = world.call("consumersOne", who)
        if not world.expect(answer.is_good, "read", "the consumer", f"HTTP {answer.status}"):
            return
        seen = (answer.item.get("metadata") or {}).get("user_name")
        world.expect(seen == name, "metadata", name, seen)
        world.expect(
            who.consumer_id in listed_ids(world, who), "listed", "in the list", "it is not there"
        )
        answer = world.call("consumersDelete", who)
        world.need(answer.is_good, "a consumer cannot be deleted")
        status = world.call("consumersOne", who).status
        world.expect(status == 404, "gone", "404", f"HTTP {status}")


TEXTS = {
    "account_name": 'Zürich & Söhne <東京> "😀"',
    "user_name": "  blanks, 100%25, +1, \\d, a\ttab and a decomposed e\u0301 ",
    "email": "ada+test@example.com",
    "image": "https://app.conformance.example/a%20b.png?x=1&y=%C3%A9#top",
}


@law(
    "VLT-CSM-14",
    "state",
    "ConsumerMetadata",
    "contract",
    builds_on=("VLT-CSM-02", "VLT-CSM-05"),
)
def texts_of_a_consumer_come_back_as_they_were_sent(world: World) -> None:
    """Signs, letters of other scripts and an empty text survive in a consumer's metadata."""
    who = world.who()
    world.consumer(who, metadata={"user_name": "before"})
    for texts in (TEXTS, {**TEXTS, "account_name": ""}):
        answer = world.call("consumersUpdate", who, body={"metadata": texts})
        if not answer.is_good:
            world.need(texts is not TEXTS, "texts are refused")
            continue  # that a text may be empty is not told
        found = world.call("consumersOne", who).item.get("metadata") or {}
        for name, want in texts.items():
            seen = found.get(name, "" if not want else None)
            world.expect(seen == want, name, repr(want), repr(seen))


@law(
    "VLT-CSM-15",
    "state",
    "a refusal is no half success",
    "documented",
    builds_on=("VLT-CSM-01", "VLT-CSM-04", "VLT-CSM-02"),
)
def a_refused_creation_leaves_nothing(world: World) -> None:
    """A consumer whose creation is refused does not exist, and a refused update changes nothing."""
    bad: tuple[dict[str, object], ...] = (
        {"metadata": "none"},
        {"metadata": {"user_name": 7}},
        {"metadata": {"user_name": "good", "email": ["bad"]}},
    )
    kept = world.who("kept")
    world.consumer(kept, metadata={"user_name": world.nonce})
    before = world.call("consumersOne", kept).item.get("metadata")
    refused = 0
    for index, more in enumerate(bad):
        who = world.who(f"c{index}")
        body = {"consumer_id": who.consumer_id, **more}
        if world.call("consumersAdd", who, body=body).is_refusal:
            refused += 1
            answer = world.call("consumersOne", who)
            world.expect(answer.status == 404, "half", "404", f"HTTP {answer.status}")
        if world.call("consumersUpdate", kept, body=more).is_refusal:
            refused += 1
            after = world.call("consumersOne", kept).item.get("metadata")
            world.expect(after == before, "half update", str(before), after)
    world.need(refused, "no wrong consumer was refused")
