"""One HTML page that opens from disk: filter, groups, curl, timings, coverage; nothing is fetched."""

from collections.abc import Sequence
from html import escape

from conformance.failures import Cause
from conformance.run_events import CaseJudged, RunEvent, RunFinished, RunStarted
from conformance.target import Target

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#59636e;--line:#d1d9e0;--card:#f6f8fa;--bad:#b3261e;--good:#1a7f37;--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9198a1;--line:#3d444d;--card:#151b23;--bad:#ff7b72;--good:#56d364;--warn:#e3b341}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.25rem 0}.soft{color:var(--soft)}
.areas{display:flex;flex-wrap:wrap;gap:.4rem;margin:1rem 0;padding:0;list-style:none}.areas li{border:1px solid var(--line);border-radius:1rem;padding:.1rem .7rem}
.fails{color:var(--bad)}.conforms{color:var(--good)}.notjudged{color:var(--soft)}
details{border:1px solid var(--line);border-radius:.4rem;background:var(--card);margin:.5rem 0;padding:.5rem .8rem}summary{cursor:pointer;font-weight:600}
pre{overflow:auto;background:var(--bg);border:1px solid var(--line);border-radius:.3rem;padding:.6rem;font-size:13px;white-space:pre-wrap;word-break:break-word}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.5rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--line)}td.n{text-align:right;font-variant-numeric:tabular-nums}
input{font:inherit;padding:.4rem .6rem;width:100%;max-width:28rem;border:1px solid var(--line);border-radius:.3rem;background:var(--bg);color:var(--fg)}
.scroll{overflow-x:auto}
"""
_SCRIPT = """
const box=document.getElementById('filter');
box.addEventListener('input',()=>{const q=box.value.toLowerCase();
for(const e of document.querySelectorAll('[data-text]')){e.hidden=!e.dataset.text.includes(q)}});
"""


def render(events: Sequence[RunEvent], target: Target) -> str:
    """Return the page."""
    begun = next((e for e in events if isinstance(e, RunStarted)), None)
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    cases = [e for e in events if isinstance(e, CaseJudged)]
    if begun is None or ended is None:
        return "<!doctype html><title>conformance</title><p>The run did not end."
    areas = "".join(
        f'<li class="{state.replace(" ", "")}">{escape(area)}: {state}</li>'
        for area, state in ended.areas.items()
    )
    blocks = "".join(_cause(c, "fails", target) for c in ended.causes)
    blocks += "".join(_cause(c, "warn", target) for c in ended.warnings)
    rows = "".join(_row(case) for case in cases)
    told = (
        [f"Partial: {ended.partial}. The verdict is on what was judged."] if ended.partial else []
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in (*told, *ended.notes))
    verdict = f"{ended.outcome}, level {ended.level}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Vault conformance: {escape(verdict)}</title><style>{_STYLE}</style></head><body>
<header><h1>Vault conformance: <span class="{ended.outcome}">{escape(verdict)}</span></h1>
<p class="soft">{escape(begun.base_url)} · profile {escape(begun.profile)} · seed {begun.seed} · run {escape(begun.run_id)} ·
{ended.requests} requests in {ended.seconds:.1f} s</p></header>
<main><ul class="areas">{areas}</ul>{notes}
<p><label for="filter">Filter</label><br><input id="filter" type="search" placeholder="a law, an area, an operation"></p>
<h2>Failures, by cause ({len(ended.causes)})</h2>{blocks or "<p>None.</p>"}
<h2>Coverage of the contract</h2>{_coverage(ended, target)}
<h2>Keywords of the contract</h2>{_keywords(ended)}
<h2>All cases</h2><div class="scroll"><table><thead><tr><th>Case</th><th>Area</th><th>Result</th><th>Judged</th><th>Requests</th><th>ms</th></tr></thead>
<tbody>{rows}</tbody></table></div></main><script>{_SCRIPT}</script></body></html>
"""


def _cause(cause: Cause, kind: str, target: Target) -> str:
    failure = cause.failure
    rows = {
        "promise": failure.promise,
        "expected": failure.expected,
        "seen": failure.seen,
        "in": ", ".join(cause.operations),
        "source": failure.source,
        "times": str(cause.times),
        "follows": ", ".join(f.law for f in cause.follows),
    }
    listed = "".join(
        f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows.items() if value
    )
    steps = "\n".join(
        f"{target.curl(x.request)}\n# HTTP {x.answer.status} in {x.answer.seconds * 1000:.1f} ms: {x.answer.body[:400].decode('utf-8', 'replace')}"
        for x in failure.exchanges[-4:]
    )
    text = escape(
        f"{failure.key} {failure.area} {failure.promise} {' '.join(cause.operations)}".lower(),
        quote=True,
    )
    return (
        f'<details data-text="{text}"><summary><span class="{kind}">{escape(failure.key)}</span> [{escape(failure.area)}] '
        f"{escape(failure.promise)}</summary><dl>{listed}</dl><pre>{escape(steps)}</pre></details>"
    )


def _row(case: CaseJudged) -> str:
    text = escape(f"{case.id} {case.name} {case.area} {case.outcome}".lower(), quote=True)
    kind = {"failed": "fails", "passed": "conforms"}.get(case.outcome, "notjudged")
    why = f" ({escape(case.reason)})" if case.reason else ""
    again = f" (round {case.round})" if case.round > 1 else ""
    return (
        f'<tr data-text="{text}"><td>{escape(case.id)} {escape(case.name)}{again}</td><td>{escape(case.area)}</td>'
        f'<td class="{kind}">{case.outcome}{why}</td><td class="n">{case.judged}</td><td class="n">{case.requests}</td>'
        f'<td class="n">{case.seconds * 1000:.0f}</td></tr>'
    )


def _coverage(ended: RunFinished, target: Target) -> str:
    operations = target.contract.operations.values()
    statuses = (200, 204, 301, 400, 401, 404, 422)
    head = "".join(f"<th>{s}</th>" for s in (*statuses, "others"))
    seen = ended.coverage["answers"]
    rows = []
    for operation in operations:
        counts = {
            int(key.split(" ")[1]): n
            for key, n in seen.items()
            if key.split(" ")[0] == operation.operation_id
        }
        cells = "".join(
            f'<td class="n">{counts.get(s, "") if s in operation.statuses or s in counts else "·"}</td>'
            for s in statuses
        )
        others = " ".join(f"{s}: {n}" for s, n in counts.items() if s not in statuses)
        rows.append(
            f'<tr data-text="{operation.operation_id.lower()}"><td>{operation.operation_id}</td>{cells}<td>{others}</td></tr>'
        )
    figure = (
        f"{len(ended.coverage['operations'])} of {ended.coverage['operations_total']} operations, "
        f"{ended.coverage['answers_seen']} of {ended.coverage['answers_declared']} declared answers, "
        f"{ended.coverage['parameters_seen']} of {ended.coverage['parameters_declared']} query parameters, "
        f"{ended.coverage['laws_judged']} of {ended.coverage['laws_total']} laws judged"
    )
    return f'<p>{figure}</p><div class="scroll"><table><thead><tr><th>Operation</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _keywords(ended: RunFinished) -> str:
    cover = ended.coverage
    rows = []
    for name, row in cover["by_operation"].items():
        lists = {
            "never sent": row["never"],
            "sent, never broken": row["never_broken"],
            **{f"never seen in {s}": places for s, places in row["answers_never"].items()},
        }
        told = "".join(
            f"<dt>{title} ({len(places)})</dt><dd>{escape(', '.join(places))}</dd>"
            for title, places in lists.items()
            if places
        )
        more = f"<details><summary>which not</summary><dl>{told}</dl></details>" if told else ""
        cells = "".join(
            f'<td class="n">{row[key]}</td>'
            for key in ("declared", "kept", "broken", "answers_declared", "answers_seen")
        )
        rows.append(f'<tr data-text="{name.lower()}"><td>{name}{more}</td>{cells}</tr>')
    figure = (
        f"Of {cover['keywords_declared']} keywords of requests {cover['keywords_kept']} were sent kept and {cover['keywords_broken']} sent broken; "
        f"of {cover['answer_keywords_declared']} keywords of answers {cover['answer_keywords_seen']} were seen. "
        f"A second judge, openapi-core, judged {cover['answers_judged_twice']} answers of {cover['shapes_of_answers']} shapes."
    )
    head = "".join(
        f"<th>{title}</th>"
        for title in ("of requests", "sent kept", "sent broken", "of answers", "seen")
    )
    return f'<p>{figure}</p><div class="scroll"><table><thead><tr><th>Operation</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
