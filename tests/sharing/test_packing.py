"""Values as bytes: they come back as they were, and nothing else can be smuggled in."""

import pickle
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockvault.app import MockVault
from mockvault.domain.entities import AccessToken, Connection, Consumer, LogEntry
from mockvault.domain.events import Cause, ConnectionChange
from mockvault.domain.states import ConnectionState
from mockvault.replication.packing import Unreadable, packed, unpacked

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=3)
TOKENS = st.none() | st.builds(AccessToken, st.text(), st.integers(), scopes=st.just(("a", "b")))
CONNECTIONS = st.builds(
    Connection,
    st.text(),
    st.text(),
    st.text(),
    st.integers(),
    settings=OBJECTS,
    metadata=OBJECTS,
    token=TOKENS,
    configuration=st.dictionaries(st.text(), OBJECTS, max_size=2),
)
CHANGES = st.builds(
    ConnectionChange,
    st.none() | CONNECTIONS,
    CONNECTIONS,
    st.sampled_from(ConnectionState),
    st.sampled_from(ConnectionState),
    st.integers(),
    st.sampled_from(Cause),
)
ENTRIES = st.builds(LogEntry, *[st.text()] * 2, st.integers(), *[st.text()] * 7, st.integers(),
                    st.floats(allow_nan=False), st.just(0.0))  # fmt: skip
VALUES = st.lists(
    CONNECTIONS
    | CHANGES
    | ENTRIES
    | st.builds(Consumer, st.text(), *[st.integers()] * 3, OBJECTS)
    | st.tuples(st.binary(), JSON),
    max_size=4,
)


@given(VALUES)
def test_a_value_comes_back_equal_and_of_its_own_kind(values: list[Any]) -> None:
    back = unpacked(packed(values))

    assert back == values
    assert [type(each) for each in back] == [type(each) for each in values]


@given(CHANGES)
def test_what_stands_in_a_value_twice_is_one_thing_when_it_comes_back(change: Any) -> None:
    one, other = unpacked(packed((change, {"steps": [change]})))

    assert other["steps"][0] is one


def test_a_whole_world_comes_back(app: MockVault) -> None:
    bench = app.workbenches.find("mock-app")
    assert bench is not None
    world = bench.snapshot()

    back = unpacked(packed(world))

    assert [
        (name, account.consumer, account.connections) for name, account in back.store.all()
    ] == [(name, account.consumer, account.connections) for name, account in world.store.all()]
    assert list(back.store.logbook.entries()) == list(world.store.logbook.entries())
    assert (back.ids, back.clock, back.timers) == (world.ids, world.clock, world.timers)


class _Evil:
    def __reduce__(self) -> Any:
        return subprocess.getoutput, ("touch it-ran",)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(_Evil()),
        pickle.dumps(eval),
        pickle.dumps(print),
        b"cos\nsystem\n(S'true'\ntR.",
        b"cmockvault.cli\nmain\n.",
        b"cbuiltins\ngetattr\n.",
        b"no pickle at all",
        b"",
        packed([1, 2, 3])[:-3],
    ],
)
def test_what_the_mock_does_not_write_is_not_read(content: bytes) -> None:
    with pytest.raises(Unreadable):
        unpacked(content)
