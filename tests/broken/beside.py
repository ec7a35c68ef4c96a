"""Planted bugs beside plain Schemathesis: who finds which, by what, after how much.

python -m tests.broken.beside --seconds 10 --sample 36 --lines reports/beside.jsonl
python -m tests.broken.beside --lines reports/beside.jsonl --page tests/broken/BESIDE.md

Both judge the same stand-in over a port. Schemathesis runs with its default checks, and is given
the key, the application and the consumer; what it reports on the correct stand-in is no find.
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
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.broken.bugs import AREAS, BUGS
from tests.broken.eighth import Vault
from tests.broken.mutants import judged
from tests.broken.vault import serve

ROOT = Path(__file__).parents[2]
TITLE = re.compile(r"^- (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Beside:
    """What both made of one mutant: by what it was found, after how many requests and seconds."""

    bug: str
    area: str
    by: str
    requests: int
    seconds: float
    plain_by: str
    plain_requests: int
    plain_seconds: float


def plain(bug: str, seconds: float, seed: int = 1) -> tuple[set[str], int, float]:
    """Run plain Schemathesis; return the failures by operation, the requests and the seconds."""
    vault = Vault(*([bug] if bug else []))
    with serve(vault) as url, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = [
            *(str(Path(sys.executable).parent / "schemathesis"), "run"),
            *(str(ROOT / "spec" / "vault.yml"), "--url", url),
            *("--seed", str(seed), "--continue-on-failure", "--max-time", str(round(seconds))),
            *("--report", "junit", "--report-junit-path", str(report)),
            *("-H", "Authorization: Bearer mock-api-key", "-H", "x-apideck-app-id: mock-app"),
            *("-H", "x-apideck-consumer-id: test-consumer"),
        ]
        begun, before = time.perf_counter(), vault.requests
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds * 8 + 120,
            check=False,
            cwd=folder,
        )
        if done.returncode not in {0, 1}:
            raise RuntimeError(done.stdout + done.stderr)
        spent = time.perf_counter() - begun
        return set(_told(report)), vault.requests - before, spent


def _told(report: Path) -> Iterable[str]:
    if not report.exists():
        return
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own report
        for failure in case.iter("failure"):
            text = f"{failure.get('message') or ''}\n{failure.text or ''}"
            for title in TITLE.findall(text):
                yield f"{case.get('name')}: {title.strip()}"


def beside(bug: str, seconds: float, clean: set[str]) -> Beside:
    """Judge one mutant by both."""
    vault = Vault(bug)
    with serve(vault) as url:
        run, ended = judged(bug, profile="quick", vault=vault, url=url, stop_first=True)
    first = run.first_failure or (run.requests, 0.0)
    by = ended.causes[0].failure.key if ended.causes else ""
    found, sent, spent = plain(bug, seconds)
    new = sorted(found - clean)
    return Beside(bug, BUGS[bug].area, by, *first, new[0] if new else "", sent, spent)


def sample(count: int) -> list[str]:
    """Return so many bugs, as evenly over the areas as can be."""
    chance = random.Random(1)
    rows = {a: chance.sample(names, len(names)) for a in AREAS if (names := _of(a))}
    found: list[str] = []
    while len(found) < count and any(rows.values()):
        found += [names.pop() for names in rows.values() if names]
    return found[:count]


def _of(area: str) -> list[str]:
    return [name for name, bug in BUGS.items() if bug.area == area]


def measured(path: Path) -> list[Beside]:
    """Return the rows of a file of lines."""
    if not path.exists():
        return []
    return [Beside(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def page(rows: Sequence[Beside]) -> str:
    """Return the rows as a page."""
    ours, theirs = len([r for r in rows if r.by]), len([r for r in rows if r.plain_by])
    lines = [
        "# Planted bugs, beside plain Schemathesis",
        "",
        "One planted bug of the stand-in each, both tools over a port and on the same machine:",
        "`quick`, and `schemathesis run` with its default checks. What Schemathesis reports on the",
        "correct stand-in is not counted as a find; whatever else it reports is, also where that",
        "says nothing of the planted bug. Made by `python -m tests.broken.beside`.",
        "",
        f"Found: {ours} of {len(rows)} by `quick`, {theirs} of {len(rows)} by plain Schemathesis.",
        "",
        "| area | bug | by | requests | seconds | Schemathesis | requests | seconds |",
        "|---|---|---|--:|--:|---|--:|--:|",
    ]
    lines += map(_line, sorted(rows, key=lambda r: (AREAS.index(r.area), r.bug)))
    lines += ["", "Requests and seconds of `quick` are those until the first failure."]
    return "\n".join(lines) + "\n"


def _line(r: Beside) -> str:
    theirs = r.plain_by.replace("|", "/") or "-"
    cells = (r.area, r.bug, r.by or "-", str(r.requests), f"{r.seconds:.1f}")
    return (
        "| " + " | ".join((*cells, theirs, str(r.plain_requests), f"{r.plain_seconds:.0f}")) + " |"
    )


def main() -> None:
    """Judge mutants by both, and print or write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    rows = measured(options.lines)
    done = {row.bug for row in rows}
    names = [n for n in options.names or sample(options.sample) if n not in done]
    clean: set[str] = set()
    for seed in (1, 2) if names else ():
        clean |= plain("", options.seconds, seed)[0]
    for name in names:
        one = beside(name, options.seconds, clean)
        rows.append(one)
        print(f"{one.bug:<26}{one.area:<14}{one.by or '-':<28}{one.plain_by or '-'}", flush=True)
        with options.lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(one)) + "\n")
    if options.page:
        options.page.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
