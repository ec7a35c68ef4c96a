"""The contract: an OpenAPI 3.0 document and our overlay of it, read, checked and indexed."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mockvault.cache import Cache, key_of

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
CONSUMER_HEADER = "x-apideck-consumer-id"
APPLICATION_HEADER = "x-apideck-app-id"

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NO_CACHE = Cache(None)
_READ_BY = ("pyyaml", "jsonpath-rfc9535", "openapi-spec-validator", "orjson")
_UNJUDGED_HEADERS = frozenset({"accept", "authorization", "content-type"})
_STYLES = {"path": "simple", "header": "simple", "query": "form"}
_KNOWN_STYLES = frozenset(
    ["deepObject", "form", "label", "matrix", "pipeDelimited", "simple", "spaceDelimited"]
)
# Below these keys stand names given by the author, not words of OpenAPI.
_NAMES = frozenset(
    {
        *("callbacks", "content", "examples", "headers", "links", "mapping", "parameters", "paths"),
        *("properties", "requestBodies", "responses", "schemas", "securitySchemes", "variables"),
        "x-webhooks",
    }
)
# Below these keys stands data, in which "$ref" and "type" mean nothing.
_DATA = frozenset({"default", "enum", "example", "value"})


class ContractInvalid(Exception):
    """The contract cannot be used: `pointer` says where in `file`, `reason` says why."""

    def __init__(self, pointer: str, reason: str, file: Path | None = None) -> None:
        super().__init__(f"{file or 'the contract'}: {pointer}: {reason}")
        self.pointer = pointer
        self.reason = reason
        self.file = file


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation; `pointer` says where the contract declares it."""

    name: str
    location: str
    required: bool
    schema: Mapping[str, Any]
    style: str
    explode: bool
    pointer: str
    default: Any = None


@dataclass(frozen=True)
class MediaType:
    """What a body of one media type is: its schema, where that stands, and its examples."""

    name: str
    pointer: str
    schema: Mapping[str, Any]
    examples: tuple[Any, ...] = ()

    @property
    def schema_pointer(self) -> str:
        return f"{self.pointer}/schema"


@dataclass(frozen=True)
class Response:
    """One declared answer; `status` is as in the contract: "200", "4XX" or "default"."""

    status: str
    pointer: str
    description: str
    content: Mapping[str, MediaType] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One operation of the contract with its references followed, schemas excepted."""

    operation_id: str
    method: str
    path: str
    segments: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    body_schema: Mapping[str, Any] | None
    body_required: bool
    body_pointer: str
    bodies: Mapping[str, MediaType]
    responses: Mapping[str, Response]
    needs_key: bool
    takes_consumer: bool
    takes_application: bool
    takes_session: bool
    summary: str
    pointer: str
    success_status: int

    @property
    def media_types(self) -> tuple[str, ...]:
        return tuple(self.bodies)


@dataclass(frozen=True, eq=False)
class Contract:
    """A contract that passed its checks: `document` has the overlay applied, `pristine` has not."""

    document: dict[str, Any]
    pristine: dict[str, Any]
    version: str
    title: str
    digest: str
    operations: tuple[Operation, ...]
    by_id: Mapping[str, Operation]
    webhooks: Mapping[str, Mapping[str, Any]]
    file: Path | None = None

    def resolve(self, pointer: str) -> Any:
        """Return the node of the overlaid document at `pointer`.

        Raises LookupError when nothing stands there.
        """
        return node_at(self.document, pointer)

    def follow(self, node: Any, pointer: str) -> tuple[Any, str]:
        """Return `node` and its pointer, or what its chain of references ends at.

        Raises ContractInvalid when the chain is broken or bites its tail.
        """
        return _follow(self.document, node, pointer)

    def published(self, pointer: str) -> str:
        """Return `pointer`, cut to the deepest place that the published contract has."""
        return _deepest(self.pristine, pointer)


def load_contract(
    path: Path,
    overlay: Path | None = None,
    *,
    validate: bool = True,
    cache: Cache = _NO_CACHE,
) -> Contract:
    """Read the contract at `path`, lay `overlay` over it, check and index it.

    What passed its checks is kept in `cache`, and is neither parsed nor checked again while the
    files and what reads them stay the same (spec/decisions/0701).

    Raises ContractInvalid, which names file and JSON pointer; OSError when a file cannot be read.
    """
    source = path.read_bytes()
    patch = overlay.read_bytes() if overlay else b""
    digest = hashlib.sha256(source + patch).hexdigest()
    manner = f"{path.suffix} {overlay and overlay.suffix} {validate}".encode()
    key = key_of(source, patch, manner, packages=_READ_BY, modules=("contract.py",))
    kept = _kept(cache, key, digest)
    if kept is not None:
        return replace(kept, file=path)
    try:
        pristine = _read(source, path)
        document = pristine
        if overlay:
            document = _copied(pristine)
            apply_overlay(document, _read(patch, overlay), overlay)
        contract = index_contract(document, pristine, digest)
    except ContractInvalid as invalid:
        if invalid.file:
            raise
        raise ContractInvalid(invalid.pointer, invalid.reason, path) from invalid
    contract = replace(contract, file=path)
    if validate:
        validate_contract(contract)
    cache.put("contract", key, {"document": document, "pristine": pristine})
    return contract


def _kept(cache: Cache, key: str, digest: str) -> Contract | None:
    """Return the contract as an earlier start left it, or None."""
    kept = cache.get("contract", key)
    try:
        return index_contract(kept["document"], kept["pristine"], digest, is_checked=True)
    except (AttributeError, ContractInvalid, LookupError, TypeError):
        return None


def validate_contract(contract: Contract) -> None:
    """Hold the overlaid document against the whole of OpenAPI 3.0 (a third of a second).

    Raises ContractInvalid for the first thing wrong.
    """
    from openapi_spec_validator import OpenAPIV30SpecValidator  # noqa: PLC0415  slow to import

    for error in OpenAPIV30SpecValidator(contract.document).iter_errors():
        while error.context:
            error = max(error.context, key=lambda inner: len(inner.absolute_path))  # noqa: PLW2901
        pointer = pointer_of(error.absolute_path)
        raise ContractInvalid(pointer, error.message.splitlines()[0][:200], contract.file)


def apply_overlay(document: dict[str, Any], overlay: Mapping[str, Any], file: Path) -> None:
    """Apply an OpenAPI Overlay 1.0 to `document` in place; a target that is not there is skipped.

    Raises ContractInvalid when the overlay is not one.
    """
    import jsonpath_rfc9535 as jsonpath  # noqa: PLC0415  only a start with an overlay pays for it

    actions = overlay.get("actions")
    if not str(overlay.get("overlay", "")).startswith("1.") or not isinstance(actions, list):
        raise ContractInvalid("#", "is not an OpenAPI Overlay 1.0 with actions", file)
    for position, action in enumerate(actions):
        where = f"#/actions/{position}"
        try:
            matches = list(jsonpath.finditer(action["target"], document))
        except (KeyError, TypeError, jsonpath.JSONPathError) as error:
            raise ContractInvalid(where, f"has no usable target: {error}", file) from error
        for match in matches:
            if "update" in action:
                _merge(match.value, action["update"], where, file)
            elif action.get("remove") is True and match.parent is not None:
                del match.parent.value[match.location[-1]]  # type: ignore[attr-defined]


def index_contract(
    document: dict[str, Any], pristine: dict[str, Any], digest: str, *, is_checked: bool = False
) -> Contract:
    """Check the document's own sense, unless that was done, and index operations and webhooks.

    Raises ContractInvalid, without a file, for the first thing wrong.
    """
    version = str(document.get("openapi", ""))
    if not version.startswith("3.0."):
        said = f"says openapi {version!r}" if version else "has no `openapi`"
        raise ContractInvalid("#/openapi", f"is not an OpenAPI 3.0 document: it {said}")
    info = _mapping(document, "#", "info")
    paths = _mapping(document, "#", "paths")
    if not is_checked:
        _check_nodes(document, document)
    operations = tuple(
        operation
        for path, item in paths.items()
        if not path.startswith("x-")
        for operation in _operations(document, path, item)
    )
    by_id: dict[str, Operation] = {}
    for operation in operations:
        twin = by_id.setdefault(operation.operation_id, operation)
        if twin is not operation:
            pointer = f"{operation.pointer}/operationId"
            reason = f"{operation.operation_id} is also the operation of {twin.pointer}"
            raise ContractInvalid(pointer, reason)
    webhooks = {
        name: item
        for name, item in _optional(document, "#", "x-webhooks").items()
        if isinstance(item, dict)  # beside them stands x-sdk-exclude, a boolean
    }
    return Contract(
        document=document,
        pristine=pristine,
        version=str(info.get("version", "")),
        title=str(info.get("title", "")),
        digest=digest,
        operations=operations,
        by_id=MappingProxyType(by_id),
        webhooks=MappingProxyType(webhooks),
    )


def escape(token: str) -> str:
    """Return `token` as a JSON pointer writes it.

    >>> escape("/vault/consumers")
    '~1vault~1consumers'
    """
    return token.replace("~", "~0").replace("/", "~1")


def pointer_of(tokens: Any, root: str = "#") -> str:
    """Return the JSON pointer of the path `tokens`.

    >>> pointer_of(["paths", "/vault/logs", 0])
    '#/paths/~1vault~1logs/0'
    """
    return root + "".join(f"/{escape(str(token))}" for token in tokens)


def tokens_of(pointer: str) -> list[str]:
    """Return the path that a JSON pointer writes.

    >>> tokens_of("#/paths/~1vault~1logs/0")
    ['paths', '/vault/logs', '0']
    """
    tokens = pointer.removeprefix("#").split("/")[1:]
    return [token.replace("~1", "/").replace("~0", "~") for token in tokens]


def node_at(document: Any, pointer: str) -> Any:
    """Return the node of `document` at `pointer`.

    Raises LookupError when nothing stands there.
    """
    node = document
    for token in tokens_of(pointer):
        node = _step(node, token)
    return node


def _step(node: Any, token: str) -> Any:
    if isinstance(node, list):
        if not (token.isascii() and token.isdigit()):
            raise KeyError(token)
        return node[int(token)]
    if isinstance(node, dict):
        return node[token]
    raise KeyError(token)


def _deepest(document: Any, pointer: str) -> str:
    node, path = document, []
    for token in tokens_of(pointer):
        try:
            node = _step(node, token)
        except LookupError:
            break
        path.append(token)
    return pointer_of(path)


def _follow(document: Any, node: Any, pointer: str) -> tuple[Any, str]:
    seen = {pointer}
    start = pointer
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        target = node["$ref"]
        if not target.startswith("#"):
            raise ContractInvalid(f"{pointer}/$ref", f"{target} is not in this document")
        if target in seen:
            raise ContractInvalid(f"{start}/$ref", f"{target} leads back to itself")
        seen.add(target)
        try:
            node = node_at(document, target)
        except LookupError:
            raise ContractInvalid(f"{pointer}/$ref", f"{target} does not exist") from None
        pointer = target
    return node, pointer


def _mapping(node: Any, pointer: str, key: str) -> dict[str, Any]:
    value = node.get(key)
    if value is None:
        raise ContractInvalid(pointer, f"has no `{key}`")
    if not isinstance(value, dict):
        raise ContractInvalid(f"{pointer}/{escape(key)}", "is not an object")
    return value


def _optional(node: Any, pointer: str, key: str) -> dict[str, Any]:
    return _mapping(node, pointer, key) if node.get(key) is not None else {}


def _read(source: bytes, file: Path) -> dict[str, Any]:
    try:
        document = json.loads(source) if file.suffix == ".json" else _strings(_yaml(source, file))
    except RecursionError:
        raise ContractInvalid("#", "is nested too deeply", file) from None
    except ValueError as error:  # JSON, or bytes of no encoding
        raise ContractInvalid("#", f"cannot be read: {_one_line(error)}", file) from error
    if not isinstance(document, dict):
        raise ContractInvalid("#", "is not an OpenAPI document: it is not an object", file)
    return document


def _yaml(source: bytes, file: Path) -> Any:
    import yaml  # noqa: PLC0415  a contract in JSON does without

    try:
        return yaml.load(source, Loader=_loader())  # noqa: S506  a safe loader
    except yaml.YAMLError as error:
        raise ContractInvalid("#", f"cannot be read: {_one_line(error)}", file) from error


@lru_cache(maxsize=1)
def _loader() -> Any:
    import yaml  # noqa: PLC0415  as above

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class JsonLoader(base):  # type: ignore[misc]
        """Reads only what JSON has: a date stays text."""

    JsonLoader.yaml_implicit_resolvers = {
        first: [resolver for resolver in resolvers if resolver[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    return JsonLoader


def _one_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:200]


def _strings(node: Any) -> Any:
    # `responses: {200: ...}` without quotes has a number for its key
    if isinstance(node, dict):
        return {key if isinstance(key, str) else str(key): _strings(node[key]) for key in node}
    if isinstance(node, list):
        return [_strings(item) for item in node]
    return node


def _copied(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _copied(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_copied(item) for item in node]
    return node


def _merge(target: Any, update: Any, where: str, file: Path) -> None:
    if isinstance(target, list):
        target.append(_copied(update))
        return
    if not isinstance(target, dict) or not isinstance(update, dict):
        raise ContractInvalid(where, "updates what is neither an object nor an array", file)
    for key, value in update.items():
        old = target.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge(old, value, where, file)
        elif isinstance(old, list) and isinstance(value, list):
            old.extend(_copied(value))
        else:
            target[key] = _copied(value)


def _is_type(value: Any) -> bool:
    return value in {"array", "boolean", "integer", "number", "object", "string"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_pattern(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError):
        return False
    return True


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


_SCHEMA_KEYWORDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "type": (_is_type, "is no type of OpenAPI 3.0"),
    "properties": (_is_object, "is not an object"),
    "items": (_is_object, "is not a schema"),
    "not": (_is_object, "is not a schema"),
    "required": (_are_names, "is not a list of names"),
    "enum": (lambda value: isinstance(value, list) and bool(value), "is not a list of values"),
    "allOf": (_are_objects, "is not a list of schemas"),
    "anyOf": (_are_objects, "is not a list of schemas"),
    "oneOf": (_are_objects, "is not a list of schemas"),
    "additionalProperties": (
        lambda value: isinstance(value, bool | dict),
        "is neither a boolean nor a schema",
    ),
    "nullable": (_is_flag, "is not a boolean"),
    "readOnly": (_is_flag, "is not a boolean"),
    "writeOnly": (_is_flag, "is not a boolean"),
    "uniqueItems": (_is_flag, "is not a boolean"),
    "exclusiveMinimum": (_is_flag, "is not a boolean"),
    "exclusiveMaximum": (_is_flag, "is not a boolean"),
    "minimum": (_is_number, "is not a number"),
    "maximum": (_is_number, "is not a number"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "is not a number above 0"),
    "minLength": (_is_count, "is not a count"),
    "maxLength": (_is_count, "is not a count"),
    "minItems": (_is_count, "is not a count"),
    "maxItems": (_is_count, "is not a count"),
    "minProperties": (_is_count, "is not a count"),
    "maxProperties": (_is_count, "is not a count"),
    "format": (lambda value: isinstance(value, str), "is not a name"),
    "pattern": (_is_pattern, "is not a regular expression"),
}


def _check_nodes(document: Any, root: Any) -> None:
    """Check every reference and every schema of the document, wherever they stand."""
    for node, path, is_schema in _nodes(root, (), names=False, schema=False):
        if "$ref" in node and isinstance(node["$ref"], str):
            _follow(document, node, pointer_of(path))
        elif is_schema:
            for keyword, value in node.items():
                rule = _SCHEMA_KEYWORDS.get(keyword)
                if rule and not rule[0](value):
                    raise ContractInvalid(pointer_of((*path, keyword)), rule[1])
            if node.get("type") == "array" and "items" not in node:
                raise ContractInvalid(pointer_of(path), "is an array without `items`")


def _nodes(
    node: Any, path: tuple[str, ...], *, names: bool, schema: bool
) -> Iterator[tuple[dict[str, Any], tuple[str, ...], bool]]:
    """Walk what is OpenAPI, not data: (object, its path, whether it is a schema)."""
    if isinstance(node, list):
        for position, item in enumerate(node):
            yield from _nodes(item, (*path, str(position)), names=False, schema=schema)
        return
    if not isinstance(node, dict):
        return
    if not names:
        yield node, path, schema
    for key, value in node.items():
        here = (*path, key)
        if names:
            yield from _nodes(value, here, names=False, schema=schema)
        elif key in _NAMES and not (key == "parameters" and isinstance(value, list)):
            inner = schema or key == "schemas"
            yield from _nodes(value, here, names=True, schema=inner and key != "mapping")
        elif key not in _DATA and not key.startswith("x-"):
            yield from _nodes(value, here, names=False, schema=_holds_schema(key, schema))


def _holds_schema(key: str, schema: bool) -> bool:  # noqa: FBT001  one of a pair
    return key == "schema" or (schema and key not in {"discriminator", "xml", "externalDocs"})


def _operations(document: Any, path: str, item: Any) -> Iterator[Operation]:
    where = f"#/paths/{escape(path)}"
    item, _ = _follow(document, item, where)
    if not isinstance(item, dict):
        raise ContractInvalid(where, "is not an object")
    if not path.startswith("/"):
        raise ContractInvalid(where, "is a path that does not begin with /")
    for method in item:
        if method in METHODS:
            yield _operation(document, path, method, item, where)


def _operation(document: Any, path: str, method: str, item: Any, where: str) -> Operation:
    pointer = f"{where}/{method}"
    node = _mapping(item, where, method)
    operation_id = node.get("operationId")
    if not isinstance(operation_id, str) or not operation_id:
        raise ContractInvalid(pointer, "has no operationId")
    own = _parameters(document, node.get("parameters", []), f"{pointer}/parameters")
    shared = _parameters(document, item.get("parameters", []), f"{where}/parameters")
    parameters = tuple({**shared, **own}.values())
    _check_template(path, parameters, pointer)
    body, body_pointer = _follow(document, node.get("requestBody"), f"{pointer}/requestBody")
    bodies = _contents(document, _NOTHING if body is None else body, body_pointer)
    first = next((bodies[name] for name in sorted(bodies, key=_json_first)), None)
    responses = _responses(document, node, pointer)
    security = node.get("security", document.get("security", []))
    if not (isinstance(security, list) and all(isinstance(one, dict) for one in security)):
        raise ContractInvalid(f"{pointer}/security", "is not a list of requirements")
    headers = {one.name.lower() for one in parameters if one.location == "header"}
    return Operation(
        operation_id=operation_id,
        method=method.upper(),
        path=path,
        segments=tuple(path.split("/")[1:]),
        parameters=parameters,
        body_schema=first.schema if first else None,
        body_required=body is not None and bool(body.get("required")),
        body_pointer=first.schema_pointer if first else body_pointer,
        bodies=MappingProxyType(bodies),
        responses=MappingProxyType(responses),
        needs_key=bool(security) and {} not in security,
        takes_consumer=CONSUMER_HEADER in headers,
        takes_application=APPLICATION_HEADER in headers,
        takes_session=any("sessionToken" in one for one in security),
        summary=str(node.get("summary", "")),
        pointer=pointer,
        success_status=_success(responses),
    )


def _json_first(name: str) -> bool:
    return name != "application/json"


def _success(responses: Mapping[str, Response]) -> int:
    numbers = sorted(int(status) for status in responses if status.isdigit())
    return next((number for number in numbers if 200 <= number < 400), 200)


def _parameters(document: Any, listed: Any, where: str) -> dict[tuple[str, str], Parameter]:
    if not isinstance(listed, list):
        raise ContractInvalid(where, "is not a list")
    found: dict[tuple[str, str], Parameter] = {}
    for position, entry in enumerate(listed):
        node, pointer = _follow(document, entry, f"{where}/{position}")
        if not isinstance(node, dict):
            raise ContractInvalid(pointer, "is not an object")
        name, location = node.get("name"), node.get("in")
        if not isinstance(name, str) or not name:
            raise ContractInvalid(pointer, "is a parameter without a name")
        if location not in {*_STYLES, "cookie"}:
            raise ContractInvalid(pointer, f"is a parameter in {location!r}")
        if (name, location) in found:
            raise ContractInvalid(f"{where}/{position}", f"declares {name} a second time")
        if location == "path" and node.get("required") is not True:
            raise ContractInvalid(pointer, "is a path parameter that is not required")
        if location == "cookie" or (location == "header" and name.lower() in _UNJUDGED_HEADERS):
            continue
        schema = _mapping(node, pointer, "schema") if "content" not in node else {}
        style = node.get("style", _STYLES[location])
        if style not in _KNOWN_STYLES:
            raise ContractInvalid(f"{pointer}/style", f"{style!r} is no style")
        found[name, location] = Parameter(
            name=name,
            location=location,
            required=bool(node.get("required", False)),
            schema=schema,
            style=style,
            explode=bool(node.get("explode", style == "form")),
            pointer=pointer,
            default=_follow(document, schema, f"{pointer}/schema")[0].get("default"),
        )
    return found


def _check_template(path: str, parameters: tuple[Parameter, ...], pointer: str) -> None:
    named = re.findall(r"\{([^{}]*)\}", path)
    declared = [one.name for one in parameters if one.location == "path"]
    for name in named:
        if name not in declared or named.count(name) > 1:
            reason = "is named twice by" if named.count(name) > 1 else "is not declared for"
            raise ContractInvalid(pointer, f"the path parameter {name} {reason} {path}")
    for name in declared:
        if name not in named:
            raise ContractInvalid(pointer, f"the path parameter {name} is not in {path}")


def _contents(document: Any, holder: Any, where: str) -> dict[str, MediaType]:
    if not isinstance(holder, Mapping):
        raise ContractInvalid(where, "is not an object")
    content = _optional(holder, where, "content")
    pointer = f"{where}/content"
    return {
        name: MediaType(
            name=name.lower(),
            pointer=f"{pointer}/{escape(name)}",
            schema=_optional(
                _mapping(content, pointer, name), f"{pointer}/{escape(name)}", "schema"
            ),
            examples=_examples(document, content[name], f"{pointer}/{escape(name)}"),
        )
        for name in content
    }


def _examples(document: Any, media: Mapping[str, Any], where: str) -> tuple[Any, ...]:
    found = [media["example"]] if "example" in media else []
    for name, entry in _optional(media, where, "examples").items():
        node, _ = _follow(document, entry, f"{where}/examples/{escape(name)}")
        if isinstance(node, dict) and "value" in node:
            found.append(node["value"])
    return tuple(found)


def _responses(document: Any, node: Any, pointer: str) -> dict[str, Response]:
    declared = _mapping(node, pointer, "responses")
    found = {}
    for status, entry in declared.items():
        if status.startswith("x-"):
            continue
        where = f"{pointer}/responses/{escape(status)}"
        if not re.fullmatch(r"default|[1-5](\d\d|XX)", status):
            raise ContractInvalid(where, "is not a status")
        one, place = _follow(document, entry, where)
        if not isinstance(one, dict):
            raise ContractInvalid(place, "is not an object")
        found[status] = Response(
            status=status,
            pointer=place,
            description=str(one.get("description", "")),
            content=MappingProxyType(_contents(document, one, place)),
            headers=MappingProxyType(
                {
                    name: _follow(document, header, f"{place}/headers/{escape(name)}")[0]
                    for name, header in _optional(one, place, "headers").items()
                }
            ),
        )
    if not found:
        raise ContractInvalid(f"{pointer}/responses", "declares no answer")
    return found
