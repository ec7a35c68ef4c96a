"""What commands that talk to a running mock have in common: where it is, and how it is told."""

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from mockvault.remote import PowerRefused, Remote, RemoteApplication, Unreachable

EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 5

_OPTIONS = (
    click.option(
        "--url",
        envvar="MOCKVAULT_URL",
        default="http://127.0.0.1:4010",
        show_default=True,
        show_envvar=True,
        help="Where the mock answers.",
    ),
    click.option(
        "--token",
        envvar="MOCKVAULT_CONTROL_TOKEN",
        show_envvar=True,
        help="Its control token, where it has one.",
    ),
)
_APP = click.option(
    "--app",
    envvar="MOCKVAULT_APP_ID",
    default="mock-app",
    show_default=True,
    show_envvar=True,
    help="The application.",
)


def over_mock(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command the running mock, by --url and --token, as its first argument."""

    def run(url: str, token: str | None, **given: Any) -> None:
        told(command, Remote(url, token), **given)

    return _with(run, command, _OPTIONS)


def over_app(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command the application's powers, by --app too, as its first argument."""

    def run(url: str, token: str | None, app: str, **given: Any) -> None:
        told(command, Remote(url, token).application(app), **given)

    return _with(run, command, (*_OPTIONS, _APP))


def told(command: Callable[..., Any], over: Remote | RemoteApplication, **given: Any) -> None:
    """Run a command; print what it returns; end with 2 for what is refused, 5 for no mock."""
    try:
        answer = command(over, **given)
    except PowerRefused as reason:
        click.echo(f"mockvault: {reason}", err=True)
        sys.exit(EXIT_USAGE)
    except Unreachable as reason:
        click.echo(f"mockvault: {reason}", err=True)
        sys.exit(EXIT_UNREACHABLE)
    except BrokenPipeError:
        sys.exit(0)
    show(answer)


def show(answer: Any) -> None:
    """Print a text as it is, anything else as JSON, and nothing for None."""
    if answer is not None:
        click.echo(answer if isinstance(answer, str) else json.dumps(answer, indent=2))


def lines(rows: list[tuple[Any, ...]]) -> str | None:
    """Return rows as columns, None where there are none."""
    if not rows:
        return None
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _with(
    run: Callable[..., None], command: Callable[..., Any], options: tuple[Any, ...]
) -> Callable[..., None]:
    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    kept = getattr(command, "__click_params__", [])
    run.__click_params__ = list(kept)  # type: ignore[attr-defined]
    result: Callable[..., None] = run
    for option in reversed(options):
        result = option(result)
    return result
