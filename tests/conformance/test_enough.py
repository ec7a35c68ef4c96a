"""A verdict is good where enough was judged for it: what a run came to in its time is no proof."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.laws import LAWS
from conformance.phases.registry import ended as cut_off
from conformance.profiles import PROFILES
from conformance.run_events import CaseJudged
from conformance.target import WsgiTransport
from conformance.verdicts import AT_LEAST, outcome, reach
from tests.broken.mutants import APPLICATIONS
from tests.broken.sixth import Vault
from tests.broken.vault import Clock, serve
from tests.conformance.test_commands import BOTH, conformance

SMOKE = [*BOTH, "--profile", "smoke", "--seed", "5"]
FEW = ["--max-requests", "300"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def good() -> Iterator[str]:
    with serve(Vault()) as url:
        yield url


def last_event(folder: str) -> dict[str, Any]:
    lines = (Path(folder) / "events.ndjson").read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def test_a_run_that_was_cut_short_is_undecided_and_every_report_says_so(good: str) -> None:
    done = conformance("run", good, *SMOKE, *FEW, "--report-dir", "out")

    texts = {p.name: p.read_text(encoding="utf-8") for p in Path("out").glob("*.*")}
    (invocation,) = json.loads(texts["results.sarif"])["runs"][0]["invocations"]
    skipped = [t.get("name") for t in ET.fromstring(texts["junit.xml"]).iter("testcase")]  # noqa: S314
    lacking = last_event("out")["lacking"]
    assert done.exit_code == 75, done.output
    assert last_event("out")["outcome"] == "undecided"
    assert lacking.endswith("and a good verdict takes 90 % (--at-least)")
    assert f"undecided: no cause was found, but {lacking}" in done.output
    assert "the run judged enough" in skipped
    assert not invocation["executionSuccessful"]
    for name in ("junit.xml", "summary.md", "report.html", "results.sarif"):
        assert lacking in texts[name], name


def test_a_run_that_was_cut_short_names_what_to_raise_and_where_all_is_told(good: str) -> None:
    alone = conformance("run", good, *SMOKE, *FEW)
    told = conformance("run", good, *SMOKE, *FEW, "--report-dir", "out")

    assert "the run ended: its 300 requests are sent (--max-requests): VLT-" in alone.output
    assert "all of them are named in report.html, with --report-dir DIR" in alone.output
    assert "all of them are named in out/report.html" in told.output
    hint = next(line for line in told.output.splitlines() if "at this pace --max-time" in line)
    most = int(hint.partition("--max-requests ")[2].split()[0])
    roomy = ["--max-requests", str(most), "--max-time", "300"]  # this machine may be busy
    enough = conformance("run", good, *SMOKE, *roomy)
    assert "undecided" not in enough.output, hint


def test_what_was_not_judged_is_named_whole_in_the_page_and_the_summary(good: str) -> None:
    conformance("run", good, *SMOKE, *FEW, "--report-dir", "out")

    names = list(last_event("out")["not_judged"])
    assert len(names) > 150
    for file in ("report.html", "summary.md"):
        text = (Path("out") / file).read_text(encoding="utf-8")
        assert [name for name in names if name not in text] == [], file


def test_what_fails_fails_however_little_was_judged() -> None:
    with serve(Vault("unknown_500")) as bad:
        done = conformance("run", bad, *SMOKE, *FEW)

    assert done.exit_code == 1, done.output


@pytest.mark.parametrize(("at_least", "code"), [("0", 0), ("3", 0), ("100", 75)])
def test_how_much_is_enough_can_be_said(good: str, at_least: str, code: int) -> None:
    done = conformance("run", good, *SMOKE, *FEW, "--at-least", at_least)

    assert done.exit_code == code, done.output
    assert "partial: its 300 requests are sent (--max-requests)" in done.output


def test_a_run_that_is_gone_on_with_comes_to_its_verdict(good: str) -> None:
    short = conformance("run", good, *SMOKE, *FEW, "--report-dir", "out")
    roomy = ["--max-time", "300"]
    done = conformance("run", good, *SMOKE, *roomy, "--report-dir", "out", "--resume")

    assert (short.exit_code, done.exit_code) == (75, 0), done.output
    assert last_event("out")["outcome"] == "conforms"
    assert last_event("out")["lacking"] == ""


def test_shards_that_were_cut_short_come_to_what_one_run_would(good: str) -> None:
    only = ["--only", "VLT-PAG", "--quiet"]
    for part, more in (("1/2", []), ("2/2", ["--max-requests", "60"])):
        asked = [*SMOKE, *only, "--shard", part, "--report-dir", part[0], *more]
        conformance("run", good, *asked)

    merged = conformance("merge", "1", "2", "--report-dir", "out")
    lenient = conformance("merge", "1", "2", "--at-least", "50")
    one = conformance("merge", "1", "--at-least", "0")

    assert (merged.exit_code, lenient.exit_code) == (75, 0), merged.output + lenient.output
    assert last_event("out")["outcome"] == "undecided"
    assert last_event("out")["partial"] == "shard 2/2: its 60 requests are sent (--max-requests)"
    assert one.exit_code == 75, "a shard that is missing is never little enough"


Outcome = Literal["passed", "not judged"]


def case(law: str, outcome: Outcome, reason: str) -> CaseJudged:
    return CaseJudged("laws", law, law, "state", outcome, reason, 1, 1, 0.0)


KINDS: dict[str, tuple[Outcome, str]] = {
    "judged": ("passed", ""),
    "late": ("not judged", cut_off("its 15 s are over (--max-time)")),
    "unable": ("not judged", "the catalogue has no connector for it"),
}


@given(
    kinds=st.lists(st.sampled_from([*KINDS, "never"]), min_size=1, max_size=60),
    at_least=st.floats(0, 100),
    is_cut=st.booleans(),
)
def test_a_run_conforms_where_the_share_of_what_could_be_judged_is_no_less(
    *, kinds: Sequence[str], at_least: float, is_cut: bool
) -> None:
    laws = list(LAWS)[: len(kinds)]
    cases = [
        case(law, *KINDS[kind]) for law, kind in zip(laws, kinds, strict=True) if kind in KINDS
    ]

    lacking = reach(laws, cases, is_cut=is_cut).lacks(at_least)
    verdict = outcome([], cases, [], lacking)

    judged = kinds.count("judged")
    missed = kinds.count("late") + (kinds.count("never") if is_cut else 0)
    assert (verdict == "not judged") == (judged == 0)
    if judged:
        assert (verdict == "conforms") == (100 * judged >= at_least * (judged + missed))


def test_nine_of_ten_are_enough_where_nothing_else_is_said() -> None:
    assert AT_LEAST == 90


@pytest.mark.parametrize("variants", [["slow"], ["slow", "rate_limited"], ["slow", "lagging"]])
def test_what_a_run_made_is_removed_in_its_time_too(variants: list[str]) -> None:
    clock = Clock(real=False)
    profile = replace(PROFILES["smoke"], seconds=150.0)
    transport = WsgiTransport(Vault(variants=variants, clock=clock))
    plan = Plan(load(), transport, "http://in-process", APPLICATIONS, profile, 1, "time01")
    begun = clock.now()

    ended = Run(replace(plan, clock=clock)).execute()

    assert ended.residue["deleted"] + ended.residue["absent"] == ended.residue["created"] > 8
    assert ended.partial == "its 150 s are over (--max-time)"
    assert clock.now() - begun < 156
