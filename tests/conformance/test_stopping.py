"""Whoever stops a run in the middle of a phase gets a partial verdict, and nothing is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.failures import Answer, Request
from conformance.phases import PHASES
from conformance.profiles import PROFILES
from conformance.run_events import PhaseStarted, RunEvent
from conformance.target import HttpTransport
from tests.broken.eighth import Vault
from tests.broken.mutants import APPLICATIONS
from tests.broken.vault import serve

ROOT = Path(__file__).parents[2]
WORD = "stopped by SIGINT"


class Stopping(HttpTransport):
    """Requests of which one, after a phase has begun, is when somebody wants the run to end."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.left = -1
        self.stop: Callable[[], None] = lambda: None

    def exchange(self, request: Request) -> Answer:
        self.left -= self.left >= 0
        if self.left == 0:
            self.left = -1
            self.stop()
        return super().exchange(request)


def _raised(run: Run) -> None:
    run.target.stopped = WORD
    raise KeyboardInterrupt(WORD)


def _swallowed(run: Run) -> None:
    """Stop as a signal does whose exception a hook of the garbage collector has swallowed."""
    run.target.stopped = WORD


@pytest.mark.parametrize("how", [_raised, _swallowed])
@pytest.mark.parametrize("phase", PHASES)
def test_a_run_is_stopped_in_each_phase_and_leaves_nothing(
    phase: str, how: Callable[[Run], None]
) -> None:
    vault = Vault()
    with serve(vault) as url:
        transport = Stopping(url)
        profile = replace(PROFILES["thorough"], seconds=60.0)
        plan = Plan(load(), transport, url, APPLICATIONS, profile, 1, "stop01", phases=(phase,))
        run = Run(plan)

        def arm(event: RunEvent) -> None:
            if isinstance(event, PhaseStarted):
                transport.left = 2

        transport.stop = lambda: how(run)
        run.listen(arm)
        ended = run.execute()

    assert (ended.outcome, ended.partial) == ("interrupted", WORD)
    assert ended.residue["residue"] == 0
    assert [n for world in vault.world.values() for n in world if n.startswith("conf-")] == []


def test_a_command_that_is_stopped_while_it_is_loaded_shows_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "list"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "")
