"""Addresses to which a browser is sent: their queries, their fragments, and whether they may be."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from mockvault.domain.errors import RedirectUriRefused


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Return the URL with the parameters added to its query; one of the same name is replaced.

    >>> with_query("https://app.example/x?a=1&b=2#top", {"b": "3 4"})
    'https://app.example/x?a=1&b=3%204#top'
    """
    parts = urlsplit(url)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in parameters
    ]
    query = urlencode([*kept, *parameters.items()], quote_via=quote)
    return urlunsplit(parts._replace(query=query))


def with_fragment(url: str, parameters: Mapping[str, str]) -> str:
    """Return the URL with the parameters as its fragment.

    >>> with_fragment("https://app.example/x", {"nonce": "n"})
    'https://app.example/x#nonce=n'
    """
    return urlunsplit(urlsplit(url)._replace(fragment=urlencode(parameters, quote_via=quote)))


def check_redirect(redirect_uri: str, allowed: Sequence[str], own: str) -> None:
    """Raise RedirectUriRefused for anything but an absolute http(s) URL that is allowed.

    Where the application declares its own, no other is allowed but the vault's own pages, which
    stand below `own`.
    """
    try:
        parts = urlsplit(redirect_uri)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_web = False
    if not is_web or any(c <= " " or c in "\\\x7f" for c in redirect_uri):
        raise RedirectUriRefused(redirect_uri, "It must be an absolute http or https URL")
    is_own = redirect_uri.startswith((f"{own}/session/", f"{own}/_mock/vault/"))
    if allowed and not is_own and redirect_uri not in allowed:
        raise RedirectUriRefused(redirect_uri, "It is not registered for this application")
