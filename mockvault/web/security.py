"""Who may ask: the API key of an application, or a session's token for its own consumer."""

from collections.abc import Mapping

from mockvault.contract import APPLICATION_HEADER, CONSUMER_HEADER, Operation
from mockvault.domain.errors import CallbackStateRefused, EntityNotFound, Unauthorized
from mockvault.vault.applications import Applications
from mockvault.vault.tokens import TokenRefused, unverified_claims
from mockvault.vault.vault import Vault
from mockvault.web.asking import text_of

_DOORS = 1024
_APPLICATION = APPLICATION_HEADER.encode()
_CONSUMER = CONSUMER_HEADER.encode()


def credentials_of(headers: Mapping[bytes, bytes]) -> str:
    """Return the bearer's credentials; raise Unauthorized where none are given in that form."""
    given = text_of(headers.get(b"authorization"))
    if not given:
        raise Unauthorized("Missing authentication")
    scheme, _, credentials = given.partition(" ")
    if scheme.casefold() != "bearer" or not credentials.strip():
        raise Unauthorized("The Authorization header must read 'Bearer <your-api-key>'")
    return credentials.strip()


def vault_of(
    applications: Applications, operation: Operation, headers: Mapping[bytes, bytes]
) -> Vault | None:
    """Return the vault that the credentials open for this operation.

    None means that they open some application, but the request does not say which: what it lacks
    is told with all else that is wrong. Raises Unauthorized.
    """
    door = (headers.get(b"authorization"), headers.get(_APPLICATION))
    vault = applications.doors.get(door)
    if vault is not None:
        return vault
    credentials = credentials_of(headers)
    application_id = text_of(headers.get(_APPLICATION))
    if applications.is_key(credentials):
        if not application_id:
            return None
        vault = applications.opened_by(credentials, application_id)
        if len(applications.doors) >= _DOORS:
            applications.doors.clear()
        applications.doors[door] = vault
        return vault
    if credentials.count(".") != 2:
        raise Unauthorized("The API key is not one of any application")
    return _vault_of_session(applications, operation, headers, credentials)


def _vault_of_session(
    applications: Applications, operation: Operation, headers: Mapping[bytes, bytes], token: str
) -> Vault | None:
    vault = vault_of_token(applications, token)
    claims = vault.sessions.verify(token)
    if not operation.takes_session:
        raise Unauthorized("A session token opens the operations of its own consumer alone")
    application_id = text_of(headers.get(_APPLICATION))
    consumer_id = text_of(headers.get(_CONSUMER))
    if not application_id or not consumer_id:
        return None
    if application_id != claims["application_id"] or consumer_id != claims["consumer_id"]:
        raise Unauthorized("The session is of another application or consumer")
    return vault


def vault_of_token(applications: Applications, token: str) -> Vault:
    """Return the vault that a session's token claims to be of, believed by nobody yet.

    Raises Unauthorized where it claims none that is served. No application is made for a claim.
    """
    try:
        claimed = unverified_claims(token).get("application_id")
    except TokenRefused:
        raise Unauthorized("Invalid Authorization Token") from None
    vault = applications.served(claimed)
    if vault is None:
        raise Unauthorized("Invalid Authorization Token")
    return vault


def vault_of_flow(applications: Applications, parameters: Mapping[str, object]) -> Vault:
    """Return the vault that an operation without a key is for: by its path or its signed state.

    Raises EntityNotFound for an unknown application, CallbackStateRefused for a state of none.
    """
    if "application_id" in parameters:
        application_id = str(parameters["application_id"])
        vault = applications.find(application_id)
        if vault is None:
            raise EntityNotFound("application", application_id)
        return vault
    try:
        claimed = unverified_claims(str(parameters.get("state", ""))).get("application_id")
    except TokenRefused as reason:
        raise CallbackStateRefused(str(reason)) from None
    found = applications.served(claimed)
    if found is None:
        raise CallbackStateRefused("It names no application.")
    return found
