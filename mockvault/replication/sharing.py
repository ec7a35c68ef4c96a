"""The parts that worlds are made of: what a worker of its own has, and what shared ones give."""

from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.types import ASGIApp

from mockvault.control.journal import Journal
from mockvault.control.workbench import Equipment, Workbench, Workbenches
from mockvault.domain.clock import NANOSECONDS, ControlledClock
from mockvault.domain.entities import Application
from mockvault.domain.ids import IdSource
from mockvault.domain.timers import Timers
from mockvault.store.memory import MemoryStore
from mockvault.vault.applications import Applications
from mockvault.vault.vault import Vault
from mockvault.web.direct import Direct
from mockvault.web.plans import Plan
from mockvault.web.routes import Routes

MEMORY = "memory"


class Parts(Protocol):
    """What the worlds of a worker are made of."""

    def store(self, application_id: str, log_capacity: int) -> MemoryStore: ...
    def clock(self, application_id: str) -> ControlledClock: ...
    def ids(self, seed: str, application_id: str = "") -> IdSource: ...
    def timers(self, application_id: str) -> Timers: ...
    def journal(self, capacity: int) -> Journal: ...
    def workbench(
        self,
        vault: Vault,
        clock: ControlledClock,
        equipment: Equipment,
        changed: Callable[[], None],
    ) -> Workbench: ...
    def applications(
        self, make_vault: Callable[[Application], Vault], *, open_to_any: bool
    ) -> Applications: ...
    def begin(
        self,
        applications: Applications,
        workbenches: Workbenches,
        declared: Sequence[Application],
    ) -> None:
        """Have the worlds that there are, and those of the applications that are declared."""
        ...

    def door(self, app: ASGIApp) -> ASGIApp:
        """Return the application as requests may enter it."""
        ...

    def direct(self, routes: Routes[Plan], beside: tuple[str, ...]) -> Direct:
        """Return what answers by plan without a task."""
        ...


class InMemory:
    """Worlds of this process alone."""

    def __init__(self, nanoseconds: Callable[[], int]) -> None:
        self._nanoseconds = nanoseconds

    def store(self, application_id: str, log_capacity: int) -> MemoryStore:
        """Return the store of an application."""
        del application_id
        return MemoryStore(log_capacity)

    def clock(self, application_id: str) -> ControlledClock:
        """Return the clock of an application."""
        del application_id
        return ControlledClock(self._nanoseconds, NANOSECONDS)

    def ids(self, seed: str, application_id: str = "") -> IdSource:
        """Return the ids of an application, or of the server."""
        del application_id
        return IdSource(seed)

    def timers(self, application_id: str) -> Timers:
        """Return the timers of an application."""
        del application_id
        return Timers()

    def journal(self, capacity: int) -> Journal:
        """Return the journal of what belongs to no application."""
        return Journal(ControlledClock(self._nanoseconds, NANOSECONDS).now, capacity)

    def workbench(
        self,
        vault: Vault,
        clock: ControlledClock,
        equipment: Equipment,
        changed: Callable[[], None],
    ) -> Workbench:
        """Return the workbench of an application."""
        return Workbench(vault, clock, equipment, changed)

    def applications(
        self, make_vault: Callable[[Application], Vault], *, open_to_any: bool
    ) -> Applications:
        """Return the applications, none yet."""
        return Applications(make_vault, open_to_any=open_to_any)

    def begin(
        self,
        applications: Applications,
        workbenches: Workbenches,
        declared: Sequence[Application],
    ) -> None:
        """Serve the applications that are declared."""
        del workbenches
        for application in declared:
            applications.add(application)

    def door(self, app: ASGIApp) -> ASGIApp:
        """Return the application as it is."""
        return app

    def direct(self, routes: Routes[Plan], beside: tuple[str, ...]) -> Direct:
        """Return what answers by plan without a task."""
        return Direct(routes, beside)
