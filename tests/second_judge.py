"""openapi-core as an independent judge of answers: it shares no code with the mock's own."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.asgi import Answer

SPEC = Path(__file__).parent.parent / "spec" / "vault.yml"


@cache
def contract() -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(SPEC.read_bytes(), yaml.CSafeLoader)
    document["servers"] = [{"url": "http://testserver"}]
    return document


@cache
def _openapi() -> OpenAPI:
    return OpenAPI.from_dict(contract())


class _Request:
    host_url = "http://testserver"
    content_type = "application/json"
    body = None

    def __init__(self, method: str, path: str) -> None:
        self.method = method.lower()
        self.path = path
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(), header=Headers(), cookie=ImmutableMultiDict(), path={}
        )


class _Response:
    def __init__(self, answer: Answer) -> None:
        self.data = answer.content
        self.status_code = answer.status
        self.content_type = answer.headers.get("content-type", "application/json")
        self.headers = Headers(dict(answer.headers))


def judge_answer(  # noqa: PLR0917  the parts of a request, and its answer
    method: str, path: str, query: str, headers: Any, content: bytes | None, answer: Answer
) -> None:
    """Raise AssertionError for an answer that the contract does not declare."""
    del query, headers, content
    if answer.status in (204, 301, 404, 405):
        return  # nothing to hold against a schema, or no operation to hold it against
    try:
        _openapi().validate_response(_Request(method, path), _Response(answer))
    except OpenAPIError as reason:
        raise AssertionError(f"{method} {path} {answer.status}: {reason!r}") from reason
