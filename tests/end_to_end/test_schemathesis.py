"""Plain Schemathesis, as anyone runs it, finds nothing that is the mock's fault."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from tests.end_to_end.conftest import Running

HERE = Path(__file__).parent
CONTRACT = HERE.parent.parent / "spec" / "vault.yml"


def test_schemathesis_finds_nothing_in_all_phases_over_all_operations(
    mock: Running, tmp_path: Path
) -> None:
    script = Path(sys.executable).with_name("schemathesis")
    result = subprocess.run(
        [
            *(str(script), "--config-file", str(HERE / "schemathesis.toml")),
            *("run", str(CONTRACT), "--url", mock.url, "--max-examples", "10"),
        ],
        cwd=tmp_path,
        env={**os.environ, "MOCKVAULT_API_KEY": "mock-api-key", "MOCKVAULT_APP_ID": "mock-app"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    health = httpx.get(f"{mock.url}/_mock/health").json()

    assert result.returncode == 0, result.stdout[-4000:]
    assert "Tested: 27" in result.stdout
    assert re.search(r"(\d+) generated, \1 passed", result.stdout), result.stdout[-2000:]
    assert (health["contract_violations"], health["unexpected_errors"]) == (0, 0)
