"""The operations on consumers: of the application, so none of them needs a consumer header."""

from typing import Any

from mockvault.domain.clock import iso_time, milliseconds_of
from mockvault.presenting import consumer_item, consumer_json, counts_json
from mockvault.vault.vault import Vault
from mockvault.web.caller import Caller
from mockvault.web.pagination import around, position_of
from mockvault.web.replies import Reply, ok, ok_data, ok_text


def consumers_add(vault: Vault, caller: Caller, *, body: dict[str, Any]) -> Reply:
    """Add a consumer."""
    del caller
    consumer = vault.consumers.add(body["consumer_id"], body.get("metadata", {}))
    return ok(consumer_json(vault, consumer))


def consumers_all(
    vault: Vault, caller: Caller, *, limit: int = 20, cursor: str | None = None
) -> Reply:
    """List the consumers, oldest first, page by page; a page is kept until anything changes."""
    stamp = vault.surroundings.store.writes()
    key = ("consumers", limit, cursor, caller.base_url)
    kept = vault.shown.get(key)
    if kept is not None and kept[0] == stamp:
        return ok_text(kept[1])
    page = vault.consumers.page(position_of("consumers", cursor), limit)
    query = {} if limit == 20 else {"limit": str(limit)}
    text = ok_data(
        [consumer_item(vault, consumer) for consumer in page.items],
        **around(page, "consumers", cursor, f"{caller.base_url}/vault/consumers", query),
    )
    vault.shown.keep(key, (stamp, text), len(text.content))
    return ok_text(text)


def consumers_one(vault: Vault, caller: Caller, *, consumer_id: str) -> Reply:
    """Show a consumer with its connections."""
    del caller
    return ok(consumer_json(vault, vault.consumers.find(consumer_id)))


def consumers_update(
    vault: Vault, caller: Caller, *, consumer_id: str, body: dict[str, Any]
) -> Reply:
    """Merge metadata into a consumer's."""
    del caller
    consumer = vault.consumers.update(consumer_id, body.get("metadata", {}))
    return ok(consumer_json(vault, consumer))


def consumers_delete(vault: Vault, caller: Caller, *, consumer_id: str) -> Reply:
    """Delete a consumer with all that is theirs."""
    del caller
    vault.consumers.delete(consumer_id)
    return ok({"consumer_id": consumer_id})


def consumer_request_counts_all(
    vault: Vault, caller: Caller, *, consumer_id: str, start_datetime: str, end_datetime: str
) -> Reply:
    """Count a consumer's calls from one time to another, both included."""
    del caller
    counts = vault.consumers.counts_between(consumer_id, start_datetime, end_datetime)
    return ok(
        {
            "application_id": vault.application.id,
            "consumer_id": consumer_id,
            "start_datetime": iso_time(milliseconds_of(start_datetime)),
            "end_datetime": iso_time(milliseconds_of(end_datetime)),
            "aggregated_request_count": counts.total,
            "request_counts": counts_json(counts),
        }
    )
