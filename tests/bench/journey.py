"""How long a request is at each step of its way, as a page: `python -m tests.bench.journey`.

Each step is a function of the mock. While requests are answered in this process, a watch stands at
the door of each, and what the watches themselves cost is measured and taken off. What is left of
the server's CPU time, as the kernel counts it, is the socket's: read, write and event loop.
"""

import argparse
import contextlib
import functools
import importlib
import itertools
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from mockvault.settings import Settings
from tests.bench import roster, tables
from tests.bench.accounts import processor
from tests.bench.calls import CALLS, Call
from tests.bench.in_process import Direct
from tests.bench.load import measure, undisturbed
from tests.bench.servers import keep_off_first_core, running

HERE = Path(__file__).parent
KEPT, PAGE = HERE / "journey.json", HERE / "journey.md"
WARM, COUNT, TURNS = 200, 300, 7
SOCKET = "socket"


@dataclass(frozen=True)
class Step:
    """A step of the way: its name, the function that it is, and what happens there."""

    name: str
    place: str
    what: str

    @property
    def module(self) -> str:
        """The module that the function stands in."""
        return self.place.partition(":")[0]

    @property
    def path(self) -> list[str]:
        """How the function is found in its module."""
        return self.place.partition(":")[2].split(".")


STEPS = (
    Step(
        "protocol",
        "mockvault.protocol:VaultProtocol.data_received",
        "Line and headers are looked up as bytes, together, then each. Known ones mean what they"
        " meant before; others go through llhttp and are kept where they are plain. With the"
        " request whole, it is answered here, without a task; else it goes uvicorn's way.",
    ),
    Step(
        "way",
        "mockvault.web.direct:Direct.answer",
        "The line has led to a plan, one for each operation, compiled at the start.",
    ),
    Step(
        "call",
        "mockvault.web.plans:Plan.at_once",
        "Unless a fault, a limit or a preference meddles, line, headers and body become a call.",
    ),
    Step(
        "credentials",
        "mockvault.web.plans:Plan._answer",
        "Key and application open a vault: nothing is told before that. Path, query and headers are"
        " judged, once for each line that comes with the same headers. What any later step refuses"
        " becomes an answer here.",
    ),
    Step(
        "refusal",
        "mockvault.web.plans:invalid",
        "All violations of a refused request become the contract's envelope.",
    ),
    Step(
        "judgement",
        "mockvault.web.judgement:Judge.judge_body",
        "The body is judged each time: read strictly as JSON, then by validators compiled from the"
        " contract.",
    ),
    Step(
        "handler",
        "handlers",
        "The operation: one question to the vault, one change of state at most, events raised, and"
        " the record presented, as bytes where it was presented before.",
    ),
    Step(
        "finish",
        "mockvault.web.plans:Plan._finish",
        "The call gets its id, and is put together for log and journal.",
    ),
    Step(
        "answer judged",
        "mockvault.web.plans:Plan._hold",
        "Status, headers and body are held to the contract (`--validate-responses`): parts that"
        " were proved when they were made are not proved again.",
    ),
    Step(
        "log and counts",
        "mockvault.store.memory:MemoryStore.record_call",
        "The call is logged and counted for its consumer.",
    ),
    Step(
        "journal",
        "mockvault.control.journal:Journal.put_request",
        "The exchange is put down in the journal of its application, with what it changed; numbers"
        " and events are worked out when somebody looks.",
    ),
    Step(
        "writing",
        "mockvault.web.writing:Writer.parts",
        "Status line, the headers of every answer and the body become one piece of bytes.",
    ),
)


class Watches:
    """A watch at each of some functions: the time in it, without that in others so watched."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self.entered: dict[str, int] = {}
        self.called: dict[str, int] = {}
        self._inside: list[list[int]] = []
        self._names: list[str] = []

    def at(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a watch at its door."""
        spent, entered, called = self.spent, self.entered, self.called
        inside, names = self._inside, self._names

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            of_others = [0]
            if names:
                outer = names[-1]
                called[outer] = called.get(outer, 0) + 1
            names.append(name)
            inside.append(of_others)
            began = perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                took = perf_counter_ns() - began
                inside.pop()
                names.pop()
                spent[name] = spent.get(name, 0) + took - of_others[0]
                entered[name] = entered.get(name, 0) + 1
                if inside:
                    inside[-1][0] += took

        return watched

    def clear(self) -> None:
        """Forget what was seen."""
        self.spent.clear()
        self.entered.clear()
        self.called.clear()

    def cost(self) -> tuple[float, float]:
        """Return the ns that a watch adds to what it watches, and to what calls that."""
        rounds, times = [], 20_000

        def nothing() -> None:
            return None

        inner = self.at("inner", nothing)

        def calling() -> None:
            for _ in range(times):
                inner()

        def calling_without() -> None:
            for _ in range(times):
                nothing()

        outer, without = self.at("outer", calling), self.at("without", calling_without)
        for _ in range(TURNS):
            self.clear()
            without()
            outer()
            in_itself = self.spent["inner"] / times
            # what calls pays for the door; the call itself it would have paid for anyway
            in_caller = (self.spent["outer"] - self.spent["without"]) / times
            rounds.append((in_itself, in_caller))
        self.clear()
        return min(each[0] for each in rounds), min(each[1] for each in rounds)

    def exclusive_us(self, name: str, calls: int, cost: tuple[float, float]) -> float:
        """Return the µs a call in a step, without those of others and of watches."""
        entered, called = self.entered.get(name, 0), self.called.get(name, 0)
        spent = self.spent.get(name, 0) - entered * cost[0] - called * cost[1]
        return max(0.0, spent / calls / 1000)


@contextlib.contextmanager
def watched(watches: Watches) -> Iterator[None]:
    """Have a watch at each step of mocks that are made meanwhile."""
    before: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, step: str) -> None:
        function = getattr(owner, name)
        before.append((owner, name, function))
        setattr(owner, name, watches.at(step, function))

    try:
        for step in STEPS:
            if step.place == "handlers":
                for owner, name in handlers():
                    put(owner, name, step.name)
            else:
                put(*place_of(step), step.name)
        yield
    finally:
        for owner, name, function in reversed(before):
            setattr(owner, name, function)


def place_of(step: Step) -> tuple[Any, str]:
    """Return where the function of a step stands, and its name there."""
    owner: Any = importlib.import_module(step.module)
    *outer, name = step.path
    for each in outer:
        owner = getattr(owner, each)
    if not callable(getattr(owner, name)):
        raise TypeError(f"{step.place} is no function")
    return owner, name


def handlers() -> Iterator[tuple[Any, str]]:
    """Yield the module and name of the handler of each call."""
    from mockvault.app import HANDLER_MODULES
    from mockvault.web.binding import handler_name

    for name in {handler_name(call.operation_id) for call in CALLS}:
        for module in HANDLER_MODULES:
            if hasattr(module, name):
                yield module, name


def in_process(call: Call, settings: Settings) -> dict[str, float]:
    """Return the µs of each step of a call, and of the whole without watches."""
    plain = Direct(settings)
    wholes: list[float] = []
    plain.ask(plain.requests(call, WARM))
    plain.answered(call, WARM)
    watches = Watches()
    with watched(watches):
        direct = Direct(settings)
        direct.ask(direct.requests(call, WARM))
        direct.answered(call, WARM)
        with undisturbed([]):
            cost = watches.cost()
        rounds: list[dict[str, float]] = []
        for _ in range(TURNS):
            raws = plain.requests(call, COUNT)
            with undisturbed([]):
                began = perf_counter_ns()
                plain.ask(raws)
                wholes.append((perf_counter_ns() - began) / COUNT / 1000)
            plain.answered(call, COUNT)
            raws = direct.requests(call, COUNT)
            watches.clear()
            with undisturbed([]):
                direct.ask(raws)
            rounds.append(
                {step.name: watches.exclusive_us(step.name, COUNT, cost) for step in STEPS}
            )
            direct.answered(call, COUNT)
    plain.close()
    direct.close()
    found = {step.name: round(min(each[step.name] for each in rounds), 2) for step in STEPS}
    return {**found, "whole": round(min(wholes), 2)}


def travelled() -> dict[str, Any]:
    """Return the µs of each step for each call, and what the kernel counts for the server."""
    keep_off_first_core()
    settings = Settings(log_format="none", validate_responses=True)
    numbers = itertools.count(1).__next__
    found: dict[str, dict[str, float]] = {}
    with running(roster.ours()[1], {}) as server:
        for call in CALLS:
            windows = [
                measure(server.pids, server.port, call.request(), 0.3, numbers, alone=True)
                for _ in range(5)
            ]
            us = in_process(call, settings)
            # both are the least of their rounds: what the way costs when nobody disturbs it
            us["server"] = round(min(each.cpu_us for each in windows), 2)
            us[SOCKET] = round(max(0.0, us["server"] - us["whole"]), 2)
            found[call.letter] = us
    return {
        "taken": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{processor()}, CPython {platform.python_version()}",
        "calls": {call.letter: call.name for call in CALLS},
        "us": found,
    }


def page(figures: dict[str, Any]) -> str:
    """Return the page: what happens at each step, and how long it takes."""
    calls, us = figures["calls"], figures["us"]
    head = ["µs of CPU", *calls.values()]

    def row(title: str, key: str) -> list[str]:
        return [title, *(micro(us[letter][key]) for letter in calls)]

    rows = [row("socket and event loop", SOCKET)]
    rows += [row(step.name, step.name) for step in STEPS]
    together = [
        micro(sum(us[letter][step.name] for step in STEPS) + us[letter][SOCKET]) for letter in calls
    ]
    rows += [["**together**", *together], row("the server, as the kernel counts it", "server")]
    told = [
        f"{number}. **{step.name}** (`{step.place.replace(':', '.')}`). {step.what}"
        if step.place != "handlers"
        else f"{number}. **{step.name}** (`mockvault.handlers`). {step.what}"
        for number, step in enumerate(STEPS, 2)
    ]
    return TEMPLATE.format(
        steps="\n".join(told),
        table=tables.markdown(head, rows),
        taken=figures["taken"],
        machine=figures["machine"],
        turns=TURNS,
        count=COUNT,
    )


TEMPLATE = """\
# How a request travels

Written by `make bench-journey`; why it goes this way is told in \
[a decision](../../spec/decisions/0501-a-short-way-under-uvicorn.md).

1. **socket and event loop** (the kernel, uvloop). The bytes of the request are read, those of \
the answer written: what the server's CPU time is more than all below.
{steps}

{table}
Measured {taken} on {machine}, with answers judged, at 32 connections; each figure is the least of \
{turns} rounds of {count} requests. The steps are measured with a watch at each, whose own cost is \
taken off; *together* and the kernel's count would be equal if that were exact.
"""


def micro(number: float) -> str:
    """Return µs as they are read; nothing where a call does not come by.

    >>> micro(12.345), micro(0.05), micro(0)
    ('12.3', '0.1', '–')
    """
    return f"{number:.1f}" if number >= 0.05 else "–"


def main() -> None:
    """Measure and write the page, or write it anew from what is kept."""
    parser = argparse.ArgumentParser(prog="make bench-journey ARGS=", description=__doc__)
    parser.add_argument("--rewrite", action="store_true", help="write the page from what is kept")
    if not parser.parse_args().rewrite:
        KEPT.write_text(json.dumps(travelled(), indent=1, ensure_ascii=False) + "\n")
    figures = json.loads(KEPT.read_text())
    PAGE.write_text(page(figures))
    print(page(figures))


if __name__ == "__main__":
    main()
