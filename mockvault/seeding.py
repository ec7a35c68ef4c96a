"""Starting worlds: a scenario made real in a store, from a seed.

Each consumer is made from the seed and its own key, never from what was made before it: one seed is
one world, to the byte, whatever is made beside it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from sys import intern
from typing import Any

from mockvault.cache import Cache
from mockvault.catalogue import Catalogue
from mockvault.chance import Chance
from mockvault.domain.clock import DAY, HOUR
from mockvault.domain.connectors import Connector, FormField
from mockvault.domain.entities import AccessToken, Connection, Consumer, CustomMapping, LogEntry
from mockvault.domain.errors import VaultError
from mockvault.domain.facts import plausible_value, with_facts_of
from mockvault.domain.history import CallHistory
from mockvault.domain.ids import IdSource
from mockvault.domain.states import ConnectionState, needs_token
from mockvault.made_up import Names, names_of_faker, person
from mockvault.scenarios import Scenario, SeededConnection, SeededConsumer
from mockvault.store.base import ApplicationStore

LOGGED_APIS = ("crm", "lead", "accounting", "hris", "ats", "ecommerce", "issue-tracking", "sms")
_OPERATIONS = (
    ("GET", "All", "List"),
    ("GET", "One", "Get"),
    ("POST", "Add", "Create"),
    ("PATCH", "Update", "Update"),
    ("DELETE", "Delete", "Delete"),
)
_NO_CACHE = Cache(None)
_STATUSES = (200, 200, 200, 200, 200, 200, 201, 400, 401, 404, 429, 500)


def seed_world(
    store: ApplicationStore,
    scenario: Scenario,
    catalogue: Catalogue,
    seed: int,
    cache: Cache = _NO_CACHE,
) -> None:
    """Make the scenario's world in an empty store."""
    world = _World(store, scenario, catalogue, seed, cache)
    for consumer in scenario.consumers:
        world.add(consumer)
    for number in range(1, scenario.generated_consumers + 1):
        world.make_up(f"consumer-{number:04d}")
    world.add_logs()


class _World:
    """A world in the making."""

    def __init__(
        self,
        store: ApplicationStore,
        scenario: Scenario,
        catalogue: Catalogue,
        seed: int,
        cache: Cache,
    ) -> None:
        self._store = store
        self._scenario = scenario
        self._catalogue = catalogue
        self._seed = str(seed)
        self._cache = cache
        self._consumer_ids: list[str] = []
        self._logs: list[LogEntry] = []
        self._forms: dict[str, list[Connection]] = {}

    @cached_property
    def _names(self) -> Names:
        return names_of_faker(self._cache)

    def add(self, seeded: SeededConsumer) -> None:
        """Add a consumer as the scenario declares it."""
        chance = self._chance("consumer", seeded.consumer_id)
        metadata = seeded.metadata
        if metadata is None:
            metadata = person(self._names, self._chance("metadata", seeded.consumer_id))
        created = self._put(seeded.consumer_id, metadata, chance)
        for connection in seeded.connections:
            self._add_connection(seeded.consumer_id, connection, created)
        for kind, calls in sorted(seeded.request_counts.items()):
            self._count(seeded.consumer_id, kind, calls)
        self._make_logs(seeded.consumer_id, seeded.logs)

    def make_up(self, consumer_id: str) -> None:
        """Add a consumer with a few connections in various states."""
        chance = self._chance("consumer", consumer_id)
        created = self._put(consumer_id, person(self._names, chance), chance)
        for kind, most in (("proxy", 40), ("unify", 400), ("vault", 80)):
            self._count(consumer_id, kind, chance.between(0, most))
        for connector in chance.sample(self._catalogue.all, chance.between(0, 4)):
            form = chance.pick(self._forms_of(connector))
            created_at = created + chance.between(1, DAY)
            # what connections of one form have in common is held once for all of them
            self._store.put_connection(
                Connection(
                    consumer_id,
                    form.unified_api,
                    form.service_id,
                    created_at=created_at,
                    updated_at=created_at + chance.between(1, DAY),
                    enabled=chance.below(10) > 0,
                    settings=form.settings,
                    metadata=form.metadata,
                    token=form.token,
                    configuration=form.configuration,
                )
            )

    def _put(self, consumer_id: str, metadata: Mapping[str, Any], chance: Chance) -> int:
        """Put a consumer down; return when it was made."""
        created = self._scenario.reference_time - chance.between(1, 30 * 24) * HOUR
        self._store.put_consumer(
            Consumer(consumer_id, self._store.next_sequence(), created, created, metadata)
        )
        self._consumer_ids.append(consumer_id)
        return created

    def _count(self, consumer_id: str, kind: str, calls: int) -> None:
        """Spread calls over the thirty days before the reference time."""
        if calls:
            history = CallHistory.spread(calls, self._scenario.reference_time)
            self._store.put_history(consumer_id, kind, history)

    def _forms_of(self, connector: Connector) -> list[Connection]:
        """Return a connection to the connector in each state that it can be in."""
        forms = self._forms.get(connector.id)
        if forms is None:
            forms = self._forms[connector.id] = []
            for state in ConnectionState:
                if state is not ConnectionState.AVAILABLE:
                    chance = self._chance("form", connector.id, state)
                    seeded = SeededConnection(connector.id, state)
                    with suppress(VaultError):  # no facts lead it there
                        forms.append(seeded_connection(connector, seeded, "", 0, chance))
        return forms

    def _add_connection(self, consumer_id: str, seeded: SeededConnection, created: int) -> None:
        connector = self._catalogue.find(*seeded.key)
        if connector is None:
            return
        chance = self._chance("connection", consumer_id, connector.id)
        created_at = created + chance.between(1, DAY)
        self._store.put_connection(
            seeded_connection(connector, seeded, consumer_id, created_at, chance)
        )
        for target_field_id, value in seeded.mappings.items():
            self._store.put_mapping(CustomMapping(consumer_id, *seeded.key, target_field_id, value))

    def _make_logs(self, consumer_id: str, count: int) -> None:
        if not count:
            return
        chance = self._chance("logs", consumer_id)
        ids = IdSource(f"{self._seed}/logs/{consumer_id}")
        connectors = self._logged_connectors
        before = self._scenario.reference_time
        for _ in range(count):
            self._logs.append(_log_entry(consumer_id, chance, ids, connectors, before))

    @cached_property
    def _logged_connectors(self) -> list[Connector]:
        return [
            each
            for each in self._catalogue.all
            if each.unified_api in LOGGED_APIS and each.resources
        ]

    def add_logs(self) -> None:
        """Log what was called before the world began: oldest first, as calls are made."""
        shares = self._chance("shares")
        wanted = dict.fromkeys(self._consumer_ids, 0)
        for _ in range(self._scenario.generated_logs if wanted else 0):
            wanted[shares.pick(self._consumer_ids)] += 1
        for consumer_id, count in wanted.items():
            self._make_logs(consumer_id, count)
        self._logs.sort(key=lambda entry: (entry.timestamp, entry.id), reverse=True)
        while self._logs:
            self._store.log(self._logs.pop())

    def _chance(self, *key: str) -> Chance:
        return Chance(self._seed, *key)


def seeded_connection(
    connector: Connector,
    seeded: SeededConnection,
    consumer_id: str,
    created_at: int,
    chance: Chance,
) -> Connection:
    """Return a connection whose facts imply the state; raise IllegalStep where none do."""
    token = AccessToken(
        f"at_{_hex(chance)}",
        created_at,
        None,
        f"rt_{_hex(chance)}" if needs_token(connector) else None,
        connector.provider.scopes,
    )
    bare = Connection(
        consumer_id,
        connector.unified_api,
        connector.service_id,
        created_at=created_at,
        updated_at=created_at + chance.between(1, DAY),
        enabled=seeded.enabled,
        settings=dict(seeded.settings),
        metadata=dict(seeded.metadata),
        configuration=seeded.configuration,
    )

    def make_value(form_field: FormField) -> Any:
        value = plausible_value(form_field)
        if form_field.sensitive and isinstance(value, str):
            return f"mock_{chance.bits(64):016x}"
        return value

    return with_facts_of(
        connector, bare, ConnectionState(seeded.state), token=token, make_value=make_value
    )


def _hex(chance: Chance) -> str:
    return f"{chance.bits(64):016x}{chance.bits(64):016x}"


def _log_entry(
    consumer_id: str,
    chance: Chance,
    ids: IdSource,
    connectors: Sequence[Connector],
    before: int,
) -> LogEntry:
    connector = chance.pick(connectors)
    resource = chance.pick(tuple(connector.resources))
    method, suffix, verb = chance.pick(_OPERATIONS)
    status_code = chance.pick(_STATUSES)
    return LogEntry(
        id=ids.uuid(),
        consumer_id=consumer_id,
        timestamp=before - chance.between(1, 14 * DAY),
        unified_api=connector.unified_api,
        operation_id=intern(f"{resource}{suffix}"),
        operation_name=intern(f"{verb} {resource}"),
        service_id=connector.service_id,
        service_name=connector.name,
        http_method=method,
        path=intern(f"/{connector.unified_api}/{resource}"),
        status_code=status_code,
        duration=chance.between(40_000, 2_400_000) / 1000,
        latency=chance.between(5_000, 40_000) / 1000,
        connector_id=intern(connector.id),
        error_message=None if status_code < 400 else "The connector refused the request",
        source_ip=intern(f"192.0.2.{chance.between(1, 254)}"),
    )
