"""Starting worlds: a scenario made real in a store, from a seed.

Each consumer is made from the seed and its own key, never from what was made before it: one seed is
one world, to the byte, whatever is made beside it.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from mockvault.catalogue import Catalogue
from mockvault.domain.clock import DAY, HOUR
from mockvault.domain.connectors import Connector, FormField
from mockvault.domain.entities import AccessToken, Connection, Consumer, CustomMapping, LogEntry
from mockvault.domain.errors import VaultError
from mockvault.domain.facts import plausible_value, with_facts_of
from mockvault.domain.ids import IdSource
from mockvault.domain.states import ConnectionState, needs_token
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
_STATUSES = (200, 200, 200, 200, 200, 200, 201, 400, 401, 404, 429, 500)


def seed_world(
    store: ApplicationStore, scenario: Scenario, catalogue: Catalogue, seed: int
) -> None:
    """Make the scenario's world in an empty store."""
    world = _World(store, scenario, catalogue, seed)
    for consumer in scenario.consumers:
        world.add(consumer)
    for number in range(1, scenario.generated_consumers + 1):
        world.add(world.made_up(f"consumer-{number:04d}"))
    world.add_logs()


class _World:
    """A world in the making."""

    def __init__(
        self, store: ApplicationStore, scenario: Scenario, catalogue: Catalogue, seed: int
    ) -> None:
        self._store = store
        self._scenario = scenario
        self._catalogue = catalogue
        self._seed = seed
        self._consumer_ids: list[str] = []
        self._logs: list[LogEntry] = []

    def made_up(self, consumer_id: str) -> SeededConsumer:
        """Return a consumer with a few connections in various states."""
        random = self._random("consumer", consumer_id)
        connections = []
        for connector in random.sample(self._catalogue.all, k=random.randint(0, 4)):
            states = [
                state
                for state in ConnectionState
                if state is not ConnectionState.AVAILABLE and _is_possible(connector, state)
            ]
            connections.append(
                SeededConnection(connector.id, random.choice(states), enabled=random.random() < 0.9)
            )
        return SeededConsumer(
            consumer_id,
            request_counts={
                "unify": random.randint(0, 400),
                "proxy": random.randint(0, 40),
                "vault": random.randint(0, 80),
            },
            connections=tuple(connections),
        )

    def add(self, seeded: SeededConsumer) -> None:
        random = self._random("consumer", seeded.consumer_id)
        created = self._scenario.reference_time - random.randint(1, 30 * 24) * HOUR
        metadata = seeded.metadata
        if metadata is None:
            metadata = _made_up_metadata(self._random("metadata", seeded.consumer_id))
        self._store.put_consumer(
            Consumer(seeded.consumer_id, self._store.next_sequence(), created, created, metadata)
        )
        self._consumer_ids.append(seeded.consumer_id)
        for connection in seeded.connections:
            self._add_connection(seeded.consumer_id, connection, created)
        for kind, calls in sorted(seeded.request_counts.items()):
            self._add_counts(seeded.consumer_id, kind, calls)
        self._make_logs(seeded.consumer_id, seeded.logs)

    def _add_connection(self, consumer_id: str, seeded: SeededConnection, created: int) -> None:
        connector = self._catalogue.find(*seeded.key)
        if connector is None:
            return
        random = self._random("connection", consumer_id, connector.id)
        created_at = created + random.randint(1, DAY)
        self._store.put_connection(
            seeded_connection(connector, seeded, consumer_id, created_at, random)
        )
        for target_field_id, value in seeded.mappings.items():
            self._store.put_mapping(CustomMapping(consumer_id, *seeded.key, target_field_id, value))

    def _add_counts(self, consumer_id: str, kind: str, calls: int) -> None:
        """Spread the calls over the thirty days before the reference time."""
        for day in range(30, 0, -1):
            share = calls // day
            calls -= share
            if share:
                at = self._scenario.reference_time - day * DAY
                self._store.count_call(consumer_id, kind, at, share)

    def _make_logs(self, consumer_id: str, count: int) -> None:
        random = self._random("logs", consumer_id)
        ids = IdSource(f"{self._seed}/logs/{consumer_id}")
        for _ in range(count):
            self._logs.append(
                _log_entry(consumer_id, random, ids, self._catalogue, self._scenario.reference_time)
            )

    def add_logs(self) -> None:
        """Log what was called before the world began: oldest first, as calls are made."""
        shares = self._random("shares")
        wanted = dict.fromkeys(self._consumer_ids, 0)
        for _ in range(self._scenario.generated_logs if wanted else 0):
            wanted[shares.choice(self._consumer_ids)] += 1
        for consumer_id, count in wanted.items():
            if count:
                self._make_logs(consumer_id, count)
        for entry in sorted(self._logs, key=lambda entry: (entry.timestamp, entry.id)):
            self._store.log(entry)

    def _random(self, *key: str) -> Random:
        return Random("/".join((str(self._seed), *key)))  # noqa: S311  fixtures, not secrets


def _is_possible(connector: Connector, state: ConnectionState) -> bool:
    try:
        seeded_connection(
            connector,
            SeededConnection(connector.id, state),
            "",
            0,
            Random(0),  # noqa: S311  fixtures, not secrets
        )
    except VaultError:
        return False
    return True


def seeded_connection(
    connector: Connector,
    seeded: SeededConnection,
    consumer_id: str,
    created_at: int,
    random: Random,
) -> Connection:
    """Return a connection whose facts imply the state; raise IllegalStep where none do."""
    token = AccessToken(
        f"at_{random.getrandbits(128):032x}",
        created_at,
        None,
        f"rt_{random.getrandbits(128):032x}" if needs_token(connector) else None,
        connector.provider.scopes,
    )
    bare = Connection(
        consumer_id,
        connector.unified_api,
        connector.service_id,
        created_at=created_at,
        updated_at=created_at + random.randint(1, DAY),
        enabled=seeded.enabled,
        settings=dict(seeded.settings),
        metadata=dict(seeded.metadata),
        configuration=seeded.configuration,
    )

    def make_value(form_field: FormField) -> Any:
        value = plausible_value(form_field)
        if form_field.sensitive and isinstance(value, str):
            return f"mock_{random.getrandbits(64):016x}"
        return value

    return with_facts_of(
        connector, bare, ConnectionState(seeded.state), token=token, make_value=make_value
    )


def _log_entry(
    consumer_id: str, random: Random, ids: IdSource, catalogue: Catalogue, before: int
) -> LogEntry:
    connectors = _logged_connectors(catalogue)
    connector = random.choice(connectors)
    resource = random.choice(list(connector.resources) or ["records"])
    method, suffix, verb = random.choice(_OPERATIONS)
    status_code = random.choice(_STATUSES)
    return LogEntry(
        id=ids.uuid(),
        consumer_id=consumer_id,
        timestamp=before - random.randint(1, 14 * DAY),
        unified_api=connector.unified_api,
        operation_id=f"{resource}{suffix}",
        operation_name=f"{verb} {resource}",
        service_id=connector.service_id,
        service_name=connector.name,
        http_method=method,
        path=f"/{connector.unified_api}/{resource}",
        status_code=status_code,
        duration=round(random.uniform(40, 2400), 3),
        latency=round(random.uniform(5, 40), 3),
        connector_id=connector.id,
        error_message=None if status_code < 400 else "The connector refused the request",
        source_ip=f"192.0.2.{random.randint(1, 254)}",
    )


def _logged_connectors(catalogue: Catalogue) -> list[Connector]:
    key = id(catalogue)
    if key not in _LOGGED:
        _LOGGED.clear()
        _LOGGED[key] = [
            each for each in catalogue.all if each.unified_api in LOGGED_APIS and each.resources
        ]
    return _LOGGED[key]


_LOGGED: dict[int, list[Connector]] = {}


def _made_up_metadata(random: Random) -> Mapping[str, Any]:
    from mockvault.made_up import person  # noqa: PLC0415  Faker takes 0.2 s to import

    return person(random.getrandbits(32))
