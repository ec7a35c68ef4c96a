"""The applications that are served: their vaults, their keys, and the worlds they start from."""

from collections.abc import Callable, Iterator
from typing import Any

from mockvault.domain.entities import Application
from mockvault.domain.errors import Unauthorized
from mockvault.vault.vault import Vault

OPEN_KEY = "mock-api-key"


class Applications:
    """Every application with its vault. `make_vault` gives a vault with its seeded world.

    With `open_to_any`, an id that nobody declared is a new application, opened by `mock-api-key`.
    `doors` remembers which vault the same two headers opened before, while the applications stand.
    """

    def __init__(
        self, make_vault: Callable[[Application], Vault], *, open_to_any: bool = False
    ) -> None:
        self._make_vault = make_vault
        self._open_to_any = open_to_any
        self._vaults: dict[str, Vault] = {}
        self._seeded: dict[str, Any] = {}
        self._ids_by_key: dict[str, set[str]] = {}
        self.doors: dict[tuple[bytes | None, bytes | None], Vault] = {}
        self.removed: Callable[[str], None] = _nothing
        """Called with the id of an application that is served no longer."""

    def __iter__(self) -> Iterator[Vault]:
        return iter(tuple(self._vaults.values()))

    def __len__(self) -> int:
        return len(self._vaults)

    def add(self, application: Application) -> Vault:
        """Serve an application from now on, its world seeded; one of the same id is replaced."""
        self.remove(application.id)
        vault = self._make_vault(application)
        self._vaults[application.id] = vault
        self._seeded[application.id] = (
            vault.beginning,
            vault.surroundings.ids.count,
        )
        for key in application.api_keys:
            self._ids_by_key.setdefault(key, set()).add(application.id)
        return vault

    def remove(self, application_id: str) -> None:
        """Serve the application no longer."""
        vault = self._vaults.pop(application_id, None)
        self.doors.clear()
        self._seeded.pop(application_id, None)
        if vault is not None:
            self.removed(application_id)
            for key in vault.application.api_keys:
                ids = self._ids_by_key.get(key, set())
                ids.discard(application_id)
                if not ids:
                    self._ids_by_key.pop(key, None)

    def find(self, application_id: str) -> Vault | None:
        """Return the vault of an application, or None."""
        vault = self._vaults.get(application_id)
        if vault is None and self._open_to_any and application_id:
            vault = self.add(Application(application_id, (OPEN_KEY,), name=application_id))
        return vault

    def served(self, application_id: Any) -> Vault | None:
        """Return the vault of an application that is served already, or None."""
        return self._vaults.get(application_id) if isinstance(application_id, str) else None

    def is_key(self, api_key: str) -> bool:
        """Tell whether the key opens any application."""
        return api_key in self._ids_by_key or (self._open_to_any and api_key == OPEN_KEY)

    def opened_by(self, api_key: str, application_id: str) -> Vault:
        """Return the vault that the key opens; raise Unauthorized if it opens another or none."""
        if not self.is_key(api_key):
            raise Unauthorized("The API key is not one of any application")
        vault = self.find(application_id)
        opens_all = self._open_to_any and api_key == OPEN_KEY
        if vault is None or not (opens_all or api_key in vault.application.api_keys):
            raise Unauthorized("The API key does not belong to this application")
        return vault

    def reset(self) -> None:
        """Restore the seeded world of every application."""
        for application_id in tuple(self._vaults):
            self.reset_one(application_id)

    def reset_one(self, application_id: str) -> None:
        """Restore the seeded world of one application; raise KeyError where it is not served."""
        snapshot, count = self._seeded[application_id]
        surroundings = self._vaults[application_id].surroundings
        surroundings.store.restore(snapshot)
        surroundings.ids.rewind(count)


def _nothing(application_id: str) -> None:
    """Nobody wants to know."""
