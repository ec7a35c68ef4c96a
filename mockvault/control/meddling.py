"""What comes between a request and its plan: the limit, the faults, the preferences, in this order.

Credentials are judged before all of them: without good ones nothing goes wrong but that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote

from mockvault.contract import Operation
from mockvault.control import wire
from mockvault.control.examples import Example, Examples
from mockvault.control.faults import Effect, Facts, Rule
from mockvault.control.preferences import (
    NONE,
    Preference,
    PreferenceRefused,
    preferred_example,
    read_header,
)
from mockvault.control.workbench import Workbench, Workbenches
from mockvault.domain.errors import VaultError
from mockvault.json_text import dumps
from mockvault.vault.applications import Applications
from mockvault.vault.vault import Vault
from mockvault.web.asking import Call
from mockvault.web.plans import Plan
from mockvault.web.replies import Header, Reply, refusal
from mockvault.web.security import vault_of, vault_of_flow

_REFUSALS = {
    400: ("RequestValidationError", "Invalid Params"),
    401: ("UnauthorizedError", "Unauthorized Request"),
    402: ("RequestLimitError", "Request Limit Reached"),
    404: ("EntityNotFoundError", "Unknown Entity"),
    422: ("InvalidStateError", "Invalid State"),
    429: ("ConnectorRateLimitError", "Connector Rate Limit Reached"),
}


class Meddling:
    """Answers requests as faults and preferences of their application say."""

    def __init__(
        self, applications: Applications, workbenches: Workbenches, examples: Examples
    ) -> None:
        self._applications = applications
        self._workbenches = workbenches
        self._examples = examples
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        """What passes the seconds for which an answer is kept back."""
        self.is_on = any(each.is_meddling for each in workbenches)
        """Whether a fault, a limit or a preference is set for any application."""
        workbenches.switched = self._switch

    def _switch(self, is_on: bool) -> None:  # noqa: FBT001  told by whom it is set for
        self.is_on = is_on

    async def answer(self, plan: Plan, call: Call) -> Reply:
        """Answer by the plan, or instead of it; what went wrong on purpose is told in headers."""
        vault = self._vault_of(plan.operation, call)
        workbench = None if vault is None else self._workbenches.find(vault.application.id)
        if vault is None or workbench is None:
            return plan.answer(call)
        facts = facts_of(plan.operation, call)
        faults = workbench.faults
        if faults.count_call():
            return self._instead(
                call,
                vault,
                "limit",
                refusal(402, *_REFUSALS[402], f"You have reached your limit of {faults.limit}"),
            )
        rules = faults.draw(facts) if faults.rules else []
        for rule in rules:
            if rule.effect.latency is not None:
                call.fault = rule.id
                await self.sleep(rule.effect.latency.draw(f"{rule.id}/{rule.seen}"))
        harm = next((rule for rule in rules if not rule.effect.only_delays), None)
        if harm is not None:
            return self._harmed(plan, call, vault, harm)
        reply = await self._preferred(plan, call, vault, workbench)
        return reply if call.fault is None else _told(reply, call.fault)

    def _harmed(self, plan: Plan, call: Call, vault: Vault, rule: Rule) -> Reply:
        effect = rule.effect
        if effect.status is not None:
            return self._instead(call, vault, rule.id, _refusal(effect.status, effect))
        if effect.transport in ("empty", "reset") and not effect.executed:
            reply = self._instead(call, vault, rule.id, _refusal(503, effect))
        else:
            reply = plan.answer(call)
            call.fault = rule.id
        if effect.transport == "malformed_json":
            reply = wire.malformed(reply)
        elif effect.transport == "contract_violation":
            reply = wire.breaking_contract(reply)
        elif effect.transport == "drip":
            reply = replace(reply, deliver=wire.drip(effect.over, effect.pieces))
        elif effect.transport == "truncate":
            reply = replace(reply, deliver=wire.truncate())
        else:
            cut = wire.empty() if effect.transport == "empty" else wire.reset()
            reply = replace(reply, deliver=cut)
        return _told(reply, rule.id)

    def _instead(self, call: Call, vault: Vault, fault: str, reply: Reply) -> Reply:
        """Answer without the plan; the call is logged as the consumer's all the same."""
        call.vault, call.fault = vault, fault
        call.consumer_id = call.head.consumer_id
        return _told(reply, fault)

    async def _preferred(self, plan: Plan, call: Call, vault: Vault, workbench: Workbench) -> Reply:
        operation = plan.operation
        sticky = workbench.preference_for(operation.operation_id)
        values = [value for name, value in call.head.pairs if name == b"prefer"]
        try:
            said = read_header(values) if values else NONE
            wanted = said.over(sticky)
            call.forced = self._forced(operation, said, wanted)
        except PreferenceRefused as reason:
            call.vault = vault
            call.consumer_id = call.head.consumer_id
            return _refused(reason)
        if call.forced is None and wanted.forces:
            wanted = Preference(delay=wanted.delay)
        if wanted.delay:
            await self.sleep(wanted.delay / 1000)
        reply = plan.answer(call)
        applied = wanted.applied()
        if applied and (call.forced is None or reply is call.forced):
            return reply.saying(b"preference-applied", applied)
        return reply

    def _forced(self, operation: Operation, said: Preference, wanted: Preference) -> Reply | None:
        """Return the example that is preferred; one that only sticks has to be there to count."""
        if not wanted.forces:
            return None
        try:
            return _reply_of(preferred_example(self._examples, operation, wanted))
        except PreferenceRefused:
            if said.forces:
                raise
            return None

    def _vault_of(self, operation: Operation, call: Call) -> Vault | None:
        try:
            if operation.needs_key:
                return vault_of(self._applications, operation, call.head.by_name)
            return vault_of_flow(self._applications, _flow_parameters(operation, call))
        except VaultError:
            return None


def facts_of(operation: Operation, call: Call) -> Facts:
    """Return what the rules of faults are asked with."""
    values = dict(
        zip(
            (segment for segment in operation.segments if segment.startswith("{")),
            call.way.values,
            strict=False,
        )
    )
    consumer = (call.head.consumer_id or "") or _text(values.get("{consumer_id}", b""))
    unified_api, service = values.get("{unified_api}", b""), values.get("{service_id}", b"")
    connection = f"{_text(unified_api)}+{_text(service)}" if service else ""
    return Facts(operation.operation_id, consumer, connection)


def _flow_parameters(operation: Operation, call: Call) -> dict[str, Any]:
    if "{application_id}" in operation.segments:
        places = [segment for segment in operation.segments if segment.startswith("{")]
        return {"application_id": _text(call.way.values[places.index("{application_id}")])}
    query = parse_qs(call.way.query.decode("latin-1"))
    return {"state": query.get("state", [""])[0]}


def _refusal(status: int, effect: Effect) -> Reply:
    type_name, message = _REFUSALS.get(status, ("UnexpectedError", HTTPStatus(status).phrase))
    headers: tuple[Header, ...] = ()
    detail = effect.detail or f"{HTTPStatus(status).phrase}, on purpose"
    if effect.retry_after is not None:
        headers = ((b"retry-after", b"%d" % effect.retry_after),)
    return refusal(status, type_name, message, detail, headers)


def _reply_of(example: Example) -> Reply:
    content = None if example.value is None else dumps(example.value)
    headers = tuple(
        (name.lower().encode(), value.encode("latin-1")) for name, value in example.headers.items()
    )
    return Reply(
        example.status,
        content,
        headers,
        error=None if example.status < 400 else f"preferred: {example.name}",
    )


def _refused(reason: PreferenceRefused) -> Reply:
    valid = ", ".join(reason.valid) or "nothing"
    return refusal(
        400,
        "RequestHeadersValidationError",
        "Invalid Params",
        {
            "violations": [
                {
                    "in": "header",
                    "pointer": "/prefer",
                    "keyword": "prefer",
                    "message": f"{reason}; valid: {valid}",
                    "expected": valid,
                    "got": reason.key,
                    "rule": "RFC 7240",
                }
            ]
        },
    )


def _told(reply: Reply, fault: str) -> Reply:
    return reply.saying(b"x-mock-fault", fault.encode())


def _text(raw: bytes) -> str:
    return unquote(raw.decode("ascii", "replace"))
