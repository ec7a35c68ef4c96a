"""`live` against a difficult deployment: slow, throttled, lagging, full of other people's data."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.cleaning import clean
from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.profiles import PROFILES
from conformance.run_events import RunFinished
from conformance.target import Application, Ledger, Target, TargetUnreachable, WsgiTransport
from tests.broken.vault import Clock, Reply, Request, Vault

APPS = (
    Application("mock-app", "mock-api-key", "VAULT"),
    Application("other-app", "other-api-key", "VAULT_OTHER"),
)
DIFFICULT = ("slow", "rate_limited", "lagging")


class Gone(Exception):
    """The run was killed."""


class Mortal(Vault):
    """A deployment whose tester is killed after so many requests."""

    left: int = 10**9

    def answer(self, request: Request) -> Reply:
        self.left -= 1
        if self.left < 0:
            raise Gone
        return super().answer(request)


def others(vault: Vault) -> object:
    return copy.deepcopy(
        {
            app: {n: c for n, c in world.items() if not n.startswith("conf-")}
            for app, world in vault.world.items()
        }
    )


def live(
    vault: Vault,
    *,
    writes: bool,
    ledger: Path | None = None,
    only: tuple[str, ...] = (),
    **more: Any,
) -> Run:
    profile = replace(PROFILES["live"], may_write=writes, seconds=1e9, max_requests=10**6)
    return Run(
        Plan(
            load(),
            WsgiTransport(vault),
            "https://staging.example",
            APPS,
            profile,
            1,
            "live01",
            only=only,
            phases=("laws",),
            ledger=ledger,
            clock=vault.clock,
            **more,
        )
    )


def test_without_leave_to_write_nothing_changes_and_nothing_is_found() -> None:
    vault = Vault(variants=["slow"], clock=Clock(real=False))
    before = others(vault)

    ended = live(vault, writes=False, consumer="test-consumer").execute()

    assert ended.outcome == "conforms", [c.failure for c in ended.causes]
    assert ended.areas["auth"] == "conforms"
    assert "VLT-CNX-02" in ended.not_judged
    assert {n for n in vault.world["mock-app"] if n.startswith("conf-")} == set()
    assert len(vault.world["mock-app"]) == len(before["mock-app"])  # type: ignore[index]


def test_a_run_without_a_consumer_of_its_own_reads_none() -> None:
    vault = Vault(clock=Clock(real=False))

    ended = live(vault, writes=False).execute()

    assert ended.outcome == "not judged"
    assert "--consumer ID" in " ".join(ended.notes)
    assert set(vault.world["mock-app"]) == {"test-consumer", "somebody"}


@pytest.mark.slow
def test_a_difficult_deployment_is_not_blamed_and_nothing_is_left_behind() -> None:
    vault = Vault(variants=DIFFICULT, clock=Clock(real=False))
    before = others(vault)

    ended = live(vault, writes=True, only=("VLT-CNX-0", "VLT-CSM", "VLT-ISO-01")).execute()

    assert [c.failure.key for c in ended.causes] == []
    assert ended.residue["residue"] == 0
    assert others(vault) == before


def test_what_a_killed_run_left_is_removed_by_its_ledger(tmp_path: Path) -> None:
    vault = Mortal(clock=Clock(real=False))
    before = others(vault)
    vault.left = 150
    run = live(vault, writes=True, ledger=tmp_path / "ledger")
    with pytest.raises((Gone, TargetUnreachable)):
        run.execute()
    left = [n for n in vault.world["mock-app"] if n.startswith("conf-")]
    assert left

    vault.left = 10**9
    profile = replace(PROFILES["live"], may_write=True, max_requests=10**6)
    target = Target(
        load(),
        WsgiTransport(vault),
        "https://staging.example",
        APPS,
        profile,
        prefix="conf-",
        clock=vault.clock,
    )
    found = clean(target, Ledger.read(tmp_path / "ledger"))

    assert found["residue"] == 0
    assert [n for world in vault.world.values() for n in world if n.startswith("conf-")] == []
    assert others(vault) == before


def test_an_interrupted_run_gives_a_partial_verdict_and_cleans_up() -> None:
    vault = Vault(clock=Clock(real=False))
    run = live(vault, writes=True)
    seen: list[object] = []

    def stop(event: object) -> None:
        seen.append(event)
        if len(seen) == 20:
            raise KeyboardInterrupt

    run._listeners.append(stop)
    ended = run.execute()

    assert ended.outcome == "interrupted"
    assert isinstance(ended, RunFinished)
    assert ended.residue["residue"] == 0


def test_a_run_out_of_time_gives_a_verdict_on_what_it_judged() -> None:
    vault = Vault(variants=["slow"], clock=Clock(real=False))
    profile = replace(PROFILES["quick"], seconds=20.0)

    ended = Run(
        Plan(
            load(),
            WsgiTransport(vault),
            "http://in-process",
            APPS,
            profile,
            1,
            "short1",
            clock=vault.clock,
        )
    ).execute()

    assert ended.outcome == "undecided"
    assert any("its 20 s are over (--max-time)" in why for why in ended.not_judged.values())
    assert ended.residue["residue"] == 0
