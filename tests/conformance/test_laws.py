import os
from dataclasses import replace
from typing import Any

import pytest

from conformance.checks import CHECKS
from conformance.laws import LAWS
from tests.broken.bugs import BUGS, VARIANTS
from tests.broken.eighth import Vault
from tests.broken.eighth_bugs import EIGHTH
from tests.broken.fifth_bugs import FIFTH
from tests.broken.fourth_bugs import FOURTH
from tests.broken.further_bugs import FURTHER
from tests.broken.mutants import WIRE, judged
from tests.broken.seventh_bugs import SEVENTH
from tests.broken.sixth_bugs import SIXTH
from tests.broken.third_bugs import THIRD
from tests.broken.vault import Clock, Reply, Request
from tests.conformance.caught import BUG_BY_LAW


class Recorder(Vault):
    seen: list[tuple[str, str, str, bytes]]

    def answer(self, request: Request) -> Reply:
        self.__dict__.setdefault("seen", []).append(
            (request.method, request.path, request.query, request.body)
        )
        return super().answer(request)


LAWS_OF_CALLS = [law for law in LAWS if not law.startswith("VLT-HOK")]


def causes(*bugs: str, seed: int = 1, **more: Any) -> list[str]:
    return [c.failure.key for c in judged(*bugs, seed=seed, **more)[1].causes]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_correct_vault_breaks_no_law_and_every_law_is_judged(seed: int) -> None:
    run, ended = judged(seed=seed)

    assert [c.failure.key for c in ended.causes] == []
    assert ended.not_judged == {}
    assert {c.id for c in run.cases} == set(LAWS_OF_CALLS)
    assert ended.level == "security"  # webhooks are judged by `quick`


@pytest.mark.parametrize("variant", sorted(set(VARIANTS) - {"lagging"}))
def test_a_legal_variant_breaks_no_law(variant: str) -> None:
    assert causes(variants=[variant]) == []


@pytest.mark.slow
def test_reads_that_lag_behind_writes_break_no_law() -> None:
    assert causes(variants=["lagging"]) == []


WHOLE = "MOCKVAULT_WHOLE" in os.environ
"""Whether there is time: `make proof` takes every seed and every bug, CI some of them."""
SEEDS = range(10, 30) if WHOLE else range(10, 11)

# all of these at once are as legal as each alone, and need a twentieth of the runs
AT_ONCE = {"upsert_on_write", "delete_untouched", "other_catalogue", "touched_only", "auto_consent"}


ONE_BY_ONE = sorted(set(VARIANTS) - {"lagging"} - AT_ONCE)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ONE_BY_ONE if WHOLE else ONE_BY_ONE[::3])
def test_no_seed_finds_fault_with_a_legal_variant(variant: str) -> None:
    found = {seed: causes(variants=[variant], seed=seed) for seed in SEEDS}

    assert {seed: keys for seed, keys in found.items() if keys} == {}


@pytest.mark.slow
def test_no_seed_finds_fault_with_legal_variants_at_once() -> None:
    found = {seed: causes(variants=sorted(AT_ONCE), seed=seed) for seed in SEEDS}

    assert {seed: keys for seed, keys in found.items() if keys} == {}


def test_every_law_and_check_has_a_bug_that_it_catches() -> None:
    assert set(BUG_BY_LAW) == set(LAWS) | set(CHECKS)
    assert set(BUG_BY_LAW.values()) <= set(BUGS)


@pytest.mark.parametrize("law", [law for law in BUG_BY_LAW if law in LAWS_OF_CALLS])
def test_a_law_catches_its_bug_when_judged_alone(law: str) -> None:
    run, ended = judged(BUG_BY_LAW[law], only=(law,))

    assert law in {f.law for f in run.failures}
    assert ended.outcome == "fails"


@pytest.mark.parametrize("law", [law for law in BUG_BY_LAW if law in CHECKS])
def test_a_check_catches_its_bug(law: str) -> None:
    run, _ = judged(
        BUG_BY_LAW[law], only=("VLT-CSM", "VLT-CNX-0", "VLT-CNX-1", "VLT-AUT-01", "VLT-AUT-02")
    )

    assert law in {f.law for f in run.failures}


# what takes a receiver, a port, or the other side
FOUND_BY_QUICK = {b for b in BUGS if BUGS[b].area == "webhooks"} | WIRE | {"second_app_any_key"}
KNOWN = {**FURTHER, **THIRD, **FOURTH, **FIFTH, **SIXTH, **SEVENTH, **EIGHTH}
SMOKED = [b for b in BUGS if b not in FOUND_BY_QUICK and b not in KNOWN]
# found, and told by another area than the one it is planted in
TOLD_ELSEWHERE = {"list_one_api", "second_page_bare"}
SAMPLE = [b for b in (*FURTHER, *FOURTH) if b not in FOUND_BY_QUICK][::6]
SAMPLE = [b for b in SAMPLE if b not in TOLD_ELSEWHERE]
SAMPLE += [b for b in (*FIFTH, *SIXTH, *SEVENTH) if b not in FOUND_BY_QUICK][::6]
PLANTED = [*SMOKED, *SAMPLE]


@pytest.mark.slow
@pytest.mark.parametrize("bug", PLANTED if WHOLE else PLANTED[::10])
def test_smoke_finds_a_planted_bug_and_names_its_area(bug: str) -> None:
    _, ended = judged(bug)

    assert ended.causes
    assert ended.causes[0].failure.area == BUGS[bug].area
    assert len(ended.causes) <= 2


def test_an_answer_that_a_law_cannot_read_ends_no_run() -> None:
    _, ended = judged("metadata_text", only=("VLT-CSM-01", "VLT-CSM-02"))

    assert [c.failure.law for c in ended.causes] == ["VLT-ENV-03"]
    assert "cannot read" in ended.not_judged["VLT-CSM-02"]


def test_the_same_seed_sends_the_same_requests() -> None:
    def sent() -> list[tuple[str, str, str, bytes]]:
        clock = Clock(real=False)
        clock._start = 1_800_000_000.0
        vault = Recorder(clock=clock)
        judged(seed=7, run_id="aaaaaa", vault=vault, only=("VLT-CSM", "VLT-CNX", "VLT-VAL"))
        return vault.seen

    assert sent() == sent()


def test_another_seed_sends_others() -> None:
    first, second = (Recorder(clock=Clock(real=False)) for _ in range(2))

    judged(seed=7, run_id="aaaaaa", vault=first, only=("VLT-CNX-05",))
    judged(seed=8, run_id="aaaaaa", vault=second, only=("VLT-CNX-05",))

    assert first.seen != second.seen


def test_an_empty_catalogue_leaves_laws_not_judged_and_says_why() -> None:
    _, ended = judged(variants=["empty_catalogue"])

    assert ended.outcome == "conforms"
    assert ended.not_judged["VLT-CNX-02"] == "the catalogue has no connector for it"
    assert ended.areas["mappings"] == "not judged"
    assert ended.level == "contract"


def test_the_order_of_logs_is_judged_where_calls_that_name_a_consumer_are_logged() -> None:
    run, _ = judged("log_oldest", variants=["named_logged"], only=("VLT-LOG-02",))

    assert {f.law for f in run.failures} == {"VLT-LOG-02"}


@pytest.mark.parametrize("bug", ["deny_wipes", "deny_wipes_token", "fail_dropquery", "fail_silent"])
def test_a_denial_is_judged_where_the_provider_says_yes_to_everybody(bug: str) -> None:
    _, ended = judged(bug, variants=["auto_consent"], only=("VLT-OAU",))

    assert {c.failure.law for c in ended.causes} <= {"VLT-OAU-06", "VLT-OAU-25"}
    assert ended.outcome == "fails"


def test_the_reason_of_what_is_not_judged_names_the_state_and_not_the_session() -> None:
    class Opaque(Vault):
        def _link(self, *given: Any) -> str:
            url, _, state = super()._link(*given).partition("?state=")
            return f"{url}?state={state.replace('.', '-')}"

    _, ended = judged(only=("VLT-OAU-14",), vault=Opaque(clock=Clock(real=False)))

    assert ended.not_judged["VLT-OAU-14"] == "the state is not a JWT"


def test_added_connections_will_do_for_most_laws_where_everything_asks_for_consent() -> None:
    _, ended = judged(variants=["consent_only", "targets_unshown"])

    assert ended.causes == ()
    assert ended.not_judged == {
        "VLT-CNX-10": "no connector without OAuth asks for fields (VLT-OAU-05 judges the others)",
        **dict.fromkeys(
            ("VLT-CNX-11", "VLT-CNX-20", "VLT-CNX-26"),
            "every connector needs more than its settings",
        ),
        "VLT-CNX-17": "no connector with one of the two grants",
        "VLT-CSM-10": "no two connections need nothing but their fields "
        "(consumersOne answered 200)",
        "VLT-SEC-03": "no connector has an api_key",
        "VLT-SEC-09": "no connector asks for a secret",
        **dict.fromkeys(
            ("VLT-SEC-04", "VLT-VAL-06"), "no connector with the client_credentials grant"
        ),
    }


@pytest.mark.parametrize("bug", ["add_not_stored", "config_lost", "log_oldest", "empty_dropped"])
def test_bugs_are_found_on_connections_that_are_only_added(bug: str) -> None:
    _, ended = judged(bug, variants=["consent_only"])

    assert [c.failure.area for c in ended.causes] == [BUGS[bug].area]


@pytest.mark.parametrize("variant", ["places_hidden", "cursor_places"])
def test_what_moves_under_a_cursor_that_counts_places_is_not_judged(variant: str) -> None:
    _, ended = judged(variants=[variant], only=("VLT-PAG",))

    assert ended.causes == ()
    assert set(ended.not_judged) == {"VLT-PAG-07", "VLT-PAG-13"}
    assert all("cursors count places" in why for why in ended.not_judged.values())


class Long(Vault):
    """A deployment whose list of consumers has more pages than anybody would walk."""

    def answer(self, request: Request) -> Reply:
        is_list = request.path == "/vault/consumers" and request.method == "GET"
        reply = super().answer(replace(request, query="") if is_list else request)
        if is_list and reply.status == 200:
            page = int(request.arg("cursor") or 0)
            rows = int(request.arg("limit") or 20)
            names = [f"person-{page + n:05}" for n in range(rows)]
            reply.body["data"] = [{**reply.body["data"][0], "consumer_id": n} for n in names]
            reply.body["meta"]["cursors"] = {"next": str(page + rows), "previous": None}
        return reply


def test_a_list_too_long_to_walk_is_not_judged_rather_than_called_endless() -> None:
    only = ("VLT-PAG-03", "VLT-PAG-07", "VLT-PAG-13")

    _, ended = judged(only=only, vault=Long(clock=Clock(real=False)))

    assert not {c.failure.law for c in ended.causes} & set(only)
    assert [ended.not_judged[law] for law in only] == [
        "the application has too many consumers (consumersAll answered 200)"
    ] * 3
