"""The harness's own reading of the contract: operations, and requests and answers.

The contract is judged by a strict reading of it. `default` covers refusals only, so a success
with a status that is not declared is a failure; and error bodies, in which the contract requires
nothing, must hold what its own examples show.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

ERROR_FIELDS = ("status_code", "error", "type_name", "message", "detail", "ref")
_KEPT = frozenset(
    {
        *("type", "items", "anyOf", "oneOf", "allOf", "required", "enum", "format", "pattern"),
        *("additionalProperties", "minimum", "maximum", "minLength", "maxLength", "minItems"),
    }
)


# What a path may ask for and the tester has: a later contract may ask for more.
_IN_PATHS = frozenset(
    {"unified_api", "service_id", "resource", "consumer_id", "application_id", "target_field_id"}
)


class ContractUnreadable(Exception):
    """The contract cannot be found or read."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    place: str
    required: bool
    schema: Mapping[str, Any]
    pointer: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which a message breaks the contract."""

    pointer: str
    keyword: str
    message: str
    rule: str


@dataclass(frozen=True)
class Operation:
    operation_id: str
    method: str
    path: str
    pointer: str
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Any] | None
    body_required: bool
    statuses: tuple[int, ...]
    is_public: bool
    answers: Mapping[int, Any] = field(repr=False)

    @property
    def needs_consumer(self) -> bool:
        """Whether the caller must name a consumer in a header."""
        return any(p.name == "x-apideck-consumer-id" for p in self.parameters)

    @property
    def writes(self) -> bool:
        """Whether the operation may change something: by its method, or as a step of OAuth."""
        return self.method != "GET" or self.is_public

    @property
    def success(self) -> int:
        """The one status of success that the contract declares."""
        return next(status for status in self.statuses if status < 400)


@functools.cache
def load(path: str | None = None) -> "Contract":
    """Read the contract: from the file, the installed package, or the checkout."""
    if path is not None:
        source = Path(path)
    else:
        packed = Path(str(resources.files("conformance"))) / "_data" / "vault.yml"
        source = packed if packed.exists() else Path(__file__).parents[1] / "spec" / "vault.yml"
    try:
        text = source.read_text(encoding="utf-8")
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        return Contract(document)
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ContractUnreadable(f"{source}: {type(error).__name__}: {error}") from error


class Contract:
    """Operations by id, and compiled judges of bodies.

    Operations of a later contract that nobody here could call are `beyond`.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.version = str(document["info"]["version"])
        read = {op.operation_id: op for op in self._read()}
        self.beyond = tuple(name for name, op in read.items() if _asked(op.path) - _IN_PATHS)
        self.operations = {name: op for name, op in read.items() if name not in self.beyond}
        self._routes = [
            (op, re.compile("^" + re.sub(r"\{\w+\}", "[^/]+", op.path) + "$"))
            for op in self.operations.values()
        ]
        self._judges: dict[tuple[str, int], Any] = {}

    def _read(self) -> Iterator[Operation]:
        for path, item in self.document["paths"].items():
            for method, raw in item.items():
                if "operationId" not in raw:
                    continue
                pointer = f"#/paths/{path.replace('/', '~1')}/{method}"
                body = self.resolved(raw["requestBody"]) if "requestBody" in raw else None
                schema = body["content"]["application/json"]["schema"] if body else None
                responses = raw["responses"]
                yield Operation(
                    operation_id=raw["operationId"],
                    method=method.upper(),
                    path=path,
                    pointer=pointer,
                    parameters=tuple(self._parameters(raw, pointer)),
                    body=self.schema(schema, request=True) if schema is not None else None,
                    body_required=bool(body and body.get("required")),
                    statuses=tuple(int(code) for code in responses if code.isdigit()),
                    is_public=raw.get("security") == [],
                    answers={int(c): r for c, r in responses.items() if c.isdigit()},
                )

    def _parameters(self, raw: Mapping[str, Any], pointer: str) -> Iterator[Parameter]:
        for index, ref in enumerate(raw.get("parameters", ())):
            row = self.resolved(ref)
            yield Parameter(
                row["name"],
                row["in"],
                bool(row.get("required")),
                self.schema(row["schema"], request=True),
                f"{pointer}/parameters/{index}",
            )

    def resolved(self, node: Any) -> Any:
        """Follow references to what they stand for."""
        while isinstance(node, Mapping) and "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/")]
            node = target
        return node

    def schema(self, node: Any, *, request: bool) -> Any:
        """Translate OpenAPI 3.0 into JSON Schema; in requests, readOnly may be anything."""
        node = self.resolved(node)
        if isinstance(node, list):
            return [self.schema(item, request=request) for item in node]
        if not isinstance(node, Mapping):
            return node
        if request and node.get("readOnly"):
            return {}
        out = {
            key: self.schema(value, request=request) for key, value in node.items() if key in _KEPT
        }
        if "properties" in node:
            rows = node["properties"].items()
            out["properties"] = {name: self.schema(row, request=request) for name, row in rows}
            if request and "required" in out:  # what is read only is required of answers alone
                served = {name for name, row in rows if self.resolved(row).get("readOnly")}
                out["required"] = [name for name in out["required"] if name not in served]
        if node.get("nullable") and "type" in out:
            out["type"] = [out["type"], "null"]
            if "enum" in out:
                out["enum"] = [*out["enum"], None]
        return out

    def operation_at(self, method: str, path: str) -> Operation | None:
        """Return the operation that a request line reaches."""
        return next((op for op, rx in self._routes if op.method == method and rx.match(path)), None)

    def methods_at(self, path: str) -> tuple[str, ...]:
        """Return the methods that the contract declares for a path."""
        return tuple(op.method for op, pattern in self._routes if pattern.match(path))

    def answer_problems(self, operation_id: str, status: int, body: Any) -> list[Problem]:
        """Tell how the JSON body of an answer breaks the schema of its operation and status."""
        operation = self.operations[operation_id]
        response = self.resolved(operation.answers.get(status) or {})
        media = response.get("content", {}).get("application/json") if response else None
        if media is None:
            return []
        key = (operation_id, status)
        if key not in self._judges:
            schema = self.schema(media["schema"], request=False)
            self._judges[key] = jsonschema_rs.Draft4Validator(schema, validate_formats=True)
        return _problems(self._judges[key], body, f"{operation.pointer}/responses/{status}")

    def body_problems(self, operation_id: str, body: Any) -> list[Problem]:
        """Tell how a request body breaks the contract."""
        operation = self.operations[operation_id]
        if operation.body is None:
            return []
        key = (operation_id, 0)
        if key not in self._judges:
            judge = jsonschema_rs.Draft4Validator(dict(operation.body), validate_formats=True)
            self._judges[key] = judge
        return _problems(self._judges[key], body, f"{operation.pointer}/requestBody")


def _asked(path: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", path))


def _problems(judge: Any, body: Any, rule: str) -> list[Problem]:
    return [
        Problem(
            "/" + "/".join("*" if isinstance(p, int) else str(p) for p in error.instance_path),
            type(error.kind).__name__.rpartition("_")[2],
            str(error.message)[:200],
            f"{rule} {'/'.join(map(str, error.schema_path))}",
        )
        for error in _errors(judge, body)
    ]


def _errors(judge: Any, body: Any) -> list[Any]:
    try:
        return list(judge.iter_errors(body))
    except (UnicodeEncodeError, ValueError):
        return []  # lone surrogates and numbers beyond measure cannot be judged
