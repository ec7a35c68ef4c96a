"""The table of mutants: for each planted bug, whether it is found, by what, and how soon.

python -m tests.broken.mutants --profile smoke --seed 1 --seed 2
python -m tests.broken.mutants --profile quick --seed 3 --lines reports/mutants.jsonl
python -m tests.broken.mutants --profile quick --first --jobs 2 --seed 1 --seed 2 --seed 3

With --first a mutant is judged until its first failure, which tells whether it is found in a
quarter of the time, and not by how many lines. With --lines each row is appended to a file as it is
known, and a second start goes on where the first one stopped.
"""
# ruff: noqa: T201

import argparse
import json
import multiprocessing
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.profiles import PROFILES
from conformance.replaying import Recording, replay_recording
from conformance.run_events import RunFinished
from conformance.target import Application, HttpTransport, WsgiTransport
from tests.broken import vault as base
from tests.broken.bugs import AREAS, BUGS
from tests.broken.eighth import Vault
from tests.broken.vault import Clock, serve

APPLICATIONS = (
    Application("mock-app", "mock-api-key", "VAULT"),
    Application("other-app", "other-api-key", "VAULT_OTHER"),
)
# What only broken HTTP, or the spelling of headers, shows: a WSGI call has neither.
WIRE = frozenset({"chunk_500", "header_case"})


def judged(
    *bugs: str,
    variants: Sequence[str] = (),
    profile: str = "smoke",
    seed: int = 1,
    only: tuple[str, ...] = (),
    phases: tuple[str, ...] = (),
    run_id: str | None = None,
    vault: base.Vault | None = None,
    url: str = "",
    stop_first: bool = False,
) -> tuple[Run, RunFinished]:
    """Judge the stand-in with some bugs and variants, on a clock of its own.

    In this process, or over the port where it is already served.
    """
    clock = Clock(real=False)
    vault = vault or Vault(*bugs, variants=variants, clock=clock)
    roomy = replace(PROFILES[profile], seconds=1e9, max_requests=10**7)
    plan = Plan(
        load(),
        HttpTransport(url) if url else WsgiTransport(vault),
        url or "http://in-process",
        APPLICATIONS,
        roomy,
        seed,
        run_id or f"{seed:06x}",
        phases=phases or (("laws",) if only else ()),
        only=only,
        clock=vault.clock,
        stop_first=stop_first,
    )
    run = Run(plan)
    return run, run.execute()


@dataclass(frozen=True, slots=True)
class Row:
    bug: str
    area: str
    profile: str
    seed: int
    found: bool
    right_area: bool
    by: tuple[str, ...]
    lines: int
    first_request: int
    first_second: float
    steps: int
    seconds: float


def row(bug: str, profile: str, seed: int, *, first_only: bool = False) -> Row:
    """Judge one mutant, or judge it until its first failure."""
    begun = time.perf_counter()
    if bug in WIRE:
        vault = Vault(bug, clock=Clock(real=False))
        with serve(vault) as url:
            run, ended = judged(
                bug, profile=profile, seed=seed, vault=vault, url=url, stop_first=first_only
            )
    else:
        run, ended = judged(bug, profile=profile, seed=seed, stop_first=first_only)
    area = BUGS[bug].area
    keys = tuple(c.failure.key for c in ended.causes)
    first = run.first_failure or (0, 0.0)
    told = [c.failure for c in ended.causes[:1]]
    steps = len(told[0].exchanges) if told else 0
    right = bool(told) and told[0].area == area
    return Row(
        bug,
        area,
        profile,
        seed,
        bool(keys),
        right,
        keys,
        len(keys),
        first[0],
        first[1],
        steps,
        time.perf_counter() - begun,
    )


def replayed(bug: str, seed: int = 1, profile: str = "quick") -> tuple[str, str]:
    """Record a mutant's first cause; return what its replay says of a fresh and a dirty one."""
    vault = Vault(bug, clock=Clock(real=False))
    _, ended = judged(bug, profile=profile, seed=seed, vault=vault)
    recording = Recording.of(ended.causes[0].failure, "http://in-process")
    fresh = Vault(bug, clock=Clock(real=False))
    first, second = (
        replay_recording(
            recording, "http://in-process", APPLICATIONS, WsgiTransport(one), clock=one.clock
        ).word
        for one in (fresh, vault)
    )
    return first, second


def _row(wanted: tuple[str, str, int, bool]) -> Row:
    bug, profile, seed, first_only = wanted
    return row(bug, profile, seed, first_only=first_only)


def table(rows: Sequence[Row]) -> str:
    """Return the score by area."""
    lines = [
        f"{'area':<14}{'bugs':>6}{'found':>8}{'right':>8}{'lines':>8}{'first s':>9}{'calls':>7}"
    ]
    for area in (*AREAS, "all"):
        some = [r for r in rows if area in {r.area, "all"}]
        if not some:
            continue
        found = [r for r in some if r.found]
        right = [r for r in found if r.right_area]
        counts = median(r.lines for r in found) if found else 0
        first = median(r.first_second for r in found) if found else 0.0
        calls = median(r.steps for r in found) if found else 0
        lines.append(
            f"{area:<14}{len(some):>6}{len(found):>8}{len(right):>8}{counts:>8g}{first:>9.2f}"
            f"{calls:>7g}"
        )
    return "\n".join(lines)


def measured(path: Path) -> list[Row]:
    """Return the rows of a file of lines; a torn last line is none."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        rows.append(Row(**{**found, "by": tuple(found["by"])}))
    return [r for r in rows if r.bug in BUGS]


def told(one: Row) -> str:
    """Return a row as a line of text."""
    mark = "found" if one.found else "MISSED"
    first = f"{one.first_request:>6} requests {one.first_second:>6.2f} s"
    place = "" if one.right_area else "elsewhere: "
    return f"{one.bug:<26}{one.area:<14}{mark:<8}{first}  {place}{', '.join(one.by)}"


def main() -> None:
    """Judge the mutants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--profile", default="quick", choices=sorted(PROFILES))
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--lines", type=Path)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    names = options.names or list(BUGS)
    if options.sample:
        names = sorted(random.Random(1).sample(names, options.sample))
    rows = measured(options.lines) if options.lines else []
    done = {(r.bug, r.profile, r.seed) for r in rows}
    wanted = [
        (name, options.profile, seed, options.first)
        for seed in options.seed or [1]
        for name in names
        if (name, options.profile, seed) not in done
    ]
    judged(profile="quick", only=("VLT-CSM-01",))  # compiles what every child then has
    # A child for a few mutants each: Hypothesis keeps every state machine, and all it holds.
    with multiprocessing.get_context("fork").Pool(options.jobs, maxtasksperchild=10) as pool:
        for one in pool.imap(_row, wanted):
            rows.append(one)
            print(told(one), flush=True)
            if options.lines:
                with options.lines.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(one)) + "\n")
    print(table([r for r in rows if r.profile == options.profile]))


if __name__ == "__main__":
    main()
