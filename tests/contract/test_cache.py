"""The cache of a start: with it, without it, whatever is wrong with it, answers are the same."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from mockvault import cache as caching
from mockvault import contract as contracts
from mockvault.app import create_app
from mockvault.cache import Cache, key_of, user_folder
from mockvault.contract import Contract, ContractInvalid, load_contract
from mockvault.locations import builtin_contract, builtin_overlay
from mockvault.settings import Settings
from tests.asgi import Client
from tests.operations.test_every_operation import OPERATIONS, request

OTHER = b"""
openapi: 3.0.3
info: {title: Other, version: "1"}
paths:
  /vault/others:
    get:
      operationId: othersAll
      responses: {"200": {description: All of them}}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    spec = tmp_path / "contract.yml"
    spec.write_bytes(builtin_contract().read_bytes())
    return spec


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def load(spec: Path, cache: Cache, **more: Any) -> Contract:
    return load_contract(spec, builtin_overlay(), validate=False, cache=cache, **more)


def files(cache: Cache) -> list[Path]:
    assert cache.folder is not None
    return sorted(cache.folder.glob("*"))


def same(first: Contract, second: Contract) -> bool:
    return repr(vars(first)) == repr(vars(second))


def sealed(text: bytes) -> bytes:
    return sha256(text).hexdigest().encode() + b"\n" + text


def reading(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the list of files that are parsed from now on."""
    read: list[Path] = []
    parse = contracts._read
    monkeypatch.setattr(contracts, "_read", lambda s, file: (read.append(file), parse(s, file))[1])
    return read


def test_a_second_start_parses_nothing_and_has_the_same_contract(
    spec: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(spec, cache)
    parsed = reading(monkeypatch)

    second = load(spec, cache)

    assert parsed == []
    assert same(first, second)
    assert same(second, load(spec, Cache(None)))


def test_a_contract_of_which_one_byte_has_changed_is_read_again(spec: Path, cache: Cache) -> None:
    load(spec, cache)
    source = spec.read_bytes()
    spec.write_bytes(source.replace(b": Get all consumers", b": Get all konsumers", 1))
    changed = load(spec, cache)

    assert spec.read_bytes() != source
    assert changed.digest != sha256(source).hexdigest()
    assert "konsumers" in str(changed.document)
    spec.write_bytes(source)
    assert "konsumers" not in str(load(spec, cache).document)


def test_what_is_invalid_is_told_with_and_without_a_cache(tmp_path: Path, cache: Cache) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_bytes(OTHER.replace(b"3.0.3", b"2.0"))
    for _ in range(2):
        with pytest.raises(ContractInvalid, match="is not an OpenAPI"):
            load_contract(bad, cache=cache)
    loose = tmp_path / "loose.yml"
    loose.write_bytes(OTHER.replace(b"{description: All of them}", b"{}"))

    load_contract(loose, validate=False, cache=cache)

    with pytest.raises(ContractInvalid):  # what was not validated then is validated now
        load_contract(loose, cache=cache)


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def with_another_contract(content: bytes) -> bytes:
    key = orjson.loads(content.partition(b"\n")[2])[0]
    document = {"openapi": "3.0.3", "info": {}, "paths": {}}
    return orjson.dumps([key, {"document": document, "pristine": document}])


DAMAGES: list[Callable[[bytes], bytes]] = [
    truncated,
    with_another_contract,
    lambda content: content[:-1] + b"x",
    lambda _: b"",
    lambda _: b"\x80\x04K\x01.",
    lambda _: b"null",
    lambda _: sealed(b"null"),
    lambda _: sealed(b"[1, 2, 3]"),
    lambda _: sealed(b'["no key", {"document": {}, "pristine": {}}]'),
    lambda content: sealed(truncated(content)),
]
SHAPES = [None, 1, "x", [], {}, {"document": 1, "pristine": 2}, {"document": {}, "pristine": {}}]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_as_none_and_is_written_anew(
    damage: Callable[[bytes], bytes], spec: Path, cache: Cache
) -> None:
    whole = load(spec, cache)
    [file] = files(cache)
    before = file.read_bytes()
    file.write_bytes(damage(before))

    assert same(load(spec, cache), whole)
    assert file.read_bytes() == before


@pytest.mark.parametrize("value", SHAPES)
def test_a_whole_file_of_the_wrong_shape_is_as_none(value: Any, spec: Path, cache: Cache) -> None:
    whole = load(spec, cache)
    [file] = files(cache)
    key = orjson.loads(file.read_bytes().partition(b"\n")[2])[0]
    file.write_bytes(sealed(orjson.dumps([key, value])))

    assert same(load(spec, cache), whole)


def test_the_file_of_another_contract_under_this_ones_name_is_as_none(
    spec: Path, tmp_path: Path, cache: Cache
) -> None:
    whole = load(spec, cache)
    [mine] = files(cache)
    other = tmp_path / "other.yml"
    other.write_bytes(OTHER)
    load(other, cache)
    [others] = set(files(cache)) - {mine}
    mine.write_bytes(others.read_bytes())

    assert same(load(spec, cache), whole)


def test_each_contract_has_its_own_file(spec: Path, tmp_path: Path, cache: Cache) -> None:
    other = tmp_path / "other.yml"
    other.write_bytes(OTHER)

    for _ in range(2):
        assert load(spec, cache).title == "Vault API"
        assert load(other, cache).title == "Other"
    assert len(files(cache)) == 2


def test_a_folder_that_cannot_be_written_to_is_no_reason_to_stop(
    spec: Path, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")

    for folder in (blocked, blocked / "below", Path("/proc/self/none")):
        assert load(spec, Cache(folder)).title == "Vault API"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")
def test_what_another_user_could_have_written_is_not_believed(
    spec: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(spec, cache)
    [file] = files(cache)
    assert file.stat().st_mode & 0o077 == 0
    key = orjson.loads(file.read_bytes().partition(b"\n")[2])[0]
    assert cache.get("contract", key) is not None

    for mode in (0o620, 0o602):
        file.chmod(mode)
        assert cache.get("contract", key) is None
    file.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert cache.get("contract", key) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("make", ["mkfifo", "mkdir"])
def test_what_is_no_file_is_not_waited_for(make: str, spec: Path, cache: Cache) -> None:
    load(spec, cache)
    [file] = files(cache)
    file.unlink()
    getattr(os, make)(file)

    assert load(spec, cache).title == "Vault API"


@pytest.mark.parametrize("what", ["mock", "package", "source", "python"])
def test_another_version_of_what_made_it_makes_it_again(
    what: str, spec: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(spec, cache)
    if what == "mock":
        monkeypatch.setattr(caching, "VERSION", "99")
    elif what == "package":
        monkeypatch.setattr(caching, "_version", lambda name: f"{name} 99")
    elif what == "source":
        monkeypatch.setattr(caching, "_source", lambda module: module.encode())
    else:
        monkeypatch.setattr(sys, "version_info", (3, 99, 0, "final", 0))
    parsed = reading(monkeypatch)

    load(spec, cache)

    assert len(parsed) == 2
    assert len(files(cache)) == 2


def test_a_value_that_json_cannot_say_is_not_kept(cache: Cache) -> None:
    for value in (float("nan"), float("inf"), 2**70, b"x", {1}, (1,), "\ud800", {1: 2}):
        cache.put("odd", "key", {"value": value})

        assert cache.get("odd", "key") is None


def test_a_cache_that_is_off_touches_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    off, auto = Cache.at("off"), Cache.at("auto")
    off.put("a", "b", 1)

    assert off.get("a", "b") is None
    assert list(tmp_path.iterdir()) == []
    assert auto.folder == tmp_path / "mockvault"
    assert Cache.at(str(tmp_path / "mine")).folder == tmp_path / "mine"


def test_the_users_folder_is_where_the_platform_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setattr(sys, "platform", "linux")
    assert user_folder() == Path("/home/somebody/.cache/mockvault")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert user_folder() == Path("/home/somebody/Library/Caches/mockvault")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert user_folder() is None
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    monkeypatch.setattr(sys, "platform", "linux")
    assert user_folder() is None


def test_few_files_of_one_name_are_kept(cache: Cache) -> None:
    for number in range(20):
        cache.put("a", f"{number:032}", number)
    cache.put("b", "x", 1)

    assert len(files(cache)) == caching.KEPT + 1


def test_who_reads_while_others_write_sees_all_or_nothing(cache: Cache) -> None:
    values = {str(number): [number] * 20_000 for number in range(4)}
    seen: list[Any] = []

    def write(number: str) -> None:
        for _ in range(30):
            cache.put("a", "the same key", values[number])

    writers = [threading.Thread(target=write, args=(number,)) for number in values]
    for each in writers:
        each.start()
    while any(each.is_alive() for each in writers):
        seen.append(cache.get("a", "the same key"))
    for each in writers:
        each.join()

    assert all(value is None or value in values.values() for value in seen)
    assert cache.get("a", "the same key") in values.values()
    assert len(files(cache)) == 1


def test_a_key_tells_parts_apart_however_they_are_cut() -> None:
    assert key_of(b"ab", b"c") != key_of(b"a", b"bc")
    assert key_of(b"a", modules=("contract.py",)) != key_of(b"a")
    assert key_of(b"a", packages=("orjson",)) != key_of(b"a", packages=("no-such-package",))


def answers(app: Any) -> list[tuple[int, dict[str, str], bytes]]:
    """Return what each operation answers to a right request and to two wrong ones."""
    found = []
    for vault in app.applications:
        app.workbenches.find(vault.application.id).clock.freeze(1_900_000_000_000)
    client = Client(app)
    for operation in sorted(OPERATIONS, key=lambda each: each.method == "DELETE"):
        for changes in ({}, {"query": {"surprise": "1"}}, {"headers": {"authorization": "no"}}):
            answer = request(client, operation, **changes)
            found.append((answer.status, answer.headers, answer.content))
    return found


def test_a_mock_started_from_the_cache_answers_as_one_started_without(tmp_path: Path) -> None:
    place = str(tmp_path / "cache")
    without, cold, warm = (
        answers(create_app(Settings(log_format="none", validate_responses=True, cache=each)))
        for each in ("off", place, place)
    )

    assert len(without) == 81
    assert without == cold
    assert without == warm


def test_starts_at_once_leave_one_whole_cache_and_answer_alike(tmp_path: Path) -> None:
    script = (
        "import sys; from mockvault.app import create_app\n"
        "from mockvault.settings import Settings\n"
        "app = create_app(Settings(log_format='none', cache=sys.argv[1]))\n"
        "print(app.contract.digest, len(app.contract.operations))\n"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "cache")], stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    told = {each.communicate(timeout=120)[0] for each in starts}

    assert [each.returncode for each in starts] == [0, 0, 0]
    assert len(told) == 1
    names = [file.name for file in (tmp_path / "cache").iterdir()]
    assert all(name.endswith(".json") for name in names)
    assert sum(name.startswith("contract-") for name in names) == 1
