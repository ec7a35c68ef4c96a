"""The one clock of an application: frozen, advanced, moved; and what time that passes sets off."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from mockvault.domain.clock import ControlledClock, iso_time
from mockvault.domain.timers import Timer, Timers

Effect = dict[str, Any]
Handler = Callable[[Timer], Awaitable[Effect | None]]
Settle = Callable[[], Awaitable[Any]]
LONGEST_SLEEP = 3600.0


class Timekeeper:
    """Moves the clock and fires timers: those that are due as time passes, in order.

    `settle` waits until what was begun is done, so that each timer finds the world as its
    predecessors left it.
    """

    def __init__(self, clock: ControlledClock, timers: Timers, settle: Settle) -> None:
        self.clock = clock
        self.timers = timers
        self.handlers: dict[str, Handler] = {}
        self._settle = settle
        self._lock = asyncio.Lock()
        self._effects: list[Effect] | None = None
        self._turn = 0
        self.target = 0
        self.rings: Callable[[], bool] = _always
        """Whether timers are fired here as time passes by itself."""
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        timers.changed = self.wake

    @property
    def is_advancing(self) -> bool:
        """Whether time is being advanced, so that what happens is put down."""
        return self._effects is not None

    def did(self, effect: Effect) -> None:
        """Put down what happened, if time is being advanced."""
        if self._effects is not None:
            self._effects.append({"at": iso_time(self.clock.now()), **effect})

    async def advance(self, milliseconds: int) -> list[Effect]:
        """Let time pass; return what it set off, in order."""
        async with self._lock:
            return await self._pass_to(self.clock.now() + milliseconds)

    async def travel(self, to: int) -> list[Effect]:
        """Go to a time; on the way forward what is due happens, on the way back nothing does."""
        async with self._lock:
            if to < self.clock.now():
                self.clock.move(to)
                self.wake()
                return []
            return await self._pass_to(to)

    def freeze(self, at: int | None = None) -> None:
        """Let no time pass any more."""
        self.clock.freeze(at)
        self.wake()

    def resume(self) -> None:
        """Let time pass again, from where it stands."""
        self.clock.resume()
        self.wake()

    def reset(self) -> None:
        """Show real time again."""
        self.interrupt()
        self.clock.reset()
        self.wake()

    def interrupt(self) -> None:
        """End an advance that is under way: the world that it began in is gone."""
        self._turn += 1

    async def _pass_to(self, target: int) -> list[Effect]:
        clock, was_frozen, turn = self.clock, self.clock.is_frozen, self._turn
        effects: list[Effect] = []
        self.target = target
        clock.freeze()
        self._silence()
        try:
            await self._settle()  # what was begun before is no effect of the time that passes now
            self._effects = effects
            while self._turn == turn:
                timer = self.timers.take_due(target)
                if timer is None:
                    break
                clock.freeze(max(clock.now(), timer.due))
                effect = await self._fire(timer)
                if effect is not None:
                    self.did(effect)
                await self._settle()
            return effects
        finally:
            self._effects, self.target = None, 0
            if self._turn == turn:
                clock.freeze(target)
                if not was_frozen:
                    clock.resume()
            self.wake()

    async def _fire(self, timer: Timer) -> Effect | None:
        handler = self.handlers.get(timer.kind)
        return None if handler is None else await handler(timer)

    def wake(self) -> None:
        """Ring when the next timer is due, if time passes by itself."""
        self._silence()
        if self.clock.is_frozen or self.target or not self.rings():
            return
        due = self.timers.next_due
        if due is None:
            return
        with suppress(RuntimeError):  # no loop runs: timers fire when time is advanced
            loop = asyncio.get_running_loop()
            delay = (due - self.clock.now()) / 1000
            self._alarm = loop.call_later(min(max(delay, 0.0), LONGEST_SLEEP), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        while (timer := self.timers.take_due(self.clock.now())) is not None:
            task = asyncio.ensure_future(self._fire(timer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.wake()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def close(self) -> None:
        """Fire nothing any more."""
        self.interrupt()
        self.timers.changed = lambda: None
        self._silence()
        for task in tuple(self._tasks):
            with suppress(RuntimeError):
                task.cancel()


def _always() -> bool:
    return True
