"""What pages load: style, script, and the pictures of connectors, drawn here and not fetched."""

from functools import cache
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from mockvault.pages.colours import LARGE, WHITE, contrast, ink_on, parsed
from mockvault.pages.rendering import HERE, initials
from mockvault.vault.applications import Applications

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img">'
    '<title>{name}</title><rect width="64" height="64" rx="14" fill="{back}"/>'
    '<rect x="1" y="1" width="62" height="62" rx="13" fill="none" stroke="#000"'
    ' stroke-opacity=".15" stroke-width="2"/>'
    '<text x="32" y="33" fill="{ink}" font-family="system-ui, DejaVu Sans, sans-serif"'
    ' font-weight="700" font-size="26" text-anchor="middle" dominant-baseline="central">{text}'
    "</text></svg>"
)


class Assets:
    """The files of the pages, and a picture of each connector."""

    def __init__(self, applications: Applications) -> None:
        self._applications = applications

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_mock/vault/static/{name}", self.static, methods=["GET"]),
            Route("/_mock/vault/icons/{service}.svg", self.icon, methods=["GET"]),
        ]

    async def static(self, request: Request) -> Response:
        """Return one of our own files."""
        file = _files().get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("Not found", 404)
        return FileResponse(file, media_type=_TYPES[file.suffix], headers=_CACHED)

    async def icon(self, request: Request) -> Response:
        """Draw the connector's picture: its initials on its provider's colour."""
        service_id = request.path_params["service"]
        found = next(
            (
                connector
                for vault in self._applications
                for connector in vault.surroundings.catalogue.services(service_id)
            ),
            None,
        )
        if found is None:
            return PlainTextResponse("Not found", 404)
        return Response(
            picture(found.name, found.provider.color),
            media_type=_TYPES[".svg"],
            headers={**_CACHED, "content-security-policy": "default-src 'none'"},
        )


_CACHED = {"cache-control": "max-age=3600", "access-control-allow-origin": "*"}


def picture(name: str, colour: str) -> str:
    """Return an SVG of a name's initials on a colour, readable whatever the colour is."""
    back = parsed(colour) or WHITE
    ink = WHITE if contrast(WHITE, back) >= LARGE else ink_on(back)
    return _PICTURE.format(name=escape(name), back=back, ink=ink, text=escape(initials(name)))


@cache
def _files() -> dict[str, Path]:
    files = (HERE / "static").iterdir()
    return {file.name: file for file in files if file.suffix in _TYPES and file.stem != "vault"}
