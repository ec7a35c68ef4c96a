"""The mock inside another process: on a port of its own, in a thread, until it is stopped."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn

from mockvault.app import MockVault, create_app
from mockvault.protocol import VaultProtocol
from mockvault.serving import STOP_WITHIN, listen
from mockvault.settings import Settings

START_WITHIN = 30.0


class NotStarted(Exception):
    """The mock did not come to answer."""


class RunningMock:
    """A mock that answers at `url` from `start` to `stop`, or for the length of a with statement.

    `start` raises what `create_app` and `listen` raise, and NotStarted.
    """

    def __init__(self, settings: Settings | None = None, *, app: MockVault | None = None) -> None:
        self._settings = settings or Settings(port=0, log_format="none")
        self._given = app
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._failure: BaseException | None = None
        self.url = ""

    @property
    def app(self) -> MockVault:
        """The application that answers; it belongs to the thread that serves it."""
        assert self._given is not None
        return self._given

    def start(self) -> Self:
        """Begin to answer; return once it does."""
        if self._given is None:
            self._given = create_app(self._settings)
        sock = listen(self._settings.host, self._settings.port)
        host, port = sock.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        config = uvicorn.Config(
            self._given,
            http=VaultProtocol,
            loop="uvloop",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_WITHIN,
        )
        started = threading.Event()
        server = self._server = _Server(config, started, self._given)

        def run() -> None:
            try:
                with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                    runner.run(server._serve(sockets=[sock]))  # noqa: SLF001  signals are others'
            except BaseException as reason:  # noqa: BLE001  it is raised where start waits
                self._failure = reason
            finally:
                sock.close()
                started.set()

        self._thread = threading.Thread(target=run, name="mockvault", daemon=True)
        self._thread.start()
        if not started.wait(START_WITHIN) or self._failure is not None or not server.started:
            raise NotStarted(f"the mock did not come to answer at {self.url}") from self._failure
        return self

    def stop(self) -> None:
        """Answer no longer; return once nothing of it runs."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_WITHIN + 5)
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        reason: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(uvicorn.Server):
    """A server that tells when it answers, and lets nobody wait who follows the journal."""

    def __init__(self, config: uvicorn.Config, started: threading.Event, app: MockVault) -> None:
        super().__init__(config)
        self._told = started
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.end_streams()
        await super().shutdown(sockets)
