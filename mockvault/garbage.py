"""When Python's garbage collector looks at what: never at a world that stands, and briefly at all.

A collection looks at every object that is not frozen, and the world is made of millions that are
no garbage: one look at them would hold every request up for seconds.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

THRESHOLDS = (10_000, 3, 3)
"""New objects before the youngest are looked at; how often, before the next older ones are."""
LONGEST = 0.0015
"""Seconds that a look at everything may take before what it left is frozen."""


@contextmanager
def without_collections() -> Iterator[None]:
    """Collect nothing within: while a mock starts, next to nothing of what is made dies."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Keeper:
    """Keeps collections short while a process serves, however large its worlds become.

    What is there when it begins is frozen: no collection looks at it again. What is stored later
    adds up until a look at all of it takes longer than `LONGEST`; then it is frozen too, right
    after that look, so that nothing is in it that was garbage. What dies later is freed all the
    same, by its count of references; only a ring of frozen objects that dies would stay.
    """

    def __init__(self) -> None:
        self._before = (gc.get_threshold(), gc.isenabled())
        self._began = 0.0
        self.freezes = 0

    def begin(self) -> None:
        """Freeze what is there, and watch over what comes."""
        gc.freeze()  # with what little garbage a start makes: to look for it takes longer
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._watch)
        gc.enable()

    def end(self) -> None:
        """Leave the process as it was before, nothing frozen."""
        gc.callbacks.remove(self._watch)
        gc.unfreeze()
        threshold, was_on = self._before
        gc.set_threshold(*threshold)
        if not was_on:
            gc.disable()

    def _watch(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = perf_counter()
        elif info["generation"] == 2 and perf_counter() - self._began > LONGEST:
            gc.freeze()
            self.freezes += 1
