"""What a verdict may claim: nothing that was not judged."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.failures import AREAS
from conformance.laws import LAWS
from conformance.laws.world import unreadable
from conformance.profiles import PROFILES
from conformance.run_events import CaseJudged
from conformance.target import WsgiTransport
from conformance.verdicts import level
from tests.broken.mutants import APPLICATIONS
from tests.broken.vault import Clock, Vault, serve
from tests.conformance.test_commands import BOTH, KEYS, conformance

NOTHING = "nothing that was asked for could be judged"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def good() -> Iterator[str]:
    with serve(Vault()) as url:
        yield url


@pytest.fixture
def empty() -> Iterator[str]:
    with serve(Vault(variants=["empty_catalogue"])) as url:
        yield url


def test_a_run_that_judged_nothing_ends_with_3_and_every_report_says_so(empty: str) -> None:
    only = ["--profile", "smoke", "--only", "VLT-CNX-05", "--report-dir", "out"]

    done = conformance("run", empty, *BOTH, *only)

    texts = {p.name: p.read_text(encoding="utf-8") for p in Path("out").glob("*.*")}
    suites = ET.fromstring(texts["junit.xml"])  # noqa: S314 - our own report
    (invocation,) = json.loads(texts["results.sarif"])["runs"][0]["invocations"]
    ended = json.loads(texts["events.ndjson"].splitlines()[-1])
    assert done.exit_code == 3, done.output
    assert f"not judged: {NOTHING}, no level reached (0 of" in done.output
    assert len(list(suites.iter("skipped"))) == len(list(suites.iter("testcase"))) == 2
    assert NOTHING in texts["junit.xml"]
    assert NOTHING in texts["summary.md"]
    assert NOTHING in texts["report.html"]
    assert not invocation["executionSuccessful"]
    assert NOTHING in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert ended["outcome"] == "not judged"


@pytest.mark.parametrize(
    "more",
    [
        ["--max-requests", "3"],
        ["--only", "VLT-CSM-01", "--shard", "2/2"],
        ["--only", "VLT-CSM-01", "--max-time", "0"],
    ],
    ids=["no requests left", "an empty shard", "no time"],
)
def test_a_run_that_came_to_nothing_does_not_conform(good: str, more: list[str]) -> None:
    done = conformance("run", good, *BOTH, "--profile", "smoke", *more)

    assert done.exit_code == 3, done.output
    assert f"not judged: {NOTHING}" in done.output


def test_a_run_that_cannot_begin_leaves_reports_that_say_so_in_place_of_older_ones(
    good: str,
) -> None:
    asked = ["--profile", "smoke", "--only", "VLT-CSM-01", "--report-dir", "out"]
    before = conformance("run", good, *BOTH, *asked)

    done = conformance("run", "http://127.0.0.1:9", *BOTH, *asked)

    assert (before.exit_code, done.exit_code) == (0, 3)
    for name in ("junit.xml", "summary.md", "report.html", "results.sarif", "events.ndjson"):
        text = (Path("out") / name).read_text(encoding="utf-8")
        assert "nobody answers at http://127.0.0.1:9" in text, name
        assert "not judged" in text or NOTHING in text, name


def test_a_failure_that_cannot_be_judged_again_is_not_told_as_fixed(empty: str) -> None:
    with serve(Vault("update_lost")) as bad:
        conformance("run", bad, *KEYS, "--profile", "smoke", "--only", "VLT-CNX-05")
    (file,) = Path(".conformance/failures").glob("VLT-CNX-05*.json")

    done = conformance("replay", str(file), empty, *KEYS)

    assert (done.exit_code, "NOT JUDGED (0 of 3)" in done.output) == (3, True), done.output


ONE_OF_EACH_AREA = tuple({law.area: law.id for law in LAWS.values()}.values())
GOOD: dict[str, str] = dict.fromkeys(AREAS, "conforms")


def judged(*, but: str = "", reason: str = "") -> list[CaseJudged]:
    return [
        CaseJudged(
            "laws",
            law.id,
            law.name,
            law.area,
            "not judged" if law.id == but else "passed",
            reason if law.id == but else "",
            1,
            1,
            0.0,
        )
        for law in LAWS.values()
    ]


def test_one_law_of_each_area_makes_no_level_and_the_verdict_says_of_how_many_it_speaks(
    good: str,
) -> None:
    only = [word for law in ONE_OF_EACH_AREA for word in ("--only", law)]
    phases = ["--phase", "laws", "--phase", "webhooks"]

    done = conformance("run", good, *BOTH, "--profile", "quick", *phases, *only)

    areas = next(line for line in done.output.splitlines() if "✓ auth" in line)
    found = re.search(rf"no level reached \((\d+) of {len(LAWS)} laws judged\)", done.output)
    assert areas.count("✓") == len(AREAS)
    assert found, done.output
    assert len(AREAS) <= int(found[1]) < 40


@pytest.mark.parametrize(
    ("reason", "reached"),
    [
        ("the catalogue has no connector for it", "complete"),
        ("the run ended: its 15 s are over (--max-time)", "state"),
        ("it writes, and this run only reads", "state"),
        (unreadable(KeyError("x")), "state"),
    ],
)
def test_a_level_stands_where_what_is_not_judged_lies_in_the_deployment(
    reason: str, reached: str
) -> None:
    assert level(GOOD, judged()) == "complete"
    assert level(GOOD, judged(but="VLT-ISO-01", reason=reason)) == reached
    assert level(GOOD, [c for c in judged() if c.id != "VLT-ISO-01"]) == "state"


@pytest.mark.parametrize(("applications", "reached"), [(1, "state"), (2, "security")])
def test_isolation_that_nobody_could_look_at_makes_no_level_of_security(
    applications: int, reached: str
) -> None:
    vault = Vault(clock=Clock(real=False))
    run = Run(
        Plan(
            load(),
            WsgiTransport(vault),
            "http://in-process",
            APPLICATIONS[:applications],
            PROFILES["smoke"],
            1,
            "one001",
            clock=vault.clock,
        )
    )

    ended = run.execute()

    assert ended.areas["isolation"] == "conforms"
    assert level(GOOD, run.cases) == reached
