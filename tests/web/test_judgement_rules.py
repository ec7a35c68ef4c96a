"""The translation from OpenAPI 3.0, by an independent judge; and where each broken rule stands."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from mockvault.contract import Contract, index_contract, load_contract, node_at
from mockvault.web.explanations import Explainer
from mockvault.web.judgement import Judge
from mockvault.web.schemas import Schemas
from mockvault.web.violations import RequestInvalid, Violation

SPEC = Path(__file__).parents[2] / "spec"
CONTRACT = load_contract(SPEC / "vault.yml", SPEC / "overlay.yml", validate=False)
SCHEMAS = Schemas(CONTRACT, "request")
WITH_BODY = [one for one in CONTRACT.operations if one.body_schema]
REGISTRY: Any = Registry().with_resource(
    "urn:independent", DRAFT4.create_resource(CONTRACT.pristine)
)


def independent(pointer: str) -> Any:
    reference = f"urn:independent{pointer}".replace("{", "%7B").replace("}", "%7D")
    return OAS30Validator(
        {"$ref": reference}, registry=REGISTRY, format_checker=oas30_format_checker
    )


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def near(schema: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that are nearly of `schema`, as read from the published contract."""
    schema, _ = CONTRACT.follow(schema, "#")
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "string": st.text(max_size=3),
        "integer": st.integers(-9, 9),
        "number": st.integers(-9, 9) | st.floats(-9, 9),
        "boolean": st.booleans(),
    }
    kind = schema.get("type")
    right = kinds.get(kind, ANY_JSON)
    if "enum" in schema:
        right = st.sampled_from(schema["enum"])
    elif schema.get("format") == "date-time":
        right = st.sampled_from(["2021-05-01T12:00:00Z", "2021-05-01T12:00:00.000+02:00"])
    elif "anyOf" in schema:
        right = st.one_of([near(branch, depth + 1) for branch in schema["anyOf"]])
    elif kind == "array":
        right = st.lists(near(schema["items"], depth + 1), max_size=2)
    elif kind == "object" and depth < 6:
        known = {name: near(one, depth + 1) for name, one in schema.get("properties", {}).items()}
        right = st.fixed_dictionaries({}, optional=known) if known else ANY_JSON
        if known:
            strange = st.dictionaries(st.text(max_size=2), ANY_JSON, max_size=1)
            right = st.tuples(right, st.just({}) | strange).map(lambda two: {**two[1], **two[0]})
    return st.integers(0, 20).flatmap(lambda turn: ANY_JSON if turn == 0 else right)


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda one: one.operation_id)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_body_is_valid_for_us_exactly_when_an_independent_judge_says_so(
    operation: Any, data: st.DataObject
) -> None:
    body = data.draw(near(operation.body_schema))

    ours = SCHEMAS.validator(operation.body_pointer).is_valid(body)

    assert ours == independent(operation.body_pointer).is_valid(body)


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda one: one.operation_id)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_each_violation_of_a_body_names_a_rule_of_the_contract_and_a_place_in_the_body(
    operation: Any, data: st.DataObject
) -> None:
    body = data.draw(near(operation.body_schema))

    for violation in Explainer(SCHEMAS, "body").explain(operation.body_pointer, body):
        node_at(CONTRACT.pristine, violation.rule)
        assert violation.rule.rpartition("/")[2] == violation.keyword
        where, _, _ = violation.pointer.rpartition("/")
        node_at(body, where if violation.keyword == "required" else violation.pointer)


CONNECTION = "schemas/Connection/properties/"
PLACES: list[tuple[str, Any, str, str]] = [
    ("consumersAdd", {"consumer_id": 1}, "/consumer_id", "schemas/ConsumerId/type"),
    ("consumersAdd", {}, "/consumer_id", "schemas/Consumer/required"),
    ("consumersAdd", [], "", "schemas/Consumer/type"),
    (
        "consumersAdd",
        {"consumer_id": "x", "metadata": {"email": 1}},
        "/metadata/email",
        "schemas/ConsumerMetadata/properties/email/type",
    ),
    (
        "consumersAdd",
        {"consumer_id": "x", "services": [1]},
        "/services/0",
        "schemas/Consumer/properties/services/items/type",
    ),
    (
        "consumersAdd",
        {"consumer_id": "x", "request_counts": {"unify": "1"}},
        "/request_counts/unify",
        "schemas/RequestCountAllocation/properties/unify/type",
    ),
    (
        "consumersUpdate",
        {"x": 1},
        "/x",
        "schemas/UpdateConsumerRequest/additionalProperties",
    ),
    ("consumersUpdate", {"metadata": 1}, "/metadata", "schemas/ConsumerMetadata/type"),
    ("connectionsUpdate", {"enabled": 1}, "/enabled", "schemas/Connection/properties/enabled/type"),
    ("connectionsUpdate", {"auth_type": "x"}, "/auth_type", "schemas/AuthType/enum"),
    ("connectionsUpdate", {"state": 1}, "/state", "schemas/ConnectionState/type"),
    (
        "connectionsUpdate",
        {"oauth_grant_type": "x"},
        "/oauth_grant_type",
        "schemas/OAuthGrantType/enum",
    ),
    (
        "connectionsUpdate",
        {"form_fields": [{"type": "x"}]},
        "/form_fields/0/type",
        "schemas/FormField/properties/type/enum",
    ),
    (
        "connectionsUpdate",
        {"form_fields": [{"options": [{"label": 1}]}]},
        "/form_fields/0/options/0/label",
        "schemas/SimpleFormFieldOption/properties/label/type",
    ),
    (
        "connectionsUpdate",
        {"custom_mappings": [{"x": 1}]},
        "/custom_mappings/0/x",
        "schemas/CustomMapping/additionalProperties",
    ),
    (
        "connectionsUpdate",
        {"subscriptions": [{"created_at": 1}]},
        "/subscriptions/0/created_at",
        "schemas/WebhookSubscription/properties/created_at/type",
    ),
    (
        "connectionsUpdate",
        {"configuration": [{"defaults": [{"target": "x"}]}]},
        "/configuration/0/defaults/0/target",
        CONNECTION + "configuration/items/properties/defaults/items/properties/target/enum",
    ),
    (
        "connectionsImport",
        {"credentials": {"issued_at": "x"}},
        "/credentials/issued_at",
        "schemas/ConnectionImportData/properties/credentials/properties/issued_at/format",
    ),
    (
        "connectionsImport",
        {"credentials": {"expires_in": 1.5}},
        "/credentials/expires_in",
        "schemas/ConnectionImportData/properties/credentials/properties/expires_in/type",
    ),
    ("customMappingsUpdate", {}, "/value", "schemas/UpdateCustomMappingRequest/required"),
    (
        "sessionsCreate",
        {"settings": {"unified_apis": ["x"]}},
        "/settings/unified_apis/0",
        "schemas/UnifiedApiId/enum",
    ),
    (
        "sessionsCreate",
        {"settings": {"allow_actions": ["x"]}},
        "/settings/allow_actions/0",
        "schemas/Session/properties/settings/properties/allow_actions/items/enum",
    ),
    (
        "sessionsCreate",
        {"theme": {"logo": 1}},
        "/theme/logo",
        "schemas/Session/properties/theme/properties/logo/type",
    ),
]


@pytest.mark.parametrize(("operation_id", "body", "pointer", "rule"), PLACES)
def test_a_broken_rule_is_named_where_it_is_published(
    operation_id: str, body: Any, pointer: str, rule: str
) -> None:
    operation = CONTRACT.by_id[operation_id]

    found = Explainer(SCHEMAS, "body").explain(operation.body_pointer, body)

    assert (pointer, f"#/components/{rule}") in [(one.pointer, one.rule) for one in found]
    assert node_at(CONTRACT.pristine, f"#/components/{rule}") is not None


def test_a_rule_of_an_inline_schema_is_named_in_its_path() -> None:
    operation = CONTRACT.by_id["connectionsToken"]

    (violation,) = Explainer(SCHEMAS, "body").explain(operation.body_pointer, {"a": 1})

    assert violation.rule == (
        "#/paths/~1vault~1connections~1{unified_api}~1{service_id}~1token/post/requestBody"
        "/content/application~1json/schema/additionalProperties"
    )


# Of schemas that this contract does not have, but a later one may


def contract_of(schema: Any, **components: Any) -> Contract:
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {"title": "One operation", "version": "1"},
        "components": {"schemas": components},
        "paths": {
            "/x": {
                "post": {
                    "operationId": "x",
                    "requestBody": {"content": {"application/json": {"schema": schema}}},
                    "responses": {"200": {"description": "fine"}},
                }
            }
        },
    }
    return index_contract(document, document, "")


def found_in(contract: Contract, body: Any, **options: Any) -> list[Violation]:
    judge = Judge(contract, contract.by_id["x"], **options)
    content = json.dumps(body).encode()
    try:
        judge.judge((), b"", {b"content-type": b"application/json"}, content)
    except RequestInvalid as invalid:
        return list(invalid.violations)
    return []


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"type": "string", "nullable": True}, [None, "x"], [1]),
        ({"type": "string"}, ["x"], [None]),
        ({"type": "string", "enum": ["a"], "nullable": True}, [None, "a"], ["b"]),
        ({"enum": ["a"], "nullable": True}, [None, "a"], ["b", 1]),
        ({"anyOf": [TEXT, {"type": "integer"}], "nullable": True}, [None, "x", 1], [[]]),
        ({"oneOf": [TEXT, {"type": "integer"}], "nullable": True}, [None, "x", 1], [1.5]),
        ({"allOf": [{"$ref": "#/components/schemas/T"}], "nullable": True}, [None, "x"], [1]),
        ({"$ref": "#/components/schemas/T", "nullable": True}, ["x"], [None]),
        ({"$ref": "#/components/schemas/T", "maxLength": 1}, ["xyz"], [1]),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, [1.1], [1]),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": True}, [0.9], [1]),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": False}, [1], [0.9]),
        ({"type": "integer"}, [1, -1], [1.5, 1.0, True, "1"]),
        ({"type": "number"}, [1, 1.0], [True, "1"]),
        ({"type": "string", "format": "no-such-format"}, ["x"], [1]),
        (
            {"type": "string", "format": "uuid"},
            ["9755c355-56c3-4a2f-a2da-86ff4411fccb"],
            ["x", "9755c35556c34a2fa2da86ff4411fccb"],
        ),
        ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29"]),
        ({"type": "string", "format": "email"}, ["a@example.com"], ["a"]),
        ({"type": "string", "format": "uri"}, ["https://example.com"], ["not a uri"]),
        ({"type": "string", "format": "ipv4"}, ["192.0.2.1"], ["192.0.2.256"]),
        ({"type": "string", "format": "byte"}, ["YQ=="], ["%%"]),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, [["a"]], [["a", "a"]]),
        ({"not": {"type": "string"}}, [1], ["x"]),
        ({"type": "object", "additionalProperties": TEXT}, [{"a": "x"}], [{"a": 1}]),
        ({"type": "object", "minProperties": 1}, [{"a": 1}], [{}]),
        ({"type": "string", "pattern": "^a+$"}, ["aa"], ["b"]),
        ({}, [None, 1, "x", [], {}], []),
    ],
)
def test_openapi_3_0_means_what_it_says(schema: Any, valid: list[Any], invalid: list[Any]) -> None:
    contract = contract_of(schema, T=TEXT)

    assert [value for value in valid if found_in(contract, value)] == []
    assert [value for value in invalid if not found_in(contract, value)] == []
    for value in invalid:
        for violation in found_in(contract, value):
            node_at(contract.pristine, violation.rule)


def test_a_nullable_whole_of_parts_keeps_the_places_of_its_parts() -> None:
    part = {"type": "object", "properties": {"a": {"allOf": [TEXT], "nullable": True}}}
    contract = contract_of({"allOf": [part], "nullable": True})

    (violation,) = found_in(contract, {"a": 1})

    assert violation.pointer == "/a"
    assert violation.rule.endswith("/schema/allOf/0/properties/a/allOf/0/type")


def test_read_only_holds_through_references_parts_arrays_and_maps() -> None:
    thing = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {"id": {"$ref": "#/components/schemas/Id"}, "name": TEXT},
    }
    contract = contract_of(
        {
            "allOf": [{"$ref": "#/components/schemas/Thing"}],
            "properties": {
                "things": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                "by_name": {
                    "type": "object",
                    "additionalProperties": {"$ref": "#/components/schemas/Thing"},
                },
                "whole": {"allOf": [{"$ref": "#/components/schemas/Id"}]},
            },
        },
        Thing=thing,
        Id={"type": "string", "readOnly": True},
    )
    inner = {"id": "1", "name": "x"}
    body = {**inner, "things": [inner], "by_name": {"a/b": inner}, "whole": "1"}
    judge = Judge(contract, contract.by_id["x"])

    answer = judge.judge((), b"", {b"content-type": b"application/json"}, json.dumps(body).encode())

    assert answer.body == {
        "name": "x",
        "things": [{"name": "x"}],
        "by_name": {"a/b": {"name": "x"}},
    }
    assert set(answer.ignored) == {"/id", "/whole", "/things/0/id", "/by_name/a~1b/id"}
    assert found_in(contract, {"name": "x"}) == []
    assert [one.pointer for one in found_in(contract, {"id": "1"})] == ["/name"]


def test_a_schema_that_holds_itself_is_judged_at_every_depth() -> None:
    tree = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "below": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
        },
    }
    contract = contract_of({"$ref": "#/components/schemas/Tree"}, Tree=tree)

    (violation,) = found_in(contract, {"below": [{"below": [{"below": 1}]}]})
    strict = found_in(contract, {"below": [{"below": [{"id": "x"}]}]}, strict_read_only=True)

    assert violation.pointer == "/below/0/below/0/below"
    assert [one.pointer for one in strict] == ["/below/0/below/0/id"]


def test_what_one_alternative_lets_be_written_is_not_dropped() -> None:
    def with_id(**more: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {"id": {"type": "string", **more}}}

    both = contract_of({"anyOf": [with_id(readOnly=True), with_id(readOnly=True)]})
    one = contract_of({"anyOf": [with_id(readOnly=True), with_id()]})

    assert found_in(both, {"id": "x"}, strict_read_only=True)
    assert not found_in(one, {"id": "x"}, strict_read_only=True)


def test_a_value_that_fits_two_alternatives_of_one_is_told_so() -> None:
    (violation,) = found_in(contract_of({"oneOf": [TEXT, {"maxLength": 3}]}), "x")

    assert violation.keyword == "oneOf"
    assert "more than one" in violation.message
