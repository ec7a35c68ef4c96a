"""Two deployments, the same histories: where they answer differently."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance import contract
from conformance.engine import Plan, Run, run_id_for
from conformance.failures import Exchange
from conformance.laws import LAWS
from conformance.phases.laws import judge
from conformance.profiles import PROFILES, considerate
from conformance.target import Application, HttpTransport, Transport

HISTORIES = (
    "VLT-CSM-01",
    "VLT-CSM-02",
    "VLT-CSM-03",
    "VLT-CSM-04",
    "VLT-CNX-02",
    "VLT-CNX-05",
    "VLT-CNX-09",
    "VLT-CNX-12",
    "VLT-CNX-18",
    "VLT-VAL-03",
    "VLT-SES-10",
    "VLT-PAG-09",
)
_CHANGING = re.compile(
    r"(_at|^created|^modified|^timestamp|updated|^iat|^exp|url|^website|^icon|^logo|token|uri|^ref|^detail|^message|^links|^meta|^tag_line|^duration|^latency|^execution)$"
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ABSENT = object()
MOST = 8  # places of one answer


@dataclass(frozen=True)
class Side:
    """One of the two deployments, and how it is reached."""

    url: str
    applications: Sequence[Application]
    transport: Transport | None = None
    folder: Path | None = None


def normal(value: Any, run_id: str) -> Any:
    """Return a value without what differs by nature: times, ids of the run, links, other people."""
    if isinstance(value, Mapping):
        return {k: normal(v, run_id) for k, v in value.items() if not _CHANGING.search(str(k))}
    if isinstance(value, list):
        return [normal(item, run_id) for item in value if not _is_of_others(item, run_id)]
    if isinstance(value, str):
        return _UUID.sub("UUID", value.replace(run_id, "RUN"))
    return value


def _is_of_others(item: Any, run_id: str) -> bool:
    """Whether an item of a list tells of a consumer that the run has not made."""
    return isinstance(item, Mapping) and run_id not in str(item.get("consumer_id", run_id))


def compare(one: Side, two: Side, seed: int) -> list[str]:
    """Return one line for each place of an answer that differs, with the histories that show it.

    Connectors are those that both offer.

    Raises `Unjudgeable` where one of them cannot be asked.
    """
    runs = [_planned(side, seed) for side in (one, two)]
    try:
        for run in runs:
            run.preflight()
        shared = set.intersection(*({c.name for c in run.catalogue} for run in runs))
        for run in runs if shared else ():
            run.catalogue = tuple(
                sorted((c for c in run.catalogue if c.name in shared), key=lambda c: c.name)
            )
        done = [_exchanges(run, seed) for run in runs]
    finally:
        for run in runs:
            run.clean()
            run.target.transport.close()
    found: dict[str, list[str]] = {}
    for law in HISTORIES:
        for told in _parts_of(done[0][law], done[1][law], runs):
            found.setdefault(told, []).append(law)
    return [f"{told}  ({', '.join(dict.fromkeys(laws))})" for told, laws in found.items()]


def _parts_of(
    left: Sequence[Exchange], right: Sequence[Exchange], runs: Sequence[Run]
) -> Iterator[str]:
    """Say where two courses of one history part."""
    for here, there in zip(left, right, strict=False):
        if here.operation_id != there.operation_id:
            yield f"goes on by {here.operation_id} | {there.operation_id}"
            return
        told = _told(here, runs[0].plan.run_id), _told(there, runs[1].plan.run_id)
        for part in itertools.islice(_parts(*told), MOST):
            yield f"{here.operation_id} {part}"
    if len(left) != len(right):
        yield f"ends after {len(left)} calls | {len(right)} calls"


def _planned(side: Side, seed: int) -> Run:
    run_id = run_id_for(seed)
    return Run(
        Plan(
            contract.load(),
            side.transport or HttpTransport(side.url),
            side.url,
            side.applications,
            considerate(replace(PROFILES["quick"], max_requests=10**6), side.url),
            seed,
            run_id,
            forgets=True,
            ledger=side.folder / f"ledger-{run_id}.jsonl" if side.folder else None,
        )
    )


def _exchanges(run: Run, seed: int) -> dict[str, list[Exchange]]:
    return {
        law: judge(LAWS[law], run.target, seed, run.catalogue).world.exchanges for law in HISTORIES
    }


def _told(exchange: Exchange, run_id: str) -> dict[str, Any]:
    answer = exchange.answer
    if answer.is_good:
        body = normal(answer.json, run_id)
        if exchange.operation_id == "consumersAll" and isinstance(body, dict):
            body.pop("data", None)  # whose page it is depends on who else is there
        return {"status": answer.status, "body": body}
    refusal = answer.json if isinstance(answer.json, dict) else {}
    return {"status": answer.status, "type_name": refusal.get("type_name")}


def _parts(one: Any, two: Any, where: str = "") -> Iterator[str]:
    """Say in which places two values part."""
    if one == two:
        return
    if isinstance(one, dict) and isinstance(two, dict):
        for key in {**one, **two}:
            yield from _parts(one.get(key, _ABSENT), two.get(key, _ABSENT), f"{where}/{key}")
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for index, (here, there) in enumerate(zip(one, two, strict=True)):
            yield from _parts(here, there, f"{where}/{index}")
    else:
        yield f"{where}: {_short(one)} | {_short(two)}"


def _short(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    if isinstance(value, list):
        return f"{len(value)} items"
    return str(value)[:80]
