import pytest

from tests.broken.mutants import replayed

# one of each area, most of them of a condition, and one that the other side alone finds
SAMPLE = [
    "auth_cached",
    "second_item_unjudged",
    "created_again_201",
    "third_update_lost",
    "plus_split",
    "sorted_by_modified",
    "log_filters_first",
    "expired_writes",
    "reconsent_lost",
    "log_fifty",
    "count_by_day",
    "mapping_update_first",
    "orphan_second",
    "state_holds_key",
    "preflight_reads",
    "deep_values",
]


@pytest.mark.slow
@pytest.mark.parametrize("bug", SAMPLE)
def test_a_recorded_failure_comes_back_three_times_of_three_fresh_and_dirty(bug: str) -> None:
    assert replayed(bug, profile="smoke") == ("STILL", "STILL")


@pytest.mark.slow
def test_what_the_other_side_alone_finds_comes_back_too() -> None:
    assert replayed("second_app_any_key") == ("STILL", "STILL")
