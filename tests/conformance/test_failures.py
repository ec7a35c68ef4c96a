from conformance.failures import Failure, grouped


def failure(law: str, aspect: str = "", blames: tuple[str, ...] = ()) -> Failure:
    return Failure(
        law, law, "state", "a promise", "this", "that", "a source", aspect, blames=blames
    )


def test_failures_of_one_law_are_one_cause() -> None:
    causes = grouped([failure("A", "x"), failure("A", "y"), failure("A", "x")], {})

    assert [(c.failure.key, c.times) for c in causes] == [("A:x", 3)]


def test_a_law_that_builds_on_a_broken_one_stands_under_it() -> None:
    causes = grouped([failure("B"), failure("A"), failure("C")], {"B": ("A",), "C": ("B",)})

    assert [c.failure.law for c in causes] == ["A"]
    assert [f.law for f in causes[0].follows] == ["B", "C"]


def test_a_law_that_builds_on_one_that_holds_is_a_cause_itself() -> None:
    causes = grouped([failure("B")], {"B": ("A",)})

    assert [c.failure.law for c in causes] == ["B"]


def test_a_broken_ground_is_found_through_one_that_holds() -> None:
    causes = grouped([failure("C"), failure("A")], {"C": ("B",), "B": ("A",)})

    assert [c.failure.law for c in causes] == ["A"]


def test_laws_that_build_on_each_other_do_not_hide_one_another() -> None:
    causes = grouped([failure("A"), failure("B")], {"A": ("B",), "B": ("A",)})

    assert causes


def test_a_failure_on_a_broken_answer_stands_under_the_check_that_it_broke() -> None:
    causes = grouped([failure("CHECK"), failure("LAW", blames=("CHECK",))], {})

    assert [c.failure.law for c in causes] == ["CHECK"]


def test_of_laws_that_build_on_each_other_the_first_one_stands_for_all() -> None:
    builds_on = {"A": ("B",), "B": ("C",), "C": ("A",), "D": ("B",)}

    causes = grouped([failure("D"), failure("A"), failure("B"), failure("C")], builds_on)

    assert [c.failure.law for c in causes] == ["A"]
    assert {f.law for f in causes[0].follows} == {"B", "C", "D"}
