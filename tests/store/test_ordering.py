"""An ordering, held against a dictionary that is sorted each time."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mockvault.store.ordering import Ordering
from tests.steps import steps

numbers = st.one_of(st.integers(0, 40), st.integers(0, 40_000))
limits = st.integers(0, 50)


class Orderings(RuleBasedStateMachine):
    """Orderings that were copied from one another, each beside its dictionary."""

    @initialize()
    def begin(self) -> None:
        self.pairs: list[tuple[Ordering, dict[int, str]]] = [(Ordering(), {})]

    def chosen(self, which: int) -> tuple[Ordering, dict[int, str]]:
        return self.pairs[which % len(self.pairs)]

    @rule(which=st.integers(0, 9), number=numbers, value=st.sampled_from("abc"))
    def put(self, which: int, number: int, value: str) -> None:
        ordering, expected = self.chosen(which)
        ordering.put(number, value)
        expected[number] = value

    @rule(which=st.integers(0, 9), number=numbers)
    def remove(self, which: int, number: int) -> None:
        ordering, expected = self.chosen(which)
        ordering.remove(number)
        expected.pop(number, None)

    @rule(which=st.integers(0, 9))
    def remove_the_first(self, which: int) -> None:
        ordering, expected = self.chosen(which)
        if expected:
            ordering.remove(min(expected))
            del expected[min(expected)]

    @rule(which=st.integers(0, 9))
    def copy(self, which: int) -> None:
        ordering, expected = self.chosen(which)
        if len(self.pairs) < 8:
            self.pairs.append((ordering.copy(), dict(expected)))

    @rule(which=st.integers(0, 9), number=numbers, limit=limits)
    def read(self, which: int, number: int, limit: int) -> None:
        ordering, expected = self.chosen(which)
        above = [each for each in sorted(expected.items()) if each[0] > number]
        below = [each for each in sorted(expected.items()) if each[0] < number]

        assert ordering.above(number, limit) == above[:limit]
        assert ordering.below(number, limit) == below[::-1][:limit]

    @invariant()
    def each_holds_its_own(self) -> None:
        for ordering, expected in self.pairs:
            assert ordering.above(-1, 10**6) == sorted(expected.items())
            assert ordering.below(None, 10**6) == sorted(expected.items(), reverse=True)


TestOrderings = Orderings.TestCase


@given(st.integers(0, 30_000))
def test_a_removed_stretch_is_not_walked_through(start: int) -> None:
    ordering = Ordering()
    for number in range(start, start + 40_000, 7):
        ordering.put(number, "x")
    for number in range(start + 7, start + 39_000, 7):
        ordering.remove(number)

    assert steps(lambda: ordering.above(start, 1)) < 200
    assert steps(lambda: ordering.below(start + 39_000, 1)) < 200
    assert steps(ordering.copy) < 20
