"""The console: progress while it runs, and a summary that tells each cause in a few lines."""

import sys
from typing import TextIO

from conformance.failures import LEVELS, Cause
from conformance.run_events import (
    CaseJudged,
    PhaseStarted,
    Progress,
    PromiseBroken,
    RunEvent,
    RunFinished,
    RunStarted,
)
from conformance.target import Target

_WIDTH = 78


class Console:
    """Consumes run events and prints."""

    def __init__(self, target: Target, out: TextIO = sys.stdout, *, quiet: bool = False) -> None:
        self.target, self._out, self._quiet = target, out, quiet
        self._live = out.isatty() and not quiet
        self._base_url = target.base_url
        self._told: set[str] = set()

    def __call__(self, event: RunEvent) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            can = ", ".join(f"{k} {v}" for k, v in event.capabilities.items() if k != "mapping")
            self._say(
                f"conformance {event.version} · {event.base_url} · {event.profile} · seed {event.seed} · run {event.run_id}"
            )
            self._say(f"found: {can or 'nothing special'}")
            if event.taken_over:
                self._say(f"taken over from the run that stopped: {event.taken_over} cases")
        elif isinstance(event, PhaseStarted) and not self._quiet:
            self._say(f"{event.phase}: {event.total or 'some'} cases")
        elif isinstance(event, CaseJudged):
            if event.outcome == "failed" and not self._quiet:
                self._say(f"  ✗ {event.id} {event.name}")
        elif isinstance(event, PromiseBroken):
            if event.failure.key not in self._told and not self._quiet:
                self._told.add(event.failure.key)
                self._say(f"  ✗ {event.failure.key} {event.failure.name}")
        elif isinstance(event, Progress) and self._live:
            left = f"{event.seconds_left:4.0f} s left" if event.seconds_left is not None else ""
            line = f"  {event.phase} {event.done}/{event.total or '?'} · {event.requests} requests · {event.failures} failures · {left} · {event.what}"
            self._out.write("\r" + line[:_WIDTH].ljust(_WIDTH) + "\r")
            self._out.flush()
        elif isinstance(event, RunFinished):
            self._summary(event)

    def _say(self, text: str) -> None:
        if self._live:
            self._out.write("\r" + " " * _WIDTH + "\r")
        self._out.write(self.target.secrets.hidden(text) + "\n")
        self._out.flush()

    def _summary(self, ended: RunFinished) -> None:
        self._say("")
        for cause in ended.causes:
            self._cause("FAIL", cause, ended.seed)
        for cause in ended.warnings:
            self._cause("WARN", cause, ended.seed)
        for cause in ended.waived:
            self._say(f"waived {cause.failure.key}: {cause.failure.promise}")
        for note in ended.notes:
            self._say(f"note: {note}")
        words = {"conforms": "✓", "fails": "✗", "not judged": "–"}
        self._say(" ".join(f"{words[state]} {area}" for area, state in ended.areas.items()))
        if ended.not_judged:
            self._say(f"not judged: {len(ended.not_judged)}")
            for law, reason in list(ended.not_judged.items())[:6]:
                self._say(f"  {law}: {reason}")
            if len(ended.not_judged) > 6:
                self._say(f"  … and {len(ended.not_judged) - 6} more")
        cover = ended.coverage
        self._say(
            f"coverage: {len(cover['operations'])}/{cover['operations_total']} operations, "
            f"{cover['answers_seen']}/{cover['answers_declared']} declared answers, "
            f"{cover['parameters_seen']}/{cover['parameters_declared']} parameters, "
            f"{cover['laws_judged']}/{cover['laws_total']} laws judged"
        )
        self._say(
            f"keywords: of {cover['keywords_declared']} of requests {cover['keywords_kept']} sent kept and {cover['keywords_broken']} sent broken, "
            f"{cover['answer_keywords_seen']}/{cover['answer_keywords_declared']} of answers seen; "
            f"{cover['answers_judged_twice']} answers judged twice, of {cover['shapes_of_answers']} shapes"
        )
        if ended.residue:
            self._say(", ".join(f"{name} {count}" for name, count in ended.residue.items()))
        if ended.partial:
            self._say(f"partial: {ended.partial}; the verdict is on what was judged")
        known = f"level {ended.level}" if ended.level in LEVELS else "no level reached"
        count = f"{len(ended.causes)} causes" if len(ended.causes) != 1 else "1 cause"
        self._say(
            f"{ended.outcome}: {count}, {known} · {ended.requests} requests in {ended.seconds:.1f} s · seed {ended.seed}"
        )

    def _cause(self, word: str, cause: Cause, seed: int) -> None:
        failure = cause.failure
        times = f" ×{cause.times}" if cause.times > 1 else ""
        self._say(f"{word} {failure.key} [{failure.area}]{times}  {failure.promise}")
        self._say(f"     expected {failure.expected}")
        self._say(f"     seen     {failure.seen}")
        if cause.operations:
            self._say(f"     in       {', '.join(cause.operations[:6])}")
        self._say(f"     source   {failure.source}")
        if failure.exchanges:
            self._say(f"     request  {self.target.curl(failure.exchanges[-1].request)}")
        if cause.follows:
            self._say(f"     and {', '.join(f.law for f in cause.follows)} build on it")
        if failure.replay.get("kind") == "law":
            phase = failure.replay.get("phase", "laws")
            where = "" if phase == "laws" else f" --phase {phase}"
            only = f"--only {failure.law}{where} --seed {seed}"
            self._say(f"     alone    conformance run {self._base_url} {only}")
        self._say("")
