"""What the README tells of the tester, held to the tester."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from conformance.cli import CONFORMS, FAILS, STOPPED, UNDECIDED, UNJUDGED, USAGE, main
from conformance.crashes import BROKEN
from conformance.profiles import PROFILES
from conformance.waivers import read
from tests.broken.vault import Vault, serve

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## Conformance:")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", SECTION, flags=re.DOTALL)
COMMANDS = [
    match[1].partition("  #")[0].strip()
    for _, text in BLOCKS
    for match in re.finditer(r"(?:\$ |- |run: )(conformance [^\n]+)", text)
]
KEYS = {"VAULT_APP_ID": "mock-app", "VAULT_API_KEY": "mock-api-key"}


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("conformance run")])
def test_each_run_of_the_tutorial_is_a_plan_that_the_command_takes(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command.replace("$CI_NODE_INDEX/$CI_NODE_TOTAL", "1/2"))[1:]

    done = CliRunner().invoke(main, [*words, "--dry-run"], env=KEYS)

    assert done.exit_code == 0, done.output


def test_the_tutorial_has_its_commands() -> None:
    assert len(COMMANDS) >= 8
    for verb in main.commands:
        assert f"conformance {verb}" in SECTION


def test_the_jobs_for_ci_are_yaml_and_keep_what_the_run_writes(tmp_path: Path) -> None:
    github, gitlab = (yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml")
    with serve(Vault()) as url:
        only = ["--profile", "smoke", "--only", "VLT-CSM-01", "--report-dir", str(tmp_path)]
        CliRunner().invoke(main, ["run", url, *only], env=KEYS)
    written = {path.name for path in tmp_path.iterdir()}

    steps = github["jobs"]["conformance"]["steps"]
    assert any("conformance run" in step.get("run", "") for step in steps)
    assert any("conformance-out/summary.md" in step.get("run", "") for step in steps)
    assert gitlab["conformance"]["artifacts"]["reports"]["junit"] == "out-*/junit.xml"
    (merging,) = (line for line in gitlab["verdict"]["script"] if "conformance merge" in line)
    parts = range(1, gitlab["conformance"]["parallel"] + 1)
    assert [f"out-{part}" for part in parts] == re.findall(r"out-\d", merging)
    assert {"summary.md", "junit.xml"} <= written
    reading = SECTION.partition("### Reading a report")[2]
    named = set(re.findall(r"`([a-z]+(?:\.[a-z]+)+)`", reading))
    assert named <= written, named - written
    assert len(named) >= 9


def test_the_table_of_profiles_and_of_exit_codes_are_those_of_the_tester() -> None:
    rows = re.findall(r"^\| `?(\w+)`? \|", SECTION, flags=re.MULTILINE)

    assert {row for row in rows if row in PROFILES} == set(PROFILES)
    codes = {int(row) for row in rows if row.isdigit()}
    assert codes == {CONFORMS, FAILS, USAGE, UNJUDGED, BROKEN, UNDECIDED, STOPPED}


def test_the_waiver_of_the_tutorial_can_be_read(tmp_path: Path) -> None:
    (text,) = (text for kind, text in BLOCKS if kind == "toml")
    (tmp_path / "conformance.toml").write_text(text, encoding="utf-8")

    (waiver,) = read(tmp_path / "conformance.toml").rows

    assert waiver.law == "VLT-PAG-07"
