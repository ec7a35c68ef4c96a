"""What a verdict stands on, in words that every report uses."""

from conformance.failures import LEVELS
from conformance.run_events import RunFinished

NOTHING = "nothing that was asked for could be judged"


def found(ended: RunFinished) -> str:
    """Tell how many causes were found, or that nobody looked for any."""
    if ended.outcome == "not judged":
        return NOTHING
    if ended.outcome == "undecided":
        return f"no cause was found, but {ended.lacking}"
    return f"{len(ended.causes)} causes" if len(ended.causes) != 1 else "1 cause"


def unjudged(ended: RunFinished) -> list[tuple[str, list[str]]]:
    """Return each reason for which something was not judged, the most frequent first."""
    ids: dict[str, list[str]] = {}
    for name, reason in ended.not_judged.items():
        ids.setdefault(reason, []).append(name)
    return sorted(ids.items(), key=lambda row: -len(row[1]))


def level(ended: RunFinished) -> str:
    """Tell the level that was reached, and of how many laws it speaks."""
    known = f"level {ended.level}" if ended.level in LEVELS else "no level reached"
    cover = ended.coverage
    return f"{known} ({cover['laws_judged']} of {cover['laws_total']} laws judged)"
