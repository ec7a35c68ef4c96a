"""Validation: what the contract forbids is refused, and what it allows is not."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.contract import Operation
from conformance.failures import Answer, Request
from conformance.laws.access import legal_request, path_values
from conformance.laws.registry import law
from conformance.laws.world import NotJudged, World
from conformance.strategies import (
    Variation,
    lengthened,
    right,
    right_bodies,
    switched_off,
    wrong_bodies,
)
from conformance.target import Principal

_BODY = "requestBody of each operation"
_TOKEN_ONLY = frozenset({"connectionsToken"})


def with_bodies(world: World) -> list[Operation]:
    """Return the operations that take a body with something in it."""
    return [
        op
        for op in world.target.contract.operations.values()
        if op.body is not None and op.operation_id not in _TOKEN_ONLY
    ]


def base_body(world: World, operation: Operation, who: Principal) -> Any:
    """Return a legal body of the operation in which every property is present."""
    schema = operation.body or {}
    body = right(schema)
    if operation.operation_id == "consumersAdd":
        body["consumer_id"] = who.consumer_id
    if "configuration" in body:
        body["configuration"][0]["resource"] = path_values(world, who)["resource"]
    body.pop("custom_mappings", None)
    return body


def prepared(world: World, operation: Operation, suffix: str) -> Principal:
    """Return a consumer for which the operation finds what it works on, where that can be had."""
    who = world.who(suffix)
    if operation.operation_id == "consumersUpdate":
        world.consumer(who)
    if operation.operation_id in {
        "connectionsUpdate",
        "connectionSettingsUpdate",
    } or operation.operation_id.startswith("customMappings"):
        values = path_values(world, who)
        path = {"unified_api": values["unified_api"], "service_id": values["service_id"]}
        answer = world.call("connectionsAdd", who, body={"enabled": True}, **path)
        if not answer.is_good:
            raise NotJudged("a connection cannot be added")
    return who


def request_with(world: World, operation: Operation, who: Principal, body: Any) -> Request:
    """Return a request of an operation with a body."""
    values = path_values(world, who)
    if operation.operation_id == "connectionsImport":
        # where credentials are of no use, they are refused whatever they are
        for connector in [c for c in world.catalogue if c.redirects and not c.before][:1]:
            values |= connector.path
    names = [p.name for p in operation.parameters if p.place == "path"]
    path: dict[str, Any] = {n: values[n] for n in names}
    return world.target.request(operation.operation_id, who, body=body, **path)


def send_body(world: World, operation: Operation, who: Principal, body: Any) -> Answer:
    """Send a body to an operation."""
    return world.send(operation.operation_id, request_with(world, operation, who, body))


def _judged_bodies(world: World) -> Iterator[tuple[Operation, Principal, Any]]:
    for operation in with_bodies(world):
        if operation.operation_id.startswith("customMappings"):
            continue  # VLT-MAP-06 judges these, where a target field is known
        if not world.catalogue and "{service_id}" in operation.path:
            continue
        who = prepared(world, operation, operation.operation_id.lower())
        base = base_body(world, operation, who)
        if "configuration" in base and not send_body(world, operation, who, base).is_good:
            del base["configuration"]  # of a resource unknown here: all else would be refused too
        yield operation, who, base


def _names_another(world: World, body: Any, who: Principal) -> bool:
    """Whether a lenient deployment might make a consumer of the body that is not this run's."""
    if world.target.profile.name != "live" or not isinstance(body, dict):
        return False
    return bool(body.get("consumer_id", who.consumer_id) != who.consumer_id)


def _some(world: World, variations: Iterator[Variation], count: int) -> list[Variation]:
    rows = list(variations)
    return world.rng.sample(rows, min(count, len(rows)))


@law("VLT-VAL-01", "validation", _BODY, "contract")
def a_body_that_breaks_its_schema_is_refused(world: World) -> None:
    """Every wrong type, unknown enum value, missing or surplus property in a body is refused."""
    for operation, who, base in _judged_bodies(world):
        schema = operation.body or {}
        for variation in (
            *wrong_bodies(schema, base),
            *_some(world, wrong_bodies(schema, switched_off(base), most=1), 8),
            *_some(world, wrong_bodies(schema, lengthened(schema, base, 20_000), most=1), 4),
        ):
            if not world.target.contract.body_problems(operation.operation_id, variation.body):
                continue
            if _names_another(world, variation.body, who):
                continue
            answer = world.provoke(
                operation.operation_id, request_with(world, operation, who, variation.body)
            )
            seen = f"{operation.operation_id} {variation}: HTTP {answer.status}"
            world.expect(answer.is_refusal, variation.keyword, "a refusal (400)", seen)


@law("VLT-VAL-02", "validation", _BODY, "contract")
def a_body_within_its_schema_is_accepted(world: World) -> None:
    """Null where allowed, unknown properties of open objects, every enum value are accepted."""
    for operation, who, base in _judged_bodies(world):
        plain = send_body(world, operation, who, base)
        if plain.status in {400, 422}:
            continue
        for index, variation in enumerate(right_bodies(operation.body or {}, base)):
            if world.target.contract.body_problems(operation.operation_id, variation.body):
                continue
            body = variation.body
            if isinstance(body, dict) and body.get("consumer_id", ...) == base.get("consumer_id"):
                body = {**body, "consumer_id": f"{who.consumer_id}-{index}"}  # or it is there
            answer = send_body(world, operation, who, body)
            seen = f"{operation.operation_id} {variation}: HTTP {answer.status}"
            world.expect(
                answer.status not in {400, 422} and answer.status < 500,
                variation.keyword,
                "no refusal",
                seen,
            )
        if operation.operation_id == "consumersUpdate":
            answer = send_body(
                world, operation, who, {"metadata": {"user_name": "Zoë Łukasz 東京 😀"}}
            )
            world.expect(answer.is_good, "unicode", "no refusal", f"HTTP {answer.status}")


@law("VLT-VAL-03", "validation", _BODY, "contract", builds_on=("VLT-VAL-01",))
def what_is_no_json_object_is_refused(world: World) -> None:
    """Malformed JSON, an array, text, null and nothing are refused where an object belongs."""
    raws = {
        "malformed": b'{"metadata": ',
        "trailing": b'{"metadata": {}} x',
        "array": b"[]",
        "array of one": b'[{"consumer_id": "x"}]',
        "text": b'"text"',
        "number": b"7",
        "null": b"null",
        "nothing": b"",
    }
    for operation in with_bodies(world):
        if operation.operation_id.startswith("customMappings") or (
            not world.catalogue and "{service_id}" in operation.path
        ):
            continue
        who = prepared(world, operation, operation.operation_id.lower())
        request = legal_request(world, operation, who)
        for aspect, raw in raws.items():
            if aspect == "nothing" and not operation.body_required:
                continue
            answer = world.provoke(operation.operation_id, replace(request, body=raw))
            world.expect(
                answer.is_refusal,
                aspect,
                "a refusal (400)",
                f"{operation.operation_id} {aspect}: HTTP {answer.status}",
            )


@law("VLT-VAL-04", "validation", "content of each requestBody: application/json", "contract")
def another_media_type_is_refused(world: World) -> None:
    """A body that is not labelled as JSON is refused."""
    who = world.who()
    request = world.target.request("consumersAdd", who, body={"consumer_id": who.consumer_id})
    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
        headers = tuple((n, v if n != "content-type" else kind) for n, v in request.headers)
        answer = world.send("consumersAdd", replace(request, headers=headers))
        world.expect(
            answer.is_refusal, "media type", "a refusal (415)", f"{kind}: HTTP {answer.status}"
        )


@law("VLT-VAL-08", "validation", "media types (RFC 9110, 8.3.1)", "documented")
def json_may_be_labelled_in_every_legal_way(world: World) -> None:
    """A charset, and capitals, in the content type of a JSON body are no reason to refuse it."""
    who = world.who()
    for kind in (
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ):
        answer = world.call(
            "sessionsCreate",
            who,
            body={"consumer_metadata": {"user_name": "Zoë"}},
            headers={"content-type": kind},
        )
        world.expect(answer.is_good, "media type", "a session", f"{kind}: HTTP {answer.status}")


@law("VLT-VAL-05", "validation", "parameters of each operation", "contract")
def a_query_that_breaks_its_schema_is_refused(world: World) -> None:
    """A boolean or number that is none, and a missing required parameter, are refused."""
    who = world.who()
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("connectionsAll", {"configured": "maybe"}),
        ("connectionsAll", {"configured": "2"}),
        ("logsAll", {"filter[status_code]": "abc"}),
        ("logsAll", {"filter[status_code]": "four"}),
    )
    for operation_id, query in calls:
        answer = world.provoke(operation_id, world.target.request(operation_id, who, query=query))
        world.expect(
            answer.is_refusal,
            next(iter(query)),
            "a refusal (400)",
            f"{query}: HTTP {answer.status}",
        )
    for path, operation_id in (("/vault/callback", "connectionsCallback"),):
        for pairs in ((("state", "x"),), (("code", "x"),), ()):
            answer = world.send(operation_id, Request("GET", path, pairs))
            failed = answer.is_refusal or "error" in answer.location
            world.expect(
                failed, "required", "a refusal (400)", f"{dict(pairs)}: HTTP {answer.status}"
            )


@law(
    "VLT-VAL-06",
    "validation",
    "connectionsToken: an empty object, or nothing",
    "contract",
    builds_on=("VLT-VAL-01", "VLT-CNX-05"),
)
def the_token_operation_takes_no_properties(world: World) -> None:
    """The token operation accepts an empty object or no body at all, and no properties."""
    rows = [
        c for c in world.catalogue if c.auth_type == "oauth2" and c.grant == "client_credentials"
    ]
    world.need(rows, "no connector with the client_credentials grant")
    who, connector = world.who(), rows[0]
    world.add(who, connector)
    world.patch(who, connector, settings=world.settings(connector))
    request = world.target.request(
        "connectionsToken", who, body={"client_secret": "x"}, **connector.path
    )
    answer = world.provoke("connectionsToken", request)
    world.expect(answer.is_refusal, "properties", "a refusal (400)", f"HTTP {answer.status}")
    both: tuple[dict[str, Any], ...] = ({"body": {}}, {})
    for arguments in both:
        answer = world.call("connectionsToken", who, **arguments, **connector.path)
        world.expect(
            answer.status not in {400, 415, 422},
            "empty",
            "no refusal",
            f"{arguments}: HTTP {answer.status}",
        )


@law("VLT-VAL-07", "validation", "sessionsCreate: the body is optional", "contract")
def a_session_needs_no_body(world: World) -> None:
    """A session is created without a body, with an empty one, and with every property."""
    who = world.who()
    for aspect, arguments in (
        ("no body", {}),
        ("empty", {"body": {}}),
        ("full", {"body": right(world.target.contract.operations["sessionsCreate"].body or {})}),
    ):
        answer = world.call("sessionsCreate", who, **arguments)
        world.expect(
            answer.is_good, aspect, "a session", f"HTTP {answer.status} {answer.body[:200]!r}"
        )
