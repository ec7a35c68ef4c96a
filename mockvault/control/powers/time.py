"""The powers over time."""

from typing import Any

from mockvault.control.power import (
    DURATION,
    MOMENT,
    Asked,
    BodyRefused,
    Power,
    an_object,
    duration_at,
    moment_at,
)
from mockvault.control.workbench import Workbench
from mockvault.domain.clock import LATEST, iso_time


def show(asked: Asked) -> Any:
    """Answer what time it is, whether it stands, and what is due."""
    return _shown(asked.workbench)


async def change(asked: Asked) -> Any:
    """Freeze, advance, travel, resume or reset the clock."""
    workbench, body = asked.workbench, asked.body
    action = body["action"]
    for key, actions in (("by", ("advance",)), ("to", ("travel", "freeze"))):
        if key in body and action not in actions:
            raise BodyRefused(f"/{key}", f"only with {' or '.join(actions)}", body[key])
    effects = []
    if action == "freeze":
        workbench.time.freeze(moment_at(body, "to") if "to" in body else None)
    elif action == "advance":
        if "by" not in body:
            raise BodyRefused("/by", "an ISO 8601 duration, as PT2H")
        length = duration_at(body, "by")
        if workbench.clock.now() + length > LATEST:
            raise BodyRefused("/by", "a time before the year 10000", body["by"])
        effects = await workbench.time.advance(length)
    elif action == "travel":
        if "to" not in body:
            raise BodyRefused("/to", "an ISO 8601 date-time")
        effects = await workbench.time.travel(moment_at(body, "to"))
    elif action == "resume":
        workbench.time.resume()
    else:
        workbench.time.reset()
    workbench.did("clock", **body, now=iso_time(workbench.clock.now()))
    return {**_shown(workbench), "effects": effects}


def _shown(workbench: Workbench) -> dict[str, Any]:
    clock = workbench.clock
    return {
        "now": iso_time(clock.now()),
        "now_ms": clock.now(),
        "frozen": clock.is_frozen,
        "offset_ms": 0 if clock.is_frozen else clock.state.offset,
        "timers": [
            {"due": iso_time(timer.due), "kind": timer.kind, "subject": timer.subject}
            for timer in list(workbench.time.timers)[:100]
        ],
        "timer_count": len(workbench.time.timers),
    }


POWERS = (
    Power(
        "GET",
        "/_mock/apps/{app}/clock",
        "clockShow",
        "Show the clock and its timers",
        show,
        "Clock",
    ),
    Power(
        "PUT",
        "/_mock/apps/{app}/clock",
        "clockChange",
        "Freeze, advance, travel, resume or reset the clock; answers with all that became due",
        change,
        "Clock",
        takes=an_object(
            ("action",),
            action={"enum": ["freeze", "advance", "travel", "resume", "reset"]},
            by=DURATION,
            to=MOMENT,
        ),
        needs_body=True,
    ),
)
