"""The phase of histories: chance walks through the vault, beside the model, shrunk where they part.

A history is drawn from the seed alone, never from what the deployment answers, so the same seed
walks the same way everywhere. Hypothesis shrinks a failing history to the shortest one.
"""

import contextlib
import io
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from conformance.failures import Answer, Exchange, Failure
from conformance.laws.world import Connector
from conformance.model import Facts, Key, Mind, states
from conformance.phases.registry import Context, ended, phase, unjudged
from conformance.run_events import CaseJudged
from conformance.target import BudgetSpent, Principal, TargetUnreachable

Step = tuple[str, dict[str, Any]]

LAW = "VLT-HIS-01"
NAME = "histories agree with the model"
BATCH = 40
PROMISE = (
    "After any history of calls the deployment holds what the model holds, for every consumer."
)
# Which laws say the same of one side of the model: where they failed, a history tells nothing new.
AREA_BY_ASPECT = {
    "state": "state",
    "enabled": "state",
    "settings": "state",
    "metadata": "state",
    "others": "isolation",
    "consumer": "state",
    "gone": "cascades",
    "count": "counts",
    "refused": "state",
    "list": "state",
    "values": "state",
}


class Parted(Exception):
    """The deployment and the model part ways."""

    def __init__(self, aspect: str, expected: str, seen: str) -> None:
        super().__init__(f"{aspect}: expected {expected}, seen {seen}")
        self.aspect, self.expected, self.seen = aspect, expected, seen


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a history is about: two consumers in each application, and some connectors."""

    principals: tuple[Principal, ...]
    connectors: tuple[Connector, ...]


class Walk:
    """One history as it goes: sends each step, tells the model, and compares."""

    def __init__(self, context: Context, cast: Cast) -> None:
        self.context, self.cast = context, cast
        self.mind = Mind()
        self.exchanges: deque[Exchange] = deque(maxlen=8)
        self.steps: list[Step] = []

    def step(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Take one step, and compare everything that it may have touched."""
        self.steps.append((name, dict(arguments)))
        who = self.cast.principals[arguments["who"] % len(self.cast.principals)]
        connectors = self.cast.connectors
        connector = (
            connectors[arguments.get("connector", 0) % len(connectors)] if connectors else None
        )
        getattr(self, f"_{name}")(who, connector, arguments)
        if connector is not None:
            self._compare(who, connector)

    def _call(self, operation_id: str, who: Principal, **arguments: Any) -> Answer:
        exchange = self.context.target.call(operation_id, who, **arguments)
        self.exchanges.append(exchange)
        operation = self.context.target.contract.operations[operation_id]
        if operation.needs_consumer and exchange.answer.is_good:
            self.mind.call(self._key(who))
        return exchange.answer

    def _key(self, who: Principal) -> Key:
        return (who.application.id, who.consumer_id)

    def _settings(self, connector: Connector, arguments: Mapping[str, Any]) -> dict[str, Any]:
        count = arguments.get("fields", 0) % (len(connector.required) + 1)
        value = str(arguments.get("value", "v"))
        out: dict[str, Any] = {}
        for row in connector.required[:count]:
            options = [
                o["value"] for o in row.get("options") or () if isinstance(o, dict) and "value" in o
            ]
            text = (
                f"https://{value}.example.com"
                if row.get("type") == "url" or "url" in str(row["id"])
                else f"x{value}"
            )
            out[str(row["id"])] = options[0] if options else text
        if arguments.get("extra") is not None:
            out["extra"] = arguments["extra"]
        return out

    def _body(self, connector: Connector, arguments: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"settings": self._settings(connector, arguments)}
        if "enabled" in arguments:
            body["enabled"] = arguments["enabled"]
        if arguments.get("mark") is not None:
            body["metadata"] = {"mark": arguments["mark"]}
        return body

    # --- steps ---

    def _add(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        known = self.mind.held(self._key(who), (connector.unified_api, connector.service_id))
        body = {"enabled": True, **self._body(connector, arguments)}
        answer = self._call("connectionsAdd", who, body=body, **connector.path)
        if answer.is_good:
            self.mind.write(self._key(who), (connector.unified_api, connector.service_id), body)
        elif known is None:
            raise Parted("refused", "a new connection is added", f"HTTP {answer.status}")

    def _update(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        known = self.mind.held(self._key(who), (connector.unified_api, connector.service_id))
        body = self._body(connector, arguments)
        if known is None:
            body = {"enabled": True, **body}
        answer = self._call("connectionsUpdate", who, body=body, **connector.path)
        if answer.is_good:
            self.mind.write(self._key(who), (connector.unified_api, connector.service_id), body)
        elif known is not None:
            raise Parted("refused", "an added connection can be updated", f"HTTP {answer.status}")

    def _wrong(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        body = {
            "settings": {"extra": arguments["value"]},
            "metadata": {"mark": arguments["value"]},
            "enabled": "maybe",
        }
        self._call("connectionsUpdate", who, body=body, **connector.path)

    def _delete(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        del arguments
        key = (connector.unified_api, connector.service_id)
        known = self.mind.held(self._key(who), key)
        answer = self._call("connectionsDelete", who, **connector.path)
        if answer.is_good:
            self.mind.drop(self._key(who), key)
        elif known is not None:
            raise Parted("refused", "an added connection can be deleted", f"HTTP {answer.status}")

    def _import(self, who: Principal, connector: Connector, arguments: Mapping[str, Any]) -> None:
        if not connector.redirects:
            return
        tokens = {
            "access_token": f"canary-{arguments['value']}-at",
            "issued_at": "2026-01-01T00:00:00.000Z",
            "expires_in": 315_360_000,
        }
        self.context.target.secrets.add(tokens["access_token"], "VAULT_IMPORT_ACCESS_TOKEN")  # type: ignore[arg-type]
        body = self._body(connector, arguments)
        body.pop("enabled", None)
        answer = self._call(
            "connectionsImport", who, body={**body, "credentials": tokens}, **connector.path
        )
        if answer.is_good:
            self.mind.write(
                self._key(who), (connector.unified_api, connector.service_id), body, token=True
            )

    def _consumer(
        self, who: Principal, connector: Connector | None, arguments: Mapping[str, Any]
    ) -> None:
        del connector
        known = self.mind.exists(self._key(who))
        metadata = {"user_name": arguments["value"]}
        operation = "consumersUpdate" if known else "consumersAdd"
        body = (
            {"metadata": metadata}
            if known
            else {"consumer_id": who.consumer_id, "metadata": metadata}
        )
        answer = self._call(operation, who, body=body)
        if not answer.is_good:
            raise Parted("refused", f"{operation} succeeds", f"HTTP {answer.status}")
        self.mind.describe(self._key(who), metadata)

    def _forget(
        self, who: Principal, connector: Connector | None, arguments: Mapping[str, Any]
    ) -> None:
        del connector, arguments
        known = self.mind.exists(self._key(who))
        answer = self._call("consumersDelete", who)
        if known and not answer.is_good:
            raise Parted("refused", "a known consumer can be deleted", f"HTTP {answer.status}")
        self.mind.forget(self._key(who))
        answer = self._call("consumersOne", who)
        if answer.is_good:
            raise Parted("gone", "a deleted consumer is not found", f"HTTP {answer.status}")

    def _session(
        self, who: Principal, connector: Connector | None, arguments: Mapping[str, Any]
    ) -> None:
        del connector, arguments
        answer = self._call("sessionsCreate", who)
        if not answer.is_good:
            raise Parted("refused", "a session can be created", f"HTTP {answer.status}")

    # --- comparison ---

    def _compare(self, actor: Principal, connector: Connector) -> None:
        key = (connector.unified_api, connector.service_id)
        facts = Facts(
            connector.auth_type,
            tuple(str(f["id"]) for f in connector.required),
            connector.validates,
        )
        for who in self.cast.principals:
            own = who == actor
            if not own and not self.mind.exists(self._key(who)):
                continue
            answer = self._call("connectionsOne", who, **connector.path)
            held = self.mind.held(self._key(who), key)
            if answer.status == 404 and held is None:
                continue
            item = answer.item
            wrong = self._wrong_side(item, held, states(facts, held))
            if wrong:
                aspect, expected, seen = wrong
                raise Parted(aspect if own else "others", expected, seen)
        self._counted(actor)

    def _wrong_side(
        self, item: Mapping[str, Any], held: Any, allowed: frozenset[str]
    ) -> tuple[str, str, str] | None:
        if item.get("state") not in allowed:
            return "state", " or ".join(sorted(allowed)), str(item.get("state"))
        if held is None:
            return ("enabled", "not enabled", "enabled") if item.get("enabled") is True else None
        if item.get("enabled") is not held.enabled:
            return "enabled", str(held.enabled), str(item.get("enabled"))
        for name, book in (("settings", held.settings), ("metadata", held.metadata)):
            found = item.get(name) or {}
            for field, want in book.items():
                if field != "api_key" and found.get(field) != want:
                    return name, f"{field}: {want!r}", repr(found.get(field))
            surplus = [f for f in ("extra", "mark") if f in found and f not in book]
            if surplus:
                return name, f"no {surplus[0]}", repr(found[surplus[0]])
        return None

    def _counted(self, who: Principal) -> None:
        key = self._key(who)
        answer = self._call("consumersOne", who)
        if not self.mind.exists(key):
            return
        if not answer.is_good:
            raise Parted("consumer", "the consumer exists", f"HTTP {answer.status}")
        metadata = answer.item.get("metadata") or {}
        for name, want in self.mind.metadata[key].items():
            if metadata.get(name) != want:
                raise Parted("consumer", f"{name}: {want!r}", repr(metadata.get(name)))
        rows = [r for r in answer.item.get("connections") or () if isinstance(r, dict)]
        listed = {
            (r.get("unified_api"), r.get("service_id"))
            for r in rows
            if r.get("state") != "available"
        }
        mine = set(self.mind.connections.get(key, {}))
        if "connections" in answer.item and listed != mine:
            raise Parted("list", str(sorted(mine)), str(sorted(map(str, listed))))


def cast_for(context: Context, number: str) -> Cast:
    """Return the principals and connectors of the history with that number."""
    stem = f"{context.target.prefix}his{context.turn()}-{number}-"
    principals = [
        Principal(app, stem + name)
        for app in context.target.applications[:2]
        for name in ("a", "b")
    ]
    rows: list[Connector] = []
    for kinds in (("apiKey", "basic"), ("oauth2",), ("custom", "basic"), ("none",)):
        found = [c for c in context.catalogue if c.auth_type in kinds and c not in rows]
        rows += found[: 2 if kinds[0] == "oauth2" else 1]
    return Cast(tuple(principals), tuple(rows))


VALUES = st.text(alphabet="abcdefghij0123456789", min_size=1, max_size=6)
EXTRAS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=6).filter(lambda t: t.isprintable())
    | st.lists(st.integers(0, 3), max_size=2)
)


def machine_for(  # noqa: C901 - one function a rule
    context: Context, walks: list[Walk], deadline: float, number: int = 0
) -> type[RuleBasedStateMachine]:
    """Return the machine whose rules are the steps of a history."""
    index, few = st.integers(0, 3), st.integers(0, 3)
    kinds = st.integers(0, 4)

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.walk = Walk(context, cast_for(context, f"{number}-{len(walks)}"))
            walks.append(self.walk)

        def _step(self, name: str, **arguments: Any) -> None:
            if context.target.clock.now() > deadline and not any(
                w.steps and getattr(w, "parted", None) for w in walks
            ):
                raise BudgetSpent("the time is spent")
            try:
                self.walk.step(name, arguments)
            except Parted as parted:
                self.walk.parted = parted  # type: ignore[attr-defined]
                raise

        @rule(
            who=index,
            connector=kinds,
            fields=few,
            value=VALUES,
            extra=EXTRAS,
            mark=st.none() | VALUES,
        )
        def add(self, **arguments: Any) -> None:
            self._step("add", **arguments)

        @rule(
            who=index,
            connector=kinds,
            fields=few,
            value=VALUES,
            extra=EXTRAS,
            mark=st.none() | VALUES,
        )
        def update(self, **arguments: Any) -> None:
            self._step("update", **arguments)

        @rule(who=index, connector=kinds, enabled=st.booleans())
        def switch(self, **arguments: Any) -> None:
            self._step("update", **arguments)

        @rule(who=index, connector=kinds, value=VALUES)
        def wrong(self, **arguments: Any) -> None:
            self._step("wrong", **arguments)

        @rule(who=index, connector=kinds)
        def delete(self, **arguments: Any) -> None:
            self._step("delete", **arguments)

        @rule(who=index, connector=kinds, fields=few, value=VALUES)
        def import_(self, **arguments: Any) -> None:
            self._step("import", **arguments)

        @precondition(lambda self: bool(self.walk.steps))
        @rule(who=index, connector=kinds)
        def forget(self, **arguments: Any) -> None:
            self._step("forget", **arguments)

        @rule(who=index, connector=kinds, value=VALUES)
        def consumer(self, **arguments: Any) -> None:
            self._step("consumer", **arguments)

        @rule(who=index, connector=kinds)
        def session(self, **arguments: Any) -> None:
            self._step("session", **arguments)

    return Machine


def _batches(context: Context) -> list[str]:
    if context.only:
        return []
    count = -(-context.profile.histories // BATCH)
    return [f"{LAW} batch {number + 1}" if number else LAW for number in range(count)]


@phase("stateful", "chance histories beside a model, shrunk to the shortest", _batches)
def judge_histories(context: Context) -> Iterator[CaseJudged]:
    """Walk histories of chance, in batches, until one parts from the model; shrink that one."""
    profile = context.profile
    if not _batches(context):
        return
    if not context.catalogue or not profile.may_write:
        why = "nothing may be written" if not profile.may_write else "the catalogue is empty"
        yield unjudged("stateful", LAW, NAME, "state", why)
        return
    clock = context.target.clock
    until = min(context.target.deadline or 1e18, clock.now() + profile.seconds / 2)
    for number, unit in enumerate(_batches(context)):
        if not context.wanted(unit):
            continue
        if number and clock.now() > until:
            return
        case = _walked(context, unit, number, until)
        yield case
        if case.failures:
            return


def _walked(context: Context, unit: str, number: int, until: float) -> CaseJudged:
    profile = context.profile
    begun, requests = time.perf_counter(), context.target.requests
    walks: list[Walk] = []
    count = min(BATCH, profile.histories - number * BATCH)
    config = settings(
        max_examples=count,
        stateful_step_count=profile.history_length,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
        phases=(Phase.generate, Phase.shrink),
    )
    machine = machine_for(context, walks, until, number)
    failures: tuple[Failure, ...] = ()
    reason = ""
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            source = f"{context.seed} {number}" if number else context.seed
            run_state_machine_as_test(seeded(source)(machine), settings=config)
    except (Parted, HypothesisException, BaseExceptionGroup):
        failures = _told(context, walks)
    except (BudgetSpent, TargetUnreachable) as why:
        reason = ended(why)
    judged = sum(len(w.steps) for w in walks)
    return CaseJudged(
        "stateful",
        unit,
        NAME,
        failures[0].area if failures else "state",
        "failed" if failures else "passed" if judged else "not judged",
        reason or ("" if judged else "no history was walked"),
        judged,
        context.target.requests - requests,
        time.perf_counter() - begun,
        failures,
    )


FOLLOWS = {
    "state": ("VLT-CNX", "VLT-CAS", "VLT-OAU"),
    "enabled": ("VLT-CNX", "VLT-CAS"),
    "settings": ("VLT-CNX", "VLT-CAS", "VLT-LIM", "VLT-VAL-02"),
    "metadata": ("VLT-CNX", "VLT-CAS", "VLT-LIM"),
    "others": ("VLT-ISO", "VLT-CAS"),
    "consumer": ("VLT-CSM", "VLT-LIM", "VLT-SES"),
    "gone": ("VLT-CSM", "VLT-CAS"),
    "refused": ("VLT-",),
    "list": ("VLT-CNX", "VLT-CAS", "VLT-CSM"),
}


def _told(context: Context, walks: Sequence[Walk]) -> tuple[Failure, ...]:
    """Return the failure of the shortest history that parted from the model."""
    parted = [w for w in walks if getattr(w, "parted", None) is not None]
    if not parted:
        return ()
    short = min(reversed(parted), key=lambda w: len(w.steps))
    why: Parted = short.parted  # type: ignore[attr-defined]
    broken = context.broken()
    grounds = [
        law
        for law in sorted(broken)
        if law != LAW
        and law.startswith((*FOLLOWS.get(why.aspect, ("VLT-",)), "VLT-ENV", "VLT-ISO", "VLT-VAL"))
    ]
    text = " → ".join(f"{name} {dict(arguments)}" for name, arguments in short.steps)
    return (
        Failure(
            law=LAW,
            name=NAME,
            area=AREA_BY_ASPECT.get(why.aspect, "state"),
            promise=PROMISE,
            expected=why.expected,
            seen=context.target.secrets.hidden(
                f"{why.seen} after {len(short.steps)} steps: {text}"
            ),
            source="guide: connection states; the reference model (documented)",
            aspect=why.aspect,
            operation=short.exchanges[-1].operation_id if short.exchanges else "",
            exchanges=tuple(short.exchanges),
            replay={
                "kind": "history",
                "seed": context.seed,
                "steps": [list(s) for s in short.steps],
                "builds_on": grounds,
            },
        ),
    )


def replay_history(context: Context, steps: Sequence[Sequence[Any]]) -> Parted | None:
    """Walk a recorded history again, and return where it parts from the model, if it does."""
    walk = Walk(context, cast_for(context, "again"))
    try:
        for name, arguments in steps:
            walk.step(name, arguments)
    except Parted as parted:
        return parted
    return None
