"""Odd requests, one by one: each gets the right answer in the envelope, none a 500."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi import Answer, Client, consumer_path, place

ENVELOPE = {"status_code", "error", "type_name", "message", "detail", "ref"}
BODY = b'{"consumer_id": "c"}'


def refused(answer: Answer, status: int, keyword: str | None = None) -> dict[str, Any]:
    """Hold a refusal to the envelope, and return its first violation, if it tells any."""
    body = answer.json()
    assert answer.status == status, (answer.status, body)
    assert set(body) == ENVELOPE
    assert body["status_code"] == status
    assert body["ref"] == f"https://developers.apideck.com/errors#{body['type_name'].lower()}"
    assert answer.headers["content-type"] == "application/json"
    violations: list[dict[str, Any]] = (
        body["detail"].get("violations", []) if isinstance(body["detail"], dict) else []
    )
    if keyword is not None:
        assert keyword in {each["keyword"] for each in violations}, violations
    return violations[0] if violations else {}


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"nonsense",
        b'{"consumer_id": "c",}',
        b"{'consumer_id': 'c'}",
        b'{"consumer_id": NaN}',
        b'{"consumer_id": Infinity}',
        b"\xff\xfe\x00",
        b'{"consumer_id": "\xff"}',
        b"\xef\xbb\xbf" + BODY,
        b'{"consumer_id": "\\ud800"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"consumer_id": "a", "consumer_id": "b"}',
        b'{"consumer_id": "a", "metadata": {"x": 1, "x": 2}}',
        b"\x00",
        b'{"consumer_id": "a\nb"}',
        b'{"consumer_id": 1e999}',
    ],
    ids=lambda content: repr(content[:40]),
)
def test_what_is_no_json_is_refused(client: Client, content: bytes) -> None:
    violation = refused(client("POST", "/vault/consumers", content=content), 400)

    assert violation["in"] == "body"
    assert client("GET", consumer_path("c")).status == 404
    assert client("GET", consumer_path("a")).status == 404


@pytest.mark.parametrize("content", [b"null", b"true", b"[]", b'"c"', b"1", b"{}"])
def test_json_of_another_shape_is_refused(client: Client, content: bytes) -> None:
    refused(client("POST", "/vault/consumers", content=content), 400)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/vnd.api+json",
        "application/json; charset=latin-1",
        "application/json; charset=bogus",
        "multipart/form-data; boundary=x",
        "",
        "json",
        None,
    ],
)
def test_another_media_type_is_415_and_told_what_to_send(
    client: Client, content_type: str | None
) -> None:
    answer = client(
        "POST", "/vault/consumers", content=BODY, headers={"content-type": content_type}
    )

    refused(answer, 415)
    assert answer.json()["detail"]["supported"] == ["application/json"]
    assert (
        "UTF-8" in answer.json()["detail"]["message"]
        or "application/json" in (answer.json()["detail"]["message"])
    )
    assert client("GET", consumer_path("c")).status == 404


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_json_by_any_of_its_names_is_taken(client: Client, content_type: str) -> None:
    answer = client(
        "POST", "/vault/consumers", content=BODY, headers={"content-type": content_type}
    )

    assert answer.data["consumer_id"] == "c"


def test_a_body_in_chunks_without_a_length_is_taken(client: Client) -> None:
    answer = client("POST", "/vault/consumers", chunks=[b'{"consumer', b"", b'_id": "c"}', b""])

    assert answer.data["consumer_id"] == "c"


@pytest.mark.parametrize("method", ["whole", "chunked"])
def test_a_body_above_a_mebibyte_is_413(client: Client, method: str) -> None:
    content = b'{"consumer_id": "c", "metadata": {"x": "' + b"x" * 1024 * 1024 + b'"}}'
    sent: dict[str, Any] = (
        {"content": content}
        if method == "whole"
        else {"chunks": [content[at : at + 65536] for at in range(0, len(content), 65536)]}
    )

    refused(client("POST", "/vault/consumers", **sent), 413)
    assert client("GET", consumer_path("c")).status == 404


def test_a_body_of_just_a_mebibyte_is_taken(client: Client) -> None:
    content = b'{"consumer_id": "c", "metadata": {"x": ""}}'
    content = content.replace(b'""', b'"' + b"x" * (1024 * 1024 - len(content)) + b'"')

    assert len(content) == 1024 * 1024
    assert client("POST", "/vault/consumers", content=content).status == 200


@pytest.mark.parametrize("operation", ["/vault/sessions", f"{place('crm+salesforce')}/token"])
def test_an_optional_body_may_be_left_out_with_any_header(client: Client, operation: str) -> None:
    for headers in ({}, {"content-type": "application/json"}, {"content-length": "0"}):
        assert client("POST", operation, headers=headers).status in (200, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/vault/consumers/",
        "/vault//consumers",
        "/",
        "//",
        "/vault",
        "/vault/consumers/a/b",
        "/vault/consumers/../consumers",
        "/VAULT/consumers",
        "/vault/consumers/%2e%2e",
        "/vault/consumers%2Ftest-consumer",
        "/vault/consumers/%00",
        "/vault/consumers/%F0%9F%98%80",
        "/vault/consumers/test-consumer%00",
    ],
)
def test_a_path_that_leads_nowhere_is_404(client: Client, path: str) -> None:
    refused(client("GET", path), 404)


def test_a_route_that_is_nearly_right_is_told(client: Client) -> None:
    answer = client("GET", "/vault/conections")

    assert "/vault/connections" in answer.json()["detail"]["hint"]


@pytest.mark.parametrize("path", ["/vault/consumers/%ff", "/vault/consumers/%c3%28"])
def test_a_path_that_is_no_text_is_400(client: Client, path: str) -> None:
    violation = refused(client("GET", path), 400, "encoding")

    assert violation["in"] == "path"
    assert violation["pointer"] == "/consumer_id"


@pytest.mark.parametrize("segment", ["%", "%zz", "a%2", "100%"])
def test_a_percent_sign_that_encodes_nothing_is_no_accident(client: Client, segment: str) -> None:
    assert client("GET", f"/vault/consumers/{segment}").status in (400, 404)


@pytest.mark.parametrize(
    ("query", "keyword"),
    [
        ("limit=0", "minimum"),
        ("limit=201", "maximum"),
        ("limit=1_0", "type"),
        ("limit=%205", "type"),
        ("limit=5.0", "type"),
        ("limit=1e2", "type"),
        ("limit=", "type"),
        ("limit=null", "type"),
        ("limit=9999999999999999999999999999999999999999", "maximum"),
        ("limit=" + "9" * 9000, "maximum"),
        ("limit=1&limit=2", "repeated"),
        ("limit=%ff", "encoding"),
        ("%ff=1", "encoding"),
        ("Limit=1", "unknown"),
        ("limit[]=1", "unknown"),
    ],
)
def test_a_number_in_a_query_is_read_strictly(client: Client, query: str, keyword: str) -> None:
    violation = refused(client("GET", "/vault/consumers", query=query), 400, keyword)

    assert violation["in"] == "query"


@pytest.mark.parametrize("value", ["True", "1", "yes", "", "null", "TRUE", "t"])
def test_a_boolean_in_a_query_is_true_or_false(client: Client, value: str) -> None:
    refused(client("GET", "/vault/connections", query={"configured": value}), 400, "type")


@pytest.mark.parametrize(
    "query",
    [
        "filter[status_code][gt]=200",
        "filter[nope]=1",
        "filterx[status_code]=200",
        "filter=200",
        "filter[status_code=200",
        "filter[]=200",
        "filter[status_code]=abc",
        "filter[status_code]=nan",
        "filter[status_code]=200&filter[status_code]=201",
        "filter[connector_id][x]=1",
    ],
)
def test_a_filter_of_another_form_is_refused(client: Client, query: str) -> None:
    violation = refused(client("GET", "/vault/logs", query=query), 400)

    assert violation["in"] == "query"


@pytest.mark.parametrize(
    "query",
    [
        "filter[status_code]=null",
        "filter%5Bstatus_code%5D=200",
        "filter[status_code]=200.0",
        "cursor=",
    ],
)
def test_a_filter_that_can_be_meant_is_taken(client: Client, query: str) -> None:
    assert client("GET", "/vault/logs", query=query).status == 200


@pytest.mark.parametrize("consumer_id", ["ü", "😀", "a+b", "a b", "a/b", "x" * 10_000, "null", "0"])
def test_a_consumer_header_may_hold_any_text(client: Client, consumer_id: str) -> None:
    consumer = client.as_consumer(consumer_id)

    assert consumer.patch("crm+salesforce", metadata={"mine": 1}).status == 200
    assert client("GET", consumer_path(consumer_id)).data["consumer_id"] == consumer_id
    assert consumer.connection()["metadata"] == {"mine": 1}


def test_a_latin_header_is_text_too(client: Client) -> None:
    answer = client(
        "GET", "/vault/connections", headers={"x-apideck-consumer-id": "jérôme".encode("latin-1")}
    )

    assert answer.status == 200
    assert client("GET", consumer_path("jérôme")).status == 200


@pytest.mark.parametrize("name", ["authorization", "x-apideck-app-id", "x-apideck-consumer-id"])
def test_a_header_that_says_who_asks_may_not_be_there_twice(client: Client, name: str) -> None:
    answer = client(
        "GET",
        "/vault/connections",
        more_headers=[(name.encode(), client.headers()[name].encode())],
    )

    refused(answer, 400, "repeated")


def test_a_header_of_ten_thousand_bytes_is_no_trouble(client: Client) -> None:
    assert client("GET", "/vault/connections", headers={"x-long": "x" * 10_000}).status == 200
    refused(client("GET", "/vault/connections", headers={"authorization": "x" * 10_000}), 401)


def test_all_violations_are_told_at_once(client: Client) -> None:
    answer = client(
        "POST",
        f"{place('crm+salesforce')}/import?surprise=1",
        {"credentials": {"access_token": 1, "expires_in": "soon", "token": "x"}, "settings": []},
    )

    refused(answer, 400)
    assert {pointer for _, pointer, _ in answer.places} == {
        "/surprise",
        "/credentials/access_token",
        "/credentials/expires_in",
        "/credentials/token",
        "/settings",
    }


def test_a_secret_of_the_request_is_never_in_its_refusal(client: Client) -> None:
    canary = "canary-7f3a9"

    answers = [
        client(
            "POST", f"{place('crm+copper')}/import", {"credentials": {"access_token": [canary]}}
        ),
        client("POST", f"{place('crm+copper')}/import", {"credentials": {"expires_in": canary}}),
        client("GET", "/vault/connections", headers={"authorization": f"Bearer {canary}"}),
        client("GET", "/vault/connections", headers={"authorization": canary}),
    ]

    assert all(answer.status in (400, 401) for answer in answers)
    assert not any(canary.encode() in answer.content for answer in answers)


@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]),
    path=st.one_of(
        st.just("/vault/consumers"),
        st.just("/vault/sessions"),
        st.just("/vault/connections/crm/salesforce"),
        st.just("/vault/connections/crm/salesforce/import"),
        st.just("/vault/logs"),
        st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#")).map(
            lambda text: f"/vault/{text}"
        ),
    ),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
    content=st.one_of(
        st.none(),
        st.binary(max_size=40),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_no_request_is_answered_with_a_500(
    app: Any, method: str, path: str, query: str, content: bytes | None
) -> None:
    client = Client(app, consumer_id="odd-one")

    answer = client(method, path, query=query.replace("#", ""), content=content)

    assert answer.status < 500
    if answer.status >= 400:
        refused(answer, answer.status)
