"""Plans a run, runs its phases, and emits what happens as events; it knows no report."""

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from conformance import __version__, preflight, verdicts
from conformance.checks import Judge
from conformance.cleaning import clean
from conformance.contract import Contract
from conformance.coverage import Book, keywords
from conformance.failures import Exchange, Failure
from conformance.laws.world import Connector
from conformance.phases import PHASES, Context, robustness, sent
from conformance.phases.promises import FURTHER, known
from conformance.phases.registry import everything
from conformance.profiles import Profile
from conformance.run_events import (
    CaseJudged,
    Listener,
    PhaseFinished,
    PhaseStarted,
    Progress,
    PromiseBroken,
    RunEvent,
    RunFinished,
    RunStarted,
)
from conformance.second_judge import SecondJudge
from conformance.target import (
    Application,
    BudgetSpent,
    Clock,
    Ledger,
    Target,
    TargetUnreachable,
    Transport,
)
from conformance.waivers import Waivers

# What a further round repeats with another seed; the other phases hold nothing of chance.
BY_CHANCE = frozenset({"laws", "turned", "coverage", "stateful", "fuzzing", "links"})
# What is shared out among shards as the laws are.
BY_LAW = frozenset({"laws", "turned"})

# How many a law sends on the average, a few of them hundreds.
_REQUESTS_A_LAW = 24


@dataclass
class Plan:
    """What a run is asked to do."""

    contract: Contract
    transport: Transport
    base_url: str
    applications: Sequence[Application]
    profile: Profile
    seed: int
    run_id: str
    phases: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)
    consumer: str | None = None
    capabilities: Mapping[str, str] = field(default_factory=dict)
    ledger: Path | None = None
    clock: Clock | None = None
    waivers: Waivers = field(default_factory=Waivers)
    strict: bool = False
    keep: bool = False
    forgets: bool = False
    asked: tuple[str, ...] = ()
    stop_first: bool = False
    units: frozenset[str] | None = None
    rounds: bool = False
    at_least: float = verdicts.AT_LEAST

    @property
    def prefix(self) -> str:
        """What the ids of all consumers of this run begin with."""
        return f"conf-{self.run_id}-"


@dataclass(frozen=True, slots=True)
class Former:
    """What a run that stopped has judged, for the run that goes on.

    `twice` are the answers that had a second judge, and their shapes.
    """

    cases: tuple[CaseJudged, ...] = ()
    failures: tuple[Failure, ...] = ()
    requests: int = 0
    seconds: float = 0.0
    observed: Mapping[tuple[str, int], int] = field(default_factory=dict)
    exercised: Mapping[str, frozenset[str]] = field(default_factory=dict)
    judged: Mapping[str, int] = field(default_factory=dict)
    sent: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    seen: Mapping[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    twice: tuple[int, int] = (0, 0)


class Run:
    """One run against one deployment."""

    def __init__(self, plan: Plan, listeners: Sequence[Listener] = ()) -> None:
        self.plan = plan
        self._listeners = list(listeners)
        self.target = Target(
            plan.contract,
            plan.transport,
            plan.base_url,
            plan.applications,
            plan.profile,
            prefix=plan.prefix,
            ledger=Ledger(plan.ledger),
            clock=plan.clock,
            consumer=plan.consumer,
        )
        self.judge, self.second = Judge(plan.contract), SecondJudge(plan.contract)
        self.book = Book(plan.contract)
        self.target.observers.append(self.book.note)
        self.judge.never_shown = {a.key: "API key" for a in plan.applications if len(a.key) >= 8}
        self.target.capabilities.update(plan.capabilities)
        self.catalogue: tuple[Connector, ...] = ()
        self.failures: list[Failure] = []
        self.cases: list[CaseJudged] = []
        self.first: tuple[str, ...] = ()
        self.first_failure: tuple[int, float] | None = None
        self.before_cleaning: Callable[[RunFinished], None] | None = None
        self._crash: Exception | None = None
        self._round = 1
        self._former = Former()
        self._left: Mapping[str, Sequence[tuple[str, str]]] = {}
        self._done: set[tuple[int, str, str]] = set()
        self._untold: list[Failure] = []
        self._lock = threading.RLock()
        self._started, self._begun = time.perf_counter(), (0.0, 0.0)
        self._counted: dict[str, int] = {}
        self._cleaned: dict[str, int] = {}

    def listen(self, listener: Listener) -> None:
        """Tell a listener what happens from now on."""
        self._listeners.append(listener)

    def go_on_from(
        self, former: Former, left: Mapping[str, Sequence[tuple[str, str]]] | None = None
    ) -> None:
        """Take over what a run that stopped has judged, and judge what it has not.

        `left` are the consumers that it may have left behind, by their prefix: they are removed
        before anything is judged.
        """
        self._former, self._left = former, left or {}
        self._done = {(c.round, c.phase, c.id) for c in former.cases}
        self._keep(former.failures)
        self.target.observed.update(former.observed)
        for operation, names in former.exercised.items():
            self.target.exercised.setdefault(operation, set()).update(names)
        self.judge.judged.update(former.judged)
        for operation, counts in former.sent.items():
            for place, (kept, broken) in counts.items():
                if place in self.book.declared.get(operation, {}):
                    self.book.declared[operation][place] = [kept, broken]
        self.second.judged, self.second.before = former.twice
        for where, places in former.seen.items():
            self.second.seen.setdefault(where, set()).update(places)

    # --- the course of a run ---

    def preflight(self) -> None:
        """Find out whether the deployment answers, lets us in, and what it can do."""
        self._wait_for_all()
        self.catalogue = preflight.look(self.target, self.plan.seed, self._find)

    def execute(self) -> RunFinished:
        """Run the phases and return the verdict, on a part of the plan where the run is stopped.

        What breaks in the tester itself is raised when the verdict is told and all is cleaned up.
        """
        plan = self.plan
        phases = plan.phases or plan.profile.phases
        self._started = time.perf_counter()
        deadline = self.target.clock.now() + plan.profile.seconds
        stopped = ""
        try:
            self.preflight()
            self._sweep_left()
            self.target.deadline = deadline
            self.watch()
            self._begun = deadline - plan.profile.seconds, self.target.clock.now()
            self._begin(self._opening())
            self._rounds(phases)
        except KeyboardInterrupt as stop:
            stopped = str(stop) or "interrupted"
        except TargetUnreachable as why:
            stopped = f"the deployment went away: {why}"
        except BudgetSpent:
            pass  # the target says what is spent
        except preflight.Unjudgeable:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised again when all else is done
            self._crash = error
        finally:
            self._end(stopped)
        ended = self._verdict(stopped or self._broken_off)
        for listener in self._listeners:
            self._attempt(partial(listener, ended))
        if self._crash is not None:
            raise self._crash
        return ended

    def conclude(self, missing: str, spent: str = "") -> RunFinished:
        """Return the verdict on what was taken over, and judge nothing more.

        `missing` says what keeps it from being good, `spent` what its runs had no time for.
        """
        self._begin(replace(self._opening(), taken_over=0))
        partial = ", ".join(told for told in (missing, spent) if told)
        self.target.spent = partial
        ended = self._verdict("")
        if missing and ended.outcome in {"conforms", "undecided"}:
            ended = replace(ended, outcome="undecided", lacking=missing)
        self._emit(ended)
        return ended

    def _end(self, stopped: str) -> None:
        """Tell a run that is stopped, and take away what it made, whatever goes wrong."""
        why = stopped or self._broken_off
        if why and (tell := self.before_cleaning) and self.target.ledger.made:
            self._attempt(lambda: tell(self._verdict(why)))
        with contextlib.suppress(KeyboardInterrupt):  # what is left then is counted as left
            self._attempt(self.clean)
        self.target.transport.close()

    def _attempt(self, step: Callable[[], object]) -> None:
        """Take a step that must not keep the next ones from being taken."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - it is raised again when all else is done
            self._crash = self._crash or error

    @property
    def _broken_off(self) -> str:
        return f"the tester broke: {self._crash!r}" if self._crash else ""

    def refused(self, why: Exception) -> tuple[RunEvent, ...]:
        """Return what there is to tell of a run that could not begin."""
        told = self._verdict("")
        return self._opening(), replace(told, outcome="not judged", causes=(), partial=str(why))

    def _opening(self) -> RunStarted:
        plan = self.plan
        return RunStarted(
            plan.base_url,
            plan.profile.name,
            plan.seed,
            plan.run_id,
            tuple(plan.phases or plan.profile.phases),
            dict(self.target.capabilities),
            __version__,
            len(self._former.cases),
            plan.asked,
        )

    def _begin(self, opening: RunStarted) -> None:
        self._emit(opening)
        for case in self._former.cases:
            self.cases.append(case)
            self._emit(case)

    def _rounds(self, phases: Sequence[str]) -> None:
        for self._round in itertools.count(1):
            for name in phases:
                if (self._round == 1 or name in BY_CHANCE) and not self._phase(name):
                    return
            lasting = self.plan.rounds and not self.target.spent
            if not lasting or BY_CHANCE.isdisjoint(phases):
                return
            self.sweep()
            self.watch()

    def _phase(self, name: str) -> bool:
        context = self._sharded(self.context(name), name)
        phase = PHASES[name]
        total = sum(map(context.wanted, phase.units(context)))
        self._emit(PhaseStarted(name, total))
        begun, done = time.perf_counter(), 0
        for case in phase.run(context):
            if self._round > 1 and case.outcome == "not judged":
                continue  # the first round has told what cannot be judged here
            done += 1
            self._tell(replace(case, round=self._round), name)
            spent = time.perf_counter() - begun
            left = spent / done * max(0, total - done) if total else None
            self._emit(
                Progress(
                    name,
                    done,
                    total,
                    f"{case.id} {case.name}",
                    len(self._counted),
                    self.target.requests,
                    time.perf_counter() - self._started,
                    left,
                )
            )
            if self.plan.stop_first and self._counted:
                return False
            self.target.go_on()
        self._emit(PhaseFinished(name, done, time.perf_counter() - begun))
        return True

    def _asked(self) -> set[str]:
        """Return the units that this run is to judge, whether it has come to them or not."""
        plan, asked = self.plan, set[str]()
        for name in plan.phases or plan.profile.phases:
            context = self._sharded(replace(self.context(name), wanted=everything), name)
            asked.update(filter(context.wanted, PHASES[name].units(context)))
        return asked

    def _sharded(self, context: Context, name: str) -> Context:
        """Leave to the other shards what is theirs; laws are shared out where they are chosen."""
        part, parts = self.plan.shard
        if parts == 1 or name in BY_LAW:
            return context
        mine, wanted = frozenset(PHASES[name].units(context)[part - 1 :: parts]), context.wanted
        return replace(context, wanted=lambda unit: unit in mine and wanted(unit))

    def _tell(self, case: CaseJudged, phase: str) -> None:
        """Keep a case, and say of what was found on the way to it how it is found again."""
        found, self._untold = self._untold, []
        for failure in (*found, *case.failures):
            if isinstance(failure.replay, dict):
                failure.replay.setdefault("unit", case.id)
                failure.replay.setdefault("phase", phase)
                failure.replay.setdefault("seed", self._seed)
        for failure in found:
            self._emit(PromiseBroken(failure, self.target.requests, self.seconds))
        self.cases.append(case)
        self._keep(case.failures)
        self._emit(case)

    @property
    def _seed(self) -> int:
        return self.plan.seed + self._round - 1

    @property
    def requests(self) -> int:
        """How many requests were sent, those of a run that this one goes on from included."""
        return self._former.requests + self.target.requests

    @property
    def seconds(self) -> float:
        """How long the run has taken, its earlier sittings included."""
        return self._former.seconds + time.perf_counter() - self._started

    def context(self, phase: str = "") -> Context:
        """Return what a phase works with."""
        plan = self.plan

        def wanted(unit: str) -> bool:
            if plan.units is not None and unit not in plan.units:
                return False
            return (self._round, phase, unit) not in self._done

        return Context(
            self.target,
            self.judge,
            self._seed,
            self.catalogue,
            plan.only,
            plan.shard,
            plan.profile,
            self.second,
            self._broken,
            self.first,
            wanted,
            self._round,
        )

    def watch(self) -> None:
        """Judge every answer from now on."""
        if self._judge_answer not in self.target.listeners:
            self.target.listeners.append(self._judge_answer)
        self._wait_for_all()

    def _wait_for_all(self) -> None:
        """Tell of every answer from now on that is not whole in time."""
        if self._judge_overdue not in self.target.overdue:
            self.target.overdue.append(self._judge_overdue)

    def _broken(self) -> frozenset[str]:
        return frozenset(f.law for f in self.failures)

    def _judge_answer(self, exchange: Exchange) -> tuple[str, ...]:
        found = self.judge.judge(exchange)
        if self.second.can_judge(exchange) and (told := self.second.problem(exchange)):
            context, expected = self.context(), "an answer that openapi-core accepts"
            found.append(sent.failure(sent.SECOND, context, exchange, expected, told))
        self._find(found)
        return tuple(dict.fromkeys(f.law for f in found))

    def _judge_overdue(self, exchange: Exchange) -> None:
        self._find([robustness.overdue(exchange)])

    def _find(self, found: Sequence[Failure]) -> None:
        """Keep what was found on the way, and what was being judged then."""
        unit = self.target.judging()
        for failure in found:
            if unit and isinstance(failure.replay, dict):
                failure.replay["unit"] = unit
        if found:
            with self._lock:
                self._untold += self._keep(found)

    def _keep(self, failures: Sequence[Failure]) -> list[Failure]:
        kept = []
        with self._lock:
            for failure in failures:
                count = self._counted.get(failure.key, 0)
                self._counted[failure.key] = count + 1
                if self.first_failure is None and failure.must:
                    seconds = time.perf_counter() - self._started
                    self.first_failure = (self.target.requests, seconds)
                if count < 20:
                    self.failures.append(failure)
                    kept.append(failure)
        return kept

    def sweep(self) -> None:
        """Remove every consumer that the run has made so far, and read back what is left."""
        made = list(self.target.ledger.made)
        if made and not self.plan.keep:
            self._clean(made)

    def _sweep_left(self) -> None:
        target = self.target
        own = target.prefix, target.ledger
        for prefix, made in self._left.items():
            target.prefix, target.ledger = prefix, Ledger()  # they stand in a ledger already
            try:
                self._clean([row for row in made if row[1].startswith(prefix)])
            finally:
                target.prefix, target.ledger = own

    def _clean(self, made: Sequence[tuple[str, str]]) -> None:
        target = self.target
        kept = target.deadline, target.profile, target.stopped
        target.deadline, target.stopped = None, ""
        target.listeners.clear()
        target.overdue.clear()
        target.profile = replace(target.profile, max_requests=10**9)
        found: dict[str, int] = {}
        try:
            clean(target, made, found)
            for row in made:
                target.ledger.made.pop(row, None)
        finally:
            target.deadline, target.profile, target.stopped = kept
            for name, count in found.items():
                self._cleaned[name] = self._cleaned.get(name, 0) + count

    def clean(self) -> dict[str, int]:
        """Remove what the run has made, and count it; nobody needs a ledger of nothing."""
        self.sweep()
        if self.plan.forgets and self.plan.ledger and not self._cleaned.get("residue"):
            self.plan.ledger.unlink(missing_ok=True)
        return dict(self._cleaned)

    def _verdict(self, stopped: str) -> RunFinished:
        if self._untold:  # what was found by the case that the run was stopped in
            for failure in self._untold:
                self._emit(PromiseBroken(failure, self.target.requests, self.seconds))
            self._untold = []
        plan = self.plan
        musts = [f for f in self.failures if f.must or plan.strict]
        causes = verdicts.causes(musts)
        shoulds = [f for f in self.failures if not f.must and not plan.strict]
        waived = [c for c in causes if plan.waivers.covers(c.failure)]
        causes = [c for c in causes if c not in waived]
        lasting = [c for c in waived if plan.waivers.knows(c.failure)]
        areas = verdicts.areas(causes, self.cases, self.judge.judged)
        spent = self.target.spent if self._round == 1 else ""
        is_cut = bool(stopped or spent or plan.stop_first)
        far = verdicts.reach(self._asked(), self.cases, is_cut=is_cut)
        lacking = far.lacks(plan.at_least)
        outcome = verdicts.outcome(causes, self.cases, self.failures, lacking)
        return RunFinished(
            "interrupted" if stopped else outcome,
            verdicts.level(areas, self.cases),
            areas,
            tuple(causes),
            tuple(verdicts.causes(shoulds)),
            tuple(waived),
            (
                *plan.waivers.notes(known(), self._judged()),
                *self._beyond(),
                *self._slowness(spent, far),
            ),
            verdicts.not_judged(self.cases),
            {
                **verdicts.coverage(self.target, self.cases),
                "answers_judged_twice": self.second.judged,
                "shapes_of_answers": self.second.shapes,
                **keywords(self.book, self.second, plan.contract),
            },
            self.requests,
            self.seconds,
            plan.seed,
            dict(self._cleaned),
            stopped or spent,
            lacking if outcome == "undecided" and not stopped else "",
            tuple(sorted({c.failure.key for c in [*causes, *lasting]})),
        )

    def _beyond(self) -> list[str]:
        names = ", ".join(self.plan.contract.beyond)
        told = [f"not called, for want of what their paths ask for: {names}"] if names else []
        if not self.plan.profile.may_write and not self.plan.consumer:
            told.append("a run that only reads judges next to nothing without --consumer ID")
        return told

    def _slowness(self, spent: str, far: verdicts.Reach) -> list[str]:
        """Tell what a run that came to its end waited for, and what would be enough."""
        if not spent or not far.judged or far.judged == far.possible or self._former.cases:
            return []
        begun, looked = self._begun
        took, looked = self.target.clock.now() - begun, looked - begun
        sent, needed = self.target.requests, float(far.possible * _REQUESTS_A_LAW)
        needed = max(needed, sent * far.possible / far.judged)  # the first laws are the small ones
        waited = sorted(self.target.waited.items(), key=lambda row: -row[1])
        waits = [f"{seconds:.0f} s for {what}" for what, seconds in waited if seconds >= 1]
        told = [f"of {took:.0f} s it waited {', '.join(waits)}"] if waits else []
        seconds = _roundly(looked + (took - looked) * needed / sent)
        enough = f"--max-time {seconds} --max-requests {_roundly(needed)}"
        return ["; ".join([*told, f"at this pace {enough} may do"])]

    def _judged(self) -> set[str]:
        """Return the ids of what was judged: laws, checks, and the promises of other phases."""
        cases = [case for case in self.cases if case.outcome != "not judged"]
        judged = {case.id.split()[0] for case in cases}
        judged |= {name for name, count in self.judge.judged.items() if count}
        phases = {case.phase for case in cases}
        return judged | {p.id for p in FURTHER.values() if phases & set(p.phase.split(", "))}

    def _emit(self, event: RunEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _roundly(number: float) -> int:
    """Return a number of two digits and noughts that is no less."""
    unit = 10 ** max(0, len(str(int(number))) - 2)
    return int(-(-number // unit) * unit)


def run_id_for(seed: int, *, fresh: bool = True) -> str:
    """Return a run id: of chance, or the one that belongs to a seed."""
    source = random.SystemRandom() if fresh else random.Random(seed)  # noqa: S311 - repeatable, not secret
    return f"{source.getrandbits(24):06x}"
