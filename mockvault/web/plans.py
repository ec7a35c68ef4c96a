"""One compiled plan for each operation: judge the request, ask the vault, answer, record.

The order of judgement is: credentials, application, request, existence, state. Before credentials
are known to be good nothing is told of anything else.
"""

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from mockvault.contract import CONSUMER_HEADER, Operation
from mockvault.domain.entities import LogEntry
from mockvault.domain.errors import VaultError
from mockvault.domain.ids import IdSource
from mockvault.vault.applications import Applications
from mockvault.vault.vault import Vault
from mockvault.web.answers import AnswerJudge
from mockvault.web.caller import Caller
from mockvault.web.judgement import Judge, Judged
from mockvault.web.receiving import BodyTooLarge, BodyTooSlow, ClientGone, read_body
from mockvault.web.recording import Exchange, Record
from mockvault.web.replies import (
    JSON,
    Header,
    Reply,
    invalid,
    refusal,
    refused,
    wrong_media_type,
)
from mockvault.web.security import SECURITY_HEADERS, text_of, vault_of, vault_of_flow
from mockvault.web.violations import RequestInvalid, UnsupportedMediaType, Violation

logger = logging.getLogger("mockvault")

Handler = Callable[..., Reply]
_CONSUMER = CONSUMER_HEADER.encode()
EXPOSED = (
    b"x-apideck-request-id, x-mock-warning, x-mock-source, x-mock-fault, preference-applied, "
    b"retry-after, location"
)


@dataclass(slots=True)
class Health:
    """What went wrong on our side since the start: each is a bug of the mock."""

    contract_violations: int = 0
    unexpected_errors: int = 0


class Meddler(Protocol):
    """What may come between a request and its plan: faults, limits and preferences."""

    @property
    def is_on(self) -> bool:
        """Whether anything is set for any application; a header Prefer is always looked at."""
        ...

    async def answer(self, plan: "Plan", call: "Call") -> Reply:
        """Answer the request as was asked for, by the plan or instead of it."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """What all plans share."""

    applications: Applications
    record: Record
    health: Health
    ids: IdSource
    base_url: str | None = None
    meddler: Meddler | None = None


@dataclass(slots=True)
class Call:
    """One request on its way, and what has become known of it."""

    scope: Scope
    headers: Mapping[bytes, bytes]
    values: tuple[bytes, ...]
    started: float
    content: bytes | None = None
    vault: Vault | None = None
    consumer_id: str | None = None
    forced: Reply | None = None
    fault: str | None = None


class Plan:
    """How the requests of one operation are answered.

    `source` is told where the answer comes from something other than a handler.
    """

    def __init__(
        self,
        service: Service,
        operation: Operation,
        judge: Judge,
        handler: Handler,
        *,
        answer_judge: AnswerJudge | None = None,
        source: bytes | None = None,
    ) -> None:
        self.operation = operation
        self._service = service
        self._judge = judge
        self._handler = handler
        self._answer_judge = answer_judge
        self._takes_body = bool(operation.bodies)
        accepted = inspect.signature(handler).parameters
        takes_all = any(each.kind is each.VAR_KEYWORD for each in accepted.values())
        self._dropped = () if takes_all else _unknown(operation, accepted)
        self._wants_body = takes_all or "body" in accepted
        segments = ("", *operation.segments)
        self._connector_at = (
            (segments.index("{unified_api}"), segments.index("{service_id}"))
            if "{unified_api}" in segments and "{service_id}" in segments
            else None
        )
        self._source = () if source is None else ((b"x-mock-source", source),)

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, values: tuple[bytes, ...]
    ) -> None:
        """Answer one request, whose path's template the raw `values` fill."""
        call = Call(scope, dict(scope["headers"]), values, perf_counter())
        try:
            if self._takes_body:
                call.content = await read_body(receive)
        except BodyTooLarge:
            reply = _too_large()
        except BodyTooSlow:
            reply = _too_slow()
        except ClientGone:
            return
        else:
            meddler = self._service.meddler
            if meddler is not None and (meddler.is_on or b"prefer" in call.headers):
                reply = await meddler.answer(self, call)
            else:
                reply = self.answer(call)
        await self._send(call, reply, send)

    def answer(self, call: Call) -> Reply:
        """Return the reply; whatever goes wrong is one too."""
        try:
            return self._answer(call)
        except VaultError as reason:
            return refused(reason)
        except RequestInvalid as reason:
            return invalid(reason)
        except UnsupportedMediaType as reason:
            return wrong_media_type(reason)
        except Exception:
            logger.exception("%s failed", self.operation.operation_id)
            self._service.health.unexpected_errors += 1
            return refusal(
                500, "UnexpectedError", "Unexpected Error", "The mock failed; its log says why."
            )

    def _answer(self, call: Call) -> Reply:
        operation, applications = self.operation, self._service.applications
        headers, scope = call.headers, call.scope
        if operation.needs_key:
            call.vault = vault_of(applications, operation, headers)
        if operation.takes_consumer:
            call.consumer_id = text_of(headers.get(_CONSUMER)) or None
        if len(headers) != len(scope["headers"]):
            _refuse_repeated(scope)
        judged = self._judge.judge(call.values, scope["query_string"], headers, call.content)
        if call.vault is None:
            call.vault = vault_of_flow(applications, judged.parameters)
        if call.forced is not None:
            return call.forced
        reply = self._ask(call.vault, call, judged)
        if call.consumer_id is not None:
            call.vault.consumers.ensure(call.consumer_id)
        return reply

    def _ask(self, vault: Vault, call: Call, judged: Judged) -> Reply:
        parameters = judged.parameters
        for name in self._dropped:
            parameters.pop(name, None)
        if self._wants_body and judged.body is not None:
            parameters["body"] = judged.body
        caller = Caller(call.consumer_id, self._base_url(call))
        reply = self._handler(vault, caller, **parameters)
        if judged.ignored:
            reply.warnings.append(f"ignored, because read-only: {', '.join(judged.ignored)}")
        return reply

    def _base_url(self, call: Call) -> str:
        configured = self._service.base_url
        if configured is not None:
            return configured
        scope, host = call.scope, call.headers.get(b"host")
        if host is None:
            server = scope.get("server") or ("127.0.0.1", 4010)
            return f"{scope['scheme']}://{server[0]}:{server[1]}"
        return f"{scope['scheme']}://{host.decode('latin-1')}"

    async def _send(self, call: Call, reply: Reply, send: Send) -> None:
        vault = call.vault
        request_id = self._service.ids.uuid() if vault is None else vault.request_id()
        message = head(reply, request_id, call.headers.get(b"origin"), self._source)
        if self._answer_judge is not None and call.fault is None:
            self._hold(reply, message["headers"])
        self._record(call, reply, request_id)
        if reply.deliver is not None:
            await reply.deliver(send, message, reply.content or b"")
            return
        await send(message)
        await send({"type": "http.response.body", "body": reply.content or b""})

    def _record(self, call: Call, reply: Reply, request_id: str) -> None:
        """Log the call as its consumer's, and write its line."""
        vault, consumer_id = call.vault, call.consumer_id
        elapsed = (perf_counter() - call.started) * 1000
        path = call.scope["raw_path"].decode("ascii", "replace")
        now = 0 if vault is None else vault.now()
        if vault is not None and consumer_id is not None:
            client = call.scope.get("client")
            vault.logs.record(
                LogEntry(
                    id=request_id,
                    consumer_id=consumer_id,
                    timestamp=now,
                    unified_api="vault",
                    operation_id=self.operation.operation_id,
                    operation_name=self.operation.summary,
                    service_id="apideck-vault",
                    service_name="Apideck Vault",
                    http_method=self.operation.method,
                    path=path,
                    status_code=reply.status,
                    # where no time passes, nothing takes any: one past, one log
                    duration=0.0 if vault.surroundings.clock.is_frozen else round(elapsed, 3),
                    latency=0.0,
                    connector_id=self._connector_id(path),
                    error_message=reply.error,
                    source_ip=client[0] if client else None,
                )
            )
        steps = () if vault is None else vault.take_changes()
        self._service.record(
            Exchange(
                call.scope["method"],
                path,
                self.operation.operation_id,
                "" if vault is None else vault.application.id,
                consumer_id or "",
                reply.status,
                elapsed,
                request_id,
                tuple(map(str, steps)) if steps else (),
                reply.error,
                call.scope["query_string"],
                call.scope["headers"],
                call.content,
                reply.content,
                reply.headers,
                steps,
                call.fault,
                now,
            )
        )

    def _connector_id(self, path: str) -> str:
        """Return the id of the connection that the path addresses, or nothing.

        It is what logs are filtered by as `connector_id`.
        """
        if self._connector_at is None:
            return ""
        segments = path.split("/")
        unified_api, service_id = self._connector_at
        return f"{segments[unified_api]}+{segments[service_id]}"

    def _hold(self, reply: Reply, headers: list[Header]) -> None:
        """Judge our own answer; a violation is our bug, so it is counted and logged."""
        assert self._answer_judge is not None
        violations = self._answer_judge.violations(reply.status, headers, reply.content)
        for violation in violations:
            self._service.health.contract_violations += 1
            logger.error(
                "the answer of %s breaks the contract at %s: %s (%s)",
                self.operation.operation_id,
                violation.pointer,
                violation.message,
                violation.rule,
            )


def head(
    reply: Reply, request_id: str, origin: bytes | None, more: tuple[Header, ...] = ()
) -> dict[str, Any]:
    """Return the start of the response: the reply's own headers and those of every answer."""
    headers: list[Header] = [
        (b"x-apideck-request-id", request_id.encode()),
        (b"access-control-expose-headers", EXPOSED),
        *reply.headers,
        *more,
    ]
    if origin is None:
        headers.append((b"access-control-allow-origin", b"*"))
    else:
        headers.append((b"access-control-allow-origin", origin))
        headers.append((b"access-control-allow-credentials", b"true"))
        headers.append((b"vary", b"origin"))
    if reply.content is not None:
        headers.append((b"content-type", JSON))
        headers.append((b"content-length", b"%d" % len(reply.content)))
    elif reply.status != 204:
        headers.append((b"content-length", b"0"))
    if reply.warnings:
        headers.append((b"x-mock-warning", _header_text("; ".join(reply.warnings))))
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


def _header_text(text: str) -> bytes:
    return text.encode("ascii", "backslashreplace").replace(b"\n", b" ").replace(b"\r", b" ")[:2000]


def _unknown(operation: Operation, accepted: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters of a newer contract that the handler does not know."""
    return tuple(
        parameter.name
        for parameter in operation.parameters
        if parameter.location != "header" and parameter.name not in accepted
    )


def _refuse_repeated(scope: Scope) -> None:
    """Refuse a header that says who asks if it is there twice: which one is meant?"""
    names = [name for name, _ in scope["headers"]]
    repeated = [name for name in SECURITY_HEADERS if names.count(name) > 1]
    if repeated:
        raise RequestInvalid(
            Violation(
                location="header",
                pointer=f"/{name.decode()}",
                keyword="repeated",
                message=f"{name.decode()} is given {names.count(name)} times",
                expected="the header once",
                got=f"{names.count(name)} times",
                rule="#/components/securitySchemes/apiKey"
                if name == b"authorization"
                else f"#/components/parameters/{name.decode()}",
            )
            for name in repeated
        )


def _too_large() -> Reply:
    return refusal(
        413,
        "PayloadTooLargeError",
        "Payload Too Large",
        {"message": "A body may have 1 MiB at most", "limit": 1024 * 1024},
        ((b"connection", b"close"),),
    )


def _too_slow() -> Reply:
    return refusal(
        408,
        "RequestTimeoutError",
        "Request Timeout",
        "The body did not arrive in time",
        ((b"connection", b"close"),),
    )
