"""The fake OAuth provider over HTTP: its consent page, its token and revocation endpoints."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mockvault.domain.errors import AuthorizationRequestRefused
from mockvault.pages.rendering import page, to
from mockvault.pages.requests import Answerer, Form, first, form_of, recorded
from mockvault.vault.applications import Applications
from mockvault.vault.provider import Asked, Consent, FakeProvider, ProviderAnswer, client_of
from mockvault.vault.vault import Vault
from mockvault.web.plans import Service

SLOW = 3.0
"""Seconds that a slow provider takes."""
WAYS = (
    (Consent.APPROVE, "consent-approve", "Allow access", "primary"),
    (Consent.DENY, "consent-deny", "Deny", ""),
)
ODD_WAYS = (
    (Consent.FEWER_SCOPES, "consent-approve-fewer", "Allow fewer scopes"),
    (Consent.NO_REFRESH_TOKEN, "consent-no-refresh", "Allow, without a refresh token"),
    (Consent.SLOW, "consent-slow", "Allow, slowly"),
    (Consent.PROVIDER_ERROR, "consent-provider-error", "Fail at the provider"),
    (Consent.EXPIRED_CODE, "consent-expired-code", "Send a code that has expired"),
    (Consent.REPLAYED_CODE, "consent-replayed-code", "Send a code that was used before"),
    (Consent.ALTERED_STATE, "consent-altered-state", "Send back an altered state"),
)

_UNKNOWN_CLIENT = ProviderAnswer(
    401, {"error": "invalid_client", "error_description": "Client authentication failed"}
)


class ProviderPages:
    """The endpoints of every connector's provider, below /_mock/provider/{service}."""

    def __init__(self, applications: Applications, service: Service, *, slow: float = SLOW) -> None:
        self._applications = applications
        self._service = service
        self._slow = slow

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self._route("authorize", self.ask, "GET"),
            self._route("authorize", self.decide, "POST"),
            self._route("token", self.token, "POST"),
            self._route("revoke", self.revoke, "POST"),
        ]

    def _route(self, name: str, answer: Answerer, method: str) -> Route:
        path = f"/_mock/provider/{{service}}/{name}"
        return Route(path, recorded(self._service, answer, path), methods=[method])

    async def ask(self, request: Request) -> Response:
        """Show the consent page, or go past it where the query foresees the consent."""
        query = dict(request.query_params)
        asked = Asked.of(query)
        vault = self._vault_of(request, asked)
        service_id = request.path_params["service"]
        connector = vault.provider.check(service_id, asked)
        foreseen = query.get("mock_consent")
        if foreseen is not None:
            return await self._decided(vault, service_id, asked, foreseen)
        return page(
            "consent.html",
            theme={"primary_color": connector.provider.color},
            connector=connector,
            application=vault.application.name or vault.application.id,
            asked=asked.as_query(),
            scopes=asked.scopes,
            ways=WAYS,
            odd_ways=ODD_WAYS,
        )

    async def decide(self, request: Request) -> Response:
        """Take what was chosen on the consent page, and send the browser back to the vault."""
        form = await form_of(request)
        asked = Asked.of({name: values[0] for name, values in form.items()})
        vault = self._vault_of(request, asked)
        service_id = request.path_params["service"]
        return await self._decided(vault, service_id, asked, first(form, "consent"))

    async def token(self, request: Request) -> Response:
        """Give a token for a code, a refresh token or credentials."""
        form = await form_of(request)
        provider = self._provider_of(request, form)
        if provider is None:
            return _json(_UNKNOWN_CLIENT)
        service_id = request.path_params["service"]
        return _json(provider.token(service_id, _single(form), _authorization(request)))

    async def revoke(self, request: Request) -> Response:
        """Take a token back."""
        form = await form_of(request)
        provider = self._provider_of(request, form)
        if provider is None:
            return _json(_UNKNOWN_CLIENT)
        service_id = request.path_params["service"]
        return _json(provider.revoke(service_id, _single(form), _authorization(request)))

    async def _decided(self, vault: Vault, service_id: str, asked: Asked, chosen: str) -> Response:
        try:
            consent = Consent(chosen)
        except ValueError:
            known = ", ".join(Consent)
            raise AuthorizationRequestRefused(f"consent must be one of {known}") from None
        if consent is Consent.SLOW:
            vault.provider.check(service_id, asked)
            await asyncio.sleep(self._slow)
        return to(vault.provider.decide(service_id, asked, consent))

    def _vault_of(self, request: Request, asked: Asked) -> Vault:
        """Return the vault whose client asks; raise AuthorizationRequestRefused."""
        vault = self._applications.find(asked.client_id)
        if vault is None:
            raise AuthorizationRequestRefused("client_id names no registered client")
        request.state.vault = vault
        return vault

    def _provider_of(self, request: Request, form: Form) -> FakeProvider | None:
        """Return the provider as the client that asks knows it."""
        client_id = client_of(_single(form), _authorization(request))
        vault = self._applications.find(client_id)
        if vault is None:
            return None
        request.state.vault = vault
        return vault.provider


def _single(form: Form) -> dict[str, str]:
    return {name: values[0] for name, values in form.items()}


def _authorization(request: Request) -> str | None:
    return request.headers.get("authorization")


def _json(answer: ProviderAnswer) -> Response:
    headers = {"cache-control": "no-store", "pragma": "no-cache"}
    if answer.status == 401:
        headers["www-authenticate"] = 'Basic realm="provider"'
    return JSONResponse(dict(answer.body), answer.status, headers)
