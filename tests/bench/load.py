"""A load of keep-alive connections, and what it cost the server by the kernel's account.

The client is one uvloop with a bare protocol and no HTTP library: it spends less on a request than
any server here spends on the answer, so that a server on one core is kept busy from another core.
How busy it was is part of the result.
"""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from tests.bench.accounts import cpu_seconds, tree

COUNTER = b"00000000"
"""Stands in a request for digits that are different in every request of a run."""
FEW = 40
"""Answers below which a window is made longer."""
SLOW = 0.01
"""Seconds for one answer above which a server is asked over fewer connections."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """One request as the bytes that are sent; `status` is what must come back."""

    name: str
    raw: bytes
    status: int


@dataclass(frozen=True)
class Measured:
    """What one window found.

    CPU µs a request, requests a second, how busy the server's core was (0 to 1), over how many
    connections; the latencies of one connection in milliseconds.
    """

    cpu_us: float
    rate: float
    busy: float
    connections: int
    p50_ms: float
    p99_ms: float


class WrongAnswer(Exception):
    """A server answered something else than it must."""


def request(
    name: str, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> Request:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{key}: {value}" for key, value in headers.items()]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return Request(name, "\r\n".join(lines).encode() + b"\r\n\r\n" + body, status)


class Reader:
    """Finds the ends of answers in what a connection receives."""

    def __init__(self, name: str, status: int) -> None:
        self._name = name
        self._expected = b"HTTP/1.1 %d " % status
        self._status = status
        self._before = b""
        self._left = 0

    def ends(self, data: bytes) -> bool:
        """Take what was received; tell whether an answer is whole now.

        Raises WrongAnswer for another status than the expected.
        """
        if self._left:
            self._left -= len(data)
            return self._left <= 0
        if self._before:
            data, self._before = self._before + data, b""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._before = data
            return False
        if not data.startswith(self._expected):
            raise WrongAnswer(f"{self._name}: {data[:300]!r}, {self._status} was expected")
        length = _LENGTH.search(data, 0, end)
        if length is not None:
            self._left = int(length[1]) - (len(data) - end - 4)
            return self._left <= 0
        if data.endswith(b"\r\n0\r\n\r\n"):
            return True
        self._before = data
        return False


class _Load:
    """The connections of one run, and what they have counted."""

    def __init__(self, request: Request, numbers: Callable[[], int]) -> None:
        self.request = request
        self.answered = 0
        self.in_flight = 0
        self.stopping = False
        self.latencies: list[float] = []
        self.transports: list[asyncio.Transport] = []
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._numbers = numbers
        self._counts = COUNTER in request.raw

    def next(self) -> bytes:
        """Return the bytes of the next request."""
        raw = self.request.raw
        return raw.replace(COUNTER, b"%08d" % self._numbers()) if self._counts else raw

    def end(self) -> None:
        """Note that a connection has its last answer."""
        self.in_flight -= 1
        if not self.in_flight and not self.finished.done():
            self.finished.set_result(None)

    def fail(self, reason: Exception) -> None:
        """End the run with a reason."""
        if not self.finished.done():
            self.finished.set_exception(reason)


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._reader = Reader(load.request.name, load.request.status)
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour, not by class
        self._transport = cast("asyncio.Transport", transport)
        self._is_open = True
        self._load.transports.append(self._transport)
        self._load.in_flight += 1
        self._send()

    def _send(self) -> None:
        self._started = time.perf_counter()
        self._transport.write(self._load.next())

    def data_received(self, data: bytes) -> None:
        load = self._load
        try:
            whole = self._reader.ends(data)
        except WrongAnswer as wrong:
            load.fail(wrong)
            return
        if not whole:
            return
        load.answered += 1
        load.latencies.append(time.perf_counter() - self._started)
        if load.stopping:
            self._is_open = False
            self._transport.close()
            load.end()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_open:
            self._load.fail(WrongAnswer(f"{self._load.request.name}: hung up ({exc})"))


async def _window(
    pids: Sequence[int],
    port: int,
    request: Request,
    connections: int,
    seconds: float,
    numbers: Callable[[], int],
) -> tuple[float, float, int, list[float]]:
    """Return CPU seconds, seconds and answers of a window, and the sorted latencies."""
    load = _Load(request, numbers)
    try:
        return await _loaded(load, pids, port, connections, seconds)
    finally:
        for transport in load.transports:
            transport.abort()
        await asyncio.sleep(0)


async def _loaded(
    load: _Load, pids: Sequence[int], port: int, connections: int, seconds: float
) -> tuple[float, float, int, list[float]]:
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port)
    await _pass(load, seconds / 5)
    load.latencies.clear()
    answered, cpu, began = load.answered, cpu_seconds(pids), time.perf_counter()
    for _ in range(6):
        await _pass(load, seconds)
        if load.answered - answered >= FEW:
            break
    used, took = cpu_seconds(pids) - cpu, time.perf_counter() - began
    answered, latencies = load.answered - answered, sorted(load.latencies)
    load.stopping = True
    await asyncio.wait_for(load.finished, 60)
    return used, took, max(1, answered), latencies or [took]


async def _pass(load: _Load, seconds: float) -> None:
    """Let time pass under load; raise at once what goes wrong."""
    done, _ = await asyncio.wait([load.finished], timeout=seconds)
    if done:
        load.finished.result()


def percentile(ordered: Sequence[float], part: float) -> float:
    """Return the value below which `part` of the ordered values lie.

    >>> percentile([1, 2, 3, 4], 0.5)
    3
    """
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


@contextlib.contextmanager
def undisturbed(pids: Sequence[int]) -> Iterator[bool]:
    """Let a server and this process go before all others, for a moment; yield whether they do.

    A latency is the server's own only while nobody else has its core. The right to do so is root's.
    """
    try:
        yield _scheduled(pids, "SCHED_RR", 1)
    finally:
        _scheduled(pids, "SCHED_OTHER", 0)


def _scheduled(pids: Sequence[int], policy: str, priority: int) -> bool:
    """Have every thread of some process trees, and of this process, scheduled by a policy."""
    done = False
    for pid in {os.getpid(), *(each for root in pids for each in tree(root))}:
        with contextlib.suppress(OSError, AttributeError):  # not root, not Linux, or gone
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setscheduler(int(task.name), getattr(os, policy), os.sched_param(priority))
                done = True
    return done


def measure(
    pids: Sequence[int],
    port: int,
    request: Request,
    seconds: float,
    numbers: Callable[[], int],
    *,
    alone: bool = False,
    may_go_first: bool = True,
) -> Measured:
    """Keep a server busy for a while, then ask it over one connection; return what it cost.

    `pids` are the processes whose trees are the server; `numbers` gives what COUNTER becomes; with
    `alone` both go before all other processes meanwhile, which they do for latencies anyhow, unless
    they may not.
    """

    async def both() -> Measured:
        _, _, _, first = await _window(pids, port, request, 1, seconds / 5, numbers)
        connections = 32 if percentile(first, 0.5) < SLOW else 4
        with undisturbed(pids) if alone and may_go_first else contextlib.nullcontext():
            used, took, answered, _ = await _window(
                pids, port, request, connections, seconds, numbers
            )
        with undisturbed(pids) if may_go_first else contextlib.nullcontext():
            _, _, _, latencies = await _window(pids, port, request, 1, seconds / 2, numbers)
        return Measured(
            cpu_us=used / answered * 1e6,
            rate=answered / took,
            busy=used / took,
            connections=connections,
            p50_ms=percentile(latencies, 0.5) * 1000,
            p99_ms=percentile(latencies, 0.99) * 1000,
        )

    return uvloop.run(both())
