"""Subscriptions, deliveries and the retry schedule: what the outbox holds, as values."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from mockvault.domain.clock import DAY, HOUR, MINUTE, iso_time
from mockvault.domain.events import ConnectionChange, EventType
from mockvault.domain.ids import IdSource

RETRY_DELAYS = (
    3 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    1 * HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    12 * HOUR,
)
"""How long after a failed attempt the next one is made."""
TIME_TO_LIVE = DAY
"""How long an event is worth delivering; it ends the schedule before its last step."""


def next_attempt(since: int, failed: int, now: int) -> int | None:
    """Return when to try again after `failed` attempts since `since`; None when it is given up.

    >>> next_attempt(0, 1, 0), next_attempt(0, 2, 180_000)
    (180000, 480000)
    """
    if failed > len(RETRY_DELAYS):
        return None
    due = now + RETRY_DELAYS[failed - 1]
    return due if due <= since + TIME_TO_LIVE else None


class SubscriptionStatus(StrEnum):
    """Whether a subscription is delivered to (contract of webhooks: status)."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DeliveryStatus(StrEnum):
    """How far the delivery of one event to one subscription is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Knobs:
    """How delivery to a subscription goes wrong on purpose, for `times` events or for all.

    `drop` and `bad_signature` are probabilities; `duplicate` how many copies follow each attempt;
    `reorder` how many events are held back and sent in reverse; `delay` milliseconds of the clock.
    """

    duplicate: int = 0
    reorder: int = 0
    delay: int = 0
    drop: float = 0.0
    bad_signature: float = 0.0
    times: int | None = None

    @property
    def is_set(self) -> bool:
        """Whether anything goes wrong at all."""
        return self.times != 0 and any(
            getattr(self, each.name) for each in fields(self) if each.name != "times"
        )


NO_KNOBS = Knobs()


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who is told of which events. `source` says who declared it: fixture, control or listen."""

    id: str
    delivery_url: str
    events: tuple[str, ...]
    created_at: int
    updated_at: int
    description: str = ""
    status: SubscriptionStatus = SubscriptionStatus.ENABLED
    disabled_reason: str = "none"
    signature: str = "hex"
    source: str = "control"
    knobs: Knobs = NO_KNOBS

    @property
    def is_enabled(self) -> bool:
        """Whether events are delivered to it."""
        return self.status is SubscriptionStatus.ENABLED

    def takes(self, event_type: str) -> bool:
        """Tell whether it is enabled and asked for events of that type; `*` stands for any text."""
        return self.is_enabled and any(fnmatchcase(event_type, each) for each in self.events)


class RaisedEvent(NamedTuple):
    """One event that a change to a connection raised."""

    sequence: int
    seed: str
    type: EventType
    change: ConnectionChange

    @property
    def id(self) -> str:
        """The UUID that follows from the seed and the event's number; most are never asked for."""
        return IdSource(self.seed, self.sequence - 1).uuid()

    @property
    def occurred_at(self) -> int:
        """When the change happened."""
        return self.change.occurred_at


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver: when, and what came back (status 0 where nothing did)."""

    number: int
    at: int
    status_code: int
    error: str | None = None
    response_body: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the subscriber took the event: the contract expects 200 and nothing else."""
        return self.status_code == 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one subscription, with every attempt that was made.

    `since` and `first` tell when, and with which attempt, the present schedule began.
    """

    number: int
    event: RaisedEvent
    subscription_id: str
    idempotency_key: str
    created_at: int
    since: int
    first: int = 0
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: tuple[Attempt, ...] = ()
    next_at: int | None = None
    reason: str | None = None
    knobs: Knobs = NO_KNOBS

    @property
    def id(self) -> str:
        """Its number among the application's deliveries, as text."""
        return str(self.number)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is done about it."""
        return self.status is not DeliveryStatus.PENDING

    @property
    def has_failed(self) -> bool:
        """Whether its last attempt did not succeed, or it was given up."""
        return self.status is DeliveryStatus.FAILED or (
            self.status is DeliveryStatus.PENDING and bool(self.attempts)
        )


@dataclass(frozen=True, slots=True)
class OutboxSnapshot:
    """Everything of one application's outbox at one moment."""

    sequence: int
    numbers: int
    made: int
    subscriptions: dict[str, Subscription]
    deliveries: dict[int, Delivery]
    events: tuple[RaisedEvent, ...]
    held: dict[str, tuple[int, ...]] = field(default_factory=dict)


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """Return how an attempt is shown."""
    shown: dict[str, Any] = {
        "execution_attempt": attempt.number,
        "at": iso_time(attempt.at),
        "status_code": attempt.status_code,
        "success": attempt.succeeded,
    }
    if attempt.error is not None:
        shown["error"] = attempt.error
    if attempt.response_body:
        shown["response_body"] = attempt.response_body
    return shown


def attempt_effect(delivery: Delivery) -> dict[str, Any]:
    """Return what the latest attempt of a delivery did, as an effect of time that passed."""
    told: dict[str, Any] = {
        "kind": "webhooks.attempt",
        "delivery_id": delivery.id,
        "event_type": delivery.event.type,
        "subscription_id": delivery.subscription_id,
        "status": delivery.status,
    }
    if delivery.attempts:
        shown = attempt_json(delivery.attempts[-1])
        told |= {key: shown[key] for key in ("execution_attempt", "status_code")}
        if "error" in shown:
            told["error"] = shown["error"]
    if delivery.next_at is not None:
        told["next_attempt_at"] = iso_time(delivery.next_at)
    return told


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """Return how a delivery is shown."""
    return {
        "id": delivery.id,
        "event_id": delivery.event.id,
        "event_type": delivery.event.type,
        "subscription_id": delivery.subscription_id,
        "idempotency_key": delivery.idempotency_key,
        "status": delivery.status,
        "created_at": iso_time(delivery.created_at),
        "next_attempt_at": None if delivery.next_at is None else iso_time(delivery.next_at),
        "retry_scheduled": delivery.next_at is not None,
        "reason": delivery.reason,
        "attempts": [attempt_json(attempt) for attempt in delivery.attempts],
    }


def subscription_json(subscription: Subscription) -> dict[str, Any]:
    """Return how a subscription is shown."""
    return {
        "id": subscription.id,
        "unified_api": "vault",
        "delivery_url": subscription.delivery_url,
        "events": list(subscription.events),
        "description": subscription.description,
        "status": subscription.status,
        "disabled_reason": subscription.disabled_reason,
        "signature": subscription.signature,
        "source": subscription.source,
        "knobs": {each.name: getattr(subscription.knobs, each.name) for each in fields(Knobs)},
        "created_at": iso_time(subscription.created_at),
        "updated_at": iso_time(subscription.updated_at),
    }
