"""Two deployments, the same histories: where they answer differently."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from conformance import contract
from conformance.engine import Plan, Run, run_id_for
from conformance.failures import Exchange
from conformance.laws import LAWS
from conformance.phases.laws import judge
from conformance.profiles import PROFILES
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


def normal(value: Any, run_id: str) -> Any:
    """Return a value without what differs by nature: times, ids of the run, links."""
    if isinstance(value, Mapping):
        return {k: normal(v, run_id) for k, v in value.items() if not _CHANGING.search(str(k))}
    if isinstance(value, list):
        return [normal(item, run_id) for item in value]
    if isinstance(value, str):
        return _UUID.sub("UUID", value.replace(run_id, "RUN"))
    return value


def compare(
    a: str,
    b: str,
    applications: Sequence[Application],
    seed: int,
    transports: Sequence[Transport] = (),
) -> list[str]:
    """Return one line for each answer that differs."""
    ways = transports or (HttpTransport(a), HttpTransport(b))
    done = [_exchanges(url, applications, seed, way) for url, way in zip((a, b), ways, strict=True)]
    rows = []
    for law in HISTORIES:
        for left, right in zip(done[0][1][law], done[1][1][law], strict=False):
            one, two = _told(left, done[0][0]), _told(right, done[1][0])
            if one != two:
                rows.append(f"{law} {left.operation_id}: {_part(one, two)}")
    return list(dict.fromkeys(rows))


def _exchanges(
    url: str, applications: Sequence[Application], seed: int, way: Transport
) -> tuple[str, dict[str, list[Exchange]]]:
    run_id = run_id_for(seed)
    run = Run(Plan(contract.load(), way, url, applications, PROFILES["quick"], seed, run_id))
    run.preflight()
    try:
        found = {
            law: judge(LAWS[law], run.target, seed, run.catalogue).world.exchanges
            for law in HISTORIES
        }
    finally:
        run.clean()
        way.close()
    return run_id, found


def _told(exchange: Exchange, run_id: str) -> dict[str, Any]:
    answer = exchange.answer
    body = (
        normal(answer.json, run_id)
        if answer.is_good
        else {"type_name": (answer.json or {}).get("type_name")}
        if isinstance(answer.json, dict)
        else None
    )
    return {"status": answer.status, "body": body}


def _part(one: Any, two: Any, where: str = "") -> str:
    if isinstance(one, dict) and isinstance(two, dict):
        for key in {**one, **two}:
            if one.get(key, ...) != two.get(key, ...):
                return _part(one.get(key), two.get(key), f"{where}/{key}")
    return f"{where}: {str(one)[:80]} | {str(two)[:80]}"
