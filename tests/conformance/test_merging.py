"""What shards have judged comes to the verdict that a whole run would have given."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from tests.broken.vault import Vault, serve

ROOT = Path(__file__).parents[2]
KEYS = [
    *("--app-id", "mock-app", "--api-key", "mock-api-key"),
    *("--other-app-id", "other-app", "--other-api-key", "other-api-key"),
]
ONLY = [word for name in ("VLT-CNX", "VLT-CSM", "VLT-PAG") for word in ("--only", name)]


def conformance(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"VAULT_API_KEY": "", "VAULT_APP_ID": ""})


def shard(url: str, folder: Path, part: str, *more: str) -> Path:
    """Judge a part; what it comes to is told by the folder."""
    asked = ["run", url, *KEYS, "--profile", "smoke", "--quiet", "--shard", part, *more]
    conformance(*asked, "--report-dir", str(folder))
    return folder


def ended(folder: Path) -> dict[str, Any]:
    last = (folder / "events.ndjson").read_text(encoding="utf-8").splitlines()[-1]
    found: dict[str, Any] = json.loads(last)
    assert found["event"] == "RunFinished"
    return found


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(Vault("update_lost")) as address:
        yield address


@pytest.fixture(scope="module")
def shards(url: str, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shards")
    return [
        shard(url, folder / str(part), f"{part}/3", "--seed", str(part), *ONLY)
        for part in (1, 2, 3)
    ]


def test_the_shards_of_a_run_come_to_the_verdict_of_the_whole(
    url: str, shards: list[Path], tmp_path: Path
) -> None:
    whole = ended(shard(url, tmp_path / "whole", "1/1", "--seed", "1", *ONLY))

    done = conformance("merge", *map(str, shards), "--report-dir", str(tmp_path / "merged"))

    merged = ended(tmp_path / "merged")
    assert done.exit_code == 1, done.output
    for name in ("outcome", "level", "areas", "not_judged"):
        assert merged[name] == whole[name], name
    assert {c["failure"]["law"] for c in merged["causes"]} == {
        c["failure"]["law"] for c in whole["causes"]
    }
    assert merged["coverage"]["laws_judged"] == whole["coverage"]["laws_judged"]
    for name in ("answers_judged_twice", "shapes_of_answers"):
        total = sum(ended(folder)["coverage"][name] for folder in shards)
        assert merged["coverage"][name] == total > 0
    assert merged["requests"] == sum(ended(folder)["requests"] for folder in shards)
    assert not merged["partial"]
    for name in ("junit.xml", "report.html", "results.sarif", "summary.md", "failures.har"):
        assert (tmp_path / "merged" / name).stat().st_size, name
    assert list((tmp_path / "merged" / "failures").glob("*.json"))


def test_a_law_of_a_shard_is_judged_again_by_the_line_that_the_whole_prints(
    shards: list[Path],
) -> None:
    done = conformance("merge", *map(str, shards))
    again = next(line for line in done.output.splitlines() if "conformance run http" in line)
    words = again[again.index("run http") :].split()

    alone = conformance(*words, *KEYS, "--quiet")

    assert "--seed" in words
    assert alone.exit_code == 1, alone.output


def test_a_request_that_is_shown_again_runs_with_its_secrets_as_variables(
    shards: list[Path], tmp_path: Path
) -> None:
    done = conformance("merge", *map(str, shards))
    line = next(row.strip() for row in done.output.splitlines() if " request  curl" in row)
    (tmp_path / "curl").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "curl").chmod(0o755)

    said = subprocess.run(
        ["sh", "-c", line.removeprefix("request").strip()],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "VAULT_API_KEY": "shown"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "Bearer shown" in said
    assert "mock-api-key" not in done.output


def test_what_is_missing_keeps_a_verdict_from_being_good(tmp_path: Path) -> None:
    only = ("--only", "VLT-PAG-01", "--only", "VLT-PAG-02", "--seed", "1")
    with serve(Vault()) as url:
        first = shard(url, tmp_path / "1", "1/2", *only)
        second = shard(url, tmp_path / "2", "2/2", *only)

        missing = conformance("merge", str(first))
        both = conformance("merge", str(first), str(second))
        state = second / "state.jsonl"
        lines = state.read_text(encoding="utf-8").splitlines(keepends=True)
        state.write_text("".join(lines[:-1]), encoding="utf-8")
        torn = conformance("merge", str(first), str(second))

    assert both.exit_code == 0, both.output
    assert missing.exit_code == torn.exit_code == 75
    assert "undecided: no cause was found, but shard 2/2 is missing" in missing.output
    assert "shard 2/2 is missing" in missing.output
    assert "shard 2/2 was not finished" in torn.output


def test_folders_that_are_not_of_one_run_are_refused(shards: list[Path], tmp_path: Path) -> None:
    with serve(Vault()) as url:
        other = shard(url, tmp_path / "other", "1/2", "--only", "VLT-PAG-01", "--seed", "1")

    def told(*folders: Path) -> str:
        done = conformance("merge", *map(str, folders))
        assert done.exit_code == 2, done.output
        return done.output

    twin = shutil.copytree(shards[0], tmp_path / "twin")
    assert "both hold shard 1" in told(shards[0], twin)
    assert "had base_url" in told(shards[0], other)
    assert "holds no run" in told(shards[0], tmp_path)
