"""What happens in a run, told as events: the engine emits them, the reports consume them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from conformance.failures import Cause, Failure

Outcome = Literal["passed", "failed", "not judged", "waived"]


@dataclass(frozen=True)
class RunStarted:
    base_url: str
    profile: str
    seed: int
    run_id: str
    phases: tuple[str, ...]
    capabilities: Mapping[str, str]
    version: str
    taken_over: int = 0
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class PhaseStarted:
    phase: str
    total: int


@dataclass(frozen=True)
class CaseJudged:
    """One law, history or group of cases has been judged."""

    phase: str
    id: str
    name: str
    area: str
    outcome: Outcome
    reason: str
    judged: int
    requests: int
    seconds: float
    failures: tuple[Failure, ...] = ()
    round: int = 1


@dataclass(frozen=True)
class PromiseBroken:
    """A check found an answer at fault, whatever was being judged."""

    failure: Failure
    requests: int
    seconds: float


@dataclass(frozen=True)
class PhaseFinished:
    phase: str
    cases: int
    seconds: float


@dataclass(frozen=True)
class Progress:
    phase: str
    done: int
    total: int
    what: str
    failures: int
    requests: int
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class RunFinished:
    outcome: Literal["conforms", "fails", "undecided", "not judged", "interrupted"]
    level: str
    areas: Mapping[str, str]
    causes: tuple[Cause, ...]
    warnings: tuple[Cause, ...]
    waived: tuple[Cause, ...]
    notes: tuple[str, ...]
    not_judged: Mapping[str, str]
    coverage: Mapping[str, Any]
    requests: int
    seconds: float
    seed: int
    residue: Mapping[str, int] = field(default_factory=dict)
    partial: str = ""
    lacking: str = ""
    baseline: tuple[str, ...] = ()


RunEvent = (
    RunStarted | PhaseStarted | CaseJudged | PromiseBroken | PhaseFinished | Progress | RunFinished
)
Listener = Callable[[RunEvent], None]
