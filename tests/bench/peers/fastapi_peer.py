"""FastAPI, its models made of the contract's schemas, in and out: the same answers."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
import yaml
from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, create_model

ANSWERS = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text())
DOCUMENT = yaml.load(Path(os.environ["BENCH_SPEC"]).read_bytes(), yaml.CSafeLoader)
ONE = "/vault/connections/{unified_api}/{service_id}"
PLAIN = {"string": str, "integer": int, "number": float, "boolean": bool}
made: dict[str, Any] = {}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = DOCUMENT
        for key in node["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        node = found
    return node


def type_of(schema: dict[str, Any], name: str) -> Any:
    """Return the Python type of a schema; what a model cannot say stays Any."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in made:
            made[name] = Any  # a schema that holds itself is taken as it is, inside
            made[name] = type_of(resolved(schema), name)
        return made[name]
    if "enum" in schema:
        found: Any = Literal[tuple(schema["enum"])]
    elif schema.get("properties"):
        required = schema.get("required", ())
        fields: dict[str, Any] = {}
        for key, inner in schema["properties"].items():
            annotation = type_of(inner, f"{name}_{key}")
            fields[key] = (annotation, ...) if key in required else (annotation, None)
        config = ConfigDict(extra="allow", protected_namespaces=())
        found = create_model(name, __config__=config, **fields)
    elif schema.get("type") == "array":
        found = list[type_of(schema.get("items", {}), f"{name}_item")]  # type: ignore[misc]
    elif schema.get("type") == "object":
        found = dict[str, Any]
    else:
        found = PLAIN.get(schema.get("type", ""), Any)
    return found | None if schema.get("nullable") else found


def models(path: str, method: str) -> tuple[Any, Any]:
    """Return the types of the body of a request, or None, and of a good answer."""
    operation = DOCUMENT["paths"][path][method]
    answer = resolved(operation["responses"]["200"])["content"]["application/json"]["schema"]
    body = operation.get("requestBody")
    if body is None:
        return None, type_of(answer, f"{method}_answer")
    asked = resolved(body)["content"]["application/json"]["schema"]
    return type_of(asked, f"{method}_body"), type_of(answer, f"{method}_answer")


app = FastAPI()
Text = Annotated[str, Header(min_length=1)]


@app.exception_handler(RequestValidationError)
async def refuse(request: Request, wrong: RequestValidationError) -> JSONResponse:
    found = [{"in": each["loc"], "message": each["msg"]} for each in wrong.errors()]
    content = {"status_code": 400, "error": "Bad Request", "detail": {"violations": found}}
    return JSONResponse(content, 400)


def add(method: str, path: str, operation_id: str) -> None:
    body_type, answer_type = models(path, method)
    is_one = path == ONE
    # what an endpoint takes is what it is annotated with, so each is written with its own
    if body_type is not None and is_one:

        async def endpoint(
            unified_api: str,
            service_id: str,
            body: body_type,
            authorization: Text,
            x_apideck_app_id: Text,
            x_apideck_consumer_id: Text,
        ) -> Any:
            return ANSWERS[operation_id]
    elif body_type is not None:

        async def endpoint(body: body_type, authorization: Text, x_apideck_app_id: Text) -> Any:
            return ANSWERS[operation_id]
    elif is_one:

        async def endpoint(
            unified_api: str,
            service_id: str,
            authorization: Text,
            x_apideck_app_id: Text,
            x_apideck_consumer_id: Text,
        ) -> Any:
            return ANSWERS[operation_id]
    elif path == "/vault/consumers":

        async def endpoint(
            authorization: Text, x_apideck_app_id: Text, limit: int = 20, cursor: str | None = None
        ) -> Any:
            return ANSWERS[operation_id]
    else:

        async def endpoint(
            authorization: Text,
            x_apideck_app_id: Text,
            x_apideck_consumer_id: Text,
            api: str | None = None,
            configured: bool | None = None,
        ) -> Any:
            return ANSWERS[operation_id]

    app.add_api_route(
        path,
        endpoint,
        methods=[method.upper()],
        response_model=answer_type,
        response_model_exclude_unset=True,
    )


add("get", ONE, "connectionsOne")
add("patch", ONE, "connectionsUpdate")
add("get", "/vault/connections", "connectionsAll")
add("get", "/vault/consumers", "consumersAll")
add("post", "/vault/consumers", "consumersAdd")

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
