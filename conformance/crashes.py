"""What a command does where the tester itself breaks: a sentence, and the traceback in a file."""

import contextlib
import platform
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from conformance import __version__
from conformance.asking import applications
from conformance.folder import CRASH, FOLDER
from conformance.redaction import Secrets

BROKEN = 70


class Command(click.Command):
    """A command that shows nobody a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; end with 70 where it broke."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours
            _tell(error, ctx.params)


def _tell(error: Exception, options: dict[str, Any]) -> NoReturn:
    given = options.get("report_dir")
    path = (given if isinstance(given, Path) else FOLDER) / CRASH
    hide = _secrets(options).hidden
    head = f"conformance {__version__}, Python {platform.python_version()}\n"
    text = hide(head + "".join(traceback.format_exception(error)))
    said = f"conformance: the tester broke, which says nothing of the deployment: {error!r}"
    click.echo(hide(said), err=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        click.echo(f"the traceback is in {path}", err=True)
    except OSError:
        click.echo(text, err=True)
    sys.exit(BROKEN)


def _secrets(options: dict[str, Any]) -> Secrets:
    """Return the keys that a command was given, to be kept out of what it tells."""
    secrets = Secrets()
    with contextlib.suppress(click.UsageError, KeyError, OSError):
        for application in applications(options):
            secrets.add(application.key, f"{application.label}_API_KEY")
    if key := options.get("b_api_key"):
        secrets.add(key, "VAULT_B_API_KEY")
    return secrets
