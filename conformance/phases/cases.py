"""The phase of cases: many bodies a second, legal and not, each judged by what was really sent.

Bodies are changed by chance in one to three places. The contract says whether the
result is legal; the deployment must refuse what is not, and must not refuse what is. A second
judge of another make (openapi-core) looks at a sample of the answers.
"""

import copy
import random
import time
from collections.abc import Iterator
from typing import Any

from conformance.contract import Operation
from conformance.failures import Answer, Exchange, Failure
from conformance.laws import LAWS
from conformance.laws.validation import base_body, prepared, request_with, with_bodies
from conformance.laws.world import NotJudged, World
from conformance.phases.registry import Context, phase
from conformance.run_events import CaseJudged
from conformance.second_judge import SecondJudge
from conformance.strategies import places
from conformance.target import BudgetSpent, TargetUnreachable

ILLEGAL, LEGAL, SECOND = "VLT-GEN-01", "VLT-GEN-02", "VLT-GEN-03"
PROMISES = {
    ILLEGAL: "A body that breaks its schema, in whatever way, is refused and changes nothing.",
    LEGAL: "A body within its schema is not refused as one that breaks it.",
    SECOND: "A second, independent validator accepts every answer.",
}
GROUNDS = {
    ILLEGAL: ("VLT-VAL-01", "VLT-VAL-03", "VLT-ENV-01"),
    LEGAL: ("VLT-VAL-02", "VLT-CNX-02", "VLT-CNX-05", "VLT-ENV-01"),
    SECOND: ("VLT-ENV-01", "VLT-ENV-02", "VLT-ENV-03", "VLT-ENV-04", "VLT-ENV-07", "VLT-HDR-01"),
}
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**18,
    "",
    "x",
    "text with blanks",
    "ünï😀",
    "2026-01-01",
    [],
    ["x"],
    [[]],
    {},
    {"x": 1},
    {"x": {"y": None}},
)
EACH = 40


def mutated(rng: random.Random, schema: Any, base: Any) -> Any:
    """Return a body that differs from a legal one in one to three places."""
    body = copy.deepcopy(base)
    for _ in range(rng.choice((1, 1, 2, 3))):
        spots = [pointer for pointer, _ in places(schema, body)]
        pointer = rng.choice(spots)
        if not pointer:
            if isinstance(body, dict):
                body[rng.choice(("conformance_extra", *body))] = rng.choice(_VALUES)
            continue
        spot = body
        for step in pointer[:-1]:
            spot = spot[step]
        if isinstance(spot, dict) and rng.random() < 0.25:
            spot.pop(pointer[-1], None)
        else:
            spot[pointer[-1]] = copy.deepcopy(rng.choice(_VALUES))
    return body


def _failure(law: str, context: Context, exchange: Exchange, expected: str, seen: str) -> Failure:
    return Failure(
        law=law,
        name=PROMISES[law].partition(",")[0].lower(),
        area="envelope" if law == SECOND else "validation",
        promise=PROMISES[law],
        expected=expected,
        seen=context.target.secrets.hidden(seen),
        source="requestBody and responses of each operation (contract)",
        aspect=exchange.operation_id if law != SECOND else "",
        operation=exchange.operation_id,
        exchanges=(exchange,),
        replay={
            "kind": "case",
            "seed": context.seed,
            "builds_on": list(GROUNDS[law]),
            "laws": ["VLT-VAL-01", "VLT-VAL-02"],
        },
    )


def _freely_valued(operation: Operation, body: Any) -> bool:
    """Whether a legal body may still be refused for what its values mean."""
    if not isinstance(body, dict):
        return True
    return (
        operation.operation_id in {"sessionsCreate", "connectionsImport"}
        or "configuration" in body
        or body.get("consumer_id") == ""
    )


def verdict(
    context: Context, operation: Operation, exchange: Exchange, body: Any
) -> Failure | None:
    """Return the failure of an exchange, judged by the body that was sent."""
    answer: Answer = exchange.answer
    problems = context.target.contract.body_problems(operation.operation_id, body)
    if problems and not answer.is_refusal:
        told = "; ".join(f"{p.pointer} {p.keyword}" for p in problems[:3])
        return _failure(ILLEGAL, context, exchange, f"a refusal: {told}", f"HTTP {answer.status}")
    if not problems and answer.status == 400 and not _freely_valued(operation, body):
        return _failure(
            LEGAL, context, exchange, "no refusal", f"HTTP {answer.status} {answer.body[:200]!r}"
        )
    return None


@phase(
    "coverage",
    "bodies changed by chance, judged by what was sent; a second judge of answers",
    lambda c: len(c.target.contract.operations),
)
def judge_cases(context: Context) -> Iterator[CaseJudged]:
    """Send mutated bodies, and show every kind of answer to the second judge."""
    if context.only:
        return
    second = SecondJudge(context.target.contract)
    seen: list[Exchange] = []

    def watch(exchange: Exchange) -> tuple[str, ...]:
        seen.append(exchange)
        return ()

    context.target.listeners.append(watch)
    try:
        if context.profile.may_write:
            yield from _mutations(context)
        yield from _second(context, second, seen)
    finally:
        context.target.listeners.remove(watch)


def _mutations(context: Context) -> Iterator[CaseJudged]:
    world = World(context.target, LAWS["VLT-VAL-01"], context.seed, context.catalogue, turn=80)
    for operation in with_bodies(world):
        begun, requests, judged = time.perf_counter(), context.target.requests, 0
        failures: dict[str, Failure] = {}
        reason = ""
        rng = random.Random(f"{context.seed} {operation.operation_id}")  # noqa: S311 - repeatable, not secret
        try:
            if not context.catalogue and "{service_id}" in operation.path:
                raise NotJudged("the catalogue is empty")  # noqa: TRY301
            who = prepared(world, operation, f"gen-{operation.operation_id.lower()}")
            base = base_body(world, operation, who)
            for _ in range(EACH):
                body = mutated(rng, operation.body or {}, base)
                if (
                    operation.operation_id == "consumersAdd"
                    and isinstance(body, dict)
                    and isinstance(body.get("consumer_id"), str)
                ):
                    body["consumer_id"] = who.consumer_id
                exchange = context.target.send(
                    operation.operation_id, request_with(world, operation, who, body), quiet=True
                )
                judged += 1
                if exchange.answer.is_refusal:
                    for listener in context.target.listeners:
                        listener(exchange)
                found = verdict(context, operation, exchange, body)
                if found:
                    failures.setdefault(found.law, found)
        except NotJudged as why:
            reason = str(why)
        except (BudgetSpent, TargetUnreachable) as why:
            reason = f"the run ended: {why}"
        yield CaseJudged(
            "coverage",
            f"bodies {operation.operation_id}",
            f"bodies of {operation.operation_id}",
            "validation",
            "failed" if failures else "passed" if judged else "not judged",
            reason,
            judged,
            context.target.requests - requests,
            time.perf_counter() - begun,
            tuple(failures.values()),
        )


def _second(context: Context, second: SecondJudge, seen: list[Exchange]) -> Iterator[CaseJudged]:
    begun, judged = time.perf_counter(), 0
    failures: list[Failure] = []
    world = World(context.target, LAWS["VLT-CNX-11"], context.seed, context.catalogue, turn=81)
    for law in (
        "VLT-CNX-11",
        "VLT-CSM-06",
        "VLT-MAP-01",
        "VLT-RES-02",
        "VLT-SES-04",
        "VLT-LOG-01",
        "VLT-CNT-03",
        "VLT-OAU-04",
    ):
        if not context.profile.may_write:
            break
        world.law = LAWS[law]
        try:
            LAWS[law].judge(world)
        except (NotJudged, BudgetSpent, TargetUnreachable):
            continue
    kinds: dict[tuple[str, int], int] = {}
    for exchange in seen:
        kind = (exchange.operation_id, exchange.answer.status)
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] > 2 or not second.can_judge(exchange):
            continue
        judged += 1
        told = second.problem(exchange)
        if told:
            failures.append(
                _failure(SECOND, context, exchange, "an answer that openapi-core accepts", told)
            )
    yield CaseJudged(
        "coverage",
        SECOND,
        PROMISES[SECOND],
        "envelope",
        "failed" if failures else "passed" if judged else "not judged",
        "" if judged else "no answer was seen",
        judged,
        0,
        time.perf_counter() - begun,
        tuple(failures),
    )
