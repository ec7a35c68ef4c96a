"""How many judged cases a second: `conformance` beside plain Schemathesis, on the same contract.

Both judge the same mock on the first core from another core: a case is a request whose answer was
judged. Schemathesis gets as many seconds as `conformance` took, and the checks that both have.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import roster
from tests.bench.rounds import Effort
from tests.bench.servers import first, running

ROOT = Path(__file__).parent.parent.parent
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
OVER_HTTP, IN_PROCESS = "conformance, over HTTP", "conformance, in process"
SCHEMATHESIS = "Schemathesis, over HTTP"
OWN = ("laws", "stateful")
"""The phases of `conformance` whose cases no generator of Schemathesis makes."""
_GENERATED = re.compile(r"(\d[\d,]*) generated")
_TOOK = re.compile(r"in ([\d.]+)s =+\s*$")


def compared(effort: Effort, say: Callable[[str], None]) -> dict[str, Any]:
    """Return cases, seconds and CPU seconds of each, and the ratios over HTTP, round by round."""
    rounds = max(1, effort.rounds // 2)
    found: dict[str, list[dict[str, float]]] = {OVER_HTTP: [], IN_PROCESS: [], SCHEMATHESIS: []}
    rate_ratios: list[float] = []
    own_ratios: list[float] = []
    cpu_ratios: list[float] = []
    for number in range(rounds):
        say(f"testers, round {number + 1} of {rounds}")
        with running(roster.ours()[0], {}) as mock:
            if effort.alone:
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, mock.pids[0], -10)
            url = f"http://127.0.0.1:{mock.port}"
            ours = over_http(url, alone=effort.alone)
            theirs = schemathesis(url, max(5, round(ours["seconds"])), alone=effort.alone)
        alone = in_process(alone=effort.alone)
        for name, one in ((OVER_HTTP, ours), (IN_PROCESS, alone), (SCHEMATHESIS, theirs)):
            found[name].append(one)
        rate_ratios.append(rate(ours) / rate(theirs))
        own_ratios.append(ours["own_rate"] / rate(theirs))
        cpu_ratios.append(ours["cases"] / ours["cpu_s"] / (theirs["cases"] / theirs["cpu_s"]))
    return {
        "versions": {"conformance": _own_version(), "schemathesis": version("schemathesis")},
        "profile": "quick",
        "checks": list(CHECKS),
        "runs": {name: _middle(rows) for name, rows in found.items()},
        "own_phases": list(OWN),
        "rate_ratio": round(median(rate_ratios), 1),
        "own_ratio": round(median(own_ratios), 1),
        "cpu_ratio": round(median(cpu_ratios), 1),
    }


def rate(run: dict[str, float]) -> float:
    """Return the judged cases a second of a run."""
    return run["cases"] / run["seconds"]


def _middle(rows: list[dict[str, float]]) -> dict[str, float]:
    middle = {key: round(median(row[key] for row in rows), 2) for key in rows[0]}
    return {**middle, "rate": round(median(rate(row) for row in rows), 1)}


def _own_version() -> str:
    from conformance import __version__

    return __version__


def over_http(url: str, *, alone: bool) -> dict[str, float]:
    """Judge a mock by `conformance run`."""
    credentials = ["--app-id", "mock-app", "--api-key", "mock-api-key"]
    other = ["--other-app-id", "other-app", "--other-api-key", "other-api-key"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-m", "conformance", "run", url]
        command += [*credentials, *other, "--profile", "quick", "--seed", "1", "--quiet"]
        _, cpu = _timed([*command, "--report-dir", folder], alone=alone)
        text = (Path(folder) / "events.ndjson").read_text(encoding="utf-8")
    return {**finished(text), "cpu_s": cpu}


def finished(text: str) -> dict[str, float]:
    """Return what a run tells of itself by its events, a line each.

    These are its cases and seconds, and the cases a second of the phases whose strategies are its
    own.
    """
    phase, began, sent = "", 0, 0
    own_cases, own_seconds = 0, 0.0
    for line in text.splitlines():
        event = json.loads(line)
        match event["event"]:
            case "PhaseStarted":
                phase, began = event["phase"], sent
            case "Progress":
                sent = event["requests"]
            case "PhaseFinished" if phase in OWN:
                own_cases += sent - began
                own_seconds += event["seconds"]
            case "RunFinished":
                return {
                    "cases": event["requests"],
                    "seconds": event["seconds"],
                    "own_rate": round(own_cases / own_seconds) if own_seconds else 0,
                }
    raise ValueError("the run did not finish")


def in_process(*, alone: bool) -> dict[str, float]:
    """Judge a mock in the process of the tester; the CPU seconds are those of both."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.testers"]
    told, cpu = _timed(command, alone=alone)
    ended: dict[str, float] = json.loads(told.splitlines()[-1])
    return {**ended, "cpu_s": cpu}


def schemathesis(url: str, seconds: int, *, alone: bool) -> dict[str, float]:
    """Judge a mock by `schemathesis run` for some seconds."""
    start = "from schemathesis.cli import schemathesis; schemathesis()"
    command = [sys.executable, "-W", "ignore", "-c", start, "run", str(roster.SPEC)]
    command += ["--url", url, "--seed", "1", "--continue-on-failure", "--no-color"]
    command += ["--max-time", str(seconds), "--checks", ",".join(CHECKS)]
    for header in ("Authorization: Bearer mock-api-key", "x-apideck-app-id: mock-app"):
        command += ["-H", header]
    told, cpu = _timed([*command, "-H", "x-apideck-consumer-id: test-consumer"], alone=alone)
    return {**counted(told), "cpu_s": cpu}


def counted(told: str) -> dict[str, float]:
    r"""Return the cases and seconds that a run of Schemathesis tells of at its end.

    >>> counted("Test cases:\n  1,691 generated, 1,691 passed\n=== 3 warnings in 12.01s ===\n")
    {'cases': 1691, 'seconds': 12.01}
    """
    cases, took = _GENERATED.search(told), _TOOK.search(told)
    if cases is None or took is None:
        raise ValueError(f"Schemathesis tells of no cases: {told[-500:]!r}")
    return {"cases": int(cases[1].replace(",", "")), "seconds": float(took[1])}


def _timed(command: list[str], *, alone: bool) -> tuple[str, float]:
    """Run a tester; return what it prints, and the CPU seconds of it and all below it.

    A tester that finds something ends with 1, which is no matter here.
    """
    before = os.times()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            preexec_fn=first if alone else None,
        )
    after = os.times()
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"{command[:5]} ends with {done.returncode}: {done.stderr[-500:]}")
    used = after.children_user + after.children_system
    return done.stdout, used - before.children_user - before.children_system


def _judge_in_this_process() -> None:
    from conformance.contract import load
    from conformance.engine import Plan, Run
    from conformance.failures import Answer, Request
    from conformance.profiles import PROFILES
    from conformance.target import Application, AsgiTransport
    from mockvault.app import create_app

    applications = (
        Application("mock-app", "mock-api-key", "VAULT"),
        Application("other-app", "other-api-key", "VAULT_OTHER"),
    )
    inner, lock = AsgiTransport(create_app()), threading.Lock()

    class OneByOne:
        """The mock in this process, which answers one call after another."""

        def exchange(self, request: Request) -> Answer:
            with lock:
                return inner.exchange(request)

        def close(self) -> None:
            inner.close()

    plan = Plan(
        load(),
        OneByOne(),
        "http://in-process",
        applications,
        PROFILES["quick"],
        1,
        "bench1",
        phases=("laws", "coverage", "stateful"),  # the others need a port
    )
    ended = Run(plan).execute()
    print(json.dumps({"cases": ended.requests, "seconds": ended.seconds}))


if __name__ == "__main__":
    _judge_in_this_process()
