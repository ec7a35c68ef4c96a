"""What is to be done later: timers as values, in the order in which they are due."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush


@dataclass(frozen=True, slots=True, order=True)
class Timer:
    """Something that is due at a time: of a kind that somebody answers for, about one subject."""

    due: int
    sequence: int
    kind: str
    subject: str


class Timers:
    """The timers of one application: at most one of a kind for a subject, fired in order.

    `changed` is called when the next one may have become another.
    """

    def __init__(self) -> None:
        self.changed: Callable[[], None] = _nothing
        self._sequence = 0
        self._heap: list[Timer] = []
        self._current: dict[tuple[str, str], Timer] = {}

    def __iter__(self) -> Iterator[Timer]:
        return iter(sorted(self._current.values()))

    def __len__(self) -> int:
        return len(self._current)

    def set(self, due: int, kind: str, subject: str) -> Timer:
        """Set a timer, in place of the one of this kind that the subject had."""
        self._sequence += 1
        timer = Timer(due, self._sequence, kind, subject)
        self._current[kind, subject] = timer
        heappush(self._heap, timer)
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._current):
            self._heap = sorted(self._current.values())
        self.changed()
        return timer

    def cancel(self, kind: str, subject: str) -> None:
        """Forget the timer of this kind that the subject has, if it has one."""
        if self._current.pop((kind, subject), None) is not None:
            self.changed()

    def due_of(self, kind: str, subject: str) -> int | None:
        """Return when the subject's timer of this kind is due, or None."""
        timer = self._current.get((kind, subject))
        return None if timer is None else timer.due

    @property
    def next_due(self) -> int | None:
        """When the first timer is due, or None where there is none."""
        heap = self._heap
        while heap and self._current.get((heap[0].kind, heap[0].subject)) is not heap[0]:
            heappop(heap)
        return heap[0].due if heap else None

    def take_due(self, until: int) -> Timer | None:
        """Return and forget the first timer that is due by `until`, or None."""
        due = self.next_due
        if due is None or due > until:
            return None
        timer = heappop(self._heap)
        del self._current[timer.kind, timer.subject]
        return timer

    def snapshot(self) -> tuple[int, tuple[Timer, ...]]:
        """Return all timers as they are now."""
        return self._sequence, tuple(self)

    def restore(self, snapshot: tuple[int, Iterable[Timer]]) -> None:
        """Have the timers that there were when the snapshot was taken."""
        self._sequence = snapshot[0]
        self._heap = list(snapshot[1])
        heapify(self._heap)
        self._current = {(timer.kind, timer.subject): timer for timer in self._heap}
        self.changed()

    def clear(self) -> None:
        """Forget every timer."""
        self.restore((0, ()))


def _nothing() -> None:
    """Nobody waits for a timer yet."""
