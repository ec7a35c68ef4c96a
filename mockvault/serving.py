"""The mock on a port: listen, tell the port, serve until a signal, stop within two seconds."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from mockvault.garbage import Keeper
from mockvault.protocol import VaultProtocol

STOP_WITHIN = 1
"""Seconds that requests under way get when the server is told to stop."""


class PortBusy(Exception):
    """Something else listens on the port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"{host}:{port} is in use: stop what listens there, or take --port 0")
        self.host = host
        self.port = port


class AddressUnusable(Exception):
    """The address is not one of this machine, or may not be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise PortBusy or AddressUnusable where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(1024)
    except OSError as reason:
        sock.close()
        if reason.errno == errno.EADDRINUSE:
            raise PortBusy(host, port) from None
        raise AddressUnusable(f"cannot listen on {host}:{port}: {reason.strerror}") from None
    except OverflowError:
        sock.close()
        raise AddressUnusable(f"{port} is not a port: 0 to 65535") from None
    sock.setblocking(False)
    return sock


def serve(
    app: ASGIApp,
    sock: socket.socket,
    *,
    port_file: Path | None = None,
    started: Callable[[], None] = lambda: None,
    stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serve the app on the socket until SIGINT or SIGTERM.

    `started` is called once it answers, `stopping` once it takes no more requests.
    """
    config = uvicorn.Config(
        app,
        http=VaultProtocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=STOP_WITHIN,
    )

    def tell() -> None:
        keeper.watch()
        started()
        if port_file is not None:  # last: who has seen it finds all the rest done
            write_whole(port_file, f"{sock.getsockname()[1]}\n")

    keeper = Keeper()
    server = _Server(config, tell, stopping)
    keeper.begin()
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(server.serve_until_signal(sock))
    finally:
        keeper.end()


class _Server(uvicorn.Server):
    """A server that tells when it answers; a signal makes it stop, and the process ends well."""

    def __init__(
        self,
        config: uvicorn.Config,
        started: Callable[[], None],
        stopping: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._tell_started = started
        self._tell_stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._tell_stopping()
        await super().shutdown(sockets)

    async def serve_until_signal(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop)
        await self._serve(sockets=[sock])

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def write_whole(path: Path, text: str) -> None:
    """Write so that a reader sees all of it or nothing."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)
