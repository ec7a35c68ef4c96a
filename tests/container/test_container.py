"""What cannot be built on every machine, read: the image, the compose file, the GitHub Action."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from mockvault.cli import main
from mockvault.pytest_plugin import VaultApp
from mockvault.settings import PREFIX, options

ROOT = Path(__file__).parents[2]
VARIABLES = {f"{PREFIX}{name.upper()}" for name, _, _ in options()}


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word
    ]


def last_stage() -> list[tuple[str, str]]:
    told = instructions()
    start = max(index for index, (word, _) in enumerate(told) if word == "FROM")
    return told[start:]


def test_the_image_runs_as_nobody_in_particular() -> None:
    users = [rest for word, rest in last_stage() if word == "USER"]

    assert users == ["mockvault"]
    assert any("useradd --system" in rest for word, rest in last_stage() if word == "RUN")


def test_the_image_tells_its_health_and_takes_flags() -> None:
    told = dict(last_stage())

    assert '["mockvault", "health"]' in told["HEALTHCHECK"]
    assert told["ENTRYPOINT"] == '["mockvault"]'
    assert told["CMD"] == '["serve"]'
    assert told["STOPSIGNAL"] == "SIGTERM"
    assert set(re.findall(r"(MOCKVAULT_\w+)=", told["ENV"])) <= VARIABLES


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    kept = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source.removeprefix("./") in kept


def test_no_instruction_is_misspelt_and_every_base_is_pinned() -> None:
    known = {"FROM", "WORKDIR", "RUN", "COPY", "LABEL", "ENV", "USER", "EXPOSE", "STOPSIGNAL"}
    known |= {"HEALTHCHECK", "ENTRYPOINT", "CMD", "ARG"}

    assert {word for word, _ in instructions()} <= known
    assert all(":" in rest.split()[0] for word, rest in instructions() if word == "FROM")


def test_the_compose_file_sets_only_what_can_be_set_and_listens_on_this_machine_alone() -> None:
    told: Any = yaml.safe_load((ROOT / ".docker" / "compose.yml").read_text())
    (service,) = told["services"].values()

    assert set(service["environment"]) <= VARIABLES
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert (ROOT / ".docker" / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_the_action_gives_its_inputs_to_scripts_by_the_environment_alone() -> None:
    told: Any = yaml.safe_load((ROOT / ".github/actions/mockvault/action.yml").read_text())

    assert told["runs"]["using"] == "composite"
    for step in told["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
        checked = subprocess.run(
            ["bash", "-n"], input=step["run"], text=True, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


def test_the_health_of_a_mock_is_told(vault_app: VaultApp) -> None:
    well = CliRunner().invoke(main, ["health", "--url", vault_app.url])
    none = CliRunner().invoke(main, ["health", "--url", "http://127.0.0.1:1", "--wait", "PT0.2S"])
    wrong = CliRunner().invoke(main, ["health", "--wait", "soon"])

    assert (well.exit_code, none.exit_code, wrong.exit_code) == (0, 5, 2)
    assert well.output.startswith("ok: Vault API")


def test_a_mock_with_an_open_stream_stops_all_the_same(tmp_path: Path) -> None:
    import signal
    import time
    import urllib.request

    file = tmp_path / "port"
    command = [sys.executable, "-W", "ignore", "-m", "mockvault", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--port-file", str(file), "--log-format", "none"], stderr=subprocess.DEVNULL
    ) as serving:
        deadline = time.monotonic() + 20
        while not file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        url = f"http://127.0.0.1:{file.read_text().strip()}/_mock/apps/mock-app/stream"
        with urllib.request.urlopen(url) as stream:
            stream.readline()
            serving.send_signal(signal.SIGTERM)
            code = serving.wait(10)  # two seconds, on a machine that does nothing else

    assert code == 0


@pytest.mark.slow
@pytest.mark.skipif("MOCKVAULT_SOAK" not in os.environ, reason="it takes minutes: MOCKVAULT_SOAK=1")
def test_two_hundred_thousand_requests_leave_memory_flat_and_lose_no_event() -> None:
    from tests.control.soak import soak

    told = soak(requests=200_000)

    assert told.lost == 0
    assert told.undelivered == 0
    assert told.growth < 1.15


def test_a_short_soak_loses_no_event() -> None:
    from tests.control.soak import soak

    told = soak(requests=3_000)

    assert (told.lost, told.undelivered) == (0, 0)
    assert told.events > 500
