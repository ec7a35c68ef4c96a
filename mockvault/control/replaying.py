"""A request sent again as it was sent, from inside: its secrets need not leave the mock for it."""

from typing import Any

from starlette.types import ASGIApp, Message

from mockvault.web.recording import Exchange


class Replayer:
    """Sends recorded requests to the application once more."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, exchange: Exchange) -> int:
        """Return the status of the answer that the request is given now."""
        status = 0

        async def receive() -> Message:
            return {"type": "http.request", "body": exchange.content or b"", "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]

        raw_path = exchange.path.encode()
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": exchange.method,
            "scheme": "http",
            "path": exchange.path,
            "raw_path": raw_path,
            "query_string": exchange.query,
            "headers": list(exchange.headers),
            "client": ("127.0.0.1", 0),
            "server": None,
            "asgi": {"version": "3.0"},
        }
        try:
            await self._app(scope, receive, send)
        except ConnectionResetError:  # a fault that needs a wire
            return 0
        return status
