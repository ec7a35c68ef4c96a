"""Log entries as the contract shows them."""

from typing import Any

from mockvault.domain.clock import iso_time
from mockvault.domain.entities import LogEntry

JsonObject = dict[str, Any]


def log_json(entry: LogEntry) -> JsonObject:
    """Return #/components/schemas/Log. `execution` is duration and latency, rounded."""
    return {
        "api_style": "REST",
        "base_url": entry.base_url,
        "child_request": entry.child_request,
        "consumer_id": entry.consumer_id,
        "duration": entry.duration,
        "error_message": entry.error_message,
        "execution": round(entry.duration + entry.latency),
        "has_children": entry.has_children,
        "http_method": entry.http_method,
        "id": entry.id,
        "latency": entry.latency,
        "operation": {"id": entry.operation_id, "name": entry.operation_name},
        "parent_id": entry.parent_id,
        "path": entry.path,
        "sandbox": False,
        "service": {"id": entry.service_id, "name": entry.service_name},
        "source_ip": entry.source_ip,
        "status_code": entry.status_code,
        "success": entry.status_code < 400,
        "timestamp": iso_time(entry.timestamp),
        "unified_api": entry.unified_api,
    }
