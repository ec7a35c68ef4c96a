"""The calls that every server is asked, and the answers that all of them give alike."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from tests.bench.load import COUNTER, Request, request

KEY = {"authorization": "Bearer mock-api-key", "x-apideck-app-id": "mock-app"}
HEADERS = {**KEY, "x-apideck-consumer-id": "test-consumer"}
CONNECTIONS = "/vault/connections"
ONE = "/vault/connections/{unified_api}/{service_id}"
SALESFORCE = "/vault/connections/crm/salesforce"
CONSUMERS = "/vault/consumers"
_NUMBER = COUNTER.decode()


@dataclass(frozen=True)
class Call:
    """One call: its letter and name, the contract's path, and the request as it is sent."""

    letter: str
    name: str
    operation_id: str
    method: str
    template: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    status: int = 200

    def request(self, status: int | None = None) -> Request:
        """Return the bytes to send, and the status that must come back."""
        expected = self.status if status is None else status
        return request(self.name, self.method, self.path, self.headers, self.body, expected)


CALLS = (
    Call("a", "read a connection", "connectionsOne", "GET", ONE, SALESFORCE, HEADERS),
    Call("b", "list 20 consumers", "consumersAll", "GET", CONSUMERS, CONSUMERS, KEY),
    Call(
        "c",
        "create a consumer",
        "consumersAdd",
        "POST",
        CONSUMERS,
        CONSUMERS,
        KEY,
        f'{{"consumer_id": "bench-{_NUMBER}", "metadata": {{"email": "a@b.c"}}}}'.encode(),
    ),
    Call(
        "d",
        "patch a connection",
        "connectionsUpdate",
        "PATCH",
        ONE,
        SALESFORCE,
        HEADERS,
        (
            f'{{"enabled": true, "metadata": {{"plan": "plan {_NUMBER}"}},'
            ' "settings": {"instance_url": "https://eu1.example"}}'
        ).encode(),
    ),
    Call(
        "e",
        "refuse a request",
        "connectionsUpdate",
        "PATCH",
        ONE,
        SALESFORCE,
        HEADERS,
        f'{{"enabled": "yes {_NUMBER}", "settings": []}}'.encode(),
        400,
    ),
    Call("f", "list all connections", "connectionsAll", "GET", CONNECTIONS, CONNECTIONS, HEADERS),
    # as tracing has it: nothing that is remembered of a block of headers helps
    Call(
        "g",
        "read, one header new",
        "connectionsOne",
        "GET",
        ONE,
        SALESFORCE,
        {**HEADERS, "x-request-id": _NUMBER},
    ),
)
ANSWERED = tuple(call for call in CALLS if call.letter in "abcdf")
"""The calls whose answers every server gives alike, one for each operation."""
BY_LETTER = {call.letter: call for call in CALLS}


class NotAlike(Exception):
    """A server gives another answer than all others."""


def ask(port: int, call: Call) -> tuple[int, bytes]:
    """Return status and body of one call."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {**call.headers, **({"content-type": "application/json"} if call.body else {})}
        connection.request(call.method, call.path, call.body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def answers_of(port: int) -> dict[str, Any]:
    """Return the answers of a server by operationId, as every other server is to give them."""
    return {call.operation_id: json.loads(ask(port, call)[1]) for call in ANSWERED}


def sizes(port: int, skips: frozenset[str], given: dict[str, Any] | None) -> dict[str, int]:
    """Return the bytes of each answer; raise NotAlike where it says something else than `given`."""
    found = {}
    for call in CALLS:
        if call.letter in skips:
            continue
        status, content = ask(port, call)
        if call.status == 200 and given is not None:
            if status != 200 or json.loads(content) != given[call.operation_id]:
                raise NotAlike(f"{call.name}: {status} {content[:300]!r}")
        elif call.status == 200 and status != 200:
            raise NotAlike(f"{call.name}: {status} {content[:300]!r}")
        found[call.letter] = len(content)
    return found
