"""The fake provider behind every OAuth connector: consent, codes, tokens, and their taking back.

It stands for what is downstream, so the vault asks it as any client would: by forms (RFC 6749, PKCE
by RFC 7636, revocation by RFC 7009). What it remembers is kept in the application's store, as plain
data, so that a snapshot holds it too.
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from mockvault.domain.clock import DAY, MINUTE
from mockvault.domain.connectors import Connector
from mockvault.domain.errors import AuthorizationRequestRefused, ConnectorNotFound
from mockvault.domain.states import REFUSED_WORD
from mockvault.vault.locations import with_query
from mockvault.vault.surroundings import Surroundings

TOKEN_LIFETIME = 3600
"""Seconds for which an access token is granted."""
CODE_LIFETIME = 10 * MINUTE
CODE_REMEMBERED = DAY
"""A code is remembered longer than it is good for, to tell why it is refused."""
REVOCATION_REMEMBERED = 3650 * DAY
CALLBACK = "/vault/callback"


class Consent(StrEnum):
    """What the consumer does on the consent page, or what goes wrong there."""

    APPROVE = "approve"
    FEWER_SCOPES = "fewer_scopes"
    DENY = "deny"
    PROVIDER_ERROR = "provider_error"
    SLOW = "slow"
    EXPIRED_CODE = "expired_code"
    REPLAYED_CODE = "replayed_code"
    ALTERED_STATE = "altered_state"
    NO_REFRESH_TOKEN = "no_refresh_token"  # noqa: S105  a way to consent


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a provider's endpoint answers: a status and a JSON object."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request (RFC 6749, 4.1.1), as it stands in the provider's URL."""

    client_id: str
    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    code_challenge: str
    code_challenge_method: str = "S256"
    response_type: str = "code"

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        """Return what a query asks; what it does not say is empty."""
        return cls(
            query.get("client_id", ""),
            query.get("redirect_uri", ""),
            query.get("state", ""),
            tuple(query.get("scope", "").split()),
            query.get("code_challenge", ""),
            query.get("code_challenge_method", ""),
            query.get("response_type", ""),
        )

    def as_query(self) -> dict[str, str]:
        """Return the parameters that say it."""
        return {
            "response_type": self.response_type,
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "scope": " ".join(self.scopes),
            "code_challenge": self.code_challenge,
            "code_challenge_method": self.code_challenge_method,
        }


@dataclass(frozen=True, slots=True)
class Code:
    """What stands behind an authorization code until it is redeemed."""

    service_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str
    expires_at: int
    is_used: bool = False
    with_refresh_token: bool = True


class FakeProvider:
    """The provider of each connector, for one application: its one client."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._at = surroundings
        self._grants: Mapping[str, Callable[[str, Mapping[str, str]], ProviderAnswer]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            "client_credentials": self._by_credentials,
            "password": self._by_credentials,
        }

    @property
    def client_id(self) -> str:
        """The id under which the application is registered with every provider."""
        return self._at.application.id

    def client_secret(self, service_id: str) -> str:
        """Return the secret of that registration, a different one with each provider."""
        return self._at.key(f"client secret {service_id}").hex()

    def connector(self, service_id: str) -> Connector:
        """Return a connector of the service; raise ConnectorNotFound."""
        found = self._at.catalogue.services(service_id)
        if not found:
            raise ConnectorNotFound("*", service_id)
        return found[0]

    def check(self, service_id: str, asked: Asked) -> Connector:
        """Return the connector whose consent page may be shown.

        Raises ConnectorNotFound, AuthorizationRequestRefused: to an address that is not registered
        nothing may be sent, so the refusal is told on the page.
        """
        connector = self.connector(service_id)
        if asked.client_id != self.client_id:
            raise AuthorizationRequestRefused("client_id names no registered client")
        if not _is_callback(asked.redirect_uri):
            raise AuthorizationRequestRefused(
                f"redirect_uri is not the registered one, which ends with {CALLBACK}"
            )
        if asked.response_type != "code":
            raise AuthorizationRequestRefused("response_type must be 'code'")
        if not asked.state:
            raise AuthorizationRequestRefused("state is missing")
        if not asked.code_challenge or asked.code_challenge_method != "S256":
            raise AuthorizationRequestRefused("code_challenge is missing, or not of method S256")
        return connector

    def decide(self, service_id: str, asked: Asked, consent: Consent) -> str:
        """Return where the browser goes after that consent: the callback, with code or error.

        Raises what `check` raises.
        """
        self.check(service_id, asked)
        if consent is Consent.DENY:
            return _told(asked, "access_denied", "The consumer denied access.")
        if consent is Consent.PROVIDER_ERROR:
            return _told(asked, "server_error", "The provider met an unexpected condition.")
        now = self._at.clock.now()
        scopes = asked.scopes[:-1] if consent is Consent.FEWER_SCOPES else asked.scopes
        code = Code(
            service_id,
            asked.redirect_uri,
            scopes,
            asked.code_challenge,
            now if consent is Consent.EXPIRED_CODE else now + CODE_LIFETIME,
            is_used=consent is Consent.REPLAYED_CODE,
            with_refresh_token=consent is not Consent.NO_REFRESH_TOKEN,
        )
        name = self._at.ids.token("code_")
        self._keep(name, code)
        state = _altered(asked.state) if consent is Consent.ALTERED_STATE else asked.state
        return with_query(asked.redirect_uri, {"state": state, "code": name})

    def token(
        self, service_id: str, form: Mapping[str, str], authorization: str | None = None
    ) -> ProviderAnswer:
        """Answer the token endpoint (RFC 6749, 5); `authorization` is the header of that name."""
        if not self._at.catalogue.services(service_id):
            return _refused(404, "invalid_request", "There is no such provider")
        grant = self._grants.get(form.get("grant_type", ""))
        if grant is None:
            known = ", ".join(self._grants)
            return _refused(400, "unsupported_grant_type", f"It is one of {known}")
        if grant != self._by_credentials and not self._is_client(service_id, form, authorization):
            return _refused(401, "invalid_client", "Client authentication failed")
        return grant(service_id, form)

    def revoke(
        self, service_id: str, form: Mapping[str, str], authorization: str | None = None
    ) -> ProviderAnswer:
        """Answer the revocation endpoint (RFC 7009); a form may ask it to fail."""
        if not self._at.catalogue.services(service_id):
            return _refused(404, "invalid_request", "There is no such provider")
        if not self._is_client(service_id, form, authorization):
            return _refused(401, "invalid_client", "Client authentication failed")
        if form.get("mock_consent") == Consent.PROVIDER_ERROR:
            return _refused(503, "temporarily_unavailable", "The provider is down")
        if not form.get("token"):
            return _refused(400, "invalid_request", "token is missing")
        now = self._at.clock.now()
        self._at.store.put_secret(f"revoked {form['token']}", {}, now + REVOCATION_REMEMBERED)
        return ProviderAnswer(200, {})

    def _is_client(
        self, service_id: str, form: Mapping[str, str], authorization: str | None
    ) -> bool:
        """Tell whether the client has shown its secret, in the header or in the form."""
        client_id, secret = client_of(form, authorization), form.get("client_secret", "")
        if authorization is not None:
            _, secret = _basic(authorization)
        expected = self.client_secret(service_id)
        return client_id == self.client_id and compare_digest(secret.encode(), expected.encode())

    def _by_code(self, service_id: str, form: Mapping[str, str]) -> ProviderAnswer:
        now = self._at.clock.now()
        name = form.get("code", "")
        kept = self._at.store.take_secret(f"code {name}", now)
        if kept is None:
            return _refused(400, "invalid_grant", "The authorization code is unknown")
        code = Code(**{**kept, "scopes": tuple(kept["scopes"])})
        self._keep(name, Code(**{**kept, "is_used": True}))
        if code.is_used:
            return _refused(400, "invalid_grant", "The authorization code has been used")
        if now >= code.expires_at:
            return _refused(400, "invalid_grant", "The authorization code has expired")
        if code.service_id != service_id or code.redirect_uri != form.get("redirect_uri"):
            return _refused(400, "invalid_grant", "The code was given for another redirect_uri")
        if not compare_digest(challenge_of(form.get("code_verifier", "")), code.challenge):
            return _refused(400, "invalid_grant", "The code_verifier does not fit the challenge")
        return self._granted(code.scopes, with_refresh_token=code.with_refresh_token)

    def _by_refresh_token(self, service_id: str, form: Mapping[str, str]) -> ProviderAnswer:
        """Grant another access token.

        One that was had elsewhere and imported is taken too, unless it holds the word `invalid`
        (spec/decisions/0302).
        """
        del service_id
        token = form.get("refresh_token", "")
        if not token or REFUSED_WORD in token.casefold() or self._is_revoked(token):
            return _refused(400, "invalid_grant", "The refresh token is invalid or was revoked")
        return self._granted(tuple(form.get("scope", "").split()), with_refresh_token=False)

    def _by_credentials(self, service_id: str, form: Mapping[str, str]) -> ProviderAnswer:
        """Grant a token for what stands in the form, as `validation_support` judges it."""
        connector = self.connector(service_id)
        judged = {
            each.id for each in connector.form_fields if each.sensitive or each.required
        } & form.keys()
        if connector.validation_support and any(
            REFUSED_WORD in form[name].casefold() for name in judged
        ):
            return _refused(401, "invalid_client", "The credentials are refused")
        return self._granted(connector.provider.scopes, with_refresh_token=False)

    def _granted(self, scopes: tuple[str, ...], *, with_refresh_token: bool) -> ProviderAnswer:
        body: dict[str, Any] = {
            "access_token": self._at.ids.token("at_"),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME,
            "scope": " ".join(scopes),
        }
        if with_refresh_token:
            body["refresh_token"] = self._at.ids.token("rt_")
        return ProviderAnswer(200, body)

    def _keep(self, name: str, code: Code) -> None:
        self._at.store.put_secret(
            f"code {name}",
            {**asdict(code), "scopes": list(code.scopes)},
            self._at.clock.now() + CODE_REMEMBERED,
        )

    def _is_revoked(self, token: str) -> bool:
        now = self._at.clock.now()
        kept = self._at.store.take_secret(f"revoked {token}", now)
        if kept is None:
            return False
        self._at.store.put_secret(f"revoked {token}", kept, now + REVOCATION_REMEMBERED)
        return True


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a code verifier (RFC 7636, 4.2).

    >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    digest = sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def client_of(form: Mapping[str, str], authorization: str | None) -> str:
    """Return the id of the client that says to ask, in the header or in the form."""
    return form.get("client_id", "") if authorization is None else _basic(authorization)[0]


def _basic(authorization: str) -> tuple[str, str]:
    """Return client id and secret of a Basic header, empty where it is none."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = b64decode(encoded, validate=True).decode() if scheme.casefold() == "basic" else ""
    except (NotBase64, ValueError):
        text = ""
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _is_callback(redirect_uri: str) -> bool:
    try:
        parts = urlsplit(redirect_uri)
    except ValueError:
        return False
    is_web = parts.scheme in ("http", "https") and bool(parts.netloc)
    return is_web and parts.path.endswith(CALLBACK) and not parts.query and not parts.fragment


def _altered(state: str) -> str:
    """Return the state with its signature changed."""
    return state[:-4] + ("AAAA" if state[-4:] != "AAAA" else "BBBB")


def _told(asked: Asked, error: str, description: str) -> str:
    """Return the callback with an error (RFC 6749, 4.1.2.1)."""
    return with_query(
        asked.redirect_uri,
        {"state": asked.state, "error": error, "error_description": description},
    )


def _refused(status: int, error: str, description: str) -> ProviderAnswer:
    return ProviderAnswer(status, {"error": error, "error_description": description})
