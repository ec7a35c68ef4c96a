"""`mockvault health`: whether a mock answers, for containers and scripts."""

import sys
import time

import click

from mockvault.commands.talking import EXIT_UNREACHABLE
from mockvault.domain.clock import duration_of
from mockvault.remote import PowerRefused, Remote, Unreachable


@click.command()
@click.option("--url", envvar="MOCKVAULT_URL", show_envvar=True, help="Where the mock answers.")
@click.option("--port", envvar="MOCKVAULT_PORT", default=4010, help="Its port on this machine.")
@click.option("--wait", default="PT0S", help="How long to wait for it, as PT20S.")
def health(url: str | None, port: int, wait: str) -> None:
    """Tell whether a mock answers, its worlds seeded: 0 where it does, 5 where it does not."""
    try:
        until = time.monotonic() + duration_of(wait) / 1000
    except ValueError as reason:
        raise click.UsageError(str(reason)) from None
    while True:
        try:
            told = Remote(url or f"http://127.0.0.1:{port}").health()
        except (Unreachable, PowerRefused) as reason:
            if time.monotonic() >= until:
                click.echo(f"mockvault: {reason}", err=True)
                sys.exit(EXIT_UNREACHABLE)
            time.sleep(0.1)
        else:
            click.echo(f"{told['status']}: Vault API {told['contract']}, {told['scenario']}")
            return
