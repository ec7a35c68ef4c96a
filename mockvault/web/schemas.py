"""The contract's schemas, translated from OpenAPI 3.0 and compiled, for one direction of traffic.

The translated document keeps the places of the published one, so an error's place is its rule.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from jsonschema_rs import Draft4, Draft4Validator, Draft202012Validator, Registry

from mockvault.contract import Contract, node_at, pointer_of, tokens_of
from mockvault.web.holding import always_holding
from mockvault.web.marks import Marks, mark_of, marks_of

Direction = Literal["request", "answer"]

_Path = tuple[str, ...]

_BASE = "urn:vault-contract"
_COPIED = (
    *("enum", "exclusiveMaximum", "exclusiveMinimum", "format", "maximum", "maxItems", "maxLength"),
    *("maxProperties", "minimum", "minItems", "minLength", "minProperties", "multipleOf"),
    *("pattern", "uniqueItems"),
)
_NULL = {"type": "null"}
# Draft 4 does not know these formats; the later draft's own checks are lent to it.
_LATER_FORMATS = ("duration", "iri", "iri-reference", "json-pointer", "uri-reference", "uuid")


def _lent(name: str) -> Callable[[str], bool]:
    return Draft202012Validator({"format": name}, validate_formats=True).is_valid


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _scalar_rules(schema: Mapping[str, Any], *, nullable: bool) -> dict[str, Any]:
    told = {keyword: schema[keyword] for keyword in _COPIED if keyword in schema}
    if "type" in schema:
        told["type"] = [schema["type"], "null"] if nullable else schema["type"]
    if nullable and "enum" in told and None not in told["enum"]:
        told["enum"] = [*told["enum"], None]
    return told


class Schemas:
    """All schemas of one contract as one direction must obey them.

    In a request what is `readOnly` is not required, in an answer what is `writeOnly`.
    """

    def __init__(self, contract: Contract, direction: Direction) -> None:
        self.contract = contract
        self.mark = "readOnly" if direction == "request" else "writeOnly"
        self._moved: dict[_Path, _Path] = {}
        self._formats = {name: _lent(name) for name in _LATER_FORMATS} | {"byte": _is_base64}
        self._validators: dict[str, Draft4Validator] = {}
        self._holding: dict[str, frozenset[str]] = {}
        self.names: set[str] = set()
        document: dict[str, Any] = {}
        for pointer in self._places(direction):
            self._place(document, pointer)
        self._document = document
        self._registry = Registry([(_BASE, document)], draft=Draft4)

    def validator(self, pointer: str) -> Draft4Validator:
        """Return the validator of the schema at `pointer`, compiled once."""
        found = self._validators.get(pointer)
        if found is None:
            reference = {"$ref": f"{_BASE}#{quote(pointer.removeprefix('#'), safe='/~')}"}
            found = self._validators[pointer] = Draft4Validator(
                reference if self._says_something(pointer) else {},
                registry=self._registry,
                validate_formats=True,
                formats=self._formats,
                ignore_unknown_formats=True,
                offline=True,
            )
        return found

    def holding(self, pointer: str) -> frozenset[str]:
        """Return the addresses of the schemas that hold whatever a value of `pointer` is.

        What breaks one of them is wrong for sure: none of them is a branch of several, or ruled
        out, anywhere below the schema at `pointer`.
        """
        found = self._holding.get(pointer)
        if found is None:
            found = frozenset(f"{_BASE}{one}" for one in always_holding(self._document, pointer))
            self._holding[pointer] = found
        return found

    def marks(self, pointer: str) -> Marks | None:
        """Return where values of the schema at `pointer` hold what this direction must not."""
        return (
            marks_of(self.contract, pointer, self.mark) if self._says_something(pointer) else None
        )

    def _says_something(self, pointer: str) -> bool:
        try:
            return bool(self.contract.resolve(pointer))
        except LookupError:
            return False

    def place(self, path: Sequence[str | int]) -> tuple[tuple[str, ...], bool]:
        """Return where in the contract an error's schema path stands.

        The second value tells whether a wrapper of our own lies between, which says "or null".
        """
        tokens = [str(token) for token in path]
        for length in range(len(tokens), 0, -1):
            moved = self._moved.get(tuple(tokens[:length]))
            if moved is not None:
                return (*moved, *tokens[length:]), length == len(tokens)
        return tuple(tokens), False

    def _places(self, direction: Direction) -> Iterator[str]:
        schemas = self.contract.document.get("components", {}).get("schemas", {})
        yield from (pointer_of(("components", "schemas", name)) for name in schemas)
        for operation in self.contract.operations:
            if direction == "request":
                yield from (f"{one.pointer}/schema" for one in operation.parameters if one.schema)
                yield from (one.schema_pointer for one in operation.bodies.values() if one.schema)
            else:
                for response in operation.responses.values():
                    kinds = response.content.values()
                    yield from (one.schema_pointer for one in kinds if one.schema)

    def _place(self, document: dict[str, Any], pointer: str) -> None:
        """Put the translation of the schema at `pointer`, and all it refers to, into `document`."""
        pending = [pointer]
        while pending:
            target = pending.pop()
            tokens = tokens_of(target)
            try:
                node_at(document, target)
            except LookupError:
                holder: Any = document
                for token in tokens[:-1]:
                    holder = holder.setdefault(token, {})
                path = tuple(tokens)
                holder[tokens[-1]] = {}  # found by the references of its own parts
                holder[tokens[-1]] = self._translated(
                    self.contract.resolve(target), path, path, pending
                )

    def _translated(
        self, schema: Mapping[str, Any], path: _Path, at: _Path, pending: list[str]
    ) -> dict[str, Any]:
        """Translate the schema published at `path`, to stand at `at`."""
        if isinstance(schema.get("$ref"), str):
            pending.append(schema["$ref"])
            return {"$ref": schema["$ref"]}
        nullable = schema.get("nullable") is True
        if nullable and "allOf" in schema:
            self._moved[*at, "anyOf"] = path
            self._moved[*at, "anyOf", "0"] = path
            at = (*at, "anyOf", "0")
            return {"anyOf": [self._plain(schema, path, at, pending, nullable=False), _NULL]}
        return self._plain(schema, path, at, pending, nullable=nullable)

    def _plain(
        self,
        schema: Mapping[str, Any],
        path: _Path,
        at: _Path,
        pending: list[str],
        *,
        nullable: bool,
    ) -> dict[str, Any]:
        def inner(node: Mapping[str, Any], *steps: str) -> dict[str, Any]:
            return self._translated(node, (*path, *steps), (*at, *steps), pending)

        told = _scalar_rules(schema, nullable=nullable)
        for keyword in ("allOf", "anyOf", "oneOf"):
            if keyword in schema:
                branches = enumerate(schema[keyword])
                told[keyword] = [inner(node, keyword, str(place)) for place, node in branches]
                if nullable:  # last, so that the others keep their places
                    told[keyword].append(_NULL)
        if "properties" in schema:
            properties = schema["properties"].items()
            self.names.update(schema["properties"])
            told["properties"] = {
                name: inner(node, "properties", name) for name, node in properties
            }
        for keyword in ("items", "not", "additionalProperties"):
            node = schema.get(keyword)
            if isinstance(node, bool):
                told[keyword] = node
            elif node is not None:
                told[keyword] = inner(node, keyword)
        if required := self._required(schema):
            self.names.update(required)
            told["required"] = required
        return told

    def _required(self, schema: Mapping[str, Any]) -> list[str]:
        names = schema.get("required", [])
        if not names:
            return []
        known: dict[str, Any] = {}
        for part in [schema, *schema.get("allOf", ())]:
            node, _ = self.contract.follow(part, "#")
            known.update(node.get("properties", {}))
        return [
            name
            for name in names
            if name not in known or mark_of(self.contract, known[name], "#", self.mark) is None
        ]
