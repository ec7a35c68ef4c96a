"""What a vault holds: consumers, connections, tokens, custom mappings, log entries.

All are immutable values: a change is a new value, so that a snapshot is a copy of a dictionary and
a refusal can leave nothing half done. What is made at a call is a tuple, which is made in a quarter
of the time that a frozen dataclass takes. Times are milliseconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = Mapping[str, Any]
NOTHING: Json = {}
"""An empty mapping, held once for the many that are empty."""

made = tuple.__new__
"""Makes a named tuple of all its values in their order: `made(Connection, (...))`.

It takes half of the time that the class itself takes, and is for what is made at every call.
"""


@dataclass(frozen=True, slots=True)
class Application:
    """The Apideck application that a request is made for, with the keys that open it.

    `integrations` names the connectors whose integration the owner has not left `configured`;
    `redirect_uris` are the only ones allowed, where any are named; `consent` is the answer that the
    fake provider gives without a page, where one is set; `webhooks` says who is told of events from
    the beginning (delivery_url, events, description).
    """

    id: str
    api_keys: tuple[str, ...]
    name: str = ""
    integrations: Mapping[str, str] = field(default_factory=dict)
    redirect_uris: tuple[str, ...] = ()
    consent: str | None = None
    webhooks: tuple[Mapping[str, Any], ...] = ()


class Consumer(NamedTuple):
    """A user or account of the application (contract: #/components/schemas/Consumer)."""

    id: str
    sequence: int
    created: int
    modified: int
    metadata: Json


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a provider granted: the secrets, when, for how long, and for which scopes."""

    access_token: str
    issued_at: int
    expires_in: int | None = None
    refresh_token: str | None = None
    scopes: tuple[str, ...] = ()

    @property
    def expires_at(self) -> int | None:
        """When the token ends, or None for one that does not."""
        return None if self.expires_in is None else self.issued_at + self.expires_in * 1000


class Connection(NamedTuple):
    """A consumer's connection to a connector: the facts that its state is computed from.

    `configuration` holds, for each resource, the value of each of its fields.
    """

    consumer_id: str
    unified_api: str
    service_id: str
    created_at: int
    updated_at: int | None = None
    enabled: bool = True
    settings: Json = NOTHING
    metadata: Json = NOTHING
    token: AccessToken | None = None
    configuration: Mapping[str, Json] = NOTHING

    @property
    def id(self) -> str:
        """The id that the contract gives it: `crm+salesforce`, the same for every consumer."""
        return f"{self.unified_api}+{self.service_id}"

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the consumer's other connections."""
        return (self.unified_api, self.service_id)


class CustomMapping(NamedTuple):
    """The value that a consumer's connection maps a target field to: a JSONPath or a finder."""

    consumer_id: str
    unified_api: str
    service_id: str
    target_field_id: str
    value: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the consumer's other mappings."""
        return (self.unified_api, self.service_id, self.target_field_id)


LogRow = tuple[Any, ...]
"""The fields of a LogEntry in their order, without their names: what is made at every call.

Those at the end that have their defaults may be left out.
"""


class LogEntry(NamedTuple):
    """One call made for a consumer (contract: #/components/schemas/Log).

    A tuple, for one is kept of every call: a plain one of its fields is made in a quarter of the
    time, and given its names when it is read.
    """

    id: str
    consumer_id: str
    timestamp: int
    unified_api: str
    operation_id: str
    operation_name: str
    service_id: str
    service_name: str
    http_method: str
    path: str
    status_code: int
    duration: float
    latency: float
    connector_id: str = ""
    error_message: str | None = None
    source_ip: str | None = None
    base_url: str = "unify.apideck.com"
    parent_id: str | None = None
    child_request: bool = False
    has_children: bool = False


class RequestCounts(NamedTuple):
    """How many calls were made for a consumer (contract: RequestCountAllocation)."""

    unify: int = 0
    proxy: int = 0
    vault: int = 0

    @property
    def total(self) -> int:
        """All of them: the contract's aggregated_request_count."""
        return self.unify + self.proxy + self.vault
