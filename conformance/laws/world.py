"""What a law works with: principals of its own, a catalogue, calls, and the book of what it saw."""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from conformance import forms
from conformance.contract import load
from conformance.failures import Answer, Exchange, Failure, Request
from conformance.laws.angles import DELETED, REMOVED, STRAIGHT, Angle
from conformance.laws.bearing import bearing
from conformance.laws.registry import Law
from conformance.target import Application, Principal, Target

VOLATILE = frozenset(
    {"authorize_url", "revoke_url", "updated_at", "modified", "request_count_updated"}
)
TELLING = frozenset({"VLT-ENV-01", "VLT-ENV-02", "VLT-ENV-03", "VLT-ENV-07"})
# What reading an answer raises that has quite another shape; checks tell of the shape.
UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError)
RETURN_URL = "https://app.conformance.example/done"
# How a law begins to say so that needs a consent.
PERSON_NEEDED = "no consent can be given here without a person"
NO_CONSENT = (
    f"{PERSON_NEEDED} (--capability consent=auto, mock, form or code, where the tester has not "
    "found out how)"
)


class NotJudged(Exception):
    """A law cannot be judged here, and why."""


def unreadable(why: Exception) -> str:
    """Say that an answer could not be read, and what came of trying."""
    return f"it met an answer that it cannot read ({type(why).__name__}: {why})"


@dataclass(frozen=True)
class Connector:
    """What the catalogue of the deployment says of one connector under one unified API."""

    unified_api: str
    service_id: str
    auth_type: str
    grant: str
    required: tuple[Mapping[str, Any], ...]
    before: tuple[str, ...]
    resources: tuple[str, ...]
    validates: bool
    mappings: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset({"api_key"})
    integration: str = "configured"

    @property
    def path(self) -> dict[str, Any]:
        """The path parameters that name a connection to it."""
        return {"unified_api": self.unified_api, "service_id": self.service_id}

    @property
    def name(self) -> str:
        """The id of a connection to it."""
        return f"{self.unified_api}+{self.service_id}"

    @property
    def redirects(self) -> bool:
        """Whether a person gives consent at a provider."""
        granted = self.auth_type == "oauth2" and self.grant in {"", "authorization_code"}
        return granted and self.integration != "needs_configuration"

    @property
    def is_on(self) -> bool:
        """Whether the application lets its consumers connect to it."""
        return self.integration != "disabled"


def _list(item: Mapping[str, Any], name: str) -> list[Any]:
    found = item.get(name)
    return found if isinstance(found, list) else []


def read_catalogue(items: Iterable[Mapping[str, Any]]) -> tuple[Connector, ...]:
    """Read the connectors out of connections."""
    rows = []
    for item in items:
        api, service = item.get("unified_api"), item.get("service_id")
        if not (isinstance(api, str) and isinstance(service, str)):
            continue
        fields = [f for f in _list(item, "form_fields") if isinstance(f, dict) and f.get("id")]
        targets = [m.get("id") for m in _list(item, "custom_mappings") if isinstance(m, dict)]
        rows.append(
            Connector(
                api,
                service,
                str(item.get("auth_type", "")),
                str(item.get("oauth_grant_type") or ""),
                tuple(f for f in fields if f.get("required")),
                tuple(map(str, _list(item, "settings_required_for_authorization"))),
                tuple(map(str, _list(item, "configurable_resources"))),
                bool(item.get("validation_support")),
                tuple(str(t) for t in targets if t),
                frozenset({"api_key", *(str(f["id"]) for f in fields if f.get("sensitive"))}),
                str(item.get("integration_state") or "configured"),
            )
        )
    return tuple(rows)


@dataclass
class World:
    """The world of one law: its consumers are its own, and what it expects is counted."""

    target: Target
    law: Law
    seed: int
    catalogue: tuple[Connector, ...]
    turn: int = 0
    angle: Angle = STRAIGHT
    failures: list[Failure] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    judged: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.seed} {self.law.id}")  # noqa: S311 - repeatable, not secret
        self.nonce = f"{self.rng.getrandbits(32):08x}"
        self.known = self.catalogue
        self.catalogue = tuple(row for row in self.known if row.is_on)
        self._order = list(self.catalogue)
        self.rng.shuffle(self._order)
        # for the laws between applications
        self._order.sort(key=lambda c: not self.is_shared(c))
        self._met: set[Principal] = set()

    def is_shared(self, connector: Connector) -> bool:
        """Whether every application offers a connector."""
        offered = self.target.catalogues.values()
        return all(any(c.name == connector.name for c in found) for found in offered)

    # --- who ---

    @property
    def application(self) -> Application:
        """The application under judgement."""
        return self.target.applications[1 if self._is_swapped else 0]

    @property
    def other_application(self) -> Application:
        """The second application, for the laws between applications."""
        if len(self.target.applications) < 2:
            raise NotJudged("no second application was given (--other-app-id, --other-api-key)")
        return self.target.applications[0 if self._is_swapped else 1]

    @property
    def _is_swapped(self) -> bool:
        return self.angle.swapped and len(self.target.applications) > 1

    def name(self, suffix: str = "a") -> str:
        """Return a consumer id of this law alone."""
        stem = f"{self.target.prefix}{self.law.id[4:].lower()}-{self.turn}"
        return f"{stem}{self.angle.mark}-{suffix}"

    def who(self, suffix: str = "a", application: Application | None = None) -> Principal:
        """Return a consumer of this law's own, or the one that was named for reading."""
        if not self.target.profile.may_write:
            if self.target.consumer is None:
                raise NotJudged("reads only: name a consumer of yours with --consumer")
            return Principal(application or self.application, self.target.consumer)
        found = Principal(application or self.application, self.name(suffix))
        if self.angle.past and found not in self._met:
            self._met.add(found)
            self._live_before(found)
        return found

    def _live_before(self, who: Principal) -> None:
        """Let a consumer, or a connection of it, be deleted before the law meets it."""
        rows, past = self.plains()[:1], self.angle.past
        for life in (DELETED, REMOVED):
            for row in rows if life in past else ():
                body = {"enabled": True, "settings": self.settings(row), "metadata": {"life": "1"}}
                self.target.call("connectionsAdd", who, body=body, **row.path)
                self.target.call("connectionsDelete", who, **row.path)
                if life == DELETED:
                    self.target.call("connectionsAdd", who, body=body, **row.path)
            if life == DELETED and life in past:
                self.target.call("consumersDelete", who)

    def secret(self, name: str, value: str) -> str:
        """Return the value, kept out of every artefact."""
        return self.target.secrets.add(value, f"CANARY_{name.upper()}")

    # --- calls ---

    def call(self, operation_id: str, who: Principal, **arguments: Any) -> Answer:
        """Call an operation and keep the exchange."""
        return self.send(operation_id, self.target.request(operation_id, who, **arguments))

    def provoke(self, operation_id: str, request: Request) -> Answer:
        """Send a request that breaks the contract; only a refusal is judged as an answer."""
        exchange = self.target.send(operation_id, self.angle.turned(request), quiet=True)
        body = exchange.answer.json if exchange.answer.is_good else None
        says = body.get("status_code") if isinstance(body, dict) else None
        if exchange.answer.is_refusal or (isinstance(says, int) and says >= 400):
            broke = tuple(name for listener in self.target.listeners for name in listener(exchange))
            exchange = replace(exchange, broke=broke)
        self.exchanges.append(exchange)
        return exchange.answer

    def send(self, operation_id: str, request: Request, *, quiet: bool = False) -> Answer:
        """Send a request and keep the exchange."""
        exchange = self.target.send(operation_id, self.angle.turned(request), quiet=quiet)
        self.exchanges.append(exchange)
        return exchange.answer

    # --- book ---

    def expect(self, holds: object, aspect: str, expected: str, seen: Any) -> bool:
        """Count a judgement, and keep a failure where it does not hold."""
        self.judged += 1
        if holds:
            return True
        last = self.exchanges[-1] if self.exchanges else None
        self.failures.append(
            Failure(
                law=self.law.id,
                name=self.law.name,
                area=self.law.area,
                promise=self.law.promise,
                expected=expected,
                seen=_short(self.target.secrets.hidden(_text(seen))),
                source=f"{self.law.source} ({self.law.sureness})",
                aspect=aspect,
                operation=last.operation_id if last else "",
                must=self.law.must,
                exchanges=bearing(self.exchanges),
                replay={"kind": "law", "law": self.law.id, "seed": self.seed},
                blames=tuple(name for name in last.broke if name in TELLING) if last else (),
            )
        )
        return False

    def spare(self) -> None:
        """Give up where the law asks for more calls than a shared deployment should bear."""
        if self.target.profile.name == "live":
            raise NotJudged("it takes hundreds of calls: not on a deployment that others use")

    def need(self, holds: object, reason: str) -> None:
        """Give up judging where a step that the law takes for granted went wrong."""
        if not holds:
            last = self.exchanges[-1] if self.exchanges else None
            what = f" ({last.operation_id} answered {last.answer.status})" if last else ""
            raise NotJudged(reason + what)

    # --- the catalogue ---

    def connector(self, *kinds: str, fields: int = 0, **wanted: Any) -> Connector:
        """Return a connector of one of the auth types with at least so many required fields."""
        for kind in kinds or ("apiKey", "basic", "custom", "oauth2", "none"):
            for row in self._order:
                fits = row.auth_type == kind and len(row.required) >= fields
                if fits and all(bool(getattr(row, name)) is want for name, want in wanted.items()):
                    return row
        raise NotJudged("the catalogue has no connector for it")

    def plains(self) -> list[Connector]:
        """Return the connectors whose settings are all they need, in the order of this world."""
        kinds = ("apiKey", "basic", "custom")
        return [
            row for kind in kinds for row in self._order if row.auth_type == kind and row.required
        ]

    def plain(self, fields: int = 1) -> Connector:
        """Return a connector whose settings are all it needs."""
        try:
            return self.connector("apiKey", "basic", "custom", fields=fields)
        except NotJudged:
            if self._order:
                raise NotJudged("every connector needs more than its settings") from None
            raise

    def addable(self) -> Connector:
        """Return a connector for what holds of any connection, be it callable or only added.

        One whose settings are all it needs; where everything asks for a consent, one that can be
        filled in before.
        """
        try:
            return self.plain()
        except NotJudged:
            if not self._order:
                raise
            return min(self._order, key=_waits)

    def settings(self, connector: Connector, take: int | None = None) -> dict[str, Any]:
        """Return values for the required fields, or for the first few."""
        rows = connector.required if take is None else connector.required[:take]
        return {str(row["id"]): self._value(row) for row in rows}

    def filled(self, connector: Connector) -> dict[str, Any]:
        """Return values for the required fields that can be filled before a consent."""
        later = [
            r for r in connector.required if r.get("type") == "select" and not r.get("options")
        ]
        return {str(r["id"]): self._value(r) for r in connector.required if r not in later}

    def _value(self, row: Mapping[str, Any]) -> Any:
        name, kind = str(row["id"]), str(row.get("type", "text"))
        for option in row.get("options") or ():
            if isinstance(option, dict) and option.get("value") is not None:
                return option["value"]
        if name == "api_key" or row.get("sensitive"):
            return self.secret(name, f"canary-{name}-{self.nonce}")
        if kind == "url" or "url" in name:
            return f"https://{self.nonce}.example.com"
        plain: dict[str, Any] = {"email": "ada@example.com", "number": 7, "checkbox": True}
        if kind in plain:
            return plain[kind]
        return "ada@example.com" if name == "email" else f"v{self.nonce}"

    # --- steps that laws take for granted ---

    def add(self, who: Principal, connector: Connector, **body: Any) -> dict[str, Any]:
        """Add a connection; its own law judges whether that works."""
        answer = self.call("connectionsAdd", who, body={"enabled": True, **body}, **connector.path)
        self.need(answer.is_good, "a connection cannot be added")
        return answer.item

    def patch(self, who: Principal, connector: Connector, **body: Any) -> dict[str, Any]:
        """Update a connection."""
        answer = self.call("connectionsUpdate", who, body=body, **connector.path)
        self.need(answer.is_good, "a connection cannot be updated")
        return answer.item

    def one(self, who: Principal, connector: Connector) -> dict[str, Any]:
        """Read a connection."""
        answer = self.call("connectionsOne", who, **connector.path)
        self.need(answer.is_good and answer.item, "a connection cannot be read")
        return answer.item

    def listed(self, who: Principal, **query: str) -> list[dict[str, Any]]:
        """Read the connections of a consumer."""
        answer = self.call("connectionsAll", who, query=query)
        self.need(answer.is_good and isinstance(answer.data, list), "no list of connections")
        return answer.items

    def consumer(self, who: Principal, **body: Any) -> dict[str, Any]:
        """Create a consumer, or describe the one that a read has made exist already."""
        answer = self.call("consumersAdd", who, body={"consumer_id": who.consumer_id, **body})
        if answer.is_refusal and answer.status != 404:
            added = answer
            answer = self.call("consumersUpdate", who, body=body)
            answer = answer if answer.is_good else added
        self.need(answer.is_good, "a consumer cannot be created")
        return answer.item

    def logs(self, who: Principal, **query: Any) -> list[dict[str, Any]]:
        """Read up to 200 log entries of a consumer."""
        answer = self.call("logsAll", who, query={"limit": 200, **query})
        self.need(answer.is_good and isinstance(answer.data, list), "no logs")
        return answer.items

    # --- consent ---

    def consent(
        self, authorize_url: str, decision: str = "approve", back: str = RETURN_URL, **query: str
    ) -> tuple[str, list[Answer]]:
        """Walk from an authorize link to where the provider's answer leads; return that address.

        How a consent is given without a person is a capability of the deployment: its provider
        says yes by itself (`auto`), to a decision on the authorize link (`mock`), to the one button
        of its page (`form`), or any code will do at the callback (`code`).
        """
        way = self.target.capabilities.get("consent")
        if way is None:
            raise NotJudged(NO_CONSENT)
        if way != "mock" and decision != "approve":
            raise NotJudged("a denial cannot be given here without a person")
        first = self.target.follow(authorize_url)
        more = {
            "redirect_uri": back,
            **({"mock_consent": decision} if way == "mock" else {}),
            **query,
        }
        request = replace(first, query=(*first.query, *more.items()))
        answers = [self.send("connectionsAuthorize", request)]
        if way == "code" and answers[0].status in {301, 302, 303, 307}:
            state = state_of(answers[0].location) or state_of(authorize_url)
            pairs = (("state", state), ("code", "conformance-code"))
            answers.append(
                self.send("connectionsCallback", Request("GET", "/vault/callback", pairs))
            )
        for _ in range(6):
            step = self._onward(answers[-1])
            if step is None:
                break
            operation = self.target.contract.operation_at(step.method, step.path)
            answers.append(self.send(operation.operation_id if operation else "provider", step))
        return answers[-1].location, answers

    def _onward(self, answer: Answer) -> Request | None:
        """Return where a browser goes next in a flow, or None where it has come to its end."""
        location = answer.location
        if location:
            is_end = location.startswith(RETURN_URL) or not self.target.is_own(location)
            return None if is_end else self.target.follow(location)
        if self.target.capabilities.get("consent") != "form" or not forms.has_form(answer):
            return None
        try:
            return forms.approved(self.exchanges[-1].request, answer)
        except forms.NeedsPerson as why:
            raise NotJudged(str(why)) from why

    def followed(self, answer: Answer) -> Answer:
        """Follow redirects within the deployment, until one leads to the page that was named."""
        for _ in range(4):
            location = answer.location
            if not location or location.startswith(RETURN_URL) or not self.target.is_own(location):
                break
            answer = self.send("provider", self.target.follow(location))
        return answer

    def credentials(self) -> dict[str, Any]:
        """Return credentials to import, good for ten years; their tokens are in no artefact."""
        refresh_token = self.secret("import_refresh_token", f"canary-rt-{self.nonce}")
        return {**self.lasting_credentials(), "refresh_token": refresh_token}

    def lasting_credentials(self) -> dict[str, Any]:
        """Return credentials to import that nothing can refresh."""
        return {
            "access_token": self.secret("import_access_token", f"canary-at-{self.nonce}"),
            "issued_at": "2026-01-01T00:00:00.000Z",
            "expires_in": 86400 * 3650,
        }

    def denied(self, authorize_url: str, back: str = RETURN_URL) -> Answer:
        """Walk to the callback of a flow, and say there what a provider says that was refused.

        That needs nobody who can be told to deny: the callback takes its state from anybody. A
        deployment of 10.4.0 may refuse it, for want of a code.
        """
        step = self.until_callback(authorize_url, back)
        told = (("error", "access_denied"), ("error_description", "The consumer denied"))
        query = (*(pair for pair in step.query if pair[0] != "code"), *told)
        return self.followed(self.provoke("connectionsCallback", replace(step, query=query)))

    def until_callback(self, authorize_url: str, redirect_uri: str = RETURN_URL) -> Request:
        """Walk from an authorize link to the request that would end its flow; do not send it."""
        way = self.target.capabilities.get("consent")
        if way is None:
            raise NotJudged(NO_CONSENT)
        first = self.target.follow(authorize_url)
        more = [("redirect_uri", redirect_uri)]
        if way == "mock":
            more.append(("mock_consent", "approve"))
        answer = self.send("connectionsAuthorize", replace(first, query=(*first.query, *more)))
        if way == "code":
            state = state_of(answer.location) or state_of(authorize_url)
            pairs = (("state", state), ("code", "conformance-code"))
            return Request("GET", "/vault/callback", pairs)
        for _ in range(4):
            step = self._onward(answer)
            if step is None:
                break
            if step.path.endswith("/vault/callback"):
                return step
            answer = self.send("provider", step)
        raise NotJudged("the callback was not reached")


def _waits(connector: Connector) -> tuple[bool, bool, bool]:
    """Order connectors by how much of them can be filled in before a consent."""
    later = any(f.get("type") == "select" and not f.get("options") for f in connector.required)
    return bool(connector.before), later, not connector.required


def state_of(url: str) -> str:
    """Return the state that a link carries."""
    return (parse_qs(urlsplit(url).query).get("state") or [""])[0]


def moment(text: Any) -> float | None:
    """Return the time that an ISO 8601 text tells, in seconds, or None where it tells none."""
    try:
        parsed = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def still(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what does not change by being read again; nobody knows what strange properties do."""
    lasting = _lasting()
    return {key: value for key, value in item.items() if key in lasting}


@cache
def _lasting() -> frozenset[str]:
    """Return what the contract has of connections, consumers and mappings that is not volatile."""
    schemas = load().document["components"]["schemas"]
    names = ("Connection", "ConsumerConnection", "Consumer", "CustomMapping")
    return frozenset(name for each in names for name in schemas[each]["properties"]) - VOLATILE


def difference(before: Any, after: Any) -> str:
    """Tell in a few words where two values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [k for k in {**before, **after} if before.get(k, ...) != after.get(k, ...)]
        return "; ".join(
            f"{k}: {_short(before.get(k), 120)} -> {_short(after.get(k), 120)}" for k in keys[:4]
        )
    return f"{_short(before, 200)} -> {_short(after, 200)}"


def _short(value: Any, most: int = 600) -> str:
    text = _text(value)
    return text if len(text) <= most else text[:most] + "…"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
