"""What all tests share: one mock in this process, and a fresh application for each test."""

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mockvault.app import MockVault, create_app
from mockvault.domain.entities import Application
from mockvault.settings import Settings
from tests.asgi import Client
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


@pytest.fixture
def make_client(app: MockVault) -> Iterator[Any]:
    """Make a client of a fresh application, whose answers a second judge holds to the contract."""
    made: list[str] = []

    def make(consumer_id: str = "test-consumer") -> Client:
        number = next(_numbers)
        application = Application(f"app-{number}", (f"key-{number}",))
        app.applications.add(application)
        made.append(application.id)
        return Client(app, application.id, f"key-{number}", consumer_id, judge=judge_answer)

    before = (app.health.contract_violations, app.health.unexpected_errors)
    yield make
    for application_id in made:
        app.applications.remove(application_id)
    assert (app.health.contract_violations, app.health.unexpected_errors) == before


@pytest.fixture
def client(make_client: Any) -> Client:
    """A client of a fresh application, for its consumer test-consumer."""
    made: Client = make_client()
    return made
