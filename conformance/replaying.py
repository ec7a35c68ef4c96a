"""A recorded failure, judged again on any deployment: still there, gone, or flaky."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance import contract
from conformance.engine import Plan, Run, run_id_for
from conformance.failures import Failure, plain
from conformance.laws import LAWS
from conformance.phases import PHASES
from conformance.phases.histories import replay_history
from conformance.phases.laws import judge
from conformance.profiles import PROFILES, considerate
from conformance.target import Application, Clock, Transport


class Unreplayable(Exception):
    """A file is no recording of a failure."""


@dataclass(frozen=True)
class Recording:
    """What a failure needs to be seen again."""

    law: str
    key: str
    promise: str
    base_url: str
    how: dict[str, Any]
    exchanges: list[Any]

    @staticmethod
    def of(failure: Failure, base_url: str) -> "Recording":
        """Record a failure."""
        return Recording(
            failure.law,
            failure.key,
            failure.promise,
            base_url,
            dict(failure.replay),
            plain(failure.exchanges),
        )

    @staticmethod
    def read(path: Path) -> "Recording":
        """Read a recording; raises `Unreplayable` where the file is none."""
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            return Recording(**{**row, "how": dict(row["how"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Unreplayable(f"{path} is no recording of a failure: {error!r}") from error

    def text(self) -> str:
        """Return the recording as JSON."""
        return json.dumps(self.__dict__, indent=1, default=str)


@dataclass(frozen=True, slots=True)
class Verdict:
    broken: int
    times: int
    unjudged: int = 0

    @property
    def word(self) -> str:
        """STILL, FLAKY, FIXED, or NOT JUDGED where it was not broken, nor kept each time."""
        if self.broken:
            return "STILL" if self.broken == self.times else "FLAKY"
        return "NOT JUDGED" if self.unjudged else "FIXED"


def replay_recording(  # noqa: PLR0917 - what a replay needs
    recording: Recording,
    base_url: str,
    applications: Sequence[Application],
    transport: Transport,
    times: int = 3,
    clock: Clock | None = None,
    folder: Path | None = None,
) -> Verdict:
    """Judge a recorded failure again, each time in a world of its own.

    What it makes is written into a ledger in the folder first, where one is given.
    """
    seed = int(recording.how.get("seed", 1))
    found: list[bool | None] = []
    for _ in range(times):
        profile = considerate(replace(PROFILES["thorough"], seconds=120.0), base_url)
        run_id = run_id_for(seed)
        plan = Plan(
            contract.load(),
            transport,
            base_url,
            applications,
            profile,
            seed,
            run_id,
            forgets=True,
            ledger=folder / f"ledger-{run_id}.jsonl" if folder else None,
            clock=clock,
            units=_units(recording),
        )
        run = Run(plan)
        try:
            run.preflight()
            found.append(_broken(recording, run, seed))
        finally:
            run.clean()
            transport.close()
    return Verdict(found.count(True), times, found.count(None))


def _units(recording: Recording) -> frozenset[str] | None:
    unit = recording.how.get("unit")
    return frozenset({str(unit)}) if unit else None


def _broken(recording: Recording, run: Run, seed: int) -> bool | None:
    """Whether the promise is broken again: by its history, by its law, or where it was found.

    None where it could not be judged.
    """
    run.watch()
    how = recording.how
    if how.get("kind") == "history":
        return bool(replay_history(run.context(), how["steps"]))
    phase = str(how.get("phase", "laws"))
    if phase == "laws":
        names = [str(how.get("law") or how.get("unit"))]
        laws = [LAWS[name] for name in names if name in LAWS] or list(LAWS.values())
        cases = (judge(law, run.target, seed, run.catalogue).case for law in laws)
    elif phase in PHASES:
        cases = (case for case in PHASES[phase].run(run.context(phase)))
    else:
        raise Unreplayable(f"there is no phase {phase!r}")
    judged = False
    for case in cases:
        if _same(recording, (*case.failures, *run.failures)):
            return True
        judged |= case.outcome != "not judged"
    return False if judged else None


def _same(recording: Recording, failures: Sequence[Failure]) -> bool:
    """Whether a failure is the recorded one: a law's by the law, a check's by its side too."""
    if recording.how.get("kind") == "law":
        return any(f.law == recording.law for f in failures)
    return any(f.key == recording.key for f in failures)
