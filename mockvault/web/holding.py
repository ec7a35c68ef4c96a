"""Which schemas hold for a value whatever it is: those that are no branch of several."""

from collections.abc import Iterator
from typing import Any

from mockvault.contract import escape, node_at

_BRANCHING = ("anyOf", "oneOf")


def always_holding(document: Any, pointer: str) -> set[str]:
    """Return the pointers of the schemas that all values of the schema at `pointer` must obey.

    One that is reached through a branch too is not among them: it may be broken by right.
    """
    sure, perhaps = set[str](), set[str]()
    pending = [(pointer, False)]
    while pending:
        here, is_branch = pending.pop()
        reached = perhaps if is_branch else sure
        if here not in reached:
            reached.add(here)
            pending += [(one, is_branch or branches) for one, branches in _below(document, here)]
    return sure - perhaps


def _below(document: Any, pointer: str) -> Iterator[tuple[str, bool]]:
    """Yield the schemas that the one at `pointer` leads to, and whether each is but a branch."""
    try:
        node = node_at(document, pointer)
    except LookupError:
        return
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        yield node["$ref"], False
        return
    for name in node.get("properties", ()):
        yield f"{pointer}/properties/{escape(name)}", False
    for keyword in ("items", "additionalProperties"):
        if isinstance(node.get(keyword), dict):
            yield f"{pointer}/{keyword}", False
    for keyword in ("allOf", *_BRANCHING):
        for place in range(len(node.get(keyword, ()))):
            yield f"{pointer}/{keyword}/{place}", keyword in _BRANCHING
    if "not" in node:
        yield f"{pointer}/not", True
