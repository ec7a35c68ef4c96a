"""A journal that nobody reads keeps the same as one that is read at every step."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockvault.control import journal as module
from mockvault.control.journal import PORTION, Journal
from mockvault.domain.entities import Connection
from mockvault.domain.events import ConnectionChange, events_of
from mockvault.domain.states import ConnectionState
from mockvault.web.recording import ANSWER, Exchange

CAPACITY = 3
ADDED, CALLABLE = ConnectionState.ADDED, ConnectionState.CALLABLE


def request(number: int, steps: tuple[Any, ...] = (), content: bytes | None = None) -> Exchange:
    answer = b"a" * (number % 3)
    told = Exchange("GET", f"/{number}", f"op{number % 2}", "app", "c", 200, 1.0, "id", (), None)
    return told._replace(steps=steps, content=content, answer=answer, at=1_000 + number)


def change(number: int) -> ConnectionChange:
    """Return a change that raises one event, or two."""
    before = Connection("c", "crm", "close", 1, number)
    after = before._replace(updated_at=number + 1)
    return ConnectionChange(before, after, ADDED, (ADDED, CALLABLE)[number % 2], number)


def journal(capacity: int = CAPACITY) -> Journal:
    made = Journal(lambda: 5, capacity)
    made.events_of = lambda change: [
        (event_type, change.occurred_at) for event_type in events_of(change)
    ]
    return made


steps = st.lists(
    st.sampled_from(["request", "change", "both", "two", "other", "clear"]), max_size=PORTION
)


def take(taken: Journal, step: str, number: int) -> None:
    """Put down one thing, or forget all."""
    if step == "clear":
        taken.clear()
    elif step == "other":
        taken.put("control", {"number": number})
    elif step == "change":
        taken.put_change(change(number))
    elif step == "request":
        taken.put_request(request(number))
    else:
        changes = tuple(map(change, (number, number + 1)[: 1 + (step == "two")]))
        for each in changes:
            taken.put_change(each)
        taken.put_request(request(number, changes))


@given(taken=steps, times=st.integers(1, 4))
def test_what_is_read_late_is_what_was_read_at_once(taken: list[str], times: int) -> None:
    early, late = journal(2 * PORTION), journal(2 * PORTION)
    for number, step in enumerate(taken * times):
        for each in (early, late):
            take(each, step, number)
        early.settle()

    assert list(late) == list(early)
    assert (late.last, late.evicted) == (early.last, early.evicted)
    assert late.evicted_requests == early.evicted_requests


def test_a_journal_that_nobody_reads_is_bounded_and_counts_what_it_let_go() -> None:
    unread, requests = journal(), 10 * PORTION
    for number in range(requests):
        take(unread, "both", number)

    assert len(unread._new) <= CAPACITY + 2 * PORTION
    kept = list(unread)
    assert len(kept) == CAPACITY
    events = sum(len(events_of(change(number))) for number in range(requests))
    assert unread.last == kept[-1].number == requests + events
    assert unread.evicted == requests + events - CAPACITY
    kept_requests = sum(each.kind == "request" for each in kept)
    assert unread.evicted_requests.total() == requests - kept_requests


def test_large_requests_that_nobody_reads_of_are_bounded_by_their_bytes() -> None:
    unread = journal(100_000)
    for number in range(400):
        unread.put_request(request(number, content=b"x" * 400_000))

        held = sum(len(each[module._CONTENT] or b"") for each in unread._new if len(each) > 6)
        assert held <= module.MOST_BYTES + 400_000
    assert unread.evicted_requests == Counter(
        f"op{number % 2}" for number in range(400 - len(unread))
    )


@pytest.mark.parametrize("step", ["change", "both"])
def test_the_event_of_a_change_names_the_request_that_made_it_and_no_other(step: str) -> None:
    read = journal(100)
    take(read, "request", 0)
    take(read, step, 2)
    take(read, "request", 3)

    kinds = [(each.kind, each.cause) for each in read]

    if step == "change":  # it came between two requests, and was made by none
        assert kinds == [("request", None), ("event", None), ("request", None)]
    else:
        assert kinds == [("request", None), ("request", None), ("event", 2), ("request", None)]


def test_who_begins_to_follow_hears_of_nothing_that_has_been() -> None:
    followed = journal(100)
    take(followed, "both", 1)

    queue = followed.follow()
    take(followed, "both", 3)

    heard = [queue.get_nowait() for _ in range(queue.qsize())]
    assert [(each.kind, each.number) for each in heard if each is not None] == [
        ("request", 4),
        ("event", 5),
        ("event", 6),
    ]


def test_of_a_long_answer_the_beginning_is_kept() -> None:
    read = journal()
    read.put_request(request(1)._replace(answer=b"x" * (ANSWER + 1)))

    [(_, exchange)] = read.requests()

    assert exchange.answer == b"x" * ANSWER
    assert exchange.is_cut
