"""JUnit XML: one suite a phase, one test a law or group of cases."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from conformance.failures import Failure
from conformance.reports.again import alone
from conformance.reports.exchanges import answered
from conformance.reports.verdict import NOTHING, found
from conformance.run_events import CaseJudged, RunEvent, RunFinished, RunStarted
from conformance.target import Target


def render(events: Sequence[RunEvent], target: Target) -> str:
    """Return the run as JUnit XML."""
    begun = next((e for e in events if isinstance(e, RunStarted)), None)
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    root = Element("testsuites", name="conformance")
    suites: dict[str, Element] = {}
    causes = ended.causes if ended else ()
    fails = {c.failure.law for c in causes}
    waived = {c.failure.law for c in ended.waived} if ended else set()
    told: set[str] = set()
    for case in (e for e in events if isinstance(e, CaseJudged)):
        if case.phase not in suites:
            suites[case.phase] = SubElement(root, "testsuite", name=case.phase)
        again = f" (round {case.round})" if case.round > 1 else ""
        test = _test(suites[case.phase], case.phase, case.area, f"{case.id} {case.name}{again}")
        test.set("time", f"{case.seconds:.3f}")
        failure = next((f for f in case.failures if f.law in fails), None)
        if failure is not None:
            told.add(failure.law)
            _fail(test, failure, target, begun)
        elif case.outcome == "failed":
            _skip(test, _why_not(case, waived))
        elif case.outcome == "not judged":
            _skip(test, f"not judged: {case.reason}")
    checks = suites["checks"] = SubElement(root, "testsuite", name="checks")
    for cause in causes:
        failure = cause.failure
        if failure.law not in told:
            test = _test(checks, "checks", failure.area, f"{failure.key} {failure.name}")
            _fail(test, failure, target, begun)
    if ended:
        _tell_of_the_run(checks, ended)
    for suite in suites.values():
        _count(suite, suite.findall("testcase"))
        skipped = len(suite.findall("testcase/skipped"))
        suite.set("skipped", str(skipped))  # which the schema does not know of them all
    _count(root, root.findall(".//testcase"))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode")


def _tell_of_the_run(suite: Element, ended: RunFinished) -> None:
    if ended.outcome == "not judged":
        _skip(_test(suite, "run", "", "the run judged something"), NOTHING)
    if ended.lacking:
        _skip(_test(suite, "run", "", "the run judged enough"), f"undecided: {found(ended)}")
    if ended.partial:
        _skip(_test(suite, "run", "", "the run is whole"), f"partial: {ended.partial}")


def _test(suite: Element, phase: str, area: str, name: str) -> Element:
    classname = f"{phase}.{area}".rstrip(".")
    return SubElement(suite, "testcase", classname=classname, name=name, time="0.000")


def _fail(test: Element, failure: Failure, target: Target, begun: RunStarted | None) -> None:
    rows = [
        f"expected {failure.expected}",
        f"seen     {failure.seen}",
        f"source   {failure.source}",
    ]
    if failure.exchanges:
        last = failure.exchanges[-1]
        rows.append(f"request  {target.curl(last.request)}")
        rows.append(f"answer   {answered(last.answer, target.secrets, 1000)}")
    if begun:
        rows.append(f"alone    {alone(failure, begun)}")
    told = SubElement(test, "failure", type=failure.key, message=_clean(failure.promise))
    told.text = _clean("\n".join(rows))


def _why_not(case: CaseJudged, waived: set[str]) -> str:
    """Say why a case that failed is no failure of the run of its own."""
    laws = {f.law for f in case.failures}
    if laws & waived:
        return "waived"
    if case.failures and not any(f.must for f in case.failures):
        return f"a SHOULD that is not kept: {case.failures[0].seen}"
    return "follows from another failure"


def _skip(test: Element, why: str) -> None:
    SubElement(test, "skipped", message=_clean(why))


def _count(element: Element, tests: list[Element]) -> None:
    element.set("tests", str(len(tests)))
    element.set("failures", str(sum(t.find("failure") is not None for t in tests)))
    element.set("errors", "0")
    element.set("time", f"{sum(float(t.get('time', 0)) for t in tests):.3f}")


def _clean(text: str) -> str:
    return "".join(
        c
        if c in "\n\t" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
        else "�"
        for c in text
    )
