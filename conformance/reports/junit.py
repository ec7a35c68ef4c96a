"""JUnit XML: one suite a phase, one test a law or group of cases."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from conformance.run_events import CaseJudged, RunEvent, RunFinished
from conformance.target import Target


def render(events: Sequence[RunEvent], target: Target) -> str:
    """Return the run as JUnit XML."""
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    root = Element("testsuites", name="conformance")
    suites: dict[str, Element] = {}
    known = {c.failure.law for c in ended.causes} if ended else set()
    cases = [e for e in events if isinstance(e, CaseJudged)]
    for case in cases:
        suite = suites.setdefault(
            case.phase,
            SubElement(root, "testsuite", name=case.phase)
            if case.phase not in suites
            else suites[case.phase],
        )
        test = SubElement(
            suite,
            "testcase",
            classname=f"{case.phase}.{case.area}",
            name=f"{case.id} {case.name}" + (f" (round {case.round})" if case.round > 1 else ""),
            time=f"{case.seconds:.3f}",
        )
        if case.outcome == "failed":
            for failure in case.failures[:1]:
                text = f"expected {failure.expected}\nseen {failure.seen}\nsource {failure.source}"
                if failure.exchanges:
                    text += "\n" + target.curl(failure.exchanges[-1].request)
                kind = "failure" if failure.must and failure.law in known else "skipped"
                SubElement(
                    test,
                    kind,
                    message=_clean(
                        failure.promise
                        if kind == "failure"
                        else "follows from another failure, or is waived"
                    ),
                ).text = _clean(text)
        elif case.outcome == "not judged":
            SubElement(test, "skipped", message=_clean(f"not judged: {case.reason}"))
    checks = SubElement(root, "testsuite", name="checks")
    for cause in ended.causes if ended else ():
        if cause.failure.replay.get("kind") == "case":
            test = SubElement(
                checks,
                "testcase",
                classname=f"checks.{cause.failure.area}",
                name=f"{cause.failure.key} {cause.failure.name}",
            )
            SubElement(test, "failure", message=_clean(cause.failure.promise)).text = _clean(
                cause.failure.seen
            )
    if ended and ended.partial:
        test = SubElement(checks, "testcase", classname="run", name="the run is whole")
        SubElement(test, "skipped", message=_clean(f"partial: {ended.partial}"))
    for suite in (*suites.values(), checks):
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall(".//failure"))))
        suite.set("skipped", str(len(suite.findall(".//skipped"))))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode")


def _clean(text: str) -> str:
    return "".join(
        c
        if c in "\n\t" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
        else "�"
        for c in text
    )
