"""Form fields: each type is shown for what it is, and read from a form as what it means."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockvault.pages.fields import problems_of, said, shown_fields
from mockvault.pages.rendering import page
from tests.asgi import Client
from tests.pages.test_hosted_vault import Visitor, path_of, vault_of

OPTIONS = [
    {"label": "One", "value": 1, "option_type": "simple"},
    {"label": "Yes", "value": True, "option_type": "simple"},
    {"label": "Text", "value": "text", "option_type": "simple"},
]
GROUPS = [{"id": "g", "label": "Group", "options": OPTIONS, "option_type": "group"}]


def field(type_: str = "text", **said: Any) -> dict[str, Any]:
    return {"id": "it", "label": "It", "type": type_, "value": "", **said}


def html(*fields: dict[str, Any]) -> str:
    """Return how the page shows the fields."""
    visit = type("Visit", (), {"home": "/", "expires_in": 9, "app_url": None, "consumer_id": "c"})
    shown = page(
        "resource.html",
        visit=visit,
        consumer=dict.fromkeys(("account_name", "email", "image", "user_name")),
        has_panel=False,
        has_navigation=False,
        is_sandbox=False,
        has_logs=False,
        has_suggestions=False,
        done=None,
        current="connection",
        connection={"href": "/", "name": "It", "id": "crm+it"},
        resource="R",
        fields=shown_fields(fields),
        problems={},
    )
    return bytes(shown.body).decode()


@pytest.mark.parametrize(
    ("type_", "control"),
    [
        ("text", 'type="text"'),
        ("tel", 'type="tel"'),
        ("email", 'type="email"'),
        ("url", 'type="url"'),
        ("number", 'type="number"'),
        ("date", 'type="date"'),
        ("time", 'type="time"'),
        ("datetime", 'type="datetime-local"'),
        ("password", 'type="password"'),
        ("checkbox", 'type="checkbox"'),
        ("textarea", "<textarea"),
        ("select", "<select"),
        ("filtered-select", "<select"),
        ("multi-select", "<fieldset"),
        ("a type of tomorrow", 'type="text"'),
    ],
)
def test_each_type_has_its_control_and_its_label(type_: str, control: str) -> None:
    text = html(field(type_, options=OPTIONS))

    assert control in text
    assert 'for="f-it"' in text or "<legend>It" in text


def test_what_stands_beside_a_field_is_shown() -> None:
    shown: dict[str, Any] = {
        "prefix": "https://",
        "suffix": ".myshopify.com",
        "placeholder": "your-store",
        "description": "Your shop's name",
        "required": True,
    }

    text = html(field(**shown))

    for part in ("https://", ".myshopify.com", 'placeholder="your-store"', "Your shop&#39;s name"):
        assert part in text
    assert "(required)" in text
    assert " required>" in text
    assert 'aria-describedby="f-it-hint"' in text


@pytest.mark.parametrize("mark", ["hidden", "deprecated"])
def test_what_is_hidden_or_deprecated_is_neither_shown_nor_taken(mark: str) -> None:
    marks: dict[str, Any] = {mark: True}
    hidden = field(value="kept", **marks)

    assert "kept" not in html(hidden)
    assert said([hidden], {"field.it": ["forged"]}) == {}


def test_what_is_disabled_is_shown_and_not_taken() -> None:
    disabled = field(value="fixed", disabled=True)

    assert re.search(r'value="fixed"[^>]* disabled', html(disabled))
    assert said([disabled], {"field.it": ["forged"]}) == {}


def test_what_is_masked_is_typed_unseen_and_what_is_secret_is_not_in_the_page() -> None:
    masked = html(field(value="shown-on-demand", mask=True))
    secret = html(field(value="never-shown", sensitive=True))

    assert 'type="password"' in masked
    assert "shown-on-demand" in masked
    assert 'type="password"' in secret
    assert "never-shown" not in secret


@pytest.mark.parametrize(
    ("shown", "form", "value"),
    [
        (field(), {"field.it": [" text "]}, "text"),
        (field(), {"field.it": [""]}, None),
        (field("number"), {"field.it": ["12"]}, 12),
        (field("number"), {"field.it": ["-1.5"]}, -1.5),
        (field("number"), {"field.it": ["nan"]}, "nan"),
        (field("checkbox"), {"field.it": ["on"]}, True),
        (field("checkbox"), {}, False),
        (field("datetime"), {"field.it": ["2024-03-26T09:00"]}, "2024-03-26T09:00:00.000Z"),
        (field("date"), {"field.it": ["2024-03-26"]}, "2024-03-26"),
        (field("select", options=OPTIONS), {"field.it": ["1"]}, 1),
        (field("select", options=OPTIONS), {"field.it": ["true"]}, True),
        (field("select", options=OPTIONS), {"field.it": [""]}, None),
        (field("select", options=OPTIONS), {"field.it": ["forged"]}, None),
        (field("filtered-select", options=GROUPS), {"field.it": ["text"]}, "text"),
        (
            field("multi-select", options=OPTIONS),
            {"field.it": ["1", "text", "forged"]},
            [1, "text"],
        ),
        (field("multi-select", options=GROUPS), {}, []),
        (field("select", options=OPTIONS), {"other.it": ["own"]}, None),
        (
            field("select", options=OPTIONS, allow_custom_values=True),
            {"field.it": ["1"], "other.it": ["own"]},
            "own",
        ),
        (
            field("multi-select", options=OPTIONS, allow_custom_values=True),
            {"field.it": ["1"], "other.it": ["own, another,"]},
            [1, "own", "another"],
        ),
        (field(sensitive=True), {"field.it": ["secret"]}, "secret"),
    ],
)
def test_a_form_says_values_of_the_fields_own_type(
    shown: dict[str, Any], form: dict[str, list[str]], value: Any
) -> None:
    found = said([shown], form)

    assert found == {"it": value}
    assert type(found["it"]) is type(value)


def test_a_secret_that_is_not_typed_stays_as_it_is() -> None:
    assert said([field(value="saved", sensitive=True)], {"field.it": [""]}) == {}
    assert said([field(sensitive=True)], {"field.it": [""]}) == {"it": None}


@pytest.mark.parametrize(
    ("shown", "value", "is_wrong"),
    [
        (field(required=True), None, True),
        (field("multi-select", required=True), [], True),
        (field(required=True), "x", False),
        (field("checkbox", required=True), False, False),
        (field("number"), "lots", True),
        (field("number"), 1, False),
        (field(), None, False),
    ],
)
def test_what_is_wrong_is_told_of_its_field(
    shown: dict[str, Any], value: Any, is_wrong: object
) -> None:
    assert bool(problems_of([shown], {"it": value})) is is_wrong


@given(
    value=st.one_of(st.text(), st.integers(), st.booleans(), st.floats(), st.lists(st.text())),
    type_=st.sampled_from(["text", "number", "select", "multi-select", "datetime", "checkbox"]),
)
def test_any_value_can_be_shown_in_a_field_of_any_type(value: Any, type_: str) -> None:
    text = html(field(type_, value=value, options=OPTIONS, allow_custom_values=True))

    assert "<script>" not in text.partition("<main")[2]


def test_the_page_of_every_connector_can_be_shown_filled_and_saved(client: Client) -> None:
    client = client.as_consumer("tester-of-all")
    visitor = Visitor(client)
    wrong = []
    for connector in vault_of(client).surroundings.catalogue.all:
        here = path_of(connector.id)
        answers = [visitor.step(connector.id, "add"), visitor.get(here)]
        filled = {
            f"field.{each.id}": "https://junk.example/<script>" for each in connector.form_fields
        }
        answers += [visitor.step(connector.id, "save", **filled), visitor.get(here)]
        for resource in connector.resources:
            answers.append(visitor.get(f"{here}/resources/{quote(resource)}"))
            answers.append(visitor.post(f"{here}/resources/{quote(resource)}", **filled))
        wrong += [connector.id for each in answers if each.status >= 500]
        wrong += [connector.id for each in answers if b"junk.example/<script" in each.content]

    assert wrong == []
