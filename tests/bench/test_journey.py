"""The page on how a request travels tells of functions that there are, and of kept figures."""

import json
import time

import pytest

from tests.bench import journey
from tests.bench.calls import CALLS

KEPT = json.loads(journey.KEPT.read_text())


def test_every_step_is_a_function_of_the_mock() -> None:
    for step in journey.STEPS:
        if step.place == "handlers":
            assert len(list(journey.handlers())) == len({call.operation_id for call in CALLS})
        else:
            owner, name = journey.place_of(step)
            assert callable(getattr(owner, name))


def test_the_page_shows_the_kept_figures() -> None:
    assert KEPT["calls"] == {call.letter: call.name for call in CALLS}
    wanted = {step.name for step in journey.STEPS} | {"whole", "server", journey.SOCKET}
    assert all(set(each) == wanted for each in KEPT["us"].values())
    assert journey.PAGE.read_text() == journey.page(KEPT)


def test_a_watch_counts_its_own_time_and_not_that_of_what_it_calls() -> None:
    watches = journey.Watches()

    def busy(seconds: float) -> None:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass

    inner = watches.at("inner", busy)

    def calling() -> None:
        busy(0.02)
        inner(0.05)
        inner(0.05)

    watches.at("outer", calling)()

    assert watches.entered == {"inner": 2, "outer": 1}
    assert watches.called == {"outer": 2}
    assert watches.spent["inner"] >= 0.1e9
    assert watches.spent["outer"] >= 0.02e9
    free = watches.exclusive_us("inner", 2, (0.0, 0.0))
    assert watches.exclusive_us("inner", 2, (1000.0, 5000.0)) == pytest.approx(free - 1)
    assert watches.exclusive_us("nothing", 2, (1.0, 1.0)) == 0


def functions() -> list[object]:
    places = [journey.place_of(step) for step in journey.STEPS if ":" in step.place]
    return [getattr(owner, name) for owner, name in places]


def test_watches_are_gone_afterwards_even_when_something_fails() -> None:
    before = functions()
    watching = journey.watched(journey.Watches())

    watching.__enter__()
    during = functions()
    swallowed = watching.__exit__(ZeroDivisionError, ZeroDivisionError(), None)

    assert not set(map(id, during)) & set(map(id, before))
    assert functions() == before
    assert not swallowed
