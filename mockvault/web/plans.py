"""One compiled plan for each operation: judge the request, ask the vault, answer, record.

The order of judgement is: credentials, application, request, existence, state. Before credentials
are known to be good nothing is told of anything else.
"""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from mockvault.contract import Operation
from mockvault.domain.errors import VaultError
from mockvault.domain.ids import IdSource
from mockvault.vault.applications import Applications
from mockvault.web.answers import AnswerJudge
from mockvault.web.asking import Call, Head, Known, Way
from mockvault.web.caller import Caller
from mockvault.web.judgement import Judge
from mockvault.web.receiving import BodyTooLarge, BodyTooSlow, ClientGone, read_body
from mockvault.web.recording import ANSWER, Record, beginning_of
from mockvault.web.replies import (
    Header,
    Reply,
    invalid,
    refusal,
    refused,
    wrong_media_type,
)
from mockvault.web.security import vault_of, vault_of_flow
from mockvault.web.violations import RequestInvalid, UnsupportedMediaType, Violation
from mockvault.web.writing import Writer, head, headers_of

logger = logging.getLogger("mockvault")

Handler = Callable[..., Reply]
REFUSALS, LONGEST_REFUSED = 64, 2_048
"""Refusals of bodies that a plan keeps, and the bytes of such a body: who errs often errs alike."""


@dataclass(slots=True)
class Health:
    """What went wrong on our side since the start: each is a bug of the mock."""

    contract_violations: int = 0
    unexpected_errors: int = 0


class Meddler(Protocol):
    """What may come between a request and its plan: faults, limits and preferences."""

    is_on: bool
    """Whether anything is set for any application; a header Prefer is always looked at."""

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
        self._operation_id = operation.operation_id
        self._summary = operation.summary
        self._service = service
        self._judge = judge
        self._handler = handler
        self._answer_judge = answer_judge
        self.takes_body = bool(operation.bodies)
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
        self._refusals: dict[tuple[bytes | None, bytes | None], Reply] = {}
        self._source = () if source is None else ((b"x-mock-source", source),)

    def way(self, method: str, raw_path: bytes, query: bytes, values: tuple[bytes, ...]) -> Way:
        """Return the request line that led here; the raw `values` fill the path's template."""
        connector_id = ""
        if self._connector_at is not None:
            segments = raw_path.decode("ascii", "replace").split("/")
            unified_api, service_id = self._connector_at
            connector_id = f"{segments[unified_api]}+{segments[service_id]}"
        return Way(self, method, raw_path, query, values, connector_id)

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, values: tuple[bytes, ...]
    ) -> None:
        """Answer one request, whose path's template the raw `values` fill."""
        started = perf_counter()
        raw_path = scope.get("raw_path") or scope["path"].encode()
        way = self.way(scope["method"], raw_path, scope["query_string"], values)
        asking = Head(scope["headers"], scope["scheme"])
        client = scope.get("client")
        base_url = self._service.base_url or asking.base_url or _address(scope)
        call = Call(way, asking, base_url, client[0] if client else None, started)
        try:
            if self.takes_body:
                call.content = await read_body(receive)
        except BodyTooLarge:
            reply = _too_large()
        except BodyTooSlow:
            reply = _too_slow()
        except ClientGone:
            return
        else:
            meddler = self._service.meddler
            if meddler is not None and (meddler.is_on or asking.has_prefer):
                reply = await meddler.answer(self, call)
            else:
                reply = self.answer(call)
        request_id = self._finish(call, reply)
        message = head(reply, request_id, asking.origin, self._source)
        if reply.deliver is not None:
            await reply.deliver(send, message, reply.content or b"")
            return
        await send(message)
        await send({"type": "http.response.body", "body": reply.content or b""})

    def at_once(  # noqa: PLR0917  what is known of a request
        self,
        way: Way,
        asking: Head,
        content: bytes,
        client: str | None,
        writer: Writer,
        standing: list[Header],
    ) -> tuple[bytes, ...] | None:
        """Return the whole answer as bytes, in one part or two: what a call does, without waiting.

        None means that it has to be waited for: nothing was done. Raises HeaderUnsendable.
        """
        service = self._service
        meddler, base_url = service.meddler, service.base_url or asking.base_url
        if base_url is None or (meddler is not None and (meddler.is_on or asking.has_prefer)):
            return None
        body = content if self.takes_body else None
        call = Call(way, asking, base_url, client, perf_counter(), body)
        try:
            reply = self._answer(call)
        except Exception as reason:  # noqa: BLE001  whatever goes wrong is an answer
            reply = self._wrong(reason)
        request_id = self._finish(call, reply)
        return writer.parts(reply, request_id, asking.origin, self._source, standing)

    def answer(self, call: Call) -> Reply:
        """Return the reply; whatever goes wrong is one too."""
        try:
            return self._answer(call)
        except Exception as reason:  # noqa: BLE001  whatever goes wrong is an answer
            return self._wrong(reason)

    def _wrong(self, reason: Exception) -> Reply:
        """Return the reply that tells what went wrong: a refusal, or a bug of ours."""
        if isinstance(reason, VaultError):
            return refused(reason)
        if isinstance(reason, RequestInvalid):
            return invalid(reason.violations)
        if isinstance(reason, UnsupportedMediaType):
            return wrong_media_type(reason)
        logger.error("%s failed", self.operation.operation_id, exc_info=reason)
        self._service.health.unexpected_errors += 1
        return refusal(
            500, "UnexpectedError", "Unexpected Error", "The mock failed; its log says why."
        )

    def _answer(self, call: Call) -> Reply:
        asking = call.head
        known = asking.known.get(call.way)
        body: Any = None
        ignored: tuple[str, ...] = ()
        if known is None or self._service.applications.doors.get(asking.door) is not known.vault:
            known, body, ignored = self._examined(call)
        else:
            call.vault, call.consumer_id = known.vault, known.caller.consumer_id
            if self.takes_body:
                said = (asking.content_type, call.content)
                reply = self._refusals.get(said)
                if reply is not None:
                    return reply
                found: list[Violation] = []
                body, ignored = self._judge.judge_body(asking.by_name, call.content, found)
                if found:
                    return self._refused(said, found)
        if call.forced is not None:
            return call.forced
        if body is not None and self._wants_body:
            reply = self._handler(known.vault, known.caller, body=body, **known.parameters)
        else:
            reply = self._handler(known.vault, known.caller, **known.parameters)
        if ignored:
            reply = reply.warning(f"ignored, because read-only: {', '.join(ignored)}")
        if call.consumer_id is not None:
            known.vault.consumers.ensure(call.consumer_id)
        return reply

    def _examined(self, call: Call) -> tuple[Known, Any, tuple[str, ...]]:
        """Return what line and headers say, where a key opened the door for good, and the body.

        What is found to be good is known from then on: only the body is judged each time.
        Raises what the request is refused for.
        """
        operation, asking, way = self.operation, call.head, call.way
        applications = self._service.applications
        if operation.needs_key:
            call.vault = applications.doors.get(asking.door) or vault_of(
                applications, operation, asking.by_name
            )
        if operation.takes_consumer:
            call.consumer_id = asking.consumer_id
        if asking.has_repeated:
            _refuse_repeated(asking)
        parameters = way.parameters
        if parameters is None:
            parameters = self._read(way)
        accepted = parameters
        if self._dropped:
            accepted = {
                name: value for name, value in parameters.items() if name not in self._dropped
            }
        found = list(way.found)
        self._judge.judge_headers(asking.by_name, found)
        caller, vault = Caller(call.consumer_id, call.base_url), call.vault
        if not found and vault is not None and applications.doors.get(asking.door) is vault:
            asking.know(way, Known(vault, caller, accepted))
        body, ignored = self._body_of(call, found)
        if vault is None:
            vault = call.vault = vault_of_flow(applications, parameters)
        return Known(vault, caller, accepted), body, ignored

    def _refused(
        self, said: tuple[bytes | None, bytes | None], found: Sequence[Violation]
    ) -> Reply:
        """Return the refusal of a body alone; the same body is refused alike from then on."""
        reply = invalid(found)
        if said[1] is not None and len(said[1]) <= LONGEST_REFUSED:
            if len(self._refusals) >= REFUSALS:
                self._refusals.clear()
            self._refusals[said] = reply
        return reply

    def _body_of(self, call: Call, found: list[Violation]) -> tuple[Any, tuple[str, ...]]:
        """Return the body, and what of it was ignored, where the operation takes one.

        Raises RequestInvalid with what was `found` before and all that is wrong with the body, or
        UnsupportedMediaType.
        """
        body: Any = None
        ignored: tuple[str, ...] = ()
        if self.takes_body:
            body, ignored = self._judge.judge_body(call.head.by_name, call.content, found)
        if found:
            raise RequestInvalid(found)
        return body, ignored

    def _read(self, way: Way) -> dict[str, Any]:
        """Read what path and query say, once."""
        found: list[Violation] = []
        parameters = self._judge.read_line(way.values, way.query, found)
        way.found = tuple(found)
        way.parameters = parameters
        return parameters

    def _finish(self, call: Call, reply: Reply) -> str:
        """Judge the answer where that is asked for, and record the call; return its id."""
        vault = call.vault
        request_id = self._service.ids.uuid() if vault is None else vault.request_id()
        if self._answer_judge is not None and call.fault is None:
            self._hold(self._answer_judge, call, reply, request_id)
        self._record(call, reply, request_id)
        return request_id

    def _record(self, call: Call, reply: Reply, request_id: str) -> None:
        """Log the call as its consumer's, and put it down in the journal."""
        vault, consumer_id, way, now = call.vault, call.consumer_id, call.way, 0
        elapsed = (perf_counter() - call.started) * 1000
        status, error, answer = reply.status, reply.error, reply.content
        is_cut = answer is not None and len(answer) > ANSWER
        method, path, operation_id = way.method, way.path, self._operation_id
        steps: tuple[Any, ...] = ()
        application_id = ""
        if vault is not None:
            surroundings, application_id = vault.surroundings, vault.application.id
            clock = surroundings.clock
            now = clock.now()
            if surroundings.changes:
                steps, surroundings.changes = tuple(surroundings.changes), []
            if consumer_id is not None:
                vault.logs.record(
                    (  # a LogEntry, without its names
                        request_id,
                        consumer_id,
                        now,
                        "vault",
                        operation_id,
                        self._summary,
                        "apideck-vault",
                        "Apideck Vault",
                        method,
                        path,
                        status,
                        # where no time passes, nothing takes any: one past, one log
                        0.0 if clock.is_frozen else int(elapsed * 1000 + 0.5) / 1000,
                        0.0,
                        way.connector_id,
                        error,
                        call.client,
                    )
                )
        record = self._service.record if vault is None else vault.put_down or self._service.record
        record(
            (  # an Exchange, without its names
                method,
                path,
                operation_id,
                application_id,
                consumer_id or "",
                status,
                elapsed,
                request_id,
                (),
                error,
                way.query,
                call.head.pairs,
                call.content,
                reply.headers,
                steps,
                call.fault,
                now,
                beginning_of(answer) if is_cut else answer,
                is_cut,
            )
        )

    def _hold(self, judge: AnswerJudge, call: Call, reply: Reply, request_id: str) -> None:
        """Judge our own answer; a violation is our bug, so it is counted and logged.

        What is kept, and served again byte by byte, is proved once; what was joined of parts is
        proved by those that are new.
        """
        text, content = reply.text, reply.content
        if text is not None:
            if judge in text.proved_by:
                return
            if text.parts is not None and judge.proves(reply.status, text.parts):
                text.proved_by += (judge,)
                return
        if content is None or not judge.is_plainly_valid(reply.status, content):
            headers = headers_of(reply, request_id, call.head.origin, self._source)
            violations = judge.violations(reply.status, headers, content)
            for violation in violations:
                self._service.health.contract_violations += 1
                logger.error(
                    "the answer of %s breaks the contract at %s: %s (%s)",
                    self.operation.operation_id,
                    violation.pointer,
                    violation.message,
                    violation.rule,
                )
            if violations:
                return
        if text is not None:
            text.proved_by += (judge,)


def _unknown(operation: Operation, accepted: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters of a newer contract that the handler does not know."""
    return tuple(
        parameter.name
        for parameter in operation.parameters
        if parameter.location != "header" and parameter.name not in accepted
    )


def _address(scope: Scope) -> str:
    """Return how the mock was addressed, where no header tells."""
    server = scope.get("server") or ("127.0.0.1", 4010)
    return f"{scope['scheme']}://{server[0]}:{server[1]}"


def _refuse_repeated(asking: Head) -> None:
    """Refuse a header that says who asks if it is there twice: which one is meant?"""
    repeated = asking.repeated()
    if repeated:
        raise RequestInvalid(
            Violation(
                location="header",
                pointer=f"/{name.decode()}",
                keyword="repeated",
                message=f"{name.decode()} is given {times} times",
                expected="the header once",
                got=f"{times} times",
                rule="#/components/securitySchemes/apiKey"
                if name == b"authorization"
                else f"#/components/parameters/{name.decode()}",
            )
            for name, times in repeated
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
