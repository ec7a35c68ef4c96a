"""A cache in front of reads is a broken promise, and told as one; reads that lag are waited for."""
# ruff: noqa: ARG002

from pathlib import Path

import pytest

from conformance.staleness import ASPECT
from conformance.target import Principal
from tests.broken.eighth import Vault
from tests.broken.mutants import judged
from tests.broken.vault import Clock, Reply, Request, serve
from tests.conformance.test_commands import BOTH, KEYS, conformance


@pytest.mark.parametrize(
    ("bug", "law"),
    [
        ("reads_cached", "VLT-CSM-02"),
        ("consumer_cached", "VLT-CSM-02"),
        ("connection_cached", "VLT-CNX-05"),
    ],
)
def test_a_cache_is_one_cause_and_is_not_taken_for_lag(bug: str, law: str) -> None:
    run, ended = judged(bug)

    assert [c.failure.key for c in ended.causes] == [f"{law}:{ASPECT}"]
    assert run.target.lag == 0
    assert run.target.trace_lags == {}
    assert ended.coverage["laws_judged"] > 200


def test_a_list_that_a_run_before_has_read_is_not_taken_for_one_that_lags() -> None:
    vault = Vault("lists_cached", clock=Clock(real=False))
    before, _ = judged(vault=vault, run_id="first1", only=("VLT-CSM-01",))
    somebody = Principal(before.target.applications[0], "test-consumer")
    before.target.call("consumersAll", somebody, query={"limit": 200})

    run, _ = judged(vault=vault, run_id="second", only=("VLT-CSM-01",))

    assert run.target.trace_lags == {}


def test_a_count_that_was_read_before_the_call_is_not_taken_for_one_that_lags() -> None:
    class Counting(Vault):
        """A deployment that counts calls of consumers alone, and keeps what was read."""

        def handle(self, request: Request, rid: str, now: float) -> Reply:
            reply = super().handle(request, rid, now)
            if "consumer_id" in str(reply.body) and request.path.startswith("/vault/consumers/"):
                called = self.notes.get(("called", request.path.rsplit("/", 1)[-1]), 0)
                reply.body["data"]["request_counts"] = {"unify": 0, "proxy": 0, "vault": called}
            if name := request.headers.get("x-apideck-consumer-id"):
                self.notes["called", name] = self.notes.get(("called", name), 0) + 1
            return reply

    class Cached(Counting):
        def handle(self, request: Request, rid: str, now: float) -> Reply:
            if request.method != "GET" or not request.path.startswith("/vault/consumers/"):
                return super().handle(request, rid, now)
            kept = self.notes.get(("kept", request.path))
            if kept is None or now - kept[0] >= 2.0:
                kept = self.notes["kept", request.path] = now, super().handle(request, rid, now)
            return Reply(kept[1].status, kept[1].body, dict(kept[1].headers))

    run, ended = judged(vault=Cached(clock=Clock(real=False)), only=("VLT-CSM-02",))

    assert run.target.trace_lags == {}
    assert [c.failure.key for c in ended.causes] == [f"VLT-CSM-02:{ASPECT}"]


class Replicas(Vault):
    """A deployment of which some answers come from a replica that is behind."""

    def is_behind(self, request: Request) -> bool:
        raise NotImplementedError

    def handle(self, request: Request, rid: str, now: float) -> Reply:
        reply = super().handle(request, rid, now)
        is_one = request.method == "GET" and "/conf-" in request.path and reply.status == 200
        if is_one and self.is_behind(request):
            shown = reply.body["data"].get("metadata") or {}
            if str(shown.get("user_name")).startswith("value"):
                number = int(shown["user_name"].split()[1])
                shown["user_name"] = f"value {number - 1}"
        return reply


class InTurn(Replicas):
    def is_behind(self, request: Request) -> bool:
        self.notes["turn"] = turn = self.notes.get("turn", 0) + 1
        return turn % 2 == 0


class ByConsumer(Replicas):
    def is_behind(self, request: Request) -> bool:
        return request.path[-1] in "02"


class Always(Replicas):
    def is_behind(self, request: Request) -> bool:
        return True


@pytest.mark.parametrize("kind", [InTurn, ByConsumer, Always])
def test_reads_that_are_late_whether_they_were_read_before_or_not_are_no_cache(
    kind: type[Replicas],
) -> None:
    run, _ = judged(vault=kind(clock=Clock(real=False)), only=("VLT-CSM-01",))

    assert ASPECT not in {f.aspect for f in run.failures}


def test_what_a_cache_does_not_explain_is_told_beside_it() -> None:
    _, ended = judged("reads_cached", "no_key")

    keys = {c.failure.law for c in ended.causes}
    assert {"VLT-CSM-02", "VLT-AUT-01"} <= keys


def test_a_cache_is_found_again_alone_and_by_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["--profile", "smoke", "--seed", "3", "--quiet"]
    with serve(Vault("connection_cached")) as bad:
        whole = conformance("run", bad, *BOTH, *asked, "--only", "VLT-AUT-01", "--report-dir", "o")
        line = next(row for row in whole.output.splitlines() if " alone " in row)
        alone = conformance(*line.split()[2:], *KEYS)
        (file,) = Path("o/failures").glob("VLT-CNX-05*.json")
        still = conformance("replay", str(file), bad, *KEYS, "--times", "1")
    with serve(Vault()) as good:
        fixed = conformance("replay", str(file), good, *KEYS, "--times", "1")

    assert "--only VLT-CNX-05" in line
    assert (whole.exit_code, alone.exit_code) == (1, 1), alone.output
    assert ("STILL" in still.output, "FIXED" in fixed.output) == (True, True), still.output
