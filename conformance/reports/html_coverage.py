"""The part of the page that tells what of the contract was exercised, and what never."""

from html import escape

from conformance.run_events import RunFinished
from conformance.target import Target


def answers(ended: RunFinished, target: Target) -> str:
    """Return which answers each operation gave, and how often."""
    operations = target.contract.operations.values()
    statuses = (200, 204, 301, 400, 401, 404, 422)
    head = "".join(f'<th class="n">{s}</th>' for s in statuses) + "<th>others</th>"
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


def keywords(ended: RunFinished) -> str:
    """Return which keywords of the contract were sent and seen, by operation."""
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
        f'<th class="n">{title}</th>'
        for title in ("of requests", "sent kept", "sent broken", "of answers", "seen")
    )
    return f'<p>{figure}</p><div class="scroll"><table><thead><tr><th>Operation</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
