"""Stores that share a past: each is what a deep copy would be, whatever is done to the others."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mockvault.domain.entities import Connection, Consumer, CustomMapping, LogEntry, RequestCounts
from mockvault.domain.history import CallHistory
from mockvault.store import memory
from mockvault.store.base import START, LogsFilter, Position
from mockvault.store.memory import KINDS, MemoryStore
from mockvault.store.portable import snapshot_of, world_json
from tests.steps import steps

CAPACITY = 12
CONSUMERS = ["a", "b", "c"]
FACETS = [("vault", "", 200), ("vault", "crm+x", 404), ("crm", "crm+x", 200)]
DAY = 86_400_000

which = st.integers(0, 5)
consumer_ids = st.sampled_from(CONSUMERS)
keys = st.sampled_from([("crm", "x"), ("crm", "y"), ("hris", "x")])


class Plain:
    """What a store should hold, in the plainest way."""

    def __init__(self) -> None:
        self.sequence = self.evicted = 0
        self.consumers: dict[str, Consumer] = {}
        self.connections: dict[tuple[str, Any], Connection] = {}
        self.mappings: dict[tuple[str, Any], CustomMapping] = {}
        self.authorizations: dict[tuple[str, Any], int] = {}
        self.calls: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self.slots: list[LogEntry | None] = []
        self.secrets: dict[str, int] = {}

    def log(self, entry: LogEntry) -> None:
        self.slots.append(entry)
        if len(self.slots) > CAPACITY:
            self.evicted += self.slots.pop(0) is not None

    def delete(self, consumer_id: str) -> None:
        del self.consumers[consumer_id]
        for part in (self.connections, self.mappings, self.calls):
            for place in [each for each in part if each[0] == consumer_id]:
                del part[place]  # type: ignore[attr-defined]
        self.slots = [
            None if each is None or each.consumer_id == consumer_id else each for each in self.slots
        ]

    def counts(self, consumer_id: str, end: int = 10**15) -> RequestCounts:
        return RequestCounts(
            **{
                kind: sum(n for at, n in self.calls.get((consumer_id, kind), []) if at <= end)
                for kind in KINDS
            }
        )


class Copies(RuleBasedStateMachine):
    """Stores and snapshots that come of one another, each beside its own deep copy."""

    @initialize(many=st.sampled_from([0, 1_024]))
    def begin(self, many: int) -> None:
        self.many = memory._MANY
        memory._MANY = many  # whether a snapshot soon makes what was written the past
        self.stores = [(MemoryStore(CAPACITY), Plain())]
        self.snapshots: list[tuple[Any, Plain]] = []
        self.told: list[tuple[Any, Any]] = []
        self.seen: dict[tuple[int, str, str, int], str] = {}
        self.number = 0
        for consumer_id in CONSUMERS[:2]:  # something that is past for all of them
            self.put_consumer(0, consumer_id, 1)
            self.connect(0, consumer_id, ("crm", "x"), 0)
            self.map(0, consumer_id, ("crm", "x"), "f")
            self.authorize(0, consumer_id, ("crm", "x"))
            self.call(0, [(consumer_id, kind) for kind in KINDS], 1)
            self.log(0, consumer_id, FACETS)
        self.keep_secret(0, "s")
        self.take_snapshot(0)
        self.begin_another(0)

    def teardown(self) -> None:
        memory._MANY = self.many
        for snapshot, told in self.told:
            assert world_json(snapshot) == told

    def pair(self, which: int) -> tuple[MemoryStore, Plain]:
        return self.stores[which % len(self.stores)]

    @rule(which=which, consumer_id=consumer_ids, size=st.integers(0, 3))
    def put_consumer(self, which: int, consumer_id: str, size: int) -> None:
        store, plain = self.pair(which)
        before = plain.consumers.get(consumer_id)
        if before is None:
            plain.sequence += 1
            assert store.next_sequence() == plain.sequence
        sequence = plain.sequence if before is None else before.sequence
        made = Consumer(consumer_id, sequence, 0, size, {"size": size})
        store.put_consumer(made)
        plain.consumers[consumer_id] = made

    @rule(which=which, consumer_id=consumer_ids)
    def delete_consumer(self, which: int, consumer_id: str) -> None:
        store, plain = self.pair(which)
        if consumer_id in plain.consumers:
            store.delete_consumer(consumer_id)
            plain.delete(consumer_id)

    @rule(which=which, consumer_id=consumer_ids, key=keys, at=st.integers(0, 3))
    def connect(self, which: int, consumer_id: str, key: Any, at: int) -> None:
        store, plain = self.pair(which)
        made = Connection(consumer_id, *key, created_at=at)
        store.put_connection(made)
        plain.connections[consumer_id, key] = made

    @rule(which=which, consumer_id=consumer_ids, key=keys)
    def disconnect(self, which: int, consumer_id: str, key: Any) -> None:
        store, plain = self.pair(which)
        store.delete_connection(consumer_id, key)
        plain.connections.pop((consumer_id, key), None)
        for place in [each for each in plain.mappings if each == (consumer_id, (*key, each[1][2]))]:
            del plain.mappings[place]

    @rule(which=which, consumer_id=consumer_ids, key=keys)
    def authorize(self, which: int, consumer_id: str, key: Any) -> None:
        store, plain = self.pair(which)
        store.count_authorization(consumer_id, key)
        plain.authorizations[consumer_id, key] = plain.authorizations.get((consumer_id, key), 0) + 1

    @rule(which=which, consumer_id=consumer_ids, key=keys, field=st.sampled_from("fg"))
    def map(self, which: int, consumer_id: str, key: Any, field: str) -> None:
        store, plain = self.pair(which)
        made = CustomMapping(consumer_id, *key, field, "$.x")
        store.put_mapping(made)
        plain.mappings[consumer_id, (*key, field)] = made

    @rule(which=which, consumer_id=consumer_ids, key=keys, field=st.sampled_from("fg"))
    def unmap(self, which: int, consumer_id: str, key: Any, field: str) -> None:
        store, plain = self.pair(which)
        store.delete_mapping(consumer_id, (*key, field))
        plain.mappings.pop((consumer_id, (*key, field)), None)

    @rule(
        which=which,
        calls=st.lists(st.tuples(consumer_ids, st.sampled_from(KINDS)), min_size=1, max_size=9),
        n=st.integers(1, 3),
    )
    def call(self, which: int, calls: list[tuple[str, str]], n: int) -> None:
        store, plain = self.pair(which)
        for consumer_id, kind in calls:
            self.number += 1
            store.count_call(consumer_id, kind, 100 * DAY + self.number, n)
            plain.calls.setdefault((consumer_id, kind), []).append((100 * DAY + self.number, n))

    @rule(which=which, consumer_id=consumer_ids, calls=st.integers(0, 90))
    def have_called(self, which: int, consumer_id: str, calls: int) -> None:
        store, plain = self.pair(which)
        history = CallHistory.spread(calls, 90 * DAY)
        store.put_history(consumer_id, "proxy", history)
        plain.calls[consumer_id, "proxy"] = [(at, n) for at, n in history.entries()]

    @rule(
        which=which,
        consumer_id=consumer_ids,
        facets=st.lists(st.sampled_from(FACETS), min_size=1, max_size=8),
    )
    def log(self, which: int, consumer_id: str, facets: list[tuple[str, str, int]]) -> None:
        store, plain = self.pair(which)
        for unified_api, connector_id, status in facets:
            self.number += 1
            entry = LogEntry(
                str(self.number), consumer_id, self.number, unified_api, "o", "O", "s", "S", "GET",
                "/", status, 1, 1, connector_id,
            )  # fmt: skip
            store.log(entry)
            plain.log(entry)

    @rule(which=which, name=st.sampled_from("st"))
    def keep_secret(self, which: int, name: str) -> None:
        store, plain = self.pair(which)
        self.number += 1
        store.put_secret(name, self.number, expires_at=10)
        plain.secrets[name] = self.number

    @rule(which=which, name=st.sampled_from("st"))
    def take_secret(self, which: int, name: str) -> None:
        store, plain = self.pair(which)

        assert store.take_secret(name, now=1) == plain.secrets.pop(name, None)

    @rule(which=which)
    def take_snapshot(self, which: int) -> None:
        store, plain = self.pair(which)
        snapshot = store.snapshot()
        self.told.append((snapshot, world_json(snapshot)))
        self.snapshots = [*self.snapshots, (snapshot, copy.deepcopy(plain))][-6:]

    @rule(which=which, back=st.integers(0, 5))
    def restore(self, which: int, back: int) -> None:
        if self.snapshots:
            snapshot, then = self.snapshots[back % len(self.snapshots)]
            place = which % len(self.stores)
            self.stores[place][0].restore(snapshot)
            self.stores[place] = (self.stores[place][0], copy.deepcopy(then))

    @rule(back=st.integers(0, 5))
    def begin_another(self, back: int) -> None:
        if self.snapshots and len(self.stores) < 4:
            snapshot, then = self.snapshots[back % len(self.snapshots)]
            store = MemoryStore(CAPACITY)
            store.restore(snapshot)
            self.stores.append((store, copy.deepcopy(then)))

    @rule(which=which)
    def carry_away_and_back(self, which: int) -> None:
        store, plain = self.pair(which)
        if not {owner for owner, _ in plain.connections} <= plain.consumers.keys():
            return
        told = world_json(store.snapshot())
        other = MemoryStore(CAPACITY)
        other.restore(snapshot_of(told, log_capacity=CAPACITY))

        assert world_json(other.snapshot()) == told

    @invariant()
    def each_holds_what_its_deep_copy_does(self) -> None:
        for store, plain in self.stores:
            listed = sorted(plain.consumers.values(), key=lambda each: each.sequence)
            assert list(store.consumers(START, 9).items) == listed
            assert list(store.consumers(Position(10**6, backward=True), 9).items) == listed
            assert store.consumer_count() == len(listed)
            assert store.evicted_logs() == plain.evicted
            for consumer_id in CONSUMERS:
                self.holds_of_one(store, plain, consumer_id)

    def holds_of_one(self, store: MemoryStore, plain: Plain, consumer_id: str) -> None:
        assert store.consumer(consumer_id) == plain.consumers.get(consumer_id)
        mine = {c.key: c for c in store.connections(consumer_id)}
        assert mine == {
            key: each for (owner, key), each in plain.connections.items() if owner == consumer_id
        }
        for key in (("crm", "x"), ("crm", "y"), ("hris", "x")):
            assert store.authorizations(consumer_id, key) == plain.authorizations.get(
                (consumer_id, key), 0
            )
            assert {m.key: m for m in store.mappings(consumer_id, key)} == {
                place: each
                for (owner, place), each in plain.mappings.items()
                if owner == consumer_id and place[:2] == key
            }
        assert store.counts(consumer_id) == plain.counts(consumer_id)
        middle = 100 * DAY + self.number // 2
        assert store.counts_between(consumer_id, 0, middle) == plain.counts(consumer_id, middle)
        logged = [each for each in plain.slots if each and each.consumer_id == consumer_id]
        page = store.logs(consumer_id, LogsFilter(), START, CAPACITY)
        assert list(page.items) == logged[::-1]
        fine = [each for each in logged if each.status_code == 200]
        page = store.logs(consumer_id, LogsFilter(status_code=200), START, CAPACITY)
        assert list(page.items) == fine[::-1]

    @invariant()
    def a_number_seen_with_one_content_never_comes_back_with_another(self) -> None:
        for place, (store, plain) in enumerate(self.stores):
            for consumer_id in CONSUMERS:
                kept = [
                    [each for each in part.items() if each[0][0] == consumer_id]
                    for part in (plain.connections, plain.mappings)
                ]
                every = (*kept, plain.consumers.get(consumer_id), plain.counts(consumer_id))
                for name, number, content in (
                    ("revision", store.revision(consumer_id), repr(kept)),
                    ("activity", store.activity(consumer_id), repr(every)),
                ):
                    key = (place, name, consumer_id, number)
                    assert self.seen.setdefault(key, content) == content


TestCopies = Copies.TestCase
TestCopies.settings = settings(max_examples=60, stateful_step_count=30)


def world(consumers: int, connections: int = 0) -> MemoryStore:
    store = MemoryStore()
    for number in range(1, consumers + 1):
        consumer_id = f"c{number}"
        store.put_consumer(Consumer(consumer_id, store.next_sequence(), 0, 0, {}))
        if number <= connections:
            store.put_connection(Connection(consumer_id, "crm", "x", created_at=0))
    return store


@pytest.mark.parametrize("is_past", [False, True])
def test_no_page_and_no_write_costs_more_in_a_larger_world(is_past: bool) -> None:  # noqa: FBT001
    costs = []
    for size in (1_100, 30_000):
        store = world(size)
        if is_past:
            store.snapshot()
        works: list[Callable[[], Any]] = [
            lambda: store.consumers(Position(1_000), 20),  # noqa: B023  run before the next
            lambda: store.consumers(Position(1_000, backward=True), 20),  # noqa: B023
            lambda: store.put_connection(Connection("c50", "crm", "x", created_at=0)),  # noqa: B023
            lambda: store.count_call("c60", "vault", 1),  # noqa: B023
            lambda: store.delete_consumer("c70"),  # noqa: B023
        ]
        costs.append([steps(each) for each in works])

    # one more level of the tree is a few steps more
    assert all(large <= small + 12 for small, large in zip(*costs, strict=True)), costs


def test_a_reset_costs_what_was_changed_and_not_what_there_is() -> None:
    costs = []
    for size in (1_100, 20_000):
        store = world(size, connections=size)
        beginning = store.snapshot()
        for number in range(1, 101):
            store.put_connection(Connection(f"c{number}", "crm", "y", created_at=0))
        costs.append((steps(store.snapshot), steps(lambda: store.restore(beginning))))  # noqa: B023

    assert costs[0] == costs[1]
    assert sum(costs[0]) < 400
