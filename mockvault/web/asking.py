"""What a request says, part by part: its line, its headers, and the call that they make up.

A line and a block of headers mean the same each time they come. So each is a value that can be
read once and kept: `Way` is what a line leads to, `Head` what a block of headers tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockvault.contract import APPLICATION_HEADER, CONSUMER_HEADER
from mockvault.vault.vault import Vault
from mockvault.web.caller import Caller
from mockvault.web.replies import Header, Reply
from mockvault.web.violations import Violation

if TYPE_CHECKING:
    from mockvault.web.plans import Plan

_APPLICATION = APPLICATION_HEADER.encode()
_CONSUMER = CONSUMER_HEADER.encode()
SECURITY_HEADERS = (b"authorization", _APPLICATION, _CONSUMER)


def text_of(raw: bytes | None) -> str:
    """Return a header's text: UTF-8, or what else it is; empty where it is absent or blank."""
    if raw is None:
        return ""
    try:
        return raw.decode().strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


KNOWN = 64
"""Lines of which is kept what they say with the same headers; when there are more, all go."""


class Known:
    """What a line and headers say that were judged and found good: whose vault, who asks, for what.

    It holds for as long as the same door opens that vault.
    """

    __slots__ = ("caller", "parameters", "vault")

    def __init__(self, vault: Vault, caller: Caller, parameters: dict[str, Any]) -> None:
        self.vault = vault
        self.caller = caller
        self.parameters = parameters


class Head:
    """The headers of a request, in order and by name; names are in lower case.

    `door` is what says whose vault is meant, `consumer_id` for whom it is asked; `base_url` is how
    the mock was addressed, None where no header tells. `known` is what is known of lines that came
    with them.
    """

    __slots__ = (
        "base_url",
        "by_name",
        "consumer_id",
        "content_type",
        "door",
        "has_prefer",
        "has_repeated",
        "known",
        "origin",
        "pairs",
    )

    def __init__(self, pairs: Sequence[Header], scheme: str) -> None:
        self.pairs = tuple(pairs)
        self.by_name = by_name = dict(pairs)
        self.has_repeated = len(by_name) != len(self.pairs)
        self.door = (by_name.get(b"authorization"), by_name.get(_APPLICATION))
        self.consumer_id = text_of(by_name.get(_CONSUMER)) or None
        self.content_type = by_name.get(b"content-type")
        self.origin = by_name.get(b"origin")
        self.has_prefer = b"prefer" in by_name
        host = by_name.get(b"host")
        self.base_url = None if host is None else f"{scheme}://{host.decode('latin-1')}"
        self.known: dict[Way, Known] = {}

    def know(self, way: "Way", known: Known) -> None:
        """Keep what these headers and a line say together, for when both come again."""
        if len(self.known) >= KNOWN:
            self.known.clear()
        self.known[way] = known

    def repeated(self) -> list[tuple[bytes, int]]:
        """Return the headers that say who asks and are there more than once, with their number."""
        names = [name for name, _ in self.pairs]
        counted = [(name, names.count(name)) for name in SECURITY_HEADERS]
        return [(name, times) for name, times in counted if times > 1]


class Way:
    """A request line and the plan that it leads to; `values` fill the path's template, raw.

    `parameters` is what path and query say, `found` what is wrong with them: both are read with the
    first call that gets so far as to be judged, and must not be changed.
    """

    __slots__ = (
        "connector_id",
        "found",
        "method",
        "parameters",
        "path",
        "plan",
        "query",
        "raw_path",
        "values",
    )

    def __init__(  # noqa: PLR0917  the parts of a request line
        self,
        plan: "Plan",
        method: str,
        raw_path: bytes,
        query: bytes,
        values: tuple[bytes, ...],
        connector_id: str,
    ) -> None:
        self.plan = plan
        self.method = method
        self.raw_path = raw_path
        self.path = raw_path.decode("ascii", "replace")
        self.query = query
        self.values = values
        self.connector_id = connector_id
        self.parameters: dict[str, Any] | None = None
        self.found: tuple[Violation, ...] = ()


@dataclass(slots=True)
class Call:
    """One request on its way, and what has become known of it. `client` is its address."""

    way: Way
    head: Head
    base_url: str
    client: str | None
    started: float
    content: bytes | None = None
    vault: Vault | None = None
    consumer_id: str | None = None
    forced: Reply | None = None
    fault: str | None = None
