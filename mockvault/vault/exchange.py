"""What the vault asks of a provider: tokens for codes, refresh tokens or credentials; revocation.

The vault knows a provider by its endpoints alone, and authenticates as its client.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote_plus

from mockvault.domain.clock import LATEST, SECOND
from mockvault.domain.connectors import Connector, GrantType
from mockvault.domain.entities import AccessToken, Connection
from mockvault.domain.errors import CodeExchangeFailed, CredentialsRefused
from mockvault.vault.provider import ProviderAnswer
from mockvault.vault.surroundings import Surroundings

GRANTS_WITHOUT_BROWSER = (GrantType.CLIENT_CREDENTIALS, GrantType.PASSWORD)
REFRESH_BEFORE = 30 * SECOND
"""A token with less than this left is refreshed before it is used."""
NEVER = LATEST + 1
"""When a token without an end is due."""


def due_at(token: AccessToken) -> int:
    """Return the time from which the token has to be refreshed before it is used."""
    expires_at = token.expires_at
    return NEVER if expires_at is None else expires_at - REFRESH_BEFORE + 1


class Provider(Protocol):
    """The endpoints of a provider, and what the vault registered with it."""

    @property
    def client_id(self) -> str: ...
    def client_secret(self, service_id: str) -> str: ...
    def token(
        self, service_id: str, form: Mapping[str, str], authorization: str | None = None
    ) -> ProviderAnswer: ...
    def revoke(
        self, service_id: str, form: Mapping[str, str], authorization: str | None = None
    ) -> ProviderAnswer: ...


class Exchange:
    """The vault as the client of its consumers' providers."""

    def __init__(self, surroundings: Surroundings, provider: Provider) -> None:
        self._at = surroundings
        self._provider = provider

    def redeem(
        self, connector: Connector, code: str, redirect_uri: str, verifier: str
    ) -> AccessToken:
        """Return the token for a code; raise CodeExchangeFailed."""
        answer = self._asked(
            connector,
            {
                "grant_type": GrantType.AUTHORIZATION_CODE,
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
        )
        if answer.status != 200:
            raise CodeExchangeFailed(_reason(answer))
        return self._token(answer.body)

    def by_credentials(self, connector: Connector, connection: Connection) -> AccessToken:
        """Return the token for the credentials in the settings; raise CredentialsRefused."""
        assert connector.oauth_grant_type is not None
        form = {name: str(value) for name, value in connection.settings.items()}
        form["grant_type"] = connector.oauth_grant_type
        answer = self._provider.token(connector.service_id, form)
        if answer.status != 200:
            raise CredentialsRefused(
                f"'{connector.service_id}' refused the client credentials: {_reason(answer)}"
            )
        return self._token(answer.body)

    def is_due(self, token: AccessToken) -> bool:
        """Tell whether the token has to be refreshed before it is used."""
        return token.expires_in is not None and self._at.clock.now() >= due_at(token)

    def refreshed(self, connector: Connector, connection: Connection) -> AccessToken | None:
        """Return the token that follows the connection's own, or None where none is given."""
        token = connection.token
        assert token is not None
        if connector.oauth_grant_type in GRANTS_WITHOUT_BROWSER and token.refresh_token is None:
            try:
                return self.by_credentials(connector, connection)
            except CredentialsRefused:
                return None
        if token.refresh_token is None:
            return None
        answer = self._asked(
            connector,
            {
                "grant_type": "refresh_token",
                "refresh_token": token.refresh_token,
                "scope": " ".join(token.scopes),
            },
        )
        if answer.status != 200:
            return None
        fresh = self._token(answer.body)
        return replace(fresh, refresh_token=fresh.refresh_token or token.refresh_token)

    def revoke(self, connector: Connector, token: AccessToken, consent: str | None) -> None:
        """Have the provider take the token back; raise CodeExchangeFailed where it does not."""
        form = {"token": token.refresh_token or token.access_token}
        if consent is not None:
            form["mock_consent"] = consent
        service_id = connector.service_id
        answer = self._provider.revoke(service_id, form, self._authorization(service_id))
        if answer.status != 200:
            raise CodeExchangeFailed(_reason(answer))

    def _asked(self, connector: Connector, form: Mapping[str, str]) -> ProviderAnswer:
        service_id = connector.service_id
        return self._provider.token(service_id, form, self._authorization(service_id))

    def _authorization(self, service_id: str) -> str:
        client_id = quote_plus(self._provider.client_id)
        secret = quote_plus(self._provider.client_secret(service_id))
        return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()

    def _token(self, body: Mapping[str, Any]) -> AccessToken:
        return AccessToken(
            body["access_token"],
            self._at.clock.now(),
            body.get("expires_in"),
            body.get("refresh_token"),
            tuple(body.get("scope", "").split()),
        )


def _reason(answer: ProviderAnswer) -> str:
    return f"{answer.body.get('error')}: {answer.body.get('error_description')}"
