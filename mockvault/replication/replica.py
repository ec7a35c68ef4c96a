"""A worker's worlds beside those of the others: what they did is done here, and one of them leads.

The one that leads fires timers and sends webhooks for all. Powers over time and deliveries, which
take their time, are used there too: another worker puts the question into the log and waits for the
answer in it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from starlette.responses import Response
from starlette.types import ASGIApp

from mockvault.control.meddling import Meddling
from mockvault.control.power import Asked, Mock, Power
from mockvault.control.routes import Control
from mockvault.control.workbench import Equipment, Workbench, Workbenches
from mockvault.domain.clock import ControlledClock
from mockvault.domain.entities import Application
from mockvault.domain.ids import IdSource
from mockvault.domain.timers import Timers
from mockvault.replication.gate import DirectGate, Gate
from mockvault.replication.packing import packed
from mockvault.replication.parts import (
    STORE_CHANGES,
    RecordedClock,
    RecordedIds,
    RecordedJournal,
    RecordedStore,
    RecordedTimers,
    RecordedWorkbench,
)
from mockvault.replication.turns import Change, Turns
from mockvault.store.memory import MemoryStore
from mockvault.store.shared import SharedLog, StoreLost, StoreUnusable
from mockvault.vault.applications import Applications
from mockvault.vault.vault import Vault
from mockvault.web.direct import Direct
from mockvault.web.plans import Plan
from mockvault.web.replies import refusal
from mockvault.web.routes import Routes

logger = logging.getLogger("mockvault")

SERVER = ""
"""What stands for an application where something belongs to none."""
BUSY_TICK = 0.02
IDLE_TICK = 0.25
"""Seconds after which a worker looks at the log that nobody has made it look at: the one that leads
and one that is waited for often, the others now and then."""
COMPACT_FROM = 32 * 1024 * 1024
"""Bytes of entries from which on they are kept as the state that they lead to."""
ANSWER_WITHIN = 75.0
"""Seconds to wait for what the leading worker does: its powers take a minute at most."""
LED = frozenset(
    {"clockChange", "eventsSettle", "eventsResend", "eventsResendFailed", "deliveriesResend"}
)
"""Powers that only the worker that leads uses."""


class RecordedApplications(Applications):
    """Applications that every worker serves."""

    def __init__(
        self, turns: Turns, make_vault: Callable[[Application], Vault], *, open_to_any: bool
    ) -> None:
        super().__init__(make_vault, open_to_any=open_to_any)
        self._turns = turns

    def add(self, application: Application) -> Vault:
        """Serve an application from now on, its world seeded; one of the same id is replaced."""
        with self._turns.taken():
            with self._turns.unseen():
                vault = super().add(application)
            self._turns.changes.append((SERVER, "add", (application,)))
        return vault

    def remove(self, application_id: str) -> None:
        """Serve the application no longer."""
        with self._turns.taken():
            with self._turns.unseen():
                super().remove(application_id)
            self._turns.changes.append((SERVER, "remove", (application_id,)))


class Replica:
    """The worlds of one worker, which it shares with all that have the same log."""

    def __init__(self, log: SharedLog, header: bytes, wall: Callable[[], int]) -> None:
        self.turns = Turns(log, wall)
        self.turns.world = self
        self.leads = False
        self._log = log
        self._header = header
        self._declared: Sequence[Application] = ()
        self._tick: asyncio.TimerHandle | None = None
        self._state_size = 0
        self._asked: dict[str, tuple[Any, ...]] = {}
        self._told: dict[str, asyncio.Future[Response]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # the parts that applications are made of

    def store(self, application_id: str, log_capacity: int) -> RecordedStore:
        """Return the store of an application."""
        return RecordedStore(self.turns, application_id, log_capacity)

    def clock(self, application_id: str) -> RecordedClock:
        """Return the clock of an application."""
        return RecordedClock(self.turns, application_id)

    def ids(self, seed: str, application_id: str = SERVER) -> RecordedIds:
        """Return the ids of an application, or of the server."""
        ids = RecordedIds(self.turns, application_id, seed)
        if application_id == SERVER:
            self._ids = ids
            self._ids_put_down = 0
        return ids

    def timers(self, application_id: str) -> RecordedTimers:
        """Return the timers of an application."""
        return RecordedTimers(self.turns, application_id)

    def workbench(
        self,
        vault: Vault,
        clock: ControlledClock,
        equipment: Equipment,
        changed: Callable[[], None],
    ) -> RecordedWorkbench:
        """Return the workbench of an application."""
        return RecordedWorkbench(self.turns, self._is_leading, vault, clock, equipment, changed)

    def journal(self, capacity: int) -> RecordedJournal:
        """Return the journal of what belongs to no application."""
        return RecordedJournal(self.turns, SERVER, self.turns.now, capacity)

    def applications(
        self, make_vault: Callable[[Application], Vault], *, open_to_any: bool
    ) -> RecordedApplications:
        """Return the applications, none yet."""
        self._applications = RecordedApplications(self.turns, make_vault, open_to_any=open_to_any)
        return self._applications

    def begin(
        self,
        applications: Applications,
        workbenches: Workbenches,
        declared: Sequence[Application],
    ) -> None:
        """Know what the log holds, and serve what is declared and not yet there.

        Raises StoreUnusable where that cannot be read or written.
        """
        self._workbenches = workbenches
        try:
            self.turns.enter()
            for application in declared:
                if applications.served(application.id) is None:
                    applications.add(application)
            self.turns.end()
            self._declared = declared
        except StoreLost as reason:
            raise StoreUnusable(str(reason)) from None
        if self.turns.is_lost:
            raise StoreUnusable(f"{self._log.url} cannot be written")

    def take_over(self, mock: Mock, control: Control, meddling: Meddling) -> None:
        """Use powers, and let time pass, as all that share the worlds do."""
        self._mock = mock
        self._control = control
        control.elsewhere = self._use
        meddling.sleep = self._sleep

    def door(self, app: ASGIApp) -> ASGIApp:
        """Return the application behind a gate."""
        return Gate(app, self.turns, self.start)

    def direct(self, routes: Routes[Plan], beside: tuple[str, ...]) -> Direct:
        """Return what answers at once, behind a gate."""
        return DirectGate(routes, beside, self.turns, self.start)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.turns.enter()

    def _is_leading(self) -> bool:
        return self.leads

    def _bench(self, application_id: str) -> RecordedWorkbench | None:
        found: Workbench | None = self._workbenches.find(application_id)
        return found if isinstance(found, RecordedWorkbench) else None

    # what the log says

    def gather(self, touched: set[str]) -> None:
        """Put down what has changed of the applications beside what was put down already."""
        for application_id in touched:
            if application_id == SERVER:
                if self._ids.count != self._ids_put_down:
                    self._ids_put_down = self._ids.count
                    self.turns.changes.append((SERVER, "ids", (self._ids.count,)))
            else:
                bench = self._bench(application_id)
                if bench is not None:
                    bench.put_down_differences()

    def begin_again(self) -> None:
        """Put down a beginning: the log is empty, though it was begun once."""
        if self._declared:
            logger.warning("%s was emptied: its world begins again", self._log.url)
            self._log.found(self._header)
        for application in self._declared:
            self._applications.add(application)

    def apply(self, changes: Sequence[Change]) -> None:
        """Do what another worker did."""
        for application_id, name, arguments in changes:
            if application_id == SERVER:
                getattr(self, f"_do_{name}")(*arguments)
                continue
            bench = self._bench(application_id)
            if bench is None:
                continue  # it was removed in the same turn
            if name in STORE_CHANGES:
                getattr(MemoryStore, name)(bench.vault.surroundings.store, *arguments)
            else:
                _FOLLOWED[name](bench, *arguments)

    def _do_add(self, application: Application) -> None:
        self._applications.add(application)

    def _do_remove(self, application_id: str) -> None:
        self._applications.remove(application_id)

    def _do_ids(self, count: int) -> None:
        IdSource.rewind(self._ids, count)
        self._ids_put_down = count

    def _do_row(self, row: Any) -> None:
        self._server_journal().follow_row(row)

    def _do_forget(self) -> None:
        self._server_journal().clear()

    def _server_journal(self) -> RecordedJournal:
        journal = self._workbenches.journal
        assert isinstance(journal, RecordedJournal)
        return journal

    def state(self) -> Any:
        """Return all that there is, as `load` takes it."""
        applications = []
        for vault in self._applications:
            bench = self._bench(vault.application.id)
            assert bench is not None
            first = replace(bench.first, store=None)
            world, snapshots = bench.snapshot(), dict(bench.snapshots)
            standing = bench.webhooks.standing
            applications.append(
                (vault.application, first, world, snapshots, standing, bench.journal.state)
            )
        return (applications, self._ids.count, self._server_journal().state, self._asked)

    def load(self, state: Any) -> None:
        """Hold what the state says and nothing else; None is the beginning."""
        for vault in self._applications:
            self._applications.remove(vault.application.id)
        empty: tuple[Any, ...] = ((), 0, 0, 0, {})
        applications, count, journal, asked = state or ((), 0, empty, {})
        self._do_ids(count)
        self._server_journal().restore(journal)
        self._asked = dict(asked)
        for application, first, world, snapshots, standing, entries in applications:
            vault = self._applications.add(application)
            bench = self._bench(application.id)
            assert bench is not None
            bench.first = replace(first, store=vault.beginning)
            bench.follow_restore(world)
            bench.webhooks.follow_standing(standing)
            bench.snapshots.update(snapshots)
            bench.journal.restore(entries)
            bench.mark()
        if self.leads:
            self._soon(self._take_lead)

    # as time passes

    def start(self) -> None:
        """Look after the log from now on, in the event loop that runs."""
        if self._tick is None:
            self._look_again(0.0)

    def stop(self) -> None:
        """Look after it no more, and let another worker lead."""
        if self._tick is not None:
            self._tick.cancel()
        self.turns.end()
        self._log.close()

    def _look_again(self, delay: float) -> None:
        self._tick = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        try:
            self.turns.catch_up()
            self._lead_or_follow(leads=self._log.lead())
            if self.leads:
                self._compact()
        except StoreLost as reason:
            logger.warning("%s", reason)
            self._look_again(IDLE_TICK)
        except Exception:
            logger.exception("the store could not be looked after")
            self._look_again(IDLE_TICK)
        else:
            followed = any(bench.journal.is_followed for bench in self._workbenches)
            is_busy = self.leads or self._told or followed
            self._look_again(BUSY_TICK if is_busy else IDLE_TICK)

    def _lead_or_follow(self, *, leads: bool) -> None:
        if leads and not self.leads:
            self.turns.enter()
            self.leads = True
            self._take_lead()
        elif self.leads and not leads:
            self.leads = False
            for bench in self._workbenches:
                assert isinstance(bench, RecordedWorkbench)
                bench.leave_lead()

    def _soon(self, what: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # no loop runs: there is nothing to send with either
            asyncio.get_running_loop().call_soon(what)

    def _take_lead(self) -> None:
        self.turns.enter()
        for bench in self._workbenches:
            assert isinstance(bench, RecordedWorkbench)
            bench.take_lead()
        for number in tuple(self._asked):
            self._answer(number)

    def _compact(self) -> None:
        turns = self.turns
        if turns.is_open or turns.is_lost:
            return
        if turns.written > max(COMPACT_FROM, 4 * self._state_size):
            state = packed((turns.now(), self.state()))
            self._log.compact(turns.head, state)
            self._state_size, turns.written = len(state), 0

    # powers that the leading worker uses for another

    async def _use(self, power: Power, asked: Asked) -> Response | None:
        """Have the leading worker use the power; None where this one is to use it itself."""
        if asked.bench is not None:
            self.turns.touched.add(asked.bench.vault.application.id)
        if self.leads or power.name not in LED:
            return None
        number = str(uuid4())
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._told[number] = answer
        try:
            self.turns.enter()
            self._do_ask(
                number, power.name, dict(asked.path), dict(asked.query), asked.body, asked.base_url
            )
            self.turns.changes.append((SERVER, "ask", (number, *self._asked[number])))
            self._look_soon()
            async with asyncio.timeout(ANSWER_WITHIN):
                return await answer
        except TimeoutError:
            return Response(_nobody_leads(), 503, {"retry-after": "1"}, "application/json")
        finally:
            del self._told[number]

    def _look_soon(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
        self._look_again(BUSY_TICK)

    def _do_ask(self, number: str, *question: Any) -> None:
        self._asked[number] = question
        if self.leads:
            self._soon(lambda: self._answer(number))

    def _do_tell(self, number: str, status: int, headers: Any, content: bytes) -> None:
        self._asked.pop(number, None)
        waiting = self._told.get(number)
        if waiting is not None and not waiting.done():
            response = Response(content, status)
            response.raw_headers = headers
            waiting.set_result(response)

    def _answer(self, number: str) -> None:
        task = asyncio.ensure_future(self._answer_now(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_now(self, number: str) -> None:
        if number not in self._asked:
            return
        name, path, query, body, base_url = self._asked[number]
        mock = self._mock
        power = next(each for each in mock.tools["powers"] if each.name == name)
        try:
            self.turns.enter()
            bench = self._workbenches.find(path["app"]) if "app" in path else None
            response = await self._control.use(
                power, Asked(mock, path, query, body, base_url, bench)
            )
            self.turns.enter()
            if bench is not None:
                self.turns.touched.add(bench.vault.application.id)
        except StoreLost as reason:
            logger.warning("%s", reason)
            return
        told = (number, response.status_code, response.raw_headers, bytes(response.body))
        self._do_tell(*told)
        self.turns.changes.append((SERVER, "tell", told))


def _nobody_leads() -> bytes:
    content = refusal(
        503,
        "ServiceUnavailableError",
        "Service Unavailable",
        "The worker that leads did not answer",
    ).content
    assert content is not None
    return content


_FOLLOWED: dict[str, Callable[..., None]] = {
    "ids": RecordedWorkbench.follow_ids,
    "clock": RecordedWorkbench.follow_clock,
    "timer": lambda bench, timer: bench.timers.follow(timer),
    "untimer": lambda bench, kind, subject: Timers.cancel(bench.timers, kind, subject),
    "faults": RecordedWorkbench.follow_faults,
    "prefer": RecordedWorkbench.follow_preferences,
    "standing": RecordedWorkbench.follow_standing,
    "save": lambda bench, name: bench.follow_snapshot(name, None),
    "keep": RecordedWorkbench.follow_snapshot,
    "drop": RecordedWorkbench.follow_drop,
    "restore": RecordedWorkbench.follow_return,
    "become": RecordedWorkbench.follow_restore,
    "row": lambda bench, row: bench.journal.follow_row(row),
    "forget": lambda bench: bench.journal.clear(),
    "events": lambda bench, *told: bench.webhooks.follow_events(*told),
    "delivery": lambda bench, delivery: bench.webhooks.follow_delivery(delivery),
    "room": lambda bench: bench.webhooks.follow_room(),
    "queue": lambda bench, *told: bench.webhooks.follow_queue(*told),
}
"""What is done where another worker has changed something of an application."""
