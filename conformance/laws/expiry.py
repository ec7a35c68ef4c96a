"""What ends by itself: judged where time can be moved, in an application made for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from conformance import control
from conformance.laws.oauth import has_failed, link
from conformance.laws.registry import law
from conformance.laws.world import RETURN_URL, NotJudged, World, state_of
from conformance.target import Principal

# States live two minutes to a day, sessions a week at most (sessionsCreate).
_LONG = "P8D"


@contextmanager
def _elsewhere(world: World) -> Iterator[Principal]:
    """Yield a consumer of an application whose time may be moved."""
    target = world.target
    if "control" not in target.capabilities:
        raise NotJudged(control.NONE)
    with control.application(target, world.name("app")) as made:
        if made is None:
            raise NotJudged(control.NONE)
        yield Principal(made, world.name())


def _let_pass(world: World, who: Principal) -> None:
    world.need(control.advance(world.target, who.application.id, _LONG), control.NONE)


@law(
    "VLT-OAU-17",
    "oauth",
    "state: prevents CSRF attacks; 'may have expired'",
    "documented",
    builds_on=("VLT-OAU-01", "VLT-OAU-14"),
)
def a_state_expires(world: World) -> None:
    """An authorize link of last week is refused, and one of today leads on."""
    rows = [c for c in world.catalogue if c.redirects and not c.before]
    world.need(rows, "no connector asks for consent")
    with _elsewhere(world) as who:
        old = link(world, who, rows[0])
        _let_pass(world, who)
        new = str(world.one(who, rows[0]).get("authorize_url"))
        answers = []
        for url in (new, old):
            first = world.target.follow(url)
            pairs = tuple((n, v) for n, v in first.query if n not in {"state", "redirect_uri"})
            query = (*pairs, ("state", state_of(url)), ("redirect_uri", RETURN_URL))
            answers.append(world.send("connectionsAuthorize", replace(first, query=query)))
    world.need(not has_failed(answers[0]), "a new link leads nowhere")
    seen = f"HTTP {answers[1].status} to {answers[1].location}"
    world.expect(has_failed(answers[1]), "expired", "a refusal", seen)


@law(
    "VLT-SES-11",
    "sessions",
    "sessionsCreate: session_length, an hour by default",
    "contract",
    builds_on=("VLT-SES-02", "VLT-SES-08"),
)
def a_session_ends(world: World) -> None:
    """The token of last week's session is refused, and one of today is served."""
    with _elsewhere(world) as who:
        answers = []
        tokens = [str(world.call("sessionsCreate", who).item.get("session_token"))]
        world.call("connectionsAll", replace(who, bearer=tokens[0]))  # it may be kept as right
        _let_pass(world, who)
        tokens.append(str(world.call("sessionsCreate", who).item.get("session_token")))
        for token in tokens:
            caller = replace(who, bearer=token)
            answers.append(world.call("connectionsAll", caller))
    world.need(answers[1].is_good, "a new session is not served")
    world.expect(answers[0].is_refusal, "expired", "a refusal (401)", f"HTTP {answers[0].status}")
