"""The whole put together: the only place that knows every part."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from mockvault.cache import Cache
from mockvault.catalogue import Catalogue, load_catalogue
from mockvault.contract import Contract, Operation, load_contract
from mockvault.control.examples import Examples
from mockvault.control.meddling import Meddling
from mockvault.control.power import Mock
from mockvault.control.replaying import Replayer
from mockvault.control.routes import POWERS, Control
from mockvault.control.workbench import Equipment, Workbenches
from mockvault.domain.clock import NANOSECONDS
from mockvault.domain.entities import Application
from mockvault.handlers import (
    authorization,
    connections,
    consumers,
    custom_mappings,
    logs,
    resources,
    sessions,
)
from mockvault.json_text import dumps
from mockvault.locations import builtin_contract, builtin_fixtures, builtin_overlay
from mockvault.pages.routes import PREFIXES, pages_router
from mockvault.replication.sharing import MEMORY, InMemory, Parts
from mockvault.scenarios import Scenario, load_applications, load_scenario
from mockvault.seeding import seed_world
from mockvault.settings import Settings
from mockvault.vault.applications import Applications
from mockvault.vault.surroundings import Surroundings
from mockvault.vault.vault import Vault
from mockvault.version import VERSION
from mockvault.web.binding import bind, handlers_of, make_plans
from mockvault.web.caller import Caller
from mockvault.web.direct import Direct
from mockvault.web.invention import invent
from mockvault.web.plans import Handler, Health, Plan, Service
from mockvault.web.recording import recorder
from mockvault.web.replies import Reply
from mockvault.web.routes import Routes
from mockvault.worlds import load_world

if TYPE_CHECKING:
    from mockvault.replication.replica import Replica

HANDLER_MODULES = (
    authorization,
    connections,
    consumers,
    custom_mappings,
    logs,
    resources,
    sessions,
)


CONTROL = "/_mock"
"""What the paths of the control plane begin with."""


class UnknownScenario(Exception):
    """No scenario has that name, and no file is there either."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no scenario is named '{name}'; there are {', '.join(known)}")
        self.name = name


def wall_time() -> int:
    """Return the time of this machine, in milliseconds since 1970."""
    return time.time_ns() // NANOSECONDS


class MockVault:
    """The mock as an ASGI application, with its parts for those who run it in their process."""

    def __init__(
        self,
        vault_app: ASGIApp,
        side_app: ASGIApp,
        pages: ASGIApp,
        *,
        applications: Applications,
        contract: Contract,
        health: Health,
        catalogue: Catalogue,
        workbenches: Workbenches,
        direct: Direct | None = None,
        replica: "Replica | None" = None,
    ) -> None:
        self.direct = direct
        """What answers by plan without a task, for a server that can make use of it."""
        self._vault_app = vault_app
        self._side_app = side_app
        self._pages = pages
        self.applications = applications
        self.contract = contract
        self.health = health
        self.catalogue = catalogue
        self.workbenches = workbenches
        self.shared = replica
        """This worker's share of worlds that others answer for too; None in memory."""

    def begin(self) -> None:
        """Do what is to be done as time passes, in the event loop that runs."""
        if self.shared is not None:
            self.shared.start()

    def close(self) -> None:
        """Give back what is shared with other workers."""
        if self.shared is not None:
            self.shared.stop()

    def end_streams(self) -> None:
        """End what would keep a server that stops waiting: streams, and a turn."""
        if self.shared is not None:
            self.shared.turns.end()
        self.workbenches.end_streams()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is beside the API by its own routes, all else by the contract."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIXES):
            await self._pages(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(CONTROL):
            await self._side_app(scope, receive, send)
        else:
            await self._vault_app(scope, receive, send)


def create_app(settings: Settings | None = None, *, plans_first: bool = True) -> MockVault:
    """Return the mock, its worlds seeded.

    Raises ContractInvalid, BrokenFixtures, UnknownScenario or StoreUnusable for what it cannot
    start from.
    """
    settings = settings or Settings(log_format="none")
    replica = None
    if settings.store != MEMORY:
        from mockvault.replication.opening import agree, open_log  # noqa: PLC0415  few share
        from mockvault.replication.replica import Replica as Sharing  # noqa: PLC0415

        log = open_log(settings.store)
        settings, header = agree(log, settings)
        replica = Sharing(log, header, wall_time)
    cache = Cache.at(settings.cache)
    contract = load_contract(
        settings.spec or builtin_contract(),
        builtin_overlay(),
        validate=settings.spec is not None,  # a test validates the one that is built in
        cache=cache,
    )
    fixtures = settings.fixtures or builtin_fixtures()
    catalogue = load_catalogue(fixtures)
    scenario = find_scenario(settings.scenario, fixtures, catalogue)
    health = Health()
    parts: Parts = InMemory(time.time_ns) if replica is None else replica
    workbenches = Workbenches(
        recorder(settings.log_format),
        Equipment(settings.journal_capacity, settings.webhook_signature, settings.webhook_timeout),
        parts.journal(settings.journal_capacity),
        parts.workbench,
    )
    applications = parts.applications(
        _vault_maker(settings, catalogue, scenario, workbenches, cache, parts),
        open_to_any=settings.open_applications,
    )
    applications.removed = workbenches.close
    examples = Examples(fixtures / "examples")
    ids = parts.ids(f"{settings.seed}/server")
    parts.begin(applications, workbenches, declared_applications(settings, fixtures))
    meddling = Meddling(applications, workbenches, examples)
    service = Service(
        applications,
        workbenches.record,
        health,
        ids,
        settings.base_url.rstrip("/") if settings.base_url else None,
        meddling,
    )
    plans = make_plans(
        contract,
        handlers_of(HANDLER_MODULES, contract),
        None if settings.spec is None else lambda each: _invented(contract, each, settings.seed),
        service,
        strict_read_only=settings.strict_read_only,
        validate_responses=settings.validate_responses,
    )
    routes: Routes[Plan] = Routes()
    vault_app = parts.door(bind(contract, plans, service, routes, plans_first=plans_first))
    mock = Mock(
        applications,
        workbenches,
        health,
        {"version": VERSION, "contract": contract.version, "scenario": scenario.name},
        {
            "ids": ids,
            "contract": contract,
            "examples": examples,
            "powers": POWERS,
            "replay": Replayer(vault_app),
        },
    )
    control = Control(mock, token=settings.control_token, base_url=service.base_url)
    if replica is not None:
        replica.take_over(mock, control, meddling)
    return MockVault(
        vault_app,
        parts.door(control),
        parts.door(pages_router(applications, service)),
        applications=applications,
        contract=contract,
        health=health,
        catalogue=catalogue,
        workbenches=workbenches,
        replica=replica,
        direct=parts.direct(routes, (*PREFIXES, CONTROL)) if plans_first else None,
    )


def find_scenario(name: str, fixtures: Path, catalogue: Catalogue) -> Scenario:
    """Return the scenario of that name, or of that file; raise UnknownScenario."""
    known = fixtures / "scenarios"
    named = known / f"{name}.yml"
    if "/" not in name and named.is_file():
        return load_scenario(named, catalogue)
    if Path(name).is_file():
        if name.endswith(".json"):
            return load_world(Path(name), catalogue)
        return load_scenario(Path(name), catalogue)
    raise UnknownScenario(name, sorted(path.stem for path in known.glob("*.yml")))


def declared_applications(settings: Settings, fixtures: Path) -> tuple[Application, ...]:
    """Return the applications of the fixtures, and the one of the command line."""
    declared = load_applications(fixtures / "applications.yml")
    if settings.app_id is None:
        return declared
    others = tuple(each for each in declared if each.id != settings.app_id)
    key = settings.api_key or "mock-api-key"
    return (*others, Application(settings.app_id, (key,), settings.app_id))


def _vault_maker(  # noqa: PLR0917  all that a vault is made of
    settings: Settings,
    catalogue: Catalogue,
    scenario: Scenario,
    workbenches: Workbenches,
    cache: Cache,
    parts: Parts,
) -> Any:
    seeded: list[Any] = []  # one seed is one world: it is made once, and copied

    def make_vault(application: Application) -> Vault:
        store = parts.store(application.id, settings.log_capacity)
        clock = parts.clock(application.id)
        ids = parts.ids(f"{settings.seed}/{application.id}", application.id)
        if scenario.world is None:
            if not seeded:
                seed_world(store, scenario, catalogue, settings.seed, cache)
                seeded.append(store.snapshot())
            store.restore(seeded[0])
        else:
            seeded[:] = [scenario.world.store]
            store.restore(scenario.world.store)
            ids.rewind(scenario.world.ids)
            clock.restore(scenario.world.clock)
        surroundings = Surroundings(
            application,
            store,
            catalogue,
            clock,
            ids,
            settings.seed,
            timers=parts.timers(application.id),
        )
        vault = Vault(surroundings, seeded[0])
        vault.shown.keeps_parts = settings.validate_responses
        workbenches.open(vault, clock)
        return vault

    return make_vault


def _invented(contract: Contract, operation: Operation, seed: int) -> Handler:
    def answer(vault: Vault, caller: Caller, **parameters: Any) -> Reply:
        """Answer what the contract shows, or what its schema allows."""
        del vault, caller
        parameters.pop("body", None)
        made = invent(contract, operation, seed=seed, parameters=parameters)
        headers = tuple(
            (name.encode(), value.encode())
            for name, value in made.headers.items()
            if name != "content-type"
        )
        return Reply(made.status, None if made.body is None else dumps(made.body), headers)

    return answer
