"""What of the contract was exercised: operations, answers, parameters and schema keywords.

A keyword of a request was sent kept, sent broken, or never sent; one of an answer was seen or not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.contract import Contract, Operation, Parameter
from conformance.failures import Exchange
from conformance.reading import read
from conformance.second_judge import SecondJudge
from conformance.shapes import Node, compiled, visited

_JUDGED = ("type", "minimum", "maximum", "enum", "format", "pattern")


class Book:
    """Keeps what the requests of a run kept and broke, keyword by keyword."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._bodies: dict[str, Node] = {
            name: compiled(operation.body, contract.resolved)
            for name, operation in contract.operations.items()
            if operation.body is not None
        }
        self.declared: dict[str, dict[str, list[int]]] = {
            name: {place: [0, 0] for place in self._declared(operation)}
            for name, operation in contract.operations.items()
        }

    def note(self, operation: Operation, exchange: Exchange) -> None:
        """Take a request that was sent, whatever came of it."""
        counts = self.declared[operation.operation_id]
        reading = read(self._contract, operation, exchange.request)
        broken = set()
        for problem in reading.problems:
            place = problem.pointer
            where = problem.rule.partition(" ")[2]
            if place.startswith(("query ", "header ", "path ")):
                broken.add(f"{place} {problem.keyword}")
            else:
                broken.add(f"body {where}" if where else "body required")
        for place in broken:
            if place in counts:
                counts[place][1] += 1
        for place in self._kept(operation, exchange, reading.body):
            if place in counts and place not in broken:
                counts[place][0] += 1

    def _kept(self, operation: Operation, exchange: Exchange, body: Any) -> Iterator[str]:
        request = exchange.request
        sent = {name.partition("[")[0] for name, _ in request.query}
        for row in operation.parameters:
            by_header = row.place == "header" and request.header(row.name)
            if row.place == "path" or by_header or (row.place == "query" and row.name in sent):
                yield from _places(row)
        node = self._bodies.get(operation.operation_id)
        if node is not None and request.body:
            yield "body required"
            if body is not None:
                for place in visited(node, body):
                    yield from (f"body {path}" for path in place.places())

    def _declared(self, operation: Operation) -> Iterator[str]:
        for row in operation.parameters:
            yield from _places(row)
        node = self._bodies.get(operation.operation_id)
        if node is not None:
            if operation.body_required:
                yield "body required"
            for place in node.all():
                yield from (f"body {path}" for path in place.places())


def _places(row: Parameter) -> Iterator[str]:
    where = f"{row.place} {row.name}"
    if row.required:
        yield f"{where} required"
    inner = list(row.schema.get("properties", {}).values())
    for keyword in _JUDGED:
        if any(keyword in schema for schema in (row.schema, *inner)):
            # Every text is text: only what is read from text can be of a wrong type.
            textual = keyword == "type" and row.schema.get("type") == "string"
            if not textual:
                yield f"{where} {keyword}"


def keywords(book: Book, second: SecondJudge, contract: Contract) -> dict[str, Any]:
    """Return the figures of keywords, whole and by operation."""
    rows = {}
    for name, counts in book.declared.items():
        answers = {
            status: node
            for status in contract.operations[name].statuses
            if status != 402 and (node := second.node(name, status)) is not None
        }
        places = {s: {p for n in node.all() for p in n.places()} for s, node in answers.items()}
        rows[name] = {
            "declared": len(counts),
            "kept": sum(1 for kept, _ in counts.values() if kept),
            "broken": sum(1 for _, broken in counts.values() if broken),
            "never": sorted(place for place, (kept, broken) in counts.items() if not kept + broken),
            "never_broken": sorted(
                place
                for place, (kept, broken) in counts.items()
                if kept and not broken and not place.startswith("path ")  # another path then
            ),
            "answers_declared": sum(map(len, places.values())),
            "answers_seen": sum(
                len(all_ & second.seen.get((name, s), set())) for s, all_ in places.items()
            ),
            "answers_never": {
                str(s): sorted(all_ - second.seen.get((name, s), set()))
                for s, all_ in places.items()
                if s < 400
            },
        }
    return {
        "keywords_declared": _sum(rows, "declared"),
        "keywords_kept": _sum(rows, "kept"),
        "keywords_broken": _sum(rows, "broken"),
        "answer_keywords_declared": _sum(rows, "answers_declared"),
        "answer_keywords_seen": _sum(rows, "answers_seen"),
        "by_operation": rows,
    }


def _sum(rows: Mapping[str, Mapping[str, Any]], name: str) -> int:
    return sum(int(row[name]) for row in rows.values())
