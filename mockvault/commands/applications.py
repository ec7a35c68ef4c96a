"""Commands over the applications that the mock serves, and the examples that it knows."""

from typing import Any
from urllib.parse import quote

import click

from mockvault.commands.talking import lines, over_mock
from mockvault.remote import Remote


@click.group()
def apps() -> None:
    """The applications that the mock serves."""


@apps.command("list")
@over_mock
def list_applications(mock: Remote) -> str | None:
    """List the applications, with their names."""
    served = mock.call("GET", "/apps")["applications"]
    return lines([(each["id"], each["name"]) for each in served])


@apps.command("add")
@click.option("--id", "application_id", help="Its id; made up where none is given.")
@click.option("--key", "api_key", help="Its API key; made up where none is given.")
@click.option("--name", help="Its name.")
@over_mock
def add_application(
    mock: Remote, application_id: str | None, api_key: str | None, name: str | None
) -> Any:
    """Serve one more application, its world seeded; print its id and key."""
    said = {"id": application_id, "api_key": api_key, "name": name}
    return mock.call("POST", "/apps", {key: value for key, value in said.items() if value})


@apps.command("remove")
@click.argument("application_id")
@over_mock
def remove_application(mock: Remote, application_id: str) -> None:
    """Serve an application no longer."""
    mock.remove_application(application_id)


@click.command()
@click.argument("operation_id")
@click.option("--name", help="Print the examples of this name, whole.")
@over_mock
def examples(mock: Remote, operation_id: str, name: str | None) -> Any:
    """List the named examples of an operation, which `Prefer: example=NAME` answers."""
    known = mock.call("GET", f"/examples/{quote(operation_id, safe='')}")["examples"]
    if name is None:
        return lines([(each["status"], each["name"]) for each in known])
    found = [each for each in known if each["name"] == name]
    if not found:
        names = ", ".join(sorted({each["name"] for each in known}))
        raise click.UsageError(f"{operation_id} has no example '{name}'; there are {names}")
    return found
