"""Schemathesis behind one door: it makes cases, and nothing else; sending and judging are ours.

Only this module imports it. Its engine, checks and transport are not used: each case
passes our guard, and is judged by what was really sent.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisException
from schemathesis import GenerationMode

from conformance.contract import Contract


def bodies(contract: Contract, operation_id: str, seed: int, count: int) -> Iterator[Any]:
    """Return generated bodies for an operation: half of them meant to break the schema."""
    document = copy.deepcopy(dict(contract.document))
    operation = contract.operations[operation_id]
    schema = schemathesis.openapi.from_dict(document)
    found = schema[operation.path][operation.method]
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        made: list[Any] = []
        config = settings(
            max_examples=max(1, count // 2),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
            phases=(Phase.generate,),
        )
        test = config(seeded(seed)(given(found.as_strategy(generation_mode=mode))(_keeper(made))))
        try:
            test()
        except HypothesisException:
            continue
        yield from made


def _keeper(made: list[Any]) -> Callable[[Any], None]:
    def keep(case: Any) -> None:
        made.append(case.body)

    return keep
