"""The phase of histories: chance walks through the vault, beside the model, shrunk where they part.

A history is drawn from the seed alone, never from what the deployment answers, so the same seed
walks the same way everywhere. Hypothesis shrinks a failing history to the shortest one.
"""

import contextlib
import io
import time
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from conformance.failures import Failure
from conformance.laws.world import UNREADABLE, unreadable
from conformance.phases.registry import Context, ended, phase, unjudged
from conformance.phases.walking import Parted, Walk, cast_for
from conformance.run_events import CaseJudged
from conformance.target import BudgetSpent, TargetUnreachable

LAW = "VLT-HIS-01"
NAME = "histories agree with the model"
BATCH = 40
PROMISE = (
    "After any history of calls the deployment holds what the model holds, for every consumer."
)
# Which laws say the same of one side of the model: where they failed, a history tells nothing new.
AREA_BY_ASPECT = {
    "state": "state",
    "enabled": "state",
    "settings": "state",
    "metadata": "state",
    "others": "isolation",
    "consumer": "state",
    "gone": "cascades",
    "count": "counts",
    "refused": "state",
    "list": "state",
    "values": "state",
}


VALUES = st.text(alphabet="abcdefghij0123456789", min_size=1, max_size=6)
EXTRAS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=6).filter(lambda t: t.isprintable())
    | st.lists(st.integers(0, 3), max_size=2)
)


def machine_for(  # noqa: C901 - one function a rule
    context: Context, walks: list[Walk], deadline: float, number: int = 0
) -> type[RuleBasedStateMachine]:
    """Return the machine whose rules are the steps of a history."""
    who: dict[str, Any] = {"who": st.integers(0, 3), "connector": st.integers(0, 4)}
    written: dict[str, Any] = {**who, "fields": st.integers(0, 3), "value": VALUES}
    described: dict[str, Any] = {**written, "extra": EXTRAS, "mark": st.none() | VALUES}

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.walk = Walk(context, cast_for(context, f"{number}-{len(walks)}"))
            walks.append(self.walk)

        def _step(self, name: str, **arguments: Any) -> None:
            late = context.target.clock.now() > deadline
            if late and not any(w.parted for w in walks):
                raise BudgetSpent("the time of the histories is spent (--max-time)")
            try:
                self.walk.step(name, arguments)
            except Parted as parted:
                self.walk.parted = parted
                raise

        @rule(**described)
        def add(self, **arguments: Any) -> None:
            self._step("add", **arguments)

        @rule(**described)
        def update(self, **arguments: Any) -> None:
            self._step("update", **arguments)

        @rule(**who, enabled=st.booleans())
        def switch(self, **arguments: Any) -> None:
            self._step("update", **arguments)

        @rule(**who, value=VALUES)
        def wrong(self, **arguments: Any) -> None:
            self._step("wrong", **arguments)

        @rule(**who)
        def delete(self, **arguments: Any) -> None:
            self._step("delete", **arguments)

        @rule(**written)
        def import_(self, **arguments: Any) -> None:
            self._step("import", **arguments)

        @precondition(lambda self: bool(self.walk.steps))
        @rule(**who)
        def forget(self, **arguments: Any) -> None:
            self._step("forget", **arguments)

        @rule(**who, value=VALUES)
        def consumer(self, **arguments: Any) -> None:
            self._step("consumer", **arguments)

        @rule(**who)
        def session(self, **arguments: Any) -> None:
            self._step("session", **arguments)

    return Machine


def _batches(context: Context) -> list[str]:
    if context.only:
        return []
    count = -(-context.profile.histories // BATCH)
    return [f"{LAW} batch {number + 1}" if number else LAW for number in range(count)]


@phase("stateful", "chance histories beside a model, shrunk to the shortest", _batches)
def judge_histories(context: Context) -> Iterator[CaseJudged]:
    """Walk histories of chance, in batches, until one parts from the model; shrink that one."""
    profile = context.profile
    if not _batches(context):
        return
    if not context.catalogue or not profile.may_write:
        why = "nothing may be written" if not profile.may_write else "the catalogue is empty"
        yield unjudged("stateful", LAW, NAME, "state", why)
        return
    clock = context.target.clock
    until = min(context.target.until, clock.now() + profile.seconds / 2)
    for number, unit in enumerate(_batches(context)):
        if not context.wanted(unit):
            continue
        if number and clock.now() > until:
            return
        case = _walked(context, unit, number, until)
        yield case
        if case.failures:
            return


def _walked(context: Context, unit: str, number: int, until: float) -> CaseJudged:
    profile = context.profile
    begun, requests = time.perf_counter(), context.target.requests
    walks: list[Walk] = []
    count = min(BATCH, profile.histories - number * BATCH)
    config = settings(
        max_examples=count,
        stateful_step_count=profile.history_length,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
        phases=(Phase.generate, Phase.shrink),
    )
    machine = machine_for(context, walks, until, number)
    failures: tuple[Failure, ...] = ()
    reason = ""
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            source = f"{context.seed} {number}" if number else context.seed
            run_state_machine_as_test(seeded(source)(machine), settings=config)
    except (Parted, HypothesisException, BaseExceptionGroup):
        failures = _told(context, walks)
    except (BudgetSpent, TargetUnreachable) as why:
        reason = ended(why)
    except UNREADABLE as why:
        reason = unreadable(why)
    judged = sum(len(w.steps) for w in walks)
    return CaseJudged(
        "stateful",
        unit,
        NAME,
        failures[0].area if failures else "state",
        "failed" if failures else "passed" if judged else "not judged",
        reason or ("" if judged else "no history was walked"),
        judged,
        context.target.requests - requests,
        time.perf_counter() - begun,
        failures,
    )


FOLLOWS = {
    "state": ("VLT-CNX", "VLT-CAS", "VLT-OAU"),
    "enabled": ("VLT-CNX", "VLT-CAS"),
    "settings": ("VLT-CNX", "VLT-CAS", "VLT-LIM", "VLT-VAL-02"),
    "metadata": ("VLT-CNX", "VLT-CAS", "VLT-LIM"),
    "others": ("VLT-ISO", "VLT-CAS"),
    "consumer": ("VLT-CSM", "VLT-LIM", "VLT-SES"),
    "gone": ("VLT-CSM", "VLT-CAS"),
    "refused": ("VLT-",),
    "list": ("VLT-CNX", "VLT-CAS", "VLT-CSM"),
}


def _told(context: Context, walks: Sequence[Walk]) -> tuple[Failure, ...]:
    """Return the failure of the shortest history that parted from the model."""
    parted = [(w, w.parted) for w in walks if w.parted is not None]
    if not parted:
        return ()
    short, why = min(reversed(parted), key=lambda pair: len(pair[0].steps))
    broken = context.broken()
    grounds = [
        law
        for law in sorted(broken)
        if law != LAW
        and law.startswith((*FOLLOWS.get(why.aspect, ("VLT-",)), "VLT-ENV", "VLT-ISO", "VLT-VAL"))
    ]
    text = " → ".join(f"{name} {dict(arguments)}" for name, arguments in short.steps)
    return (
        Failure(
            law=LAW,
            name=NAME,
            area=AREA_BY_ASPECT.get(why.aspect, "state"),
            promise=PROMISE,
            expected=why.expected,
            seen=context.target.secrets.hidden(
                f"{why.seen} after {len(short.steps)} steps: {text}"
            ),
            source="guide: connection states; the reference model (documented)",
            aspect=why.aspect,
            operation=short.exchanges[-1].operation_id if short.exchanges else "",
            exchanges=tuple(short.exchanges),
            replay={
                "kind": "history",
                "seed": context.seed,
                "steps": [list(s) for s in short.steps],
                "builds_on": grounds,
            },
        ),
    )


def replay_history(context: Context, steps: Sequence[Sequence[Any]]) -> Parted | None:
    """Walk a recorded history again, and return where it parts from the model, if it does."""
    walk = Walk(context, cast_for(context, "again"))
    try:
        for name, arguments in steps:
            walk.step(name, arguments)
    except Parted as parted:
        return parted
    return None
