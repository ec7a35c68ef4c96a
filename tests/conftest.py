"""What all tests share: one mock in this process, and a fresh application for each test."""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mockvault.app import MockVault, create_app
from mockvault.domain.entities import Application
from mockvault.settings import Settings
from tests.asgi import Client
from tests.engines import ENGINES, RedisServer, engines
from tests.second_judge import judge_answer

pytest_plugins = ["mockvault.pytest_plugin"]

collect_ignore = ["bench/peers"]  # servers that `make bench` starts

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def app() -> MockVault:
    """The mock, judging its own answers."""
    return create_app(Settings(log_format="none", validate_responses=True))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of a module that says so over every engine."""
    is_wanted = metafunc.definition.get_closest_marker("every_engine") is not None
    if is_wanted and "every_app" in metafunc.fixturenames:
        metafunc.parametrize("every_app", ENGINES, indirect=True)


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis or Valkey of this run; what needs one is skipped where there is none."""
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def over_engines(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Any]]:
    """Give the mock over an engine, by its name."""
    with engines(
        lambda: str(request.getfixturevalue("redis").url), tmp_path_factory.mktemp("store")
    ) as found:
        yield found


@pytest.fixture
def every_app(request: pytest.FixtureRequest, app: MockVault) -> Any:
    """The mock that a test asks: the one in memory, or over the engine that it is run for."""
    engine = getattr(request, "param", "memory")
    return app if engine == "memory" else request.getfixturevalue("over_engines")(engine)


@pytest.fixture
def make_client(every_app: Any) -> Iterator[Any]:
    """Make a client of a fresh application, whose answers a second judge holds to the contract."""
    app, made = every_app, list[str]()

    def make(consumer_id: str = "test-consumer") -> Client:
        number = next(_numbers)
        application = Application(f"app-{number}", (f"key-{number}",))
        app.applications.add(application)
        made.append(application.id)
        return Client(app, application.id, f"key-{number}", consumer_id, judge=judge_answer)

    before = _mistakes(app)
    yield make
    for application_id in made:
        app.applications.remove(application_id)
    assert _mistakes(app) == before


def _mistakes(app: Any) -> Any:
    if isinstance(app, MockVault):
        return (app.health.contract_violations, app.health.unexpected_errors)
    return app.mistakes


@pytest.fixture
def client(make_client: Any) -> Client:
    """A client of a fresh application, for its consumer test-consumer."""
    made: Client = make_client()
    return made
