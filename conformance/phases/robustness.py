"""The phase of robustness: broken HTTP on the wire, and a plain request after each."""

import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from conformance.failures import Answer, Exchange, Failure, Request
from conformance.phases.registry import Context, ended, phase
from conformance.run_events import CaseJudged, Outcome
from conformance.target import BudgetSpent, HttpTransport, Principal, TargetUnreachable
from conformance.timely import keep_until

LAW = "VLT-ROB-01"
LATE = "VLT-ROB-02"
PROMISE = "Broken HTTP is refused or dropped in time, and the next request is served."
IN_TIME = "Every answer is whole in time: none is held back, and none drips on without an end."
ANSWERS = "responses of each operation: one that does not end is none (contract)"
_SECONDS = 8.0


def _wires(host: str, key: str, app: str) -> dict[str, bytes]:
    head = f"Host: {host}\r\nAuthorization: Bearer {key}\r\nx-apideck-app-id: {app}\r\n".encode()
    get = b"GET /vault/consumers?limit=1 HTTP/1.1\r\n"
    return {
        "request line": b"VAULT please\r\n\r\n",
        "header": get + head + b"no colon here\r\nConnection: close\r\n\r\n",
        "long header": get + head + b"x-long: " + b"a" * 70_000 + b"\r\nConnection: close\r\n\r\n",
        "many headers": get
        + head
        + b"".join(b"x-%d: 1\r\n" % n for n in range(300))
        + b"Connection: close\r\n\r\n",
        "two lengths": b"POST /vault/sessions HTTP/1.1\r\n"
        + head
        + b"Content-Length: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}",
        "negative length": b"POST /vault/sessions HTTP/1.1\r\n"
        + head
        + b"Content-Length: -5\r\nConnection: close\r\n\r\n",
        "bad chunk": b"POST /vault/sessions HTTP/1.1\r\n"
        + head
        + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        + b"Connection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "torn body": b"POST /vault/sessions HTTP/1.1\r\n"
        + head
        + b"Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        "raw bytes in path": b"GET /vault/consumers/\xff\xfe\x80 HTTP/1.1\r\n"
        + head
        + b"Connection: close\r\n\r\n",
    }


def _send(url: str, wire: bytes) -> tuple[int, float]:
    """Send bytes; return the status that came back, 0 for a closed connection, -1 for silence."""
    parts = urlsplit(url)
    begun = time.perf_counter()
    try:
        with socket.create_connection(
            (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)),
            timeout=_SECONDS,
        ) as plain:
            stream = (
                ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)
                if parts.scheme == "https"
                else plain
            )
            stream.sendall(wire)
            stream.shutdown(socket.SHUT_WR)
            line, until = b"", time.monotonic() + _SECONDS
            while b"\n" not in line and len(line) < 4000:
                keep_until(stream, until)
                part = stream.recv(4000)
                if not part:
                    break
                line += part
    except TimeoutError:
        return -1, time.perf_counter() - begun
    except OSError:
        return 0, time.perf_counter() - begun
    words = line.split(None, 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return status, time.perf_counter() - begun


def overdue(exchange: Exchange) -> Failure:
    """Return the failure of an answer that was not whole in time, whatever asked for it."""
    return Failure(
        LATE,
        "answers are whole in time",
        "limits",
        IN_TIME,
        "a whole answer in time",
        f"none after {exchange.answer.seconds:.1f} s",
        ANSWERS,
        operation=exchange.operation_id,
        exchanges=(exchange,),
        replay={"kind": "case"},
    )


def _can_judge(context: Context) -> bool:
    wired = isinstance(context.target.transport, HttpTransport)
    return wired and context.profile.may_write and not context.only


@phase(
    "robustness",
    "broken HTTP on the wire",
    lambda c: [f"{LAW} {aspect}" for aspect in _wires("", "", "")] if _can_judge(c) else [],
)
def judge_robustness(context: Context) -> Iterator[CaseJudged]:
    """Send broken HTTP, and ask for something plain after each."""
    target = context.target
    if not _can_judge(context):
        return
    app = target.applications[0]
    who = Principal(app, f"{target.prefix}rob")
    host = urlsplit(target.base_url).netloc
    for aspect, wire in _wires(host, app.key, app.id).items():
        if not context.wanted(f"{LAW} {aspect}"):
            continue
        begun = time.perf_counter()
        sent = target.clock.now()
        status, seconds = _send(target.base_url, wire)
        target.requests += 1
        wrong = ""
        if status == -1:
            wrong = f"no answer within {_SECONDS:g} s"
        elif status >= 500 and status not in {501, 505}:
            wrong = f"HTTP {status}"
        reason = ""
        try:
            answer = target.call("consumersAll", who, query={"limit": 1}).answer
            wrong = wrong or (
                "" if answer.is_good else f"the next request got HTTP {answer.status}"
            )
        except TargetUnreachable as why:
            wrong = f"the next request got no answer: {why}"
        except BudgetSpent as why:
            reason = ended(why)
        failures: tuple[Failure, ...] = ()
        if wrong:
            shown = Request("GET", "/vault/consumers", (("limit", "1"),))
            exchange = Exchange(
                "consumersAll", shown, Answer(max(status, 0), {}, b"", seconds), began=sent
            )
            failures = (
                Failure(
                    LAW,
                    "broken HTTP is refused",
                    "limits",
                    PROMISE,
                    "a refusal or a closed connection",
                    f"{aspect}: {wrong}",
                    "RFC 9112",
                    aspect,
                    "",
                    True,
                    (exchange,),
                    {"kind": "case", "builds_on": ["VLT-ENV-01", "VLT-LIM-06"]},
                ),
            )
        outcome: Outcome = "failed" if failures else "not judged" if reason else "passed"
        yield CaseJudged(
            "robustness",
            f"{LAW} {aspect}",
            f"broken HTTP: {aspect}",
            "limits",
            outcome,
            reason,
            1,
            2,
            time.perf_counter() - begun,
            failures,
        )
