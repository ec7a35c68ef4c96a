"""A rule and a place that were told of before are told of as if for the first time."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockvault.contract import load_contract
from mockvault.locations import builtin_contract, builtin_overlay
from mockvault.web.explanations import Explainer
from mockvault.web.schemas import Schemas

CONTRACT = load_contract(builtin_contract(), builtin_overlay())
SCHEMAS = Schemas(CONTRACT, "request")
POINTERS = ("#/components/schemas/Connection", "#/components/schemas/Session")
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


@given(asked=bodies, base=st.sampled_from([(), ("filter",)]))
def test_what_is_remembered_changes_nothing_of_what_is_told(
    asked: tuple[str, Any], base: tuple[str, ...]
) -> None:
    pointer, body = asked

    told = EXPLAINERS[pointer].explain(pointer, body, base)

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
