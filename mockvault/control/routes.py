"""The control plane over HTTP: each power of the table routed, let in, checked and answered."""

import inspect
import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema_rs
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mockvault.control.power import Asked, Mock, Power, Refused, Told
from mockvault.control.powers import (
    applications,
    connections,
    events,
    faults,
    journal,
    snapshots,
    time,
)
from mockvault.domain.errors import VaultError
from mockvault.json_text import dumps
from mockvault.web.receiving import BodyTooLarge, BodyTooSlow, ClientGone, read_body
from mockvault.web.replies import refusal, refused
from mockvault.web.routes import Routes

logger = logging.getLogger("mockvault")

POWERS: tuple[Power, ...] = (
    *applications.POWERS,
    *time.POWERS,
    *events.POWERS,
    *faults.POWERS,
    *snapshots.POWERS,
    *connections.POWERS,
    *journal.POWERS,
)
_OWN_ENDS = frozenset({"localhost", "test", "example", "invalid", "internal", "local"})
"""Top-level names that nobody can own, and so bend to this machine (RFC 6761, 6762)."""
LARGEST = 64 * 1024 * 1024
"""Bytes of a snapshot that is taken in."""


class Control:
    """The powers over the running mock, as an ASGI application for all below /_mock."""

    def __init__(
        self, mock: Mock, *, token: str | None = None, base_url: str | None = None
    ) -> None:
        self._mock = mock
        self._token = token
        self._base_url = base_url
        self.elsewhere: Callable[[Power, Asked], Awaitable[Response | None]] | None = None
        """Has another worker use a power where this one may not; None where it may."""
        self._routes: Routes[Power] = Routes()
        self._places: dict[str, list[str]] = {}
        for power in POWERS:
            self._routes.add(power.method, power.path, power)
            self._places[power.path] = [
                segment[1:-1] for segment in power.path.split("/") if segment.startswith("{")
            ]

    @cached_property
    def _validators(self) -> Mapping[str, Any]:
        return {
            power.name: jsonschema_rs.validator_for(dict(power.takes))
            for power in POWERS
            if power.takes is not None
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one use of a power, or why it is not answered."""
        try:
            response = await self._respond(scope, receive)
        except Refused as reason:
            response = _refused(reason)
        except BodyTooLarge:
            response = _refusal(413, "PayloadTooLargeError", "Payload Too Large", "It is too large")
        except BodyTooSlow:
            response = _refusal(408, "RequestTimeoutError", "Request Timeout", "It came too slowly")
        except ClientGone:
            return
        except Exception:
            logger.exception("%s failed", scope["path"])
            response = self._failed()
        await response(scope, receive, send)

    async def use(self, power: Power, asked: Asked) -> Response:
        """Use a power; return what it answers, or why it does not."""
        try:
            answered = power.answer(asked)
            if inspect.isawaitable(answered):
                answered = await answered
        except Refused as reason:
            return _refused(reason)
        except VaultError as reason:
            return _response(refused(reason))
        except Exception:
            logger.exception("%s failed", power.name)
            return self._failed()
        return _answered(power, answered)

    def _failed(self) -> Response:
        self._mock.health.unexpected_errors += 1
        return _refusal(
            500, "UnexpectedError", "Unexpected Error", "The mock failed; its log says why."
        )

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        raw_path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        routed = self._routes.find(method, raw_path)
        headers = dict(scope["headers"])
        if routed is None or not routed.target.is_open:
            self._let_in(scope, headers)
        if routed is None:
            return self._unrouted(scope, raw_path)
        power = routed.target
        path = {
            name: unquote(value.decode("ascii", "replace"))
            for name, value in zip(self._places[power.path], routed.values, strict=True)
        }
        bench = None
        if "app" in path:
            vault = self._mock.applications.find(path["app"])
            bench = None if vault is None else self._mock.workbenches.find(path["app"])
            if bench is None:
                raise Refused(
                    404,
                    "EntityNotFoundError",
                    "Unknown Application",
                    f"Could not find application with id: '{path['app'][:80]}'",
                )
        query = _query(power, scope["query_string"])
        body = await self._body(power, receive, headers)
        asked = Asked(self._mock, path, query, body, self._base(scope, headers), bench)
        if self.elsewhere is not None:
            told = await self.elsewhere(power, asked)
            if told is not None:
                return told
        return await self.use(power, asked)

    def _let_in(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Raise Refused for who may not use powers: another machine, or a page of another site."""
        client = scope.get("client")
        given = headers.get(b"authorization", b"")
        token = self._token
        has_token = token is not None and compare_digest(given, b"Bearer " + token.encode())
        if has_token:
            return
        if client is not None and not _is_loopback(client[0]):
            if token is None:
                raise Refused(
                    403,
                    "ForbiddenError",
                    "Forbidden",
                    "The control plane answers this machine alone, unless --control-token is set",
                )
            raise Refused(
                401, "UnauthorizedError", "Unauthorized Request", "The control token is needed"
            )
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin")
        if not self._is_own(host) or (
            origin is not None and urlsplit(origin.decode("latin-1")).netloc != host
        ):
            raise Refused(
                403,
                "ForbiddenError",
                "Forbidden",
                "A page of another site may not use the control plane",
            )

    def _is_own(self, host: str) -> bool:
        """Tell whether a Host names this machine, so that no other name was bent to it."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if self._base_url is not None and name == urlsplit(self._base_url).hostname:
            return True
        return "." not in name or name.rpartition(".")[2] in _OWN_ENDS or _is_address(name)

    async def _body(self, power: Power, receive: Receive, headers: Mapping[bytes, bytes]) -> Any:
        if power.takes is None:
            return None
        del headers
        content = await read_body(receive, LARGEST if power.name == "snapshotsImport" else None)
        if not content.strip():
            if power.needs_body:
                raise _invalid([("", "a JSON object")])
            return {}
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            raise _invalid([("", "JSON")]) from None
        problems = [
            ("".join(f"/{step}" for step in error.instance_path), error.message)
            for error in self._validators[power.name].iter_errors(body)
        ]
        if problems:
            raise _invalid(problems[:20])
        return body

    def _base(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        if self._base_url is not None:
            return self._base_url
        host = headers.get(b"host", b"127.0.0.1:4010").decode("latin-1")
        return f"{scope['scheme']}://{host}"

    def _unrouted(self, scope: Scope, raw_path: bytes) -> Response:
        methods = self._routes.methods(raw_path)
        if methods:
            allowed = ", ".join(methods)
            reply = refusal(
                405,
                "MethodNotAllowedError",
                "Method Not Allowed",
                {"message": f"{scope['method']} is not one of this path's methods"},
            )
            response = _response(reply)
            response.headers["allow"] = allowed
            return response
        nearest = self._routes.nearest(scope["path"])
        detail = {"message": f"Could not find route with path: '{scope['path'][:200]}'"}
        if nearest:
            detail["hint"] = f"did you mean {' or '.join(nearest)}?"
        return _refusal(404, "EntityNotFoundError", "Unknown Route", detail)


def _query(power: Power, query_string: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: schema["default"] for name, schema in power.query.items() if "default" in schema
    }
    problems = []
    for name, text in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        schema = power.query.get(name)
        if schema is None:
            known = ", ".join(power.query) or "no parameter at all"
            problems.append((f"/{name}", f"one of {known}"))
            continue
        value: Any = text
        if schema["type"] == "integer":
            value = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text
        elif schema["type"] == "boolean":
            value = {"true": True, "false": False}.get(text, text)
        error = next(jsonschema_rs.iter_errors(dict(schema), value), None)
        if error is not None:
            problems.append((f"/{name}", error.message))
        found[name] = value
    if problems:
        raise _invalid(problems, "query")
    return found


def _answered(power: Power, answered: Any) -> Response:
    if isinstance(answered, Response):
        return answered
    if isinstance(answered, Told):
        return Response(dumps(answered.value), answered.status, media_type="application/json")
    if answered is None:
        return Response(status_code=204)
    return Response(dumps(answered), power.status, media_type="application/json")


def _invalid(problems: Iterable[tuple[str, str]], where: str = "body") -> Refused:
    return Refused(
        400,
        "RequestValidationError",
        "Invalid Params",
        {
            "violations": [
                {"in": where, "pointer": pointer, "expected": told, "message": told}
                for pointer, told in problems
            ]
        },
    )


def _refused(reason: Refused) -> Response:
    return _refusal(reason.status, reason.type_name, reason.message, reason.detail)


def _refusal(status: int, type_name: str, message: str, detail: Any) -> Response:
    return _response(refusal(status, type_name, message, detail))


def _response(reply: Any) -> Response:
    return Response(reply.content, reply.status, media_type="application/json")


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("localhost", "testclient", "")
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
