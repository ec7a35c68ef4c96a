"""`mockvault journal`, `logs` and `verify`: what happened, and whether it is what should have."""

import contextlib
import json
import sys
from typing import Any

import click

from mockvault.commands.talking import EXIT_FINDINGS, over_app
from mockvault.remote import JsonObject, PowerRefused, RemoteApplication


@click.group()
def journal() -> None:
    """What happened, in order."""


@journal.command("list")
@click.option("--limit", default=20, show_default=True)
@click.option("--violations", is_flag=True, help="Only requests that broke the contract.")
@over_app
def list_entries(app: RemoteApplication, limit: int, *, violations: bool) -> Any:
    """List the newest entries."""
    entries = app.journal.violations()[-limit:] if violations else app.journal.entries(limit=limit)
    return "\n".join(map(line, entries)) or None


@journal.command()
@click.argument("number", type=int)
@over_app
def show(app: RemoteApplication, number: int) -> Any:
    """Show one entry whole."""
    return app.journal.show(number)


@journal.command()
@click.argument("number", type=int)
@over_app
def replay(app: RemoteApplication, number: int) -> Any:
    """Send a request again as it was sent."""
    return app.journal.replay(number)


@journal.command()
@over_app
def clear(app: RemoteApplication) -> None:
    """Forget every entry."""
    app.journal.clear()


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on as things happen, until ^C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@over_app
def logs(app: RemoteApplication, *, follow: bool, as_json: bool) -> None:
    """Print what happened: requests, events, attempts to deliver them, powers used."""
    shown = app.journal.entries(limit=100)
    for entry in shown:
        click.echo(json.dumps(entry) if as_json else line(entry))
    if not follow:
        return
    with contextlib.suppress(KeyboardInterrupt):
        after = shown[-1]["number"] if shown else 0
        for entry in app.journal.stream(after=after):
            click.echo(json.dumps(entry) if as_json else line(entry))
            sys.stdout.flush()


@click.command()
@click.option("--operation", help="The operation, as consumersAdd.")
@click.option("--consumer", help="The consumer.")
@click.option("--status", type=int, help="The status of the answer.")
@click.option("--body", help="A JSON pattern that the body has to match.")
@click.option("--exactly", type=int, help="How often.")
@click.option("--at-least", type=int, help="How often at least (1 where nothing is said).")
@click.option("--at-most", type=int, help="How often at most.")
@over_app
def verify(app: RemoteApplication, operation: str | None, body: str | None, **said: Any) -> Any:
    """Judge whether requests were made; end with 1 where they were not, or nobody can tell."""
    wanted = {name: said[name] for name in ("consumer", "status") if said[name] is not None}
    if operation is not None:
        wanted["operation_id"] = operation
    if body is not None:
        try:
            wanted["body"] = json.loads(body)
        except ValueError as reason:
            raise click.UsageError(f"--body is not JSON: {reason}") from None
    names = ("exactly", "at_least", "at_most")
    count = {name: said[name] for name in names if said[name] is not None}
    if count:
        wanted["count"] = count
    try:
        told = app.journal.verify(**wanted)
    except PowerRefused as reason:
        if reason.status != 422:
            raise
        told = reason.body
        click.echo(told["message"], err=True)
        for each in told["nearest"]:
            misses = "; ".join(each["misses"])
            click.echo(f"  {each['number']} {each['method']} {each['path']}: {misses}", err=True)
        sys.exit(EXIT_FINDINGS)
    return f"found {told['count']}, wanted {told['wanted']}"


def line(entry: JsonObject) -> str:
    """Return an entry as a person reads it."""
    told = [str(entry["number"]), entry["at"], entry["kind"]]
    if entry["kind"] == "request":
        told += [str(entry["status"]), entry["method"], entry["path"], entry["operation_id"] or "-"]
        told += entry["changes"]
        if "fault" in entry:
            told.append(f"fault {entry['fault']}")
        if "error" in entry:
            told.append(f"! {entry['error']}")
    elif entry["kind"] == "event":
        told += [entry["event_type"], f"{entry['connection']} of {entry['consumer_id']}"]
    elif entry["kind"] == "attempt":
        status = entry.get("status_code") or entry.get("error") or "-"
        told += [entry["event_type"], entry["delivery_status"], str(status)]
    else:
        rest = {k: v for k, v in entry.items() if k not in ("number", "at", "kind", "power")}
        told += [str(entry.get("power")), json.dumps(rest)]
    return "  ".join(told)
