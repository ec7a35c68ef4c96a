"""The console: progress while it runs, and a summary that tells each cause in a few lines."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from conformance.failures import Cause
from conformance.reports.again import alone
from conformance.reports.exchanges import answered
from conformance.reports.verdict import found, level, unjudged
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

_RED, _GREEN, _YELLOW, _FAINT = "31", "32", "33", "2"
_COLOUR_BY_OUTCOME = {
    "conforms": _GREEN,
    "fails": _RED,
    "not judged": _YELLOW,
    "undecided": _YELLOW,
    "interrupted": _YELLOW,
}
_MARK_BY_STATE = {"conforms": ("✓", _GREEN), "fails": ("✗", _RED), "not judged": ("–", _FAINT)}
# Of what was not judged: so many reasons are told, and so many ids of each.
_MOST_REASONS, _MOST_NAMED = 12, 6


class Console:
    """Consumes run events and prints."""

    def __init__(
        self,
        target: Target,
        out: TextIO = sys.stdout,
        *,
        quiet: bool = False,
        folder: Path | None = None,
        page: Path | None = None,
    ) -> None:
        self.target, self._out, self._quiet = target, out, quiet
        self._live = out.isatty() and not quiet
        self._in_colour = out.isatty() and not os.environ.get("NO_COLOR")
        self._folder = f"{folder}/" if folder else ""
        self._page = f"in {page}" if page else "in report.html, with --report-dir DIR"
        self._begun: RunStarted | None = None
        self._told: set[str] = set()

    def __call__(self, event: RunEvent) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            self._begun = event
            self._begin(event)
        elif isinstance(event, PhaseStarted) and not self._quiet:
            self._say(f"{event.phase}: {event.total or 'no'} cases{'' if event.total else ' left'}")
        elif isinstance(event, CaseJudged):
            if event.outcome == "failed" and not self._quiet:
                self._say(f"  {self._tinted('✗', _RED)} {event.id} {event.name}")
        elif isinstance(event, PromiseBroken):
            if event.failure.key not in self._told and not self._quiet:
                self._told.add(event.failure.key)
                failure = event.failure
                self._say(f"  {self._tinted('✗', _RED)} {failure.key} {failure.name}")
        elif isinstance(event, Progress) and self._live:
            self._progress(event)
        elif isinstance(event, RunFinished):
            self._summary(event)

    def _begin(self, event: RunStarted) -> None:
        can = ", ".join(f"{k} {v}" for k, v in event.capabilities.items() if k != "mapping")
        told = (event.base_url, event.profile, f"seed {event.seed}", f"run {event.run_id}")
        self._say(" · ".join((f"conformance {event.version}", *told)))
        self._say(f"found: {can or 'nothing special'}")
        if event.taken_over:
            self._say(f"taken over from the run that stopped: {event.taken_over} cases")

    def _progress(self, event: Progress) -> None:
        left = f" · {event.seconds_left:.0f} s left" if event.seconds_left is not None else ""
        line = f"  {event.phase} {event.done}/{event.total or '?'}{left} · {event.failures} failures · {event.requests} requests · {event.what}"
        self._write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}\r")

    def _say(self, text: str) -> None:
        self._write(("\r\x1b[K" if self._live else "") + self.target.secrets.hidden(text) + "\n")

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        try:
            self._out.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._out.flush()
        except BrokenPipeError:  # nobody reads on: the run still ends as it should, and cleans
            self._out = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
            os.dup2(self._out.fileno(), sys.stdout.fileno())

    def _tinted(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._in_colour else text

    def _summary(self, ended: RunFinished) -> None:
        self._say("")
        for cause in ended.causes:
            self._cause(self._tinted("FAIL", _RED), cause)
        for cause in ended.warnings:
            self._cause(self._tinted("WARN", _YELLOW), cause)
        for line in _notes(ended):
            self._say(line)
        marks = ((area, *_MARK_BY_STATE[state]) for area, state in ended.areas.items())
        self._say(" ".join(f"{self._tinted(mark, colour)} {area}" for area, mark, colour in marks))
        for line in _not_judged(ended, self._page):
            self._say(line)
        self._cover(ended)
        if ended.residue:
            self._say(", ".join(f"{name} {count}" for name, count in ended.residue.items()))
        if ended.residue.get("residue") and self.target.ledger.path:
            path, url = self.target.ledger.path, self.target.base_url
            self._say(f"left behind: remove it by conformance cleanup {path} {url}")
        if ended.partial:
            self._say(f"partial: {ended.partial}; the verdict is on what was judged")
        outcome = self._tinted(ended.outcome, _COLOUR_BY_OUTCOME[ended.outcome])
        self._say(
            f"{outcome}: {found(ended)}, {level(ended)} · {ended.requests} requests in {ended.seconds:.1f} s · seed {ended.seed}"
        )

    def _cover(self, ended: RunFinished) -> None:
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

    def _cause(self, word: str, cause: Cause) -> None:
        failure = cause.failure
        times = f" ×{cause.times}" if cause.times > 1 else ""
        self._say(f"{word} {failure.key} [{failure.area}]{times}  {failure.promise}")
        self._say(f"     expected {failure.expected}")
        self._say(f"     seen     {failure.seen}")
        if cause.operations:
            self._say(f"     in       {', '.join(cause.operations[:6])}")
        self._say(f"     source   {failure.source}")
        if failure.exchanges:
            last = failure.exchanges[-1]
            self._say(f"     request  {self.target.curl(last.request)}")
            self._say(f"     answer   {answered(last.answer, self.target.secrets, 240)}")
        if cause.follows:
            self._say(f"     and {', '.join(f.law for f in cause.follows)} build on it")
        if self._begun:
            self._say(f"     alone    {alone(failure, self._begun, self._folder)}")
        self._say("")


def _notes(ended: RunFinished) -> list[str]:
    waived = [f"waived {c.failure.key}: {c.failure.promise}" for c in ended.waived]
    return waived + [f"note: {note}" for note in ended.notes]


def _not_judged(ended: RunFinished, page: str) -> list[str]:
    """Tell how much was not judged, why, and where all of it is told."""
    told = unjudged(ended)
    rows = [f"  {len(ids)}: {reason}: {_some(ids)}" for reason, ids in told[:_MOST_REASONS]]
    if len(told) > _MOST_REASONS:
        others = sum(len(ids) for _, ids in told[_MOST_REASONS:])
        rows.append(f"  {others}: {len(told) - _MOST_REASONS} other reasons")
    is_cut = len(told) > _MOST_REASONS or any(len(ids) > _MOST_NAMED for _, ids in told)
    rows += [f"  all of them are named {page}"] if is_cut else []
    return [f"not judged: {len(ended.not_judged)}", *rows] if told else []


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_MOST_NAMED]) + (", …" if len(ids) > _MOST_NAMED else "")
