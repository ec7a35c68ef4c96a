"""The reference model: what a vault must hold after each step, as far as the promises go."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of an added connection."""

    enabled: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    has_token: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a connector asks for, as far as its state follows from it."""

    auth_type: str
    required: tuple[str, ...]
    validates: bool = False


@dataclass(slots=True)
class Mind:
    """All consumers of one history: what each holds, by application and consumer."""

    connections: dict[Key, dict[Key, Held]] = field(default_factory=dict)
    metadata: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def exists(self, who: Key) -> bool:
        """Whether the consumer is known to exist: from the first write for it that was served.

        Whether a read makes it exist already is left open by the documents.
        """
        return who in self.metadata

    def meet(self, who: Key) -> None:
        """Note a consumer: it exists now."""
        self.metadata.setdefault(who, {})
        self.connections.setdefault(who, {})

    def describe(self, who: Key, metadata: Mapping[str, Any]) -> None:
        """Note metadata of a consumer."""
        self.meet(who)
        self.metadata[who] |= metadata

    def forget(self, who: Key) -> None:
        """Note that a consumer was deleted, and all that is its."""
        for book in (self.metadata, self.connections):
            book.pop(who, None)

    def held(self, who: Key, key: Key) -> Held | None:
        """Return what is known of a connection, if it was added."""
        return self.connections.get(who, {}).get(key)

    def write(self, who: Key, key: Key, body: Mapping[str, Any], *, token: bool = False) -> None:
        """Note an addition, an update or an import: settings and metadata merge."""
        self.meet(who)
        held = self.connections[who].get(key) or Held()
        self.connections[who][key] = replace(
            held,
            enabled=bool(body.get("enabled", held.enabled)),
            settings={**held.settings, **(body.get("settings") or {})},
            metadata={**held.metadata, **(body.get("metadata") or {})},
            has_token=held.has_token or token,
        )

    def drop(self, who: Key, key: Key) -> None:
        """Note a deletion of a connection."""
        self.connections.get(who, {}).pop(key, None)


def states(facts: Facts, held: Held | None) -> frozenset[str]:
    """Return the states that the facts allow.

    >>> sorted(states(Facts("apiKey", ("api_key",)), Held()))
    ['added', 'authorized', 'invalid']
    >>> sorted(states(Facts("apiKey", ("api_key",)), Held(settings={"api_key": "k"})))
    ['callable']
    >>> sorted(states(Facts("apiKey", ("api_key",)), None))
    ['available']
    """
    if held is None:
        return frozenset({"available"})
    missing = [name for name in facts.required if held.settings.get(name) in (None, "")]
    callable_ = {"callable", "invalid"} if facts.validates else {"callable"}
    if not held.enabled:  # a fixture of 2022 shows it so
        callable_ |= {"authorized"}
    if facts.auth_type == "oauth2":
        if not held.has_token:
            return frozenset({"added"})
        return frozenset({"authorized", "added"} if missing else callable_)
    if facts.auth_type == "none" and not facts.required:
        return frozenset({"callable", "added", "authorized"})
    return frozenset({"added", "authorized", "invalid"} if missing else callable_)
