"""A compact, correct, stateful Vault to judge the judge with, and its switches for bugs and variants.

It answers all 27 operations in-process (`Vault.answer`, or as a WSGI application) and over a port
(`serve`). Each `self.bug("name")` is one planted bug of `bugs.py`; each `self.variant("name")` is one
legal way to be different.
"""
# ruff: noqa: S310, C901, PLR0911, PLR0912, PLR0915, PLR0917, FBT001, BLE001, E501, N802, ARG002

import base64
import copy
import functools
import hashlib
import hmac
import itertools
import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from uuid import UUID

import jsonschema_rs
import yaml

from tests.broken.bugs import BUGS, VARIANTS

ROOT = Path(__file__).parents[2]
SECRET = b"stand-in secret"
DEFAULT_APPLICATIONS = {"mock-app": "mock-api-key", "other-app": "other-api-key"}
MIB = 1 << 20


@functools.cache
def contract() -> dict[str, Any]:
    text = (ROOT / "spec" / "vault.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return loaded


def _resolve(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        target: Any = contract()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _schema(node: Any) -> Any:
    """Translate an OpenAPI 3.0 request schema: readOnly is anything, nullable is a type."""
    node = _resolve(node)
    if isinstance(node, list):
        return [_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("readOnly"):
        return {}
    out = {
        key: _schema(value) if key != "properties" else {n: _schema(s) for n, s in value.items()}
        for key, value in node.items()
        if key
        in {
            "type",
            "properties",
            "items",
            "anyOf",
            "required",
            "enum",
            "format",
            "additionalProperties",
        }
    }
    if node.get("nullable") and "type" in out:
        out["type"] = [out["type"], "null"]
    return out


@functools.cache
def _operations() -> list[tuple[str, str, "re.Pattern[str]", str, dict[str, Any]]]:
    rows: list[tuple[str, str, re.Pattern[str], str, dict[str, Any]]] = []
    for template, item in contract()["paths"].items():
        pattern = re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template) + "$")
        rows.extend(
            (template, m.upper(), pattern, o["operationId"], o)
            for m, o in item.items()
            if "operationId" in o
        )
    return rows


@functools.cache
def _body_rule(operation_id: str) -> tuple[Any, bool] | None:
    operation = next(row[4] for row in _operations() if row[3] == operation_id)
    if "requestBody" not in operation:
        return None
    body = _resolve(operation["requestBody"])
    schema = _schema(body["content"]["application/json"]["schema"])
    return jsonschema_rs.Draft4Validator(schema, validate_formats=True), bool(body.get("required"))


def _field(
    id: str, *, required: bool = True, sensitive: bool = False, kind: str = "text"
) -> dict[str, Any]:
    return {
        "id": id, "label": id.replace("_", " ").title(), "type": kind, "required": required, "placeholder": None,
        "custom_field": False, "disabled": False, "hidden": False, "sensitive": sensitive,
    }  # fmt: skip


def _connector(
    name: str, apis: str, auth: str, *fields: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return {"name": name, "apis": apis.split(), "auth": auth, "fields": list(fields), **more}


CONNECTORS: dict[str, dict[str, Any]] = {
    "activecampaign": _connector(
        "ActiveCampaign", "crm lead", "apiKey", _field("base_url"), _field("api_key", sensitive=True),
        resources=["opportunities", "leads"], targets=["first_aid_training"],
    ),
    "close": _connector("Close", "crm", "apiKey", _field("api_key", sensitive=True), resources=["leads"]),
    "hubspot": _connector("HubSpot", "crm lead", "oauth2", resources=["companies"], revocable=True),
    "salesforce": _connector(
        "Salesforce", "crm", "oauth2", _field("instance_url"), revocable=True,
        resources=["opportunities", "companies", "contacts", "leads"],
    ),
    "microsoft-dynamics": _connector(
        "Microsoft Dynamics CRM", "crm", "oauth2", _field("organisation_url"), revocable=True,
        before=["organisation_url"], resources=["leads"],
    ),
    "xero": _connector("Xero", "accounting", "oauth2", _field("tenant_id", kind="select"), after=True, resources=["invoices"]),
    "twilio": _connector("Twilio", "sms", "basic", _field("account_sid"), _field("auth_token", sensitive=True), resources=["messages"]),
    "bamboohr": _connector(
        "BambooHR", "hris", "basic", _field("subdomain"), _field("api_key", sensitive=True),
        resources=["employees"], targets=["first_aid_training", "shirt_size", "badge", "desk"],
    ),
    "personio": _connector(
        "Personio", "hris", "oauth2", _field("client_id"), _field("client_secret", sensitive=True),
        grant="client_credentials", resources=["employees"],
    ),
    "zendesk-support": _connector("Zendesk Support", "customer-support", "basic", _field("subdomain"), _field("password", sensitive=True), resources=["tickets"]),
    "justworks": _connector("Justworks", "hris", "none", resources=["employees"]),
    "box": _connector("Box", "file-storage", "oauth2", resources=["files"]),
    "netsuite": _connector("NetSuite", "accounting", "custom", _field("account_id"), _field("note", required=False), resources=["bills"]),
}  # fmt: skip


@dataclass(slots=True)
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    def __init__(
        self, status: int, type_name: str, message: str, detail: Any = None, **headers: str
    ) -> None:
        super().__init__(message)
        self.status, self.type_name, self.message, self.headers = (
            status,
            type_name,
            message,
            headers,
        )
        self.detail = detail if isinstance(detail, dict) else {"message": detail or message}


REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 413: "Payload Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Entity", 429: "Too Many Requests", 500: "Internal Server Error"}  # fmt: skip


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    base: str = "http://127.0.0.1"

    def args(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    def arg(self, name: str) -> str | None:
        return next((value for key, value in self.args() if key == name), None)


class Clock:
    """Time that a test may move."""

    def __init__(self, *, real: bool = True) -> None:
        self._real, self._ahead, self._start = real, 0.0, time.time()

    def now(self) -> float:
        return (time.time() if self._real else self._start) + self._ahead

    def sleep(self, seconds: float) -> None:
        if self._real:
            time.sleep(seconds)
        else:
            self._ahead += seconds

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sign(claims: dict[str, Any]) -> str:
    head = _b64(b'{"alg":"HS256","typ":"JWT"}') + "." + _b64(json.dumps(claims).encode())
    return head + "." + _b64(hmac.new(SECRET, head.encode(), hashlib.sha256).digest())


def _iso(moment: float) -> str:
    return (
        datetime.fromtimestamp(moment, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _moment(text: str) -> float | None:
    try:
        parsed = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    if "T" not in text:
        return None
    return parsed.timestamp() if parsed.tzinfo else parsed.replace(tzinfo=UTC).timestamp()


LENGTHS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _writable(defaults: Any) -> list[Any]:
    """Return the defaults of a resource without what is read-only in them."""
    return [
        {k: v for k, v in row.items() if k != "target"} if isinstance(row, dict) else row
        for row in defaults
    ]


def _application_of(request: Request) -> str:
    """Return the application that a request names, in its header or its path."""
    if request.path.startswith(("/vault/authorize/", "/vault/revoke/")):
        return request.path.rsplit("/", 1)[-1]
    return request.headers.get("x-apideck-app-id", "")


class Vault:
    """One deployment. Give it bugs and variants by name."""

    MORE: ClassVar[dict[str, str]] = {"access-control-allow-origin": "*"}

    def __init__(
        self,
        *bugs: str,
        variants: Iterable[str] = (),
        clock: Clock | None = None,
        applications: dict[str, str] | None = None,
        replica: bool = False,
    ) -> None:
        unknown = [bug for bug in bugs if bug not in BUGS] + [
            v for v in variants if v not in VARIANTS
        ]
        if unknown:
            raise KeyError(unknown)
        self.bugs, self.variants = frozenset(bugs), frozenset(variants)
        self.clock = clock or Clock()
        self.applications = applications or dict(DEFAULT_APPLICATIONS)
        self.world: dict[str, dict[str, dict[str, Any]]] = {app: {} for app in self.applications}
        self.flows: dict[str, dict[str, Any]] = {}
        self.used: set[str] = set()
        self.hooks: dict[str, dict[str, Any]] = {}
        self.lock = threading.RLock()
        self.serial = itertools.count(1)
        self.ahead: dict[str, float] = {}
        self.is_replica = replica
        self.requests = 0
        self.in_flight = 0
        self.pending: list[tuple[float, Request, str]] = []
        self.replica = (
            type(self)(
                *bugs,
                variants=set(variants) - {"lagging", "slow", "rate_limited"},
                clock=Clock(real=False),
                applications=self.applications,
                replica=True,
            )
            if "lagging" in self.variants and not replica
            else None
        )
        for app in self.applications if not replica else ():
            self._consumer(app, "test-consumer", create=True)
            self._consumer(app, "somebody", create=True)
        if self.replica:
            self.replica.ahead = self.ahead
            self.replica.world = copy.deepcopy(self.world)
        self.offset = 0

    def bug(self, name: str) -> bool:
        return name in self.bugs

    def variant(self, name: str) -> bool:
        return name in self.variants

    # --- the way of a request ---

    def answer(self, request: Request) -> Reply:
        """Answer a request, as a deployment would over the wire."""
        self.requests += 1
        if self.variant("slow"):
            self.clock.sleep(0.3)
        if self.variant("rate_limited") and self.requests % 7 == 0:
            return self._refusal(
                Refused(429, "RateLimitError", "Too many requests", **{"retry-after": "1"}),
                request,
                str(UUID(int=0)),
            )
        rid = str(UUID(int=hash((self.requests, "id")) & ((1 << 128) - 1)))
        if self.bug("one_request_id") or (self.bug("race_log") and self.in_flight > 0):
            rid = "00000000-0000-4000-8000-000000000001"
        if not self.replica:
            return self.handle(request, rid, self.clock.now())
        with self.lock:
            return self._answer_late(request, rid)

    def _answer_late(self, request: Request, rid: str) -> Reply:
        """Answer a read as it was two seconds ago."""
        assert self.replica is not None
        now = self.clock.now()
        reply = self.handle(request, rid, now)
        self.pending.append((now + 2.0, request, rid))
        if (
            request.method != "GET"
            or "/vault/" not in request.path
            or any(w in request.path for w in ("/authorize/", "/callback", "/revoke/"))
        ):
            return reply
        while self.pending and self.pending[0][0] <= now:
            due, earlier, its_id = self.pending.pop(0)
            self.replica.handle(earlier, its_id, due - 2.0)
        before = copy.deepcopy((self.replica.world, self.replica.flows, self.replica.used))
        stale = self.replica.handle(request, rid, now)
        self.replica.world, self.replica.flows, self.replica.used = before
        return stale

    def handle(self, request: Request, rid: str, now: float) -> Reply:
        racing = any(bug.startswith("race_") for bug in self.bugs)
        now += self.ahead.get(_application_of(request), 0.0)
        self.in_flight += 1
        if self.bug("race_log"):
            time.sleep(0.002)
        if not racing:
            self.lock.acquire()
        seen: dict[str, Any] = {"log": None}
        try:
            try:
                reply = self._dispatch(request, rid, now, seen)
            except Refused as refused:
                reply = self._refusal(refused, request, rid)
            except UnicodeDecodeError:
                reply = self._refusal(
                    Refused(404, "EntityNotFoundError", "Unknown entity"), request, rid
                )
            except Exception as error:
                reply = self._refusal(
                    Refused(500, "InternalError", "Internal error", repr(error)), request, rid
                )
            self._record(request, reply, rid, now, seen)
            return self._dress(reply, request, rid)
        finally:
            if not racing:
                self.lock.release()
            self.in_flight -= 1

    def _dispatch(self, request: Request, rid: str, now: float, seen: dict[str, Any]) -> Reply:
        method = request.method
        if self.bug("override"):
            method = request.headers.get("x-http-method-override", method).upper()
        if (
            method == "OPTIONS"
            and not self.bug("no_preflight")
            and "access-control-request-method" in request.headers
        ):
            return Reply(
                204,
                None,
                {
                    "access-control-allow-methods": "GET, POST, PATCH, DELETE",
                    "access-control-allow-headers": "Authorization, Content-Type, x-apideck-app-id, x-apideck-consumer-id, x-apideck-auth-type",
                },
            )
        if request.path.startswith("/_mock/"):
            return self._control(request)
        matches = [(row, found) for row in _operations() if (found := row[2].match(request.path))]
        if not matches:
            raise Refused(404, "EntityNotFoundError", "Unknown route")
        allowed = sorted({row[1] for row, _ in matches})
        chosen = next(((row, found) for row, found in matches if row[1] == method), None)
        if chosen is None:
            if self.bug("method_500"):
                raise RuntimeError(method)
            if self.bug("wrong_method"):
                chosen = next(((row, found) for row, found in matches if row[1] == "GET"), None)
        if chosen is None:
            raise Refused(
                405,
                "MethodNotAllowedError",
                "Method not allowed",
                **({} if self.bug("no_allow") else {"allow": ", ".join(allowed)}),
            )
        (_, _, _, operation_id, operation), found = chosen
        path = {name: unquote(value, errors="strict") for name, value in found.groupdict().items()}
        if any("\0" in value for value in path.values()):
            if self.bug("nul_500"):
                raise RuntimeError("nul")
            raise Refused(404, "EntityNotFoundError", "Unknown entity")
        if self.bug("plus_blank"):
            path = {name: value.replace("+", " ") for name, value in path.items()}
        if self.bug("long_id"):
            path = {name: value[:64] for name, value in path.items()}
        if operation.get("security") == []:
            if (
                operation_id == "connectionsAuthorize"
                and self.bug("authorize_needs_key")
                and "authorization" not in request.headers
            ):
                raise Refused(
                    401, "UnauthorizedError", "Unauthorized Request", "Missing authentication"
                )
            violations = [
                {"in": "query", "name": p["name"], "keyword": "required"}
                for p in map(_resolve, operation["parameters"])
                if p["in"] == "query" and p.get("required") and not request.arg(p["name"])
            ]
            if violations:
                raise self._invalid(violations)
            return getattr(self, "_" + operation_id)(request, path, now)  # type: ignore[no-any-return]
        needs_consumer = any(
            _resolve(p)["name"] == "x-apideck-consumer-id" for p in operation["parameters"]
        )
        app, session = self._caller(request, operation_id, needs_consumer, now)
        seen["app"] = app
        raw = request.headers.get("x-apideck-consumer-id", "")
        consumer_id = raw.encode("latin-1", "replace").decode("utf-8", "replace") if raw else raw
        if self.bug("consumer_lower"):
            consumer_id = consumer_id.lower()
        if self.bug("long_id"):
            consumer_id = consumer_id[:64]
        if needs_consumer and not consumer_id:
            present = "x-apideck-consumer-id" in request.headers
            if not (self.bug("consumer_empty") if present else self.bug("consumer_optional")):
                raise self._header("x-apideck-consumer-id")
            consumer_id = "test-consumer"
        if (
            needs_consumer
            and session is not None
            and session.get("consumer_id") != consumer_id
            and not self.bug("token_any_consumer")
        ):
            raise Refused(
                401,
                "UnauthorizedError",
                "Unauthorized Request",
                "The session is of another consumer",
            )
        if needs_consumer:
            seen["log"] = consumer_id
        seen["operation"] = operation_id
        seen["template"] = chosen[0][0]
        arguments = self._parameters(request, operation_id)
        body = self._body(request, operation_id)
        if operation_id == "logsAll" and self.bug("slow_logs"):
            time.sleep(0.6)
        if needs_consumer and self.bug("slower"):
            consumer = self._consumer(app, consumer_id)
            time.sleep(min(0.4, 0.004 * (len(consumer["logs"]) if consumer else 0)))
        act: Callable[..., Reply] = getattr(self, "_" + operation_id)
        known = {
            "request": request,
            "now": now,
            "app": app,
            "consumer_id": consumer_id,
            "body": body,
            **path,
            **arguments,
        }
        if "consumer_id" in path:
            known["consumer_id"] = (
                path["consumer_id"].lower() if self.bug("consumer_lower") else path["consumer_id"]
            )
        names = act.__code__.co_varnames[
            : act.__code__.co_argcount + act.__code__.co_kwonlyargcount
        ]
        reply = act(**{name: known.get(name) for name in names if name != "self"})
        late = self.variant("upsert_on_write") and request.method in {"GET", "DELETE"}
        if (
            needs_consumer
            and not late
            and not (operation_id == "sessionsCreate" and self.bug("no_upsert"))
        ):
            self._consumer(app, consumer_id, create=True, now=now)
        return reply

    def _caller(
        self, request: Request, operation_id: str, needs_consumer: bool, now: float
    ) -> tuple[str, dict[str, Any] | None]:
        app = request.headers.get("x-apideck-app-id", "")
        header = request.headers.get("authorization", "")
        scheme, _, token = header.partition(" ")
        first = next(iter(self.applications))
        unguarded = (
            (self.bug("delete_unguarded") and request.method == "DELETE")
            or (self.bug("logs_unguarded") and operation_id == "logsAll")
            or (self.bug("no_key") and not header)
            or (self.bug("empty_bearer") and scheme == "Bearer" and not token)
        )
        if unguarded:
            return (app if app in self.applications else first), None
        if not token or scheme.lower() != "bearer":
            raise Refused(
                401, "UnauthorizedError", "Unauthorized Request", "Missing authentication"
            )
        if (
            token.count(".") == 2
            and needs_consumer | self.bug("token_all_consumers")
            and not self.bug("token_refused")
        ):
            session = self._session(token, now)
            if session is None or (
                session.get("application_id") != app and not self.bug("token_any_app")
            ):
                raise Refused(
                    401, "UnauthorizedError", "Unauthorized Request", "Invalid Authorization Token"
                )
            return app or first, session
        if not app:
            if not self.bug("app_header_optional") or token not in self.applications.values():
                if token in self.applications.values():
                    raise self._header("x-apideck-app-id")
                raise Refused(
                    401, "UnauthorizedError", "Unauthorized Request", "Missing application"
                )
            app = next(name for name, key in self.applications.items() if key == token)
        if app not in self.applications:
            if self.bug("unknown_app"):
                return first, None
            raise self._stranger()
        key = self.applications[app]
        fits = (
            token == key
            or self.bug("any_key")
            or (self.bug("key_prefix") and token[:6] == key[:6])
            or (self.bug("key_folded") and token.lower() == key.lower())
            or (self.bug("foreign_key") and token in self.applications.values())
            or (self.bug("stats_unguarded") and operation_id == "consumerRequestCountsAll")
        )
        if not fits:
            if self.bug("key_in_refusal"):
                raise Refused(
                    401, "UnauthorizedError", "Unauthorized Request", f"{token} is not {key}"
                )
            raise self._stranger()
        return app, None

    def _stranger(self) -> Refused:
        if self.variant("hidden"):
            return Refused(403, "ForbiddenError", "Forbidden")
        return Refused(401, "UnauthorizedError", "Unauthorized Request", "Invalid credentials")

    def _session(self, token: str, now: float) -> dict[str, Any] | None:
        head, _, signature = token.rpartition(".")
        try:
            header = json.loads(_unb64(head.split(".")[0]))
            claims: dict[str, Any] = json.loads(_unb64(head.split(".")[1]))
        except (ValueError, IndexError):
            return None
        genuine = hmac.compare_digest(
            _b64(hmac.new(SECRET, head.encode(), hashlib.sha256).digest()).encode(),
            signature.encode(),
        )
        if (
            not genuine
            and not self.bug("tampered")
            and not (self.bug("alg_none") and str(header.get("alg")).lower() == "none")
        ):
            return None
        if claims.get("exp", now + 1) < now and not self.bug("expired"):
            return None
        return claims

    def _header(self, name: str) -> Refused:
        detail = {"missing": [{name: "required"}], "violations": [{"in": "header", "name": name}]}
        return Refused(
            422 if self.variant("unprocessable") else 400,
            "RequestHeadersValidationError",
            "Invalid Params",
            detail,
        )

    def _invalid(self, violations: list[dict[str, Any]]) -> Refused:
        return Refused(
            422 if self.variant("unprocessable") else 400,
            "RequestValidationError",
            "Invalid Params",
            {"violations": violations},
        )

    def _parameters(self, request: Request, operation_id: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        wrong: list[dict[str, Any]] = []

        def blame(name: str, keyword: str) -> None:
            wrong.append({"in": "query", "name": name, "keyword": keyword})

        for name, value in request.args():
            if name == "limit" and operation_id in {"consumersAll", "logsAll"}:
                if not re.fullmatch(r"-?\d{1,12}", value):
                    if len(value) > 12 and self.bug("big_500"):
                        raise RuntimeError(value)
                    if not self.bug("limit_text"):
                        blame(name, "type")
                    out["limit"] = 20
                else:
                    out["limit"] = int(value)
                    if not 1 <= int(value) <= 200:
                        if not self.bug("limit_unjudged"):
                            blame(name, "minimum")
                        out["limit"] = 20
            elif name == "configured":
                if value not in {"true", "false"} and not self.bug("boolean_query"):
                    blame(name, "type")
                out["configured"] = value == "true"
            elif name == "filter[status_code]":
                if re.fullmatch(r"\d+", value):
                    out["status_code"] = int(value)
                elif not self.bug("filter_number"):
                    blame(name, "type")
            elif name == "filter[exclude_unified_apis]":
                out["exclude"] = value.split(",")
            elif name == "filter[connector_id]":
                out["connector_id"] = value
            elif name in {"cursor", "api", "resource_id"}:
                out[name] = value
            elif (
                name in {"start_datetime", "end_datetime"}
                and operation_id == "consumerRequestCountsAll"
            ):
                out[name] = _moment(value)
                if out[name] is None and not self.bug("stats_dates"):
                    blame(name, "format")
        if operation_id == "consumerRequestCountsAll":
            for name in ("start_datetime", "end_datetime"):
                if request.arg(name) is None and not (
                    self.bug("stats_missing") and name == "start_datetime"
                ):
                    blame(name, "required")
        if wrong:
            raise self._invalid(wrong)
        return out

    def _body(self, request: Request, operation_id: str) -> Any:
        rule = _body_rule(operation_id)
        if rule is None:
            return None
        validator, required = rule
        if len(request.body) > MIB:
            raise Refused(413, "PayloadTooLargeError", "Payload too large")
        if not request.body.strip():
            if (required and not self.bug("body_absent")) or (
                self.bug("refuses_no_body") and operation_id == "sessionsCreate"
            ):
                raise self._invalid([{"in": "body", "keyword": "required"}])
            return {}
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json" and not self.bug("media_type"):
            raise Refused(415, "UnsupportedMediaTypeError", "Unsupported media type")
        if self.bug("utf8_500") and not request.body.isascii():
            raise RuntimeError("utf-8")
        try:
            body = json.loads(request.body.decode("utf-8"), parse_constant=lambda _: 1 / 0)
        except UnicodeDecodeError as error:
            if self.bug("bytes_500"):
                raise RuntimeError("bytes") from error
            raise self._invalid([{"in": "body", "keyword": "encoding"}]) from error
        except RecursionError as error:
            if self.bug("deep_500"):
                raise
            raise self._invalid([{"in": "body", "keyword": "depth"}]) from error
        except (ValueError, ZeroDivisionError) as error:
            if self.bug("body_malformed"):
                return {}
            raise self._invalid([{"in": "body", "keyword": "json"}]) from error
        if self.bug("body_unjudged"):
            return body if isinstance(body, dict) else {}
        wrong = []
        for flaw in validator.iter_errors(body):
            keyword, depth = type(flaw.kind).__name__.split("_")[-1], len(flaw.instance_path)
            let = (
                (self.bug("body_types") and keyword == "Type" and depth)
                or (
                    self.bug("body_extra")
                    and keyword in {"AdditionalProperties", "FalseSchema"}
                    and operation_id != "connectionsToken"
                )
                or (
                    self.bug("token_body")
                    and operation_id == "connectionsToken"
                    and isinstance(body, dict)
                )
                or (self.bug("body_required") and keyword == "Required")
                or (
                    self.bug("mapping_required")
                    and keyword == "Required"
                    and operation_id == "customMappingsAdd"
                )
                or (self.bug("body_nested") and depth > 1)
                or (self.bug("body_enum") and keyword == "Enum")
                or (self.bug("body_format") and keyword == "Format")
                or (self.bug("body_array") and isinstance(body, list))
            )
            if not let:
                wrong.append(
                    {
                        "in": "body",
                        "pointer": "/" + "/".join(map(str, flaw.instance_path)),
                        "keyword": keyword,
                    }
                )
        if (
            self.bug("refuses_null")
            and isinstance(body, dict)
            and any(v is None for v in body.values())
        ):
            wrong.append({"in": "body", "keyword": "type"})
        if self.bug("refuses_unicode") and not json.dumps(body, ensure_ascii=False).isascii():
            wrong.append({"in": "body", "keyword": "pattern"})
        if (
            self.bug("refuses_open")
            and isinstance(body, dict)
            and operation_id == "connectionsUpdate"
            and set(body) - set(contract()["components"]["schemas"]["Connection"]["properties"])
        ):
            wrong.append({"in": "body", "keyword": "additionalProperties"})
        if wrong:
            refused = self._invalid(wrong)
            if self.bug("body_in_refusal"):
                refused.detail["body"] = body
            if (
                self.bug("refused_half")
                and operation_id == "connectionsUpdate"
                and isinstance(body, dict)
            ):
                app, cid = (
                    request.headers.get("x-apideck-app-id", ""),
                    request.headers.get("x-apideck-consumer-id", ""),
                )
                api, service = request.path.split("/")[3:5]
                stored = (self._consumer(app, cid) or {"connections": {}})["connections"].get(
                    (api, service)
                )
                if stored and isinstance(body.get("settings"), dict):
                    stored["settings"].update(body["settings"])
            raise refused
        return body if isinstance(body, dict) else {}

    # --- answers ---

    def _ok(self, data: Any, **more: Any) -> Reply:
        body = {"status_code": 200, "status": "OK", "data": data, **more}
        if self.bug("status_missing"):
            del body["status"]
        if self.bug("status_code_lies"):
            body["status_code"] = 201
        if self.variant("extra_fields"):
            body["_request"] = {"took": 1}
        return Reply(200, body)

    def _refusal(self, refused: Refused, request: Request, rid: str) -> Reply:
        status, type_name = refused.status, refused.type_name
        if status == 404 and "consumer" in refused.message.lower():
            status = 500 if self.bug("unknown_500") else 400 if self.bug("unknown_400") else 404
            type_name = (
                "InternalError"
                if status == 500
                else "RequestValidationError"
                if status == 400
                else type_name
            )
        if self.bug("error_wrong_type") and status == 404:
            type_name = "UnauthorizedError"
        name = (
            "unauthorizederror"
            if self.bug("error_wrong_ref") and status != 401
            else type_name.lower()
        )
        body: dict[str, Any] = {
            "status_code": status, "error": REASONS.get(status, "Error"), "type_name": type_name, "message": refused.message,
            "detail": refused.detail, "ref": f"https://developers.apideck.com/errors#{type_name if self.bug('error_ref_cased') else name}",
        }  # fmt: skip
        if self.bug("error_untyped"):
            del body["type_name"]
        if self.bug("error_no_ref"):
            del body["ref"]
        if self.bug("error_no_message"):
            del body["message"]
        if self.bug("error_detail_list"):
            body["detail"] = [refused.detail]
        if self.bug("stack_trace"):
            body["detail"] = {
                "trace": 'Traceback (most recent call last):\n  File "/srv/vault/app.py", line 12, in handle\nKeyError: 1'
            }
        if self.variant("extra_fields"):
            body["trace_id"] = rid
        if self.bug("error_html"):
            return Reply(
                status,
                f"<html><body><h1>{refused.message}</h1></body></html>",
                {**refused.headers, "content-type": "text/html"},
            )
        return Reply(
            200 if self.bug("error_200") and status < 500 else status, body, dict(refused.headers)
        )

    def _dress(self, reply: Reply, request: Request, rid: str) -> Reply:
        if not self.bug("no_request_id"):
            reply.headers.setdefault("x-apideck-request-id", rid)
        if not self.bug("no_cors"):
            reply.headers.setdefault("access-control-allow-origin", "*")
            reply.headers.setdefault("access-control-expose-headers", "x-apideck-request-id")
        if reply.body is not None:
            kind = (
                "text/html" if self.bug("html_type") and reply.status < 300 else "application/json"
            )
            reply.headers.setdefault("content-type", kind)
        return reply

    def _record(
        self, request: Request, reply: Reply, rid: str, now: float, seen: dict[str, Any]
    ) -> None:
        consumer_id, app = seen.get("log"), seen.get("app")
        if consumer_id is None or app is None:
            return
        good = reply.status < 400
        consumer = self._consumer(app, consumer_id)
        if consumer is None:
            return
        if self.bug("race_count"):
            held = consumer["count"]
            time.sleep(0.002)
            consumer["count"] = held + 1
            consumer["calls"] = [*consumer["calls"][:held], now]
        elif not self.bug("count_missing"):
            for _ in range(2 if self.bug("count_double") else 1):
                consumer["calls"].append(now)
                consumer["count"] += 1
        if (
            self.bug("log_missing")
            or (self.bug("log_refusals") and not good)
            or (self.bug("log_reads") and request.method == "GET")
        ):
            return
        entry = {
            "id": str(UUID(int=next(self.serial))) if self.bug("log_id") else rid,
            "parent_id": None, "api_style": "REST", "base_url": "unify.apideck.com", "child_request": False,
            "consumer_id": "" if self.bug("log_consumer") else consumer_id, "duration": 1.5, "latency": 0.5, "execution": 2, "has_children": False,
            "http_method": "GET" if self.bug("log_method") else request.method,
            "operation": {"id": seen.get("operation", "unknown"), "name": seen.get("operation", "unknown")},
            "path": seen["template"] if self.bug("log_path") and seen.get("template") else request.path,
            "sandbox": False, "service": {"id": "apideck-vault", "name": "Apideck Vault"}, "source_ip": "127.0.0.1",
            "status_code": 200 if self.bug("log_status") else reply.status,
            "success": True if self.bug("log_success") else good, "error_message": None if good else "refused",
            "timestamp": _iso(now), "unified_api": "vault",
        }  # fmt: skip
        if self.bug("log_field_missing"):
            del entry["http_method"]
        for _ in range(2 if self.bug("log_twice") else 1):
            consumer["logs"].append(entry)

    # --- the world ---

    def _consumer(
        self, app: str, consumer_id: str, *, create: bool = False, now: float | None = None
    ) -> dict[str, Any] | None:
        if self.bug("apps_share"):
            app = next(iter(self.applications))
        consumers = self.world[app]
        if create and consumer_id not in consumers:
            moment = self.clock.now() if now is None else now
            consumers[consumer_id] = {
                "id": consumer_id, "metadata": {}, "created": moment, "modified": moment, "connections": {},
                "mappings": {}, "logs": [], "calls": [], "count": 0, "config": {},
            }  # fmt: skip
            consumers[consumer_id] |= self.flows.pop(f"orphan {app} {consumer_id}", {})
        elif create:
            consumers[consumer_id].pop("gone", None)
        return consumers.get(consumer_id)

    def _known(self, app: str, consumer_id: str, kind: str = "read") -> dict[str, Any]:
        consumer = self._consumer(app, consumer_id)
        if consumer is None and self.bug(
            {
                "read": "foreign_consumer_read",
                "update": "foreign_consumer_update",
                "delete": "foreign_consumer_delete",
                "stats": "foreign_stats",
            }[kind]
        ):
            consumer = next((c[consumer_id] for c in self.world.values() if consumer_id in c), None)
        if consumer is None or consumer.get("gone"):
            raise Refused(
                404,
                "EntityNotFoundError",
                "Unknown Consumer",
                f"Could not find consumer with id: '{consumer_id}'",
            )
        return consumer

    def _stored(self, app: str, consumer_id: str) -> dict[str, Any]:
        """Return the consumer whose connections this caller sees: unknown ones see an empty world."""
        if self.bug("consumers_share"):
            consumer_id = "somebody"
        return self._consumer(app, consumer_id) or {
            "connections": {},
            "mappings": {},
            "config": {},
            "logs": [],
            "calls": [],
            "id": consumer_id,
            "count": 0,
        }

    def _held(self, app: str, consumer_id: str, now: float) -> dict[str, Any]:
        if self.bug("consumers_share"):
            consumer_id = "somebody"
        held = self._consumer(app, consumer_id, create=True, now=now)
        assert held is not None
        return held

    def _connectors(self, app: str) -> dict[str, dict[str, Any]]:
        if self.variant("empty_catalogue"):
            return {}
        if self.variant("other_catalogue") and app != next(iter(self.applications)):
            return {n: c for n, c in CONNECTORS.items() if n not in {"close", "salesforce", "box"}}
        if not self.variant("other_fields"):
            return CONNECTORS
        other = copy.deepcopy(CONNECTORS)
        for connector in other.values():
            if connector["fields"] and "before" not in connector:
                connector["fields"] = [
                    _field("tenant", kind="url"),
                    _field("region", required=False, kind="select"),
                    *connector["fields"],
                ]
        return other

    def _connector(self, app: str, unified_api: str, service_id: str) -> dict[str, Any]:
        connector = self._connectors(app).get(service_id)
        if connector is None or unified_api not in connector["apis"]:
            if self.bug("unknown_connector"):
                return _connector(service_id, unified_api, "none", resources=[])
            raise Refused(
                404,
                "ConnectorNotFoundError",
                "Unknown Connector",
                f"Could not find {unified_api}+{service_id}",
            )
        return connector

    def _key(self, unified_api: str, service_id: str) -> tuple[str, str]:
        return ("any" if self.bug("apis_share") else unified_api, service_id)

    def _state(self, connector: dict[str, Any], stored: dict[str, Any] | None) -> str:
        if stored is None:
            return "available"
        if "state" in stored:
            return str(stored["state"])
        if self.bug("always_callable"):
            return "callable"
        if self.bug("disabled_available") and not stored["enabled"]:
            return "available"
        if self.bug("disabled_added") and not stored["enabled"]:
            return "added"
        missing = [
            f["id"]
            for f in connector["fields"]
            if f["required"] and stored["settings"].get(f["id"]) in (None, "")
        ]
        filled = [
            f["id"]
            for f in connector["fields"]
            if f["required"] and stored["settings"].get(f["id"]) not in (None, "")
        ]
        if connector["auth"] == "oauth2":
            if not stored["token"]:
                filled_in = self.bug("settings_authorize") and connector["fields"] and not missing
                return "callable" if filled_in else "added"
            return "authorized" if missing and not self.bug("fields_skipped") else "callable"
        if self.bug("callable_early") and filled:
            return "callable"
        if self.bug("never_callable") and connector["fields"]:
            return "added"
        return "added" if missing else "callable"

    def _show(
        self, app: str, consumer_id: str, api: str, service: str, request: Request, now: float
    ) -> dict[str, Any]:
        connector = self._connector(app, api, service)
        owner = self._stored(app, consumer_id)
        stored = owner["connections"].get(self._key(api, service))
        state = self._state(connector, stored)
        settings = dict(stored["settings"]) if stored else {}
        fields = []
        for row in connector["fields"]:
            late = connector.get("after") and not (stored and stored["token"])
            fields.append(
                {
                    **row,
                    "value": settings.get(row["id"], ""),
                    "mask": False,
                    **({"disabled": True} if late else {}),
                    **(
                        {"options": [{"label": "One", "value": "one", "option_type": "simple"}]}
                        if row["type"] == "select" and not late
                        else {}
                    ),
                }
            )
        code = (
            connector["auth"] == "oauth2"
            and connector.get("grant", "authorization_code") == "authorization_code"
        )
        ready = all(settings.get(name) for name in connector.get("before", [])) or self.bug(
            "early_url"
        )
        url = None
        if (code and ready and not self.bug("no_authorize_url")) or (
            self.bug("authorize_any") and connector["auth"] == "apiKey"
        ):
            url = self._link("authorize", app, consumer_id, api, service, request, now)
        revoke = (
            self._link("revoke", app, consumer_id, api, service, request, now)
            if code
            and connector.get("revocable")
            and (state in {"authorized", "callable"} or self.bug("revoke_always"))
            else None
        )
        out = {
            "id": service if self.bug("wrong_id") else f"{api}+{service}", "service_id": service, "name": connector["name"], "tag_line": connector["name"] + " for tests",
            "unified_api": api, "state": "connected" if self.bug("enum_broken") and state == "callable" else state, "integration_state": "configured", "auth_type": connector["auth"],
            "status": "live", "enabled": bool(stored and stored["enabled"]) or (self.bug("untouched_enabled") and not stored), "website": f"https://{service}.example",
            "icon": f"https://{service}.example/icon.png", "logo": f"https://{service}.example/logo.png",
            "form_fields": fields, "configurable_resources": connector["resources"], "resource_schema_support": connector["resources"],
            "resource_settings_support": connector["resources"], "validation_support": False, "schema_support": True,
            "settings_required_for_authorization": connector.get("before", []), "subscriptions": [], "has_guide": False,
        }  # fmt: skip
        if connector["auth"] == "oauth2":
            out["oauth_grant_type"] = connector.get("grant", "authorization_code")
            out["revoke_url"] = revoke
        if code or url:
            out["authorize_url"] = url
        if stored:
            out["settings"] = {
                k: v for k, v in settings.items() if k != "api_key" or self.bug("key_echoed")
            }
            out["metadata"] = stored["metadata"]
            out["created_at"] = (
                _iso(stored["created"]) if self.bug("time_text") else int(stored["created"] * 1000)
            )
            out["updated_at"] = (
                int(stored["updated"] * 1000)
                if stored["updated"] and not self.bug("update_clock")
                else None
            )
            out["configuration"] = [
                {"resource": name, "defaults": rows} for name, rows in stored["config"].items()
            ]
            out["custom_mappings"] = (
                []
                if self.bug("mapping_hidden")
                else self._mappings(app, consumer_id, api, service, connector)
            )
        if self.variant("extra_fields"):
            out["health"] = "ok"
            out["consents"] = []
        return out

    def _link(
        self,
        verb: str,
        app: str,
        consumer_id: str,
        api: str,
        service: str,
        request: Request,
        now: float,
    ) -> str:
        claims = {
            "consumer_id": "somebody" if self.bug("state_consumer") else consumer_id,
            "unified_api": api,
            "service_id": service,
            "application_id": app,
            "iat": int(now),
            "exp": int(now) + 1800,
            "for": verb,
            "n": next(self.serial),
        }
        if self.bug("state_forever"):
            del claims["exp"]
        claims = self._state_claims(claims, app)
        return f"{request.base}/vault/{verb}/{service}/{app}?state={sign(claims)}"

    def _state_claims(self, claims: dict[str, Any], app: str) -> dict[str, Any]:
        return claims

    def _mappings(
        self, app: str, consumer_id: str, api: str, service: str, connector: dict[str, Any]
    ) -> list[dict[str, Any]]:
        return [
            {"id": target, "label": target, "key": target.split("+")[-1], "required": False, "custom_field": False,
             **({"value": value, "consumer_id": consumer_id} if value is not None else {"consumer_id": None})}
            for target in self._targets(api, connector)
            for value in [self._mapping_value(app, consumer_id, api, service, target)]
        ]  # fmt: skip

    def _targets(self, api: str, connector: dict[str, Any]) -> list[str]:
        return [
            f"{api}+{connector['resources'][0]}+{name}" for name in connector.get("targets", [])
        ]

    def _event(
        self, kind: str, app: str, consumer_id: str, shown: dict[str, Any], now: float
    ) -> None:
        if self.bug("hook_silent") or (self.bug("hook_update_missing") and kind == "updated"):
            return
        keep = (
            "id",
            "unified_api",
            "service_id",
            "name",
            "icon",
            "logo",
            "website",
            "tag_line",
            "auth_type",
            "enabled",
            "state",
        )
        entity = {name: shown[name] for name in keep} | {
            "id": f"{app}+{consumer_id}",
            "consumer_id": consumer_id,
            "created_at": _iso(now),
            "updated_at": _iso(now),
        }
        if self.bug("hook_settings"):
            entity["settings"] = {f["id"]: f["value"] for f in shown["form_fields"]}
        if self.bug("hook_wrong_state"):
            entity["state"] = "added"
        key = str(UUID(int=next(self.serial) + (1 << 100)))
        event_type = f"vault.connection.{kind}"
        payload = {
            "event_id": key,
            "event_type": "vault.connection.updated"
            if self.bug("hook_type_differs")
            else event_type,
            "service_id": "apideck-vault",
            "entity_id": consumer_id if self.bug("hook_entity_id") else f"{app}+{consumer_id}",
            "entity_type": "Connection",
            "entity": entity,
            "occurred_at": _iso(now),
        }
        for hook in list(self.hooks.values()):
            if (hook["application_id"] == app or self.bug("hook_other_app")) and self._wants(
                hook, event_type
            ):
                url = hook["delivery_url"]
                threading.Thread(
                    target=self._deliver, args=(app, url, event_type, key, payload), daemon=True
                ).start()

    def _wants(self, hook: dict[str, Any], event_type: str) -> bool:
        events = hook.get("events") or ["*"]
        return hook["status"] == "enabled" and ("*" in events or event_type in events)

    def _deliver(
        self, app: str, url: str, event_type: str, key: str, payload: dict[str, Any]
    ) -> None:
        signed = ""
        for attempt in (1, 2, 3):
            body = json.dumps(
                {
                    "payload": {
                        **payload,
                        "execution_attempt": 1 if self.bug("hook_attempt_stuck") else attempt,
                    }
                },
                sort_keys=True,
                separators=(",", ":"),
            ).encode()
            signing = b"another" if self.bug("hook_signature") else self.applications[app].encode()
            if not (signed and self.bug("hook_retry_signature")):
                signed = hmac.new(signing, body, hashlib.sha256).hexdigest()
            headers = {
                "content-type": "application/json", "x-apideck-event-type": event_type,
                "x-apideck-idempotency-key": str(UUID(int=next(self.serial))) if self.bug("hook_key_changes") else key,
                "x-apideck-signature": signed,
            }  # fmt: skip
            with (
                suppress(OSError),
                urllib.request.urlopen(
                    urllib.request.Request(url, data=body, headers=headers, method="POST"),
                    timeout=5,
                ) as answer,
            ):
                if answer.status == 200:
                    return
            if self.bug("hook_no_retry"):
                return
            time.sleep(0.05)

    def _control(self, request: Request) -> Reply:
        if request.path == "/_mock/health":
            return Reply(200, {"status": "ok"}, {"x-mock": "stand-in"})
        if request.path.startswith("/_mock/webhooks"):
            return self._hook(request)
        if request.path.startswith("/_mock/apps"):
            return self._made_application(request)
        raise Refused(404, "EntityNotFoundError", "Unknown route")

    def _hook(self, request: Request) -> Reply:
        """Make a subscription, change it, take it away."""
        name = request.path.removeprefix("/_mock/webhooks").strip("/")
        if request.method == "POST" and not name:
            name = f"hook-{next(self.serial)}"
            self.hooks[name] = {"status": "enabled", **json.loads(request.body), "id": name}
            return Reply(201, self.hooks[name])
        if name not in self.hooks:
            raise Refused(404, "EntityNotFoundError", "Unknown route")
        if request.method == "PATCH":
            self.hooks[name] |= json.loads(request.body)
            return Reply(200, self.hooks[name])
        del self.hooks[name]
        return Reply(204)

    def _made_application(self, request: Request) -> Reply:
        """Make an application, move its time, take it away."""
        name = request.path.removeprefix("/_mock/apps").strip("/").partition("/")[0]
        if request.method == "POST":
            wanted = json.loads(request.body)
            self.applications[wanted["id"]] = wanted["api_key"]
            self.world[wanted["id"]] = {}
            return Reply(201, wanted)
        if name not in self.world:
            raise Refused(404, "EntityNotFoundError", "Unknown route")
        if request.method == "PUT":
            if not self.is_replica:
                days = int(json.loads(request.body)["by"].strip("PD"))
                self.ahead[name] = self.ahead.get(name, 0.0) + days * 86_400.0
            return Reply(200, {"status": "ok"})
        self.applications.pop(name, None)
        self.world.pop(name, None)
        return Reply(204, None)

    # --- consumers ---

    def _consumer_view(self, app: str, consumer: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        vault = consumer["count"] if not (self.bug("count_list") and not whole) else 0
        counts = {
            "unify": vault if self.bug("count_kind") else 0,
            "proxy": 0,
            "vault": 0 if self.bug("count_kind") else vault,
        }
        out: dict[str, Any] = {
            "consumer_id": consumer["id"], "application_id": app, "metadata": consumer["metadata"],
            "aggregated_request_count": vault + (1 if self.bug("count_sum") else 0), "request_counts": counts,
            "created": _iso(consumer["created"]), "modified": _iso(consumer["modified"]), "request_count_updated": _iso(consumer["modified"]),
            "services": sorted({service for (_, service) in consumer["connections"]}),
        }  # fmt: skip
        if whole:
            out["connections"] = []
            for (api, service), stored in consumer["connections"].items():
                connector = self._connectors(app).get(service) or _connector(
                    service, api, "none", resources=[]
                )
                out["connections"].append({
                    "id": f"{app}+{consumer['id']}", "name": connector["name"], "icon": f"https://{service}.example/icon.png",
                    "logo": f"https://{service}.example/logo.png", "website": f"https://{service}.example", "tag_line": connector["name"],
                    "service_id": service, "unified_api": connector["apis"][0] if api == "any" else api, "consumer_id": consumer["id"], "auth_type": connector["auth"],
                    "enabled": stored["enabled"], "settings": {k: v for k, v in stored["settings"].items() if k != "api_key" or self.bug("consumer_leaks")},
                    "metadata": stored["metadata"], "created_at": _iso(stored["created"]), "updated_at": _iso(stored["updated"]) if stored["updated"] else None,
                    "state": self._state(connector, stored),
                })  # fmt: skip
        if self.bug("consumer_list_bare") and not whole:
            out["metadata"] = {}
        if self.variant("extra_fields"):
            out["plan"] = "free"
        return out

    def _consumersAdd(self, app: str, body: dict[str, Any], now: float) -> Reply:
        consumer_id = str(body.get("consumer_id", ""))
        consumer_id = consumer_id.lower() if self.bug("consumer_lower") else consumer_id
        consumer_id = consumer_id[:64] if self.bug("long_id") else consumer_id
        if not consumer_id and not self.bug("body_unjudged") and not self.bug("body_required"):
            raise self._invalid([{"in": "body", "pointer": "/consumer_id", "keyword": "minLength"}])
        if self.variant("conflict") and self._consumer(app, consumer_id):
            raise Refused(409, "ConflictError", "The consumer exists")
        if self.bug("race_create"):
            home = next(iter(self.applications)) if self.bug("apps_share") else app
            copied = dict(self.world[home])
            time.sleep(0.003)
            self.world[home] = copied
        consumer = self._consumer(app, consumer_id, create=True, now=now)
        assert consumer is not None
        consumer["times"] = consumer.get("times", 0) + 1
        metadata = body.get("metadata") or {}
        consumer["metadata"] = consumer["metadata"] | (
            dict(list(metadata.items())[:1]) if self.bug("consumer_metadata_one") else metadata
        )
        reply = self._ok(self._consumer_view(app, consumer, whole=True))
        return self._created(reply)

    def _created(self, reply: Reply) -> Reply:
        if self.bug("created_201"):
            reply.status, reply.body["status_code"] = 201, 201
        return reply

    def _consumersAll(
        self, app: str, limit: int | None, cursor: str | None, request: Request
    ) -> Reply:
        worlds = (
            list(self.world)
            if self.bug("foreign_consumer_list")
            else [next(iter(self.applications)) if self.bug("apps_share") else app]
        )
        items = sorted(
            (
                (c["created"], i, c)
                for name in worlds
                for i, c in enumerate(self.world[name].values())
            ),
            key=lambda item: item[:2],
        )
        rows = [((created, index), c) for created, index, c in items]
        if self.bug("consumer_doubled"):
            rows = [row for row in rows for _ in range(row[1].get("times", 1) or 1)]
        return self._page(
            request,
            rows,
            limit,
            cursor,
            lambda c: self._consumer_view(app, c, whole=False),
            "consumers",
            newest=False,
        )

    def _page(
        self,
        request: Request,
        rows: list[tuple[Any, Any]],
        limit: int | None,
        cursor: str | None,
        view: Callable[[Any], Any],
        kind: str,
        *,
        newest: bool,
    ) -> Reply:
        size = (10 if self.bug("default_ten") else 20) if limit is None else limit
        size = (
            1000
            if self.bug("limit_ignored")
            else min(size, 30)
            if self.bug("limit_capped")
            else size
        )
        keys = [self._position(row[1], kind) for row in rows]
        start = 0
        if cursor is not None and cursor != "":
            place = self._uncursor(cursor, kind)
            if place is None:
                if not self.bug("cursor_unjudged"):
                    raise self._invalid([{"in": "query", "name": "cursor", "keyword": "format"}])
            elif place[0] in keys:
                start = keys.index(place[0])
            else:
                start = min(int(place[1]), len(keys))
        if kind == "logs" and self.bug("logs_cursor"):
            start = 0
        page = rows[start : start + size]
        after = start + size
        if self.bug("page_overlaps"):
            after -= 1 if size > 1 else 0
        if self.bug("page_skips"):
            after += 1
        more = after < len(rows) and not (self.bug("stops_early") and start > 0)
        nxt = (
            self._cursor(keys[after] if more else "end", after, kind)
            if more or self.bug("next_never_null")
            else None
        )
        back = max(0, start - size)
        previous = (
            self._cursor(
                keys[0 if self.bug("previous_wrong") else back],
                0 if self.bug("previous_wrong") else back,
                kind,
            )
            if start > 0 and keys
            else None
        )
        current = cursor or (self._cursor(keys[start], start, kind) if page else None)

        def link(value: str | None) -> str | None:
            if value is None:
                return None
            kept = [(k, v) for k, v in request.args() if k != "cursor"]
            if self.bug("links_unfiltered"):
                kept = [(k, v) for k, v in kept if not k.startswith("filter")]
            return f"{request.base}{request.path}?" + urlencode(
                kept if self.bug("links_wrong") else [*kept, ("cursor", value)]
            )

        meta = {
            "items_on_page": len(page) + (1 if self.bug("items_wrong") else 0),
            "cursors": {"previous": previous, "current": current, "next": nxt},
        }
        links = {
            "previous": link(previous),
            "current": link(current) or f"{request.base}{request.path}",
            "next": link(nxt),
        }
        data: Any = [view(row[1]) for row in page]
        if self.bug("list_keyed"):
            data = {str(index): item for index, item in enumerate(data)}
        return self._ok(
            data, **({} if self.bug("meta_missing") else {"meta": meta, "links": links})
        )

    def _position(self, item: Any, kind: str) -> str:
        return str(item["id"]) + (f"@{item['timestamp']}" if kind == "logs" else "")

    def _cursor(self, key: str, place: int, kind: str) -> str:
        text = json.dumps([kind, key, place])
        return (
            ("c_" + text.encode().hex())
            if self.variant("other_cursor")
            else base64.b64encode(text.encode()).decode()
        )

    def _uncursor(self, cursor: str, kind: str) -> tuple[str, int] | None:
        try:
            raw = (
                bytes.fromhex(cursor.removeprefix("c_"))
                if self.variant("other_cursor")
                else base64.b64decode(cursor, validate=True)
            )
            of, key, place = json.loads(raw)
        except (ValueError, TypeError):
            return None
        return (str(key), int(place)) if of == kind else None

    def _consumersOne(self, app: str, consumer_id: str) -> Reply:
        shown = self._consumer_view(app, self._known(app, consumer_id), whole=True)
        reply = self._ok(shown)
        if self.bug("data_missing"):
            reply.body["data"] = {}
        return reply

    def _consumersUpdate(
        self, app: str, consumer_id: str, body: dict[str, Any], now: float
    ) -> Reply:
        consumer = self._known(app, consumer_id, "update")
        if self.bug("consumer_update_lost"):
            return self._ok(
                {
                    **self._consumer_view(app, consumer, whole=True),
                    "metadata": {**consumer["metadata"], **(body.get("metadata") or {})},
                }
            )
        metadata = body.get("metadata") or {}
        consumer["metadata"] = consumer["metadata"] | (
            dict(list(metadata.items())[:1]) if self.bug("consumer_metadata_one") else metadata
        )
        consumer["modified"] = now
        if self.bug("consumer_update_wipes"):
            consumer["connections"].clear()
        return self._ok(self._consumer_view(app, consumer, whole=True))

    def _consumersDelete(self, app: str, consumer_id: str) -> Reply:
        self._known(app, consumer_id, "delete")
        reply = (
            Reply(204)
            if self.bug("consumer_deleted_204")
            else self._ok({"consumer_id": consumer_id})
        )
        if self.bug("delete_consumer_noop"):
            return reply
        home = next(iter(self.applications)) if self.bug("apps_share") else app
        if self.bug("foreign_consumer_delete") and consumer_id not in self.world[home]:
            home = next(name for name, consumers in self.world.items() if consumer_id in consumers)
        consumer = self.world[home].pop(consumer_id)
        if self.bug("orphan_listed"):
            self.world[home][consumer_id] = {
                **consumer,
                "gone": True,
                "connections": {},
                "mappings": {},
            }
        if self.bug("orphan_connections") or self.bug("orphan_mappings"):
            name = "connections" if self.bug("orphan_connections") else "mappings"
            self.flows[f"orphan {home} {consumer_id}"] = {name: consumer[name]}
        if self.bug("cascade_wide"):
            self.world[home] = {
                n: c for n, c in self.world[home].items() if not n.startswith(consumer_id)
            }
        if self.bug("cascade_app"):
            for consumers in self.world.values():
                consumers.pop(consumer_id, None)
        return reply

    def _consumerRequestCountsAll(
        self,
        app: str,
        consumer_id: str,
        start_datetime: float | None,
        end_datetime: float | None,
        request: Request,
    ) -> Reply:
        consumer = self._known(app, consumer_id, "stats")
        low, high = start_datetime or 0.0, end_datetime or 1e12
        calls = (
            consumer["calls"]
            if not self.bug("stats_share")
            else [m for c in self.world[app].values() for m in c["calls"]]
        )
        low = 0.0 if self.bug("count_no_start") else low
        high = 1e12 if self.bug("count_no_end") else high
        count = len([m for m in calls if self.bug("count_range") or low <= m <= high])
        if self.bug("race_count"):
            count = min(count, consumer["count"])
        count = 0 if self.bug("count_stats_zero") else count
        counts = {
            "unify": count if self.bug("count_kind") else 0,
            "proxy": 0,
            "vault": 0 if self.bug("count_kind") else count,
        }
        return self._ok(
            {
                "application_id": app,
                "consumer_id": consumer_id,
                "start_datetime": request.arg("start_datetime"),
                "end_datetime": request.arg("end_datetime"),
                "aggregated_request_count": count + (1 if self.bug("count_sum") else 0),
                "request_counts": counts,
            }
        )

    # --- connections ---

    def _connectionsAll(
        self,
        app: str,
        consumer_id: str,
        api: str | None,
        configured: bool | None,
        request: Request,
        now: float,
    ) -> Reply:
        rows = [
            (unified, service)
            for service, connector in self._connectors(app).items()
            for unified in connector["apis"]
        ]
        shown = [
            self._show(app, consumer_id, unified, service, request, now)
            for unified, service in rows
        ]
        shown.sort(
            key=lambda c: (c["name"].lower(), c["unified_api"]), reverse=self.bug("unsorted")
        )
        by_api = [
            api is None
            or self.bug("api_ignored")
            or (self.bug("unknown_api_all") and api not in {r[0] for r in rows})
            or c["unified_api"] == api
            or (self.bug("api_prefix") and c["unified_api"].startswith(api[:1]))
            for c in shown
        ]
        is_on = [c["state"] != "available" for c in shown]
        by_on = [
            configured is None
            or self.bug("configured_ignored")
            or (on == configured) != self.bug("configured_inverted")
            for on in is_on
        ]
        both = api is not None and configured is not None and self.bug("filters_or")
        kept = [
            c
            for c, a, b in zip(shown, by_api, by_on, strict=True)
            if ((a or b) if both else (a and b))
        ]
        if self.variant("touched_only"):
            kept = [c for c in kept if c["state"] != "available"]
        if self.bug("deleted_unlisted"):
            gone = self._stored(app, consumer_id).get("remains", {})
            kept = [c for c in kept if (c["unified_api"], c["service_id"]) not in gone]
        if self.bug("list_stale"):
            kept = [{**c, "enabled": False} for c in kept]
        if self.bug("list_leaks"):
            other = next(
                (
                    c
                    for n, c in reversed(self.world[app].items())
                    if n != consumer_id and c["connections"]
                ),
                None,
            )
            leak = next(iter(other["connections"].values()))["settings"] if other else {}
            kept = [{**c, "metadata": {"also": leak}} for c in kept]
        if self.bug("list_echoes"):
            stored = self._stored(app, consumer_id)["connections"]
            kept = [
                {**c, "settings": stored[k]["settings"]}
                if (k := (c["unified_api"], c["service_id"])) in stored
                else c
                for c in kept
            ]
        return self._ok({c["id"]: c for c in kept} if self.bug("list_keyed") else kept)

    def _connectionsOne(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        request: Request,
        now: float,
    ) -> Reply:
        reply = self._ok(self._show(app, consumer_id, unified_api, service_id, request, now))
        if self.bug("data_missing"):
            reply.body["data"] = {}
        if self.bug("reads_alternate") and next(self.serial) % 2:
            reply.body["data"]["tag_line"] = ""
        return reply

    def _connectionsAdd(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        body: dict[str, Any],
        request: Request,
        now: float,
    ) -> Reply:
        self._connector(app, unified_api, service_id)
        if (
            self.variant("conflict")
            and self._key(unified_api, service_id) in self._stored(app, consumer_id)["connections"]
        ):
            raise Refused(409, "ConflictError", "The connection exists")
        return self._created(
            self._write(
                app, consumer_id, unified_api, service_id, {"enabled": True, **body}, request, now
            )
        )

    def _connectionsUpdate(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        body: dict[str, Any],
        request: Request,
        now: float,
    ) -> Reply:
        self._connector(app, unified_api, service_id)
        if (
            self.variant("patch_untouched")
            and self._key(unified_api, service_id)
            not in self._stored(app, consumer_id)["connections"]
        ):
            raise Refused(404, "ConnectionNotFoundError", "Unknown Connection")
        return self._write(app, consumer_id, unified_api, service_id, body, request, now)

    def _write(
        self,
        app: str,
        consumer_id: str,
        api: str,
        service: str,
        body: dict[str, Any],
        request: Request,
        now: float,
        *,
        token: bool = False,
    ) -> Reply:
        owner = self._held(app, consumer_id, now)
        connections = owner["connections"]
        key = self._key(api, service)
        before = self._show(app, consumer_id, api, service, request, now)
        stored = connections.get(key)
        fresh = stored is None
        if stored is None:
            if len(connections) >= 3 and self.bug("few_connections"):
                connections.pop(next(iter(connections)))
            stored = {
                "enabled": True,
                "settings": {},
                "metadata": {},
                "config": {},
                "token": False,
                "created": now,
                "updated": None,
            }
            remains = owner.get("remains", {}).pop(key, None)
            if remains and self.bug("delete_resurrects"):
                stored["settings"] = remains["settings"]
            if remains and self.bug("orphan_settings"):
                plain = {k: v for k, v in remains["settings"].items() if k != "api_key"}
                stored["settings"] = plain
            if remains and self.bug("orphan_connection_metadata"):
                stored["metadata"] = remains["metadata"]
            if remains and self.bug("orphan_credentials"):
                stored["token"] = remains["token"]
            if remains and self.bug("orphan_config"):
                stored["config"] = remains["config"]
        work = copy.deepcopy(stored)
        if self.bug("empty_update_wipes") and not body and not token:
            work["settings"] = {}
        if isinstance(body.get("enabled"), bool) and not (
            (self.bug("disable_ignored") or (fresh and self.bug("add_enables")))
            and body["enabled"] is False
        ):
            work["enabled"] = body["enabled"]
        if isinstance(body.get("settings"), dict):
            new = {name: self._mangle(value) for name, value in body["settings"].items()}
            if self.bug("empty_dropped"):
                new = {k: v for k, v in new.items() if v or v is None}
            if self.bug("race_update"):
                time.sleep(0.003)
            base = {} if self.bug("settings_replaced") else work["settings"]
            if self.bug("array_appends"):
                new = {
                    k: [*base[k], *v]
                    if isinstance(v, list) and isinstance(base.get(k), list)
                    else v
                    for k, v in new.items()
                }
            work["settings"] = {k: v for k, v in {**base, **new}.items() if v is not None}
            if self.bug("few_settings"):
                work["settings"] = dict(list(work["settings"].items())[:10])
        if isinstance(body.get("metadata"), dict) and not self.bug("metadata_lost"):
            work["metadata"] = {
                k: v for k, v in {**work["metadata"], **body["metadata"]}.items() if v is not None
            }
        if isinstance(body.get("configuration"), list):
            for row in body["configuration"]:
                if isinstance(row, dict) and isinstance(row.get("resource"), str):
                    work["config"][row["resource"]] = _writable(row.get("defaults") or [])
        if self.bug("read_only_written"):
            work |= {name: body[name] for name in ("state",) if name in body}
        if token:
            work["token"] = True
        work["updated"] = None if fresh else now
        if self.bug("created_moves"):
            work["created"] = now
        if fresh and self.bug("update_clock"):
            work["updated"] = None
        lost = (
            fresh and request.method == "POST" and self.bug("add_not_stored") and not token
        ) or (not fresh and self.bug("update_lost") and request.method == "PATCH")
        connections[key] = work
        shown = self._show(app, consumer_id, api, service, request, now)
        if lost:
            if fresh:
                connections.pop(key)
            else:
                connections[key] = stored
        elif self.bug("patch_all"):
            for other in self.world[app].values():
                if key in other["connections"] and other is not owner:
                    other["connections"][key]["settings"] = dict(work["settings"])
        if self.bug("config_share") and body.get("configuration"):
            for other in self.world[app].values():
                for theirs in other["connections"].values():
                    theirs["config"] = dict(work["config"])
        if fresh:
            self._event("created", app, consumer_id, shown, now)
        elif body.get("enabled") is False and before["enabled"]:
            self._event("disabled", app, consumer_id, shown, now)
        else:
            self._event("updated", app, consumer_id, shown, now)
        if shown["state"] == "callable" and before["state"] != "callable":
            self._event("callable", app, consumer_id, shown, now)
        return self._ok(before if self.bug("answer_stale") and not fresh else shown)

    def _mangle(self, value: Any) -> Any:
        if isinstance(value, str):
            value = (
                value.encode("ascii", "replace").decode() if self.bug("unicode_mangled") else value
            )
            return value[:255] if self.bug("long_value") else value
        if self.bug("numbers_rounded") and isinstance(value, int) and not isinstance(value, bool):
            return value + 0.5
        if self.bug("nested_flat") and isinstance(value, dict | list):
            return json.dumps(value)
        return value

    def _connectionsDelete(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        request: Request,
        now: float,
    ) -> Reply:
        self._connector(app, unified_api, service_id)
        late = self.variant("upsert_on_write") or self.bug("consumers_share")
        owner = (self._stored if late else functools.partial(self._held, now=now))(app, consumer_id)
        key = self._key(unified_api, service_id)
        if self.variant("delete_untouched") and key not in owner["connections"]:
            raise Refused(404, "ConnectionNotFoundError", "Unknown Connection")
        if key in owner["connections"] and not self.bug("delete_noop"):
            gone = owner["connections"].pop(key)
            owner.setdefault("remains", {})[key] = gone
            for name in [n for n in owner["mappings"] if n[:2] == (unified_api, service_id)]:
                del owner["mappings"][name]
            if self.bug("connection_cascade"):
                owner["connections"].clear()
            if self.bug("delete_all"):
                for other in self.world[app].values():
                    other["connections"].pop(key, None)
            self._event(
                "deleted",
                app,
                consumer_id,
                self._show(app, consumer_id, unified_api, service_id, request, now),
                now,
            )
        return (
            self._ok({"id": f"{unified_api}+{service_id}"})
            if self.bug("deleted_200")
            else Reply(204)
        )

    def _connectionsImport(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        body: dict[str, Any],
        request: Request,
        now: float,
    ) -> Reply:
        self._connector(app, unified_api, service_id)
        credentials = body.get("credentials") or {}
        facts = {
            "metadata": body.get("metadata"),
            "settings": None if self.bug("import_settings") else body.get("settings"),
        }
        if self.bug("import_lost"):
            held = self._held(app, consumer_id, now)
            saved = copy.deepcopy(held["connections"])
            reply = self._write(
                app, consumer_id, unified_api, service_id, facts, request, now, token=True
            )
            held["connections"] = saved
            return reply
        token = bool(
            credentials.get("access_token") or credentials.get("refresh_token")
        ) and not self.bug("import_not_callable")
        reply = self._write(
            app, consumer_id, unified_api, service_id, facts, request, now, token=token
        )
        if self.bug("import_echoed"):
            reply.body["data"]["metadata"] = {"credentials": credentials}
        return self._created(reply)

    def _connectionsToken(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        request: Request,
        now: float,
    ) -> Reply:
        connector = self._connector(app, unified_api, service_id)
        stored = self._stored(app, consumer_id)["connections"].get(
            self._key(unified_api, service_id)
        )
        if stored is None:
            raise Refused(404, "ConnectionNotFoundError", "Unknown Connection")
        missing = [
            f["id"]
            for f in connector["fields"]
            if f["required"] and not stored["settings"].get(f["id"])
        ]
        if (connector.get("grant") != "client_credentials" and not self.bug("token_for_all")) or (
            missing and not self.bug("token_early")
        ):
            raise Refused(422, "InvalidStateError", "Invalid State", "There is nothing to exchange")
        stored["token"] = True
        shown = self._show(app, consumer_id, unified_api, service_id, request, now)
        if self.bug("token_early") and missing:
            shown["state"] = "callable"
        if self.bug("token_echoed"):
            shown["metadata"] = {"access_token": "at-1234567890"}
        return self._ok(shown)

    # --- resources ---

    def _resource(self, app: str, api: str, service: str, resource: str) -> dict[str, Any]:
        connector = self._connector(app, api, service)
        if resource not in connector["resources"] and not self.bug("unknown_resource"):
            raise Refused(404, "EntityNotFoundError", "Unknown Resource")
        return connector

    def _connectionSettingsAll(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        resource: str,
        request: Request,
        now: float,
    ) -> Reply:
        self._resource(app, unified_api, service_id, resource)
        stored = self._stored(app, consumer_id)["connections"].get(
            self._key(unified_api, service_id)
        )
        rows = (stored or {"config": {}})["config"].get(resource, [])
        shown = self._show(app, consumer_id, unified_api, service_id, request, now)
        shown["configuration"] = [{"resource": resource, "defaults": rows}]
        return self._ok(shown)

    def _connectionSettingsUpdate(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        resource: str,
        body: dict[str, Any],
        request: Request,
        now: float,
    ) -> Reply:
        connector = self._resource(app, unified_api, service_id, resource)
        key = self._key(unified_api, service_id)
        stored = self._stored(app, consumer_id)["connections"].get(key)
        if stored is None:
            raise Refused(404, "ConnectionNotFoundError", "Unknown Connection")
        rows = [
            row
            for item in body.get("configuration") or []
            if isinstance(item, dict) and item.get("resource") == resource
            for row in _writable(item.get("defaults") or [])
        ]
        held = {**stored["config"], resource: rows}
        if self.bug("config_everywhere"):
            held |= dict.fromkeys(connector["resources"], rows)
        before = stored["config"]
        stored["config"] = held
        stored["updated"] = now
        if self.bug("config_share"):
            for other in self.world[app].values():
                for theirs in other["connections"].values():
                    theirs["config"] = held
        shown = self._show(app, consumer_id, unified_api, service_id, request, now)
        shown["configuration"] = [{"resource": resource, "defaults": rows}]
        if self.bug("config_lost"):
            stored["config"] = before
        return self._ok(shown)

    def _connectionsSchema(
        self, app: str, unified_api: str, service_id: str, resource: str
    ) -> Reply:
        self._resource(app, unified_api, service_id, resource)
        return self._ok(
            {"type": "object", "properties": {"id": {"type": "string", "description": "$['id']"}}}
        )

    def _connectionsExample(
        self, app: str, unified_api: str, service_id: str, resource: str
    ) -> Reply:
        self._resource(app, unified_api, service_id, resource)
        number = next(self.serial) if self.bug("example_random") else 1
        return self._ok(
            {
                "unified_api": unified_api,
                "service_id": service_id,
                "resource": {"id": resource, "name": resource.title(), "status": "live"},
                "example_response": {"id": str(number)},
            }
        )

    def _customFieldsAll(self, app: str, unified_api: str, service_id: str, resource: str) -> Reply:
        self._resource(app, unified_api, service_id, resource)
        return self._ok(
            [
                {
                    "id": "shirt",
                    "name": "Shirt size",
                    "value": "L",
                    "finder": "$.custom[?(@.name=='shirt')]",
                }
            ]
        )

    # --- custom mappings ---

    def _mapping_name(self, api: str, service: str, target: str) -> tuple[str, str, str]:
        return (api, service, "any" if self.bug("mapping_fields_share") else target)

    def _mapping_home(self, app: str, consumer_id: str) -> dict[Any, Any]:
        if self.bug("mappings_share"):
            return self._held(app, "somebody", self.clock.now())["mappings"]  # type: ignore[no-any-return]
        return self._stored(app, consumer_id)["mappings"]  # type: ignore[no-any-return]

    def _mapping_value(
        self, app: str, consumer_id: str, api: str, service: str, target: str
    ) -> str | None:
        return self._mapping_home(app, consumer_id).get(self._mapping_name(api, service, target))

    def _mapping(
        self, app: str, consumer_id: str, api: str, service: str, target: str, *, need: bool
    ) -> dict[str, Any]:
        connector = self._connector(app, api, service)
        if target not in self._targets(api, connector):
            raise Refused(404, "EntityNotFoundError", "Unknown target field")
        value = self._mapping_value(app, consumer_id, api, service, target)
        if value is None and need:
            raise Refused(404, "EntityNotFoundError", "Unknown custom mapping")
        return {
            "id": "mapping" if self.bug("mapping_id") else target,
            "label": target,
            "key": target.rsplit("+", maxsplit=1)[-1],
            "required": False,
            "custom_field": False,
            "consumer_id": consumer_id,
            **({"value": value} if value is not None else {}),
        }

    def _customMappingsOne(
        self, app: str, consumer_id: str, unified_api: str, service_id: str, target_field_id: str
    ) -> Reply:
        return self._ok(
            self._mapping(app, consumer_id, unified_api, service_id, target_field_id, need=True)
        )

    def _store_mapping(
        self,
        app: str,
        consumer_id: str,
        api: str,
        service: str,
        target: str,
        body: dict[str, Any],
        now: float,
        lost: bool,
    ) -> Reply:
        self._held(app, consumer_id, now)
        home = self._mapping_home(app, consumer_id)
        name, before = self._mapping_name(api, service, target), dict(home)
        value = str(body.get("value", ""))
        home[name] = value[1:] if self.bug("mapping_value") else value
        shown = self._mapping(app, consumer_id, api, service, target, need=False)
        if lost:
            home.clear()
            home.update(before)
        return self._ok(shown)

    def _customMappingsAdd(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        target_field_id: str,
        body: dict[str, Any],
        now: float,
    ) -> Reply:
        shown = self._mapping(
            app, consumer_id, unified_api, service_id, target_field_id, need=False
        )
        if self.variant("conflict") and "value" in shown:
            raise Refused(409, "ConflictError", "The mapping exists")
        if self._key(unified_api, service_id) not in self._stored(app, consumer_id)["connections"]:
            raise Refused(404, "ConnectionNotFoundError", "Unknown Connection")
        return self._created(
            self._store_mapping(
                app,
                consumer_id,
                unified_api,
                service_id,
                target_field_id,
                body,
                now,
                self.bug("mapping_lost"),
            )
        )

    def _customMappingsUpdate(
        self,
        app: str,
        consumer_id: str,
        unified_api: str,
        service_id: str,
        target_field_id: str,
        body: dict[str, Any],
        now: float,
    ) -> Reply:
        self._mapping(app, consumer_id, unified_api, service_id, target_field_id, need=True)
        return self._store_mapping(
            app,
            consumer_id,
            unified_api,
            service_id,
            target_field_id,
            body,
            now,
            self.bug("mapping_update_lost"),
        )

    def _customMappingsDelete(
        self, app: str, consumer_id: str, unified_api: str, service_id: str, target_field_id: str
    ) -> Reply:
        self._mapping(app, consumer_id, unified_api, service_id, target_field_id, need=True)
        if not self.bug("mapping_delete_noop"):
            self._mapping_home(app, consumer_id).pop(
                self._mapping_name(unified_api, service_id, target_field_id)
            )
        return Reply(204)

    # --- authorization ---

    def _claims(
        self, request: Request, path: dict[str, str], verb: str, now: float
    ) -> dict[str, Any]:
        state = request.arg("state") or ""
        head, _, signature = state.rpartition(".")
        genuine = hmac.compare_digest(
            _b64(hmac.new(SECRET, head.encode(), hashlib.sha256).digest()).encode(),
            signature.encode(),
        )
        unsigned = self.bug("state_unsigned") or (verb == "revoke" and self.bug("revoke_unsigned"))
        try:
            claims: dict[str, Any] = json.loads(_unb64(head.split(".")[1]))
        except (ValueError, IndexError):
            claims = {}
        fits = (
            bool(claims)
            and (genuine or unsigned)
            and claims.get("exp", now if self.bug("state_forever") else 0) >= now
        )
        if path:
            fits = fits and (
                claims.get("application_id") == path["application_id"] or self.bug("state_any_app")
            )
            fits = fits and (
                claims.get("service_id") == path["service_id"] or self.bug("state_any_service")
            )
            fits = fits and (claims.get("for") == verb or unsigned)
        if not fits:
            raise Refused(
                401,
                "OAuthInvalidStateError",
                "State parameter is not a valid JWT token. It may have expired.",
            )
        return claims

    def _redirect(self, location: str) -> Reply:
        return Reply(302 if self.bug("redirect_302") else 301, None, {"location": location})

    def _back(self, uri: str, **more: str) -> str:
        if self.bug("redirect_prefix"):
            uri = uri.replace("://", "://evil.", 1)
        if not more:
            return uri
        return uri + ("&" if "?" in uri else "?") + urlencode(more)

    def _target_uri(self, request: Request) -> str:
        uri = request.arg("redirect_uri") or ""
        if not re.match(r"https?://[^/]", uri) and not self.bug("redirect_script"):
            raise self._invalid([{"in": "query", "name": "redirect_uri", "keyword": "pattern"}])
        return uri

    def _connectionsAuthorize(self, request: Request, path: dict[str, str], now: float) -> Reply:
        if self.bug("unknown_link") and path["application_id"] not in self.applications:
            return self._redirect("https://provider.example/authorize?state=x&scope=")
        if path["application_id"] not in self.applications:
            raise Refused(404, "EntityNotFoundError", "Unknown application")
        if path["service_id"] not in self._connectors(path["application_id"]):
            raise Refused(404, "ConnectorNotFoundError", "Unknown connector")
        uri = self._target_uri(request)
        self._claims(request, path, "authorize", now)
        state = request.arg("state") or ""
        self.flows[state] = {"redirect_uri": uri}
        self.flows["last"] = {"claims": self._claims(request, path, "authorize", now)}
        consent = "approve" if self.variant("auto_consent") else request.arg("mock_consent")
        if consent == "deny" and not self.bug("deny_grants"):
            if self.bug("error_silent"):
                return self._redirect(self._back(uri))
            return self._redirect(
                self._back(
                    uri,
                    error_type="OAuthConnectorError",
                    error_message="The consumer denied",
                    origin="callback",
                    service_id=path["service_id"],
                    application_id=path["application_id"],
                )
            )
        if consent:
            return self._redirect(
                f"{request.base}/vault/callback?" + urlencode({"state": state, "code": "granted"})
            )
        scope = "" if self.bug("scope_lost") else request.arg("scope") or ""
        query = urlencode(
            {
                "client_id": "client",
                "response_type": "code",
                "state": state,
                "scope": scope,
                "redirect_uri": f"{request.base}/vault/callback",
            }
        )
        return self._redirect(f"https://provider.example/authorize?{query}")

    def _connectionsCallback(self, request: Request, path: dict[str, str], now: float) -> Reply:
        state = request.arg("state") or ""
        claims = self._claims(request, path, "callback", now)
        flow = self.flows.get(state) or (
            {"redirect_uri": "https://app.example/forged"} if self.bug("state_unsigned") else None
        )
        if flow is None or (state in self.used and not self.bug("state_replayed")):
            raise Refused(401, "OAuthInvalidStateError", "The state was used before")
        if self.bug("race_state"):
            time.sleep(0.01)
        self.used.add(state)
        app, consumer_id, api, service = (
            claims[k] for k in ("application_id", "consumer_id", "unified_api", "service_id")
        )
        if self.bug("flow_of_last"):
            app, consumer_id = (
                self.flows["last"]["claims"][k] for k in ("application_id", "consumer_id")
            )
        uri = flow["redirect_uri"]
        if self.bug("callback_redirects") and request.arg("redirect_uri"):
            uri = request.arg("redirect_uri") or uri
        if not self.bug("consent_lost"):
            self._write(app, consumer_id, api, service, {}, request, now, token=True)
        return self._redirect(
            self._back(uri, **({"access_token": "at-1"} if self.bug("location_token") else {}))
        )

    def _connectionsRevoke(self, request: Request, path: dict[str, str], now: float) -> Reply:
        if path["application_id"] not in self.applications:
            raise Refused(404, "EntityNotFoundError", "Unknown application")
        if path["service_id"] not in self._connectors(path["application_id"]):
            raise Refused(404, "ConnectorNotFoundError", "Unknown connector")
        uri = self._target_uri(request)
        claims = self._claims(request, path, "revoke", now)
        app, consumer_id, api, service = (
            claims[k] for k in ("application_id", "consumer_id", "unified_api", "service_id")
        )
        stored = self._stored(app, consumer_id)["connections"].get(self._key(api, service))
        if stored and not self.bug("revoke_noop"):
            stored["token"] = False
            self._event(
                "revoked",
                app,
                consumer_id,
                self._show(app, consumer_id, api, service, request, now),
                now,
            )
        return self._redirect(self._back(uri))

    # --- sessions and logs ---

    def _sessionsCreate(
        self, app: str, consumer_id: str, body: dict[str, Any], request: Request, now: float
    ) -> Reply:
        settings = body.get("settings") or {}
        length = str(settings.get("session_length", "1h"))
        found = re.fullmatch(r"(\d+)([smhdw])", length)
        seconds = int(found[1]) * LENGTHS[found[2]] if found else 3600
        if (
            (found is None and not self.bug("length_text"))
            or (seconds > LENGTHS["w"] and not self.bug("week_exceeded"))
            or seconds < 1
        ):
            raise self._invalid(
                [{"in": "body", "pointer": "/settings/session_length", "keyword": "pattern"}]
            )
        if self.bug("length_ignored"):
            seconds = 3600
        if self.bug("default_day") and "session_length" not in settings:
            seconds = 86400
        claims = {
            "consumer_id": "somebody" if self.bug("claim_consumer") else consumer_id, "application_id": app,
            "consumer_metadata": body.get("consumer_metadata", {}), "redirect_uri": body.get("redirect_uri", "https://vault.example/oauth/callback"),
            "settings": settings, "theme": body.get("theme", {}), "scopes": [], "custom_consumer_settings": body.get("custom_consumer_settings", {}),
            "iat": int(now), "exp": int(now) + seconds, "jti": next(self.serial),
        }  # fmt: skip
        for bug, name in (
            ("claim_application", "application_id"),
            ("claim_expiry", "exp"),
            ("redirect_claim", "redirect_uri"),
            ("settings_claim", "settings"),
        ):
            if self.bug(bug):
                del claims[name]
        if self.bug("claims_stick"):
            for name in ("theme", "custom_consumer_settings"):
                self.flows[name] = {**self.flows.get(name, {}), **claims[name]}
                claims[name] = self.flows[name]
        if self.bug("claims_key"):
            claims["key"] = self.applications[app]
        if not self.bug("no_upsert"):
            consumer = self._held(app, consumer_id, now)
            if body.get("consumer_metadata"):
                consumer["metadata"] = consumer["metadata"] | body["consumer_metadata"]
        token = sign(claims)
        data = {
            "session_uri": f"{request.base}/session/{sign({'a': 1}) if self.bug('uri_other') else token}",
            "session_token": token,
        }
        if self.bug("session_extra"):
            data["expires"] = "soon"
        reply = self._ok(data)
        reply.body.pop("_request", None)  # the schema of sessions is closed
        return self._created(reply)

    def _logsAll(
        self,
        app: str,
        consumer_id: str,
        limit: int | None,
        cursor: str | None,
        status_code: int | None,
        exclude: list[str] | None,
        connector_id: str | None,
        request: Request,
    ) -> Reply:
        consumer = self._stored(app, consumer_id)
        logs = list(consumer["logs"])
        if self.bug("foreign_logs"):
            logs = [e for c in self.world[app].values() for e in c["logs"]]
        if self.bug("foreign_app_logs"):
            logs = [
                e
                for consumers in self.world.values()
                if consumer_id in consumers
                for e in consumers[consumer_id]["logs"]
            ]
        if status_code is not None and not self.bug("status_ignored"):
            logs = [e for e in logs if e["status_code"] == status_code]
        if exclude and not self.bug("exclude_ignored"):
            logs = [
                e
                for e in logs
                if e["unified_api"] not in (exclude[:1] if self.bug("exclude_first") else exclude)
            ]
        if not self.bug("log_oldest"):
            logs.reverse()
        return self._page(
            request,
            [(i, e) for i, e in enumerate(logs)],
            limit,
            cursor,
            lambda e: e,
            "logs",
            newest=True,
        )

    # --- servers ---

    def payload(self, reply: Reply) -> bytes:
        """Return the bytes of an answer."""
        return encode(reply)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        size = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        path = environ.get("RAW_URI", "").partition("?")[0] or quote(
            environ.get("PATH_INFO", "").encode("latin-1")
        )
        base = f"{environ.get('wsgi.url_scheme', 'http')}://{headers.get('host', '127.0.0.1')}"
        reply = self.answer(
            Request(
                environ["REQUEST_METHOD"],
                path,
                environ.get("QUERY_STRING", ""),
                headers,
                environ["wsgi.input"].read(size),
                base,
            )
        )
        payload = self.payload(reply)
        start_response(
            f"{reply.status} {REASONS.get(reply.status, 'OK')}",
            [*reply.headers.items(), ("content-length", str(len(payload)))],
        )
        return [payload]


def encode(reply: Reply) -> bytes:
    if reply.body is None:
        return b""
    return reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()


@contextmanager
def serve(vault: Vault, port: int = 0) -> Iterator[str]:
    """Serve a vault on a free port of the loopback, until the block ends; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            with suppress(ConnectionError, TimeoutError):
                super().handle_one_request()
                return
            self.close_connection = True

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._do
            raise AttributeError(name)

        def _do(self) -> None:
            path, _, query = self.path.partition("?")
            parts = urlsplit(path)
            size = self.headers.get("content-length", "0")
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                try:
                    body = self._chunks()
                except ValueError:
                    status = (
                        b"500 Internal Server Error"
                        if vault.bug("chunk_500")
                        else b"400 Bad Request"
                    )
                    self.wfile.write(
                        b"HTTP/1.1 "
                        + status
                        + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    )
                    self.close_connection = True
                    return
            else:
                body = self.rfile.read(int(size) if size.isdigit() else 0)
            headers = {
                name.lower(): value
                for name, value in self.headers.items()
                if not (vault.bug("header_case") and name.isupper())
            }
            base = f"http://{headers.get('host', '127.0.0.1')}"
            reply = vault.answer(
                Request(
                    self.command, parts.path if parts.scheme else path, query, headers, body, base
                )
            )
            payload = vault.payload(reply)
            head = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'OK')}"]
            head += [f"{name}: {value}" for name, value in reply.headers.items()]
            if reply.status != 204:
                head.append(f"content-length: {len(payload)}")
            wire = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace")
            self.wfile.write(
                wire if self.command == "HEAD" or reply.status == 204 else wire + payload
            )

        def _chunks(self) -> bytes:
            out = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                out += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return out

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    """Serve a vault with the bugs and variants named on the command line, until interrupted."""
    import sys

    names = sys.argv[1:]
    port = int(names.pop(0)) if names and names[0].isdigit() else 0
    vault = Vault(*[n for n in names if n in BUGS], variants=[n for n in names if n in VARIANTS])
    with serve(vault, port) as url, suppress(KeyboardInterrupt):
        print(url, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
