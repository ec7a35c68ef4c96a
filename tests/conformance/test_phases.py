import random
from dataclasses import replace

import pytest

from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.laws import LAWS
from conformance.laws.world import World
from conformance.phases import PHASES
from conformance.phases.cases import mutated
from conformance.phases.laws import judge
from conformance.profiles import PROFILES
from conformance.strategies import right, right_bodies, wrong_bodies
from conformance.target import HttpTransport
from tests.broken.mutants import APPLICATIONS, judged
from tests.broken.vault import Vault, serve

BODIES = [op for op in load().operations.values() if op.body]


@pytest.mark.parametrize("operation", BODIES, ids=lambda op: op.operation_id)
def test_every_wrong_body_breaks_the_contract_and_every_right_one_does_not(
    operation: object,
) -> None:
    contract, name = load(), operation.operation_id  # type: ignore[attr-defined]
    schema = operation.body  # type: ignore[attr-defined]
    base = right(schema)

    assert not contract.body_problems(name, base)
    assert all(not contract.body_problems(name, v.body) for v in right_bodies(schema, base))
    wrong = [v for v in wrong_bodies(schema, base) if contract.body_problems(name, v.body)]
    assert wrong


def test_the_same_seed_makes_the_same_bodies() -> None:
    schema = load().operations["sessionsCreate"].body or {}
    base = right(schema)

    first, second = ([mutated(random.Random(5), schema, base) for _ in range(3)] for _ in range(2))

    assert first == second


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_body_by_chance_finds_fault_with_a_correct_vault(seed: int) -> None:
    _, ended = judged(profile="quick", phases=("coverage",), seed=seed)

    assert [c.failure.key for c in ended.causes] == []


@pytest.mark.parametrize(
    "bug", ["body_nested", "body_format", "refuses_null", "enum_broken", "time_text"]
)
def test_bodies_by_chance_or_the_second_judge_find_bugs_without_the_laws(bug: str) -> None:
    _, ended = judged(bug, profile="quick", phases=("coverage",))

    assert ended.outcome == "fails"


@pytest.mark.slow
def test_events_are_judged() -> None:
    run, ended = judged(profile="quick", phases=("webhooks",))

    assert ended.outcome == "conforms"
    assert [c.outcome for c in run.cases] == ["passed"] * 9


@pytest.mark.slow
@pytest.mark.parametrize(
    "bug",
    [
        "hook_silent",
        "hook_signature",
        "hook_no_retry",
        "hook_key_changes",
        "hook_attempt_stuck",
        "hook_type_differs",
        "hook_settings",
        "hook_wrong_state",
        "hook_update_missing",
        "hook_unasked",
        "hook_to_disabled",
        "hook_deleted_state",
        "hook_deleted_stateless",
        "hook_entity_elsewhere",
    ],
)
def test_a_bug_of_webhooks_is_found(bug: str) -> None:
    _, ended = judged(bug, profile="quick", phases=("webhooks",))

    assert [c.failure.area for c in ended.causes][:1] == ["webhooks"]


def judged_over_a_port(*bugs: str) -> list[str]:
    with serve(Vault(*bugs)) as url:
        plan = Plan(
            load(),
            HttpTransport(url),
            url,
            APPLICATIONS,
            PROFILES["quick"],
            1,
            "robust",
            phases=("robustness",),
        )
        return [c.failure.key for c in Run(plan).execute().causes]


def test_broken_http_finds_fault_with_no_correct_vault() -> None:
    assert judged_over_a_port() == []


def test_a_vault_that_fails_on_broken_http_is_found() -> None:
    assert judged_over_a_port("chunk_500") == ["VLT-ROB-01:bad chunk"]


@pytest.mark.parametrize("parts", [2, 5])
def test_shards_together_have_every_unit_of_every_phase_once(parts: int) -> None:
    def units(shard: tuple[int, int]) -> list[str]:
        url = "http://127.0.0.1:1"
        plan = Plan(load(), HttpTransport(url), url, APPLICATIONS, PROFILES["quick"], 1, "shards")
        run = Run(replace(plan, shard=shard))
        found = []
        for name in PROFILES["quick"].phases:
            context = run._sharded(run.context(name), name)
            found += [u for u in PHASES[name].units(context) if context.wanted(u)]
        return found

    shared = [unit for part in range(1, parts + 1) for unit in units((part, parts))]

    assert sorted(shared) == sorted(units((1, 1)))


def test_an_answer_that_nobody_thought_of_ends_no_run() -> None:
    def judge_oddly(world: World) -> None:
        raise KeyError(world.law.id)

    run, _ = judged(only=("VLT-CSM-01",))
    law = replace(LAWS["VLT-CSM-01"], judge=judge_oddly)

    case = judge(law, run.target, 1, run.catalogue).case

    assert case.outcome == "not judged"
    assert "an answer that it cannot read (KeyError: 'VLT-CSM-01')" in case.reason
