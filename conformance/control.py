"""The control plane of a mock: what a test needs and a real deployment does not have.

It is asked on the loopback only. Where time has to be moved, that happens in an application that
is made for it and taken away after, so that nobody else's clock moves.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.failures import Answer, Request
from conformance.profiles import is_loopback
from conformance.target import Application, Target, Transport

NONE = "the deployment has no control plane that can move time"


def ask(transport: Transport, method: str, path: str, body: object = None) -> Answer:
    """Ask the control plane; it has no operations, so the guard has nothing to say."""
    headers = (("content-type", "application/json"),)
    payload = None if body is None else json.dumps(body).encode()
    request = Request(method, path, (), headers, payload)
    answer = transport.exchange(request)
    for _ in range(3):  # a deployment that throttles calls may throttle this one
        if answer.status not in {429, 503}:
            break
        time.sleep(0.5)
        answer = transport.exchange(request)
    return answer


def is_there(target: Target) -> bool:
    """Whether a deployment on this machine has a control plane."""
    if not is_loopback(target.base_url):
        return False
    answer = ask(target.transport, "GET", "/_mock/health")
    return answer.is_good and isinstance(answer.json, dict)


@contextmanager
def application(target: Target, name: str) -> Iterator[Application | None]:
    """Make an application for a while; None where that cannot be had."""
    made = Application(name, target.secrets.add(f"{name}-key", "VAULT_MADE_API_KEY"), "VAULT_MADE")
    body = {"id": made.id, "api_key": made.key}
    if not ask(target.transport, "POST", "/_mock/apps", body).is_good:
        yield None
        return
    try:
        yield made
    finally:
        ask(target.transport, "DELETE", f"/_mock/apps/{made.id}")


def advance(target: Target, application_id: str, by: str) -> bool:
    """Let time pass for one application, by a duration of ISO 8601; tell whether that worked."""
    body = {"action": "advance", "by": by}
    return ask(target.transport, "PUT", f"/_mock/apps/{application_id}/clock", body).is_good
