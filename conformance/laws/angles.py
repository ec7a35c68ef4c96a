"""From where a law is judged: as it is written, or turned round, where conditions show.

A bug may show for the second application alone, for ids with a plus, in the second life of a
consumer, with headers in capitals or with a body of a certain size. Each law says a promise that
holds there too, so each is judged there once more.
"""

from dataclasses import dataclass, replace

from conformance.failures import Request


@dataclass(frozen=True, slots=True)
class Angle:
    """What is turned: the applications, the ids of consumers, their past, how requests are put."""

    name: str = ""
    swapped: bool = False
    mark: str = ""
    past: frozenset[str] = frozenset()
    spelt: bool = False

    def turned(self, request: Request) -> Request:
        """Return the same request put otherwise: names of headers in capitals, a body with blanks.

        >>> Angle(spelt=True).turned(Request("GET", "/", headers=(("accept", "*/*"),))).headers
        (('ACCEPT', '*/*'),)
        """
        if not self.spelt:
            return request
        headers = tuple((name.upper(), value) for name, value in request.headers)
        body = request.body
        if body and body[:1] in b"{[" and len(body) < _BLANKS:
            body = body[:1] + b" " * _BLANKS + body[1:]
        return replace(request, headers=headers, body=body)


_BLANKS = 12_000
STRAIGHT = Angle()
DELETED, REMOVED = "a consumer that was deleted", "a connection that was deleted"
TURNED = Angle("turned", swapped=True, mark="+Ab c:1@x.Y%41", spelt=True)
