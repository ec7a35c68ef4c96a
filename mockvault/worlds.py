"""Exported worlds: read from a file, and brought to where `--scenario` begins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from mockvault.catalogue import BrokenFixture, BrokenFixtures, Catalogue
from mockvault.domain.clock import LATEST, ClockState
from mockvault.scenarios import ExportedWorld, Scenario
from mockvault.store.portable import Unportable, snapshot_of

BESIDE = ("application_id", "taken_at", "ids", "clock", "webhooks")
"""What a file holds beside the store's own part."""


def read_world(said: Mapping[str, Any], catalogue: Catalogue) -> ExportedWorld:
    """Return the world that JSON says; raise Unportable where it says none that can be here."""
    store = snapshot_of({key: said[key] for key in said if key not in BESIDE})
    problems = [
        (f"/connections/{place}", "the catalogue has no such connector")
        for place, each in enumerate(said["connections"])
        if catalogue.find(each["unified_api"], each["service_id"]) is None
    ]
    ids, clock = said.get("ids", 0), said.get("clock") or {}
    frozen_at, offset = clock.get("frozen_at_ms"), clock.get("offset_ms", 0)
    if not isinstance(ids, int) or ids < 0:
        problems.append(("/ids", "it is not a whole number from 0 up"))
    if frozen_at is not None and not (isinstance(frozen_at, int) and 0 <= frozen_at <= LATEST):
        problems.append(("/clock/frozen_at_ms", "it is neither milliseconds since 1970 nor null"))
    if not isinstance(offset, int) or abs(offset) > LATEST:
        problems.append(("/clock/offset_ms", "it is not milliseconds"))
    if problems:
        raise Unportable(problems)
    return ExportedWorld(store, ids, ClockState(frozen_at, offset))


def load_world(path: Path, catalogue: Catalogue) -> Scenario:
    """Return the exported world of a file as a scenario; raise BrokenFixtures where it is none."""
    try:
        said = orjson.loads(path.read_bytes())
        if not isinstance(said, dict):
            raise Unportable([("", "a world is an object")])  # noqa: TRY301
        world = read_world(said, catalogue)
    except orjson.JSONDecodeError as reason:
        raise BrokenFixtures([BrokenFixture(path.name, reason.lineno, str(reason))]) from None
    except Unportable as reason:
        raise BrokenFixtures(
            BrokenFixture(path.name, 1, f"{pointer or '/'}: {told}")
            for pointer, told in reason.problems
        ) from None
    return Scenario(path.stem, f"Exported at {said.get('taken_at')}", world=world)
