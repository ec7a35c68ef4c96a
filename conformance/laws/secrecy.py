"""Secrets go in and do not come out."""

import base64
import json
from typing import Any

from conformance.laws.paging import listed_ids
from conformance.laws.registry import law
from conformance.laws.sessions import claims_of
from conformance.laws.world import Connector, World, state_of

_SETTINGS = "settings echo saved values, except api_key"


@law(
    "VLT-SEC-02",
    "secrets",
    "connectionsImport, connectionsToken: tokens are not returned",
    "documented",
)
def imported_credentials_are_not_shown(world: World) -> None:
    """Tokens that were imported are in no answer, of whatever operation."""
    rows = [c for c in world.catalogue if c.redirects] or list(world.catalogue)
    world.need(rows, "the catalogue is empty")
    who, connector = world.who(), world.rng.choice(rows)
    tokens = {
        n: world.secret(f"import_{n}", f"canary-{n}-{world.nonce}")
        for n in ("access_token", "refresh_token")
    }
    answer = world.call("connectionsImport", who, body={"credentials": tokens}, **connector.path)
    world.need(answer.is_good, "nothing can be imported")
    for found in (
        answer,
        world.call("connectionsUpdate", who, body={"metadata": {"n": "1"}}, **connector.path),
        world.call("connectionsOne", who, **connector.path),
        world.call("connectionsAll", who),
        world.call("consumersOne", who),
    ):
        text = found.body.decode("utf-8", "replace")
        for name, value in tokens.items():
            world.expect(value not in text, name, f"no {name}", f"the {name} is in the answer")


def unpacked(part: str) -> str:
    """Return what a part of a JWT says, or nothing where it is none."""
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")
    except ValueError:
        return ""


def _settings_of(item: dict[str, Any]) -> str:
    return json.dumps([item.get("settings"), item.get("metadata")])


@law("VLT-SEC-03", "secrets", _SETTINGS, "seen in clients")
def an_api_key_is_not_among_the_settings(world: World) -> None:
    """An api_key is accepted in settings, and not given back there by any operation."""
    rows = [c for c in world.catalogue if any(f.get("id") == "api_key" for f in c.required)]
    world.need(rows, "no connector has an api_key")
    who, connector = world.who(), world.rng.choice(rows)
    key = world.secret("settings_api_key", f"canary-api_key-{world.nonce}")
    answered = world.add(who, connector, settings={**world.settings(connector), "api_key": key})
    patched = world.patch(who, connector, settings={"api_key": key})
    listed = [r for r in world.listed(who) if r.get("service_id") == connector.service_id]
    consumer = world.call("consumersOne", who).item.get("connections") or []
    listed_ids(world, who)
    pages = [e.answer.body for e in world.exchanges if e.operation_id == "consumersAll"]
    world.expect(
        not any(key.encode() in page for page in pages),
        "consumers",
        "no api_key in the list of consumers",
        "api_key is in the list of consumers",
    )
    shown = {
        "answer": [answered, patched],
        "one": [world.one(who, connector)],
        "list": listed,
        "consumer": consumer,
    }
    for aspect, items in shown.items():
        leaks = [i for i in items if isinstance(i, dict) and key in _settings_of(i)]
        world.expect(
            not leaks, aspect, "settings without api_key", f"api_key is in settings ({aspect})"
        )


@law(
    "VLT-SEC-04",
    "secrets",
    "The access token will not be returned in the response (connectionsToken)",
    "documented",
    builds_on=("VLT-ISO-01",),
)
def an_exchanged_token_is_not_shown(world: World) -> None:
    """The answer of the token operation holds no access token."""
    rows = [
        c
        for c in world.catalogue
        if c.auth_type == "oauth2" and c.grant in {"client_credentials", "password"}
    ]
    world.need(rows, "no connector with the client_credentials grant")
    who, connector = world.who(), world.rng.choice(rows)
    world.add(who, connector, settings=world.settings(connector))
    answer = world.call("connectionsToken", who, body={}, **connector.path)
    world.need(answer.is_good, "no token was exchanged")
    found = '"access_token"' in answer.body.decode("utf-8", "replace")
    world.expect(not found, "token", "no access_token", "an access_token is in the answer")


@law("VLT-SEC-05", "secrets", "OWASP: error messages", "inferred", builds_on=("VLT-SEC-01",))
def a_refusal_does_not_repeat_secrets(world: World) -> None:
    """Neither a refusal nor the logs repeat the secrets of a refused update, or a refused key."""
    who, connector = world.who(), world.addable()
    world.add(who, connector)
    key = world.secret("refused_api_key", f"canary-refused-{world.nonce}")
    answer = world.call(
        "connectionsUpdate",
        who,
        body={"enabled": "maybe", "settings": {"api_key": key}},
        **connector.path,
    )
    world.need(answer.is_refusal, "the update was not refused")
    world.expect(
        key not in answer.body.decode("utf-8", "replace"), "body", "no api_key", "it is repeated"
    )
    answer = world.call("logsAll", who)
    told = key in answer.body.decode("utf-8", "replace")
    world.expect(not told, "log", "no api_key in the logs", "it is in the logs")
    wrong = world.secret("wrong_api_key", f"sk_live_canary{world.nonce}")
    answer = world.call("connectionsAll", who, headers={"authorization": f"Bearer {wrong}"})
    world.expect(
        wrong not in answer.body.decode("utf-8", "replace"),
        "key",
        "no key",
        "the wrong key is repeated",
    )


@law("VLT-SEC-06", "secrets", "session tokens reach browsers", "documented")
def a_session_token_holds_no_key(world: World) -> None:
    """The claims of a session do not hold the API key of the application."""
    who = world.who()
    answer = world.call("sessionsCreate", who)
    world.need(answer.is_good, "a session cannot be created")
    claims = json.dumps(claims_of(str(answer.item.get("session_token", ""))))
    world.expect(
        world.application.key not in claims, "key", "no API key", "the API key is in the token"
    )


@law("VLT-SEC-07", "secrets", "links reach browsers", "documented", builds_on=("VLT-SEC-01",))
def a_link_holds_no_key(world: World) -> None:
    """The state of an authorize link does not hold the API key, however it is encoded."""
    rows = [c for c in world.catalogue if c.redirects and not c.before]
    world.need(rows, "no connector asks for consent")
    who, connector = world.who(), world.rng.choice(rows)
    world.add(who, connector)
    url = str(world.one(who, connector).get("authorize_url") or "")
    world.need(state_of(url), "the connection has no authorize_url with a state")
    parts = [url, *(unpacked(part) for part in state_of(url).split("."))]
    held = any(world.application.key in part for part in parts)
    world.expect(not held, "key", "no API key", "the API key is in the state")


@law("VLT-SEC-08", "secrets", "schema Log", "documented", builds_on=("VLT-SEC-05",))
def logs_hold_no_secret(world: World) -> None:
    """The log of a call, served or refused, holds no credential that was sent with it."""
    who, connector = world.who(), world.addable()
    settings = world.settings(connector)
    world.add(who, connector, settings=settings)
    key = world.secret("logged_api_key", f"canary-logged-{world.nonce}")
    token = world.secret("logged_access_token", f"canary-token-{world.nonce}")
    body = {"settings": {"api_key": key}, "enabled": "maybe"}
    world.call("connectionsUpdate", who, body=body, **connector.path)
    body = {"settings": {"api_key": key}, "credentials": {"access_token": token}}
    world.call("connectionsImport", who, body=body, **connector.path)
    unknown = {"unified_api": connector.unified_api, "service_id": f"no-such-{world.nonce}"}
    world.call("connectionsImport", who, body=body, **unknown)
    rows = world.logs(who)
    world.need(rows, "calls are not logged")
    text = json.dumps(rows)
    for name, value in (("api_key", key), ("access_token", token), ("key", world.application.key)):
        world.expect(value not in text, name, f"no {name}", f"the {name} is in the logs")


@law(
    "VLT-SEC-09",
    "secrets",
    "Connections securely save credentials and settings (tag Connections)",
    "documented",
    builds_on=("VLT-CNX-02", "VLT-ISO-01", "VLT-ISO-02"),
)
def a_secret_is_shown_to_no_other(world: World) -> None:
    """What one consumer keeps secret is in no answer to another that keeps a secret of its own."""
    rows = [c for c in world.plains() if secrets_of(c)]
    world.need(rows, "no connector asks for a secret")
    connector, people = rows[0], [world.who("a"), world.who("b")]
    if len(world.target.applications) > 1:
        people.append(world.who("a", world.other_application))
    secrets = [
        world.secret(f"own_{index}", f"canary-own{index}-{world.nonce}")
        for index in range(len(people))
    ]
    for who, secret in zip(people, secrets, strict=True):
        own = dict.fromkeys(secrets_of(connector), secret)
        world.add(who, connector, settings={**world.settings(connector), **own})
    for who, secret in zip(people, secrets, strict=True):
        for found in (
            world.call("connectionsOne", who, **connector.path),
            world.call("connectionsAll", who),
            world.call("consumersOne", who),
        ):
            text = found.body.decode("utf-8", "replace")
            leaks = [name for name in secrets if name != secret and name in text]
            world.expect(not leaks, "leak", "no secret of another", "another's is in the answer")


def secrets_of(connector: Connector) -> list[str]:
    """Return the required fields of a connector that hold secrets."""
    return [str(f["id"]) for f in connector.required if f.get("sensitive") or f["id"] == "api_key"]
