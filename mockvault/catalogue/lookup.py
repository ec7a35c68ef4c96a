"""The catalogue: connectors looked up, and what their downstream records look like."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from mockvault.catalogue import records
from mockvault.domain.connectors import Connector, CustomField

ExampleKey = tuple[str, str, str, int]


@dataclass(frozen=True)
class Catalogue:
    """Every connector, by name; what Faker has to fill is made when it is first asked for."""

    all: tuple[Connector, ...] = field(repr=False)
    _examples: dict[ExampleKey, Mapping[str, Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, connectors: Iterable[Connector]) -> "Catalogue":
        """Return a catalogue of the connectors, in the order in which they are listed."""
        return cls(tuple(sorted(connectors, key=lambda one: (one.name.casefold(), one.id))))

    def find(self, unified_api: str, service_id: str) -> Connector | None:
        """Return the connector of a service for a unified API, if there is one."""
        return self._by_id.get((unified_api, service_id))

    def of_api(self, unified_api: str) -> tuple[Connector, ...]:
        """Return the connectors of a unified API, by name."""
        return self._by_api.get(unified_api, ())

    def services(self, service_id: str) -> tuple[Connector, ...]:
        """Return the connectors of a service, one for each unified API that it is in."""
        return self._by_service.get(service_id, ())

    @property
    def unified_apis(self) -> tuple[str, ...]:
        """Return the unified APIs that have a connector, in alphabetical order."""
        return tuple(sorted(self._by_api))

    def example_of(
        self, connector: Connector, resource_id: str, *, seed: int = 0
    ) -> Mapping[str, Any]:
        """Return an example of the downstream record of a resource.

        It depends on the seed, the connector and the resource alone, not on what was asked before.
        """
        key = (connector.unified_api, connector.service_id, resource_id, seed)
        if key not in self._examples:
            resource = connector.resources[resource_id]
            self._examples[key] = resource.example or records.example_of(
                resource.record, seed=f"{seed}+{connector.id}+{resource_id}"
            )
        return self._examples[key]

    def schema_of(
        self, connector: Connector, resource_id: str, *, seed: int = 0
    ) -> Mapping[str, Any]:
        """Return an approximate JSON Schema of the downstream record of a resource."""
        resource = connector.resources[resource_id]
        if resource.schema:
            return resource.schema
        example = self.example_of(connector, resource_id, seed=seed)
        schema = records.schema_of(resource.record, example)
        return schema | {"response_data_path": resource.response_data_path}

    def custom_fields_of(
        self, connector: Connector, resource_id: str, *, seed: int = 0
    ) -> tuple[CustomField, ...]:
        """Return the custom fields of a resource, with the values they have in its example."""
        example = self.example_of(connector, resource_id, seed=seed)
        return tuple(
            custom_field
            if custom_field.value is not None
            else replace(custom_field, value=records.found(custom_field.finder, example))
            for custom_field in connector.resources[resource_id].custom_fields
        )

    @cached_property
    def _by_id(self) -> Mapping[tuple[str, str], Connector]:
        return {(one.unified_api, one.service_id): one for one in self.all}

    @cached_property
    def _by_api(self) -> Mapping[str, tuple[Connector, ...]]:
        names = {one.unified_api for one in self.all}
        return {name: tuple(one for one in self.all if one.unified_api == name) for name in names}

    @cached_property
    def _by_service(self) -> Mapping[str, tuple[Connector, ...]]:
        found: dict[str, tuple[Connector, ...]] = {}
        for one in self.all:
            found[one.service_id] = (*found.get(one.service_id, ()), one)
        return found
