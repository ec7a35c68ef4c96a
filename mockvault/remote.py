"""The control plane of a running mock, from another process or thread: each power a method.

It needs nothing but the standard library, so that a command which uses it starts at once.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

JsonObject = dict[str, Any]
JsonObjects = list[dict[str, Any]]
Texts = list[str]
PATIENCE = 120.0
"""Seconds that an answer is waited for: an advance of time may send many webhooks."""


class Unreachable(Exception):
    """Nothing answers at the URL, or not as HTTP."""


class PowerRefused(Exception):
    """The mock refused to use a power; `status` and `body` are its answer."""

    def __init__(self, status: int, body: Any) -> None:
        told = body if isinstance(body, dict) else {}
        detail = told.get("detail", body)
        if isinstance(detail, dict):
            violations = [
                f"{each.get('pointer') or '/'}: {each.get('expected')}"
                for each in detail.get("violations", ())
            ]
            detail = "; ".join(violations) or detail.get("hint") or detail.get("message")
        super().__init__(f"{told.get('message', 'refused')} ({status}): {detail}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON; raise ValueError where it is none."""
        return json.loads(self.content)


def send(
    base_url: str,
    method: str,
    path: str,
    *,
    json_body: Any = None,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = PATIENCE,
) -> Answer:
    """Send one request on a connection of its own; raise what http.client and sockets raise."""
    parts = urlsplit(base_url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
    sent = dict(headers or {})
    content = None
    if json_body is not None:
        content = json.dumps(json_body).encode()
        sent.setdefault("Content-Type", "application/json")
    given = {name: value for name, value in (query or {}).items() if value is not None}
    target = f"{parts.path.rstrip('/')}{path}{f'?{urlencode(given)}' if given else ''}"
    try:
        connection.request(method, target, body=content, headers=sent)
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, response.read())
    finally:
        connection.close()


class Remote:
    """A running mock, by its URL, and the token of its control plane where it has one."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Use a power; return its answer as JSON, None where it has none.

        Raises PowerRefused and Unreachable.
        """
        try:
            answer = send(
                self.url,
                method,
                f"/_mock{path}",
                json_body=body,
                query=query,
                headers=self._headers,
            )
        except (OSError, HTTPException) as reason:
            raise Unreachable(f"no mock answers at {self.url}: {reason}") from None
        try:
            told = answer.json() if answer.content else None
        except ValueError:
            raise Unreachable(f"what answers at {self.url} is no mockvault") from None
        if answer.status_code >= 400:
            raise PowerRefused(answer.status_code, told)
        return told

    def stream(self, path: str, **query: Any) -> Iterator[JsonObject]:
        """Yield entries of a stream as they come, until it ends.

        Raises PowerRefused and Unreachable.
        """
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "127.0.0.1", parts.port)
        given = {name: value for name, value in query.items() if value is not None}
        target = f"{parts.path}/_mock{path}{f'?{urlencode(given)}' if given else ''}"
        try:
            connection.request("GET", target, headers=self._headers)
            response = connection.getresponse()
            if response.status != 200:
                raise PowerRefused(response.status, json.loads(response.read() or b"null"))
            for line in response:
                if line.startswith(b'data: {"'):
                    yield json.loads(line[6:])
        except (OSError, HTTPException) as reason:
            raise Unreachable(f"the mock at {self.url} answers no longer: {reason}") from None
        finally:
            connection.close()

    def health(self) -> JsonObject:
        """Return how the mock is."""
        told: JsonObject = self.call("GET", "/health")
        return told

    def reset(self) -> None:
        """Restore the beginning of every application."""
        self.call("POST", "/reset")

    def add_application(self, id: str | None = None, api_key: str | None = None) -> JsonObject:
        """Serve one more application; return its id and key."""
        said = {"id": id, "api_key": api_key}
        told: JsonObject = self.call(
            "POST", "/apps", {name: value for name, value in said.items() if value is not None}
        )
        return told

    def remove_application(self, id: str) -> None:
        """Serve an application no longer."""
        self.call("DELETE", f"/apps/{quote(id, safe='')}")

    def application(self, id: str) -> "RemoteApplication":
        """Return the powers over one application."""
        return RemoteApplication(self, id)


class RemoteApplication:
    """The powers over one application, by what they are over."""

    def __init__(self, remote: Remote, id: str) -> None:
        self.remote = remote
        self.id = id
        self.path = f"/apps/{quote(id, safe='')}"
        self.clock = Clock(self)
        self.events = Events(self)
        self.webhooks = Webhooks(self)
        self.faults = Faults(self)
        self.snapshots = Snapshots(self)
        self.journal = Journal(self)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Use a power over this application; raise PowerRefused and Unreachable."""
        return self.remote.call(method, f"{self.path}{path}", body, **query)

    def reset(self) -> None:
        """Restore the application's beginning."""
        self.call("POST", "/reset")

    def trigger(self, event: str, service: str, consumer: str = "test-consumer") -> JsonObject:
        """Make the transition that raises an event on a consumer's connection."""
        body = {"event": event, "service": service, "consumer": consumer}
        told: JsonObject = self.call("POST", "/trigger", body)
        return told

    def prefer(
        self,
        *,
        operation_id: str | None = None,
        code: int | None = None,
        example: str | None = None,
        delay: int | None = None,
    ) -> None:
        """Have answers be as preferred until `prefer_nothing`."""
        said = {"operation_id": operation_id, "code": code, "example": example, "delay": delay}
        body = {name: value for name, value in said.items() if value is not None}
        self.call("PUT", "/prefer", body)

    def prefer_nothing(self) -> None:
        """Let answers be what the vault says."""
        self.call("DELETE", "/prefer")

    def explain(self, connection: str, consumer: str = "test-consumer") -> JsonObject:
        """Return why a connection (`crm+salesforce`) stands where it does, and what comes next."""
        told: JsonObject = self.call("GET", f"{_place(connection, consumer)}/explain")
        return told

    def force(
        self,
        connection: str,
        state: str,
        consumer: str = "test-consumer",
        reason: str | None = None,
    ) -> JsonObject:
        """Bring a connection (`crm+salesforce`) into a state, by the facts that imply it."""
        body = {"state": state} | ({"reason": reason} if reason else {})
        told: JsonObject = self.call("POST", f"{_place(connection, consumer)}/force", body)
        return told


class _Part:
    def __init__(self, application: RemoteApplication) -> None:
        self._app = application


class Clock(_Part):
    """The application's clock."""

    def show(self) -> JsonObject:
        """Return what time it is, and what is due."""
        told: JsonObject = self._app.call("GET", "/clock")
        return told

    def now(self) -> str:
        """Return the time as an ISO 8601 text."""
        return str(self.show()["now"])

    def freeze(self, to: str | None = None) -> JsonObject:
        """Let no time pass any more; stand at a time, where one is given."""
        return self._change("freeze", to=to)

    def advance(self, by: str) -> JsonObjects:
        """Let time pass (`PT2H`); return what it set off, in order."""
        effects: JsonObjects = self._change("advance", by=by)["effects"]
        return effects

    def travel(self, to: str) -> JsonObjects:
        """Go to a time; return what was set off on the way."""
        effects: JsonObjects = self._change("travel", to=to)["effects"]
        return effects

    def resume(self) -> JsonObject:
        """Let time pass again, from where it stands."""
        return self._change("resume")

    def reset(self) -> JsonObject:
        """Show real time again."""
        return self._change("reset")

    def _change(self, action: str, **said: Any) -> JsonObject:
        body = {"action": action, **{name: each for name, each in said.items() if each is not None}}
        told: JsonObject = self._app.call("PUT", "/clock", body)
        return told


class Events(_Part):
    """What the vault announced."""

    def list(
        self, *, type: str | None = None, consumer: str | None = None, limit: int = 100
    ) -> JsonObjects:
        """Return events, newest first, with how each was delivered."""
        told = self._app.call("GET", "/events", type=type, consumer=consumer, limit=limit)
        events: JsonObjects = told["events"]
        return events

    def show(self, id: str) -> JsonObject:
        """Return one event with its payload."""
        told: JsonObject = self._app.call("GET", f"/events/{quote(id, safe='')}")
        return told

    def types(self) -> Texts:
        """Return the types of all events, in the order in which they were raised."""
        return [each["event_type"] for each in reversed(self.list(limit=10_000))]

    def wait_for(self, type: str, *, after: int = 0, within: str = "PT2S") -> JsonObject:
        """Return the first event of a type after a sequence number.

        Raises PowerRefused where none comes in time.
        """
        body = {"type": type, "after": after, "within": within}
        told: JsonObject = self._app.call("POST", "/events/wait", body)
        return told

    def settle(self, within: str = "PT10S") -> JsonObject:
        """Wait until nothing is being delivered."""
        told: JsonObject = self._app.call("POST", "/events/settle", {"within": within})
        return told

    def resend(self, id: str) -> JsonObjects:
        """Send an event to its subscriptions once more."""
        told = self._app.call("POST", f"/events/{quote(id, safe='')}/resend")
        deliveries: JsonObjects = told["deliveries"]
        return deliveries

    def resend_failed(self, *, all: bool = False) -> JsonObjects:
        """Send again the last delivery that failed, or all of them."""
        body = {"which": "all-failed" if all else "last-failed"}
        deliveries: JsonObjects = self._app.call("POST", "/events/resend", body)["deliveries"]
        return deliveries

    def deliveries(self, **query: Any) -> JsonObjects:
        """Return deliveries, newest first, with every attempt."""
        deliveries: JsonObjects = self._app.call("GET", "/deliveries", **query)["deliveries"]
        return deliveries


class Webhooks(_Part):
    """Who is told of events."""

    def list(self) -> JsonObjects:
        """Return every subscription."""
        webhooks: JsonObjects = self._app.call("GET", "/webhooks")["webhooks"]
        return webhooks

    def add(self, delivery_url: str, events: Any = ("*",), **more: Any) -> JsonObject:
        """Tell a URL of events; more may be `description`, `signature`, `knobs` and `source`."""
        body = {"delivery_url": delivery_url, "events": [*events], **more}
        told: JsonObject = self._app.call("POST", "/webhooks", body)
        return told

    def show(self, id: str) -> JsonObject:
        """Return one subscription."""
        told: JsonObject = self._app.call("GET", f"/webhooks/{id}")
        return told

    def change(self, id: str, **changes: Any) -> JsonObject:
        """Change one subscription."""
        told: JsonObject = self._app.call("PATCH", f"/webhooks/{id}", changes)
        return told

    def remove(self, id: str) -> None:
        """Tell it nothing any more."""
        self._app.call("DELETE", f"/webhooks/{id}")


class Faults(_Part):
    """What goes wrong on purpose."""

    def list(self) -> JsonObjects:
        """Return every rule."""
        faults: JsonObjects = self._app.call("GET", "/faults")["faults"]
        return faults

    def add(
        self,
        effect: JsonObject,
        *,
        match: JsonObject | None = None,
        times: int | None = None,
        ttl: str | None = None,
    ) -> str:
        """Make a rule; return its id."""
        said = {"match": match, "effect": effect, "times": times, "ttl": ttl}
        body = {name: value for name, value in said.items() if value is not None}
        return str(self._app.call("POST", "/faults", body)["faults"][0]["id"])

    def apply(
        self, preset: str, *, times: int | None = None, ttl: str | None = None
    ) -> JsonObjects:
        """Make the rules of a preset: flaky, slow, rate-limited or offline."""
        said = {"preset": preset, "times": times, "ttl": ttl}
        body = {name: value for name, value in said.items() if value is not None}
        faults: JsonObjects = self._app.call("POST", "/faults", body)["faults"]
        return faults

    def remove(self, id: str) -> None:
        """Forget one rule."""
        self._app.call("DELETE", f"/faults/{id}")

    def clear(self) -> None:
        """Forget every rule and the limit."""
        self._app.call("DELETE", "/faults")

    def limit(self, requests: int | None) -> None:
        """Refuse every request with 402 after so many more; None takes the limit away."""
        if requests is None:
            self._app.call("DELETE", "/limit")
        else:
            self._app.call("PUT", "/limit", {"limit": requests})


class Snapshots(_Part):
    """Worlds to come back to."""

    def list(self) -> JsonObjects:
        """Return every snapshot's name and time."""
        snapshots: JsonObjects = self._app.call("GET", "/snapshots")["snapshots"]
        return snapshots

    def save(self, name: str) -> None:
        """Keep the world as it is now."""
        self._app.call("PUT", f"/snapshots/{quote(name, safe='')}")

    def restore(self, name: str) -> None:
        """Make the world what it was then."""
        self._app.call("POST", f"/snapshots/{quote(name, safe='')}/restore")

    def remove(self, name: str) -> None:
        """Forget a snapshot."""
        self._app.call("DELETE", f"/snapshots/{quote(name, safe='')}")

    def export(self, name: str | None = None) -> JsonObject:
        """Return a snapshot, or the world as it is now, as JSON that can be carried away."""
        path = "/world" if name is None else f"/snapshots/{quote(name, safe='')}"
        told: JsonObject = self._app.call("GET", path)
        return told

    def take_in(self, name: str, world: JsonObject) -> None:
        """Keep an exported world as a snapshot."""
        self._app.call("POST", f"/snapshots/{quote(name, safe='')}/import", world)


class Journal(_Part):
    """What is known to have happened."""

    def entries(self, **query: Any) -> JsonObjects:
        """Return entries, oldest first, by after, limit, kinds, operation_id, consumer, status."""
        if "violations" in query:
            query["violations"] = "true" if query["violations"] else "false"
        entries: JsonObjects = self._app.call("GET", "/journal", **query)["entries"]
        return entries

    def requests(self, **query: Any) -> JsonObjects:
        """Return the requests, oldest first."""
        return self.entries(kinds="request", **query)

    def violations(self) -> JsonObjects:
        """Return the requests that broke the contract."""
        return self.entries(violations=True, limit=10_000)

    def show(self, number: int) -> JsonObject:
        """Return one entry whole."""
        told: JsonObject = self._app.call("GET", f"/journal/{number}")
        return told

    def replay(self, number: int) -> JsonObject:
        """Send a request again as it was sent."""
        told: JsonObject = self._app.call("POST", f"/journal/{number}/replay")
        return told

    def clear(self) -> None:
        """Forget every entry."""
        self._app.call("DELETE", "/journal")

    def verify(self, **wanted: Any) -> JsonObject:
        """Return the verdict on what was requested; raise PowerRefused where it is not as wanted.

        Wanted may be operation_id, consumer, method, path, status, query, headers, body, count.
        """
        told: JsonObject = self._app.call("POST", "/verify", wanted)
        return told

    def stream(self, **query: Any) -> Iterator[JsonObject]:
        """Yield entries as they are made."""
        return self._app.remote.stream(f"{self._app.path}/stream", **query)


def _place(connection: str, consumer: str) -> str:
    unified_api, _, service_id = connection.replace("/", "+", 1).partition("+")
    parts = (quote(part, safe="") for part in (consumer, unified_api, service_id))
    return "/consumers/{}/connections/{}/{}".format(*parts)
