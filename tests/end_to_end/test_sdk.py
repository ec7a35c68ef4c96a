"""The official Python SDK, unmodified, over a real port."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from apideck_unify import Apideck, models
from apideck_unify.utils import BackoffStrategy, RetryConfig

from tests.end_to_end.conftest import Running

NO_RETRIES = RetryConfig("none", BackoffStrategy(1, 1, 1, 1), retry_connection_errors=False)


@pytest.fixture
def sdk(mock: Running) -> Iterator[Apideck]:
    with Apideck(
        api_key="mock-api-key",
        app_id="mock-app",
        consumer_id="sdk-user",
        server_url=mock.url,
        retry_config=NO_RETRIES,
    ) as client:
        yield client


def test_consumers_live_their_life(sdk: Apideck) -> None:
    metadata = models.ConsumerMetadata(account_name="SpaceX", user_name="Elon Musk")
    created = sdk.vault.consumers.create(consumer_id="from-sdk", metadata=metadata)
    found = sdk.vault.consumers.get(consumer_id="from-sdk")
    updated = sdk.vault.consumers.update(
        consumer_id="from-sdk", metadata=models.ConsumerMetadata(email="elon@musk.com")
    )
    deleted = sdk.vault.consumers.delete(consumer_id="from-sdk")

    assert created.create_consumer_response is not None
    assert found.get_consumer_response is not None
    assert found.get_consumer_response.data.consumer_id == "from-sdk"
    assert updated.update_consumer_response is not None
    changed = updated.update_consumer_response.data.metadata
    assert changed is not None
    assert (changed.account_name, changed.email) == ("SpaceX", "elon@musk.com")
    assert deleted.delete_consumer_response is not None
    with pytest.raises(models.NotFoundResponse) as refusal:
        sdk.vault.consumers.get(consumer_id="from-sdk")
    assert refusal.value.data.type_name == "EntityNotFoundError"


def test_every_page_of_consumers_is_walked_by_its_own_pager(sdk: Apideck) -> None:
    found: list[str] = []
    page: Any = sdk.vault.consumers.list(limit=7)
    while page is not None:
        found += [each.consumer_id for each in page.get_consumers_response.data]
        page = page.next()

    assert len(found) == len(set(found)) >= 25


def test_connections_are_listed_changed_and_deleted(sdk: Apideck) -> None:
    listed = sdk.vault.connections.list(api="crm")
    updated = sdk.vault.connections.update(
        service_id="copper",
        unified_api="crm",
        enabled=True,
        settings={"email": "a@b.c", "api_key": "secret"},
    )
    one = sdk.vault.connections.get(service_id="copper", unified_api="crm")
    sdk.vault.connections.delete(service_id="copper", unified_api="crm")
    gone = sdk.vault.connections.get(service_id="copper", unified_api="crm")

    assert listed.get_connections_response is not None
    assert len(listed.get_connections_response.data) > 10
    assert updated.update_connection_response is not None
    assert one.get_connection_response is not None
    data = one.get_connection_response.data
    assert (data.state, data.enabled) == (models.ConnectionState.CALLABLE, True)
    assert data.settings == {"email": "a@b.c"}
    assert gone.get_connection_response is not None
    assert gone.get_connection_response.data.state == models.ConnectionState.AVAILABLE


def test_a_session_is_made(sdk: Apideck) -> None:
    made = sdk.vault.sessions.create(
        session=models.Session(
            consumer_metadata=models.ConsumerMetadata(account_name="SpaceX"),
            redirect_uri="https://mysaas.com/dashboard",
        )
    )

    assert made.create_session_response is not None
    assert made.create_session_response.data.session_token.count(".") == 2


def test_logs_and_stats_are_read(sdk: Apideck) -> None:
    sdk.vault.connections.list(api="crm")
    logs = sdk.vault.logs.list()
    stats = sdk.vault.consumer_request_counts.list(
        consumer_id="sdk-user",
        start_datetime="2021-05-01T12:00:00.000Z",
        end_datetime=datetime.now(UTC).isoformat(),
    )

    assert logs is not None
    assert logs.get_logs_response is not None
    assert logs.get_logs_response.data[0].operation.id == "connectionsAll"
    assert stats.consumer_request_counts_in_date_range_response is not None
    counted = stats.consumer_request_counts_in_date_range_response.data
    assert counted.aggregated_request_count is not None
    assert counted.aggregated_request_count >= 2


def test_a_wrong_key_is_the_sdks_own_error(mock: Running) -> None:
    with (
        Apideck(
            api_key="wrong",
            app_id="mock-app",
            consumer_id="x",
            server_url=mock.url,
            retry_config=NO_RETRIES,
        ) as client,
        pytest.raises(models.UnauthorizedResponse),
    ):
        client.vault.connections.list()
