"""All pages, as one router: where each is found, and which paths are theirs."""

from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from mockvault.pages import inspector
from mockvault.pages.assets import Assets
from mockvault.pages.embedding import Embedding
from mockvault.pages.hosted_vault import HostedVault
from mockvault.pages.provider import SLOW, ProviderPages
from mockvault.pages.rendering import page
from mockvault.vault.applications import Applications
from mockvault.web.plans import Service

PREFIXES = (
    "/session/",
    "/_mock/provider/",
    "/_mock/vault/",
    "/_mock/vault.js",
    "/_mock/vault.mjs",
    "/_mock/ui",
)


def pages_router(applications: Applications, service: Service, *, slow: float = SLOW) -> Router:
    """Return the routes of all pages; a slow provider takes `slow` seconds."""
    return Router(
        [
            *ProviderPages(applications, service, slow=slow).routes(),
            *HostedVault(applications, service).routes(),
            *Embedding(service).routes(),
            *Assets(applications).routes(),
            *inspector.routes(),
        ],
        redirect_slashes=False,
        default=_nowhere,
    )


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is no page's address."""
    text = "There is no page at this address."
    await page("refusal.html", 404, title="Not found", text=text, home=None)(scope, receive, send)
