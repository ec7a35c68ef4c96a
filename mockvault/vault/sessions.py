"""Sessions: a signed token with which a consumer's browser may act for the consumer alone."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from mockvault.domain.clock import DAY, HOUR, MINUTE, SECOND
from mockvault.domain.errors import RedirectUriRefused, Unauthorized, ValueRefused
from mockvault.vault.consumers import Consumers
from mockvault.vault.surroundings import Surroundings
from mockvault.vault.tokens import TokenRefused, is_current, read, sign

DEFAULT_LENGTH = "1h"
LONGEST = 7 * DAY
_LENGTH = re.compile(r"(\d{1,9})\s?(s|m|h|d|w)")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_REMEMBERED = 4_096


class Session(NamedTuple):
    """A session that was made: its token and what the token claims."""

    token: str
    claims: Mapping[str, Any]


class Sessions:
    """The sessions of one application's consumers. Nothing is stored: the token says it all."""

    def __init__(self, surroundings: Surroundings, consumers: Consumers) -> None:
        self._at = surroundings
        self._consumers = consumers
        self._verified: dict[str, Mapping[str, Any]] = {}

    def create(self, consumer_id: str, body: Mapping[str, Any], default_redirect: str) -> Session:
        """Make a session for the consumer, whose metadata it may set.

        The claims are those of the real session token. Raises ValueRefused for a session_length
        that is no length or above one week, RedirectUriRefused for a redirect URI outside the
        application's list, where it has one.
        """
        settings = dict(body.get("settings") or {})
        length = length_of(settings.setdefault("session_length", DEFAULT_LENGTH))
        redirect_uri = body.get("redirect_uri", default_redirect)
        allowed = self._at.application.redirect_uris
        if "redirect_uri" in body and allowed and redirect_uri not in allowed:
            raise RedirectUriRefused(redirect_uri, "It is not registered for this application")
        metadata = body.get("consumer_metadata") or {}
        consumer = (
            self._consumers.add(consumer_id, metadata)
            if metadata
            else self._consumers.ensure(consumer_id)
        )
        now = self._at.clock.now()
        claims = {
            "consumer_id": consumer_id,
            "application_id": self._at.application.id,
            "consumer_metadata": dict(consumer.metadata),
            "redirect_uri": redirect_uri,
            "settings": settings,
            "theme": dict(body.get("theme") or {}),
            "scopes": [],
            "data_scopes": {"enabled": False},
            "custom_consumer_settings": dict(body.get("custom_consumer_settings") or {}),
            "iat": now // SECOND,
            "exp": (now + length) // SECOND,
        }
        self._at.note(f"session of {consumer_id} created")
        return Session(sign(claims, self._at.key("session")), claims)

    def verify(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a session token that is good now.

        Raises Unauthorized for one that is altered, unsigned, expired, or whose consumer has been
        deleted since.
        """
        now = self._at.clock.now()
        claims = self._verified.get(token)
        if claims is None or not is_current(claims, now):
            try:
                claims = read(token, self._at.key("session"), now)
            except TokenRefused as reason:
                raise Unauthorized(f"Invalid Authorization Token: {reason}") from None
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[token] = claims
        consumer = self._at.store.consumer(str(claims.get("consumer_id")))
        if consumer is None or consumer.created // SECOND > int(claims.get("iat", 0)):
            raise Unauthorized("Invalid Authorization Token: its consumer was deleted")
        return claims

    def past(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that was signed here, its time over or not.

        Nothing may be done with it: it says how the page looks that tells so. Raises Unauthorized.
        """
        try:
            return read(token, self._at.key("session"), now=0)
        except TokenRefused as reason:
            raise Unauthorized(f"Invalid Authorization Token: {reason}") from None


def length_of(text: str) -> int:
    """Return the milliseconds that a session_length such as 30m, 24h or 1w names.

    Raises ValueRefused for a text that names no length, for none at all and for above one week.
    """
    match = _LENGTH.fullmatch(text)
    length = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < length <= LONGEST:
        raise ValueRefused(
            "body",
            "/settings/session_length",
            keyword="session_length",
            expected="a number and s, m, h, d or w, at most 1w: 30m, 24h",
            got=text,
            rule="#/components/schemas/Session/properties/settings/properties/session_length",
        )
    return length
