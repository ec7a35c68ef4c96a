"""A rule and a place that were told of before are told of as if for the first time."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockvault.contract import load_contract
from mockvault.locations import builtin_contract, builtin_overlay
from mockvault.web.explanations import Explainer
from mockvault.web.schemas import Schemas

CONTRACT = load_contract(builtin_contract(), builtin_overlay())
SCHEMAS = Schemas(CONTRACT, "request")
POINTERS = tuple(
    f"#/components/schemas/{name}"
    for name in ("Connection", "Session", "CustomMapping", "LogsFilter")
)
EXPLAINERS = {pointer: Explainer(SCHEMAS, "body") for pointer in POINTERS}
"""They remember from one example to the next."""

wrong = st.sampled_from([1, -1, 1.5, "x", "y" * 100, "secret-1", "secret-2", [], [1], {}, True])
values = st.recursive(
    wrong,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["resource", "defaults", "id", "value", "z" * 90]), inner)
    ),
    max_leaves=5,
)


def names_of(pointer: str) -> list[str]:
    return [*CONTRACT.resolve(pointer)["properties"], "stranger"]


bodies = st.sampled_from(POINTERS).flatmap(
    lambda pointer: st.tuples(
        st.just(pointer),
        st.dictionaries(st.sampled_from(names_of(pointer)), values, max_size=4) | values,
    )
)


@given(asked=bodies, base=st.sampled_from([(), ("filter",)]), is_short=st.booleans())
def test_what_is_remembered_changes_nothing_of_what_is_told(
    asked: tuple[str, Any], base: tuple[str, ...], *, is_short: bool
) -> None:
    pointer, body = asked
    size = 1_000 if is_short else None  # of what is short, rules are told again by their addresses

    told = EXPLAINERS[pointer].explain(pointer, body, base, size=size)

    assert told == Explainer(SCHEMAS, "body").explain(pointer, body, base)
    assert all(violation.pointer.startswith("/filter") for violation in told if base)


def test_a_secret_is_hidden_however_often_its_place_is_told_of() -> None:
    explainer = Explainer(SCHEMAS, "body")
    pointer = "#/components/schemas/Connection"

    for value in ("hunter2", "hunter3", 4):
        (violation,) = explainer.explain(pointer, {"settings": value})
        assert violation.got == ("integer" if value == 4 else "string")
        (shown,) = explainer.explain(pointer, {"enabled": value})
        assert shown.got == value


def shapes(folder: Path, **schemas: Any) -> Schemas:
    """Return the schemas of a contract that has these and one operation."""
    answer = {"200": {"description": "OK"}}
    document = {
        "openapi": "3.0.3",
        "info": {"title": "shapes", "version": "1"},
        "paths": {"/things": {"get": {"operationId": "things", "responses": answer}}},
        "components": {"schemas": schemas},
    }
    file = folder / "shapes.json"
    file.write_text(json.dumps(document))
    return Schemas(load_contract(file), "request")


NUMBER = {"$ref": "#/components/schemas/Number"}
TEXT = {"type": "object", "properties": {"b": {"type": "string"}}}


def test_a_rule_of_which_a_branch_may_break_free_is_not_taken_for_one_that_holds(
    tmp_path: Path,
) -> None:
    schemas = shapes(
        tmp_path,
        Number={"type": "object", "properties": {"a": {"type": "integer"}}},
        Sure={"allOf": [NUMBER]},
        Perhaps={"anyOf": [NUMBER, TEXT], "properties": {"c": {"type": "boolean"}}},
        Both={"allOf": [NUMBER], "anyOf": [NUMBER, TEXT]},
        Never={"not": NUMBER},
    )
    rule = "urn:vault-contract#/components/schemas/Number/properties/a"

    holding = {
        name: rule in schemas.holding(f"#/components/schemas/{name}")
        for name in ("Sure", "Perhaps", "Both", "Never")
    }

    assert holding == {"Sure": True, "Perhaps": False, "Both": False, "Never": False}
    pointer = "#/components/schemas/Perhaps"
    assert f"urn:vault-contract{pointer}/properties/c" in schemas.holding(pointer)


def test_a_rule_that_is_broken_in_branches_too_is_told_alike_however_often_it_was_told(
    tmp_path: Path,
) -> None:
    schemas = shapes(
        tmp_path,
        Number={"type": "object", "properties": {"a": {"type": "integer"}}},
        Both={"allOf": [NUMBER], "anyOf": [NUMBER, {"allOf": [NUMBER]}]},
    )
    explainer = Explainer(schemas, "body")

    told = [explainer.explain("#/components/schemas/Both", {"a": "x"}, size=20) for _ in range(3)]

    assert told == [told[0]] * 3
