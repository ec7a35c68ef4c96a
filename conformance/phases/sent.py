"""How a single request is judged: by what was sent, and by what the contract says of that."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.contract import Operation
from conformance.failures import Exchange, Failure, Request
from conformance.laws import LAWS
from conformance.laws.validation import prepared
from conformance.laws.world import NotJudged, World
from conformance.phases.registry import Context, ended
from conformance.reading import Reading, read
from conformance.run_events import CaseJudged
from conformance.target import BudgetSpent, Principal, TargetUnreachable

ILLEGAL, LEGAL, SECOND, GENERIC = "VLT-GEN-01", "VLT-GEN-02", "VLT-GEN-03", "VLT-GEN-04"
PROMISES = {
    ILLEGAL: "A request that breaks the contract, in whatever way, is refused.",
    LEGAL: "A request within the contract is not refused as one that breaks it.",
    SECOND: "A second, independent validator accepts every answer.",
    GENERIC: "The checks of Schemathesis find nothing in the answers to requests of its making.",
}
_ENVELOPE = ("VLT-ENV-01", "VLT-ENV-02", "VLT-ENV-03", "VLT-ENV-04", "VLT-ENV-07", "VLT-HDR-01")
GROUNDS = {
    ILLEGAL: ("VLT-VAL-01", "VLT-VAL-03", "VLT-ENV-01", "VLT-VAL-05", "VLT-AUT-01", "VLT-AUT-06"),
    LEGAL: ("VLT-VAL-02", "VLT-CNX-02", "VLT-CNX-05", "VLT-ENV-01", "VLT-VAL-07"),
    SECOND: _ENVELOPE,
    GENERIC: (*_ENVELOPE, "VLT-VAL-01", "VLT-VAL-02", "VLT-VAL-03", "VLT-VAL-05", "VLT-GEN-01"),
}
# Of other parameters a server may ask more than the contract can say: a cursor of its own making.
_PLAINLY_VALUED = frozenset({"limit", "configured"})


@dataclass
class Tally:
    """Counts what was judged of one unit, and keeps one failure of each kind."""

    judged: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)

    def add(self, failure: Failure | None) -> None:
        """Keep a failure, if it is the first of its kind."""
        if failure:
            self.failures.setdefault(failure.key, failure)


def failure(law: str, context: Context, exchange: Exchange, expected: str, seen: str) -> Failure:
    """Return the failure of one exchange."""
    return Failure(
        law=law,
        name=PROMISES[law].partition(",")[0].rstrip(".").lower(),
        area="validation" if law in {ILLEGAL, LEGAL} else "envelope",
        promise=PROMISES[law],
        expected=expected,
        seen=context.target.secrets.hidden(seen),
        source="parameters, requestBody and responses of each operation (contract)",
        aspect="" if law == SECOND else exchange.operation_id,
        operation=exchange.operation_id,
        exchanges=(exchange,),
        replay={"kind": "case", "seed": context.seed, "builds_on": list(GROUNDS[law])},
    )


def send(
    context: Context, operation: Operation | None, request: Request
) -> tuple[Exchange, Reading | None]:
    """Send a request; its answer is judged where it is a refusal, or the request was right."""
    target = context.target
    if operation is None:
        return target.send("", request, quiet=True), None
    reading = read(target.contract, operation, request)
    name = operation.operation_id
    exchange = target.send(name, request, quiet=not reading.is_right)
    if not reading.is_right and exchange.answer.is_refusal:
        for listener in target.listeners:
            listener(exchange)
    return exchange, reading


def verdict(
    context: Context, operation: Operation, exchange: Exchange, reading: Reading
) -> Failure | None:
    """Return the failure of an exchange, judged by the request that was sent."""
    answer, problems = exchange.answer, reading.problems
    refused = answer.is_refusal or (operation.is_public and "error" in answer.location)
    if problems and not refused:
        told = "; ".join(f"{p.pointer} {p.keyword}" for p in problems[:3])
        return failure(ILLEGAL, context, exchange, f"a refusal: {told}", f"HTTP {answer.status}")
    if (
        reading.is_right
        and answer.status == 400
        and not _freely_valued(operation, exchange, reading)
    ):
        seen = f"HTTP {answer.status} {answer.body[:200]!r}"
        return failure(LEGAL, context, exchange, "no refusal", seen)
    return None


def _freely_valued(operation: Operation, exchange: Exchange, reading: Reading) -> bool:
    """Whether a legal request may still be refused for what its values mean."""
    if operation.is_public or any(n not in _PLAINLY_VALUED for n, _ in exchange.request.query):
        return True
    if operation.body is None:
        return False
    body = reading.body
    if not isinstance(body, dict):
        return True
    return (
        operation.operation_id in {"sessionsCreate", "connectionsImport"}
        or "configuration" in body
        or body.get("consumer_id") == ""
        or b"\\u0000" in (exchange.request.body or b"")
    )


def judged_unit(
    context: Context,
    phase: str,
    unit: str,
    title: str,
    judge: Callable[[Tally], None],
) -> CaseJudged:
    """Judge one unit of many requests, and say what came of it."""
    begun, requests = time.perf_counter(), context.target.requests
    context.target.judging(unit)
    tally, reason = Tally(), ""
    try:
        context.target.in_time()
        judge(tally)
    except NotJudged as why:
        reason = str(why)
    except (BudgetSpent, TargetUnreachable) as why:
        reason = ended(why)
    context.target.judging("")
    return CaseJudged(
        phase,
        unit,
        title,
        "validation",
        "failed" if tally.failures else "passed" if tally.judged else "not judged",
        reason or ("" if tally.judged else "nothing was sent"),
        tally.judged,
        context.target.requests - requests,
        time.perf_counter() - begun,
        tuple(tally.failures.values()),
    )


def setting(
    context: Context, operation: Operation, stem: str, turn: int
) -> tuple[World, Principal]:
    """Return a world, and a consumer in it for which the operation finds what it works on."""
    catalogue = context.catalogue
    world = World(
        context.target, LAWS["VLT-VAL-01"], context.seed, catalogue, turn=context.turn(turn)
    )
    if not catalogue and "{service_id}" in operation.path:
        raise NotJudged("the catalogue is empty")
    return world, prepared(world, operation, f"{stem}-{operation.operation_id.lower()}")
