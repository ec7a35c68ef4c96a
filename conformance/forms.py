"""The page of a provider, read as a browser would: what its form sends where somebody says yes."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from conformance.failures import Answer, Request

_YES = re.compile(
    r"\b(allow|approve|accept|authori[sz]e|grant|agree|yes|confirm|continue)\b", re.IGNORECASE
)
_NO = re.compile(r"\b(deny|decline|reject|refuse|cancel|no|not|don.t)\b", re.IGNORECASE)
# What a person need not fill in.
_FILLED = frozenset({"hidden", "submit", "image", "reset", "button", "checkbox", "radio"})


class NeedsPerson(Exception):
    """A page asks for what only a person knows, or can decide."""


@dataclass
class _Button:
    name: str
    value: str
    text: str = ""

    @property
    def says(self) -> str:
        return f"{self.text or self.value} {self.value}"


@dataclass
class _Form:
    action: str
    method: str
    pairs: list[tuple[str, str]] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    buttons: list[_Button] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self._is_in = False
        self._pressed: _Button | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_in = True
            self.forms.append(_Form(told.get("action", ""), told.get("method", "get").upper()))
        elif self._is_in and "disabled" not in told:
            self._control(tag, told, told.get("name", ""), told.get("value", ""))

    def _control(self, tag: str, told: dict[str, str], name: str, value: str) -> None:
        form, kind = self.forms[-1], told.get("type", "").lower()
        if (tag == "button" and kind in {"", "submit"}) or (tag == "input" and kind == "submit"):
            form.buttons.append(button := _Button(name, value))
            self._pressed = button if tag == "button" else None
        elif tag in {"select", "textarea"} or (
            tag == "input" and kind not in _FILLED and not (value and name)
        ):
            form.lacking.append(name or kind or tag)
        elif tag == "input" and kind in {"checkbox", "radio"}:
            if "checked" in told:
                form.pairs.append((name, value or "on"))
            elif "required" in told:
                form.lacking.append(name)
        elif tag == "input" and name and kind not in {"reset", "button", "image"}:
            form.pairs.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_in = False
        elif tag == "button":
            self._pressed = None

    def handle_data(self, data: str) -> None:
        if self._pressed is not None:
            self._pressed.text = f"{self._pressed.text} {data}".strip()


def has_form(answer: Answer) -> bool:
    """Whether an answer is a page with a form."""
    kind = answer.headers.get("content-type", "")
    return answer.is_good and "html" in kind and b"<form" in answer.body.lower()


def approved(page: Request, answer: Answer) -> Request:
    """Return the request by which the form of a page says yes.

    Raises `NeedsPerson` where that is not plain: there are several forms, fields that are empty,
    or buttons of which not just one says yes.
    """
    reader = _Reader()
    reader.feed(answer.body.decode("utf-8", "replace"))
    if len(reader.forms) != 1:
        raise NeedsPerson(f"the provider's page has {len(reader.forms)} forms")
    (form,) = reader.forms
    if form.lacking:
        raise NeedsPerson(f"the provider's page asks for {', '.join(form.lacking)}")
    pairs = [*form.pairs, *_pressed(form.buttons)]
    there = urlsplit(urljoin(page.path, form.action)) if form.action else urlsplit(page.path)
    query = tuple(parse_qsl(there.query, keep_blank_values=True)) if form.action else page.query
    headers = [("accept", "*/*")]
    if cookie := answer.headers.get("set-cookie", "").partition(";")[0]:
        headers.append(("cookie", cookie))
    if form.method == "GET":
        return Request("GET", there.path, tuple(pairs), tuple(headers))
    headers.append(("content-type", "application/x-www-form-urlencoded"))
    return Request("POST", there.path, query, tuple(headers), urlencode(pairs).encode())


def _pressed(buttons: list[_Button]) -> list[tuple[str, str]]:
    """Return what the one button sends that says yes."""
    yes = [b for b in buttons if _YES.search(b.says) and not _NO.search(b.says)]
    alone = [b for b in buttons if not _NO.search(b.says)] if len(buttons) == 1 else []
    found = yes or alone
    if buttons and len(found) != 1:
        told = ", ".join(b.text or b.value or b.name for b in buttons)
        raise NeedsPerson(f"the provider's page has buttons of which none plainly says yes: {told}")
    return [(b.name, b.value) for b in found if b.name]
