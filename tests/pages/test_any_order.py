"""A consumer who presses whatever there is, in any order, never breaks the page."""

from random import Random
from urllib.parse import urlsplit

import pytest

from mockvault.vault.provider import Consent
from tests.asgi import Answer, Client
from tests.pages.test_hosted_vault import Visitor, path_of

CONNECTIONS = (
    "crm+zoho-crm",
    "crm+activecampaign",
    "crm+microsoft-dynamics",
    "accounting+xero",
    "ecommerce+shopify",
    "hris+personio",
    "script+google-analytics",
)
STEPS = (
    *("add", "save", "authorize", "reauthorize", "get_token"),
    *("disconnect", "disable", "enable", "delete"),
)
WAYS = [way for way in Consent if way is not Consent.SLOW]
VALUES = ("", "a value", "invalid", "https://a.example")


def followed(client: Client, answer: Answer, consent: Consent) -> Answer:
    """Go where the browser is sent until it is on a page; on the provider's, consent that way."""
    for _ in range(5):
        if answer.status not in (301, 303):
            return answer
        parts = urlsplit(answer.headers["location"])
        query = parts.query
        if parts.path.startswith("/vault/authorize/"):
            query += f"&mock_consent={consent}"
        answer = client("GET", parts.path, query=query, headers={"authorization": None})
    raise AssertionError("the browser is sent in circles")


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_steps_leaves_a_page_that_agrees_with_the_api(
    client: Client, seed: int
) -> None:
    chance = Random(seed)
    client = client.as_consumer(f"presser-{seed}")
    visitor = Visitor(client)

    for _ in range(60):
        connection_id, step = chance.choice(CONNECTIONS), chance.choice(STEPS)
        fields = client.connection(connection_id)["form_fields"]
        form = {f"field.{each['id']}": chance.choice(VALUES) for each in fields}
        first = visitor.step(connection_id, step, **form)
        answer = followed(client, first, chance.choice(WAYS))
        assert answer.status in (200, 401, 404, 422), (connection_id, step, answer.content)

        shown = client.connection(connection_id)
        page = visitor.text(path_of(connection_id))
        assert ('data-testid="add"' in page) is (shown["state"] == "available")
        assert ('data-testid="delete"' in page) is (shown["state"] != "available")
        if shown["enabled"] and shown["state"] == "callable":
            assert ">Connected<" in page
        if 'data-testid="authorize"' in page:
            assert shown["authorize_url"] is not None
        assert ('data-testid="disconnect"' in page) <= (shown["revoke_url"] is not None)
