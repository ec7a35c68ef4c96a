"""Tells a cache in front of reads from reads that lag: only what had been read before is late."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from conformance.failures import Exchange, Failure
from conformance.laws import LAWS
from conformance.laws.world import Connector
from conformance.target import Principal, Target

# What a failure is called that says so.
ASPECT = "read before"
# In so many rounds, and so many reads of each, chance is no explanation.
_ROUNDS, _READS = 3, 2


@dataclass(frozen=True)
class Place:
    """Something that can be made, updated and read, and the law that promises that reads follow."""

    law: str
    make: str
    update: str
    read: str
    names: dict[str, Any]
    body: dict[str, Any]
    key: str


def places(catalogue: tuple[Connector, ...]) -> list[Place]:
    """Return where a cache is looked for: at a consumer, and at a connection."""
    found = [
        Place(
            *("VLT-CSM-02", "consumersAdd", "consumersUpdate", "consumersOne"), {}, {}, "user_name"
        )
    ]
    kinds = ("apiKey", "basic", "custom", "oauth2")
    rows = [row for kind in kinds for row in catalogue if row.auth_type == kind and row.is_on]
    found += [
        Place(
            *("VLT-CNX-05", "connectionsAdd", "connectionsUpdate", "connectionsOne"),
            row.path,
            {"enabled": True},
            "mark",
        )
        for row in rows[:1]
    ]
    return found


class _Looking:
    """One consumer, and what is seen of a place of it."""

    def __init__(self, target: Target, who: Principal, place: Place) -> None:
        self._target, self._who, self.place = target, who, place
        self._written = 0
        self.exchanges: list[Exchange] = []
        self.is_able = self._make()

    def _call(self, operation_id: str, **arguments: Any) -> Exchange:
        found = self._target.call(operation_id, self._who, **self.place.names, **arguments)
        self.exchanges.append(found)
        return found

    def _make(self) -> bool:
        body = dict(self.place.body)
        if self.place.make == "consumersAdd":
            body["consumer_id"] = self._who.consumer_id
        return self._call(self.place.make, body=body).answer.is_good

    def write(self) -> None:
        """Write what was never there."""
        self._written += 1
        body = {"metadata": {self.place.key: f"value {self._written}"}}
        answer = self._call(self.place.update, body=body).answer
        self.is_able = self.is_able and answer.is_good

    def shown(self) -> str:
        """Return what is read now."""
        answer = self._call(self.place.read).answer
        self.is_able = self.is_able and answer.is_good
        metadata = answer.item.get("metadata")
        return str(metadata.get(self.place.key) if isinstance(metadata, dict) else metadata)

    def are_all(self, number: int) -> bool:
        """Whether some reads in a row all show what was written by one of the writes."""
        return all(self.shown() == f"value {number}" for _ in range(_READS))


def look(
    target: Target,
    application: Any,
    catalogue: tuple[Connector, ...],
    seed: int,
    tell: Callable[[list[Failure]], None],
) -> None:
    """Tell of each place that shows what it showed before, where it was read before a write.

    A place that was written and read, and never read before, is shown as it is: so reads do not
    lag. Where they do, `Target` waits before each of them.
    """
    grounds: list[str] = []

    def looking_at(place: Place, number: int) -> _Looking:
        name = f"{target.prefix}read-{place.law[4:7].lower()}-{number}"
        return _Looking(target, Principal(application, name), place)

    for place in _late([looking_at(place, 0) for place in places(catalogue)]):
        rounds = (looking_at(place, number) for number in range(1, _ROUNDS + 1))
        seen = list(takewhile(_is_cached, rounds))
        if len(seen) == _ROUNDS:
            tell([_failure(place, seen[-1], seed, grounds)])
            grounds.append(place.law)


def _late(every: list[_Looking]) -> list[Place]:
    """Return the places where a write is not seen after a read; all are waited for at once."""
    able = [looking for looking in every if looking.is_able]
    for looking in able:
        looking.write()
    for looking in able:
        looking.shown()
    for looking in able:
        looking.write()
    return [looking.place for looking in able if looking.shown() != "value 2" and looking.is_able]


def _is_cached(looking: _Looking) -> bool:
    """Whether two writes are seen at once, and a third is not after that was read."""
    if not looking.is_able:
        return False
    looking.write()
    looking.write()
    at_once = looking.are_all(2)
    looking.write()
    return at_once and looking.are_all(2) and looking.is_able


def _failure(place: Place, looking: _Looking, seed: int, grounds: list[str]) -> Failure:
    law = LAWS[place.law]
    how: dict[str, Any] = {"kind": "law", "law": law.id, "seed": seed}
    how |= {"phase": "laws", "unit": law.id}
    if grounds:
        how["builds_on"] = [*law.builds_on, *grounds]
    return Failure(
        law=law.id,
        name=law.name,
        area=law.area,
        promise=law.promise,
        expected=f"a write is seen by {place.read}, whether it was read before or not",
        seen="what had been read before the write, which is seen where nothing was read: a cache"
        " that writes do not clear",
        source=f"{law.source} ({law.sureness})",
        aspect=ASPECT,
        operation=place.read,
        exchanges=tuple(looking.exchanges[-_READS - 2 :]),
        replay=how,
    )
