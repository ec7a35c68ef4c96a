"""`python -m tests.bench`: ourselves and our peers in one run, interleaved, told as ratios.

The measure is the server's CPU time a request by the kernel's account: it says what a request
costs, whoever else uses the machine. Requests a second, latencies, start and memory stand beside.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import roster, tables, targets
from tests.bench.accounts import Machine, processor
from tests.bench.calls import CALLS, answers_of
from tests.bench.chart import chart
from tests.bench.hooks import hooked
from tests.bench.rounds import Effort, cpu_of_command, measured
from tests.bench.servers import Absent, Server, keep_off_first_core, running
from tests.bench.testers import compared
from tests.bench.worlds import grown

HERE = Path(__file__).parent
README = HERE.parent.parent / "README.md"
OUT = HERE / "out"
WHOLE = Effort(rounds=7, seconds=0.15, starts=3)
QUICK = Effort(rounds=2, seconds=0.15, starts=1)


def main() -> None:
    """Measure, print the tables, write figures and chart."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure shortly, and more roughly")
    parser.add_argument(
        "--alone", action="store_true", help="go before all else on the machine; only root may"
    )
    parser.add_argument("--only", metavar="NAME", help="leave out servers whose name has it not")
    parser.add_argument(
        "--no-rest", action="store_true", help="leave growing worlds and the testers out"
    )
    parser.add_argument(
        "--publish", action="store_true", help="write figures, chart and table into the tree"
    )
    parser.add_argument("--rewrite", action="store_true", help="only write what is published anew")
    chosen = parser.parse_args()
    if chosen.rewrite:
        publish(json.loads((HERE / "figures.json").read_text()))
        return
    if chosen.publish and chosen.only:
        parser.error("what is published is whole: leave --only out")
    effort = replace(QUICK if chosen.quick else WHOLE, alone=chosen.alone)
    figures = found(effort, only=chosen.only, with_rest=not chosen.no_rest)
    print(tables.report(figures))
    OUT.mkdir(exist_ok=True)
    (OUT / "figures.json").write_text(as_text(figures))
    (OUT / "chart.svg").write_text(chart(figures))
    if chosen.publish:
        publish(figures)


def found(effort: Effort, *, only: str | None, with_rest: bool) -> dict[str, Any]:
    """Return the figures of a run."""
    keep_off_first_core()
    began, machine = time.perf_counter(), Machine.now()
    worlds = grown(effort, say) if with_rest else None
    tester = compared(effort, say) if with_rest else None
    hooks = hooked(effort, say) if with_rest else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with running(roster.ours()[0], {}) as mock:
            given = answers_of(mock.port)
        made = roster.material(given, folder)
        servers: list[Server] = []
        absent: list[Absent] = []
        for each in (*roster.ours(), *roster.others(made)):
            if isinstance(each, Absent):
                absent.append(each)
                say(f"{each.name} is left out: {each.reason}")
            elif only is None or only in each.name or each.name in {roster.PLAIN, roster.VALIDATED}:
                servers.append(each)
        rows, used = measured(servers, made.environment, given, effort, say)
        commands = {name: cpu_of_command(name, times=5) for name in ("--help", "--version")}
        commands["cold start"] = cold_start(folder)
    figures = {
        "taken": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
        },
        "seeds": {"world": 1, "scenario": "default"},
        "method": {
            "rounds": effort.rounds,
            "seconds": effort.seconds,
            "starts": effort.starts,
            "cost": "CPU time of the process tree by the scheduler's account (/proc schedstat)",
            "load": "keep-alive connections of one uvloop on another core; each answer is read",
            "latency": "at one connection, before all other processes where that is allowed;"
            " of the round whose p99 is least",
            "alone": effort.alone,
            "note": "",
            "order": "in each round every call, at each call every server in turn",
        },
        "calls": {call.letter: call.name for call in CALLS},
        "servers": rows,
        "absent": [{"name": each.name, "reason": each.reason} for each in absent],
        "commands": commands,
        "worlds": worlds,
        "tester": tester,
        "hooks_us": hooks,
    }
    figures["method"]["whole_run_s"] = round(time.perf_counter() - began)
    own = sum(os.times()[:4])
    share = Machine.now().share_of_others(machine, used + own)
    figures["machine"]["others_share"] = round(share, 2)
    figures["verdicts"] = targets.told(figures)
    return figures


def cold_start(folder: Path) -> float:
    """Return the CPU seconds of a start that finds nothing in its cache, to the first answer."""
    with running(roster.ours()[0], {"XDG_CACHE_HOME": str(folder / "no-cache")}) as mock:
        return round(mock.start_cpu_s, 3)


def publish(figures: dict[str, Any]) -> None:
    """Write the figures, the chart and the README's table into the tree."""
    figures["verdicts"] = targets.told(figures)
    (HERE / "figures.json").write_text(as_text(figures))
    (HERE / "chart.svg").write_text(chart(figures))
    README.write_text(tables.placed(README.read_text(), tables.section(figures)))


def as_text(figures: dict[str, Any]) -> str:
    """Return the figures as they are kept."""
    return json.dumps(figures, indent=1, ensure_ascii=False) + "\n"


def say(text: str) -> None:
    """Tell who waits how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
