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
from conformance.phases.histories import replay_history
from conformance.phases.laws import judge
from conformance.profiles import PROFILES
from conformance.target import Application, Clock, Transport


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
        """Read a recording."""
        return Recording(**json.loads(path.read_text(encoding="utf-8")))

    def text(self) -> str:
        """Return the recording as JSON."""
        return json.dumps(self.__dict__, indent=1, default=str)


@dataclass(frozen=True, slots=True)
class Verdict:
    broken: int
    times: int

    @property
    def word(self) -> str:
        """STILL, FIXED or FLAKY."""
        return "FIXED" if not self.broken else "STILL" if self.broken == self.times else "FLAKY"


def replay_recording(  # noqa: PLR0917 - what a replay needs
    recording: Recording,
    base_url: str,
    applications: Sequence[Application],
    transport: Transport,
    times: int = 3,
    clock: Clock | None = None,
) -> Verdict:
    """Judge a recorded failure again, each time in a world of its own."""
    seed = int(recording.how.get("seed", 1))
    broken = 0
    for _ in range(times):
        profile = replace(PROFILES["quick"], seconds=120.0)
        plan = Plan(
            contract.load(),
            transport,
            base_url,
            applications,
            profile,
            seed,
            run_id_for(seed),
            clock=clock,
        )
        run = Run(plan)
        run.preflight()
        broken += _broken(recording, run, seed)
        run.clean()
        transport.close()
    return Verdict(broken, times)


def _broken(recording: Recording, run: Run, seed: int) -> bool:
    run.watch()
    kind = recording.how.get("kind")
    if kind == "law":
        found = judge(LAWS[recording.law], run.target, seed, run.catalogue).case.failures
        return any(f.law == recording.law for f in found)
    if kind == "history":
        return bool(replay_history(run.context(), recording.how["steps"]))
    laws = [LAWS[name] for name in recording.how.get("laws", ()) if name in LAWS] or list(
        LAWS.values()
    )
    for law in laws:
        judge(law, run.target, seed, run.catalogue)
        if any(f.key == recording.key for f in run.failures):
            return True
    return False
