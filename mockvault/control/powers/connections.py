"""The powers over connections: where they stand, why, what comes next, and standing elsewhere."""

from typing import Any

from mockvault.control.explaining import explain
from mockvault.control.power import LIMIT, TEXT, Asked, Power, an_object
from mockvault.control.transitions import CAUSES, force
from mockvault.domain.events import Cause
from mockvault.domain.states import ConnectionState
from mockvault.store.base import START


def list_connections(asked: Asked) -> Any:
    """List the connections that consumers have added, with their states."""
    vault, limit = asked.workbench.vault, asked.query["limit"]
    only = asked.query.get("consumer")
    if only is not None:
        consumer_ids = [only]
    else:
        page = vault.surroundings.store.consumers(START, limit)
        consumer_ids = [consumer.id for consumer in page.items]
    shown: list[dict[str, Any]] = []
    for consumer_id in consumer_ids:
        for held in vault.connections.added(consumer_id):
            if held.connection is not None and len(shown) < limit:
                shown.append(
                    {
                        "consumer_id": consumer_id,
                        "connection": held.connector.id,
                        "name": held.connector.name,
                        "state": held.state,
                        "enabled": held.connection.enabled,
                    }
                )
    return {"connections": shown, "consumers": vault.surroundings.store.consumer_count()}


def explain_connection(asked: Asked) -> Any:
    """Tell why a connection stands where it does, and what can be done next."""
    path = asked.path
    return explain(
        asked.workbench.vault, path["consumer"], path["api"], path["service"], asked.base_url
    )


def force_connection(asked: Asked) -> Any:
    """Bring a connection into a state, by the facts that imply it."""
    workbench, path, body = asked.workbench, asked.path, asked.body
    reason = body.get("reason", "")
    cause = CAUSES.get(reason, Cause.REQUEST)
    if body["state"] != ConnectionState.ADDED:
        cause = Cause.REQUEST
    before = workbench.webhooks.raised
    state = force(
        workbench.vault,
        path["consumer"],
        path["api"],
        path["service"],
        ConnectionState(body["state"]),
        cause,
    )
    workbench.vault.surroundings.take_changes()
    workbench.did("force", **path, **body)
    return {
        "state": state,
        "reason": reason or None,
        "events": [
            {"event_id": event.id, "event_type": event.type}
            for event in workbench.webhooks.events
            if event.sequence > before
        ],
    }


_ONE = "/_mock/apps/{app}/consumers/{consumer}/connections/{api}/{service}"
POWERS = (
    Power(
        "GET",
        "/_mock/apps/{app}/connections",
        "connectionsList",
        "List added connections with their states",
        list_connections,
        "Connections",
        query={"limit": LIMIT, "consumer": TEXT},
    ),
    Power(
        "GET",
        f"{_ONE}/explain",
        "explain",
        "Tell why a connection stands where it does, and what can be done next",
        explain_connection,
        "Connections",
    ),
    Power(
        "POST",
        f"{_ONE}/force",
        "force",
        "Bring a connection into a state, by the facts that imply it",
        force_connection,
        "Connections",
        takes=an_object(("state",), state={"enum": list(ConnectionState)}, reason=TEXT),
        needs_body=True,
        refusals={422: "No facts lead this connector to the state."},
    ),
)
