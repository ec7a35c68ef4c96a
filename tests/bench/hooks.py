"""What journal, webhooks and faults cost a request while nobody looks, subscribes or sets a rule.

Two mocks answer in this process by turns: one as it is, one without them. What the one takes more
is what they cost, beside the server's CPU time for the whole request.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.bench.calls import BY_LETTER, Call
from tests.bench.in_process import Direct
from tests.bench.rounds import Effort

LETTERS = "abcd"
"""Calls that are answered by the vault: a refused one raises nothing."""
ROUNDS, COUNT = 80, 75


def without_hooks() -> Direct:
    """Return a mock in this process that has no journal, raises no event and knows no fault."""
    direct = Direct()
    assert direct.app.direct is not None
    for letter in LETTERS:
        call = BY_LETTER[letter]
        direct.ask(direct.requests(call, 1))
        direct.answered(call, 1)
    for plan in {way.plan for way in direct.app.direct.lines.values()}:
        plan._service = replace(plan._service, record=_nothing, meddler=None)
    for vault in direct.app.applications:
        vault.surroundings.listeners.clear()
        vault.put_down = _nothing
    return direct


def hooked(effort: Effort, say: Callable[[str], None]) -> dict[str, float]:
    """Return the µs of CPU that the hooks cost each call."""
    say("journal, webhooks and faults while nobody uses them")
    rounds = ROUNDS if effort.rounds > 2 else ROUNDS // 2
    whole, bare = Direct(), without_hooks()
    gc.collect()
    gc.disable()  # a collection would fall on the one or the other
    try:
        return {letter: _difference(whole, bare, BY_LETTER[letter], rounds) for letter in LETTERS}
    finally:
        gc.enable()
        whole.close()
        bare.close()


def _difference(whole: Direct, bare: Direct, call: Call, rounds: int) -> float:
    """Return how many µs of CPU more an answer of the one takes than one of the other.

    Both are asked by turns, and of each the round counts that was disturbed least.
    """
    least = [float("inf"), float("inf")]
    for number in range(rounds):
        for place in (0, 1) if number % 2 else (1, 0):
            least[place] = min(least[place], _spent((whole, bare)[place], call))
    return round((least[0] - least[1]) / COUNT * 1e6, 2)


def _spent(direct: Direct, call: Call) -> float:
    """Return the seconds of CPU that a round took."""
    raws = direct.requests(call, COUNT)
    began = time.process_time()
    direct.ask(raws)
    spent = time.process_time() - began
    direct.answered(call, COUNT)
    return spent


def _nothing(row: Any) -> None:
    """Put nothing down."""
