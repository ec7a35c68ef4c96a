"""Pages partition a list: each item once, in one order, forward and backward."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi import Answer, Client

pytestmark = pytest.mark.every_engine


@pytest.fixture(scope="module")
def lister(app: Any) -> Client:
    """A client of the default world: 25 consumers, some dozens of log entries."""
    return Client(app)


def pages(client: Client, path: str, limit: int) -> list[Answer]:
    """Return every page, following the cursors."""
    found = [client("GET", path, query={"limit": limit})]
    while cursor := found[-1].json()["meta"]["cursors"]["next"]:
        found.append(client("GET", path, query={"limit": limit, "cursor": cursor}))
        assert len(found) < 1000
    return found


def ids(answer: Answer) -> list[str]:
    return [item.get("consumer_id") if "services" in item else item["id"] for item in answer.data]


@given(limit=st.integers(1, 60))
def test_pages_of_any_size_hold_every_consumer_once(lister: Client, limit: int) -> None:
    whole = ids(lister("GET", "/vault/consumers", query={"limit": 200}))

    found = pages(lister, "/vault/consumers", limit)

    assert [each for page in found for each in ids(page)] == whole
    assert all(len(ids(page)) == limit for page in found[:-1])
    assert [page.json()["meta"]["items_on_page"] for page in found] == [
        len(page.data) for page in found
    ]


@pytest.mark.parametrize("limit", [1, 7, 20, 46, 200])
def test_pages_of_logs_hold_every_call_made_before_the_first_page(
    client: Client, limit: int
) -> None:
    whole = ids(client("GET", "/vault/logs", query={"limit": 200}))

    found = pages(client, "/vault/logs", limit)

    listed = [each for page in found for each in ids(page)]
    assert listed[1:] == whole  # the first is the call that read the whole


@given(limit=st.integers(1, 12))
def test_going_back_meets_the_same_pages(lister: Client, limit: int) -> None:
    forward = pages(lister, "/vault/consumers", limit)
    page, backward = forward[-1], [ids(forward[-1])]

    while cursor := page.json()["meta"]["cursors"]["previous"]:
        page = lister("GET", "/vault/consumers", query={"limit": limit, "cursor": cursor})
        backward.insert(0, ids(page))

    assert backward == [ids(each) for each in forward]


def test_links_lead_where_the_cursors_do(lister: Client) -> None:
    page = lister("GET", "/vault/consumers", query={"limit": 10})
    links = page.json()["links"]

    assert links["previous"] is None
    assert links["current"] == "http://testserver/vault/consumers?limit=10"
    following = urlsplit(links["next"])
    second = lister("GET", following.path, query=following.query)
    back = urlsplit(second.json()["links"]["previous"])
    assert ids(lister("GET", back.path, query=back.query)) == ids(page)


def test_what_is_added_between_two_pages_moves_nothing(client: Client) -> None:
    first = client("GET", "/vault/consumers", query={"limit": 10})
    cursor = first.json()["meta"]["cursors"]["next"]
    before = ids(client("GET", "/vault/consumers", query={"limit": 10, "cursor": cursor}))

    client("POST", "/vault/consumers", {"consumer_id": "aaa-newcomer"})
    client("DELETE", f"/vault/consumers/{ids(first)[3]}")

    after = ids(client("GET", "/vault/consumers", query={"limit": 10, "cursor": cursor}))
    assert after == before


@pytest.mark.parametrize("path", ["/vault/consumers", "/vault/logs"])
@pytest.mark.parametrize(
    "cursor",
    ["nonsense", "bm9uc2Vuc2U=", "Y29uc3VtZXJzOjphZnRlcjo6MA==", "💥", "a" * 5000, "bG9ncw=="],
)
def test_a_cursor_that_no_list_gave_is_refused(lister: Client, path: str, cursor: str) -> None:
    answer = lister("GET", path, query={"cursor": cursor})

    assert answer.status == 400
    assert answer.type_name == "InvalidCursorError"
    assert answer.violations[0]["pointer"] == "/cursor"


def test_the_cursor_of_one_list_is_none_of_another(lister: Client) -> None:
    cursor = lister("GET", "/vault/consumers", query={"limit": 1}).json()["meta"]["cursors"]["next"]

    assert lister("GET", "/vault/logs", query={"cursor": cursor}).status == 400


@pytest.mark.parametrize(("limit", "keyword"), [(0, "minimum"), (201, "maximum"), (-1, "minimum")])
def test_a_limit_out_of_bounds_is_refused(lister: Client, limit: int, keyword: str) -> None:
    answer = lister("GET", "/vault/consumers", query={"limit": limit})

    assert answer.places == {("query", "/limit", keyword)}
    assert answer.violations[0]["rule"] == f"#/components/parameters/limit/schema/{keyword}"


def test_twenty_is_the_size_of_a_page_where_none_is_asked_for(lister: Client) -> None:
    assert len(lister("GET", "/vault/consumers").data) == 20
