"""Vault within an app's own page: the drop-in script, its frame, and where a pop-up ends."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from mockvault.pages.rendering import HERE, page

SCRIPT: Path = HERE / "static" / "vault.js"


class Embedding:
    """What an app loads from the mock to open Vault over its own page."""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_mock/vault.js", self.script, methods=["GET"]),
            Route("/_mock/vault/frame", self.frame, methods=["GET"]),
            Route("/_mock/vault/oauth/callback", self.callback, methods=["GET"]),
        ]

    async def script(self, request: Request) -> Response:
        """Return the script with `ApideckVault.open` and `close`."""
        del request
        headers = {"cache-control": "no-cache", "access-control-allow-origin": "*"}
        return FileResponse(SCRIPT, media_type="text/javascript", headers=headers)

    async def frame(self, request: Request) -> Response:
        """Show the frame in which the script opens Vault."""
        del request
        return page("frame.html")

    async def callback(self, request: Request) -> Response:
        """End a pop-up: tell its opener, and close it where all went well."""
        query = request.query_params
        return page(
            "callback.html",
            error=query.get("error_type"),
            message=query.get("error_message", ""),
            service_id=query.get("service_id", ""),
        )
