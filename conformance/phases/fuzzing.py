"""The phase of generic fuzzing: bodies of Schemathesis, sent by us, judged as sent."""

import json
import time
from collections.abc import Iterator

from conformance.failures import Failure
from conformance.generic import bodies
from conformance.laws import LAWS
from conformance.laws.validation import prepared, request_with, with_bodies
from conformance.laws.world import NotJudged, World
from conformance.phases.cases import verdict
from conformance.phases.registry import Context, phase
from conformance.run_events import CaseJudged
from conformance.target import BudgetSpent, TargetUnreachable


@phase(
    "fuzzing",
    "bodies of Schemathesis, judged by what was sent",
    lambda c: 9 if c.profile.generated else 0,
)
def judge_generated(context: Context) -> Iterator[CaseJudged]:
    """Send generated bodies to every operation that takes one."""
    if context.only or not context.profile.may_write or not context.profile.generated:
        return
    world = World(context.target, LAWS["VLT-VAL-01"], context.seed, context.catalogue, turn=70)
    for operation in with_bodies(world):
        begun, requests, judged = time.perf_counter(), context.target.requests, 0
        failures: dict[str, Failure] = {}
        reason = ""
        try:
            if not context.catalogue and "{service_id}" in operation.path:
                raise NotJudged("the catalogue is empty")  # noqa: TRY301
            who = prepared(world, operation, f"fuzz-{operation.operation_id.lower()}")
            for body in bodies(
                context.target.contract,
                operation.operation_id,
                context.seed,
                context.profile.generated,
            ):
                try:
                    sent = json.loads(json.dumps(body))
                except (TypeError, ValueError):
                    continue
                if isinstance(sent, dict) and isinstance(sent.get("consumer_id"), str):
                    sent["consumer_id"] = who.consumer_id
                exchange = context.target.send(
                    operation.operation_id, request_with(world, operation, who, sent), quiet=True
                )
                judged += 1
                found = verdict(context, operation, exchange, sent)
                if found:
                    failures.setdefault(found.law, found)
        except NotJudged as why:
            reason = str(why)
        except (BudgetSpent, TargetUnreachable) as why:
            reason = f"the run ended: {why}"
        yield CaseJudged(
            "fuzzing",
            f"fuzzing {operation.operation_id}",
            f"generated bodies of {operation.operation_id}",
            "validation",
            "failed" if failures else "passed" if judged else "not judged",
            reason or ("" if judged else "nothing was generated"),
            judged,
            context.target.requests - requests,
            time.perf_counter() - begun,
            tuple(failures.values()),
        )
