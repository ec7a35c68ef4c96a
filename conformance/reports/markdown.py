"""Markdown: a summary for the page of a CI job."""

import re
from collections.abc import Sequence

from conformance.failures import Cause
from conformance.reports.again import alone
from conformance.reports.exchanges import answered
from conformance.reports.verdict import found, level, unjudged
from conformance.run_events import RunEvent, RunFinished, RunStarted
from conformance.target import Target

_SIGN_BY_STATE = {"conforms": "✅", "fails": "❌", "not judged": "➖"}


def render(events: Sequence[RunEvent], target: Target) -> str:
    """Return the verdict, the causes and the table of areas."""
    begun = next((e for e in events if isinstance(e, RunStarted)), None)
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    if ended is None:
        return "The run did not end.\n"
    lines = [f"## Vault conformance: {ended.outcome}", ""]
    if ended.partial:
        lines += [f"Partial: {ended.partial}. The verdict is on what was judged.", ""]
    lines += [
        f"{found(ended)}, {level(ended)} · {ended.requests} requests in {ended.seconds:.1f} s · seed {ended.seed}",
        "",
    ]
    for title, causes in (("fails", ended.causes), ("warns", ended.warnings)):
        if causes:
            lines += [f"| {title} | area | promise | expected | seen |", "|" + " --- |" * 5]
            lines += [_row(cause) for cause in causes]
            lines.append("")
            lines += [line for cause in causes for line in _details(cause, target, begun)]
            lines.append("")
    if ended.waived:
        lines += [f"Waived: {', '.join(c.failure.key for c in ended.waived)}", ""]
    lines += [f"- {note}" for note in ended.notes]
    lines += ["", _figure(ended), "", "| area | result |", "| --- | --- |"]
    lines += [
        f"| {area} | {_SIGN_BY_STATE[state]} {state} |" for area, state in ended.areas.items()
    ]
    lines.append("")
    lines += [
        f"- not judged: {len(laws)}, for {_cell(why)}: {', '.join(laws)}"
        for why, laws in unjudged(ended)
    ]
    return "\n".join(lines) + "\n"


def _row(cause: Cause) -> str:
    f = cause.failure
    cells = (f.key, f.area, f.promise, f.expected, f.seen)
    return f"| {' | '.join(map(_cell, cells))} |"


def _details(cause: Cause, target: Target, begun: RunStarted | None) -> list[str]:
    failure = cause.failure
    rows = [f"# source: {failure.source}"]
    if failure.exchanges:
        last = failure.exchanges[-1]
        rows += [target.curl(last.request), f"# {answered(last.answer, target.secrets, 400)}"]
    if begun:
        rows += ["# alone:", alone(failure, begun)]
    text = "\n".join(rows)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return [
        f"<details><summary>{failure.key}</summary>",
        "",
        f"{fence}sh",
        text,
        fence,
        "",
        "</details>",
    ]


def _figure(ended: RunFinished) -> str:
    cover = ended.coverage
    return (
        f"{len(cover['operations'])} of {cover['operations_total']} operations, {cover['answers_seen']} of {cover['answers_declared']} declared answers; "
        f"of {cover['keywords_declared']} schema keywords of requests {cover['keywords_kept']} kept and {cover['keywords_broken']} broken, "
        f"{cover['answer_keywords_seen']} of {cover['answer_keywords_declared']} of answers seen."
    )


def _cell(text: str) -> str:
    """Return a text as a cell: no markup of its own, nothing that ends the row."""
    told = re.sub(r"[\\`*_|<>\[\]]", lambda m: f"\\{m[0]}", text[:300])
    return re.sub(r"\s+", " ", told)
