"""`pytest --conformance-url URL`: found by its entry point, as after an installation."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from conformance.laws import LAWS
from conformance.phases.laws import chosen
from tests.broken.vault import Vault, serve

ROOT = Path(__file__).parents[2]
NAMED = [
    *("--conformance-app-id", "mock-app", "--conformance-api-key", "mock-api-key"),
    *("--conformance-profile", "smoke"),
]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a folder for PYTHONPATH in which the entry points of this package are installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (name, module) = next(
        row for row in project["entry-points"]["pytest11"].items() if row[0] == "conformance"
    )
    folder = tmp_path / "site"
    info = folder / "conformance_entry-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: conformance-entry\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")
    return folder


def run_pytest(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    others = [word for name in ("randomly", "cacheprovider") for word in ("-p", f"no:{name}")]
    others += ["-p", "no:schemathesis", "-p", "no:mockvault.pytest_plugin"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *others, *arguments],
        cwd=installed.parent,
        env={"PYTHONPATH": os.pathsep.join((str(installed), str(ROOT))), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_pytest_session_has_one_test_a_law_and_fails_with_its_promise(installed: Path) -> None:
    with serve(Vault("update_lost")) as url:
        done = run_pytest(
            installed, "--conformance-url", url, *NAMED, "-k", "CNX-02 or CNX-05 or ENV-03"
        )

    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    assert "What an update sets is in its answer and in the next read" in done.stdout
    assert "mock-api-key" not in done.stdout


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "two workers"])
def test_a_session_that_judged_nothing_does_not_pass(installed: Path, workers: list[str]) -> None:
    with serve(Vault(variants=["empty_catalogue"])) as url:
        named = ["--conformance-url", url, *NAMED, *workers]
        nothing = run_pytest(installed, *named, "-k", "CNX-05 or CNX-06")
        something = run_pytest(installed, *named, "-k", "CNX-05 or CSM-02")

    assert (nothing.returncode, "2 skipped" in nothing.stdout) == (3, True), nothing.stdout
    assert (something.returncode, "1 passed, 1 skipped" in something.stdout) == (0, True)


@pytest.mark.slow
def test_workers_share_the_laws_and_find_what_checks_find(installed: Path) -> None:
    with serve(Vault("session_extra")) as url:
        done = run_pytest(
            installed, "--conformance-url", url, *NAMED, "-k", "CSM or SES-04 or SES-09", "-n", "2"
        )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "VLT-ENV-03" in done.stdout
    counts = [int(word) for word in re.findall(r"(\d+) (?:passed|failed)", done.stdout)]
    laws = [law for law in chosen() if law.id.startswith("VLT-CSM")]
    assert sum(counts) == len(laws) + 2


@pytest.mark.slow
def test_a_phase_has_one_test_an_operation_and_all_of_it_is_collected_without_a_request(
    installed: Path,
) -> None:
    vault = Vault()
    named = [*NAMED[:4], "--conformance-profile", "quick", "--conformance-url"]
    with serve(vault) as url:
        listed = run_pytest(installed, *named, url, "--collect-only")
        sent = vault.requests
        done = run_pytest(
            installed, *named, url, "-k", "examples and (consumersAdd or logsAll) or ROB-01"
        )

    assert sent == 0
    for title in ("examples: examples consumersAdd", "coverage: bodies sessionsCreate"):
        assert title in listed.stdout
    assert sum(f" {law} " in listed.stdout or law in listed.stdout for law in LAWS) == len(LAWS)
    assert "11 passed" in done.stdout, done.stdout + done.stderr
    assert not [n for n in vault.world["mock-app"] if n.startswith("conf-")]


def test_nothing_heavy_is_loaded_where_no_deployment_is_named(installed: Path) -> None:
    (installed.parent / "test_own.py").write_text(
        "import json, sys\n"
        "def test_own():\n"
        "    names = {m.partition('.')[0] for m in sys.modules}\n"
        "    ours = [m for m in sys.modules if m.startswith('conformance')]\n"
        "    print('LOADED', json.dumps([sorted(names), sorted(ours)]))\n"
    )

    done = run_pytest(installed, "-s", "test_own.py")

    line = next(row for row in done.stdout.splitlines() if "LOADED" in row)
    names, ours = json.loads(line.partition("LOADED ")[2])
    assert ours == ["conformance", "conformance.pytest_entry"]
    heavy = {"schemathesis", "openapi_core", "jsonschema_rs", "hypothesis", "yaml", "requests"}
    assert not heavy & set(names)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--conformance-url", "http://127.0.0.1:9"], 4, "--conformance-app-id"),
        (["--conformance-url", "http://127.0.0.1:9", *NAMED], 3, "nobody answers"),
    ],
)
def test_a_session_that_cannot_judge_says_why(
    installed: Path, arguments: list[str], code: int, told: str
) -> None:
    done = run_pytest(installed, *arguments)

    assert done.returncode == code, done.stdout + done.stderr
    assert told in done.stdout + done.stderr


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "two workers"])
def test_a_session_that_judged_too_little_is_undecided(installed: Path, workers: list[str]) -> None:
    with serve(Vault()) as url:
        asked = ["--conformance-url", url, *NAMED, *workers, "-k", "VLT-PAG or VLT-CSM"]
        most = ["--conformance-max-requests", "120"]  # a half of them to look around
        short = run_pytest(installed, *asked, *most)
        lenient = run_pytest(installed, *asked, *most, "--conformance-at-least", "0")

    assert short.returncode == 75, short.stdout + short.stderr
    assert "a good verdict takes 90 % (--at-least)" in short.stdout
    assert lenient.returncode == 0, lenient.stdout
    assert "undecided" not in lenient.stdout
