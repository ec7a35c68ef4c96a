"""What the readers of a run see: that it is true, whole, and can be acted upon."""

import io
import json
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from conformance.failures import Cause
from conformance.reports import junit
from conformance.reports.console import Console
from conformance.reports.ndjson import SCHEMA, line
from conformance.run_events import RunFinished
from tests.broken.mutants import judged
from tests.broken.vault import Vault, serve
from tests.conformance.test_commands import BOTH, conformance

BUGS = ("update_lost", "no_key", "limit_ignored", "error_untyped", "unknown_500", "created_201")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def bad() -> Iterator[str]:
    with serve(Vault(*BUGS)) as url:
        yield url


@pytest.fixture(scope="module")
def out(bad: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    conformance("run", bad, *BOTH, "--profile", "smoke", "--seed", "3", "--report-dir", str(folder))
    return folder


@pytest.fixture
def lossy() -> Iterator[str]:
    with serve(Vault("update_lost")) as url:
        yield url


def told_alone(output: str) -> list[str]:
    return [row.split("alone", 1)[1].strip() for row in output.splitlines() if "  alone  " in row]


def test_every_failure_has_a_line_that_judges_it_again_alone(bad: str) -> None:
    done = conformance("run", bad, *BOTH, "--profile", "smoke", "--seed", "3", "--quiet")
    commands = told_alone(done.output)

    assert len(commands) == done.output.count("FAIL ") > 3
    assert {shlex.split(command)[1] for command in commands} == {"run", "replay"}
    for command in commands:
        name, *arguments = shlex.split(command)
        again = conformance(*arguments, *BOTH)
        assert (name, again.exit_code) == ("conformance", 1), (command, again.output)


def test_the_line_holds_what_the_run_was_told_of_the_deployment(lossy: str) -> None:
    given = ["--capability", "mapping=a b", "--patience", "0.5", "--only", "VLT-CNX-05"]
    done = conformance("run", lossy, *BOTH, *given, "--quiet", "--seed", "4")

    (command,) = (c for c in told_alone(done.output) if "--only VLT-CNX-05" in c)

    assert command.endswith("--seed 4 --patience 0.5 --capability 'mapping=a b'")
    assert conformance(*shlex.split(command)[1:], *BOTH).exit_code == 1


def test_what_should_be_is_a_failure_in_junit_where_it_fails_the_run() -> None:
    run, ended = judged("update_lost", only=("VLT-CNX-05",))
    should = replace(ended.causes[0].failure, must=False)
    case = replace(run.cases[0], failures=(should,))
    strict = replace(ended, causes=(Cause(should, 1, ()),))
    lax = replace(ended, causes=(), warnings=strict.causes)

    fails, warns = (ET.fromstring(junit.render([case, e], run.target)) for e in (strict, lax))  # noqa: S314 - our own report

    assert (fails.get("failures"), warns.get("failures")) == ("1", "0")
    skipped = warns.find(".//skipped")
    assert skipped is not None
    assert skipped.get("message", "").startswith("a SHOULD that is not kept")


def test_junit_tells_each_cause_once_and_counts_right(out: Path) -> None:
    root = ET.parse(out / "junit.xml").getroot()  # noqa: S314 - our own report
    ended = json.loads((out / "events.ndjson").read_text(encoding="utf-8").splitlines()[-1])
    laws = {cause["failure"]["law"] for cause in ended["causes"]}

    told = [test.get("type", "").partition(":")[0] for test in root.iter("failure")]

    assert set(told) == laws
    for suite in (root, *root.iter("testsuite")):
        tests = list(suite.iter("testcase"))
        assert suite.get("tests") == str(len(tests))
        assert suite.get("failures") == str(len(list(suite.iter("failure"))))
        skipped = None if suite is root else str(len(list(suite.iter("skipped"))))
        assert suite.get("skipped") == skipped
        assert float(suite.get("time", "")) == pytest.approx(
            sum(float(test.get("time", "")) for test in tests), abs=0.01
        )
        assert all(len(test) <= 1 for test in tests)


def test_har_holds_whole_addresses(out: Path) -> None:
    har = json.loads((out / "failures.har").read_text(encoding="utf-8"))

    entries = har["log"]["entries"]

    assert any(entry["request"]["queryString"] for entry in entries)
    for entry in entries:
        assert bool(entry["request"]["queryString"]) == ("?" in entry["request"]["url"])


def test_har_tells_when_each_exchange_began_and_how_long_it_took(bad: str) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    only = ["--only", "VLT-CNX-05", "--report-dir", "timed"]
    conformance("run", bad, *BOTH, "--profile", "smoke", *only)
    after = datetime.now(UTC)

    text = Path("timed/failures.har").read_text(encoding="utf-8")
    entries = json.loads(text)["log"]["entries"]
    began = [datetime.fromisoformat(entry["startedDateTime"]) for entry in entries]

    assert len(entries) > 1
    assert all(before <= moment <= after for moment in began)
    assert began == sorted(began)
    assert all(0 < entry["time"] < 10_000 for entry in entries)


def test_the_schema_of_events_refuses_what_is_none(out: Path) -> None:
    judge = jsonschema_rs.validator_for(SCHEMA)
    lines = (out / "events.ndjson").read_text(encoding="utf-8").splitlines()
    ended = json.loads(lines[-1])

    assert all(judge.is_valid(json.loads(row)) for row in lines)
    for name, value in (("requests", "many"), ("outcome", "good"), ("causes", [{}]), ("x", 1)):
        assert not judge.is_valid({**ended, name: value}), name


def half_a_character() -> RunFinished:
    class Odd(Vault):
        def answer(self, request: Any) -> Any:
            reply = super().answer(request)
            if isinstance(reply.body, dict) and reply.status >= 400:
                reply.body["error"] = "\ud800 ✗"
                reply.body.pop("type_name", None)
            return reply

    return judged(only=("VLT-CNX-18",), vault=Odd())[1]


def test_half_of_a_character_ends_no_report() -> None:
    run, ended = judged("error_untyped", only=("VLT-CNX-18",))
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    Console(run.target, out)(half_a_character())

    out.seek(0)
    assert "\\ud800" in out.read()
    assert json.loads(line(ended))


def test_a_reader_who_goes_away_stops_neither_run_nor_cleaning(lossy: str) -> None:
    asked = ["run", lossy, *BOTH, "--profile", "smoke", "--only", "VLT-CNX"]
    run = subprocess.Popen(
        [sys.executable, "-m", "conformance", *asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.stdout is not None
    run.stdout.close()

    _, errors = run.communicate(timeout=60)

    assert (run.returncode, errors) == (1, b"")
    assert not list(Path(".conformance").glob("ledger*"))


def test_markdown_tells_where_a_rule_stands_and_how_it_is_judged_again(out: Path) -> None:
    text = (out / "summary.md").read_text(encoding="utf-8")

    assert "# source: " in text
    assert "--only VLT-CNX-05" in text
    assert "conformance replay failures/VLT-ENV-04-fields.json" in text
    assert "| envelope | ❌ fails |" in text


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not (chromium := shutil.which("chromium")):
        pytest.skip("chromium is not installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


def shown(page: Any, selector: str) -> Sequence[str]:
    return [item.inner_text() for item in page.query_selector_all(selector) if item.is_visible()]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_filters_by_words_and_by_area(out: Path, browser: Any, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    wrong: list[object] = []
    page.on("pageerror", lambda error: wrong.append(error))  # noqa: PLW0108 - playwright marks it
    page.goto(f"file://{out / 'report.html'}")

    everything = shown(page, "main > details[data-text] > summary")
    page.click("button[value=pagination]")
    by_area = shown(page, "main > details[data-text] > summary")
    page.fill("#filter", "vlt-cnx passed")
    rows = shown(page, "tr[data-text]")
    page.fill("#filter", "")
    again = shown(page, "main > details[data-text] > summary")

    assert len(everything) > 3
    assert by_area
    assert all("[pagination]" in text for text in by_area)
    assert rows
    assert all("VLT-CNX" in row and "passed" in row for row in rows)
    assert again == everything
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert wrong == []
    page.close()
