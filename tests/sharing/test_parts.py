"""Nothing changes a part of an application without being put down for the other workers."""

import inspect
from typing import Any

import pytest

from mockvault.control.journal import Journal
from mockvault.domain.clock import ControlledClock
from mockvault.domain.ids import IdSource
from mockvault.domain.timers import Timers
from mockvault.replication import parts
from mockvault.store.base import ApplicationStore
from mockvault.store.memory import MemoryStore

READ_ONLY: dict[type, set[str]] = {
    MemoryStore: {
        "activity",
        "authorizations",
        "connection",
        "connections",
        "consumer",
        "consumer_count",
        "consumers",
        "counted_at",
        "counts",
        "counts_between",
        "evicted_logs",
        "logs",
        "mapping",
        "mappings",
        "revision",
        "snapshot",
        "writes",
    },
    IdSource: set(),
    ControlledClock: {"now"},
    Timers: {"due_of", "snapshot"},
    Journal: {"close", "entries", "find", "follow", "requests", "unfollow"},
}
"""What of each part changes nothing that another worker has to know."""
BY_THE_WORKBENCH = {(MemoryStore, "restore"), (Timers, "restore"), (Timers, "clear")}
"""What is put down by a step of the workbench that it is a part of."""
BY_OTHERS = {(Journal, name) for name in ("put", "put_change", "put_later", "settle")}
"""What comes down to another method, which puts it down."""


def methods(kind: type) -> set[str]:
    return {
        name
        for name, each in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("kind", "recorded"),
    [
        (MemoryStore, parts.RecordedStore),
        (IdSource, parts.RecordedIds),
        (ControlledClock, parts.RecordedClock),
        (Timers, parts.RecordedTimers),
        (Journal, parts.RecordedJournal),
    ],
)
def test_whatever_changes_a_part_puts_the_change_down(kind: type, recorded: type) -> None:
    changing = {
        name
        for name in methods(kind) - READ_ONLY[kind]
        if (kind, name) not in BY_THE_WORKBENCH | BY_OTHERS
    }

    assert changing <= vars(recorded).keys()


def test_followers_do_what_the_protocol_of_a_store_has_and_nothing_else() -> None:
    protocol: Any = ApplicationStore

    changing = methods(protocol) - READ_ONLY[MemoryStore] - {"restore"}

    assert set(parts.STORE_CHANGES) == changing
