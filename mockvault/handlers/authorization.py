"""The operations of OAuth in the browser: authorize, callback and revoke, each a redirect.

They take no key: the signed state is what shows that the vault itself began the flow.
"""

from typing import Any
from urllib.parse import quote

from mockvault.vault.authorization import with_query
from mockvault.vault.vault import Vault
from mockvault.web.caller import Caller
from mockvault.web.replies import Reply, moved


def connections_authorize(
    vault: Vault,
    caller: Caller,
    *,
    service_id: str,
    application_id: str,
    state: str,
    redirect_uri: str,
    scope: list[str] | None = None,
    mock_consent: str | None = None,
) -> Reply:
    """Send the browser to the provider's consent page, or past it where consent is foreseen."""
    del application_id
    scopes = tuple(scope or ())
    authorization = vault.authorization
    connector, _ = authorization.begin(service_id, state, redirect_uri, scopes)
    consent = mock_consent or vault.application.consent
    if consent == "approve":
        code = authorization.grant(state)
        return moved(
            with_query(f"{caller.base_url}/vault/callback", {"state": state, "code": code})
        )
    if consent == "deny":
        return moved(
            authorization.abandon(
                state, "OAuthConnectorError", "access_denied: The consumer denied access."
            )
        )
    asked: dict[str, Any] = {
        "response_type": "code",
        "client_id": vault.application.id,
        "redirect_uri": f"{caller.base_url}/vault/callback",
        "state": state,
        "scope": " ".join(scopes or connector.provider.scopes),
    }
    return moved(
        with_query(
            f"{caller.base_url}/_mock/provider/{quote(service_id, safe='')}/authorize", asked
        )
    )


def connections_callback(vault: Vault, caller: Caller, *, state: str, code: str) -> Reply:
    """Redeem the provider's code and send the browser back to the app."""
    del caller
    return moved(vault.authorization.finish(state, code))


def connections_revoke(
    vault: Vault,
    caller: Caller,
    *,
    service_id: str,
    application_id: str,
    state: str,
    redirect_uri: str,
) -> Reply:
    """Take the consent back and send the browser back to the app."""
    del caller, application_id
    return moved(vault.authorization.revoke(service_id, state, redirect_uri))
