"""The register of phases, and what each works with.

A phase judges units: a law, an operation, a batch of histories. Each unit is a case with an id of
its own, so that a run can go on where another stopped, and a failure can be judged again alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from conformance.checks import Judge
from conformance.laws.world import Connector
from conformance.profiles import Profile
from conformance.run_events import CaseJudged
from conformance.second_judge import SecondJudge
from conformance.target import Target

ENDED = "the run ended"
READS_ONLY = "it writes, and this run only reads"
# How reasons begin that lie in the run, not in the deployment: who wants to know can ask again.
OF_THE_RUN = (
    ENDED,
    READS_ONLY,
    "it met an answer that it cannot read",
    "a read may create its consumer",
    "no second application was given",
)


def ended(why: object) -> str:
    """Return the reason of a unit that the end of the run has cut off."""
    return f"{ENDED}: {why}"


def everything(unit: str) -> bool:
    """Want every unit of a phase."""
    del unit
    return True


@dataclass(frozen=True)
class Context:
    """What a phase works with; it judges the units that are wanted.

    A run of many rounds judges each unit again with the seed of the round, in worlds of their own.
    """

    target: Target
    judge: Judge
    seed: int
    catalogue: tuple[Connector, ...]
    only: tuple[str, ...]
    shard: tuple[int, int]
    profile: Profile
    second: SecondJudge
    broken: Callable[[], frozenset[str]]
    first: tuple[str, ...] = ()
    wanted: Callable[[str], bool] = everything
    round: int = 1

    def turn(self, number: int = 0) -> int:
        """Return the number that sets worlds of this round apart from those of all others."""
        return number + 100 * (self.round - 1)


@dataclass(frozen=True)
class Phase:
    name: str
    help: str
    units: Callable[[Context], Sequence[str]]
    run: Callable[[Context], Iterator[CaseJudged]]


def unjudged(phase: str, id: str, name: str, area: str, reason: str) -> CaseJudged:
    """Return the case of a unit that could not be judged, and why."""
    return CaseJudged(phase, id, name, area, "not judged", reason, 0, 0, 0.0)


PHASES: dict[str, Phase] = {}


def phase(
    name: str, help: str, units: Callable[[Context], Sequence[str]]
) -> Callable[..., Callable[[Context], Iterator[CaseJudged]]]:
    """Register a generator of judged cases as a phase.

    `units` tells the ids of its cases before the deployment is known.
    """

    def register(
        run: Callable[[Context], Iterator[CaseJudged]],
    ) -> Callable[[Context], Iterator[CaseJudged]]:
        PHASES[name] = Phase(name, help, units, run)
        return run

    return register
