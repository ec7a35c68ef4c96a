"""The command line: each command calls one function, and imports what it needs when it runs."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from mockvault.settings import PREFIX, Settings, options
from mockvault.version import VERSION

EXIT_USAGE = 2
EXIT_PORT_BUSY = 3
EXIT_CONTRACT_INVALID = 4
EXIT_STORE_UNUSABLE = 5


LATER = {
    "apps": ("mockvault.commands.applications", "apps", "The applications that are served."),
    "clock": ("mockvault.commands.clock", "clock", "The application's clock: freeze it, travel."),
    "events": ("mockvault.commands.events", "events", "What the vault announced, to whom."),
    "examples": ("mockvault.commands.applications", "examples", "An operation's named examples."),
    "exec": ("mockvault.commands.execution", "execute", "Run a command beside a mock of its own."),
    "explain": ("mockvault.commands.worlds", "explain", "Why a connection stands where it does."),
    "faults": ("mockvault.commands.faults", "faults", "What goes wrong on purpose."),
    "force": ("mockvault.commands.worlds", "force", "Bring a connection into a state."),
    "health": ("mockvault.commands.health", "health", "Tell whether a mock answers."),
    "journal": ("mockvault.commands.journal", "journal", "What happened, in order."),
    "listen": ("mockvault.commands.events", "listen", "Forward events to a URL."),
    "logs": ("mockvault.commands.journal", "logs", "Print what happened, and go on."),
    "prefer": ("mockvault.commands.faults", "prefer", "Have answers be as preferred."),
    "reset": ("mockvault.commands.worlds", "reset", "Restore the seeded world."),
    "snapshot": ("mockvault.commands.worlds", "snapshot", "Worlds to come back to."),
    "trigger": ("mockvault.commands.events", "trigger", "Make the transition of an event."),
    "verify": ("mockvault.commands.journal", "verify", "Judge whether requests were made."),
    "webhooks": ("mockvault.commands.events", "webhooks", "Who is told of events."),
}
"""Commands by name: the module and name they are found at when they run, and what they are for."""


class _Commands(click.Group):
    """Commands of which most are imported when they run, so that --help costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LATER:
            return super().get_command(ctx, cmd_name)
        module, name, _ = LATER[cmd_name]
        found: click.Command = getattr(import_module(module), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        told = {name: each.get_short_help_str(80) for name, each in self.commands.items()}
        told |= {name: short for name, (_, _, short) in LATER.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(told.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, prog_name="mockvault")
def main() -> None:
    """A stateful mock of the Apideck Vault API, driven by its contract."""


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command one option for each setting."""
    for name, default, metadata in reversed(options()):
        flag = f"--{name.replace('_', '-')}"
        more: dict[str, Any] = {"help": metadata["help"], "envvar": f"{PREFIX}{name.upper()}"}
        if isinstance(default, bool):
            more |= {"is_flag": True, "default": default}
        elif "choices" in metadata:
            more |= {"type": click.Choice(metadata["choices"]), "default": default}
        elif name in ("port_file", "spec", "fixtures"):
            kind = click.Path(path_type=Path, exists=name != "port_file")
            more |= {"type": kind, "default": default}
        elif isinstance(default, int):
            more |= {"type": int, "default": default}
        else:
            more |= {"default": default}
        command = click.option(
            flag, name, show_default=default is not None, show_envvar=True, **more
        )(command)
    return command


@main.command()
@_with_settings
def serve(**given: Any) -> None:
    """Serve the mock until it is interrupted.

    Exit codes: 0 stopped, 2 usage, 3 port busy, 4 contract invalid, 5 store unusable.
    """
    settings = Settings(**given)
    if settings.api_key is not None and settings.app_id is None:
        raise click.UsageError("--api-key is the key of the application that --app-id names")
    if settings.workers < 1:
        raise click.UsageError("--workers is the number of processes that answer: 1 or more")
    if settings.workers > 1 and settings.store == "memory":
        raise click.UsageError(
            "several workers need a store to share: add --store sqlite:///mockvault.db or "
            "--store redis://127.0.0.1:6379/0"
        )
    from mockvault.deferred import defer  # noqa: PLC0415
    from mockvault.garbage import without_collections  # noqa: PLC0415

    with without_collections():
        defer("requests")  # connexion names it, for contracts that lie on the web
        _serve(settings)


def _serve(settings: Settings) -> None:
    from mockvault.serving import AddressUnusable, PortBusy, listen  # noqa: PLC0415
    from mockvault.serving import serve as serve_app  # noqa: PLC0415

    try:
        sock = listen(settings.host, settings.port)
    except PortBusy as reason:
        _fail(str(reason), EXIT_PORT_BUSY)
    except AddressUnusable as reason:
        _fail(str(reason), EXIT_USAGE)
    host, port = sock.getsockname()[:2]
    url = settings.base_url or f"http://{_reachable(host)}:{port}"

    def work(tell: Callable[[str], None], port_file: Path | None = None) -> None:
        app = _app(settings)

        def started() -> None:
            app.begin()
            tell(banner(settings, app, url))

        serve_app(app, sock, port_file=port_file, started=started, stopping=app.end_streams)
        app.close()

    with sock:
        if settings.workers == 1:
            work(lambda told: click.echo(told, err=True), settings.port_file)
            return
        import_module("mockvault.app")  # once, for all workers
        from mockvault.serving import write_whole  # noqa: PLC0415
        from mockvault.workers import Workers  # noqa: PLC0415

        def all_started(told: str) -> None:
            if settings.port_file is not None:
                write_whole(settings.port_file, f"{port}\n")
            click.echo(told, err=True)

        code = Workers(settings.workers, work, all_started).run()
    sys.exit(code)


@main.group()
def scenario() -> None:
    """Starting worlds."""


@scenario.command("list")
@click.option(
    "--fixtures",
    type=click.Path(path_type=Path, exists=True),
    envvar=f"{PREFIX}FIXTURES",
    help="Folder of fixtures in place of those built in.",
)
def scenario_list(fixtures: Path | None) -> None:
    """List the scenarios, with what each holds."""
    from mockvault.catalogue import BrokenFixtures, load_catalogue  # noqa: PLC0415
    from mockvault.locations import builtin_fixtures  # noqa: PLC0415
    from mockvault.scenarios import load_scenarios  # noqa: PLC0415

    folder = fixtures or builtin_fixtures()
    try:
        scenarios = load_scenarios(folder / "scenarios", load_catalogue(folder))
    except BrokenFixtures as reason:
        _fail(str(reason), EXIT_USAGE)
    for name, each in scenarios.items():
        click.echo(f"{name:<14}{each.description}")


@main.command()
@click.option("--api", help="Only those of this unified API, as crm.")
@click.option(
    "--fixtures",
    type=click.Path(path_type=Path, exists=True),
    envvar=f"{PREFIX}FIXTURES",
    help="Folder of fixtures in place of those built in.",
)
def connectors(api: str | None, fixtures: Path | None) -> None:
    """List the connectors that can be connected."""
    from mockvault.catalogue import BrokenFixtures, load_catalogue  # noqa: PLC0415
    from mockvault.locations import builtin_fixtures  # noqa: PLC0415

    try:
        catalogue = load_catalogue(fixtures or builtin_fixtures())
    except BrokenFixtures as reason:
        _fail(str(reason), EXIT_USAGE)
    if api is not None and api not in catalogue.unified_apis:
        known = ", ".join(catalogue.unified_apis)
        _fail(f"no connector is of the unified API '{api}'; there are {known}", EXIT_USAGE)
    for each in catalogue.all if api is None else catalogue.of_api(api):
        auth = each.auth_type.value
        grant = f" ({each.oauth_grant_type.value})" if each.oauth_grant_type else ""
        fields = ", ".join(field.id for field in each.form_fields if field.required)
        told = f"{each.id:<42}{each.name:<30}{auth + grant:<30}{fields}"
        click.echo(told.rstrip())


def banner(settings: Settings, app: Any, url: str) -> str:
    """Return what a developer needs to begin with, and a command that works when pasted."""
    applications = [vault.application for vault in app.applications]
    chosen = next(
        (each for each in applications if each.id == (settings.app_id or "mock-app")),
        applications[0] if applications else None,
    )
    lines = [f"mockvault {VERSION}: Vault API {app.contract.version}, scenario {settings.scenario}"]
    if chosen is None:
        return "\n".join([*lines, f"  base URL        {url}", "  no application is declared"])
    key, consumer = chosen.api_keys[0], "test-consumer"
    return "\n".join(
        [
            *lines,
            f"  base URL        {url}",
            f"  application id  {chosen.id}",
            f"  API key         {key}",
            f"  consumer        {consumer}",
            "",
            f"  curl {url}/vault/connections/crm/salesforce \\",
            f"    -H 'Authorization: Bearer {key}' \\",
            f"    -H 'x-apideck-app-id: {chosen.id}' \\",
            f"    -H 'x-apideck-consumer-id: {consumer}'",
            "",
        ]
    )


def _reachable(host: str) -> str:
    """Return the host by which a client on this machine reaches what listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  what the user chose
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _app(settings: Settings) -> Any:
    from mockvault.app import UnknownScenario, create_app  # noqa: PLC0415
    from mockvault.catalogue import BrokenFixtures  # noqa: PLC0415
    from mockvault.contract import ContractInvalid  # noqa: PLC0415
    from mockvault.store.shared import StoreUnusable  # noqa: PLC0415

    try:
        return create_app(settings)
    except ContractInvalid as reason:
        _fail(f"the contract is invalid: {reason}", EXIT_CONTRACT_INVALID)
    except StoreUnusable as reason:
        _fail(str(reason), EXIT_STORE_UNUSABLE)
    except (BrokenFixtures, UnknownScenario) as reason:
        _fail(str(reason), EXIT_USAGE)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"mockvault: {message}", err=True)
    sys.exit(code)
