"""A worker's turns at the shared log: caught up before, written at the end, answered after that.

A turn is begun by the first request of a moment and ended when the event loop comes round again, so
that all requests of that moment share one. What they change is put down in `changes` as it happens,
and no answer leaves before the log has it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from mockvault.replication.packing import Unreadable, packed, unpacked
from mockvault.store.shared import SharedLog, StoreLost, Tail

logger = logging.getLogger("mockvault")

Change = tuple[str, str, tuple[Any, ...]]
"""An application's id (or none), the name of what was done there, and with what."""


class Replicated(Protocol):
    """The worlds of a worker, as its turns see them."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Do what another worker did."""
        ...

    def load(self, state: Any) -> None:
        """Hold what the state says and nothing else; None is the beginning."""
        ...

    def begin_again(self) -> None:
        """Put down a beginning: the log is empty, though it was begun once."""
        ...

    def gather(self, touched: set[str]) -> None:
        """Put down what has changed of the applications beside what was put down already."""
        ...


class _Nowhere(list[Change]):
    """Changes that nobody wants to know of: they came from the log, or follow from one that did."""

    def append(self, change: Change, /) -> None:
        del change

    def insert(self, place: Any, change: Change, /) -> None:
        del place, change


_NOWHERE = _Nowhere()


class Turns:
    """The turns of one worker. `world` is set before the first one is taken."""

    def __init__(self, log: SharedLog, wall: Callable[[], int]) -> None:
        self.log = log
        self.world: Replicated
        self.changes: list[Change] = _NOWHERE
        self.touched: set[str] = set()
        self.is_open = False
        self.is_lost = False
        """Whether this worker's memory may differ from the log, so that it has to be read anew."""
        self.written = 0
        """Bytes of entries since the log was last compacted, as far as is known here."""
        self.head = 0
        self._wall = wall
        self._time = 0
        self.ending: list[Callable[[StoreLost | None], None]] = []
        """Told of the end of each turn, and why it could not be written if so."""
        self._waiting: list[asyncio.Future[StoreLost | None]] = []

    def now(self) -> int:
        """Return the time: one during a turn, never before what any worker has put down."""
        return self._time if self.is_open else max(self._wall(), self._time)

    def enter(self) -> None:
        """See to it that this is our turn, and that we know all that was written. Raises StoreLost.

        Whoever reads what decides over a change asks for this first; the turn lasts until the event
        loop comes round.
        """
        if self.is_open:
            return
        tail = self.log.take_turn(0 if self.is_lost else self.head)
        try:
            self._follow(tail)
        except BaseException:
            self.log.give_turn()
            raise
        self._time = max(self._wall(), self._time)
        self.is_open, self.changes = True, []
        if self.head == 0:
            self.world.begin_again()
        if _loop_runs():
            asyncio.get_running_loop().call_soon(self.end)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have the turn; where no event loop runs that would end it, it ends here."""
        was_open = self.is_open
        self.enter()
        try:
            yield
        finally:
            if not was_open and not _loop_runs():
                self.end()

    def end(self) -> None:
        """Write what has changed in this turn, and let its answers go."""
        if not self.is_open:
            return
        lost: StoreLost | None = None
        try:
            if self.touched:
                self.world.gather(self.touched)
            changes = self.changes
            if changes:
                entry = packed((self._time, changes))
                self.head = self.log.append(entry)
                self.written += len(entry)
            else:
                self.log.give_turn()
        except Exception as reason:
            lost = reason if isinstance(reason, StoreLost) else StoreLost(f"a change: {reason}")
            logger.exception("a turn could not be written")
            self.is_lost = True
            self.log.give_turn()
        self.is_open, self.changes = False, _NOWHERE
        self.touched.clear()
        for ending in self.ending:
            ending(lost)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(lost)

    async def ended(self) -> StoreLost | None:
        """Wait for the end of the turn that is under way; return why it could not be written."""
        waiting: asyncio.Future[StoreLost | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        return await waiting

    def catch_up(self) -> None:
        """Do what others did since, without a turn of our own. Raises StoreLost."""
        if self.is_lost:
            self.enter()
        elif not self.is_open:
            self._follow(self.log.since(self.head))

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Put down nothing of what is done meanwhile: what stands for it is put down instead."""
        before = self.is_open, self.changes, self.touched
        self.is_open, self.changes, self.touched = True, _NOWHERE, set()
        try:
            yield
        finally:
            self.is_open, self.changes, self.touched = before

    def _follow(self, tail: Tail) -> None:
        if tail.head < self.head and not self.is_lost:
            self.is_lost = True
            raise StoreLost(f"{self.log.url} has less than it had")
        if not (tail.entries or tail.state or self.is_lost):
            return
        try:
            with self.unseen():
                if tail.state is not None or self.is_lost:
                    state = None
                    if tail.state is not None:
                        self._time, state = unpacked(tail.state)
                    self.written = 0
                    self.world.load(state)
                for entry in tail.entries:
                    self._time, changes = unpacked(entry)
                    self.world.apply(changes)
                    self.written += len(entry)
        except Unreadable as reason:
            self.is_lost = True
            raise StoreLost(f"{self.log.url}: {reason}") from reason
        except BaseException:
            self.is_lost = True
            raise
        self.head, self.is_lost = tail.head, False


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
