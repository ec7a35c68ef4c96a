"""Who may ask, and how: keys, applications, headers, methods."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conformance.contract import Operation
from conformance.failures import Answer, Request
from conformance.laws.mappings import ground
from conformance.laws.registry import law
from conformance.laws.world import World, difference, still
from conformance.target import Principal

_GUARD = "security of every operation: apiKey"
_APP = "parameter x-apideck-app-id, required"


def path_values(world: World, who: Principal) -> dict[str, str]:
    """Return values for every path parameter of the contract."""
    api, service, resource = "crm", "pipedrive", "leads"
    plains = world.plains()
    # one with resources, or a body that names one is refused whatever else it says
    named = [connector for connector in plains if connector.resources]
    for connector in (*world.catalogue[:1], *plains[:1], *named[:1]):
        api, service = connector.unified_api, connector.service_id
        resource = connector.resources[0] if connector.resources else resource
    return {
        "unified_api": api,
        "service_id": service,
        "resource": resource,
        "consumer_id": who.consumer_id,
        "application_id": who.application.id,
        "target_field_id": f"{api}+{resource}+first_aid_training",
    }


def minimal_body(operation: Operation, who: Principal) -> object:
    """Return a small legal body for an operation that takes one."""
    if operation.operation_id == "consumersAdd":
        return {"consumer_id": who.consumer_id}
    if operation.operation_id.startswith("customMappings"):
        return {"value": "$.root.first_aid"}
    return {}


def legal_request(world: World, operation: Operation, who: Principal) -> Request:
    """Return a request of the operation that breaks nothing in the contract."""
    query = {}
    if operation.operation_id == "consumerRequestCountsAll":
        query = {
            "start_datetime": "2021-05-01T12:00:00.000Z",
            "end_datetime": "2021-05-30T12:00:00.000Z",
        }
    values = path_values(world, who)
    names = {p.name for p in operation.parameters if p.place == "path"}
    arguments: dict[str, Any] = {n: v for n, v in values.items() if n in names}
    if operation.body is not None:
        arguments["body"] = minimal_body(operation, who)
    return world.target.request(operation.operation_id, who, query=query, **arguments)


def preflight(world: World, request: Request, *names: str) -> Answer:
    """Ask as a browser does whether a page may send a request with headers of these names."""
    headers = (
        ("origin", "https://app.conformance.example"),
        ("access-control-request-method", request.method),
        ("access-control-request-headers", ", ".join(names)),
    )
    return world.send("", replace(request, method="OPTIONS", headers=headers), quiet=True)


def with_headers(request: Request, changes: Mapping[str, str | None]) -> Request:
    """Return the request with headers replaced, or left out where None."""
    kept = tuple((n, v) for n, v in request.headers if n not in changes)
    return replace(request, headers=(*kept, *((n, v) for n, v in changes.items() if v is not None)))


def _known(world: World) -> Principal:
    """Return a consumer with a connection, so that only the credentials are a reason to refuse."""
    who = world.who()
    if world.target.profile.may_write:
        world.consumer(who)
        for connector in world.plains()[:1]:
            settings = world.settings(connector)
            body = {"enabled": True, "settings": settings}
            world.call("connectionsAdd", who, body=body, **connector.path)
    return who


def _refuses(world: World, aspect: str, who: Principal, changes: Mapping[str, str | None]) -> None:
    for operation in world.target.contract.operations.values():
        if operation.is_public or (operation.writes and not world.target.profile.may_write):
            continue
        answer = world.send(
            operation.operation_id, with_headers(legal_request(world, operation, who), changes)
        )
        world.expect(
            answer.is_refusal,
            aspect,
            "a refusal (401)",
            f"HTTP {answer.status} {answer.body[:120]!r}",
        )


@law("VLT-AUT-01", "auth", _GUARD, "contract", reads_only=True)
def a_request_without_a_key_is_refused(world: World) -> None:
    """Every operation but those of OAuth refuses a request without a key, or with an empty one."""
    who = _known(world)
    _refuses(world, "missing", who, {"authorization": None})
    _refuses(world, "empty", who, {"authorization": "Bearer "})


@law("VLT-AUT-02", "auth", _GUARD, "contract", reads_only=True, builds_on=("VLT-AUT-01",))
def a_wrong_key_is_refused(world: World) -> None:
    """Every operation refuses a key that is not the application's."""
    _refuses(world, "wrong", _known(world), {"authorization": f"Bearer sk_live_{world.nonce}"})


@law("VLT-AUT-03", "auth", _GUARD, "contract", reads_only=True, builds_on=("VLT-AUT-02",))
def a_key_that_is_nearly_right_is_refused(world: World) -> None:
    """Keys are compared whole: a longer, shorter, otherwise cased or altered one is refused."""
    key, who = world.application.key, world.who()
    cut = max(1, len(key) - 2)
    near = {
        "longer": key + "x",
        "shorter": key[:-1],
        "cased": key.swapcase(),
        "altered": key[:cut] + "~~",
    }
    for aspect, wrong in near.items():
        if wrong == key:
            continue
        world.secret("ALTERED_API_KEY", wrong)
        for operation_id in ("consumersAll", "connectionsAll"):
            answer = world.call(operation_id, who, headers={"authorization": f"Bearer {wrong}"})
            world.expect(answer.is_refusal, aspect, "a refusal (401)", f"HTTP {answer.status}")


@law("VLT-AUT-04", "auth", _APP, "contract", reads_only=True, builds_on=("VLT-AUT-02",))
def an_unknown_application_is_refused(world: World) -> None:
    """No operation serves an application that does not exist, however like its id is."""
    who, own = _known(world), world.application.id
    _refuses(world, "unknown", who, {"x-apideck-app-id": f"app-{world.nonce}"})
    for aspect, near in (("cased", own.swapcase()), ("longer", f"{own}x")):
        if near != own:
            _refuses(world, aspect, who, {"x-apideck-app-id": near})


@law(
    "VLT-AUT-05",
    "auth",
    _GUARD,
    "documented",
    reads_only=True,
    builds_on=("VLT-AUT-02", "VLT-AUT-01"),
)
def a_key_belongs_to_its_application(world: World) -> None:
    """No operation accepts the key of another application."""
    _refuses(
        world, "foreign", _known(world), {"authorization": f"Bearer {world.other_application.key}"}
    )


@law("VLT-AUT-06", "auth", _APP, "contract", reads_only=True)
def a_request_must_name_its_application(world: World) -> None:
    """Every operation refuses a request without x-apideck-app-id, or with an empty one."""
    who = _known(world)
    _refuses(world, "missing", who, {"x-apideck-app-id": None})
    _refuses(world, "empty", who, {"x-apideck-app-id": ""})


@law(
    "VLT-AUT-07",
    "auth",
    _GUARD,
    "contract",
    builds_on=("VLT-AUT-02", "VLT-AUT-01", "VLT-AUT-05", "VLT-CNX-19"),
)
def a_stranger_changes_nothing(world: World) -> None:
    """What was asked with a wrong key, or none, leaves everything as it was."""
    who, connector = world.who(), world.addable()
    world.add(who, connector, settings=world.settings(connector))
    before = still(world.one(who, connector))
    for changes in ({"authorization": None}, {"authorization": f"Bearer sk_live_{world.nonce}"}):
        world.call(
            "connectionsUpdate",
            who,
            body={"metadata": {"by": "stranger"}},
            headers=changes,
            **connector.path,
        )
        world.call("connectionsDelete", who, headers=changes, **connector.path)
        world.call(
            "consumersUpdate", who, body={"metadata": {"user_name": "stranger"}}, headers=changes
        )
        world.call("consumersDelete", who, headers=changes)
        after = still(world.one(who, connector))
        world.expect(
            after == before, "changed", "the connection as it was", difference(before, after)
        )


@law(
    "VLT-HDR-04",
    "headers",
    "parameter x-apideck-consumer-id, required",
    "contract",
    reads_only=True,
)
def a_request_must_name_its_consumer(world: World) -> None:
    """Operations of a consumer refuse a request that names none, or an empty one."""
    who = world.who()
    for aspect, value in (("missing", None), ("empty", "")):
        for operation in world.target.contract.operations.values():
            if not operation.needs_consumer or (
                operation.writes and not world.target.profile.may_write
            ):
                continue
            if operation.operation_id == "connectionsAll":
                continue  # documented as optional there since 10.17.2
            request = with_headers(
                legal_request(world, operation, who), {"x-apideck-consumer-id": value}
            )
            answer = world.send(operation.operation_id, request)
            world.expect(answer.is_refusal, aspect, "a refusal (400)", f"HTTP {answer.status}")


@law("VLT-HDR-05", "headers", "RFC 9110, 15.5.6: Allow")
def an_undeclared_method_is_refused(world: World) -> None:
    """A method that is not declared is refused, and a 405 names the methods that are."""
    who = world.who()
    for operation in world.target.contract.operations.values():
        if operation.is_public:
            continue
        request = legal_request(world, operation, who)
        declared = world.target.contract.methods_at(request.path)
        for method in ("PUT", "DELETE", "POST", "PATCH"):
            if method in declared or operation.method != declared[0]:
                continue
            answer = world.provoke("", replace(request, method=method, body=request.body or b"{}"))
            world.expect(
                not answer.is_good, "served", "a refusal (405)", f"{method}: HTTP {answer.status}"
            )
            world.expect(
                answer.status < 500, "5xx", "a refusal (405)", f"{method}: HTTP {answer.status}"
            )
            if answer.status == 405:
                world.expect(
                    "allow" in answer.headers, "allow", "Allow with 405", str(dict(answer.headers))
                )


@law("VLT-HDR-06", "headers", "RFC 9110: the method is in the request line")
def a_header_does_not_override_the_method(world: World) -> None:
    """A GET stays a GET, whatever X-HTTP-Method-Override says."""
    who = world.who()
    world.consumer(who)
    world.call("consumersOne", who, headers={"x-http-method-override": "DELETE"})
    answer = world.call("consumersOne", who)
    world.expect(answer.is_good, "override", "the consumer is still there", f"HTTP {answer.status}")


@law(
    "VLT-HDR-07",
    "headers",
    "front ends call from other origins",
    "seen in clients",
    reads_only=True,
)
def pages_of_other_origins_may_read_answers(world: World) -> None:
    """Answers and refusals to a request with Origin carry Access-Control-Allow-Origin."""
    who, origin = world.who(), "https://app.conformance.example"
    for headers in ({"origin": origin}, {"origin": origin, "authorization": "Bearer wrong-key"}):
        answer = world.call("connectionsAll", who, headers=headers)
        allowed = answer.headers.get("access-control-allow-origin")
        world.expect(
            allowed in {"*", origin},
            "allow-origin",
            f"* or {origin}",
            f"{allowed} with HTTP {answer.status}",
        )


@law(
    "VLT-HDR-08",
    "headers",
    "front ends call from other origins",
    "seen in clients",
    reads_only=True,
)
def a_preflight_allows_the_headers_of_front_ends(world: World) -> None:
    """A preflight allows the method, and the headers that every front end sends."""
    who, wanted = (
        world.who(),
        ("authorization", "content-type", "x-apideck-app-id", "x-apideck-consumer-id"),
    )
    answer = preflight(world, world.target.request("connectionsAll", who), *wanted)
    world.expect(answer.is_good, "status", "HTTP 200 or 204", f"HTTP {answer.status}")
    allowed = answer.headers.get("access-control-allow-headers", "").lower()
    missing = [name for name in wanted if name not in allowed and allowed != "*"]
    world.expect(not missing, "headers", ", ".join(wanted), allowed or "none")


@law(
    "VLT-AUT-08",
    "auth",
    _GUARD,
    "documented",
    reads_only=True,
    builds_on=("VLT-AUT-01", "VLT-AUT-02"),
)
def a_key_counts_as_a_bearer_token_alone(world: World) -> None:
    """A key in the query, in another header or under another scheme lets nobody in."""
    who, key = _known(world), world.application.key
    basic = world.secret("BASIC_API_KEY", base64.b64encode(f"{key}:".encode()).decode())
    ways: dict[str, tuple[dict[str, str], dict[str, str | None]]] = {
        f"query {name}": ({name: key}, {"authorization": None})
        for name in ("api_key", "apikey", "apiKey", "key", "token", "access_token")
    }
    ways["x-api-key"] = ({}, {"authorization": None, "x-api-key": key})
    ways["Basic"] = ({}, {"authorization": f"Basic {basic}"})
    ways["Basic with the bare key"] = ({}, {"authorization": f"Basic {key}"})
    for aspect, (query, headers) in ways.items():
        for operation_id in ("consumersAll", "connectionsAll"):
            request = world.target.request(operation_id, who, query=query, headers=headers)
            answer = world.provoke(operation_id, request)
            world.expect(answer.is_refusal, aspect, "a refusal (401)", f"HTTP {answer.status}")


@law("VLT-AUT-09", "auth", _GUARD, "documented", reads_only=True, builds_on=("VLT-AUT-01",))
def head_asks_for_a_key_as_get_does(world: World) -> None:
    """HEAD without a key, or with a wrong one, is refused wherever GET is."""
    who = _known(world)
    for operation in world.target.contract.operations.values():
        if operation.is_public or operation.method != "GET":
            continue
        request = replace(legal_request(world, operation, who), method="HEAD")
        for changes in ({"authorization": None}, {"authorization": f"Bearer sk_{world.nonce}"}):
            answer = world.send("", with_headers(request, changes), quiet=True)
            world.expect(
                not answer.is_good, "HEAD", "a refusal (401)", f"HEAD: HTTP {answer.status}"
            )


@law(
    "VLT-AUT-11",
    "auth",
    _GUARD,
    "contract",
    builds_on=("VLT-AUT-01", "VLT-AUT-02", "VLT-AUT-05", "VLT-AUT-10", "VLT-MAP-01"),
)
def a_stranger_neither_sees_nor_changes_a_mapping(world: World) -> None:
    """A custom mapping that exists is neither shown nor changed without the right key."""
    who, connector, target = ground(world)
    at: dict[str, Any] = {"target_field_id": target, **connector.path}
    value = f"$.{world.nonce}"
    answer = world.call("customMappingsAdd", who, body={"value": value}, **at)
    world.need(answer.is_good, "a mapping cannot be added")
    keys: dict[str, str | None] = {"missing": None, "wrong": f"Bearer sk_live_{world.nonce}"}
    if len(world.target.applications) > 1:
        keys["foreign"] = f"Bearer {world.other_application.key}"
    for aspect, key in keys.items():
        for operation_id, arguments in (
            ("customMappingsOne", {}),
            ("customMappingsUpdate", {"body": {"value": "$.stranger"}}),
            ("customMappingsDelete", {}),
        ):
            strange = {"headers": {"authorization": key}, **arguments, **at}
            answer = world.call(operation_id, who, **strange)
            seen = f"{operation_id}: HTTP {answer.status}"
            world.expect(answer.is_refusal, aspect, "a refusal (401)", seen)
        kept = world.call("customMappingsOne", who, **at).item.get("value")
        world.expect(kept == value, f"{aspect} changed", value, kept)


@law("VLT-HDR-09", "headers", "RFC 9110, 9.3.2 and 9.3.7: HEAD, OPTIONS", reads_only=True)
def head_and_options_do_no_harm(world: World) -> None:
    """HEAD, OPTIONS and a slash at the end are no internal errors, and OPTIONS gives no data."""
    who = world.who()
    for operation in world.target.contract.operations.values():
        if operation.is_public or operation.method != "GET":
            continue
        request = legal_request(world, operation, who)
        for aspect, odd in (
            ("HEAD", replace(request, method="HEAD")),
            ("OPTIONS", replace(request, method="OPTIONS")),
            ("slash", replace(request, path=request.path + "/")),
        ):
            answer = world.send("", odd, quiet=True)
            world.expect(
                answer.status < 500, aspect, "no internal error", f"{aspect}: HTTP {answer.status}"
            )
            if aspect == "OPTIONS":
                shown = answer.is_good and answer.data is not None
                world.expect(not shown, "served", "no data", f"HTTP {answer.status} with data")


@law(
    "VLT-HDR-10",
    "headers",
    "header names have no case (RFC 9110, 5.1)",
    reads_only=True,
    builds_on=("VLT-ENV-04",),
)
def headers_that_clients_send_are_taken(world: World) -> None:
    """Names in capitals, lists in Accept and what browsers add are no reason to refuse."""
    who = world.who()
    plain = world.target.request("connectionsAll", who)
    usual = (
        ("accept", "application/json, text/plain, */*"),
        ("accept-language", "nl-BE,nl;q=0.9,en;q=0.8"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) conformance"),
        ("referer", "https://app.conformance.example/vault?x=1"),
        ("cookie", "theme=dark; session=none"),
        ("content-type", "application/json"),
        ("if-none-match", '"of-nothing"'),
    )
    capitals = tuple((name.upper(), value) for name, value in plain.headers)
    for aspect, headers in (
        ("capitals", capitals),
        *((name, (*plain.headers, (name, value))) for name, value in usual),
    ):
        answer = world.send("connectionsAll", replace(plain, headers=headers))
        world.expect(answer.is_good, aspect, "the connections", f"{aspect}: HTTP {answer.status}")
    unknown = world.target.request(
        "connectionsOne", who, unified_api="crm", service_id=f"no-such-{world.nonce}"
    )
    spoken = ("accept-language", "nl-BE,nl;q=0.9")
    answer = world.send("connectionsOne", replace(unknown, headers=(*unknown.headers, spoken)))
    told = isinstance(answer.json, dict)
    world.expect(told, "language", "a refusal in JSON", repr(answer.body[:80]))


@law(
    "VLT-HDR-11",
    "headers",
    "front ends update and delete from other origins",
    "seen in clients",
    reads_only=True,
    builds_on=("VLT-HDR-08",),
)
def a_preflight_allows_the_methods_of_front_ends(world: World) -> None:
    """A preflight for PATCH, DELETE or POST names that method among those allowed."""
    who, connector = world.who(), world.connector()
    for operation_id in ("connectionsUpdate", "connectionsDelete", "connectionsToken"):
        request = world.target.request(operation_id, who, **connector.path)
        answer = preflight(world, request, "authorization")
        allowed = answer.headers.get("access-control-allow-methods", "").upper()
        fine = request.method in allowed or allowed == "*" or request.method == "POST"
        world.expect(answer.is_good and fine, "methods", request.method, allowed or "none")


@law(
    "VLT-AUT-10",
    "auth",
    f"{_GUARD}; 401 of every operation",
    "contract",
    reads_only=True,
    builds_on=("VLT-AUT-01", "VLT-AUT-02", "VLT-ENV-01"),
)
def a_wrong_key_is_told_nothing(world: World) -> None:
    """A wrong key is refused alike by every operation, whether what it names exists or not."""
    known = _known(world)
    nobody = Principal(known.application, f"{known.consumer_id}-nobody")
    wrong = {"authorization": f"Bearer sk_live_{world.nonce}"}
    usual = world.send(
        "connectionsAll", with_headers(world.target.request("connectionsAll", known), wrong)
    ).status
    world.need(400 <= usual < 500, "a wrong key is not refused")
    for operation in world.target.contract.operations.values():
        if operation.is_public or (operation.writes and not world.target.profile.may_write):
            continue
        for who in (known, nobody):
            request = with_headers(legal_request(world, operation, who), wrong)
            seen = world.send(operation.operation_id, request).status
            told = f"HTTP {seen} of {operation.operation_id}"
            world.expect(seen == usual, "alike", f"HTTP {usual}, as of connectionsAll", told)
