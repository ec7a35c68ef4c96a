import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.laws import LAWS
from tests.broken.vault import Vault, serve

KEYS = ["--app-id", "mock-app", "--api-key", "mock-api-key"]
BOTH = [*KEYS, "--other-app-id", "other-app", "--other-api-key", "other-api-key"]


def conformance(*arguments: str) -> Result:
    named = ("VAULT_API_KEY", "VAULT_APP_ID", "VAULT_OTHER_API_KEY", "VAULT_OTHER_APP_ID")
    return CliRunner().invoke(main, arguments, env=dict.fromkeys(named, ""))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def good() -> Iterator[str]:
    with serve(Vault()) as url:
        yield url


@pytest.fixture
def bad() -> Iterator[str]:
    with serve(Vault("update_lost", "no_key")) as url:
        yield url


def test_a_vault_that_conforms_ends_with_0(good: str) -> None:
    done = conformance("run", good, *BOTH, "--profile", "smoke", "--only", "VLT-CNX", "--seed", "3")

    assert done.exit_code == 0, done.output
    assert "conforms: 0 causes" in done.output
    assert "residue 0" in done.output


def test_a_vault_that_does_not_ends_with_1_and_one_line_a_cause(bad: str) -> None:
    done = conformance("run", bad, *BOTH, "--profile", "smoke", "--seed", "3")

    assert done.exit_code == 1
    assert [
        line.split()[1].partition(":")[0]
        for line in done.output.splitlines()
        if line.startswith("FAIL")
    ] == ["VLT-CNX-05", "VLT-AUT-01"]
    assert "mock-api-key" not in done.output
    assert "--only VLT-CNX-05 --seed 3" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "ftp://x", *KEYS],
        ["run", "http://127.0.0.1:9"],
        ["run", "http://127.0.0.1:9", *KEYS, "--shard", "5/4"],
        ["run", "http://127.0.0.1:9", *KEYS, "--phase", "nonsense"],
        ["run", "http://127.0.0.1:9", *KEYS, "--only", "NOPE"],
        ["run", "http://127.0.0.1:9", *KEYS, "--other-app-id", "x"],
        ["explain", "VLT-NOPE-01"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert conformance(*arguments).exit_code == 2


def test_a_target_that_does_not_answer_ends_with_3() -> None:
    assert conformance("run", "http://127.0.0.1:9", *KEYS).exit_code == 3


def test_refused_credentials_end_with_3_before_anything_is_written(good: str) -> None:
    done = conformance("run", good, "--app-id", "mock-app", "--api-key", "another-key")

    assert done.exit_code == 3
    assert "refused" in done.output
    assert not list(Path.cwd().rglob("ledger*"))


def test_a_dry_run_sends_nothing() -> None:
    vault = Vault()
    with serve(vault) as url:
        done = conformance("run", url, *KEYS, "--profile", "live", "--dry-run")

    assert done.exit_code == 0
    assert "writes     none" in done.output
    assert vault.requests == 0


def test_every_law_can_be_listed_and_explained() -> None:
    rows = json.loads(conformance("list", "--json").output)

    assert len(rows) > 100
    for row in rows:
        told = conformance("explain", row["id"])
        assert told.exit_code == 0
        assert "source" in told.output


def test_reports_are_written_and_hold_no_secret(bad: str, tmp_path: Path) -> None:
    conformance(
        "run",
        bad,
        *BOTH,
        "--profile",
        "smoke",
        "--only",
        "VLT-CNX",
        "--only",
        "VLT-AUT-01",
        "--only",
        "VLT-SES",
        "--report-dir",
        "out",
    )

    texts = {
        p.name: p.read_text(encoding="utf-8") for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert {
        "junit.xml",
        "events.ndjson",
        "report.html",
        "failures.har",
        "results.sarif",
        "summary.md",
    } <= set(texts)
    for name, text in texts.items():
        assert "mock-api-key" not in text, name
        assert "canary" not in text, name
        assert "eyJ" not in text, name


def test_reports_are_what_their_formats_ask_for(bad: str, tmp_path: Path) -> None:
    conformance("run", bad, *BOTH, "--profile", "smoke", "--only", "VLT-CNX", "--report-dir", "out")

    suites = ET.parse(tmp_path / "out" / "junit.xml").getroot()  # noqa: S314 - our own report
    assert suites.find(".//failure") is not None
    sarif = json.loads((tmp_path / "out" / "results.sarif").read_text(encoding="utf-8"))
    assert [r["ruleId"] for r in sarif["runs"][0]["results"]] == ["VLT-CNX-05"]
    har = json.loads((tmp_path / "out" / "failures.har").read_text(encoding="utf-8"))
    assert har["log"]["entries"]
    judge = jsonschema_rs.validator_for(
        json.loads((tmp_path / "out" / "events.schema.json").read_text(encoding="utf-8"))
    )
    for line in (tmp_path / "out" / "events.ndjson").read_text(encoding="utf-8").splitlines():
        assert judge.is_valid(json.loads(line)), line[:80]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace(bad, "")
    assert "<script src" not in page


def test_a_recorded_failure_is_still_there_until_it_is_fixed(
    bad: str, good: str, tmp_path: Path
) -> None:
    conformance(
        "run", bad, *BOTH, "--profile", "smoke", "--only", "VLT-CNX-05", "--report-dir", "out"
    )
    (file,) = (tmp_path / "out" / "failures").glob("VLT-CNX-05*.json")

    still = conformance("replay", str(file), bad, *BOTH)
    fixed = conformance("replay", str(file), good, *BOTH)

    assert (still.exit_code, "STILL (3 of 3)" in still.output) == (1, True)
    assert (fixed.exit_code, "FIXED (0 of 3)" in fixed.output) == (0, True)


def test_a_waived_failure_does_not_fail_a_run_until_its_day(bad: str) -> None:
    row = '[[waivers]]\nlaw = "{}"\nreason = "known"\nowner = "team"\nuntil = {}\n'
    unused = row.format("VLT-CNX-05:other", "2999-01-01")
    unknown, unjudged = (row.format(law, "2999-01-01") for law in ("VLT-XYZ-01", "VLT-PAG-01"))
    only = ["--only", "VLT-CNX-05"]

    Path("conformance.toml").write_text(
        row.format("VLT-CNX-05", "2999-01-01") + unused + unknown + unjudged, encoding="utf-8"
    )
    waived = conformance("run", bad, *BOTH, "--profile", "smoke", *only)
    Path("conformance.toml").write_text(row.format("VLT-CNX-05", "2001-01-01"), encoding="utf-8")
    expired = conformance("run", bad, *BOTH, "--profile", "smoke", *only)

    assert waived.exit_code == 0
    assert [line for line in waived.output.splitlines() if line.startswith("note")] == [
        "note: waiver of VLT-CNX-05:other was not needed: remove it (team)",
        "note: waiver of VLT-XYZ-01: there is no such law or check (team)",
    ]
    assert expired.exit_code == 1
    assert "expired" in expired.output


def test_a_baseline_gates_on_what_is_new(bad: str, tmp_path: Path) -> None:
    only = ["--profile", "smoke", "--only", "VLT-CNX-05"]
    conformance("run", bad, *BOTH, *only, "--report-dir", "out")

    known = conformance(
        "run", bad, *BOTH, *only, "--baseline", str(tmp_path / "out" / "baseline.txt"), "--new-only"
    )
    fresh = conformance(
        "run",
        bad,
        *BOTH,
        "--profile",
        "smoke",
        "--only",
        "VLT-AUT-01",
        "--baseline",
        str(tmp_path / "out" / "baseline.txt"),
        "--new-only",
    )

    assert (known.exit_code, fresh.exit_code) == (0, 1)


def test_two_deployments_that_agree_do_not_differ_and_others_do(good: str, bad: str) -> None:
    same = conformance("diff", good, good, *BOTH)
    other = conformance("diff", good, bad, *BOTH)

    assert same.exit_code == 0, same.output
    assert other.exit_code == 1
    assert "VLT-CNX-05" in other.output


def test_shards_together_judge_every_law_once(good: str, tmp_path: Path) -> None:
    seen: list[str] = []
    for part in (1, 2):
        conformance(
            "run",
            good,
            *BOTH,
            "--profile",
            "smoke",
            "--phase",
            "laws",
            "--only",
            "VLT-CSM",
            "--shard",
            f"{part}/2",
            "--report-dir",
            f"out{part}",
        )
        lines = (tmp_path / f"out{part}" / "events.ndjson").read_text(encoding="utf-8").splitlines()
        seen += [e["id"] for e in map(json.loads, lines) if e["event"] == "CaseJudged"]

    assert sorted(seen) == sorted(law for law in LAWS if law.startswith("VLT-CSM"))


def test_shards_together_judge_every_unit_of_a_phase_once(good: str, tmp_path: Path) -> None:
    seen: list[str] = []
    for part in (1, 2, 3):
        conformance(
            *("run", good, *BOTH, "--profile", "quick", "--phase", "robustness", "--quiet"),
            *("--shard", f"{part}/3", "--report-dir", f"out{part}"),
        )
        lines = (tmp_path / f"out{part}" / "events.ndjson").read_text(encoding="utf-8").splitlines()
        judged = [e["id"] for e in map(json.loads, lines) if e["event"] == "CaseJudged"]
        assert len(judged) == 3
        seen += judged

    assert len(set(seen)) == 9


def test_what_failed_in_the_last_run_is_judged_first_in_the_next(bad: str, tmp_path: Path) -> None:
    arguments = [
        "run",
        bad,
        *BOTH,
        "--profile",
        "smoke",
        "--only",
        "VLT-CNX",
        "--report-dir",
        "out",
    ]
    conformance(*arguments)
    conformance(*arguments)

    lines = (tmp_path / "out" / "events.ndjson").read_text(encoding="utf-8").splitlines()
    ids = [e["id"] for e in map(json.loads, lines) if e["event"] == "CaseJudged"]
    assert ids[0] == "VLT-CNX-05"
