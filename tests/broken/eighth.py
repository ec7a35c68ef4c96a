"""The stand-in with the switches of the eighth catalogue too: caches, and pages of providers."""
# ruff: noqa: N802

import copy
import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from tests.broken import seventh
from tests.broken.vault import Reply, Request

_LASTS = 2.0
_PLACES = {
    "reads_cached": re.compile(r"/vault/(?!authorize|callback|revoke).*"),
    "consumer_cached": re.compile(r"/vault/consumers/[^/]+"),
    "connection_cached": re.compile(r"/vault/connections/[^/]+/[^/]+"),
    "lists_cached": re.compile(r"/vault/(consumers|connections|logs)"),
}

_PAGE = """<!doctype html><title>Provider</title><form method="post" action="/provider/answer">
<input type="hidden" name="state" value="{state}">{fields}
<button name="answer" value="yes">Allow access</button>
<button name="answer" value="no">Do not allow</button></form>"""
_FIELDS = '<input name="username"><input name="password" type="password">'


class Vault(seventh.Vault):
    """One deployment. Give it bugs of all catalogues, and variants, by name."""

    def handle(self, request: Request, rid: str, now: float) -> Reply:
        if request.method != "GET" or not any(
            self.bug(name) and place.fullmatch(request.path) for name, place in _PLACES.items()
        ):
            return super().handle(request, rid, now)
        names = ("authorization", "x-apideck-app-id", "x-apideck-consumer-id", "origin", "accept")
        key = ("cache", request.path, request.query, *map(request.headers.get, names))
        kept = self.notes.get(key)
        if kept and now - kept[0] < _LASTS:
            return Reply(kept[1].status, copy.deepcopy(kept[1].body), dict(kept[1].headers))
        reply = super().handle(request, rid, now)
        if reply.status == 200:
            self.notes[key] = now, copy.deepcopy(reply)
        return reply

    # --- the provider ---

    def answer(self, request: Request) -> Reply:
        if not request.path.startswith("/provider/"):
            return super().answer(request)
        if request.path == "/provider/page":
            fields = _FIELDS if self.variant("login_page") else ""
            page = _PAGE.format(state=request.arg("state"), fields=fields)
            return Reply(200, page, {"content-type": "text/html", "set-cookie": "c=1"})
        sent = dict(parse_qsl(request.body.decode()))
        state, told = sent.get("state", ""), sent.get("answer")
        is_known = bool(sent.get("password")) or not self.variant("login_page")
        if request.headers.get("cookie") != "c=1" or told != "yes" or not is_known:
            return Reply(403, "", {})
        return Reply(302, None, {"location": f"/vault/callback?state={state}&code=granted"})

    def _connectionsAuthorize(self, request: Request, path: dict[str, str], now: float) -> Reply:
        if not {"consent_page", "login_page"} & self.variants:
            return super()._connectionsAuthorize(request, path, now)
        pairs = [(n, v) for n, v in request.args() if n != "mock_consent"]
        reply = super()._connectionsAuthorize(replace(request, query=urlencode(pairs)), path, now)
        location = reply.headers.get("location", "")
        if location.startswith("https://provider.example/"):
            page = location.partition("?")[2]
            reply.headers["location"] = f"{request.base}/provider/page?{page}"
        return reply
