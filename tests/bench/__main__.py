"""`python -m tests.bench`: ourselves and our peers in one run, interleaved, told as ratios.

None of the peers keeps state or a log; Starlette validates nothing. The metric is the server's CPU
time a request, by the kernel's account, for it does not move when the machine is busy.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.bench.load import Measured, Request, cpu_seconds, measure, memory_mib, request

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SPEC = ROOT / "spec" / "vault.yml"
OUT = HERE / "out"
KEY = {"authorization": "Bearer mock-api-key", "x-apideck-app-id": "mock-app"}
HEADERS = {**KEY, "x-apideck-consumer-id": "test-consumer"}
CONNECTION = "/vault/connections/crm/salesforce"
PATCH = b'{"enabled": true, "metadata": {"plan": "enterprise"}, "settings": {"instance_url": "https://eu1.example"}}'
CALLS = [
    request("read one connection", "GET", CONNECTION, HEADERS, b"", 200),
    request("list 20 consumers", "GET", "/vault/consumers", KEY, b"", 200),
    request(
        "create a consumer",
        "POST",
        "/vault/consumers",
        KEY,
        b'{"consumer_id": "bench", "metadata": {"email": "a@b.c"}}',
        200,
    ),
    request("patch a connection", "PATCH", CONNECTION, HEADERS, PATCH, 200),
    request(
        "an invalid request",
        "PATCH",
        CONNECTION,
        HEADERS,
        b'{"enabled": "yes", "settings": []}',
        400,
    ),
]


@dataclass(frozen=True)
class Server:
    """A server to measure; `skips` are the calls that it has no answer for."""

    name: str
    command: list[str]
    skips: frozenset[str] = frozenset()
    invalid_status: int = 400


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running(server: Server, environment: dict[str, str]) -> Iterator[tuple[int, int, float, float]]:
    """Run a server on the first core; yield pid, port, seconds and CPU seconds to the first 200."""
    port = free_port()
    command = [part.format(port=port) for part in server.command]
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise RuntimeError(f"{server.name} does not start")
            time.sleep(0.01)
        yield process.pid, port, time.perf_counter() - began, cpu_seconds(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _answers(port: int) -> bool:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{CONNECTION}", headers=HEADERS)
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def answers_of_the_mock(mock: Server, folder: Path) -> Path:
    """Return a file with the mock's own answers, so that every peer answers the same bytes."""
    found = {}
    with running(mock, {}) as (_, port, _, _):
        for call in CALLS[:4]:
            head, _, body = call.raw.partition(b"\r\n\r\n")
            method, path, _ = head.split(b"\r\n")[0].decode().split()
            lines = [line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:]]
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}{path}",
                method=method,
                headers=dict(lines),  # type: ignore[arg-type]
                data=body or None,
            )
            with urllib.request.urlopen(asked, timeout=10) as answer:
                found[call.name] = json.loads(answer.read())
    file = folder / "answers.json"
    file.write_text(json.dumps(found))
    return file


def spec_with_examples(answers: Path, folder: Path) -> Path:
    """Return a copy of the contract whose examples are the mock's answers, for static peers."""
    document = yaml.load(SPEC.read_bytes(), yaml.CSafeLoader)
    given = json.loads(answers.read_text())
    places = {
        "read one connection": ("/vault/connections/{unified_api}/{service_id}", "get"),
        "list 20 consumers": ("/vault/consumers", "get"),
        "create a consumer": ("/vault/consumers", "post"),
        "patch a connection": ("/vault/connections/{unified_api}/{service_id}", "patch"),
    }
    for name, (path, method) in places.items():
        response = document["paths"][path][method]["responses"]["200"]
        component = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        document["paths"][path][method]["responses"]["200"] = {
            "description": name,
            "content": {
                "application/json": {
                    "schema": component["content"]["application/json"]["schema"],
                    "example": given[name],
                }
            },
        }
    document.pop("x-webhooks")
    file = folder / "spec.yml"
    file.write_text(yaml.safe_dump(document))
    return file


def prism(spec: Path) -> Server | None:
    """Return Stoplight Prism, installed from npm where it is not yet; None without npm."""
    folder = OUT / "npm"
    binary = folder / "node_modules" / ".bin" / "prism"
    if not binary.exists():
        if shutil.which("npm") is None:
            print("npm is not there: Prism is left out", file=sys.stderr)
            return None
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-audit", "--prefix", str(folder)]
        if subprocess.run([*install, "@stoplight/prism-cli"], check=False).returncode:
            print("Prism cannot be installed: it is left out", file=sys.stderr)
            return None
    command = [str(binary), "mock", str(spec), "-p", "{port}", "-h", "127.0.0.1", "-v", "fatal"]
    return Server("Prism, static, same bytes", command, invalid_status=422)


def main() -> None:
    """Measure, print the table, write the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=")
    parser.add_argument("--count", type=int, default=6000, help="requests a call and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-us", action="store_true", help="leave the peers out")
    chosen = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)) or {0})
    mock = Server(
        "mockvault",
        [*_python("-m", "mockvault", "serve"), "--port", "{port}", "--log-format", "none"],
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        answers = answers_of_the_mock(mock, folder)
        spec = spec_with_examples(answers, folder)
        environment = {"BENCH_ANSWERS": str(answers), "BENCH_SPEC": str(SPEC)}
        servers = [
            mock,
            Server("mockvault, answers validated", [*mock.command, "--validate-responses"]),
        ]
        if not chosen.only_us:
            servers += [
                Server(
                    "Starlette + orjson",
                    _python(str(HERE / "peers" / "starlette_peer.py"), "{port}"),
                    frozenset({"an invalid request"}),
                ),
                Server(
                    "connexion, stock, validated",
                    _python(str(HERE / "peers" / "connexion_peer.py"), "{port}"),
                ),
                *filter(None, [prism(spec)]),
            ]
        figures = measured(servers, environment, chosen.rounds, chosen.count)
    told(servers, figures)
    (OUT / "figures.json").write_text(json.dumps(figures, indent=1))


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", *arguments]


def measured(
    servers: list[Server], environment: dict[str, str], rounds: int, count: int
) -> dict[str, Any]:
    """Return the medians of some rounds; in each round every server has its turn at every call."""
    found: dict[str, dict[str, list[Measured]]] = {server.name: {} for server in servers}
    starts: dict[str, list[tuple[float, float, float]]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            with running(server, environment) as (pid, port, seconds, cpu):
                starts[server.name].append((seconds, cpu, memory_mib(pid)))
                for call in CALLS:
                    if call.name not in server.skips:
                        results = found[server.name].setdefault(call.name, [])
                        results.append(_measured(server, pid, port, call, count))
    return {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "rounds": rounds,
        "requests": count,
        "servers": {
            name: {
                "start_s": statistics.median(each[0] for each in starts[name]),
                "start_cpu_s": statistics.median(each[1] for each in starts[name]),
                "memory_mib": statistics.median(each[2] for each in starts[name]),
                "calls": {
                    call: {
                        key: statistics.median(getattr(each, key) for each in results)
                        for key in ("cpu_us", "rate", "p50_ms", "p99_ms")
                    }
                    for call, results in calls.items()
                },
            }
            for name, calls in found.items()
        },
    }


def _measured(server: Server, pid: int, port: int, call: Request, count: int) -> Measured:
    expected = server.invalid_status if call.status == 400 else call.status
    asked = Request(call.name, call.raw, expected)
    slow = "mockvault" not in server.name and "Starlette" not in server.name
    busy = measure(pid, port, asked, connections=32, count=count // 6 if slow else count)
    alone = measure(pid, port, asked, connections=1, count=min(count // 6, 800))
    return Measured(busy.cpu_us, busy.rate, alone.p50_ms, alone.p99_ms)


def told(servers: list[Server], figures: dict[str, Any]) -> None:
    """Print the table: microseconds of CPU a request, and how many times ours that is."""
    ours = figures["servers"]["mockvault"]["calls"]
    print(f"\nCPU µs a request at 32 connections (× mockvault); {figures['machine']}")
    print(
        f"{'':<32}"
        + "".join(f"{call.name:>24}" for call in CALLS)
        + f"{'start s':>9}{'CPU s':>7}{'MiB':>6}"
    )
    for server in servers:
        of = figures["servers"][server.name]
        cells = ""
        for call in CALLS:
            each = of["calls"].get(call.name)
            text = (
                "-"
                if each is None
                else f"{each['cpu_us']:,.0f} ({each['cpu_us'] / ours[call.name]['cpu_us']:.2f})"
            )
            cells += f"{text:>24}"
        print(
            f"{server.name:<32}{cells}{of['start_s']:>9.2f}{of['start_cpu_s']:>7.2f}{of['memory_mib']:>6.0f}"
        )
    print("\nrequests a second at 32 connections; p50 / p99 ms at one")
    for server in servers:
        of = figures["servers"][server.name]["calls"]
        cells = "".join(_rates(of.get(call.name)) for call in CALLS)
        print(f"{server.name:<32}{cells}")


def _rates(each: dict[str, float] | None) -> str:
    if each is None:
        return f"{'-':>24}"
    return f"{each['rate']:>8,.0f}; {each['p50_ms']:.2f} / {each['p99_ms']:.2f}".rjust(24)


if __name__ == "__main__":
    main()
