"""A load of keep-alive connections, and what it cost the server by the kernel's account."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Request:
    """One request as the bytes that are sent; `status` is what must come back."""

    name: str
    raw: bytes
    status: int


@dataclass(frozen=True)
class Measured:
    """What a load found: CPU µs a request, requests a second, latencies in milliseconds."""

    cpu_us: float
    rate: float
    p50_ms: float
    p99_ms: float


def request(  # noqa: PLR0917  the parts of a request
    name: str, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> Request:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{key}: {value}" for key, value in headers.items()]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return Request(name, "\r\n".join(lines).encode() + b"\r\n\r\n" + body, status)


def children(pid: int) -> list[int]:
    """Return the process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += children(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of the process tree, by the scheduler's account where it is kept."""
    total = 0.0
    for each in children(pid):
        for task in Path(f"/proc/{each}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0]) / 1e9
            except (OSError, ValueError):
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def memory_mib(pid: int) -> float:
    """Return the resident memory of the process tree."""
    total = 0
    for each in children(pid):
        for line in Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


async def _connection(port: int, request: Request, count: int, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    expected = f"HTTP/1.1 {request.status} ".encode()
    for _ in range(count):
        began = time.perf_counter()
        writer.write(request.raw)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(expected):
            raise RuntimeError(f"{request.name}: {head[:200]!r}, {request.status} was expected")
        await _skip_body(reader, head.lower())
        latencies.append(time.perf_counter() - began)
    writer.close()


async def _skip_body(reader: asyncio.StreamReader, head: bytes) -> None:
    _, found, rest = head.partition(b"content-length: ")
    if found:
        length = int(rest.split(b"\r\n", 1)[0])
        if length:
            await reader.readexactly(length)
        return
    while (size := int(await reader.readline(), 16)) > 0:
        await reader.readexactly(size + 2)
    await reader.readline()


async def _load(port: int, request: Request, connections: int, count: int) -> list[float]:
    latencies: list[float] = []
    await asyncio.gather(
        *(_connection(port, request, count // connections, latencies) for _ in range(connections))
    )
    return latencies


def measure(pid: int, port: int, request: Request, *, connections: int, count: int) -> Measured:
    """Send `count` requests over `connections` and return what they cost."""
    asyncio.run(_load(port, request, connections, max(connections, count // 10)))
    before, began = cpu_seconds(pid), time.perf_counter()
    latencies = sorted(asyncio.run(_load(port, request, connections, count)))
    took, used = time.perf_counter() - began, cpu_seconds(pid) - before
    return Measured(
        used / len(latencies) * 1e6,
        len(latencies) / took,
        latencies[len(latencies) // 2] * 1000,
        latencies[int(len(latencies) * 0.99)] * 1000,
    )
