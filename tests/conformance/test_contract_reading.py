from conformance.contract import load


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
