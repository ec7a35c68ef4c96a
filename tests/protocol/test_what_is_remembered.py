"""What a line, headers and a body meant is known, and not taken for what is meant otherwise."""

from collections.abc import Iterator

import pytest

from tests.protocol.served import ONE, Answer, Served, request, served

BAD = b'{"enabled": "yes", "settings": []}'


@pytest.fixture
def mock() -> Iterator[Served]:
    with served() as one:
        yield one


def told(answer: Answer) -> set[tuple[str, str]]:
    return {(each["in"], each["pointer"]) for each in answer.json()["detail"]["violations"]}


def test_a_body_that_is_refused_again_is_refused_alike_and_logged_each_time(mock: Served) -> None:
    with mock.wire() as wire:
        answers = [wire.send(request(b"PATCH", ONE, BAD)).answer() for _ in range(4)]

    assert [each.status for each in answers] == [400] * 4
    assert len({each.content for each in answers}) == 1
    ids = [each.headers["x-apideck-request-id"] for each in answers]
    logged = mock.ask(request(b"GET", b"/vault/logs?filter[status_code]=400")).json()["data"]
    assert [each["id"] for each in logged[:4]] == ids[::-1]


def test_a_body_that_was_refused_is_judged_anew_with_other_headers(mock: Served) -> None:
    whole = request(b"PATCH", ONE, BAD)
    nobody = whole.replace(b"x-apideck-consumer-id: test-consumer\r\n", b"")
    as_text = whole.replace(b"application/json", b"text/plain")

    with mock.wire() as wire:
        first, second = (wire.send(whole).answer() for _ in range(2))
        without_consumer = [wire.send(nobody).answer() for _ in range(2)]
        of_text = [wire.send(as_text).answer() for _ in range(2)]

    assert told(first) == told(second) == {("body", "/enabled"), ("body", "/settings")}
    for each in without_consumer:
        assert told(each) == told(first) | {("header", "/x-apideck-consumer-id")}
    assert [each.status for each in of_text] == [415, 415]


def test_more_refusals_than_are_kept_are_each_told_by_their_own(mock: Served) -> None:
    with mock.wire() as wire:
        for _ in range(2):
            for number in range(70):
                body = b'{"enabled": "no %d"}' % number
                answer = wire.send(request(b"PATCH", ONE, body)).answer()
                [violation] = answer.json()["detail"]["violations"]
                assert violation["got"] == f"no {number}"


def test_a_door_that_is_closed_opens_for_no_request_that_came_before(mock: Served) -> None:
    made = mock.control(b"POST", b"/apps", {"id": "passing"}).json()
    key = next(iter(made["api_keys"])) if "api_keys" in made else made["api_key"]
    whole = (
        request(b"GET", ONE).replace(b"mock-app", b"passing").replace(b"mock-api-key", key.encode())
    )

    with mock.wire() as wire:
        before = [wire.send(whole).answer().status for _ in range(2)]
        mock.control(b"DELETE", b"/apps/passing")
        after = wire.send(whole).answer().status

    assert before == [200, 200]
    assert after == 401


def test_a_kept_answer_is_not_served_once_its_token_has_ended(mock: Served) -> None:
    grant = b'{"credentials": {"access_token": "a", "issued_at": "%b", "expires_in": 60}}'
    pipedrive = b"/vault/connections/crm/pipedrive"
    issued = b"2023-11-14T22:13:20.000Z"  # the time at which the clock stands
    mock.ask(request(b"POST", pipedrive + b"/import", grant % issued))

    with mock.wire() as wire:
        states = [wire.send(request(b"GET", pipedrive)).answer().json()["data"]["state"]] * 2
        clock = b"/apps/mock-app/clock"
        mock.control(b"PUT", clock, {"action": "advance", "by": "PT59S"})
        ended = wire.send(request(b"GET", pipedrive)).answer().json()["data"]["state"]

    assert states == ["callable", "callable"]
    assert ended == "added"


def test_the_bytes_of_an_answer_that_is_served_again_are_the_same_but_for_its_id(
    mock: Served,
) -> None:
    with mock.wire() as wire:
        answers = [wire.send(request()).answer() for _ in range(3)]

    for each in answers:
        del each.headers["x-apideck-request-id"]
    assert answers[0] == answers[1] == answers[2]
