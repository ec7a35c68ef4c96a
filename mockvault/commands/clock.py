"""`mockvault clock`: the one clock of an application."""

from typing import Any

import click

from mockvault.commands.talking import over_app
from mockvault.remote import JsonObjects, RemoteApplication


@click.group()
def clock() -> None:
    """The application's clock: freeze it, let time pass, travel."""


@clock.command()
@over_app
def show(app: RemoteApplication) -> Any:
    """Show what time it is, and what is due."""
    told = app.clock.show()
    due = [f"{each['due']}  {each['kind']}  {each['subject']}" for each in told["timers"]]
    standing = "frozen" if told["frozen"] else "running"
    return "\n".join([f"{told['now']}  {standing}", *due])


@clock.command()
@click.argument("to", required=False)
@over_app
def freeze(app: RemoteApplication, to: str | None) -> Any:
    """Let no time pass any more; stand at TO (2030-01-01T00:00:00Z), where it is given."""
    return app.clock.freeze(to)["now"]


@clock.command()
@click.argument("by")
@over_app
def advance(app: RemoteApplication, by: str) -> Any:
    """Let time pass, as PT2H or P1D, and show what it set off."""
    return _told(app.clock.advance(by))


@clock.command()
@click.argument("to")
@over_app
def travel(app: RemoteApplication, to: str) -> Any:
    """Go to a time, as 2030-01-01T00:00:00Z, and show what was set off on the way."""
    return _told(app.clock.travel(to))


@clock.command()
@over_app
def resume(app: RemoteApplication) -> Any:
    """Let time pass again, from where it stands."""
    return app.clock.resume()["now"]


@clock.command()
@over_app
def reset(app: RemoteApplication) -> Any:
    """Show real time again."""
    return app.clock.reset()["now"]


def _told(effects: JsonObjects) -> str:
    shown = []
    for effect in effects:
        rest = " ".join(
            f"{name}={value}" for name, value in effect.items() if name not in ("at", "kind")
        )
        shown.append(f"{effect['at']}  {effect['kind']}  {rest}")
    return "\n".join(shown) or "nothing was due"
