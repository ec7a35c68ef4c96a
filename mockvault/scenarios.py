"""Scenarios: named starting worlds, read from `fixtures/scenarios/*.yml` and proved possible."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mockvault.catalogue import BrokenFixture, BrokenFixtures, Catalogue
from mockvault.catalogue.loading import composed
from mockvault.catalogue.reading import (
    INTEGER,
    NULL,
    Complaint,
    Problem,
    Unreadable,
    any_text,
    flag,
    keyed,
    mapping,
    one_of,
    refusal,
    scalar,
    sequence,
    shown,
    text,
)
from mockvault.domain.clock import ClockState, milliseconds_of
from mockvault.domain.entities import AccessToken, Application, Connection
from mockvault.domain.errors import VaultError
from mockvault.domain.facts import plausible_value, with_facts_of
from mockvault.domain.states import ConnectionState, IntegrationState
from mockvault.vault.provider import Consent

REFERENCE_TIME = "2024-03-26T09:00:00Z"
"""The day of the contract's version: a world's past lies before it."""


@dataclass(frozen=True, slots=True)
class SeededConnection:
    """A connection of a scenario: where it stands and what it holds."""

    connection: str
    state: str = "callable"
    enabled: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    configuration: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mappings: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Its unified API and service id."""
        unified_api, _, service_id = self.connection.partition("+")
        return unified_api, service_id


@dataclass(frozen=True, slots=True)
class SeededConsumer:
    """A consumer of a scenario; metadata that is not given is made up."""

    consumer_id: str
    metadata: Mapping[str, Any] | None = None
    request_counts: Mapping[str, int] = field(default_factory=dict)
    connections: tuple[SeededConnection, ...] = ()
    logs: int = 0


class ExportedWorld(NamedTuple):
    """A world that was carried away whole: what a store restores, and what stands beside it."""

    store: Any
    ids: int
    clock: ClockState


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named starting world, the same for every application that starts from it.

    One that was exported holds the `world` itself, and nothing to be made.
    """

    name: str
    description: str
    consumers: tuple[SeededConsumer, ...] = ()
    generated_consumers: int = 0
    generated_logs: int = 0
    reference_time: int = milliseconds_of(REFERENCE_TIME)
    world: ExportedWorld | None = None


def load_scenarios(directory: Path, catalogue: Catalogue) -> dict[str, Scenario]:
    """Return every scenario of the folder by name.

    Raises `BrokenFixtures` with all that is wrong in them.
    """
    scenarios, broken = {}, list[BrokenFixture]()
    for path in sorted(directory.glob("*.yml")):
        try:
            scenarios[path.stem] = load_scenario(path, catalogue)
        except BrokenFixtures as reason:
            broken.extend(reason.problems)
    if broken:
        raise BrokenFixtures(broken)
    return scenarios


def load_scenario(path: Path, catalogue: Catalogue) -> Scenario:
    """Return the scenario of a file; raise `BrokenFixtures` with lines where it is none."""
    read = _scenario_reader(path.stem, catalogue)
    return _read(path, read)  # type: ignore[no-any-return]


def load_applications(path: Path) -> tuple[Application, ...]:
    """Return the declared applications; raise `BrokenFixtures` with lines where a file is wrong."""
    return _read(path, _applications)  # type: ignore[no-any-return]


def _read(path: Path, read: Any) -> Any:
    try:
        return read(composed(path))
    except Unreadable as reason:
        label = f"{path.parent.name}/{path.name}"
        raise BrokenFixtures(
            BrokenFixture(label, problem.line, str(problem)) for problem in reason.problems
        ) from None


def integer(node: yaml.Node) -> int:
    """Read a whole number that is not negative."""
    if node.tag != INTEGER or not str(node.value).isdecimal():
        raise refusal(node, f"{shown(node)} is not a whole number from 0 up")
    return int(node.value)


def json_value(node: yaml.Node) -> Any:
    """Read any JSON value."""
    if isinstance(node, yaml.MappingNode):
        return keyed(json_value)(node)
    if isinstance(node, yaml.SequenceNode):
        return list(sequence(json_value)(node))
    return None if node.tag == NULL else scalar(node)


def _application(id: str, api_keys: tuple[str, ...], **said: Any) -> Application:
    return Application(id=id, api_keys=api_keys, **said)


def _ids_are_unique(applications: tuple[Application, ...]) -> Iterator[Complaint]:
    seen = set[str]()
    for index, application in enumerate(applications):
        if application.id in seen:
            yield (index, "id"), f"'{application.id}' is declared twice"
        seen.add(application.id)


_applications = sequence(
    mapping(
        {
            "id": text,
            "api_keys": sequence(text),
            "name": any_text,
            "integrations": keyed(one_of(tuple(IntegrationState))),
            "redirect_uris": sequence(text),
            "webhooks": sequence(
                mapping(
                    {
                        "delivery_url": text,
                        "events": sequence(text),
                        "description": any_text,
                    },
                    required=("delivery_url",),
                )
            ),
            "consent": one_of(tuple(Consent)),
        },
        required=("id", "api_keys"),
        build=_application,
    ),
    rules=[_ids_are_unique],
)


def _scenario_reader(name: str, catalogue: Catalogue) -> Any:
    def connections_are_possible(connection: SeededConnection) -> Iterator[Complaint]:
        connector = catalogue.find(*connection.key)
        if connector is None:
            yield ("connection",), f"'{connection.connection}' is none of the catalogue"
            return
        for target_field_id in connection.mappings:
            if target_field_id not in connector.target_fields:
                yield ("mappings", target_field_id), f"is no target field of {connector.id}"
        try:
            with_facts_of(
                connector,
                Connection("", *connection.key, created_at=0, settings=connection.settings),
                ConnectionState(connection.state),
                token=AccessToken("", 0),
                make_value=plausible_value,
            )
        except VaultError as reason:
            yield ("state",), str(reason.detail)

    connection = mapping(
        {
            "connection": text,
            "state": one_of([state for state in ConnectionState if state != "available"]),
            "enabled": flag,
            "settings": keyed(json_value),
            "metadata": keyed(json_value),
            "configuration": keyed(keyed(json_value)),
            "mappings": keyed(text),
        },
        required=("connection",),
        build=SeededConnection,
        rules=[connections_are_possible],
    )
    consumer = mapping(
        {
            "consumer_id": text,
            "metadata": keyed(json_value),
            "request_counts": keyed(integer, ("unify", "proxy", "vault")),
            "connections": sequence(connection),
            "logs": integer,
        },
        required=("consumer_id",),
        build=SeededConsumer,
    )

    def build(
        description: str,
        consumers: tuple[SeededConsumer, ...] = (),
        generated: Mapping[str, int] | None = None,
        reference_time: int | None = None,
    ) -> Scenario:
        counts = generated or {}
        return Scenario(
            name,
            description,
            consumers,
            counts.get("consumers", 0),
            counts.get("logs", 0),
            milliseconds_of(REFERENCE_TIME) if reference_time is None else reference_time,
        )

    return mapping(
        {
            "description": text,
            "reference_time": _time,
            "consumers": sequence(consumer),
            "generated": keyed(integer, ("consumers", "logs")),
        },
        required=("description",),
        build=build,
    )


def _time(node: yaml.Node) -> int:
    try:
        return milliseconds_of(str(node.value))
    except ValueError:
        raise Unreadable(
            [Problem(int(node.start_mark.line) + 1, (), f"'{node.value}' is not a date-time")]
        ) from None
