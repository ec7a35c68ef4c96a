"""`mockvault reset`, `snapshot`, `explain` and `force`: worlds, and where connections stand."""

import json
from pathlib import Path
from typing import Any

import click

from mockvault.commands.talking import lines, over_app
from mockvault.remote import RemoteApplication


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every application.")
@over_app
def reset(app: RemoteApplication, *, everything: bool) -> None:
    """Restore the seeded world, real time, and no fault."""
    if everything:
        app.remote.reset()
    else:
        app.reset()


@click.group()
def snapshot() -> None:
    """Worlds to come back to."""


@snapshot.command("list")
@over_app
def list_snapshots(app: RemoteApplication) -> Any:
    """List the snapshots."""
    return lines([(each["name"], each["taken_at"]) for each in app.snapshots.list()])


@snapshot.command()
@click.argument("name")
@over_app
def save(app: RemoteApplication, name: str) -> None:
    """Keep the world as it is now."""
    app.snapshots.save(name)


@snapshot.command()
@click.argument("name")
@over_app
def restore(app: RemoteApplication, name: str) -> None:
    """Make the world what it was then."""
    app.snapshots.restore(name)


@snapshot.command()
@click.argument("name")
@over_app
def remove(app: RemoteApplication, name: str) -> None:
    """Forget a snapshot."""
    app.snapshots.remove(name)


@snapshot.command()
@click.argument("name", required=False)
@over_app
def export(app: RemoteApplication, name: str | None) -> Any:
    """Print a snapshot, or the world as it is now, as JSON that `serve --scenario` takes."""
    return app.snapshots.export(name)


@snapshot.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@over_app
def take_in(app: RemoteApplication, name: str, file: Path) -> None:
    """Keep an exported world as a snapshot."""
    try:
        world = json.loads(file.read_text())
    except ValueError as reason:
        raise click.UsageError(f"{file} is not JSON: {reason}") from None
    app.snapshots.take_in(name, world)


@click.command()
@click.argument("connection")
@click.option("--consumer", default="test-consumer", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
@over_app
def explain(app: RemoteApplication, connection: str, consumer: str, *, as_json: bool) -> Any:
    """Tell why CONNECTION (crm/salesforce) stands where it does, and what can be done next."""
    told = app.explain(connection, consumer)
    if as_json:
        return told
    shown = [f"{told['connection']} of {consumer} is {told['state']}. {told['because']}", ""]
    shown += [f"  [{'x' if each['holds'] else ' '}] {each['fact']}" for each in told["facts"]]
    for step in told["next"]:
        shown += ["", f"{step['does']} ({step['operation_id']}) -> {step['leads_to']}"]
        shown.append(f"  {step['curl']}")
    return "\n".join([*shown, "", told["diagram"]])


@click.command()
@click.argument("connection")
@click.argument(
    "state", type=click.Choice(("available", "added", "authorized", "callable", "invalid"))
)
@click.option("--consumer", default="test-consumer", show_default=True)
@click.option("--reason", help="As refresh_token_revoked or revoked.")
@over_app
def force(
    app: RemoteApplication, connection: str, state: str, consumer: str, reason: str | None
) -> Any:
    """Bring CONNECTION (crm/salesforce) into STATE, by the facts that imply it."""
    told = app.force(connection, state, consumer, reason)
    raised = ", ".join(each["event_type"] for each in told["events"])
    return f"{connection} is {told['state']}" + (f": {raised}" if raised else "")
