"""Calls are counted exactly where they are recent, and in bounded memory where they are many."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockvault.domain.clock import DAY, FrozenClock, iso_time, milliseconds_of
from mockvault.domain.history import EXACT, CallHistory
from mockvault.domain.ids import IdSource, secret_of

times = st.lists(st.integers(0, 10_000), max_size=60).map(sorted)


@given(times, st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_range_counts_the_calls_within_it(made: list[int], start: int, end: int) -> None:
    history = CallHistory()
    for time in made:
        history.add(time)

    assert history.between(start, end) == sum(start <= time <= end for time in made)
    assert history.total == len(made)
    assert history.latest == (made[-1] if made else None)


def test_a_long_history_stays_small_and_loses_no_call() -> None:
    history = CallHistory()
    for time in range(0, 40 * EXACT, 2):
        history.add(time)

    assert history.total == 20 * EXACT
    assert len(history.entries()) < 2 * EXACT
    recent = 40 * EXACT - 2_000
    assert history.between(recent, 40 * EXACT) == 1_000


def test_old_calls_are_rounded_to_their_minute_and_counted_in_it() -> None:
    times = [number * 7_919 for number in range(EXACT + 5_000)]
    history = CallHistory()
    for time in times:
        history.add(time)

    counted = history.entries()
    assert [time for time, _ in counted[-EXACT:]] == times[-EXACT:]
    for end in range(0, times[2_000], 60_000):
        assert history.between(0, end - 1) == sum(time < end for time in times)
    assert [time for time, _ in counted] == sorted({time for time, _ in counted})


@given(times, times, st.integers(0, 400), st.booleans())
def test_a_spread_history_is_that_of_its_calls_and_is_added_to_alone(
    own: list[int], others: list[int], calls: int, is_copied: Any
) -> None:
    spread, twin = CallHistory.spread(calls, 40 * DAY), CallHistory.spread(calls, 40 * DAY)
    other = twin.copy() if is_copied else CallHistory.spread(calls, 40 * DAY)
    before = twin.entries()
    for time in own:
        spread.add(40 * DAY + time)
    for time in others:
        other.add(40 * DAY + time)

    assert twin.entries() == before
    assert sum(count for _, count in before) == twin.total == calls
    assert all(10 * DAY <= time < 40 * DAY for time, _ in before)
    assert spread.total == calls + len(own)
    assert other.between(40 * DAY, 50 * DAY) == len(others)


def test_a_copy_goes_its_own_way() -> None:
    history = CallHistory()
    history.add(1)
    twin = history.copy()
    twin.add(2)

    assert (history.total, twin.total) == (1, 2)


def test_a_clock_that_runs_back_counts_the_call_all_the_same() -> None:
    history = CallHistory()
    history.add(100)
    history.add(50)

    assert history.total == history.between(100, 100) == 2


@given(st.integers(0, 4_102_444_800_000))
def test_a_time_and_its_text_are_one(time: int) -> None:
    assert milliseconds_of(iso_time(time)) == time


def test_a_frozen_clock_moves_when_it_is_moved() -> None:
    clock = FrozenClock(10)
    clock.advance(5)

    assert clock.now() == 15


def test_ids_follow_from_the_seed_and_their_number() -> None:
    first, second = IdSource("seed"), IdSource("seed")
    made = [first.uuid(), first.token("x_"), first.uuid()]

    assert made == [second.uuid(), second.token("x_"), second.uuid()]
    assert len(set(made)) == 3
    assert IdSource("other").uuid() != made[0]
    second.rewind(1)
    assert second.token("x_") == made[1]
    assert second.count == 2


@given(st.text(max_size=8), st.integers(0, 40), st.lists(st.sampled_from("ut"), max_size=12))
def test_an_id_is_the_same_however_many_were_asked_for_at_once(
    seed: str, first: int, asked: list[str]
) -> None:
    made = IdSource(seed, first)

    for number, kind in enumerate(asked, first):
        alone = IdSource(seed, number)
        if kind == "u":
            assert made.uuid() == alone.uuid()
        else:
            assert made.token() == alone.token()
        assert made.count == alone.count == number + 1


@given(st.text(max_size=20))
def test_every_uuid_has_the_form_of_one(seed: str) -> None:
    import uuid

    made = uuid.UUID(IdSource(seed).uuid())

    assert made.version == 4
    assert made.variant == uuid.RFC_4122


def test_the_parts_of_a_secret_cannot_be_shifted() -> None:
    assert secret_of("a", "bc") != secret_of("ab", "c")
