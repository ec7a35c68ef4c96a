"""Chance by a key, and the people that are made up by it."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockvault.cache import Cache
from mockvault.chance import Chance
from mockvault.made_up import DOMAINS, Names, names_of_faker, person

keys = st.text(max_size=8)


@given(keys, st.lists(st.integers(1, 2**64), min_size=1, max_size=60))
def test_the_same_key_makes_the_same_picks(key: str, ends: list[int]) -> None:
    first, second = Chance("1", key), Chance("1", key)
    picked = [first.below(end) for end in ends]

    assert picked == [second.below(end) for end in ends]
    assert all(0 <= each < end for each, end in zip(picked, ends, strict=True))


def test_every_pick_is_about_as_frequent_as_any_other() -> None:
    chance, counts = Chance("1", "frequency"), [0] * 10
    for _ in range(20_000):
        counts[chance.below(10)] += 1
    firsts = [0] * 10
    for number in range(20_000):
        firsts[Chance("1", str(number)).below(10)] += 1

    for each in (*counts, *firsts):
        assert 1_800 < each < 2_200


@given(keys, st.integers(-50, 50), st.integers(0, 50))
def test_between_takes_both_ends_in(key: str, first: int, length: int) -> None:
    assert first <= Chance(key).between(first, first + length) <= first + length
    assert {Chance(key, str(n)).between(0, 1) for n in range(60)} == {0, 1}


@given(keys, st.lists(st.integers(), min_size=1, max_size=20, unique=True), st.data())
def test_a_sample_has_no_item_twice(key: str, items: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(items)))
    sample = Chance(key).sample(items, count)

    assert len(set(sample)) == len(sample) == count
    assert set(sample) <= set(items)


def test_names_are_those_of_faker_and_come_from_the_cache_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache")
    first = names_of_faker(cache)
    for name in [each for each in sys.modules if each.partition(".")[0] == "faker"]:
        monkeypatch.delitem(sys.modules, name)

    second = names_of_faker(cache)

    assert first == second
    assert "faker" not in sys.modules
    assert len(first.first) > 300
    assert len(first.last) > 300


@pytest.mark.parametrize("kept", [None, [], [[], []], "names", {"first": []}, 5])
def test_names_of_the_wrong_shape_are_asked_for_again(kept: object, tmp_path: Path) -> None:
    whole = names_of_faker(Cache(None))

    class Spoilt(Cache):
        def get(self, name: str, key: str) -> object:
            del name, key
            return kept

    assert names_of_faker(Spoilt(tmp_path)) == whole


@given(keys)
def test_a_person_is_whole_and_reachable_nowhere(key: str) -> None:
    names = Names(("Ann Lee", "Bo"), ("Ray",), ("Inc",))
    made = person(names, Chance(key))

    assert made == person(names, Chance(key))
    assert set(made) == {"account_name", "user_name", "email", "image"}
    assert made["email"].partition("@")[2] in DOMAINS
    assert made["email"] == made["email"].lower()
    assert " " not in made["email"]
    assert "Ray" in made["account_name"]
