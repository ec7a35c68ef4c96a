"""What of a JSON value its schema looks at: two values of one shape are judged alike.

Types, names, values of enumerations, and whether a format holds are of the shape; other text and
numbers are not, unless the schema limits them. So a judge that is slow need see each shape once,
and has still judged every value.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# Keywords that leave nothing of a value open: it is its own shape.
_EXACT = frozenset(
    {
        *("pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum"),
        *("exclusiveMaximum", "multipleOf", "const", "not", "uniqueItems", "minItems", "maxItems"),
        *("minProperties", "maxProperties", "discriminator"),
    }
)
_BRANCHES = ("anyOf", "oneOf", "allOf")
_JUDGED = _EXACT | {"type", "enum", "required", "format", "additionalProperties", "nullable"}
_ANY = "any"


@dataclass(eq=False)
class Node:
    """A place in a schema: what it says, and the places below it."""

    path: str
    keywords: tuple[str, ...]
    properties: dict[str, "Node"]
    items: "Node | None"
    others: "Node | None"
    branches: tuple["Node", ...]
    is_enum: bool
    is_exact: bool
    format: str
    required: frozenset[str]
    is_closed: bool
    proven: set[Hashable] = field(default_factory=set)

    def places(self) -> Iterator[str]:
        """Yield the path of each keyword here."""
        for keyword in self.keywords:
            yield f"{self.path}{keyword}"

    def all(self) -> Iterator["Node"]:
        """Yield this place and all below it."""
        yield self
        below = (*self.properties.values(), self.items, self.others, *self.branches)
        for node in below:
            if node is not None:
                yield from node.all()


def compiled(schema: Any, resolved: Callable[[Any], Any], path: str = "") -> Node:
    """Return the places of a schema; `resolved` follows a reference to what it stands for."""
    schema = resolved(schema)
    if not isinstance(schema, Mapping):
        schema = {}
    others = schema.get("additionalProperties")
    return Node(
        path,
        tuple(k for k in schema if k in _JUDGED),
        {
            name: compiled(part, resolved, f"{path}properties/{name}/")
            for name, part in schema.get("properties", {}).items()
        },
        compiled(schema["items"], resolved, f"{path}items/") if "items" in schema else None,
        (
            compiled(others, resolved, f"{path}additionalProperties/")
            if isinstance(others, Mapping)
            else None
        ),
        tuple(
            compiled(part, resolved, f"{path}{word}/{index}/")
            for word in _BRANCHES
            for index, part in enumerate(schema.get(word, ()))
        ),
        "enum" in schema,
        not _EXACT.isdisjoint(schema),
        str(schema.get("format", "")),
        frozenset(schema.get("required", ())),
        others is False,
    )


class Reducer:
    """Reduces values to what a judge has not seen, by their shapes."""

    def __init__(self, is_well_formed: Callable[[str, Any], bool]) -> None:
        self._is_well_formed = is_well_formed

    def reduce(
        self, node: Node, value: Any, pending: list[tuple[Node, Hashable]]
    ) -> tuple[Hashable, Any]:
        """Return the shape of a value, and the value with none but new kinds of items in its lists.

        `pending` takes the kinds of items that are new: a judge that accepts the value proves them.
        """
        if node.is_exact:
            return repr(value), value
        if isinstance(value, dict):
            return self._object(node, value, pending)
        if isinstance(value, list):
            return self._list(node, value, pending)
        kind: Hashable = type(value).__name__
        if isinstance(value, float) and value.is_integer():
            kind = "whole"
        if node.is_enum:
            kind = (kind, repr(value))
        if node.format:
            kind = (kind, self._is_well_formed(node.format, value))
        if node.branches:
            kind = (kind, *(self.reduce(branch, value, pending)[0] for branch in node.branches))
        return kind, value

    def _object(
        self, node: Node, value: dict[str, Any], pending: list[tuple[Node, Hashable]]
    ) -> tuple[Hashable, Any]:
        parts: list[Hashable] = []
        out = {}
        for name, item in value.items():
            below = node.properties.get(name, node.others)
            if below is None:
                out[name] = item
                seen: Hashable = _ANY if not node.is_closed or node.branches else "extra"
                parts.append((name if name in node.required else "", seen))
                continue
            shape, out[name] = self.reduce(below, item, pending)
            parts.append((name, shape))
        if node.branches:
            branches = tuple(self.reduce(branch, value, [])[0] for branch in node.branches)
            return ("object", frozenset(parts), branches), value
        return ("object", frozenset(parts)), out

    def _list(
        self, node: Node, value: list[Any], pending: list[tuple[Node, Hashable]]
    ) -> tuple[Hashable, Any]:
        if node.branches:
            kept: list[tuple[Node, Hashable]] = []
            branches = tuple(self.reduce(branch, value, kept)[0] for branch in node.branches)
            whole = repr(value) if any(b.items is not None for b in node.branches) else ""
            return ("array", branches, whole), value
        if node.items is None:
            return ("array", bool(value)), value
        new: dict[Hashable, Any] = {}
        for item in value:
            shape, reduced = self.reduce(node.items, item, pending)
            if shape not in node.proven and shape not in new:
                new[shape] = reduced
        pending += [(node, shape) for shape in new]
        return ("array", bool(value), frozenset(new)), list(new.values()) or value[:1]


def visited(node: Node, value: Any) -> Iterator[Node]:
    """Yield the places of a schema that a value reaches."""
    yield node
    for branch in node.branches:
        yield from visited(branch, value)
    if isinstance(value, dict):
        for name, item in value.items():
            below = node.properties.get(name, node.others)
            if below is not None:
                yield from visited(below, item)
    elif isinstance(value, list) and node.items is not None:
        for item in value:
            yield from visited(node.items, item)
