"""The control plane's own OpenAPI document, made from the same table as its routes."""

import re
from collections.abc import Iterable
from typing import Any

from mockvault.control.power import Power
from mockvault.version import VERSION

_ERROR = {
    "type": "object",
    "required": ["status_code", "error", "type_name", "message", "detail", "ref"],
    "properties": {
        "status_code": {"type": "integer"},
        "error": {"type": "string"},
        "type_name": {"type": "string"},
        "message": {"type": "string"},
        "detail": {"anyOf": [{"type": "string"}, {"type": "object"}]},
        "ref": {"type": "string"},
    },
}


def document(powers: Iterable[Power], base_url: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the powers."""
    paths: dict[str, dict[str, Any]] = {}
    for power in powers:
        paths.setdefault(power.path, {})[power.method.lower()] = _operation(power)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mockvault's control plane",
            "version": VERSION,
            "description": (
                "Everything that can be done to the running mock beside the Vault API. It answers "
                "this machine alone, unless a control token is set."
            ),
        },
        "servers": [{"url": base_url}],
        "security": [{}, {"controlToken": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"controlToken": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
    }


def _operation(power: Power) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": power.name,
        "summary": power.summary,
        "tags": [power.tag],
        "responses": _responses(power),
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", power.path)
    ]
    parameters += [
        {"name": name, "in": "query", "schema": schema} for name, schema in power.query.items()
    ]
    if parameters:
        operation["parameters"] = parameters
    if power.takes is not None:
        operation["requestBody"] = {
            "required": power.needs_body,
            "content": {"application/json": {"schema": power.takes}},
        }
    if power.is_open:
        operation["security"] = [{}]
    return operation


def _responses(power: Power) -> dict[str, Any]:
    media = "text/event-stream" if power.name.endswith("Stream") else "application/json"
    done: dict[str, Any] = {"description": "Done."}
    if power.status != 204:
        done["content"] = {media: {"schema": {} if media == "application/json" else TEXT_STREAM}}
    told = dict(power.refusals)
    if power.takes is not None or power.query:
        told.setdefault(400, "What was asked breaks the schema.")
    if not power.is_open:
        told.setdefault(401, "The control token is needed.")
        told.setdefault(403, "The control plane is closed to who asks.")
    if "{" in power.path:
        told.setdefault(404, "What the path names is not there.")
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        str(power.status): done,
        **{
            str(status): {"description": description, "content": error}
            for status, description in sorted(told.items())
        },
    }


TEXT_STREAM = {"type": "string"}
