"""The operations of OAuth in the browser: authorize, callback and revoke, each a redirect.

They take no key: the signed state is what shows that the vault itself began the flow.
"""

from urllib.parse import quote

from mockvault.domain.errors import ValueRefused
from mockvault.vault.locations import with_query
from mockvault.vault.provider import Consent
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
    nonce: str | None = None,
    mock_consent: str | None = None,
) -> Reply:
    """Send the browser to the provider's consent page, or past it where consent is foreseen."""
    del application_id
    asked = vault.authorization.begin(
        service_id, state, redirect_uri, tuple(scope or ()), caller.base_url, nonce=nonce
    )
    foreseen = mock_consent or vault.application.consent
    if foreseen is not None and foreseen != Consent.SLOW:
        return moved(vault.provider.decide(service_id, asked, Consent(foreseen)))
    page = f"{caller.base_url}/_mock/provider/{quote(service_id, safe='')}/authorize"
    query = asked.as_query()
    if foreseen is not None:
        query["mock_consent"] = foreseen
    return moved(with_query(page, query))


def connections_callback(
    vault: Vault,
    caller: Caller,
    *,
    state: str,
    code: str | None = None,
    error: str | None = None,
    error_description: str | None = None,
) -> Reply:
    """Redeem the provider's code, or take its error, and send the browser back to the app."""
    del caller
    if error is not None:
        return moved(vault.authorization.abandon(state, error, error_description or ""))
    if code is None:
        raise ValueRefused(
            "query",
            "/code",
            keyword="required",
            expected="an authorization code, where the provider tells no error",
            got=None,
            rule="#/components/parameters/code/required",
        )
    return moved(vault.authorization.finish(state, code))


def connections_revoke(
    vault: Vault,
    caller: Caller,
    *,
    service_id: str,
    application_id: str,
    state: str,
    redirect_uri: str,
    mock_consent: str | None = None,
) -> Reply:
    """Have the provider take the consent back and send the browser back to the app."""
    del application_id
    return moved(
        vault.authorization.revoke(
            service_id, state, redirect_uri, caller.base_url, consent=mock_consent
        )
    )
