"""How many calls were made when: an exact recent past, a coarser older one, in bounded memory."""

from array import array
from bisect import bisect_left, bisect_right
from functools import lru_cache

from mockvault.domain.clock import DAY

EXACT = 8_192
STEP = 512
COARSE = 60_000
SPREAD_OVER = 30
"""Days over which calls of the past are spread."""


class CallHistory:
    """The times of calls, kept as sums, so that any range is counted by two bisections.

    Times are milliseconds. The latest 8,192 distinct ones are exact; older ones are rounded down
    to their minute when room is needed, so a year of constant calls takes 8 MiB. Copies share what
    they hold until one of them is added to.
    """

    __slots__ = ("_coarse", "_is_shared", "_rows")

    def __init__(self) -> None:
        self._rows = array("q")  # time and sum, time and sum
        self._coarse = 0
        self._is_shared = False

    @classmethod
    def spread(cls, calls: int, before: int) -> "CallHistory":
        """Return a history of calls spread over the thirty days before a time."""
        history = cls()
        history._rows = _spread(calls, before)
        history._is_shared = True
        return history

    def entries(self) -> list[list[int]]:
        """Return each time with the calls that were counted at it, in order."""
        counted, before = [], 0
        for time, total in zip(self._rows[::2], self._rows[1::2], strict=True):
            counted.append([time, total - before])
            before = total
        return counted

    def add(self, time: int, calls: int = 1) -> None:
        """Count `calls` made at `time`; a time before the last one counts as the last one."""
        rows = self._rows
        if self._is_shared:
            rows = self._rows = rows[:]
            self._is_shared = False
        if not rows:
            rows.append(time)
            rows.append(calls)
        elif time <= rows[-2]:
            rows[-1] += calls
        else:
            calls += rows[-1]
            rows.append(time)
            rows.append(calls)
            if len(rows) >= 2 * (self._coarse + EXACT + STEP):
                self._coarsen()

    def _coarsen(self) -> None:
        """Round the oldest exact times: few at once, for a request waits for it."""
        rows = self._rows
        first, last = 2 * self._coarse, 2 * (self._coarse + STEP)
        kept = array("q")
        before = rows[first - 2] if first else -1
        for place in range(first, last, 2):
            rounded = rows[place] - rows[place] % COARSE
            if kept and kept[-2] == rounded:
                kept[-1] = rows[place + 1]
            elif rounded <= before:
                rows[first - 1] = rows[place + 1]
            else:
                kept.append(rounded)
                kept.append(rows[place + 1])
        rows[first:last] = kept
        self._coarse += len(kept) // 2

    @property
    def total(self) -> int:
        """All calls ever counted."""
        return self._rows[-1] if self._rows else 0

    @property
    def latest(self) -> int | None:
        """When the last call was made, or None where none was."""
        return self._rows[-2] if self._rows else None

    def between(self, start: int, end: int) -> int:
        """Count the calls made from `start` to `end`, both included."""
        rows = self._rows

        def time_of(place: int) -> int:
            return rows[2 * place]

        places = range(len(rows) // 2)
        first = bisect_left(places, start, key=time_of)
        last = bisect_right(places, end, key=time_of)
        if last <= first:
            return 0
        return rows[2 * last - 1] - (rows[2 * first - 1] if first else 0)

    def copy(self) -> "CallHistory":
        """Return a history that goes its own way."""
        twin = CallHistory()
        twin._rows, twin._coarse = self._rows, self._coarse
        twin._is_shared = self._is_shared = True
        return twin


@lru_cache(maxsize=4096)
def _spread(calls: int, before: int) -> "array[int]":
    """Return the rows of calls spread over the days: the same for as many, so held once."""
    rows, counted = array("q"), 0
    for day in range(SPREAD_OVER, 0, -1):
        share = calls // day
        calls -= share
        if share:
            counted += share
            rows.append(before - day * DAY)
            rows.append(counted)
    return rows
