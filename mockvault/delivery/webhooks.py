"""The webhooks of one application: events heard, put into the outbox, sent in the background.

A change is heard while a request is answered and costs it no more than putting a value down. Each
subscription has its own worker, so that one that hangs keeps nobody waiting but itself, and is sent
its events in order, one at a time (spec/decisions/0402).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

from mockvault.delivery.outbox import (
    NO_KNOBS,
    TIME_TO_LIVE,
    Attempt,
    Delivery,
    DeliveryStatus,
    Knobs,
    OutboxSnapshot,
    RaisedEvent,
    Subscription,
    SubscriptionStatus,
    next_attempt,
)
from mockvault.delivery.signing import canonical, signature
from mockvault.delivery.transport import Answered, post
from mockvault.domain.clock import SECOND, iso_time
from mockvault.domain.entities import made
from mockvault.domain.errors import EntityNotFound, IllegalStep
from mockvault.domain.events import ConnectionChange, events_of
from mockvault.domain.ids import IdSource
from mockvault.domain.timers import Timer, Timers
from mockvault.presenting import consumer_connection_json
from mockvault.vault.vault import Vault
from mockvault.version import VERSION

logger = logging.getLogger("mockvault")

DELIVERY, EXPIRY, REORDER = "delivery", "expiry", "reorder"
"""The kinds of timers that this module answers for."""
HELD_FOR = 5 * SECOND
"""How long events that are to be reordered are held back, on the clock."""
CAPACITY = 10_000
"""Events, and deliveries that are over, that are kept."""
BACKLOG = 50_000
"""Deliveries that may wait; beyond it the oldest is given up, and told."""

Post = Callable[..., Awaitable[Answered]]
Tell = Callable[[str, Any], None]
_Turn = tuple[int, "asyncio.Future[None] | None"]


class Webhooks:
    """Subscriptions, events and deliveries of one application.

    `tell` hears of each event ("event") and each attempt ("attempt", a delivery) as it happens.
    """

    def __init__(
        self,
        vault: Vault,
        timers: Timers,
        tell: Tell,
        *,
        encoding: str = "hex",
        timeout: float = 10.0,
        post: Post = post,
    ) -> None:
        self._vault = vault
        self._timers = timers
        self._tell = tell
        self._encoding = encoding
        self._timeout = timeout
        self._post = post
        self._seed = f"{vault.surroundings.seed}/{vault.application.id}"
        self._event_seed = f"{self._seed}/events"
        self.subscriptions: dict[str, Subscription] = {}
        self.deliveries: dict[int, Delivery] = {}
        self._events: deque[RaisedEvent] = deque(maxlen=CAPACITY)
        self.catch_up: Callable[[], None] = _nothing
        """Has the events raised of what has changed: called before they are looked at."""
        self.evicted_deliveries = 0
        self.lost_deliveries = 0
        self._over: deque[int] = deque()
        self._held: dict[str, tuple[int, ...]] = {}
        self._sequence = self._numbers = self._made = 0
        self._queues: dict[str, deque[_Turn]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}

    @property
    def raised(self) -> int:
        """How many events there have been."""
        self.catch_up()
        return self._sequence

    @property
    def events(self) -> "deque[RaisedEvent]":
        """The latest events, oldest first."""
        self.catch_up()
        return self._events

    # hearing

    def hear(self, change: ConnectionChange) -> None:
        """Raise the events of a change and put each into the outbox for who asked for it."""
        self.catch_up()
        for event in self.raise_events(change):
            self._tell("event", event)
            for subscription in tuple(self.subscriptions.values()):
                if subscription.takes(event.type):
                    self._accept(subscription, event)

    def raise_events(self, change: ConnectionChange) -> Sequence[RaisedEvent]:
        """Return the events of a change, which nobody is told of by this."""
        events, seed, sequence = self._events, self._event_seed, self._sequence
        raised = []
        for event_type in events_of(change):
            sequence += 1
            event = made(RaisedEvent, (sequence, seed, event_type, change))
            events.append(event)
            raised.append(event)
        self._sequence = sequence
        return raised

    def _accept(self, subscription: Subscription, event: RaisedEvent) -> None:
        now = self._vault.now()
        self._numbers += 1
        number = self._numbers
        key = IdSource(f"{self._seed}/deliveries", number - 1).uuid()
        knobs = self._spend(subscription)
        delivery = Delivery(number, event, subscription.id, key, now, now, knobs=knobs)
        self._put(delivery)
        if knobs.drop and self._chance(delivery, "drop") < knobs.drop:
            self._finish(delivery, DeliveryStatus.DROPPED, "dropped on purpose")
            self._tell("attempt", self.deliveries[number])
        elif knobs.delay:
            self._wait(delivery, now + knobs.delay)
        elif knobs.reorder > 1:
            self._hold(subscription, number, knobs.reorder)
        else:
            self._queue(subscription.id, number)
        self._make_room()

    def _spend(self, subscription: Subscription) -> Knobs:
        """Return what goes wrong with this event, and count it against the budget."""
        knobs = subscription.knobs
        if not knobs.is_set:
            return NO_KNOBS
        if knobs.times is not None:
            self.subscriptions[subscription.id] = replace(
                subscription, knobs=replace(knobs, times=knobs.times - 1)
            )
        return knobs

    def _hold(self, subscription: Subscription, number: int, window: int) -> None:
        held = (*self._held.get(subscription.id, ()), number)
        self._held[subscription.id] = held
        if len(held) >= window:
            self._release(subscription.id)
        else:
            self._timers.set(self._vault.now() + HELD_FOR, REORDER, subscription.id)

    def _release(self, subscription_id: str) -> int:
        held = self._held.pop(subscription_id, ())
        self._timers.cancel(REORDER, subscription_id)
        for number in reversed(held):
            self._queue(subscription_id, number)
        return len(held)

    # subscriptions

    def subscribe(
        self,
        delivery_url: str,
        events: Iterable[str] = ("*",),
        *,
        description: str = "",
        signature: str | None = None,
        source: str = "control",
        knobs: Knobs | None = None,
    ) -> Subscription:
        """Deliver events to a URL from now on."""
        self._made += 1
        now = self._vault.now()
        subscription = Subscription(
            IdSource(f"{self._seed}/subscriptions", self._made - 1).uuid(),
            delivery_url,
            tuple(events),
            now,
            now,
            description=description,
            signature=signature or self._encoding,
            source=source,
            knobs=knobs or Knobs(),
        )
        self.subscriptions[subscription.id] = subscription
        return subscription

    def subscription(self, subscription_id: str) -> Subscription:
        """Return a subscription; raise EntityNotFound where there is none."""
        found = self.subscriptions.get(subscription_id)
        if found is None:
            raise EntityNotFound("webhook subscription", subscription_id)
        return found

    def change(self, subscription_id: str, **changes: Any) -> Subscription:
        """Change a subscription; raise EntityNotFound where there is none.

        One that is enabled again has no reason to be disabled; one that is disabled is given up on.
        """
        before = self.subscription(subscription_id)
        if changes.get("status") == SubscriptionStatus.ENABLED:
            changes["disabled_reason"] = "none"
        after = replace(before, **changes, updated_at=self._vault.now())
        self.subscriptions[subscription_id] = after
        if before.is_enabled and not after.is_enabled:
            self._give_up(subscription_id, "the subscription is disabled")
        if before.knobs.reorder and not after.knobs.reorder:
            self._release(subscription_id)
        return after

    def unsubscribe(self, subscription_id: str) -> None:
        """Deliver nothing to it any more; raise EntityNotFound where there is none."""
        self.subscription(subscription_id)
        self._give_up(subscription_id, "the subscription was removed")
        del self.subscriptions[subscription_id]

    def _give_up(self, subscription_id: str, reason: str) -> None:
        self._held.pop(subscription_id, None)
        self._timers.cancel(REORDER, subscription_id)
        for delivery in tuple(self.deliveries.values()):
            if delivery.subscription_id == subscription_id and not delivery.is_over:
                self._finish(delivery, DeliveryStatus.FAILED, reason)

    # deliveries

    def delivery(self, delivery_id: str) -> Delivery:
        """Return a delivery; raise EntityNotFound where there is none."""
        number = int(delivery_id) if delivery_id.isdecimal() and len(delivery_id) < 19 else 0
        found = self.deliveries.get(number)
        if found is None:
            raise EntityNotFound("delivery", delivery_id)
        return found

    async def resend(self, delivery: Delivery) -> Delivery:
        """Attempt a delivery once more, now; where that fails, its schedule begins anew.

        Raises IllegalStep where its subscription was removed or is disabled.
        """
        subscription = self.subscriptions.get(delivery.subscription_id)
        if subscription is None or not subscription.is_enabled:
            raise IllegalStep(f"Delivery {delivery.id} has no enabled subscription to be sent to")
        self._cancel(delivery)
        self._put(
            replace(
                delivery,
                status=DeliveryStatus.PENDING,
                since=self._vault.now(),
                first=len(delivery.attempts),
                next_at=None,
                reason=None,
            )
        )
        await self._in_turn(delivery.subscription_id, delivery.number)
        return self.deliveries.get(delivery.number, delivery)

    async def settle(self, within: float | None = None) -> bool:
        """Wait until nothing is being sent; tell whether that came to pass within the seconds."""
        for subscription_id in tuple(self._queues):
            self._start(subscription_id)
        try:
            async with asyncio.timeout(within):
                while self._workers:
                    await asyncio.wait(tuple(self._workers.values()))
        except TimeoutError:
            return False
        return True

    async def fire(self, timer: Timer) -> dict[str, Any] | None:
        """Do what a timer of ours is for; return what was done."""
        if timer.kind == REORDER:
            number = self._release(timer.subject)
            await self.settle(self._timeout * max(1, number))
            return {"kind": "webhooks.released", "subscription_id": timer.subject, "events": number}
        delivery = self.deliveries.get(int(timer.subject))
        if delivery is None or delivery.is_over:
            return None
        if timer.kind == EXPIRY:
            return self._expire(delivery)
        await self._in_turn(delivery.subscription_id, delivery.number)
        return None  # what came of it is told as an attempt

    def _expire(self, delivery: Delivery) -> dict[str, Any]:
        self._finish(delivery, DeliveryStatus.FAILED, "retry_limit")
        subscription = self.subscriptions.get(delivery.subscription_id)
        if subscription is not None and subscription.is_enabled:
            self.change(
                subscription.id, status=SubscriptionStatus.DISABLED, disabled_reason="retry_limit"
            )
        return {
            "kind": "webhooks.given_up",
            "delivery_id": delivery.id,
            "event_type": delivery.event.type,
            "subscription_id": delivery.subscription_id,
            "disabled_reason": "retry_limit",
        }

    # sending

    def _queue(
        self,
        subscription_id: str,
        number: int,
        done: "asyncio.Future[None] | None" = None,
    ) -> None:
        self._queues.setdefault(subscription_id, deque()).append((number, done))
        self._start(subscription_id)

    async def _in_turn(self, subscription_id: str, number: int) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue(subscription_id, number, done)
        await done

    def _start(self, subscription_id: str) -> None:
        if subscription_id in self._workers or not self._queues.get(subscription_id):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # called outside a server: it is sent when somebody settles
            return
        self._workers[subscription_id] = loop.create_task(self._work(subscription_id))

    async def _work(self, subscription_id: str) -> None:
        queue = self._queues[subscription_id]
        done: asyncio.Future[None] | None = None
        try:
            while queue:
                number, done = queue.popleft()
                await self._attempt(number)
                if done is not None and not done.done():
                    done.set_result(None)
        except Exception:
            logger.exception("delivery to %s failed", subscription_id)
        finally:
            if done is not None and not done.done():
                done.set_result(None)
            if self._workers.get(subscription_id) is asyncio.current_task():
                del self._workers[subscription_id]
                if queue:
                    self._start(subscription_id)
                else:
                    self._queues.pop(subscription_id, None)

    async def _attempt(self, number: int) -> None:
        delivery = self.deliveries.get(number)
        subscription = self.subscriptions.get(delivery.subscription_id) if delivery else None
        if delivery is None or delivery.is_over or subscription is None:
            return
        count = len(delivery.attempts) + 1
        body = canonical({"payload": self.payload(delivery.event, count)})
        headers = self._headers(subscription, delivery, body)
        answered = await self._post(subscription.delivery_url, headers, body, timeout=self._timeout)
        for _ in range(delivery.knobs.duplicate):
            await self._post(subscription.delivery_url, headers, body, timeout=self._timeout)
        if self.deliveries.get(number) is not delivery:
            return  # another world was restored, or it was given up, while it was on its way
        attempt = Attempt(
            count, self._vault.now(), answered.status_code, answered.error, answered.body
        )
        delivery = replace(delivery, attempts=(*delivery.attempts, attempt), next_at=None)
        self._judge(delivery, attempt)
        self._tell("attempt", self.deliveries.get(number, delivery))

    def _judge(self, delivery: Delivery, attempt: Attempt) -> None:
        """Put the delivery down as delivered, or wait for its next attempt, or for its end."""
        if attempt.succeeded:
            self._finish(delivery, DeliveryStatus.DELIVERED, None)
            return
        failed = len(delivery.attempts) - delivery.first
        due = next_attempt(delivery.since, failed, attempt.at)
        if due is None:
            self._put(delivery)
            self._timers.set(delivery.since + TIME_TO_LIVE, EXPIRY, delivery.id)
        else:
            self._wait(delivery, due)

    def payload(self, event: RaisedEvent, attempt: int) -> dict[str, Any]:
        """Return what is told of an event (contract: #/components/schemas/ConnectionEvent)."""
        change = event.change
        connection = change.connection
        connector = self._vault.surroundings.connector(*connection.key)
        entity = consumer_connection_json(self._vault, connector, connection)
        entity["state"] = change.state_after
        return {
            "event_id": event.id,
            "event_type": event.type,
            "service_id": "apideck-vault",
            "entity_id": entity["id"],
            "entity_type": "Connection",
            "entity": entity,
            "execution_attempt": attempt,
            "occurred_at": iso_time(event.occurred_at),
        }

    def _headers(
        self, subscription: Subscription, delivery: Delivery, body: bytes
    ) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "user-agent": f"mockvault/{VERSION}",
            "x-apideck-event-type": str(delivery.event.type),
            "x-apideck-idempotency-key": delivery.idempotency_key,
        }
        if subscription.signature != "off":
            keys = self._vault.application.api_keys
            signed = signature(body, keys[0] if keys else "", subscription.signature)
            chance = delivery.knobs.bad_signature
            if chance and self._chance(delivery, "signature") < chance:
                signed = signed[::-1] if signed != signed[::-1] else f"x{signed[1:]}"
            headers["x-apideck-signature"] = signed
        return headers

    def _chance(self, delivery: Delivery, purpose: str) -> float:
        seed = f"{self._seed}/{delivery.subscription_id}/{delivery.number}/{purpose}"
        return Random(seed).random()  # noqa: S311  chance that repeats, not secrets

    # keeping

    def _wait(self, delivery: Delivery, due: int) -> None:
        self._put(replace(delivery, next_at=due))
        self._timers.set(due, DELIVERY, delivery.id)

    def _finish(self, delivery: Delivery, status: DeliveryStatus, reason: str | None) -> None:
        self._cancel(delivery)
        self._put(replace(delivery, status=status, reason=reason, next_at=None))
        self._over.append(delivery.number)

    def _cancel(self, delivery: Delivery) -> None:
        self._timers.cancel(DELIVERY, delivery.id)
        self._timers.cancel(EXPIRY, delivery.id)

    def _put(self, delivery: Delivery) -> None:
        self.deliveries[delivery.number] = delivery

    def _make_room(self) -> None:
        while len(self.deliveries) > CAPACITY and self._over:
            oldest = self.deliveries.get(self._over[0])
            if oldest is not None and not oldest.is_over:  # it was sent again
                self._over.popleft()
                continue
            self.deliveries.pop(self._over.popleft(), None)
            self.evicted_deliveries += oldest is not None
        if len(self.deliveries) > BACKLOG:
            oldest = self.deliveries.pop(next(iter(self.deliveries)))
            self._cancel(oldest)
            self.lost_deliveries += 1

    # worlds

    def snapshot(self) -> OutboxSnapshot:
        """Return everything as it is now; what is on its way counts as not yet sent."""
        self.catch_up()
        return OutboxSnapshot(
            self._sequence,
            self._numbers,
            self._made,
            self.subscriptions.copy(),
            self.deliveries.copy(),
            tuple(self._events),
            self._held.copy(),
        )

    def restore(self, snapshot: OutboxSnapshot) -> None:
        """Have what there was when the snapshot was taken; subscriptions that listen stay."""
        listening = {
            each.id: each for each in self.subscriptions.values() if each.source == "listen"
        }
        self.catch_up()
        self.cancel()
        self._sequence, self._numbers, self._made = (
            snapshot.sequence,
            snapshot.numbers,
            snapshot.made,
        )
        self.subscriptions = {**snapshot.subscriptions, **listening}
        self.deliveries = snapshot.deliveries.copy()
        self._events = deque(snapshot.events, maxlen=CAPACITY)
        self._held = snapshot.held.copy()
        self._over = deque(each.number for each in self.deliveries.values() if each.is_over)
        held = {number for numbers in self._held.values() for number in numbers}
        for delivery in tuple(self.deliveries.values()):
            is_waiting = (
                delivery.next_at is not None
                or delivery.number in held
                or self._timers.due_of(EXPIRY, delivery.id) is not None
            )
            if not delivery.is_over and not is_waiting:
                self._queue(delivery.subscription_id, delivery.number)

    def cancel(self) -> None:
        """Send nothing of what waits or is on its way."""
        for queue in self._queues.values():
            for _, done in queue:
                if done is not None and not done.done():
                    done.set_result(None)
            queue.clear()
        self._queues = {}
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            with suppress(RuntimeError):  # its loop is closed
                worker.cancel()


def _nothing() -> None:
    """Nothing has changed that was not heard at once."""
