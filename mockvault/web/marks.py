"""What a direction of traffic must not carry: `readOnly` properties in, `writeOnly` ones out."""

from collections.abc import Mapping
from typing import Any

from mockvault.contract import Contract, escape

_Declared = tuple[Any, str]


class Marks:
    """The marked properties of the values of one schema, as a tree over those values."""

    __slots__ = ("declared", "drop", "items", "others", "properties")

    def __init__(self) -> None:
        self.drop: dict[str, str] = {}
        self.properties: dict[str, Marks] = {}
        self.declared: frozenset[str] = frozenset()
        self.items: Marks | None = None
        self.others: Marks | None = None

    def strip(self, value: Any, path: str, found: list[tuple[str, str]]) -> None:
        """Remove what is marked from `value`; append (its JSON pointer, its rule) to `found`."""
        if type(value) is dict:
            if not self.drop.keys().isdisjoint(value):
                for name in [name for name in value if name in self.drop]:
                    found.append((f"{path}/{escape(name)}", self.drop[name]))
                    del value[name]
            if not self.properties.keys().isdisjoint(value):
                for name, below in self.properties.items():
                    if name in value:
                        below.strip(value[name], f"{path}/{escape(name)}", found)
            if self.others is not None:
                for name in [name for name in value if name not in self.declared]:
                    self.others.strip(value[name], f"{path}/{escape(name)}", found)
        elif type(value) is list and self.items is not None:
            self._strip_items(self.items, value, path, found)

    @staticmethod
    def _strip_items(
        below: "Marks", items: list[Any], path: str, found: list[tuple[str, str]]
    ) -> None:
        for position, item in enumerate(items):
            below.strip(item, f"{path}/{position}", found)

    def below(self) -> list["Marks"]:
        """Return the trees that this one leads to."""
        ends = (self.items, self.others)
        return [*self.properties.values(), *(end for end in ends if end is not None)]

    def forget(self, useless: set[int]) -> None:
        """Cut off the trees, given by identity, in which nothing is marked."""
        self.properties = {
            name: below for name, below in self.properties.items() if id(below) not in useless
        }
        self.items = None if id(self.items) in useless else self.items
        self.others = None if id(self.others) in useless else self.others


def mark_of(contract: Contract, node: Any, pointer: str, mark: str) -> str | None:
    """Return where the property schema `node` is marked, by itself or through what it refers to."""
    node, pointer = contract.follow(node, pointer)
    if not isinstance(node, Mapping):
        return None
    if node.get(mark) is True:
        return f"{pointer}/{mark}"
    for position, part in enumerate(node.get("allOf", ())):
        found = mark_of(contract, part, f"{pointer}/allOf/{position}", mark)
        if found:
            return found
    return None


def marks_of(contract: Contract, pointer: str, mark: str) -> Marks | None:
    """Return the tree of what is marked in values of the schema at `pointer`, None for nothing."""
    known: dict[tuple[str, ...], Marks] = {}
    root = _grown(contract, [(contract.resolve(pointer), pointer)], mark, known)
    useless = {id(tree) for tree in known.values() if not tree.drop}
    settled = False
    while not settled:
        useful = {
            id(tree)
            for tree in known.values()
            if id(tree) in useless and any(id(below) not in useless for below in tree.below())
        }
        useless -= useful
        settled = not useful
    for tree in known.values():
        tree.forget(useless)
    return None if id(root) in useless else root


def _grown(
    contract: Contract, parts: list[_Declared], mark: str, known: dict[tuple[str, ...], Marks]
) -> Marks:
    always, perhaps = _parts(contract, parts)
    holding = [*always, *perhaps]
    key = tuple(pointer for _, pointer in holding)
    if key in known:
        return known[key]
    tree = known[key] = Marks()
    for name, schemas in _declared(holding).items():
        rules = [mark_of(contract, node, where, mark) for node, where in schemas]
        certain = {pointer for _, pointer in always}
        owners = [where.rpartition("/properties/")[0] for _, where in schemas]
        sure = [
            rule for rule, owner in zip(rules, owners, strict=True) if rule and owner in certain
        ]
        # a branch of several marks a property only when no other branch lets it be written
        rule = sure[0] if sure else rules[0] if all(rules) else None
        if rule:
            tree.drop[name] = rule
        else:
            tree.properties[name] = _grown(contract, schemas, mark, known)
    tree.declared = frozenset([*tree.drop, *tree.properties])
    items = [(node["items"], f"{pointer}/items") for node, pointer in holding if "items" in node]
    others = [
        (node["additionalProperties"], f"{pointer}/additionalProperties")
        for node, pointer in holding
        if isinstance(node.get("additionalProperties"), Mapping)
    ]
    tree.items = _grown(contract, items, mark, known) if items else None
    tree.others = _grown(contract, others, mark, known) if others else None
    return tree


def _declared(holding: list[_Declared]) -> dict[str, list[_Declared]]:
    properties: dict[str, list[_Declared]] = {}
    for node, pointer in holding:
        for name, schema in node.get("properties", {}).items():
            where = f"{pointer}/properties/{escape(name)}"
            properties.setdefault(name, []).append((schema, where))
    return properties


def _parts(contract: Contract, parts: list[_Declared]) -> tuple[list[_Declared], list[_Declared]]:
    """Return the schemas that hold in any case, and those that are one branch of several."""
    always: list[_Declared] = []
    perhaps: list[_Declared] = []
    seen: set[str] = set()
    pending = [(node, pointer, always) for node, pointer in parts]
    while pending:
        node, pointer, kept = pending.pop(0)
        node, pointer = contract.follow(node, pointer)
        if pointer in seen or not isinstance(node, Mapping):
            continue
        seen.add(pointer)
        kept.append((node, pointer))
        for keyword in ("allOf", "anyOf", "oneOf"):
            target = kept if keyword == "allOf" else perhaps
            pending.extend(
                (part, f"{pointer}/{keyword}/{position}", target)
                for position, part in enumerate(node.get(keyword, ()))
            )
    return always, perhaps
