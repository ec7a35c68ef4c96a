"""Where the tester itself breaks: in a phase, in a listener, in a report, in cleaning up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import folder
from conformance.phases import PHASES
from conformance.replaying import Recording
from conformance.reports import console, html, junit
from tests.broken.vault import Vault, serve
from tests.conformance.test_commands import BOTH, KEYS, conformance

RUN = ["--profile", "smoke", "--only", "VLT-CNX-0", "--report-dir", "out"]
REPORTS = {"junit.xml", "events.ndjson", "report.html", "failures.har", "results.sarif"}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def vault() -> Vault:
    return Vault("update_lost")


@pytest.fixture
def url(vault: Vault) -> Iterator[str]:
    with serve(vault) as address:
        yield address


def breaks(*_: Any, **__: Any) -> Any:
    raise KeyError("the key is mock-api-key")


def half_way(context: Any) -> Iterator[Any]:
    for number, case in enumerate(PHASES["turned"].run(context)):
        yield case
        if number == 6:
            breaks()


def ours(vault: Vault) -> list[str]:
    return [n for world in vault.world.values() for n in world if n.startswith("conf-")]


def written() -> set[str]:
    return {path.name for path in Path("out").iterdir()}


def test_a_phase_that_breaks_leaves_a_verdict_every_report_and_nothing_behind(
    vault: Vault, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.phases.laws.run", lambda _, context: half_way(context))

    done = conformance("run", url, *BOTH, *RUN)

    assert done.exit_code == 70, done.output
    assert "Traceback" not in done.output
    assert "the tester broke, which says nothing of the deployment: KeyError" in done.stderr
    assert "the traceback is in out/crash.txt" in done.stderr
    assert "interrupted: 1 cause" in done.output
    assert written() > REPORTS
    ended = json.loads(Path("out/events.ndjson").read_text(encoding="utf-8").splitlines()[-1])
    assert ended["partial"].startswith("the tester broke: KeyError")
    assert "in half_way" in Path("out/crash.txt").read_text(encoding="utf-8")
    assert ours(vault) == []
    for path in Path("out").rglob("*.*"):
        assert "mock-api-key" not in path.read_text(encoding="utf-8"), path
    assert "mock-api-key" not in done.output + done.stderr


@pytest.mark.parametrize("report", [junit, html], ids=["junit", "html"])
def test_a_report_that_breaks_holds_up_no_other(
    report: Any, vault: Vault, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {junit: "junit.xml", html: "report.html"}[report]
    Path("out").mkdir()
    (Path("out") / name).write_text("of an earlier run", encoding="utf-8")
    monkeypatch.setattr(report, "render", breaks)

    done = conformance("run", url, *BOTH, *RUN)

    assert done.exit_code == 70
    assert f"{name} could not be written: KeyError" in done.stderr
    assert written() >= REPORTS - {name} | {"failures", "baseline.txt", "crash.txt"}
    assert name not in written()
    assert ours(vault) == []


def test_a_console_that_breaks_keeps_no_report_from_being_written(
    vault: Vault, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.Console, "_cause", breaks)

    done = conformance("run", url, *BOTH, *RUN)

    assert done.exit_code == 70
    assert written() > REPORTS
    assert ours(vault) == []


def test_cleaning_up_that_breaks_is_told_with_what_is_left(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.engine.clean", breaks)

    done = conformance("run", url, *BOTH, *RUN)

    assert done.exit_code == 70
    assert written() > REPORTS
    assert list(Path("out").glob("ledger-*.jsonl"))


def test_the_traceback_of_a_run_is_gone_with_the_next_one(url: str) -> None:
    Path("out").mkdir()
    (Path("out") / folder.CRASH).write_text("of an earlier run", encoding="utf-8")

    done = conformance("run", url, *BOTH, *RUN)

    assert done.exit_code == 1
    assert folder.CRASH not in written()


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        (["diff", "URL", "URL", *KEYS], "compare"),
        (["replay", "file", "URL", *KEYS], "replay_recording"),
        (["cleanup", "file", "URL", *KEYS], "clean"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_no_command_shows_a_traceback_or_a_key(
    arguments: list[str], step: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").write_text("", encoding="utf-8")
    monkeypatch.setattr(
        "conformance.cli.Recording.read", lambda _: Recording("", "", "", "", {}, [])
    )
    monkeypatch.setattr(f"conformance.cli.{step}", breaks)

    done = conformance(*(url if word == "URL" else word for word in arguments))

    told = Path(".conformance/crash.txt").read_text(encoding="utf-8")
    assert done.exit_code == 70, done.output
    assert "in breaks" in told
    assert "${VAULT_API_KEY}" in told
    assert "Traceback" not in done.output
    assert "mock-api-key" not in done.output + told


def test_a_report_dir_that_is_a_file_is_wrong_usage(url: str) -> None:
    Path("out").write_text("", encoding="utf-8")

    assert conformance("run", url, *BOTH, *RUN).exit_code == 2
