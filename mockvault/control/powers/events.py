"""The powers over events and webhooks: who is told, what was told, and telling it again."""

import asyncio
from collections.abc import Iterable
from typing import Any

from mockvault.control.power import (
    COUNT,
    DURATION,
    LIMIT,
    TEXT,
    Asked,
    BodyRefused,
    Power,
    Refused,
    an_object,
    duration_at,
)
from mockvault.control.transitions import trigger
from mockvault.delivery.outbox import (
    Delivery,
    Knobs,
    RaisedEvent,
    SubscriptionStatus,
    delivery_json,
    subscription_json,
)
from mockvault.delivery.signing import ENCODINGS
from mockvault.delivery.transport import refusal_of
from mockvault.delivery.webhooks import Webhooks
from mockvault.domain.clock import duration_of, iso_time
from mockvault.domain.errors import EntityNotFound
from mockvault.domain.events import EventType

_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_KNOBS = an_object(
    duplicate={"type": "integer", "minimum": 0, "maximum": 20},
    reorder={"type": "integer", "minimum": 0, "maximum": 100},
    delay=DURATION,
    drop=_SHARE,
    bad_signature=_SHARE,
    times={"anyOf": [COUNT, {"type": "null"}]},
)
_EVENTS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 50,
    "items": {"type": "string", "pattern": r"^[a-z_.*]{1,80}$"},
    "description": "Types of events; * stands for any text.",
}
_PARTS = {
    "delivery_url": {"type": "string", "maxLength": 2_000},
    "events": _EVENTS,
    "description": {"type": "string", "maxLength": 500},
    "signature": {"enum": list(ENCODINGS)},
    "knobs": _KNOBS,
}


def list_subscriptions(asked: Asked) -> Any:
    """List who is told of events."""
    subscriptions = asked.workbench.webhooks.subscriptions.values()
    return {"webhooks": [subscription_json(each) for each in subscriptions]}


def subscribe(asked: Asked) -> Any:
    """Tell a URL of events from now on."""
    body = asked.body
    _check(body)
    subscription = asked.workbench.webhooks.subscribe(
        body["delivery_url"],
        body.get("events", ("*",)),
        description=body.get("description", ""),
        signature=body.get("signature"),
        source=body.get("source", "control"),
        knobs=_knobs(body["knobs"]) if "knobs" in body else None,
    )
    return subscription_json(subscription)


def show_subscription(asked: Asked) -> Any:
    """Show one subscription."""
    return subscription_json(asked.workbench.webhooks.subscription(asked.path["id"]))


def change_subscription(asked: Asked) -> Any:
    """Change a subscription: where to, what of, whether, and how it goes wrong."""
    body = dict(asked.body)
    _check(body)
    if "knobs" in body:
        body["knobs"] = _knobs(body["knobs"])
    if "events" in body:
        body["events"] = tuple(body["events"])
    if "status" in body:
        body["status"] = SubscriptionStatus(body["status"])
    return subscription_json(asked.workbench.webhooks.change(asked.path["id"], **body))


def unsubscribe(asked: Asked) -> None:
    """Tell it nothing any more."""
    asked.workbench.webhooks.unsubscribe(asked.path["id"])


def list_events(asked: Asked) -> Any:
    """List events, newest first, with how each was delivered."""
    webhooks, query = asked.workbench.webhooks, asked.query
    wanted = [
        event
        for event in reversed(webhooks.events)
        if query.get("type") in (None, event.type)
        and query.get("consumer") in (None, event.change.connection.consumer_id)
    ]
    chosen = wanted[: query["limit"]]
    deliveries = _by_event(webhooks, {event.sequence for event in chosen})
    return {
        "events": [event_json(webhooks, event, deliveries) for event in chosen],
        "raised": webhooks.raised,
        "kept": len(webhooks.events),
    }


def show_event(asked: Asked) -> Any:
    """Show one event with its payload."""
    webhooks = asked.workbench.webhooks
    event = _event(webhooks, asked.path["id"])
    shown = event_json(webhooks, event, _by_event(webhooks, {event.sequence}))
    return {**shown, "payload": webhooks.payload(event, 1)}


async def resend_event(asked: Asked) -> Any:
    """Send an event to its subscriptions once more, now."""
    webhooks = asked.workbench.webhooks
    event = _event(webhooks, asked.path["id"])
    deliveries = _by_event(webhooks, {event.sequence}).get(event.sequence, ())
    if not deliveries:
        raise Refused(
            422, "InvalidStateError", "Invalid State", "Nobody was subscribed to this event"
        )
    return {"deliveries": [delivery_json(await webhooks.resend(each)) for each in deliveries]}


async def resend(asked: Asked) -> Any:
    """Send again what failed: the last delivery that did, or all of them."""
    webhooks = asked.workbench.webhooks
    failed = [each for each in webhooks.deliveries.values() if each.has_failed]
    chosen = failed[-1:] if asked.body["which"] == "last-failed" else failed
    return {"deliveries": [delivery_json(await webhooks.resend(each)) for each in chosen]}


async def settle(asked: Asked) -> Any:
    """Wait until nothing is being sent."""
    within = 10_000 if "within" not in asked.body else duration_at(asked.body, "within")
    settled = await asked.workbench.webhooks.settle(min(within, 60_000) / 1000)
    waiting = sum(not each.is_over for each in asked.workbench.webhooks.deliveries.values())
    return {"settled": settled, "waiting": waiting}


async def wait_for(asked: Asked) -> Any:
    """Answer the first event after a number, as soon as it is raised."""
    webhooks, body = asked.workbench.webhooks, asked.body
    within = min(2_000 if "within" not in body else duration_at(body, "within"), 60_000) / 1000
    queue = asked.workbench.journal.follow()
    try:
        async with asyncio.timeout(within):
            while True:
                for event in webhooks.events:
                    if event.sequence > body.get("after", 0) and (
                        body.get("type") in (None, event.type)
                    ):
                        found = event_json(webhooks, event, _by_event(webhooks, {event.sequence}))
                        return {**found, "payload": webhooks.payload(event, 1)}
                if await queue.get() is None:
                    queue = asked.workbench.journal.follow()
    except TimeoutError:
        raise Refused(
            422, "InvalidStateError", "Invalid State", f"No such event within {within:g} s"
        ) from None
    finally:
        asked.workbench.journal.unfollow(queue)


def list_deliveries(asked: Asked) -> Any:
    """List deliveries, newest first, with every attempt."""
    webhooks, query = asked.workbench.webhooks, asked.query
    wanted = [
        each
        for each in reversed(webhooks.deliveries.values())
        if query.get("status") in (None, each.status)
        and query.get("subscription") in (None, each.subscription_id)
    ]
    return {
        "deliveries": [delivery_json(each) for each in wanted[: query["limit"]]],
        "kept": len(webhooks.deliveries),
        "evicted": webhooks.evicted_deliveries,
        "lost": webhooks.lost_deliveries,
    }


def show_delivery(asked: Asked) -> Any:
    """Show one delivery."""
    return delivery_json(asked.workbench.webhooks.delivery(asked.path["id"]))


async def resend_delivery(asked: Asked) -> Any:
    """Attempt one delivery once more, now."""
    webhooks = asked.workbench.webhooks
    return delivery_json(await webhooks.resend(webhooks.delivery(asked.path["id"])))


def raise_event(asked: Asked) -> Any:
    """Make the transition that raises an event, on a connection of a consumer."""
    workbench, body = asked.workbench, asked.body
    before = workbench.webhooks.raised
    state = trigger(workbench.vault, EventType(body["event"]), body["consumer"], body["service"])
    workbench.vault.surroundings.take_changes()
    workbench.did("trigger", **body)
    raised = [event for event in workbench.webhooks.events if event.sequence > before]
    deliveries = _by_event(workbench.webhooks, {event.sequence for event in raised})
    return {
        "state": state,
        "events": [event_json(workbench.webhooks, event, deliveries) for event in raised],
    }


def event_json(
    webhooks: Webhooks, event: RaisedEvent, deliveries: dict[int, list[Delivery]]
) -> dict[str, Any]:
    """Return how an event is shown, without its payload."""
    del webhooks
    connection = event.change.connection
    return {
        "sequence": event.sequence,
        "event_id": event.id,
        "event_type": event.type,
        "consumer_id": connection.consumer_id,
        "connection": connection.id,
        "state_before": event.change.state_before,
        "state_after": event.change.state_after,
        "occurred_at": iso_time(event.occurred_at),
        "deliveries": [
            {
                "id": each.id,
                "subscription_id": each.subscription_id,
                "status": each.status,
                "attempts": len(each.attempts),
            }
            for each in deliveries.get(event.sequence, ())
        ],
    }


def _by_event(webhooks: Webhooks, sequences: set[int]) -> dict[int, list[Delivery]]:
    found: dict[int, list[Delivery]] = {}
    for delivery in webhooks.deliveries.values():
        if delivery.event.sequence in sequences:
            found.setdefault(delivery.event.sequence, []).append(delivery)
    return found


def _event(webhooks: Webhooks, event_id: str) -> RaisedEvent:
    for event in webhooks.events:
        if event_id in (event.id, str(event.sequence)):
            return event
    raise EntityNotFound("event", event_id)


def _check(body: dict[str, Any]) -> None:
    if "delivery_url" in body:
        why = refusal_of(body["delivery_url"])
        if why is not None:
            raise BodyRefused("/delivery_url", why, body["delivery_url"][:80])
    for place, pattern in enumerate(body.get("events", ())):
        if not _takes_any(pattern, EventType):
            known = ", ".join(EventType)
            raise BodyRefused(f"/events/{place}", f"one of {known}, or * for some", pattern)


def _takes_any(pattern: str, types: Iterable[str]) -> bool:
    from fnmatch import fnmatchcase  # noqa: PLC0415

    return any(fnmatchcase(each, pattern) for each in types)


def _knobs(said: dict[str, Any]) -> Knobs:
    try:
        delay = duration_of(said["delay"]) if "delay" in said else 0
    except ValueError as reason:
        raise BodyRefused("/knobs/delay", str(reason), said["delay"]) from None
    return Knobs(**{**said, "delay": delay})


_WEBHOOKS = "/_mock/apps/{app}/webhooks"
_EVENTS_PATH = "/_mock/apps/{app}/events"
_DELIVERIES = "/_mock/apps/{app}/deliveries"
POWERS = (
    Power("GET", _WEBHOOKS, "webhooksList", "List who is told", list_subscriptions, "Webhooks"),
    Power(
        "POST",
        _WEBHOOKS,
        "webhooksAdd",
        "Tell a URL of events from now on",
        subscribe,
        "Webhooks",
        201,
        takes=an_object(("delivery_url",), **_PARTS, source={"enum": ["control", "listen"]}),
        needs_body=True,
    ),
    Power("GET", f"{_WEBHOOKS}/{{id}}", "webhooksShow", "Show one", show_subscription, "Webhooks"),
    Power(
        "PATCH",
        f"{_WEBHOOKS}/{{id}}",
        "webhooksChange",
        "Change where to, what of, whether, and how it goes wrong",
        change_subscription,
        "Webhooks",
        takes=an_object(**_PARTS, status={"enum": ["enabled", "disabled"]}),
        needs_body=True,
    ),
    Power(
        "DELETE",
        f"{_WEBHOOKS}/{{id}}",
        "webhooksRemove",
        "Tell it nothing any more",
        unsubscribe,
        "Webhooks",
        204,
    ),
    Power(
        "GET",
        _EVENTS_PATH,
        "eventsList",
        "List events, newest first, with how each was delivered",
        list_events,
        "Events",
        query={"limit": LIMIT, "type": TEXT, "consumer": TEXT},
    ),
    Power(
        "POST",
        f"{_EVENTS_PATH}/resend",
        "eventsResendFailed",
        "Send again what failed",
        resend,
        "Events",
        takes=an_object(("which",), which={"enum": ["last-failed", "all-failed"]}),
        needs_body=True,
        refusals={422: "A subscription is gone or disabled."},
    ),
    Power(
        "POST",
        f"{_EVENTS_PATH}/settle",
        "eventsSettle",
        "Wait until nothing is being sent",
        settle,
        "Events",
        takes=an_object(within=DURATION),
    ),
    Power(
        "POST",
        f"{_EVENTS_PATH}/wait",
        "eventsWait",
        "Wait for an event",
        wait_for,
        "Events",
        takes=an_object(
            type={"enum": list(EventType)},
            after={"type": "integer", "minimum": 0},
            within=DURATION,
        ),
        refusals={422: "There was none in time."},
    ),
    Power("GET", f"{_EVENTS_PATH}/{{id}}", "eventsShow", "Show one event", show_event, "Events"),
    Power(
        "POST",
        f"{_EVENTS_PATH}/{{id}}/resend",
        "eventsResend",
        "Send an event to its subscriptions once more, now",
        resend_event,
        "Events",
        refusals={422: "Nobody is subscribed to it."},
    ),
    Power(
        "GET",
        _DELIVERIES,
        "deliveriesList",
        "List deliveries, newest first, with every attempt",
        list_deliveries,
        "Events",
        query={
            "limit": LIMIT,
            "status": {"type": "string", "enum": ["pending", "delivered", "failed", "dropped"]},
            "subscription": TEXT,
        },
    ),
    Power("GET", f"{_DELIVERIES}/{{id}}", "deliveriesShow", "Show one", show_delivery, "Events"),
    Power(
        "POST",
        f"{_DELIVERIES}/{{id}}/resend",
        "deliveriesResend",
        "Attempt one delivery once more, now",
        resend_delivery,
        "Events",
        refusals={422: "Its subscription is gone or disabled."},
    ),
    Power(
        "POST",
        "/_mock/apps/{app}/trigger",
        "trigger",
        "Make the transition that raises an event",
        raise_event,
        "Events",
        takes=an_object(
            ("event", "consumer", "service"),
            event={"enum": list(EventType)},
            consumer=TEXT,
            service={**TEXT, "description": "The connection, as crm+salesforce or crm/salesforce."},
        ),
        needs_body=True,
        refusals={422: "The connector knows no such transition."},
    ),
)
