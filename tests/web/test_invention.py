import re
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from mockvault.contract import Contract, index_contract, load_contract
from mockvault.web.answers import AnswerJudge
from mockvault.web.invention import CannotInvent, Invented, invent
from mockvault.web.patterns import NotSimple, matching

SPEC = Path(__file__).parents[2] / "spec"
CONTRACT = load_contract(SPEC / "vault.yml", SPEC / "overlay.yml", validate=False)


def without_examples(node: Any, *, names: bool = False) -> Any:
    if isinstance(node, dict):
        return {
            key: without_examples(value, names=not names and key in {"properties", "schemas"})
            for key, value in node.items()
            if names or key not in {"example", "examples"}
        }
    if isinstance(node, list):
        return [without_examples(item) for item in node]
    return node


BARE_DOCUMENT = without_examples(CONTRACT.document)
BARE = index_contract(BARE_DOCUMENT, BARE_DOCUMENT, "")
IDS = sorted(CONTRACT.by_id)


def content(invented: Invented) -> bytes | None:
    return None if invented.body is None else orjson.dumps(invented.body)


def violations(contract: Contract, operation_id: str, seed: int) -> Any:
    operation = contract.by_id[operation_id]
    invented = invent(contract, operation, seed=seed)
    headers = {name.encode(): value.encode() for name, value in invented.headers.items()}
    return AnswerJudge(contract, operation).violations(invented.status, headers, content(invented))


@pytest.mark.parametrize("operation_id", IDS)
def test_an_answer_is_invented_for_every_operation_and_breaks_nothing(operation_id: str) -> None:
    for seed in range(5):
        assert violations(CONTRACT, operation_id, seed) == ()
        assert violations(BARE, operation_id, seed) == ()


@pytest.mark.parametrize("contract", [CONTRACT, BARE], ids=["examples", "bare"])
def test_an_independent_judge_finds_nothing_wrong_with_what_is_invented(
    contract: Contract,
) -> None:
    openapi = OpenAPI.from_dict(contract.document)

    for operation in contract.operations:
        invented = invent(contract, operation, seed=7)
        path = re.sub(r"\{.*?\}", "x", operation.path)
        request = MockRequest("http://localhost", operation.method.lower(), path)
        server = contract.document["servers"][0]["url"]
        request = MockRequest(server, operation.method.lower(), path)
        openapi.validate_response(
            request,
            MockResponse(
                content(invented) or b"",
                status_code=invented.status,
                content_type=invented.headers.get("content-type", "application/json"),
                headers=invented.headers,
            ),
        )


@pytest.mark.parametrize("contract", [CONTRACT, BARE], ids=["examples", "bare"])
def test_one_seed_invents_one_answer(contract: Contract) -> None:
    for operation in contract.operations:
        once = invent(contract, operation, seed=3)

        assert invent(contract, operation, seed=3) == once


def test_another_seed_invents_another_answer() -> None:
    operation = BARE.by_id["connectionsOne"]

    assert invent(BARE, operation, seed=1) != invent(BARE, operation, seed=2)


def test_the_declared_example_is_the_answer_with_the_status_that_is_sent() -> None:
    operation = CONTRACT.by_id["customMappingsAdd"]
    media_type = operation.responses["200"].content["application/json"]
    properties = CONTRACT.follow(media_type.schema, "#")[0]["properties"]

    invented = invent(CONTRACT, operation, seed=1)

    assert properties["status_code"]["example"] == 201
    assert invented.status == 200
    assert invented.body is not None
    assert invented.body["status_code"] == 200


def test_a_generated_answer_speaks_of_what_was_asked_for() -> None:
    operation = BARE.by_id["consumersOne"]

    invented = invent(BARE, operation, seed=1, parameters={"consumer_id": "ada"})

    assert invented.body is not None
    assert invented.body["data"]["consumer_id"] == "ada"


def test_what_leads_away_says_where() -> None:
    invented = invent(CONTRACT, CONTRACT.by_id["connectionsRevoke"], seed=1)

    assert (invented.status, invented.body) == (301, None)
    assert invented.headers["location"].startswith("https://")


def contract_of(schema: Any, media_type: str = "application/json", **components: Any) -> Contract:
    answer = {"description": "fine", "content": {media_type: {"schema": schema}}}
    document = {
        "openapi": "3.0.3",
        "info": {"title": "One operation", "version": "1"},
        "components": {"schemas": components},
        "paths": {"/x": {"get": {"operationId": "x", "responses": {"200": answer}}}},
    }
    return index_contract(document, document, "")


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 40, "maxLength": 41},
        {"type": "string", "maxLength": 1},
        {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2,4}$"},
        {"type": "string", "pattern": r"^(foo|ba[rz])\.\w+\d?$"},
        *({"type": "string", "format": name} for name in ("date", "date-time", "time", "uuid")),
        *({"type": "string", "format": name} for name in ("email", "uri", "ipv4", "ipv6")),
        *({"type": "string", "format": name} for name in ("hostname", "byte", "duration")),
        {"type": "integer", "minimum": 3, "maximum": 3},
        {"type": "integer", "minimum": 3, "exclusiveMinimum": True, "maximum": 4},
        {"type": "number", "minimum": 0.1, "maximum": 0.2},
        {"type": "integer", "multipleOf": 7, "minimum": 50},
        {"type": "integer", "maximum": -5},
        {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": TEXT, "maxItems": 0},
        {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 4},
        {"type": "object", "required": ["a"]},
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False},
        {"enum": [None, "a"], "nullable": True, "type": "string"},
        {"allOf": [{"properties": {"a": TEXT}, "required": ["a"]}], "required": ["b"]},
        {"oneOf": [TEXT, {"type": "integer"}]},
        {
            "oneOf": [
                {"type": "object", "properties": {"kind": {"enum": [kind]}}, "required": ["kind"]}
                for kind in ("a", "b")
            ]
        },
        {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "array", "items": TEXT}]},
        {"$ref": "#/components/schemas/Tree"},
        {"properties": {"a": {"type": "string", "writeOnly": True}}, "required": ["a"]},
        {},
    ],
    ids=str,
)
def test_a_schema_of_any_kind_is_filled(schema: Any) -> None:
    tree = {
        "type": "object",
        "required": ["below"],
        "properties": {"below": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
    }
    contract = contract_of(schema, Tree=tree)

    for seed in range(20):
        assert violations(contract, "x", seed) == ()


def test_an_example_that_its_own_schema_refuses_is_not_used() -> None:
    contract = contract_of({"type": "string", "maxLength": 3, "example": "too long"})

    body = invent(contract, contract.by_id["x"], seed=1).body

    assert body is not None
    assert len(body) <= 3


def test_what_no_value_fulfils_is_not_invented() -> None:
    contract = contract_of({"type": "string", "minLength": 2, "maxLength": 1})

    with pytest.raises(CannotInvent, match="x"):
        invent(contract, contract.by_id["x"], seed=1)


def test_a_page_is_text() -> None:
    contract = contract_of(TEXT, "text/html")

    invented = invent(contract, contract.by_id["x"], seed=1)

    assert isinstance(invented.body, str)
    assert invented.headers["content-type"] == "text/html"


PATTERN_PARTS = ["a", r"\d", r"\w{2}", "[a-c]+", "[^x]", "(ab|cd)?", ".", "(?:x){2,3}", r"\.", "z*"]


@given(st.lists(st.sampled_from(PATTERN_PARTS), max_size=6), st.integers())
def test_a_text_made_from_a_simple_pattern_matches_it(parts: list[str], seed: int) -> None:
    pattern = f"^{''.join(parts)}$"

    assert re.search(pattern, matching(pattern, Random(seed)))


@pytest.mark.parametrize("pattern", ["(?=a)", r"\ba", r"(a)\1", "(a", "a)", "[a", "*", "a{x}"])
def test_a_pattern_that_is_not_simple_is_told(pattern: str) -> None:
    with pytest.raises(NotSimple):
        matching(pattern, Random(1))
