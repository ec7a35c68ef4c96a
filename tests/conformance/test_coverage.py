"""What of the contract a run exercised, and the second judge that hears every answer of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.contract import load
from conformance.coverage import Book, keywords
from conformance.failures import Answer, Exchange, Request
from conformance.second_judge import SecondJudge
from tests.broken.mutants import judged

HEADERS = (
    ("authorization", "Bearer k"),
    ("x-apideck-app-id", "a"),
    ("x-apideck-consumer-id", "c"),
    ("content-type", "application/json"),
)


def exchange(operation_id: str, *, data: Any = None, body: Any = None, **query: str) -> Exchange:
    operation = load().operations[operation_id]
    raw = None if body is None else json.dumps(body).encode()
    request = Request(operation.method, operation.path, tuple(query.items()), HEADERS, raw)
    said = json.dumps({"status_code": 200, "status": "OK", "data": data}).encode()
    return Exchange(
        operation_id, request, Answer(200, {"content-type": "application/json"}, said, 0.0)
    )


def note(book: Book, operation_id: str, **more: Any) -> dict[str, list[int]]:
    book.note(load().operations[operation_id], exchange(operation_id, **more))
    return {place: pair for place, pair in book.declared[operation_id].items() if any(pair)}


def test_a_keyword_is_sent_kept_or_sent_broken_where_the_request_has_it() -> None:
    book = Book(load())

    note(book, "connectionsUpdate", body={"enabled": True})
    counts = note(book, "connectionsUpdate", body={"enabled": "yes"})

    assert counts["body properties/enabled/type"] == [1, 1]
    assert counts["body type"] == [2, 0]
    assert "body properties/settings/type" not in counts


def test_a_parameter_is_sent_kept_or_sent_broken_or_never() -> None:
    book = Book(load())

    counts = note(book, "consumersAll", limit="500")

    assert counts["query limit maximum"] == [0, 1]
    assert counts["query limit minimum"] == [1, 0]
    assert counts["header x-apideck-app-id required"] == [1, 0]
    assert book.declared["consumersAll"]["query cursor type"] == [0, 0]


def test_figures_tell_what_was_never_exercised() -> None:
    book, second = Book(load()), SecondJudge(load())
    note(book, "consumersAll", limit="5")
    second.problem(exchange("consumersAll", data=[{"consumer_id": "x"}]))

    figures = keywords(book, second, load())
    row = figures["by_operation"]["consumersAll"]

    assert "query cursor type" in row["never"]
    assert "query limit minimum" in row["never_broken"]
    assert 0 < row["answers_seen"] < row["answers_declared"]
    assert "properties/links/properties/next/type" in row["answers_never"]["200"]
    assert figures["keywords_kept"] == row["kept"]


def test_a_run_tells_its_coverage_and_goes_through_every_operation_with_laws_alone() -> None:
    _, ended = judged(profile="smoke")

    cover = ended.coverage
    assert len(cover["operations"]) == 27
    assert cover["keywords_kept"] > 250
    assert cover["keywords_broken"] > 140
    assert cover["answers_judged_twice"] > 1000 > cover["shapes_of_answers"]


ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "consumer_id": st.sampled_from(["a", "b", "c", 7, None]),
            "created": st.sampled_from(["2020-01-01T00:00:00.000Z", "no date", 3, None]),
            "aggregated_request_count": st.sampled_from([1, 2.5, "1"]),
            "services": st.lists(st.sampled_from(["crm", "ats", 1]), max_size=2),
            "unknown": st.booleans(),
        },
    ),
    max_size=4,
)


@given(st.lists(ROWS, min_size=1, max_size=6))
def test_an_answer_of_a_known_shape_is_judged_as_if_it_had_been_shown(lists: list[Any]) -> None:
    remembering, fresh = SHARED, SecondJudge(load())
    fresh.__dict__["_api"] = remembering._api

    for rows in lists:
        answer = exchange("consumersAll", data=rows)
        told = fresh._opinion(object(), answer, answer.answer.body)
        assert bool(remembering.problem(answer)) == bool(told)


SHARED = SecondJudge(load())


@pytest.mark.parametrize("bug", ["time_text", "list_keyed", "enum_broken"])
def test_the_second_judge_hears_every_answer_of_every_phase(bug: str) -> None:
    run, _ = judged(bug, only=("VLT-CNX-02", "VLT-CSM-06", "VLT-CNX-15", "VLT-CNX-11"))

    assert "VLT-GEN-03" in {f.law for f in run.failures}


def test_many_answers_of_one_shape_are_one_question() -> None:
    second = SecondJudge(load())

    for number in range(50):
        second.problem(exchange("consumersAll", data=[{"consumer_id": f"c{number}"}] * number))

    assert second.judged == 50
    assert second.shapes <= 3
