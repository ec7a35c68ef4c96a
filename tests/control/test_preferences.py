"""Answers as they are preferred: by a header, or for a client that sends none."""

import time

import pytest

from mockvault.app import MockVault
from mockvault.control.preferences import Preference, PreferenceRefused, read_header
from mockvault.pytest_plugin import VaultApp
from mockvault.remote import PowerRefused

SALESFORCE = "/vault/connections/crm/salesforce"


def test_a_preferred_status_is_answered_by_its_example(vault_app: VaultApp) -> None:
    answer = vault_app.client.get(SALESFORCE, headers={"Prefer": "code=404"})

    assert answer.status_code == 404
    assert answer.headers["preference-applied"] == "code=404"
    assert answer.json()["type_name"] == "EntityNotFoundError"


@pytest.mark.parametrize("name", ["available", "added", "authorized", "callable", "invalid"])
def test_a_preferred_example_is_answered(vault_app: VaultApp, name: str) -> None:
    answer = vault_app.client.get(SALESFORCE, headers={"Prefer": f'example="{name}"'})

    assert answer.json()["data"]["state"] == name
    assert answer.headers["preference-applied"] == f"example={name}"


def test_every_example_of_every_operation_can_be_preferred(vault_app: VaultApp) -> None:
    paths = {
        "consumersAll": ("GET", "/vault/consumers", None),
        "connectionsUpdate": ("PATCH", SALESFORCE, {"enabled": True}),
        "connectionsDelete": ("DELETE", SALESFORCE, None),
        "sessionsCreate": ("POST", "/vault/sessions", {}),
    }
    for operation_id, (method, path, body) in paths.items():
        told = vault_app.remote.call("GET", f"/examples/{operation_id}")["examples"]
        for each in told:
            headers = {"Prefer": f"code={each['status']}, example={each['name']}"}

            answer = vault_app.client.request(method, path, json=body, headers=headers)

            assert answer.status_code == each["status"]
            assert (answer.json() if answer.content else None) == each["value"]


def test_a_preferred_answer_changes_nothing(vault_app: VaultApp) -> None:
    answer = vault_app.as_consumer("unheard-of").patch(
        SALESFORCE, json={"enabled": False}, headers={"Prefer": "example=callable"}
    )

    assert answer.status_code == 200
    assert vault_app.client.get("/vault/consumers/unheard-of").status_code == 404


def test_a_preference_hides_nothing_that_is_wrong_with_the_request(vault_app: VaultApp) -> None:
    answer = vault_app.client.get(
        "/vault/consumers", params={"limit": 0}, headers={"Prefer": "code=200"}
    )

    assert answer.status_code == 400
    assert "preference-applied" not in answer.headers


def test_a_preferred_delay_delays_the_right_answer(vault_app: VaultApp) -> None:
    started = time.monotonic()

    answer = vault_app.client.get(SALESFORCE, headers={"Prefer": "delay=120"})

    assert time.monotonic() - started >= 0.12
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "delay=120")


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("colour=blue", ["code", "example", "delay"]),
        ("code=999", ["code=404"]),
        ("code=abc", ["code=404"]),
        ("code=201", ["200", "404", "422"]),
        ("example=nope", ["default", "callable"]),
        ("delay=-1", ["delay=800"]),
        ("=1", ["code"]),
    ],
)
def test_what_cannot_be_preferred_is_refused_with_what_can(
    vault_app: VaultApp, header: str, named: list[str]
) -> None:
    answer = vault_app.client.get(SALESFORCE, headers={"Prefer": header})

    assert answer.status_code == 400
    assert answer.json()["type_name"] == "RequestHeadersValidationError"
    (violation,) = answer.json()["detail"]["violations"]
    assert all(each in violation["message"] for each in named)


def test_preferences_of_the_standard_are_ignored(vault_app: VaultApp) -> None:
    headers = {"Prefer": "return=representation; foo=bar, respond-async, wait=10"}

    answer = vault_app.client.get(SALESFORCE, headers=headers)

    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers


def test_a_preference_sticks_until_it_is_taken_back(vault_app: VaultApp) -> None:
    vault_app.prefer(operation_id="connectionsOne", code=402)

    assert vault_app.client.get(SALESFORCE).status_code == 402
    assert vault_app.client.get("/vault/consumers").status_code == 200
    vault_app.prefer_nothing()
    assert vault_app.client.get(SALESFORCE).status_code == 200


def test_what_sticks_to_all_counts_where_it_can_be_had(vault_app: VaultApp) -> None:
    vault_app.prefer(code=200, example="callable")

    assert "preference-applied" in vault_app.client.get(SALESFORCE).headers
    assert "preference-applied" not in vault_app.client.get("/vault/consumers").headers


def test_a_header_goes_before_what_sticks(vault_app: VaultApp) -> None:
    vault_app.prefer(code=402)

    answer = vault_app.client.get(SALESFORCE, headers={"Prefer": "example=added"})

    assert answer.json()["data"]["state"] == "added"


def test_what_cannot_stick_is_refused(vault_app: VaultApp) -> None:
    for said in (
        {"operation_id": "connectionsOne", "code": 201},
        {"operation_id": "nope", "code": 200},
    ):
        with pytest.raises(PowerRefused):
            vault_app.prefer(**said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "preference"),
    [
        (b"code=404", Preference(code=404)),
        (b'CODE=404 , example="a b"', Preference(code=404, example="a b")),
        (b"delay=800;x=1, wait=3", Preference(delay=800)),
        (b"code=404, code=402", Preference(code=404)),
        (b"", Preference()),
    ],
)
def test_the_header_is_read_by_its_grammar(text: bytes, preference: Preference) -> None:
    assert read_header([text]) == preference


def test_an_unknown_key_names_the_known_ones() -> None:
    with pytest.raises(PreferenceRefused) as refused:
        read_header([b"cod=404"])

    assert refused.value.valid == ("code", "example", "delay")


def test_the_examples_are_those_of_the_contract(app: MockVault, vault_app: VaultApp) -> None:
    for operation in app.contract.operations:
        assert vault_app.remote.call("GET", f"/examples/{operation.operation_id}")["examples"]
