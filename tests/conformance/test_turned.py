from collections.abc import Sequence

from conformance.phases.turned import STRAIGHT_ONLY
from tests.broken.mutants import judged


def keys(*bugs: str, phases: Sequence[str], only: tuple[str, ...] = ()) -> set[str]:
    _, ended = judged(*bugs, profile="quick", phases=tuple(phases), only=only)
    return {cause.failure.key for cause in ended.causes}


def test_a_correct_vault_keeps_its_promises_from_every_side() -> None:
    run, ended = judged(profile="quick", phases=("turned",))

    assert [c.failure.key for c in ended.causes] == []
    assert ended.not_judged == {}
    assert len(run.cases) > 100
    assert not any(c.id.startswith(STRAIGHT_ONLY) for c in run.cases)


def test_what_is_wrong_for_the_second_application_alone_is_found_from_its_side() -> None:
    only = ("VLT-AUT-02",)

    assert keys("second_app_any_key", phases=["laws"], only=only) == set()
    assert keys("second_app_any_key", phases=["turned"], only=only) == {"VLT-AUT-02:wrong"}


def test_ids_of_every_kind_and_a_past_are_met_from_the_other_side() -> None:
    for bug, law in {"plus_split": "VLT-ISO-01", "readd_stuck": "VLT-CNX-02"}.items():
        assert keys(bug, phases=["laws"], only=(law,)) == set()
        assert {k.partition(":")[0] for k in keys(bug, phases=["turned"], only=(law,))} == {law}


def test_what_failed_before_explains_what_fails_from_the_other_side() -> None:
    assert keys("foreign_key", phases=["laws", "turned"]) == {"VLT-AUT-05:foreign"}
