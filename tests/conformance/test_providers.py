"""Consents where the provider has a page of its own: given where that is plain, else not judged."""

from dataclasses import replace

import pytest

from conformance.contract import load
from conformance.engine import Plan, Run
from conformance.failures import Answer, Request
from conformance.forms import NeedsPerson, approved, has_form
from conformance.profiles import PROFILES
from conformance.run_events import RunFinished
from conformance.target import WsgiTransport
from tests.broken.eighth import Vault
from tests.broken.mutants import APPLICATIONS
from tests.broken.vault import Clock

PAGE = Request("GET", "/provider/page", (("state", "s"),))
SAID = [None, "mock", "auto", "code"]


def judged(*bugs: str, variant: str, said: str | None = None) -> tuple[Run, RunFinished]:
    clock = Clock(real=False)
    vault = Vault(*bugs, variants=[variant] if variant else [], clock=clock)
    plan = Plan(
        load(),
        WsgiTransport(vault),
        "http://in-process",
        APPLICATIONS,
        replace(PROFILES["smoke"], seconds=1e9, max_requests=10**7),
        1,
        "page01",
        only=("VLT-OAU",),
        phases=("laws",),
        capabilities={"consent": said} if said else {},
        clock=clock,
    )
    run = Run(plan)
    return run, run.execute()


@pytest.mark.parametrize("said", SAID)
def test_a_form_that_asks_for_nothing_is_walked_whatever_was_said(said: str | None) -> None:
    run, ended = judged(variant="consent_page", said=said)

    assert [c.failure.key for c in ended.causes] == []
    assert run.target.capabilities["consent"] == "form"
    assert "VLT-OAU-04" not in ended.not_judged


@pytest.mark.parametrize("said", SAID)
def test_a_page_that_asks_who_somebody_is_leaves_consents_not_judged_and_says_what_for(
    said: str | None,
) -> None:
    _, ended = judged(variant="login_page", said=said)

    why = "a consent takes a person here: the provider's page asks for username, password"
    assert [c.failure.key for c in ended.causes] == []
    assert (ended.not_judged["VLT-OAU-04"], ended.not_judged["VLT-OAU-06"]) == (why, why)


def test_a_consent_that_comes_to_nothing_is_found_behind_a_page_too() -> None:
    _, ended = judged("consent_lost", variant="consent_page")

    assert "VLT-OAU-04" in {c.failure.law for c in ended.causes}


def test_what_was_said_is_believed_where_it_is_so() -> None:
    run, ended = judged("consent_lost", variant="", said="mock")

    assert run.target.capabilities["consent"] == "mock"
    assert "VLT-OAU-04" in {c.failure.law for c in ended.causes}


def answer(body: str, **headers: str) -> Answer:
    return Answer(200, {"content-type": "text/html; charset=utf-8", **headers}, body.encode(), 0.1)


BUTTON = "<button name=go value=1>Allow</button>"


def test_a_form_is_sent_as_a_browser_sends_it() -> None:
    page = answer(
        '<form method=post action="answer?x=1"><input type=hidden name=csrf value="a b">'
        "<input type=checkbox name=all checked><input type=checkbox name=more>"
        '<input name=scope value="read"><input type=submit name=go value="Grant access">'
        '<input type=submit name=go value="Cancel"></form>',
        **{"set-cookie": "c=1; HttpOnly"},
    )

    sent = approved(PAGE, page)

    assert (sent.method, sent.path, sent.query) == ("POST", "/provider/answer", (("x", "1"),))
    assert sent.body == b"csrf=a+b&all=on&scope=read&go=Grant+access"
    assert (sent.header("cookie"), sent.header("content-type")) == (
        "c=1",
        "application/x-www-form-urlencoded",
    )


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (f"<form><input name=user>{BUTTON}</form>", "asks for user"),
        (f"<form><input type=password>{BUTTON}</form>", "asks for password"),
        (f"<form><select name=account></select>{BUTTON}</form>", "asks for account"),
        (f"<form><input type=checkbox name=terms required>{BUTTON}</form>", "asks for terms"),
        (f"<form>{BUTTON}</form><form>{BUTTON}</form>", "has 2 forms"),
        (f"<form>{BUTTON}<button>Accept all</button></form>", "none plainly says yes"),
        ("<form><button>Do not allow</button></form>", "none plainly says yes"),
        ("<form><button>One</button><button>Two</button></form>", "One, Two"),
    ],
)
def test_a_form_that_a_person_has_to_answer_says_what_for(form: str, why: str) -> None:
    with pytest.raises(NeedsPerson, match=why):
        approved(PAGE, answer(form))


@pytest.mark.parametrize("form", [f"<form>{BUTTON}</form>", "<form><button>Go</button></form>"])
def test_one_button_is_pressed_where_it_does_not_say_no(form: str) -> None:
    assert approved(PAGE, answer(form)).method == "GET"


def test_what_is_no_page_has_no_form() -> None:
    assert has_form(answer("<FORM></FORM>"))
    assert not has_form(answer("<p>"))
    assert not has_form(replace(answer("<form>"), headers={"content-type": "application/json"}))
    assert not has_form(replace(answer("<form>"), status=403))
