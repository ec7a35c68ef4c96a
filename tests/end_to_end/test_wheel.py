"""What travels in the wheel is all that the mock needs."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx

from tests.end_to_end.conftest import HEADERS, running

ROOT = Path(__file__).parent.parent.parent


def test_the_wheel_serves_outside_the_checkout(tmp_path: Path) -> None:
    built, installed, elsewhere = tmp_path / "dist", tmp_path / "installed", tmp_path / "cwd"
    elsewhere.mkdir()
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(built), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    wheel = next(built.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)

    names = zipfile.ZipFile(wheel).namelist()
    assert "mockvault/_data/spec/vault.yml" in names
    assert "mockvault/_data/spec/overlay.yml" in names
    assert "mockvault/_data/fixtures/connectors/salesforce.yml" in names
    assert "mockvault/pages/templates/connection.html" in names
    assert "mockvault/pages/static/vault.js" in names
    assert "conformance/_data/vault.yml" in names
    assert "conformance/reports/html.py" in names
    assert "mockvault/pages/templates/list.html" in names
    assert "mockvault/py.typed" in names
    assert not any(name.startswith("tests/") for name in names)

    where = subprocess.run(
        [sys.executable, "-c", "import mockvault; print(mockvault.__file__)"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=elsewhere,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert where.startswith(str(installed))
    with running(elsewhere, PYTHONPATH=str(installed)) as found:
        answer = httpx.get(f"{found.url}/vault/connections/crm/salesforce", headers=HEADERS)
        assert answer.json()["data"]["state"] == "callable"
