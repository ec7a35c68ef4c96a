from pathlib import Path

import pytest

from conformance.contract import Contract, ContractUnreadable, load


def test_the_contract_has_27_operations_and_one_success_each() -> None:
    contract = load()

    assert len(contract.operations) == 27
    assert {op.success for op in contract.operations.values()} == {200, 204, 301}


def test_a_nullable_property_may_be_null_and_another_may_not() -> None:
    contract = load()

    assert not contract.body_problems("connectionsUpdate", {"settings": None})
    assert contract.body_problems("connectionsUpdate", {"enabled": None})


def test_read_only_properties_of_a_request_may_be_anything() -> None:
    assert not load().body_problems("connectionsUpdate", {"state": 7, "id": []})


def test_an_answer_is_judged_by_the_schema_of_its_status() -> None:
    contract = load()
    body = {"status_code": 200, "status": "OK", "data": {"state": "connected"}}

    problems = contract.answer_problems("connectionsOne", 200, body)

    assert [p.pointer for p in problems] == ["/data/state"]


def test_a_path_leads_to_its_operation() -> None:
    contract = load()

    found = contract.operation_at("PATCH", "/vault/connections/crm/close/leads/config")

    assert found is not None
    assert found.operation_id == "connectionSettingsUpdate"
    assert contract.methods_at("/vault/consumers") == ("POST", "GET")


def later(**paths: object) -> Contract:
    document = load().document
    return Contract({**document, "paths": {**document["paths"], **paths}})


def test_what_nobody_here_could_call_of_a_later_contract_is_beyond_it() -> None:
    answer = {"responses": {"200": {"description": ""}}}
    contract = later(
        **{
            "/vault/oauth/{jwt}": {"get": {"operationId": "oauthOne", **answer}},
            "/vault/consumers/{consumer_id}/extra": {"get": {"operationId": "extraOne", **answer}},
        }
    )

    assert contract.beyond == ("oauthOne",)
    assert "extraOne" in contract.operations
    assert load().beyond == ()


def test_what_is_read_only_is_required_of_answers_alone() -> None:
    node = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {"id": {"type": "string", "readOnly": True}, "name": {"type": "string"}},
    }

    assert load().schema(node, request=True)["required"] == ["name"]
    assert load().schema(node, request=False)["required"] == ["id", "name"]


@pytest.mark.parametrize("content", [b"[1", b"\x7fELF\xff", b"[]", b"{}", b"paths: 3\ninfo: 4"])
def test_what_is_no_contract_is_told_in_a_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "spec.yml"
    path.write_bytes(content)

    with pytest.raises(ContractUnreadable) as caught:
        load(str(path))

    assert len(str(caught.value)) < 400
