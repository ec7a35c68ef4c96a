"""Vault within an app's own page: the drop-in script, its frame, and where a pop-up ends."""

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mockvault.pages.rendering import HERE, page
from mockvault.pages.requests import base_url_of
from mockvault.web.plans import Service

SCRIPT = (HERE / "static" / "vault.js").read_text()
EXPORTS = "export const ApideckVault = window.ApideckVault;\nexport default ApideckVault;\n"


class Embedding:
    """What an app loads from the mock to open Vault over its own page."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_mock/vault.js", self.script, methods=["GET"]),
            Route("/_mock/vault.mjs", self.script, methods=["GET"]),
            Route("/_mock/vault/frame", self.frame, methods=["GET"]),
            Route("/_mock/vault/oauth/callback", self.callback, methods=["GET"]),
        ]

    async def script(self, request: Request) -> Response:
        """Return the script with `ApideckVault.open` and `close`: a classic one, or a module."""
        origin = json.dumps(base_url_of(request, self._service)).replace("<", "\\u003c")
        text = SCRIPT.replace('"ORIGIN"', origin)
        headers = {"cache-control": "no-cache", "access-control-allow-origin": "*"}
        if request.url.path.endswith(".mjs"):
            text += EXPORTS
        return Response(text, media_type="text/javascript", headers=headers)

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
