"""The phase of coverage: what the contract says of requests, kept and broken place by place.

Bodies are changed by chance in one to three places, and Schemathesis sends every keyword at its
bounds. Each is judged by what was really sent: the deployment must refuse what breaks the
contract, and must not refuse what keeps it. A second judge of another make (openapi-core) has
its say on every kind of answer.
"""

import copy
import random
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from conformance.contract import Operation
from conformance.laws import LAWS
from conformance.laws.validation import base_body, request_with, with_bodies
from conformance.laws.world import UNREADABLE, NotJudged, World
from conformance.phases.generic import judge_generic, units
from conformance.phases.registry import Context, phase
from conformance.phases.sent import (
    PROMISES,
    SECOND,
    Tally,
    judged_unit,
    send,
    setting,
    verdict,
)
from conformance.run_events import CaseJudged
from conformance.strategies import places
from conformance.target import BudgetSpent, TargetUnreachable

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
        near = [pointer for pointer in spots if len(pointer) < 2]
        pointer = rng.choice(near if rng.random() < 0.4 else spots)
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
            null = rng.random() < 0.2
            spot[pointer[-1]] = None if null else copy.deepcopy(rng.choice(_VALUES))
    return body


def _with_bodies(context: Context) -> list[Operation]:
    world = World(context.target, LAWS["VLT-VAL-01"], context.seed, context.catalogue)
    return with_bodies(world)


def _mutations(context: Context) -> Iterator[CaseJudged]:
    for operation in _with_bodies(context):
        name = operation.operation_id
        if context.wanted(f"bodies {name}"):
            judge = partial(_mutate, context, operation)
            yield judged_unit(context, "coverage", f"bodies {name}", f"bodies of {name}", judge)


def _mutate(context: Context, operation: Operation, tally: Tally) -> None:
    world, who = setting(context, operation, "gen", 80)
    rng = random.Random(f"{context.seed} {operation.operation_id}")  # noqa: S311 - repeatable, not secret
    base = base_body(world, operation, who)
    for _ in range(EACH):
        body = mutated(rng, operation.body or {}, base)
        if (
            operation.operation_id == "consumersAdd"
            and isinstance(body, dict)
            and isinstance(body.get("consumer_id"), str)
        ):
            body["consumer_id"] = who.consumer_id
        request = request_with(world, operation, who, body)
        exchange, reading = send(context, operation, request)
        tally.judged += 1
        if reading:
            tally.add(verdict(context, operation, exchange, reading))


@phase(
    "coverage",
    "every keyword kept and broken, bodies changed by chance, a second judge of answers",
    lambda c: (
        ([] if c.only else [*(f"bodies {op.operation_id}" for op in _with_bodies(c)), SECOND])
        + units(c, "coverage")
    ),
)
def judge_cases(context: Context) -> Iterator[CaseJudged]:
    """Send mutated bodies and bounds, and show every kind of answer to the second judge."""
    if context.only:
        return
    if context.profile.may_write:
        yield from _mutations(context)
        yield from judge_generic(context, "coverage")
    if context.wanted(SECOND):
        yield _second(context)


# Judged here for their answers: together they see each kind of answer that has much to it.
RICH = ("CNX-11", "CSM-06", "MAP-01", "RES-02", "SES-04", "LOG-01", "CNT-03", "OAU-04")


def _second(context: Context) -> CaseJudged:
    """Show the second judge, who hears every answer of a run, each kind of answer at least."""
    begun, requests = time.perf_counter(), context.target.requests
    context.target.judging(SECOND)
    world = World(
        context.target, LAWS["VLT-CNX-11"], context.seed, context.catalogue, turn=context.turn(81)
    )
    for name in RICH if context.profile.may_write else ():
        world.law = LAWS[f"VLT-{name}"]
        try:
            world.law.judge(world)
        except (NotJudged, BudgetSpent, TargetUnreachable, *UNREADABLE):
            continue
    context.target.judging("")
    judged = context.second.judged
    return CaseJudged(
        "coverage",
        SECOND,
        PROMISES[SECOND],
        "envelope",
        "failed" if SECOND in context.broken() else "passed" if judged else "not judged",
        "" if judged else "no answer was seen",
        judged,
        context.target.requests - requests,
        time.perf_counter() - begun,
    )
