"""One HTML page that opens from disk: filter, groups, curl, timings, coverage; nothing is fetched."""

from collections.abc import Sequence
from html import escape

from conformance.failures import AREAS, LEVEL_BY_AREA, LEVELS, Cause
from conformance.reports.again import alone
from conformance.reports.exchanges import answered
from conformance.reports.html_coverage import answers, keywords
from conformance.reports.verdict import found, level, unjudged
from conformance.run_events import CaseJudged, RunEvent, RunFinished, RunStarted
from conformance.target import Target

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#59636e;--line:#d1d9e0;--card:#f6f8fa;--bad:#b3261e;--good:#1a7f37;--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9198a1;--line:#3d444d;--card:#151b23;--bad:#ff7b72;--good:#56d364;--warn:#e3b341}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.25rem 0}.soft{color:var(--soft)}
.areas{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1rem;margin:1rem 0}.areas dd{display:flex;flex-wrap:wrap;gap:.4rem}.areas dt{padding-top:.1rem}
.areas button{font:inherit;background:none;cursor:pointer;border:1px solid var(--line);border-radius:1rem;padding:.1rem .7rem}.areas button[aria-pressed=true]{border-color:currentColor;background:var(--card)}
.fails{color:var(--bad)}.conforms{color:var(--good)}.notjudged{color:var(--soft)}.warn,.interrupted,.undecided{color:var(--warn)}
details{margin:.5rem 0}summary{cursor:pointer}main>details,main section>details{border:1px solid var(--line);border-radius:.4rem;background:var(--card);padding:.5rem .8rem}main>details>summary{font-weight:600}
td details{margin:0}td summary{color:var(--soft);font-size:13px}td dl{max-width:60ch}
pre{overflow:auto;background:var(--bg);border:1px solid var(--line);border-radius:.3rem;padding:.6rem;font-size:13px;white-space:pre-wrap;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.1rem 1rem;margin:.5rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;vertical-align:top;padding:.25rem .5rem;border-bottom:1px solid var(--line)}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td{overflow-wrap:break-word}
input{font:inherit;padding:.4rem .6rem;width:100%;max-width:28rem;border:1px solid var(--line);border-radius:.3rem;background:var(--bg);color:var(--fg)}
.scroll{overflow-x:auto}[hidden]{display:none!important}
@media(max-width:40rem){body{padding:1rem}dl,.areas{grid-template-columns:minmax(0,1fr)}dd{margin-bottom:.3rem}}
"""
_SCRIPT = """
const box=document.getElementById('filter'),count=document.getElementById('count');
const rows=[...document.querySelectorAll('[data-text]')],buttons=[...document.querySelectorAll('.areas button')];
const groups=[...document.querySelectorAll('[data-group]')],open=new Map(groups.map(g=>[g,g.open]));
function show(){const q=box.value.trim().toLowerCase(),words=q.split(/\\s+/);let n=0;
for(const e of rows){e.hidden=!words.every(w=>e.dataset.text.includes(w));if(!e.hidden)n++}
for(const b of buttons)b.setAttribute('aria-pressed',String(b.value===q));
for(const g of groups){const own=[...g.querySelectorAll('[data-text]')];g.hidden=q!==''&&own.every(e=>e.hidden);g.open=q?true:open.get(g)}
count.textContent=q?n+' of '+rows.length+' shown':''}
box.addEventListener('input',show);
for(const b of buttons)b.addEventListener('click',()=>{box.value=box.value===b.value?'':b.value;show()});
"""


def render(events: Sequence[RunEvent], target: Target) -> str:
    """Return the page."""
    begun = next((e for e in events if isinstance(e, RunStarted)), None)
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    cases = [e for e in events if isinstance(e, CaseJudged)]
    if begun is None or ended is None:
        return "<!doctype html><title>conformance</title><p>The run did not end."
    blocks = "".join(_cause(c, "fails", target, begun) for c in ended.causes)
    warnings = "".join(_cause(c, "warn", target, begun) for c in ended.warnings)
    told = (
        [f"Partial: {ended.partial}. The verdict is on what was judged."] if ended.partial else []
    )
    if ended.waived:
        told.append(f"Waived: {', '.join(c.failure.key for c in ended.waived)}.")
    if ended.residue:
        told.append(", ".join(f"{name} {count}" for name, count in ended.residue.items()) + ".")
    notes = "".join(f"<p>{escape(note)}</p>" for note in (*told, *ended.notes))
    verdict = f"{ended.outcome}: {found(ended)}, {level(ended)}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Vault conformance: {escape(verdict)}</title><style>{_STYLE}</style></head><body>
<header><h1>Vault conformance: <span class="{ended.outcome.replace(" ", "")}">{escape(verdict)}</span></h1>
<p class="soft">{escape(begun.base_url)} · profile {escape(begun.profile)} · seed {begun.seed} · run {escape(begun.run_id)} ·
{ended.requests} requests in {ended.seconds:.1f} s</p></header>
<main>{_areas(ended)}{notes}
<p><label for="filter">Filter</label><br><input id="filter" type="search" placeholder="a law, an area, an operation, failed"> <span id="count" class="soft" role="status"></span></p>
<h2>Failures, by cause ({len(ended.causes)})</h2>{blocks or "<p>None.</p>"}
{f"<h2>What should be, and is not ({len(ended.warnings)})</h2>{warnings}" if warnings else ""}
<section data-group><h2>Not judged ({len(ended.not_judged)})</h2>{_not_judged(ended)}</section>
<section data-group><h2>Coverage of the contract</h2>{answers(ended, target)}</section>
<section data-group><h2>Keywords of the contract</h2>{keywords(ended)}</section>
<h2>All cases, by phase</h2>{_cases(cases)}</main><script>{_SCRIPT}</script></body></html>
"""


def _areas(ended: RunFinished) -> str:
    """Return the levels with their areas, each a button that filters by it."""
    rows = []
    for name in LEVELS:
        buttons = "".join(
            f'<button type="button" aria-pressed="false" value="{area}" class="{ended.areas[area].replace(" ", "")}">{area}: {ended.areas[area]}</button>'
            for area in AREAS
            if LEVEL_BY_AREA[area] == name and area in ended.areas
        )
        rows.append(f"<dt>{name}</dt><dd>{buttons}</dd>")
    return f'<dl class="areas">{"".join(rows)}</dl>'


def _cause(cause: Cause, kind: str, target: Target, begun: RunStarted) -> str:
    failure = cause.failure
    rows = {
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
    listed += f"<dt>alone</dt><dd><code>{escape(alone(failure, begun))}</code></dd>"
    steps = "\n".join(
        f"{target.curl(x.request)}\n# {answered(x.answer, target.secrets, 400)}"
        for x in failure.exchanges[-4:]
    )
    before = len(failure.exchanges) - 4
    if before > 0:
        steps = f"# {before} requests before these: see failures.har\n{steps}"
    words = (failure.key, failure.area, failure.promise, *cause.operations, "failed")
    return (
        f'<details data-text="{_text(*words)}"><summary><span class="{kind}">{escape(failure.key)}</span> [{escape(failure.area)}] '
        f"{escape(failure.promise)}</summary><dl>{listed}</dl><pre>{escape(steps)}</pre></details>"
    )


def _text(*words: str) -> str:
    return escape(" ".join(words).lower(), quote=True)


def _not_judged(ended: RunFinished) -> str:
    rows = "".join(
        f'<tr data-text="{_text(reason, *laws, "not judged")}"><td class="n">{len(laws)}</td><td>{escape(reason)}</td><td>{escape(", ".join(laws))}</td></tr>'
        for reason, laws in unjudged(ended)
    )
    table = f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'
    return table if rows else "<p>None.</p>"


def _cases(cases: Sequence[CaseJudged]) -> str:
    phases: dict[str, list[CaseJudged]] = {}
    for case in cases:
        phases.setdefault(case.phase, []).append(case)
    head = "<th>Case</th><th>Area</th><th>Result</th>" + "".join(
        f'<th class="n">{title}</th>' for title in ("Judged", "Requests", "ms")
    )
    return "".join(
        f"<details data-group><summary>{escape(phase)} <span class=soft>{len(rows)} cases, {sum(c.outcome == 'failed' for c in rows)} failed, "
        f"{sum(c.requests for c in rows)} requests, {sum(c.seconds for c in rows):.1f} s</span></summary>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(map(_row, rows))}</tbody></table></div></details>'
        for phase, rows in phases.items()
    )


def _row(case: CaseJudged) -> str:
    kind = {"failed": "fails", "passed": "conforms"}.get(case.outcome, "notjudged")
    why = f" ({escape(case.reason)})" if case.reason else ""
    again = f" (round {case.round})" if case.round > 1 else ""
    return (
        f'<tr data-text="{_text(case.id, case.name, case.area, case.outcome)}"><td>{escape(case.id)} {escape(case.name)}{again}</td><td>{escape(case.area)}</td>'
        f'<td class="{kind}">{case.outcome}{why}</td><td class="n">{case.judged}</td><td class="n">{case.requests}</td>'
        f'<td class="n">{case.seconds * 1000:.0f}</td></tr>'
    )
