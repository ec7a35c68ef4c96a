"""Clients that call pages too, which the contract knows nothing of."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.asgi import Client


@pytest.fixture
def make_client(make_client: Any) -> Callable[..., Client]:
    """Make a client whose answers no second judge holds to the contract."""

    def make(consumer_id: str = "test-consumer") -> Client:
        made: Client = make_client(consumer_id)
        made.judge = None
        return made

    return make
