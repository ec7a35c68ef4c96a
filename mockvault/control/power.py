"""What a power is: a method and path, what it takes, what it answers, and the words for both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mockvault.control.workbench import Workbench, Workbenches
from mockvault.domain.clock import duration_of, milliseconds_of
from mockvault.vault.applications import Applications
from mockvault.web.plans import Health

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": 2_000}
NAME: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"}
DURATION: Schema = {
    "type": "string",
    "maxLength": 60,
    "description": "An ISO 8601 duration, as PT2H or P1D.",
    "examples": ["PT2H"],
}
MOMENT: Schema = {
    "type": "string",
    "maxLength": 60,
    "description": "An ISO 8601 date-time, as 2030-01-01T00:00:00Z.",
    "examples": ["2030-01-01T00:00:00Z"],
}
COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 1_000_000_000}
LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100}


class Refused(Exception):
    """The power cannot be used as was asked; it is answered in the contract's error envelope."""

    def __init__(self, status: int, type_name: str, message: str, detail: Any) -> None:
        super().__init__(f"{message}: {detail}")
        self.status = status
        self.type_name = type_name
        self.message = message
        self.detail = detail


class BodyRefused(Refused):
    """A part of the body, or of the query, cannot be meant."""

    def __init__(self, pointer: str, expected: str, got: Any = None, where: str = "body") -> None:
        told = {"in": where, "pointer": pointer, "expected": expected, "got": got}
        super().__init__(400, "RequestValidationError", "Invalid Params", {"violations": [told]})


@dataclass(frozen=True, slots=True)
class Mock:
    """The running mock, as powers see it."""

    applications: Applications
    workbenches: Workbenches
    health: Health
    about: Mapping[str, Any]
    tools: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One use of a power. `workbench` is that of the application which the path names."""

    mock: Mock
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    base_url: str
    bench: Workbench | None = None

    @property
    def workbench(self) -> Workbench:
        """The workbench of the application of the path."""
        assert self.bench is not None
        return self.bench


@dataclass(frozen=True, slots=True)
class Told:
    """An answer with a status of its own."""

    status: int
    value: Any


@dataclass(frozen=True, slots=True)
class Power:
    """One power. `answer` returns what is told as JSON, None for nothing, or a Told."""

    method: str
    path: str
    name: str
    summary: str
    answer: Callable[[Asked], Any]
    tag: str
    status: int = 200
    takes: Schema | None = None
    needs_body: bool = False
    query: Mapping[str, Schema] = field(default_factory=dict)
    refusals: Mapping[int, str] = field(default_factory=dict)
    is_open: bool = False


def an_object(required: tuple[str, ...] = (), /, **properties: Any) -> Schema:
    """Return the schema of an object of those properties and no others."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        schema["required"] = list(required)
    return schema


def duration_at(body: Mapping[str, Any], key: str, pointer: str | None = None) -> int:
    """Return the milliseconds of a duration in the body; raise BodyRefused where it is none."""
    try:
        return duration_of(body[key])
    except ValueError as reason:
        raise BodyRefused(pointer or f"/{key}", str(reason), body[key]) from None


def moment_at(body: Mapping[str, Any], key: str) -> int:
    """Return the time that the body names; raise BodyRefused where it names none from 1970 on."""
    try:
        moment = milliseconds_of(body[key])
    except (ValueError, OverflowError):
        moment = -1
    if moment < 0:
        raise BodyRefused(f"/{key}", "an ISO 8601 date-time from 1970 on", body[key])
    return moment
