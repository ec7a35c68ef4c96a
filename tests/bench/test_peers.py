"""Peers get the mock's own answers, and one that cannot be had is named."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from tests.asgi import Client
from tests.bench import roster
from tests.bench.calls import ANSWERED, BY_LETTER, CALLS, NotAlike, sizes
from tests.bench.servers import Absent, DoesNotStart, Server, running
from tests.bench.testers import finished


def given_by(client: Client) -> dict[str, Any]:
    found = {}
    for call in ANSWERED:
        answer = client(call.method, call.path, content=call.body or None)
        assert answer.status == 200
        found[call.operation_id] = answer.json()
    return found


def test_the_calls_are_what_the_contract_and_the_mock_take_them_for(client: Client) -> None:
    document = yaml.load(roster.SPEC.read_bytes(), yaml.CSafeLoader)

    for call in CALLS:
        operation = document["paths"][call.template][call.method.lower()]
        assert operation["operationId"] == call.operation_id
        answer = client(call.method, call.path, content=call.body or None)
        assert answer.status == call.status, call.name
    refused = client("PATCH", BY_LETTER["e"].path, content=BY_LETTER["e"].body)
    assert len(refused.violations) == 2
    assert len(client("GET", BY_LETTER["f"].path).data) >= 60


def test_peers_are_given_the_answers_of_the_mock(client: Client, tmp_path: Path) -> None:
    given = given_by(client)

    made = roster.material(given, tmp_path)

    assert json.loads(made.answers.read_text()) == given
    document = yaml.load(made.spec.read_bytes(), yaml.CSafeLoader)
    routes = json.loads(made.mockoon.read_text())["routes"]
    for call, route in zip(ANSWERED, routes, strict=True):
        answer = document["paths"][call.template][call.method.lower()]["responses"]["200"]
        assert answer["content"]["application/json"]["example"] == given[call.operation_id]
        assert json.loads(route["responses"][0]["body"]) == given[call.operation_id]


class _Liar(http.server.BaseHTTPRequestHandler):
    said: ClassVar[dict[str, Any]] = {"data": "something else"}

    def do_GET(self) -> None:
        content = json.dumps(self.said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def port_of_a_liar() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Liar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_peer_that_answers_something_else_is_not_measured(port_of_a_liar: int) -> None:
    skips = frozenset("bcdefg")

    with pytest.raises(NotAlike, match="read a connection"):
        sizes(port_of_a_liar, skips, {"connectionsOne": {"data": 1}})

    assert sizes(port_of_a_liar, skips, {"connectionsOne": _Liar.said}) == {"a": 26}


def test_a_peer_that_cannot_be_had_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: roster.Material) -> Server:
        raise roster.CannotBeHad("no network")

    monkeypatch.setattr(roster, "MAKERS", {"Somebody": refuse})
    made = roster.Material(tmp_path, tmp_path, tmp_path, tmp_path)

    assert list(roster.others(made)) == [Absent("Somebody", "no network")]


def test_a_server_that_ends_at_once_is_not_waited_for() -> None:
    server = Server("Nobody", "", ("false",), "")

    with pytest.raises(DoesNotStart, match="Nobody ends with 1"), running(server, {}):
        pass


def test_the_rate_of_its_own_strategies_is_that_of_its_own_phases() -> None:
    events = [
        {"event": "PhaseStarted", "phase": "laws"},
        {"event": "Progress", "requests": 100},
        {"event": "PhaseFinished", "phase": "laws", "seconds": 2.0},
        {"event": "PhaseStarted", "phase": "coverage"},
        {"event": "Progress", "requests": 110},
        {"event": "PhaseFinished", "phase": "coverage", "seconds": 50.0},
        {"event": "PhaseStarted", "phase": "stateful"},
        {"event": "Progress", "requests": 310},
        {"event": "PhaseFinished", "phase": "stateful", "seconds": 1.0},
        {"event": "RunFinished", "requests": 320, "seconds": 54.0},
    ]

    text = "\n".join(map(json.dumps, events))

    assert finished(text) == {"cases": 320, "seconds": 54.0, "own_rate": 100}
    with pytest.raises(ValueError, match="did not finish"):
        finished(text.rpartition("\n")[0])
