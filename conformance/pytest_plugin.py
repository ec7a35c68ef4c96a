"""Conformance as a pytest run: one test a law, one a phase, one a check; also with xdist.

pytest -p conformance.pytest_plugin --conformance-url URL --conformance-app-id ID …
"""

import os
from collections.abc import Iterable
from typing import Any

import pytest

from conformance import contract, profiles
from conformance.checks import CHECKS
from conformance.engine import Plan, Run, run_id_for
from conformance.failures import Failure
from conformance.phases import PHASES
from conformance.phases.laws import chosen, judge
from conformance.run_events import CaseJudged
from conformance.target import Application, HttpTransport

RUN = pytest.StashKey[Run]()


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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run."""
    group = parser.getgroup("conformance", "judge a deployment of the Vault API")
    group.addoption("--conformance-url", help="the deployment to judge")
    group.addoption("--conformance-app-id", default=os.environ.get("VAULT_APP_ID"))
    group.addoption("--conformance-api-key", default=os.environ.get("VAULT_API_KEY"))
    group.addoption("--conformance-other-app-id", default=os.environ.get("VAULT_OTHER_APP_ID"))
    group.addoption("--conformance-other-api-key", default=os.environ.get("VAULT_OTHER_API_KEY"))
    group.addoption("--conformance-profile", choices=sorted(profiles.PROFILES))
    group.addoption("--conformance-seed", type=int, default=1)
    group.addoption("--conformance-allow-writes", action="store_true")
    group.addoption("--conformance-consumer")


class Case(pytest.Item):
    """One law, phase or check as a test."""

    def __init__(self, *, kind: str, subject: str, **more: Any) -> None:
        super().__init__(**more)
        self.kind, self.subject = kind, subject

    def runtest(self) -> None:
        """Judge, and fail or skip as the verdict says."""
        run = _run(self.config)
        if self.kind == "law":
            (law,) = chosen((self.subject,))
            _settle([judge(law, run.target, run.plan.seed, run.catalogue).case], run)
        elif self.kind == "phase":
            _settle(list(PHASES[self.subject].run(run.context())), run)
        else:
            found = [f for f in run.failures if f.law == self.subject]
            if found:
                raise Broken(found[:1], run)
            if not run.judge.judged.get(self.subject):
                pytest.skip("no answer was judged")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Tell a broken law in its own words."""
        if isinstance(excinfo.value, Broken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Name the case."""
        return ("conformance", None, self.name)


def _settle(cases: list[CaseJudged], run: Run) -> None:
    failures = [f for case in cases for f in case.failures if f.must]
    if failures:
        raise Broken(failures[:3], run)
    if all(case.outcome == "not judged" for case in cases):
        pytest.skip("not judged: " + (cases[0].reason if cases else "nothing to judge"))


def _run(config: pytest.Config) -> Run:
    if RUN in config.stash:
        return config.stash[RUN]
    url = str(config.getoption("--conformance-url"))
    option = config.getoption
    applications = [
        Application(
            str(option("--conformance-app-id")), str(option("--conformance-api-key")), "VAULT"
        )
    ]
    if option("--conformance-other-app-id"):
        other = (
            str(option("--conformance-other-app-id")),
            str(option("--conformance-other-api-key")),
        )
        applications.append(Application(*other, "VAULT_OTHER"))
    profile = profiles.chosen(
        option("--conformance-profile"),
        url,
        allow_writes=bool(option("--conformance-allow-writes")),
    )
    seed = int(str(option("--conformance-seed")))
    run = Run(
        Plan(
            contract.load(),
            HttpTransport(url),
            url,
            applications,
            profile,
            seed,
            run_id_for(seed),
            consumer=option("--conformance-consumer"),
        )
    )
    config.stash[RUN] = run
    run.preflight()
    run.watch()
    return run


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the cases, where a deployment is named."""
    url = config.getoption("--conformance-url")
    if not url:
        return
    name = config.getoption("--conformance-profile")
    profile = profiles.chosen(
        name, str(url), allow_writes=bool(config.getoption("--conformance-allow-writes"))
    )
    names = [("law", law.id, f"{law.id} {law.name}") for law in chosen()]
    names += [("phase", phase, f"phase {phase}") for phase in profile.phases if phase != "laws"]
    names += [("check", item.id, f"{item.id} {item.name}") for item in CHECKS.values()]
    items.extend(
        Case.from_parent(session, name=title, kind=kind, subject=subject)
        for kind, subject, title in names
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the run made."""
    run = session.config.stash.get(RUN, None)
    if run is not None:
        run.clean()
        run.target.transport.close()
