"""Ratios and verdicts follow from the figures; table, chart and README show them as they are."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.bench import roster, tables, targets
from tests.bench.__main__ import HERE, README, as_text
from tests.bench.calls import CALLS
from tests.bench.chart import chart
from tests.bench.load import Measured
from tests.bench.rounds import summed_up as summed_up_windows
from tests.bench.worlds import summed_up

KEPT = json.loads((HERE / "figures.json").read_text())


def a_call(*by_round: float, p50: float = 1.0, p99: float = 2.0) -> dict[str, Any]:
    cpu_us = sorted(by_round)[len(by_round) // 2]
    return {"cpu_us": cpu_us, "by_round": list(by_round), "rate": 1, "p50_ms": p50, "p99_ms": p99}


def figures_of(**calls_by_name: dict[str, Any]) -> dict[str, Any]:
    """Return figures with these calls of these servers."""
    names = {"ours": roster.VALIDATED, "plain": roster.PLAIN, "starlette": roster.STARLETTE}
    return {
        "calls": {call.letter: call.name for call in CALLS},
        "servers": [
            {
                "name": names[name],
                "ours": name != "starlette",
                "start_cpu_s": 0.5,
                "memory_mib": 60.0,
                "calls": calls,
            }
            for name, calls in calls_by_name.items()
        ],
        "commands": {"--help": 0.1, "--version": 0.2, "cold start": 1.0},
        "tester": None,
        "worlds": None,
    }


def test_a_ratio_is_taken_within_each_round_before_the_median() -> None:
    # the second round was disturbed, for both alike
    figures = figures_of(ours={"a": a_call(10, 40, 10)}, starlette={"a": a_call(20, 80, 30)})

    assert targets.ratio(figures, roster.STARLETTE, roster.VALIDATED, "a") == 2.0
    assert targets.ratio(figures, roster.VALIDATED, roster.STARLETTE, "a") == 0.5
    assert targets.ratio(figures, roster.STARLETTE, roster.VALIDATED, "b") is None
    assert targets.ratio(figures, roster.PRISM, roster.VALIDATED, "a") is None


@pytest.mark.parametrize(
    ("bound", "wanted", "seen", "by_default", "reached"),
    [
        ("≥", 2.0, (2.0, 3.0), (), True),
        ("≥", 2.0, (1.9, 3.0), (5.0, 5.0), False),  # one call that falls short is enough
        ("≤", 2.0, (2.0, 1.0), (), True),
        ("≤", 2.0, (2.1, 1.0), (), False),
        ("≤", 2.0, (), (3.0,), False),
        ("≤", 2.0, (), (), None),
    ],
)
def test_a_promise_is_kept_when_the_worst_call_keeps_it(
    bound: Any, wanted: float, seen: Any, by_default: Any, *, reached: bool | None
) -> None:
    assert targets.Verdict("x", bound, wanted, "×", seen, by_default).reached is reached


def test_what_was_not_measured_is_neither_kept_nor_broken() -> None:
    calls = {call.letter: a_call(10, 10) for call in CALLS}
    figures = figures_of(ours=calls, plain=calls)

    by_promise = {each.promise: each for each in targets.judged(figures)}

    assert by_promise[f"create, patch: {roster.PRISM} costs"].reached is None
    assert by_promise["a refused patch costs, of an accepted one"].reached is True
    assert by_promise["mockvault --version, CPU"].reached is False


def test_worlds_are_judged_by_the_operation_that_grows_most() -> None:
    calls = {call.letter: a_call(10, 10) for call in CALLS}
    row = {"name": "consumersAll", "ratio": 1.004, "max": 4.001}
    worlds = summed_up(
        {
            "sizes": [100, 10_000],
            "rows": [row, {"name": "logsAll", "ratio": 1.4, "max": 6.0}],
            "bytes": {"consumer": 739.2, "connection": 1200.0},
            "after": {"longest": 0.002},
        }
    )
    figures = {**figures_of(ours=calls, plain=calls), "worlds": worlds}

    by_promise = {each.promise: each.reached for each in targets.judged(figures)}

    assert worlds["ratios"] == {"consumersAll": 1.0, "logsAll": 1.4}
    assert by_promise["an operation with 10,000 consumers costs, of one with 100"] is False
    assert by_promise["the longest of these"] is False
    assert by_promise["one more consumer"] is True
    assert by_promise["one more connection"] is False
    assert by_promise["the longest garbage collection"] is True


def test_a_call_is_summed_up_by_its_medians_and_its_quietest_round() -> None:
    windows = [
        Measured(cpu_us=cpu, rate=rate, busy=0.9, connections=32, p50_ms=p50, p99_ms=p99)
        for cpu, rate, p50, p99 in ((10, 5, 1, 9), (30, 7, 2, 4), (20, 6, 3, 8))
    ]

    found = summed_up_windows(windows)

    assert (found["cpu_us"], found["rate"]) == (20, 6)
    assert found["by_round"] == [10, 30, 20]
    assert (found["p50_ms"], found["p99_ms"]) == (2, 4)


def test_the_kept_figures_are_of_the_current_shape() -> None:
    assert KEPT["calls"] == {call.letter: call.name for call in CALLS}
    told = [each["name"] for each in (*KEPT["servers"], *KEPT["absent"])]
    assert sorted(told) == sorted([*(each.name for each in roster.ours()), *roster.MAKERS])
    assert {"taken", "machine", "seeds", "method", "commands", "tester", "worlds"} <= set(KEPT)
    for server in KEPT["servers"]:
        assert server["version"]
        assert server["unequal"]
        assert set(server["calls"]) == set(server["answer_bytes"])
        for call in server["calls"].values():
            assert len(call["by_round"]) == KEPT["method"]["rounds"]
    assert KEPT["verdicts"] == json.loads(json.dumps(targets.told(KEPT)))
    assert as_text(KEPT) == (HERE / "figures.json").read_text()


def test_all_peers_answered_what_the_mock_answers() -> None:
    ours = targets.server_of(KEPT, roster.PLAIN)
    assert ours is not None
    for server in KEPT["servers"]:
        for letter, length in server["answer_bytes"].items():
            if letter != "e":  # spaces and the order of keys may differ, values may not
                assert length == pytest.approx(ours["answer_bytes"][letter], rel=0.1), server


def test_the_readme_shows_the_kept_figures() -> None:
    assert tables.section(KEPT) in README.read_text()


def test_the_table_says_of_each_server_and_call_what_the_figures_say() -> None:
    rows = {row[0]: row[1:] for row in tables.cost_rows(KEPT)}

    assert set(rows) == {server["name"] for server in KEPT["servers"]}
    for server in KEPT["servers"]:
        for letter, cell in zip(KEPT["calls"], rows[server["name"]], strict=False):
            call = server["calls"].get(letter)
            if call is None:
                assert cell == "–"
                continue
            shown = float(cell.partition(" ")[0].replace(",", ""))
            assert shown == pytest.approx(call["cpu_us"], abs=0.5)


def test_the_chart_shows_the_kept_figures_without_a_script() -> None:
    text = (HERE / "chart.svg").read_text()

    assert text == chart(KEPT)
    root = ET.fromstring(text)  # noqa: S314  our own file
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names <= {"svg", "title", "style", "rect", "g", "text", "line", "circle"}
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    dots = sum(element.tag.endswith("circle") for element in root.iter())
    assert dots == sum(len(server["calls"]) for server in KEPT["servers"])
    for server in KEPT["servers"]:
        for call in server["calls"].values():
            assert f">{tables.amount(call['cpu_us'])}</text>" in text


def test_a_dot_stands_further_right_where_a_request_costs_more() -> None:
    root = ET.fromstring(chart(KEPT))  # noqa: S314  our own text
    panels = [each for each in root if each.tag.endswith("}g")]
    for panel, letter in zip(panels, KEPT["calls"], strict=True):
        dots = [float(each.attrib["cx"]) for each in panel if each.tag.endswith("circle")]
        costs = [
            server["calls"][letter]["cpu_us"]
            for server in KEPT["servers"]
            if letter in server["calls"]
        ]
        assert [cost for _, cost in sorted(zip(dots, costs, strict=True))] == sorted(costs)


def test_figures_go_where_a_text_has_a_place_for_them() -> None:
    text = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"

    assert tables.placed(text, f"{tables.BEGIN}\nnew\n{tables.END}") == text.replace("old", "new")
    with pytest.raises(tables.NoPlace):
        tables.placed("no place", "x")


def test_tables_are_as_wide_in_every_line() -> None:
    head, rows = ["", "long head"], [["a name", "1"], ["b", "22"]]

    assert tables.plain(head, rows) == "        long head\na name          1\nb              22\n"
    lines = tables.markdown(head, rows).splitlines()
    assert len({line.count("|") for line in lines}) == 1


def test_the_speed_that_the_readme_names_is_made_by_a_target_of_the_makefile() -> None:
    makefile = (Path(README).parent / "Makefile").read_text()

    for name in re.findall(r"`make (bench[a-z-]*)", README.read_text()):
        assert f"\n{name}:" in makefile
