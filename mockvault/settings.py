"""Every setting of the mock: one field each, with its help, its flag and its variable.

A flag goes before a variable (`MOCKVAULT_` and the field's name), a variable before the default.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "MOCKVAULT_"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one mock is to run; the metadata of a field hold its `help`, and its `choices` if any."""

    host: str = field(default="127.0.0.1", metadata={"help": "Address to listen on."})
    port: int = field(default=4010, metadata={"help": "Port to listen on; 0 takes a free one."})
    port_file: Path | None = field(
        default=None, metadata={"help": "File to write the port to, once it is listened on."}
    )
    base_url: str | None = field(
        default=None,
        metadata={"help": "URL by which clients reach the mock, where their request's is not it."},
    )
    spec: Path | None = field(
        default=None, metadata={"help": "Contract to serve in place of the one that is built in."}
    )
    fixtures: Path | None = field(
        default=None, metadata={"help": "Folder of fixtures in place of those built in."}
    )
    scenario: str = field(
        default="default",
        metadata={"help": "Starting world: a name of `scenario list`, or a file."},
    )
    seed: int = field(
        default=1, metadata={"help": "Seed of every made-up value: one seed, one world."}
    )
    app_id: str | None = field(default=None, metadata={"help": "One more application, by its id."})
    api_key: str | None = field(
        default=None, metadata={"help": "The key of the application that --app-id names."}
    )
    open_applications: bool = field(
        default=False,
        metadata={"help": "Take any application id as a new tenant, with mock-api-key."},
    )
    strict_read_only: bool = field(
        default=False,
        metadata={"help": "Refuse read-only properties in a body, which are ignored otherwise."},
    )
    validate_responses: bool = field(
        default=False,
        metadata={"help": "Judge every answer by the contract too; a violation is our bug."},
    )
    store: str = field(
        default="memory",
        metadata={
            "help": "Where the worlds are kept: memory, sqlite:///FILE or redis://HOST:PORT/0."
        },
    )
    workers: int = field(
        default=1, metadata={"help": "Processes that answer; several need a --store to share."}
    )
    log_format: str = field(
        default="auto",
        metadata={
            "help": "How requests are logged; auto is human on a terminal, json elsewhere.",
            "choices": ("auto", "human", "json", "none"),
        },
    )
    control_token: str | None = field(
        default=None,
        metadata={
            "help": "Open /_mock to other machines than this one, for who sends this Bearer token."
        },
    )
    webhook_signature: str = field(
        default="hex",
        metadata={
            "help": "How webhooks are signed; off is what the contract 10.4.0 has.",
            "choices": ("hex", "base64", "off"),
        },
    )
    webhook_timeout: float = field(
        default=10.0, metadata={"help": "Seconds of real time that a subscriber has to answer."}
    )
    journal_capacity: int = field(
        default=10_000, metadata={"help": "Entries that an application's journal keeps at most."}
    )
    cache: str = field(
        default="auto",
        metadata={
            "help": "Folder to keep what a start works out; auto is the user's cache, off is none."
        },
    )
    log_capacity: int = field(
        default=50_000, metadata={"help": "Log entries that an application keeps at most."}
    )


def options() -> tuple[tuple[str, Any, dict[str, Any]], ...]:
    """Return name, default and metadata of each setting, in order."""
    return tuple((each.name, each.default, dict(each.metadata)) for each in fields(Settings))
