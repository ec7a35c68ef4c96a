"""Deployments that keep a tester waiting: in the head, in the body, or on one operation alone."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance import cleaning
from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.failures import Answer, Request
from conformance.phases.robustness import LATE, _send
from conformance.profiles import PROFILES
from conformance.target import HttpTransport, Overdue, WsgiTransport
from tests.broken.mutants import APPLICATIONS
from tests.broken.vault import Clock, Vault, serve
from tests.conformance.test_commands import KEYS, conformance

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n"
LIST = Request("GET", "/vault/consumers")


@contextmanager
def dripping(at_once: bytes, drop: bytes) -> Iterator[str]:
    """Serve answers that begin at once and go on by a drop each twentieth of a second."""
    ended = threading.Event()

    def drip(stream: socket.socket) -> None:
        with stream, suppress(OSError):
            stream.recv(65536)
            stream.sendall(at_once)
            while not ended.wait(0.05):
                stream.sendall(drop)

    def serve_all(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                stream, _ = listener.accept()
                threading.Thread(target=drip, args=(stream,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve_all, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)


SHAPES = {
    "a body": (HEAD, b"x"),
    "a head": (b"HTTP/1.1 200 OK\r\n", b"x-drop: 1\r\n"),
    "a line": (b"HTTP/1.1 200 ", b"O"),
    "no more than promises": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_that_drips_is_cut_off_when_its_time_is_over(shape: str) -> None:
    with dripping(*SHAPES[shape]) as url:
        begun = time.monotonic()
        with pytest.raises(Overdue, match=r"no whole answer within 0\.4 s"):
            HttpTransport(url, timeout=0.4).exchange(LIST)

    assert 0.3 < time.monotonic() - begun < 3


def test_each_exchange_of_a_connection_has_a_time_of_its_own() -> None:
    class Slow(Vault):
        def answer(self, request: Any) -> Any:
            time.sleep(0.2)
            return super().answer(request)

    with serve(Slow()) as url:
        transport = HttpTransport(url, timeout=0.5)
        statuses = [transport.exchange(LIST).status for _ in range(4)]
        transport.close()

    assert statuses == [401] * 4


def test_broken_http_is_not_waited_for_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.phases.robustness._SECONDS", 0.4)
    with dripping(b"HTTP/1.1", b" ") as url:
        assert _send(url, b"VAULT please\r\n\r\n")[0] == -1


def test_a_host_that_drips_from_the_first_call_ends_a_run_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("conformance.cli.HttpTransport", partial(HttpTransport, timeout=0.4))
    with dripping(HEAD, b"x") as url:
        done = conformance("run", url, *KEYS, "--report-dir", "out")

    last = Path("out/events.ndjson").read_text(encoding="utf-8").splitlines()[-1]
    assert done.exit_code == 3
    assert (json.loads(last)["outcome"], json.loads(last)["causes"]) == ("not judged", [])
    assert "no whole answer within 0.4 s" in done.output


class Dripping(WsgiTransport):
    """A deployment that keeps everybody waiting who asks for one thing."""

    waited = 0

    def __init__(self, vault: Vault, method: str, path: str) -> None:
        super().__init__(vault)
        self._held = method, path

    def exchange(self, request: Request) -> Answer:
        if request.method == self._held[0] and request.path.startswith(self._held[1]):
            self.waited += 1
            raise Overdue("no whole answer within 30 s")
        return super().exchange(request)


def run(method: str, path: str, *only: str) -> tuple[Any, Dripping]:
    vault = Vault(clock=Clock(real=False))
    transport = Dripping(vault, method, path)
    plan = Plan(
        load(),
        transport,
        "http://in-process",
        APPLICATIONS,
        PROFILES["smoke"],
        1,
        "drip01",
        only=only,
        clock=vault.clock,
    )
    return Run(plan).execute(), transport


def test_an_operation_that_drips_is_one_failure_of_limits() -> None:
    ended, _ = run("GET", "/vault/logs", "VLT-LOG", "VLT-CSM-01")

    (cause,) = ended.causes
    assert (cause.failure.law, cause.failure.area) == (LATE, "limits")
    assert cause.operations == ("logsAll",)
    assert cause.follows
    assert ended.outcome == "fails"


@pytest.mark.parametrize("path", ["/vault/connections", "/vault/authorize", "/_mock"])
def test_what_drips_while_a_run_looks_around_ends_no_run(path: str) -> None:
    ended, transport = run("GET", path, "VLT-CSM-0", "VLT-CNX-02")

    assert ended.outcome in {"conforms", "fails"}
    assert (LATE in {c.failure.law for c in ended.causes}) == (path != "/_mock")
    assert transport.waited > 0


def test_deletions_that_drip_hold_no_cleaning_up() -> None:
    ended, transport = run("DELETE", "/vault/consumers", "VLT-CNX-0")

    assert transport.waited <= cleaning.MOST_OVERDUE + 2
    assert ended.residue["residue"] > cleaning.MOST_OVERDUE
