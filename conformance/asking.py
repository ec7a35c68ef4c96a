"""What a command is told of whom to judge: the address, the applications and their keys."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from conformance import profiles
from conformance.laws import LAWS
from conformance.target import Application
from conformance.verdicts import AT_LEAST

_KEY_FILE = click.Path(exists=True, dir_okay=False)


def credentials(command: click.decorators.FC) -> click.decorators.FC:
    """Give a command the options of applications and keys."""
    for option in (
        click.option(
            "--other-api-key-file", type=_KEY_FILE, help="Read the other key from a file."
        ),
        click.option("--other-api-key", help="Its key (default: $VAULT_OTHER_API_KEY)."),
        click.option(
            "--other-app-id",
            envvar="VAULT_OTHER_APP_ID",
            help="A second application, for isolation.",
        ),
        click.option("--api-key-file", type=_KEY_FILE, help="Read the key from a file."),
        click.option("--api-key", help="The key of the application (default: $VAULT_API_KEY)."),
        click.option("--app-id", envvar="VAULT_APP_ID", help="The application under judgement."),
    ):
        command = option(command)
    return command


def accepting(command: click.decorators.FC) -> click.decorators.FC:
    """Give a command the options of what is known to fail, and of what makes a verdict."""
    for option in (
        click.option(
            "--at-least",
            type=click.FloatRange(0, 100),
            default=AT_LEAST,
            show_default=True,
            metavar="PERCENT",
            help="How many of the laws that could be judged have to be, before a run that was cut"
            " short may conform; below that it is undecided.",
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Fail for SHOULD as for MUST, which warns otherwise"
            f" (SHOULD: {sum(not law.must for law in LAWS.values())} of {len(LAWS)} laws).",
        ),
        click.option(
            "--new-only", is_flag=True, help="Fail only for what the baseline does not know."
        ),
        click.option(
            "--baseline", type=click.Path(path_type=Path), help="Known failures, one id a line."
        ),
        click.option(
            "--waivers",
            "waiver_file",
            type=click.Path(path_type=Path),
            help="Default: conformance.toml.",
        ),
    ):
        command = option(command)
    return command


def applications(options: dict[str, str | None]) -> list[Application]:
    """Return the applications that the options and the environment name."""
    key = _key(options["api_key"], options["api_key_file"], "VAULT_API_KEY")
    if not key or not options["app_id"]:
        raise click.UsageError("give --app-id and --api-key (or VAULT_APP_ID and VAULT_API_KEY)")
    found = [Application(options["app_id"], key, "VAULT")]
    other = _key(options["other_api_key"], options["other_api_key_file"], "VAULT_OTHER_API_KEY")
    if bool(other) != bool(options["other_app_id"]):
        raise click.UsageError("--other-app-id and --other-api-key belong together")
    if other and options["other_app_id"]:
        found.append(Application(options["other_app_id"], other, "VAULT_OTHER"))
    return found


def other_side(app_id: str | None, api_key: str | None) -> list[Application]:
    """Return the application of a second deployment, where it has another one."""
    key = _key(api_key, None, "VAULT_B_API_KEY")
    if bool(key) != bool(app_id):
        raise click.UsageError("--b-app-id and --b-api-key belong together")
    return [Application(app_id, key, "VAULT_B")] if app_id and key else []


def _key(value: str | None, file: str | None, variable: str) -> str | None:
    key = value or os.environ.get(variable) or None
    if file:
        key = Path(file).read_text(encoding="utf-8").strip()
        if not key:
            raise click.UsageError(f"{file} holds no key")
    if key and not key.isprintable():
        raise click.UsageError(f"the key of {file or f'${variable}'} is more than one line of text")
    return key


def address(url: str) -> str:
    """Return the address of a deployment, without a slash at its end."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        raise click.UsageError(f"{url!r} is no http(s) address: {error}") from error
    if not usable or any(c.isspace() for c in url):
        raise click.UsageError(f"{url!r} is no http(s) address")
    if "@" in parts.netloc:
        raise click.UsageError("the address holds a user: name the application by --app-id")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise click.UsageError(f"{url!r} is more than an address: leave out ?… and #…")
    return url.rstrip("/")


def with_leave_to_write(url: str, *, allow_writes: bool) -> str:
    """Return the address for a command that writes: beyond this machine that has to be allowed."""
    found = address(url)
    if not profiles.is_loopback(found) and not allow_writes:
        raise click.UsageError(
            f"this writes to {found}, under consumers of its own: allow it by --allow-writes"
        )
    return found
