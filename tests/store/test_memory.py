"""A store in memory: pages, logs and snapshots, held against plain lists."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mockvault.domain.entities import Connection, Consumer, CustomMapping, LogEntry
from mockvault.store.base import START, LogsFilter, Position
from mockvault.store.memory import MemoryStore

CONSUMERS = ["a", "b", "c"]
FACETS = [("vault", "", 200), ("vault", "crm+x", 404), ("crm", "crm+x", 200), ("hris", "h+y", 500)]


def entry(number: int, consumer_id: str, facet: tuple[str, str, int]) -> LogEntry:
    unified_api, connector_id, status = facet
    return LogEntry(
        str(number), consumer_id, number, unified_api, "o", "O", "s", "S", "GET", "/", status, 1, 1,
        connector_id,
    )  # fmt: skip


def walked(store: MemoryStore, consumer_id: str, wanted: LogsFilter, limit: int) -> list[str]:
    """Return the ids of every page, forward, and hold the way back to them."""
    position, found, pages = START, [], []
    while True:
        page = store.logs(consumer_id, wanted, position, limit)
        pages.append([each.id for each in page.items])
        found += pages[-1]
        if page.after is None:
            break
        position = Position(page.after)
    back = [pages[-1]]
    while page.before is not None:
        page = store.logs(consumer_id, wanted, Position(page.before, backward=True), limit)
        back.insert(0, [each.id for each in page.items])
    assert back == pages
    return found


@given(
    made=st.lists(st.tuples(st.sampled_from(CONSUMERS), st.sampled_from(FACETS)), max_size=40),
    capacity=st.integers(1, 30),
    limit=st.integers(1, 7),
    status=st.sampled_from([None, 200, 404]),
    connector=st.sampled_from([None, "crm+x", "x", "none"]),
    excluded=st.sampled_from([frozenset(), frozenset({"vault"}), frozenset({"crm", "hris"})]),
)
def test_logs_are_the_newest_that_fit_filtered_and_paged_both_ways(  # noqa: PLR0917
    made: list[Any], capacity: int, limit: int, status: Any, connector: Any, excluded: Any
) -> None:
    store = MemoryStore(capacity)
    entries = [entry(number, *each) for number, each in enumerate(made)]
    for each in entries:
        store.log(each)
    wanted = LogsFilter(connector, status, excluded)

    kept = entries[-capacity:]
    for consumer_id in CONSUMERS:
        expected = [
            each.id
            for each in reversed(kept)
            if each.consumer_id == consumer_id
            and (status is None or each.status_code == status)
            and each.unified_api not in excluded
            and (
                connector is None
                or each.connector_id == connector
                or each.connector_id.endswith(f"+{connector}")
            )
        ]
        assert walked(store, consumer_id, wanted, limit) == expected
    assert store.evicted_logs() == max(0, len(entries) - capacity)


class Stores(RuleBasedStateMachine):
    """A store beside dictionaries that say what it should hold."""

    @initialize()
    def begin(self) -> None:
        self.store = MemoryStore(50)
        self.consumers: dict[str, Consumer] = {}
        self.connections: dict[tuple[str, str], Connection] = {}
        self.mappings: dict[tuple[str, str, str], CustomMapping] = {}
        self.snapshots: list[Any] = []

    @rule(consumer_id=st.sampled_from(CONSUMERS))
    def add(self, consumer_id: str) -> None:
        if consumer_id not in self.consumers:
            made = Consumer(consumer_id, self.store.next_sequence(), 0, 0, {})
            self.store.put_consumer(made)
            self.consumers[consumer_id] = made

    @rule(consumer_id=st.sampled_from(CONSUMERS))
    def change(self, consumer_id: str) -> None:
        if consumer_id in self.consumers:
            made = self.consumers[consumer_id]._replace(modified=1)
            self.store.put_consumer(made)
            self.consumers[consumer_id] = made

    @rule(consumer_id=st.sampled_from(CONSUMERS))
    def delete(self, consumer_id: str) -> None:
        if consumer_id in self.consumers:
            self.store.delete_consumer(consumer_id)
            del self.consumers[consumer_id]
            self.connections = {k: v for k, v in self.connections.items() if k[0] != consumer_id}
            self.mappings = {k: v for k, v in self.mappings.items() if k[0] != consumer_id}

    @rule(consumer_id=st.sampled_from(CONSUMERS), service=st.sampled_from("xy"))
    def connect(self, consumer_id: str, service: str) -> None:
        made = Connection(consumer_id, "crm", service, created_at=0)
        self.store.put_connection(made)
        self.connections[consumer_id, service] = made

    @rule(consumer_id=st.sampled_from(CONSUMERS), service=st.sampled_from("xy"))
    def disconnect(self, consumer_id: str, service: str) -> None:
        self.store.delete_connection(consumer_id, ("crm", service))
        self.connections.pop((consumer_id, service), None)
        self.mappings = {k: v for k, v in self.mappings.items() if k[:2] != (consumer_id, service)}

    @rule(
        consumer_id=st.sampled_from(CONSUMERS),
        service=st.sampled_from("xy"),
        field=st.sampled_from("fg"),
    )
    def map(self, consumer_id: str, service: str, field: str) -> None:
        made = CustomMapping(consumer_id, "crm", service, field, "$.x")
        self.store.put_mapping(made)
        self.mappings[consumer_id, service, field] = made

    @rule(
        consumer_id=st.sampled_from(CONSUMERS),
        service=st.sampled_from("xy"),
        field=st.sampled_from("fg"),
    )
    def unmap(self, consumer_id: str, service: str, field: str) -> None:
        self.store.delete_mapping(consumer_id, ("crm", service, field))
        self.mappings.pop((consumer_id, service, field), None)

    @rule()
    def save(self) -> None:
        kept = (dict(self.consumers), dict(self.connections), dict(self.mappings))
        self.snapshots.append((self.store.snapshot(), kept))

    @rule(number=st.integers(0, 5))
    def restore(self, number: int) -> None:
        if number < len(self.snapshots):
            snapshot, kept = self.snapshots[number]
            self.store.restore(snapshot)
            self.consumers, self.connections, self.mappings = (dict(each) for each in kept)

    @invariant()
    def it_holds_what_it_should(self) -> None:
        listed = self.store.consumers(START, 10).items
        assert sorted(self.consumers.values(), key=lambda each: each.sequence) == list(listed)
        assert self.store.consumer_count() == len(self.consumers)
        for consumer_id in CONSUMERS:
            mine = {each.service_id: each for each in self.store.connections(consumer_id)}
            expected = {s: c for (owner, s), c in self.connections.items() if owner == consumer_id}
            assert mine == expected
            for service in "xy":
                mapped = {
                    m.target_field_id: m for m in self.store.mappings(consumer_id, ("crm", service))
                }
                assert mapped == {
                    f: m
                    for (owner, s, f), m in self.mappings.items()
                    if (owner, s) == (consumer_id, service)
                }


TestStores = Stores.TestCase


@pytest.mark.parametrize("limit", [1, 3, 200])
def test_a_secret_is_taken_once_and_in_its_time(limit: int) -> None:
    store = MemoryStore()
    store.put_secret("code", limit, expires_at=10)

    assert store.take_secret("code", now=9) == limit
    assert store.take_secret("code", now=9) is None
    store.put_secret("code", limit, expires_at=10)
    assert store.take_secret("code", now=10) is None


def test_short_lived_secrets_are_bounded() -> None:
    store = MemoryStore()
    for number in range(10_001):
        store.put_secret(str(number), number, expires_at=10)

    assert store.take_secret("0", now=1) is None
    assert store.take_secret("10000", now=1) == 10_000
