"""Schemathesis behind its one door: all through the guard, repeatable, no false alarm."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from conformance.contract import Operation, load
from conformance.failures import Answer, Request
from conformance.generic import Generic, Sent
from conformance.phases import PHASES
from conformance.profiles import PROFILES
from conformance.reading import read
from conformance.replaying import Recording, replay_recording
from conformance.target import HttpTransport, WsgiTransport
from tests.broken import mutants
from tests.broken.mutants import APPLICATIONS, judged
from tests.broken.vault import Clock, Vault, serve

ROOT = Path(__file__).parents[2]
PHASES_OF_SCHEMATHESIS = ("examples", "coverage", "fuzzing", "links")
VALUES = {
    "unified_api": "crm",
    "service_id": "close",
    "resource": "leads",
    "consumer_id": "conf-x-a",
    "x-apideck-consumer-id": "conf-x-a",
    "application_id": "mock-app",
    "x-apideck-app-id": "mock-app",
    "target_field_id": "crm+leads+one",
    "authorization": "Bearer the-key",
}
Door = Callable[[Generic, Operation], list[Sent]]
DOORS: dict[str, Door] = {
    "examples": lambda generic, operation: list(generic.examples(operation, VALUES)),
    "coverage": lambda generic, operation: list(generic.coverage(operation, VALUES, 25, Random(1))),
    "fuzzing": lambda generic, operation: list(generic.fuzzing(operation, VALUES, 6)),
}


def recorded(door: Door, name: str, seed: int = 1) -> list[Request]:
    """Return what a door sends to a deployment that takes everything."""
    seen: list[Request] = []

    def send(_: Operation | None, request: Request) -> Answer:
        seen.append(request)
        body = b'{"status_code": 200, "status": "OK", "data": []}'
        return Answer(200, {"content-type": "application/json"}, body, 0.0)

    door(Generic(load(), seed, send), load().operations[name])
    return seen


@pytest.mark.parametrize("kind", DOORS)
@pytest.mark.parametrize("name", ["consumersUpdate", "logsAll"])
def test_the_same_seed_sends_the_same_requests(kind: str, name: str) -> None:
    first, second = (recorded(DOORS[kind], name) for _ in range(2))

    assert first
    assert first == second


@pytest.mark.parametrize("name", list(load().operations))
def test_every_request_is_for_the_consumer_and_application_of_the_run(name: str) -> None:
    operation = load().operations[name]

    for request in recorded(DOORS["coverage"], name) + recorded(DOORS["examples"], name):
        assert request.header("x-apideck-consumer-id") in {None, "conf-x-a"}
        assert request.header("x-apideck-app-id") in {None, "mock-app"}
        assert request.header("authorization") in {None, "Bearer the-key"}
        if "{consumer_id}" in operation.path:
            assert request.path.split("/")[3] == "conf-x-a"


def test_coverage_keeps_and_breaks_the_contract_of_every_operation_with_a_body() -> None:
    for operation in load().operations.values():
        if operation.body is None or operation.operation_id == "connectionsToken":
            continue
        sent = recorded(DOORS["coverage"], operation.operation_id)
        readings = [read(load(), operation, request) for request in sent]

        assert any(reading.problems for reading in readings), operation.operation_id
        assert any(reading.is_right for reading in readings), operation.operation_id


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (201, b'{"status_code": 201, "status": "OK", "data": []}', "UndefinedStatusCode"),
        (500, b"{}", "ServerError"),
        (200, b'{"status_code": 200}', "JsonSchemaError"),
    ],
)
def test_its_checks_see_what_a_default_answer_of_the_contract_would_hide(
    status: int, body: bytes, found: str
) -> None:
    answer = Answer(status, {"content-type": "application/json"}, body, 0.0)
    generic = Generic(load(), 1, lambda *_: answer)

    (sent,) = generic.examples(load().operations["consumersAll"], VALUES)

    assert found in {name for name, _ in sent.found}


def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the phases of Schemathesis short."""
    short = replace(PROFILES["thorough"], generic=12, generated=2, linked=3, history_length=6)
    monkeypatch.setitem(PROFILES, "thorough", short)
    monkeypatch.setitem(mutants.PROFILES, "thorough", short)


@pytest.mark.slow
def test_it_finds_no_fault_with_a_correct_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch)

    run, ended = judged(profile="thorough", phases=PHASES_OF_SCHEMATHESIS)

    assert [c.failure for c in ended.causes] == []
    by_phase = Counter(c.phase for c in run.cases if c.outcome == "passed")
    assert by_phase["examples"] == by_phase["fuzzing"] == 27
    assert by_phase["links"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["unprocessable", "conflict"])
def test_it_finds_no_fault_with_a_legal_variant(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch)

    _, ended = judged(variants=[variant], profile="thorough", phases=("examples", "coverage"))

    assert [c.failure for c in ended.causes] == []


def test_it_finds_no_fault_with_an_empty_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    few(monkeypatch)

    run, ended = judged(variants=["empty_catalogue"], profile="thorough", phases=("examples",))

    assert ended.outcome == "conforms"
    assert Counter(c.reason for c in run.cases)["the catalogue is empty"] > 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "phase"),
    [
        ("body_types", "coverage"),
        ("refuses_null", "coverage"),
        ("created_201", "examples"),
        ("unknown_500", "fuzzing"),
        ("created_201", "links"),
    ],
)
def test_each_phase_finds_a_bug_alone_and_its_recording_finds_it_again(
    bug: str, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch)
    _, ended = judged(bug, profile="thorough", phases=(phase,))
    assert ended.causes, bug
    recording = Recording.of(ended.causes[0].failure, "http://in-process")

    def again(*bugs: str) -> str:
        vault = Vault(*bugs, clock=Clock(real=False))
        transport = WsgiTransport(vault)
        address = "http://in-process"
        return replay_recording(recording, address, APPLICATIONS, transport, 2, vault.clock).word

    assert (again(bug), again()) == ("STILL", "FIXED")


def test_live_without_leave_to_write_sends_nothing_of_its_making() -> None:
    assert not {"examples", "fuzzing", "links"} & set(PROFILES["live"].phases)
    for name in ("examples", "fuzzing", "links"):
        assert name in PHASES


def test_only_one_module_imports_schemathesis() -> None:
    named = [
        path.name
        for path in (ROOT / "conformance").rglob("*.py")
        if "import schemathesis" in (text := path.read_text(encoding="utf-8"))
        or "from schemathesis" in text
    ]

    assert named == ["generic.py"]


def test_its_requests_take_our_way_to_a_served_deployment() -> None:
    vault = Vault()
    with serve(vault) as url:
        run, ended = judged_over_http(url)

    assert ended == "conforms"
    assert run


def judged_over_http(url: str) -> tuple[list[str], str]:
    from conformance.engine import Plan, Run

    plan = Plan(
        load(),
        HttpTransport(url),
        url,
        APPLICATIONS,
        PROFILES["quick"],
        1,
        "generic",
        phases=("examples",),
        units=frozenset({"examples consumersAdd", "examples logsAll"}),
    )
    run = Run(plan)
    ended = run.execute()
    return [c.id for c in run.cases], ended.outcome
