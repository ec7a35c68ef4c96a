"""OAuth in the browser: authorize, callback and revoke, held together by a signed state.

The state names application, consumer, API and service, and how many authorizations there had been
when it was made: it expires, and finishing one authorization ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from mockvault.domain.clock import HOUR, MINUTE, SECOND
from mockvault.domain.connectors import Connector
from mockvault.domain.entities import AccessToken, Connection
from mockvault.domain.errors import (
    CallbackStateRefused,
    ConnectorNotFound,
    IllegalStep,
    RedirectUriRefused,
)
from mockvault.domain.events import Cause
from mockvault.domain.states import (
    is_authorized_in_browser,
    settings_missing_for_authorization,
)
from mockvault.vault.connections import TOKEN_LIFETIME, Connections
from mockvault.vault.consumers import Consumers
from mockvault.vault.surroundings import Surroundings
from mockvault.vault.tokens import TokenRefused, read, sign

STATE_LIFETIME = HOUR
STATE_STEP = 5 * MINUTE
"""States are made for the beginning of their five minutes, so that equal reads answer equal."""
FLOW_LIFETIME = 10 * MINUTE
ERROR_REF = "https://developers.apideck.com/errors#"


@dataclass(frozen=True, slots=True)
class Flow:
    """One consent on its way: where the browser returns to, and what was asked for."""

    redirect_uri: str
    scopes: tuple[str, ...]


class Authorization:
    """The OAuth flows of one application's connections."""

    def __init__(
        self, surroundings: Surroundings, consumers: Consumers, connections: Connections
    ) -> None:
        self._at = surroundings
        self._consumers = consumers
        self._connections = connections
        self._states: dict[tuple[str, str, str, int, int], str] = {}

    def state_for(self, consumer_id: str, connector: Connector) -> str:
        """Return the signed state that the consumer's authorize and revoke URLs carry."""
        key = (connector.unified_api, connector.service_id)
        generation = self._at.store.authorizations(consumer_id, key)
        now = self._at.clock.now()
        moment = now - now % STATE_STEP
        place = (consumer_id, *key, generation, moment)
        state = self._states.get(place)
        if state is None:
            state = sign(
                {
                    "consumer_id": consumer_id,
                    "unified_api": connector.unified_api,
                    "service_id": connector.service_id,
                    "application_id": self._at.application.id,
                    "generation": generation,
                    "iat": moment // SECOND,
                    "exp": (moment + STATE_LIFETIME) // SECOND,
                },
                self._at.key("callback state"),
            )
            if len(self._states) >= 16_384:
                self._states.clear()
            self._states[place] = state
        return state

    def can_authorize(self, connector: Connector, connection: Connection | None) -> bool:
        """Tell whether consent can be asked for: no setting is missing that has to come first."""
        return is_authorized_in_browser(connector) and not settings_missing_for_authorization(
            connector, connection
        )

    def can_revoke(self, connector: Connector, connection: Connection | None) -> bool:
        """Tell whether there is a consent that the provider can be asked to take back."""
        return (
            connector.revocable
            and is_authorized_in_browser(connector)
            and connection is not None
            and connection.token is not None
        )

    def read_state(self, service_id: str | None, state: str) -> Mapping[str, Any]:
        """Return what a state claims; raise CallbackStateRefused where it cannot be believed."""
        try:
            claims = read(state, self._at.key("callback state"), self._at.clock.now())
        except TokenRefused as reason:
            raise CallbackStateRefused(str(reason)) from None
        if service_id is not None and claims["service_id"] != service_id:
            raise CallbackStateRefused("It was made for another connector.")
        return claims

    def begin(
        self, service_id: str, state: str, redirect_uri: str, scopes: tuple[str, ...]
    ) -> tuple[Connector, Mapping[str, Any]]:
        """Open a flow: consent may now be asked for on the provider's page.

        Raises ConnectorNotFound, CallbackStateRefused, RedirectUriRefused; IllegalStep where a
        setting has to be saved first.
        """
        self._service(service_id)
        claims = self.read_state(service_id, state)
        self.check_redirect(redirect_uri)
        connector, connection = self._held(claims)
        missing = settings_missing_for_authorization(connector, connection)
        if not is_authorized_in_browser(connector):
            raise IllegalStep(f"Connector '{service_id}' is not authorized in a browser")
        if missing:
            raise IllegalStep(f"Save these settings before authorization: {', '.join(missing)}")
        expires_at = self._at.clock.now() + FLOW_LIFETIME
        self._at.store.put_secret(f"flow {state}", Flow(redirect_uri, scopes), expires_at)
        return connector, claims

    def grant(self, state: str) -> str:
        """Return the code with which the fake provider's consent is redeemed, once."""
        code = self._at.ids.token("code_")
        self._at.store.put_secret(f"code {code}", state, self._at.clock.now() + FLOW_LIFETIME)
        return code

    def finish(self, state: str, code: str) -> str:
        """Redeem the code for a token; return where the browser goes next.

        A failure for which the flow is known is told on the redirect URI, as the real vault does;
        raises CallbackStateRefused where no flow is known.
        """
        claims = self.read_state(None, state)
        now = self._at.clock.now()
        flow: Flow | None = self._at.store.take_secret(f"flow {state}", now)
        if flow is None:
            raise CallbackStateRefused("No authorization is under way for it.")
        if self._at.store.take_secret(f"code {code}", now) != state:
            return self.failure(
                flow.redirect_uri,
                claims,
                "callback",
                "OAuthCodeExchangeError",
                "The provider did not accept the authorization code.",
            )
        connector, before = self._held(claims)
        consumer_id = claims["consumer_id"]
        self._consumers.ensure(consumer_id)
        old = before or Connection(consumer_id, connector.unified_api, connector.service_id, now)
        token = AccessToken(
            self._at.ids.token("at_"),
            now,
            TOKEN_LIFETIME,
            self._at.ids.token("rt_"),
            flow.scopes or connector.provider.scopes,
        )
        after = replace(
            old,
            token=token,
            settings={**self._provided(connector, old), **old.settings},
            updated_at=None if before is None else now,
        )
        self._at.store.count_authorization(consumer_id, after.key)
        self._at.keep(connector, before, after)
        return flow.redirect_uri

    def abandon(self, state: str, error_type: str, error_message: str) -> str:
        """Close a flow without a token; return where the browser goes next.

        Raises CallbackStateRefused where no flow is known.
        """
        claims = self.read_state(None, state)
        flow: Flow | None = self._at.store.take_secret(f"flow {state}", self._at.clock.now())
        if flow is None:
            raise CallbackStateRefused("No authorization is under way for it.")
        return self.failure(flow.redirect_uri, claims, "authorize", error_type, error_message)

    def revoke(self, service_id: str, state: str, redirect_uri: str) -> str:
        """Take the consent back: the token is dropped; return where the browser goes next.

        Raises ConnectorNotFound, CallbackStateRefused, RedirectUriRefused; IllegalStep where there
        is nothing to revoke.
        """
        self._service(service_id)
        claims = self.read_state(service_id, state)
        self.check_redirect(redirect_uri)
        connector, connection = self._held(claims)
        if connection is None or not self.can_revoke(connector, connection):
            raise IllegalStep(f"Connection '{connector.id}' holds no consent that can be revoked")
        after = replace(
            connection,
            token=None,
            updated_at=self._at.clock.now(),
        )
        self._at.store.count_authorization(connection.consumer_id, connection.key)
        self._at.keep(connector, connection, after, Cause.REVOCATION)
        return redirect_uri

    def check_redirect(self, redirect_uri: str) -> None:
        """Raise RedirectUriRefused for anything but an absolute http(s) URL that is allowed."""
        allowed = self._at.application.redirect_uris
        try:
            parts = urlsplit(redirect_uri)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            is_web = False
        if not is_web or any(c <= " " or c in "\\\x7f" for c in redirect_uri):
            raise RedirectUriRefused(redirect_uri, "It must be an absolute http or https URL")
        if allowed and redirect_uri not in allowed:
            raise RedirectUriRefused(redirect_uri, "It is not registered for this application")

    def failure(
        self,
        redirect_uri: str,
        claims: Mapping[str, Any],
        origin: str,
        error_type: str,
        error_message: str,
    ) -> str:
        """Return the redirect URI with the parameters in which a failure is told."""
        return with_query(
            redirect_uri,
            {
                "error_type": error_type,
                "error_message": error_message,
                "origin": origin,
                "service_id": claims["service_id"],
                "application_id": claims["application_id"],
                "ref": ERROR_REF + error_type.lower(),
            },
        )

    def _service(self, service_id: str) -> None:
        if not self._at.catalogue.services(service_id):
            raise ConnectorNotFound("*", service_id)

    def _held(self, claims: Mapping[str, Any]) -> tuple[Connector, Connection | None]:
        consumer_id, key = claims["consumer_id"], (claims["unified_api"], claims["service_id"])
        if claims["generation"] != self._at.store.authorizations(consumer_id, key):
            raise CallbackStateRefused("It has served its single use.")
        connector, connection = self._connections.find(consumer_id, *key)
        return connector, connection

    def _provided(self, connector: Connector, connection: Connection) -> Mapping[str, Any]:
        """Return the settings that the provider itself fills when consent is given."""
        return {
            form_field.id: form_field.default_value
            or (
                f"https://{connection.service_id}.example.com"
                if form_field.type == "url" or form_field.id.endswith("_url")
                else self._at.ids.uuid()
            )
            for form_field in connector.form_fields
            if form_field.provided and form_field.id not in connection.settings
        }


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Return the URL with the parameters added to its query."""
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()]
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))
