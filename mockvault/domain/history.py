"""How many calls were made when: an exact recent past, a coarser older one, in bounded memory."""

from array import array
from bisect import bisect_left, bisect_right

EXACT = 8_192
COARSE = 60_000


class CallHistory:
    """The times of calls, kept as sums, so that any range is counted by two bisections.

    Times are milliseconds. The latest 8,192 distinct ones are exact; older ones are rounded down
    to their minute when room is needed, so a year of constant calls takes 8 MiB.
    """

    __slots__ = ("_sums", "_times")

    def __init__(self) -> None:
        self._times = array("q")
        self._sums = array("q")

    def entries(self) -> list[list[int]]:
        """Return each time with the calls that were counted at it, in order."""
        counted, before = [], 0
        for time, total in zip(self._times, self._sums, strict=True):
            counted.append([time, total - before])
            before = total
        return counted

    def add(self, time: int, calls: int = 1) -> None:
        """Count `calls` made at `time`; a time before the last one counts as the last one."""
        times, sums = self._times, self._sums
        if times and time <= times[-1]:
            sums[-1] += calls
            return
        times.append(time)
        sums.append(calls + (sums[-1] if sums else 0))
        if len(times) % (2 * EXACT) == 0:
            self._coarsen()

    def _coarsen(self) -> None:
        times, sums = array("q"), array("q")
        for time, total in zip(self._times[:-EXACT], self._sums[:-EXACT], strict=True):
            rounded = time - time % COARSE
            if times and times[-1] == rounded:
                sums[-1] = total
            else:
                times.append(rounded)
                sums.append(total)
        times.extend(self._times[-EXACT:])
        sums.extend(self._sums[-EXACT:])
        self._times, self._sums = times, sums

    @property
    def total(self) -> int:
        """All calls ever counted."""
        return self._sums[-1] if self._sums else 0

    @property
    def latest(self) -> int | None:
        """When the last call was made, or None where none was."""
        return self._times[-1] if self._times else None

    def between(self, start: int, end: int) -> int:
        """Count the calls made from `start` to `end`, both included."""
        first = bisect_left(self._times, start)
        last = bisect_right(self._times, end)
        if last <= first:
            return 0
        return self._sums[last - 1] - (self._sums[first - 1] if first else 0)

    def copy(self) -> "CallHistory":
        """Return a history that goes its own way."""
        twin = CallHistory()
        twin._times, twin._sums = self._times[:], self._sums[:]
        return twin
