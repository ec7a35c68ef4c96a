import pytest

from conformance.model import Facts, Held, Mind, states
from tests.broken.mutants import judged


@pytest.mark.parametrize("seed", [1, 2])
def test_no_history_parts_a_correct_vault_from_the_model(seed: int) -> None:
    _, ended = judged(profile="quick", phases=("stateful",), seed=seed)

    assert ended.outcome == "conforms"


@pytest.mark.parametrize(
    ("bug", "aspect", "most"),
    [
        ("update_lost", "enabled", 3),
        ("refused_half", "settings", 3),
        ("delete_noop", "state", 3),
        ("patch_all", "others", 4),
        ("orphan_connections", "list", 3),
        ("delete_consumer_noop", "gone", 3),
    ],
)
def test_a_history_finds_a_bug_and_is_shrunk_to_a_few_steps(
    bug: str, aspect: str, most: int
) -> None:
    _, ended = judged(bug, profile="quick", phases=("stateful",), seed=1)

    (cause,) = ended.causes
    assert cause.failure.aspect in {aspect, "state", "settings", "list"}
    assert len(cause.failure.replay["steps"]) <= most


def test_settings_merge_in_the_model() -> None:
    mind = Mind()

    mind.write(("a", "c"), ("crm", "x"), {"settings": {"one": 1}})
    mind.write(("a", "c"), ("crm", "x"), {"settings": {"two": 2}, "enabled": False})

    assert mind.held(("a", "c"), ("crm", "x")) == Held(enabled=False, settings={"one": 1, "two": 2})


def test_oauth_without_a_token_is_added_whatever_its_settings() -> None:
    facts = Facts("oauth2", ("tenant",))

    assert states(facts, Held(settings={"tenant": "t"})) == {"added"}
    assert states(facts, Held(settings={"tenant": "t"}, has_token=True)) == {"callable"}
