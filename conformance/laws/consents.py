"""Consents: what a flow leaves of a connection, and where it leads when it fails."""

from dataclasses import replace
from urllib.parse import urlsplit

from conformance.laws.oauth import has_failed, link, with_state
from conformance.laws.registry import law
from conformance.laws.sessions import claims_of
from conformance.laws.world import (
    NO_CONSENT,
    RETURN_URL,
    Connector,
    World,
    difference,
    state_of,
    still,
)

_FLOW = "connectionsAuthorize, connectionsCallback"
_CONSENT = ("VLT-OAU-01", "VLT-OAU-04")
_GIVEN = frozenset({"state", "form_fields", "settings", "configuration"})


def _row(world: World) -> Connector:
    rows = [c for c in world.catalogue if c.redirects and not c.required and not c.before]
    rows = rows or [c for c in world.catalogue if c.redirects and not c.before]
    world.need(rows, "no connector asks for consent")
    return world.rng.choice(rows)


@law(
    "VLT-OAU-24",
    "oauth",
    "Connection.enabled, settings and metadata; guide: connection states",
    "documented",
    builds_on=(*_CONSENT, "VLT-CNX-06", "VLT-CNX-12", "VLT-CNX-24"),
)
def a_consent_keeps_what_was_stored(world: World) -> None:
    """A consent, also of a disabled connection, leaves its settings, metadata and enabled."""
    who, connector = world.who(), _row(world)
    link(world, who, connector)
    world.patch(
        who, connector, settings={"extra": "s"}, metadata={"mark": world.nonce}, enabled=False
    )
    before = world.one(who, connector)
    url = str(before.get("authorize_url") or "")
    world.need(state_of(url), "a disabled connection has no authorize_url")
    world.consent(url)
    after = world.one(who, connector)
    kept = {name: value for name, value in still(before).items() if name not in _GIVEN}
    seen = {name: after.get(name) for name in kept}
    world.expect(seen == kept, "kept", "as before the consent", difference(kept, seen))
    extra = (after.get("settings") or {}).get("extra")
    world.expect(extra == "s", "settings", "extra s", after.get("settings"))


@law(
    "VLT-OAU-25",
    "oauth",
    "failure: error_type, error_message, origin on the redirect",
    "seen in clients",
    builds_on=("VLT-OAU-01", "VLT-OAU-06", "VLT-OAU-20"),
)
def a_failure_comes_back_to_the_whole_address(world: World) -> None:
    """The query of a redirect_uri is kept where a denial is told on it."""
    connector, address = _row(world), f"{RETURN_URL}/first?step=1&of=two"
    way = world.target.capabilities.get("consent")
    world.need(way, NO_CONSENT)
    found = [world.denied(link(world, world.who("b"), connector), address).location]
    if way == "mock":
        found.append(world.consent(link(world, world.who(), connector), "deny", address)[0])
    for location in found:
        if not location.startswith(RETURN_URL):
            continue
        query = urlsplit(location).query.split("&")
        lost = [pair for pair in ("step=1", "of=two") if pair not in query]
        world.expect(not lost, "query", "step=1&of=two beside the error", location)
    world.need(world.judged, "the callback takes no error of a provider here")


@law(
    "VLT-OAU-26",
    "oauth",
    "state is a JWT of its connection",
    "seen in clients",
    builds_on=("VLT-OAU-01", "VLT-OAU-14", "VLT-ISO-13"),
)
def each_consumer_has_a_link_of_its_own(world: World) -> None:
    """The links of two consumers to one connector, untouched or added, are not the same."""
    connector = _row(world)
    first, second = world.who("first"), world.who("second")
    for step in ("untouched", "added"):
        if step == "added":
            world.add(first, connector)
            world.add(second, connector)
        urls = [
            str(world.one(who, connector).get("authorize_url") or "") for who in (first, second)
        ]
        states = [state_of(url) for url in urls]
        world.expect(not any(states) or states[0] != states[1], step, "two states", urls)


@law(
    "VLT-OAU-27",
    "oauth",
    "state: prevents CSRF attacks; OAuthInvalidStateError",
    "documented",
    builds_on=("VLT-OAU-01", "VLT-OAU-07", "VLT-SES-01"),
)
def a_session_token_is_no_state(world: World) -> None:
    """Authorize and revoke refuse a session token of the consumer as state."""
    who, connector = world.who(), _row(world)
    url = link(world, who, connector)
    answer = world.call("sessionsCreate", who)
    world.need(answer.is_good, "a session cannot be created")
    token = str(answer.item.get("session_token", ""))
    claims_of(token)
    for verb, operation_id in (
        ("authorize", "connectionsAuthorize"),
        ("revoke", "connectionsRevoke"),
    ):
        request = with_state(world, url.replace("/vault/authorize/", f"/vault/{verb}/"), token)
        answer = world.send(operation_id, request, quiet=True)
        seen = f"HTTP {answer.status} {answer.location}"
        world.expect(has_failed(answer), verb, "a refusal (4xx)", seen)


@law(
    "VLT-OAU-28",
    "oauth",
    "redirects lead back to a page (OAuthRedirectUriError)",
    "documented",
    builds_on=("VLT-OAU-10", "VLT-OAU-13"),
)
def a_revocation_never_leads_to_a_script(world: World) -> None:
    """A redirect_uri of a revocation that is no http(s) address is refused or not followed."""
    rows = [c for c in world.catalogue if c.redirects and not c.required and not c.before]
    world.need(rows, "no connector asks for consent alone")
    url = ""
    for index, connector in enumerate(world.rng.sample(rows, min(12, len(rows)))):
        who = world.who(f"r{index}")
        world.consent(link(world, who, connector))
        url = str(world.one(who, connector).get("revoke_url") or "")
        if state_of(url):
            break
    world.need(state_of(url), "no connection can be revoked")
    for bad in ("javascript:alert(1)", "data:text/html,<script>1</script>"):
        request = with_state(world, url, state_of(url))
        pairs = [(n, v) for n, v in request.query if n != "redirect_uri"]
        answer = world.send(
            "connectionsRevoke", replace(request, query=(*pairs, ("redirect_uri", bad)))
        )
        scheme = urlsplit(answer.location).scheme.lower()
        seen = f"HTTP {answer.status} {answer.location}"
        world.expect(scheme in {"", "http", "https"}, "script", "a refusal", seen)
