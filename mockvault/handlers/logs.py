"""The operation on logs: the consumer's calls, newest first."""

from typing import Any

from mockvault.presenting import log_json
from mockvault.store.base import LogsFilter
from mockvault.vault.vault import Vault
from mockvault.web.caller import Caller
from mockvault.web.pagination import around, position_of
from mockvault.web.replies import Reply, ok


def logs_all(
    vault: Vault,
    caller: Caller,
    *,
    filter: dict[str, Any] | None = None,
    cursor: str | None = None,
    limit: int = 20,
) -> Reply:
    """List the calls made for the consumer."""
    asked = {name: value for name, value in (filter or {}).items() if value is not None}
    page = vault.logs.page(caller.consumer, _wanted(asked), position_of("logs", cursor), limit)
    query = {f"filter[{name}]": _text(value) for name, value in asked.items()}
    if limit != 20:
        query["limit"] = str(limit)
    return ok(
        [log_json(entry) for entry in page.items],
        **around(page, "logs", cursor, f"{caller.base_url}/vault/logs", query),
    )


def _wanted(asked: dict[str, Any]) -> LogsFilter:
    status_code = asked.get("status_code")
    excluded = str(asked.get("exclude_unified_apis", "")).split(",")
    return LogsFilter(
        connector_id=asked.get("connector_id") or None,
        status_code=status_code,
        exclude_unified_apis=frozenset(name.strip() for name in excluded if name.strip()),
    )


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
