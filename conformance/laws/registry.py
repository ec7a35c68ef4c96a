"""The register of laws: id, name, area, source, and what each builds on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from conformance.laws.world import World

Sureness = Literal["contract", "documented", "seen in clients", "inferred"]
Judge = Callable[["World"], None]


@dataclass(frozen=True, slots=True)
class Law:
    """A promise over several calls."""

    id: str
    name: str
    area: str
    promise: str
    judge: Judge
    source: str
    sureness: Sureness
    must: bool
    reads_only: bool
    builds_on: tuple[str, ...]

    @property
    def level(self) -> str:
        """MUST for what fails a run, SHOULD for what warns."""
        return "MUST" if self.must else "SHOULD"


LAWS: dict[str, Law] = {}


def law(
    id: str,
    area: str,
    source: str,
    sureness: Sureness = "documented",
    *,
    must: bool = True,
    reads_only: bool = False,
    builds_on: tuple[str, ...] = (),
) -> Callable[[Judge], Judge]:
    """Register a function as the law that its name and docstring state."""

    def register(judge: Judge) -> Judge:
        if id in LAWS:
            raise ValueError(f"two laws are called {id}")
        promise = " ".join((judge.__doc__ or "").split())
        name = judge.__name__.replace("_", " ")
        LAWS[id] = Law(
            id, name, area, promise, judge, source, sureness, must, reads_only, builds_on
        )
        return judge

    return register
