"""The phase of webhooks: a receiver, and what each transition makes the deployment say."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any
from uuid import UUID

import jsonschema_rs

from conformance.control import ask
from conformance.failures import Answer, Request
from conformance.laws.oauth import link, with_state
from conformance.laws.registry import LAWS, Law, law
from conformance.laws.world import Connector, NotJudged, World, difference, moment, state_of
from conformance.phases.laws import judge
from conformance.phases.registry import Context, ended, phase, unjudged
from conformance.run_events import CaseJudged
from conformance.target import BudgetSpent, Principal, Target

_EVENTS = "x-webhooks of the contract"
_PATIENCE, _IN_VAIN = 6.0, 0.5
# where the Webhook API of the same vendor takes subscriptions
_WEBHOOK_API = "/webhook/webhooks"


@dataclass
class Delivery:
    headers: Mapping[str, str]
    body: bytes
    status: int
    path: str = "/hook"

    @property
    def payload(self) -> dict[str, Any]:
        """The event."""
        try:
            found = json.loads(self.body).get("payload")
        except (ValueError, AttributeError):
            return {}
        return found if isinstance(found, dict) else {}


@dataclass
class Receiver:
    """Takes deliveries, and answers as it is told to: 200, or 500 to see a retry.

    `missed` are the events for which a law has waited as long as it may, in vain.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    missed: set[str] = field(default_factory=set)
    refuse_once: str = ""
    url: str = ""
    _server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Listen on a free port of the loopback."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                status = 200
                if receiver.refuse_once and receiver.refuse_once in body.decode("utf-8", "replace"):
                    receiver.refuse_once = ""
                    status = 500
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.deliveries.append(Delivery(headers, body, status, self.path))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def of(self, who: Principal, event: str = "", path: str = "/hook") -> list[Delivery]:
        """Return the deliveries about a consumer, of one event type, by one subscription."""
        rows = [d for d in self.deliveries if d.path == path]
        rows = [
            d
            for d in rows
            if (d.payload.get("entity") or {}).get("consumer_id") == who.consumer_id
            or str(d.payload.get("entity_id", "")).endswith(who.consumer_id)
        ]
        return [
            d
            for d in rows
            if event in {"", d.payload.get("event_type"), d.headers.get("x-apideck-event-type")}
        ]

    def wait(
        self, who: Principal, event: str, count: int = 1, patience: float = _PATIENCE
    ) -> list[Delivery]:
        """Wait for deliveries, a few seconds at most; not long for an event that never came."""
        until = time.monotonic() + (min(patience, _IN_VAIN) if event in self.missed else patience)
        while time.monotonic() < until and len(self.of(who, event)) < count:
            time.sleep(0.02)
        found = self.of(who, event)
        if found:
            self.missed.discard(event)
        else:
            self.missed.add(event)
        return found

    def wait_at(
        self, who: Principal, event: str, path: str, patience: float = _PATIENCE
    ) -> list[Delivery]:
        """Wait for a delivery by another subscription, and for what comes beside it."""
        until = time.monotonic() + patience
        while time.monotonic() < until and not self.of(who, event, path):
            time.sleep(0.02)
        time.sleep(0.1)
        return self.of(who, event, path)

    def forget(self) -> None:
        """Know of nothing that has come, or has not."""
        self.deliveries.clear()
        self.missed.clear()


RECEIVER = Receiver()


def signature(key: str, body: bytes) -> str:
    """Return the signature of a body: of its JSON with sorted keys, under the API key."""
    text = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _signatures(key: str, body: bytes) -> set[str]:
    # whether letters outside ASCII are escaped is not told, that keys are sorted is
    escaped = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    return {signature(key, body), hmac.new(key.encode(), escaped, hashlib.sha256).hexdigest()}


def subscribe(context: Context) -> str:
    """Tell the deployment to deliver to our receiver; return where to undo it."""
    target = context.target
    app = target.applications[0].id
    for path in (f"/_mock/apps/{app}/webhooks", "/_mock/webhooks", _WEBHOOK_API):
        body = {**_body_for(path, app, RECEIVER.url), "events": ["*"]}
        answer = _control(target, "POST", path, body)
        if answer.is_good:
            target.capabilities["webhooks"] = path
            told = answer.json if isinstance(answer.json, dict) else {}
            return f"{path}/{told.get('id') or answer.item.get('id') or 'none'}"
    return ""


def _body_for(path: str, application_id: str, url: str) -> dict[str, str]:
    """Return what a place where subscriptions are made asks for, but for the events."""
    if path == "/_mock/webhooks":
        return {"application_id": application_id, "delivery_url": url}
    if path == _WEBHOOK_API:
        return {"unified_api": "vault", "status": "enabled", "delivery_url": url}
    return {"delivery_url": url}


def _control(target: Target, method: str, path: str, body: object = None) -> Answer:
    """Ask the control plane of a mock, or the Webhook API: neither is of the contract."""
    if not path.startswith(_WEBHOOK_API):
        return ask(target.transport, method, path, body)
    application = target.applications[0]
    headers = (
        ("content-type", "application/json"),
        ("authorization", f"Bearer {application.key}"),
        ("x-apideck-app-id", application.id),
    )
    payload = None if body is None else json.dumps(body).encode()
    return target.transport.exchange(Request(method, path, (), headers, payload))


def _journey(world: World) -> tuple[Principal, Connector]:
    who, connector = world.who(), world.plain()
    world.add(who, connector)
    world.patch(who, connector, settings=world.settings(connector))
    world.patch(who, connector, enabled=False)
    world.call("connectionsDelete", who, **connector.path)
    return who, connector


@law(
    "VLT-HOK-01",
    "webhooks",
    _EVENTS,
    "contract",
    builds_on=("VLT-CNX-02", "VLT-CNX-05", "VLT-CNX-09", "VLT-CNX-11", "VLT-CNX-12"),
)
def each_transition_raises_its_event(world: World) -> None:
    """Adding, completing, disabling and deleting a connection raise their events."""
    _receiver(world)
    who, _ = _journey(world)
    patience = _PATIENCE
    for name in ("created", "updated", "callable", "disabled", "deleted"):
        found = RECEIVER.wait(who, f"vault.connection.{name}", patience=patience)
        patience = _PATIENCE if found else 0.3
        world.expect(found, name, f"the event vault.connection.{name}", "no such event")


@law("VLT-HOK-02", "webhooks", _EVENTS, "contract", builds_on=("VLT-HOK-01",))
def an_event_fits_the_contract(world: World) -> None:
    """An event validates, and names the event of its header and its connection."""
    _receiver(world)
    who, connector = _journey(world)
    RECEIVER.wait(who, "vault.connection.deleted")
    born = moment(world.call("consumersOne", who).item.get("created"))
    contract = world.target.contract
    schema = contract.schema({"$ref": "#/components/schemas/ConnectionEvent"}, request=False)
    judge_ = jsonschema_rs.Draft4Validator(schema)
    found = RECEIVER.of(who)
    shows_states = any((d.payload.get("entity") or {}).get("state") for d in found)
    for delivery in found:
        payload = delivery.payload
        problems = [e.message for e in judge_.iter_errors(payload)]
        world.expect(not problems, "schema", "a ConnectionEvent", problems[:2])
        told = delivery.headers.get("x-apideck-event-type")
        world.expect(
            told == payload.get("event_type"),
            "type",
            f"{payload.get('event_type')} in the header",
            told,
        )
        key = delivery.headers.get("x-apideck-idempotency-key")
        world.expect(_is_uuid(key), "key", "an idempotency key (uuid)", key)
        attempt = payload.get("execution_attempt", 1)
        counted = not isinstance(attempt, int | float) or attempt >= 1
        world.expect(counted, "attempt", "1 or more", attempt)
        happened = moment(payload.get("occurred_at"))
        if born is not None and happened is not None:
            near = abs(happened - born) < 900
            world.expect(near, "occurred_at", f"within minutes of {born}", happened)
        entity = payload.get("entity") or {}
        name = f"{who.application.id}+{who.consumer_id}"
        world.expect(payload.get("entity_id") == name, "entity_id", name, payload.get("entity_id"))
        seen = (entity.get("consumer_id"), entity.get("unified_api"), entity.get("service_id"))
        want = (who.consumer_id, connector.unified_api, connector.service_id)
        world.expect(seen == want, "entity", str(want), seen)
        shown = entity.get("id", name)
        world.expect(shown == name, "entity id", name, shown)
        if payload.get("event_type") == "vault.connection.deleted" and shows_states:
            state = entity.get("state")
            world.expect(state == "available", "deleted", "available", state)
        if payload.get("event_type") == "vault.connection.callable":
            world.expect(
                entity.get("state") == "callable", "state", "callable", entity.get("state")
            )
        if payload.get("event_type") == "vault.connection.disabled":
            world.expect(entity.get("enabled") is False, "enabled", "false", entity.get("enabled"))
    world.need(world.judged, "no event was delivered")


def _is_uuid(text: str | None) -> bool:
    try:
        return bool(text) and str(UUID(text)) == str(text).lower()
    except ValueError:
        return False


@law(
    "VLT-HOK-03",
    "webhooks",
    "guide: webhook signature verification",
    "documented",
    builds_on=("VLT-HOK-01",),
)
def an_event_is_signed(world: World) -> None:
    """The signature is the hex HMAC-SHA256 of the body with sorted keys, under the API key."""
    _receiver(world)
    who, _ = _journey(world)
    for delivery in RECEIVER.wait(who, "vault.connection.created"):
        told = delivery.headers.get("x-apideck-signature")
        world.need(told, "deliveries are not signed (10.4.0 does not ask for it)")
        fine = told in _signatures(world.application.key, delivery.body)
        world.expect(fine, "signature", "the HMAC of the body", told)


@law(
    "VLT-HOK-04",
    "webhooks",
    "help: webhook retries; x-apideck-idempotency-key",
    "documented",
    builds_on=("VLT-HOK-01",),
)
def a_refused_delivery_comes_again(world: World) -> None:
    """A delivery that was answered 500 comes again, with the same idempotency key."""
    _receiver(world)
    who, connector = world.who(), world.addable()
    RECEIVER.refuse_once = who.consumer_id
    world.add(who, connector)
    world.need(RECEIVER.wait(who, "vault.connection.created"), "no event was delivered")
    RECEIVER.refuse_once = ""
    if world.target.capabilities.get("webhooks", "").startswith("/_mock/apps/"):
        clock = f"/_mock/apps/{world.application.id}/clock"
        _control(world.target, "PUT", clock, {"action": "advance", "by": "PT4M"})
    found = RECEIVER.wait(who, "vault.connection.created", 2, 1.5)
    if not world.target.capabilities.get("webhooks", "").startswith("/_mock/"):
        # a real plan begins after three minutes, and its clock is nobody's to advance
        world.need(len(found) >= 2, "no second attempt came while we waited")
    if world.expect(len(found) >= 2, "retry", "a second attempt", f"{len(found)} attempt"):
        keys = {d.headers.get("x-apideck-idempotency-key") for d in found}
        world.expect(len(keys) == 1, "key", "one idempotency key", sorted(map(str, keys)))
        same = [{k: v for k, v in d.payload.items() if k != "execution_attempt"} for d in found[:2]]
        what = difference(*same)
        world.expect(same[0] == same[1], "event", "the same event again", what)
        told = found[-1].headers.get("x-apideck-signature")
        fine = not told or told in _signatures(world.application.key, found[-1].body)
        world.expect(fine, "signature", "the HMAC of the body that came again", told)
        numbers = [d.payload.get("execution_attempt") for d in found]
        attempts = [number for number in numbers if isinstance(number, int | float)]
        if len(attempts) == len(found):
            grows = all(a < b for a, b in pairwise(attempts))
            world.expect(grows, "attempt", "execution_attempt grows with each attempt", attempts)


@law(
    "VLT-HOK-05", "webhooks", "secrets are no part of events", "inferred", builds_on=("VLT-HOK-01",)
)
def an_event_holds_no_secret(world: World) -> None:
    """No event holds the secrets of its connection."""
    _receiver(world)
    rows = [c for c in world.plains() if any(f.get("id") == "api_key" for f in c.required)]
    who, connector = world.who(), (rows or world.plains() or [world.plain()])[0]
    settings = world.settings(connector)
    world.add(who, connector, settings=settings)
    RECEIVER.wait(who, "vault.connection.callable")
    secret = {str(f["id"]) for f in connector.required if f.get("sensitive")} | {"api_key"}
    canaries = [str(v) for k, v in settings.items() if k in secret]
    world.need(canaries, "the connector has no secret")
    for delivery in RECEIVER.of(who):
        text = delivery.body.decode("utf-8", "replace")
        world.expect(
            not [c for c in canaries if c in text],
            "secret",
            "no settings",
            "settings are in the event",
        )


def _keys(found: list[Delivery]) -> set[str]:
    return {str(d.headers.get("x-apideck-idempotency-key")) for d in found}


@law(
    "VLT-HOK-06",
    "webhooks",
    "help: x-apideck-idempotency-key",
    "documented",
    builds_on=("VLT-HOK-01", "VLT-HOK-02", "VLT-HOK-04"),
)
def an_event_has_one_key(world: World) -> None:
    """What happens once is one event: however often it is delivered, it has one key."""
    _receiver(world)
    who, _ = _journey(world)
    RECEIVER.wait(who, "vault.connection.deleted")
    met: set[str] = set()
    for name in ("created", "callable", "disabled", "deleted"):
        keys = _keys(RECEIVER.of(who, f"vault.connection.{name}"))
        world.expect(len(keys) <= 1, name, "one idempotency key", sorted(keys))
        world.expect(not keys & met, "shared", f"a key of its own for {name}", sorted(keys & met))
        met |= keys
    updated = _keys(RECEIVER.of(who, "vault.connection.updated"))
    world.expect(not updated & met, "shared", "keys of their own for updated", sorted(updated))


@law(
    "VLT-HOK-07",
    "webhooks",
    _EVENTS,
    "contract",
    builds_on=("VLT-HOK-01", "VLT-CNX-16", "VLT-OAU-04", "VLT-OAU-13", "VLT-CNX-14"),
)
def imports_and_revocations_raise_their_events(world: World) -> None:
    """An imported connection raises created, a given consent callable, a revocation revoked."""
    _receiver(world)
    rows = [c for c in world.catalogue if c.redirects and not c.required]
    world.need(rows, "no connector asks for consent alone")
    rows = world.rng.sample(rows, len(rows))
    who = world.who("i")
    tokens = {
        "access_token": world.secret("import_access_token", f"canary-at-{world.nonce}"),
        "issued_at": "2026-01-01T00:00:00.000Z",
        "expires_in": 86400 * 3650,
    }
    answer = world.call("connectionsImport", who, body={"credentials": tokens}, **rows[0].path)
    world.need(answer.is_good, "nothing can be imported")
    found = RECEIVER.wait(who, "vault.connection.created")
    world.expect(found, "import", "the event vault.connection.created", "no such event")
    who = world.who("added")
    world.add(who, rows[0])
    answer = world.call("connectionsImport", who, body={"credentials": tokens}, **rows[0].path)
    world.need(answer.is_good, "nothing can be imported")
    if world.one(who, rows[0]).get("state") == "callable":
        found = RECEIVER.wait(who, "vault.connection.callable")
        world.expect(found, "completed", "the event vault.connection.callable", "no such event")
    if "consent" not in world.target.capabilities:
        return
    for index, connector in enumerate(rows[:12]):
        who = world.who(f"r{index}")
        world.consent(link(world, who, connector))
        revoke_url = world.one(who, connector).get("revoke_url")
        if not isinstance(revoke_url, str) or not revoke_url:
            continue
        found = RECEIVER.wait(who, "vault.connection.callable")
        world.expect(found, "consent", "the event vault.connection.callable", "no such event")
        request = with_state(world, revoke_url, state_of(revoke_url))
        answer = world.send("connectionsRevoke", request)
        for _ in range(4):
            if not answer.location or not world.target.is_own(answer.location):
                break
            answer = world.send("provider", world.target.follow(answer.location))
        found = RECEIVER.wait(who, "vault.connection.revoked")
        world.expect(found, "revoked", "the event vault.connection.revoked", "no such event")
        return


@law(
    "VLT-HOK-08",
    "webhooks",
    _EVENTS,
    "documented",
    builds_on=("VLT-HOK-01", "VLT-HOK-06", "VLT-CNX-14", "VLT-VAL-01"),
)
def no_event_without_a_transition(world: World) -> None:
    """What is read or refused raises no event, and events go to their application alone."""
    _receiver(world)
    who, connector = world.who(), world.addable()
    stranger = None
    if len(world.target.applications) > 1:
        stranger = world.who("stranger", world.other_application)
        world.add(stranger, connector)
    world.add(who, connector)
    world.patch(who, connector, metadata={"n": "1"})
    once = len(_keys(RECEIVER.wait(who, "vault.connection.updated")))
    world.need(once, "no event was delivered")
    world.one(who, connector)
    body = {"enabled": "maybe", "metadata": {"n": "2"}}
    answer = world.call("connectionsUpdate", who, body=body, **connector.path)
    world.need(answer.is_refusal, "the update was not refused")
    world.patch(who, connector, metadata={"n": "3"})
    found = RECEIVER.wait(who, "vault.connection.updated", 2 * once)
    world.call("connectionsDelete", who, **connector.path)
    RECEIVER.wait(who, "vault.connection.deleted")
    keys = len(_keys(RECEIVER.of(who, "vault.connection.updated")))
    world.expect(keys <= 2 * once, "refused", f"{2 * once} events for two updates", f"{keys}")
    world.expect(found, "updated", "the event vault.connection.updated", "no such event")
    if stranger is not None:
        leaks = len(RECEIVER.of(stranger))
        world.expect(not leaks, "application", "events of one application", f"{leaks} of another")


@law(
    "VLT-HOK-09",
    "webhooks",
    "Webhook API: events and status of a subscription",
    "documented",
    builds_on=("VLT-HOK-01", "VLT-HOK-02", "VLT-HOK-08"),
)
def a_subscription_gets_what_it_asked_for(world: World) -> None:
    """A subscription to one event gets that event alone, and one that is disabled gets none."""
    _receiver(world)
    wanted = "vault.connection.deleted"
    narrow = _subscribed(world, "narrow", [wanted])
    off = _subscribed(world, "off", ["*"])
    try:
        world.need(narrow or off, "no further subscription can be made and taken away again")
        is_off = off and _disabled(world, off)
        who, connector = world.who(), world.addable()
        world.add(who, connector)
        world.patch(who, connector, metadata={"n": "1"})
        world.call("connectionsDelete", who, **connector.path)
        world.need(RECEIVER.wait(who, wanted), "no event was delivered")
        if narrow:
            RECEIVER.wait_at(who, wanted, "/narrow")
            told = {str(d.payload.get("event_type")) for d in RECEIVER.of(who, "", "/narrow")}
            world.expect(told == {wanted}, "events", f"{wanted} alone", sorted(told))
        if is_off:
            RECEIVER.wait_at(who, wanted, "/off", 0.3)
            count = len(RECEIVER.of(who, "", "/off"))
            world.expect(not count, "disabled", "no event", f"{count} events")
    finally:
        for place in filter(None, (narrow, off)):
            _control(world.target, "DELETE", place)


def _subscribed(world: World, name: str, events: list[str]) -> str:
    """Subscribe a place of the receiver to some events; return where to undo it, if it is told."""
    path = world.target.capabilities["webhooks"]
    url = RECEIVER.url.removesuffix("/hook") + f"/{name}"
    body = {**_body_for(path, world.application.id, url), "events": events}
    answer = _control(world.target, "POST", path, body)
    told = answer.json if isinstance(answer.json, dict) else {}
    found = told.get("id") or answer.item.get("id")
    return f"{path}/{found}" if answer.is_good and found else ""


def _disabled(world: World, place: str) -> bool:
    """Disable a subscription; tell whether the deployment says that it is."""
    answer = _control(world.target, "PATCH", place, {"status": "disabled"})
    told = answer.json if isinstance(answer.json, dict) else {}
    return answer.is_good and "disabled" in {told.get("status"), answer.item.get("status")}


def _receiver(world: World) -> None:
    if "webhooks" not in world.target.capabilities:
        raise NotJudged("the deployment cannot be told to deliver to us")


def _laws(context: Context) -> list[Law]:
    return [
        item
        for item in LAWS.values()
        if item.id.startswith("VLT-HOK") and (not context.only or item.id.startswith(context.only))
    ]


@phase(
    "webhooks",
    "a receiver, and what each transition makes the deployment say",
    lambda c: [item.id for item in _laws(c)],
)
def judge_webhooks(context: Context) -> Iterator[CaseJudged]:
    """Open a receiver, subscribe it, and judge what comes."""
    laws = [item for item in _laws(context) if context.wanted(item.id)]
    if not laws:
        return
    subscribed = ""
    if context.profile.may_write:
        RECEIVER.forget()
        RECEIVER.open()
        subscribed = subscribe(context)
    try:
        for item in laws:
            if not subscribed:
                why = "the deployment cannot be told to deliver to us"
                yield unjudged("webhooks", item.id, item.name, item.area, why)
                continue
            try:
                case = judge(
                    item, context.target, context.seed, context.catalogue, context.turn()
                ).case
            except BudgetSpent as spent:
                case = unjudged("webhooks", item.id, item.name, item.area, ended(spent))
            yield replace(case, phase="webhooks")
    finally:
        if subscribed:
            _control(context.target, "DELETE", subscribed)
        RECEIVER.close()
