import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mockvault.contract import (
    ContractInvalid,
    index_contract,
    load_contract,
    node_at,
    pointer_of,
    tokens_of,
    validate_contract,
)

SPEC = Path(__file__).parents[2] / "spec"
SOURCE: dict[str, Any] = yaml.safe_load((SPEC / "vault.yml").read_text())
CONTRACT = load_contract(SPEC / "vault.yml", SPEC / "overlay.yml", validate=False)
CONSUMERS = "#/paths/~1vault~1consumers"


def written(tmp_path: Path, document: Any, name: str = "contract.json") -> Path:
    path = tmp_path / name
    path.write_text(json.dumps(document))
    return path


def refusal(path: Path, *, validate: bool = False) -> ContractInvalid:
    with pytest.raises(ContractInvalid) as caught:
        load_contract(path, None, validate=validate)
    return caught.value


def test_the_contract_is_valid_openapi_with_and_without_our_overlay() -> None:
    validate_contract(CONTRACT)
    validate_contract(load_contract(SPEC / "vault.yml", validate=False))


def test_every_operation_of_the_contract_is_indexed_once() -> None:
    declared = {node["operationId"] for item in SOURCE["paths"].values() for node in item.values()}

    assert set(CONTRACT.by_id) == declared
    assert len(CONTRACT.operations) == len(declared) == 27


def test_the_webhooks_are_indexed_without_the_flag_that_stands_among_them() -> None:
    assert "x-sdk-exclude" in SOURCE["x-webhooks"]
    assert set(CONTRACT.webhooks) == set(SOURCE["x-webhooks"]) - {"x-sdk-exclude"}


def test_an_operation_says_what_judging_it_takes() -> None:
    operation = CONTRACT.by_id["connectionsOne"]

    assert (operation.method, operation.path) == (
        "GET",
        "/vault/connections/{unified_api}/{service_id}",
    )
    assert operation.segments == ("vault", "connections", "{unified_api}", "{service_id}")
    assert operation.needs_key
    assert operation.takes_consumer
    assert operation.takes_application
    assert operation.success_status == 200
    assert operation.body_schema is None
    assert CONTRACT.by_id["connectionsDelete"].success_status == 204
    assert CONTRACT.by_id["connectionsAuthorize"].success_status == 301
    assert not CONTRACT.by_id["connectionsCallback"].needs_key
    assert not CONTRACT.by_id["consumersAll"].takes_consumer


def test_exactly_the_operations_of_a_consumer_accept_the_token_of_a_session() -> None:
    for operation in CONTRACT.operations:
        assert operation.takes_session == (operation.needs_key and operation.takes_consumer)


def test_every_pointer_of_an_operation_leads_to_what_it_names() -> None:
    for operation in CONTRACT.operations:
        assert CONTRACT.resolve(operation.pointer)["operationId"] == operation.operation_id
        for parameter in operation.parameters:
            assert CONTRACT.resolve(parameter.pointer)["name"] == parameter.name
        for response in operation.responses.values():
            assert "description" in CONTRACT.resolve(response.pointer)
        if operation.body_schema:
            assert CONTRACT.resolve(operation.body_pointer) is operation.body_schema


def test_parameters_carry_their_style_and_default() -> None:
    by_name = {one.name: one for one in CONTRACT.by_id["logsAll"].parameters}
    scope = next(
        one for one in CONTRACT.by_id["connectionsAuthorize"].parameters if one.name == "scope"
    )

    assert (by_name["filter"].style, by_name["filter"].explode) == ("deepObject", True)
    assert by_name["limit"].default == 20
    assert (scope.style, scope.explode) == ("spaceDelimited", False)


def test_the_overlay_changes_the_document_and_not_the_published_contract() -> None:
    pointer = "#/components/parameters/start_datetime/schema"

    assert CONTRACT.resolve(pointer) == {"type": "string", "format": "date-time"}
    assert CONTRACT.published(f"{pointer}/format") == pointer
    assert CONTRACT.pristine == SOURCE


def test_targets_of_the_overlay_that_a_contract_does_not_have_are_skipped(tmp_path: Path) -> None:
    renamed = json.loads(
        json.dumps(SOURCE)
        .replace(
            "#/components/parameters/x-apideck-consumer-id", "#/components/parameters/consumerId"
        )
        .replace(
            "#/components/parameters/x-apideck-app-id", "#/components/parameters/applicationId"
        )
        .replace("#/components/parameters/start_datetime", "#/components/parameters/from")
    )
    parameters = renamed["components"]["parameters"]
    parameters["consumerId"] = parameters.pop("x-apideck-consumer-id")
    parameters["applicationId"] = parameters.pop("x-apideck-app-id")
    parameters["from"] = parameters.pop("start_datetime")

    contract = load_contract(written(tmp_path, renamed), SPEC / "overlay.yml")

    assert contract.by_id["sessionsCreate"].takes_session
    assert contract.by_id["sessionsCreate"].takes_consumer
    assert contract.resolve("#/components/parameters/from/schema") == {"type": "string"}


@pytest.mark.parametrize(
    "overlay",
    [
        {},
        {"overlay": "2.0.0", "actions": []},
        {"overlay": "1.0.0", "actions": [{"update": {}}]},
        {"overlay": "1.0.0", "actions": [{"target": "$.[", "update": {}}]},
        {"overlay": "1.0.0", "actions": [{"target": "$.info.title", "update": {}}]},
    ],
)
def test_an_overlay_that_is_none_is_refused_by_its_own_name(tmp_path: Path, overlay: Any) -> None:
    file = written(tmp_path, overlay, "overlay.json")

    with pytest.raises(ContractInvalid, match=re.escape(str(file))):
        load_contract(SPEC / "vault.yml", file, validate=False)


def test_an_overlay_can_remove_and_append(tmp_path: Path) -> None:
    actions = [
        {"target": "$.paths['/vault/logs']", "remove": True},
        {"target": "$.tags", "update": {"name": "Ours"}},
    ]
    overlay = written(tmp_path, {"overlay": "1.0.0", "actions": actions}, "overlay.json")

    contract = load_contract(SPEC / "vault.yml", overlay, validate=False)

    assert "logsAll" not in contract.by_id
    assert contract.document["tags"][-1] == {"name": "Ours"}


def test_one_contract_has_one_digest_and_another_overlay_another(tmp_path: Path) -> None:
    empty = written(tmp_path, {"overlay": "1.0.0", "actions": []}, "overlay.json")
    again = load_contract(SPEC / "vault.yml", SPEC / "overlay.yml", validate=False)

    assert again.digest == CONTRACT.digest
    assert load_contract(SPEC / "vault.yml", empty, validate=False).digest != CONTRACT.digest


def test_dates_stay_text_and_statuses_without_quotes_are_names(tmp_path: Path) -> None:
    path = tmp_path / "contract.yml"
    path.write_text(
        "openapi: 3.0.3\n"
        "info: {title: A day, version: 2024-01-01}\n"
        "paths:\n  /x:\n    get:\n      operationId: x\n"
        "      responses:\n        200: {description: fine}\n"
    )

    contract = load_contract(path)

    assert contract.version == "2024-01-01"
    assert set(contract.by_id["x"].responses) == {"200"}


Change = Callable[[dict[str, Any]], object]


def consumers_get(document: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"]["/vault/consumers"]["get"]
    return operation


BROKEN: dict[str, tuple[str, Change]] = {
    "no openapi": ("#/openapi", lambda d: d.pop("openapi")),
    "openapi 3.1": ("#/openapi", lambda d: d.update(openapi="3.1.0")),
    "no info": ("#", lambda d: d.pop("info")),
    "no paths": ("#", lambda d: d.pop("paths")),
    "paths a list": ("#/paths", lambda d: d.update(paths=[])),
    "path without slash": ("#/paths/vault", lambda d: d["paths"].update(vault={})),
    "path item a text": ("#/paths/~1x", lambda d: d["paths"].update({"/x": "y"})),
    "a reference to nothing": (
        f"{CONSUMERS}/get/responses/200/$ref",
        lambda d: consumers_get(d)["responses"].update({"200": {"$ref": "#/components/nope"}}),
    ),
    "a reference to another file": (
        f"{CONSUMERS}/get/responses/200/$ref",
        lambda d: consumers_get(d)["responses"].update({"200": {"$ref": "other.yml#/a"}}),
    ),
    "references in a ring": (
        "#/components/schemas/A/$ref",
        lambda d: d["components"]["schemas"].update(
            A={"$ref": "#/components/schemas/B"}, B={"$ref": "#/components/schemas/A"}
        ),
    ),
    "no operationId": (f"{CONSUMERS}/get", lambda d: consumers_get(d).pop("operationId")),
    "an operationId twice": (
        "#/paths/~1vault~1consumers/get/operationId",
        lambda d: consumers_get(d).update(operationId="consumersAdd"),
    ),
    "no responses": (f"{CONSUMERS}/get", lambda d: consumers_get(d).pop("responses")),
    "empty responses": (
        f"{CONSUMERS}/get/responses",
        lambda d: consumers_get(d).update(responses={}),
    ),
    "a status that is none": (
        f"{CONSUMERS}/get/responses/OK",
        lambda d: consumers_get(d)["responses"].update(OK={"description": "x"}),
    ),
    "a parameter without a name": (
        f"{CONSUMERS}/get/parameters/0",
        lambda d: consumers_get(d).update(parameters=[{"in": "query", "schema": {}}]),
    ),
    "a parameter nowhere": (
        f"{CONSUMERS}/get/parameters/0",
        lambda d: consumers_get(d).update(parameters=[{"name": "x", "in": "body", "schema": {}}]),
    ),
    "a parameter without a schema": (
        f"{CONSUMERS}/get/parameters/0",
        lambda d: consumers_get(d).update(parameters=[{"name": "x", "in": "query"}]),
    ),
    "a parameter twice": (
        f"{CONSUMERS}/get/parameters/1",
        lambda d: consumers_get(d).update(
            parameters=[{"name": "x", "in": "query", "schema": {}}] * 2
        ),
    ),
    "a style that is none": (
        f"{CONSUMERS}/get/parameters/0/style",
        lambda d: consumers_get(d).update(
            parameters=[{"name": "x", "in": "query", "schema": {}, "style": "bold"}]
        ),
    ),
    "parameters an object": (
        f"{CONSUMERS}/get/parameters",
        lambda d: consumers_get(d).update(parameters={}),
    ),
    "an undeclared path parameter": (
        "#/paths/~1vault~1x~1{id}/get",
        lambda d: d["paths"].update(
            {
                "/vault/x/{id}": {
                    "get": {"operationId": "x", "responses": {"200": {"description": ""}}}
                }
            }
        ),
    ),
    "a path parameter outside the path": (
        f"{CONSUMERS}/get",
        lambda d: consumers_get(d)["parameters"].append({"$ref": "#/components/parameters/id"}),
    ),
    "security a text": (
        f"{CONSUMERS}/get/security",
        lambda d: consumers_get(d).update(security="none"),
    ),
    "content a list": (
        "#/components/responses/GetConsumersResponse/content",
        lambda d: d["components"]["responses"]["GetConsumersResponse"].update(content=[]),
    ),
    "a type that is none": (
        "#/components/schemas/Consumer/type",
        lambda d: d["components"]["schemas"]["Consumer"].update(type="strnig"),
    ),
    "required not a list": (
        "#/components/schemas/Consumer/required",
        lambda d: d["components"]["schemas"]["Consumer"].update(required=True),
    ),
    "an array of nothing": (
        "#/components/schemas/Consumer/properties/services",
        lambda d: d["components"]["schemas"]["Consumer"]["properties"]["services"].pop("items"),
    ),
    "a pattern that is none": (
        "#/components/parameters/cursor/schema/pattern",
        lambda d: d["components"]["parameters"]["cursor"]["schema"].update(pattern="("),
    ),
    "nullable a text": (
        "#/components/parameters/cursor/schema/nullable",
        lambda d: d["components"]["parameters"]["cursor"]["schema"].update(nullable="yes"),
    ),
}


@pytest.mark.parametrize("wrong", BROKEN)
def test_a_broken_contract_is_refused_by_file_and_pointer(tmp_path: Path, wrong: str) -> None:
    pointer, change = BROKEN[wrong]
    document = copy.deepcopy(SOURCE)
    change(document)
    path = written(tmp_path, document)

    invalid = refusal(path)

    assert invalid.pointer == pointer
    assert str(path) in str(invalid)
    assert f": {pointer}: " in str(invalid)


@pytest.mark.parametrize("text", ["", "[]", "just text", "a: [", "a: b: c", "\x00", "&a [*a]"])
def test_what_is_no_document_at_all_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contract.yml"
    path.write_text(text)

    assert refusal(path).pointer.startswith("#")


def test_what_only_full_validation_finds_is_refused_by_pointer_too(tmp_path: Path) -> None:
    document = copy.deepcopy(SOURCE)
    document["info"]["license"] = {"nam": "x"}
    path = written(tmp_path, document)

    load_contract(path, validate=False)

    assert refusal(path, validate=True).pointer == "#/info/license"


def test_examples_and_property_names_are_not_taken_for_references_or_schemas(
    tmp_path: Path,
) -> None:
    document = copy.deepcopy(SOURCE)
    document["components"]["schemas"]["Odd"] = {
        "type": "object",
        "properties": {"type": {"type": "string"}, "items": {"type": "string"}, "default": {}},
        "example": {"$ref": "nowhere", "type": "odd"},
    }

    contract = load_contract(written(tmp_path, document), validate=False)

    assert "Odd" in contract.document["components"]["schemas"]


PLACES = [
    ("paths", "/vault/consumers", "get", "parameters"),
    ("paths", "/vault/consumers", "get", "requestBody"),
    ("paths", "/vault/consumers", "get", "responses", "200"),
    ("components", "responses", "GetConsumersResponse", "content", "application/json"),
    ("components", "schemas", "Consumer", "properties", "services"),
    ("components", "parameters", "limit"),
    ("x-webhooks",),
]


@settings(deadline=None)
@given(
    st.sampled_from(PLACES),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    ),
)
def test_whatever_stands_in_a_contract_it_is_indexed_or_refused_by_pointer(
    place: tuple[str, ...], junk: Any
) -> None:
    document = copy.deepcopy(SOURCE)
    node_at(document, pointer_of(place[:-1]))[place[-1]] = junk
    pointer = "#"

    try:
        index_contract(document, document, "")
    except ContractInvalid as invalid:
        pointer = invalid.pointer

    assert pointer.startswith("#")


@given(st.lists(st.text()))
def test_a_pointer_keeps_its_path(path: list[str]) -> None:
    assert tokens_of(pointer_of(path)) == path


def test_nothing_stands_where_nothing_stands() -> None:
    for pointer in ("#/nope", "#/tags/x", "#/tags/99", "#/openapi/x"):
        with pytest.raises(LookupError):
            CONTRACT.resolve(pointer)
