"""JSON lines: every run event on a line of its own, by a published schema."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from conformance import run_events
from conformance.failures import plain
from conformance.run_events import RunEvent

_EVENTS = (
    *("RunStarted", "PhaseStarted", "CaseJudged", "PromiseBroken", "PhaseFinished", "Progress"),
    "RunFinished",
)

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A run event of conformance, one a line",
    "oneOf": [
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["event", *(f.name for f in dataclasses.fields(getattr(run_events, name)))],
            "properties": {
                "event": {"const": name},
                **{f.name: {} for f in dataclasses.fields(getattr(run_events, name))},
            },
        }
        for name in _EVENTS
    ],
}


def line(event: RunEvent) -> str:
    """Return one event as a line."""
    return json.dumps(
        {"event": type(event).__name__, **plain(event)}, ensure_ascii=True, default=str
    )


def render(events: Sequence[RunEvent]) -> str:
    """Return the run as JSON lines."""
    return "".join(line(event) + "\n" for event in events)
