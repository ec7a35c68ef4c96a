"""Signed tokens: the session's JWT and OAuth's state, HS256, judged by the vault's own clock.

Each purpose signs with a key of its own, so that a token of one is none of another.
"""

from collections.abc import Mapping
from typing import Any

import jwt

ALGORITHM = "HS256"
_LENIENT = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class TokenRefused(Exception):
    """The token is not one that was signed here for this purpose, or its time is over."""


def sign(claims: Mapping[str, Any], key: bytes) -> str:
    """Return the JWT that carries the claims."""
    return jwt.encode(dict(claims), key, algorithm=ALGORITHM)


def read(token: str, key: bytes, now: int) -> Mapping[str, Any]:
    """Return the claims of a token that is valid at `now` (milliseconds); raise TokenRefused."""
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM], options=_LENIENT)  # type: ignore[arg-type]
    except (jwt.InvalidTokenError, ValueError, RecursionError) as reason:
        raise TokenRefused(str(reason)) from reason
    if not is_current(claims, now):
        raise TokenRefused("Signature has expired")
    return claims


def is_current(claims: Mapping[str, Any], now: int) -> bool:
    """Tell whether the time of the claims is not over."""
    expires = claims.get("exp")
    return isinstance(expires, int) and now < expires * 1000


def unverified_claims(token: str) -> Mapping[str, Any]:
    """Return what a token claims, believed by nobody yet; raise TokenRefused where it is none."""
    try:
        claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError) as reason:
        raise TokenRefused(str(reason)) from reason
    return claims
