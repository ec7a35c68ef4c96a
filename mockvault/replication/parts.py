"""The parts of an application that put down what changes in them, so that other workers follow.

Each does what the part in memory does. It asks for the turn before it changes anything, so that
even what nobody foresaw stands in the log in its order.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappush
from typing import Any

from mockvault.control.faults import FaultsSnapshot
from mockvault.control.journal import MOST_BYTES, Journal, entry_of
from mockvault.control.preferences import Preference
from mockvault.control.timekeeping import Handler
from mockvault.control.workbench import Equipment, Workbench, World
from mockvault.delivery.outbox import (
    TIME_TO_LIVE,
    Delivery,
    DeliveryStatus,
    RaisedEvent,
    next_attempt,
)
from mockvault.delivery.transport import Answered, post
from mockvault.delivery.webhooks import DELIVERY, EXPIRY, Webhooks
from mockvault.domain.clock import ClockState, ControlledClock
from mockvault.domain.entities import Connection, Consumer, CustomMapping, LogRow
from mockvault.domain.events import ConnectionChange
from mockvault.domain.history import CallHistory
from mockvault.domain.ids import IdSource
from mockvault.domain.timers import Timer, Timers
from mockvault.replication.turns import Turns
from mockvault.store.memory import MemoryStore
from mockvault.store.shared import StoreLost
from mockvault.vault.vault import Vault
from mockvault.web.recording import Row

STORE_CHANGES = (
    "next_sequence",
    "put_consumer",
    "delete_consumer",
    "put_connection",
    "delete_connection",
    "count_authorization",
    "put_mapping",
    "delete_mapping",
    "count_call",
    "put_history",
    "log",
    "record_call",
    "put_secret",
    "take_secret",
)
"""What of a store is done by its followers in the same way."""


class RecordedStore(MemoryStore):
    """A store that puts down each change. What restores it whole is put down by the workbench."""

    def __init__(self, turns: Turns, application_id: str, log_capacity: int) -> None:
        super().__init__(log_capacity)
        self._turns = turns
        self._id = application_id

    def _did(self, name: str, *arguments: Any) -> None:
        self._turns.changes.append((self._id, name, arguments))

    def next_sequence(self) -> int:
        """Return the number under which the next new consumer is listed."""
        self._turns.enter()
        self._did("next_sequence")
        return super().next_sequence()

    def put_consumer(self, consumer: Consumer) -> None:
        """Keep a new or changed consumer."""
        self._turns.enter()
        super().put_consumer(consumer)
        self._did("put_consumer", consumer)

    def delete_consumer(self, consumer_id: str) -> None:
        """Remove the consumer with connections, mappings, counts and log entries."""
        self._turns.enter()
        super().delete_consumer(consumer_id)
        self._did("delete_consumer", consumer_id)

    def put_connection(self, connection: Connection) -> None:
        """Keep a new or changed connection."""
        self._turns.enter()
        super().put_connection(connection)
        self._did("put_connection", connection)

    def delete_connection(self, consumer_id: str, key: tuple[str, str]) -> None:
        """Remove the connection with its custom mappings."""
        self._turns.enter()
        super().delete_connection(consumer_id, key)
        self._did("delete_connection", consumer_id, key)

    def count_authorization(self, consumer_id: str, key: tuple[str, str]) -> None:
        """Count a consent that was finished or revoked."""
        self._turns.enter()
        super().count_authorization(consumer_id, key)
        self._did("count_authorization", consumer_id, key)

    def put_mapping(self, mapping: CustomMapping) -> None:
        """Keep a new or changed mapping."""
        self._turns.enter()
        super().put_mapping(mapping)
        self._did("put_mapping", mapping)

    def delete_mapping(self, consumer_id: str, key: tuple[str, str, str]) -> None:
        """Remove a mapping."""
        self._turns.enter()
        super().delete_mapping(consumer_id, key)
        self._did("delete_mapping", consumer_id, key)

    def count_call(self, consumer_id: str, kind: str, time: int, calls: int = 1) -> None:
        """Count calls of a kind made for the consumer."""
        self._turns.enter()
        super().count_call(consumer_id, kind, time, calls)
        self._did("count_call", consumer_id, kind, time, calls)

    def put_history(self, consumer_id: str, kind: str, history: CallHistory) -> None:
        """Have the calls of a kind that were counted before."""
        self._turns.enter()
        super().put_history(consumer_id, kind, history)
        self._did("put_history", consumer_id, kind, history)

    def log(self, entry: LogRow) -> None:
        """Keep a log entry as the newest of its consumer."""
        self._turns.enter()
        super().log(entry)
        self._did("log", entry)

    def record_call(self, row: LogRow) -> None:
        """Log a call to the vault, and count it where the consumer exists."""
        self._turns.enter()
        super().record_call(row)
        self._did("record_call", row)

    def put_secret(self, name: str, value: Any, expires_at: int) -> None:
        """Keep a value until it is taken or its time is over."""
        self._turns.enter()
        super().put_secret(name, value, expires_at)
        self._did("put_secret", name, value, expires_at)

    def take_secret(self, name: str, now: int) -> Any:
        """Return and forget a value, or None where it is unknown or too old."""
        self._turns.enter()
        self._did("take_secret", name, now)
        return super().take_secret(name, now)


class RecordedIds(IdSource):
    """Ids that no other worker gives: their number is put down at the end of the turn."""

    __slots__ = ("_id", "_turns")

    def __init__(self, turns: Turns, application_id: str, seed: str) -> None:
        super().__init__(seed)
        self._turns = turns
        self._id = application_id

    def uuid(self) -> str:
        """Return a UUID."""
        turns = self._turns
        turns.enter()
        turns.touched.add(self._id)
        return super().uuid()

    def token(self, prefix: str = "") -> str:
        """Return an opaque token."""
        turns = self._turns
        turns.enter()
        turns.touched.add(self._id)
        return super().token(prefix)

    def rewind(self, count: int) -> None:
        """Continue as if `count` ids had been given."""
        self._turns.enter()
        self._turns.touched.add(self._id)
        super().rewind(count)


class RecordedClock(ControlledClock):
    """A clock of which every worker shows the same time."""

    __slots__ = ("_id", "_turns")

    def __init__(self, turns: Turns, application_id: str) -> None:
        super().__init__(turns.now)
        self._turns = turns
        self._id = application_id

    def _enter(self) -> None:
        self._turns.enter()
        self._turns.touched.add(self._id)

    def restore(self, state: ClockState) -> None:
        """Stand, or run, as it did when `state` was taken."""
        self._enter()
        super().restore(state)

    def freeze(self, at: int | None = None) -> None:
        """Stand still from now on: at the time it is, or at another."""
        self._enter()
        super().freeze(at)

    def move(self, to: int) -> None:
        """Show another time; a clock that runs goes on running from there."""
        self._enter()
        super().move(to)

    def resume(self) -> None:
        """Run on from the time at which it stands."""
        self._enter()
        super().resume()

    def reset(self) -> None:
        """Run with its source again."""
        self._enter()
        super().reset()


class RecordedTimers(Timers):
    """Timers that every worker knows, so that any of them can take the lead and fire them."""

    def __init__(self, turns: Turns, application_id: str) -> None:
        super().__init__()
        self._turns = turns
        self._id = application_id

    def set(self, due: int, kind: str, subject: str) -> Timer:
        """Set a timer, in place of the one of this kind that the subject had."""
        self._turns.enter()
        timer = super().set(due, kind, subject)
        self._turns.changes.append((self._id, "timer", (timer,)))
        return timer

    def cancel(self, kind: str, subject: str) -> None:
        """Forget the timer of this kind that the subject has, if it has one."""
        if (kind, subject) in self._current:
            self._turns.enter()
            super().cancel(kind, subject)
            self._turns.changes.append((self._id, "untimer", (kind, subject)))

    def take_due(self, until: int) -> Timer | None:
        """Return and forget the first timer that is due by `until`, or None."""
        if self.next_due is None:
            return None
        try:
            self._turns.enter()
        except StoreLost:
            return None  # they are set anew when the store is back
        timer = super().take_due(until)
        if timer is not None:
            self._turns.changes.append((self._id, "untimer", (timer.kind, timer.subject)))
        return timer

    def follow(self, timer: Timer) -> None:
        """Have a timer that another worker set."""
        self._sequence = timer.sequence
        self._current[timer.kind, timer.subject] = timer
        heappush(self._heap, timer)
        self.changed()


class RecordedJournal(Journal):
    """A journal that reads the same at every worker, numbers included."""

    def __init__(
        self, turns: Turns, application_id: str, now: Callable[[], int], capacity: int
    ) -> None:
        super().__init__(now, capacity)
        self._turns = turns
        self._id = application_id

    def put_request(self, told: Row) -> None:
        """Put down a request with its answer, and what it raised on the way after it."""
        self._turns.enter()
        super().put_request(told)
        self._take_in()

    def _take_in(self) -> None:
        """Make entries of what is new."""
        if not self._new:
            return
        self._turns.enter()
        before = self._number
        super()._take_in()
        self._turns.changes += [
            (self._id, "row", (self._entries[place],)) for place in range(before - self._number, 0)
        ]

    def clear(self) -> None:
        """Forget every entry."""
        self._turns.enter()
        super().clear()
        self._turns.changes.append((self._id, "forget", ()))

    def follow_row(self, row: Any) -> None:
        """Put down what another worker put down."""
        self._number = row[0]
        self._entries.append(row)
        self._size += row[5]
        if len(self._entries) > self._most or self._size > MOST_BYTES:
            self._make_room()
        if self._followers:
            self._tell(entry_of(row))

    @property
    def state(self) -> Any:
        """All that it holds."""
        return (
            tuple(self._entries),
            self._number,
            self._size,
            self._evicted,
            dict(self._evicted_requests),
        )

    def restore(self, state: Any) -> None:
        """Hold what another worker's held."""
        entries, self._number, self._size, self._evicted, evicted = state
        self._entries = deque(entries)
        self._evicted_requests.clear()
        self._evicted_requests.update(evicted)


class RecordedWebhooks(Webhooks):
    """Webhooks that every worker knows and one sends: the one that leads."""

    def __init__(  # noqa: PLR0917  those of Webhooks, and whose turns they are
        self,
        turns: Turns,
        leads: Callable[[], bool],
        vault: Vault,
        timers: Timers,
        tell: Callable[[str, Any], None],
        equipment: Equipment,
    ) -> None:
        self._turns = turns
        self._leads = leads
        self._id = vault.application.id
        super().__init__(
            vault,
            timers,
            tell,
            encoding=equipment.signature,
            timeout=equipment.webhook_timeout,
            post=self._send,
        )

    async def _send(self, *arguments: Any, **options: Any) -> Answered:
        """Send what the log has; what came of it is judged by the world as it is then."""
        if self._turns.is_lost or not self._leads():
            raise StoreLost("this worker does not lead any more")
        answered = await post(*arguments, **options)
        self._turns.enter()
        return answered

    def hear(self, change: ConnectionChange) -> None:
        """Raise the events of a change and put each into the outbox for who asked for it."""
        self._turns.enter()
        before = self._sequence
        super().hear(change)
        raised = self._sequence - before
        if raised:
            events = [self._events[place] for place in range(-raised, 0)]
            self._turns.touched.add(self._id)
            self._turns.changes.append((self._id, "events", (self._sequence, events)))

    def _put(self, delivery: Delivery) -> None:
        self._turns.enter()
        self._turns.touched.add(self._id)
        super()._put(delivery)
        self._turns.changes.append((self._id, "delivery", (delivery,)))

    def _make_room(self) -> None:
        before = len(self.deliveries)
        super()._make_room()
        if len(self.deliveries) != before:
            self._turns.changes.append((self._id, "room", ()))

    def _queue(self, subscription_id: str, number: int, done: Any = None) -> None:
        if self._leads():
            super()._queue(subscription_id, number, done)
        else:
            self._turns.changes.append((self._id, "queue", (subscription_id, number)))

    # what other workers did

    def follow_events(self, sequence: int, events: list[RaisedEvent]) -> None:
        """Know events that were raised elsewhere."""
        self._sequence = sequence
        self._events.extend(events)

    def follow_delivery(self, delivery: Delivery) -> None:
        """Know how far a delivery is."""
        self.deliveries[delivery.number] = delivery
        if delivery.is_over:
            self._over.append(delivery.number)

    def follow_room(self) -> None:
        """Forget what was forgotten elsewhere."""
        super()._make_room()

    def follow_queue(self, subscription_id: str, number: int) -> None:
        """Send what another worker put into the outbox, if this one leads."""
        if self._leads():
            super()._queue(subscription_id, number)

    @property
    def standing(self) -> tuple[Any, ...]:
        """What is put down whole when it has changed."""
        return (
            self.subscriptions.copy(),
            self._held.copy(),
            self._numbers,
            self._made,
            self.evicted_deliveries,
            self.lost_deliveries,
        )

    def follow_standing(self, standing: tuple[Any, ...]) -> None:
        """Have what another worker has."""
        (
            subscriptions,
            held,
            self._numbers,
            self._made,
            self.evicted_deliveries,
            self.lost_deliveries,
        ) = standing
        self.subscriptions, self._held = subscriptions.copy(), held.copy()

    def take_lead(self) -> None:
        """Send what nobody is known to see to: it may have been on its way when the lead fell."""
        self.cancel()
        held = {number for numbers in self._held.values() for number in numbers}
        for delivery in tuple(self.deliveries.values()):
            waits = any(
                self._timers.due_of(kind, delivery.id) is not None for kind in (DELIVERY, EXPIRY)
            )
            if delivery.status is not DeliveryStatus.PENDING or waits or delivery.number in held:
                continue
            failed = len(delivery.attempts) - delivery.first
            now = self._vault.now()
            if failed and next_attempt(delivery.since, failed, now) is None:
                self._timers.set(delivery.since + TIME_TO_LIVE, EXPIRY, delivery.id)
            else:
                super()._queue(delivery.subscription_id, delivery.number)


class _Snapshots(dict[str, World]):
    """Named worlds that every worker has."""

    def __init__(self, bench: "RecordedWorkbench") -> None:
        super().__init__()
        self._bench = bench

    def __setitem__(self, name: str, world: World) -> None:
        self._bench.put_down_snapshot(name, world)
        super().__setitem__(name, world)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._bench.put_down("drop", name)


class RecordedWorkbench(Workbench):
    """The powers over one application, of which every worker sees what any of them did."""

    hears_at_once = True
    journal: RecordedJournal
    webhooks: RecordedWebhooks
    timers: RecordedTimers
    _ids: int
    _clock: ClockState
    _faults: FaultsSnapshot
    _preferences: dict[str, Preference]
    _standing: tuple[Any, ...]

    def __init__(  # noqa: PLR0917  those of Workbench, and whose turns they are
        self,
        turns: Turns,
        leads: Callable[[], bool],
        vault: Vault,
        clock: ControlledClock,
        equipment: Equipment,
        changed: Callable[[], None],
    ) -> None:
        self._turns = turns
        self._leads = leads
        self._taken: World | None = None
        assert isinstance(vault.surroundings.timers, RecordedTimers)
        self.timers = vault.surroundings.timers
        super().__init__(vault, clock, equipment, changed)
        self.snapshots = _Snapshots(self)
        self.time.rings = leads
        for kind, handler in self.time.handlers.items():
            self.time.handlers[kind] = self._in_turn(handler)
        self.mark()

    def _new_journal(self, capacity: int) -> RecordedJournal:
        return RecordedJournal(self._turns, self.vault.application.id, self.vault.now, capacity)

    def _new_webhooks(self, equipment: Equipment) -> RecordedWebhooks:
        timers = self.vault.surroundings.timers
        return RecordedWebhooks(self._turns, self._leads, self.vault, timers, self._hear, equipment)

    def _in_turn(self, handler: Handler) -> Handler:
        async def handle(timer: Timer) -> Any:
            self._turns.enter()
            self._turns.touched.add(self.vault.application.id)
            return await handler(timer)

        return handle

    def put_down(self, name: str, *arguments: Any) -> None:
        """Put down a change of the application, after all that is not put down yet."""
        self._turns.enter()
        self.put_down_differences()
        self._turns.changes.append((self.vault.application.id, name, arguments))

    def put_down_snapshot(self, name: str, world: World) -> None:
        """Put down that the world is kept, or what world is if it is another."""
        if world is self._taken:
            self.put_down("save", name)
        else:
            self.put_down("keep", name, world)
        self._taken = None

    def put_down_differences(self) -> None:
        """Put down what has changed since `mark`, of what does not put itself down."""
        changes, identifier = self._turns.changes, self.vault.application.id
        surroundings = self.vault.surroundings
        count = surroundings.ids.count
        if count != self._ids:
            self._ids = count
            changes.append((identifier, "ids", (count,)))
        if self.clock.state != self._clock:
            self._clock = self.clock.state
            changes.append((identifier, "clock", (self._clock,)))
        if self.faults.is_on or self._faults.rules or self._faults.limit is not None:
            faults = self.faults.snapshot()
            if faults != self._faults:
                self._faults = faults
                changes.append((identifier, "faults", (faults,)))
        if self.preferences != self._preferences:
            self._preferences = self.preferences.copy()
            changes.append((identifier, "prefer", (self._preferences,)))
        webhooks = self.webhooks
        if webhooks.subscriptions or self._standing[0]:
            standing = webhooks.standing
            if standing != self._standing:
                self._standing = standing
                changes.append((identifier, "standing", (standing,)))

    def mark(self) -> None:
        """Take everything as put down."""
        self._ids = self.vault.surroundings.ids.count
        self._clock = self.clock.state
        self._faults = self.faults.snapshot()
        self._preferences = self.preferences.copy()
        self._standing = self.webhooks.standing

    def snapshot(self) -> World:
        """Return everything as it is now."""
        self._taken = super().snapshot()
        return self._taken

    def restore(self, world: World) -> None:
        """Make everything what it was in that world."""
        if world is self._first:
            self.put_down("restore", None)
        else:
            names = [name for name, each in self.snapshots.items() if each is world]
            if names:
                self.put_down("restore", names[0])
            else:
                self.put_down("become", world)
        self.follow_restore(world)

    def follow_restore(self, world: World) -> None:
        """Make everything what it was in that world, as another worker did."""
        with self._turns.unseen():
            super().restore(world)
        self.mark()

    def follow_ids(self, count: int) -> None:
        """Have given as many ids as other workers have."""
        IdSource.rewind(self.vault.surroundings.ids, count)
        self._ids = count

    def follow_clock(self, state: ClockState) -> None:
        """Show the time that other workers show."""
        self.clock.restore(state)
        self._clock = state
        self.time.wake()

    def follow_faults(self, faults: FaultsSnapshot) -> None:
        """Have the rules that other workers have."""
        self.faults.restore(faults)
        self._faults = faults

    def follow_preferences(self, preferences: dict[str, Preference]) -> None:
        """Prefer what other workers prefer."""
        self.preferences = preferences
        self._preferences = preferences.copy()
        self._changed()

    def follow_standing(self, standing: tuple[Any, ...]) -> None:
        """Have the subscriptions that other workers have."""
        self.webhooks.follow_standing(standing)
        self._standing = standing

    def follow_snapshot(self, name: str, world: World | None) -> None:
        """Keep a world under a name: another, or this one as it is now."""
        dict.__setitem__(self.snapshots, name, self.snapshot() if world is None else world)

    def follow_drop(self, name: str) -> None:
        """Forget a snapshot."""
        dict.pop(self.snapshots, name, None)

    def follow_return(self, name: str | None) -> None:
        """Make everything what it was in a snapshot, or in the beginning."""
        self.follow_restore(self._first if name is None else self.snapshots[name])

    @property
    def first(self) -> World:
        """The world to which a reset leads."""
        return self._first

    @first.setter
    def first(self, world: World) -> None:
        self._first = world

    def take_lead(self) -> None:
        """Fire timers and send webhooks from now on."""
        self.webhooks.take_lead()
        self.time.wake()

    def leave_lead(self) -> None:
        """Fire and send nothing any more."""
        self.time.interrupt()
        self.webhooks.cancel()
        self.time.wake()
