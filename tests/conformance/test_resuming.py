import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.phases.laws import chosen
from conformance.profiles import PROFILES
from conformance.target import WsgiTransport
from tests.broken.mutants import APPLICATIONS
from tests.broken.vault import Clock, Vault, serve

ROOT = Path(__file__).parents[2]
ONLY = ("VLT-CNX", "VLT-CSM", "VLT-CCY")
ARGUMENTS = [
    *("--app-id", "mock-app", "--api-key", "mock-api-key"),
    *("--other-app-id", "other-app", "--other-api-key", "other-api-key"),
    *("--profile", "smoke", "--seed", "7"),
    *(word for name in ONLY for word in ("--only", name)),
]
ALL = sorted(law.id for law in chosen(ONLY))


def conformance(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"VAULT_API_KEY": "", "VAULT_APP_ID": ""})


def events(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "events.ndjson").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def judged(folder: Path) -> list[str]:
    return [e["id"] for e in events(folder) if e["event"] == "CaseJudged"]


def cases_in(state: Path) -> int:
    text = state.read_text(encoding="utf-8") if state.exists() else ""
    whole = text[: text.rfind("\n") + 1]  # a kill may tear the last line
    return whole.count('{"case": ')


def stopped_by(number: int, url: str, folder: Path, after: int = 22, *more: str) -> int:
    """Start a run, stop it by a signal once it has judged some laws, and return its exit code."""
    asked = ["run", url, *ARGUMENTS, "--report-dir", str(folder), *more]
    run = subprocess.Popen(
        [sys.executable, "-m", "conformance", *asked],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    while cases_in(folder / "state.jsonl") < after and run.poll() is None:
        time.sleep(0.005)
    run.send_signal(number)
    return run.wait(60)


def ours(vault: Vault) -> list[str]:
    return [n for world in vault.world.values() for n in world if n.startswith("conf-")]


@pytest.fixture
def vault() -> Vault:
    return Vault("update_lost")


@pytest.fixture
def url(vault: Vault) -> Iterator[str]:
    with serve(vault) as address:
        yield address


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_leaves_a_partial_verdict_and_every_report(
    number: int, vault: Vault, url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"

    code = stopped_by(number, url, folder)

    assert code == 130
    assert ours(vault) == []
    last = events(folder)[-1]
    assert (last["event"], last["outcome"]) == ("RunFinished", "interrupted")
    assert last["partial"] == f"stopped by {signal.Signals(number).name}"
    schema = json.loads((folder / "events.schema.json").read_text(encoding="utf-8"))
    assert all(map(jsonschema_rs.validator_for(schema).is_valid, events(folder)))
    suites = ET.parse(folder / "junit.xml").getroot()  # noqa: S314 - our own report
    assert "partial: stopped by" in ET.tostring(suites, encoding="unicode")
    assert suites.find(".//failure") is not None
    for name in ("report.html", "summary.md"):
        assert "Partial: stopped by" in (folder / name).read_text(encoding="utf-8")
    for path in folder.rglob("*"):
        assert path.is_dir() or "mock-api-key" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on_to_one_verdict_and_one_report(
    number: int, vault: Vault, url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    whole = conformance("run", url, *ARGUMENTS, "--report-dir", str(tmp_path / "whole"))

    stopped_by(number, url, folder)
    before = cases_in(folder / "state.jsonl")
    done = conformance("run", url, *ARGUMENTS, "--report-dir", str(folder), "--resume")

    assert 16 <= before < len(ALL)
    assert f"taken over from the run that stopped: {before} cases" in done.output
    shown = re.findall(r"""(['"])authorization: Bearer \$""", done.output)
    assert shown, done.output
    assert set(shown) == {'"'}  # which the shell fills in
    assert done.exit_code == whole.exit_code == 1
    assert sorted(judged(folder)) == ALL
    assert len(list(ET.parse(folder / "junit.xml").iter("testcase"))) == len(ALL)  # noqa: S314
    one, other = events(folder)[-1], events(tmp_path / "whole")[-1]
    for name in ("outcome", "level", "areas", "not_judged", "partial"):
        assert one[name] == other[name], name
    assert [c["failure"]["law"] for c in one["causes"]] == ["VLT-CNX-05"]
    assert one["coverage"]["laws_judged"] == len(ALL)
    assert one["residue"]["residue"] == 0
    assert ours(vault) == []


def test_what_is_left_behind_is_counted_once_however_often_a_run_was_killed(
    vault: Vault, url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"

    stopped_by(signal.SIGKILL, url, folder, 18)
    stopped_by(signal.SIGKILL, url, folder, 26, "--resume")
    conformance("run", url, *ARGUMENTS, "--report-dir", str(folder), "--resume")

    residue = events(folder)[-1]["residue"]
    made = {line for path in folder.glob("ledger-*") for line in path.read_text().splitlines()}
    assert residue["created"] == residue["deleted"] + residue["absent"] == len(made)
    assert residue["residue"] == 0
    assert ours(vault) == []


def test_a_run_that_was_killed_before_it_judged_anything_leaves_nothing_either(
    vault: Vault, url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    asked = ["run", url, *ARGUMENTS, "--report-dir", str(folder)]
    code = (
        "import os, conformance.preflight as p; from conformance.cli import main;"
        f"p.control.is_there = lambda _: os._exit(9); main({asked!r})"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    assert ours(vault)

    done = conformance(*asked, "--resume")

    assert done.exit_code == 1
    assert ours(vault) == []


def test_the_end_of_the_budget_is_a_partial_verdict_that_can_be_gone_on_with(
    url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "out"

    short = conformance("run", url, *ARGUMENTS, "--report-dir", str(folder), "--max-requests", "60")
    before, last = cases_in(folder / "state.jsonl"), events(folder)[-1]
    done = conformance("run", url, *ARGUMENTS, "--report-dir", str(folder), "--resume")

    assert (short.exit_code, done.exit_code) == (75, 1)
    assert last["partial"] == "its 60 requests are sent (--max-requests)"
    assert "the run ended: its 60 requests are sent (--max-requests)" in last["not_judged"].values()
    assert 0 < before < len(ALL)
    assert sorted(judged(folder)) == ALL
    assert events(folder)[-1]["partial"] == ""
    assert events(folder)[-1]["not_judged"] == {}


def test_a_whole_run_is_not_gone_on_with_but_begun_anew(url: str, tmp_path: Path) -> None:
    only = ["run", url, *ARGUMENTS[:10], "--only", "VLT-CSM-01", "--report-dir", str(tmp_path)]

    first = conformance(*only, "--resume")
    second = conformance(*only, "--resume")

    assert "no run has begun there: a new one begins" in first.stderr
    assert "the run there is whole: a new one begins" in second.stderr
    assert judged(tmp_path) == ["VLT-CSM-01"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["--profile", "quick"], "had profile 'smoke', and this one has 'quick'"),
        (["--seed", "8"], "had seed 7, and this one has 8"),
        (["--only", "VLT-PAG"], "had only"),
    ],
)
def test_another_run_is_not_taken_for_the_one_that_stopped(
    changed: list[str], told: str, url: str, tmp_path: Path
) -> None:
    conformance("run", url, *ARGUMENTS, "--report-dir", str(tmp_path), "--max-requests", "60")

    done = conformance("run", url, *ARGUMENTS, *changed, "--report-dir", str(tmp_path), "--resume")

    assert done.exit_code == 2
    assert told in done.stderr


def test_what_cannot_be_gone_on_with_is_told_as_such(url: str, tmp_path: Path) -> None:
    (tmp_path / "state.jsonl").write_text('{"another": "file"}\n', encoding="utf-8")

    strange = conformance("run", url, *ARGUMENTS, "--report-dir", str(tmp_path), "--resume")
    nowhere = conformance("run", url, *ARGUMENTS, "--resume")

    assert (strange.exit_code, nowhere.exit_code) == (2, 2)
    assert "is not what a run has written" in strange.stderr
    assert "--report-dir" in nowhere.stderr


def test_a_run_with_time_left_judges_again_with_other_seeds_until_it_is_spent() -> None:
    vault = Vault(variants=["slow"], clock=Clock(real=False))
    profile = replace(PROFILES["thorough"], seconds=160.0)
    transport, address = WsgiTransport(vault), "http://in-process"
    plan = Plan(load(), transport, address, APPLICATIONS, profile, 7, "rounds", only=("VLT-CSM",))
    run = Run(replace(plan, phases=("laws",), clock=vault.clock, rounds=True))

    ended = run.execute()

    by_round = {n: [c.id for c in run.cases if c.round == n] for n in (1, 2, 3)}
    assert by_round[1] == by_round[2] == [law.id for law in chosen(("VLT-CSM",))]
    assert by_round[3]
    assert (ended.outcome, ended.partial, ended.not_judged) == ("conforms", "", {})
    assert ended.residue["residue"] == 0
