"""A bare Starlette route with orjson: the same bytes, nothing kept, nothing validated."""

import json
import os
import sys
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWERS = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text())


def answer(name: str) -> Response:
    return Response(orjson.dumps(ANSWERS[name]), media_type="application/json")


async def read(request: Request) -> Response:
    return answer("read one connection")


async def listed(request: Request) -> Response:
    return answer("list 20 consumers")


async def create(request: Request) -> Response:
    orjson.loads(await request.body())
    return answer("create a consumer")


async def patch(request: Request) -> Response:
    orjson.loads(await request.body())
    return answer("patch a connection")


app = Starlette(
    routes=[
        Route("/vault/consumers", listed, methods=["GET"]),
        Route("/vault/consumers", create, methods=["POST"]),
        Route("/vault/connections/{unified_api}/{service_id}", read, methods=["GET"]),
        Route("/vault/connections/{unified_api}/{service_id}", patch, methods=["PATCH"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
