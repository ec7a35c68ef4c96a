"""What a law, a check or another promise says, why, and where that is written."""

import difflib

from conformance.checks import CHECKS
from conformance.laws import LAWS
from conformance.phases.promises import FURTHER, known


def explained(id: str) -> str:
    """Return all that is known of an id that a failure may have; nothing where it has none."""
    if id in LAWS:
        return _law(id)
    if id in CHECKS:
        item = CHECKS[id]
        grounds = item.builds_on
        return _told(
            f"{id}  {item.name}  ({item.area}, MUST, on every answer)",
            item.promise,
            {"source": item.source, "builds on": ", ".join(grounds)},
        )
    if id in FURTHER:
        promise = FURTHER[id]
        return _told(
            f"{id}  ({promise.area}, MUST, in the phases {promise.phase})",
            promise.promise,
            {
                "source": promise.source,
                "alone": f"conformance run URL --phase {promise.phase.partition(',')[0]}",
            },
        )
    return ""


def of_group(prefix: str) -> list[str]:
    """Return a line for each law and check whose id begins so."""
    rows = [f"{c.id}  {c.name}" for c in CHECKS.values() if c.id.startswith(prefix)]
    return rows + [f"{law.id}  {law.name}" for law in LAWS.values() if law.id.startswith(prefix)]


def suggestion(id: str) -> str:
    """Say which ids may have been meant."""
    near = difflib.get_close_matches(id, sorted(known()), 3, 0.75)
    return f"did you mean {' or '.join(near)}?" if near else "see conformance list"


def _law(id: str) -> str:
    law = LAWS[id]
    above = [other.id for other in LAWS.values() if id in other.builds_on]
    return _told(
        f"{id}  {law.name}  ({law.area}, {law.level})",
        law.promise,
        {
            "source": law.source,
            "sureness": law.sureness,
            "asks for": "reads alone" if law.reads_only else "leave to write",
            "builds on": ", ".join(law.builds_on),
            "ground of": ", ".join(above),
            "alone": f"conformance run URL --only {id}",
        },
    )


def _told(title: str, promise: str, rows: dict[str, str]) -> str:
    lines = [f"{name:<9} {value}" for name, value in rows.items() if value]
    return "\n".join([title, "", promise, "", *lines])
