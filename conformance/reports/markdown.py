"""Markdown: a summary for the page of a CI job."""

from collections.abc import Sequence

from conformance.run_events import RunEvent, RunFinished
from conformance.target import Target


def render(events: Sequence[RunEvent], target: Target) -> str:
    """Return the verdict, the causes and the table of areas."""
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    if ended is None:
        return "The run did not end.\n"
    lines = [
        f"## Vault conformance: {ended.outcome}",
        "",
        f"Level **{ended.level}** · {len(ended.causes)} causes · {ended.requests} requests in {ended.seconds:.1f} s · seed {ended.seed}",
        "",
    ]
    if ended.causes:
        lines += ["| law | area | promise | expected | seen |", "| --- | --- | --- | --- | --- |"]
        for cause in ended.causes:
            f = cause.failure
            lines.append(
                f"| {f.key} | {f.area} | {_cell(f.promise)} | {_cell(f.expected)} | {_cell(f.seen)} |"
            )
        lines.append("")
        for cause in ended.causes:
            if cause.failure.exchanges:
                lines += [
                    f"<details><summary>{cause.failure.key}</summary>",
                    "",
                    "```sh",
                    target.curl(cause.failure.exchanges[-1].request),
                    "```",
                    "",
                    "</details>",
                ]
        lines.append("")
    cover = ended.coverage
    figure = (
        f"{len(cover['operations'])} of {cover['operations_total']} operations, {cover['answers_seen']} of {cover['answers_declared']} declared answers; "
        f"of {cover['keywords_declared']} schema keywords of requests {cover['keywords_kept']} kept and {cover['keywords_broken']} broken, "
        f"{cover['answer_keywords_seen']} of {cover['answer_keywords_declared']} of answers seen."
    )
    lines += [figure, ""]
    lines += [
        "| area | result |",
        "| --- | --- |",
        *(f"| {a} | {r} |" for a, r in ended.areas.items()),
    ]
    if ended.partial:
        lines += ["", f"Partial: {ended.partial}. The verdict is on what was judged."]
    lines += ["", *(f"- {n}" for n in ended.notes)]
    lines += [f"- not judged: {law}: {why}" for law, why in ended.not_judged.items()]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:300]
