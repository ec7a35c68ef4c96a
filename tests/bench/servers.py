"""A server to measure: how it is started on a core of its own, and what its start cost."""

import contextlib
import http.client
import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.bench.accounts import cpu_seconds, memory_mib
from tests.bench.calls import BY_LETTER, ask

PATIENCE = 90
"""Seconds that a server has to start."""


@dataclass(frozen=True)
class Server:
    """A server to measure.

    `skips` are the letters of the calls that it has no answer for, `helper` is a process that works
    for it and is counted with it, `may_go_first` is not so where it waits for the kernel to write a
    file, which then has no turn; `unequal` says what it does less or more than the mock. In both
    commands {port}, {helper_port} and {folder} (a new, empty one) are filled in.
    """

    name: str
    version: str
    command: tuple[str, ...]
    unequal: str
    skips: frozenset[str] = frozenset()
    refuses_with: int = 400
    environment: dict[str, str] = field(default_factory=dict)
    is_ours: bool = False
    helper: tuple[str, ...] = ()
    may_go_first: bool = True


@dataclass(frozen=True)
class Absent:
    """A server that could not be had, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Running:
    """A server that answers: where, its processes, and what it took to get there."""

    server: Server
    pids: tuple[int, ...]
    port: int
    start_s: float
    start_cpu_s: float
    memory_mib: float


class DoesNotStart(Exception):
    """A server ended, or never answered."""


def free_port() -> int:
    """Return a port that was free a moment ago, and that no client is given meanwhile.

    Clients and servers that let the kernel choose get ports above 32767.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def _answers(port: int) -> bool:
    try:
        return _listens(port) and ask(port, BY_LETTER["a"])[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def pinned_to_first_core() -> None:
    """Keep this process, which is about to become a server, on the first core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0) | {0})})


def keep_off_first_core() -> None:
    """Leave the first core to the servers, where there is another one."""
    if hasattr(os, "sched_setaffinity"):
        others = set(range(1, os.cpu_count() or 1))
        os.sched_setaffinity(0, others or {0})


def first() -> None:
    """Put this process, which is about to become a tester, before others where that is allowed."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)


@contextlib.contextmanager
def running(server: Server, environment: dict[str, str]) -> Iterator[Running]:
    """Run a server, and its helper where it has one, on the first core until the block ends."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        port, helper_port = free_port(), free_port()

        def started(command: tuple[str, ...]) -> subprocess.Popen[bytes]:
            places = {"{port}": str(port), "{helper_port}": str(helper_port), "{folder}": folder}
            filled = [_filled(part, places) for part in command]
            return stack.enter_context(_process(filled, {**environment, **server.environment}))

        helpers = [started(server.helper)] if server.helper else []
        for _ in helpers:
            _wait(lambda: _listens(helper_port), server.name, helpers[0])
        began = time.perf_counter()
        process = started(server.command)
        _wait(lambda: _answers(port), server.name, process)
        took = time.perf_counter() - began
        yield Running(
            server,
            (process.pid, *(helper.pid for helper in helpers)),
            port,
            took,
            cpu_seconds([process.pid]),
            memory_mib(process.pid),
        )


def _filled(part: str, places: dict[str, str]) -> str:
    for place, value in places.items():
        part = part.replace(place, value)
    return part


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=pinned_to_first_core,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(is_there: Callable[[], bool], name: str, process: subprocess.Popen[bytes]) -> None:
    began = time.perf_counter()
    while not is_there():
        if process.poll() is not None:
            raise DoesNotStart(f"{name} ends with {process.returncode} at once")
        if time.perf_counter() - began > PATIENCE:
            raise DoesNotStart(f"{name} does not answer within {PATIENCE} s")
        time.sleep(0.01)
