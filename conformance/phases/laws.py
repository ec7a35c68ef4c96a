"""The phase of laws: each law in a world of its own, judged again where it failed."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from conformance.laws import LAWS, Law
from conformance.laws.angles import STRAIGHT, Angle
from conformance.laws.world import (
    PERSON_NEEDED,
    UNREADABLE,
    Connector,
    NotJudged,
    World,
    unreadable,
)
from conformance.phases import robustness
from conformance.phases.registry import READS_ONLY, Context, ended, phase, unjudged
from conformance.run_events import CaseJudged, Outcome
from conformance.target import (
    BudgetSpent,
    GuardRefused,
    Overdue,
    Target,
    TargetUnreachable,
    WallClock,
)

# What finds most per second, and what others build on, comes first.
ORDER = (
    "CSM",
    "CNX",
    "AUT",
    "ISO",
    "VAL",
    "PAG",
    "SES",
    "LOG",
    "CNT",
    "FIL",
    "MAP",
    "RES",
    "SEC",
    "CAS",
    "OAU",
    "HDR",
    "CCY",
    "LIM",
)


# Every law that compares two reads takes for granted that reading changes nothing.
FIRST = frozenset({"VLT-CNX-19"})
# These wait or measure time.
LATE = frozenset(
    {"VLT-SES-08", "VLT-SES-11", "VLT-OAU-17", "VLT-CSM-11", "VLT-LIM-05", "VLT-LIM-08"}
)
# These find a deployment slow: they are judged although it is, in time that is kept for them.
TIMING = frozenset({"VLT-LIM-05", "VLT-LIM-08"})
KEPT = 6.0
# Two requests, and two seconds of sleep between them.
WAITING = frozenset({"VLT-SES-08"})


@dataclass(frozen=True, slots=True)
class Judgement:
    case: CaseJudged
    world: World


def chosen(only: Sequence[str] = (), shard: tuple[int, int] = (1, 1)) -> list[Law]:
    """Return the laws of a shard, in order: those whose id begins with one of `only`."""
    rows = [law for law in LAWS.values() if not law.id.startswith("VLT-HOK")]
    rows = [law for law in rows if not only or any(law.id.startswith(name) for name in only)]
    place = {name: index for index, name in enumerate(ORDER)}
    rows.sort(
        key=lambda law: (
            law.id in LATE,
            law.id not in FIRST,
            place.get(law.id[4:7], len(ORDER)),
            law.id,
        )
    )
    return [law for index, law in enumerate(rows) if index % shard[1] == shard[0] - 1]


def judge(  # noqa: PLR0917 - what a world is made of
    law: Law,
    target: Target,
    seed: int,
    catalogue: tuple[Connector, ...],
    turn: int = 0,
    angle: Angle = STRAIGHT,
) -> Judgement:
    """Judge one law in a fresh world."""
    world = World(target, law, seed, catalogue, turn, angle)
    unit = f"{law.id} {angle.name}".strip()
    target.judging(unit)
    started = time.perf_counter()
    outcome: Outcome = "passed"
    reason = ""
    try:
        if not target.profile.may_write and not law.reads_only:
            raise NotJudged(READS_ONLY)  # noqa: TRY301
        law.judge(world)
    except (NotJudged, GuardRefused) as why:
        reason = str(why)
        if target.no_consent and PERSON_NEEDED in reason:  # the target knows why
            reason = f"a consent takes a person here: {target.no_consent}"
    except UNREADABLE as why:
        reason = unreadable(why)
    except TargetUnreachable as why:
        last = world.exchanges[-1] if world.exchanges else None
        reason = f"the deployment gave no answer: {why}" + (
            f" (after {last.operation_id})" if last else ""
        )
        world.expect(False, "no answer", "an answer", str(why))
        if isinstance(why, Overdue):  # which is told for itself
            world.failures[-1] = replace(world.failures[-1], blames=(robustness.LATE,))
    if world.failures:
        outcome = "failed"
    elif reason or not world.judged:
        outcome, reason = "not judged", reason or "it was never exercised"
    case = CaseJudged(
        angle.name or "laws",
        unit,
        law.name,
        law.area,
        outcome,
        reason,
        world.judged,
        len(world.exchanges),
        time.perf_counter() - started,
        tuple(world.failures),
    )
    return Judgement(case, world)


def run(laws: Sequence[Law], context: Context) -> Iterator[CaseJudged]:
    """Judge laws one after the other; one that only waits does so beside the others."""
    target = context.target
    keeps_time = not TIMING.isdisjoint(law.id for law in laws)
    beside = isinstance(target.clock, WallClock) and not target.profile.rate and len(laws) > 1
    with ThreadPoolExecutor(1) as pool:
        waiting = {
            law.id: pool.submit(_judged, law, context)
            for law in laws
            if beside and law.id in WAITING
        }
        for law in laws:
            if keeps_time and law.id not in TIMING and _is_late(target):
                over = f"its {target.profile.seconds:g} s are over (--max-time)"
                why = f"{over} but for those kept for the laws that measure time"
                yield unjudged("laws", law.id, law.name, law.area, ended(why))
                continue
            yield waiting[law.id].result() if law.id in waiting else _judged(law, context)


def _is_late(target: Target) -> bool:
    """Whether a run with several laws has less time left than those of TIMING are kept."""
    return target.clock.now() > target.until - min(KEPT, target.profile.seconds / 10)


def _judged(law: Law, context: Context) -> CaseJudged:
    try:
        return judge(law, context.target, context.seed, context.catalogue, context.turn()).case
    except BudgetSpent as why:
        return unjudged("laws", law.id, law.name, law.area, ended(why))


@phase(
    "laws",
    "promises across several calls, each in a world of its own",
    lambda c: [law.id for law in chosen(c.only, c.shard)],
)
def judge_laws(context: Context) -> Iterator[CaseJudged]:
    """Judge the laws that were chosen, those first that failed in the run before."""
    laws = [law for law in chosen(context.only, context.shard) if context.wanted(law.id)]
    laws.sort(key=lambda item: item.id not in context.first)
    yield from run(laws, context)
