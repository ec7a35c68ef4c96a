"""What workers share: one ordered log of changes, the turn to write to it, and who takes the lead.

A log knows nothing of what its entries say. An entry counts once `append` has returned: whatever
becomes of the worker after that, every other worker finds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class StoreUnusable(Exception):
    """The store cannot be begun with; the message names it, says why, and what to do."""


class StoreLost(Exception):
    """The store does not do its part just now: what was asked of it may or may not have happened.

    It is tried again with the next request.
    """


@dataclass(frozen=True, slots=True)
class Tail:
    """What a worker lacks: `entries` after its own head, in order, which lead to `head`.

    Where some of them are gone, `state` is what they made, whole, and the entries follow on that.
    """

    head: int
    entries: Sequence[bytes] = ()
    state: bytes | None = None


class SharedLog(Protocol):
    """A log that several workers write to, one at a time. Positions count entries from 1."""

    @property
    def url(self) -> str:
        """Where it is, without what is secret of it."""
        ...

    def found(self, header: bytes) -> bytes:
        """Return the header that the log was founded with; an empty one is founded with this one.

        Raises StoreUnusable where there is something else, or nothing can be there.
        """
        ...

    def take_turn(self, head: int) -> Tail:
        """Wait until nobody else writes; return what was written after `head`. Raises StoreLost."""
        ...

    def append(self, entry: bytes) -> int:
        """Write an entry, give the turn back, and return its position. Raises StoreLost."""
        ...

    def give_turn(self) -> None:
        """Give the turn back with nothing written."""
        ...

    def since(self, head: int) -> Tail:
        """Return what was written after `head`, without a turn. Raises StoreLost."""
        ...

    def compact(self, head: int, state: bytes) -> None:
        """Keep `state` in place of the entries up to `head`. Raises StoreLost."""
        ...

    def lead(self) -> bool:
        """Tell whether this worker leads, taking the lead where nobody has it.

        It has to be asked again within a second for the lead to be kept.
        """
        ...

    def close(self) -> None:
        """Give back turn and lead, and hold nothing open."""
        ...
