"""Sessions: what the token says, whom it lets in, and for how long."""

import base64
import json
from typing import Any

from conformance.failures import Answer
from conformance.laws.access import preflight
from conformance.laws.registry import law
from conformance.laws.world import NotJudged, World
from conformance.target import Principal

_CLAIMS = "session tokens (HS256) as clients decode them"
_NO_BEARER = "session tokens are no bearer tokens here"
_LIFE = "session_length; sessionsCreate"


def claims_of(token: str, what: str = "the session token") -> dict[str, Any]:
    """Return the claims of a JWT, unverified."""
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError) as error:
        raise NotJudged(f"{what} is not a JWT") from error
    return found if isinstance(found, dict) else {}


def _open(world: World, who: Principal, **body: Any) -> tuple[str, dict[str, Any]]:
    answer = world.call("sessionsCreate", who, **({"body": body} if body else {}))
    world.need(answer.is_good, "a session cannot be created")
    token = str(answer.item.get("session_token", ""))
    return token, claims_of(token)


def _signed_like(parts: tuple[str, str, str]) -> str:
    return ".".join(parts)


def _flipped(signature: str, place: int) -> str:
    letters = list(signature)
    letters[place] = "B" if letters[place] != "B" else "C"
    return "".join(letters)


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _with_token(
    world: World, who: Principal, token: str, operation_id: str = "connectionsAll"
) -> Answer:
    return world.call(operation_id, Principal(who.application, who.consumer_id, token))


def _lets_in(world: World, who: Principal, token: str) -> bool:
    """Whether tokens are bearer tokens here: the contract of 10.4.0 knows keys alone.

    A deployment that takes them from front ends lets a page send the header that says so.
    """
    answer = _with_token(world, who, token)
    if answer.is_good:
        return True
    request = world.target.request("connectionsAll", who)
    allowed = preflight(world, request, "x-apideck-auth-type").headers
    return "x-apideck-auth-type" in allowed.get("access-control-allow-headers", "").lower()


def _need_let_in(world: World, who: Principal, token: str) -> None:
    if not _with_token(world, who, token).is_good:
        raise NotJudged(_NO_BEARER)


@law("VLT-SES-01", "sessions", _CLAIMS, "seen in clients")
def a_token_names_its_consumer_and_application(world: World) -> None:
    """The token of a session carries the consumer and the application that it was made for."""
    everybody = [world.who("Aa+b")]
    if len(world.target.applications) > 1:
        everybody.append(world.who("Aa+b", world.other_application))
    for who in everybody:
        _, claims = _open(world, who)
        found = claims.get("consumer_id")
        world.expect(found == who.consumer_id, "consumer_id", who.consumer_id, found)
        app = claims.get("application_id")
        world.expect(app == who.application.id, "application_id", who.application.id, app)


@law("VLT-SES-02", "sessions", _LIFE, "contract")
def a_session_lasts_as_long_as_was_asked(world: World) -> None:
    """A session lasts an hour, or its session_length."""
    who = world.who()
    for length, seconds in ((None, 3600), ("30m", 1800), ("24h", 86400), ("2h", 7200)):
        body = {"settings": {"session_length": length}} if length else {}
        _lasts(world, length or "default", _open(world, who, **body)[1], seconds)
    for length, seconds in (("90m", 5400), ("1d", 86400), ("3d", 259_200), ("1w", 604_800)):
        answer = world.call("sessionsCreate", who, body={"settings": {"session_length": length}})
        if answer.is_good:  # which units there are is not told, but what is taken must hold
            claims = claims_of(str(answer.item.get("session_token", "")))
            _lasts(world, length, claims, seconds)


def _lasts(world: World, length: str, claims: dict[str, Any], seconds: int) -> None:
    issued, ends = claims.get("iat"), claims.get("exp")
    timed = isinstance(issued, int | float) and isinstance(ends, int | float)
    if world.expect(timed, "exp", "iat and exp", (issued, ends)):
        lasts = float(ends or 0) - float(issued or 0)
        world.expect(abs(lasts - seconds) <= 2, length, f"{seconds} s", f"{lasts} s")


@law(
    "VLT-SES-03",
    "sessions",
    "maximum 1 week (session_length)",
    "contract",
    builds_on=("VLT-SES-02",),
)
def no_session_lasts_longer_than_a_week(world: World) -> None:
    """A length of more than a week is refused or cut, and one that is none is refused."""
    who = world.who()
    for length in ("8d", "200h", "400d", "9000h"):
        answer = world.call("sessionsCreate", who, body={"settings": {"session_length": length}})
        if answer.is_good:
            claims = claims_of(str(answer.item.get("session_token", "")))
            lasts = claims.get("exp", 1e12) - claims.get("iat", 0)
            world.expect(lasts <= 604_800 + 2, "week", "a week at most", f"{length}: {lasts} s")
        else:
            world.expect(answer.is_refusal, "refused", "a refusal", f"HTTP {answer.status}")
    answer = world.call("sessionsCreate", who, body={"settings": {"session_length": "soon"}})
    world.expect(answer.is_refusal, "nonsense", "a refusal of 'soon'", f"HTTP {answer.status}")


@law("VLT-SES-04", "sessions", "CreateSessionResponse", "documented")
def the_session_uri_holds_the_token(world: World) -> None:
    """The address of Hosted Vault ends in the session's token, also that of a later session."""
    who = world.who()
    for length in ("1h", "2h"):
        answer = world.call("sessionsCreate", who, body={"settings": {"session_length": length}})
        world.need(answer.is_good, "a session cannot be created")
        token, uri = str(answer.item.get("session_token")), str(answer.item.get("session_uri"))
        world.expect(token and token in uri, "uri", "the token in session_uri", uri)


@law(
    "VLT-SES-05",
    "sessions",
    "session JWT as bearer token",
    "seen in clients",
    builds_on=("VLT-SES-06", "VLT-CNX-02", "VLT-CNX-05"),
)
def a_token_lets_its_consumer_in(world: World) -> None:
    """The token works as bearer token to read, add, update and delete its own connections."""
    who = world.who()
    token, _ = _open(world, who)
    if not _lets_in(world, who, token):
        raise NotJudged(_NO_BEARER)
    answer = _with_token(world, who, token)
    world.expect(
        answer.is_good, "own", "the connections", f"HTTP {answer.status} {answer.body[:160]!r}"
    )
    guest = Principal(who.application, who.consumer_id, token)
    for connector in world.catalogue[:1]:
        for operation_id, arguments in (
            ("connectionsAdd", {"body": {"enabled": True}}),
            ("connectionsUpdate", {"body": {"metadata": {"by": "guest"}}}),
            ("connectionsOne", {}),
            ("connectionsDelete", {}),
        ):
            answer = world.call(operation_id, guest, **arguments, **connector.path)
            world.expect(answer.is_good, operation_id, "success", f"HTTP {answer.status}")
            if operation_id == "connectionsUpdate":
                held = world.call("connectionsOne", who, **connector.path).item.get("metadata")
                world.expect(held == {"by": "guest"}, "stored", "the guest's update", held)


@law(
    "VLT-SES-06",
    "sessions",
    "a JWT is signed (RFC 7519)",
    "documented",
    builds_on=("VLT-AUT-01", "VLT-AUT-02", "VLT-AUT-03"),
)
def an_altered_token_is_refused(world: World) -> None:
    """A token is signed; one with another signature or claim, or `alg: none`, is refused."""
    who = world.who()
    token, claims = _open(world, who)
    head, body, signature = (*token.split("."), "", "")[:3]
    is_signed = len(signature) > 24
    if not world.expect(is_signed, "signed", "a token with a signature", repr(signature)):
        return
    _need_let_in(world, who, token)
    flipped = _flipped(signature, 5)
    longer = _part({**claims, "exp": claims.get("exp", 0) + 86_400})
    forged = {
        "signature": _signed_like((head, body, flipped)),
        "middle of the signature": _signed_like((head, body, _flipped(signature, 20))),
        "end of the signature": _signed_like((head, body, _flipped(signature, -3))),
        "shorter signature": _signed_like((head, body, signature[:12])),
        "longer signature": _signed_like((head, body, signature + "AAAA")),
        "claims": _signed_like((head, longer, signature)),
        "no signature": _signed_like((head, body, "")),
        "alg none": _signed_like((_part({"alg": "none", "typ": "JWT"}), longer, "")),
        "alg None": _signed_like((_part({"alg": "None", "typ": "JWT"}), body, signature)),
    }
    for aspect, altered in forged.items():
        answer = _with_token(world, who, altered)
        world.expect(answer.is_refusal, aspect, "a refusal (401)", f"HTTP {answer.status}")


@law(
    "VLT-SES-07",
    "sessions",
    "temporary access of one consumer",
    "documented",
    builds_on=("VLT-AUT-02",),
)
def a_token_lets_nobody_else_in(world: World) -> None:
    """The token opens no other consumer, no other application, no list of consumers."""
    who, other = world.who("a"), world.who("b")
    world.consumer(other)
    token, _ = _open(world, who)
    _need_let_in(world, who, token)
    answer = _with_token(world, other, token)
    world.expect(answer.is_refusal, "consumer", "a refusal (401)", f"HTTP {answer.status}")
    longer = Principal(who.application, f"{who.consumer_id}+1")
    for stranger in (other, longer):
        for operation_id in ("connectionsAll", "logsAll", "sessionsCreate"):
            answer = _with_token(world, stranger, token, operation_id)
            seen = f"HTTP {answer.status}"
            world.expect(answer.is_refusal, operation_id, "a refusal (401)", seen)
    answer = _with_token(world, who, token, "consumersAll")
    world.expect(answer.is_refusal, "all consumers", "a refusal (401)", f"HTTP {answer.status}")
    guest = Principal(other.application, other.consumer_id, token)
    for operation_id, arguments in (
        ("consumersOne", {}),
        ("consumersUpdate", {"body": {"metadata": {"user_name": "guest"}}}),
        ("consumersDelete", {}),
    ):
        answer = world.call(operation_id, guest, **arguments)
        world.expect(answer.is_refusal, "consumer", "a refusal (401)", f"HTTP {answer.status}")
    theirs: tuple[tuple[str, dict[str, Any]], ...] = (
        ("connectionsOne", {}),
        ("connectionsAdd", {"body": {"enabled": True}}),
        ("connectionsUpdate", {"body": {"metadata": {"by": "guest"}}}),
        ("connectionsImport", {"body": {"metadata": {"by": "guest"}}}),
        ("connectionsDelete", {}),
    )
    for connector in world.catalogue[:1]:
        world.add(other, connector)
        for operation_id, more in theirs:
            answer = world.call(operation_id, guest, **more, **connector.path)
            seen = f"HTTP {answer.status}"
            world.expect(answer.is_refusal, operation_id, "a refusal (401)", seen)
    if len(world.target.applications) > 1:
        answer = _with_token(world, Principal(world.other_application, who.consumer_id), token)
        world.expect(answer.is_refusal, "application", "a refusal (401)", f"HTTP {answer.status}")


@law(
    "VLT-SES-08",
    "sessions",
    _LIFE,
    "contract",
    builds_on=("VLT-SES-02", "VLT-SES-06", "VLT-AUT-01", "VLT-AUT-02"),
)
def an_expired_token_is_refused(world: World) -> None:
    """A token is refused once it has expired."""
    who = world.who()
    _need_let_in(world, who, _open(world, who)[0])
    answer = world.call("sessionsCreate", who, body={"settings": {"session_length": "1s"}})
    world.need(answer.is_good, "sessions of a second are not offered")
    token = str(answer.item.get("session_token"))
    claims = claims_of(token)
    world.need(
        0 < claims.get("exp", 0) - claims.get("iat", 0) <= 3, "sessions of a second are not offered"
    )
    _with_token(world, who, token)  # what was found right once has to be judged again
    world.target.clock.sleep(claims["exp"] - claims["iat"] + 1.2)
    answer = _with_token(world, who, token)
    world.expect(answer.is_refusal, "expired", "a refusal (401)", f"HTTP {answer.status}")
    guest = Principal(who.application, who.consumer_id, token)
    answer = world.call("sessionsCreate", guest)
    world.expect(answer.is_refusal, "renewed", "a refusal (401)", f"HTTP {answer.status}")
    for connector in world.catalogue[:1]:
        answer = world.call("connectionsAdd", guest, body={"enabled": True}, **connector.path)
        world.expect(answer.is_refusal, "writes", "a refusal (401)", f"HTTP {answer.status}")


@law("VLT-SES-09", "sessions", "ConsumerId: Vault will upsert a consumer", "documented")
def a_session_creates_its_consumer(world: World) -> None:
    """A session of a consumer that does not exist creates it, with the metadata that was given."""
    who = world.who()
    _open(world, who, consumer_metadata={"user_name": world.nonce})
    answer = world.call("consumersOne", who)
    if world.expect(answer.is_good, "upsert", "the consumer", f"HTTP {answer.status}"):
        name = (answer.item.get("metadata") or {}).get("user_name")
        world.expect(name in {world.nonce, None}, "metadata", world.nonce, name)


@law("VLT-SES-10", "sessions", _CLAIMS, "seen in clients")
def a_token_carries_what_was_asked_for(world: World) -> None:
    """What was asked for is in the token, and not in that of the next session."""
    who = world.who()
    wanted = {
        "redirect_uri": "https://app.conformance.example/back",
        "settings": {"unified_apis": ["crm"], "show_logs": False, "allow_actions": ["delete"]},
        "theme": {"vault_name": f"Ada's {world.nonce}", "primary_color": "#286efa"},
        "consumer_metadata": {"user_name": "Ada " + "Lovelace" * 40},
        "custom_consumer_settings": {
            "flag": True,
            "rates": [{"id": world.nonce}],
            "off": False,
            "zero": 0,
            "empty": "",
            "null": None,
        },
    }
    _, claims = _open(world, who, **wanted)
    world.expect(
        claims.get("redirect_uri") == wanted["redirect_uri"],
        "redirect_uri",
        str(wanted["redirect_uri"]),
        claims.get("redirect_uri"),
    )
    for name in ("settings", "theme", "consumer_metadata", "custom_consumer_settings"):
        found, asked = claims.get(name), wanted[name]
        kept = (
            isinstance(found, dict)
            and isinstance(asked, dict)
            and all(found.get(k) == v for k, v in asked.items())
        )
        world.expect(kept, name, str(asked), found)
    _, later = _open(world, who)
    for name in ("theme", "custom_consumer_settings"):
        left = world.nonce in json.dumps(later.get(name))
        world.expect(not left, f"{name} again", "nothing of an earlier session", later.get(name))
    _, claims = _open(world, world.who("b"))
    for name in ("settings", "theme", "consumer_metadata"):
        both = _texts(claims.get(name)) & _texts(wanted[name])
        world.expect(not both, f"{name} of another", "nothing of another session", sorted(both))
    flag = claims.get("settings")
    hidden = isinstance(flag, dict) and flag.get("show_logs") is False
    world.expect(not hidden, "settings of another", "nothing of another session", flag)


def _texts(value: object) -> set[str]:
    rows = value.items() if isinstance(value, dict) else ()
    return {f"{name}: {item}" for name, item in rows if isinstance(item, str)}


@law(
    "VLT-SES-12",
    "sessions",
    "ConsumerId: Vault will upsert a consumer",
    "documented",
    builds_on=("VLT-SES-09", "VLT-CSM-02"),
)
def a_session_leaves_its_consumer_as_it_was(world: World) -> None:
    """A session without metadata of its own leaves the consumer's metadata as it is."""
    who = world.who()
    world.consumer(who, metadata={"user_name": world.nonce, "email": "ada@example.com"})
    before = world.call("consumersOne", who).item.get("metadata")
    ways: tuple[dict[str, Any], ...] = (
        {},
        {"body": {}},
        {"body": {"settings": {"session_length": "30m"}}},
    )
    for arguments in ways:
        answer = world.call("sessionsCreate", who, **arguments)
        world.need(answer.is_good, "a session cannot be created")
        after = world.call("consumersOne", who).item.get("metadata")
        world.expect(after == before, "metadata", str(before), after)
