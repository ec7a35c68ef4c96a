import subprocess
import sys
from pathlib import Path

import pytest

from tests.broken.vault import Vault, serve

ROOT = Path(__file__).parents[2]


def run_pytest(url: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "conformance.pytest_plugin",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:schemathesis",
        "--conformance-url",
        url,
        "--conformance-app-id",
        "mock-app",
        "--conformance-api-key",
        "mock-api-key",
        "--conformance-profile",
        "smoke",
        *more,
    ]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_pytest_session_has_one_test_a_law_and_fails_with_its_promise(tmp_path: Path) -> None:
    with serve(Vault("update_lost")) as url:
        done = run_pytest(url, tmp_path, "-k", "CNX-02 or CNX-05 or ENV-03")

    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    assert "What an update sets is in its answer and in the next read" in done.stdout
    assert "mock-api-key" not in done.stdout


@pytest.mark.slow
def test_workers_share_the_laws(tmp_path: Path) -> None:
    with serve(Vault()) as url:
        done = run_pytest(url, tmp_path, "-k", "CNX or CSM", "-n", "2")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "27 passed" in done.stdout or " passed" in done.stdout
