"""The stand-in with the switches of the seventh catalogue too: caches in front of reads."""

import copy
import re

from tests.broken import sixth
from tests.broken.vault import Reply, Request

_LASTS = 2.0
_PLACES = {
    "reads_cached": re.compile(r"/vault/(?!authorize|callback|revoke).*"),
    "consumer_cached": re.compile(r"/vault/consumers/[^/]+"),
    "connection_cached": re.compile(r"/vault/connections/[^/]+/[^/]+"),
    "lists_cached": re.compile(r"/vault/(consumers|connections|logs)"),
}


class Vault(sixth.Vault):
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
