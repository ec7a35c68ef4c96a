"""What cases and failures come to: causes, areas, the level reached, and what was exercised."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from conformance import staleness
from conformance.checks import CHECKS
from conformance.contract import load
from conformance.failures import AREAS, LEVEL_BY_AREA, LEVELS, Cause, Failure, grouped
from conformance.laws import LAWS
from conformance.phases.registry import ENDED, OF_THE_RUN
from conformance.run_events import CaseJudged
from conformance.target import Target


def causes(failures: Sequence[Failure]) -> list[Cause]:
    """Group failures by cause: what builds on a broken law stands under it."""
    builds_on: dict[str, Sequence[str]] = {law.id: law.builds_on for law in LAWS.values()}
    builds_on |= {c.id: c.builds_on for c in CHECKS.values()}
    for failure in failures:
        extra = failure.replay.get("builds_on")
        if extra:
            builds_on[failure.law] = tuple(extra)
    cached = tuple(dict.fromkeys(f.law for f in failures if f.aspect == staleness.ASPECT))
    for failure in failures if cached else ():
        if failure.law not in cached and _may_be_of_a_cache(failure):
            builds_on[failure.law] = (*builds_on.get(failure.law, ()), *cached)
    return grouped(failures, builds_on)


# The areas of which laws compare what is read before and after a write.
_COMPARING = frozenset(
    {"state", "pagination", "filters", "mappings", "cascades", "sessions", "oauth", "logs"}
    | {"counts", "concurrency", "limits"}
)


def _may_be_of_a_cache(failure: Failure) -> bool:
    """Whether a failure says no more than that reads show what they showed before a write."""
    if failure.key == "VLT-HDR-02:repeated":
        return True
    kind = failure.replay.get("kind")
    at_a_read = kind == "law" and failure.operation in _reads()
    return failure.area in _COMPARING and (at_a_read or kind == "history")


@cache
def _reads() -> frozenset[str]:
    return frozenset(o.operation_id for o in load().operations.values() if not o.writes)


def areas(
    causes: Sequence[Cause], cases: Sequence[CaseJudged], checked: Mapping[str, int]
) -> dict[str, str]:
    """Say of each area whether it conforms, fails, or was not judged.

    Where nothing failed but what builds on a cause of another area, nobody knows yet.
    """
    broken = {c.failure.area for c in causes}
    unknown = {f.area for c in causes for f in c.follows}
    judged = {c.area for c in cases if c.outcome in {"passed", "failed", "waived"}}
    judged |= {CHECKS[i].area for i, n in checked.items() if n and i in CHECKS}
    judged -= unknown
    return {
        a: "fails" if a in broken else "conforms" if a in judged else "not judged" for a in AREAS
    }


# Of a hundred laws that could be judged, how many have to be before a run may say that all is well.
AT_LEAST = 90.0


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a run came: of the laws, or else cases, that could be judged, those that were."""

    judged: int
    possible: int
    kind: str = "laws"

    def lacks(self, at_least: float) -> str:
        """Say what a good verdict lacks, or nothing."""
        if 100 * self.judged >= at_least * self.possible:
            return ""
        return (
            f"{self.judged} of {self.possible} {self.kind} were judged that could be, "
            f"and a good verdict takes {at_least:g} % (--at-least)"
        )


def reach(asked: Collection[str], cases: Sequence[CaseJudged], *, is_cut: bool) -> Reach:
    """Return how far a run came of the units that it was asked for.

    What the end of the run has cut off could be judged, and so could what a run that is cut never
    came to. What this deployment, or a run of this kind, gives nobody to judge could not.
    """
    laws = {unit for unit in asked if unit in LAWS}
    wanted = laws or set(asked)
    told = {c.id: c for c in cases if c.id in wanted}
    judged = {name for name, case in told.items() if case.outcome != "not judged"}
    late = {name for name, case in told.items() if case.reason.startswith(ENDED)} - judged
    never = wanted - set(told) if is_cut else set[str]()
    return Reach(len(judged), len(judged | late | never), "laws" if laws else "cases")


def outcome(
    causes: Sequence[Cause],
    cases: Sequence[CaseJudged],
    failures: Sequence[Failure],
    lacking: str = "",
) -> Literal["conforms", "fails", "undecided", "not judged"]:
    """Return the verdict; a run conforms that has judged enough of what it was to judge."""
    if causes:
        return "fails"
    # a failure that is waived, or of a SHOULD, was judged too
    if not failures and all(c.outcome == "not judged" for c in cases):
        return "not judged"
    return "undecided" if lacking else "conforms"


def level(areas: Mapping[str, str], cases: Sequence[CaseJudged]) -> str:
    """Return the last level of which every area conforms, and of those before it.

    An area stands for a level where each of its laws was judged, or could not be judged here.
    """
    known = {c.id for c in cases if c.outcome != "not judged" or not _is_of_the_run(c.reason)}
    lacking = {law.area for law in LAWS.values() if law.id not in known}
    reached = "none"
    for name in LEVELS:
        of_it = {a for a in AREAS if LEVEL_BY_AREA[a] == name}
        if of_it & lacking or any(areas[a] != "conforms" for a in of_it):
            break
        reached = name
    return reached


def _is_of_the_run(reason: str) -> bool:
    return reason.startswith(OF_THE_RUN)


def not_judged(cases: Sequence[CaseJudged]) -> dict[str, str]:
    """Say what no round has judged, and why."""
    judged = {c.id for c in cases if c.outcome != "not judged"}
    return {c.id: c.reason for c in cases if c.id not in judged}


def coverage(target: Target, cases: Sequence[CaseJudged]) -> dict[str, Any]:
    """Tell which operations, statuses and parameters of the contract were exercised."""
    operations = target.contract.operations
    statuses = {f"{op} {status}": n for (op, status), n in sorted(target.observed.items())}
    declared = [
        f"{o.operation_id} {s}" for o in operations.values() for s in o.statuses if s != 402
    ]
    parameters = [
        f"{o.operation_id} query {p.name}"
        for o in operations.values()
        for p in o.parameters
        if p.place == "query"
    ]
    sent = {f"{op} {n.partition('[')[0]}" for op, names in target.exercised.items() for n in names}
    judged = {c.id for c in cases if c.id in LAWS and c.outcome != "not judged"}
    return {
        "operations": sorted({op for op, _ in target.observed}),
        "operations_total": len(operations),
        "answers": statuses,
        "answers_seen": len([s for s in declared if s in statuses]),
        "answers_declared": len(declared),
        "parameters_seen": len([p for p in parameters if p in sent]),
        "parameters_declared": len(parameters),
        "laws_judged": len(judged),
        "laws_total": len(LAWS),
    }
