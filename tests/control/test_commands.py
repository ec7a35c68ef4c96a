"""Each power from the command line, against a mock on a real port."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest
from click.testing import CliRunner, Result

from mockvault.cli import LATER, main
from mockvault.pytest_plugin import VaultApp, WebhookSink

SALESFORCE = "/vault/connections/crm/salesforce"
Run = Callable[..., Result]


@pytest.fixture
def run(vault_app: VaultApp) -> Run:
    """Run a command over the test's application."""
    environment = {"MOCKVAULT_URL": vault_app.url, "MOCKVAULT_APP_ID": vault_app.id}

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments, env=environment)
        assert result.exit_code == code, result.output
        return result

    return run


def test_the_clock_is_moved(run: Run) -> None:
    assert run("clock", "freeze", "2030-01-01T00:00:00Z").output == "2030-01-01T00:00:00.000Z\n"
    assert run("clock", "advance", "PT1H").output == "nothing was due\n"
    assert "2030-01-01T01:00:00.000Z  frozen" in run("clock", "show").output
    run("clock", "travel", "2031-01-01T00:00:00Z")
    assert run("clock", "resume").output.startswith("2031-01-01T00:00:0")
    assert not run("clock", "reset").output.startswith("2031")


def test_what_the_mock_refuses_ends_with_2_and_says_why(run: Run) -> None:
    result = run("clock", "advance", "soon", code=2)

    assert "ISO 8601" in result.stderr


def test_where_no_mock_answers_it_ends_with_5() -> None:
    result = CliRunner().invoke(main, ["clock", "show", "--url", "http://127.0.0.1:1"])

    assert result.exit_code == 5
    assert "no mock answers at http://127.0.0.1:1" in result.stderr


def test_events_are_triggered_listed_shown_and_sent_again(
    run: Run, webhook_sink: WebhookSink, vault_app: VaultApp
) -> None:
    webhook_sink.answers = [500]
    webhook = run("webhooks", "add", webhook_sink.url).output.strip()
    told = run("trigger", "vault.connection.disabled", "--service", "crm/salesforce").output
    assert "vault.connection.disabled" in told
    vault_app.events.settle()

    assert "pending (1)" in run("events", "list").output
    assert "delivered" in run("events", "resend", "--last-failed").output
    assert json.loads(run("events", "show", "1").output)["payload"]["service_id"] == "apideck-vault"
    assert webhook_sink.url in run("webhooks", "list").output
    assert json.loads(run("webhooks", "knobs", webhook, "--drop", "1").output)["drop"] == 1
    run("webhooks", "enable", webhook)
    run("webhooks", "remove", webhook)
    assert run("webhooks", "list").output == ""
    run("events", "resend", code=2)


def test_faults_are_made_listed_and_forgotten(run: Run, vault_app: VaultApp) -> None:
    run("faults", "add", "--status", "429", "--operation", "connectionsOne", "--times", "1")
    run("faults", "add", "--latency", "5", "--nth", "2")
    run("faults", "add", "--wire", "reset", "--consumer", "nobody", "--ttl", "PT1H")
    assert "connectionsOne" in run("faults", "list").output
    assert vault_app.client.get(SALESFORCE).status_code == 429
    run("faults", "apply", "slow", "--ttl", "PT1S")
    run("faults", "remove", "fault-1")
    run("faults", "clear")
    assert run("faults", "list").output == ""
    run("faults", "limit", "0")
    assert vault_app.client.get(SALESFORCE).status_code == 402
    run("faults", "limit")
    assert vault_app.client.get(SALESFORCE).status_code == 200


def test_answers_are_preferred(run: Run, vault_app: VaultApp) -> None:
    run("prefer", "--code", "404", "--operation", "connectionsOne")
    assert vault_app.client.get(SALESFORCE).status_code == 404
    run("prefer")
    assert vault_app.client.get(SALESFORCE).status_code == 200


def test_applications_are_added_listed_and_removed(run: Run, vault_app: VaultApp) -> None:
    made = json.loads(run("apps", "add", "--key", "of-mine", "--name", "Mine").output)
    assert made["api_key"] == "of-mine"
    assert f"{made['id']}  " in run("apps", "list").output
    assert vault_app.id in run("apps", "list").output

    run("apps", "remove", made["id"])

    assert made["id"] not in run("apps", "list").output
    assert "Unknown Application" in run("apps", "remove", made["id"], code=2).output


def test_examples_are_listed_and_shown(run: Run) -> None:
    listed = run("examples", "connectionsOne").output
    name = listed.splitlines()[0].split()[1]

    shown = json.loads(run("examples", "connectionsOne", "--name", name).output)

    assert shown[0]["name"] == name
    assert name in run("examples", "connectionsOne", "--name", "no-such", code=2).output
    run("examples", "noSuchOperation", code=2)


def test_worlds_are_saved_restored_and_carried_away(
    run: Run, vault_app: VaultApp, tmp_path: Path
) -> None:
    run("snapshot", "save", "one")
    vault_app.client.delete(SALESFORCE)
    run("snapshot", "restore", "one")
    assert vault_app.client.get(SALESFORCE).json()["data"]["state"] == "callable"
    file = tmp_path / "world.json"
    file.write_text(run("snapshot", "export").output)
    run("snapshot", "import", "two", str(file))
    assert [line.split()[0] for line in run("snapshot", "list").output.splitlines()] == [
        "one",
        "two",
    ]
    run("snapshot", "remove", "two")
    vault_app.client.delete(SALESFORCE)
    run("reset")
    assert vault_app.client.get(SALESFORCE).json()["data"]["state"] == "callable"


def test_connections_are_explained_and_forced(run: Run) -> None:
    assert "crm/salesforce is added" in run("force", "crm/salesforce", "added").output
    told = run("explain", "crm/salesforce").output
    assert "holds no token" in told
    assert "curl -sL" in told
    assert "stateDiagram-v2" in told
    assert json.loads(run("explain", "crm/salesforce", "--json").output)["state"] == "added"


def test_the_journal_is_read_and_judged(run: Run, vault_app: VaultApp) -> None:
    vault_app.client.post("/vault/consumers", json={"consumer_id": "ada"})
    vault_app.client.get("/vault/consumers", params={"limit": 0})

    assert "consumersAdd" in run("logs").output
    assert "limit" in run("journal", "list", "--violations").output
    assert json.loads(run("journal", "show", "1").output)["request_body"] == {"consumer_id": "ada"}
    assert json.loads(run("journal", "replay", "1").output)["status"] == 200
    assert "found 2" in run("verify", "--operation", "consumersAdd", "--exactly", "2").output
    missed = run("verify", "--body", '{"consumer_id": "eve"}', code=1)
    assert "wanted 'eve', got 'ada'" in missed.stderr
    run("verify", "--body", "{", code=2)
    run("journal", "clear")
    assert run("logs", "--json").output == ""


def test_who_listens_is_told_and_forgotten_when_it_ends(
    vault_app: VaultApp, webhook_sink: WebhookSink
) -> None:
    environment = {
        **os.environ,
        "MOCKVAULT_URL": vault_app.url,
        "MOCKVAULT_APP_ID": vault_app.id,
        "PYTHONUNBUFFERED": "1",
    }
    with subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "mockvault",
            "listen",
            "--forward-to",
            webhook_sink.url,
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as listening:
        assert listening.stderr is not None
        assert listening.stdout is not None
        ending = threading.Timer(
            30, listening.kill
        )  # so that a line that never comes ends the wait
        ending.start()
        listening.stderr.readline()
        vault_app.reset()
        vault_app.trigger("vault.connection.updated", "crm/salesforce")
        line = listening.stdout.readline()
        ending.cancel()
        listening.send_signal(signal.SIGINT)
        listening.wait(5)

    assert "vault.connection.updated  crm+salesforce of test-consumer  -> 200" in line
    assert webhook_sink.types == ["vault.connection.updated"]
    assert vault_app.webhooks.list() == []


def test_logs_are_followed(vault_app: VaultApp) -> None:
    environment = {**os.environ, "MOCKVAULT_URL": vault_app.url, "MOCKVAULT_APP_ID": vault_app.id}
    vault_app.client.get(SALESFORCE)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "mockvault", "logs", "--follow"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        first = following.stdout.readline()
        vault_app.client.get("/vault/consumers")
        second = following.stdout.readline()
        following.send_signal(signal.SIGINT)
        code = following.wait(5)

    assert "connectionsOne" in first
    assert "consumersAll" in second
    assert code == 0


def test_every_command_has_help_and_says_what_its_table_says() -> None:
    for name, (module, attribute, short) in LATER.items():
        command = getattr(import_module(module), attribute)

        assert isinstance(command, click.Command)
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0
        assert short.endswith(".")


def test_help_imports_no_command_and_no_server() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from mockvault.cli import main; "
        "CliRunner().invoke(main, ['--help']); "
        "print([each for each in sys.modules if each.startswith(('mockvault.', 'starlette'))])"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    told = set(ran.stdout.strip()[1:-1].replace("'", "").split(", "))
    assert told <= {"mockvault.cli", "mockvault.settings", "mockvault.version"}


# exec


def execute(*arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mockvault", "exec", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


CALL = """
import os, sys, urllib.request, urllib.error
request = urllib.request.Request(os.environ["MOCKVAULT_URL"] + sys.argv[1], headers={
    "Authorization": "Bearer " + os.environ["MOCKVAULT_API_KEY"],
    "x-apideck-app-id": os.environ["MOCKVAULT_APP_ID"],
    "x-apideck-consumer-id": os.environ["MOCKVAULT_CONSUMER_ID"]})
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as reason:
    print(reason.code)
sys.exit(int(sys.argv[2]))
"""


def test_a_command_runs_beside_a_mock_and_its_code_is_kept() -> None:
    ran = execute("--", sys.executable, "-c", CALL, SALESFORCE, "7")

    assert (ran.returncode, ran.stdout) == (7, "200\n")


def test_a_broken_contract_fails_a_command_that_ended_well(tmp_path: Path) -> None:
    file = tmp_path / "out" / "junit.xml"

    ran = execute(
        "--fail-on-violation",
        "--junit",
        str(file),
        "--",
        *(sys.executable, "-c", CALL, "/vault/consumers?limit=0", "0"),
    )

    assert ran.returncode == 1
    assert "limit" in ran.stderr
    suite = ET.parse(file).getroot()[0]  # noqa: S314  we wrote it
    assert suite.attrib["failures"] == "1"
    assert suite[0].attrib["classname"] == "consumersAll"


def test_a_kept_contract_is_reported_as_one_passed_test(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"

    ran = execute(
        "--fail-on-violation",
        "--junit",
        str(file),
        "--",
        sys.executable,
        "-c",
        CALL,
        SALESFORCE,
        "0",
    )

    assert ran.returncode == 0
    suite = ET.parse(file).getroot()[0]  # noqa: S314  we wrote it
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("1", "0")


def test_a_command_that_is_not_there_ends_with_127() -> None:
    assert execute("--", "no-such-command-anywhere").returncode == 127


def test_a_signal_reaches_the_command() -> None:
    code = "import signal, sys, time; print('up', flush=True); time.sleep(20)"
    with subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "mockvault",
            "exec",
            "--",
            sys.executable,
            "-c",
            code,
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        running.send_signal(signal.SIGTERM)
        ended = running.wait(10)

    assert ended == 128 + signal.SIGTERM
