"""Instructions are counted for each call, and what grew is named."""

import json
from pathlib import Path

import pytest

from tests.bench import callgrind, instructions
from tests.bench.calls import BY_LETTER, CALLS
from tests.bench.in_process import Direct

A, B = "read a connection", "list 20 consumers"


def test_only_what_changes_by_more_than_the_tolerance_is_told() -> None:
    kept = {A: 1000, B: 1000, "patch": 1000, "gone": 1000}

    found = instructions.changes(kept, {A: 1019, B: 1021, "patch": 979, "new": 5})

    assert [(each.name, each.counted) for each in found] == [(B, 1021), ("patch", 979)]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "instructions.json"
    monkeypatch.setattr(instructions, "KEPT", path)
    return path


def test_a_call_that_grew_is_named_and_fails(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instructions.compare(lambda: {A: 1000, B: 1000}, update=True, reason=None)
    capsys.readouterr()

    same = instructions.compare(lambda: {A: 1000, B: 1000}, update=False, reason=None)
    assert same == 0
    assert "grew" not in capsys.readouterr().out

    assert instructions.compare(lambda: {A: 1100, B: 1000}, update=False, reason=None) == 1
    told = capsys.readouterr().out
    assert f"{A} grew: 1,000 -> 1,100 (+10.0%)" in told
    assert f"{B} grew" not in told

    # what shrank is told, and is no failure
    assert instructions.compare(lambda: {A: 900, B: 1000}, update=False, reason=None) == 0
    assert f"{A} shrank" in capsys.readouterr().out
    assert json.loads(kept.read_text())[instructions.environment()]["instructions"][A] == 1000


def test_nothing_is_counted_in_silence_where_nothing_can_be(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def count() -> dict[str, int]:
        raise AssertionError("not to be called")

    assert instructions.compare(count, update=True, reason="valgrind is not there") == 0

    assert "valgrind is not there" in capsys.readouterr().out
    assert not kept.exists()


def test_a_python_for_which_nothing_is_kept_is_told_so(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.write_text('{"CPython 2.7, vax": {"packages": {}, "instructions": {}}}')

    assert instructions.compare(lambda: {A: 1}, update=False, reason=None) == 0

    assert "no counts are kept for" in capsys.readouterr().out


def test_the_counts_that_are_kept_are_of_the_calls_that_are_counted() -> None:
    for each in json.loads(instructions.KEPT.read_text()).values():
        assert list(each["instructions"]) == [call.name for call in instructions.COUNTED]
        assert set(each["packages"]) == {"python", *instructions.PACKAGES}


def test_totals_are_read_by_their_names(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        (tmp_path / f"out.7.{number}").write_text(
            f"version: 1\ndesc: Trigger: Client Request: {name}\nevents: Ir\n"
            f"summary: {number + 41}\n\ntotals: {number + 41}\n"
        )
    (tmp_path / "out.7").write_text("desc: Trigger: Program termination\nsummary: 9\n")

    assert callgrind.totals(tmp_path) == {"a": 41, "b": 42}


def test_outside_of_valgrind_the_instructions_that_it_knows_do_nothing() -> None:
    if instructions.platform.machine() != "x86_64":
        pytest.skip("the instructions are those of x86-64")
    with pytest.raises(callgrind.NotUnderValgrind):
        callgrind.Teller()


def test_a_call_in_process_is_answered_as_over_the_wire() -> None:
    direct = Direct()
    for call in CALLS:
        direct.ask(direct.requests(call, 3))
        direct.answered(call, 3)

    direct.ask(direct.requests(BY_LETTER["e"], 1))
    with pytest.raises(RuntimeError, match="read a connection"):
        direct.answered(BY_LETTER["a"], 1)
    raws = direct.requests(BY_LETTER["c"], 3)
    direct.close()

    assert len(set(raws)) == 3
