"""A body is read as every reader reads it, or refused: whatever stands in its texts."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockvault.web.bodies import BodyUnreadable, read_json

texts = st.text(st.sampled_from('ab:"\\{},é\n'), max_size=4)
names = st.sampled_from(["a", "b", 'a":', "a:", "\\", "\u00e9", ""])
values = st.recursive(
    texts | st.integers(-9, 9) | st.none() | st.booleans() | st.floats(-2, 2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(names, inner), max_size=3).map(tuple)
    ),
    max_leaves=8,
)
"""JSON values, of which an object is a tuple of pairs: a name may come again."""


def written(value: Any, *, spaced: bool, escaped: bool) -> str:
    """Return the JSON text of a value, an object's names as they are given."""

    def text_of(inner: Any) -> str:
        return written(inner, spaced=spaced, escaped=escaped)

    if isinstance(value, tuple):
        colon = " : " if spaced else ":"
        pairs = [text_of(name) + colon + text_of(inner) for name, inner in value]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    if isinstance(value, str) and escaped:
        return '"' + "".join(f"\\u{ord(each):04x}" for each in value) + '"'
    return json.dumps(value, ensure_ascii=escaped)


def repeats(value: Any) -> bool:
    """Tell whether an object within has a name twice."""
    if isinstance(value, tuple):
        return len({name for name, _ in value}) < len(value) or any(
            repeats(inner) for _, inner in value
        )
    return isinstance(value, list) and any(map(repeats, value))


@given(value=values, spaced=st.booleans(), escaped=st.booleans())
@example(value=(("a", ""), ("a", ":")), spaced=False, escaped=True)
@example(value=(("a", ":"), ("a", "")), spaced=False, escaped=False)
@example(value=(("a", (("b", ":"),)), ("a", "::")), spaced=False, escaped=False)
def test_a_body_is_refused_where_a_name_comes_again_and_nowhere_else(
    value: Any, *, spaced: bool, escaped: bool
) -> None:
    text = written(value, spaced=spaced, escaped=escaped)
    if repeats(value):
        with pytest.raises(BodyUnreadable) as refused:
            read_json(text.encode())
        assert refused.value.keyword == "repeated"
    else:
        assert read_json(text.encode()) == json.loads(text)
