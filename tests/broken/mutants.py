"""The table of mutants: for each planted bug, whether it is found, by what, and how soon.

python -m tests.broken.mutants --profile smoke --seed 1 --seed 2
python -m tests.broken.mutants --schemathesis --seconds 20 --sample 30
"""
# ruff: noqa: T201

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.profiles import PROFILES
from conformance.run_events import RunFinished
from conformance.target import Application, WsgiTransport
from tests.broken.bugs import AREAS, BUGS
from tests.broken.vault import Clock, Vault, serve

APPLICATIONS = (
    Application("mock-app", "mock-api-key", "VAULT"),
    Application("other-app", "other-api-key", "VAULT_OTHER"),
)
SLOW = frozenset({"slow", "lagging", "rate_limited"})


def judged(
    *bugs: str,
    variants: Sequence[str] = (),
    profile: str = "smoke",
    seed: int = 1,
    only: tuple[str, ...] = (),
    phases: tuple[str, ...] = (),
    run_id: str | None = None,
    vault: Vault | None = None,
) -> tuple[Run, RunFinished]:
    """Judge the stand-in with some bugs and variants, in this process and on a clock of its own."""
    clock = Clock(real=False)
    vault = vault or Vault(*bugs, variants=variants, clock=clock)
    roomy = replace(PROFILES[profile], seconds=1e9, max_requests=10**7)
    plan = Plan(
        load(),
        WsgiTransport(vault),
        "http://in-process",
        APPLICATIONS,
        roomy,
        seed,
        run_id or f"{seed:06x}",
        phases=phases or (("laws",) if only else ()),
        only=only,
        clock=vault.clock,
    )
    run = Run(plan)
    return run, run.execute()


@dataclass(frozen=True, slots=True)
class Row:
    bug: str
    area: str
    seed: int
    found: bool
    right_area: bool
    by: tuple[str, ...]
    lines: int
    first_request: int
    first_second: float
    steps: int
    seconds: float


def row(bug: str, profile: str, seed: int) -> Row:
    """Judge one mutant."""
    begun = time.perf_counter()
    run, ended = judged(bug, profile=profile, seed=seed)
    area = BUGS[bug].area
    keys = tuple(c.failure.key for c in ended.causes)
    first = run.first_failure or (0, 0.0)
    told = [c.failure for c in ended.causes[:1]]
    steps = len(told[0].exchanges) if told else 0
    right = bool(told) and told[0].area == area
    return Row(
        bug,
        area,
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


def table(rows: Sequence[Row]) -> str:
    """Return the score by area."""
    lines = [f"{'area':<14}{'bugs':>6}{'found':>8}{'right':>8}{'lines':>8}{'first s':>9}"]
    for area in (*AREAS, "all"):
        some = [r for r in rows if area in {r.area, "all"}]
        if not some:
            continue
        found = [r for r in some if r.found]
        right = [r for r in found if r.right_area]
        counts = median(r.lines for r in found) if found else 0
        first = median(r.first_second for r in found) if found else 0.0
        lines.append(
            f"{area:<14}{len(some):>6}{len(found):>8}{len(right):>8}{counts:>8g}{first:>9.2f}"
        )
    return "\n".join(lines)


def plain_schemathesis(bug: str, seconds: float) -> set[str]:
    """Run plain Schemathesis against a mutant; return the kinds of failure it reports."""
    vault = Vault(*([bug] if bug else []))
    with serve(vault) as url, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "events.ndjson"
        command = [
            str(Path(sys.executable).parent / "schemathesis"),
            "run",
            "spec/vault.yml",
            "--url",
            url,
            "--seed",
            "1",
            "--continue-on-failure",
            "--max-time",
            str(seconds),
            "--report",
            "junit",
            "--report-junit-path",
            str(report),
            "-H",
            "Authorization: Bearer mock-api-key",
            "-H",
            "x-apideck-app-id: mock-app",
            "-H",
            "x-apideck-consumer-id: test-consumer",
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds * 6 + 60,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        text = report.read_text(encoding="utf-8") if report.exists() else done.stdout
    kinds = set()
    pattern = r'<testcase[^>]*name="([^"]*)"[^>]*>(.*?)</testcase>'
    for test in re.findall(pattern, text, flags=re.DOTALL):
        kinds |= {f"{test[0]}: {title}" for title in re.findall(r"- ([A-Z][^\n]{4,60})", test[1])}
    return kinds


def compare(names: Sequence[str], seconds: float) -> None:
    """Print which mutants plain Schemathesis tells from the correct stand-in."""
    clean = plain_schemathesis("", seconds) | plain_schemathesis("", seconds)
    print(f"on the correct stand-in: {len(clean)} kinds of failure")
    found = 0
    for name in names:
        new = plain_schemathesis(name, seconds) - clean
        found += bool(new)
        mark = "found" if new else "-"
        print(f"{name:<26}{BUGS[name].area:<14}{mark:<8}{sorted(new)[:1]}", flush=True)
    print(f"{found} of {len(names)}")


def main() -> None:
    """Judge the mutants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--profile", default="quick", choices=sorted(PROFILES))
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--schemathesis", action="store_true")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--sample", type=int, default=0)
    options = parser.parse_args()
    names = options.names or list(BUGS)
    if options.sample:
        names = sorted(random.Random(1).sample(names, options.sample))
    if options.schemathesis:
        compare(names, options.seconds)
        return
    rows = []
    for seed in options.seed or [1]:
        for name in names:
            one = row(name, options.profile, seed)
            rows.append(one)
            mark = "found" if one.found else "MISSED"
            first = f"{one.first_request:>6} requests {one.first_second:>6.2f} s"
            by = ", ".join(one.by)
            print(f"{one.bug:<26}{one.area:<14}{mark:<8}{first}  {by}", flush=True)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(r) for r in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
