"""When Python's garbage collector looks at what: never at a world that stands, and briefly at all.

A collection looks at every object that is not frozen, and the world is made of millions that are
no garbage: one look at them would hold every request up for seconds. Nor may looks be left to
Python: it counts what is made less what is freed, and a journal that is full frees as much as is
put down in it, so that a look comes late and is long.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time, thread_time

LONGEST = 0.001
"""Seconds of CPU that a look may take before what it left is frozen."""
BUSY, LATEST, QUIET = 0.02, 0.05, 0.1
"""Seconds between looks: at least and at most while requests come, and while none do."""
SHARE = 0.02
"""The part of the time that looks should take: after a long one the next is further off."""
NOTHING = 0.0005
"""Seconds of CPU in which so little was made that no look is needed."""


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

    What is there when it begins is frozen: no collection looks at it again. From then on it looks
    at what is new, often and so briefly; once what is stored has added up to a longer look, it is
    frozen right after one, when there is nothing in it that was garbage. What dies later is freed
    all the same, by its count of references; only a ring of frozen objects that dies would stay.
    """

    def __init__(self) -> None:
        self._was_on = gc.isenabled()
        self._used = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self.freezes = 0
        self.longest = 0.0

    def begin(self) -> None:
        """Freeze what is there, and collect nothing but in looks."""
        gc.freeze()  # with what little garbage a start makes: to look for it takes longer
        gc.disable()
        self._used = process_time()

    def watch(self) -> None:
        """Look at what is new as time passes, in the event loop that runs."""
        used = process_time() - self._used
        wait = QUIET
        if used > NOTHING:
            wait = min(max(BUSY, self.look() / SHARE), LATEST)
        self._used = process_time()
        self._alarm = asyncio.get_running_loop().call_later(wait, self.watch)

    def look(self) -> float:
        """Collect what is garbage, and freeze the rest where that took long; return the seconds."""
        began = thread_time()
        gc.collect()
        took = thread_time() - began
        self.longest = max(self.longest, took)
        if took > LONGEST:
            gc.freeze()
            self.freezes += 1
        return took

    def end(self) -> None:
        """Leave the process as it was before, nothing frozen."""
        if self._alarm is not None:
            self._alarm.cancel()
        gc.unfreeze()
        if self._was_on:
            gc.enable()
