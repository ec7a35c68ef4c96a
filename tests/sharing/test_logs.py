"""The shared logs themselves: order, turns, the lead, compaction, and what they refuse."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockvault.replication.opening import agree, open_log
from mockvault.settings import Settings
from mockvault.store import redis as redis_store
from mockvault.store.shared import SharedLog, StoreLost, StoreUnusable
from tests.engines import RedisServer

Open = Callable[[], SharedLog]


@pytest.fixture(params=["sqlite", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open one log, as often as is asked for, each time as another worker."""
    made: list[SharedLog] = []
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'world.db'}"
    else:
        server: RedisServer = request.getfixturevalue("redis")
        url = f"{server.url}?prefix={tmp_path.name}"

    def open_one() -> SharedLog:
        log = open_log(url)
        log.found(b"{}")
        made.append(log)
        return log

    yield open_one
    for each in made:
        each.close()


def append(log: SharedLog, entry: bytes) -> int:
    log.take_turn(0)
    return log.append(entry)


def test_each_worker_reads_what_any_of_them_wrote_in_one_order(opened: Open) -> None:
    one, other = opened(), opened()

    positions = [append(log, b"%d" % number) for number, log in enumerate([one, other, one, one])]

    assert positions == [1, 2, 3, 4]
    for log in (one, other):
        assert (log.since(0).head, list(log.since(1).entries)) == (4, [b"1", b"2", b"3"])
        assert list(log.since(4).entries) == []
        assert list(log.take_turn(2).entries) == [b"2", b"3"]
        log.give_turn()


def test_a_turn_keeps_the_others_waiting_until_it_is_given_back(opened: Open) -> None:
    one, other, order = opened(), opened(), list[str]()
    one.take_turn(0)

    def wait() -> None:
        tail = other.take_turn(0)
        order.append(f"other after {len(tail.entries)}")
        other.give_turn()

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.05)
    order.append("one")
    one.append(b"x")
    waiting.join(10)

    assert order == ["one", "other after 1"]


def test_who_lags_behind_a_compaction_gets_the_state_and_what_follows(opened: Open) -> None:
    one, other = opened(), opened()
    for number in range(5):
        append(one, b"%d" % number)

    one.compact(3, b"state of three")

    late = other.take_turn(1)
    other.give_turn()
    assert (late.head, late.state, list(late.entries)) == (5, b"state of three", [b"3", b"4"])
    near = other.take_turn(4)
    other.give_turn()
    assert (near.head, near.state, list(near.entries)) == (5, None, [b"4"])
    assert append(other, b"5") == 6


def test_positions_go_on_where_all_entries_were_compacted(opened: Open) -> None:
    one, other = opened(), opened()
    append(one, b"0")
    append(one, b"1")

    one.compact(2, b"state")
    fresh = other.take_turn(0)

    assert (fresh.head, fresh.state, list(fresh.entries)) == (2, b"state", [])
    assert other.append(b"2") == 3
    assert list(one.take_turn(2).entries) == [b"2"]
    one.give_turn()


def test_who_knows_all_is_not_told_the_state_again(opened: Open) -> None:
    one = opened()
    append(one, b"0")
    one.compact(1, b"s" * 30_000_000)

    before = _bytes_read()
    for _ in range(20):
        tail = one.take_turn(1)
        assert (tail.head, list(tail.entries), tail.state) == (1, [], None)
        one.give_turn()

    assert _bytes_read() - before < 1_000_000


def _bytes_read() -> int:
    """Return the bytes that this process has read, from files and sockets alike."""
    said = Path("/proc/self/io").read_text()
    return int(said.partition("rchar: ")[2].split()[0])


def test_one_worker_leads_until_it_closes(opened: Open) -> None:
    one, other = opened(), opened()

    assert [one.lead(), other.lead(), one.lead(), other.lead()] == [True, False, True, False]
    one.close()
    assert other.lead()


def test_the_first_header_stays(opened: Open) -> None:
    one = opened()

    assert one.found(b"other") == b"{}"


def test_a_turn_that_was_not_given_back_ends_by_itself_and_cannot_be_used(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "_TAKE", redis_store._TAKE.replace("2000", "50"))
    url = f"{redis.url}?prefix={tmp_path.name}"
    dead, alive = open_log(url), open_log(url)
    dead.take_turn(0)

    assert alive.take_turn(0).head == 0
    assert alive.append(b"mine") == 1
    with pytest.raises(StoreLost, match="the turn was over"):
        dead.append(b"too late")
    assert list(alive.since(0).entries) == [b"mine"]


def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    text, foreign = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("no database at all, but a text that is long enough to be looked at " * 20)
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = [path.read_bytes() for path in (text, foreign)]

    for path, why in ((text, "not a database"), (foreign, "another program's")):
        with pytest.raises(StoreUnusable, match=why):
            open_log(f"sqlite:///{path}").found(b"{}")
    assert [path.read_bytes() for path in (text, foreign)] == before


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://world.db", "names no file"),
        ("sqlite:////nowhere/at/all/world.db", "there is no folder"),
        ("sqlite:////tmp", "is a folder"),
        ("postgres://localhost", "is no store: write memory, sqlite:///FILE or redis://"),
        ("redis://127.0.0.1:1/0", "no Redis answers at redis://127.0.0.1:1/0"),
        ("redis://user:secret@127.0.0.1:1/0", "no Redis answers at redis://127.0.0.1:1/0"),
        ("redis://127.0.0.1:port", "is no address of a Redis"),
    ],
)
def test_what_names_no_store_that_can_be_used_is_refused_with_the_reason(
    url: str, why: str
) -> None:
    with pytest.raises(StoreUnusable) as refused:
        open_log(url)

    assert why in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_store_is_gone_on_with_as_it_was_founded(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'world.db'}"
    founded = Settings(seed=7, scenario="empty", log_capacity=500)
    agree(open_log(url), founded)

    gone_on, _ = agree(open_log(url), Settings())

    assert (gone_on.seed, gone_on.scenario, gone_on.log_capacity) == (7, "empty", 500)
    for other, flag in (
        (Settings(seed=8), "--seed 7, not 8"),
        (Settings(scenario="busy"), "--scenario empty, not busy"),
    ):
        with pytest.raises(StoreUnusable, match=flag):
            agree(open_log(url), other)


def test_a_store_of_another_version_or_of_other_fixtures_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'world.db'}"
    agree(open_log(url), Settings())

    with monkeypatch.context() as patched:
        patched.setattr("mockvault.replication.opening.VERSION", "99.0")
        with pytest.raises(StoreUnusable, match=r"was founded by mockvault .*, this is 99\.0"):
            agree(open_log(url), Settings())
    fixtures = tmp_path / "fixtures"
    (fixtures / "connectors").mkdir(parents=True)
    (fixtures / "connectors" / "one.yml").write_text("other")
    with pytest.raises(StoreUnusable, match="made from other fixtures"):
        agree(open_log(url), Settings(fixtures=fixtures))


def test_without_the_client_of_redis_it_is_told_how_to_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules: dict[str, Any] = {"redis": None}
    for name, module in modules.items():
        monkeypatch.setitem(__import__("sys").modules, name, module)

    with pytest.raises(StoreUnusable, match=r"pip install 'mockvault\[redis\]'"):
        open_log("redis://127.0.0.1:6379/0")
