"""The mock as its users run it: a process of its own on a real port."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

KEY = {"authorization": "Bearer mock-api-key", "x-apideck-app-id": "mock-app"}
HEADERS = {**KEY, "x-apideck-consumer-id": "test-consumer"}
PATIENCE = 60.0


@dataclass
class Running:
    """A mock in a process of its own."""

    process: subprocess.Popen[bytes]
    url: str
    out: Path

    def log(self) -> str:
        return self.out.read_text()

    def stop(self, name: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(name)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """Run `mockvault serve` on a free port until the block ends."""
    port_file, out = folder / "port", folder / "out"
    command = [sys.executable, "-m", "mockvault", "serve", "--port", "0"]
    with out.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--port-file", str(port_file), *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not port_file.exists():
            assert process.poll() is None, out.read_text()
            assert time.monotonic() < deadline, out.read_text()
            time.sleep(0.02)
        yield Running(process, f"http://127.0.0.1:{port_file.read_text().strip()}", out)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def mock(tmp_path_factory: Any) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("mock"), "--validate-responses") as found:
        yield found


@pytest.fixture
def http(mock: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=mock.url, headers=HEADERS) as client:
        yield client
