"""What a killed run leaves on a served deployment, and how cleanup and replay go on from there."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.target import Ledger
from tests.broken.vault import Vault, serve

ROOT = Path(__file__).parents[2]
KEYS = ["--app-id", "mock-app", "--api-key", "mock-api-key"]
BOTH = [*KEYS, "--other-app-id", "other-app", "--other-api-key", "other-api-key"]


def conformance(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"VAULT_API_KEY": "", "VAULT_APP_ID": ""})


def of_others(vault: Vault) -> object:
    return copy.deepcopy(
        {
            app: {n: c for n, c in world.items() if not n.startswith("conf-")}
            for app, world in vault.world.items()
        }
    )


def ours(vault: Vault) -> list[str]:
    return [n for world in vault.world.values() for n in world if n.startswith("conf-")]


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def url(vault: Vault) -> Iterator[str]:
    with serve(vault) as address:
        yield address


@pytest.fixture
def killed(vault: Vault, url: str, tmp_path: Path) -> Path:
    """Return the ledger of a live run that was killed half-way."""
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "conformance", "run", url, *BOTH, "--profile", "live"),
            *("--allow-writes", "--rate", "400", "--report-dir", str(tmp_path), "--run-id", "k1"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    while len(ours(vault)) < 12 and run.poll() is None:
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait(60)
    return tmp_path / "ledger-k1.jsonl"


def test_what_a_killed_live_run_left_is_removed_and_nothing_else_is_touched(
    killed: Path, vault: Vault, url: str
) -> None:
    before, left = of_others(vault), ours(vault)
    known = {consumer for _, consumer in Ledger.read(killed)}

    done = conformance("cleanup", str(killed), url, *BOTH)
    again = conformance("cleanup", str(killed), url, *BOTH)

    assert len(left) >= 12
    assert set(left) <= known, "each consumer is in the ledger before it is made"
    assert (done.exit_code, again.exit_code) == (0, 0), done.output + again.output
    assert f"deleted {len(left)}" in done.output
    assert "deleted 0" in again.output
    assert "residue 0" in done.output
    assert "residue 0" in again.output
    assert ours(vault) == []
    assert of_others(vault) == before


def test_what_is_no_consumer_of_a_run_is_never_deleted(
    vault: Vault, url: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    rows = [{"application_id": "mock-app", "consumer_id": n} for n in ("somebody", "conf-x-gone")]
    ledger.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    before = of_others(vault)

    done = conformance("cleanup", str(ledger), url, *KEYS)

    assert "created 1, deleted 0, absent 1, residue 0" in done.output
    assert of_others(vault) == before


def test_what_reads_still_show_a_while_is_not_told_as_left(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    row = {"application_id": "mock-app", "consumer_id": "conf-x-late"}
    ledger.write_text(json.dumps(row) + "\n", encoding="utf-8")
    vault = Vault(variants=["lagging"])
    with serve(vault) as url:
        headers = {"authorization": "Bearer mock-api-key", "x-apideck-app-id": "mock-app"}
        body = json.dumps({"consumer_id": "conf-x-late"}).encode()
        headers["content-type"] = "application/json"
        asked = urllib.request.Request(f"{url}/vault/consumers", body, headers)  # noqa: S310
        urllib.request.urlopen(asked).close()  # noqa: S310
        time.sleep(2.2)  # until reads show it

        done = conformance("cleanup", str(ledger), url, *KEYS)

    assert "created 1, deleted 1, absent 0, residue 0" in done.output
    assert done.exit_code == 0


def test_consumers_of_an_application_without_a_key_are_told_as_left(
    url: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    row = {"application_id": "other-app", "consumer_id": "conf-x-a"}
    ledger.write_text(json.dumps(row) + "\n", encoding="utf-8")

    done = conformance("cleanup", str(ledger), url, *KEYS)

    assert done.exit_code == 1
    assert "residue 1" in done.output
    assert "for want of a key: the consumers of other-app" in done.output


def test_a_refused_key_is_told_before_anything_is_deleted(url: str, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    row = {"application_id": "mock-app", "consumer_id": "conf-x-a"}
    ledger.write_text(json.dumps(row) + "\n", encoding="utf-8")

    done = conformance("cleanup", str(ledger), url, "--app-id", "mock-app", "--api-key", "wrong")

    assert done.exit_code == 3
    assert "credentials of 'mock-app' are refused" in done.output


@pytest.mark.parametrize(
    "text",
    ["no ledger at all\n", '{"application_id": "mock-app", "cons\n{"other": 1}\n', "[1, 2]\n"],
)
def test_a_damaged_ledger_is_told_with_its_line_and_nothing_is_sent(
    text: str, vault: Vault, url: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text(text, encoding="utf-8")

    done = conformance("cleanup", str(ledger), url, *KEYS)

    assert done.exit_code == 2
    assert "line 1 is none of a ledger" in done.stderr
    assert vault.requests == 0


REPLAYED = {
    "a law": ("update_lost", "smoke", ["--only", "VLT-CNX-05"], "VLT-CNX-05"),
    "a check": ("status_missing", "smoke", ["--only", "VLT-CSM-01"], "VLT-ENV-03"),
    "a history": ("delete_noop", "quick", ["--phase", "stateful"], "VLT-HIS-01"),
    "bodies": ("body_nested", "quick", ["--phase", "coverage"], "VLT-GEN-01"),
    "webhooks": ("hook_signature", "quick", ["--phase", "webhooks"], "VLT-HOK-03"),
    "robustness": ("chunk_500", "quick", ["--phase", "robustness"], "VLT-ROB-01"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", REPLAYED)
def test_each_kind_of_recording_is_still_there_on_a_dirty_deployment_until_it_is_fixed(
    kind: str, tmp_path: Path
) -> None:
    bug, profile, more, law = REPLAYED[kind]
    with serve(Vault(bug)) as bad:
        conformance(
            *("run", bad, *BOTH, "--profile", profile, *more, "--seed", "1"),
            *("--report-dir", str(tmp_path), "--quiet"),
        )
        (file, *_) = sorted((tmp_path / "failures").glob(f"{law}*.json"))
        still = conformance("replay", str(file), bad, *BOTH, "--times", "2")
    with serve(Vault()) as good:
        fixed = conformance("replay", str(file), good, *BOTH, "--times", "1")

    assert (still.exit_code, "STILL (2 of 2)" in still.output) == (1, True), still.output
    assert (fixed.exit_code, "FIXED (0 of 1)" in fixed.output) == (0, True), fixed.output


@pytest.mark.parametrize("text", ["", "{}", '{"law": "VLT-CNX-05"}', "[]"])
def test_what_is_no_recording_is_told_as_such(text: str, url: str, tmp_path: Path) -> None:
    file = tmp_path / "failure.json"
    file.write_text(text, encoding="utf-8")

    done = conformance("replay", str(file), url, *KEYS)

    assert done.exit_code == 2
    assert "is no recording of a failure" in done.stderr
