"""Bare Starlette routes with orjson: the same answers, nothing kept, nothing validated."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWERS = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text())
ONE = "/vault/connections/{unified_api}/{service_id}"


def read(operation_id: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return Response(orjson.dumps(ANSWERS[operation_id]), media_type="application/json")

    return endpoint


def write(operation_id: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(orjson.dumps(ANSWERS[operation_id]), media_type="application/json")

    return endpoint


app = Starlette(
    routes=[
        Route("/vault/consumers", read("consumersAll"), methods=["GET"]),
        Route("/vault/consumers", write("consumersAdd"), methods=["POST"]),
        Route("/vault/connections", read("connectionsAll"), methods=["GET"]),
        Route(ONE, read("connectionsOne"), methods=["GET"]),
        Route(ONE, write("connectionsUpdate"), methods=["PATCH"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
