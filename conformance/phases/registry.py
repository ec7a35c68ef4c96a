"""The register of phases, and what each works with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conformance.checks import Judge
from conformance.laws.world import Connector
from conformance.profiles import Profile
from conformance.run_events import CaseJudged
from conformance.target import Target


@dataclass(frozen=True)
class Context:
    """What a phase works with."""

    target: Target
    judge: Judge
    seed: int
    catalogue: tuple[Connector, ...]
    only: tuple[str, ...]
    shard: tuple[int, int]
    profile: Profile
    broken: Callable[[], frozenset[str]]
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phase:
    name: str
    help: str
    total: Callable[[Context], int]
    run: Callable[[Context], Iterator[CaseJudged]]


PHASES: dict[str, Phase] = {}


def phase(
    name: str, help: str, total: Callable[[Context], int]
) -> Callable[..., Callable[[Context], Iterator[CaseJudged]]]:
    """Register a generator of judged cases as a phase."""

    def register(
        run: Callable[[Context], Iterator[CaseJudged]],
    ) -> Callable[[Context], Iterator[CaseJudged]]:
        PHASES[name] = Phase(name, help, total, run)
        return run

    return register
