"""Clients that call pages too, and a real browser that shows them, where there is one."""

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import uvicorn

from mockvault.app import MockVault, create_app
from mockvault.domain.clock import FrozenClock
from mockvault.domain.entities import Application
from mockvault.settings import Settings
from tests.asgi import Client

HERE = Path(__file__).parent
WIDGET = HERE / "widget"
MODULES = WIDGET / "node_modules"
SCREENSHOTS = HERE.parents[1] / "reports" / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try what runs in a browser again, for a page on a busy machine may be late; it is told."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and {"world", "chromium", "page"} & set(
            getattr(item, "fixturenames", ())
        ):
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture
def make_client(make_client: Any) -> Callable[..., Client]:
    """Make a client whose answers no second judge holds to the contract."""

    def make(consumer_id: str = "test-consumer") -> Client:
        made: Client = make_client(consumer_id)
        made.judge = None
        return made

    return make


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's chromium, under Playwright, whose own event loop runs as long as it does."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Served:
    """A mock on a port of its own, in this process."""

    app: MockVault
    base_url: str


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """A mock on a port, judging its own answers."""
    app = create_app(Settings(log_format="none", validate_responses=True))
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(app, f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join()
    assert (app.health.contract_violations, app.health.unexpected_errors) == (0, 0)


@dataclass
class World:
    """A fresh application on the served mock, its browsers, and what they must not do."""

    served: Served
    chromium: Any
    application_id: str
    api_key: str
    contexts: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return self.served.base_url

    @property
    def vault(self) -> Any:
        return self.served.app.applications.find(self.application_id)

    def call(self, method: str, path: str, consumer_id: str, body: Any = None) -> Any:
        """Call the API as the app's own server does."""
        headers = {
            "authorization": f"Bearer {self.api_key}",
            "x-apideck-app-id": self.application_id,
            "x-apideck-consumer-id": consumer_id,
            "content-type": "application/json",
        }
        content = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.base_url + path, content, headers, method=method)) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}").get("data")

    def session(self, consumer_id: str = "test-consumer", **body: Any) -> Any:
        body.setdefault("consumer_metadata", {"account_name": "Acme", "image": ""})
        return self.call("POST", "/vault/sessions", consumer_id, body)

    def state(self, connection_id: str, consumer_id: str = "test-consumer") -> str:
        path = f"/vault/connections/{connection_id.replace('+', '/')}"
        return str(self.call("GET", path, consumer_id)["state"])

    def freeze(self) -> FrozenClock:
        surroundings = self.vault.surroundings
        surroundings.clock = FrozenClock(surroundings.clock.now())
        clock: FrozenClock = surroundings.clock
        return clock

    def browser(self, **options: Any) -> Any:
        """Open a browser of its own, and return its page."""
        given = {"viewport": {"width": 1200, "height": 860}, **options}
        context = self.chromium.new_context(**given)
        context.set_default_timeout(20_000)
        context.route("**/*", self._only_this_machine)
        context.on("page", self._watch)
        self.contexts.append(context)
        return context.new_page()

    def shoot(self, page: Any, name: str, *, whole: bool = True) -> None:
        """Keep a screenshot for people to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)

    def _watch(self, page: Any) -> None:
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, said: Any) -> None:
        if said.type == "error":
            self.errors.append(said.text)

    def _only_this_machine(self, route: Any) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", "localhost", None):
            route.continue_()
        else:
            self.foreign.append(route.request.url)
            route.abort()


@pytest.fixture
def world(served: Served, chromium: Any) -> Iterator[World]:
    """A world whose pages must report no error and ask no other machine for anything."""
    number = next(_numbers)
    application = Application(f"page-app-{number}", (f"page-key-{number}",), name="Shop & Co")
    served.app.applications.add(application)
    made = World(served, chromium, application.id, application.api_keys[0])
    yield made
    for context in made.contexts:
        context.close()
    served.app.applications.remove(application.id)
    assert made.errors == []
    assert made.foreign == []


@pytest.fixture(scope="session")
def modules() -> Path:
    """The npm packages that the tests need, as `make install` puts them there."""
    if not (MODULES / "axe-core").is_dir():
        pytest.skip("npm packages are missing: npm ci in tests/pages/widget")
    return MODULES


@pytest.fixture(scope="session")
def bundle(modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page of an app that uses the published widget, bundled."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed: it bundles the app's page")
    folder = tmp_path_factory.mktemp("app")
    subprocess.run(
        [
            str(modules / ".bin" / "esbuild"),
            str(WIDGET / "app.jsx"),
            "--bundle",
            "--minify",
            "--define:process.env.NODE_ENV='production'",
            "--loader:.js=jsx",
            f"--outfile={folder / 'app.js'}",
            "--log-level=error",
        ],
        check=True,
        cwd=WIDGET,
    )
    for name in ("index.html", "drop-in.html"):
        shutil.copy(WIDGET / name, folder / name)
    published = modules / "@apideck" / "vault-js" / "dist" / "vault-js.umd.production.min.js"
    shutil.copy(published, folder / "vault-js.js")
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def other_origin(bundle: Path) -> Iterator[str]:
    """Serve the app's page from an origin of its own; return its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(bundle)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
