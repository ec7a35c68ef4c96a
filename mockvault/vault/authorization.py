"""OAuth in the browser: authorize, callback and revoke, held together by a signed state.

The state names application, consumer, API and service, and how many authorizations there had been
when it was made: it expires, and finishing one authorization ends it. What else a flow needs (where
the browser returns to, the PKCE verifier) is kept here, under the state, for ten minutes.
"""

from collections.abc import Mapping
from typing import Any

from mockvault.domain.clock import HOUR, MINUTE, SECOND
from mockvault.domain.connectors import Connector
from mockvault.domain.entities import Connection
from mockvault.domain.errors import (
    CallbackStateRefused,
    CodeExchangeFailed,
    ConnectorNotFound,
    IllegalStep,
)
from mockvault.domain.events import Cause
from mockvault.domain.states import (
    is_authorized_in_browser,
    settings_missing_for_authorization,
)
from mockvault.vault.connections import Connections
from mockvault.vault.consumers import Consumers
from mockvault.vault.exchange import Exchange
from mockvault.vault.locations import check_redirect, with_fragment, with_query
from mockvault.vault.provider import CALLBACK, Asked, FakeProvider, challenge_of
from mockvault.vault.surroundings import Surroundings
from mockvault.vault.tokens import TokenRefused, read, sign

STATE_LIFETIME = HOUR
STATE_STEP = 5 * MINUTE
"""States are made for the beginning of their five minutes, so that equal reads answer equal."""
FLOW_LIFETIME = 10 * MINUTE
ERROR_REF = "https://developers.apideck.com/errors#"


class Authorization:
    """The OAuth flows of one application's connections."""

    def __init__(
        self,
        surroundings: Surroundings,
        consumers: Consumers,
        connections: Connections,
        provider: FakeProvider,
        exchange: Exchange,
    ) -> None:
        self._at = surroundings
        self._consumers = consumers
        self._connections = connections
        self._provider = provider
        self._exchange = exchange
        self._states: dict[tuple[str, str, str, int, int], str] = {}

    def moment(self) -> int:
        """Return the time from which states are made now: it moves on every five minutes."""
        now = self._at.clock.now()
        return now - now % STATE_STEP

    def state_for(self, consumer_id: str, connector: Connector, moment: int) -> str:
        """Return the signed state that the consumer's authorize and revoke URLs carry.

        It is made for a `moment()`.
        """
        key = (connector.unified_api, connector.service_id)
        generation = self._at.store.authorizations(consumer_id, key)
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
        self,
        service_id: str,
        state: str,
        redirect_uri: str,
        scopes: tuple[str, ...],
        base_url: str,
        *,
        nonce: str | None = None,
    ) -> Asked:
        """Open a flow; return what the provider is asked for, on its page.

        Raises ConnectorNotFound, CallbackStateRefused, RedirectUriRefused; IllegalStep where a
        setting has to be saved first.
        """
        self._service(service_id)
        claims = self.read_state(service_id, state)
        check_redirect(redirect_uri, self._at.application.redirect_uris, base_url)
        connector, connection = self._held(claims)
        if not is_authorized_in_browser(connector):
            raise IllegalStep(f"Connector '{service_id}' is not authorized in a browser")
        missing = settings_missing_for_authorization(connector, connection)
        if missing:
            raise IllegalStep(f"Save these settings before authorization: {', '.join(missing)}")
        callback, verifier = f"{base_url}{CALLBACK}", self._at.ids.token("verifier-")
        flow = {
            "redirect_uri": redirect_uri,
            "callback": callback,
            "verifier": verifier,
            "nonce": nonce,
        }
        expires_at = self._at.clock.now() + FLOW_LIFETIME
        self._at.store.put_secret(f"flow {state}", flow, expires_at)
        return Asked(
            self._provider.client_id,
            callback,
            state,
            scopes or connector.provider.scopes,
            challenge_of(verifier),
        )

    def finish(self, state: str, code: str) -> str:
        """Redeem the code for a token; return where the browser goes next.

        A failure for which the flow is known is told on the redirect URI, as the real vault does;
        raises CallbackStateRefused where no flow is known.
        """
        claims, flow = self._taken(state)
        connector, before = self._held(claims)
        try:
            token = self._exchange.redeem(connector, code, flow["callback"], flow["verifier"])
        except CodeExchangeFailed as reason:
            return failure(flow["redirect_uri"], claims, "callback", reason.type_name, reason.why)
        now = self._at.clock.now()
        consumer_id = claims["consumer_id"]
        self._consumers.ensure(consumer_id)
        old = before or Connection(consumer_id, connector.unified_api, connector.service_id, now)
        after = old._replace(
            token=token,
            settings={**self._provided(connector, old), **old.settings},
            updated_at=None if before is None else now,
        )
        self._at.store.count_authorization(consumer_id, after.key)
        self._at.keep(connector, before, after)
        if flow["nonce"] is None:
            return str(flow["redirect_uri"])
        return with_fragment(
            flow["redirect_uri"],
            {
                "nonce": flow["nonce"],
                "confirm_token": self._at.ids.uuid(),
                "service_id": connector.service_id,
            },
        )

    def abandon(self, state: str, error: str, description: str) -> str:
        """Close a flow without a token, for the provider's reason; return where the browser goes.

        Raises CallbackStateRefused where no flow is known.
        """
        claims, flow = self._taken(state)
        told = f"{error}: {description}" if description else error
        return failure(flow["redirect_uri"], claims, "callback", "OAuthConnectorError", told)

    def revoke(
        self,
        service_id: str,
        state: str,
        redirect_uri: str,
        base_url: str,
        *,
        consent: str | None = None,
    ) -> str:
        """Have the provider take the consent back and drop the token; return the next address.

        A provider that fails leaves the connection as it was, and is told on the redirect URI.
        Raises ConnectorNotFound, CallbackStateRefused, RedirectUriRefused; IllegalStep where there
        is nothing to revoke.
        """
        self._service(service_id)
        claims = self.read_state(service_id, state)
        check_redirect(redirect_uri, self._at.application.redirect_uris, base_url)
        connector, connection = self._held(claims)
        token = None if connection is None else connection.token
        if connection is None or token is None or not self.can_revoke(connector, connection):
            raise IllegalStep(f"Connection '{connector.id}' holds no consent that can be revoked")
        try:
            self._exchange.revoke(connector, token, consent)
        except CodeExchangeFailed as reason:
            return failure(redirect_uri, claims, "revoke", "OAuthConnectorError", reason.why)
        after = connection._replace(
            token=None,
            updated_at=self._at.clock.now(),
        )
        self._at.store.count_authorization(connection.consumer_id, connection.key)
        self._at.keep(connector, connection, after, Cause.REVOCATION)
        return redirect_uri

    def _taken(self, state: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the claims of a state and its flow, which is over; raise CallbackStateRefused."""
        claims = self.read_state(None, state)
        flow = self._at.store.take_secret(f"flow {state}", self._at.clock.now())
        if flow is None:
            raise CallbackStateRefused("No authorization is under way for it.")
        return claims, flow

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


def failure(
    redirect_uri: str, claims: Mapping[str, Any], origin: str, error_type: str, error_message: str
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
