"""One application's vault: everything that can be asked of it, in one place."""

from collections.abc import Callable
from typing import Any

from mockvault.domain.entities import Application
from mockvault.vault.authorization import Authorization
from mockvault.vault.connections import Connections
from mockvault.vault.consumers import Consumers
from mockvault.vault.custom_mappings import CustomMappings
from mockvault.vault.exchange import Exchange
from mockvault.vault.kept import Kept
from mockvault.vault.logs import Logs
from mockvault.vault.provider import FakeProvider
from mockvault.vault.resources import Resources
from mockvault.vault.sessions import Sessions
from mockvault.vault.surroundings import Change, Surroundings


class Vault:
    """The vault of one application. What belongs to another cannot be reached from it."""

    def __init__(self, surroundings: Surroundings, beginning: Any = None) -> None:
        self.surroundings = surroundings
        self.application: Application = surroundings.application
        """The application whose vault this is."""
        self.beginning = surroundings.store.snapshot() if beginning is None else beginning
        """The store's snapshot of the seeded world, to which a reset leads."""
        self.consumers = Consumers(surroundings)
        self.provider = FakeProvider(surroundings)
        exchange = Exchange(surroundings, self.provider)
        self.connections = Connections(surroundings, exchange)
        self.custom_mappings = CustomMappings(surroundings, self.connections)
        self.resources = Resources(surroundings, self.connections)
        self.sessions = Sessions(surroundings, self.consumers)
        self.authorization = Authorization(
            surroundings, self.consumers, self.connections, self.provider, exchange
        )
        self.logs = Logs(surroundings)
        self.shown = Kept()
        self.request_id: Callable[[], str] = surroundings.ids.uuid
        """Gives the id of a call, under which it is logged."""
        self.put_down: Callable[[tuple[Any, ...]], None] | None = None
        """Puts a request down in the application's journal, where nobody else is told of it."""

    def now(self) -> int:
        """Return the time on the application's clock."""
        return self.surroundings.clock.now()

    def take_changes(self) -> list[Change]:
        """Return what has changed since this was last asked."""
        return self.surroundings.take_changes()
