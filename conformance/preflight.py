"""What a run finds out before it judges: who answers, who is let in, what can be done there."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from conformance import control, forms, staleness
from conformance.failures import Answer, Failure
from conformance.laws import LAWS
from conformance.laws.world import UNREADABLE, Connector, NotJudged, World, read_catalogue
from conformance.target import Overdue, Principal, Target, TargetUnreachable

T = TypeVar("T")

# for a deployment that lists only what was added: connectors that the documents speak of
_WELL_KNOWN = (
    "crm+salesforce",
    "crm+hubspot",
    "lead+hubspot",
    "crm+pipedrive",
    "crm+close",
    "crm+activecampaign",
    "crm+microsoft-dynamics",
    "lead+slack",
    "accounting+xero",
    "accounting+quickbooks",
    "accounting+netsuite",
    "hris+bamboohr",
    "hris+personio",
    "hris+workday",
    "hris+justworks",
    "sms+twilio",
    "ats+greenhouse",
    "ecommerce+shopify",
    "file-storage+dropbox",
    "issue-tracking+jira",
)

_COUNTING = ("consumersOne", "consumersAll", "consumerRequestCountsAll")
_TRACES_PATIENCE = 3.0


class Unjudgeable(Exception):
    """The run cannot begin: nobody answers, or the credentials are refused."""


def look(target: Target, seed: int, tell: Callable[[list[Failure]], None]) -> tuple[Connector, ...]:
    """Return the catalogue of the deployment, and note in the target what it can do.

    What is found broken on the way is told. Raises `Unjudgeable` before anything is written.
    """
    applications = target.applications
    who = Principal(applications[0], target.consumer or f"{target.prefix}preflight")
    let_in(target, who)
    if len(applications) > 1:
        let_in(target, Principal(applications[1], who.consumer_id))
    catalogue: tuple[Connector, ...] = ()
    if target.profile.may_write or target.consumer:
        catalogue = _in_time(lambda: _catalogue(target, who), ())
        target.catalogues[who.application.id] = catalogue
    if target.profile.may_write:
        for application in applications[1:]:
            asked = partial(_catalogue, target, Principal(application, who.consumer_id))
            target.catalogues[application.id] = _in_time(asked, ())
    if target.profile.may_write:
        _in_time(lambda: _measure_lag(target, who), None)
        _in_time(lambda: staleness.look(target, who.application, catalogue, seed, tell), None)
        _find_consent(target, seed, catalogue)
        if _in_time(lambda: control.is_there(target), False):
            target.capabilities.setdefault("control", "mock")
    target.capabilities.setdefault("connectors", str(len(catalogue)))
    return catalogue


def _in_time(look_up: Callable[[], T], instead: T) -> T:
    """Return what is found out, or what is taken for it where no answer is whole in time."""
    try:
        return look_up()
    except Overdue:
        return instead


def let_in(target: Target, who: Principal) -> None:
    """Make sure that a Vault answers and takes the key; raises `Unjudgeable` where not."""
    try:
        answer = target.call("consumersAll", who, query={"limit": 1}).answer
        if answer.status in {401, 403}:
            raise Unjudgeable(
                f"the credentials of {who.application.id!r} are refused (HTTP {answer.status})"
            )
        told = _foreign(answer)
        if told and (target.profile.may_write or target.consumer):  # or one operation is broken
            told = _foreign(target.call("consumersOne", who).answer) and told
    except TargetUnreachable as error:
        raise Unjudgeable(f"nobody answers at {target.base_url}: {error}") from error
    if told:
        raise Unjudgeable(f"{target.base_url} is no Vault: GET /vault/consumers {told}")


def _foreign(answer: Answer) -> str:
    """Say what no Vault would answer, or nothing."""
    if 300 <= answer.status < 400:
        return f"redirects to {answer.location[:200]} (HTTP {answer.status}): give that address"
    if isinstance(answer.json, dict):
        is_ours = {"type_name", "status_code"} & set(answer.json)
        return "answered 404: is a path missing?" if answer.status == 404 and not is_ours else ""
    kind = answer.headers.get("content-type", "") or "no media type"
    return f"answered {answer.status} with {kind}, and no JSON object"


def _catalogue(target: Target, who: Principal) -> tuple[Connector, ...]:
    """Read what an application offers, or ask for connectors that there may be."""
    found = read_catalogue(target.call("connectionsAll", who).answer.items)
    if found:
        return found
    items = []
    for pair in _WELL_KNOWN:
        unified_api, _, service_id = pair.partition("+")
        path = {"unified_api": unified_api, "service_id": service_id}
        answer = target.call("connectionsOne", who, **path).answer
        if answer.is_good and answer.item:
            items.append(answer.item)
    return read_catalogue(items)


def _measure_lag(target: Target, who: Principal) -> None:
    """See whether reads lag behind writes, and by how much."""
    clock = target.clock
    named = Principal(who.application, f"{target.prefix}lag")
    answer = target.call("consumersAdd", named, body={"consumer_id": named.consumer_id}).answer
    if not answer.is_good:
        return
    begun = clock.now()
    patience = max(6.0, target.profile.patience)
    late = False
    while not target.call("consumersOne", named).answer.is_good:
        late = True
        if clock.now() - begun > patience:
            return
        clock.sleep(0.25)
    lag = clock.now() - begun
    if late:  # a slow answer alone is no lag
        target.lag = max(1.25 * lag + 0.25, target.profile.patience)
        target.capabilities["lag"] = f"{lag:.2f} s"
    _measure_list(target, named)
    # what was read before may be shown from a cache, which is no lag either
    _measure_traces(target, Principal(who.application, f"{target.prefix}traces"))


def _measure_list(target: Target, named: Principal) -> None:
    """See whether a list that one page holds lags behind what it is a list of."""
    # one that nobody has asked for of late, where lists are answered from a cache
    limit = random.Random(target.prefix).randint(150, 200)  # noqa: S311 - repeatable, not secret

    def is_listed() -> bool | None:
        answer = target.call("consumersAll", named, query={"limit": limit}).answer
        cursors = answer.json.get("meta", {}) if isinstance(answer.json, dict) else {}
        cursors = cursors.get("cursors") if isinstance(cursors, dict) else {}
        is_whole = not (isinstance(cursors, dict) and cursors.get("next"))
        if not answer.is_good or not is_whole:
            return None
        return named.consumer_id in [row.get("consumer_id") for row in answer.items]

    _measure_trace(target, ("consumersAll",), is_listed)


def _measure_traces(target: Target, who: Principal) -> None:
    """See whether logs or counts are written behind the calls that they tell of."""
    target.call("connectionsAll", who)
    begun = target.clock.now()
    for operations, is_told in ((("logsAll",), _is_logged), (_COUNTING, _is_counted)):
        if not _measure_trace(target, operations, partial(is_told, target, who), begun):
            return


def _measure_trace(
    target: Target,
    operations: tuple[str, ...],
    is_told: Callable[[], bool | None],
    begun: float | None = None,
) -> bool:
    """Note by how long the reads of some operations lag; tell whether that could be seen.

    `is_told` asks whether a trace is there, None where that cannot be told. What is not late but
    never there is for laws to tell.
    """
    clock, late = target.clock, False
    begun = clock.now() if begun is None else begun
    while not (told := is_told()):
        late = True
        if told is None or clock.now() - begun > target.lag + _TRACES_PATIENCE:
            return False
        clock.sleep(0.1)
    if late:
        lag = clock.now() - begun
        for operation_id in operations:
            known = target.trace_lags.get(operation_id, 0.0)
            target.trace_lags[operation_id] = max(known, 1.25 * lag + 0.25)
        target.capabilities[f"lag of {operations[0]}"] = f"{lag:.2f} s"
    return True


def _is_logged(target: Target, who: Principal) -> bool:
    answer = target.call("logsAll", who).answer
    return not answer.is_good or any(
        str(row.get("path", "")).partition("?")[0].endswith("/vault/connections")
        for row in answer.items
    )


def _is_counted(target: Target, who: Principal) -> bool:
    answer = target.call("consumersOne", who).answer
    counts = answer.item.get("request_counts")
    return not isinstance(counts, dict) or bool(counts.get("vault"))


def _find_consent(target: Target, seed: int, catalogue: tuple[Connector, ...]) -> None:
    """See how consent can be given without a person, and why not where it cannot.

    What was said of it is believed, unless a person is needed all the same: then it is looked for
    as where nothing was said.
    """
    said = target.capabilities.get("consent")
    if said == "none":
        del target.capabilities["consent"]
        return
    ways, why = ("auto", "mock", "form", "code"), ""
    for way in dict.fromkeys((said, *ways) if said else ways):
        target.capabilities["consent"] = way
        is_given, person = _try_consent(target, seed, catalogue, way)
        if is_given or (way == said and not person):  # what goes wrong otherwise, laws will tell
            return
        why = person if person and way != "code" else why
    target.no_consent = why
    del target.capabilities["consent"]


def _try_consent(
    target: Target, seed: int, catalogue: tuple[Connector, ...], way: str
) -> tuple[bool, str]:
    """Return whether a consent is given in a way, and what a person would be needed for."""
    world = World(target, LAWS["VLT-OAU-04"], seed, catalogue, turn=90)
    world.law = replace(world.law, id=f"VLT-consent-{way}")
    try:
        rows = [c for c in catalogue if c.redirects and not c.before and not c.required]
        rows = rows or [c for c in catalogue if c.redirects and not c.before]
        world.need(rows, "no connector asks for consent")
        who = world.who(way)
        world.add(who, rows[0])
        url = world.one(who, rows[0]).get("authorize_url")
        world.need(isinstance(url, str), "no authorize_url")
        _, answers = world.consent(str(url))
    except (NotJudged, Overdue, *UNREADABLE) as why:
        person = isinstance(why.__cause__, forms.NeedsPerson)
        return False, str(why) if person else ""
    steps, last = [e.operation_id for e in world.exchanges], answers[-1]
    if way == "code":
        is_given = 300 <= last.status < 400 and "error" not in last.location
        return is_given, "" if is_given else "the callback takes no code but the provider's"
    if "connectionsCallback" in steps:
        return True, ""
    if forms.has_form(last):
        return False, "the provider's page has a form"
    if last.location and not target.is_own(last.location) and "error" not in last.location:
        return False, f"the provider is elsewhere, at {urlsplit(last.location).netloc}"
    return False, ""
