"""A client that calls the mock as an ASGI application: raw paths, raw headers, raw bodies."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode, urlsplit

NOT_GIVEN: Any = object()


@cache
def loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def data(self) -> Any:
        assert self.status == 200, (self.status, self.content[:2000])
        return self.json()["data"]

    @property
    def type_name(self) -> str:
        return str(self.json()["type_name"])

    @property
    def violations(self) -> list[dict[str, Any]]:
        return list(self.json()["detail"]["violations"])

    @property
    def places(self) -> set[tuple[str, str, str]]:
        return {(each["in"], each["pointer"], each["keyword"]) for each in self.violations}


class Client:
    """Who asks: an application by its key, for a consumer.

    It asks in the loop that all clients share, where other apps' timers ring too, or in the given.
    """

    def __init__(
        self,
        app: Any,
        application_id: str = "mock-app",
        api_key: str = "mock-api-key",
        consumer_id: str = "test-consumer",
        judge: Any = None,
        *,
        asked_in: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.app = app
        self.application_id = application_id
        self.api_key = api_key
        self.consumer_id = consumer_id
        self.judge = judge
        self.asked_in = asked_in or loop()

    def as_consumer(self, consumer_id: str) -> "Client":
        return self._with(self.api_key, consumer_id)

    def with_key(self, api_key: str) -> "Client":
        return self._with(api_key, self.consumer_id)

    def _with(self, api_key: str, consumer_id: str) -> "Client":
        return Client(
            self.app,
            self.application_id,
            api_key,
            consumer_id,
            self.judge,
            asked_in=self.asked_in,
        )

    def headers(self) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self.api_key}",
            "x-apideck-app-id": self.application_id,
            "x-apideck-consumer-id": self.consumer_id,
        }

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = NOT_GIVEN,
        *,
        query: Mapping[str, Any] | str | None = None,
        headers: Mapping[str, str | bytes | None] | None = None,
        content: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
        more_headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> Answer:
        """Send one request; a header that is None is left out, `content` is sent as it is."""
        sent: dict[str, str | bytes | None] = {"host": "testserver", **self.headers()}
        if body is not NOT_GIVEN:
            content = json.dumps(body).encode()
        if content is not None or chunks is not None:
            sent["content-type"] = "application/json"
        sent |= headers or {}
        raw = [
            (name.lower().encode(), _bytes(value))
            for name, value in sent.items()
            if value is not None
        ]
        raw += more_headers
        parts = urlsplit(path)
        asked = query if isinstance(query, str) else urlencode(query or {})
        query_string = "&".join(part for part in (parts.query, asked) if part)
        messages = list(chunks) if chunks is not None else [content or b""]
        answer = self.asked_in.run_until_complete(
            self._send(method, parts.path.encode(), query_string.encode(), raw, messages)
        )
        if self.judge is not None:
            self.judge(method, parts.path, query_string, dict(raw), content, answer)
        return answer

    async def _send(
        self,
        method: str,
        raw_path: bytes,
        query_string: bytes,
        headers: list[tuple[bytes, bytes]],
        chunks: list[bytes],
    ) -> Answer:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
            "raw_path": raw_path,
            "query_string": query_string,
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 80),
        }
        waiting = [
            {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
            for index, chunk in enumerate(chunks)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start = sent[0]
        content = b"".join(message.get("body", b"") for message in sent[1:])
        given = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], given, content)

    # the calls that most tests make

    def connection(self, connection_id: str = "crm+salesforce") -> Any:
        return self("GET", place(connection_id)).data

    def patch(self, connection_id: str, **body: Any) -> Answer:
        return self("PATCH", place(connection_id), body)

    def log(self, **filters: Any) -> list[dict[str, Any]]:
        query = {f"filter[{name}]": value for name, value in filters.items()}
        return list(self("GET", "/vault/logs", query={**query, "limit": 200}).data)


def place(connection_id: str) -> str:
    """Return the path of a connection, given by its id."""
    unified_api, _, service_id = connection_id.partition("+")
    return f"/vault/connections/{quote(unified_api, safe='')}/{quote(service_id, safe='')}"


def consumer_path(consumer_id: str) -> str:
    return f"/vault/consumers/{quote(consumer_id, safe='')}"


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
