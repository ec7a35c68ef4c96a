"""The phases on Schemathesis: examples, coverage, fuzzing and links, judged by what was sent."""

import random
from collections.abc import Iterator, Mapping
from functools import partial

from conformance.contract import Operation
from conformance.failures import Answer, Exchange, Request
from conformance.generic import Generic, Sent
from conformance.laws.access import path_values
from conformance.laws.world import World
from conformance.phases.registry import Context, phase
from conformance.phases.sent import (
    GENERIC,
    Tally,
    failure,
    judged_unit,
    send,
    setting,
    verdict,
)
from conformance.reading import Reading
from conformance.run_events import CaseJudged
from conformance.target import GuardRefused, Principal

LINKS = "links of the contract"


class _Sender:
    """Sends what Schemathesis makes, through the guard, and remembers how it reads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.generic = Generic(context.target.contract, context.seed, self)
        self.exchange: Exchange | None = None
        self.reading: Reading | None = None

    def __call__(self, operation: Operation | None, request: Request) -> Answer:
        try:
            self.exchange, self.reading = send(self._context, operation, request)
        except GuardRefused:
            self.exchange = self.reading = None
            return Answer(403, {}, b"", 0.0)
        return self.exchange.answer


def judge_generic(context: Context, kind: str) -> Iterator[CaseJudged]:
    """Send what one phase of Schemathesis makes, operation by operation."""
    if not any(map(context.wanted, units(context, kind))):
        return
    sender = _Sender(context)
    for operation in context.target.contract.operations.values():
        unit = f"{kind} {operation.operation_id}"
        if context.wanted(unit):
            title = f"{kind} of {operation.operation_id}, made by Schemathesis"
            judge = partial(_judge_operation, context, kind, operation, sender)
            yield judged_unit(context, kind, unit, title, judge)


def _judge_operation(
    context: Context,
    kind: str,
    operation: Operation,
    sender: _Sender,
    tally: Tally,
) -> None:
    world, who = setting(context, operation, kind[:3], 70)
    values = _values(world, who)
    generic, most = sender.generic, context.profile.generic
    rng = random.Random(f"{context.seed} {operation.operation_id}")  # noqa: S311 - repeatable, not secret
    rows = {
        "examples": lambda: generic.examples(operation, values),
        "coverage": lambda: generic.coverage(operation, values, most, rng),
        "fuzzing": lambda: generic.fuzzing(operation, values, context.profile.generated),
    }[kind]()
    for sent in rows:
        _judge_sent(context, sender, sent, tally)


def _judge_sent(context: Context, sender: _Sender, sent: Sent, tally: Tally) -> None:
    exchange, reading = sender.exchange, sender.reading
    if exchange is None or reading is None or sent.operation is None:
        return
    tally.judged += 1
    found = verdict(context, sent.operation, exchange, reading)
    tally.add(found)
    if found is None and (reading.is_right or exchange.answer.is_refusal):
        for name, text in sent.found:
            broken = failure(GENERIC, context, exchange, f"no {name}", text)
            tally.add(broken)


def _values(world: World, who: Principal) -> Mapping[str, str]:
    """Return what stands for each name in a request: what exists, and who asks."""
    return {
        **path_values(world, who),
        "x-apideck-consumer-id": who.consumer_id,
        "x-apideck-app-id": who.application.id,
        "authorization": f"Bearer {who.application.key}",
    }


def units(context: Context, kind: str) -> list[str]:
    """Return the units of one phase of Schemathesis: one for each operation."""
    able = context.profile.may_write and context.profile.generic and not context.only
    return [f"{kind} {name}" for name in context.target.contract.operations] if able else []


@phase("examples", "the examples of the contract, by Schemathesis", partial(units, kind="examples"))
def judge_examples(context: Context) -> Iterator[CaseJudged]:
    """Send the examples of every operation."""
    yield from judge_generic(context, "examples")


@phase(
    "fuzzing",
    "whole requests by chance, by Schemathesis",
    lambda c: units(c, "fuzzing") if c.profile.generated else [],
)
def judge_fuzzing(context: Context) -> Iterator[CaseJudged]:
    """Send requests of chance to every operation."""
    if context.profile.generated:
        yield from judge_generic(context, "fuzzing")


@phase(
    "links",
    "walks along what answers name, by Schemathesis",
    lambda c: [LINKS] if units(c, "links") and c.profile.linked else [],
)
def judge_links(context: Context) -> Iterator[CaseJudged]:
    """Walk from answer to request along the links that the contract implies."""
    if units(context, "links") and context.profile.linked and context.wanted(LINKS):
        judge = partial(_judge_links, context)
        yield judged_unit(context, "links", LINKS, "walks made by Schemathesis", judge)


def _judge_links(context: Context, tally: Tally) -> None:
    operation = context.target.contract.operations["connectionsUpdate"]
    world, who = setting(context, operation, "lin", 71)
    sender = _Sender(context)

    def take(sent: Sent) -> None:
        _judge_sent(context, sender, sent, tally)

    profile = context.profile
    sender.generic.links(_values(world, who), profile.linked, profile.history_length, take)
