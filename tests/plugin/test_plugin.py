"""The pytest plugin as its users meet it: in a run of their own."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLAIN = """
def test_an_application_of_its_own(vault_app, webhook_sink):
    vault_app.clock.freeze("2030-01-01T00:00:00Z")
    vault_app.webhooks.add(webhook_sink.url)

    answer = vault_app.client.patch("/vault/connections/crm/close", json={"enabled": True})

    assert answer.json()["data"]["created_at"] == 1893456000000
    (received,) = webhook_sink.wait_for(1)
    assert received.is_signed(vault_app.api_key)
    assert vault_app.events.types() == ["vault.connection.created"]
    vault_app.journal.verify(operation_id="connectionsUpdate", count=1)
    vault_app.faults.add({"status": 503}, times=1)
    assert vault_app.client.get("/vault/consumers").status_code == 503


def test_nothing_is_left_of_another(vault_app, webhook_sink):
    assert vault_app.events.list() == []
    assert vault_app.webhooks.list() == []
    assert webhook_sink.received == []
    assert not vault_app.clock.show()["frozen"]
    answer = vault_app.client.get("/vault/connections/crm/close")
    assert answer.json()["data"]["state"] == "available"
"""
BREAKING = """
def test_it_breaks_the_contract(vault_app):
    vault_app.client.get("/vault/consumers", params={"limit": 0})


def test_it_does_so_on_purpose(vault_app):
    vault_app.expect_violations()
    vault_app.client.get("/vault/consumers", params={"limit": 0})


def test_it_keeps_the_contract(vault_app):
    vault_app.client.get("/vault/consumers", params={"limit": 1})
    vault_app.client.get("/vault/consumers/unknown")
"""
QUIET = (
    "-p",
    "mockvault.pytest_plugin",
    "-p",
    "no:randomly",
    "-p",
    "no:schemathesis",
    "-W",
    "ignore",
)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the runs find the package where it stands, installed or not."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def test_each_test_has_an_application_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PLAIN)

    ran = pytester.runpytest_subprocess(*QUIET)

    ran.assert_outcomes(passed=2)


def test_workers_do_not_meet(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PLAIN)

    ran = pytester.runpytest_subprocess(*QUIET, "-n", "2")

    ran.assert_outcomes(passed=2)


def test_a_broken_contract_fails_a_test_when_that_is_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(BREAKING)

    ran = pytester.runpytest_subprocess(*QUIET, "--mockvault-fail-on-violation")

    ran.assert_outcomes(passed=3, errors=1)
    ran.stdout.fnmatch_lines(["*GET /vault/consumers was answered 400*", "*/limit*"])


def test_it_can_be_asked_for_in_the_configuration_with_another_world(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        BREAKING
        + """

def test_the_world_is_empty(vault_app):
    (only,) = vault_app.client.get("/vault/consumers").json()["data"]
    assert only["services"] == []
"""
    )
    pytester.makeini("[pytest]\nmockvault_fail_on_violation = true\nmockvault_scenario = empty\n")

    ran = pytester.runpytest_subprocess(*QUIET)

    ran.assert_outcomes(passed=4, errors=1)
