"""What a command refuses to begin with, and what it says of it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from conformance.asking import address
from conformance.differences import Side, compare
from conformance.laws import LAWS
from conformance.profiles import PROFILES, considerate
from conformance.target import WsgiTransport
from conformance.waivers import WaiversUnreadable, read, read_baseline
from tests.broken.mutants import APPLICATIONS
from tests.broken.vault import Clock, Reply, Vault, serve
from tests.conformance.test_commands import BOTH, KEYS, conformance


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def answering(status: int, kind: str, body: bytes, **headers: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        answer: ClassVar = (status, kind, body, headers)

        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"content-type": kind, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:99999", "http://127.0.0.1:0", "http://[::1", "http://x:y", "http://"),
        *("http://me:secret@x", "http://x/?a=b", "http://x/#a", "http://x/?", "http://x/a b", "x"),
    ],
)
def test_what_is_no_address_is_told_as_such(url: str) -> None:
    done = conformance("run", url, *KEYS)

    assert done.exit_code == 2
    assert "address" in done.output
    assert "secret" not in done.output.replace(url, "")


def test_an_address_may_have_a_path_and_a_slash_at_its_end() -> None:
    assert address("https://[::1]:8443/base/") == "https://[::1]:8443/base"


@pytest.mark.parametrize("text", ["", "\n", "one\ntwo\n"])
def test_a_file_without_one_key_is_told_as_such(text: str) -> None:
    Path("key").write_text(text, encoding="utf-8")

    done = conformance("run", "http://127.0.0.1:9", "--app-id", "a", "--api-key-file", "key")

    assert done.exit_code == 2
    assert "key" in done.output


@pytest.mark.parametrize(
    ("status", "kind", "body", "headers", "told"),
    [
        (200, "text/html", b"<html>Welcome", {}, "answered 200 with text/html"),
        (200, "application/json", b'"hello"', {}, "no JSON object"),
        (404, "text/html", b"<html>", {}, "answered 404 with text/html"),
        (404, "application/json", b'{"detail": "Not Found"}', {}, "is a path missing"),
        (503, "text/html", b"<html>", {}, "answered 503"),
        (302, "text/html", b"", {"location": "https://x/login"}, "redirects to https://x/login"),
    ],
)
def test_who_is_no_vault_is_not_judged(
    status: int, kind: str, body: bytes, headers: dict[str, str], told: str
) -> None:
    with answering(status, kind, body, **headers) as url:
        done = conformance("run", url, *KEYS, "--profile", "smoke")

    assert done.exit_code == 3
    assert "is no Vault" in done.output
    assert told in done.output


def test_one_broken_operation_makes_no_other_thing_of_a_vault() -> None:
    class WithoutList(Vault):
        def answer(self, request: Any) -> Any:
            reply = super().answer(request)
            return reply if request.path != "/vault/consumers" else Reply(503, "down")

    with serve(WithoutList()) as url:
        done = conformance("run", url, *KEYS, "--profile", "smoke", "--only", "VLT-PAG-01")

    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("waivers = 3", "[[waivers]]"),
        ("[[waiver]]", "'waiver' is not known"),
        ('[[waivers]]\nlaw = "VLT-X-01"', "VLT-X-01 lacks reason, owner, until"),
        ('[[waivers]]\nlaw = "A"\nreason = ""\nowner = ""\nuntil = "soon"', "like 2027-03-31"),
        ('[[waivers]]\nlaw = "A"\nreason = ""\nowner = ""\nuntil = ""\nwho = ""', "'who'"),
        ("no toml", "w.toml"),
    ],
)
def test_what_is_wrong_with_waivers_is_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(WaiversUnreadable) as caught:
        read(path)

    assert told in str(caught.value)


def test_the_end_of_a_waiver_may_be_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(
        '[[waivers]]\nlaw = "A"\nreason = ""\nowner = ""\nuntil = 2999-01-01T10:00:00Z',
        encoding="utf-8",
    )

    (waiver,) = read(path).rows

    assert waiver.until.isoformat() == "2999-01-01"


def test_known_failures_may_have_blanks_in_them(tmp_path: Path) -> None:
    path = tmp_path / "baseline.txt"
    path.write_text("VLT-PAG-02:limit 1\n\nVLT-CNX-05\n", encoding="utf-8")

    assert read_baseline(path) == {"VLT-PAG-02:limit 1", "VLT-CNX-05"}
    with pytest.raises(WaiversUnreadable):
        read_baseline(tmp_path / "missing")


@pytest.mark.parametrize("arguments", [["--new-only"], ["--baseline", "baseline.txt"]])
def test_a_baseline_and_new_only_belong_together(arguments: list[str]) -> None:
    done = conformance("run", "http://127.0.0.1:9", *KEYS, *arguments)

    assert done.exit_code == 2
    assert "belong together" in done.output


def test_the_baseline_of_a_gated_run_still_knows_what_was_known() -> None:
    only = ["--profile", "smoke", "--only", "VLT-CNX-05", "--only", "VLT-AUT-01", "--quiet"]
    with serve(Vault("update_lost", "no_key")) as url:
        conformance("run", url, *BOTH, *only, "--report-dir", "out")
        Path("known.txt").write_text("VLT-CNX-05\n", encoding="utf-8")
        whole = Path("out/baseline.txt").read_text(encoding="utf-8")
        gated = [*only, "--report-dir", "out", "--baseline", "known.txt", "--new-only"]
        done = conformance("run", url, *BOTH, *gated)

    assert done.exit_code == 1
    assert Path("out/baseline.txt").read_text(encoding="utf-8") == whole


def test_an_id_that_is_mistyped_is_answered_with_those_that_it_may_be() -> None:
    done = conformance("explain", "VLT-PGA-07")

    assert done.exit_code == 2
    assert "did you mean VLT-PAG-07" in done.output


def test_the_beginning_of_an_id_is_answered_with_all_that_begin_so() -> None:
    done = conformance("explain", "vlt-env")

    assert done.exit_code == 0
    assert done.output.startswith("VLT-ENV-01  ")


def test_the_help_tells_how_many_laws_strict_is_for() -> None:
    listed = json.loads(conformance("list", "--json").output)
    laws = [row["level"] for row in listed if row["id"] in LAWS]

    text = " ".join(conformance("run", "--help").output.split())

    assert f"(SHOULD: {laws.count('SHOULD')} of {len(laws)} laws)" in text


def test_a_law_that_should_be_kept_warns_and_fails_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(LAWS, "VLT-CNX-05", replace(LAWS["VLT-CNX-05"], must=False))
    only = ["--profile", "smoke", "--only", "VLT-CNX-05"]
    with serve(Vault("update_lost")) as url:
        lax = conformance("run", url, *BOTH, *only)
        strict = conformance("run", url, *BOTH, *only, "--strict")

    assert (lax.exit_code, "WARN VLT-CNX-05" in lax.output) == (0, True), lax.output
    assert (strict.exit_code, "FAIL VLT-CNX-05" in strict.output) == (1, True), strict.output


def test_what_other_phases_promise_is_explained_too() -> None:
    for name in ("VLT-GEN-01", "VLT-HIS-01:state", "VLT-ROB-01"):
        assert "source" in conformance("explain", name).output


def test_laws_of_webhooks_alone_are_judged_in_their_phase() -> None:
    with serve(Vault()) as url:
        done = conformance("run", url, *BOTH, "--only", "vlt-hok-01", "--quiet")

    assert "✓ webhooks" in done.output


@pytest.mark.parametrize(
    "command", [["replay", "failure.json"], ["diff", "http://127.0.0.1:9"]], ids=lambda c: c[0]
)
def test_beyond_this_machine_nothing_is_written_without_leave(command: list[str]) -> None:
    recording = {
        "law": "VLT-CNX-05",
        "key": "VLT-CNX-05",
        "promise": "",
        "base_url": "",
        "how": {},
        "exchanges": [],
    }
    Path("failure.json").write_text(json.dumps(recording), encoding="utf-8")

    done = conformance(*command, "https://staging.invalid", *KEYS)
    allowed = conformance(*command, "https://staging.invalid", *KEYS, "--allow-writes")

    assert (done.exit_code, "--allow-writes" in done.output) == (2, True)
    assert (allowed.exit_code, "nobody answers" in allowed.output) == (3, True)


def test_beyond_this_machine_every_profile_is_as_slow_and_guarded_as_live() -> None:
    far = considerate(PROFILES["quick"], "https://staging.example")

    assert (far.name, far.rate) == ("live", PROFILES["live"].rate)
    assert considerate(PROFILES["quick"], "http://127.0.0.1:1") is PROFILES["quick"]


def test_leftovers_of_a_deployment_that_lets_nobody_in_are_not_told_as_gone() -> None:
    row = {"application_id": "mock-app", "consumer_id": "conf-x-a"}
    Path("ledger.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with serve(Vault()) as url:
        refused = conformance(
            "cleanup", "ledger.jsonl", url, "--app-id", "mock-app", "--api-key", "x" * 9
        )
        done = conformance("cleanup", "ledger.jsonl", url, *KEYS)

    assert (refused.exit_code, "refused" in refused.output) == (3, True)
    assert conformance("cleanup", "ledger.jsonl", "http://127.0.0.1:9", *KEYS).exit_code == 3
    assert not list(Path().rglob("ledger-*"))
    assert (done.exit_code, done.output.strip()) == (0, "created 1, deleted 0, absent 1, residue 0")


def test_a_contract_of_another_service_is_none_of_a_vault() -> None:
    Path("spec.yml").write_text("info: {version: '1'}\npaths: {}\n", encoding="utf-8")

    done = conformance("run", "http://127.0.0.1:9", *KEYS, "--spec", "spec.yml")

    assert done.exit_code == 2
    assert "no contract of a Vault" in done.output


def side(*bugs: str, variants: tuple[str, ...] = ()) -> Side:
    vault = Vault(*bugs, variants=variants, clock=Clock(real=False))
    return Side("http://in-process", APPLICATIONS, WsgiTransport(vault))


def test_deployments_of_other_connectors_and_people_are_compared_by_what_both_have() -> None:
    other = side()
    assert isinstance(other.transport, WsgiTransport)
    vault = Vault(variants=["other_fields"], clock=Clock(real=False))
    vault.world["mock-app"].clear()

    rows = compare(side(), Side("http://in-process", APPLICATIONS, WsgiTransport(vault)), 1)

    assert [row for row in rows if "form_fields" not in row and "settings" not in row] == []


def test_a_history_that_goes_on_otherwise_is_a_difference() -> None:
    class Empty(Vault):
        def answer(self, request: Any) -> Any:
            found = super().answer(request)
            return Reply(404) if request.method == "PATCH" else found

    vault = Empty(clock=Clock(real=False))
    rows = compare(side(), Side("http://in-process", APPLICATIONS, WsgiTransport(vault)), 1)

    assert [row for row in rows if "calls |" in row or "goes on by" in row]
