"""The rounds of a run: in each, every server has its turn at every call, one shortly after another.

What the machine does beside the bench then falls on all servers alike, and a ratio is taken within
a round before the median is taken over the rounds.
"""

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench.accounts import cpu_seconds
from tests.bench.calls import CALLS, sizes
from tests.bench.load import Measured, measure
from tests.bench.servers import Running, Server, running


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds of windows of some seconds, and starts of each server.

    With `alone` what is measured goes before all else on the machine.
    """

    rounds: int
    seconds: float
    starts: int
    alone: bool = False


Say = Callable[[str], None]


def measured(
    servers: Sequence[Server],
    environment: dict[str, str],
    given: dict[str, Any],
    effort: Effort,
    say: Say,
) -> tuple[list[dict[str, Any]], float]:
    """Return what was found of each server, and the CPU seconds that all of them used."""
    starts: dict[str, list[Running]] = {server.name: [] for server in servers}
    used = 0.0
    for number in range(effort.starts):
        say(f"start {number + 1} of {effort.starts}")
        for server in servers:
            with running(server, environment) as one:
                starts[server.name].append(one)
                used += cpu_seconds(one.pids)
    windows: dict[str, dict[str, list[Measured]]] = {
        server.name: {call.letter: [] for call in CALLS if call.letter not in server.skips}
        for server in servers
    }
    numbers = itertools.count(1).__next__
    with contextlib.ExitStack() as stack:
        alive = [stack.enter_context(running(server, environment)) for server in servers]
        lengths = {
            each.server.name: sizes(
                each.port, each.server.skips, None if each.server.is_ours else given
            )
            for each in alive
        }
        for number in range(effort.rounds):
            say(f"round {number + 1} of {effort.rounds}")
            # who comes first changes, so that nobody always follows the same neighbour
            turn = alive[number % len(alive) :] + alive[: number % len(alive)]
            for call in CALLS:
                for one in turn:
                    if call.letter in one.server.skips:
                        continue
                    asked = call.request(one.server.refuses_with if call.status == 400 else None)
                    found = measure(
                        one.pids,
                        one.port,
                        asked,
                        effort.seconds,
                        numbers,
                        alone=effort.alone,
                        may_go_first=one.server.may_go_first,
                    )
                    windows[one.server.name][call.letter].append(found)
        used += sum(cpu_seconds(each.pids) for each in alive)
    return [
        told(server, starts[server.name], lengths[server.name], windows[server.name])
        for server in servers
    ], used


def told(
    server: Server,
    starts: Sequence[Running],
    lengths: dict[str, int],
    windows: dict[str, list[Measured]],
) -> dict[str, Any]:
    """Return the figures of one server: medians, and for latencies the quietest round."""
    return {
        "name": server.name,
        "version": server.version,
        "ours": server.is_ours,
        "unequal": server.unequal,
        "start_s": round(median(each.start_s for each in starts), 3),
        "start_cpu_s": round(median(each.start_cpu_s for each in starts), 3),
        "memory_mib": round(median(each.memory_mib for each in starts), 1),
        "answer_bytes": lengths,
        "calls": {letter: summed_up(found) for letter, found in windows.items()},
    }


def summed_up(windows: Sequence[Measured]) -> dict[str, Any]:
    """Return the figures of one call to one server over all rounds."""
    quietest = min(windows, key=lambda each: each.p99_ms)
    return {
        "cpu_us": round(median(each.cpu_us for each in windows), 1),
        "by_round": [round(each.cpu_us, 1) for each in windows],
        "rate": round(median(each.rate for each in windows)),
        "busy": round(median(each.busy for each in windows), 2),
        "connections": windows[0].connections,
        "p50_ms": round(quietest.p50_ms, 3),
        "p99_ms": round(quietest.p99_ms, 3),
    }


def cpu_of_command(*arguments: str, times: int) -> float:
    """Return the median CPU seconds of `python -m mockvault` with some arguments."""
    command = [sys.executable, "-W", "ignore", "-m", "mockvault", *arguments]
    found = []
    for _ in range(times):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ends with {process.returncode}")
        found.append(usage.ru_utime + usage.ru_stime)
    return round(median(found), 3)
