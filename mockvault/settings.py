"""Every setting of the mock: one field each, with its help, its flag and its variable.

A flag goes before a variable (`MOCKVAULT_` and the field's name), a variable before the default.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "MOCKVAULT_"


def _option(default: Any, help: str, **extra: Any) -> Any:
    return field(default=default, metadata={"help": help, **extra})


@dataclass(frozen=True, slots=True)
class Settings:
    """How one mock is to run."""

    host: str = _option("127.0.0.1", "Address to listen on.")
    port: int = _option(4010, "Port to listen on; 0 takes a free one.")
    port_file: Path | None = _option(None, "File to write the port to, once it is listened on.")
    base_url: str | None = _option(
        None, "URL by which clients reach the mock, where it is not that of their request."
    )
    spec: Path | None = _option(None, "Contract to serve in place of the one that is built in.")
    fixtures: Path | None = _option(None, "Folder of fixtures in place of those built in.")
    scenario: str = _option("default", "Starting world: a name of `scenario list`, or a file.")
    seed: int = _option(1, "Seed of every made-up value: one seed, one world.")
    app_id: str | None = _option(None, "One more application, by its id.")
    api_key: str | None = _option(None, "The key of the application that --app-id names.")
    open_applications: bool = _option(
        default=False, help="Take any application id as a new tenant, with mock-api-key."
    )
    strict_read_only: bool = _option(
        default=False, help="Refuse read-only properties in a body, which are ignored otherwise."
    )
    validate_responses: bool = _option(
        default=False, help="Judge every answer by the contract too; a violation is our bug."
    )
    log_format: str = _option(
        "auto", "How requests are logged.", choices=("auto", "human", "json", "none")
    )
    log_capacity: int = _option(50_000, "Log entries that an application keeps at most.")


def options() -> tuple[tuple[str, Any, dict[str, Any]], ...]:
    """Return name, default and metadata of each setting, in order."""
    return tuple((each.name, each.default, dict(each.metadata)) for each in fields(Settings))
