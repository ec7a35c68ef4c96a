from conformance.failures import Answer, Exchange, Request
from conformance.laws.bearing import MOST, bearing

ADD = ("POST", "/vault/connections/crm/close")
READ = ("GET", "/vault/connections/crm/close")


def call(
    line: tuple[str, str], consumer: str = "ada", status: int = 200, operation_id: str = "any"
) -> Exchange:
    headers = (("x-apideck-app-id", "app"), ("x-apideck-consumer-id", consumer))
    request = Request(*line, headers=headers if consumer else headers[:1])
    return Exchange(operation_id, request, Answer(status, {}, b"", 0.0))


def test_what_was_written_to_the_same_place_is_told_and_what_was_elsewhere_is_not() -> None:
    add, read = call(ADD), call(READ)
    elsewhere = call(("POST", "/vault/connections/hris/gusto"))
    update = call(("PATCH", "/vault/connections/crm/close"))

    assert bearing([elsewhere, add, update, read]) == (add, update, read)


def test_the_same_question_asked_before_is_told_once() -> None:
    add, first, second, third = call(ADD), call(READ), call(READ), call(READ)

    assert bearing([first, second, add, third]) == (second, add, third)


def test_the_latest_write_of_another_is_told_for_it_may_have_leaked() -> None:
    mine, theirs, read = call(ADD), call(ADD, "bob"), call(READ)
    earlier = call(ADD, "eve")

    assert bearing([mine, earlier, theirs, read]) == (mine, theirs, read)


def test_a_refused_write_is_told_only_where_it_is_the_latest() -> None:
    refused, read = call(ADD, status=400), call(READ)

    assert bearing([refused, call(ADD), read])[0] != refused
    assert bearing([refused, read]) == (refused, read)


def test_pages_are_told_with_the_pages_before_and_a_flow_with_its_steps() -> None:
    page = call(("GET", "/vault/consumers"), "", operation_id="consumersAll")
    first = Exchange(
        "consumersAll", Request("GET", "/vault/consumers", (("limit", "2"),)), page.answer
    )
    step = call(("GET", "/vault/authorize/close/app"), "", operation_id="connectionsAuthorize")
    read = call(READ)

    assert bearing([page, page, page])[-2:] == (page, page)
    assert bearing([first, page]) == (page,)
    assert bearing([call(ADD), step, read]) == (call(ADD), step, read)


def test_a_consumer_is_known_by_path_by_header_and_by_body() -> None:
    headers = (("x-apideck-app-id", "app"),)
    made = Request("POST", "/vault/consumers", (), headers, b'{"consumer_id": "ada"}')
    answer = Answer(200, {}, b"", 0.0)
    creation = Exchange("consumersAdd", made, answer)
    broken = Exchange(
        "consumersAdd", Request("POST", "/vault/consumers", (), headers, b"{"), answer
    )
    later = call(("DELETE", "/vault/consumers/bob"), "")
    read = call(("GET", "/vault/consumers/ada"), "")

    assert bearing([creation, broken, later, read]) == (creation, later, read)


def test_no_more_than_eight_calls_are_told_and_none_of_none() -> None:
    assert bearing([]) == ()
    assert len(bearing([*[call(ADD)] * 20, call(READ)])) == MOST
