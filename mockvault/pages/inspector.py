"""The inspector: one page that shows what happens in the mock as it happens.

The page holds no data; it asks the control plane for it, which decides who may see it.
"""

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PREFIX = "/_mock/ui"
_FILES = {
    "": ("inspector.html", "text/html; charset=utf-8"),
    "/inspector.js": ("inspector.js", "text/javascript; charset=utf-8"),
    "/inspector.css": ("inspector.css", "text/css; charset=utf-8"),
}
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def routes() -> list[Route]:
    """Return the routes of the page and its files."""
    return [Route(f"{PREFIX}{path}", page, methods=["GET"]) for path in _FILES]


async def page(request: Request) -> Response:
    """Return the page, or one of its files."""
    name, media_type = _FILES[request.url.path.removeprefix(PREFIX)]
    return Response(_content(name), media_type=media_type, headers=_HEADERS)


@cache
def _content(name: str) -> bytes:
    return (Path(__file__).parent / "inspector_files" / name).read_bytes()
