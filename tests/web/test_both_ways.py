"""The plans and connexion's whole way answer the same: status, headers and body."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockvault.app import MockVault, create_app
from mockvault.settings import Settings
from tests.asgi import Answer, Client

UNLIKE = {"x-apideck-request-id", "date"}
SEGMENTS = ["test-consumer", "consumer-0001", "a%2Fb", "%00", "%ff", "%", "ü", "+", "..", "import"]
METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"]

paths = st.one_of(
    st.sampled_from(SEGMENTS).map(lambda segment: f"/vault/consumers/{segment}"),
    st.builds(
        "/vault/connections/{}/{}{}".format,
        st.sampled_from(["crm", "hris", *SEGMENTS]),
        st.sampled_from(["salesforce", "bamboohr", *SEGMENTS]),
        st.sampled_from(
            ["", "/", "/token", "/import", "/leads/config", "/leads/schema", "/token/config"]
        ),
    ),
    st.sampled_from(
        [
            "/vault/consumers",
            "/vault/logs",
            "/vault/sessions",
            "/vault",
            "/",
            "//",
            "/vault/callback",
        ]
    ),
)
queries = st.lists(
    st.sampled_from(
        [
            "limit=2",
            "limit=0",
            "cursor=x",
            "api=crm",
            "configured=true",
            "filter[status_code]=200",
            "filter[status_code][gt]=1",
            "filter[connector_id][x]=1",
            "filter[nope",
            "%ff=1",
            "a=b=c",
            "&&",
            "state=x",
            "redirect_uri=http%3A%2F%2Fa.example",
            "code=1",
            "mock=%00",
        ]
    ),
    max_size=3,
).map("&".join)
bodies = st.sampled_from(
    [
        None,
        b"",
        b"{}",
        b"null",
        b"[1]",
        b"{",
        b"NaN",
        b"\xff",
        b'{"consumer_id": "new"}',
        b'{"enabled": true, "state": "callable"}',
        b'{"settings": {"a": null}}',
        b'{"a": 1, "a": 2}',
        b"[" * 5000,
    ]
)
headers = st.dictionaries(
    st.sampled_from(["content-type", "authorization", "origin", "x-apideck-app-id", "accept"]),
    st.sampled_from(
        ["application/json", "text/plain", "Bearer wrong", "http://a.example", "", "ü"]
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def both() -> tuple[MockVault, MockVault]:
    chosen = Settings(log_format="none", validate_responses=True)
    return create_app(chosen), create_app(chosen, plans_first=False)


def alike(answer: Answer) -> tuple[int, dict[str, str], Any]:
    """Return what has to be the same, whichever way was gone."""
    shown = {name: value for name, value in answer.headers.items() if name not in UNLIKE}
    body: Any = answer.content
    if answer.content and answer.headers.get("content-type") == "application/json":
        body = without_time(answer.json())
    if "location" in shown:
        shown["location"] = shown["location"].partition("state=")[0]
    shown.pop("content-length", None)
    return answer.status, shown, body


def without_time(value: Any) -> Any:
    """Return a JSON value without what tells the time or measures it."""
    timed = ("created", "modified", "timestamp", "updated", "_at", "duration", "execution")
    if isinstance(value, Mapping):
        return {
            name: without_time(each)
            for name, each in value.items()
            if not any(word in name for word in timed)
            and name not in ("authorize_url", "revoke_url", "session_uri", "session_token")
        }
    return [without_time(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=300)
@given(method=st.sampled_from(METHODS), path=paths, query=queries, content=bodies, sent=headers)
def test_both_ways_answer_the_same(  # noqa: PLR0917  the parts of a request
    both: tuple[MockVault, MockVault],
    method: str,
    path: str,
    query: str,
    content: bytes | None,
    sent: dict[str, str],
) -> None:
    planned, whole = (
        Client(app)(method, path, query=query, content=content, headers=sent) for app in both
    )

    assert alike(planned) == alike(whole)
