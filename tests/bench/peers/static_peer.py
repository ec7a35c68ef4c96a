"""A bare ASGI function under uvicorn that sends ready bytes: what an answer costs at least."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import uvicorn

ANSWERS = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text())
ONE = "/vault/connections/crm/salesforce"
PLACES = {
    ("GET", "/vault/consumers"): "consumersAll",
    ("POST", "/vault/consumers"): "consumersAdd",
    ("GET", "/vault/connections"): "connectionsAll",
    ("GET", ONE): "connectionsOne",
    ("PATCH", ONE): "connectionsUpdate",
}


def ready(operation_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    content = orjson.dumps(ANSWERS[operation_id])
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
    ]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": content},
    )


READY = {place: ready(operation_id) for place, operation_id in PLACES.items()}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    start, body = READY[scope["method"], scope["path"]]
    if scope["method"] != "GET":
        more = True
        while more:
            more = (await receive()).get("more_body", False)
    await send(start)
    await send(body)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=False,
        log_level="warning",
        lifespan="off",
    )
