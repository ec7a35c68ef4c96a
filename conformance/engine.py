"""Plans a run, runs its phases, and emits what happens as events; it knows no report."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance import __version__
from conformance.checks import CHECKS, Judge
from conformance.contract import Contract
from conformance.failures import AREAS, LEVEL_BY_AREA, LEVELS, Exchange, Failure, grouped
from conformance.laws import LAWS
from conformance.laws.world import Connector, NotJudged, World, read_catalogue
from conformance.phases import PHASES, Context
from conformance.profiles import Profile
from conformance.run_events import (
    CaseJudged,
    Listener,
    PhaseFinished,
    PhaseStarted,
    Progress,
    RunEvent,
    RunFinished,
    RunStarted,
)
from conformance.target import (
    Application,
    BudgetSpent,
    Clock,
    GuardRefused,
    Ledger,
    Principal,
    Target,
    TargetUnreachable,
    Transport,
)
from conformance.waivers import Waivers


class Unjudgeable(Exception):
    """The run cannot begin: nobody answers, or the credentials are refused."""


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
    stop_first: bool = False

    @property
    def prefix(self) -> str:
        """What the ids of all consumers of this run begin with."""
        return f"conf-{self.run_id}-"


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
        self.judge = Judge(plan.contract)
        self.judge.never_shown = {a.key: "API key" for a in plan.applications if len(a.key) >= 8}
        self.target.capabilities.update(plan.capabilities)
        self.catalogue: tuple[Connector, ...] = ()
        self.failures: list[Failure] = []
        self.cases: list[CaseJudged] = []
        self.first: tuple[str, ...] = ()
        self.first_failure: tuple[int, float] | None = None
        self._started = time.perf_counter()
        self._counted: dict[str, int] = {}

    def listen(self, listener: Listener) -> None:
        """Tell a listener what happens from now on."""
        self._listeners.append(listener)

    # --- the course of a run ---

    def preflight(self) -> None:
        """Find out whether the deployment answers, lets us in, and what it can do."""
        contract, plan = self.plan.contract, self.plan
        who = Principal(plan.applications[0], plan.consumer or f"{plan.prefix}preflight")
        try:
            answer = self.target.call("consumersAll", who, query={"limit": 1}).answer
        except TargetUnreachable as error:
            raise Unjudgeable(f"nobody answers at {plan.base_url}: {error}") from error
        if answer.status in {401, 403}:
            raise Unjudgeable(
                f"the credentials of {who.application.id!r} are refused (HTTP {answer.status})"
            )
        if answer.status == 404 and not isinstance(answer.json, dict):
            raise Unjudgeable(f"{plan.base_url} is no Vault: GET /vault/consumers answered 404")
        if len(plan.applications) > 1:
            other = Principal(plan.applications[1], who.consumer_id)
            answer = self.target.call("consumersAll", other, query={"limit": 1}).answer
            if answer.status in {401, 403}:
                raise Unjudgeable(
                    f"the credentials of {other.application.id!r} are refused"
                    f" (HTTP {answer.status})"
                )
        if plan.profile.may_write or plan.consumer:
            answer = self.target.call("connectionsAll", who).answer
            self.catalogue = read_catalogue(answer)
        if plan.profile.may_write:
            self._measure_lag(who)
            self._find_consent()
        self.target.capabilities.setdefault("connectors", str(len(self.catalogue)))
        del contract

    def _measure_lag(self, who: Principal) -> None:
        """See whether reads lag behind writes, and by how much."""
        clock = self.target.clock
        named = Principal(who.application, f"{self.plan.prefix}lag")
        answer = self.target.call(
            "consumersAdd", named, body={"consumer_id": named.consumer_id}
        ).answer
        if not answer.is_good:
            return
        begun = clock.now()
        patience = max(6.0, self.plan.profile.patience)
        while not self.target.call("consumersOne", named).answer.is_good:
            if clock.now() - begun > patience:
                return
            clock.sleep(0.25)
        lag = clock.now() - begun
        if lag > 0.2:
            self.target.lag = max(1.25 * lag + 0.25, self.plan.profile.patience)
            self.target.capabilities["lag"] = f"{lag:.2f} s"

    def _find_consent(self) -> None:
        """See whether consent can be given without a person."""
        if "consent" in self.target.capabilities:
            if self.target.capabilities["consent"] == "none":
                del self.target.capabilities["consent"]
            return
        for way in ("mock", "code"):
            self.target.capabilities["consent"] = way
            world = World(self.target, LAWS["VLT-OAU-04"], self.plan.seed, self.catalogue, turn=90)
            world.law = replace(world.law, id=f"VLT-consent-{way}")
            try:
                rows = [
                    c for c in self.catalogue if c.redirects and not c.before and not c.required
                ]
                rows = rows or [c for c in self.catalogue if c.redirects and not c.before]
                world.need(rows, "no connector asks for consent")
                who = world.who(way)
                world.add(who, rows[0])
                url = world.one(who, rows[0]).get("authorize_url")
                world.need(isinstance(url, str), "no authorize_url")
                _, answers = world.consent(str(url))
            except NotJudged:
                continue
            steps = [e.operation_id for e in world.exchanges]
            if way == "mock" and "connectionsCallback" in steps:
                return
            if (
                way == "code"
                and 300 <= answers[-1].status < 400
                and "error" not in answers[-1].location
            ):
                return
        del self.target.capabilities["consent"]

    def execute(self) -> RunFinished:
        """Run the phases and return the verdict."""
        plan = self.plan
        phases = plan.phases or plan.profile.phases
        self._started = time.perf_counter()
        interrupted = False
        ended: RunFinished | None = None
        try:
            self.preflight()
            self.target.deadline = self.target.clock.now() + plan.profile.seconds
            self.watch()
            self._emit(
                RunStarted(
                    plan.base_url,
                    plan.profile.name,
                    plan.seed,
                    plan.run_id,
                    tuple(phases),
                    dict(self.target.capabilities),
                    __version__,
                )
            )
            for name in phases:
                if not self._phase(name):
                    break
        except KeyboardInterrupt:
            interrupted = True
        finally:
            residue = self.clean()
            self.target.transport.close()
        ended = self._verdict(residue, interrupted=interrupted)
        self._emit(ended)
        return ended

    def _phase(self, name: str) -> bool:
        context = self.context()
        phase = PHASES[name]
        total = phase.total(context)
        self._emit(PhaseStarted(name, total))
        begun, done = time.perf_counter(), 0
        for case in phase.run(context):
            done += 1
            self.cases.append(case)
            self._keep(case.failures)
            self._emit(case)
            spent = time.perf_counter() - begun
            left = spent / done * (total - done) if total else None
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
        self._emit(PhaseFinished(name, done, time.perf_counter() - begun))
        return True

    def context(self) -> Context:
        """Return what a phase works with."""
        plan = self.plan
        return Context(
            self.target,
            self.judge,
            plan.seed,
            self.catalogue,
            plan.only,
            plan.shard,
            plan.profile,
            self._broken,
            self.first,
        )

    def watch(self) -> None:
        """Judge every answer from now on."""
        if self._judge_answer not in self.target.listeners:
            self.target.listeners.append(self._judge_answer)

    def _broken(self) -> frozenset[str]:
        return frozenset(f.law for f in self.failures)

    def _judge_answer(self, exchange: Exchange) -> tuple[str, ...]:
        found = self.judge.judge(exchange)
        self._keep(found)
        return tuple(dict.fromkeys(f.law for f in found))

    def _keep(self, failures: Sequence[Failure]) -> None:
        for failure in failures:
            count = self._counted.get(failure.key, 0)
            self._counted[failure.key] = count + 1
            if self.first_failure is None and failure.must:
                self.first_failure = (self.target.requests, time.perf_counter() - self._started)
            if count < 20:
                self.failures.append(failure)

    def clean(self) -> dict[str, int]:
        """Remove every consumer of the ledger, and read back what is left."""
        if self.plan.keep or not self.target.ledger.made:
            return {}
        self.target.deadline = None
        self.target.listeners.clear()
        budget = self.target.profile
        self.target.profile = replace(budget, max_requests=10**9, rate=max(budget.rate, 0.0))
        return clean(self.target, list(self.target.ledger.made))

    def _verdict(self, residue: dict[str, int], *, interrupted: bool) -> RunFinished:
        builds_on: dict[str, Sequence[str]] = {law.id: law.builds_on for law in LAWS.values()}
        builds_on |= {c.id: c.builds_on for c in CHECKS.values()}
        for failure in self.failures:
            extra = failure.replay.get("builds_on")
            if extra:
                builds_on[failure.law] = tuple(extra)
        musts = [f for f in self.failures if f.must or self.plan.strict]
        causes = grouped(musts, builds_on)
        warnings = grouped(
            [f for f in self.failures if not f.must and not self.plan.strict], builds_on
        )
        waived = [c for c in causes if self.plan.waivers.covers(c.failure)]
        causes = [c for c in causes if c not in waived]
        areas = self._areas([c.failure for c in causes])
        not_judged = {c.id: c.reason for c in self.cases if c.outcome == "not judged"}
        level = "none"
        for name in LEVELS:
            if any(areas[a] != "conforms" for a in AREAS if LEVEL_BY_AREA[a] == name):
                break
            level = name
        outcome = "interrupted" if interrupted else "fails" if causes else "conforms"
        return RunFinished(
            outcome,  # type: ignore[arg-type]
            level,
            areas,
            tuple(causes),
            tuple(warnings),
            tuple(waived),
            tuple(self.plan.waivers.notes()),
            not_judged,
            self.coverage(),
            self.target.requests,
            time.perf_counter() - self._started,
            self.plan.seed,
            residue,
        )

    def _areas(self, failures: Sequence[Failure]) -> dict[str, str]:
        broken = {f.area for f in failures}
        judged = {c.area for c in self.cases if c.outcome in {"passed", "failed", "waived"}}
        judged |= {CHECKS[i].area for i, n in self.judge.judged.items() if n}
        return {
            a: "fails" if a in broken else "conforms" if a in judged else "not judged"
            for a in AREAS
        }

    def coverage(self) -> dict[str, Any]:
        """Tell which operations, statuses and parameters of the contract were exercised."""
        operations = self.plan.contract.operations
        statuses = {f"{op} {status}": n for (op, status), n in sorted(self.target.observed.items())}
        declared = [
            f"{o.operation_id} {s}" for o in operations.values() for s in o.statuses if s != 402
        ]
        parameters = [
            f"{o.operation_id} query {p.name}"
            for o in operations.values()
            for p in o.parameters
            if p.place == "query"
        ]
        sent = {
            f"{op} {n.partition('[')[0]}"
            for op, names in self.target.exercised.items()
            for n in names
        }
        return {
            "operations": sorted({op for op, _ in self.target.observed}),
            "operations_total": len(operations),
            "answers": statuses,
            "answers_seen": len([s for s in declared if s in statuses]),
            "answers_declared": len(declared),
            "parameters_seen": len([p for p in parameters if p in sent]),
            "parameters_declared": len(parameters),
            "laws_judged": len(
                [c for c in self.cases if c.id in LAWS and c.outcome != "not judged"]
            ),
            "laws_total": len(LAWS),
        }

    def _emit(self, event: RunEvent) -> None:
        for listener in self._listeners:
            listener(event)


def clean(target: Target, made: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Delete consumers, and read back whether they are gone."""
    application_by_id = {a.id: a for a in target.applications}
    deleted = residue = 0
    refused: list[str] = []
    for application_id, consumer_id in made:
        application = application_by_id.get(application_id)
        if application is None:
            continue
        who = Principal(application, consumer_id)
        try:
            first = target.call("consumersDelete", who).answer
            after = target.call("consumersOne", who).answer
        except (TargetUnreachable, GuardRefused, BudgetSpent) as error:
            refused.append(str(error))
            residue += 1
            continue
        deleted += first.is_good
        residue += after.is_good
    return {
        "created": len(made),
        "deleted": deleted,
        "absent": len(made) - deleted - residue,
        "residue": residue,
    }


def run_id_for(seed: int, *, fresh: bool = True) -> str:
    """Return a run id: of chance, or the one that belongs to a seed."""
    source = random.SystemRandom() if fresh else random.Random(seed)  # noqa: S311 - repeatable, not secret
    return f"{source.getrandbits(24):06x}"


Progressing = Callable[[], Iterator[CaseJudged]]
