"""`mockvault faults` and `prefer`: what goes wrong, and what answers are to be."""

import json
from typing import Any

import click

from mockvault.commands.talking import lines, over_app
from mockvault.remote import RemoteApplication


@click.group()
def faults() -> None:
    """What goes wrong on purpose."""


@faults.command("list")
@over_app
def list_faults(app: RemoteApplication) -> Any:
    """List the rules."""
    return lines(
        [
            (
                each["id"],
                json.dumps(each.get("match", {})),
                json.dumps(each["effect"]),
                f"used {each['used']}" + (f" of {each['times']}" if each["times"] else ""),
            )
            for each in app.faults.list()
        ]
    )


@faults.command()
@click.option("--status", type=int, help="Refuse with this status.")
@click.option("--retry-after", type=int, help="Seconds, for the header Retry-After.")
@click.option("--latency", help="Milliseconds, or a duration as PT0.8S.")
@click.option(
    "--wire",
    type=click.Choice(
        ("drip", "empty", "reset", "truncate", "malformed_json", "contract_violation")
    ),
    help="What the wire does to the answer.",
)
@click.option("--operation", help="Only this operation, as connectionsOne or connections*.")
@click.option("--consumer", help="Only this consumer.")
@click.option("--service", help="Only this service, as crm/salesforce.")
@click.option("--nth", type=int, help="Only the nth request that matches.")
@click.option("--probability", type=float, help="Only by this chance.")
@click.option("--times", type=int, help="So many times.")
@click.option("--ttl", help="For so long, as PT5M.")
@over_app
def add(app: RemoteApplication, **said: Any) -> Any:
    """Make a rule."""
    given = {name: value for name, value in said.items() if value is not None}
    effect: dict[str, Any] = {}
    effect |= {name: given[name] for name in ("status", "retry_after") if name in given}
    if "latency" in given:
        latency = given["latency"]
        effect["latency"] = int(latency) if latency.isdecimal() else latency
    if "wire" in given:
        effect[given["wire"]] = True
    match = {
        "operation_id" if name == "operation" else name: given[name]
        for name in ("operation", "consumer", "service", "nth", "probability")
        if name in given
    }
    return app.faults.add(effect, match=match, times=given.get("times"), ttl=given.get("ttl"))


@faults.command()
@click.argument("preset", type=click.Choice(("flaky", "slow", "rate-limited", "offline")))
@click.option("--times", type=int, help="So many times.")
@click.option("--ttl", help="For so long, as PT5M.")
@over_app
def apply(app: RemoteApplication, preset: str, times: int | None, ttl: str | None) -> Any:
    """Make the rules of a preset."""
    return " ".join(each["id"] for each in app.faults.apply(preset, times=times, ttl=ttl))


@faults.command()
@click.argument("id")
@over_app
def remove(app: RemoteApplication, id: str) -> None:
    """Forget one rule."""
    app.faults.remove(id)


@faults.command()
@over_app
def clear(app: RemoteApplication) -> None:
    """Forget every rule, and the limit."""
    app.faults.clear()


@faults.command()
@click.argument("requests", type=int, required=False)
@over_app
def limit(app: RemoteApplication, requests: int | None) -> None:
    """Refuse every request with 402 after so many more; without a number, no longer."""
    app.faults.limit(requests)


@click.command()
@click.option("--operation", help="Only this operation; all of them otherwise.")
@click.option("--code", type=int, help="A status of the operation.")
@click.option("--example", help="The name of an example.")
@click.option("--delay", type=int, help="Milliseconds before the answer.")
@over_app
def prefer(app: RemoteApplication, operation: str | None, **said: Any) -> None:
    """Have answers be as preferred; without an option, as the vault says."""
    if operation is None and not any(value is not None for value in said.values()):
        app.prefer_nothing()
    else:
        app.prefer(operation_id=operation, **said)
