"""Whole requests, and each odd input one by one."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockvault.contract import load_contract, node_at
from mockvault.web.judgement import Judge, Judged
from mockvault.web.replies import invalid
from mockvault.web.violations import RequestInvalid, UnsupportedMediaType, Violation

SPEC = Path(__file__).parents[2] / "spec"
CONTRACT = load_contract(SPEC / "vault.yml", SPEC / "overlay.yml", validate=False)
JUDGES = {one.operation_id: Judge(CONTRACT, one) for one in CONTRACT.operations}
HEADERS = {
    b"x-apideck-app-id": b"mock-app",
    b"x-apideck-consumer-id": b"test-consumer",
    b"content-type": b"application/json",
}
PIPEDRIVE = (b"crm", b"pipedrive")
CONSENT = (b"pipedrive", b"mock-app")
ASKED = b"state=s&redirect_uri=http%3A%2F%2Flocalhost"


def judged(
    operation_id: str,
    path: tuple[bytes, ...] = (),
    query: bytes = b"",
    content: bytes | None = None,
    headers: dict[bytes, bytes] | None = None,
) -> Judged:
    return JUDGES[operation_id].judge(path, query, HEADERS if headers is None else headers, content)


def wrong(*request: Any, **parts: Any) -> tuple[Violation, ...]:
    with pytest.raises(RequestInvalid) as caught:
        judged(*request, **parts)
    for violation in caught.value.violations:
        node_at(CONTRACT.pristine, violation.rule)
    return caught.value.violations


def told(*request: Any, **parts: Any) -> list[tuple[str, str, str]]:
    found = wrong(*request, **parts)
    return [(one.location, one.pointer, one.keyword) for one in found]


def test_a_valid_request_gives_the_values_by_their_names_in_the_contract() -> None:
    answer = judged("logsAll", query=b"filter%5Bstatus_code%5D=404&limit=5&cursor=abc")

    assert answer.parameters == {"filter": {"status_code": 404}, "limit": 5, "cursor": "abc"}
    assert answer.body is None
    assert answer.ignored == ()


def test_path_values_are_named_in_the_order_of_the_template() -> None:
    answer = judged("connectionSettingsUpdate", (b"crm", b"pipedrive", b"leads"), content=b"{}")

    assert answer.parameters == {
        "unified_api": "crm",
        "service_id": "pipedrive",
        "resource": "leads",
    }


def test_all_violations_of_path_query_header_and_body_are_told_at_once() -> None:
    found = told(
        "connectionsUpdate",
        (b"%ff", b"x"),
        b"nope=1",
        b'{"enabled": 1, "settings": "x"}',
        {**HEADERS, b"x-apideck-app-id": b""},
    )

    assert found == [
        ("path", "/unified_api", "encoding"),
        ("query", "/nope", "unknown"),
        ("header", "/x-apideck-app-id", "required"),
        ("body", "/enabled", "type"),
        ("body", "/settings", "type"),
    ]


def test_a_refusal_knows_whether_a_header_is_to_blame() -> None:
    with pytest.raises(RequestInvalid) as caught:
        judged("consumersAll", headers={})
    assert b"RequestHeadersValidationError" in (invalid(caught.value.violations).content or b"")

    with pytest.raises(RequestInvalid) as caught:
        judged("consumersAll", query=b"limit=0")
    assert b"RequestHeadersValidationError" not in (invalid(caught.value.violations).content or b"")


def test_a_violation_says_rule_expectation_and_finding() -> None:
    (violation,) = wrong("consumersAll", query=b"limit=201")

    assert violation.as_json() == {
        "in": "query",
        "pointer": "/limit",
        "keyword": "maximum",
        "message": "limit must be at most 200",
        "expected": 200,
        "got": 201,
        "rule": "#/components/parameters/limit/schema/maximum",
    }


# Path


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"a+b", "a+b"),
        (b"a%2Fb", "a/b"),
        (b"a%00b", "a\x00b"),
        (b"%F0%9F%98%80", "\N{GRINNING FACE}"),
        (b"caf%C3%A9", "café"),
        ("café".encode(), "café"),
        (b"%2541", "%41"),
        (b"%20", " "),
        (b"x" * 10_000, "x" * 10_000),
    ],
)
def test_a_path_value_is_percent_decoded_once_and_a_plus_stays_a_plus(
    raw: bytes, value: str
) -> None:
    assert judged("consumersOne", (raw,)).parameters == {"consumer_id": value}


@pytest.mark.parametrize("raw", [b"%ff", b"\xff", b"%C3", b"%", b"%2", b"%zz", b"%ED%A0%80"])
def test_a_path_value_that_is_no_text_is_refused(raw: bytes) -> None:
    assert told("consumersOne", (raw,)) == [("path", "/consumer_id", "encoding")]


# Query


@pytest.mark.parametrize("raw", [b"1", b"200", b"0020", b"%31"])
def test_a_limit_within_its_bounds_is_an_integer(raw: bytes) -> None:
    limit = judged("consumersAll", query=b"limit=" + raw).parameters["limit"]

    assert type(limit) is int
    assert 1 <= limit <= 200


@pytest.mark.parametrize(
    ("raw", "keyword"),
    [
        (b"0", "minimum"),
        (b"-1", "minimum"),
        (b"201", "maximum"),
        (b"9" * 50_000, "maximum"),
        (b"-" + b"9" * 50_000, "minimum"),
        (b"1_0", "type"),
        (b"%205", "type"),
        (b"+5", "type"),
        (b"1.0", "type"),
        (b"1e1", "type"),
        (b"0x10", "type"),
        (b"", "type"),
        (b"null", "type"),
        (b"true", "type"),
        (b"%EF%BC%95", "type"),
        (b"%ff", "encoding"),
        (b"%zz", "encoding"),
    ],
)
def test_a_limit_that_is_none_is_refused(raw: bytes, keyword: str) -> None:
    assert told("consumersAll", query=b"limit=" + raw) == [("query", "/limit", keyword)]


def test_a_name_without_a_sign_of_equality_has_an_empty_value() -> None:
    assert told("consumersAll", query=b"limit") == [("query", "/limit", "type")]
    assert judged("consumersAll", query=b"cursor").parameters == {"limit": 20}


def test_what_is_not_sent_has_its_default_or_is_absent() -> None:
    assert judged("consumersAll").parameters == {"limit": 20}
    assert judged("connectionsAll").parameters == {}


def test_an_empty_cursor_is_absent_and_a_cursor_of_null_is_text() -> None:
    assert "cursor" not in judged("consumersAll", query=b"cursor=").parameters
    assert judged("consumersAll", query=b"cursor=null").parameters["cursor"] == "null"


def test_empty_pairs_in_a_query_say_nothing() -> None:
    assert judged("consumersAll", query=b"&&limit=3&").parameters == {"limit": 3}


@pytest.mark.parametrize(("raw", "value"), [(b"true", True), (b"false", False)])
def test_a_boolean_is_true_or_false(raw: bytes, value: bool) -> None:  # noqa: FBT001
    query = b"configured=" + raw
    assert judged("connectionsAll", query=query).parameters["configured"] is value


@pytest.mark.parametrize("raw", [b"True", b"1", b"0", b"yes", b"", b"null", b"%20true"])
def test_a_boolean_is_nothing_else(raw: bytes) -> None:
    query = b"configured=" + raw
    assert told("connectionsAll", query=query) == [("query", "/configured", "type")]


def test_a_parameter_given_twice_is_refused() -> None:
    found = told("consumersAll", query=b"limit=5&limit=6&cursor=a&cursor=a")

    assert found == [("query", "/limit", "repeated"), ("query", "/cursor", "repeated")]


@pytest.mark.parametrize(
    ("operation_id", "query", "hint"),
    [
        ("consumersAll", b"limitt=3", "did you mean limit?"),
        ("consumersAll", b"Limit=3", "did you mean limit?"),
        ("consumersAll", b"page=3", None),
        ("connectionsAll", b"consumerid=x", "did you mean the header x-apideck-consumer-id?"),
        ("connectionsAll", b"consumer_id=x", "did you mean the header x-apideck-consumer-id?"),
        ("logsAll", b"filters[status_code]=2", "did you mean filter?"),
    ],
)
def test_an_unknown_parameter_is_refused_by_name(
    operation_id: str, query: bytes, hint: str | None
) -> None:
    (violation,) = wrong(operation_id, query=query)

    assert violation.keyword == "unknown"
    assert violation.message.startswith(query.decode().partition("=")[0])
    assert violation.hint == hint


def test_an_operation_without_a_query_refuses_one() -> None:
    assert told("connectionsOne", PIPEDRIVE, b"raw=true") == [("query", "/raw", "unknown")]


def test_a_name_that_is_no_text_is_refused() -> None:
    assert told("consumersAll", query=b"%ff=1") == [("query", "/%ff", "encoding")]


def test_a_name_may_be_percent_encoded() -> None:
    assert judged("consumersAll", query=b"%6cimit=7").parameters == {"limit": 7}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"filter[status_code]=200", {"status_code": 200}),
        (b"filter%5Bstatus_code%5D=200", {"status_code": 200}),
        (b"filter[status_code]=-1.5e1", {"status_code": -15.0}),
        (b"filter[status_code]=null", {}),
        (b"filter[connector_id]=null", {"connector_id": "null"}),
        (b"filter[connector_id]=", {}),
        (b"filter[connector_id]=crm%2Bzoho", {"connector_id": "crm+zoho"}),
        (b"filter[connector_id]=a+b", {"connector_id": "a b"}),
        (
            b"filter[connector_id]=a&filter[exclude_unified_apis]=vault,proxy",
            {"connector_id": "a", "exclude_unified_apis": "vault,proxy"},
        ),
    ],
)
def test_the_members_of_a_filter_make_one_object(raw: bytes, value: Any) -> None:
    assert judged("logsAll", query=raw).parameters["filter"] == value


@pytest.mark.parametrize(
    ("raw", "pointer", "keyword"),
    [
        (b"filter[nope]=1", "/filter/nope", "unknown"),
        (b"filter[statuscode]=1", "/filter/statuscode", "unknown"),
        (b"filter[status_code][gt]=1", "/filter", "style"),
        (b"filter[status_code]x=1", "/filter", "style"),
        (b"filter[[status_code]]=1", "/filter", "style"),
        (b"filter[status_code=1", "/filter", "style"),
        (b"filter[]=1", "/filter", "style"),
        (b"filter=1", "/filter", "style"),
        (b"filterx[status_code]=1", "/filterx[status_code]", "unknown"),
        (b"filterx=1", "/filterx", "unknown"),
        (b"[status_code]=1", "/[status_code]", "unknown"),
        (b"cursor[x]=1", "/cursor[x]", "unknown"),
        (b"filter[status_code]=nan", "/filter/status_code", "type"),
        (b"filter[status_code]=Infinity", "/filter/status_code", "type"),
        (b"filter[status_code]=1e999", "/filter/status_code", "type"),
        (b"filter[status_code]=1_0", "/filter/status_code", "type"),
        (b"filter[status_code]=01", "/filter/status_code", "type"),
        (b"filter[status_code]=1&filter[status_code]=2", "/filter/status_code", "repeated"),
        (b"filter[status_code]=%ff", "/filter", "encoding"),
    ],
)
def test_a_filter_that_is_none_is_refused(raw: bytes, pointer: str, keyword: str) -> None:
    assert told("logsAll", query=raw) == [("query", pointer, keyword)]


def test_a_member_of_a_filter_nearly_right_is_recognized() -> None:
    (violation,) = wrong("logsAll", query=b"filter[statuscode]=1")

    assert violation.hint == "did you mean filter[status_code]?"


@pytest.mark.parametrize("raw", [b"a%20b", b"a+b"])
def test_scopes_are_separated_by_spaces(raw: bytes) -> None:
    answer = judged("connectionsAuthorize", CONSENT, ASKED + b"&scope=" + raw)

    assert answer.parameters["scope"] == ["a", "b"]


def test_no_scopes_are_an_empty_list() -> None:
    answer = judged("connectionsAuthorize", CONSENT, ASKED + b"&scope=")

    assert answer.parameters["scope"] == []


def test_scopes_are_given_once() -> None:
    query = ASKED + b"&scope=a&scope=b"

    assert told("connectionsAuthorize", CONSENT, query) == [("query", "/scope", "repeated")]


def test_required_parameters_are_asked_for_all_at_once() -> None:
    assert told("connectionsAuthorize", CONSENT) == [
        ("query", "/state", "required"),
        ("query", "/redirect_uri", "required"),
    ]


@pytest.mark.parametrize(
    "moment",
    [
        "2021-05-01T12:00:00.000Z",
        "2021-05-01T12:00:00Z",
        "2021-05-01T12:00:00%2B02:00",
        "2021-05-01t12:00:00z",
        "2016-12-31T23:59:60Z",
        "2020-02-29T00:00:00Z",
    ],
)
def test_a_date_time_is_of_rfc_3339(moment: str) -> None:
    query = f"start_datetime={moment}&end_datetime=2021-05-30T12:00:00Z".encode()

    assert judged("consumerRequestCountsAll", (b"x",), query).parameters["start_datetime"]


@pytest.mark.parametrize(
    "moment",
    [
        "notadate",
        "",
        "2021-05-01",
        "2021-13-01T12:00:00Z",
        "2021-02-29T12:00:00Z",
        "2021-05-01T24:00:00Z",
        "2021-05-01T12:00:00",
        "2021-05-01%2012:00:00Z",
        "2021-05-01T12:00:60Z",
        "2021-05-01T12:00:00+02:00",  # the plus is a space
    ],
)
def test_a_date_time_that_is_none_is_refused(moment: str) -> None:
    query = f"start_datetime={moment}&end_datetime=2021-05-30T12:00:00Z".encode()

    found = told("consumerRequestCountsAll", (b"x",), query)

    assert found == [("query", "/start_datetime", "format")]


# Headers


@pytest.mark.parametrize("value", [None, b"", b" ", b"\t "])
def test_a_header_that_says_nothing_is_missing(value: bytes | None) -> None:
    headers = {name: said for name, said in HEADERS.items() if name != b"x-apideck-consumer-id"}
    if value is not None:
        headers[b"x-apideck-consumer-id"] = value

    assert told("connectionsAll", headers=headers) == [
        ("header", "/x-apideck-consumer-id", "required")
    ]


def test_a_header_nearly_right_is_recognized() -> None:
    headers = {b"x-apideck-app-id": b"a", b"x-apideck-consumerid": b"c"}

    (violation,) = wrong("connectionsAll", headers=headers)

    assert violation.hint is not None
    assert "x-apideck-consumerid" in violation.hint


@pytest.mark.parametrize("value", [b"x" * 10_000, b"caf\xe9", "é".encode(), b"\x00", b"a+b"])
def test_any_text_names_a_consumer(value: bytes) -> None:
    judged("connectionsAll", headers={**HEADERS, b"x-apideck-consumer-id": value})


# Bodies


def test_a_valid_body_is_handed_on_as_it_was_sent() -> None:
    body = judged(
        "connectionsUpdate",
        PIPEDRIVE,
        content=b'{"settings": {"a": null, "b": [1, 1.5, "\\u00e9"]}, "metadata": null}',
    ).body

    assert body == {"settings": {"a": None, "b": [1, 1.5, "é"]}, "metadata": None}


@pytest.mark.parametrize("content", [None, b""])
def test_a_required_body_is_asked_for(content: bytes | None) -> None:
    assert told("consumersAdd", content=content) == [("body", "", "required")]


@pytest.mark.parametrize("content", [None, b""])
@pytest.mark.parametrize("content_type", [None, b"application/json", b"text/plain"])
def test_an_optional_body_may_be_absent_whatever_its_type(
    content: bytes | None, content_type: bytes | None
) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != b"content-type"}
    if content_type is not None:
        headers[b"content-type"] = content_type

    assert judged("sessionsCreate", content=content, headers=headers).body is None
    assert judged("connectionsToken", PIPEDRIVE, content=content, headers=headers).body is None


def test_a_body_of_null_is_judged_by_its_schema() -> None:
    assert told("sessionsCreate", content=b"null") == [("body", "", "type")]


def test_a_body_that_the_operation_does_not_take_is_not_read() -> None:
    assert judged("connectionsDelete", PIPEDRIVE, content=b"{not json").body is None


@pytest.mark.parametrize(
    ("content", "pointer", "keyword"),
    [
        (b"\xef\xbb\xbf{}", "", "encoding"),
        (b'{"consumer_id": "\xff"}', "", "encoding"),
        ('{"consumer_id": "é"}'.encode("latin-1"), "", "encoding"),
        ('{"consumer_id": "x"}'.encode("utf-16"), "", "encoding"),
        (b'{"consumer_id": "\xed\xa0\x80"}', "", "encoding"),
        (b'{"consumer_id": "\\ud800"}', "", "json"),
        (b'{"consumer_id": "x", "a": NaN}', "", "json"),
        (b'{"consumer_id": "x", "a": -Infinity}', "", "json"),
        (b'{"consumer_id": "x", "a": 1e999}', "", "json"),
        (b'{"consumer_id": "x",}', "", "json"),
        (b"{'consumer_id': 'x'}", "", "json"),
        (b'{"consumer_id": "x"} {}', "", "json"),
        (b'{"consumer_id": "x', "", "json"),
        (b"consumer_id=x", "", "json"),
        (b" ", "", "json"),
        (b"\x00", "", "json"),
        (b"[" * 100_000, "", "depth"),
        (b"[" * 100_000 + b"]" * 100_000, "", "depth"),
        (b'{"a":' * 100_000, "", "depth"),
        (b'{"consumer_id": "x", "consumer_id": "x"}', "/consumer_id", "repeated"),
        (b'{"consumer_id": "x", "a": [{"b~/": 1, "b~/" : 2}]}', "/a/0/b~0~1", "repeated"),
        (b'{"consumer_id": "x", "consumer_\\u0069d"\n:"y"}', "/consumer_id", "repeated"),
        (b"[]", "", "type"),
        (b'"x"', "", "type"),
        (b"1", "", "type"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_odd_body_is_refused(content: bytes, pointer: str, keyword: str) -> None:
    assert told("consumersAdd", content=content) == [("body", pointer, keyword)]


def test_malformed_json_is_told_by_line_and_column() -> None:
    (violation,) = wrong("consumersAdd", content=b'{"consumer_id": "x",\n  nope}')

    assert violation.got == "line 2, column 3"


def test_a_hundred_levels_are_taken_and_one_more_is_not() -> None:
    inside = b'{"settings": {"a": %s}}'
    just = inside % (b"[" * 98 + b"]" * 98)
    more = inside % (b"[" * 99 + b"]" * 99)

    assert judged("connectionsUpdate", PIPEDRIVE, content=just).body
    assert told("connectionsUpdate", PIPEDRIVE, content=more) == [("body", "", "depth")]


def test_many_brackets_beside_one_another_or_in_text_are_not_deep() -> None:
    flat = b'{"settings": {"a": [%s], "b": "%s \\" [["}}' % (b",".join([b"[]"] * 500), b"[{" * 500)

    assert judged("connectionsUpdate", PIPEDRIVE, content=flat).body


def test_text_that_looks_like_a_key_is_text() -> None:
    content = b'{"settings": {"a": "\\":", "b": ": :", "c": "\\"c\\": 1", "d": ":"}}'

    body = judged("connectionsUpdate", PIPEDRIVE, content=content).body

    assert body == {"settings": {"a": '":', "b": ": :", "c": '"c": 1', "d": ":"}}


def test_huge_numbers_are_judged_without_harm() -> None:
    content = b'{"settings": {"a": 1%s, "b": 1.%s, "c": 1e-999}}' % (b"0" * 300, b"0" * 9_000)

    assert judged("connectionsUpdate", PIPEDRIVE, content=content).body
    too_long = b'{"settings": {"a": %s}}' % (b"9" * 9_000)
    assert told("connectionsUpdate", PIPEDRIVE, content=too_long) == [("body", "", "json")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), JSON), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_no_key_of_valid_json_is_taken_for_a_repeated_one(
    settings: dict[str, Any],
    indent: Any,
    ascii_only: bool,  # noqa: FBT001
) -> None:
    import json

    content = json.dumps({"settings": settings}, indent=indent, ensure_ascii=ascii_only).encode()

    assert judged("connectionsUpdate", PIPEDRIVE, content=content).body == {"settings": settings}


@given(st.text(max_size=4), JSON, JSON, st.sampled_from(["", " ", "\n", "\t \r"]))
def test_a_repeated_key_is_always_found(name: str, first: Any, second: Any, space: str) -> None:
    import json

    key = f"{json.dumps(name)}{space}:"
    text = (
        f'{{"settings": {{"x": 1, "in": {{{key}{json.dumps(first)},{key}{json.dumps(second)}}}}}}}'
    )

    (violation,) = wrong("connectionsUpdate", PIPEDRIVE, content=text.encode())

    assert violation.keyword == "repeated"
    assert violation.pointer.startswith("/settings/in/")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_violation(content: bytes) -> None:
    try:
        judged("connectionsUpdate", PIPEDRIVE, content=content)
    except RequestInvalid as invalid:
        refused = invalid.violations
    else:
        return
    assert all(violation.location == "body" for violation in refused)


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_any_query_and_path_are_values_or_violations(query: bytes, raw: bytes) -> None:
    try:
        judged("logsAll", (), query)
        judged("consumersOne", (raw,))
    except RequestInvalid as invalid:
        refused = invalid.violations
    else:
        return
    assert {violation.location for violation in refused} <= {"path", "query"}


# Media types


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/json",
        b"APPLICATION/JSON",
        b"application/json; charset=utf-8",
        b'application/json;charset="UTF-8"',
        b"application/json ; Charset=Utf-8; profile=x",
        b'application/json; profile="a;charset=latin-1"',
    ],
)
def test_json_in_utf_8_is_taken(content_type: bytes) -> None:
    headers = {**HEADERS, b"content-type": content_type}

    assert judged("sessionsCreate", content=b"{}", headers=headers).body == {}


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/plain",
        b"application/vnd.x+json",
        b"application/jsonx",
        b"application/json; charset=latin-1",
        b"application/json; charset=bogus",
        b"application/json; charset=",
        b"application/json; charset=utf-16",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"*/*",
        b";",
        b"\xff",
    ],
)
def test_no_other_media_type_is_taken(content_type: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        judged("sessionsCreate", content=b"{}", headers={**HEADERS, b"content-type": content_type})


@pytest.mark.parametrize("content_type", [None, b"", b" "])
def test_a_body_without_a_media_type_is_told_which_header_to_add(
    content_type: bytes | None,
) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != b"content-type"}
    if content_type is not None:
        headers[b"content-type"] = content_type

    with pytest.raises(UnsupportedMediaType, match="Content-Type: application/json"):
        judged("sessionsCreate", content=b"{}", headers=headers)


# Read-only properties


def test_read_only_properties_are_dropped_and_named() -> None:
    content = (
        b'{"id": "x", "state": "callable", "auth_type": "oauth2", "enabled": true,'
        b' "form_fields": [], "custom_mappings": [{"value": "v", "id": "1"}, {"key": "k"}],'
        b' "configuration": [{"resource": "leads", "defaults": [{"target": "resource"}]}]}'
    )

    answer = judged("connectionsUpdate", PIPEDRIVE, content=content)

    assert answer.body == {
        "enabled": True,
        "custom_mappings": [{"value": "v"}, {}],
        "configuration": [{"resource": "leads", "defaults": [{}]}],
    }
    assert set(answer.ignored) == {
        "/id",
        "/state",
        "/auth_type",
        "/form_fields",
        "/custom_mappings/0/id",
        "/custom_mappings/1/key",
        "/configuration/0/defaults/0/target",
    }


def test_read_only_properties_are_judged_before_they_are_dropped() -> None:
    found = told("connectionsUpdate", PIPEDRIVE, content=b'{"state": "nope", "id": 1}')

    assert found == [("body", "/state", "enum"), ("body", "/id", "type")]


def test_strictly_a_read_only_property_is_a_violation_by_the_rule_that_says_so() -> None:
    judge = Judge(CONTRACT, CONTRACT.by_id["connectionsUpdate"], strict_read_only=True)

    with pytest.raises(RequestInvalid) as caught:
        judge.judge(PIPEDRIVE, b"", HEADERS, b'{"id": "x", "state": "callable", "enabled": true}')

    assert {(one.pointer, one.keyword, one.rule) for one in caught.value.violations} == {
        ("/id", "readOnly", "#/components/schemas/Connection/properties/id/readOnly"),
        ("/state", "readOnly", "#/components/schemas/ConnectionState/readOnly"),
    }


# What is told


@pytest.mark.parametrize(
    ("operation_id", "content", "pointer", "hint"),
    [
        ("consumersAdd", b'{"consumerId": "x"}', "/consumer_id", "did you mean consumer_id?"),
        ("customMappingsAdd", b'{"value": "x", "valeu": "x"}', "/valeu", None),
        ("customMappingsAdd", b'{"valeu": "x"}', "/valeu", "did you mean value?"),
        ("connectionsUpdate", b'{"state": "callabel"}', "/state", "did you mean callable?"),
        (
            "sessionsCreate",
            b'{"settings": {"session_lenght": "1h"}}',
            "/settings/session_lenght",
            "did you mean session_length?",
        ),
        (
            "sessionsCreate",
            b'{"settings": {"unified_apis": ["CRM"]}}',
            "/settings/unified_apis/0",
            "did you mean crm?",
        ),
    ],
)
def test_a_near_miss_is_recognized(
    operation_id: str, content: bytes, pointer: str, hint: str | None
) -> None:
    path: tuple[bytes, ...] = (b"crm", b"x", b"y") if "Mappings" in operation_id else PIPEDRIVE
    if operation_id in {"consumersAdd", "sessionsCreate"}:
        path = ()
    found = {one.pointer: one for one in wrong(operation_id, path, content=content)}

    assert (found[pointer].hint or "").startswith(hint or "")
    assert bool(found[pointer].hint) == bool(hint)


def test_an_alternative_is_told_by_the_types_it_could_have() -> None:
    content = b'{"configuration": [{"defaults": [{"value": {"a": "%s"}}]}]}' % (b"x" * 500)

    (violation,) = wrong("connectionsUpdate", PIPEDRIVE, content=content)

    assert violation.pointer == "/configuration/0/defaults/0/value"
    assert violation.expected == "string, integer, number, boolean or array"
    assert violation.got == "object"


def test_of_alternatives_the_one_of_the_right_type_is_told() -> None:
    content = b'{"configuration": [{"defaults": [{"value": ["a", {}]}]}]}'

    (violation,) = wrong("connectionsUpdate", PIPEDRIVE, content=content)

    assert violation.pointer == "/configuration/0/defaults/0/value/1"
    assert violation.expected == "string, integer or number"


def test_a_nullable_type_says_so() -> None:
    (violation,) = wrong("connectionsUpdate", PIPEDRIVE, content=b'{"settings": "x"}')

    assert violation.expected == "object or null"


def test_long_values_are_cut_and_large_ones_only_named() -> None:
    content = b'{"status": "%s", "name": [1, 2, 3], "website": {}}' % (b"x" * 1_000)
    got = {one.pointer: one.got for one in wrong("connectionsUpdate", PIPEDRIVE, content=content)}

    assert got == {"/status": "x" * 80 + "…", "/name": "array of 3", "/website": "object"}


@pytest.mark.parametrize(
    ("operation_id", "content"),
    [
        ("connectionsImport", b'{"credentials": {"refresh_token": 424242}}'),
        ("connectionsImport", b'{"credentials": {"password": "424242"}}'),
        ("connectionsImport", b'{"credentials": {"issued_at": "424242"}}'),
        ("connectionsImport", b'{"credentials": "424242"}'),
        ("connectionsUpdate", b'{"settings": "424242"}'),
        ("connectionsToken", b'{"api_key": "424242"}'),
        ("connectionsToken", b'{"my_token": "424242"}'),
        ("connectionsToken", b'{"client_secret": "424242"}'),
        ("connectionsToken", b'{"Authorization": "424242"}'),
    ],
)
def test_secrets_are_never_repeated(operation_id: str, content: bytes) -> None:
    for violation in wrong(operation_id, PIPEDRIVE, content=content):
        assert "424242" not in str(violation.as_json())


def test_secrets_in_a_query_are_never_repeated() -> None:
    for query in (b"api_key=424242", b"access_token=424242", b"filter[password]=424242"):
        for violation in wrong("logsAll", query=query):
            assert "424242" not in str(violation.as_json())


def test_a_refusal_of_a_thousand_violations_stays_readable() -> None:
    content = b'{"custom_mappings": [%s]}' % b",".join([b"1"] * 1_000)

    assert len(wrong("connectionsUpdate", PIPEDRIVE, content=content)) == 100


@pytest.mark.parametrize(
    "content",
    [
        b'{"configuration": [{"defaults": [{"value": [%s]}]}]}' % b",".join([b"{}"] * 100_000),
        b'{"form_fields": [{"options": [%s]}]}' % b",".join([b'{"label": 1}'] * 50_000),
        b'{"custom_mappings": [%s, {"x": 1}]}' % b",".join([b"{}"] * 100_000),
        b'{"custom_mappings": [{%s}]}' % b",".join(b'"a%d": 1' % turn for turn in range(50_000)),
    ],
    ids=["alternatives", "options", "the last of many", "unknown names"],
)
def test_a_large_body_is_told_by_its_first_violations(content: bytes) -> None:
    found = wrong("connectionsUpdate", PIPEDRIVE, content=content)

    assert 1 <= len(found) <= 100
    for violation in found:
        assert violation.pointer.startswith(("/configuration/", "/form_fields/", "/custom_map"))


def test_the_only_violation_of_a_large_body_is_found_wherever_it_stands() -> None:
    items = [b'{"value": "x"}'] * 5_000
    items[4_321] = b'{"value": 1}'

    (violation,) = wrong(
        "connectionsUpdate",
        PIPEDRIVE,
        content=b'{"custom_mappings": [%s], "status": "live"}' % b",".join(items),
    )

    assert violation.pointer == "/custom_mappings/4321/value"


def test_a_query_of_a_thousand_unknown_parameters_stays_readable() -> None:
    query = b"&".join(b"limit%d=1" % turn for turn in range(1_000))

    assert len(wrong("consumersAll", query=query)) == 100
    query = b"&".join(b"filter[a%d]=1" % turn for turn in range(1_000))
    assert len(wrong("logsAll", query=query)) == 100
