"""What can be done to one application beside its API: clock, webhooks, faults, journal, worlds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mockvault.control.faults import EXPIRY as FAULT_EXPIRY
from mockvault.control.faults import Faults, FaultsSnapshot
from mockvault.control.journal import CAPACITY, Journal
from mockvault.control.preferences import NONE, Preference
from mockvault.control.timekeeping import Effect, Timekeeper
from mockvault.delivery import webhooks
from mockvault.delivery.outbox import OutboxSnapshot, attempt_effect
from mockvault.delivery.webhooks import Webhooks
from mockvault.domain.clock import ClockState, ControlledClock
from mockvault.domain.events import ConnectionChange
from mockvault.domain.timers import Timer
from mockvault.vault.applications import Applications
from mockvault.vault.exchange import due_at
from mockvault.vault.vault import Vault
from mockvault.web.recording import Exchange, Row, Tell

TOKEN = "token"  # noqa: S105  a kind of timer
_APPLICATION, _HEADERS = map(Exchange._fields.index, ("application_id", "headers"))
ANY = "*"
"""The key of a preference for every operation."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every workbench of a mock is made with."""

    journal_capacity: int = CAPACITY
    signature: str = "hex"
    webhook_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class World:
    """Everything of one application at one moment: what a snapshot keeps."""

    taken_at: int
    store: Any
    ids: int
    clock: ClockState
    timers: Any
    outbox: OutboxSnapshot
    faults: FaultsSnapshot
    preferences: dict[str, Preference] = field(default_factory=dict)


class Workbench:
    """The powers over one application. Nothing of another can be reached through it."""

    hears_at_once = False
    """Whether events are raised as connections change, though nobody is subscribed to any."""

    def __init__(
        self,
        vault: Vault,
        clock: ControlledClock,
        equipment: Equipment,
        changed: Callable[[], None],
    ) -> None:
        surroundings = vault.surroundings
        self.vault = vault
        self.clock = clock
        self._changed = changed
        self.journal = self._new_journal(equipment.journal_capacity)
        self.webhooks = self._new_webhooks(equipment)
        self.time = Timekeeper(clock, surroundings.timers, self.webhooks.settle)
        self.faults = Faults(vault.now, surroundings.timers, changed)
        self.preferences: dict[str, Preference] = {}
        self.snapshots: dict[str, World] = {}
        for kind in (webhooks.DELIVERY, webhooks.EXPIRY, webhooks.REORDER):
            self.time.handlers[kind] = self.webhooks.fire
        self.time.handlers[FAULT_EXPIRY] = self._end_fault
        self.time.handlers[TOKEN] = self._refresh
        self.journal.events_of = self.webhooks.raise_events
        self.webhooks.catch_up = self.journal.settle
        surroundings.listeners.append(self._heard)
        for said in vault.application.webhooks:
            self.webhooks.subscribe(**said, source="fixture")
        self._first = self._as_world(vault.beginning)

    def _new_journal(self, capacity: int) -> Journal:
        return Journal(self.vault.now, capacity)

    def _new_webhooks(self, equipment: Equipment) -> Webhooks:
        return Webhooks(
            self.vault,
            self.vault.surroundings.timers,
            self._hear,
            encoding=equipment.signature,
            timeout=equipment.webhook_timeout,
        )

    @property
    def is_meddling(self) -> bool:
        """Whether any of its requests may be answered otherwise than by the vault alone."""
        return self.faults.is_on or bool(self.preferences)

    def preference_for(self, operation_id: str) -> Preference:
        """Return the preference that sticks to an operation."""
        preferences = self.preferences
        if not preferences:
            return NONE
        return preferences.get(operation_id, NONE).over(preferences.get(ANY, NONE))

    def prefer(self, operation_id: str, preference: Preference | None) -> None:
        """Have a preference stick to an operation or, for `*`, to all; None lets go of it."""
        if preference is None:
            self.preferences.pop(operation_id, None)
        else:
            self.preferences[operation_id] = preference
        self._changed()

    # worlds

    def snapshot(self) -> World:
        """Return everything as it is now."""
        return self._as_world(self.vault.surroundings.store.snapshot())

    def _as_world(self, store: Any) -> World:
        surroundings = self.vault.surroundings
        return World(
            self.vault.now(),
            store,
            surroundings.ids.count,
            self.clock.state,
            surroundings.timers.snapshot(),
            self.webhooks.snapshot(),
            self.faults.snapshot(),
            self.preferences.copy(),
        )

    def restore(self, world: World) -> None:
        """Make everything what it was in that world; what is on its way is not waited for."""
        surroundings = self.vault.surroundings
        self.time.interrupt()
        self.webhooks.cancel()
        surroundings.store.restore(world.store)
        surroundings.ids.rewind(world.ids)
        surroundings.take_changes()
        self.clock.restore(world.clock)
        surroundings.timers.restore(world.timers)
        self.webhooks.restore(world.outbox)
        self.faults.restore(world.faults)
        self.preferences = world.preferences.copy()
        self._changed()
        self.time.wake()

    def reset(self) -> None:
        """Make everything what it was in the beginning, the journal empty; snapshots stay."""
        self.restore(self._first)
        self.journal.clear()

    def close(self) -> None:
        """Do nothing any more."""
        self.time.close()
        self.webhooks.cancel()
        self.journal.close()

    # what happens

    def did(self, power: str, **told: Any) -> None:
        """Put down that a power was used."""
        self.journal.put("control", {"power": power, **told})

    def _hear(self, kind: str, what: Any) -> None:
        if kind == "event":
            self.journal.put_later(kind, what)
            if self.time.is_advancing:
                self.time.did({"kind": "event", "event_type": what.type, "event_id": what.id})
        else:
            self.journal.put(kind, what)
            self.time.did(attempt_effect(what))

    def _heard(self, change: ConnectionChange) -> None:
        """Have the events of a change raised, and see to a token that is about to end.

        They wait until somebody looks, where nobody is to be told of them at once.
        """
        if self.hears_at_once or self.webhooks.subscriptions or self.time.is_advancing:
            self.webhooks.hear(change)
        else:
            self.journal.put_change(change)
        connection = change.after
        if connection is not None:
            token = connection.token
            if token is not None and token.expires_in is not None:
                self._see_to(f"{connection.id} of {connection.consumer_id}", due_at(token))

    def _see_to(self, subject: str, due: int) -> None:
        timers = self.vault.surroundings.timers
        if timers.due_of(TOKEN, subject) != due:
            timers.set(due, TOKEN, subject)

    async def _refresh(self, timer: Timer) -> Effect | None:
        """Look at a connection whose token is due: the vault refreshes it, or drops it and tells.

        Where time is advanced by more than a token's life, one refresh stands for those after it.
        """
        connection_id, _, consumer_id = timer.subject.partition(" of ")
        unified_api, _, service_id = connection_id.partition("+")
        place = (unified_api, service_id)
        before = self.vault.surroundings.store.connection(consumer_id, place)
        if before is None or before.token is None or before.token.expires_at is None:
            return None
        due = due_at(before.token)
        if due > self.vault.now():  # it was refreshed since
            self._see_to(timer.subject, due)
            return None
        after = self.vault.connections.find(consumer_id, *place).connection
        self.vault.surroundings.take_changes()
        token = None if after is None else after.token
        if token is not None and token.expires_at is not None:
            self._see_to(timer.subject, max(due_at(token), self.time.target + 1))
        return {
            "kind": "token.refreshed" if token is not None else "token.refresh_failed",
            "connection": connection_id,
            "consumer_id": consumer_id,
        }

    async def _end_fault(self, timer: Timer) -> Effect | None:
        ended = self.faults.expire(timer.subject)
        return {"kind": "fault.expired", "fault_id": timer.subject} if ended else None


class Workbenches:
    """The workbench of each application, and the journal of what belongs to none.

    `make` makes a workbench as `Workbench` does.
    """

    def __init__(
        self,
        tell: Tell | None,
        equipment: Equipment,
        journal: Journal,
        make: Callable[..., Workbench] = Workbench,
    ) -> None:
        self._tell = tell
        self._equipment = equipment
        self._make = make
        self._benches: dict[str, Workbench] = {}
        self.switched: Callable[[bool], None] = _nobody_asks
        """Told whether any request may be answered otherwise than by its plan, as it changes."""
        self.journal = journal

    def __iter__(self) -> Iterator[Workbench]:
        return iter(tuple(self._benches.values()))

    def open(self, vault: Vault, clock: ControlledClock) -> Workbench:
        """Return a new workbench for the vault, in place of one for the same application."""
        self.close(vault.application.id)
        workbench = self._make(vault, clock, self._equipment, self._changed)
        self._benches[vault.application.id] = workbench
        if self._tell is None:
            vault.put_down = workbench.journal.put_request
        return workbench

    def find(self, application_id: str) -> Workbench | None:
        """Return the workbench of an application, or None."""
        return self._benches.get(application_id)

    def close(self, application_id: str) -> None:
        """Have no workbench for the application any more."""
        workbench = self._benches.pop(application_id, None)
        if workbench is not None:
            workbench.close()
            self._changed()

    def record(self, row: Row) -> None:
        """Put a request down in its application's journal, and log it."""
        workbench = self._benches.get(row[_APPLICATION])
        if workbench is None:
            workbench = self._named(row)
        journal = self.journal if workbench is None else workbench.journal
        journal.put_request(row)
        if self._tell is not None:
            self._tell(Exchange._make(row))

    def end_streams(self) -> None:
        """End every stream of every journal."""
        self.journal.close()
        for workbench in self:
            workbench.journal.close()

    def reset(self, applications: Applications) -> None:
        """Make every application what it was in the beginning."""
        for vault in applications:
            workbench = self.find(vault.application.id)
            if workbench is not None:
                workbench.reset()
        self.journal.clear()

    def _named(self, row: Row) -> Workbench | None:
        """Return the workbench of the application that a refused request named, if there is one."""
        for name, value in row[_HEADERS]:
            if name == b"x-apideck-app-id":
                return self._benches.get(value.decode("latin-1"))
        return None

    def _changed(self) -> None:
        self.switched(any(each.is_meddling for each in self._benches.values()))


def _nobody_asks(is_on: bool) -> None:  # noqa: FBT001  told by whom it is set for
    """No request is answered."""
