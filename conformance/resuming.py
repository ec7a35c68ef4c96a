"""A run that was stopped, kept so that it can go on: what it was asked, and what it has judged.

The file is written as the run goes, a line for each case, so that a run that was killed can go on
too. Secrets stand in it as placeholders, as in every artefact.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import __version__
from conformance.engine import Former, Plan, Run
from conformance.failures import Answer, Exchange, Failure, Request, plain
from conformance.phases.registry import ENDED
from conformance.redaction import placeholders_in
from conformance.run_events import CaseJudged, PromiseBroken, RunEvent, RunFinished, RunStarted

FILE = "state.jsonl"


class Unresumable(Exception):
    """What a folder holds cannot be gone on with, and why."""


@dataclass(frozen=True)
class Kept:
    """What the file of a run tells: what it was asked, what it judged, and what it left behind.

    `spent` says of what a run had no more that ended by its budget. `capabilities` are what it
    found out of the deployment, `options` those that a law needs again; `placeholders` are the
    names of the secrets for which a placeholder stands in what was sent.
    """

    asked: Mapping[str, Any]
    former: Former
    sittings: tuple[str, ...]
    is_whole: bool
    spent: str
    capabilities: Mapping[str, str]
    options: tuple[str, ...]
    placeholders: frozenset[str]


def asked(plan: Plan) -> dict[str, Any]:
    """Return what must be the same for a run to go on: other questions make another run."""
    return {
        "version": __version__,
        "contract": plan.contract.version,
        "base_url": plan.base_url,
        "profile": plan.profile.name,
        "phases": list(plan.phases),
        "only": list(plan.only),
        "shard": list(plan.shard),
        "seed": plan.seed,
    }


class Journal:
    """Consumes run events and writes down what a next run needs to go on."""

    def __init__(self, run: Run, folder: Path, *, goes_on: bool) -> None:
        self._run, self._path = run, folder / FILE
        self._known, self._booked = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if not goes_on:
            self._path.write_text("", encoding="utf-8")
            self._write({"asked": asked(run.plan)})
        self._write({"sitting": run.plan.run_id})  # before anything is sent

    def __call__(self, event: RunEvent) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            self._known = event.taken_over
            self._write({"found": event.capabilities, "options": event.asked})
        elif isinstance(event, PromiseBroken):
            self._write({"broken": plain(event.failure)})
        elif isinstance(event, CaseJudged):
            if self._known:
                self._known -= 1
            elif not event.reason.startswith(ENDED):
                self._write({"case": plain(event)})
                if time.monotonic() - self._booked > 1.0:
                    self._book(event)
        elif isinstance(event, RunFinished):
            self._book(event)
            told = {"outcome": event.outcome, "partial": event.partial}
            if event.residue.get("residue", 0) == 0:
                told["cleaned"] = self._run.plan.run_id
            self._write({"ended": told})

    def _book(self, event: CaseJudged | RunFinished) -> None:
        self._booked = time.monotonic()
        target = self._run.target
        book = {
            "requests": self._run.requests,
            "seconds": event.seconds if isinstance(event, RunFinished) else self._run.seconds,
            "observed": [[*key, count] for key, count in target.observed.items()],
            "exercised": {name: sorted(seen) for name, seen in target.exercised.items()},
            "judged": self._run.judge.judged,
            "sent": {
                name: {place: pair for place, pair in counts.items() if any(pair)}
                for name, counts in self._run.book.declared.items()
            },
            "seen": [[*key, sorted(places)] for key, places in self._run.second.seen.items()],
            "twice": [self._run.second.judged, self._run.second.shapes],
        }
        self._write({"book": book})

    def _write(self, row: Mapping[str, Any]) -> None:
        line = self._run.target.secrets.hidden(json.dumps(row, default=str))
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def read(folder: Path) -> Kept | None:
    """Return what the folder keeps of a run; None where it keeps nothing.

    A last line that is torn is left out. Raises `Unresumable` where the file is no such file.
    """
    path = folder / FILE
    if not path.exists():
        return None
    rows, text = [], path.read_text(encoding="utf-8")
    for line in text.splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    try:
        return _kept(rows, placeholders_in(text)) if rows else None
    except (KeyError, TypeError, ValueError) as error:
        raise Unresumable(f"{path} is not what a run has written: {error!r}") from error


def disagreement(kept: Kept, plan: Plan) -> str:
    """Tell in what a plan asks something else than the run that was kept, or nothing."""
    now = asked(plan)
    for name, value in kept.asked.items():
        if now.get(name) != value:
            return f"the run that stopped had {name} {value!r}, and this one has {now.get(name)!r}"
    return ""


def _kept(rows: list[dict[str, Any]], placeholders: frozenset[str]) -> Kept:
    question = rows[0]["asked"]
    sittings = [str(row["sitting"]) for row in rows if "sitting" in row]
    ends = [row["ended"] for row in rows if "ended" in row]
    cleaned = {end.get("cleaned") for end in ends}
    cases = [_case(row["case"]) for row in rows if "case" in row]
    broken = tuple(_failure(row["broken"]) for row in rows if "broken" in row)
    books = [row["book"] for row in rows if "book" in row]
    book = books[-1] if books else {}
    twice = book.get("twice", (0, 0))
    former = Former(
        tuple({(c.round, c.phase, c.id): c for c in cases}.values()),
        (*broken, *(f for c in cases for f in c.failures)),
        int(book.get("requests", 0)),
        float(book.get("seconds", 0.0)),
        {(str(op), int(status)): int(n) for op, status, n in book.get("observed", ())},
        {name: frozenset(map(str, seen)) for name, seen in book.get("exercised", {}).items()},
        {name: int(n) for name, n in book.get("judged", {}).items()},
        {
            name: {place: (int(kept), int(broken)) for place, (kept, broken) in counts.items()}
            for name, counts in book.get("sent", {}).items()
        },
        {(str(op), int(s)): frozenset(map(str, ps)) for op, s, ps in book.get("seen", ())},
        (int(twice[0]), int(twice[1])),
    )
    last = rows[-1].get("ended")
    is_whole = last is not None and last["outcome"] != "interrupted" and not last["partial"]
    begun: Mapping[str, Any] = next((row for row in reversed(rows) if "found" in row), {})
    return Kept(
        question,
        former,
        tuple(s for s in sittings if s not in cleaned),
        is_whole,
        "" if last is None or last["outcome"] == "interrupted" else str(last["partial"]),
        begun.get("found", {}),
        tuple(map(str, begun.get("options", ()))),
        placeholders,
    )


def _case(row: Mapping[str, Any]) -> CaseJudged:
    return CaseJudged(**{**row, "failures": tuple(_failure(f) for f in row["failures"])})


def _failure(row: Mapping[str, Any]) -> Failure:
    exchanges = tuple(
        Exchange(
            x["operation_id"],
            Request(
                x["request"]["method"],
                x["request"]["path"],
                tuple((n, v) for n, v in x["request"]["query"]),
                tuple((n, v) for n, v in x["request"]["headers"]),
                None if x["request"]["body"] is None else x["request"]["body"].encode(),
            ),
            Answer(
                x["answer"]["status"],
                x["answer"]["headers"],
                x["answer"]["body"].encode(),
                x["answer"]["seconds"],
            ),
            tuple(x["broke"]),
            float(x["began"]),
        )
        for x in row["exchanges"]
    )
    return Failure(**{**row, "exchanges": exchanges, "blames": tuple(row["blames"])})
