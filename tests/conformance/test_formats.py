"""JUnit, SARIF and HAR as their published schemas want them, by the parts of these that we use."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.broken.vault import Vault, serve
from tests.conformance.test_commands import BOTH, conformance

BUGS = ("update_lost", "no_key", "limit_ignored", "unknown_500")


def closed(required: Mapping[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


def many(item: Any) -> dict[str, Any]:
    return {"type": "array", "items": item}


TEXT, WHOLE = {"type": "string"}, {"type": "integer", "minimum": -1}
URL, AMOUNT = {"type": "string", "format": "uri"}, {"type": "number", "minimum": 0}

# HAR 1.2, as har-schema 2.0.0 has it
PAIRS = many(closed({"name": TEXT, "value": TEXT}))
MESSAGE = {
    "httpVersion": TEXT,
    "cookies": PAIRS,
    "headers": PAIRS,
    "headersSize": WHOLE,
    "bodySize": WHOLE,
}
CONTENT = closed({"size": WHOLE, "mimeType": TEXT}, text=TEXT)
POSTED = closed({"mimeType": TEXT, "text": TEXT})
ENTRY = closed(
    {
        "startedDateTime": {"type": "string", "format": "date-time"},
        "time": AMOUNT,
        "request": closed(
            {**MESSAGE, "method": TEXT, "url": URL, "queryString": PAIRS}, postData=POSTED
        ),
        "response": closed(
            {
                **MESSAGE,
                "status": WHOLE,
                "statusText": TEXT,
                "redirectURL": TEXT,
                "content": CONTENT,
            }
        ),
        "cache": closed({}),
        "timings": closed({"send": AMOUNT, "wait": AMOUNT, "receive": AMOUNT}),
    },
    comment=TEXT,
)
CREATOR = closed({"name": TEXT, "version": TEXT})
HAR = closed(
    {"log": closed({"version": {"const": "1.2"}, "creator": CREATOR, "entries": many(ENTRY)})}
)

# SARIF 2.1.0, as OASIS has it
TOLD = closed({"text": TEXT})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = closed(
    {"id": TEXT},
    name=TEXT,
    shortDescription=TOLD,
    help=TOLD,
    properties=closed({"tags": {**many(TEXT), "uniqueItems": True}}),
)
PLACE = closed({"physicalLocation": closed({"artifactLocation": closed({"uri": TEXT})})})
RESULT = closed(
    {"message": TOLD},
    ruleId=TEXT,
    level=LEVEL,
    locations=many(PLACE),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
)
INVOCATION = closed(
    {"executionSuccessful": {"type": "boolean"}},
    toolExecutionNotifications=many(closed({"message": TOLD}, level=LEVEL)),
)
DRIVER = closed({"name": TEXT}, version=TEXT, rules={**many(RULE), "uniqueItems": True})
SARIF = closed(
    {
        "version": {"const": "2.1.0"},
        "runs": many(
            closed(
                {"tool": closed({"driver": DRIVER})},
                results=many(RESULT),
                invocations=many(INVOCATION),
            )
        ),
    },
    **{"$schema": URL},
)

# JUnit, as the xUnit plugin of Jenkins has it (junit-10.xsd): attributes and children
COUNTS = {"name", "time", "tests", "failures", "errors"}
ELEMENTS = {
    "testsuites": (COUNTS, {"testsuite"}),
    "testsuite": ({*COUNTS, "skipped"}, {"testcase"}),
    "testcase": ({"name", "classname", "time"}, {"failure", "skipped"}),
    "failure": ({"type", "message"}, set[str]()),
    "skipped": ({"message"}, set[str]()),
}
NUMBERS = re.compile(r"\d+(\.\d+)?")


def wrong_in_json(schema: Mapping[str, Any]) -> Callable[[str], list[str]]:
    judge = jsonschema_rs.validator_for(dict(schema), validate_formats=True)
    return lambda text: [f"{e.instance_path}: {e}" for e in judge.iter_errors(json.loads(text))]


def wrong_in_junit(text: str) -> list[str]:
    root = ET.fromstring(text)  # noqa: S314 - our own report
    found = [] if root.tag == "testsuites" else [f"the root is a {root.tag}"]
    for element in root.iter():
        attributes, children = ELEMENTS[element.tag]
        found += [f"{element.tag} has {name}" for name in set(element.attrib) - attributes]
        found += [f"{c.tag} in {element.tag}" for c in element if c.tag not in children]
        if element.tag in {"testsuite", "testcase"} and not element.get("name"):
            found.append(f"a {element.tag} without a name")
        for name in {*COUNTS, "skipped"} & set(element.attrib) - {"name"}:
            if not NUMBERS.fullmatch(element.attrib[name]):
                found.append(f"{name} is {element.attrib[name]}")
    return found


WRONG_IN = {
    "failures.har": wrong_in_json(HAR),
    "results.sarif": wrong_in_json(SARIF),
    "junit.xml": wrong_in_junit,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the reports of a run that fails, one that conforms, one that judged nothing."""
    folder = tmp_path_factory.mktemp("runs")
    asked: dict[str, tuple[Vault, list[str]]] = {
        "fails": (Vault(*BUGS), []),
        "conforms": (Vault(), ["--only", "VLT-CSM"]),
        "nothing": (Vault(variants=["empty_catalogue"]), ["--only", "VLT-CNX-05"]),
        "partial": (Vault("chunk_500"), ["--profile", "quick", "--phase", "robustness"]),
        "stopped": (Vault("update_lost"), ["--max-requests", "60"]),
    }
    for name, (vault, more) in asked.items():
        out = str(folder / name)
        with serve(vault) as url:
            conformance(
                *("run", url, *BOTH, "--profile", "smoke", *more),
                *("--seed", "3", "--report-dir", out, "--quiet"),
            )
    return [folder / name for name in asked]


@pytest.mark.parametrize("report", WRONG_IN)
def test_a_report_is_what_its_format_says(report: str, runs: list[Path]) -> None:
    wrong = {
        folder.name: found
        for folder in runs
        if (found := WRONG_IN[report]((folder / report).read_text(encoding="utf-8")))
    }

    assert wrong == {}


def test_each_result_has_its_rule_and_each_rule_stands_once(runs: list[Path]) -> None:
    for folder in runs:
        (run,) = json.loads((folder / "results.sarif").read_text(encoding="utf-8"))["runs"]
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(rules) == len(set(rules))
        assert {result["ruleId"] for result in run["results"]} == set(rules)


@pytest.mark.parametrize(
    ("report", "part", "instead"),
    [
        ("failures.har", '"startedDateTime"', '"started"'),
        ("failures.har", '"redirectURL": ""', '"redirectURL": null'),
        ("failures.har", '"receive": 0', '"receive": -1'),
        ("failures.har", "+00:00", ""),
        ("results.sarif", '"level": "error"', '"level": "fatal"'),
        ("results.sarif", '"uri"', '"url"'),
        ("results.sarif", '"executionSuccessful": true', '"successful": true'),
        ("junit.xml", "<testsuites ", '<testsuites skipped="0" '),
        ("junit.xml", 'time="', 'time="about '),
        ("junit.xml", "<failure ", '<failure line="1" '),
    ],
)
def test_what_a_format_does_not_say_is_noticed(
    report: str, part: str, instead: str, runs: list[Path]
) -> None:
    text = (runs[0] / report).read_text(encoding="utf-8")

    assert part in text
    assert WRONG_IN[report](text.replace(part, instead))
