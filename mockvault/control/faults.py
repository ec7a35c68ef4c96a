"""Faults as rules: which requests go wrong, how, how often and until when; and a request limit.

A rule is a value: drawing on it makes another, so that a snapshot holds the budget that was left.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from mockvault.domain.clock import duration_of, duration_text, iso_time
from mockvault.domain.errors import EntityNotFound
from mockvault.domain.timers import Timers

EXPIRY = "fault"
"""The kind of timer that ends a rule."""
TRANSPORT = ("drip", "empty", "reset", "truncate", "malformed_json", "contract_violation")
LONGEST_LATENCY = 60_000.0

PRESETS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "flaky": (
        {"match": {"probability": 0.1}, "effect": {"status": 503, "retry_after": 1}},
        {"match": {"probability": 0.05}, "effect": {"reset": True}},
        {"match": {"probability": 0.05}, "effect": {"truncate": True}},
    ),
    "slow": ({"effect": {"latency": {"lognormal": {"median": 800, "sigma": 0.5}}}},),
    "rate-limited": ({"match": {"probability": 0.5}, "effect": {"status": 429, "retry_after": 1}},),
    "offline": ({"effect": {"reset": True}},),
}
"""Rules by the name of what they imitate."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a request when it is decided whether it goes wrong."""

    operation_id: str
    consumer_id: str
    connection_id: str


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests: all, less what each part excludes."""

    operation_ids: tuple[str, ...] = ()
    consumer: str | None = None
    service: str | None = None
    nth: tuple[int, ...] = ()
    every: int | None = None
    probability: float | None = None
    seed: int = 0

    def admits(self, facts: Facts) -> bool:
        """Tell whether the request is one of those that are meant, chance and count aside."""
        return (
            (
                not self.operation_ids
                or any(fnmatchcase(facts.operation_id, each) for each in self.operation_ids)
            )
            and (self.consumer is None or self.consumer == facts.consumer_id)
            and (
                self.service is None
                or self.service == facts.connection_id
                or facts.connection_id.endswith(f"+{self.service}")
            )
        )

    def falls_on(self, rule_id: str, count: int) -> bool:
        """Tell whether it is the turn of the `count`-th request that is meant."""
        if self.nth and count not in self.nth:
            return False
        if self.every is not None and count % self.every:
            return False
        return (
            self.probability is None
            or Random(f"{self.seed}/{rule_id}/{count}").random() < self.probability  # noqa: S311
        )


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer is kept back: a fixed time, or one drawn from a lognormal distribution."""

    median: float
    sigma: float = 0.0

    def draw(self, seed: str) -> float:
        """Return the seconds of one answer."""
        factor = math.exp(Random(seed).gauss(0.0, self.sigma)) if self.sigma else 1.0  # noqa: S311
        return min(self.median * factor, LONGEST_LATENCY) / 1000


@dataclass(frozen=True, slots=True)
class Effect:
    """What goes wrong: a refusal, a delay, or what the wire does to the answer.

    `executed` tells whether the vault does what was asked before the answer is lost.
    """

    status: int | None = None
    retry_after: int | None = None
    detail: str | None = None
    latency: Latency | None = None
    transport: str | None = None
    over: int = 2_000
    pieces: int = 10
    executed: bool = False

    @property
    def only_delays(self) -> bool:
        """Whether the answer is right, if late."""
        return self.status is None and self.transport is None


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault: `times` is its budget, `expires_at` its end on the clock."""

    id: str
    match: Match
    effect: Effect
    created_at: int
    times: int | None = None
    expires_at: int | None = None
    preset: str | None = None
    seen: int = 0
    used: int = 0
    said: Mapping[str, Any] | None = None

    @property
    def is_spent(self) -> bool:
        """Whether its budget is used up."""
        return self.times is not None and self.used >= self.times


@dataclass(frozen=True, slots=True)
class FaultsSnapshot:
    """Every rule and the limit at one moment."""

    rules: dict[str, Rule]
    made: int
    limit: int | None
    calls: int


class Faults:
    """The rules of one application, asked in the order in which they were made.

    `changed` is called when there may be more or fewer of them.
    """

    def __init__(self, now: Callable[[], int], timers: Timers, changed: Callable[[], None]) -> None:
        self._now = now
        self._timers = timers
        self._changed = changed
        self.rules: dict[str, Rule] = {}
        self._made = 0
        self.limit: int | None = None
        self.calls = 0

    @property
    def is_on(self) -> bool:
        """Whether any rule or a limit is set."""
        return bool(self.rules) or self.limit is not None

    def add(self, said: Mapping[str, Any], preset: str | None = None) -> Rule:
        """Make a rule of what was said in JSON; raise ValueError for a duration that is none."""
        self._made += 1
        now = self._now()
        ttl = said.get("ttl")
        rule = Rule(
            f"fault-{self._made}",
            match_of(said.get("match", {})),
            effect_of(said["effect"]),
            now,
            said.get("times"),
            None if ttl is None else now + duration_of(ttl),
            preset,
            said={key: said[key] for key in ("match", "effect") if key in said},
        )
        self.rules[rule.id] = rule
        if rule.expires_at is not None:
            self._timers.set(rule.expires_at, EXPIRY, rule.id)
        self._changed()
        return rule

    def apply(self, preset: str, **bounds: Any) -> list[Rule]:
        """Make the rules of a preset, in place of those that it made before."""
        for rule in tuple(self.rules.values()):
            if rule.preset == preset:
                self.remove(rule.id)
        return [self.add({**said, **bounds}, preset) for said in PRESETS[preset]]

    def remove(self, rule_id: str) -> None:
        """Forget a rule; raise EntityNotFound where there is none."""
        if self.rules.pop(rule_id, None) is None:
            raise EntityNotFound("fault", rule_id)
        self._timers.cancel(EXPIRY, rule_id)
        self._changed()

    def clear(self) -> None:
        """Forget every rule and the limit."""
        for rule_id in tuple(self.rules):
            self.remove(rule_id)
        self.limit, self.calls = None, 0
        self._changed()

    def set_limit(self, limit: int | None) -> None:
        """Refuse every request after the next `limit` ones with 402; None takes the limit away."""
        self.limit, self.calls = limit, 0
        self._changed()

    def count_call(self) -> bool:
        """Count a request; tell whether it is beyond the limit."""
        if self.limit is None:
            return False
        self.calls += 1
        return self.calls > self.limit

    def draw(self, facts: Facts) -> list[Rule]:
        """Return the rules that fall on a request: any that delay it, one at most that harms it.

        Each has counted the request, and spent of its budget if it falls on it.
        """
        now, drawn, harmed = self._now(), list[Rule](), False
        for rule in tuple(self.rules.values()):
            if rule.expires_at is not None and rule.expires_at <= now:
                self.remove(rule.id)
                continue
            if rule.is_spent or not rule.match.admits(facts):
                continue
            if harmed and not rule.effect.only_delays:
                continue
            seen = rule.seen + 1
            falls = rule.match.falls_on(rule.id, seen)
            rule = replace(rule, seen=seen, used=rule.used + falls)  # noqa: PLW2901
            self.rules[rule.id] = rule
            if falls:
                drawn.append(rule)
                harmed = harmed or not rule.effect.only_delays
        return drawn

    def expire(self, rule_id: str) -> bool:
        """Forget a rule whose time is over; tell whether there was one."""
        if rule_id not in self.rules:
            return False
        self.remove(rule_id)
        return True

    def snapshot(self) -> FaultsSnapshot:
        """Return every rule as it is now."""
        return FaultsSnapshot(self.rules.copy(), self._made, self.limit, self.calls)

    def restore(self, snapshot: FaultsSnapshot) -> None:
        """Have the rules that there were when the snapshot was taken."""
        self.rules = snapshot.rules.copy()
        self._made, self.limit, self.calls = snapshot.made, snapshot.limit, snapshot.calls
        self._changed()


def match_of(said: Mapping[str, Any]) -> Match:
    """Return a match that was said in JSON."""
    return Match(
        operation_ids=_several(said.get("operation_id")),
        consumer=said.get("consumer"),
        service=None if "service" not in said else str(said["service"]).replace("/", "+"),
        nth=_several(said.get("nth")),
        every=said.get("every"),
        probability=said.get("probability"),
        seed=said.get("seed", 0),
    )


def effect_of(said: Mapping[str, Any]) -> Effect:
    """Return an effect that was said in JSON; raise ValueError for a duration that is none."""
    transport = next((name for name in TRANSPORT if said.get(name)), None)
    drip = said.get("drip")
    drip = drip if isinstance(drip, Mapping) else {}
    return Effect(
        status=said.get("status"),
        retry_after=said.get("retry_after"),
        detail=said.get("detail"),
        latency=None if "latency" not in said else _latency(said["latency"]),
        transport=transport,
        over=milliseconds(drip.get("over", 2_000)),
        pieces=drip.get("pieces", 10),
        executed=said.get("executed", False),
    )


def milliseconds(said: Any) -> int:
    """Return a length of time said as milliseconds or as an ISO 8601 duration.

    Raises ValueError where it is neither.
    """
    return duration_of(said) if isinstance(said, str) else round(said)


def rule_json(rule: Rule) -> dict[str, Any]:
    """Return how a rule is shown."""
    shown: dict[str, Any] = {
        "id": rule.id,
        **(rule.said or {}),
        "times": rule.times,
        "used": rule.used,
        "seen": rule.seen,
        "expires_at": None if rule.expires_at is None else iso_time(rule.expires_at),
    }
    if rule.expires_at is not None:
        shown["ttl"] = duration_text(rule.expires_at - rule.created_at)
    if rule.preset is not None:
        shown["preset"] = rule.preset
    return shown


def _latency(said: Any) -> Latency:
    if isinstance(said, Mapping):
        drawn = said.get("lognormal")
        if drawn is not None:
            return Latency(milliseconds(drawn["median"]), drawn["sigma"])
        return Latency(milliseconds(said["fixed"]))
    return Latency(milliseconds(said))


def _several(said: Any) -> tuple[Any, ...]:
    if said is None:
        return ()
    return tuple(said) if isinstance(said, list) else (said,)
