"""What the README says is so."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from mockvault.app import MockVault
from mockvault.cli import main
from mockvault.locations import builtin_fixtures
from mockvault.scenarios import load_scenarios
from mockvault.settings import PREFIX, options
from mockvault.web.replies import STATUS_BY_ERROR
from tests.asgi import Client
from tests.end_to_end.conftest import running

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def blocks(title: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section(title), re.DOTALL)


def test_every_setting_is_in_the_table_with_its_variable_default_and_help() -> None:
    told = {row[0].strip("`"): row[1:] for row in rows("Settings")}

    assert set(told) == {f"--{name.replace('_', '-')}" for name, _, _ in options()}
    for name, default, metadata in options():
        variable, shown, help_text = told[f"--{name.replace('_', '-')}"]
        assert variable.strip("`") == f"{PREFIX}{name.upper()}"
        assert shown.strip("`") == ({None: "", False: "off"}.get(default, str(default)))
        assert help_text == metadata["help"]


def test_every_refusal_of_the_vault_is_in_the_table_with_its_status() -> None:
    told = {row[1]: int(row[0]) for row in rows("Refusals")}

    for error, status in STATUS_BY_ERROR.items():
        assert told.get(error.type_name) == status, error.type_name


def test_every_scenario_is_in_the_table_as_it_describes_itself(app: MockVault) -> None:
    told = {row[0].strip("`"): row[1] for row in rows("Applications, consumers, worlds")}
    scenarios = load_scenarios(builtin_fixtures() / "scenarios", app.catalogue)

    assert told == {name: each.description for name, each in scenarios.items()}


def test_connectors_are_counted_as_they_are(app: MockVault) -> None:
    counted = {row[0]: int(row[1]) for row in rows("Connectors")}
    catalogue = app.catalogue

    assert counted == {api: len(catalogue.of_api(api)) for api in catalogue.unified_apis}
    services = {connector.service_id for connector in catalogue.all}
    assert f"{len(catalogue.all)} connectors of {len(services)} services" in section("Connectors")


def test_the_tour_runs_as_it_is_pasted(tmp_path: Path) -> None:
    script = blocks("A tour in sixty seconds", "sh")[0]
    commands = re.findall(r"^curl .*?(?<!\\)$", script, re.MULTILINE | re.DOTALL)
    answers: list[Any] = []
    with running(tmp_path) as mock:
        for command in commands:
            answer = subprocess.run(
                ["sh", "-c", command.replace("http://127.0.0.1:4010", mock.url)],
                capture_output=True,
                check=True,
                timeout=300,
            ).stdout
            answers.append(json.loads(answer) if answer else None)

    salesforce, copper, refused, session, wrong, logs, reset = answers
    assert salesforce["data"]["state"] == "callable"
    assert copper["data"]["state"] == "callable"
    assert "api_key" not in copper["data"]["settings"]
    assert refused["data"]["state"] == "invalid"
    assert session["data"]["session_token"].count(".") == 2
    shown = json.loads(blocks("A tour in sixty seconds", "json")[0])
    assert shown["detail"]["violations"][0] in wrong["detail"]["violations"]
    assert {name: shown[name] for name in shown if name != "detail"} == {
        name: wrong[name] for name in wrong if name != "detail"
    }
    assert [entry["operation"]["id"] for entry in logs["data"]] == [
        "sessionsCreate",
        "connectionsUpdate",
        "connectionsUpdate",
    ]
    assert reset is None


def test_the_python_line_of_the_clients_table_works(tmp_path: Path) -> None:
    line = next(row[1] for row in rows("Clients") if row[0].startswith("`apideck-unify`"))
    with running(tmp_path) as mock:
        script = f"""
from apideck_unify import Apideck
with {line.strip("`").replace("http://127.0.0.1:4010", mock.url)} as sdk:
    assert sdk.vault.connections.list(api="crm").get_connections_response.data
"""
        subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=300)


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()

    for command in re.findall(r"^make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
    for command in re.findall(r"`make ([a-z-]+)`", README):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


def test_commands_that_the_readme_names_exist() -> None:
    known = set(main.list_commands(click.Context(main)))

    for command in re.findall(r"`mockvault ([a-z]+)", README):
        assert command in known, command


def test_every_decision_that_code_names_is_written() -> None:
    written = {path.name[:4] for path in (ROOT / "spec" / "decisions").glob("*.md")}
    named = {
        number
        for path in [*ROOT.glob("mockvault/**/*.py"), *ROOT.glob("conformance/**/*.py")]
        for number in re.findall(r"decisions/(\d{4})", path.read_text())
    }

    assert named <= written


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_nothing_is_left_for_later_in_silence(word: str) -> None:
    sources = [*ROOT.glob("mockvault/**/*.py"), *ROOT.glob("conformance/**/*.py")]

    assert not [path for path in sources if word in path.read_text()]


def test_the_keys_of_the_readme_open_their_applications(app: MockVault) -> None:
    for application_id, key in (("mock-app", "mock-api-key"), ("other-app", "other-api-key")):
        assert f"`{application_id}` with `{key}`" in README
        assert Client(app, application_id, key)("GET", "/vault/consumers").status == 200
