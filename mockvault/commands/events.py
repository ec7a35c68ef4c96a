"""`mockvault events`, `webhooks`, `trigger` and `listen`: what is announced, to whom, and again."""

import contextlib
from typing import Any

import click

from mockvault.commands.talking import lines, over_app
from mockvault.remote import RemoteApplication


@click.group()
def events() -> None:
    """What the vault announced, and how it was delivered."""


@events.command("list")
@click.option("--type", help="Only events of this type.")
@click.option("--limit", default=20, show_default=True)
@over_app
def list_events(app: RemoteApplication, type: str | None, limit: int) -> Any:
    """List events, newest first."""
    return lines(
        [
            (
                each["sequence"],
                each["occurred_at"],
                each["event_type"],
                f"{each['connection']} of {each['consumer_id']}",
                ", ".join(
                    f"{delivery['status']} ({delivery['attempts']})"
                    for delivery in each["deliveries"]
                ),
            )
            for each in app.events.list(type=type, limit=limit)
        ]
    )


@events.command()
@click.argument("event")
@over_app
def show(app: RemoteApplication, event: str) -> Any:
    """Show one event, by its id or number, with its payload."""
    return app.events.show(event)


@events.command()
@click.argument("event", required=False)
@click.option("--last-failed", is_flag=True, help="The last delivery that failed.")
@click.option("--all-failed", is_flag=True, help="Every delivery that failed.")
@over_app
def resend(
    app: RemoteApplication, event: str | None, *, last_failed: bool, all_failed: bool
) -> Any:
    """Send an event to its subscriptions once more, now."""
    if (event is not None) + last_failed + all_failed != 1:
        raise click.UsageError("name an event, or say --last-failed or --all-failed")
    sent = app.events.resend(event) if event else app.events.resend_failed(all=all_failed)
    return (
        lines([(each["id"], each["event_type"], each["status"]) for each in sent])
        or "nothing has failed"
    )


@click.group()
def webhooks() -> None:
    """Who is told of events."""


@webhooks.command("list")
@over_app
def list_webhooks(app: RemoteApplication) -> Any:
    """List who is told of which events."""
    return lines(
        [
            (
                each["id"],
                each["status"] if each["status"] == "enabled" else each["disabled_reason"],
                each["delivery_url"],
                " ".join(each["events"]),
            )
            for each in app.webhooks.list()
        ]
    )


@webhooks.command()
@click.argument("delivery_url")
@click.option("--events", default="*", show_default=True, help="Types, with commas between.")
@over_app
def add(app: RemoteApplication, delivery_url: str, events: str) -> Any:
    """Tell a URL of events from now on."""
    return app.webhooks.add(delivery_url, events.split(","))["id"]


@webhooks.command()
@click.argument("id")
@click.option("--duplicate", type=int, help="Copies that follow each attempt.")
@click.option("--reorder", type=int, help="Events that are held back and sent in reverse.")
@click.option("--delay", help="A duration of the clock, as PT1H.")
@click.option("--drop", type=float, help="The share of events that are lost.")
@click.option("--bad-signature", type=float, help="The share of wrong signatures.")
@click.option("--times", type=int, help="For how many events this holds.")
@over_app
def knobs(app: RemoteApplication, id: str, **said: Any) -> Any:
    """Have delivery go wrong on purpose; without an option, go right again."""
    chosen = {name: value for name, value in said.items() if value is not None}
    return app.webhooks.change(id, knobs=chosen)["knobs"]


@webhooks.command()
@click.argument("id")
@over_app
def enable(app: RemoteApplication, id: str) -> Any:
    """Tell it again, after it was disabled."""
    return app.webhooks.change(id, status="enabled")["status"]


@webhooks.command()
@click.argument("id")
@over_app
def remove(app: RemoteApplication, id: str) -> None:
    """Tell it nothing any more."""
    app.webhooks.remove(id)


@click.command()
@click.argument("event")
@click.option("--service", required=True, help="The connection, as crm/salesforce.")
@click.option("--consumer", default="test-consumer", show_default=True)
@over_app
def trigger(app: RemoteApplication, event: str, service: str, consumer: str) -> Any:
    """Make the transition that raises EVENT (vault.connection.callable) on a connection."""
    told = app.trigger(event, service, consumer)
    rows = [(each["event_type"], each["event_id"]) for each in told["events"]]
    return "\n".join(filter(None, [f"{service} is {told['state']}", lines(rows)]))


@click.command()
@click.option("--forward-to", required=True, help="The URL that is told of events.")
@click.option("--events", default="*", show_default=True, help="Types, with commas between.")
@over_app
def listen(app: RemoteApplication, forward_to: str, events: str) -> Any:
    """Forward events to a URL until interrupted, and show each attempt.

    The mock itself sends them: the URL has to be one that it can reach. They are signed with the
    application's API key.
    """
    after = app.call("GET", "")["journal"]["last"]
    subscription = app.webhooks.add(
        forward_to, events.split(","), source="listen", description="mockvault listen"
    )
    click.echo(f"Events of {app.id} go to {forward_to} until ^C", err=True)
    try:
        for entry in app.journal.stream(kinds="attempt", after=after):
            if entry.get("subscription_id") == subscription["id"]:
                status = entry.get("status_code") or entry.get("error") or entry["delivery_status"]
                click.echo(
                    f"{entry['at']}  {entry['event_type']}  {entry['connection']} of "
                    f"{entry['consumer_id']}  -> {status}"
                )
    except KeyboardInterrupt:
        pass
    finally:
        with contextlib.suppress(Exception):
            app.webhooks.remove(subscription["id"])
    return None
