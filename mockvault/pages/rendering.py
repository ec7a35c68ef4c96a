"""Pages from templates: every value escaped, nothing loaded from elsewhere but theme pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mockvault.pages.colours import WHITE, Colour, action_colour, ink_on, parsed, readable

HERE = Path(__file__).parent
PRIMARY = Colour(0x28, 0x6E, 0xFA)
DARK = Colour(0x16, 0x18, 0x1D)
"""The page's background where the browser prefers dark; `static/pages.css` has the same."""
THEME = (
    "favicon",
    "logo",
    "primary_color",
    "privacy_url",
    "sidepanel_background_color",
    "sidepanel_text_color",
    "terms_url",
    "vault_name",
)
"""What a theme may say (contract: #/components/schemas/Session/properties/theme)."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: http: https:; connect-src 'self'; frame-src 'self'; base-uri 'none'"
)


def web_url(value: object) -> str | None:
    """Return the value where it is an http(s) address, to which a page may link; else None.

    >>> web_url("javascript:alert(1)") is None
    True
    """
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return None
    return value.strip() if parts.scheme in ("http", "https") and parts.netloc else None


def initials(name: str) -> str:
    """Return one or two letters that stand for a name.

    >>> initials("Zoho CRM")
    'ZC'
    """
    words = [word for word in name.split() if word[:1].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def colours_of(theme: Mapping[str, Any]) -> dict[str, str]:
    """Return the CSS variables of a theme: its colours, each with one that is read on it."""
    primary = parsed(theme.get("primary_color")) or PRIMARY
    panel = parsed(theme.get("sidepanel_background_color"))
    panel_ink = parsed(theme.get("sidepanel_text_color"))
    found = {
        "--primary": str(primary),
        "--action": str(action_colour(primary)),
        "--on-action": str(ink_on(action_colour(primary), WHITE)),
        "--primary-on-light": str(readable(primary, WHITE)),
        "--primary-on-dark": str(readable(primary, DARK)),
    }
    if panel is not None or panel_ink is not None:
        panel = panel or WHITE
        found |= {"--panel": str(panel), "--on-panel": str(ink_on(panel, panel_ink))}
    return found


_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["web_url"] = web_url
_environment.filters["initials"] = initials


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page; no cache may keep it, and where it links to learns nothing of it."""
    given = {"refresh": None, **values}
    theme = given["theme"] = {**dict.fromkeys(THEME), **values.get("theme", {})}
    given["colours"] = colours_of(theme)
    return HTMLResponse(
        _environment.get_template(template).render(given),
        status,
        {
            "cache-control": "no-store",
            "content-security-policy": _POLICY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )


def to(location: str) -> Response:
    """Send the browser on, by a GET whatever the form's own method was."""
    return RedirectResponse(location, 303, {"cache-control": "no-store"})
