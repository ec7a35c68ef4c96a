"""The mock over an engine, as tests ask it: one worker, or several that are asked in turn."""

import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from mockvault.app import MockVault, create_app
from mockvault.settings import Settings

ENGINES = ("memory", "sqlite by two workers", "redis by two workers")
SERVERS = ("redis-server", "valkey-server")


class InTurn:
    """Workers of one world in this process: each request is answered by the next of them."""

    def __init__(self, workers: list[MockVault]) -> None:
        self.workers = workers
        self._next = itertools.cycle(workers)

    def __getattr__(self, name: str) -> Any:
        """Return a part of the first worker, which knows what the others did."""
        first = self.workers[0]
        first.shared.turns.catch_up()
        return getattr(first, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for worker in self.workers:
            worker.shared.turns.end()  # a test that looked inside has left it open
        await next(self._next)(scope, receive, send)

    @property
    def mistakes(self) -> list[tuple[int, int]]:
        """What went wrong on the mock's side, by worker."""
        return [
            (each.health.contract_violations, each.health.unexpected_errors)
            for each in self.workers
        ]

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


def served_over(url: str, count: int, **settings: Any) -> InTurn:
    """Return workers that serve the world of a store."""
    chosen = Settings(log_format="none", validate_responses=True, store=url, **settings)
    return InTurn([create_app(chosen) for _ in range(count)])


@cache
def redis_command() -> str | None:
    """Return a server of the protocol, Redis or Valkey, or None where there is none."""
    return next((found for name in SERVERS if (found := shutil.which(name))), None)


class RedisServer:
    """A Redis or Valkey of a test: it keeps nothing, and is asked by a socket in a folder."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="redis-")
        self.path = f"{self.folder}/socket"
        self.url = f"unix://{self.path}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = redis_command()
        if command is None:
            pytest.skip(f"none of {', '.join(SERVERS)} is installed: `make stores` installs one")
        self.process = subprocess.Popen(
            [command, "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", self.folder],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not Path(self.path).exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            with suppress(FileNotFoundError):
                Path(self.path).unlink()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def engines(redis_url: Callable[[], str], folder: Path) -> Iterator[Callable[[str], Any]]:
    """Give a function that returns the mock over an engine, made when it is first asked for."""
    made: dict[str, Any] = {}

    def served(engine: str) -> Any:
        if engine not in made:
            name, _, workers = engine.partition(" by ")
            url = f"sqlite:///{folder / 'world.db'}" if name == "sqlite" else redis_url()
            made[engine] = served_over(url, 2 if workers else 1)
        return made[engine]

    yield served
    for each in made.values():
        each.close()


def sqlite_url(folder: Path) -> str:
    """Return the URL of a file in the folder."""
    return f"sqlite:///{folder / 'world.db'}"
