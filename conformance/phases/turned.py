"""The phase of turned laws: each law once more, from the side where conditional bugs hide.

The second application takes the place of the first, ids hold all that ids may hold, each consumer
has lived before, and requests are spelt otherwise. What fails here and not before follows from
what failed before, where something did.
"""

from collections.abc import Iterator
from dataclasses import replace

from conformance.laws import Law
from conformance.laws.angles import DELETED, REMOVED, TURNED
from conformance.phases.laws import LATE, chosen, judge
from conformance.phases.registry import Context, ended, phase, unjudged
from conformance.run_events import CaseJudged
from conformance.target import BudgetSpent

# Sizes, moments and the machine are the same from every side; nor does a body break otherwise.
STRAIGHT_ONLY = ("VLT-VAL-01", "VLT-VAL-02", "VLT-VAL-03", "VLT-LIM", "VLT-CCY", "VLT-PAG-12")
# What was logged and counted of a consumer may outlive it.
PASTLESS = ("VLT-LOG", "VLT-CNT", "VLT-FIL", "VLT-PAG", "VLT-ISO-05", "VLT-ISO-06", "VLT-ISO-09")
# These are about connections alone, and need no consumer that is unknown.
CONNECTED = ("VLT-CNX", "VLT-OAU", "VLT-MAP", "VLT-RES", "VLT-ISO-01", "VLT-ISO-02", "VLT-ISO-12")
HUNDREDS = ("VLT-LOG-08", "VLT-CNT-07")


def turned(context: Context) -> list[Law]:
    """Return the laws that are judged from the other side too."""
    rows = chosen(context.only, context.shard) if context.profile.may_write else []
    return [
        law
        for law in rows
        if law.id not in LATE and law.id not in HUNDREDS and not law.id.startswith(STRAIGHT_ONLY)
    ]


def _past(law: Law) -> frozenset[str]:
    if law.id.startswith(PASTLESS):
        return frozenset()
    return frozenset({DELETED, REMOVED} if law.id.startswith(CONNECTED) else {DELETED})


@phase(
    "turned",
    "the laws once more: the other application, odd ids, a past, requests spelt otherwise",
    lambda c: [f"{law.id} {TURNED.name}" for law in turned(c)],
)
def judge_turned(context: Context) -> Iterator[CaseJudged]:
    """Judge laws from the other side, and fold what fails under what failed before."""
    before = sorted(context.broken())
    # what the application offers that takes the place of the first
    second = context.target.applications[:2][-1]
    catalogue = context.target.catalogues.get(second.id, context.catalogue)
    for law in turned(context):
        unit = f"{law.id} {TURNED.name}"
        if not context.wanted(unit):
            continue
        angle = replace(TURNED, past=_past(law))
        try:
            case = judge(law, context.target, context.seed, catalogue, context.turn(40), angle).case
        except BudgetSpent as why:
            yield unjudged("turned", unit, law.name, law.area, ended(why))
            continue
        if law.id not in before:
            for failure in case.failures:
                failure.replay["builds_on"] = [*law.builds_on, *before]  # type: ignore[index]
        yield case
