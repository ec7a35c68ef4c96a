"""What is told of each request: one line of log, for a person or for a machine."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TextIO

from mockvault.json_text import dumps

_TOLD = (
    "method",
    "path",
    "operation_id",
    "application_id",
    "consumer_id",
    "status",
    "milliseconds",
    "request_id",
    "changes",
    "error",
)


class Exchange(NamedTuple):
    """A request and how it was answered. `operation_id` is empty where no route was found.

    From `query` on it is what a journal keeps; `steps` are the changes as values, `at` is the
    application's time, and an answer that `is_cut` is but its beginning. Where there are steps,
    `changes` may be left empty: `told` says both as text.
    """

    method: str
    path: str
    operation_id: str
    application_id: str
    consumer_id: str
    status: int
    milliseconds: float
    request_id: str
    changes: tuple[str, ...]
    error: str | None
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    content: bytes | None = None
    answer_headers: Sequence[tuple[bytes, bytes]] = ()
    steps: Sequence[Any] = ()
    fault: str | None = None
    at: int = 0
    answer: bytes | None = None
    is_cut: bool = False

    @property
    def told(self) -> tuple[str, ...]:
        """What changed, each change as a line of log says it."""
        return self.changes or tuple(map(str, self.steps))


Row = tuple[Any, ...]
"""The fields of an Exchange in their order, without their names: what is made at every request.

One that is no Exchange but a plain tuple has tuples for its sequences, and of a long answer the
beginning alone.
"""

ANSWER = 8 * 1024
"""Bytes that are kept of one answer."""


@lru_cache(maxsize=4)  # lists are asked for again and again: of the same answer, the same beginning
def _cut(answer: bytes) -> bytes:
    return bytes(answer[:ANSWER])


def beginning_of(answer: bytes | None) -> bytes | None:
    """Return what is kept of an answer: all of it, or the beginning of one that is long."""
    return answer if answer is None or len(answer) <= ANSWER else _cut(answer)


Record = Callable[[Row], None]
Tell = Callable[[Exchange], None]


def recorder(log_format: str, stream: TextIO | None = None) -> Tell | None:
    """Return what writes a line for each request: human, json, or auto (by the terminal).

    None, where no line is wanted.
    """
    out = stream if stream is not None else sys.stdout
    if log_format == "auto":
        log_format = "human" if out.isatty() else "json"
    if log_format == "none":
        return None
    line_of = human_line if log_format == "human" else json_line

    def record(exchange: Exchange) -> None:
        out.write(line_of(exchange))
        out.flush()

    return record


def human_line(exchange: Exchange) -> str:
    """Return the line for a person; control characters are shown, never sent to a terminal."""
    told = [
        f"{datetime.now(UTC):%H:%M:%S}",
        f"{exchange.status}",
        f"{exchange.method:<6}",
        exchange.path,
        exchange.operation_id or "-",
        f"{exchange.application_id or '-'}/{exchange.consumer_id or '-'}",
        f"{exchange.milliseconds:.1f} ms",
        *exchange.told,
    ]
    if exchange.fault is not None:
        told.append(f"fault {exchange.fault}")
    if exchange.error:
        told.append(f"! {exchange.error}")
    return "  ".join(_printable(part) for part in told) + "\n"


def json_line(exchange: Exchange) -> str:
    """Return the line for a machine: one JSON object."""
    told: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **{name: getattr(exchange, name) for name in _TOLD},
        "changes": exchange.told,
        "milliseconds": round(exchange.milliseconds, 3),
    }
    if exchange.fault is not None:
        told["fault"] = exchange.fault
    return dumps(told).decode() + "\n"


def _printable(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()
