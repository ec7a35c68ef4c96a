"""OAuth: links, states, consents and redirects."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

from conformance.failures import Answer, Request
from conformance.laws.registry import law
from conformance.laws.sessions import claims_of
from conformance.laws.world import (
    NO_CONSENT,
    RETURN_URL,
    Connector,
    NotJudged,
    World,
    difference,
    state_of,
)
from conformance.target import Principal

_URL = "Connection.authorize_url (oauth2 with authorization_code)"
_STATE = "state: prevents CSRF attacks; OAuthInvalidStateError"
_FLOW = "connectionsAuthorize, connectionsCallback"
_LINK = ("VLT-OAU-01",)
_CONSENT = ("VLT-OAU-01", "VLT-OAU-04")


def _ready(
    world: World, *, complete: bool = True, revocable: bool = False
) -> tuple[Principal, Connector, str]:
    """Add a connection that waits for consent; return its authorize link."""
    del revocable
    rows = [c for c in world.catalogue if c.redirects]
    world.need(rows, "no connector asks for consent")
    if complete:
        rows = [c for c in rows if not any(f.get("type") == "select" for f in c.required)] or rows
    else:
        rows = [c for c in rows if c.required and not c.before]
        world.need(rows, "no connector needs a field after the consent")
    who, rows = world.who(), sorted(rows, key=lambda c: c.service_id)
    connector, url = linked(world, [who], rows, complete=complete)
    return who, connector, url[0]


def linked(
    world: World, people: list[Principal], rows: list[Connector], *, complete: bool = True
) -> tuple[Connector, list[str]]:
    """Add a connection for each, to one of a few connectors that has links.

    An integration without its client id and secret has none, and need not say that it lacks them.
    """
    some = world.rng.sample(rows, min(4, len(rows)))
    for connector in some[:-1]:
        try:
            return connector, [link(world, w, connector, complete=complete) for w in people]
        except NotJudged:
            continue
    return some[-1], [link(world, w, some[-1], complete=complete) for w in people]


def link(world: World, who: Principal, connector: Connector, *, complete: bool = True) -> str:
    """Add a connection, fill what it asks for, and return its authorize link."""
    world.add(who, connector)
    values = world.filled(connector) if complete else {}
    values |= {n: v for n, v in wanted_before(world, connector).items() if n not in values}
    if values:
        world.patch(who, connector, settings=values)
    url = world.one(who, connector).get("authorize_url")
    world.need(
        isinstance(url, str) and state_of(str(url)),
        "the connection has no authorize_url with a state",
    )
    return str(url)


def wanted_before(world: World, connector: Connector) -> dict[str, str]:
    """Return values for the settings that authorization requires."""
    return {
        name: f"https://{world.nonce}.example.com" if "url" in name else f"shop{world.nonce}"
        for name in connector.before
    }


def with_state(world: World, url: str, state: str) -> Request:
    """Return the request of a link with another state, and the address to come back to."""
    first = world.target.follow(url)
    pairs = tuple((n, v) for n, v in first.query if n not in {"state", "redirect_uri"})
    return replace(first, query=(*pairs, ("state", state), ("redirect_uri", RETURN_URL)))


def has_failed(answer: Answer) -> bool:
    """Whether a step of OAuth was refused: by status, or by a redirect that says so."""
    if answer.is_refusal:
        return True
    query = parse_qs(urlsplit(answer.location).query)
    return bool({"error_type", "error"} & set(query))


def altered(state: str) -> dict[str, str]:
    """Return states that nobody may accept: another signature, no signature, nonsense."""
    head, _, signature = state.rpartition(".")
    if head.count(".") != 1 or len(signature) < 12:
        return {
            "altered": state[:-4] + ("AAAA" if not state.endswith("AAAA") else "BBBB"),
            "nonsense": "no-state",
        }
    return {
        "signature": f"{head}.{_flipped(signature, 5)}",
        "middle": f"{head}.{_flipped(signature, len(signature) // 2)}",
        "end": f"{head}.{_flipped(signature, len(signature) - 3)}",
        "cut": f"{head}.{signature[:12]}",
        "unsigned": f"{head}.",
        "nonsense": "no-state",
    }


def _flipped(signature: str, place: int) -> str:
    other = "B" if signature[place] != "B" else "C"
    return signature[:place] + other + signature[place + 1 :]


@law("VLT-OAU-01", "oauth", _URL, builds_on=("VLT-CNX-02",))
def only_oauth_connections_can_be_authorized(world: World) -> None:
    """A connection has an authorize_url if, and only if, a person gives consent for it."""
    who = world.who()
    with_consent = [c for c in world.catalogue if c.redirects and not c.before]
    without = [c for c in world.catalogue if not c.redirects]
    world.need(with_consent or without, "the catalogue is empty")
    silent: list[str] = []
    for connector in with_consent[:4]:
        world.add(who, connector)
        item = world.one(who, connector)
        url = item.get("authorize_url")
        if not url and "integration_state" not in item:
            silent.append(connector.name)  # it may lack its client id and secret
            continue
        world.expect(isinstance(url, str) and url, "missing", "an authorize_url", url)
        if isinstance(url, str):
            ends = f"/vault/authorize/{connector.service_id}/{who.application.id}"
            world.expect(urlsplit(url).path.endswith(ends), "path", ends, url)
            world.expect(state_of(url), "state", "a state in the link", url)
    if silent and len(silent) == len(with_consent[:4]):
        world.expect(False, "missing", "an authorize_url", f"none for {silent}")
    for kind in ("apiKey", "basic", "none", "custom"):
        for connector in [c for c in without if c.auth_type == kind][:1]:
            world.add(who, connector)
            url = world.one(who, connector).get("authorize_url")
            world.expect(not url, "surplus", f"no authorize_url with {kind}", url)
    for grant in ("client_credentials", "password"):
        for connector in [c for c in without if c.grant == grant][:1]:
            world.add(who, connector)
            world.patch(who, connector, settings=world.settings(connector))
            url = world.one(who, connector).get("authorize_url")
            world.expect(not url, "surplus", f"no authorize_url with {grant}", url)


@law(
    "VLT-OAU-02",
    "oauth",
    "settings_required_for_authorization",
    "seen in clients",
    builds_on=(*_LINK, "VLT-CNX-05"),
)
def a_link_waits_for_the_settings_it_needs(world: World) -> None:
    """authorize_url is absent until the settings that authorization requires are stored."""
    rows = [c for c in world.catalogue if c.redirects and c.before]
    world.need(rows, "no connector requires settings for authorization")
    who, connector = world.who(), world.rng.choice(rows)
    world.add(who, connector)
    url = world.one(who, connector).get("authorize_url")
    world.expect(not url, "early", "no authorize_url", url)
    values = {**world.settings(connector), **wanted_before(world, connector)}
    world.patch(who, connector, settings=values)
    url = world.one(who, connector).get("authorize_url")
    world.expect(url, "late", "an authorize_url", url)


@law("VLT-OAU-03", "oauth", _FLOW, "contract", builds_on=_LINK)
def the_authorize_link_leads_to_the_provider(world: World) -> None:
    """The link needs no key, and redirects to the provider with the scope."""
    _, _, url = _ready(world)
    first = world.target.follow(url)
    more = (("redirect_uri", RETURN_URL), ("scope", "openid leads:write"))
    answer = world.send("connectionsAuthorize", replace(first, query=(*first.query, *more)))
    redirects = 300 <= answer.status < 400 and answer.location
    if not world.expect(
        redirects,
        "redirect",
        "a redirect to the provider",
        f"HTTP {answer.status} {answer.location}",
    ):
        return
    world.expect(
        not answer.location.startswith(RETURN_URL), "skipped", "the provider first", answer.location
    )
    query = parse_qs(urlsplit(answer.location).query, keep_blank_values=True)
    if {"scope", "client_id"} & set(query) or not world.target.is_own(answer.location):
        world.expect(
            all(name in unquote_plus(answer.location) for name in ("openid", "leads:write")),
            "scope",
            "both scopes handed on",
            answer.location,
        )


@law(
    "VLT-OAU-04",
    "oauth",
    "guide: connection states",
    builds_on=("VLT-OAU-01", "VLT-ISO-13", "VLT-OAU-14"),
)
def a_given_consent_makes_a_connection_callable(world: World) -> None:
    """After consent the browser is back, and the connection is callable, with its settings."""
    who, connector, url = _ready(world)
    kept = {"settings": {"extra": world.nonce}, "metadata": {"mark": world.nonce}}
    world.patch(who, connector, **kept)
    location, _ = world.consent(url)
    parts = urlsplit(location)
    world.expect(
        f"{parts.scheme}://{parts.netloc}{parts.path}" == RETURN_URL, "place", RETURN_URL, location
    )
    world.expect("error" not in parse_qs(parts.query), "error", "no error", location)
    item = world.one(who, connector)
    state = item.get("state")
    world.expect(state in {"callable", "authorized"}, "state", "callable", state)
    if not connector.required:
        world.expect(state == "callable", "callable", "callable: nothing is missing", state)
    for name, values in kept.items():
        seen = item.get(name) or {}
        same = values.items() <= seen.items()
        world.expect(same, name, f"{name} as they were: {values}", seen)


@law(
    "VLT-OAU-05",
    "oauth",
    "guide: connection states (authorized)",
    builds_on=(*_CONSENT, "VLT-CNX-10", "VLT-CNX-05"),
)
def a_consent_without_a_required_field_is_not_enough(world: World) -> None:
    """With a required field empty, consent makes authorized; the field makes callable."""
    rows = [c for c in world.catalogue if c.redirects and c.required and not c.before]
    rows = [c for c in rows if not any(f.get("hidden") for f in c.required)]
    for index, connector in enumerate(world.rng.sample(rows, len(rows))[:6]):
        who = world.who(f"f{index}")
        world.consent(link(world, who, connector, complete=False))
        item = world.one(who, connector)
        fields = [f for f in item.get("form_fields") or () if isinstance(f, dict)]
        if any(f.get("required") and f.get("value") in {None, ""} for f in fields):
            break
    else:
        raise NotJudged("no connector needs a field after the consent")
    world.expect(item.get("state") == "authorized", "authorized", "authorized", item.get("state"))
    fresh = replace(
        connector,
        required=tuple(
            f for f in item.get("form_fields") or () if isinstance(f, dict) and f.get("required")
        ),
    )
    world.patch(who, connector, settings=world.settings(fresh))
    state = world.one(who, connector).get("state")
    world.expect(
        state in ({"callable", "invalid"} if connector.validates else {"callable"}),
        "callable",
        "callable",
        state,
    )


@law(
    "VLT-OAU-06",
    "oauth",
    "failure: error_type, error_message, origin on the redirect",
    "seen in clients",
    builds_on=(*_LINK, "VLT-CNX-10", "VLT-OAU-04"),
)
def a_denied_consent_is_told_and_changes_nothing(world: World) -> None:
    """After a denial the browser is back with error_type, and the connection is as it was."""
    who, connector, url = _ready(world)
    way = world.target.capabilities.get("consent")
    world.need(way, NO_CONSENT)
    world.patch(who, connector, settings={"extra": "s"}, metadata={"mark": world.nonce})
    before = _standing(world, who, connector)
    if way == "mock":
        location, _ = world.consent(url, "deny")
        _told_back(world, location)
        if not _is_standing(world, who, connector, before):
            return
        url = str(world.one(who, connector).get("authorize_url") or "")
        world.need(state_of(url), "a denied connection has no link")
    _deny_at_the_callback(world, url)
    if not _is_standing(world, who, connector, before):
        return
    url = str(world.one(who, connector).get("authorize_url") or "")
    world.need(state_of(url), "a denied connection has no link")
    world.consent(url)
    given = _standing(world, who, connector)
    state = given["state"]
    if not world.expect(
        state != before["state"], "again", "a consent after the denial counts", state
    ):
        return
    url = str(world.one(who, connector).get("authorize_url") or "")
    if state_of(url):  # whoever is asked once more may say no, and keeps what there is
        _deny_at_the_callback(world, url)
        _is_standing(world, who, connector, given)


def _deny_at_the_callback(world: World, url: str) -> None:
    answer = world.denied(url)
    if not answer.is_refusal and answer.location:
        _told_back(world, answer.location)


def _standing(world: World, who: Principal, connector: Connector) -> dict[str, Any]:
    item = world.one(who, connector)
    names = ("state", "settings", "metadata", "enabled")
    return {name: item.get(name) for name in names}


def _is_standing(
    world: World, who: Principal, connector: Connector, before: dict[str, Any]
) -> bool:
    after = _standing(world, who, connector)
    told = difference(before, after)
    return world.expect(after == before, "state", "the connection as it was", told)


@law(
    "VLT-OAU-22",
    "oauth",
    "state: names the consumer of the flow",
    "documented",
    builds_on=(*_CONSENT, "VLT-ISO-01", "VLT-CNX-10", "VLT-OAU-20"),
)
def flows_at_the_same_time_are_apart(world: World) -> None:
    """Of two flows begun one after the other, each ends for its own connection and address."""
    rows = [c for c in world.catalogue if c.redirects and not c.required]
    rows = rows or [c for c in world.catalogue if c.redirects]
    world.need(rows, "no connector asks for consent")
    people = [world.who("first"), world.who("second")]
    places = [f"{RETURN_URL}?flow={world.nonce}{index}" for index in range(2)]
    connector, urls = linked(world, people, rows)
    steps = [world.until_callback(u, place) for u, place in zip(urls, places, strict=True)]
    answer = world.followed(world.send("connectionsCallback", steps[0]))
    flow = parse_qs(urlsplit(answer.location).query).get("flow")
    world.expect(flow == [f"{world.nonce}0"], "place", places[0], answer.location)
    states = [str(world.one(who, connector).get("state")) for who in people]
    on = [state in {"callable", "authorized"} for state in states]
    world.expect(on == [True, False], "consumer", "only the first is connected", states)
    if on != [True, False]:
        return
    who = world.who("both")
    pair = [*[c for c in rows if c.name != connector.name][:1], connector]
    begun: list[tuple[Connector, Request]] = []
    for row in pair if len(pair) > 1 else ():
        try:
            begun.append((row, world.until_callback(link(world, who, row))))
        except NotJudged:
            return
    for row, step in begun:
        world.followed(world.send("connectionsCallback", step))
        state = world.one(who, row).get("state")
        fine = state in {"callable", "authorized"}
        world.expect(fine, "one consumer", f"{row.name} is connected", state)


@law(
    "VLT-OAU-23",
    "oauth",
    "guide: connection states (added)",
    builds_on=(*_LINK, "VLT-CNX-05", "VLT-CNX-10"),
)
def settings_alone_authorize_nothing(world: World) -> None:
    """A connection that asks for consent is `added` until it is given, whatever is filled in."""
    rows = [c for c in world.catalogue if c.redirects]
    world.need(rows, "no connector asks for consent")
    rows = [c for c in rows if world.filled(c).keys() == world.settings(c).keys()] or rows
    rows = [c for c in rows if c.required] or rows
    who, connector = world.who(), world.rng.choice(rows)
    link(world, who, connector)
    state = world.one(who, connector).get("state")
    world.expect(state == "added", "state", "added", state)


def _told_back(world: World, location: str) -> None:
    told = {"error_type", "error"} & set(parse_qs(urlsplit(location).query))
    world.expect(location.startswith(RETURN_URL), "place", RETURN_URL, location)
    world.expect(told, "error", "error_type on the redirect", location)


@law("VLT-OAU-07", "oauth", _STATE, builds_on=_LINK)
def an_altered_state_is_refused(world: World) -> None:
    """Authorize, callback and revoke refuse a state that is altered, unsigned or none."""
    who, connector, url = _ready(world)
    before = world.one(who, connector).get("state")
    for aspect, state in altered(state_of(url)).items():
        answer = world.send("connectionsAuthorize", with_state(world, url, state))
        world.expect(
            has_failed(answer),
            f"authorize {aspect}",
            "a refusal",
            f"HTTP {answer.status} {answer.location}",
        )
        request = Request(
            "GET", "/vault/callback", (("state", state), ("code", "conformance-code"))
        )
        answer = world.send("connectionsCallback", request)
        world.expect(
            has_failed(answer),
            f"callback {aspect}",
            "a refusal",
            f"HTTP {answer.status} {answer.location}",
        )
        revoke = url.replace("/vault/authorize/", "/vault/revoke/")
        answer = world.send("connectionsRevoke", with_state(world, revoke, state))
        world.expect(
            has_failed(answer),
            f"revoke {aspect}",
            "a refusal",
            f"HTTP {answer.status} {answer.location}",
        )
    after = world.one(who, connector).get("state")
    world.expect(after == before, "changed", str(before), after)


@law("VLT-OAU-08", "oauth", _STATE, builds_on=(*_CONSENT, "VLT-OAU-07"))
def a_state_can_be_used_once(world: World) -> None:
    """The callback of a flow that has ended is refused when it is sent again."""
    _, _, url = _ready(world)
    world.consent(url)
    calls = [e for e in world.exchanges if e.operation_id == "connectionsCallback"]
    world.need(calls and not has_failed(calls[-1].answer), "no callback was seen")
    answer = world.send("connectionsCallback", calls[-1].request)
    world.expect(
        has_failed(answer), "replayed", "a refusal", f"HTTP {answer.status} {answer.location}"
    )


@law("VLT-OAU-09", "oauth", _STATE, builds_on=(*_LINK, "VLT-OAU-07"))
def a_state_is_bound_to_its_link(world: World) -> None:
    """A state is refused for another connector and for another application."""
    _, connector, url = _ready(world)
    others = [c for c in world.catalogue if c.redirects and c.service_id != connector.service_id]
    others.sort(key=lambda c: c.unified_api != connector.unified_api)
    paths = []
    if others:
        paths.append(("service", others[0].service_id, world.application.id))
    if len(world.target.applications) > 1:
        paths.append(("application", connector.service_id, world.other_application.id))
    world.need(paths, "there is no other connector and no other application")
    for aspect, service, application in paths:
        for verb, operation_id in (
            ("authorize", "connectionsAuthorize"),
            ("revoke", "connectionsRevoke"),
        ):
            request = with_state(world, url, state_of(url))
            answer = world.send(
                operation_id, replace(request, path=f"/vault/{verb}/{service}/{application}")
            )
            world.expect(
                has_failed(answer),
                f"{verb} {aspect}",
                "a refusal",
                f"HTTP {answer.status} {answer.location}",
            )


@law(
    "VLT-OAU-10",
    "oauth",
    "redirects lead back to a page (OAuthRedirectUriError)",
    "documented",
    builds_on=_LINK,
)
def a_redirect_never_leads_to_a_script(world: World) -> None:
    """A redirect_uri that is no http(s) address is refused, or at least never followed."""
    _, _, url = _ready(world)
    first = world.target.follow(url)
    for bad in (
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>1</script>",
        "vbscript:x",
        "file:///etc/passwd",
    ):
        answer = world.send(
            "connectionsAuthorize", replace(first, query=(*first.query, ("redirect_uri", bad)))
        )
        if (
            world.target.capabilities.get("consent")
            and not has_failed(answer)
            and answer.status < 400
        ):
            more = (("redirect_uri", bad), ("mock_consent", "approve"))
            answer = world.send("connectionsAuthorize", replace(first, query=(*first.query, *more)))
            for _ in range(4):
                if not (answer.location and world.target.is_own(answer.location)) or urlsplit(
                    answer.location
                ).scheme not in {"http", "https"}:
                    break
                step = world.target.follow(answer.location)
                operation = world.target.contract.operation_at("GET", step.path)
                named = operation.operation_id if operation else "provider"
                answer = world.send(named, step)
        scheme = urlsplit(answer.location).scheme.lower()
        world.expect(
            scheme in {"", "http", "https"},
            "script",
            "a refusal",
            f"HTTP {answer.status} {answer.location}",
        )


@law(
    "VLT-OAU-11",
    "oauth",
    "the redirect_uri of the authorize link counts",
    "documented",
    builds_on=_CONSENT,
)
def the_callback_leads_to_no_other_place(world: World) -> None:
    """A redirect_uri on the callback is not followed; the final address is the given one."""
    _, _, url = _ready(world)
    step = world.until_callback(url)
    evil = replace(step, query=(*step.query, ("redirect_uri", "https://evil.example/steal")))
    answer = world.send("connectionsCallback", evil)
    host = urlsplit(answer.location).netloc
    world.expect(host != "evil.example", "evil", RETURN_URL, answer.location)
    if not answer.is_refusal:
        world.expect(answer.location.startswith(RETURN_URL), "place", RETURN_URL, answer.location)


@law(
    "VLT-OAU-12",
    "oauth",
    "OAuth 2.0 Security BCP: no token in a URL",
    "documented",
    builds_on=_CONSENT,
)
def no_redirect_carries_a_token(world: World) -> None:
    """The final redirect carries no token and no code."""
    _, _, url = _ready(world)
    location, _ = world.consent(url)
    parts = urlsplit(location)
    names = set(parse_qs(parts.query)) | set(parse_qs(parts.fragment))
    world.expect(
        not names & {"access_token", "refresh_token", "code", "id_token"},
        "token",
        "no token",
        location,
    )


@law(
    "VLT-OAU-13",
    "oauth",
    "connectionsRevoke; vault.connection.revoked",
    builds_on=(*_CONSENT, "VLT-OAU-07", "VLT-CNX-10", "VLT-CNX-26"),
)
def a_revoked_connection_is_added_again(world: World) -> None:
    """After a revocation the browser is back, and the connection waits for consent."""
    rows = [
        c
        for c in world.catalogue
        if c.redirects and not any(f.get("type") == "select" for f in c.required)
    ]
    world.need(rows, "no connector asks for consent")
    for index, connector in enumerate(rows[:40]):
        who = world.who(f"r{index}")
        try:
            world.consent(link(world, who, connector))
        except NotJudged:
            continue
        revoke_url = world.one(who, connector).get("revoke_url")
        if isinstance(revoke_url, str) and revoke_url:
            break
    else:
        raise NotJudged("no connection can be revoked")
    request = with_state(world, str(revoke_url), state_of(str(revoke_url)))
    answer = world.followed(world.send("connectionsRevoke", request))
    world.expect(
        answer.location.startswith(RETURN_URL),
        "place",
        RETURN_URL,
        f"HTTP {answer.status} {answer.location}",
    )
    item = world.one(who, connector)
    world.expect(item.get("state") == "added", "state", "added", item.get("state"))
    left = item.get("revoke_url")
    world.expect(not left, "revoke_url", "no revoke_url any more", left)


@law("VLT-OAU-14", "oauth", "state is a JWT of its connection", "seen in clients", builds_on=_LINK)
def a_state_names_its_connection(world: World) -> None:
    """A state that is a JWT names consumer, application and service of its connection."""
    who, connector, url = _ready(world)
    same = [c for c in world.catalogue if c.redirects and not c.before]
    doubled = [c for c in same if len([d for d in same if d.service_id == c.service_id]) > 1]
    claims = claims_of(state_of(url), "the state")
    _names(world, claims, who, connector)
    for other in doubled[:4]:
        claims_there = claims_of(state_of(link(world, who, other)), "the state")
        _names(world, claims_there, who, other)
    world.need(world.judged, "the state names nothing")
    ends, issued = claims.get("exp"), claims.get("iat", 0)
    timed = isinstance(ends, int | float) and ends > issued
    world.expect(timed, "expiry", "a state that expires (exp)", ends)


def _names(world: World, claims: dict[str, Any], who: Principal, connector: Connector) -> None:
    wanted = {
        "consumer_id": who.consumer_id,
        "application_id": who.application.id,
        "service_id": connector.service_id,
        "unified_api": connector.unified_api,
    }
    for name, value in wanted.items():
        if name in claims:
            world.expect(claims[name] == value, name, value, claims[name])


@law("VLT-OAU-15", "oauth", _FLOW, "documented", builds_on=_LINK)
def a_link_of_nobody_is_refused(world: World) -> None:
    """Authorize and revoke refuse an application or a service that does not exist."""
    _, connector, url = _ready(world)
    unknown = f"no-such-{world.nonce}"
    for verb, operation_id in (
        ("authorize", "connectionsAuthorize"),
        ("revoke", "connectionsRevoke"),
    ):
        for service, app in ((connector.service_id, unknown), (unknown, world.application.id)):
            request = with_state(world, url, state_of(url))
            path = f"/vault/{verb}/{service}/{app}"
            answer = world.send(operation_id, replace(request, path=path))
            seen = f"HTTP {answer.status} {answer.location}"
            world.expect(has_failed(answer), verb, "a refusal", seen)


@law(
    "VLT-OAU-16",
    "oauth",
    "revoke_url: when authorized",
    "seen in clients",
    builds_on=(*_LINK, "VLT-CNX-10"),
)
def only_what_was_authorized_can_be_revoked(world: World) -> None:
    """A connection that waits for consent has no revoke_url."""
    rows = [c for c in world.catalogue if c.redirects and not c.before]
    world.need(rows, "no connector asks for consent")
    who = world.who()
    for connector in rows[:6]:
        world.add(who, connector)
        url = world.one(who, connector).get("revoke_url")
        world.expect(not url, "early", "no revoke_url", url)


@law("VLT-OAU-20", "oauth", _FLOW, "documented", builds_on=_CONSENT)
def the_browser_comes_back_to_the_whole_address(world: World) -> None:
    """The query of a redirect_uri is kept, and each flow leads back to its own address."""
    who, connector, url = _ready(world)
    odd = f"{RETURN_URL}/second?to=%2Fa%3Fb%26c%3D1&name=%C3%BC+x"
    for turn, address in enumerate((f"{RETURN_URL}/first?step=1&of=two", odd)):
        location, _ = world.consent(url, back=address)
        parts, want = urlsplit(location), urlsplit(address)
        seen = f"{parts.scheme}://{parts.netloc}{parts.path}"
        world.expect(seen == address.partition("?")[0], "address", address, location)
        found = parse_qsl(parts.query, keep_blank_values=True)
        lost = [p for p in parse_qsl(want.query) if p not in found]
        world.expect(not lost, "query", address, location)
        if turn == 0:
            url = str(world.one(who, connector).get("authorize_url") or "")
            world.need(state_of(url), "an authorized connection has no authorize_url")


@law("VLT-OAU-18", "oauth", _FLOW, "contract", builds_on=(*_CONSENT, "VLT-OAU-07"))
def a_callback_without_a_code_is_no_consent(world: World) -> None:
    """A callback with a right state and no code, a forged one, or an error authorizes nothing."""
    who, connector, url = _ready(world)
    before = world.one(who, connector).get("state")
    way = world.target.capabilities.get("consent")
    world.need(way, NO_CONSENT)
    forged: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
        ("forged code", (("code", f"conformance-{world.nonce}"),)),
    )
    for aspect, pairs in (
        *(forged if way != "code" else ()),
        ("no code", ()),
        ("empty code", (("code", ""),)),
        ("error", (("error", "access_denied"), ("error_description", "The consumer denied"))),
    ):
        first = world.target.follow(url)
        asked = replace(first, query=(*first.query, ("redirect_uri", RETURN_URL)))
        answer = world.send("connectionsAuthorize", asked)
        state = state_of(answer.location) or state_of(url)
        request = Request("GET", "/vault/callback", (("state", state), *pairs))
        world.send("connectionsCallback", request)
        seen = world.one(who, connector).get("state")
        if not world.expect(seen == before, aspect, str(before), seen):
            return


@law(
    "VLT-OAU-19",
    "oauth",
    "connectionsRevoke",
    "documented",
    builds_on=(*_CONSENT, "VLT-OAU-13", "VLT-OAU-16"),
)
def a_revocation_is_of_one_connection_and_not_for_ever(world: World) -> None:
    """A revocation leaves all other connections, be they of others, and a new consent undoes it."""
    rows = [c for c in world.catalogue if c.redirects and not c.required]
    world.need(len(rows) > 1, "no two connectors ask for consent alone")
    who = world.who()
    found: list[tuple[Connector, str]] = []
    for connector in world.rng.sample(rows, len(rows))[:12]:
        world.consent(link(world, who, connector))
        revoke_url = world.one(who, connector).get("revoke_url")
        if (isinstance(revoke_url, str) and revoke_url) or not found:
            found.append((connector, str(revoke_url or "")))
        if len(found) > 1 and found[-1][1]:
            break
    world.need(len(found) > 1 and found[-1][1], "no connection can be revoked")
    (kept, _), (connector, revoke_url) = found[0], found[-1]
    before = world.one(who, kept).get("state")
    other = world.who("b")
    world.consent(link(world, other, connector))
    held = world.one(other, connector).get("state")
    world.followed(
        world.send("connectionsRevoke", with_state(world, revoke_url, state_of(revoke_url)))
    )
    after = world.one(who, kept).get("state")
    world.expect(after == before, "others", str(before), after)
    after = world.one(other, connector).get("state")
    world.expect(after == held, "other consumers", str(held), after)
    url = str(world.one(who, connector).get("authorize_url") or "")
    world.need(state_of(url), "a revoked connection has no authorize_url")
    world.consent(url)
    state = world.one(who, connector).get("state")
    world.expect(state == "callable", "again", "callable", state)
    url = str(world.one(who, connector).get("revoke_url") or "")
    if state != "callable" or not state_of(url):
        return
    world.followed(world.send("connectionsRevoke", with_state(world, url, state_of(url))))
    state = world.one(who, connector).get("state")
    world.expect(state != "callable", "second time", "added", state)
