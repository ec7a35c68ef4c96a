"""What a start leaves undone, and when garbage is collected after it."""

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mockvault import garbage
from mockvault.deferred import defer
from mockvault.garbage import Keeper, without_collections
from mockvault.remote import send


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    keeper.begin()
    yield keeper
    keeper.end()


def test_a_deferred_module_is_there_as_soon_as_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "wave"]:
        monkeypatch.delitem(sys.modules, name)
    defer("wave")
    import wave

    assert "Wave_read" not in vars(wave)
    assert wave.Wave_read.__name__ == "Wave_read"
    assert sys.modules["wave"] is not wave
    from wave import Wave_write

    assert Wave_write is wave.Wave_write
    monkeypatch.delitem(sys.modules, "wave")


def test_a_module_that_is_there_already_is_left_alone() -> None:
    defer("gc")

    assert sys.modules["gc"] is gc


def test_a_deferred_module_that_does_not_exist_says_so_when_it_is_used() -> None:
    defer("no_such_module")

    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        sys.modules["no_such_module"].anything  # noqa: B018  looking is using
    assert "no_such_module" not in sys.modules


def test_serving_loads_no_client_of_the_web() -> None:
    script = (
        "import sys; from mockvault.deferred import defer; defer('requests')\n"
        "import mockvault.app, mockvault.serving\n"
        "loaded = {'urllib3', 'charset_normalizer', 'faker', 'openapi_spec_validator'}\n"
        "assert not loaded & set(sys.modules), loaded & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_nothing_is_collected_while_a_mock_starts() -> None:
    with without_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with without_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_there_when_serving_begins_is_looked_at_no_more(keeper: Keeper) -> None:
    assert gc.get_freeze_count() > 10_000
    assert not gc.isenabled()
    assert keeper.freezes == 0


def test_what_is_stored_later_is_frozen_once_a_look_at_it_takes_long(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gc.get_freeze_count()
    stored: list[Any] = [[number] for number in range(50_000)]
    monkeypatch.setattr(garbage, "LONGEST", 1_000.0)
    keeper.look()
    assert keeper.freezes == 0
    assert gc.get_freeze_count() <= before

    monkeypatch.setattr(garbage, "LONGEST", 0.0)
    keeper.look()

    assert keeper.freezes == 1
    assert gc.get_freeze_count() >= before + len(stored)


class Ring:
    def __init__(self) -> None:
        self.itself = self


def rings() -> int:
    return sum(type(each) is Ring for each in gc.get_objects())


def test_rings_that_die_are_collected_before_the_rest_is_frozen(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "LONGEST", 0.0)
    kept = Ring()
    for _ in range(100):
        Ring()
    keeper.look()
    gc.unfreeze()

    assert keeper.freezes == 1
    assert rings() == 1
    assert kept.itself is kept


def test_looks_come_while_something_happens_and_cease_while_nothing_does(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    used = iter([1.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(garbage, "process_time", lambda: next(used, 2.0))
    monkeypatch.setattr(garbage, "BUSY", 0.0)
    monkeypatch.setattr(garbage, "QUIET", 0.0)
    monkeypatch.setattr(keeper, "look", lambda: looks.append(1) or 0.0)

    async def serve() -> None:
        keeper._used = 0.0
        keeper.watch()
        await asyncio.sleep(0.05)

    asyncio.run(serve())

    assert looks == [1]


@pytest.mark.parametrize(("seconds", "wait"), [(0.0001, 0.02), (0.0008, 0.04), (0.01, 0.05)])
def test_after_a_long_look_the_next_is_further_off_but_not_far(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, seconds: float, wait: float
) -> None:
    monkeypatch.setattr(keeper, "look", lambda: seconds)
    keeper._used = -1.0

    async def serve() -> None:
        keeper.watch()

    with asyncio.Runner() as runner:
        runner.run(serve())
        alarm = keeper._alarm
        assert alarm is not None
        assert alarm.when() - runner.get_loop().time() == pytest.approx(wait, abs=0.008)


def test_a_connection_that_ends_leaves_nothing_to_collect(vault_mock: Any) -> None:
    headers = {"authorization": "Bearer mock-api-key", "x-apideck-app-id": "mock-app"}

    def ask() -> None:
        for path in ("/vault/consumers", "/vault/no-such-path", "/_mock/health"):
            send(vault_mock.url, "GET", path, headers=headers)

    ask()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for _ in range(20):
            ask()
        time.sleep(0.1)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        ask()
        time.sleep(0.1)
        gc.collect()
        found = [each for each in gc.garbage if type(each).__module__.startswith("mockvault")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.enable()

    assert found == []


def test_a_process_that_has_served_is_left_as_it_was() -> None:
    was_on = gc.isenabled()
    keeper = Keeper()
    keeper.begin()
    keeper.end()

    assert gc.isenabled() is was_on
    assert gc.get_freeze_count() == 0
