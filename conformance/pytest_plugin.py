"""Conformance as a pytest session: a test for each law, operation and phase, and check."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from conformance import contract, profiles
from conformance.asking import address
from conformance.checks import CHECKS
from conformance.engine import Plan, Run, run_id_for
from conformance.failures import Failure
from conformance.laws import LAWS
from conformance.phases import PHASES
from conformance.phases.laws import chosen
from conformance.phases.registry import ENDED
from conformance.preflight import Unjudgeable
from conformance.run_events import CaseJudged
from conformance.target import Application, BudgetSpent, HttpTransport
from conformance.verdicts import Reach

RUN = pytest.StashKey[Run]()
# The exit codes of a session that could judge nothing, and of one that judged too little.
UNJUDGED, UNDECIDED = 3, 75
AT_LEAST = "--conformance-at-least"
# What the report of a test says that judges a law.
_LAW = ("conformance", "law")


class Broken(Exception):
    """A law does not hold."""

    def __init__(self, failures: Iterable[Failure], run: Run) -> None:
        lines = []
        for failure in failures:
            lines += [
                f"{failure.key}: {failure.promise}",
                f"  expected {failure.expected}",
                f"  seen     {failure.seen}",
            ]
            if failure.exchanges:
                lines.append(f"  request  {run.target.curl(failure.exchanges[-1].request)}")
        super().__init__(run.target.secrets.hidden("\n".join(lines)))


class Case(pytest.Item):
    """One law, phase or check as a test."""

    def __init__(self, *, phase: str, unit: str, **more: Any) -> None:
        super().__init__(**more)
        self.phase, self.unit = phase, unit
        if unit in LAWS:
            self.user_properties.append(_LAW)

    def runtest(self) -> None:
        """Judge, and fail or skip as the verdict says."""
        run = _run(self.config)
        if self.phase == "check":
            found = [f for f in run.failures if f.law == self.unit]
            if found:
                raise Broken(found[:1], run)
            if not run.judge.judged.get(self.unit):
                pytest.skip("no answer was judged")
            return
        known = {f.key for f in run.failures}
        context = replace(run.context(self.phase), wanted=self.unit.__eq__)
        cases = list(PHASES[self.phase].run(context))
        # Another worker may run the test of a check: what is found here is told here then.
        alone = hasattr(self.config, "workerinput")
        found = [f for f in run.failures if f.key not in known] if alone else []
        _settle(cases, found, run)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Tell a broken law in its own words."""
        if isinstance(excinfo.value, Broken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Name the case."""
        return ("conformance", None, self.name)


def _settle(cases: list[CaseJudged], found: list[Failure], run: Run) -> None:
    failures = [f for f in (*(f for case in cases for f in case.failures), *found) if f.must]
    if failures:
        raise Broken(failures[:3], run)
    if all(case.outcome == "not judged" for case in cases):
        pytest.skip("not judged: " + (cases[0].reason if cases else "nothing to judge"))


def _plan(config: pytest.Config) -> Run:
    """Return the run that the options ask for; it has sent nothing yet."""
    option = config.getoption
    try:
        url = address(str(option("--conformance-url")))
    except click.UsageError as error:
        raise pytest.UsageError(f"--conformance-url: {error.message}") from error
    applications = []
    for label, prefix in (("VAULT", ""), ("VAULT_OTHER", "other-")):
        name, key = (option(f"--conformance-{prefix}{what}") for what in ("app-id", "api-key"))
        if name and key:
            applications.append(Application(str(name), str(key), label))
    if not applications or applications[0].label != "VAULT":
        raise pytest.UsageError("give --conformance-app-id and --conformance-api-key")
    profile = profiles.chosen(
        option("--conformance-profile"),
        url,
        allow_writes=bool(option("--conformance-allow-writes")),
    )
    if most := option("--conformance-max-requests"):
        profile = replace(profile, max_requests=int(str(most)))
    seed = int(str(option("--conformance-seed")))
    consumer = option("--conformance-consumer")
    run_id = run_id_for(seed)
    ledger = Path(".conformance") / f"ledger-{run_id}.jsonl" if profile.may_write else None
    return Run(
        Plan(
            contract.load(),
            HttpTransport(url),
            url,
            applications,
            profile,
            seed,
            run_id,
            consumer=consumer,
            ledger=ledger,
            forgets=True,
        )
    )


def _run(config: pytest.Config) -> Run:
    run = config.stash[RUN]
    if not run.catalogue and not run.target.requests:
        try:
            run.preflight()
        except (Unjudgeable, BudgetSpent) as why:
            pytest.exit(str(why), UNJUDGED)
        run.watch()
    return run


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the cases: the laws, what the phases judge one by one, and the checks of all answers."""
    run = config.stash[RUN] = _plan(config)
    names = [("laws", law.id, f"{law.id} {law.name}") for law in chosen()]
    for phase in run.plan.profile.phases:
        if phase != "laws":
            units = PHASES[phase].units(run.context(phase))
            names += [(phase, unit, f"{phase}: {unit}") for unit in units]
    names += [("check", item.id, f"{item.id} {item.name}") for item in CHECKS.values()]
    items.extend(
        Case.from_parent(session, name=title, phase=phase, unit=unit)
        for phase, unit, title in names
    )


def _reach(stats: Mapping[str, Sequence[Any]]) -> Reach:
    """Return how many of the laws that could be judged were, by the reports of all workers."""
    judged = sum(_LAW in r.user_properties for r in stats.get("passed", ()))
    late = f"not judged: {ENDED}"
    cut = sum(
        _LAW in r.user_properties and late in str(r.longrepr) for r in stats.get("skipped", ())
    )
    return Reach(judged, judged + cut)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the run made; end with 3 where all was skipped, with 75 where too much was."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    stats: dict[str, list[Any]] = reporter.stats if reporter else {}
    outcomes = {name for name, told in stats.items() if told}
    if outcomes and outcomes <= {"skipped", "deselected", "warnings", ""}:
        session.exitstatus = UNJUDGED
    elif lacking := _reach(stats).lacks(float(str(session.config.getoption(AT_LEAST)))):
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = UNDECIDED
        if reporter:
            reporter.write_line(f"undecided: {lacking}")
    run = session.config.stash.get(RUN, None)
    if run is not None:
        run.clean()
        run.target.transport.close()
